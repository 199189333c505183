/* Lockdown: which system calls the kernel ring leaves open on Linux, as tables.

   A filter sees a call's number and its arguments as numbers.  It cannot follow
   a pointer, so a path, an address or a message's head is not judged here. */

#include "Python.h"
#include "pycore_lockdown_ring.h"

#ifdef LOCKDOWN_RING_LINUX

#include <errno.h>
#include <sys/mman.h>             // PROT_EXEC
#include <sys/socket.h>           // AF_UNIX

#include <linux/seccomp.h>        // SECCOMP_RET_ALLOW

#include "lockdown_linux_rules.h"

// What Debian 12's headers, or those of other C libraries, may lack.
#ifndef SECCOMP_RET_KILL_PROCESS
#  define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

static const struct {
    const char *name;
    short number;
} calls[CALL_COUNT] = {
#ifdef __x86_64__
#  define CALL(name, x86, arm) {#name, x86},
#else
#  define CALL(name, x86, arm) {#name, arm},
#endif
    LOCKDOWN_CALLS(CALL)
#undef CALL
};

typedef _PyLockdown_rule rule;

/* ---- open whatever is kept --------------------------------------------------- */

/* Descriptors are what the process holds.  A filter cannot tell a number that
   code has guessed from an object that it was given: the first ring does. */
static const rule held_descriptors[] = {
    ANY(close),
    // asyncio parks a number that was closed on a socket of its own.
    ANY(dup3),
    // How locks are taken and freed in an open database; reading flags.
    ANY(flock),
    {CALL_fcntl, {IN_SET(1, 0, BIT(1) | BIT(3) | BIT(5) | BIT(6) | BIT(7))}},
    {CALL_fcntl, {IN_SET(1, 36, BIT(0) | BIT(1) | BIT(2))}},     // F_OFD_*
    ANY(fdatasync),
    ANY(fstat),
    ANY(fsync),
    ANY(ftruncate),
    ANY(getdents64),
    // isatty(), a terminal's size and modes (curses, readline, getpass), what can be
    // read, and the timeouts of sockets.
    {CALL_ioctl, {IN_SET(1, 0x5401, BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(8)
                         | BIT(9) | BIT(10) | BIT(18) | BIT(26))}},
    // Another size has a signal sent to all who use the terminal.  readline writes
    // back the one that it has read, and does not ask how that went.
    {.call = CALL_ioctl, .tests = {IS(1, 0x5414)}, .refuses = 1},
    {CALL_ioctl, {IS(1, 0x5421)}},                               // FIONBIO
    {CALL_ioctl, {IS(1, 0x5451)}},                               // FIOCLEX
    ANY(lseek),
    ANY(pread64),
    ANY(preadv),
    ANY(preadv2),
    ANY(pwrite64),
    ANY(pwritev),
    ANY(pwritev2),
    ANY(read),
    ANY(readv),
    ANY(write),
    ANY(writev),
};

/* Waiting for them. */
static const rule waiting[] = {
    ANY(epoll_create1),
    ANY(epoll_ctl),
    ANY(epoll_pwait),
    ANY(epoll_pwait2),
    ANY(epoll_wait),
    ANY(poll),
    ANY(ppoll),
    ANY(pselect6),
    ANY(select),
};

/* Options that say how a connection carries its bytes (SO_KEEPALIVE, LINGER,
   OOBINLINE, RCVBUF, RCVTIMEO, SNDBUF, SNDTIMEO; TCP_CORK, KEEPCNT, KEEPIDLE,
   KEEPINTVL, NODELAY, QUICKACK, USER_TIMEOUT), as in lockdown_rights.c. */
#define TRANSPORT_OPTIONS (BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(13) | BIT(20) | BIT(21))
#define TCP_OPTIONS (BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(12) | BIT(18))
/* And how a socket is: SO_REUSEADDR, TYPE, ERROR, BROADCAST, REUSEPORT,
   ACCEPTCONN; PROTOCOL and DOMAIN. */
