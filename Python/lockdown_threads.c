/* Lockdown: the numbers of threads that Python code has kept.

   The number of a thread is an address, so it is shown like one, and changes
   when the lock comes.  What the standard library keeps under such a number,
   or in it, is given the new one in the same stopped instant: the threads of
   threading, the owners of the import system's locks, the event loops that run,
   and the cache of ctypes, whose keys are addresses of types.  ctypes also keeps
   addresses of functions of C, which are shown like any other as soon as it may
   not call them any more.

   As with the scrub, what is to be done is found out first, which may fail; then
   it is done, which allocates nothing and cannot fail.  Both while no other
   thread of the interpreter runs, so that no thread begins in between. */

#include "Python.h"
#include "pycore_dict.h"          // DK_IS_UNICODE()
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_pystate.h"       // HEAD_LOCK()
#include "pycore_runtime.h"       // _PyRuntime
#include "pycore_setobject.h"     // _PySet_NextEntry()
#include "pycore_weakref.h"       // _PyWeakref_GET_REF()

/* An attribute `name` of `object`, or if that is a dict its item, that becomes
   `value`; without a name a dict whose contents become those of another. */
struct number {
    PyObject *object;
    PyObject *name;
    PyObject *value;
};

struct _PyLockdown_numbers {
    int code_goes;              // with it the right to call functions of C
    size_t length, allocated;
    struct number *numbers;
};

/* ---- finding out ---------------------------------------------------------------- */

static int
add_number(struct _PyLockdown_numbers *all, PyObject *object, PyObject *name,
           PyObject *value)
{
    if (all->length == all->allocated) {
        size_t allocated = all->allocated ? 2 * all->allocated : 16;
        struct number *numbers = PyMem_Realloc(
            all->numbers, allocated * sizeof(struct number));
        if (numbers == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        all->numbers = numbers;
        all->allocated = allocated;
    }
    all->numbers[all->length++] = (struct number){
        Py_NewRef(object), Py_XNewRef(name), Py_NewRef(value)};
    return 0;
}

/* What a module has under a name, borrowed from it: -1 if that cannot be told. */
static int
member_of(PyObject *module, const char *name, PyObject **found)
{
    *found = NULL;
    if (module == NULL || !PyModule_Check(module)) {
        return 0;
    }
    int result = PyDict_GetItemStringRef(PyModule_GetDict(module), name, found);
    Py_XDECREF(*found);
    return result;
}

static int
loaded_module(PyInterpreterState *interp, const char *name, PyObject **found)
{
    PyObject *modules = interp->imports.modules;
    *found = NULL;
    if (modules == NULL || !PyDict_Check(modules)) {
        return 0;
    }
    int result = PyDict_GetItemStringRef(modules, name, found);
    Py_XDECREF(*found);
    return result;
}

/* The member of a loaded module. */
static int
loaded_member(PyInterpreterState *interp, const char *module_name,
              const char *name, PyObject **found)
{
    PyObject *module;
    *found = NULL;
    if (loaded_module(interp, module_name, &module) < 0) {
        return -1;
    }
    return member_of(module, name, found);
}

/* The shown number instead of `number`: 1 and a new reference, or 0 if it is
   none, None for instance. */
static int
shown_number(PyObject *number, PyObject **shown)
{
    *shown = NULL;
    if (number == NULL || !PyLong_CheckExact(number)) {
        return 0;
    }
    void *address = PyLong_AsVoidPtr(number);
    if (address == NULL) {
        PyErr_Clear();      // zero, or more than an address has bits
        return 0;
    }
    *shown = _PyLockdown_KeyOf(address);
    return *shown == NULL ? -1 : 1;
}

/* A dict whose keys are numbers.  Returns what it will hold, borrowed; NULL
   without an exception if it is no such dict. */
static PyObject *
add_keys(struct _PyLockdown_numbers *all, PyObject *dict)
{
    if (dict == NULL || !PyDict_CheckExact(dict)
        || ((PyDictObject *)dict)->ma_values != NULL)
    {
        return NULL;
    }
    PyObject *fresh = PyDict_New();
    if (fresh == NULL) {
        return NULL;
    }
    Py_ssize_t position = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &position, &key, &value)) {
        PyObject *shown;
        if (shown_number(key, &shown) < 0
            || PyDict_SetItem(fresh, shown != NULL ? shown : key, value) < 0)
        {
            Py_XDECREF(shown);
            Py_DECREF(fresh);
            return NULL;
        }
        Py_XDECREF(shown);
    }
    int result = add_number(all, dict, NULL, fresh);
    Py_DECREF(fresh);
    return result < 0 ? NULL : fresh;
}

/* An attribute in the instance's own dict, borrowed; no code of a class runs. */
static int
attribute_of(PyObject *object, PyObject *key, PyObject **found)
{
    *found = NULL;
    // Something of the class, a property perhaps, stands before the instance's.
    if (object != NULL && !PyType_Check(object)
        && _PyType_Lookup(Py_TYPE(object), key) == NULL)
    {
        *found = _PyObject_GenericGetAttrWithDict(object, key, NULL, 1);
        if (*found == NULL && PyErr_Occurred()) {
            return -1;
        }
        Py_XDECREF(*found);
    }
    return 0;
}

