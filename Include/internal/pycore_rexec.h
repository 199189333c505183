/* Cells: what the interpreter asks _rexec. */

#ifndef Py_INTERNAL_REXEC_H
#define Py_INTERNAL_REXEC_H

#ifndef Py_BUILD_CORE
#  error "this header requires Py_BUILD_CORE define"
#endif

extern int _PyRexec_LimitThreads(Py_ssize_t most, PyObject *call);

/* May code of this interpreter start another thread, or interpreter?  0, or -1 with
   an exception. */
PyAPI_FUNC(int) _PyRexec_CheckThreads(PyInterpreterState *interp);

/* ---- interpreter cells ------------------------------------------------------- */

/* In eval_breaker, the one bit that CPython does not use.  It is never cleared. */
#define _PY_EVAL_DOOMED_BIT (1U << 7)

extern void _PyRexec_Doom(int64_t id);
extern int _PyRexec_RaiseDoom(PyThreadState *tstate);
extern int _PyRexec_IsOneDoomed(void);

/* Has the cell that runs here to end?  0, or -1 with an exception. */
static inline int
_PyRexec_CheckDoom(PyThreadState *tstate)
{
    if ((tstate->eval_breaker & _PY_EVAL_DOOMED_BIT) == 0) {
        return 0;
    }
    return _PyRexec_RaiseDoom(tstate);
}

/* What becomes of an interrupt of an interpreter cell: nobody's, while no run is on;
   KeyboardInterrupt in the thread of the code; or it waits, as that thread does for
   the supervisor, whose answer must not be lost. */
enum { _PyRexec_DROPPED, _PyRexec_RAISED, _PyRexec_KEPT };

extern int _PyRexec_SetInterrupts(int fate);
extern void _PyRexec_Interrupt(int64_t id);

/* How much of this time, negative for ever, to wait before looking again. */
PyAPI_FUNC(PyTime_t) _PyRexec_Slice(PyThreadState *tstate, PyTime_t timeout);

/* The same of milliseconds, in this thread. */
PyAPI_FUNC(int) _PyRexec_Milliseconds(PyTime_t timeout);

/* time.sleep() in slices: 0, or -1 with an exception. */
extern int _PyRexec_Sleep(PyTime_t timeout);

#endif /* !Py_INTERNAL_REXEC_H */