#define STATE_OPTIONS (BIT(2) | BIT(3) | BIT(4) | BIT(6) | BIT(15) | BIT(30))

/* Sockets that are connected, and a pair of them for a loop to wake itself.
   sendmsg() is not here, for its address and descriptors are behind a pointer:
   _PyLockdown_SendMessage() does without it. */
static const rule held_sockets[] = {
    ANY(getpeername),
    ANY(getsockname),
    {CALL_getsockopt, {IS(1, SOL_SOCKET),
                       IN_SET(2, 0, TRANSPORT_OPTIONS | STATE_OPTIONS)}},
    {CALL_getsockopt, {IS(1, SOL_SOCKET), IN_SET(2, 38, BIT(0) | BIT(1))}},
    {CALL_getsockopt, {IS(1, 6), IN_SET(2, 0, TCP_OPTIONS)}},
    ANY(recvfrom),
    ANY(recvmsg),
    {CALL_sendto, {IS_NULL(4)}},
    {CALL_setsockopt, {IS(1, SOL_SOCKET), IN_SET(2, 0, TRANSPORT_OPTIONS)}},
    {CALL_setsockopt, {IS(1, 6), IN_SET(2, 0, TCP_OPTIONS)}},
    ANY(shutdown),
    {CALL_socketpair, {IS(0, AF_UNIX),
                       WITHOUT(1, ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK | SOCK_STREAM)),
                       IS(2, 0)}},
};

/* Memory of the process's own, and that of files that it holds: data, never
   code. */
static const rule memory[] = {
    ANY(brk),
    // MADV_NORMAL to DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE, DONTDUMP, DODUMP:
    // what allocators say.  Others take pages from the whole machine.
    {CALL_madvise, {IN_SET(2, 0, 0x0003C11F)}},
    {CALL_mmap, {WITHOUT(2, PROT_EXEC)}},
    {CALL_mprotect, {WITHOUT(2, PROT_EXEC)}},
    ANY(mremap),
    ANY(msync),
    ANY(munmap),
};

/* The flags of a thread of the same process, as the C libraries start it: musl
   adds one that has no meaning any more. */
#define THREAD_FLAGS 0x003D0F00
#define CLONE_NO_MEANING 0x00400000

/* Waiting and waking, each for this process alone (128) or by memory that
   others share, some with the system's clock (256).  The rest are locks that
   pass priorities on: they take another's thread by its number, and tell
   whether there is one. */
#define FUTEX_CALLS (BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(9) | BIT(10))

static const rule threads[] = {
    {CALL_clone, {MASKED(0, ~(uint32_t)CLONE_NO_MEANING, THREAD_FLAGS)}},
    ANY(exit),
    ANY(exit_group),
    {CALL_futex, {IN_SET(1, 128, FUTEX_CALLS)}},
    {CALL_futex, {IN_SET(1, 128 + 256, FUTEX_CALLS)}},
    {CALL_futex, {IN_SET(1, 0, FUTEX_CALLS)}},
    {CALL_futex, {IN_SET(1, 256, FUTEX_CALLS)}},
    ANY(getcpu),
    ANY(gettid),
    ANY(restart_syscall),
    ANY(rseq),
    ANY(sched_get_priority_max),        // constants
    ANY(sched_get_priority_min),
    // On how many processors may we run: os.process_cpu_count() asks.
    {CALL_sched_getaffinity, {IS(0, 0)}},
    ANY(sched_yield),
    ANY(set_robust_list),
    ANY(set_tid_address),
};

/* Clocks with small numbers are the system's and the process's own; the others
   are those of other processes and of devices. */
static const rule clocks[] = {
    {CALL_clock_getres, {WITHOUT(0, ~UINT32_C(15))}},
    {CALL_clock_gettime, {WITHOUT(0, ~UINT32_C(15))}},
    {CALL_clock_nanosleep, {WITHOUT(0, ~UINT32_C(15))}},
    ANY(getitimer),
    ANY(getrandom),
    ANY(gettimeofday),
    ANY(nanosleep),
    ANY(time),
};

