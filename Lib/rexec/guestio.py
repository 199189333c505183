"""What the cell's half of files is made of: questions, open files, entries of folders."""

import _thread
import errno
import io
import os
import stat
import warnings
from _operator import index

# As in folder.py; the cell's half imports nothing of the supervisor's.
READ, WRITE, APPEND, CREATE, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8, 16, 32

_MAX_OFFSET = (1 << 63) - 1


def as_number(value, bits=64):
    """An argument that C takes as an int of so many bits."""
    number = index(value)
    if not -1 << bits - 1 <= number < 1 << bits - 1:
        raise OverflowError(f"Python int too large to convert to C {'long' if bits == 64 else 'int'}")
    return number


class Asker:
    """One question at a time; what a destructor asks in the middle of another waits for its end."""

    def __init__(self, ask, busy):
        self._ask = ask
        self._busy = busy
        self._lock = _thread.allocate_lock()
        self._owner = None
        self._later = []

    def __call__(self, operation, *arguments):
        if self._owner == _thread.get_ident() or self._busy():
            self._later.append((operation, arguments))
            # Of those that a destructor asks, only a write has an answer that is looked at.
            return arguments[1] + len(arguments[2]) if operation == "write" else None
        with self._lock:
            self._owner = _thread.get_ident()
            try:
                self.catch_up()
                return self._ask(operation, *arguments)
            finally:
                self._owner = None

    def catch_up(self):
        """Ask what waited."""
        while self._later:
            operation, arguments = self._later.pop(0)
            try:
                self._ask(operation, *arguments)
            except OSError:
                pass            # as in any destructor

    def later(self, operation, *arguments):
        self._later.append((operation, arguments))


class OpenFile:
    """An open file, as the kernel would have it: a position and what may be done."""

    def __init__(self, ask, number, flags, size, sequential, encoding, block):
        self.ask, self.number, self.flags = ask, number, flags
        self.size_then, self.sequential, self.encoding = size, sequential, encoding
        self.block = block          # bytes that one question or answer holds at most
        self.position = 0

    def read(self, count):
        if not self.flags & READ:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if count == 0:
            return b""
        data = self.ask("read", self.number, self.position, min(count, self.block))
        self.position += len(data)
        return data

    def write(self, data):
        if not self.flags & WRITE:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        with memoryview(data) as view, view.cast("B") as octets:
            data = bytes(octets[:self.block])
        if data:
            before = self.position
            self.position = self.ask("write", self.number, before, data)
            if not self.flags & APPEND:
                return self.position - before
        return len(data)

    def seek(self, offset, whence):
        if self.sequential:
            raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))
        if whence == 1:
            offset += self.position
        elif whence == 2:
            offset += self.ask("size", self.number)
        elif whence != 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if not 0 <= offset <= _MAX_OFFSET:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.position = offset
        return offset


class CellFile(io.RawIOBase):
    """A raw file of the cell, what io.FileIO is outside."""

    _closefd = True
    _open = None

    def __init__(self, files, fd, name, mode, closefd=True):
        self._files, self._fd, self._closefd = files, fd, closefd
        self._open = files.table[fd]
        self.name, self.mode = name, mode
        self._readable = bool(self._open.flags & READ)
        self._writable = bool(self._open.flags & WRITE)

    def __repr__(self):
        if self.closed:
            return "<CellFile [closed]>"
        return f"<CellFile name={self.name!r} mode={self.mode!r} closefd={self._closefd!r}>"

    def __del__(self):
        if not self.closed:
            if self._closefd:
                warnings.warn(f"unclosed file {self!r}", ResourceWarning, stacklevel=2,
                              source=self)
            self._dying = True
            self.close()

    def __getstate__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def _check(self):
        if self.closed:
            raise ValueError("I/O operation on closed file")

    @property
    def closefd(self):
        return self._closefd

    def readable(self):
        self._check()
        return self._readable

    def writable(self):
        self._check()
        return self._writable

    def seekable(self):
        self._check()
        return not self._open.sequential

    def fileno(self):
        self._check()
        return self._fd

    def isatty(self):
        self._check()
        return False

    def _refuse(self, action):
        raise io.UnsupportedOperation(f"File not open for {action}")

    def readinto(self, buffer):
        self._check()
        if not self._readable:
            self._refuse("reading")
        with memoryview(buffer) as view, view.cast("B") as octets:
            data = self._open.read(len(octets))
            octets[:len(data)] = data
        return len(data)

    def read(self, size=-1):
        self._check()
        if not self._readable:
            self._refuse("reading")
        if size is None or size < 0:
            return self.readall()
        return self._open.read(size)

    def readall(self):
        self._check()
        if not self._readable:
            self._refuse("reading")
        parts = []
        while True:
            data = self._open.read(self._open.block)
            parts.append(data)
            # A regular file gives less than asked for at its end only.
            if not data or len(data) < self._open.block and not self._open.sequential:
                return b"".join(parts)

    def write(self, data):
        self._check()
        if not self._writable:
            self._refuse("writing")
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        return self._open.write(data)

    def seek(self, offset, whence=0):
        self._check()
        if isinstance(offset, float):
            raise TypeError("an integer is required")
        return self._open.seek(offset.__index__(), whence)

    def tell(self):
        self._check()
        return self._open.seek(0, 1)

    def truncate(self, size=None):
        self._check()
        if not self._writable:
            self._refuse("writing")
        if size is None:
            size = self.tell()
        length = as_number(size)
        if not 0 <= length <= _MAX_OFFSET:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._open.ask("truncate", self._open.number, length)
        return size

    def close(self):
        if self.closed:
            return
        try:
            super().close()
        finally:
            if self._closefd and self._open is not None:
                self._files.drop(self._fd, dying=getattr(self, "_dying", False))


class DirEntry:
    """What scandir() gives for each entry."""

    __slots__ = ("name", "path", "_kind", "_stat", "_lstat", "_files")

    def __init__(self, files, name, path, kind):
        self._files, self.name, self.path, self._kind = files, name, path, kind
        self._stat = self._lstat = None

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"

    def __fspath__(self):
        return self.path

    def stat(self, *, follow_symlinks=True):
        if follow_symlinks and self._kind == stat.S_IFLNK:
            if self._stat is None:
                self._stat = self._files.stat(self.path)
            return self._stat
        if self._lstat is None:
            self._lstat = self._files.lstat(self.path)
        return self._lstat

    def inode(self):
        return self.stat(follow_symlinks=False).st_ino

    def _is(self, kind, follow):
        if not follow or self._kind != stat.S_IFLNK:
            return self._kind == kind
        try:
            return stat.S_IFMT(self.stat().st_mode) == kind
        except FileNotFoundError:
            return False

    def is_dir(self, *, follow_symlinks=True):
        return self._is(stat.S_IFDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks=True):
        return self._is(stat.S_IFREG, follow_symlinks)

    def is_symlink(self):
        return self._kind == stat.S_IFLNK

    def is_junction(self):
        return False


class Scan:
    """The iterator that scandir() returns."""

    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._entries = iter(())
