/* Lockdown: the kernel ring on Linux, a seccomp filter over all threads and a
   Landlock domain, by direct system calls.

   Prepare finds out what the kernel has by doing it, in a thread that ends at
   once: what a thread gives up is its own until the end, and nothing of it is
   left.  Apply does it for good. */

#include "Python.h"
#include "pycore_ceval.h"         // _PyIsPerfTrampolineActive()
#include "pycore_initconfig.h"    // _PyInterpreterState_GetConfig()
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown_ring.h"
#include "pycore_pystate.h"       // _PyInterpreterState_GET()
#include "pycore_runtime.h"       // _PyRuntime

#ifdef LOCKDOWN_RING_LINUX

#include <errno.h>
#include <pthread.h>
#include <sched.h>                // sched_yield()
#include <signal.h>               // sigfillset()
#include <sys/prctl.h>            // PR_SET_NO_NEW_PRIVS
#include <sys/resource.h>         // RLIMIT_CORE
#include <sys/syscall.h>          // syscall()
#include <unistd.h>

#include <linux/capability.h>     // CAP_NET_ADMIN
#include <linux/filter.h>         // struct sock_filter
#include <linux/seccomp.h>        // SECCOMP_SET_MODE_FILTER

#define CREATE_RULESET_VERSION 1
#define RESTRICT_SELF_SYNC     8        // for all threads

struct _PyLockdown_ring {
    uint32_t keep;
    int required;
    int level;              // what it will be if the kernel does as it said
    int ruleset;            // a descriptor, or -1: no Landlock
    uint32_t sync;          // flags of landlock_restrict_self()
    int arenas;             // how many the allocator may make
    size_t length;
    struct sock_filter code[LOCKDOWN_FILTER_ROOM];
};

/* ---- errors ------------------------------------------------------------------- */

/* Something cannot be had: an error if it is required, else a lower level. */
static int
cannot(struct _PyLockdown_ring *ring, int level, const char *why, int error)
{
    if (!ring->required) {
        ring->level = Py_MIN(ring->level, level);
        return 0;
    }
    PyObject *exception = _PyInterpreterState_GET()->lockdown.error;
    if (error != 0) {
        PyErr_Format(exception, "kernel=\"require\": %s: %s", why, strerror(error));
    }
    else {
        PyErr_Format(exception, "kernel=\"require\": %s", why);
    }
    return -1;
}

/* ---- a thread that tries ----------------------------------------------------------- */

/* A process may have little memory left, and the threads here do little. */
#define THREAD_STACK (256 << 10)

/* Run a function in a thread of its own and wait for its end; returns an errno.
   No signal of the process is handled there. */
static int
run_in_thread(void *(*function)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    (void)pthread_attr_setstacksize(&attributes, THREAD_STACK);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error == 0) {
        error = pthread_create(&thread, &attributes, function, arg);
        if (error == 0) {
            error = pthread_join(thread, NULL);
        }
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return error;
}

/* ---- the two system calls ------------------------------------------------------- */

/* Returns an errno.  Without SYNC the filter is the calling thread's alone. */
static int
set_filter(const struct _PyLockdown_ring *ring, unsigned int flags)
{
    struct sock_fprog program = {
        .len = (unsigned short)ring->length,
        .filter = (struct sock_filter *)ring->code,
    };
    // What the kernel would do by itself against guesses of the processor makes
    // Python slower, and locked code may time its own memory anyway.
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                          flags | LOCKDOWN_FILTER_SPEC_ALLOW, &program);
    if (result > 0) {
        return EBUSY;       // the thread of that number has its own filter
    }
    return result == 0 ? 0 : errno;
}

static int
restrict_files(const struct _PyLockdown_ring *ring, uint32_t flags)
{
    return syscall(SYS_landlock_restrict_self, ring->ruleset, flags) == 0
           ? 0 : errno;
}

/* A superuser's socket that asks for the names of interfaces could change them as
   well, by a message that no filter reads. */
