/* Cells: what the interpreter asks _rexec. */

#ifndef Py_INTERNAL_REXEC_H
#define Py_INTERNAL_REXEC_H

#ifndef Py_BUILD_CORE
#  error "this header requires Py_BUILD_CORE define"
#endif

/* May code of this interpreter start another thread?  0, or -1 with an exception. */
extern int _PyRexec_CheckThreads(PyInterpreterState *interp);

#endif /* !Py_INTERNAL_REXEC_H */
