/* Lockdown: which system calls the kernel ring leaves open on Linux for the rights
   that are kept, as tables.  lockdown_linux_rules.c has what is open whatever is
   kept, and what all these tables are for. */

#include "Python.h"
#include "pycore_lockdown_ring.h"

#ifdef LOCKDOWN_RING_LINUX

#include <fcntl.h>                // O_ACCMODE
#include <sys/mman.h>             // MAP_ANONYMOUS
#include <sys/socket.h>           // AF_UNIX

#include <linux/seccomp.h>        // SECCOMP_SET_MODE_FILTER

#include "lockdown_linux_rules.h"

typedef _PyLockdown_rule rule;

/* ---- open while some right is left ------------------------------------------- */

/* A later lock puts up another filter: it can only take more away. */
static const rule locking_further[] = {
    ANY(landlock_add_rule),
    ANY(landlock_create_ruleset),
    ANY(landlock_restrict_self),
    {CALL_prctl, {IN_SET(0, 38, BIT(0) | BIT(1))}},       // no new privileges
    {CALL_seccomp, {IS(0, SECCOMP_SET_MODE_FILTER),
                    WITHOUT(1, ~(uint32_t)(LOCKDOWN_FILTER_SYNC
                                           | LOCKDOWN_FILTER_SPEC_ALLOW))}},
    // Does nothing; fails if there is another thread.
    {CALL_unshare, {IS(0, 0x00010000)}},                  // CLONE_THREAD
};

/* What a later lock does that gives up "net" and keeps "env": see
   give_up_interfaces(). */
static const rule giving_up[] = {
    ANY(capget),
    ANY(capset),
};

/* ---- open for the rights that are kept ---------------------------------------- */

#define O_TMPFILE_BIT 020000000
#define CHANGES_FILES (O_ACCMODE | O_CREAT | O_TRUNC | O_TMPFILE_BIT)

/* Which path a call names is not seen: ring two opens them all for a right that
   needs some.  Whatever goes by paths looks first what is there. */
static const rule looking[] = {
    ANY(access),
    ANY(faccessat),
    ANY(faccessat2),
    ANY(lstat),
    ANY(newfstatat),
    ANY(stat),
    ANY(statfs),
    ANY(statx),
};

/* Not for fs.read alone: names of hosts and users are in files, and code is
   loaded from them. */
static const rule reading[] = {
    {CALL_open, {WITHOUT(1, CHANGES_FILES)}},
    {CALL_openat, {WITHOUT(2, CHANGES_FILES)}},
    ANY(readlink),
    ANY(readlinkat),
};

/* A path is walked name by name (lockdown_special.c), by descriptors that open
   nothing: with O_PATH only the other two flags of that walk have a meaning. */
#define O_PATH_BIT 010000000

static const rule walking[] = {
    ANY(fstatfs),
    {CALL_openat, {MASKED(2, O_PATH_BIT, O_PATH_BIT)}},
    ANY(readlinkat),
};

static const rule looking_around[] = {
    ANY(chdir),
    {CALL_fcntl, {IS(1, F_SETFD), IS(2, FD_CLOEXEC)}},    // fdopendir()
    ANY(getdents),
    ANY(getxattr),
    ANY(lgetxattr),
    ANY(listxattr),
    ANY(llistxattr),
};

/* Of the modes that mknod() takes, what those of devices have and the others not.
   Only the superuser makes a device, and whoever can open it has what is behind. */
#define DEVICE_MODE 0020000

