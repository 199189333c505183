"""What a cell sees of the file system: the supervisor's half.

The policies are public: Nothing, ReadOnly, ReadWrite, Overlay, or any callable.  Files serves one
cell.  Everything it is asked comes from hostile code.
"""

import contextlib
import errno
import hashlib
import io
import os
import stat
import threading
import weakref

from rexec.beneath import Beneath, error, overlap, split
from rexec.folder import APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE
from rexec.folder import Tree as _FolderTree
from rexec.overlay import Tree as _OverlayTree

__all__ = ["Nothing", "ReadOnly", "ReadWrite", "Overlay", "Files"]

_BLOCK = 1 << 20            # bytes that one read returns at most
ENTRY = 1 << 10             # what a file or a folder that is made costs of the storage
_MAX_OFFSET = (1 << 63) - 1


# The policies.

class Nothing:
    """No files at all.  This is the default."""

    def __repr__(self):
        return "Nothing()"


class _Mount:
    """A folder that is shown to a cell as *at*, an absolute path.

    The folder is opened now, and again never: what its name leads to later does not matter.  A
    policy may serve several cells, one after the other or at once.
    """

    _walk = False           # do without openat2; for tests

    def __init__(self, folder, at="/data"):
        at = os.fspath(at)
        if not isinstance(at, str):
            raise TypeError("at must be a string")
        if not at.startswith("/") or "\0" in at or {".", ".."} & set(at.split("/")):
            raise ValueError(f"at must be an absolute path without . and ..: {at!r}")
        self.at = "/" + "/".join(name for name in at.split("/") if name)
        self._names = tuple(os.fsencode(name) for name in at.split("/") if name)
        self._hold(folder)

    def _hold(self, folder):
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self._fd)
        self._tree = self._make(Beneath(self._fd, walk=self._walk))

    def _overlaps(self, other):
        return overlap(self._fd, other._fd)

    def __repr__(self):
        return f"<{type(self).__name__} at {self.at!r}>"


class ReadOnly(_Mount):
    """Show *folder* as *at*; nothing in it can be changed."""

    def _make(self, beneath):
        return _FolderTree(beneath, writable=False)


class ReadWrite(_Mount):
    """Show *folder* as *at*, to read and to write.

    What a cell wrote there is untrusted input: do not import it, run it, or hand it to a program
    that believes what it reads.
    """

    def _make(self, beneath):
        return _FolderTree(beneath, writable=True)


class Overlay(_Mount):
    """Show *folder* as *at*, to read and to write; what is written stays in memory."""

    def _make(self, beneath):
        return _OverlayTree(beneath)

    def changes(self):
        """Return what was changed as a dict, in the order in which it would be applied.

        The keys are paths relative to the folder.  The value is None for what was removed, the
        content as bytes for a file that was made or changed, and b"" for a folder that was made,
        whose key ends with a slash.
        """
        return self._tree.changes()


def _flatten(policies):
    """Return ([mounts], callable or None)."""
    if policies is None:
        return [], None
    if isinstance(policies, (Nothing, _Mount)) or callable(policies):
        policies = [policies]
    mounts, function = [], None
    for policy in policies:
        if isinstance(policy, _Mount):
            mounts.append(policy)
        elif isinstance(policy, type) or not (callable(policy) or isinstance(policy, Nothing)):
            raise TypeError(f"not a file policy: {policy!r}")
        elif callable(policy):
            if function is not None:
                raise ValueError("only one file policy can be a callable")
            function = policy
    for number, one in enumerate(mounts):
        for other in mounts[:number]:
            shorter = min(len(one._names), len(other._names))
            if one._names[:shorter] == other._names[:shorter]:
                raise ValueError(f"{other.at!r} and {one.at!r} are not disjoint")
            if one._overlaps(other):
                raise ValueError(f"the folders at {other.at!r} and {one.at!r} are not disjoint")
    return mounts, function


# What a callable returned.

