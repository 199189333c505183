"""Resolve paths beneath a folder, whatever its content does meanwhile.

A folder is held as a descriptor; a path that comes from a cell is resolved from there and never
leaves: not by "..", not by a symbolic link, not by a magic link of /proc, not onto another mount,
and not by a race with someone who renames folders or swaps links.  Where the kernel has openat2 it
does all this in one call; elsewhere the path is walked, one component and one descriptor at a time.

All paths are bytes, relative to the folder; b"" is the folder itself.
"""

import errno
import os
import stat
import sys

_SYS_OPENAT2 = 437      # the same on every machine that took numbers from the common table
_COMMON_TABLE = ("x86_64", "i386", "i486", "i586", "i686", "aarch64", "arm64", "armv6l", "armv7l",
                 "armv8l", "riscv64", "ppc64le", "ppc64", "s390x", "loongarch64")

# From linux/openat2.h.
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_RESOLVE = _RESOLVE_NO_XDEV | _RESOLVE_NO_MAGICLINKS | _RESOLVE_BENEATH

_MAX_LINKS = 40         # as Linux
_MAX_PATH = 4096
_TRIES = 100            # of a step that someone outside disturbs again and again

_O_PATH = getattr(os, "O_PATH", 0)
_O_SEARCH = _O_PATH or getattr(os, "O_SEARCH", 0)
_FOLDER = _O_SEARCH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# What O_NOFOLLOW says of a symbolic link: Linux and macOS, FreeBSD, NetBSD.
_IS_LINK = {errno.ELOOP, errno.EMLINK, getattr(errno, "EFTYPE", errno.ELOOP)}


def error(number):
    """An OSError that names no path of the supervisor's."""
    return OSError(number, os.strerror(number))


def _load_openat2():
    """Return a function (fd, path, flags, mode) -> fd, or None where there is no openat2."""
    if sys.platform != "linux" or os.uname().machine not in _COMMON_TABLE:
        return None
    try:
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        system_call = libc.syscall
    except (ImportError, OSError, AttributeError):
        return None
    system_call.restype = ctypes.c_long
    system_call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p,
                            ctypes.POINTER(ctypes.c_uint64 * 3), ctypes.c_size_t)

    def openat2(fd, path, flags, mode=0):
        how = (ctypes.c_uint64 * 3)(flags | os.O_CLOEXEC, mode, _RESOLVE)
        for _ in range(_TRIES):
            found = system_call(_SYS_OPENAT2, fd, path, ctypes.byref(how), ctypes.sizeof(how))
            if found >= 0:
                return found
            number = ctypes.get_errno()
            # EAGAIN: something was renamed or mounted somewhere while ".." was resolved.
            if number not in (errno.EINTR, errno.EAGAIN):
                break
        raise error(number)

    try:
        os.close(openat2(-100, b".", os.O_PATH | os.O_DIRECTORY))      # -100 is AT_FDCWD
    except OSError:
        return None         # an old kernel, or a filter that does not know it
    return openat2


_openat2 = False        # not looked for yet


def openat2():
    """The kernel's way, or None."""
    global _openat2
    if _openat2 is False:
        _openat2 = _load_openat2()
    return _openat2


def _mount_of(fd):
    """What tells one mount from another: the device, and on Linux the mount's own number, since
    a bind mount has the device of what it shows."""
    number = None
    try:
        with open(f"/proc/self/fdinfo/{fd}") as info:
            for line in info:
                if line.startswith("mnt_id:"):
                    number = line.split()[1]
    except OSError:
        pass
    return os.fstat(fd).st_dev, number


def split(path):
    """Split off the last component, which keeps its trailing slash if it has one."""
    bare = path.rstrip(b"/")
    head, _, name = bare.rpartition(b"/")
    if name and len(bare) < len(path):
        name += b"/"
    return head, name