static int
attribute_named(PyObject *object, const char *name, PyObject **found)
{
    *found = NULL;
    PyObject *key = PyUnicode_InternFromString(name);
    if (key == NULL) {
        return -1;
    }
    int result = attribute_of(object, key, found);
    Py_DECREF(key);
    return result;
}

/* An attribute that is a number.  An object may be met more than once. */
static int
add_attribute(struct _PyLockdown_numbers *all, PyObject *object, const char *name)
{
    PyObject *key = PyUnicode_InternFromString(name);
    if (key == NULL) {
        return -1;
    }
    PyObject *old, *shown = NULL;
    int result = attribute_of(object, key, &old);
    if (result == 0) {
        result = shown_number(old, &shown);
    }
    if (result > 0) {
        result = add_number(all, object, key, shown);
    }
    Py_XDECREF(shown);
    Py_DECREF(key);
    return result;
}

/* What a weak reference leads to: a new reference or NULL. */
static PyObject *
referent_of(PyObject *ref)
{
    return PyWeakref_Check(ref) ? _PyWeakref_GET_REF(ref) : NULL;
}

static int
add_referent(struct _PyLockdown_numbers *all, PyObject *ref, const char *name)
{
    PyObject *object = referent_of(ref);
    int result = object != NULL ? add_attribute(all, object, name) : 0;
    Py_XDECREF(object);
    return result;
}

/* Threads that run, that start, and that ended and are still there. */
static int
add_threading(struct _PyLockdown_numbers *all, PyInterpreterState *interp)
{
    PyObject *active, *dangling, *data;
    if (loaded_member(interp, "threading", "_active", &active) < 0
        || loaded_member(interp, "threading", "_dangling", &dangling) < 0
        || attribute_named(dangling, "data", &data) < 0
        || (add_keys(all, active) == NULL && PyErr_Occurred()))
    {
        return -1;
    }
    Py_ssize_t position = 0;
    PyObject *key, *thread;
    while (active != NULL && PyDict_Next(active, &position, &key, &thread)) {
        if (add_attribute(all, thread, "_ident") < 0) {
            return -1;
        }
    }
    Py_hash_t hash;
    position = 0;
    while (data != NULL && PyAnySet_Check(data)
           && _PySet_NextEntry(data, &position, &key, &hash))
    {
        if (add_referent(all, key, "_ident") < 0) {
            return -1;
        }
    }
    return 0;
}

/* Locks of modules that are being imported: the lock may come while they are. */
static int
add_imports(struct _PyLockdown_numbers *all, PyObject *importlib)
{
    PyObject *locks, *blocking, *data;
    if (member_of(importlib, "_module_locks", &locks) < 0
        || member_of(importlib, "_blocking_on", &blocking) < 0
        || attribute_named(blocking, "data", &data) < 0)
    {
        return -1;
    }
    Py_ssize_t position = 0;
    PyObject *key, *ref;
    while (locks != NULL && PyDict_Check(locks)
           && PyDict_Next(locks, &position, &key, &ref))
    {
        if (add_referent(all, ref, "owner") < 0) {
            return -1;
        }
    }
    PyObject *fresh = add_keys(all, data);
    if (fresh == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    PyObject *name = PyUnicode_InternFromString("key");
    if (name == NULL) {
        return -1;
    }
    int result = 0;
    position = 0;
    while (result == 0 && PyDict_Next(fresh, &position, &key, &ref)) {
        // A slot of the reference has its key again.
        PyObject *slot = _PyType_Lookup(Py_TYPE(ref), name);    // borrowed
        if (slot != NULL && Py_IS_TYPE(slot, &PyMemberDescr_Type)) {
            result = add_number(all, ref, name, key);
        }
    }
    Py_DECREF(name);
    return result;
}

/* Records that a handler of logging holds back. */
static int
add_logging(struct _PyLockdown_numbers *all, PyInterpreterState *interp)
{
    PyObject *handlers;
    int result = loaded_member(interp, "logging", "_handlerList", &handlers);
    if (handlers == NULL || !PyList_Check(handlers)) {
        return result < 0 ? -1 : 0;
    }
    result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(handlers); i++) {
        PyObject *handler = referent_of(PyList_GET_ITEM(handlers, i));
        PyObject *buffer;
        result = attribute_named(handler, "buffer", &buffer);
        for (Py_ssize_t j = 0; result == 0 && buffer != NULL && PyList_Check(buffer)
                               && j < PyList_GET_SIZE(buffer); j++)
        {
            result = add_attribute(all, PyList_GET_ITEM(buffer, j), "thread");
        }
        Py_XDECREF(handler);
    }
    return result;
}

/* The event loops that run in threads of this interpreter. */
static int
add_loops(struct _PyLockdown_numbers *all, PyInterpreterState *interp)
{
    int result = 0;
    HEAD_LOCK(&_PyRuntime);
    for (PyThreadState *tstate = interp->threads.head;
         result == 0 && tstate != NULL; tstate = tstate->next)
    {
        PyObject *loop = ((_PyThreadStateImpl *)tstate)->asyncio_running_loop;
        if (loop != NULL && loop != Py_None) {
            result = add_attribute(all, loop, "_thread_id");
        }
    }
    HEAD_UNLOCK(&_PyRuntime);
    return result;
}

