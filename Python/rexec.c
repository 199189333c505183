/* Cells: what the interpreter asks about them, and what is done to interpreters that are
   cells.  The module that Python code sees is Modules/_rexec.c. */

#include "Python.h"
#include "pycore_ceval.h"         // _Py_set_eval_breaker_bit()
#include "pycore_interp.h"        // PyInterpreterState.threads
#include "pycore_lockdown.h"
#include "pycore_pystate.h"       // _PyInterpreterState_GET()
#include "pycore_rexec.h"
#include "pycore_runtime.h"       // _PyRuntime, for HEAD_LOCK()
#include "pycore_time.h"          // _PyTime_Add()

/* ---- the number of threads ------------------------------------------------- */

#define THREADS_KEY "_rexec.threads"

/* Whether any interpreter of the process has a limit: where none has, a start must not
   fail for want of the memory that it takes to look. */
static int threads_limited;

/* Let code of this interpreter start threads until it has `most` of them, and then only
   call.  Once said it holds.  0, or -1 with an exception. */
int
_PyRexec_LimitThreads(Py_ssize_t most, PyObject *call)
{
    // Not in a namespace that code can reach.
    PyObject *state = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (state == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *key = PyUnicode_FromString(THREADS_KEY);
    PyObject *limit = Py_BuildValue("(nO)", most, call);
    // Code that found the object must not lift the limit.
    int set = key != NULL && limit != NULL
              ? PyDict_SetDefaultRef(state, key, limit, NULL) : -1;
    Py_XDECREF(key);
    Py_XDECREF(limit);
    if (set == 0) {
        _Py_atomic_store_int(&threads_limited, 1);
    }
    if (set > 0) {
        PyErr_SetString(PyExc_RuntimeError, "there is a limit already");
    }
    return set == 0 ? 0 : -1;
}

/* Called before each start of a thread. */
int
_PyRexec_CheckThreads(PyInterpreterState *interp)
{
    if (!_Py_atomic_load_int(&threads_limited)) {
        return 0;
    }
    PyObject *state = PyInterpreterState_GetDict(interp);  // borrowed
    PyObject *limit = NULL;
    if (state == NULL
        || PyDict_GetItemStringRef(state, THREADS_KEY, &limit) <= 0)
    {
        return state != NULL && PyErr_Occurred() ? -1 : 0;
    }
    Py_ssize_t most, count = -1;  // the main thread was started by nobody here
    PyObject *call, *result;
    if (!PyArg_ParseTuple(limit, "nO", &most, &call)) {
        Py_DECREF(limit);
        return -1;
    }
    HEAD_LOCK(&_PyRuntime);
    for (PyThreadState *t = interp->threads.head; t != NULL; t = t->next) {
        count++;
    }
    HEAD_UNLOCK(&_PyRuntime);
    if (count < most) {
        Py_DECREF(limit);
        return 0;
    }
    result = PyObject_CallNoArgs(call);
    Py_DECREF(limit);
    if (result != NULL) {
        Py_DECREF(result);
        PyErr_Format(PyExc_RuntimeError, "can't start new thread: there may be %zd",
                     most);
    }
    return -1;
}

/* ---- interpreter cells: the end ---------------------------------------------- */

/* Something for each thread of the interpreter of this number.  It may have ended. */
static void
for_threads(int64_t id, void (*function)(PyThreadState *))
{
    HEAD_LOCK(&_PyRuntime);
    PyInterpreterState *interp = _PyRuntime.interpreters.head;
    while (interp != NULL && interp->id != id) {
        interp = interp->next;
    }
    if (interp != NULL) {
        for (PyThreadState *t = interp->threads.head; t != NULL; t = t->next) {
            function(t);
        }
    }
    HEAD_UNLOCK(&_PyRuntime);
}

static void
doom(PyThreadState *tstate)
{
    tstate->interp->lockdown.is_doomed = 1;
    _Py_set_eval_breaker_bit(tstate, _PY_EVAL_DOOMED_BIT);
}

/* Have all Python code that runs in an interpreter end. */
void
_PyRexec_Doom(int64_t id)
{
    for_threads(id, doom);
}

int
_PyRexec_RaiseDoom(PyThreadState *Py_UNUSED(tstate))
{
    PyErr_SetNone(PyExc_SystemExit);
    return -1;
}

/* Is an interpreter there yet that was told to end? */
int
_PyRexec_IsOneDoomed(void)
{
    int found = 0;
    HEAD_LOCK(&_PyRuntime);
    PyInterpreterState *interp = _PyRuntime.interpreters.head;
    for (; interp != NULL && !found; interp = interp->next) {
        found = interp->lockdown.is_doomed;
    }
    HEAD_UNLOCK(&_PyRuntime);
    return found;
}

/* ---- interpreter cells: interrupts ------------------------------------------- */

/* What becomes of one that comes to this thread from now on: see _rexec.c.  Did one come
   before that was not raised, and now will not be? */
int
_PyRexec_SetInterrupts(int fate)
{
    PyThreadState *tstate = PyThreadState_Get();
    struct _lockdown_interp_state *state = &tstate->interp->lockdown;
    HEAD_LOCK(&_PyRuntime);
    // The type is static, and no reference is counted.
    int came = state->is_interrupted
               || _Py_atomic_compare_exchange_ptr(&tstate->async_exc,
                                                  &(PyObject *){PyExc_KeyboardInterrupt},
                                                  NULL);
    state->interrupted_thread = tstate;
    state->interrupts = fate;
    state->is_interrupted = 0;
    HEAD_UNLOCK(&_PyRuntime);
    return came;
}

static void
interrupt(PyThreadState *tstate)
{
    struct _lockdown_interp_state *state = &tstate->interp->lockdown;
    // One that never said what becomes of them is interrupted as it runs.
    int fate = state->interrupted_thread == NULL ? _PyRexec_RAISED : state->interrupts;
    if (state->interrupted_thread != NULL && state->interrupted_thread != tstate) {
        return;
    }
    if (fate == _PyRexec_KEPT) {
        state->is_interrupted = 1;
    }
    else if (fate == _PyRexec_RAISED
             && _Py_atomic_compare_exchange_ptr(&tstate->async_exc, &(PyObject *){NULL},
                                                PyExc_KeyboardInterrupt))
    {
        _Py_set_eval_breaker_bit(tstate, _PY_ASYNC_EXCEPTION_BIT);
    }
}

/* Raise KeyboardInterrupt in the code that runs in an interpreter. */
void
_PyRexec_Interrupt(int64_t id)
{
    for_threads(id, interrupt);
}

/* ---- interpreter cells: waits ------------------------------------------------- */

#ifdef __linux__                  // elsewhere there are no cells
#include <time.h>                 // nanosleep()

/* Nanoseconds. */
#define SLICE ((PyTime_t)20 * 1000 * 1000)

PyTime_t
_PyRexec_Slice(PyThreadState *tstate, PyTime_t timeout)
{
    // Interpreters that locked themselves, and not the process: cells.
    if (_Py_IsMainInterpreter(tstate->interp)
        || tstate->interp->lockdown.refused == 0)
    {
        return timeout;
    }
    return timeout < 0 || timeout > SLICE ? SLICE : timeout;
}

int
_PyRexec_Milliseconds(PyTime_t timeout)
{
    const PyTime_t slice = SLICE / 1000000;
    if (timeout >= 0 && timeout <= slice) {
        return (int)timeout;
    }
    PyThreadState *tstate = _PyThreadState_GET();
    return (int)(_PyRexec_Slice(tstate, -1) < 0 ? timeout : slice);
}

int
_PyRexec_Sleep(PyTime_t timeout)
{
    PyThreadState *tstate = _PyThreadState_GET();
    PyTime_t now;
    if (PyTime_Monotonic(&now) < 0) {
        return -1;
    }
    PyTime_t deadline = _PyTime_Add(now, timeout);
    do {
        struct timespec slice;
        PyTime_t left = Py_MIN(deadline - now, SLICE);
        if (_PyTime_AsTimespec(Py_MAX(left, 0), &slice) < 0) {
            return -1;
        }
        Py_BEGIN_ALLOW_THREADS
        (void)nanosleep(&slice, NULL);
        Py_END_ALLOW_THREADS
        if (_PyRexec_CheckDoom(tstate) < 0 || PyTime_Monotonic(&now) < 0) {
            return -1;
        }
    } while (now < deadline);
    return 0;
}

#else

PyTime_t
_PyRexec_Slice(PyThreadState *Py_UNUSED(tstate), PyTime_t timeout)
{
    return timeout;
}

int
_PyRexec_Milliseconds(PyTime_t timeout)
{
    return (int)timeout;
}

int
_PyRexec_Sleep(PyTime_t Py_UNUSED(timeout))
{
    return 0;       // never called
}

#endif
