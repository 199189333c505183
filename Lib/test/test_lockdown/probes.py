"""The table of probes: calls that have an effect outside the interpreter, and the right each needs.

Every probe is run four times, always in processes of its own: unlocked, where its effect must be
seen (a probe without an effect proves nothing); locked with every right but its own, where it must
be refused and name its right; locked with its own right only, where the effect must be seen again;
and, with all the others in one process, locked as lockdown() does by default and with keep=().
The effect is judged by another process, from the scratch folder, from /proc, from a listener on
127.0.0.1, or by comparing the value with one that the other process knows.

This module is imported by both sides, so it needs nothing but the standard library, and imports
whatever a call needs before any lock falls.
"""

import _imp
import _posixshmem
import collections
import copy
import faulthandler
import fcntl
import gc
import grp
import importlib
import io
import locale
import marshal
import mmap
import multiprocessing.synchronize
import os
import pathlib
import pwd
import resource
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tracemalloc
import types
import zipfile
import zipimport


def optional(name):
    """A module that a build may do without."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


dbm, sqlite3, ssl = optional("_dbm") or optional("_gdbm"), optional("sqlite3"), optional("ssl")

TEXT = b"the canary sings\n" * 8
LOOPBACK = "127.0.0.1"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class Scratch:
    """A folder that one probe has for itself, and what its setup opened before the lock."""

    def __init__(self, path):
        self.path = path

    def __call__(self, name):
        return os.path.join(self.path, name)

    def fill(self):
        """Make what every probe may count on: the other side calls this before the probe runs."""
        os.makedirs(self("folder"))
        for name in ("file", "folder/inner"):
            with open(self(name), "wb") as file:
                file.write(TEXT)
        os.chmod(self("file"), 0o640)
        os.symlink("file", self("symlink"))
        with open(self("probe_module.py"), "w") as file:
            file.write("open(__file__ + '.ran', 'w').close()\n")
        with zipfile.ZipFile(self("archive.zip"), "w") as archive:
            archive.writestr("zipped_module.py", "value = 42\n")

    def open(self):
        self.fd = os.open(self("file"), os.O_RDWR)
        return self.fd


# What the other process saw: the value as text ("raised ..." for an error that is no refusal, None
# for a refusal), the pid, and what /proc said of the process before and after the call.
Seen = collections.namedtuple("Seen", "value pid before after")


def snapshot(pid):
    """What the kernel says about a process, as a dict; empty where there is no /proc."""
    seen = {}
    base = f"/proc/{pid}"
    for name in "cwd", "root":
        try:
            seen[name] = os.readlink(f"{base}/{name}")
        except OSError:
            pass
    for name in "uts", "net", "ipc":
        try:
            seen[name] = os.readlink(f"{base}/ns/{name}")
        except OSError:
            pass
    try:
        with open(f"{base}/status") as file:
            for line in file:
                word, _, text = line.partition(":")
                if word in {"Umask", "Uid", "Gid", "Groups", "Cpus_allowed", "SigIgn", "SigBlk",
                            "SigCgt"}:
                    seen[word] = text.strip()
        with open(f"{base}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        seen.update(pgrp=words[2], session=words[3], nice=words[16], policy=words[38])
        with open(f"{base}/limits") as file:
            seen["limits"] = file.read()
        with open(f"{base}/task/{pid}/children") as file:
            seen["children"] = file.read().split()
        seen["fds"] = {}
        for number in os.listdir(f"{base}/fd"):
            try:
                target = os.readlink(f"{base}/fd/{number}")
            except OSError:
                continue
            with open(f"{base}/fdinfo/{number}") as file:
                info = dict(line.split(None, 1) for line in file if line.startswith(("pos", "fl")))
            seen["fds"][number] = [target, info.get("flags:", "").strip(), info.get("pos:", "")]
    except OSError:
        pass
    return seen


HAVE_PROC = bool(snapshot(os.getpid()).get("fds"))


# --- Effects: effect(scratch, seen) is true if the call had its effect ----------------------

def made(name):
    return lambda s, seen: os.path.lexists(s(name))


def gone(name):
    return lambda s, seen: not os.path.lexists(s(name))


def mode(name, bits):
    return lambda s, seen: stat.S_IMODE(os.lstat(s(name)).st_mode) == bits


def mtime(name, seconds):
    return lambda s, seen: int(os.lstat(s(name)).st_mtime) == seconds


def size(name, number):
    return lambda s, seen: os.lstat(s(name)).st_size == number


def holds(name, text):
    def effect(s, seen):
        try:
            with open(s(name), "rb") as file:
                return text in file.read()
        except FileNotFoundError:
            return False
    return effect


def returned(known):
    """The value is the one that known(scratch, seen) finds from outside."""
    return lambda s, seen: seen.value is not None and seen.value == repr(known(s, seen))


def value(test):
    """The text of the value passes a test."""
    return lambda s, seen: seen.value is not None and bool(test(seen.value))


def succeeded(s, seen):
    """There is nothing to see from outside but that the call came back without an error."""
    return seen.value is not None and not seen.value.startswith("raised ")


def changed(*words):
    """/proc shows a difference in one of these."""
    def effect(s, seen):
        return any(seen.before.get(word) != seen.after.get(word) for word in words)
    effect.needs_proc = True
    return effect


def ended(s, seen):
    """The process is gone: there was no answer."""
    return seen.value == "(ended)"


# --- Helpers of calls -----------------------------------------------------------------------

def contents(path, opener=open, **kwargs):
    with opener(path, "rb", **kwargs) as file:
        return file.read()


def listener(s):
    """A listening socket in the scratch's process; the probe's process reaches it on loopback."""
    s.listening = socket.create_server((LOOPBACK, 0))
    s.listening.setblocking(True)
    s.address = s.listening.getsockname()


def udp(s):
    s.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.receiver.bind((LOOPBACK, 0))
    s.receiver.settimeout(10)
    s.address = s.receiver.getsockname()
    s.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def tcp(s):
    listener(s)
    s.socket = socket.socket()
    s.socket.settimeout(10)


def child_process(s):
    s.child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"],
                               stdin=subprocess.PIPE)


def pty(s):
    s.master, s.slave = os.openpty()


def own_terminal(s):
    """A terminal that this process's session belongs to."""
    pty(s)
    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(s.slave, termios.TIOCSCTTY, 0)
    s.group = os.getpgrp()


