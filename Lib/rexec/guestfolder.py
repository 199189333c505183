"""A folder of a cell's, for the cells inside it: rexec.ReadOnly and rexec.ReadWrite in a cell.

The folder is one of those that the cell itself was given, and so is all that lies behind it: the
supervisor sees to that, whatever happens here.  What is seen to here is that an inner cell stays in
its part of them.  A cell has no descriptors of folders; a path is walked by names, and a symbolic
link in it is refused.
"""

import errno
import os
import stat

from rexec import files
from rexec.beneath import error
from rexec.folder import APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE, Handle, facts_of

_FLAGS = ((APPEND, os.O_APPEND), (CREATE, os.O_CREAT), (EXCLUSIVE, os.O_EXCL),
          (TRUNCATE, os.O_TRUNC))


class _Tree:
    """The folder at a path."""

    def __init__(self, path, writable):
        self._path = path
        self.writable = writable

    def _walk(self, path, follow=True):
        """The place of PATH.  All but the last name of it is there, and a folder; with FOLLOW the
        last one is no link."""
        names = []
        parts = path.split(b"/")
        while parts:
            name = parts.pop(0)
            if name in (b"", b"."):
                continue
            if name == b"..":
                if not names:
                    raise error(errno.EACCES)
                names.pop()
                continue
            names.append(name)
            if not parts and not follow:
                break
            try:
                kind = os.lstat(self._join(names)).st_mode
            except FileNotFoundError:
                if parts:
                    raise
                break               # it may be made
            if stat.S_ISLNK(kind):
                raise error(errno.EACCES)
            if parts and not stat.S_ISDIR(kind):
                raise error(errno.ENOTDIR)
        return self._join(names)

    def _join(self, names):
        return b"/".join([self._path, *names])

    def _entry(self, path, top):
        """The place of what is to be made or removed."""
        bare = path.rstrip(b"/")
        number = {b"": top, b".": top, b"..": top}.get(bare.rpartition(b"/")[2])
        if number is not None:
            raise error(number)
        return self._walk(bare, False)

    def open(self, path, flags, spend):
        if flags & CREATE and path.endswith(b"/"):
            raise error(errno.EISDIR)
        system = {READ: os.O_RDONLY, WRITE: os.O_WRONLY, READ | WRITE: os.O_RDWR}[flags & 3]
        for ours, theirs in _FLAGS:
            if flags & ours:
                system |= theirs
        return _Handle(os.open(self._walk(path, not flags & EXCLUSIVE), system), flags, spend)

    def stat(self, path, follow):
        return facts_of(os.lstat(self._walk(path, follow)))

    def list(self, path):
        with os.scandir(self._walk(path)) as entries:
            return [(entry.name, stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode))
                    for entry in entries]

    def readlink(self, path):
        return os.readlink(self._walk(path, False))

    def utime(self, path, times):
        os.utime(self._walk(path), ns=times)

    def mkdir(self, path):
        os.mkdir(self._entry(path, errno.EEXIST))

    def unlink(self, path):
        os.unlink(self._entry(path, errno.EISDIR))

    def rmdir(self, path):
        os.rmdir(self._entry(path, errno.EBUSY))

    def rename(self, source, target, spend):
        os.rename(self._entry(source, errno.EBUSY), self._entry(target, errno.EBUSY))


class _Handle(Handle):
    """An open file of it; reading and writing at an offset are two steps here."""

    def read(self, offset, count):
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, count)

    def write(self, offset, data):
        size = self.size()
        if self._flags & APPEND:
            offset = size
        self._spend(max(len(data), offset + len(data) - size))
        os.lseek(self._fd, offset, os.SEEK_SET)
        return offset + os.write(self._fd, data)


class _Mount:
    """A folder of the cell's."""

    def _hold(self, folder):
        path = os.fsencode(os.path.abspath(folder))
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
        self._path = path.rstrip(b"/")
        self._tree = _Tree(self._path, self._writable)

    def _overlaps(self, other):
        one, two = self._path + b"/", other._path + b"/"
        return one.startswith(two) or two.startswith(one)


class ReadOnly(_Mount, files.ReadOnly):
    __doc__ = files.ReadOnly.__doc__
    _writable = False


class ReadWrite(_Mount, files.ReadWrite):
    __doc__ = files.ReadWrite.__doc__
    _writable = True
