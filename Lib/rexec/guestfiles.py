"""What a cell sees of the file system: the cell's half.

open() and the functions of os that take paths, as they are outside, but over the mounts of the
cell.  All of it is built on one function, ask(operation, *arguments), which the supervisor's half
(files.py) answers.  Nothing here protects anything: the supervisor does.

An open file has a number that no descriptor of the process has, so that os.open(), os.read() and
open(number) work among themselves and a real descriptor's number goes to the real function, which
refuses.
"""

import errno
import io
import math
import os
import stat
import sys
import warnings

from rexec.guestio import (APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE, Asker, CellFile,
                           DirEntry, OpenFile, Scan, as_number)

_FIRST_FD = 1 << 16
_BUFFER = 128 << 10         # a question costs more than a system call

_TMPFILE = getattr(os, "O_TMPFILE", 0)
_UNSUPPORTED = getattr(os, "O_PATH", 0) | os.O_DIRECTORY


def _fail(failed, *names):
    """The error of the supervisor's half, with the names that the caller used."""
    if failed.errno is None:
        raise failed
    if len(names) == 2:
        raise OSError(failed.errno, os.strerror(failed.errno), names[0], None, names[1]) from None
    raise OSError(failed.errno, os.strerror(failed.errno), *names) from None


class GuestFiles:
    """The functions, by the names that os has for them, and open()."""

    DirEntry = DirEntry

    def __init__(self, ask, cwd="/", busy=lambda: False):
        """*busy* tells whether this thread is in the middle of another question to the
        supervisor, in which only a destructor can ask."""
        self._ask = Asker(ask, busy)
        self.catch_up = self._ask.catch_up
        self._cwd = os.fsencode(cwd)
        self.table = {}                 # number: OpenFile
        self._real = {name: getattr(os, name) for name in _NAMES if hasattr(os, name)}

    # Paths.

    def _path(self, function, path, argument="path", number=False, none=False):
        """Return (path for the supervisor, what an error shows)."""
        if not isinstance(path, (str, bytes)):
            try:
                path = os.fspath(path)
            except TypeError:
                if hasattr(type(path), "__fspath__"):
                    raise
                words = ["string", "bytes", "os.PathLike"]
                if number:
                    words.append("integer")
                if none:
                    words.append("None")
                raise TypeError(f"{function}: {argument} should be {', '.join(words[:-1])} or "
                                f"{words[-1]}, not {type(path).__name__}") from None
        encoded = os.fsencode(path)
        if b"\0" in encoded:
            raise ValueError(f"{function}: embedded null character in {argument}")
        return self._absolute(encoded), path

    def _absolute(self, encoded):
        if not encoded or encoded.startswith(b"/") or self._cwd == b"/":
            return encoded
        return self._cwd + b"/" + encoded

    def _on_path(self, operation, function, path, *arguments):
        asked, shown = self._path(function, path)
        try:
            return self._ask(operation, asked, *arguments)
        except OSError as failed:
            _fail(failed, shown)

    # Open files.

    def _open(self, path, flags, shown):
        try:
            number, size, sequential, encoding, block = self._ask("open", path, flags)
        except OSError as failed:
            _fail(failed, shown)
        fd = _FIRST_FD + number
        self.table[fd] = OpenFile(self._ask, number, flags, size, sequential, encoding,
                                  block)
        return fd

    def drop(self, fd, dying=False):
        file = self.table.pop(fd, None)
        if file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        (self._ask.later if dying else self._ask)("close", file.number)

    def open(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None,
             closefd=True, opener=None):
        """As the built-in open(), for the files of the cell."""
        if not isinstance(file, int):
            file = os.fspath(file)
        if not isinstance(mode, str):
            raise TypeError("open() argument 'mode' must be str, not " + type(mode).__name__)
        if not isinstance(buffering, int):
            raise TypeError(f"{type(buffering).__name__!r} object cannot be interpreted as an "
                            "integer")
        for word, given in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if given is not None and not isinstance(given, str):
                raise TypeError(f"open() argument {word!r} must be str or None, not "
                                + type(given).__name__)
        letters = set(mode)
        if letters - set("rwxabt+") or len(letters) != len(mode):
            raise ValueError(f"invalid mode: {mode!r}")
        binary = "b" in letters
        if binary and "t" in letters:
            raise ValueError("can't have text and binary mode at once")
        if not letters & set("rwxa"):
            raise ValueError("Must have exactly one of create/read/write/append mode and at most "
                             "one plus")
        if len(letters & set("rwxa")) != 1:
            raise ValueError("must have exactly one of create/read/write/append mode")
        for word, given in (("encoding", encoding), ("errors", errors), ("newline", newline)):
            if binary and given is not None:
                raise ValueError(f"binary mode doesn't take "
                                 f"{'an' if word[0] == 'e' else 'a'} {word} argument")
        if buffering == 0 and not binary:
            raise ValueError("can't have unbuffered text I/O")
        if newline not in (None, "", "\n", "\r", "\r\n"):
            raise ValueError(f"illegal newline value: {newline}")
        if buffering == 1 and binary:
            warnings.warn("line buffering (buffering=1) isn't supported in binary mode, the "
                          "default buffer size will be used", RuntimeWarning, 2)
        if not binary and encoding is None:
            io.text_encoding(None)          # -X warn_default_encoding

        flags, raw_mode = {"r": (READ, "rb"), "w": (WRITE | CREATE | TRUNCATE, "wb"),
                           "x": (WRITE | CREATE | EXCLUSIVE, "xb"),
                           "a": (WRITE | CREATE | APPEND, "ab")}[(letters & set("rwxa")).pop()]
        if "+" in letters:
            flags |= READ | WRITE
            raw_mode = {"wb": "rb+"}.get(raw_mode, raw_mode + "+")
        raw = self._raw(file, flags, raw_mode, closefd, opener)
        if raw is None:
            return self._real_open(file, mode, buffering, encoding, errors, newline, closefd,
                                   opener)
        result = raw
        try:
            if buffering == 0:
                return raw
            size = buffering if buffering > 1 else _BUFFER
            if "+" in letters and raw.seekable():
                result = io.BufferedRandom(raw, size)
            elif "+" in letters:
                raise io.UnsupportedOperation("File or stream is not seekable.")
            elif raw.writable():
                result = io.BufferedWriter(raw, size)
            else:
                result = io.BufferedReader(raw, size)
            if binary:
                return result
            result = io.TextIOWrapper(result, encoding or raw._open.encoding, errors, newline,
                                      buffering == 1)
            result.mode = mode
            return result
        except BaseException:
            result.close()
            raise

    def _raw(self, file, flags, mode, closefd, opener):
        if isinstance(file, int) or opener is not None:
            fd = file
            if not isinstance(file, int):
                if not closefd:
                    raise ValueError("Cannot use closefd=False with file name")
                system = {READ: os.O_RDONLY, WRITE: os.O_WRONLY}.get(flags & 3, os.O_RDWR)
                for ours, theirs in _SYSTEM_FLAGS:
                    if flags & ours:
                        system |= theirs
                fd = opener(file, system | os.O_CLOEXEC)
                if not isinstance(fd, int):
                    raise TypeError("expected integer from opener")
                if fd < 0:
                    raise ValueError(f"opener returned {fd}")
            if fd not in self.table:
                return None
            raw = CellFile(self, fd, file, mode, closefd)
            if flags & APPEND and not raw._open.sequential:
                raw.seek(0, 2)
            return raw
        encoded = os.fsencode(file)
        if b"\0" in encoded:
            raise ValueError("embedded null byte")
        if not closefd:
            raise ValueError("Cannot use closefd=False with file name")
        fd = self._open(self._absolute(encoded), flags, file)
        raw = CellFile(self, fd, file, mode)
        if flags & APPEND:
            raw._open.position = raw._open.size_then
        return raw

    _real_open = staticmethod(io.open)

    # The same by number, as os has them.

    def os_open(self, path, flags, mode=0o777, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["open"](path, flags, mode, dir_fd=dir_fd)
        asked, shown = self._path("open", path)
        flags = as_number(flags, 32)
        as_number(mode, 32)
        if _TMPFILE and flags & _TMPFILE == _TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), shown)
        if flags & _UNSUPPORTED:
            return self._real["open"](path, flags, mode)
        wanted = {os.O_RDONLY: READ, os.O_WRONLY: WRITE, os.O_RDWR: READ | WRITE}.get(flags & 3, 0)
        for ours, theirs in _SYSTEM_FLAGS:
            if flags & theirs:
                wanted |= ours
        if not wanted & CREATE:
            wanted &= ~EXCLUSIVE
        if flags & os.O_NOFOLLOW and not wanted & EXCLUSIVE and self.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), shown)
        return self._open(asked, wanted, shown)

    def _by_number(name):
        def function(self, fd, *arguments, **words):
            file = self.table.get(fd) if isinstance(fd, int) else None
            if file is None:
                return self._real[name](fd, *arguments, **words)
            return getattr(self, "_fd_" + name)(fd, file, *arguments, **words)
        function.__name__ = name
        return function

    close = _by_number("close")
    read = _by_number("read")
    write = _by_number("write")
    lseek = _by_number("lseek")
    fstat = _by_number("fstat")
    ftruncate = _by_number("ftruncate")
    fsync = _by_number("fsync")
    fdatasync = _by_number("fdatasync")
    isatty = _by_number("isatty")
    del _by_number

    def _fd_close(self, fd, file):
        self.drop(fd)

    def _fd_read(self, fd, file, length):
        length = as_number(length)
        if length < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return file.read(length)

    def _fd_write(self, fd, file, data):
        return file.write(data)

    def _fd_lseek(self, fd, file, position, whence):
        return file.seek(as_number(position), as_number(whence, 32))

    def _fd_fstat(self, fd, file):
        return _stat_result(self._ask("fstat", file.number))

    def _fd_ftruncate(self, fd, file, length):
        self._ask("truncate", file.number, as_number(length))

    def _fd_fsync(self, fd, file):
        pass                    # it is with the supervisor, which is all the cell can do

    _fd_fdatasync = _fd_fsync

    def _fd_isatty(self, fd, file):
        return False

    # Paths, as os has them.

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):
        if isinstance(path, int):
            if path in self.table:
                return self.fstat(path)
            return self._real["stat"](path)
        if dir_fd is not None:
            return self._real["stat"](path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        asked, shown = self._path("stat", path, number=True)
        try:
            return _stat_result(self._ask("stat", asked, bool(follow_symlinks)))
        except OSError as failed:
            _fail(failed, shown)

    def lstat(self, path, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["lstat"](path, dir_fd=dir_fd)
        return _stat_result(self._on_path("stat", "lstat", path, False))

    def islink(self, path):
        try:
            return stat.S_ISLNK(self.lstat(path).st_mode)
        except OSError:
            return False

    def access(self, path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
        if dir_fd is not None:
            return self._real["access"](path, mode, dir_fd=dir_fd)
        mode = as_number(mode, 32)
        try:
            found = self.stat(path, follow_symlinks=follow_symlinks).st_mode
            if mode & os.X_OK and not stat.S_ISDIR(found) and not found & 0o111:
                return False
            return not mode & os.W_OK or self._on_path("writable", "access", path)
        except OSError:
            return False

    def _listed(self, function, path):
        if path is None:
            path = "."
        if isinstance(path, int):
            return None, None
        asked, shown = self._path(function, path, number=True, none=True)
        try:
            found = self._ask("list", asked)
        except OSError as failed:
            _fail(failed, shown)
        if isinstance(shown, str):
            return shown, [(os.fsdecode(name), kind) for name, kind in found]
        return shown, found

    def listdir(self, path=None):
        found = self._listed("listdir", path)[1]
        return self._real["listdir"](path) if found is None else [name for name, _ in found]

    def scandir(self, path=None):
        shown, found = self._listed("scandir", path)
        if found is None:
            return self._real["scandir"](path)
        return Scan(DirEntry(self, name, os.path.join(shown, name), kind)
                     for name, kind in found)

    def utime(self, path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True):
        if isinstance(path, int) or dir_fd is not None or not follow_symlinks:
            words = {} if ns is None else {"ns": ns}
            return self._real["utime"](path, times, dir_fd=dir_fd,
                                       follow_symlinks=follow_symlinks, **words)
        if times is not None and ns is not None:
            raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
        for name, pair in (("times", times), ("ns", ns)):
            if pair is not None and not (isinstance(pair, tuple) and len(pair) == 2):
                raise TypeError(f"utime: '{name}' must be "
                                f"{'either ' if name == 'times' else ''}a tuple of two ints"
                                f"{' or None' if name == 'times' else ''}")
        if times is not None:
            # As the interpreter rounds them: downwards.
            ns = tuple(int(time) * 10**9 if isinstance(time, int) else
                       math.floor(time) * 10**9 + math.floor((time - math.floor(time)) * 1e9)
                       for time in times)
        self._on_path("utime", "utime", path, tuple(map(int, ns or ())))

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["mkdir"](path, mode, dir_fd=dir_fd)
        as_number(mode, 32)
        self._on_path("mkdir", "mkdir", path)

    def unlink(self, path, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["unlink"](path, dir_fd=dir_fd)
        self._on_path("unlink", "unlink", path)

    def remove(self, path, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["remove"](path, dir_fd=dir_fd)
        self._on_path("unlink", "remove", path)

    def rmdir(self, path, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["rmdir"](path, dir_fd=dir_fd)
        self._on_path("rmdir", "rmdir", path)

    def _renamed(self, function, src, dst, src_dir_fd, dst_dir_fd):
        if src_dir_fd is not None or dst_dir_fd is not None:
            return self._real[function](src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        asked, shown = [], []
        for argument, path in (("src", src), ("dst", dst)):
            one, other = self._path(function, path, argument)
            asked.append(one)
            shown.append(other)
        try:
            self._ask("rename", *asked)
        except OSError as failed:
            _fail(failed, *shown)

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        self._renamed("rename", src, dst, src_dir_fd, dst_dir_fd)

    def replace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        self._renamed("replace", src, dst, src_dir_fd, dst_dir_fd)

    def readlink(self, path, *, dir_fd=None):
        if dir_fd is not None:
            return self._real["readlink"](path, dir_fd=dir_fd)
        text = self._on_path("readlink", "readlink", path)
        return text if isinstance(path, bytes) else os.fsdecode(text)

    def truncate(self, path, length):
        if isinstance(path, int):
            return self.ftruncate(path, length)
        asked, shown = self._path("truncate", path, number=True)
        length = as_number(length)
        if length < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), shown)
        fd = self._open(asked, WRITE, shown)
        try:
            self.ftruncate(fd, length)
        except OSError as failed:
            _fail(failed, shown)
        finally:
            self.close(fd)

    # The current folder is the cell's own affair.

    def getcwd(self):
        return os.fsdecode(self._cwd)

    def getcwdb(self):
        return self._cwd

    def chdir(self, path):
        if isinstance(path, int):
            return self._real["chdir"](path)
        asked, shown = self._path("chdir", path, number=True)
        if not stat.S_ISDIR(self.stat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), shown)
        # No name of a folder above stays in it, so that ".." has nothing to lose.
        self._cwd = os.path.normpath(b"/" + asked.lstrip(b"/"))

    # Putting them in place.

    def install(self):
        """Put these functions where the real ones are, in this interpreter."""
        import builtins
        import _io
        for module in (builtins, io, _io):
            module.open = self.open
        system = sys.modules.get("posix")
        for name in _NAMES:
            if not hasattr(os, name):
                continue
            function = getattr(self, "os_open" if name == "open" else name)
            for module in filter(None, (os, system)):
                setattr(module, name, function)


_SYSTEM_FLAGS = ((APPEND, os.O_APPEND), (CREATE, os.O_CREAT), (EXCLUSIVE, os.O_EXCL),
                 (TRUNCATE, os.O_TRUNC))

# What install() replaces in os.
_NAMES = ("DirEntry", "access", "chdir", "close", "fdatasync", "fstat", "fsync", "ftruncate",
          "getcwd", "getcwdb", "isatty", "listdir", "lseek", "lstat", "mkdir", "open", "read",
          "readlink", "remove", "rename", "replace", "rmdir", "scandir", "stat", "truncate",
          "unlink", "utime", "write")


def _stat_result(facts):
    """os.stat_result of what the supervisor tells, zero for all that is the host's."""
    mode, size, number, *times = facts
    fields = [mode, number, 0, 0, 0, 0, size, *(time // 10**9 for time in times),
              *(time // 10**9 + 1e-9 * (time % 10**9) for time in times), *times]
    return os.stat_result(fields + [0] * (os.stat_result.n_fields - len(fields)))
