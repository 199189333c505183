/* Lockdown: what is left of the C stack.

   C code that calls itself, through slots of objects that guest code has nested
   as deep as it likes, ends the process when the stack is used up.  Upstream
   counts such calls in some places.  Here the stack itself is asked, which takes
   no count and so no second statement at the end: by every call that upstream
   counts, by the functions that have a row `stack` in a guard table, and, for
   what is released, by _Py_Dealloc(). */

#ifndef Py_INTERNAL_LOCKDOWN_STACK_H
#define Py_INTERNAL_LOCKDOWN_STACK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(HAVE_THREAD_LOCAL) && defined(__GNUC__)
#  define _PyLockdown_HAVE_STACK 1
// Only the interpreter itself reaches its own thread-local variables.
#  if defined(Py_BUILD_CORE) && !defined(Py_BUILD_CORE_MODULE)
#    define _PyLockdown_OWN_STACK 1
#  endif
#endif

/* lockdown_stack.c */
PyAPI_FUNC(int) _PyLockdown_StackIsShortHere(void);
PyAPI_FUNC(int) _PyLockdown_RaiseStackIsShort(const char *where);
PyAPI_FUNC(int) _PyLockdown_RefuseDeep(const char *function);
#ifdef LOCKDOWN_MUTANT
extern int _PyLockdown_IsSwitchedOff(const char *function);     // lockdown.c
#endif
extern void _PyLockdown_MeasureStack(PyThreadState *tstate);
extern size_t _PyLockdown_ThreadStackSize(size_t size);
extern void _PyLockdown_ReleaseDeep(PyObject *op, destructor dealloc);

#ifdef _PyLockdown_OWN_STACK

/* The bytes below the stack's end, all 0 while it is not known.  An address
   outside, as on a stack that an embedding program has switched to, is far from
   the end by the same comparison. */
struct _PyLockdown_stack {
    uintptr_t end;          // the lowest address
    uintptr_t reserve;      // bytes for what no longer may call itself
    uintptr_t half;         // bytes below which what is released has to wait
};

extern _Py_thread_local struct _PyLockdown_stack _PyLockdown_stack;

static inline uintptr_t
_PyLockdown_StackAddress(void)
{
    // Not __builtin_frame_address(): a function would set up a frame to have one.
    uintptr_t address;
#if defined(__x86_64__)
    __asm__("movq %%rsp, %0" : "=r" (address));
#elif defined(__aarch64__)
    __asm__("mov %0, sp" : "=r" (address));
#else
    address = (uintptr_t)__builtin_frame_address(0);
#endif
    return address;
}
#endif

/* True if there is no room for C code to call itself once more. */
static inline int
_PyLockdown_StackIsShort(void)
{
#ifdef _PyLockdown_OWN_STACK
    return _PyLockdown_StackAddress() - _PyLockdown_stack.end
           < _PyLockdown_stack.reserve;
#else
    return _PyLockdown_StackIsShortHere();
#endif
}

/* True if what is released here has to wait until others have been. */
static inline int
_PyLockdown_StackIsDeep(void)
{
#ifdef _PyLockdown_OWN_STACK
    return _PyLockdown_StackAddress() - _PyLockdown_stack.end
           < _PyLockdown_stack.half;
#else
    return 0;
#endif
}

/* What a row `stack` puts in front: true with a RecursionError set. */
#define _PyLockdown_STACK_IS_SHORT() \
    (_PyLockdown_StackIsShort() && _PyLockdown_RefuseDeep(__func__))

#ifdef __cplusplus
}
#endif
#endif /* !Py_INTERNAL_LOCKDOWN_STACK_H */