def sample_code(s):
    def function(number=1):
        return number + 1
    s.function = function
    s.code = function.__code__
    s.marshalled = marshal.dumps(s.code)


def touch_from(s, name="made"):
    """An argument list for a program that leaves a file behind."""
    return ["sh", "-c", f": > '{s(name)}'"]


def waited(pid):
    os.waitpid(pid, 0)
    return True


def forked(fork):
    """Fork, let the child leave a mark, and wait for it."""
    def call(s):
        pid = fork()
        if isinstance(pid, tuple):
            pid = pid[0]
        if pid == 0:
            try:
                os.mkdir(s("made"))
            finally:
                os._exit(0)
        return waited(pid)
    return call


# --- The table ------------------------------------------------------------------------------

class Probe:
    """One call. right is the word it needs, or several: joined by "&" if it needs all, by "|" if
    one of them is enough.

    operation: the name the error gives, where it is not the probe's own, with "|" if it depends on
    the platform's library. also: further rights that
    the whole call needs before its effect can be seen. root: the effect can be had by the superuser
    only; judge: by whom this is true of. imports: the refusal is a LockdownImportError.
    """

    def __init__(self, name, right, call, effect, setup=None, *, operation=None, also=(),
                 root=False, judge=None, exists=None, imports=False):
        self.name = name
        self.rights = tuple(right.replace("&", "|").split("|"))
        self.needs_all = "|" not in right
        self.call = call
        self.effect = effect
        self.setup = setup
        self.operations = (operation or name.partition(" ")[0]).split("|")
        self.also = also
        self._judge = judge
        self._root = root
        self._exists = exists
        self.imports = imports

    def __repr__(self):
        return f"<probe {self.name}>"

    def allowed(self, keep):
        """Whether it is allowed where only these rights are kept."""
        return (all if self.needs_all else any)(right in keep for right in self.rights)

    def keeps_enough(self):
        """The least that must be kept for the whole call to have its effect."""
        return (self.rights if self.needs_all else self.rights[:1]) + self.also

    def lack(self):
        """The least that must be refused for the call to be, in each way there is."""
        return [(right,) for right in self.rights] if self.needs_all else [self.rights]

    def can_be_judged(self):
        """Whether its effect can be had and seen on this machine, by this user."""
        if self._root and not IS_ROOT:
            return False
        if self._judge is not None and not self._judge():
            return False
        return HAVE_PROC or not getattr(self.effect, "needs_proc", False)

    def exists(self):
        """Whether this platform has the call."""
        if self._exists is not None:
            return self._exists()
        return any(resolve(operation) is not None for operation in self.operations)


def resolve(operation):
    """The object that an operation's name means ("os.open", "socket.socket.bind"), or None."""
    words = operation.split(".")
    for split in range(len(words) - 1, 0, -1):
        module = sys.modules.get(".".join(words[:split]))
        if module is None:
            continue
        found = module
        for word in words[split:]:
            found = getattr(found, word, None)
            if found is None:
                break
        else:
            return found
    found = vars(sys.modules["builtins"]).get(words[0])
    for word in words[1:]:
        found = getattr(found, word, None)
    return found



def P(*args, **kwargs):
    PROBES.append(Probe(*args, **kwargs))


PROBES = []

# fs.read: reach the file system by path, or learn what is there.

P("io.open", "fs.read", lambda s: open(s("file"), "rb").read(), returned(lambda s, seen: TEXT))
P("io.open text", "fs.read", lambda s: io.open(s("file"), encoding="ascii").read(),
  returned(lambda s, seen: TEXT.decode()))
P("io.open pathlib", "fs.read", lambda s: pathlib.Path(s("file")).read_bytes(),
  returned(lambda s, seen: TEXT))
P("io.FileIO", "fs.read", lambda s: io.FileIO(s("file")).read(), returned(lambda s, seen: TEXT))
P("io.FileIO bytes", "fs.read", lambda s: io.FileIO(os.fsencode(s("file"))).read(),
  returned(lambda s, seen: TEXT))
P("io.open_code", "fs.read", lambda s: io.open_code(s("file")).read(),
  returned(lambda s, seen: TEXT))
P("os.open", "fs.read", lambda s: os.open(s("file"), os.O_RDONLY) and True, changed("fds"))
P("os.listdir", "fs.read", lambda s: sorted(os.listdir(s.path)),
  returned(lambda s, seen: sorted(os.listdir(s.path))))
P("os.listdir bytes", "fs.read", lambda s: sorted(os.listdir(os.fsencode(s.path))),
  returned(lambda s, seen: sorted(os.listdir(os.fsencode(s.path)))))
P("os.listdir fd", "fs.read", lambda s: sorted(os.listdir(s.fd)),
  returned(lambda s, seen: sorted(os.listdir(s("folder")))),
  lambda s: setattr(s, "fd", os.open(s("folder"), os.O_RDONLY)))
P("os.scandir", "fs.read", lambda s: sorted(entry.name for entry in os.scandir(s.path)),
  returned(lambda s, seen: sorted(os.listdir(s.path))))
P("os.stat", "fs.read", lambda s: os.stat(s("file")).st_ino,
  returned(lambda s, seen: os.stat(s("file")).st_ino))
P("os.lstat", "fs.read", lambda s: os.lstat(s("symlink")).st_ino,
  returned(lambda s, seen: os.lstat(s("symlink")).st_ino))