static const rule writing[] = {
    ANY(chmod),
    ANY(chown),
    ANY(creat),
    ANY(fchmodat),
    ANY(fchmodat2),
    ANY(fchownat),
    ANY(futimesat),
    ANY(lchown),
    ANY(link),
    ANY(linkat),
    ANY(lremovexattr),
    ANY(lsetxattr),
    ANY(mkdir),
    ANY(mkdirat),
    {CALL_mknod, {WITHOUT(1, DEVICE_MODE)}},
    {CALL_mknodat, {WITHOUT(2, DEVICE_MODE)}},
    {CALL_open, {MASKED(1, O_ACCMODE, O_WRONLY)}},
    {CALL_openat, {MASKED(2, O_ACCMODE, O_WRONLY)}},
    // In a new file there is nothing to read.
    {CALL_open, {MASKED(1, O_ACCMODE | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_EXCL)}},
    {CALL_openat, {MASKED(2, O_ACCMODE | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_EXCL)}},
    {CALL_openat, {MASKED(2, O_ACCMODE | O_TMPFILE_BIT, O_RDWR | O_TMPFILE_BIT)}},
    // utime(fd) and chmod(fd) go by the descriptor.
    ANY(fchmod),
    ANY(fchown),
    ANY(fremovexattr),
    ANY(fsetxattr),
    ANY(removexattr),
    ANY(rename),
    ANY(renameat),
    {CALL_renameat2, {WITHOUT(4, ~UINT32_C(3))}},         // RENAME_WHITEOUT: a device
    ANY(rmdir),
    ANY(setxattr),
    ANY(symlink),
    ANY(symlinkat),
    ANY(sync),
    ANY(syncfs),
    ANY(truncate),
    ANY(umask),
    ANY(unlink),
    ANY(unlinkat),
    ANY(utime),
    ANY(utimensat),
    ANY(utimes),
};

static const rule opening_anyhow[] = {
    ANY(open),
    ANY(openat),
};

/* What os does with a number beyond what an object does with its own. */
static const rule raw_descriptors[] = {
    ANY(accept),
    ANY(accept4),
    {CALL_close_range, {IS(2, 0)}},
    ANY(eventfd2),
    ANY(copy_file_range),
    {CALL_fcntl, {IS(1, F_SETFD)}},
    // O_ASYNC would have signals sent.
    {CALL_fcntl, {IS(1, F_SETFL), WITHOUT(2, O_ASYNC)}},
    ANY(sendfile),
    ANY(splice),
    ANY(timerfd_gettime),
    ANY(timerfd_settime),
    ANY(wait4),
    ANY(waitid),
};

static const rule raw_descriptors_read[] = {
    ANY(fchdir),
    ANY(fgetxattr),
    ANY(flistxattr),
    ANY(fstatfs),
};

static const rule raw_descriptors_written[] = {
    ANY(fadvise64),
    ANY(fallocate),
};

static const rule network[] = {
    ANY(bind),
    ANY(connect),
    ANY(getsockopt),
    ANY(listen),
    ANY(recvmmsg),
    ANY(sendmmsg),
    ANY(sendmsg),
    ANY(sendto),
    ANY(setsockopt),
    ANY(socket),
    ANY(socketpair),
};

#define NETLINK_ADDRESS 12      // sizeof(struct sockaddr_nl)
#define NETLINK_QUESTION 20     // struct nlmsghdr, and a struct rtgenmsg filled up

static const rule identity[] = {
    // The kernel tells the names of interfaces and addresses by netlink, whose
    // addresses have a length that those of TCP and UDP have not.
    {CALL_bind, {IS(2, NETLINK_ADDRESS)}},
    ANY(clock_getres),
    ANY(clock_gettime),
    ANY(clock_nanosleep),
    ANY(getcwd),
    ANY(getegid),
    ANY(geteuid),
    ANY(getgid),
    ANY(getgroups),
    ANY(getpgid),
    ANY(getpgrp),
    ANY(getppid),
    ANY(getpriority),
    ANY(getresgid),
    ANY(getresuid),
    ANY(getrlimit),
    ANY(getrusage),
    ANY(getsid),
    ANY(getsockopt),
    ANY(getuid),
    {CALL_ioctl, {IS(1, 0x540F)}},                        // TIOCGPGRP
    {CALL_ioctl, {IS(1, 0x5429)}},                        // TIOCGSID
    {CALL_ioctl, {IS(1, 0x80045430)}},                    // TIOCGPTN
    {CALL_ioctl, {IS(1, 0x8910)}},                        // SIOCGIFNAME
    {CALL_ioctl, {IS(1, 0x8912)}},                        // SIOCGIFCONF
    {CALL_ioctl, {IS(1, 0x8933)}},                        // SIOCGIFINDEX
    {CALL_prlimit64, {IS_NULL(2)}},
    ANY(sched_getaffinity),
    ANY(sched_getparam),
    ANY(sched_getscheduler),
    ANY(sched_rr_get_interval),
    // The question that the C libraries ask is too short for any change.
    {CALL_sendto, {IS(2, NETLINK_QUESTION), IS(3, 0), IS(5, NETLINK_ADDRESS)}},
    // Of netlink's families only the one that tells of interfaces.
    {CALL_socket, {IS(0, AF_NETLINK), IS(2, 0)}},
    {CALL_socket, {IS(0, AF_UNIX),
                   MASKED(1, ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), SOCK_DGRAM)}},
    ANY(sysinfo),
    ANY(times),
    ANY(uname),
};