/* Signals that reach the process itself.  abort() and raise() ask for its id,
   so that one is told. */
static const rule own_signals[] = {
    ANY(getpid),
    {CALL_kill, {IS_SELF(0)}},
    ANY(pause),
    {CALL_prctl, {IN_SET(0, 0, BIT(15) | BIT(16))}},      // names of threads
    {CALL_prctl, {IS(0, 0x53564d41), IS(1, 0)}},          // names of memory
    ANY(rt_sigaction),
    ANY(rt_sigpending),
    ANY(rt_sigprocmask),
    ANY(rt_sigreturn),
    ANY(rt_sigsuspend),
    ANY(sigaltstack),
    {CALL_tgkill, {IS_SELF(0)}},
};

static const _PyLockdown_group groups[] = {
    GROUP(0, 0, held_descriptors),
    GROUP(0, 0, waiting),
    GROUP(0, 0, held_sockets),
    GROUP(0, 0, memory),
    GROUP(0, 0, threads),
    GROUP(0, 0, clocks),
    GROUP(0, 0, own_signals),
};

/* ---- refused otherwise than by EPERM ------------------------------------------ */

/* The C library does without these.  clone3() hides its flags from a filter:
   told that there is none, the library calls clone(). */
static const short unknown[] = {
    CALL_clone3, CALL_close_range, CALL_faccessat2, CALL_map_shadow_stack,
    CALL_membarrier, CALL_rseq, CALL_epoll_pwait2, CALL_fchmodat2,
};

/* No Python program asks for these by mistake: other programs and processes,
   the kernel's own machinery, new views of the system.  What asks is no longer
   Python, and ends. */
static const short fatal[] = {
    // other programs and new processes
    CALL_clone, CALL_execve, CALL_execveat, CALL_fork, CALL_vfork,
    // other processes' memory
    CALL_kcmp, CALL_pidfd_getfd, CALL_process_madvise, CALL_process_vm_readv,
    CALL_process_vm_writev, CALL_ptrace,
    // the kernel's own machinery
    CALL_bpf, CALL_perf_event_open, CALL_userfaultfd, CALL_io_uring_enter,
    CALL_io_uring_register, CALL_io_uring_setup, CALL_memfd_secret,
    CALL_add_key, CALL_keyctl, CALL_request_key, CALL_acct,
    CALL_init_module, CALL_finit_module, CALL_delete_module, CALL_kexec_load,
    CALL_kexec_file_load, CALL_reboot, CALL_swapon, CALL_swapoff, CALL_quotactl,
    CALL_quotactl_fd, CALL_iopl, CALL_ioperm, CALL_modify_ldt, CALL_personality,
    CALL_syslog, CALL_lookup_dcookie, CALL_nfsservctl, CALL_fanotify_init,
    CALL_vhangup,
    // files by their numbers, past every path
    CALL_open_by_handle_at, CALL_name_to_handle_at,
    // mounts and namespaces
    CALL_mount, CALL_umount2, CALL_mount_setattr, CALL_open_tree,
    CALL_move_mount, CALL_fsopen, CALL_fsconfig, CALL_fsmount, CALL_fspick,
    CALL_pivot_root, CALL_chroot, CALL_setns, CALL_unshare,
    CALL_sethostname, CALL_setdomainname,
    // commands beyond those above: injected terminal input, privileges
    CALL_ioctl, CALL_prctl,
    // the clock of the whole machine
    CALL_settimeofday, CALL_clock_settime, CALL_clock_adjtime, CALL_adjtimex,
};