P("os.statvfs", "fs.read", lambda s: os.statvfs(s.path).f_blocks,
  returned(lambda s, seen: os.statvfs(s.path).f_blocks))
P("os.access", "fs.read", lambda s: os.access(s("file"), os.R_OK),
  returned(lambda s, seen: True))
P("os.readlink", "fs.read", lambda s: os.readlink(s("symlink")),
  returned(lambda s, seen: "file"))
P("os.pathconf", "fs.read", lambda s: os.pathconf(s.path, "PC_NAME_MAX"),
  returned(lambda s, seen: os.pathconf(s.path, "PC_NAME_MAX")))
P("os.listxattr", "fs.read", lambda s: os.listxattr(s("file")),
  returned(lambda s, seen: os.listxattr(s("file"))))
P("os.getxattr", "fs.read", lambda s: os.getxattr(s("file"), "user.probe"),
  returned(lambda s, seen: b"1"), lambda s: os.setxattr(s("file"), "user.probe", b"1"))
P("os.chdir", "fs.read", lambda s: os.chdir(s("folder")), changed("cwd"))
P("os.fchdir", "fd&fs.read", lambda s: os.fchdir(s.fd), changed("cwd"),
  lambda s: setattr(s, "fd", os.open(s("folder"), os.O_RDONLY)))
P("os.chroot", "proc", lambda s: os.chroot(s("folder")), changed("root"), root=True)
P("shutil.copyfile", "fs.read", lambda s: shutil.copyfile(s("file"), s("copy")),
  holds("copy", TEXT), operation="io.open", also=("fs.write", "fd"))

# fs.write: change it.

P("io.open w", "fs.write", lambda s: open(s("made"), "w").close(), made("made"))
P("io.open a", "fs.write", lambda s: open(s("file"), "a").write("more"),
  size("file", len(TEXT) + 4))
P("io.open x", "fs.write", lambda s: open(s("made"), "x").close(), made("made"))
P("io.FileIO w", "fs.write", lambda s: io.FileIO(s("file"), "w").close(), size("file", 0))
P("os.open w", "fs.write", lambda s: os.close(os.open(s("made"), os.O_WRONLY | os.O_CREAT)),
  made("made"))
P("os.open truncate", "fs.write", lambda s: os.open(s("file"), os.O_RDONLY | os.O_TRUNC) and True,
  size("file", 0), also=("fs.read",))
P("os.mkdir", "fs.write", lambda s: os.mkdir(s("made")), made("made"))
P("os.makedirs", "fs.write", lambda s: os.makedirs(s("made")), made("made"),
  operation="os.mkdir", also=("fs.read",))
P("os.rmdir", "fs.write", lambda s: os.rmdir(s("empty")), gone("empty"),
  lambda s: os.mkdir(s("empty")))
P("os.unlink", "fs.write", lambda s: os.unlink(s("file")), gone("file"))
P("os.remove", "fs.write", lambda s: os.remove(s("file")), gone("file"))
P("os.rename", "fs.write", lambda s: os.rename(s("file"), s("made")), made("made"))
P("os.replace", "fs.write", lambda s: os.replace(s("file"), s("made")), made("made"))
P("os.link", "fs.write", lambda s: os.link(s("file"), s("made")), made("made"))
P("os.symlink", "fs.write", lambda s: os.symlink("file", s("made")), made("made"))
P("os.chmod", "fs.write", lambda s: os.chmod(s("file"), 0o600), mode("file", 0o600))
P("os.fchmod", "fd&fs.write", lambda s: os.fchmod(s.fd, 0o600), mode("file", 0o600), Scratch.open)
P("os.chown", "fs.write", lambda s: os.chown(s("file"), 1, 1),
  lambda s, seen: os.lstat(s("file")).st_uid == 1, root=True)
P("os.fchown", "fd&fs.write", lambda s: os.fchown(s.fd, 1, 1),
  lambda s, seen: os.lstat(s("file")).st_uid == 1, Scratch.open, root=True)
P("os.lchown", "fs.write", lambda s: os.lchown(s("symlink"), 1, 1),
  lambda s, seen: os.lstat(s("symlink")).st_uid == 1, root=True)
P("os.utime", "fs.write", lambda s: os.utime(s("file"), (1000, 1000)), mtime("file", 1000))
P("os.truncate", "fs.write", lambda s: os.truncate(s("file"), 3), size("file", 3))
P("os.mkfifo", "fs.write", lambda s: os.mkfifo(s("made")), made("made"))
P("os.mknod", "fs.write", lambda s: os.mknod(s("made")), made("made"))
P("os.setxattr", "fs.write", lambda s: os.setxattr(s("file"), "user.probe", b"1"),
  lambda s, seen: os.listxattr(s("file")) == ["user.probe"])
P("os.removexattr", "fs.write", lambda s: os.removexattr(s("file"), "user.probe"),
  lambda s, seen: os.listxattr(s("file")) == [],
  lambda s: os.setxattr(s("file"), "user.probe", b"1"))
P("os.umask", "fs.write", lambda s: os.umask(0o022 ^ 0o055), changed("Umask"))
P("tempfile.mkdtemp", "fs.write", lambda s: tempfile.mkdtemp(dir=s("folder")) and True,
  lambda s, seen: len(os.listdir(s("folder"))) == 2, operation="os.mkdir", also=("fs.read", "env"))

# fd: act on a raw descriptor number. With keep=("fd",) these work on a descriptor that was open.

P("os.read", "fd", lambda s: os.read(s.fd, len(TEXT)), returned(lambda s, seen: TEXT), Scratch.open)
P("os.readv", "fd", lambda s: os.readv(s.fd, [bytearray(4)]), returned(lambda s, seen: 4),
  Scratch.open)
P("os.write", "fd", lambda s: os.write(s.fd, b"written"), holds("file", b"written"), Scratch.open)
P("os.writev", "fd", lambda s: os.writev(s.fd, [b"writ", b"ten"]), holds("file", b"written"),
  Scratch.open)
