/* Lockdown: the numbers of threads that Python code has kept.

   The number of a thread is an address, so it is shown like one, and changes
   when the lock comes.  What the standard library keeps under such a number,
   or in it, is given the new one in the same stopped instant: the threads of
   threading, the owners of the import system's locks, the event loops that run,
   and the cache of ctypes, whose keys are addresses of types. */

#include "Python.h"
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_pystate.h"       // HEAD_LOCK()
#include "pycore_runtime.h"       // _PyRuntime
#include "pycore_setobject.h"     // _PySet_NextEntry()
#include "pycore_weakref.h"       // _PyWeakref_GET_REF()

/* Half renumbered would be worse than no process. */
static void
must(int done)
{
    if (!done) {
        Py_FatalError("lockdown: threads cannot be renumbered");
    }
}

/* What a module has under a name, borrowed; NULL if it has nothing. */
static PyObject *
member_of(PyObject *module, const char *name)
{
    if (module == NULL || !PyModule_Check(module)) {
        return NULL;
    }
    PyObject *found = NULL;
    must(PyDict_GetItemStringRef(PyModule_GetDict(module), name, &found) >= 0);
    Py_XDECREF(found);      // the module's dict holds it
    return found;
}

static PyObject *
loaded_module(PyInterpreterState *interp, const char *name)
{
    PyObject *modules = interp->imports.modules;
    PyObject *module = NULL;
    if (modules != NULL && PyDict_Check(modules)) {
        must(PyDict_GetItemStringRef(modules, name, &module) >= 0);
        Py_XDECREF(module);
    }
    return module;
}

/* The shown number instead of `number`; NULL if it is none, None for instance. */
static PyObject *
renumbered(PyObject *number)
{
    if (number == NULL || !PyLong_CheckExact(number)) {
        return NULL;
    }
    void *address = PyLong_AsVoidPtr(number);
    if (address == NULL) {
        PyErr_Clear();      // zero, or more than an address has bits
        return NULL;
    }
    PyObject *shown = _PyLockdown_ShowAddress(address);
    must(shown != NULL);
    return shown;
}

/* The keys of a dict that are numbers. */
static void
renumber_keys(PyObject *dict)
{
    if (dict == NULL || !PyDict_Check(dict) || PyDict_GET_SIZE(dict) == 0) {
        return;
    }
    PyObject *old = PyDict_Copy(dict);
    must(old != NULL);
    PyDict_Clear(dict);
    Py_ssize_t position = 0;
    PyObject *key, *value;
    while (PyDict_Next(old, &position, &key, &value)) {
        PyObject *shown = renumbered(key);
        must(PyDict_SetItem(dict, shown != NULL ? shown : key, value) == 0);
        Py_XDECREF(shown);
    }
    Py_DECREF(old);
}

/* An attribute in the instance's own dict, borrowed; no code of a class runs. */
static PyObject *
attribute_of(PyObject *object, const char *name)
{
    if (object == NULL || PyType_Check(object)) {
        return NULL;
    }
    PyObject *key = PyUnicode_InternFromString(name);
    must(key != NULL);
    PyObject *found = NULL;
    // Something of the class, a property perhaps, stands before the instance's.
    if (_PyType_Lookup(Py_TYPE(object), key) == NULL) {
        found = _PyObject_GenericGetAttrWithDict(object, key, NULL, 1);
        must(found != NULL || !PyErr_Occurred());
        Py_XDECREF(found);
    }
    Py_DECREF(key);
    return found;
}

static void
renumber_attribute(PyObject *object, const char *name)
{
    PyObject *shown = renumbered(attribute_of(object, name));
    if (shown != NULL) {
        PyObject *key = PyUnicode_InternFromString(name);
        must(key != NULL && PyObject_GenericSetAttr(object, key, shown) == 0);
        Py_DECREF(key);
        Py_DECREF(shown);
    }
}

/* What a weak reference leads to: a new reference or NULL. */
static PyObject *
referent_of(PyObject *ref)
{
    return PyWeakref_Check(ref) ? _PyWeakref_GET_REF(ref) : NULL;
}

/* ---- who keeps numbers --------------------------------------------------------- */

/* The number in an object that may be met more than once.  `done` holds the
   addresses of those that were seen. */
static void
renumber_once(PyObject *object, const char *name, PyObject *done)
{
    PyObject *address = PyLong_FromVoidPtr(object);
    int seen = address != NULL ? PySet_Contains(done, address) : -1;
    must(seen >= 0);
    if (!seen) {
        must(PySet_Add(done, address) == 0);
        renumber_attribute(object, name);
    }
    Py_DECREF(address);
}