static int
add_types(struct _PyLockdown_numbers *all, PyInterpreterState *interp)
{
    PyObject *cache;
    if (loaded_member(interp, "ctypes", "_pointer_type_cache", &cache) < 0) {
        return -1;
    }
    return add_keys(all, cache) == NULL && PyErr_Occurred() ? -1 : 0;
}

/* The addresses of functions that _ctypes has as numbers. */
static int
add_functions(struct _PyLockdown_numbers *all, PyInterpreterState *interp)
{
    static const char *const names[] = {
        "_cast_addr", "_memmove_addr", "_memset_addr", "_string_at_addr",
        "_wstring_at_addr",
    };
    PyObject *module;
    int result = loaded_module(interp, "_ctypes", &module);
    if (module == NULL || !PyModule_Check(module)
        || !DK_IS_UNICODE(((PyDictObject *)PyModule_GetDict(module))->ma_keys))
    {
        return result < 0 ? -1 : 0;
    }
    result = 0;
    for (size_t i = 0; result >= 0 && i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *old, *shown = NULL;
        result = member_of(module, names[i], &old);
        if (result >= 0) {
            result = shown_number(old, &shown);
        }
        if (result > 0) {
            PyObject *key = PyUnicode_InternFromString(names[i]);
            result = key == NULL ? -1
                     : add_number(all, PyModule_GetDict(module), key, shown);
            Py_XDECREF(key);
        }
        Py_XDECREF(shown);
    }
    return result < 0 ? -1 : 0;
}

/* ---- what the transition calls --------------------------------------------------- */

/* May this be done?  Asked while nothing is changed yet. */
int
_PyLockdown_CheckThreads(PyInterpreterState *interp)
{
    PyObject *active;
    if (loaded_member(interp, "threading", "_active", &active) < 0) {
        return -1;
    }
    if (active == NULL || PyDict_CheckExact(active)) {
        return 0;
    }
    PyErr_SetString(interp->lockdown.error,
                    "threading._active cannot be renumbered: it is not what the "
                    "standard library puts there");
    return -1;
}

/* What has to be done in this interpreter when it is refused `refuse`, little if
   it was done before; NULL with an exception if there is no memory for it. */
struct _PyLockdown_numbers *
_PyLockdown_PrepareNumbers(PyInterpreterState *interp, uint32_t refuse)
{
    struct _PyLockdown_numbers *all = PyMem_Calloc(1, sizeof(*all));
    if (all == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    // Once: a number that a guest has put there would be shown to it.
    all->code_goes = (refuse & Py_LOCKDOWN_CODE) != 0
                     && !interp->lockdown.functions_shown;
    if ((all->code_goes && add_functions(all, interp) < 0)
        || (!interp->lockdown.renumbered
            && (add_threading(all, interp) < 0
                || add_imports(all, interp->imports.importlib) < 0
                || add_logging(all, interp) < 0
                || add_loops(all, interp) < 0
                || add_types(all, interp) < 0)))
    {
        _PyLockdown_FinishNumbers(all);
        return NULL;
    }
    return all;
}

/* Everything of two dicts but their references: no key is put in anew. */
static void
exchange(PyDictObject *dict, PyDictObject *other)
{
    Py_ssize_t used = dict->ma_used;
    PyDictKeysObject *keys = dict->ma_keys;
    dict->ma_used = other->ma_used;
    dict->ma_keys = other->ma_keys;
    other->ma_used = used;
    other->ma_keys = keys;
}

void
_PyLockdown_RunNumbers(PyInterpreterState *interp, struct _PyLockdown_numbers *all)
{
    for (size_t i = 0; i < all->length; i++) {
        struct number *number = &all->numbers[i];
        if (number->name == NULL) {
            exchange((PyDictObject *)number->object, (PyDictObject *)number->value);
        }
        else if ((PyDict_CheckExact(number->object)
                  ? PyDict_SetItem(number->object, number->name, number->value)
                  : PyObject_GenericSetAttr(number->object, number->name,
                                            number->value)) < 0)
        {
            Py_FatalError("lockdown: threads cannot be renumbered");
        }
    }
    if (_PyLockdown_Refusals() != 0) {
        interp->lockdown.renumbered = 1;
    }
    if (all->code_goes) {
        interp->lockdown.functions_shown = 1;
    }
}

/* Let go of it, when threads run again. */
void
_PyLockdown_FinishNumbers(struct _PyLockdown_numbers *all)
{
    PyObject *raised = PyErr_GetRaisedException();
    for (size_t i = 0; i < all->length; i++) {
        Py_DECREF(all->numbers[i].object);
        Py_XDECREF(all->numbers[i].name);
        Py_DECREF(all->numbers[i].value);
    }
    PyMem_Free(all->numbers);
    PyMem_Free(all);
    PyErr_SetRaisedException(raised);
}