P("os.close", "fd", lambda s: os.close(s.fd), changed("fds"), Scratch.open)
P("os.closerange", "fd", lambda s: os.closerange(s.fd, s.fd + 1), changed("fds"), Scratch.open)
P("os.lseek", "fd", lambda s: os.lseek(s.fd, 5, os.SEEK_SET), changed("fds"), Scratch.open)
P("os.fstat", "fd", lambda s: os.fstat(s.fd).st_ino,
  returned(lambda s, seen: os.stat(s("file")).st_ino), Scratch.open)
P("os.stat fd", "fs.read", lambda s: os.stat(s.fd).st_ino,
  returned(lambda s, seen: os.stat(s("file")).st_ino), Scratch.open)
P("os.isatty", "fd", lambda s: os.isatty(s.slave), returned(lambda s, seen: True), pty)
P("os.fsync", "fd", lambda s: os.fsync(s.fd), succeeded, Scratch.open)
P("os.ftruncate", "fd", lambda s: os.ftruncate(s.fd, 3), size("file", 3), Scratch.open)
def pending(s):
    """A listener on the loopback with one client that waits to be accepted."""
    s.listener = socket.create_server((LOOPBACK, 0))
    s.client = socket.create_connection(s.listener.getsockname())


P("socket.socket.accept", "fd", lambda s: s.listener._accept()[0] > 2, changed("fds"), pending)
P("os.sendfile", "fd", lambda s: os.sendfile(s.out, s.fd, 0, 10), returned(lambda s, seen: 10),
  lambda s: (s.open(), setattr(s, "pair", socket.socketpair()),
             setattr(s, "out", s.pair[0].fileno())))
P("os.set_blocking", "fd", lambda s: os.set_blocking(s.pair[0].fileno(), False), changed("fds"),
  lambda s: setattr(s, "pair", socket.socketpair()))
P("os.get_terminal_size", "fd", lambda s: os.get_terminal_size(s.slave).columns,
  returned(lambda s, seen: 0), pty)

# These act on a number too, but the first LDP refused them beside the ones above, and so do we:
# they make a new descriptor, or say or change more than the descriptor's own data.

P("os.fdopen", "fd&fs.read", lambda s: os.fdopen(s.fd, "rb", closefd=False).read(),
  returned(lambda s, seen: TEXT), Scratch.open, operation="io.open")
P("io.open number", "fd&fs.read", lambda s: open(s.fd, "rb", closefd=False).read(),
  returned(lambda s, seen: TEXT), Scratch.open, operation="io.open")
P("io.FileIO number", "fd&fs.read", lambda s: io.FileIO(s.fd, closefd=False).read(),
  returned(lambda s, seen: TEXT), Scratch.open)
# An opener may answer with any number.
P("io.open opener", "fd&fs.read",
  lambda s: open("no such name", "rb", opener=lambda path, flags: s.fd).read(),
  returned(lambda s, seen: TEXT), Scratch.open, operation="io.open")
P("io.FileIO opener", "fd&fs.read",
  lambda s: io.FileIO("no such name", opener=lambda path, flags: s.fd).read(),
  returned(lambda s, seen: TEXT), Scratch.open)
P("os.device_encoding", "fd&env", lambda s: os.device_encoding(s.slave),
  value(lambda text: text != "None"), pty)
P("os.dup", "fd&ipc", lambda s: os.dup(s.fd) and True, changed("fds"), Scratch.open)
P("os.dup2", "fd&ipc", lambda s: os.dup2(s.fd, 200) and True, changed("fds"), Scratch.open)
P("socket.dup", "fd&ipc", lambda s: socket.dup(s.fd) and True, changed("fds"), Scratch.open)
P("os.pipe", "ipc", lambda s: os.pipe() and True, changed("fds"))
P("os.pipe2", "ipc", lambda s: os.pipe2(0) and True, changed("fds"))
P("os.fdatasync", "fd&fs.write", lambda s: os.fdatasync(s.fd), succeeded, Scratch.open)
P("os.fpathconf", "fd&fs.read", lambda s: os.fpathconf(s.fd, "PC_NAME_MAX"),
  returned(lambda s, seen: os.pathconf(s("file"), "PC_NAME_MAX")), Scratch.open)
P("os.fstatvfs", "fd&fs.read", lambda s: os.fstatvfs(s.fd).f_blocks,
  returned(lambda s, seen: os.statvfs(s("file")).f_blocks), Scratch.open)
P("os.get_blocking", "fd&fs.read", lambda s: os.get_blocking(s.fd), returned(lambda s, seen: True),
  Scratch.open)
P("os.lockf", "fd&fs.write", lambda s: os.lockf(s.fd, os.F_TLOCK, 1), succeeded, Scratch.open)
P("os.openpty", "ipc", lambda s: os.openpty() and True, changed("fds"))
P("os.posix_fallocate", "fd&fs.write", lambda s: os.posix_fallocate(s.fd, 0, 4096),
  size("file", 4096), Scratch.open)
P("os.posix_fadvise", "fd&fs.write",
  lambda s: os.posix_fadvise(s.fd, 0, 0, os.POSIX_FADV_NORMAL), succeeded, Scratch.open)
P("os.pread", "fd&fs.read", lambda s: os.pread(s.fd, 4, 2), returned(lambda s, seen: TEXT[2:6]),
  Scratch.open)
P("os.preadv", "fd&fs.read", lambda s: os.preadv(s.fd, [bytearray(4)], 2),
  returned(lambda s, seen: 4), Scratch.open)
P("os.pwrite", "fd&fs.write", lambda s: os.pwrite(s.fd, b"written", 2), holds("file", b"written"),
  Scratch.open)
P("os.pwritev", "fd&fs.write", lambda s: os.pwritev(s.fd, [b"written"], 2),
  holds("file", b"written"), Scratch.open)