class Beneath:
    """A folder by its descriptor, which stays the caller's."""

    def __init__(self, fd, *, walk=False):
        """With *walk*, do without openat2 even where it is."""
        self.fd = fd
        self._openat2 = None if walk else openat2()
        self._mount = None if self._openat2 else _mount_of(fd)

    def open(self, path, flags, mode=0):
        """Open *path*, following links that stay beneath unless *flags* has O_NOFOLLOW."""
        _check(path)
        if self._openat2 is None:
            return self._walk(path, flags | os.O_CLOEXEC, mode)
        try:
            return self._openat2(self.fd, path or b".", flags, mode)
        except OSError as refused:
            if refused.errno == errno.EAGAIN:
                return self._walk(path, flags | os.O_CLOEXEC, mode)
            if refused.errno == errno.EXDEV:        # it would have left the folder
                raise error(errno.EACCES) from None
            raise

    def stat(self, path, follow=True):
        """os.stat() of *path*, which opens nothing."""
        _check(path)
        if not _O_PATH:
            return self._walk(path, None if follow else os.O_NOFOLLOW, 0)
        fd = self.open(path, _O_PATH | (0 if follow else os.O_NOFOLLOW))
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def folder(self, path):
        """Open a folder to list it."""
        return self.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK)

    def parent(self, path):
        """Return (descriptor of the folder that has *path*'s last name, that name).  The name is
        b"" for the folder itself, and may be b"." or b".."."""
        _check(path)
        head, name = split(path)
        return self.open(head, _O_SEARCH | os.O_DIRECTORY), name

    def file(self, path, flags):
        """Open a regular file; made with mode 0600 if *flags* has O_CREAT.  Anything else that
        lies there is not opened, not even for an instant: opening some devices does things."""
        exclusive = flags & os.O_EXCL
        if flags & os.O_CREAT and path.endswith(b"/"):
            os.close(self.parent(path)[0])
            raise error(errno.EISDIR)
        try:
            _check_regular(self.stat(path, follow=not exclusive), exclusive)
        except OSError as absent:
            if absent.errno != errno.ENOENT or not flags & os.O_CREAT:
                raise
        # Emptied only when it is known to be a file.
        fd = self.open(path, flags & ~os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY,
                       0o600 if flags & os.O_CREAT else 0)
        try:
            _check_regular(os.fstat(fd), False)
            if flags & os.O_TRUNC:
                os.ftruncate(fd, 0)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def utime(self, path, times):
        """Set the times of a file or folder, in nanoseconds; None: to now."""
        kind = self.stat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise error(errno.EPERM)
        fd = self.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if times is None:
                os.utime(fd)
            else:
                os.utime(fd, ns=times)
        finally:
            os.close(fd)

    def readlink(self, path):
        """The text of a symbolic link."""
        folder, name = self.parent(path)
        try:
            return os.readlink(name or b".", dir_fd=folder)
        except OSError as failed:
            raise error(failed.errno) from None
        finally:
            os.close(folder)

    # The portable way.  Every folder on the way is opened by one name, without following, from the
    # descriptor of the one before; the text of a link is read and its components walked likewise.

    def _walk(self, path, flags, mode):
        """Open *path*; if *flags* is None or O_NOFOLLOW alone, and there is no O_PATH, stat it."""
        looking = flags is None or not _O_PATH and flags == os.O_NOFOLLOW
        follow = flags is None or not flags & os.O_NOFOLLOW
        names = path.split(b"/")
        if names[-1] == b"" and path:
            names[-1] = b"."            # a trailing slash asks for a folder
        names.reverse()
        folders = [self.fd]
        links = 0
        tries = 0
        try:
            while names:
                name = names.pop()
                if name in (b"", b"."):
                    continue
                if name == b"..":
                    if len(folders) == 1:
                        raise error(errno.EACCES)
                    os.close(folders.pop())
                    continue
                try:
                    if names:
                        folders.append(self._same_mount(os.open(name, _FOLDER,
                                                                dir_fd=folders[-1])))
                        continue
                    if looking:
                        found = os.stat(name, dir_fd=folders[-1], follow_symlinks=False)
                        if found.st_dev != self._mount[0]:
                            raise error(errno.EACCES)
                        if not (follow and stat.S_ISLNK(found.st_mode)):
                            return found
                    else:
                        fd = self._same_mount(os.open(name, flags | os.O_NOFOLLOW, mode,
                                                      dir_fd=folders[-1]))
                        # Only O_PATH opens a link itself.
                        if not (follow and stat.S_ISLNK(os.fstat(fd).st_mode)):
                            return fd
                        os.close(fd)
                except OSError as failed:
                    # With O_DIRECTORY a link is first of all not a folder.
                    link = (failed.errno in _IS_LINK or failed.errno == errno.ENOTDIR
                            and (names or flags is not None and flags & os.O_DIRECTORY))
                    if not link or not (follow or names):
                        raise error(failed.errno) from None
                    reason = failed.errno
                else:
                    reason = errno.ELOOP
                # Here it is a link, or it was one a moment ago.
                try:
                    text = os.readlink(name, dir_fd=folders[-1])
                except OSError as failed:
                    tries += 1
                    if failed.errno != errno.EINVAL or tries > _TRIES:
                        raise error(failed.errno) from None
                    if reason == errno.ENOTDIR and not self._is_folder(name, folders[-1]):
                        raise error(errno.ENOTDIR) from None
                    names.append(name)
                    continue
                links += 1
                if links > _MAX_LINKS:
                    raise error(errno.ELOOP)
                if text.startswith(b"/"):
                    raise error(errno.EACCES)
                names.extend(reversed(text.split(b"/")))
            # The path is the folder itself, or ended in "." or "..".
            if looking:
                return os.fstat(folders[-1])
            try:
                return self._same_mount(os.open(b".", flags & ~os.O_NOFOLLOW, mode,
                                                dir_fd=folders[-1]))
            except OSError as failed:
                raise error(failed.errno) from None
        finally:
            for fd in folders[1:]:
                os.close(fd)

    @staticmethod
    def _is_folder(name, folder):
        try:
            return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        except OSError:
            return True         # it changes under our hands: walk on, the next step tells

    def _same_mount(self, fd):
        if self._mount is None:
            self._mount = _mount_of(self.fd)
        try:
            if _mount_of(fd) != self._mount:
                raise error(errno.EACCES)
        except BaseException:
            os.close(fd)
            raise
        return fd


