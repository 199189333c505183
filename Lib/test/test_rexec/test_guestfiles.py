"""Files in a cell behave as outside: the same random operations on a mount and on a real folder
give the same results and the same errors."""

import io
import os
import pathlib
import random
import shutil
import stat
import sys
import tempfile
import unittest
import warnings

from rexec.files import Files, Overlay, ReadOnly, ReadWrite
from rexec.guestfiles import GuestFiles

NAMES = ["a", "b", "new", "d", "d/a", "d/e", "d/e/b", "a/", "d/", "d/../a", "d/./e/", "a/b", "nx/b",
         ".", "d/..", "d/e/..", "d/.", "", "x" * 256, "d/" + "y" * 250, "a\0", "\udcff", "\ud800",
         "link", "link/a", "deep", "dangling", "loop", "loop/x", "é", 3.5, None]
MODES = ["r", "w", "a", "x", "r+", "w+", "a+", "x+"]
CONTENT = ["", "x", "line\nline two\r\nthird", "é€𝄞\n", "z" * 700]


class Walked(ReadWrite):
    _walk = True


class Outside:
    """The real functions, by the names that GuestFiles has."""
    open = staticmethod(io.open)
    os_open = staticmethod(os.open)

    def __getattr__(self, name):
        return getattr(os, name)


def fill(folder, links_below=True):
    old = os.umask(0o077)
    try:
        os.makedirs(os.path.join(folder, "d", "e"))
        for name, content in (("a", b"alpha\nbeta\r\ngamma"), ("b", b""), ("d/a", bytes(range(256)))):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        os.symlink("d", os.path.join(folder, "link"))
        if links_below:
            os.symlink("../a", os.path.join(folder, "d", "up"))
        os.symlink("d/up", os.path.join(folder, "deep"))
        os.symlink("nowhere", os.path.join(folder, "dangling"))
        os.symlink("loop", os.path.join(folder, "loop"))
    finally:
        os.umask(old)


def snapshot(functions, path="."):
    """All that a tree holds, seen through *functions*."""
    found = {}
    for name in sorted(functions.listdir(path)):
        inner = path + "/" + name
        status = functions.lstat(inner)
        if stat.S_ISDIR(status.st_mode):
            found[inner] = snapshot(functions, inner)
        elif stat.S_ISLNK(status.st_mode):
            found[inner] = functions.readlink(inner)
        else:
            with functions.open(inner, "rb") as file:
                found[inner] = file.read(), status.st_size
    return found


def shown(value):
    """What can be compared of a result."""
    if isinstance(value, os.stat_result):
        kind = stat.S_IFMT(value.st_mode)
        if kind == stat.S_IFLNK:
            return kind, value.st_size
        return kind, stat.S_IMODE(value.st_mode), None if kind == stat.S_IFDIR else value.st_size
    return value


def outcome(function, *arguments, **words):
    try:
        return "done", shown(function(*arguments, **words))
    except Exception as error:
        return (type(error).__name__, error.args, getattr(error, "filename", None),
                getattr(error, "filename2", None))


class Pair:
    """Two files that were opened alike."""

    def __init__(self, outside, inside):
        self.files = outside, inside


# The cell's half is always this release, whatever the supervisor is.
ours = unittest.skipUnless(sys.version_info[:2] == (3, 13), "the texts of another release's errors")