P("os.tcgetpgrp", "fd&env", lambda s: os.tcgetpgrp(s.master), value(str.isdigit), pty)
P("os.tcsetpgrp", "fd&proc", lambda s: os.tcsetpgrp(s.slave, s.group), succeeded,
  own_terminal)
P("os.ttyname", "fd&env", lambda s: os.ttyname(s.slave), value(lambda text: "/dev/" in text), pty)
P("os.get_inheritable", "fd&proc", lambda s: os.get_inheritable(s.fd),
  returned(lambda s, seen: False), Scratch.open)
P("os.set_inheritable", "fd&proc", lambda s: os.set_inheritable(s.fd, True), changed("fds"),
  Scratch.open)
P("os.memfd_create", "ipc", lambda s: os.memfd_create("probe") and True, changed("fds"))
P("os.eventfd", "ipc", lambda s: os.eventfd(0) and True, changed("fds"))
P("fcntl.fcntl", "fd", lambda s: fcntl.fcntl(s.fd, fcntl.F_SETFL, os.O_APPEND), changed("fds"),
  Scratch.open)
P("fcntl.ioctl", "fd", lambda s: fcntl.ioctl(s.slave, termios.TIOCGWINSZ, b"\0" * 8),
  returned(lambda s, seen: b"\0" * 8), pty)
P("fcntl.flock", "fd&fs.write", lambda s: fcntl.flock(s.fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
  succeeded, Scratch.open)
P("fcntl.lockf", "fd&fs.write", lambda s: fcntl.lockf(s.fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
  succeeded, Scratch.open)
P("termios.tcgetattr", "fd", lambda s: len(termios.tcgetattr(s.slave)),
  returned(lambda s, seen: 7), pty)
P("fcntl.fcntl duplicate", "fd&ipc", lambda s: fcntl.fcntl(s.fd, fcntl.F_DUPFD, 100),
  changed("fds"), Scratch.open)
P("fcntl.fcntl read", "fd&fs.read", lambda s: fcntl.fcntl(s.fd, fcntl.F_GETFL) & os.O_RDWR,
  returned(lambda s, seen: os.O_RDWR), Scratch.open)
P("fcntl.fcntl inherit", "fd&proc", lambda s: fcntl.fcntl(s.fd, fcntl.F_SETFD, 0),
  changed("fds"), Scratch.open)
P("fcntl.fcntl owner", "fd&fs.read&fs.write&proc&net&env&ipc",
  lambda s: fcntl.fcntl(s.number, fcntl.F_SETOWN, s.pid), succeeded,
  lambda s: (listener(s), setattr(s, "number", s.listening.fileno()),
             setattr(s, "pid", os.getpid())))
P("fcntl.ioctl inject", "fd&fs.read&fs.write&proc&net&env&ipc",
  lambda s: fcntl.ioctl(s.slave, termios.TIOCEXCL), succeeded, pty)
P("mmap.mmap", "fd&fs.read&fs.write", lambda s: mmap.mmap(s.fd, len(TEXT))[:],
  returned(lambda s, seen: TEXT), Scratch.open)
P("mmap.mmap read", "fd&fs.read",
  lambda s: mmap.mmap(s.fd, len(TEXT), access=mmap.ACCESS_READ)[:],
  returned(lambda s, seen: TEXT), Scratch.open)
P("mmap.mmap executable", "code",
  lambda s: len(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)),
  returned(lambda s, seen: 4096))
P("select.select", "fd", lambda s: select.select([s.fd], [], [], 0)[0] == [s.fd],
  returned(lambda s, seen: True), Scratch.open)
P("socket.socket fileno", "fd", lambda s: socket.socket(fileno=s.number).getsockname(),
  value(lambda text: LOOPBACK in text),
  lambda s: (listener(s), setattr(s, "number", s.listening.detach())))

# proc: fork, exec, spawn, wait for others, signal, change ids, priorities or limits, end hard.

P("os.fork", "proc", forked(lambda: os.fork()), made("made"), also=("fs.write",))
P("os.forkpty", "proc", forked(lambda: os.forkpty()), made("made"), also=("fs.write",))
P("os.execv", "proc", lambda s: os.execv("/bin/sh", touch_from(s)), made("made"))
P("os.execve", "proc", lambda s: os.execve("/bin/sh", touch_from(s), {}), made("made"))
P("os.posix_spawn", "proc", lambda s: waited(os.posix_spawn("/bin/sh", touch_from(s), {})),
  made("made"))
P("os.posix_spawnp", "proc", lambda s: waited(os.posix_spawnp("sh", touch_from(s), {})),
  made("made"))
P("os.system", "proc", lambda s: os.system(f"mkdir '{s('made')}'"), made("made"))
P("subprocess.run", "proc", lambda s: subprocess.run(touch_from(s), close_fds=True).returncode,
  made("made"), operation="_posixsubprocess.fork_exec|os.posix_spawn",
  also=("ipc", "fs.read", "fd"))
P("os.popen", "proc", lambda s: os.popen(f"mkdir '{s('made')}'").close(), made("made"),
  operation="_posixsubprocess.fork_exec|os.posix_spawn", also=("ipc", "fs.read", "fd"))
P("os.kill", "proc", lambda s: waited(os.kill(s.child.pid, signal.SIGKILL) or s.child.pid),
  changed("children"), child_process)
P("os.killpg", "proc", lambda s: os.killpg(s.group, 0), succeeded,
  lambda s: setattr(s, "group", os.getpgrp()))
P("signal.raise_signal", "proc", lambda s: signal.raise_signal(signal.SIGKILL), ended)
P("signal.pthread_kill", "proc",
  lambda s: signal.pthread_kill(threading.get_ident(), signal.SIGKILL), ended)
P("os._exit", "proc", lambda s: os._exit(0), ended)
P("os.abort", "proc", lambda s: os.abort(), ended,
  lambda s: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
P("os.nice", "proc", lambda s: os.nice(1), changed("nice"))
P("os.getpriority", "env", lambda s: os.getpriority(os.PRIO_PROCESS, 0),
  returned(lambda s, seen: int(seen.before["nice"])))
P("os.setpriority", "proc", lambda s: os.setpriority(os.PRIO_PROCESS, 0, 15), changed("nice"))
P("os.sched_setaffinity", "proc",
  lambda s: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}), succeeded)