static int
give_up_interfaces(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    const uint32_t bit = UINT32_C(1) << CAP_NET_ADMIN;
    if (_PyRuntime.lockdown.kernel_calls
        && !(_PyRuntime.lockdown.kernel_keep & Py_LOCKDOWN_NET))
    {
        return 0;           // an earlier lock has done so, and the ring lets nobody ask
    }
    if (syscall(SYS_capget, &head, sets) != 0) {
        return errno;
    }
    if (!(sets[0].permitted & bit)) {
        return 0;
    }
    sets[0].effective &= ~bit;
    sets[0].permitted &= ~bit;
    sets[0].inheritable &= ~bit;
    return syscall(SYS_capset, &head, sets) == 0 ? 0 : errno;
}

static int
give_up_privileges(const struct _PyLockdown_ring *ring)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return errno;
    }
    return (ring->keep & (Py_LOCKDOWN_ENV | Py_LOCKDOWN_NET | Py_LOCKDOWN_PROC))
           == Py_LOCKDOWN_ENV ? give_up_interfaces() : 0;
}

/* What a trial found, as errnos. */
struct trial {
    const struct _PyLockdown_ring *ring;
    pid_t thread;
    int privileges;
    int files;
    int filter;
};

static void *
try_ring(void *arg)
{
    struct trial *trial = arg;
    trial->thread = (pid_t)syscall(SYS_gettid);
    trial->privileges = give_up_privileges(trial->ring);
    if (trial->ring->ruleset >= 0) {
        trial->files = restrict_files(trial->ring, 0);
    }
    trial->filter = set_filter(trial->ring, 0);
    return NULL;
}

/* A thread that was joined is in the kernel's list a little longer, and would be
   taken for one with a filter of its own. */
static void
wait_until_gone(pid_t thread)
{
    for (int i = 0; i < 10000; i++) {
        if (syscall(SYS_tgkill, getpid(), thread, 0) != 0) {
            return;
        }
        sched_yield();
    }
}

/* ---- Landlock -------------------------------------------------------------------- */

/* Make the ruleset; 0, or -1 with an exception if it is required. */
static int
prepare_files(struct _PyLockdown_ring *ring)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
                       CREATE_RULESET_VERSION);
    if (abi < LANDLOCK_FILES) {
        return cannot(ring, LOCKDOWN_LEVEL_CALLS,
                      "this kernel has no Landlock, or a sandbox around the "
                      "process does not let it use it", abi < 0 ? errno : 0);
    }
    if (abi < LANDLOCK_SCOPES) {
        ring->level = Py_MIN(ring->level, LOCKDOWN_LEVEL_FILES);
    }
    ring->sync = abi >= LANDLOCK_SYNC ? RESTRICT_SELF_SYNC : 0;
    if (abi < LANDLOCK_REFER && (ring->keep & Py_LOCKDOWN_FS_WRITE)) {
        return cannot(ring, LOCKDOWN_LEVEL_CALLS, "with \"fs.write\" kept, this "
                      "kernel's Landlock would let no file be moved", 0);
    }
    if (ring->sync == 0 && !_PyLockdown_IsOnlyThread()) {
        return cannot(ring, LOCKDOWN_LEVEL_CALLS,
                      "there is more than one thread, and this kernel's Landlock "
                      "holds only the one that calls it; lock before threads are "
                      "started", 0);
    }
    int ruleset;
    int error = _PyLockdown_MakeRuleset(ring->keep, (int)abi, &ruleset);
    if (error != 0) {
        return cannot(ring, LOCKDOWN_LEVEL_CALLS,
                      "the kernel refuses a Landlock ruleset", error);
    }
    ring->ruleset = ruleset;
    return 0;
}

/* ---- prepare ---------------------------------------------------------------------- */

/* Does something in this interpreter make machine code as it runs? */
static const char *
makes_code(uint32_t keep)
{
    if (keep & Py_LOCKDOWN_CODE) {
        return NULL;        // then that is what was kept
    }
#ifdef _Py_JIT
    return "this interpreter has a JIT, which needs memory to be executable";
#endif
#ifdef PY_HAVE_PERF_TRAMPOLINE
    if (_PyIsPerfTrampolineActive()) {
        return "the perf trampoline needs memory to be executable";
    }
#endif
    return NULL;
}

