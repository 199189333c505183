/* Lockdown in a program that embeds Python: the C API, and that it agrees with
   the module lockdownlib.  Lib/test/test_lockdown/test_embed.py compiles and
   runs it:

       _testlockdown_embed PYTHON SCENARIO

   where PYTHON is the interpreter whose library is to be used. */

#include <Python.h>

#include <stdio.h>
#include <string.h>

static const char *python;

static PyStatus
try_start(void)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, python);
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return status;
}

static void
start(void)
{
    PyStatus status = try_start();
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
}

static int failures;

static void
check(int condition, const char *what)
{
    if (!condition) {
        printf("failed: %s\n", what);
        failures++;
        if (PyErr_Occurred()) {
            PyErr_Print();
        }
    }
}

#define CHECK(CONDITION) check((CONDITION), #CONDITION)

static void
run(const char *source)
{
    check(PyRun_SimpleString(source) == 0, source);
}

/* True if `call` fails with `type`; takes the exception away. */
static int
fails_with(int result, PyObject *type)
{
    int matches = result < 0 && PyErr_ExceptionMatches(type);
    PyErr_Clear();
    return matches;
}

/* What status() says is kept, as a mask. */
static uint32_t
kept_by_module(void)
{
    uint32_t mask = 0;
    PyObject *module = PyImport_ImportModule("lockdownlib");
    PyObject *status = module ? PyObject_CallMethod(module, "status", NULL) : NULL;
    PyObject *keep = status ? PyObject_GetAttrString(status, "keep") : NULL;
    for (Py_ssize_t i = 0; keep != NULL && i < PyTuple_GET_SIZE(keep); i++) {
        const char *word = PyUnicode_AsUTF8(PyTuple_GET_ITEM(keep, i));
        mask |= word != NULL ? PyLockdown_RightFromName(word) : 0;
    }
    CHECK(!PyErr_Occurred());
    Py_XDECREF(keep);
    Py_XDECREF(status);
    Py_XDECREF(module);
    return mask;
}

static int
agree(void)
{
    return (PyLockdown_GetRefused() ^ kept_by_module()) == Py_LOCKDOWN_ALL;
}

/* The words of the two sides are the same, in the same order. */
static void
names(void)
{
    static const uint32_t rights[] = {
        Py_LOCKDOWN_FS_READ, Py_LOCKDOWN_FS_WRITE, Py_LOCKDOWN_FD,
        Py_LOCKDOWN_PROC, Py_LOCKDOWN_NET, Py_LOCKDOWN_IMPORT, Py_LOCKDOWN_ENV,
        Py_LOCKDOWN_CODE, Py_LOCKDOWN_INSPECT, Py_LOCKDOWN_RUNTIME,
        Py_LOCKDOWN_IPC, Py_LOCKDOWN_FS_SPECIAL,
    };
    uint32_t all = 0;
    PyObject *module = PyImport_ImportModule("lockdownlib");
    PyObject *words = module ? PyObject_GetAttrString(module, "RIGHTS") : NULL;
    CHECK(words != NULL && PyTuple_Check(words));
    CHECK(words != NULL
          && PyTuple_GET_SIZE(words) == (Py_ssize_t)Py_ARRAY_LENGTH(rights));
    for (size_t i = 0; i < Py_ARRAY_LENGTH(rights); i++) {
        const char *name = PyLockdown_RightName(rights[i]);
        CHECK(name != NULL);
        CHECK(PyLockdown_RightFromName(name) == rights[i]);
        CHECK(PyUnicode_EqualToUTF8(PyTuple_GET_ITEM(words, i), name));
        CHECK((all & rights[i]) == 0);
        all |= rights[i];
    }
    CHECK(all == Py_LOCKDOWN_ALL);
    CHECK(PyLockdown_RightFromName("nonsense") == 0);
    CHECK(PyLockdown_RightFromName("") == 0);
    CHECK(PyLockdown_RightName(0) == NULL);
    CHECK(PyLockdown_RightName(Py_LOCKDOWN_FD | Py_LOCKDOWN_NET) == NULL);
    CHECK(PyLockdown_RightName(Py_LOCKDOWN_ALL + 1) == NULL);
    Py_XDECREF(words);
    Py_XDECREF(module);
}