P("resource.setrlimit", "proc", lambda s: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
  changed("limits"), lambda s: resource.setrlimit(resource.RLIMIT_CORE,
                                                   (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
                                                   ))
P("os.setuid", "proc", lambda s: os.setuid(12345), changed("Uid"), root=True)
P("os.seteuid", "proc", lambda s: os.seteuid(12345), changed("Uid"), root=True)
P("os.setreuid", "proc", lambda s: os.setreuid(12345, 12345), changed("Uid"), root=True)
P("os.setresuid", "proc", lambda s: os.setresuid(12345, 12345, 12345), changed("Uid"), root=True)
P("os.setgid", "proc", lambda s: os.setgid(12345), changed("Gid"), root=True)
P("os.setegid", "proc", lambda s: os.setegid(12345), changed("Gid"), root=True)
P("os.setregid", "proc", lambda s: os.setregid(12345, 12345), changed("Gid"), root=True)
P("os.setresgid", "proc", lambda s: os.setresgid(12345, 12345, 12345), changed("Gid"), root=True)
P("os.setgroups", "proc", lambda s: os.setgroups([12345]), changed("Groups"), root=True)
P("os.initgroups", "proc", lambda s: os.initgroups("nobody", 12345), changed("Groups"), root=True)
P("os.setpgid", "proc", lambda s: os.setpgid(0, 0), changed("pgrp"))
P("os.setpgrp", "proc", lambda s: os.setpgrp(), changed("pgrp"))
P("os.setsid", "proc", lambda s: os.setsid(), changed("session"))
P("os.waitpid", "fd|proc", lambda s: waited(s.child.pid), changed("children"),
  lambda s: (child_process(s), s.child.stdin.close()))
P("os.pidfd_open", "proc", lambda s: os.pidfd_open(s.child.pid) and True, changed("fds"),
  child_process)

# net: make, bind, connect or name-resolve a socket; send to an address not yet connected.

P("socket.socket", "net", lambda s: socket.socket() and True, value(lambda text: text == "True"))
P("socket.socketpair", "net", lambda s: len(socket.socketpair()), returned(lambda s, seen: 2),
  also=("fd",))
P("socket.socket.bind", "net", lambda s: s.socket.bind((LOOPBACK, 0)) or s.socket.getsockname(),
  value(lambda text: "('127.0.0.1', 0)" not in text), tcp)
P("socket.socket.connect", "net", lambda s: s.socket.connect(s.address)
  or s.listening.accept()[0].close(), succeeded, tcp, also=("fd",))
P("socket.socket.connect_ex", "net", lambda s: s.socket.connect_ex(s.address),
  returned(lambda s, seen: 0), tcp)
P("socket.socket.listen", "net", lambda s: s.socket.listen(), succeeded,
  lambda s: (tcp(s), s.socket.bind((LOOPBACK, 0))))
P("socket.socket.setsockopt", "net",
  lambda s: s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) or
  s.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR), returned(lambda s, seen: 1), tcp)
P("socket.socket.sendto", "net", lambda s: s.sender.sendto(b"probe", s.address)
  and s.receiver.recv(9), returned(lambda s, seen: b"probe"), udp)
P("socket.socket.sendmsg", "net", lambda s: s.sender.sendmsg([b"probe"], [], 0, s.address)
  and s.receiver.recv(9), returned(lambda s, seen: b"probe"), udp)
P("socket.create_connection", "net", lambda s: socket.create_connection(s.address) and True,
  returned(lambda s, seen: True), listener, operation="socket.getaddrinfo")
P("socket.getaddrinfo", "net", lambda s: socket.getaddrinfo(LOOPBACK, 80)[0][4],
  returned(lambda s, seen: (LOOPBACK, 80)))
P("socket.gethostbyname", "net", lambda s: socket.gethostbyname(LOOPBACK),
  returned(lambda s, seen: LOOPBACK))
P("socket.gethostbyname_ex", "net", lambda s: socket.gethostbyname_ex(LOOPBACK)[2],
  returned(lambda s, seen: [LOOPBACK]))