/* Does the process have something from before that a ring does not hold? */
static const char *
found_before(uint32_t keep)
{
    const struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    if (!state->kernel_calls) {
        return _PyLockdown_FindBefore(keep);
    }
    // A ring that stands lets nobody look, and nothing of the kind be made.
    return state->kernel < LOCKDOWN_LEVEL_CALLS
           ? "the ring that stands has reached no more than level 1" : NULL;
}

/* Find out whether the kernel does what is wanted of it; 0, or -1 with an exception
   if it does not and it is required. */
static int
try_kernel(struct _PyLockdown_ring *ring, int standing)
{
    if (!standing) {
        _PyLockdown_WarmUp();
    }
    struct trial trial = {.ring = ring};
    int error = run_in_thread(try_ring, &trial);
    if (error != 0) {
        return cannot(ring, LOCKDOWN_LEVEL_NONE, "no thread can be started to try "
                      "the kernel", error);
    }
    wait_until_gone(trial.thread);
    if (trial.privileges != 0 || trial.filter != 0) {
        return cannot(ring, LOCKDOWN_LEVEL_NONE,
                      "this kernel has no seccomp filters, or a sandbox around "
                      "the process does not let it make one",
                      trial.privileges ? trial.privileges : trial.filter);
    }
    if (trial.files != 0) {
        close(ring->ruleset);
        ring->ruleset = -1;
        if (cannot(ring, LOCKDOWN_LEVEL_CALLS, "the kernel refuses a Landlock "
                   "domain", trial.files) < 0)
        {
            return -1;
        }
    }
    return 0;
}

static int
prepare(struct _PyLockdown_ring *ring, int processors)
{
    _PyLockdown_filter wanted = {.keep = ring->keep, .self = (uint32_t)getpid()};
    if (ring->keep & Py_LOCKDOWN_PROC) {
        if (cannot(ring, LOCKDOWN_LEVEL_PARTIAL, "with \"proc\" kept, programs "
                   "that are started would be held by the ring too", 0) < 0)
        {
            return -1;
        }
        wanted.partial = 1;
    }
    const char *code_maker = makes_code(ring->keep);
    if (code_maker != NULL) {
        if (cannot(ring, LOCKDOWN_LEVEL_PARTIAL, code_maker, 0) < 0) {
            return -1;
        }
        wanted.executable = 1;
    }
    const char *past = found_before(ring->keep);
    if (past != NULL && cannot(ring, LOCKDOWN_LEVEL_PARTIAL, past, 0) < 0) {
        return -1;
    }
#ifdef LOCKDOWN_MUTANT
    wanted.trap = _PyLockdown_PrepareWitness();
    if (wanted.trap) {
        ring->level = Py_MIN(ring->level, LOCKDOWN_LEVEL_CALLS);
    }
#endif
    ring->length = _PyLockdown_BuildFilter(&wanted, ring->code,
                                           Py_ARRAY_LENGTH(ring->code));
    if (ring->length == 0) {
        Py_FatalError("lockdown: the filter's program is too long");
    }
    if (!wanted.partial && !wanted.trap && prepare_files(ring) < 0) {
        return -1;
    }
    if ((ring->keep & (Py_LOCKDOWN_ENV | Py_LOCKDOWN_NET)) != 0
        && (ring->keep & (Py_LOCKDOWN_IMPORT | Py_LOCKDOWN_CODE)) == 0 && !wanted.partial)
    {
        _PyLockdown_LoadNameServices();
    }
    int standing = _PyRuntime.lockdown.kernel > 0;
    // What a fork's parent could do, a fork can.
    if ((ring->ruleset < 0 || !_PyRuntime.lockdown.ring_tried)
        && try_kernel(ring, standing) < 0)
    {
        return -1;
    }
    // A ring that stands was put over all threads alike.
    if (!standing && !_PyLockdown_IsOnlyThread()) {
        int agree = _PyLockdown_ThreadsAgree();
        if (agree == 0 || (agree < 0 && ring->required)) {
            return cannot(ring, LOCKDOWN_LEVEL_NONE,
                          agree == 0 ? "a thread has a filter of its own"
                          : "without /proc it cannot be told whether threads "
                            "have filters of their own", 0);
        }
    }
    // Eight for each processor, as glibc does.
    ring->arenas = 8 * Py_MAX(processors, 1);
    return 0;
}