/* Libraries are mapped from their files, and nobody writes to what is code: not
   here, nor by another map of the file. */
static const rule loading_libraries[] = {
    {CALL_mmap, {WITHOUT(2, PROT_WRITE),
                 MASKED(3, MAP_ANONYMOUS | MAP_TYPE, MAP_PRIVATE)}},
};

static const rule executable_memory[] = {
    ANY(mmap),
    ANY(mprotect),
};

/* Pipes, pairs of terminals, and shared memory and semaphores, which are files
   in a folder of their own: Landlock holds the paths to that. */
static const rule objects_of_the_system[] = {
    ANY(eventfd),
    ANY(eventfd2),
    {CALL_ioctl, {IS(1, 0x80045430)}},                    // TIOCGPTN
    {CALL_ioctl, {IS(1, 0x40045431)}},                    // TIOCSPTLCK
    {CALL_ioctl, {IS(1, 0x5441)}},                        // TIOCGPTPEER
    ANY(link),
    ANY(linkat),
    ANY(memfd_create),
    ANY(open),
    ANY(openat),
    ANY(pipe),
    ANY(pipe2),
    ANY(timerfd_create),
    ANY(unlink),
    ANY(unlinkat),
};

/* Descriptors travel beside a message. */
static const rule messages[] = {
    ANY(sendmsg),
};

static const rule copies_of_descriptors[] = {
    ANY(dup),
    ANY(dup2),
    {CALL_fcntl, {IS(1, F_DUPFD)}},
    {CALL_fcntl, {IS(1, F_DUPFD_CLOEXEC)}},
};

/* ---- which rights open which groups -------------------------------------------- */

#define FS_READ   Py_LOCKDOWN_FS_READ
#define FS_WRITE  Py_LOCKDOWN_FS_WRITE
#define FD        Py_LOCKDOWN_FD
#define NET       Py_LOCKDOWN_NET
#define IMPORT    Py_LOCKDOWN_IMPORT
#define ENV       Py_LOCKDOWN_ENV
#define CODE      Py_LOCKDOWN_CODE
#define RUNTIME   Py_LOCKDOWN_RUNTIME
#define IPC       Py_LOCKDOWN_IPC

const _PyLockdown_group _PyLockdown_groups_of_rights[] = {
    GROUP(Py_LOCKDOWN_ALL, 0, locking_further),
    GROUP(0, ENV | NET, giving_up),
    GROUP(FS_READ | FS_WRITE | NET | IMPORT | ENV | IPC, 0, looking),
    GROUP(FS_READ | NET | IMPORT | ENV, 0, reading),
    GROUP(FS_READ | FS_WRITE, 0, walking),
    GROUP(0, FS_READ, looking_around),
    GROUP(0, FS_WRITE, writing),
    GROUP(0, FS_READ | FS_WRITE, opening_anyhow),
    GROUP(0, FD, raw_descriptors),
    GROUP(0, FD | FS_READ, raw_descriptors_read),
    GROUP(0, FD | FS_WRITE, raw_descriptors_written),
    GROUP(0, NET, network),
    GROUP(0, ENV, identity),
    GROUP(0, IMPORT, loading_libraries),
    GROUP(0, CODE, executable_memory),
    GROUP(0, RUNTIME | FS_WRITE, executable_memory),      // perf trampoline
    GROUP(0, IPC, objects_of_the_system),
    GROUP(0, FD | IPC, messages),
    GROUP(FS_READ | IPC, FD, copies_of_descriptors),
};

const size_t _PyLockdown_group_count = Py_ARRAY_LENGTH(_PyLockdown_groups_of_rights);

#endif /* LOCKDOWN_RING_LINUX */