P("socket.getnameinfo", "net",
  lambda s: socket.getnameinfo((LOOPBACK, 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
  returned(lambda s, seen: (LOOPBACK, "80")))
P("socket.if_nameindex", "env", lambda s: socket.if_nameindex(),
  returned(lambda s, seen: socket.if_nameindex()))
P("socket.sethostname", "env", lambda s: socket.sethostname("probe-of-lockdown"), succeeded,
  # Only in a namespace of its own: the machine keeps its name.
  lambda s: os.unshare(os.CLONE_NEWUTS), root=True,
  exists=lambda: hasattr(os, "unshare") and can_unshare())

# Libraries that open files by themselves.

P("sqlite3.connect", "fs.read&fs.write",
  lambda s: sqlite3.connect(s("made")).execute("create table t (c)") and True, made("made"),
  exists=lambda: sqlite3 is not None)
P("dbm.open", "fs.read&fs.write", lambda s: dbm.open(s("made"), "c").close(),
  lambda s, seen: any(name.startswith("made") for name in os.listdir(s.path)),
  operation="dbm.open", also=("fd",), exists=lambda: dbm is not None)
P("ssl.SSLContext.load_verify_locations", "fs.read",
  lambda s: s.context.load_verify_locations(s("file")),
  # It read the file: what is in there is no certificate.
  value(lambda text: "NO_CERTIFICATE" in text or "no certificate" in text.lower()),
  lambda s: setattr(s, "context", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
  operation="_ssl._SSLContext.load_verify_locations", exists=lambda: ssl is not None)

# import: load code from outside the interpreter.

P("import", "import", lambda s: importlib.import_module("probe_module") and True,
  made("probe_module.py.ran"), lambda s: sys.path.insert(0, s.path), imports=True,
  also=("fs.read", "fs.write", "fd", "code"), operation="import",
  exists=lambda: True)
P("zipimport.zipimporter", "import",
  lambda s: zipimport.zipimporter(s("archive.zip")).find_spec("zipped_module").name,
  returned(lambda s, seen: "zipped_module"), imports=True, also=("fs.read",),
  operation="import", exists=lambda: True)
P("_imp.create_builtin", "import",
  lambda s: _imp.create_builtin(importlib.machinery.ModuleSpec(unsafe_builtin(), None)).__name__,
  returned(lambda s, seen: unsafe_builtin()), exists=lambda: unsafe_builtin() is not None)

# env: learn who and where.

P("os.getcwd", "env", lambda s: os.getcwd(), returned(lambda s, seen: seen.before["cwd"]))
P("os.getcwdb", "env", lambda s: os.getcwdb(),
  returned(lambda s, seen: os.fsencode(seen.before["cwd"])))
P("os.getpid", "env", lambda s: os.getpid(), returned(lambda s, seen: seen.pid))
P("os.getppid", "env", lambda s: os.getppid(), value(str.isdigit))
P("os.getuid", "env", lambda s: os.getuid(), returned(lambda s, seen: os.getuid()))
P("os.geteuid", "env", lambda s: os.geteuid(), returned(lambda s, seen: os.geteuid()))
P("os.getgid", "env", lambda s: os.getgid(), returned(lambda s, seen: os.getgid()))
P("os.getegid", "env", lambda s: os.getegid(), returned(lambda s, seen: os.getegid()))
P("os.getresuid", "env", lambda s: os.getresuid(), returned(lambda s, seen: os.getresuid()))
P("os.getresgid", "env", lambda s: os.getresgid(), returned(lambda s, seen: os.getresgid()))
P("os.getgroups", "env", lambda s: os.getgroups(), returned(lambda s, seen: os.getgroups()))
P("os.getgrouplist", "env", lambda s: os.getgrouplist("root", 0),
  returned(lambda s, seen: os.getgrouplist("root", 0)))
P("os.getpgid", "env", lambda s: os.getpgid(0), returned(lambda s, seen: os.getpgid(seen.pid)))
P("os.getpgrp", "env", lambda s: os.getpgrp(), returned(lambda s, seen: os.getpgid(seen.pid)))
P("os.getsid", "env", lambda s: os.getsid(0), returned(lambda s, seen: os.getsid(seen.pid)))
P("os.getlogin", "env", lambda s: os.getlogin(), succeeded, judge=lambda: has_login())
P("os.uname", "env", lambda s: os.uname().nodename,
  returned(lambda s, seen: os.uname().nodename))
P("os.getloadavg", "env", lambda s: len(os.getloadavg()), returned(lambda s, seen: 3))
P("os.ctermid", "env", lambda s: os.ctermid(), returned(lambda s, seen: os.ctermid()))
P("os.putenv", "env", lambda s: os.putenv("PROBE", "1") or True, succeeded)
P("os.unsetenv", "env", lambda s: os.unsetenv("PROBE") or True, succeeded)
P("os.sysconf", "env", lambda s: os.sysconf("SC_PAGE_SIZE"),
  returned(lambda s, seen: os.sysconf("SC_PAGE_SIZE")))
P("os.sched_getaffinity", "env", lambda s: os.sched_getaffinity(s.parent),
  returned(lambda s, seen: os.sched_getaffinity(0)),
  lambda s: setattr(s, "parent", os.getppid()))
P("socket.gethostname", "env", lambda s: socket.gethostname(),
  returned(lambda s, seen: socket.gethostname()))
P("pwd.getpwuid", "env", lambda s: pwd.getpwuid(0).pw_name,
  returned(lambda s, seen: pwd.getpwuid(0).pw_name))
P("pwd.getpwnam", "env", lambda s: pwd.getpwnam("root").pw_uid,
  returned(lambda s, seen: pwd.getpwnam("root").pw_uid))
P("pwd.getpwall", "env", lambda s: len(pwd.getpwall()),
  returned(lambda s, seen: len(pwd.getpwall())))
P("grp.getgrgid", "env", lambda s: grp.getgrgid(0).gr_name,
  returned(lambda s, seen: grp.getgrgid(0).gr_name))
P("grp.getgrnam", "env", lambda s: grp.getgrnam("root").gr_gid,
  returned(lambda s, seen: grp.getgrnam("root").gr_gid))
P("grp.getgrall", "env", lambda s: len(grp.getgrall()),
  returned(lambda s, seen: len(grp.getgrall())))
P("resource.getrusage", "env",
  lambda s: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0,
  returned(lambda s, seen: True))
P("resource.getrlimit", "env", lambda s: resource.getrlimit(resource.RLIMIT_NOFILE),
  returned(lambda s, seen: resource.prlimit(seen.pid, resource.RLIMIT_NOFILE)))

P("time.clock_gettime", "env", lambda s: time.clock_gettime(s.clock) > 0,
  returned(lambda s, seen: True), lambda s: clock_of_parent(s))
P("time.clock_gettime_ns", "env", lambda s: time.clock_gettime_ns(s.clock) > 0,
  returned(lambda s, seen: True), lambda s: clock_of_parent(s))
P("time.clock_getres", "env", lambda s: time.clock_getres(s.clock) > 0,
  returned(lambda s, seen: True), lambda s: clock_of_parent(s))
P("time.tzset", "env", lambda s: time.tzset(), succeeded)

# code: make machine-checked objects from raw parts.

P("code", "code", lambda s: types.CodeType(
    0, 0, 0, 0, 1, 0, s.code.co_code, (), (), (), "made", "made", "made", 1, b"", b"").co_name,
  returned(lambda s, seen: "made"), sample_code, operation="code", exists=lambda: True)
P("code.replace", "code", lambda s: s.code.replace(co_name="made").co_name,
  returned(lambda s, seen: "made"), sample_code, exists=lambda: True)
P("copy.replace of code", "code", lambda s: copy.replace(s.code, co_name="made").co_name,
  returned(lambda s, seen: "made"), sample_code, operation="code.replace",
  exists=lambda: True)
P("marshal.loads", "code", lambda s: marshal.loads(s.marshalled).co_name,
  returned(lambda s, seen: "function"), sample_code)
P("marshal.load", "code", lambda s: marshal.load(io.BytesIO(s.marshalled)).co_name,
  returned(lambda s, seen: "function"), sample_code)

P("_imp.get_frozen_object", "code", lambda s: _imp.get_frozen_object("name", s.marshalled).co_name,
  returned(lambda s, seen: "function"), sample_code)

# inspect: look into others.

P("gc.get_objects", "inspect", lambda s: len(gc.get_objects()) > 100,
  returned(lambda s, seen: True))
P("gc.get_referrers", "inspect", lambda s: len(gc.get_referrers(sys)) > 0,
  returned(lambda s, seen: True))
P("gc.get_referents", "inspect", lambda s: gc.get_referents([TEXT]) == [TEXT],
  returned(lambda s, seen: True))
P("sys.settrace", "inspect", lambda s: traced(sys.settrace), returned(lambda s, seen: True))
P("sys.setprofile", "inspect", lambda s: traced(sys.setprofile), returned(lambda s, seen: True))
P("sys.addaudithook", "inspect", lambda s: audited(), returned(lambda s, seen: True))
P("sys._current_frames", "inspect", lambda s: len(sys._current_frames()) > 0,
  returned(lambda s, seen: True))
P("sys._current_exceptions", "inspect", lambda s: len(sys._current_exceptions()) > 0,
  returned(lambda s, seen: True))
P("sys.monitoring.use_tool_id", "inspect", lambda s: sys.monitoring.use_tool_id(3, "probe") or
  sys.monitoring.get_tool(3), returned(lambda s, seen: "probe"))

# runtime: turn the interpreter's own knobs.

P("sys.setrecursionlimit", "runtime", lambda s: sys.setrecursionlimit(5000) or
  sys.getrecursionlimit(), returned(lambda s, seen: 5000))
P("sys.set_int_max_str_digits", "runtime", lambda s: sys.set_int_max_str_digits(5000) or
  sys.get_int_max_str_digits(), returned(lambda s, seen: 5000))
P("threading.stack_size", "runtime", lambda s: threading.stack_size(1 << 20) or
  threading.stack_size(), returned(lambda s, seen: 1 << 20), operation="_thread.stack_size",
  exists=lambda: True)
P("sys.activate_stack_trampoline", "runtime",
  lambda s: sys.activate_stack_trampoline("perf") or sys.is_stack_trampoline_active(),
  returned(lambda s, seen: True), also=("fs.write", "fs.read"),
  # Not where it is not compiled in.
  exists=lambda: has_trampoline())
P("tracemalloc.start", "runtime", lambda s: tracemalloc.start() or tracemalloc.is_tracing(),
  returned(lambda s, seen: True), operation="_tracemalloc.start", exists=lambda: True)
P("faulthandler.enable", "runtime", lambda s: faulthandler.enable(s.fd) or
  faulthandler.is_enabled(), returned(lambda s, seen: True), Scratch.open)
P("locale.setlocale", "fs.read&runtime", lambda s: locale.setlocale(locale.LC_ALL, "C"),
  returned(lambda s, seen: "C"), operation="_locale.setlocale")
P("time.clock_settime", "proc", lambda s: time.clock_settime(time.CLOCK_REALTIME, -1),
  # No probe may set the machine's clock; the value is one that the kernel does not take.
  value(lambda text: text == "raised OSError: [Errno 22] Invalid argument"),
  root=True)

# ipc: shared memory, semaphores, System V or POSIX named objects.

P("_posixshmem.shm_open", "ipc", lambda s: shared_memory(s), made("made"),
  also=("fs.write", "fd"))
P("_multiprocessing.SemLock", "ipc",
  lambda s: multiprocessing.get_context("fork").Lock() and True, returned(lambda s, seen: True),
  also=("env",))


def unsafe_builtin():
    """The first builtin module that is not in SAFE_MODULES; there may be none."""
    import lockdownlib
    return min(set(sys.builtin_module_names) - lockdownlib.SAFE_MODULES, default=None)


def can_unshare():
    """Whether this process may make namespaces: containers often may not, even as root."""
    return os.system("unshare --uts true 2>/dev/null") == 0


def has_trampoline():
    import sysconfig
    return bool(sysconfig.get_config_var("PY_HAVE_PERF_TRAMPOLINE"))


def has_login():
    try:
        os.getlogin()
    except OSError:
        return False
    return True


def clock_of_parent(s):
    """The clock of another process, by the kernel's rule: -6 - 8 * pid."""
    s.clock = ~os.getppid() << 3 | 2


def traced(setter):
    """Whether a trace or profile function is called."""
    calls = []

    def called():
        pass
    setter(lambda *args: calls.append(args))
    try:
        called()
    finally:
        setter(None)
    return bool(calls)


def audited():
    """Whether an audit hook is called."""
    events = []
    sys.addaudithook(lambda event, args: events.append(event))
    sys.audit("probe.of.lockdown")
    return "probe.of.lockdown" in events


def shared_memory(s):
    """Make a named piece of shared memory, leave a mark if that worked, and remove it."""
    name = s.path.replace(os.sep, "-")
    descriptor = _posixshmem.shm_open("/" + name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    _posixshmem.shm_unlink("/" + name)
    os.close(descriptor)
    os.mkdir(s("made"))
