"""Raw descriptor numbers."""

import fcntl
import io
import mmap
import os
import select
import shutil
import socket
import sys
import termios

from .base import *

optional("_rexec")


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
P("os.isatty", "fd", lambda s: os.isatty(s.slave), returned(lambda s, seen: True), pty)
P("os.fsync", "fd", lambda s: os.fsync(s.fd), succeeded, Scratch.open)
P("os.ftruncate", "fd", lambda s: os.ftruncate(s.fd, 3), size("file", 3), Scratch.open)


def number(name, right, call, effect, setup=Scratch.open, **kwargs):
    """Two probes of a call that takes a path, and here a number: the path's right, and fd."""
    P(f"{name} number", right, call, effect, setup, also=("fd",), **kwargs)
    P(f"os.fd of {name}", "fd", call, effect, setup, also=(right,), operation="os.fd",
      exists=kwargs.get("exists", lambda: True), **{key: value for key, value in kwargs.items()
                                                    if key != "exists"})


def folder(s):
    s.fd = os.open(s("folder"), os.O_RDONLY)


def attributed(s):
    os.setxattr(s.open(), "user.probe", b"1")


number("os.stat", "fs.read", lambda s: os.stat(s.fd).st_ino,
       returned(lambda s, seen: os.stat(s("file")).st_ino))
number("os.listdir", "fs.read", lambda s: sorted(os.listdir(s.fd)),
       returned(lambda s, seen: sorted(os.listdir(s("folder")))), folder)
number("os.scandir", "fs.read", lambda s: sorted(entry.name for entry in os.scandir(s.fd)),
       returned(lambda s, seen: sorted(os.listdir(s("folder")))), folder)
number("os.chdir", "fs.read", lambda s: os.chdir(s.fd), changed("cwd"), folder)
number("os.statvfs", "fs.read", lambda s: os.statvfs(s.fd).f_bsize,
       returned(lambda s, seen: os.statvfs(s("file")).f_bsize))
number("os.pathconf", "fs.read", lambda s: os.pathconf(s.fd, "PC_NAME_MAX"),
       returned(lambda s, seen: os.pathconf(s("file"), "PC_NAME_MAX")))
number("os.getxattr", "fs.read", lambda s: os.getxattr(s.fd, "user.probe"),
       returned(lambda s, seen: b"1"), attributed, exists=has_xattr)
number("os.listxattr", "fs.read", lambda s: "user.probe" in os.listxattr(s.fd),
       returned(lambda s, seen: True), attributed, exists=has_xattr)
number("os.setxattr", "fs.write", lambda s: os.setxattr(s.fd, "user.probe", b"1"),
       lambda s, seen: "user.probe" in os.listxattr(s("file")), exists=has_xattr)
number("os.removexattr", "fs.write", lambda s: os.removexattr(s.fd, "user.probe"),
       lambda s, seen: "user.probe" not in os.listxattr(s("file")), attributed, exists=has_xattr)
number("os.truncate", "fs.write", lambda s: os.truncate(s.fd, 3), size("file", 3))
number("os.chmod", "fs.write", lambda s: os.chmod(s.fd, 0o600), mode("file", 0o600))
number("os.chown", "fs.write", lambda s: os.chown(s.fd, 1, 1),
       lambda s, seen: os.lstat(s("file")).st_uid == 1, root=True)
number("os.utime", "fs.write", lambda s: os.utime(s.fd, (1000, 1000)), mtime("file", 1000))
number("os.execve", "proc",
       lambda s: os.execve(s.fd, touch_from(s), {"PATH": os.defpath}), made("made"),
       lambda s: setattr(s, "fd", os.open(shutil.which("sh"), os.O_RDONLY)))

# dir_fd=: the folder that a path begins in.
number("os.access", "fs.read", lambda s: os.access("inner", os.R_OK, dir_fd=s.fd),
       returned(lambda s, seen: True), folder)
number("os.readlink", "fs.read", lambda s: os.readlink("link", dir_fd=s.fd),
       returned(lambda s, seen: "inner"),
       lambda s: (folder(s), os.symlink("inner", s("folder/link"))))
number("os.unlink", "fs.write", lambda s: os.unlink("inner", dir_fd=s.fd), gone("folder/inner"),
       folder)
number("os.rename", "fs.write", lambda s: os.rename("inner", s("made"), src_dir_fd=s.fd),
       made("made"), folder)
number("os.link", "fs.write", lambda s: os.link(s("file"), "made", dst_dir_fd=s.fd),
       made("folder/made"), folder)
number("os.symlink", "fs.write", lambda s: os.symlink("inner", "made", dir_fd=s.fd),
       made("folder/made"), folder)
number("os.mkdir", "fs.write", lambda s: os.mkdir("made", dir_fd=s.fd), made("folder/made"),
       folder)
number("os.open", "fs.read", lambda s: os.open("inner", os.O_RDONLY, dir_fd=s.fd) and True,
       changed("fds"), folder)


def pending(s):
    """A listener on the loopback with one client that waits to be accepted."""
    s.listener = socket.create_server((LOOPBACK, 0))
    s.client = socket.create_connection(s.listener.getsockname())


P("socket.socket.accept", "fd", lambda s: s.listener._accept()[0] > 2, changed("fds"), pending)
P("_rexec.Channel", "fd",
  lambda s: setattr(s, "channel", sys.modules["_rexec"].Channel(s.pair[0].detach(), False)),
  changed("fds"), lambda s: setattr(s, "pair", socket.socketpair()))
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
P("os.openpty", "ipc", lambda s: os.openpty() and True, changed("fds"), exists=has_pty)
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
def executable():
    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


P("mmap.mmap executable", "code",
  lambda s: len(executable()), returned(lambda s, seen: 4096),
  # Some systems refuse memory that can be both written and run.
  judge=lambda: works(executable))
P("select.select", "fd", lambda s: select.select([s.fd], [], [], 0)[0] == [s.fd],
  returned(lambda s, seen: True), Scratch.open)
P("socket.socket fileno", "fd", lambda s: socket.socket(fileno=s.number).getsockname(),
  value(lambda text: LOOPBACK in text),
  lambda s: (listener(s), setattr(s, "number", s.listening.detach())))
