"""The kernel as witness: a filter that ends a process at a system call which a lock must prevent.

A test puts it up together with the lock, in a process of its own. Whatever the guards let
through then ends the process by SIGSYS, and the test sees it from outside. The filter is made here
by direct system calls through ctypes; nothing of what it judges is asked for help.
"""

import ctypes
import errno
import platform
import struct
import sys

import lockdownlib

# What a locked process has no use for, by the numbers of x86-64.
FORBIDDEN = {
    "open": 2, "stat": 4, "lstat": 6, "access": 21, "pipe": 22, "shmget": 29, "shmat": 30,
    "socket": 41, "connect": 42, "bind": 49, "listen": 50, "socketpair": 53, "fork": 57,
    "vfork": 58, "execve": 59, "kill": 62, "uname": 63, "semget": 64, "msgget": 68,
    "truncate": 76, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82, "mkdir": 83,
    "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89,
    "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "umask": 95,
    "getrusage": 98, "sysinfo": 99, "ptrace": 101, "getuid": 102, "syslog": 103, "getgid": 104,
    "setuid": 105, "setgid": 106, "geteuid": 107, "getegid": 108, "setpgid": 109, "getppid": 110,
    "setsid": 112, "setreuid": 113, "setregid": 114, "getgroups": 115, "setgroups": 116,
    "setresuid": 117, "getresuid": 118, "setresgid": 119, "getresgid": 120, "getpgid": 121,
    "getsid": 124, "utime": 132, "mknod": 133, "personality": 135, "ustat": 136, "statfs": 137,
    "getpriority": 140, "setpriority": 141, "sched_setscheduler": 144, "prctl": 157,
    "setrlimit": 160, "chroot": 161, "mount": 165, "umount2": 166, "sethostname": 170,
    "setdomainname": 171, "setxattr": 188, "lsetxattr": 189, "getxattr": 191, "lgetxattr": 192,
    "listxattr": 194, "removexattr": 197, "sched_setaffinity": 203, "epoll_create": 213,
    "clock_settime": 227, "utimes": 235, "mq_open": 240, "keyctl": 250, "inotify_init": 253,
    "openat": 257, "mkdirat": 258, "mknodat": 259, "fchownat": 260, "futimesat": 261,
    "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266, "readlinkat": 267,
    "fchmodat": 268, "faccessat": 269, "unshare": 272, "utimensat": 280, "signalfd": 282,
    "timerfd_create": 283, "eventfd": 284, "signalfd4": 289, "eventfd2": 290,
    "epoll_create1": 291, "pipe2": 293, "inotify_init1": 294, "perf_event_open": 298,
    "prlimit64": 302, "setns": 308, "process_vm_readv": 310, "renameat2": 316,
    "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323, "statx": 332,
    "pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_open": 434, "openat2": 437,
    "pidfd_getfd": 438, "faccessat2": 439,
}
CLONE, CLONE3, NEWFSTATAT = 56, 435, 262
CLONE_THREAD, AT_EMPTY_PATH = 0x10000, 0x1000

_X86_64 = 0xC000003E
_LOAD, _EQUAL, _BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE = 0, 4
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_ARENA_MAX = -8


def _argument(index):
    """The place of the low half of an argument, in the record that the kernel shows a filter."""
    return 16 + 8 * index


def available():
    return sys.platform == "linux" and platform.machine() == "x86_64" \
        and sys.maxsize > 2 ** 32


def _program():
    """The filter, as pairs of jumps and returns: each test is followed by its own return."""
    rows = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _KILL),
            (_LOAD, 0, 0, _NUMBER)]
    for number in FORBIDDEN.values():
        rows += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _KILL)]
    # The library then falls back on clone, whose flags can be seen.
    rows += [(_EQUAL, 0, 1, CLONE3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    # A thread is no new process, and fstat is no path.
    for number, index, bit in (CLONE, 0, CLONE_THREAD), (NEWFSTATAT, 3, AT_EMPTY_PATH):
        rows += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, _argument(index)), (_BITS, 1, 0, bit),
                 (_RETURN, 0, 0, _KILL), (_RETURN, 0, 0, _ALLOW)]
    rows.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *row) for row in rows), len(rows)


def lock():
    """Lock this process with keep=(), with the filter over it from then on; True if there is one.

    The lock itself may look at the outside once more, and only an unlocked process can put up a
    filter: so the last right goes when the filter is there.
    """
    code, length = _program()
    buffer = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(
        struct.pack("@HP", length, ctypes.addressof(buffer)))
    library = ctypes.CDLL(None, use_errno=True)
    # For many threads the C library's allocator counts the processors, by reading a file.
    library.mallopt(_ARENA_MAX, 1)
    prctl = library.prctl
    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    lockdownlib.lockdown(keep=("code",))
    # A sandbox around this process may allow no filter.
    stands = all(prctl(*arguments) == 0 for arguments in (
        (_NO_NEW_PRIVS, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.addressof(program), 0, 0)))
    lockdownlib.lockdown(keep=())
    return stands
