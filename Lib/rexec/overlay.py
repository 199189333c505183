"""A folder whose changes stay in memory: the tree behind rexec.Overlay.

A node stands for one file or folder.  One that lies on the disk and was not changed is remembered
only while something uses it, so that looking around costs nothing; a changed one is held by its
folder.  What is renamed is read into memory first, and so counts as written: what the overlay
shows afterwards does not hang on where the disk has it.
"""

import errno
import os
import stat
import threading
import time
import weakref

from rexec.beneath import error, split
from rexec.folder import APPEND, CREATE, EXCLUSIVE, READ, TRUNCATE, WRITE

_MAX_LINKS = 40
_MAX_NODES = 65_536         # made or changed; each costs memory that no limit counts
_MAX_PATH = 4096            # as the kernel's, with the zero
_BLOCK = 1 << 20


class _Node:
    parent = None           # None: removed, or the root
    name = b""
    lower = None            # the path on the disk, or None
    found = None            # os.stat_result of it

    def __init__(self):
        self.mtime = self.atime = time.time_ns()
        self.mode = 0o600

    def on_disk(self, parent, name, lower, found):
        self.parent, self.name, self.lower, self.found = parent, name, lower, found
        self.mtime, self.atime = found.st_mtime_ns, found.st_atime_ns
        self.mode = found.st_mode & 0o777
        return self


class _File(_Node):
    data = None             # a bytearray once it was changed
    kind = stat.S_IFREG

    def size(self):
        return self.found.st_size if self.data is None else len(self.data)


class _Folder(_Node):
    kind = stat.S_IFDIR

    def __init__(self):
        super().__init__()
        self.mode = 0o700
        self.entries = {}   # name: node, or None for what was removed; the rest is on the disk

    def size(self):
        return 0


class _Other(_Node):
    """A link, or what cannot be opened."""

    def size(self):
        return self.found.st_size

    @property
    def kind(self):
        return stat.S_IFMT(self.found.st_mode)