/* Threads that run, that start, and that ended and are still there. */
static void
renumber_threading(PyObject *threading, PyObject *done)
{
    Py_ssize_t position = 0;
    PyObject *key, *thread;
    PyObject *active = member_of(threading, "_active");
    renumber_keys(active);
    while (active != NULL && PyDict_Next(active, &position, &key, &thread)) {
        renumber_once(thread, "_ident", done);
    }
    PyObject *dangling = attribute_of(member_of(threading, "_dangling"), "data");
    if (dangling != NULL && PyAnySet_Check(dangling)) {
        Py_hash_t hash;
        position = 0;
        while (_PySet_NextEntry(dangling, &position, &key, &hash)) {
            thread = referent_of(key);
            if (thread != NULL) {
                renumber_once(thread, "_ident", done);
                Py_DECREF(thread);
            }
        }
    }
}

/* Locks of modules that are being imported: the lock may come while they are. */
static void
renumber_imports(PyObject *importlib)
{
    PyObject *locks = member_of(importlib, "_module_locks");
    Py_ssize_t position = 0;
    PyObject *name, *ref;
    while (locks != NULL && PyDict_Check(locks)
           && PyDict_Next(locks, &position, &name, &ref))
    {
        PyObject *lock = referent_of(ref);
        if (lock != NULL) {
            renumber_attribute(lock, "owner");
            Py_DECREF(lock);
        }
    }
    PyObject *blocking = attribute_of(member_of(importlib, "_blocking_on"), "data");
    if (blocking != NULL && PyDict_Check(blocking)) {
        renumber_keys(blocking);
        position = 0;
        PyObject *key;
        while (PyDict_Next(blocking, &position, &key, &ref)) {
            // A slot of the reference has its key again.
            if (PyObject_HasAttrString(ref, "key")) {
                must(PyObject_SetAttrString(ref, "key", key) == 0);
            }
        }
    }
}

/* Records that a handler of logging holds back. */
static void
renumber_logging(PyObject *logging, PyObject *done)
{
    PyObject *handlers = member_of(logging, "_handlerList");
    if (handlers == NULL || !PyList_Check(handlers)) {
        return;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(handlers); i++) {
        PyObject *handler = referent_of(PyList_GET_ITEM(handlers, i));
        PyObject *buffer = attribute_of(handler, "buffer");
        if (buffer != NULL && PyList_Check(buffer)) {
            for (Py_ssize_t j = 0; j < PyList_GET_SIZE(buffer); j++) {
                renumber_once(PyList_GET_ITEM(buffer, j), "thread", done);
            }
        }
        Py_XDECREF(handler);
    }
}

/* The event loops that run in threads of this interpreter. */
static void
renumber_loops(PyInterpreterState *interp)
{
    HEAD_LOCK(&_PyRuntime);
    for (PyThreadState *tstate = interp->threads.head; tstate != NULL;
         tstate = tstate->next)
    {
        PyObject *loop = ((_PyThreadStateImpl *)tstate)->asyncio_running_loop;
        if (loop != NULL && loop != Py_None) {
            renumber_attribute(loop, "_thread_id");
        }
    }
    HEAD_UNLOCK(&_PyRuntime);
}

/* May this be done?  Asked while nothing is changed yet. */
int
_PyLockdown_CheckThreads(PyInterpreterState *interp)
{
    PyObject *threading = loaded_module(interp, "threading");
    PyObject *active = member_of(threading, "_active");
    if (active == NULL || PyDict_CheckExact(active)) {
        return 0;
    }
    PyErr_SetString(interp->lockdown.error,
                    "threading._active cannot be renumbered: it is not what the "
                    "standard library puts there");
    return -1;
}

/* Once in each interpreter, when addresses are shown and no longer told, and no
   other thread of the interpreter runs. */
void
_PyLockdown_RenumberThreads(PyInterpreterState *interp)
{
    if (interp->lockdown.renumbered || _PyLockdown_Refusals() == 0) {
        return;
    }
    interp->lockdown.renumbered = 1;
    PyObject *raised = PyErr_GetRaisedException();
    PyObject *done = PySet_New(NULL);
    must(done != NULL);
    renumber_threading(loaded_module(interp, "threading"), done);
    renumber_imports(interp->imports.importlib);
    renumber_logging(loaded_module(interp, "logging"), done);
    renumber_loops(interp);
    renumber_keys(member_of(loaded_module(interp, "ctypes"), "_pointer_type_cache"));
    Py_DECREF(done);
    PyErr_SetRaisedException(raised);
}