class Differential:
    """Mixed into a test case for each kind of mount."""

    steps = 220
    links_below = True
    seeds = range(15)

    def setUp(self):
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        self.addCleanup(os.chdir, os.getcwd())
        self.addCleanup(os.umask, os.umask(0o077))

    def begin(self, number):
        self.outside_folder = os.path.join(self.top, f"outside{number}")
        self.inside_folder = os.path.join(self.top, f"inside{number}")
        for folder in (self.outside_folder, self.inside_folder):
            os.mkdir(folder)
            fill(folder, self.links_below)
        os.chdir(self.outside_folder)
        self.policy = self.make(self.inside_folder)
        self.files = Files(self.policy)
        self.inside = GuestFiles(self.files.call, self.files.cwd)
        self.outside = Outside()

    def compare(self, name, *arguments, **words):
        outside = outcome(getattr(self.outside, name), *arguments, **words)
        inside = outcome(getattr(self.inside, name), *arguments, **words)
        if name == "listdir" and outside[0] == "done":
            outside, inside = [(one[0], sorted(one[1])) for one in (outside, inside)]
        self.log.append((name, arguments, words, outside))
        self.assertEqual(outside, inside, self.log[-8:])
        return outside[0] == "done"

    def name(self, chance):
        name = chance.choice(NAMES)
        if isinstance(name, str) and chance.random() < 0.15:
            try:
                return os.fsencode(name)
            except UnicodeEncodeError:
                return name
        if isinstance(name, str) and chance.random() < 0.15:
            return pathlib.Path(name)
        return name

    def opened(self, chance):
        mode = chance.choice(MODES) + chance.choice(["", "b", "b"])
        words = {}
        if "b" not in mode:
            words["encoding"] = chance.choice(["utf-8", "utf-8", "latin-1", "ascii", "utf-16"])
            words["errors"] = chance.choice([None, "replace", "surrogateescape"])
            words["newline"] = chance.choice([None, "", "\n", "\r\n"])
        elif chance.random() < 0.3:
            words["buffering"] = chance.choice([0, 16])
        name = self.name(chance)
        results = []
        for functions in (self.outside, self.inside):
            try:
                results.append(functions.open(name, mode, **words))
            except Exception as error:
                results.append(error)
        errors = [(type(result).__name__, result.args, getattr(result, "filename", None))
                  if isinstance(result, Exception) else None for result in results]
        self.log.append(("open", name, mode, words, errors[0]))
        self.assertEqual(errors[0], errors[1], self.log[-8:])
        return None if errors[0] else Pair(*results)

    def on_file(self, chance, pair):
        binary = not isinstance(pair.files[0], io.TextIOBase)
        action = chance.choice(["read", "read", "readline", "readlines", "write", "write", "seek",
                                "tell", "truncate", "flush", "facts", "lines", "fileno"])
        arguments = ()
        if action == "read":
            arguments = chance.choice([(), (0,), (1,), (7,), (-1,), (5000,), (None,)])
        elif action == "write":
            text = chance.choice(CONTENT)
            arguments = (text.encode() if binary else text,)
        elif action == "seek":
            arguments = ((chance.randrange(-2, 900), chance.choice([0, 1, 2, 5])) if binary
                         else chance.choice([(0,), (0, 2), (3,)]))
        elif action == "truncate":
            arguments = chance.choice([(), (0,), (chance.randrange(900),), (-1,)])

        def run(file):
            if action == "facts":
                return (os.fspath(file.name), file.mode, file.closed, file.readable(),
                        file.writable(), file.isatty(),
                        # A failed seek makes io.FileIO believe that it cannot.
                        isinstance(file, io.RawIOBase) or file.seekable())
            if action == "lines":
                return [line for _, line in zip(range(2), file)]
            if action == "fileno":
                return isinstance(file.fileno(), int)
            return getattr(file, action)(*arguments)

        outside, inside = (outcome(run, file) for file in pair.files)
        self.log.append((action, arguments, outside))
        self.assertEqual(outside, inside, self.log[-12:])

    def step(self, chance, pairs):
        roll = chance.random()
        if roll < 0.2 and len(pairs) < 4:
            pair = self.opened(chance)
            if pair is not None:
                pairs.append(pair)
        elif roll < 0.65 and pairs:
            self.on_file(chance, chance.choice(pairs))
        elif roll < 0.72 and pairs:
            pair = pairs.pop(chance.randrange(len(pairs)))
            outside, inside = (outcome(file.close) for file in pair.files)
            self.assertEqual(outside, inside, self.log[-8:])
            self.assertTrue(pair.files[1].closed)
        else:
            for pair in pairs:          # what is still in a buffer is nobody's business
                self.assertEqual(*(outcome(file.flush) for file in pair.files), self.log[-8:])
            call = chance.choice(["stat", "lstat", "listdir", "mkdir", "remove", "unlink", "rmdir",
                                  "rename", "replace", "readlink", "truncate"])
            arguments = [self.name(chance)]
            if call in ("rename", "replace"):
                arguments.append(self.name(chance))
                if any(os.path.islink(name) for name in arguments
                       if isinstance(name, str) and "\0" not in name):
                    return              # a link is not renamed in a cell
                if isinstance(arguments[0], (bytes, pathlib.Path)):
                    return
            elif call == "truncate":
                arguments.append(chance.randrange(500))
            elif call == "listdir" and arguments[0] is None:
                return
            self.compare(call, *arguments)

    def test_random_operations(self):
        for seed in self.seeds:
            with self.subTest(seed=seed), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chance = random.Random(seed)
                self.log = []
                self.begin(seed)
                pairs = []
                try:
                    for _ in range(self.steps):
                        self.step(chance, pairs)
                    while pairs:
                        self.assertEqual(*(outcome(file.close) for file in pairs.pop().files))
                    self.assertEqual(snapshot(self.outside), snapshot(self.inside))
                    self.after()
                finally:
                    for pair in pairs:
                        for file in pair.files:
                            outcome(file.close)
                    self.files.close()

    def after(self):
        os.chdir(self.inside_folder)
        inside = snapshot(self.outside)
        os.chdir(self.outside_folder)
        self.assertEqual(snapshot(self.outside), inside)