/* Bad input: an exception, and nothing is changed. */
static void
bad_input(void)
{
    CHECK(fails_with(PyLockdown_Enter(Py_LOCKDOWN_ALL + 1, 0), PyExc_ValueError));
    CHECK(fails_with(PyLockdown_Enter(UINT32_MAX, 0), PyExc_ValueError));
    CHECK(fails_with(PyLockdown_Enter(0, -1), PyExc_ValueError));
    CHECK(fails_with(PyLockdown_Enter(0, 3), PyExc_ValueError));
    CHECK(PyLockdown_GetRefused() == 0);
    CHECK(PyLockdown_GetKernelLevel() == 0);
    CHECK(agree());
    run("open('/dev/null').close()");
}

static void
lock_from_c(void)
{
    CHECK(PyLockdown_GetRefused() == 0);
    CHECK(agree());
    CHECK(PyLockdown_Enter(Py_LOCKDOWN_FD | Py_LOCKDOWN_ENV, Py_LOCKDOWN_KERNEL_TRY) == 0);
    CHECK(PyLockdown_GetRefused()
          == (Py_LOCKDOWN_ALL & ~(Py_LOCKDOWN_FD | Py_LOCKDOWN_ENV)));
    CHECK(agree());
    run("import lockdownlib, os\n"
        "assert lockdownlib.status().keep == ('fd', 'env')\n"
        "os.getpid()\n"
        "try: os.listdir('/')\n"
        "except lockdownlib.LockdownPermissionError as error: assert error.right == 'fs.read'\n"
        "else: raise AssertionError\n");
    // A right is not given back, from neither side.
    CHECK(fails_with(PyLockdown_Enter(Py_LOCKDOWN_NET, 0), PyExc_RuntimeError));
    run("try: lockdownlib.lockdown(keep=('net',))\n"
        "except lockdownlib.LockdownError: pass\n"
        "else: raise AssertionError\n");
    CHECK(agree());
    // The module takes more away, and C sees it.
    run("lockdownlib.lockdown(keep=())");
    CHECK(PyLockdown_GetRefused() == Py_LOCKDOWN_ALL);
    CHECK(agree());
    CHECK(PyLockdown_Enter(0, 0) == 0);
}

/* C code that opens by way of the API is refused like Python code, and what
   runs a file says so instead of running it. */
static void
files(void)
{
    const char *path = "embedded.py";
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        check(0, "fopen");
        return;
    }
    PyObject *io = PyImport_ImportModule("io");
    CHECK(PyLockdown_Enter(0, 0) == 0);
    PyObject *opened = io ? PyObject_CallMethod(io, "open", "s", path) : NULL;
    CHECK(opened == NULL && PyErr_ExceptionMatches(PyExc_PermissionError));
    PyErr_Clear();
    PyObject *globals = PyDict_New();
    PyObject *result = PyRun_File(file, path, Py_file_input, globals, globals);
    CHECK(result == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError));
    PyErr_Clear();
    rewind(file);
    CHECK(PyRun_SimpleFile(file, path) == -1);
    PyErr_Clear();
    Py_XDECREF(result);
    Py_XDECREF(globals);
    Py_XDECREF(opened);
    Py_XDECREF(io);
    fclose(file);
}

/* The right to read a file is not the right to run it. */
static void
compiled_file(void)
{
    const char *path = "embedded.pyc";
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        check(0, "fopen");
        return;
    }
    CHECK(PyLockdown_Enter(Py_LOCKDOWN_ALL & ~Py_LOCKDOWN_IMPORT, 0) == 0);
    CHECK(PyRun_SimpleFile(file, path) == -1);
    PyErr_Clear();
    fclose(file);
}

/* A module that the embedding program puts into the binary. */
static PyModuleDef extra_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "extra",
};

static PyObject *
init_extra(void)
{
    return PyModuleDef_Init(&extra_module);
}

/* What is in the binary and not known to be safe is refused, by name. */
static void
extra_builtin(void)
{
    run("import _imp, lockdownlib\n"
        "from importlib.machinery import ModuleSpec\n"
        "assert _imp.create_builtin(ModuleSpec('extra', None)).__name__ == 'extra'");
    CHECK(PyLockdown_Enter(Py_LOCKDOWN_ALL & ~Py_LOCKDOWN_IMPORT, 0) == 0);
    run("try:\n"
        "    _imp.create_builtin(ModuleSpec('extra', None))\n"
        "except lockdownlib.LockdownPermissionError as error:\n"
        "    assert error.right == 'import', error.right\n"
        "else:\n"
        "    raise AssertionError('it was made')\n"
        "try:\n"
        "    import extra\n"
        "except lockdownlib.LockdownImportError:\n"
        "    pass\n"
        "else:\n"
        "    raise AssertionError('it was imported')\n"
        "_imp.create_builtin(ModuleSpec('math', None))");
}

