"""A real folder: the tree behind rexec.ReadOnly and rexec.ReadWrite."""

import errno
import os
import stat

from rexec.beneath import error

# How a file is opened, the same in both halves.
READ, WRITE, APPEND, CREATE, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8, 16, 32


class Tree:
    """The folder of a Beneath."""

    def __init__(self, beneath, writable):
        self._beneath = beneath
        self.writable = writable

    def open(self, path, flags, spend):
        system = {READ: os.O_RDONLY, WRITE: os.O_WRONLY, READ | WRITE: os.O_RDWR}[flags & 3]
        for ours, theirs in ((APPEND, os.O_APPEND), (CREATE, os.O_CREAT), (EXCLUSIVE, os.O_EXCL),
                             (TRUNCATE, os.O_TRUNC)):
            if flags & ours:
                system |= theirs
        return Handle(self._beneath.file(path, system), flags, spend)

    def stat(self, path, follow):
        return facts_of(self._beneath.stat(path, follow))

    def list(self, path):
        fd = self._beneath.folder(path)
        try:
            with os.scandir(fd) as entries:
                return [(os.fsencode(entry.name), _kind(entry)) for entry in entries]
        finally:
            os.close(fd)

    def utime(self, path, times):
        self._beneath.utime(path, times)

    def readlink(self, path):
        return self._beneath.readlink(path)

    def mkdir(self, path):
        with self._parent(path, {b"": errno.EEXIST, b".": errno.EEXIST,
                                 b"..": errno.EEXIST}) as (folder, name):
            os.mkdir(name, 0o700, dir_fd=folder)

    def unlink(self, path):
        with self._parent(path, {b"": errno.EISDIR, b".": errno.EISDIR,
                                 b"..": errno.EISDIR}) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def rmdir(self, path):
        with self._parent(path, {b"": errno.EBUSY, b".": errno.EINVAL,
                                 b"..": errno.ENOTEMPTY}) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def rename(self, source, target, spend):
        with self._parent(source, {}) as (folder, name), \
                self._parent(target, {}) as (to_folder, to_name):
            if {name.rstrip(b"/"), to_name.rstrip(b"/")} & {b"", b".", b".."}:
                raise error(errno.EBUSY)
            found = os.stat(name.rstrip(b"/"), dir_fd=folder, follow_symlinks=False)
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                # A link that is somewhere else is another link, and none can be made.
                raise error(errno.EPERM)
            os.rename(name, to_name, src_dir_fd=folder, dst_dir_fd=to_folder)

    def _parent(self, path, special):
        return _Parent(self._beneath, path, special)


class _Parent:
    """The open folder that has the last name of a path."""

    def __init__(self, beneath, path, special):
        self._beneath, self._path, self._special = beneath, path, special
        self._folder = -1

    def __enter__(self):
        self._folder, name = self._beneath.parent(self._path)
        number = self._special.get(name.rstrip(b"/"))
        if number is not None:
            os.close(self._folder)
            raise error(number)
        return self._folder, name

    def __exit__(self, *_):
        os.close(self._folder)


def _kind(entry):
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    try:
        return stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return stat.S_IFREG         # gone meanwhile


def facts_of(found):
    return (stat.S_IFMT(found.st_mode) | found.st_mode & 0o777, found.st_size,
            (found.st_dev, found.st_ino),
            found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)


class Handle:
    """An open file of a real folder."""

    sequential = False      # offsets count
    encoding = None         # the cell's own

    def __init__(self, fd, flags, spend):
        self._fd, self._flags, self._spend = fd, flags, spend

    def size(self):
        return os.fstat(self._fd).st_size

    def facts(self):
        return facts_of(os.fstat(self._fd))

    def read(self, offset, count):
        return os.pread(self._fd, count, offset)

    def write(self, offset, data):
        if self._flags & WRITE:
            size = self.size()
            if self._flags & APPEND:
                offset = size
            self._spend(max(len(data), offset + len(data) - size))
        done = os.pwrite(self._fd, data, offset)
        return self.size() if self._flags & APPEND else offset + done

    def truncate(self, size):
        if self._flags & WRITE:
            self._spend(max(0, size - self.size()))
        os.ftruncate(self._fd, size)

    def close(self):
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
