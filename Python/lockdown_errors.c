/* Lockdown: the exception types, and raising them.

   The types are made with each interpreter and kept in its state, because a
   guard may fire in one that never imported lockdownlib, and when modules are
   gone already. */

#include "Python.h"
#include "pycore_initconfig.h"    // _PyStatus_OK()
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_pystate.h"       // _PyThreadState_GET()

#define PREFIX "lockdown is enabled"

#ifdef LOCKDOWN_MUTANT
/* Only in the program that tests of the tests are run with: what is refused is
   told to the descriptor that $LOCKDOWN_NOTES named at the start, a line each,
   as the code that was refused may swallow the error. */
static int notes = -1;

static void
open_notes(void)
{
    const char *number = getenv("LOCKDOWN_NOTES");
    if (notes < 0 && number != NULL) {
        notes = atoi(number);
    }
}

static void
note_refusal(const char *right, const char *operation)
{
    char line[200];
    int length = PyOS_snprintf(line, sizeof(line), "%s %s\n", right, operation);
    if (notes >= 0 && length > 0 && length < (int)sizeof(line)) {
        int saved = errno;
        (void)!write(notes, line, (size_t)length);
        errno = saved;
    }
}
#else
#  define open_notes() ((void)0)
#  define note_refusal(right, operation) ((void)0)
#endif

/* The message is the last argument that is a string: OSError has the errno
   before it. */
static PyObject *
error_str(PyObject *self)
{
    PyObject *args = PyException_GetArgs(self);
    if (args == NULL) {
        return NULL;
    }
    PyObject *message = NULL;
    if (PyTuple_Check(args)) {
        for (Py_ssize_t i = PyTuple_GET_SIZE(args); --i >= 0 && message == NULL;) {
            if (PyUnicode_Check(PyTuple_GET_ITEM(args, i))) {
                message = PyTuple_GET_ITEM(args, i);
            }
        }
    }
    PyObject *text;
    if (message == NULL) {
        text = PyUnicode_FromString(PREFIX);
    }
    else {
        PyObject *prefix = PyUnicode_FromString(PREFIX);
        Py_ssize_t starts = -1;
        if (prefix != NULL) {
            starts = PyUnicode_Tailmatch(message, prefix, 0, PY_SSIZE_T_MAX, -1);
            Py_DECREF(prefix);
        }
        if (starts < 0) {
            text = NULL;
        }
        else if (starts) {
            text = PyUnicode_FromObject(message);
        }
        else {
            text = PyUnicode_FromFormat(PREFIX ": %U", message);
        }
    }
    Py_DECREF(args);
    return text;
}

/* A function of its own, because OSError's would not get a __new__ in the
   type's dict, and the one that is found instead, RuntimeError's, refuses. */
static PyObject *
permission_error_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return ((PyTypeObject *)PyExc_OSError)->tp_new(type, args, kwargs);
}

static PyObject *
make_type(const char *name, const char *doc, PyObject *bases, PyObject *layout)
{
    // Of two bases the right hand one has the fields, but the left hand one
    // comes first in the mro, and its __init__ would leave them unset.
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)doc},
        {Py_tp_str, error_str},
        {Py_tp_new, layout == PyExc_PermissionError
                    ? (void *)permission_error_new
                    : (void *)((PyTypeObject *)layout)->tp_new},
        {Py_tp_init, ((PyTypeObject *)layout)->tp_init},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = name,
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpecWithBases(&spec, bases);
    // So that errors which no guard made have the attributes too.
    if (type != NULL
        && (PyObject_SetAttrString(type, "right", Py_None) < 0
            || PyObject_SetAttrString(type, "operation", Py_None) < 0))
    {
        Py_CLEAR(type);
    }
    return type;
}

static PyObject *
make_subclass(const char *name, const char *doc, PyObject *error, PyObject *layout)
{
    PyObject *bases = PyTuple_Pack(2, error, layout);
    if (bases == NULL) {
        return NULL;
    }
    PyObject *type = make_type(name, doc, bases, layout);
    Py_DECREF(bases);
    return type;
}

PyStatus
_PyLockdown_InitErrors(PyInterpreterState *interp)
{
    struct _lockdown_interp_state *state = &interp->lockdown;
    open_notes();
    state->error = make_type(
        "lockdownlib.LockdownError", "Something that lockdown does not allow.",
        PyExc_RuntimeError, PyExc_RuntimeError);
    if (state->error != NULL) {
        state->permission_error = make_subclass(
            "lockdownlib.LockdownPermissionError",
            "A call that needs a right which is refused.",
            state->error, PyExc_PermissionError);
        state->import_error = make_subclass(
            "lockdownlib.LockdownImportError",
            "An import that lockdown does not allow.",
            state->error, PyExc_ModuleNotFoundError);
    }
    PyObject *types[] = {state->error, state->permission_error, state->import_error};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++) {
        if (types[i] == NULL) {
            return _PyStatus_ERR("can't create the lockdown errors");
        }
        // Like the built-in exceptions: a class without its __init__ would
        // turn every refusal into another error.
        ((PyTypeObject *)types[i])->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
    }
    return _PyStatus_OK();
}