class Tree:
    """The overlay on a Beneath."""

    writable = True

    def __init__(self, beneath):
        self._beneath = beneath
        self._lock = threading.RLock()
        self._seen = weakref.WeakValueDictionary()      # path on the disk: node in use
        self._nodes = 0
        self._root = _Folder().on_disk(None, b"", b"", os.fstat(beneath.fd))

    # Finding nodes.

    def _child(self, folder, name):
        """The node of that name, or None."""
        if len(name) > 255:
            raise error(errno.ENAMETOOLONG)
        if name in folder.entries:
            return folder.entries[name]
        if folder.lower is None:
            return None
        lower = folder.lower + b"/" + name if folder.lower else name
        node = self._seen.get(lower)
        if node is not None:
            return node
        try:
            found = self._beneath.stat(lower, follow=False)
        except OSError as absent:
            if absent.errno == errno.ENOENT:
                return None
            raise
        if stat.S_ISREG(found.st_mode):
            node = _File()
        elif stat.S_ISDIR(found.st_mode):
            node = _Folder()
        else:
            node = _Other()
        self._seen[lower] = node.on_disk(folder, name, lower, found)
        return node

    def _walk(self, path, follow=True):
        """Return (folder, name, node or None); name is b"" when the path ends in a folder that no
        name leads to: the root, "." or ".."."""
        if len(path) >= _MAX_PATH:
            raise error(errno.ENAMETOOLONG)
        if b"\0" in path:
            raise error(errno.EINVAL)
        names = path.split(b"/")
        if names[-1] == b"" and path:
            names[-1] = b"."
        names.reverse()
        folders = [self._root]
        last = (None, b"", self._root)
        links = 0
        while names:
            name = names.pop()
            if name in (b"", b"."):
                last = (None, b"", folders[-1])
                continue
            if name == b"..":
                if len(folders) == 1:
                    raise error(errno.EACCES)
                folders.pop()
                last = (None, b"", folders[-1])
                continue
            node = self._child(folders[-1], name)
            if node is not None and stat.S_ISLNK(node.kind) and (names or follow):
                links += 1
                if links > _MAX_LINKS:
                    raise error(errno.ELOOP)
                text = self._beneath.readlink(node.lower)
                if text.startswith(b"/"):
                    raise error(errno.EACCES)
                names.extend(reversed(text.split(b"/")))
                continue
            if isinstance(node, _Folder):
                last = (folders[-1], name, node)
                folders.append(node)
            elif not names:
                return folders[-1], name, node
            else:
                raise error(errno.ENOENT if node is None else errno.ENOTDIR)
        return last

    def _find(self, path, follow=True):
        node = self._walk(path, follow)[2]
        if node is None:
            raise error(errno.ENOENT)
        return node

    def _place(self, path):
        """(folder, bare name, node or None, does a slash follow) for calls that change a name."""
        head, name = split(path)
        slash = name.endswith(b"/")
        name = name.rstrip(b"/")
        folder = self._find(head)
        if not isinstance(folder, _Folder):
            raise error(errno.ENOTDIR)
        if name in (b"", b".", b".."):
            return folder, name, self._find(path), slash
        return folder, name, self._child(folder, name), slash

    # Changing them.

    def _hold(self, node):
        """Hold a changed node, and so the folders above it."""
        while node.parent is not None and node.parent.entries.get(node.name) is not node:
            self._count()
            node.parent.entries[node.name] = node
            node = node.parent

    def _count(self):
        if self._nodes >= _MAX_NODES:
            raise error(errno.ENOSPC)
        self._nodes += 1

    def _add(self, folder, name, node):
        self._count()
        node.parent, node.name = folder, name
        folder.entries[name] = node
        folder.mtime = time.time_ns()
        self._hold(folder)

    def _drop(self, folder, name, node):
        node.parent = None
        if node.lower is not None:
            self._seen.pop(node.lower, None)
        if not self._on_disk(folder, name):
            if folder.entries.pop(name, None) is not None:
                self._nodes -= 1
        else:
            if name not in folder.entries:
                self._count()
            folder.entries[name] = None     # hides what the disk may have
        folder.mtime = time.time_ns()
        self._hold(folder)

    @staticmethod
    def _path_size(folder):
        """Bytes of the path of a folder, with a slash at its end."""
        size = 0
        while folder.parent is not None:
            size += len(folder.name) + 1
            folder = folder.parent
        return size

    def _longest(self, node):
        """Bytes of the longest path below a node, with the slash before it."""
        longest = 0
        left = [(node, 0)]
        while left:
            node, size = left.pop()
            longest = max(longest, size)
            if isinstance(node, _Folder) and size < _MAX_PATH:
                for name in self._names(node):
                    left.append((self._child(node, name), size + 1 + len(name)))
        return longest

    def _own(self, node, spend):
        """Read a node into memory, with all below it."""
        left = [(node, False)]
        while left:
            node, is_last = left.pop()
            if isinstance(node, _File):
                self._load(node, spend)
            elif not isinstance(node, _Folder):
                if node is not None:
                    raise error(errno.EPERM)    # a link or device cannot be made anywhere else
            elif not is_last:
                left.append((node, True))       # when it is known what there is below it
                left += [(self._child(node, name), False) for name in self._names(node)]
                continue
            else:
                node.entries = {name: child for name, child in node.entries.items() if child}
                if node.lower is not None:
                    self._seen.pop(node.lower, None)
                node.lower = None
            if node is not None:
                self._hold(node)

    def _load(self, node, spend):
        if node.data is not None:
            return
        data = bytearray()
        fd = self._beneath.file(node.lower, os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            spend(size)
            while len(data) < size:         # no more than was counted
                block = os.pread(fd, min(_BLOCK, size - len(data)), len(data))
                if not block:
                    break
                data += block
        finally:
            os.close(fd)
        self._hold(node)
        node.data = data

    def _names(self, folder):
        names = set()
        if folder.lower is not None:
            fd = self._beneath.folder(folder.lower)
            try:
                names.update(map(os.fsencode, os.listdir(fd)))
            finally:
                os.close(fd)
        for name, node in folder.entries.items():
            if node is None:
                names.discard(name)
            else:
                names.add(name)
        return sorted(names)

    # What files.py calls; each has its namesake in folder.py.

    def open(self, path, flags, spend):
        with self._lock:
            if flags & CREATE and path.endswith(b"/"):
                self._place(path)
                raise error(errno.EISDIR)
            folder, name, node = self._walk(path, follow=not flags & EXCLUSIVE)
            if node is None:
                if not flags & CREATE:
                    raise error(errno.ENOENT)
                node = _File()
                node.data = bytearray()
                self._add(folder, name, node)
            elif flags & EXCLUSIVE:
                raise error(errno.EEXIST)
            elif isinstance(node, _Folder):
                raise error(errno.EISDIR)
            elif not isinstance(node, _File):
                raise error(errno.EACCES)
            elif flags & TRUNCATE:
                self._hold(node)
                node.data = bytearray()
                node.mtime = time.time_ns()
            return Handle(self, node, flags, spend)

    def stat(self, path, follow):
        with self._lock:
            node = self._find(path, follow)
            return self.facts(node)

    @staticmethod
    def facts(node):
        """(mode, size, what tells it from others, times of access, change and change again)."""
        own = ((0, id(node)) if node.found is None else (node.found.st_dev, node.found.st_ino))
        return node.kind | node.mode, node.size(), own, node.atime, node.mtime, node.mtime

    def list(self, path):
        with self._lock:
            folder = self._find(path)
            if not isinstance(folder, _Folder):
                raise error(errno.ENOTDIR)
            found = []
            for name in self._names(folder):
                node = self._child(folder, name)
                if node is not None:
                    found.append((name, node.kind))
            return found

    def utime(self, path, times):
        with self._lock:
            node = self._find(path)
            if isinstance(node, _Other):
                raise error(errno.EPERM)
            now = time.time_ns()
            self._hold(node)
            node.atime, node.mtime = times or (now, now)

    def readlink(self, path):
        with self._lock:
            node = self._find(path, follow=False)
            if not stat.S_ISLNK(node.kind):
                raise error(errno.EINVAL)
            return self._beneath.readlink(node.lower)

    def mkdir(self, path):
        with self._lock:
            folder, name, node, _ = self._place(path)
            if node is not None:
                raise error(errno.EEXIST)
            self._add(folder, name, _Folder())

    def unlink(self, path):
        with self._lock:
            folder, name, node, slash = self._place(path)
            if node is None:
                raise error(errno.ENOENT)
            if isinstance(node, _Folder):
                raise error(errno.EISDIR)
            if slash:
                raise error(errno.ENOTDIR)
            self._drop(folder, name, node)

    def rmdir(self, path):
        with self._lock:
            folder, name, node, _ = self._place(path)
            if name in (b"", b".", b".."):
                raise error({b"": errno.EBUSY, b".": errno.EINVAL, b"..": errno.ENOTEMPTY}[name])
            if node is None:
                raise error(errno.ENOENT)
            if not isinstance(node, _Folder):
                raise error(errno.ENOTDIR)
            if self._names(node):
                raise error(errno.ENOTEMPTY)
            self._drop(folder, name, node)

    def rename(self, source, target, spend):
        with self._lock:
            for path in (source, target):
                if not isinstance(self._find(split(path)[0]), _Folder):
                    raise error(errno.ENOTDIR)
            if {split(path)[1].rstrip(b"/") for path in (source, target)} & {b"", b".", b".."}:
                raise error(errno.EBUSY)
            folder, name, node, slash = self._place(source)
            if node is None:
                raise error(errno.ENOENT)
            to_folder, to_name, other, to_slash = self._place(target)
            is_folder = isinstance(node, _Folder)
            if not is_folder and (slash or to_slash):
                raise error(errno.ENOTDIR)
            above = to_folder
            while above is not None:
                if above is node:
                    raise error(errno.EINVAL)
                above = above.parent
            if other is node:
                return
            if other is not None:
                if is_folder and not isinstance(other, _Folder):
                    raise error(errno.ENOTDIR)
                if not is_folder and isinstance(other, _Folder):
                    # A folder above the source is not empty; the kernel looks at that first.
                    above = folder
                    while above is not None and above is not other:
                        above = above.parent
                    raise error(errno.EISDIR if above is None else errno.ENOTEMPTY)
                if is_folder and self._names(other):
                    raise error(errno.ENOTEMPTY)
            if self._path_size(to_folder) + len(to_name) + self._longest(node) >= _MAX_PATH:
                raise error(errno.ENAMETOOLONG)     # nobody could reach it
            self._own(node, spend)
            if other is not None:
                self._drop(to_folder, to_name, other)
            self._drop(folder, name, node)
            self._add(to_folder, to_name, node)

    def changes(self):
        """What differs from the disk, see rexec.Overlay.changes()."""
        removed, folders, files = {}, {}, {}
        with self._lock:
            left = [(self._root, b"")]
            while left:
                folder, prefix = left.pop()
                inner = []
                for name, node in sorted(folder.entries.items()):
                    path = os.fsdecode(prefix + name)
                    if node is None:
                        if self._on_disk(folder, name):
                            removed[path] = None
                    elif isinstance(node, _Folder):
                        if node.lower is None:
                            if self._on_disk(folder, name):
                                removed[path] = None
                            folders[path + "/"] = b""
                        inner.append((node, prefix + name + b"/"))
                    elif isinstance(node, _File) and node.data is not None:
                        files[path] = bytes(node.data)
                left += reversed(inner)
        return {**removed, **folders, **files}

    def _on_disk(self, folder, name):
        if folder.lower is None:
            return False
        try:
            self._beneath.stat(folder.lower + b"/" + name if folder.lower else name, follow=False)
        except OSError as absent:
            return absent.errno not in (errno.ENOENT, errno.ENOTDIR)
        return True


class Handle:
    """An open file of the overlay.  It reads the disk until somebody changes the file."""

    sequential = False
    encoding = None

    def __init__(self, tree, node, flags, spend):
        self._tree, self._node, self._flags, self._spend = tree, node, flags, spend
        self._fd = -1
        if node.data is None:
            self._fd = tree._beneath.file(node.lower, os.O_RDONLY)

    def size(self):
        with self._tree._lock:
            return self._node.size()

    def facts(self):
        with self._tree._lock:
            return Tree.facts(self._node)

    def read(self, offset, count):
        if not self._flags & READ:
            raise error(errno.EBADF)
        with self._tree._lock:
            if self._node.data is None:
                return os.pread(self._fd, count, offset)
            return bytes(memoryview(self._node.data)[offset:offset + count])

    def write(self, offset, data):
        if not self._flags & WRITE:
            raise error(errno.EBADF)
        with self._tree._lock:
            node = self._node
            self._load(node)
            if self._flags & APPEND:
                offset = len(node.data)
            end = offset + len(data)
            self._spend(max(len(data), end - len(node.data)))
            if data:
                if offset > len(node.data):
                    node.data.extend(bytes(offset - len(node.data)))
                node.data[offset:end] = data
                node.mtime = time.time_ns()
            return end

    def truncate(self, size):
        if not self._flags & WRITE:
            raise error(errno.EINVAL)
        with self._tree._lock:
            node = self._node
            self._load(node)
            if size > len(node.data):
                self._spend(size - len(node.data))
                node.data.extend(bytes(size - len(node.data)))
            else:
                del node.data[size:]
            node.mtime = time.time_ns()

    def _load(self, node):
        self._tree._load(node, self._spend)

    def close(self):
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
