/* Lockdown: the inline check that every guard is, and the functions that answer for rights which hang on arguments. */

#ifndef Py_INTERNAL_LOCKDOWN_H
#define Py_INTERNAL_LOCKDOWN_H

#include <stdint.h>

#ifdef __linux__
#  include <dirent.h>               // DIR
#  include <fcntl.h>                // AT_FDCWD
#endif

#include "cpython/lockdown.h"       // Py_LOCKDOWN_FS_READ
#include "pycore_lockdown_stack.h"  // _PyLockdown_STACK_IS_SHORT()

#ifdef __cplusplus
extern "C" {
#endif

/* The cold half of a guard.  True, with a LockdownPermissionError set, if one
   of `rights` is refused here; `function` is the C function that asks. */
PyAPI_FUNC(int) _PyLockdown_Refuse(uint32_t rights, const char *function);

/* What a function below gives for rights when it has set an exception itself. */
#define _PyLockdown_RAISED UINT32_MAX

/* True if one of `rights` is refused here; sets no exception. */
PyAPI_FUNC(int) _PyLockdown_IsRefused(uint32_t rights);

/* The same where the thread may be without the GIL. */
PyAPI_FUNC(int) _PyLockdown_IsRefusedDetached(uint32_t rights);

/* And of a function that goes by it without a guard of its own. */
PyAPI_FUNC(int) _PyLockdown_WouldRefuse(uint32_t rights, const char *function);

#if !defined(Py_LIMITED_API) || Py_LIMITED_API+0 >= 0x030b0000
/* lockdown_memory.c: memoryviews that would outlive the memory. */
PyAPI_FUNC(PyObject *) _PyLockdown_ViewOfCopy(const Py_buffer *memory);
PyAPI_FUNC(PyObject *) _PyLockdown_CallToFill(PyObject *object,
                                              PyObject *method,
                                              PyObject *view);
#endif

/* lockdown_numbers.c: the numbers of descriptors that locked code may use. */
PyAPI_FUNC(int) _PyLockdown_KeepNumber(int *fd);
PyAPI_FUNC(int) _PyLockdown_ParkNumber(int fd);
PyAPI_FUNC(void) _PyLockdown_DetachNumber(int fd);
PyAPI_FUNC(int) _PyLockdown_TakeNumber(int fd);
PyAPI_FUNC(int) _PyLockdown_RefuseNumber(int fd, const char *operation);

#ifdef __linux__
/* lockdown_special.c: paths that must lead to files. */
PyAPI_FUNC(int) _PyLockdown_IsSpecial(int fd);
struct stat;
PyAPI_FUNC(int) _PyLockdown_OpenAt(int dir_fd, const char *path, int flags,
                                   unsigned int mode);
PyAPI_FUNC(DIR *) _PyLockdown_OpenFolder(const char *path, int *special);
PyAPI_FUNC(FILE *) _PyLockdown_OpenStream(const char *path, const char *mode,
                                          int *special);
PyAPI_FUNC(int) _PyLockdown_StatAt(int dir_fd, const char *path,
                                   struct stat *status, int flags);

/* lockdown_linux_library.c: sendmsg(), where the filter refuses that. */
struct msghdr;
PyAPI_FUNC(Py_ssize_t) _PyLockdown_SendMessage(int fd,
                                               const struct msghdr *message,
                                               int flags);
#endif

/* lockdown_family.c: the interpreters that locked code makes, and what goes
   from one to another. */
enum _PyLockdown_mailbox_kind { _PyLockdown_QUEUE, _PyLockdown_CHANNEL };
PyAPI_FUNC(int) _PyLockdown_KeepMailbox(enum _PyLockdown_mailbox_kind kind,
                                        int64_t id);
extern PyObject *_PyLockdown_MailboxesOf(int64_t interp_id);
PyAPI_FUNC(void) _PyLockdown_DropMailbox(enum _PyLockdown_mailbox_kind kind,
                                         int64_t id);

/* All that is refused here: the process's word and the interpreter's. */
PyAPI_FUNC(uint32_t) _PyLockdown_Refusals(void);

#if defined(Py_BUILD_CORE) && !defined(Py_LIMITED_API)

#include "pycore_runtime.h"       // _PyRuntime

static inline uint32_t
_PyLockdown_RefusedAnywhere(void)
{
    return _Py_atomic_load_uint32_relaxed(&_PyRuntime.lockdown.refused_anywhere);
}

/* lockdown.c */
extern PyStatus _PyLockdown_InitRuntime(PyInterpreterState *interp);
extern PyStatus _PyLockdown_InitInterp(PyInterpreterState *interp);
extern void _PyLockdown_FiniInterp(PyInterpreterState *interp);
extern void _PyLockdown_Inherit(PyInterpreterState *interp,
                                PyInterpreterState *creator);
extern void _PyLockdown_BeginStream(void);
extern void _PyLockdown_EndStream(void);
extern PyObject *_PyLockdown_NewEnviron(void);
extern int _PyLockdown_IsSafeModule(PyObject *name);
extern PyObject *_PyLockdown_SafeModules(void);
extern PyObject *_PyLockdown_UpstreamText(void);

/* lockdown_numbers.c */
extern void _PyLockdown_FiniNumbers(PyInterpreterState *interp);

/* lockdown_family.c */
extern void _PyLockdown_EnterFamily(PyInterpreterState *interp,
                                    PyInterpreterState *creator);
extern PyStatus _PyLockdown_InitImportConfig(PyInterpreterState *interp);
extern void _PyLockdown_WaitForThreads(PyThreadState *tstate);
PyAPI_FUNC(int) _PyLockdown_RefuseConfig(const PyInterpreterConfig *config);
PyAPI_FUNC(PyObject *) _PyLockdown_NewModule(PyModuleDef *def);
PyAPI_FUNC(int) _PyLockdown_ReadyStaticTypes(void);

/* lockdown_threads.c */
extern int _PyLockdown_CheckThreads(PyInterpreterState *interp);
struct _PyLockdown_numbers;
extern struct _PyLockdown_numbers *_PyLockdown_PrepareNumbers(
    PyInterpreterState *interp, uint32_t refuse);
extern void _PyLockdown_RunNumbers(PyInterpreterState *interp,
                                   struct _PyLockdown_numbers *numbers);
extern void _PyLockdown_FinishNumbers(struct _PyLockdown_numbers *numbers);

/* lockdown_scrub.c */
struct _PyLockdown_scrub;
extern struct _PyLockdown_scrub *_PyLockdown_PrepareScrub(uint32_t refuse, int late);
extern void _PyLockdown_RunScrub(struct _PyLockdown_scrub *scrub);
extern void _PyLockdown_FinishScrub(struct _PyLockdown_scrub *scrub, int done);

/* lockdown_search.c */
extern int _PyLockdown_AddPaths(struct _PyLockdown_scrub *scrub);

/* lockdown_paths.c */
extern PyStatus _PyLockdown_InitPaths(PyInterpreterState *interp);
extern void _PyLockdown_HideOldCode(PyInterpreterState *interp);
/* The file that a code object shows, a borrowed reference.  The first needs no
   thread state and allocates nothing. */
extern PyObject *_PyLockdown_FilenameIn(PyInterpreterState *interp,
                                        PyCodeObject *code);
extern PyObject *_PyLockdown_Filename(PyCodeObject *code);

/* lockdown_libraries.c: before the lock, have libraries read what they read once. */
extern int _PyLockdown_SettleLibraries(void);

/* lockdown_rights.c */
extern PyObject *_PyLockdown_WordsOf(uint32_t rights);

/* lockdown_errors.c */
extern PyStatus _PyLockdown_InitErrors(PyInterpreterState *interp);
extern void _PyLockdown_FiniErrors(PyInterpreterState *interp);
extern void _PyLockdown_RaiseRefusal(PyInterpreterState *interp,
                                     const char *right, const char *operation);
extern void _PyLockdown_RaiseGivenBack(PyInterpreterState *interp,
                                       uint32_t rights);
extern int _PyLockdown_RefuseImport(PyObject *name);

/* frozen_safe.c, which Programs/freeze_safe.py makes */
extern int _PyImport_FindFrozenSafe(const char *name, struct _frozen *found);

/* lockdown_address.c */
extern PyStatus _PyLockdown_InitKeys(void);

/* lockdown_start.c */
extern PyStatus _PyLockdown_ReadRequest(const PyConfig *config);
extern int _PyLockdown_UseSafeFrozen(void);
extern int _PyLockdown_ArmProgram(void);
extern int _PyLockdown_EnterProgram(void);

/* lockdown.c: for a process whose forks lock the rest at once, and that makes
   nothing in between which tells of the outside: what lies in its memory is
   scrubbed as if nothing were kept, here and not in each fork. */
extern int _PyLockdown_EnterForForks(uint32_t keep);
extern int _PyLockdown_ParseProgram(FILE *file, PyObject *filename, int start,
                                    PyCompilerFlags *flags, struct _arena *arena,
                                    struct _mod **mod);
extern void _PyLockdown_KeepProgramText(PyObject *text);
extern int _PyLockdown_EnterArmedProgram(PyCodeObject *code);
extern PyObject *_PyLockdown_WhyNotPackage(PyObject *name);

#else  /* an extension module that sees the public API only */

static inline uint32_t
_PyLockdown_RefusedAnywhere(void)
{
    return ~(uint32_t)0;
}

#endif

/* The guard.  One relaxed load and one branch while nothing is locked. */
#define _PyLockdown_REFUSED(RIGHT) \
    (_PyLockdown_RefusedAnywhere() != 0 \
     && _PyLockdown_Refuse(Py_LOCKDOWN_##RIGHT, __func__))

/* The guard of a right that hangs on arguments: NAME(arguments) of the
   functions below says which rights this call needs. */
#define _PyLockdown_REFUSED_FOR(CALL) \
    (_PyLockdown_RefusedAnywhere() != 0 \
     && _PyLockdown_Refuse(_PyLockdown_right_##CALL, __func__))

/* For what is hidden rather than refused: sets no exception. */
#define _PyLockdown_HIDES(RIGHT) \
    (_PyLockdown_RefusedAnywhere() != 0 \
     && _PyLockdown_IsRefused(Py_LOCKDOWN_##RIGHT))

/* PLAIN opens by a path, or asks about one; where paths must lead to files JUDGED does
   it, a function of lockdown_special.c, which may say that this one does not.
   FUNCTION is the C function of the call's row. */
#define _PyLockdown_SPECIAL (-2)
#ifdef __linux__
#  define _PyLockdown_JUDGED(FUNCTION, JUDGED, PLAIN) \
    (_PyLockdown_RefusedAnywhere() != 0 \
     && _PyLockdown_WouldRefuse(Py_LOCKDOWN_FS_SPECIAL, FUNCTION) ? JUDGED : PLAIN)
#else
#  define _PyLockdown_JUDGED(FUNCTION, JUDGED, PLAIN) PLAIN
#endif
/* True, with the exception set, if it was so. */
#define _PyLockdown_WAS_SPECIAL(FUNCTION, IS_SPECIAL) \
    ((IS_SPECIAL) && _PyLockdown_Refuse(Py_LOCKDOWN_FS_SPECIAL, FUNCTION))

/* lockdown_rights.c: each returns the rights that one call needs, 0 for none.
   In the order of that file. */
// operating system
/* @both(FD,ENV) and @either(FD,PROC): the same for every call. */
#define _PyLockdown_right_both(ONE, OTHER) \
    (Py_LOCKDOWN_##ONE | Py_LOCKDOWN_##OTHER)
#define _PyLockdown_right_either(ONE, OTHER) \
    _PyLockdown_Either(Py_LOCKDOWN_##ONE | Py_LOCKDOWN_##OTHER)
PyAPI_FUNC(uint32_t) _PyLockdown_Either(uint32_t rights);
/* @faulty(condition): a call that no program has a use for, and that upstream
   answers by reading, writing or running memory which is not there. */
#define _PyLockdown_right_faulty(CONDITION) \
    ((CONDITION) ? Py_LOCKDOWN_CODE : 0)
/* @named(file): for a library that has a file of its own, by the environment. */
#define _PyLockdown_right_named(FILE) \
    ((FILE) == Py_None ? Py_LOCKDOWN_FS_SPECIAL : 0)
PyAPI_FUNC(uint32_t) _PyLockdown_right_open_flags(int flags);
PyAPI_FUNC(uint32_t) _PyLockdown_right_process_seen(long long pid);
PyAPI_FUNC(uint32_t) _PyLockdown_right_clock(long long clock);
PyAPI_FUNC(uint32_t) _PyLockdown_right_clock_args(PyObject *args);
PyAPI_FUNC(uint32_t) _PyLockdown_right_fcntl(int command, PyObject *arg);
PyAPI_FUNC(uint32_t) _PyLockdown_right_ioctl(unsigned int command);
PyAPI_FUNC(uint32_t) _PyLockdown_right_mmap_new(PyObject *args,
                                                PyObject *kwargs);
PyAPI_FUNC(uint32_t) _PyLockdown_right_kqueue_changes(PyObject *changelist);
PyAPI_FUNC(uint32_t) _PyLockdown_right_environment(PyObject *name,
                                                   PyObject *value);
PyAPI_FUNC(uint32_t) _PyLockdown_right_semaphore(const char *name);
// files, sockets, imports
PyAPI_FUNC(uint32_t) _PyLockdown_right_open(PyObject *file, const char *mode,
                                          PyObject *opener);
PyAPI_FUNC(uint32_t) _PyLockdown_right_database(const char *flags);
PyAPI_FUNC(uint32_t) _PyLockdown_right_certificates(PyObject *file,
                                                    PyObject *folder);
PyAPI_FUNC(uint32_t) _PyLockdown_right_setsockopt(PyObject *args);
PyAPI_FUNC(uint32_t) _PyLockdown_right_code_replace(PyCodeObject *code,
                                                    PyObject *const *args,
                                                    Py_ssize_t nargs,
                                                    PyObject *kwnames);
PyAPI_FUNC(uint32_t) _PyLockdown_right_stack_trampoline(void);
PyAPI_FUNC(uint32_t) _PyLockdown_right_setlocale(int category, const char *locale);
PyAPI_FUNC(uint32_t) _PyLockdown_right_hooked(PyObject *function, int hooked);
PyAPI_FUNC(uint32_t) _PyLockdown_right_builtin(PyObject *name);
PyAPI_FUNC(uint32_t) _PyLockdown_right_frozen_data(PyObject *data);

/* lockdown_libraries.c: the same, in the order of that file. */
PyAPI_FUNC(uint32_t) _PyLockdown_right_sendmsg(PyObject *args);
PyAPI_FUNC(uint32_t) _PyLockdown_right_recvmsg(PyObject *args);
PyAPI_FUNC(uint32_t) _PyLockdown_right_getsockopt(PyObject *args);
PyAPI_FUNC(uint32_t) _PyLockdown_right_keylog(PyObject *filename);
PyAPI_FUNC(uint32_t) _PyLockdown_right_field(PyObject *instance);
/* All rights that SQL can need. */
#define _PyLockdown_SQL_RIGHTS \
    (Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE | Py_LOCKDOWN_IMPORT \
     | Py_LOCKDOWN_ENV | Py_LOCKDOWN_CODE)
PyAPI_FUNC(uint32_t) _PyLockdown_right_sql(int action, const char *what,
                                           const char *which);
PyAPI_FUNC(uint32_t) _PyLockdown_right_authorizer(void);
PyAPI_FUNC(uint32_t) _PyLockdown_right_deserialize(void);

/* lockdown_numbers.c */
PyAPI_FUNC(uint32_t) _PyLockdown_right_number(int fd);
PyAPI_FUNC(uint32_t) _PyLockdown_right_pair(PyObject *args);
PyAPI_FUNC(uint32_t) _PyLockdown_right_socket(PyObject *fileno);
PyAPI_FUNC(uint32_t) _PyLockdown_right_wakeup(PyObject *number);

/* lockdown_family.c: @family(RIGHT,args,kwargs) */
#define _PyLockdown_right_family(RIGHT, ARGS, KWARGS) \
    _PyLockdown_RightOfFamily(Py_LOCKDOWN_##RIGHT, ARGS, KWARGS)
PyAPI_FUNC(uint32_t) _PyLockdown_RightOfFamily(uint32_t right, PyObject *args,
                                               PyObject *kwargs);
/* @mailbox(QUEUE,args,kwds) and @mailbox(CHANNEL,args,kwds) */
#define _PyLockdown_right_mailbox(KIND, ARGS, KWARGS) \
    _PyLockdown_RightOfMailbox(_PyLockdown_##KIND, ARGS, KWARGS)
PyAPI_FUNC(uint32_t) _PyLockdown_RightOfMailbox(
    enum _PyLockdown_mailbox_kind kind, PyObject *args, PyObject *kwargs);

/* lockdown_special.c: @place(path,dir_fd,follows) is for a path_t of posixmodule.c,
   which then leads to what was judged; @changed() for what a device has as well;
   @asked() for a call that answers instead of raising; @made(path,dir_fd) where the
   last name is new, @node(path,dir_fd,mode) if it may be a device; @moved() for one
   of each; @file(path,suffix) for one that a library opens. */
enum {
    _PyLockdown_FOLLOWS = 1,        // the last name, if it is a link
    _PyLockdown_MAY_MISS = 2,       // the last name, as it is going to be made
    _PyLockdown_ASKS = 4,           // a path that leads nowhere is no error
    _PyLockdown_NO_DEVICE = 8,      // a device is judged too
};
#ifdef __linux__
#  define _PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, HOW, OBJECT, OBJECT2) \
    _PyLockdown_RightOfPath(__func__, &(PATH)->narrow, &(PATH)->cleanup, \
                            DIR_FD, HOW, OBJECT, OBJECT2)
#  define _PyLockdown_right_file(PATH, SUFFIX) \
    _PyLockdown_RightOfFile(__func__, PATH, SUFFIX)
#else
#  define _PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, HOW, OBJECT, OBJECT2) 0
#  define _PyLockdown_right_file(PATH, SUFFIX) 0
#endif
/* The same in patches, where no row can stand; FUNCTION is the C function of the
   call's row.  True, with the exception set, if the path leads to what is no file;
   HOLDS has PATH lead to what was judged, for as long as BYTES lives. */
#ifdef __linux__
#  define _PyLockdown_LEADS_ASTRAY(FUNCTION, PATH) \
    (_PyLockdown_RefusedAnywhere() != 0 \
     && _PyLockdown_Refuse(_PyLockdown_RightOfFile(FUNCTION, PATH, ""), FUNCTION))
#  define _PyLockdown_HOLDS_ASTRAY(FUNCTION, PATH, BYTES, OBJECT) \
    (_PyLockdown_RefusedAnywhere() != 0 \
     && _PyLockdown_Refuse(_PyLockdown_RightOfPath(FUNCTION, &PATH, &BYTES, AT_FDCWD, \
                                                   _PyLockdown_FOLLOWS \
                                                   | _PyLockdown_NO_DEVICE, \
                                                   OBJECT, NULL), \
                           FUNCTION))
#else
#  define _PyLockdown_LEADS_ASTRAY(FUNCTION, PATH) 0
#  define _PyLockdown_HOLDS_ASTRAY(FUNCTION, PATH, BYTES, OBJECT) 0
#endif
/* The files of a database of ndbm, by what it may be built on. */
#define _PyLockdown_right_ndbm(PATH) \
    (_PyLockdown_right_file(PATH, ".pag") | _PyLockdown_right_file(PATH, ".dir") \
     | _PyLockdown_right_file(PATH, ".db"))
#define _PyLockdown_right_place(PATH, DIR_FD, FOLLOWS) \
    _PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, (FOLLOWS) ? _PyLockdown_FOLLOWS : 0, \
                              (PATH)->object, NULL)
#define _PyLockdown_right_changed(PATH, DIR_FD, FOLLOWS) \
    _PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, _PyLockdown_NO_DEVICE \
                              | ((FOLLOWS) ? _PyLockdown_FOLLOWS : 0), \
                              (PATH)->object, NULL)
#define _PyLockdown_right_asked(PATH, DIR_FD, FOLLOWS) \
    _PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, _PyLockdown_ASKS \
                              | ((FOLLOWS) ? _PyLockdown_FOLLOWS : 0), \
                              (PATH)->object, NULL)
#define _PyLockdown_right_made(PATH, DIR_FD) \
    _PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, _PyLockdown_MAY_MISS, \
                              (PATH)->object, NULL)
#define _PyLockdown_right_node(PATH, DIR_FD, MODE) \
    (S_ISCHR(MODE) || S_ISBLK(MODE) ? Py_LOCKDOWN_FS_SPECIAL \
                                    : _PyLockdown_right_made(PATH, DIR_FD))
#define _PyLockdown_right_moved(PATH, DIR_FD, FOLLOWS, MADE, MADE_DIR_FD) \
    (_PyLockdown_RIGHT_OF_PATH(PATH, DIR_FD, (FOLLOWS) ? _PyLockdown_FOLLOWS : 0, \
                               (PATH)->object, (MADE)->object) \
     | _PyLockdown_RIGHT_OF_PATH(MADE, MADE_DIR_FD, _PyLockdown_MAY_MISS, \
                                 (PATH)->object, (MADE)->object))
PyAPI_FUNC(uint32_t) _PyLockdown_RightOfPath(
    const char *function, const char **path, PyObject **cleanup, int dir_fd, int how,
    PyObject *object, PyObject *object2);
PyAPI_FUNC(uint32_t) _PyLockdown_RightOfFile(const char *function,
                                             const char *path, const char *suffix);

/* lockdown_memory.c */
extern void _PyLockdown_NoteReleaser(PyObject *garbage);
extern int _PyLockdown_IsNotedGarbage(PyObject *op);

/* Locked, garbage that would be called when its buffer is released is noted before any garbage is
   cleared, and is not called while it is. */
static inline void
_PyLockdown_NoteGarbage(PyObject *op)
{
    if (_PyLockdown_RefusedAnywhere()) {
        _PyLockdown_NoteReleaser(op);
    }
}

static inline int
_PyLockdown_IsClearedGarbage(PyObject *op)
{
    return _PyLockdown_RefusedAnywhere() && _PyLockdown_IsNotedGarbage(op);
}
PyAPI_FUNC(uint32_t) _PyLockdown_right_unpacker(PyObject *unpack);

#ifdef __cplusplus
}
#endif
#endif /* !Py_INTERNAL_LOCKDOWN_H */