@ours
class ReadWriteTests(Differential, unittest.TestCase):
    make = ReadWrite


@ours
class WalkedTests(Differential, unittest.TestCase):
    make = Walked
    seeds = range(100, 110)


@ours
class OverlayTests(Differential, unittest.TestCase):
    make = Overlay
    links_below = False         # a folder with links in it is not renamed in an overlay
    seeds = range(200, 215)

    def begin(self, number):
        super().begin(number)
        os.chdir(self.inside_folder)
        self.before = snapshot(self.outside)
        os.chdir(self.outside_folder)

    def after(self):
        os.chdir(self.inside_folder)
        self.assertEqual(snapshot(self.outside), self.before)    # the disk is as it was
        # Applied to the disk, the changes give what the cell saw.
        for path, content in self.policy.changes().items():
            bare = path.rstrip("/")
            if os.path.isdir(bare) and not os.path.islink(bare):
                shutil.rmtree(bare)
            elif os.path.lexists(bare):
                os.unlink(bare)
            if path.endswith("/"):
                os.mkdir(path)
            elif content is not None:
                with open(path, "wb") as file:
                    file.write(content)
        after = snapshot(self.outside)
        os.chdir(self.outside_folder)
        self.assertEqual(after, snapshot(self.outside))


@ours
class ArgumentTests(unittest.TestCase):
    """open() refuses what the real one refuses, in the same words."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        fill(self.folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.files = Files(ReadWrite(self.folder))
        self.addCleanup(self.files.close)
        self.guest = GuestFiles(self.files.call, self.files.cwd)

    def test_arguments(self):
        for arguments, words in (
                (("a", "rw"), {}), (("a", "rr"), {}), (("a", "bt"), {}), (("a", ""), {}),
                (("a", "q"), {}), (("a", "U"), {}), (("a", "b"), {}), (("a", 5), {}),
                (("a", "rb"), {"encoding": "ascii"}), (("a", "rb"), {"errors": "strict"}),
                (("a", "rb"), {"newline": ""}), (("a", "r", 0), {}), (("a", "r", "x"), {}),
                (("a",), {"newline": "x"}), (("a",), {"encoding": 4}), (("a",), {"errors": 4}),
                (("a",), {"encoding": "no-such"}), (("a",), {"closefd": False}),
                ((1.5,), {}), ((None,), {}), (("a\0",), {}), (("\ud800",), {}), (([],), {}),
                (("d",), {}), (("d", "w"), {}), (("a/",), {}), (("new/", "w"), {})):
            with self.subTest(arguments=arguments, words=words):
                outside = outcome(open, *arguments, **words)
                self.assertNotEqual(outside[0], "done")
                self.assertEqual(outside, outcome(self.guest.open, *arguments, **words))

    def test_by_number(self):
        def play(system, opener):
            fd = opener("n", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            found = [system.write(fd, b"hello world"), system.lseek(fd, 6, os.SEEK_SET),
                     system.read(fd, 100), shown(system.fstat(fd)), system.ftruncate(fd, 4)]
            with system.open(fd, "r+", encoding="ascii", closefd=False) as file:
                file.seek(0)
                found.append(file.read())
            found.append(system.close(fd))
            for flags in (os.O_RDONLY, os.O_WRONLY):
                fd = opener("n", flags)
                found.append(outcome(system.read, fd, 1))
                found.append(outcome(system.write, fd, b"x"))
                system.close(fd)
            found.append(outcome(opener, "n", os.O_CREAT | os.O_EXCL | os.O_RDWR))
            system.remove("n")
            with system.open("n", "w", opener=lambda path, flags: opener(path, flags, 0o600)) as f:
                f.write("x")
            found.append(shown(system.stat("n")))
            system.remove("n")
            return found

        real = Outside()
        self.assertEqual(play(real, os.open), play(self.guest, self.guest.os_open))

    def test_scandir(self):
        def look(functions, where):
            with functions.scandir(where) as entries:
                return sorted((entry.name, entry.path, entry.is_dir(), entry.is_file(),
                               entry.is_symlink(), entry.is_dir(follow_symlinks=False),
                               outcome(entry.stat), outcome(entry.stat, follow_symlinks=False),
                               os.fspath(entry)) for entry in entries if entry.name != "loop")

        for where in (".", "d", b"d", pathlib.Path("d")):
            self.assertEqual(look(Outside(), where), look(self.guest, where))
        self.assertEqual(outcome(os.scandir, "a"), outcome(self.guest.scandir, "a"))

    def test_stat_tells_nothing_of_the_host(self):
        found = self.guest.stat("a")
        real = os.stat("a")
        self.assertEqual(found.st_mtime_ns, real.st_mtime_ns)
        self.assertEqual(found.st_mtime, real.st_mtime)
        self.assertNotEqual(found.st_ino, real.st_ino)
        for name in ("st_dev", "st_uid", "st_gid", "st_nlink", "st_blocks", "st_blksize",
                     "st_rdev"):
            self.assertEqual(getattr(found, name), 0, name)
        self.assertTrue(os.path.samestat(found, self.guest.stat("d/up")))
        self.assertFalse(os.path.samestat(found, self.guest.stat("b")))
        os.chmod("b", 0o4751)
        self.assertEqual(stat.S_IMODE(self.guest.stat("b").st_mode), 0o751)

    def test_large_file(self):
        data = os.urandom(3 << 20) + b"end"
        with self.guest.open("big", "wb") as file:
            file.write(data)
        with open("big", "rb") as file:
            self.assertEqual(file.read(), data)
        with self.guest.open("big", "rb") as file:
            self.assertEqual(file.read(), data)
        with self.guest.open("big", "rb", 0) as file:
            self.assertEqual(b"".join(iter(lambda: file.read(1 << 24), b"")), data)

    def test_a_destructor_asks_later(self):
        calls = []

        def ask(operation, *arguments):
            calls.append(operation)
            if operation == "stat":
                # Collected in the middle of a question, with data still in its buffer.
                del self.left
            return self.files.call(operation, *arguments)

        guest = GuestFiles(ask, "/data")
        self.left = guest.open("late", "w")
        self.left.write("kept")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            guest.stat("a")
        self.assertEqual(calls, ["open", "stat"])
        guest.stat("b") if hasattr(self, "left") else guest.listdir(".")
        with open("late") as file:
            self.assertEqual(file.read(), "kept")
        self.assertFalse(guest.table)

    def test_current_folder(self):
        self.assertEqual(self.guest.getcwd(), "/data")
        self.guest.chdir("d")
        self.assertEqual(self.guest.getcwd(), "/data/d")
        self.assertEqual(sorted(self.guest.listdir()), ["a", "e", "up"])
        self.assertRaises(FileNotFoundError, self.guest.chdir, "nx")
        self.assertRaises(NotADirectoryError, self.guest.chdir, "a")
        self.guest.chdir("/")
        self.assertEqual(self.guest.listdir(), ["data"])

    def test_access(self):
        os.chmod("a", 0o600)
        for name in ("a", "d", "nx"):
            for mode in (os.F_OK, os.R_OK, os.W_OK, os.R_OK | os.W_OK):
                self.assertEqual(os.access(name, mode), self.guest.access(name, mode), (name, mode))
        files = Files(ReadOnly(self.folder))
        self.addCleanup(files.close)
        guest = GuestFiles(files.call, files.cwd)
        self.assertTrue(guest.access("a", os.R_OK))
        self.assertFalse(guest.access("a", os.W_OK))


if __name__ == "__main__":
    unittest.main()
