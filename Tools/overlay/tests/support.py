"""Made-up overlays and upstream releases for the tests."""

import hashlib
import io
import shutil
import tarfile
import tempfile
import unittest
from pathlib import Path

from overlay import Input
from upstream import Release

# A source as upstream writes it: a function under #if and #else, one that clinic wraps, and one
# that it does not.
SOURCE = '''\
#include "Python.h"
#include <fcntl.h>

static PyObject *os_open_impl(PyObject *module, int flags);

/*[clinic input]
module os
[clinic start generated code]*/

/*[clinic input]
os.open -> int

    flags: int
[clinic start generated code]*/

static int
os_open_impl(PyObject *module, int flags)
{
    return open("x", flags);
}

#ifdef MS_WINDOWS
static PyObject *
old_style(PyObject *self, PyObject *args)
{
    return NULL;
}
#else
static PyObject *
old_style(PyObject *self, PyObject *args)
{
    Py_RETURN_NONE;
}
#endif
'''
CLINIC = '''\
static int
os_open_impl(PyObject *module, int flags);

static PyObject *
os_open(PyObject *module, PyObject *args)
{
    return NULL;
}
'''
TABLE = '''\
# Opening reaches the disk.
@open_flags(module,flags)  os_open_impl  -  the right hangs on the flags
fs.read  old_style  -  name=os.old reads a folder
'''


def write(folder, files):
    """Write FILES ({name: text}) below FOLDER; None removes one."""
    for name, text in files.items():
        path = Path(folder, name)
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))


def item(name, text):
    return Input(name, Path(name), text.encode())


class TreeTest(unittest.TestCase):
    """A test with a folder of its own: self.source is the overlay, self.build the build folder."""

    release = "3.13.15"

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="overlay-test-")).resolve()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = self.folder / "source"
        self.build = self.folder / "build"
        self.pristine = self.build / "upstream" / self.release
        self.tree = self.build / f"cpython-{self.release}"
        self.source.mkdir()

    def upstream(self, files=None, release=None):
        """Unpack a made-up upstream."""
        write(self.build / "upstream" / (release or self.release), files or {
            "Modules/posixmodule.c": SOURCE, "Modules/clinic/posixmodule.c.h": CLINIC,
            "Lib/os.py": "import abc\nimport sys\n", "README.rst": "one\ntwo\n"})

    def overlay(self, files):
        write(self.source, files)

    def woven(self, name):
        return (self.tree / name).read_text(encoding="utf-8")


def tarball(path, version, files):
    """Make the release tarball PATH of a made-up upstream; returns its Release."""
    with tarfile.open(path, "w:xz") as archive:
        for name, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"Python-{version}/{name}")
            member.size = len(data)
            member.mode = 0o755 if text.startswith("#!") else 0o644
            archive.addfile(member, io.BytesIO(data))
    return Release(version, hashlib.sha256(Path(path).read_bytes()).hexdigest(), Path(path).name)