def _check(path):
    if len(path) >= _MAX_PATH:
        raise error(errno.ENAMETOOLONG)
    if b"\0" in path:
        raise error(errno.EINVAL)


def _check_regular(found, exclusive):
    if exclusive:
        raise error(errno.EEXIST)
    if stat.S_ISDIR(found.st_mode):
        raise error(errno.EISDIR)
    if not stat.S_ISREG(found.st_mode):
        raise error(errno.EACCES)


# Are two folders the same, or one inside the other?

def _identity(fd):
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _ancestors(fd):
    """The identities of a folder and of those above it."""
    found = []
    above = os.dup(fd)
    try:
        while True:
            found.append(_identity(above))
            upper = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
            os.close(above)
            above = upper
            if _identity(above) == found[-1]:
                return found
    except OSError:
        return found        # no right to look further up
    finally:
        os.close(above)


def _place(fd):
    """(device, path within its file system) of a folder on Linux: what a bind mount shows lies
    there, wherever it is mounted.  None where it cannot be told."""
    try:
        number = _mount_of(fd)[1]
        path = os.readlink(f"/proc/self/fd/{fd}")
        with open("/proc/self/mountinfo", errors="surrogateescape") as mounts:
            for line in mounts:
                fields = line.split(" ")
                if fields[0] == number:
                    root, point = (_unescape(text) for text in fields[3:5])
                    if path != point and not path.startswith(point.rstrip("/") + "/"):
                        return None
                    inside = path[len(point.rstrip("/")):]
                    return fields[2], (root.rstrip("/") + inside).rstrip("/") or "/"
    except OSError:
        pass
    return None


def _unescape(text):
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text


def overlap(one, other):
    """Do two open folders share anything?  Told by what they are, not by their names."""
    if _identity(one) in _ancestors(other) or _identity(other) in _ancestors(one):
        return True
    one, other = _place(one), _place(other)
    if one is None or other is None or one[0] != other[0]:
        return False
    one, other = (place[1].rstrip("/") + "/" for place in (one, other))
    return one.startswith(other) or other.startswith(one)