int
_PyLockdown_PrepareRing(uint32_t keep, int kernel, int processors,
                        struct _PyLockdown_ring **result)
{
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    *result = NULL;
    // A ring that stands goes with each later lock.
    if (kernel == Py_LOCKDOWN_KERNEL_OFF && state->kernel == 0) {
        return 0;
    }
    int required = kernel == Py_LOCKDOWN_KERNEL_REQUIRE;
    if (state->kernel > 0 && keep == state->kernel_keep
        && (!required || state->kernel >= LOCKDOWN_LEVEL_REQUIRED))
    {
        return 0;       // it stands as it is wanted
    }
    struct _PyLockdown_ring *ring = PyMem_RawCalloc(1, sizeof(*ring));
    if (ring == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    ring->keep = keep;
    ring->required = required;
    ring->level = LOCKDOWN_LEVEL_SCOPES;
    ring->ruleset = -1;
    if (prepare(ring, processors) < 0) {
        _PyLockdown_FreeRing(ring);
        return -1;
    }
    *result = ring;
    return 0;
}

int
_PyLockdown_TryForForks(void)
{
    struct _PyLockdown_ring *ring;
    if (_PyLockdown_PrepareRing(0, Py_LOCKDOWN_KERNEL_TRY, 1, &ring) < 0) {
        return -1;
    }
    if (ring != NULL && ring->ruleset >= 0 && ring->level > LOCKDOWN_LEVEL_NONE) {
        _PyRuntime.lockdown.ring_tried = 1;
    }
    _PyLockdown_FreeRing(ring);
    return 0;
}

void
_PyLockdown_FreeRing(struct _PyLockdown_ring *ring)
{
    if (ring != NULL) {
        if (ring->ruleset >= 0) {
            close(ring->ruleset);
        }
        PyMem_RawFree(ring);
    }
}

/* ---- apply ------------------------------------------------------------------------ */

/* A process that is ended by a signal leaves a file with all that its memory
   holds.  With a limit of 1 the kernel writes none, and tells no program. */
static int
hold_core(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0) {
        return errno;
    }
    limit.rlim_cur = Py_MIN(limit.rlim_max, 1);
    return setrlimit(RLIMIT_CORE, &limit) == 0 ? 0 : errno;
}

static int
apply(struct _PyLockdown_ring *ring)
{
    int error = 0;
    if (!(ring->keep & Py_LOCKDOWN_PROC)) {
        error = _PyLockdown_HoldLibrary(ring->arenas);
        // A ring that stands lets no limit be changed.
        if (error == 0 && !_PyRuntime.lockdown.kernel_calls) {
            error = hold_core();
        }
    }
    if (error == 0) {
        error = give_up_privileges(ring);
    }
    if (error == 0 && ring->ruleset >= 0) {
        // A thread may have been started since by code that holds no GIL.
        if (!ring->sync && !_PyLockdown_IsOnlyThread()) {
            error = EBUSY;
        }
        else {
            error = restrict_files(ring, ring->sync);
        }
        close(ring->ruleset);
        ring->ruleset = -1;
        if (error == 0) {
            _PyRuntime.lockdown.kernel_files = 1;
        }
        else if (!ring->required) {
            ring->level = Py_MIN(ring->level, LOCKDOWN_LEVEL_CALLS);
            error = 0;
        }
    }
    if (error == 0) {
        error = set_filter(ring, LOCKDOWN_FILTER_SYNC);
    }
    if (error == 0 && !(ring->keep & Py_LOCKDOWN_PROC)) {
        _PyRuntime.lockdown.kernel_calls = 1;
    }
    return error;
}

void
_PyLockdown_ApplyRing(struct _PyLockdown_ring *ring)
{
    if (ring == NULL) {
        return;
    }
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    int level = ring->level;
    if (level > 0) {
        int error = apply(ring);
        level = error == 0 ? ring->level : LOCKDOWN_LEVEL_NONE;
        if (error != 0 && ring->required) {
            // It was tried a moment ago, and there is no way back from the flip.
            Py_FatalError("lockdown: the kernel ring cannot be put up");
        }
    }
    state->kernel = level;
    state->kernel_keep = ring->keep;
}

#endif /* LOCKDOWN_RING_LINUX */
