"""Files: reached by path, and changed."""

import io
import os
import pathlib
import shutil
import tempfile

from .base import *


def current_umask():
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


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
P("os.scandir", "fs.read", lambda s: sorted(entry.name for entry in os.scandir(s.path)),
  returned(lambda s, seen: sorted(os.listdir(s.path))))
P("os.stat", "fs.read", lambda s: os.stat(s("file")).st_ino,
  returned(lambda s, seen: os.stat(s("file")).st_ino))
P("os.lstat", "fs.read", lambda s: os.lstat(s("symlink")).st_ino,
  returned(lambda s, seen: os.lstat(s("symlink")).st_ino))
P("os.statvfs", "fs.read", lambda s: os.statvfs(s.path).f_bsize,
  returned(lambda s, seen: os.statvfs(s.path).f_bsize))
P("os.access", "fs.read", lambda s: os.access(s("file"), os.R_OK),
  returned(lambda s, seen: True))
P("os.readlink", "fs.read", lambda s: os.readlink(s("symlink")),
  returned(lambda s, seen: "file"))
P("os.pathconf", "fs.read", lambda s: os.pathconf(s.path, "PC_NAME_MAX"),
  returned(lambda s, seen: os.pathconf(s.path, "PC_NAME_MAX")))
P("os.listxattr", "fs.read", lambda s: os.listxattr(s("file")),
  returned(lambda s, seen: os.listxattr(s("file"))))
P("os.getxattr", "fs.read", lambda s: os.getxattr(s("file"), "user.probe"),
  returned(lambda s, seen: b"1"), lambda s: os.setxattr(s("file"), "user.probe", b"1"),
  exists=has_xattr)
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
  lambda s, seen: "user.probe" in os.listxattr(s("file")), exists=has_xattr)
P("os.removexattr", "fs.write", lambda s: os.removexattr(s("file"), "user.probe"),
  lambda s, seen: "user.probe" not in os.listxattr(s("file")),
  lambda s: os.setxattr(s("file"), "user.probe", b"1"), exists=has_xattr)
P("os.umask", "fs.write", lambda s: os.umask(s.other_umask), changed("Umask"),
  lambda s: setattr(s, "other_umask", current_umask() ^ 0o011))
P("tempfile.mkdtemp", "fs.write", lambda s: tempfile.mkdtemp(dir=s("folder")) and True,
  lambda s, seen: len(os.listdir(s("folder"))) == 2, operation="os.mkdir", also=("fs.read", "env"))


# fs.special: the same by a path that goes through what is no file.

for probe in list(PROBES):
    if probe.name in {
            "io.FileIO", "io.FileIO w", "os.access", "os.chdir", "os.chmod", "os.chown",
            "os.getxattr", "os.lchown", "os.link", "os.listdir", "os.listxattr", "os.lstat",
            "os.mkdir", "os.mkfifo", "os.mknod", "os.open", "os.open w", "os.pathconf",
            "os.readlink", "os.removexattr", "os.rename", "os.replace", "os.rmdir",
            "os.scandir", "os.setxattr", "os.stat", "os.statvfs", "os.symlink", "os.truncate",
            "os.unlink", "os.utime"}:
        through_proc(probe)

P("os.remove through /proc", "fs.write&fs.special", lambda s: os.remove(Through(s)("file")),
  gone("file"), operation="os.unlink|os.remove", judge=lambda: HAVE_PROC)


def entry_through_proc(s):
    with os.scandir(Through(s).path) as entries:
        s.entry, = (entry for entry in entries if entry.name == "file")


P("os.DirEntry.stat through /proc", "fs.read&fs.special", lambda s: s.entry.stat().st_size,
  returned(lambda s, seen: os.stat(s("file")).st_size), entry_through_proc,
  judge=lambda: HAVE_PROC)
