/* Lockdown: the public C API.  See Doc/c-api/lockdown.rst. */

#ifndef Py_CPYTHON_LOCKDOWN_H
#define Py_CPYTHON_LOCKDOWN_H

/* The rights, least risky to grant by name only: a right that is not kept is
   refused.  The user's words for them are in lockdown_rights.c. */
#define Py_LOCKDOWN_FS_READ  (UINT32_C(1) << 0)
#define Py_LOCKDOWN_FS_WRITE (UINT32_C(1) << 1)
#define Py_LOCKDOWN_FD       (UINT32_C(1) << 2)
#define Py_LOCKDOWN_PROC     (UINT32_C(1) << 3)
#define Py_LOCKDOWN_NET      (UINT32_C(1) << 4)
#define Py_LOCKDOWN_IMPORT   (UINT32_C(1) << 5)
#define Py_LOCKDOWN_ENV      (UINT32_C(1) << 6)
#define Py_LOCKDOWN_CODE     (UINT32_C(1) << 7)
#define Py_LOCKDOWN_INSPECT  (UINT32_C(1) << 8)
#define Py_LOCKDOWN_RUNTIME  (UINT32_C(1) << 9)
#define Py_LOCKDOWN_IPC      (UINT32_C(1) << 10)
#define Py_LOCKDOWN_FS_SPECIAL (UINT32_C(1) << 11)
#define Py_LOCKDOWN_ALL      ((UINT32_C(1) << 12) - 1)

/* What is asked of the kernel ring. */
#define Py_LOCKDOWN_KERNEL_OFF     0
#define Py_LOCKDOWN_KERNEL_TRY     1
#define Py_LOCKDOWN_KERNEL_REQUIRE 2

#ifndef Py_LIMITED_API
#ifdef __cplusplus
extern "C" {
#endif

/* Refuse every right that is not in `keep`, for good.  In the main interpreter
   this holds for the whole process, in another one for it and those it makes.
   Returns 0, or -1 with an exception and nothing changed. */
PyAPI_FUNC(int) PyLockdown_Enter(uint32_t keep, int kernel);

/* The rights that the current interpreter is refused: 0 while unlocked. */
PyAPI_FUNC(uint32_t) PyLockdown_GetRefused(void);

/* The bit of a right by its word ("fs.read"), 0 if there is no such right. */
PyAPI_FUNC(uint32_t) PyLockdown_RightFromName(const char *name);

/* The word of a right by its bit, NULL if it is not exactly one right. */
PyAPI_FUNC(const char *) PyLockdown_RightName(uint32_t right);

/* The level that the kernel ring has reached: 0 is none. */
PyAPI_FUNC(int) PyLockdown_GetKernelLevel(void);

/* How an address is shown to Python code: as it is while unlocked, under a
   keyed bijection when locked. */
PyAPI_FUNC(uintptr_t) _PyLockdown_ShownAddress(const void *address);
PyAPI_FUNC(PyObject *) _PyLockdown_ShowAddress(const void *address);

/* An address under that bijection always, for tables that the lock finds
   filled. */
PyAPI_FUNC(PyObject *) _PyLockdown_KeyOf(const void *address);

/* The same as _PyLockdown_ShownAddress() for the number of a thread, and back:
   what Python code gives as such a number. */
PyAPI_FUNC(unsigned long long) _PyLockdown_ShownThread(unsigned long long ident);
PyAPI_FUNC(unsigned long long) _PyLockdown_TrueThread(unsigned long long shown);

/* What a pointer adds to a hash: tells nothing of the pointer. */
PyAPI_FUNC(Py_hash_t) _PyLockdown_HashPointer(const void *address);

#ifdef __cplusplus
}
#endif
#endif /* !Py_LIMITED_API */
#endif /* !Py_CPYTHON_LOCKDOWN_H */