static void
subinterpreter(void)
{
    PyThreadState *main_state = PyThreadState_Get();
    PyThreadState *inner = Py_NewInterpreter();
    CHECK(inner != NULL);
    CHECK(PyLockdown_Enter(Py_LOCKDOWN_FD, 0) == 0);
    CHECK(PyLockdown_GetRefused() == (Py_LOCKDOWN_ALL & ~Py_LOCKDOWN_FD));
    CHECK(agree());
    PyThreadState_Swap(main_state);
    CHECK(PyLockdown_GetRefused() == 0);
    CHECK(agree());
    run("import os; os.listdir('/')");
    // Now all: what the inner one kept is refused as well.
    CHECK(PyLockdown_Enter(Py_LOCKDOWN_RUNTIME, 0) == 0);
    PyThreadState_Swap(inner);
    CHECK(PyLockdown_GetRefused() == Py_LOCKDOWN_ALL);
    CHECK(agree());
    Py_EndInterpreter(inner);
    PyThreadState_Swap(main_state);
    CHECK(PyLockdown_GetRefused() == (Py_LOCKDOWN_ALL & ~Py_LOCKDOWN_RUNTIME));
}

/* Addresses: as they are while unlocked, and otherwise what id() says. */
static void
addresses(void)
{
    PyObject *thing = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    CHECK(thing != NULL);
    CHECK(_PyLockdown_ShownAddress(thing) == (uintptr_t)thing);
    Py_hash_t hash = PyObject_Hash(thing);
    CHECK(PyLockdown_Enter(0, 0) == 0);
    CHECK(_PyLockdown_ShownAddress(thing) != (uintptr_t)thing);
    CHECK(PyObject_Hash(thing) == hash);
    PyObject *builtins = PyEval_GetBuiltins();
    PyObject *id = PyDict_GetItemString(builtins, "id");
    PyObject *said = id ? PyObject_CallOneArg(id, thing) : NULL;
    PyObject *shown = _PyLockdown_ShowAddress(thing);
    CHECK(said != NULL && shown != NULL
          && PyObject_RichCompareBool(said, shown, Py_EQ) == 1);
    PyObject *text = PyUnicode_FromFormat("%p", (void *)thing);
    char told[40];
    snprintf(told, sizeof(told), "%p", (void *)thing);
    CHECK(text != NULL && !PyUnicode_EqualToUTF8(text, told));
    snprintf(told, sizeof(told), "%p", (void *)_PyLockdown_ShownAddress(thing));
    CHECK(text != NULL && PyUnicode_EqualToUTF8(text, told));
    PyObject *pointer = PyLong_FromVoidPtr(thing);
    CHECK(pointer != NULL && PyLong_AsVoidPtr(pointer) == thing);
    CHECK(Py_HashPointer(thing) != hash);
    Py_XDECREF(pointer);
    Py_XDECREF(text);
    Py_XDECREF(shown);
    Py_XDECREF(said);
    Py_DECREF(thing);
}

/* A lock holds for the process, so for a runtime that is started again too: it
   is locked as before, or does not start. */
static void
again(void)
{
    CHECK(PyLockdown_Enter(Py_LOCKDOWN_FD, 0) == 0);
    Py_FinalizeEx();
    PyStatus status = try_start();
    if (PyStatus_Exception(status)) {
        CHECK(PyStatus_IsError(status));
        exit(failures ? 1 : 0);
    }
    CHECK(PyLockdown_GetRefused() == (Py_LOCKDOWN_ALL & ~Py_LOCKDOWN_FD));
    CHECK(agree());
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"names", names},
    {"bad_input", bad_input},
    {"lock_from_c", lock_from_c},
    {"files", files},
    {"compiled_file", compiled_file},
    {"extra_builtin", extra_builtin},
    {"subinterpreter", subinterpreter},
    {"addresses", addresses},
    {"again", again},
};

int
main(int argc, char **argv)
{
    if (argc != 3) {
        // For the test: what there is to run.
        for (size_t i = 0; i < Py_ARRAY_LENGTH(scenarios); i++) {
            puts(scenarios[i].name);
        }
        return 0;
    }
    python = argv[1];
    for (size_t i = 0; i < Py_ARRAY_LENGTH(scenarios); i++) {
        if (strcmp(scenarios[i].name, argv[2]) == 0) {
            check(PyImport_AppendInittab("extra", init_extra) == 0, "inittab");
            start();
            scenarios[i].run();
            if (Py_FinalizeEx() < 0) {
                check(0, "Py_FinalizeEx");
            }
            return failures ? 1 : 0;
        }
    }
    fprintf(stderr, "no such scenario: %s\n", argv[2]);
    return 2;
}
