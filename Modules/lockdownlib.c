/* The module lockdownlib: lockdown for Python code.  See lockdown.c. */

#include "Python.h"
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_pystate.h"       // _PyInterpreterState_GET()
#include "pycore_runtime.h"       // _PyRuntime

typedef struct {
    PyTypeObject *status_type;
} module_state;

static inline module_state *
get_state(PyObject *module)
{
    return (module_state *)PyModule_GetState(module);
}

/* keep: any iterable of words but a str, which would be taken letter by
   letter. */
static int
read_keep(PyObject *keep, uint32_t *rights)
{
    if (PyUnicode_Check(keep) || PyBytes_Check(keep)) {
        PyErr_Format(PyExc_TypeError,
                     "keep must be an iterable of words, not %.100s: "
                     "write keep=(%R,)", Py_TYPE(keep)->tp_name, keep);
        return -1;
    }
    PyObject *iterator = PyObject_GetIter(keep);
    if (iterator == NULL) {
        return -1;
    }
    *rights = 0;
    PyObject *word;
    while ((word = PyIter_Next(iterator)) != NULL) {
        const char *utf8 = NULL;
        Py_ssize_t length;
        if (!PyUnicode_Check(word)) {
            PyErr_Format(PyExc_TypeError, "a right is a str, not %.100s",
                         Py_TYPE(word)->tp_name);
        }
        else {
            utf8 = PyUnicode_AsUTF8AndSize(word, &length);
        }
        // A word may not end early, at a null character.
        uint32_t right = utf8 != NULL && strlen(utf8) == (size_t)length
                         ? PyLockdown_RightFromName(utf8) : 0;
        if (right == 0 && !PyErr_Occurred()) {
            PyErr_Format(PyExc_ValueError,
                         "%R is not a right; lockdownlib.RIGHTS lists them", word);
        }
        Py_DECREF(word);
        if (right == 0) {
            break;
        }
        *rights |= right;
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

static int
read_kernel(PyObject *kernel, int *mode)
{
    static const char * const words[] = {"off", "try", "require"};
    if (!PyUnicode_Check(kernel)) {
        PyErr_Format(PyExc_TypeError, "kernel must be a str, not %.100s",
                     Py_TYPE(kernel)->tp_name);
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(words); i++) {
        if (PyUnicode_EqualToUTF8(kernel, words[i])) {
            *mode = (int)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError,
                 "kernel must be 'off', 'try' or 'require', not %R", kernel);
    return -1;
}

PyDoc_STRVAR(lockdown_doc,
"lockdown($module, /, *, keep=('fd',), kernel='off')\n"
"--\n"
"\n"
"Refuse every right that is not named in keep, for good.\n"
"\n"
"  keep\n"
"    An iterable of words from RIGHTS.\n"
"  kernel\n"
"    'off', 'try' or 'require': the second ring, made by the kernel.\n"
"\n"
"Called in the main interpreter this holds for the whole process, in another\n"
"one for it and the interpreters it makes.  A later call may only take more\n"
"away.  Raises ValueError for an unknown word, LockdownError where a right\n"
"would be given back or a required ring cannot be had; nothing is changed then.");

static PyObject *
lockdownlib_lockdown(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"keep", "kernel", NULL};
    PyObject *keep = NULL, *kernel = NULL;
    // A second call without keep gives nothing back: fd, if it is there still.
    uint32_t rights = Py_LOCKDOWN_FD & ~PyLockdown_GetRefused();
    int mode = Py_LOCKDOWN_KERNEL_OFF;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OO:lockdown", keywords,
                                     &keep, &kernel)
        || (keep != NULL && read_keep(keep, &rights) < 0)
        || (kernel != NULL && read_kernel(kernel, &mode) < 0)
        || PyLockdown_Enter(rights, mode) < 0)
    {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The names in sys.modules that are not in SAFE_MODULES, sorted. */
static PyObject *
unsafe_modules(void)
{
    PyObject *modules = PyImport_GetModuleDict();  // borrowed
    PyObject *names = PySequence_List(modules);
    if (names == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = PyList_GET_SIZE(names); --i >= 0;) {
        PyObject *name = PyList_GET_ITEM(names, i);
        if ((!PyUnicode_Check(name) || _PyLockdown_IsSafeModule(name))
            && PyList_SetSlice(names, i, i + 1, NULL) < 0)
        {
            Py_DECREF(names);
            return NULL;
        }
    }
    PyObject *result = NULL;
    if (PyList_Sort(names) == 0) {
        result = PyList_AsTuple(names);
    }
    Py_DECREF(names);
    return result;
}

static PyStructSequence_Field status_fields[] = {
    {"locked", "whether any right is refused here"},
    {"keep", "the rights that are kept: all of them while unlocked"},
    {"hidden", "what hashes hide: '' while unlocked, 'absolute', or 'all'"},
    {"kernel", "the level that the kernel ring has reached, 0 for none"},
    {"unsafe_modules", "names in sys.modules that are not in SAFE_MODULES"},
    {"upstream", "the CPython release this interpreter is made from"},
    {NULL, NULL},
};

static PyStructSequence_Desc status_desc = {
    "lockdownlib.status_result",
    "What lockdown refuses and hides here.",
    status_fields,
    6,
};

PyDoc_STRVAR(status_doc,
"status($module, /)\n"
"--\n"
"\n"
"Tell what is locked, as a named tuple.");

static PyObject *
lockdownlib_status(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    uint32_t refused = PyLockdown_GetRefused();
    const char *hidden =
        refused == 0 ? "" : _PyRuntime.lockdown.born_locked ? "all" : "absolute";
    PyObject *items[] = {
        PyBool_FromLong(refused != 0),
        _PyLockdown_WordsOf(Py_LOCKDOWN_ALL & ~refused),
        PyUnicode_FromString(hidden),
        PyLong_FromLong(PyLockdown_GetKernelLevel()),
        unsafe_modules(),
        _PyLockdown_UpstreamText(),
    };
    PyObject *status = PyStructSequence_New(get_state(module)->status_type);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(items); i++) {
        if (status != NULL && items[i] != NULL) {
            PyStructSequence_SET_ITEM(status, i, items[i]);
        }
        else {
            Py_XDECREF(items[i]);
            Py_CLEAR(status);
        }
    }
    return status;
}

PyDoc_STRVAR(lock_for_forks_doc,
"_lock_for_forks($module, keep, /)\n"
"--\n"
"\n"
"For the fork server of cells: lock, and scrub here what its forks would have to\n"
"when they lock the rest.  Nothing may be learned in between.");

static PyObject *
lockdownlib_lock_for_forks(PyObject *Py_UNUSED(module), PyObject *keep)
{
    uint32_t rights = 0;
    if (read_keep(keep, &rights) < 0 || _PyLockdown_EnterForForks(rights) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(kernel_level_doc,
"_kernel_level($module, /)\n"
"--\n"
"\n"
"For cells: status().kernel, and nothing else is looked at.");

static PyObject *
lockdownlib_kernel_level(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(PyLockdown_GetKernelLevel());
}

PyDoc_STRVAR(program_read_doc,
"_program_read($module, /)\n"
"--\n"
"\n"
"For runpy: the program is read, so lock if the command line asks for it.");

static PyObject *
lockdownlib_program_read(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    if (_PyLockdown_EnterProgram() < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(is_pending_doc,
"_is_pending($module, /)\n"
"--\n"
"\n"
"For runpy: whether the program that is being read is to be locked.");

static PyObject *
lockdownlib_is_pending(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(_PyRuntime.lockdown.start.wanted
                           && !_PyRuntime.lockdown.start.entered);
}

PyDoc_STRVAR(why_not_package_doc,
"_why_not_package($module, name, /)\n"
"--\n"
"\n"
"For runpy: why this package may not be imported before the lock, or None.");

static PyObject *
lockdownlib_why_not_package(PyObject *Py_UNUSED(module), PyObject *name)
{
    if (!PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "the name must be a str");
        return NULL;
    }
    return _PyLockdown_WhyNotPackage(name);
}

static PyMethodDef methods[] = {
    {"lockdown", _PyCFunction_CAST(lockdownlib_lockdown),
     METH_VARARGS | METH_KEYWORDS, lockdown_doc},
    {"status", lockdownlib_status, METH_NOARGS, status_doc},
    {"_is_pending", lockdownlib_is_pending, METH_NOARGS, is_pending_doc},
    {"_kernel_level", lockdownlib_kernel_level, METH_NOARGS, kernel_level_doc},
    {"_lock_for_forks", lockdownlib_lock_for_forks, METH_O, lock_for_forks_doc},
    {"_program_read", lockdownlib_program_read, METH_NOARGS, program_read_doc},
    {"_why_not_package", lockdownlib_why_not_package, METH_O, why_not_package_doc},
    {NULL, NULL},
};

static int
module_exec(PyObject *module)
{
    module_state *state = get_state(module);
    state->status_type = PyStructSequence_NewType(&status_desc);
    if (state->status_type == NULL) {
        return -1;
    }
    const struct _lockdown_interp_state *lockdown =
        &_PyInterpreterState_GET()->lockdown;
    if (PyModule_AddObjectRef(module, "LockdownError", lockdown->error) < 0
        || PyModule_AddObjectRef(module, "LockdownPermissionError",
                                 lockdown->permission_error) < 0
        || PyModule_AddObjectRef(module, "LockdownImportError",
                                 lockdown->import_error) < 0
        || PyModule_Add(module, "RIGHTS", _PyLockdown_WordsOf(Py_LOCKDOWN_ALL)) < 0
        || PyModule_Add(module, "SAFE_MODULES", _PyLockdown_SafeModules()) < 0)
    {
        return -1;
    }
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(get_state(module)->status_type);
    return 0;
}

static int
module_clear(PyObject *module)
{
    Py_CLEAR(get_state(module)->status_type);
    return 0;
}

static void
module_free(void *module)
{
    (void)module_clear((PyObject *)module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

PyDoc_STRVAR(module_doc,
"Lock the interpreter down: after lockdown() code can compute and use what it\n"
"already holds, and nothing else.");

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "lockdownlib",
    .m_doc = module_doc,
    .m_size = sizeof(module_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit_lockdownlib(void)
{
    return PyModuleDef_Init(&module_def);
}