/* The last collection of the interpreter is over when this is called, so the
   cycle of each type with its own mro is broken here. */
void
_PyLockdown_FiniErrors(PyInterpreterState *interp)
{
    struct _lockdown_interp_state *state = &interp->lockdown;
    PyObject **types[] = {
        &state->import_error, &state->permission_error, &state->error,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++) {
        PyObject *type = *types[i];
        *types[i] = NULL;
        if (type != NULL) {
            (void)PyType_Type.tp_clear(type);
            Py_DECREF(type);
        }
    }
}

static int
set_text_attribute(PyObject *error, const char *name, const char *value)
{
    PyObject *text = PyUnicode_FromString(value);
    if (text == NULL) {
        return -1;
    }
    int result = PyObject_SetAttrString(error, name, text);
    Py_DECREF(text);
    return result;
}

/* Set the exception, with its attributes; takes the reference to `error`, which
   is NULL if making it failed. */
static void
raise_error(PyObject *error, const char *right, const char *operation)
{
    if (error == NULL) {
        return;
    }
    if (set_text_attribute(error, "right", right) == 0
        && set_text_attribute(error, "operation", operation) == 0)
    {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_DECREF(error);
}

/* Set the exception of a refused call. */
void
_PyLockdown_RaiseRefusal(PyInterpreterState *interp, const char *right,
                         const char *operation)
{
    note_refusal(right, operation);
    PyObject *type = interp->lockdown.permission_error;
    if (type == NULL) {
        // The interpreter is being made or almost gone.
        PyErr_SetString(PyExc_PermissionError, PREFIX);
        return;
    }
    PyObject *text = PyUnicode_FromFormat(
        PREFIX ": %s needs the right '%s', which only code that runs before "
        "the lock can keep: lockdown(keep={'%s', ...}) or -X lockdown=%s",
        operation, right, right, right);
    if (text == NULL) {
        return;
    }
    PyObject *error = PyObject_CallFunction(type, "iO", EPERM, text);
    Py_DECREF(text);
    raise_error(error, right, operation);
}

/* Set the exception of a lockdown() that would give `rights`, at least one,
   back. */
void
_PyLockdown_RaiseGivenBack(PyInterpreterState *interp, uint32_t rights)
{
    PyObject *words = _PyLockdown_WordsOf(rights);
    if (words == NULL) {
        return;
    }
    PyObject *text = PyUnicode_FromFormat(
        PREFIX ": a right once refused cannot be given back: %R", words);
    Py_DECREF(words);
    if (text == NULL) {
        return;
    }
    PyObject *error = PyObject_CallOneArg(interp->lockdown.error, text);
    Py_DECREF(text);
    // The lowest bit: the first in the order of lockdownlib.RIGHTS.
    raise_error(error, PyLockdown_RightName(rights & (~rights + 1)),
                "lockdownlib.lockdown");
}

/* If `import` is refused, set the exception for the module that was not found
   inside and return -1. */
int
_PyLockdown_RefuseImport(PyObject *name)
{
    if (!_PyLockdown_HIDES(IMPORT)) {
        return 0;
    }
    note_refusal(PyLockdown_RightName(Py_LOCKDOWN_IMPORT), "import");
    PyObject *type = _PyInterpreterState_GET()->lockdown.import_error;
    if (type == NULL) {
        PyErr_SetString(PyExc_ImportError, PREFIX);
        return -1;
    }
    PyObject *text = PyUnicode_FromFormat(
        PREFIX ": no module named %R inside this interpreter; a module from "
        "outside, also one beside the program, can only be imported before "
        "the lock", name);
    if (text == NULL) {
        return -1;
    }
    PyObject *args = PyTuple_Pack(1, text);
    PyObject *kwargs = PyDict_New();
    PyObject *error = NULL;
    if (args != NULL && kwargs != NULL
        && PyDict_SetItemString(kwargs, "name", name) == 0)
    {
        error = PyObject_Call(type, args, kwargs);
    }
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_DECREF(text);
    raise_error(error, PyLockdown_RightName(Py_LOCKDOWN_IMPORT), "import");
    return -1;
}
