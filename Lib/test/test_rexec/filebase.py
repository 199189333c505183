"""What the tests of files share: folders to attack, and refusals."""

import os
import shutil
import stat
import sys
import tempfile
import unittest

from rexec.files import Files, Overlay, ReadOnly, ReadWrite
from rexec.folder import CREATE, READ, TRUNCATE, WRITE

LINUX = sys.platform == "linux"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class WalkedReadOnly(ReadOnly):
    _walk = True


class WalkedReadWrite(ReadWrite):
    _walk = True


class WalkedOverlay(Overlay):
    _walk = True


KINDS = (ReadOnly, ReadWrite, Overlay, WalkedReadOnly, WalkedReadWrite, WalkedOverlay)
WRITABLE = tuple(kind for kind in KINDS if not issubclass(kind, ReadOnly))


class Limits:
    def __init__(self, storage=None, handles=None):
        self.storage, self.handles = storage, handles


class Exceeded(Exception):
    pass


def tree(folder):
    """All below a folder, as somebody else sees it."""
    found = {}
    for path, folders, names in os.walk(folder):
        for name in folders + names:
            full = os.path.join(path, name)
            status = os.lstat(full)
            content = None
            if stat.S_ISREG(status.st_mode):
                with open(full, "rb") as file:
                    content = file.read()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(full)
            found[os.path.relpath(full, folder)] = stat.S_IFMT(status.st_mode), content
    return found


class Base(unittest.TestCase):
    def setUp(self):
        self.top = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.top)
        self.folder = os.path.join(self.top, "folder")
        self.outside = os.path.join(self.top, "outside")
        os.makedirs(os.path.join(self.folder, "d"))
        os.makedirs(os.path.join(self.outside, "sub"))
        self.write(os.path.join(self.folder, "a"), b"inside")
        self.write(os.path.join(self.folder, "d", "b"), b"deeper")
        self.write(os.path.join(self.outside, "secret"), b"outside")

    def write(self, path, data):
        with open(path, "wb") as file:
            file.write(data)

    def files(self, *policies, **limits):
        exceeded = limits.pop("exceeded", Exceeded)
        files = Files(policies, Limits(**limits), exceeded)
        self.addCleanup(files.close)
        return files

    def read(self, files, path):
        number, size, *_ = files.call("open", path, READ)
        try:
            return files.call("read", number, 0, 1 << 20)
        finally:
            files.call("close", number)

    def put(self, files, path, data, flags=WRITE | CREATE | TRUNCATE, offset=0):
        number = files.call("open", path, flags)[0]
        try:
            return files.call("write", number, offset, data)
        finally:
            files.call("close", number)

    def refused(self, *numbers):
        return _Refused(self, numbers)


class _Refused:
    """A context in which an OSError without any path has to be raised."""

    def __init__(self, case, numbers):
        self.case, self.numbers = case, numbers

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self.case.assertIsNotNone(error, "nothing was refused")
        if not isinstance(error, OSError):
            return False
        self.case.assertIsNone(error.filename)
        self.case.assertIsNone(error.__cause__)
        if self.numbers:
            self.case.assertIn(error.errno, self.numbers, error)
        return True
