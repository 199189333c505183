/* Lockdown: what is left of the C stack, and objects that wait to be released. */

#include "Python.h"
#include "pycore_gc.h"                // _PyObject_GC_TRACK()
#include "pycore_interp.h"            // PyInterpreterState.threads
#include "pycore_lockdown.h"          // _PyLockdown_HIDES()
#include "pycore_lockdown_stack.h"    // _PyLockdown_stack
#include "pycore_object.h"            // _PyObject_IS_GC()
#include "pycore_pystate.h"           // _PyThreadState_GET()

#ifdef _PyLockdown_HAVE_STACK
#  include <pthread.h>
#endif

/* An error is made, and a library may be called, with the last of it. */
#define RESERVE (512 * 1024)

#ifdef _PyLockdown_HAVE_STACK

_Py_thread_local struct _PyLockdown_stack _PyLockdown_stack;

static void
set_stack(uintptr_t end, size_t size)
{
    _PyLockdown_stack.end = end;
    _PyLockdown_stack.reserve = Py_MIN(RESERVE, size / 4);
    _PyLockdown_stack.half = size / 2;
}

/* Find out where the stack of this thread ends, once. */
void
_PyLockdown_MeasureStack(PyThreadState *tstate)
{
    if (_PyLockdown_stack.end != 0) {
        return;
    }
    pthread_attr_t attributes;
    size_t size = 0;
#if defined(__GLIBC__)
    // It asks the kernel on which processors the thread may run, which the
    // kernel ring refuses to tell.
    if (_PyRuntime.lockdown.kernel == 0) {
        if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
            return;
        }
        void *end;
        size_t guard = 0;
        int found = pthread_attr_getstack(&attributes, &end, &size);
        (void)pthread_attr_getguardsize(&attributes, &guard);
        pthread_attr_destroy(&attributes);
        if (found == 0 && size > guard) {
            set_stack((uintptr_t)end + guard, size - guard);
        }
        return;
    }
#endif
    // A thread that Python starts: this is close to its beginning.
    size = tstate->interp->threads.stacksize;
    if (size == 0 && pthread_attr_init(&attributes) == 0) {
        (void)pthread_attr_getstacksize(&attributes, &size);
        pthread_attr_destroy(&attributes);
    }
    size -= size / 16;      // what the C library keeps there, and the guard
    if (size > 0 && size < _PyLockdown_StackAddress()) {
        set_stack(_PyLockdown_StackAddress() - size, size);
    }
}

int
_PyLockdown_StackIsShortHere(void)
{
    return _PyLockdown_StackIsShort();
}

/* ---- what is released ---- */

/* What waits, linked as upstream's trashcan links it. */
static _Py_thread_local PyObject *waiting;
static _Py_thread_local int releasing;

static PyObject **
next_of(PyObject *op)
{
#ifdef Py_GIL_DISABLED
    return (PyObject **)&op->ob_tid;
#else
    // The collector knows nothing of it, and so does not use its own links.
    return (PyObject **)&_Py_AS_GC(op)->_gc_next;
#endif
}

/* Call dealloc(op) where the stack is half used up.  The first one here releases
   whatever objects farther down are to be released, one after the other, so that
   nothing goes deeper than this by releasing. */
void
_PyLockdown_ReleaseDeep(PyObject *op, destructor dealloc)
{
    if (releasing && _PyObject_IS_GC(op)) {
        // One bit tells whether the collector knew it, as its deallocator expects.
        uintptr_t known = _PyObject_GC_IS_TRACKED(op);
        if (known) {
            _PyObject_GC_UNTRACK(op);
        }
        *next_of(op) = (PyObject *)((uintptr_t)waiting | known);
        waiting = op;
        return;
    }
    if (releasing) {
        dealloc(op);
        return;
    }
    releasing = 1;
    dealloc(op);
    while (waiting != NULL) {
        op = (PyObject *)((uintptr_t)waiting & ~(uintptr_t)1);
        uintptr_t next = (uintptr_t)*next_of(op);
        *next_of(op) = NULL;
        waiting = (PyObject *)(next & ~(uintptr_t)1);
#ifdef Py_GIL_DISABLED
        _Py_atomic_store_ssize_relaxed(&op->ob_ref_shared, _Py_REF_MERGED);
#endif
        if (next & 1) {
            _PyObject_GC_TRACK(op);
        }
        Py_TYPE(op)->tp_dealloc(op);
    }
    releasing = 0;
}

#else

void
_PyLockdown_MeasureStack(PyThreadState *tstate)
{
}

int
_PyLockdown_StackIsShortHere(void)
{
    return 0;
}

void
_PyLockdown_ReleaseDeep(PyObject *op, destructor dealloc)
{
    dealloc(op);
}

#endif

/* What a thread that is to have a stack of this size gets, where 0 is the default of
   the system.  With half of it upstream's counts end before the stack does. */
#define LEAST_STACK (4 * 1024 * 1024)

size_t
_PyLockdown_ThreadStackSize(size_t size)
{
    return 0 < size && size < LEAST_STACK && _PyLockdown_HIDES(CODE) ? LEAST_STACK : size;
}

/* True with a RecursionError set, unless this is part of making one. */
int
_PyLockdown_RaiseStackIsShort(const char *where)
{
    static _Py_thread_local int raising;
    if (raising) {
        return 0;
    }
    raising = 1;
    PyErr_Format(PyExc_RecursionError, "maximum recursion depth exceeded%s",
                 where);
    raising = 0;
    return 1;
}

/* The same for a function that has a row `stack`. */
int
_PyLockdown_RefuseDeep(const char *function)
{
#ifdef LOCKDOWN_MUTANT
    if (_PyLockdown_IsSwitchedOff(function)) {
        return 0;
    }
#endif
    return _PyLockdown_RaiseStackIsShort("");
}