/* Of those, what the programs need that a process which keeps proc starts. */
static const short for_programs[] = {
    CALL_clone, CALL_execve, CALL_execveat, CALL_fork, CALL_vfork, CALL_ioctl,
    CALL_prctl, CALL_personality, CALL_setns, CALL_unshare, CALL_chroot,
    CALL_name_to_handle_at, CALL_kcmp, CALL_sethostname, CALL_clock_adjtime,
    CALL_adjtimex,
};

/* ---- what the program asks -------------------------------------------------------- */

int
_PyLockdown_NumberOfCall(short call)
{
    return calls[call].number;
}

static int
is_in(short call, const short *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == call) {
            return 1;
        }
    }
    return 0;
}

static int
is_open(const _PyLockdown_filter *wanted, const _PyLockdown_group *group)
{
    // What makes machine code as it runs has what "code" opens.
    uint32_t all = wanted->keep | (wanted->executable ? Py_LOCKDOWN_CODE : 0);
    return (group->some == 0 || (group->some & wanted->keep) != 0)
           && (group->all & all) == group->all;
}

/* Note the rules of an open group: how many each call has, and with `fill` where
   they are. */
static void
note_group(const _PyLockdown_group *group, int fill, _PyLockdown_rules *found)
{
    for (size_t i = 0; i < group->count; i++) {
        const rule *one = &group->rules[i];
        if (one->tests[0].kind == NO_TEST) {
            found->open[one->call] = 1;
        }
        if (fill) {
            found->all[found->end[one->call]] = one;
        }
        found->end[one->call]++;
    }
}

int
_PyLockdown_FindRules(const _PyLockdown_filter *wanted, _PyLockdown_rules *found)
{
    memset(found, 0, sizeof(*found));
    // First how many each call has, then where they are.
    for (int fill = 0; fill < 2; fill++) {
        for (size_t i = 0; i < Py_ARRAY_LENGTH(groups); i++) {
            note_group(&groups[i], fill, found);
        }
        for (size_t i = 0; i < _PyLockdown_group_count; i++) {
            if (is_open(wanted, &_PyLockdown_groups_of_rights[i])) {
                note_group(&_PyLockdown_groups_of_rights[i], fill, found);
            }
        }
        unsigned short length = 0;
        for (short call = 0; fill == 0 && call < CALL_COUNT; call++) {
            unsigned short count = found->end[call];
            found->begin[call] = found->end[call] = length;
            length += count;
        }
        if (length > Py_ARRAY_LENGTH(found->all)) {
            return -1;
        }
    }
    return 0;
}

uint32_t
_PyLockdown_AnswerOtherwise(const _PyLockdown_filter *wanted, short call)
{
    if (is_in(call, unknown, Py_ARRAY_LENGTH(unknown))) {
        return SECCOMP_RET_ERRNO | ENOSYS;
    }
    // Libraries that tell names of users and hosts ask for more than they need.
    if ((wanted->keep & (Py_LOCKDOWN_CODE | Py_LOCKDOWN_ENV | Py_LOCKDOWN_IMPORT
                         | Py_LOCKDOWN_NET)) != 0
        && (call == CALL_ioctl || call == CALL_prctl))
    {
        return SECCOMP_RET_ERRNO | EPERM;
    }
    if (is_in(call, fatal, Py_ARRAY_LENGTH(fatal))) {
        return SECCOMP_RET_KILL_PROCESS;
    }
    return SECCOMP_RET_ERRNO | EPERM;
}

int
_PyLockdown_IsForNobody(short call)
{
    return is_in(call, fatal, Py_ARRAY_LENGTH(fatal))
           && !is_in(call, for_programs, Py_ARRAY_LENGTH(for_programs));
}

#ifdef LOCKDOWN_MUTANT
/* For the witness's record; NULL if the table does not name it. */
const char *
_PyLockdown_CallName(int number)
{
    for (size_t i = 0; i < CALL_COUNT; i++) {
        if (calls[i].number == number && number >= 0) {
            return calls[i].name;
        }
    }
    return NULL;
}
#endif

#endif /* LOCKDOWN_RING_LINUX */