class _ObjectHandle:
    """A file that a callable policy returned: any file object, or a text or bytes to be read."""

    def __init__(self, file, flags, spend):
        self._flags, self._spend = flags, spend
        self.encoding = None
        self._left = b""
        if isinstance(file, str):
            file, self.encoding = io.BytesIO(file.encode("utf-8", "surrogateescape")), "utf-8"
        elif isinstance(file, (bytes, bytearray)):
            file = io.BytesIO(file)
        elif file is None or not (hasattr(file, "read") or hasattr(file, "write")):
            raise TypeError("a file policy must return a file, a string or bytes, not "
                            + type(file).__name__)
        self._file = self._bytes = file
        self._text = False
        if isinstance(file, io.TextIOBase):
            if isinstance(file, io.TextIOWrapper):
                self._bytes, self.encoding = file.buffer, file.encoding
                if file.writable():
                    file.flush()
            else:
                self._text, self.encoding = True, "utf-8"
        try:
            self.sequential = self._text or not file.seekable()
        except AttributeError:
            self.sequential = True

    def size(self):
        if self.sequential:
            return 0
        here = self._bytes.tell()
        end = self._bytes.seek(0, 2)
        self._bytes.seek(here)
        return end

    def facts(self):
        return stat.S_IFREG | 0o600, self.size(), (0, id(self)), 0, 0, 0

    def read(self, offset, count):
        if not self._flags & READ:
            raise error(errno.EBADF)
        if not self.sequential:
            self._bytes.seek(offset)
            data = self._bytes.read(count)
        elif self._text:
            if not self._left:
                text = self._file.read(max(1, count // 4))
                if not isinstance(text, str):
                    raise TypeError("a text file returned " + type(text).__name__)
                self._left = text.encode("utf-8", "surrogateescape")
            data, self._left = self._left[:count], self._left[count:]
        else:
            # A pipe has less than it will have: return what there is.
            data = getattr(self._bytes, "read1", self._bytes.read)(count)
        if data is None:
            raise error(errno.EAGAIN)
        if not isinstance(data, (bytes, bytearray)) or len(data) > count:
            raise TypeError("a file of a policy did not return the bytes it was asked for")
        return bytes(data)

    def write(self, offset, data):
        if not self._flags & WRITE:
            raise error(errno.EBADF)
        if self.sequential:
            self._spend(len(data))
        else:
            size = self.size()
            if self._flags & APPEND:
                offset = size
            self._spend(max(len(data), offset + len(data) - size))
            self._bytes.seek(offset)
        if self._text:
            self._file.write(data.decode("utf-8", "surrogateescape"))
            done = len(data)
        else:
            done = self._bytes.write(data)
            done = len(data) if done is None else done
        if hasattr(self._bytes, "flush"):
            self._bytes.flush()
        return offset + done

    def truncate(self, size):
        if not self._flags & WRITE or self.sequential:
            raise error(errno.EINVAL)
        grown = max(0, size - self.size())
        self._spend(grown)
        self._bytes.truncate(size)
        if grown and self.size() < size:        # BytesIO does not grow
            self._bytes.seek(size - 1)
            self._bytes.write(b"\0")

    def close(self):
        file, self._file = self._file, None
        if file is not None and hasattr(file, "close"):
            file.close()


def _mode(flags):
    """The mode that open() would have been given, in binary."""
    if flags & EXCLUSIVE:
        word = "x"
    elif flags & APPEND:
        word = "a"
    elif flags & TRUNCATE:
        word = "w"
    else:
        return "r+b" if flags & WRITE else "rb"
    return word + ("+b" if flags & READ else "b")


class _Held:
    """A handle of a cell.  One operation at a time; what it waits for holds up no other handle."""

    def __init__(self, handle):
        self._handle = handle
        self._lock = threading.Lock()
        self._ended = False

    def use(self, name, *arguments):
        try:
            with self._lock:
                if self._handle is None or self._ended:
                    raise error(errno.EBADF)
                return getattr(self._handle, name)(*arguments)
        finally:
            if self._ended:
                self.end()

    def close(self):
        with self._lock:
            handle, self._handle = self._handle, None
            if handle is not None:
                handle.close()

    def end(self):
        """Close it without waiting: if an operation is on, at that one's end."""
        self._ended = True
        if self._lock.acquire(False):
            try:
                handle, self._handle = self._handle, None
                if handle is not None:
                    handle.close()
            except Exception:
                pass        # of a policy's own file; nobody is left to be told
            finally:
                self._lock.release()


# One cell's files.

class Files:
    """Serve the file operations of one cell.

    *policies* is what Cell takes as open=; *limits* has the attributes storage, handles and value.
    *exceeded* is called with the name of a limit that bites and returns the exception to raise.
    """

    def __init__(self, policies=None, limits=None, exceeded=None):
        mounts, self._function = _flatten(policies)
        self._trees = {mount._names: mount._tree for mount in mounts}
        self._policies = mounts             # keeps their folders open
        self.mounts = tuple(mount.at for mount in mounts)
        self.cwd = self.mounts[0] if mounts else "/"
        self._above = {}                    # the made-up folders above the mounts, and their names
        for names in self._trees:
            for end in range(len(names)):
                self._above.setdefault(names[:end], set()).add(names[end])
        if not mounts and self._function is not None:
            self._above[()] = set()
        self._storage = getattr(limits, "storage", None)
        # One value has to hold what a call reads or writes, and a little besides.
        self._block = max(1, min(_BLOCK, (getattr(limits, "value", None) or _MAX_OFFSET) - 1024))
        self._most_handles = getattr(limits, "handles", None)
        self._exceeded = exceeded or _default_exceeded
        self._spent = 0
        self._handles = {}
        self._next = 3
        self._closed = False
        self._lock = threading.RLock()      # not held where a policy's own file may wait
        self._key = os.urandom(16)

    def __bool__(self):
        """Is there anything to be served?"""
        return bool(self._trees) or self._function is not None

    @property
    def spent(self):
        """Bytes written so far, holes included."""
        return self._spent

    def close(self):
        """Close all that the cell left open."""
        with self._lock:
            self._closed = True
            handles = list(self._handles.values())
            self._handles.clear()
        for handle in handles:
            handle.end()

    def call(self, operation, *arguments):
        """Do what the cell asks and return plain data.

        Raises OSError, which never names a path of the supervisor's; what *exceeded* made, when a
        limit bites; or what a callable policy raised.
        """
        entry = _OPERATIONS.get(operation) if type(operation) is str else None
        if entry is None or len(arguments) != len(entry[1]) or not all(
                type(given) is wanted for given, wanted in zip(arguments, entry[1])):
            raise error(errno.EINVAL)
        try:
            if operation in _WAITING:
                return entry[0](self, *arguments)
            with self._lock:
                return entry[0](self, *arguments)
        except OSError as failed:
            if failed.errno is None:
                raise                       # a policy's own text
            raise error(failed.errno) from None

    # Where a path leads.

    def _place(self, path):
        """Return (tree, path in it), or (None, names) for what lies above the mounts."""
        if len(path) >= 4096:
            raise error(errno.ENAMETOOLONG)
        if b"\0" in path:
            raise error(errno.EINVAL)
        if not path:
            raise error(errno.ENOENT)
        names = []
        rest = path
        while rest:
            name, _, rest = rest.partition(b"/")
            if name in (b"", b"."):
                continue
            if name == b"..":
                del names[-1:]
                continue
            names.append(name)
            tree = self._trees.get(tuple(names))
            if tree is not None:
                return tree, rest
            if tuple(names) not in self._above:
                return None, tuple(names) + tuple(part for part in rest.split(b"/") if part)
        tree = self._trees.get(tuple(names))        # a mount at "/"
        return (None, tuple(names)) if tree is None else (tree, b"")

    def _inside(self, path, change=False):
        """(tree, path in it), or the error that there is none."""
        tree, rest = self._place(path)
        if tree is None:
            if change:
                raise error(errno.EEXIST if rest in self._above else errno.EACCES)
            raise error(self._absent(rest))
        if change and not tree.writable:
            raise error(errno.EROFS)
        return tree, rest

    def _absent(self, names):
        if names in self._above:
            return errno.EISDIR
        return errno.ENOENT if self._function is None else errno.EACCES

    def _spend(self, count):
        with self._lock:
            self._spent += count
            if self._storage is not None and self._spent > self._storage:
                self._spent -= count
                raise self._exceeded("storage")

    @contextlib.contextmanager
    def _making(self):
        """Of a file or a folder, which a disk has only so many of, be they empty."""
        self._spend(ENTRY)
        try:
            yield
        except BaseException:
            self._spend(-ENTRY)
            raise

    @staticmethod
    def _is_free(tree, path, follow):
        try:
            tree.stat(path, follow)
        except OSError as failed:
            return failed.errno == errno.ENOENT
        return False

    def _facts(self, facts):
        """The number that tells files apart is this cell's own: it tells nothing of the disk."""
        mode, size, own, *times = facts
        number = hashlib.blake2b(b"%d:%d" % own, key=self._key, digest_size=8).digest()
        return (mode, size, int.from_bytes(number, "big") >> 1 or 1, *times)

    # The operations.

    def _open(self, path, flags):
        if not 0 <= flags < 64 or not flags & 3 or flags & (APPEND | CREATE | TRUNCATE) and \
                not flags & WRITE or flags & EXCLUSIVE and not flags & CREATE:
            raise error(errno.EINVAL)
        self._check_handles()
        tree, rest = self._place(path)
        if tree is not None:
            if flags & WRITE and not tree.writable:
                self._refuse_write(tree, rest, flags)
            makes = flags & CREATE and self._is_free(tree, rest, not flags & EXCLUSIVE)
            with self._making() if makes else contextlib.nullcontext():
                handle = tree.open(rest, flags, self._spend)
        elif self._function is not None and rest not in self._above:
            handle = _ObjectHandle(self._function(os.fsdecode(path), _mode(flags)), flags,
                                   self._spend)
        else:
            number = self._absent(rest)
            raise error(errno.EACCES if number == errno.ENOENT and flags & CREATE else number)
        size = handle.size()
        held = _Held(handle)
        with self._lock:
            try:
                if self._closed:
                    raise error(errno.EBADF)
                self._check_handles()       # again: another thread may have opened some
            except BaseException:
                held.end()
                raise
            number = self._next
            self._next += 1
            self._handles[number] = held
        return number, size, handle.sequential, handle.encoding, self._block

    def _check_handles(self):
        if self._most_handles is not None and len(self._handles) >= self._most_handles:
            raise self._exceeded("handles")

    @staticmethod
    def _refuse_write(tree, path, flags):
        """The kernel's order of errors on a read-only file system."""
        try:
            mode = tree.stat(path, True)[0]
        except OSError as absent:
            if absent.errno != errno.ENOENT or not flags & CREATE:
                raise
            tree.stat(split(path)[0], True)
        else:
            if flags & EXCLUSIVE:
                raise error(errno.EEXIST)
            if stat.S_ISDIR(mode):
                raise error(errno.EISDIR)
        raise error(errno.EROFS)

    def _handle(self, number):
        try:
            return self._handles[number]
        except KeyError:
            raise error(errno.EBADF) from None

    def _read(self, number, offset, count):
        if not 0 <= offset <= _MAX_OFFSET or count < 0:
            raise error(errno.EINVAL)
        return self._handle(number).use("read", offset, min(count, self._block))

    def _write(self, number, offset, data):
        if not 0 <= offset <= _MAX_OFFSET - len(data):
            raise error(errno.EINVAL)
        return self._handle(number).use("write", offset, data)

    def _truncate(self, number, size):
        if not 0 <= size <= _MAX_OFFSET:
            raise error(errno.EINVAL)
        self._handle(number).use("truncate", size)

    def _size(self, number):
        return self._handle(number).use("size")

    def _fstat(self, number):
        return self._facts(self._handle(number).use("facts"))

    def _close(self, number):
        with self._lock:
            handle = self._handle(number)
            del self._handles[number]
        handle.close()

    def _stat(self, path, follow):
        tree, rest = self._place(path)
        if tree is None:
            if rest in self._above:
                return self._facts((stat.S_IFDIR | 0o555, 0, (-1, hash(rest)), 0, 0, 0))
            raise error(self._absent(rest))
        return self._facts(tree.stat(rest, follow))

    def _list(self, path):
        tree, rest = self._place(path)
        if tree is None:
            if rest in self._above:
                return [(name, stat.S_IFDIR) for name in sorted(self._above[rest])]
            raise error(self._absent(rest))
        return tree.list(rest)

    def _readlink(self, path):
        tree, rest = self._place(path)
        if tree is None:
            raise error(errno.EINVAL if rest in self._above else self._absent(rest))
        text = tree.readlink(rest)
        if text.startswith(b"/"):
            raise error(errno.EACCES)       # it leads nowhere, and would tell of the host
        return text

    def _utime(self, path, times):
        if times and (len(times) != 2 or not all(type(time) is int and abs(time) <= _MAX_OFFSET
                                                 for time in times)):
            raise error(errno.EINVAL)
        tree, rest = self._place(path)
        if tree is None:
            raise error(errno.EACCES if rest in self._above else self._absent(rest))
        tree.stat(rest, True)
        if not tree.writable:
            raise error(errno.EROFS)
        tree.utime(rest, times or None)

    def _writable(self, path):
        tree, rest = self._place(path)
        return tree is not None and tree.writable and not stat.S_ISLNK(tree.stat(rest, True)[0])

    def _mkdir(self, path):
        tree, rest = self._place(path)
        if tree is not None and not tree.writable:
            self._stat_parent(tree, rest, errno.EEXIST)
        tree, rest = self._inside(path, change=True)
        with self._making():
            tree.mkdir(rest)

    def _unlink(self, path):
        self._remove(path, "unlink", errno.EISDIR)

    def _rmdir(self, path):
        self._remove(path, "rmdir", errno.EBUSY)

    def _remove(self, path, way, above):
        tree, rest = self._place(path)
        if tree is None:
            raise error(above if rest in self._above else self._absent(rest))
        if not tree.writable:
            tree.stat(rest, False)
            raise error(errno.EROFS)
        getattr(tree, way)(rest)

    @staticmethod
    def _stat_parent(tree, path, there):
        tree.stat(split(path)[0], True)
        try:
            tree.stat(path, False)
        except OSError:
            return
        raise error(there)

    def _rename(self, source, target):
        tree, rest = self._place(source)
        if not target and tree is not None:
            tree.stat((split(rest)[0] or b".") + b"/", True)    # the source's own errors first
        other, to_rest = self._place(target)
        if tree is None:
            raise error(errno.EBUSY if rest in self._above else self._absent(rest))
        if other is None:
            raise error(errno.EBUSY if to_rest in self._above else errno.EXDEV)
        if tree is not other:
            tree.stat(rest, False)
            raise error(errno.EXDEV)
        if not tree.writable:
            raise error(errno.EROFS)
        tree.rename(rest, to_rest, self._spend)


# Name: (function, types of the arguments).  Nothing else is answered.
_OPERATIONS = {
    "open": (Files._open, (bytes, int)),
    "read": (Files._read, (int, int, int)),
    "write": (Files._write, (int, int, bytes)),
    "truncate": (Files._truncate, (int, int)),
    "size": (Files._size, (int,)),
    "fstat": (Files._fstat, (int,)),
    "close": (Files._close, (int,)),
    "stat": (Files._stat, (bytes, bool)),
    "list": (Files._list, (bytes,)),
    "readlink": (Files._readlink, (bytes,)),
    "utime": (Files._utime, (bytes, tuple)),
    "writable": (Files._writable, (bytes,)),
    "mkdir": (Files._mkdir, (bytes,)),
    "unlink": (Files._unlink, (bytes,)),
    "rmdir": (Files._rmdir, (bytes,)),
    "rename": (Files._rename, (bytes, bytes)),
}


# Those that may wait, for a pipe of a policy's, say: without the lock of all.
_WAITING = {"open", "read", "write", "truncate", "size", "fstat", "close"}


def _default_exceeded(limit):
    from rexec.errors import LimitExceeded
    return LimitExceeded(limit, f"the cell went beyond its limit {limit}")
