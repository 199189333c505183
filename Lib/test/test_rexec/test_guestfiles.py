"""Files in a cell behave as outside: the same random operations on a mount and on a real folder
give the same results and the same errors."""

import io
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import warnings

import rexec
from rexec import process
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
        for name, content in (("a", b"alpha\nbeta\r\ngamma"), ("b", b""),
                              ("d/a", bytes(range(256)))):
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

    def test_numbers(self):
        """What is no number is told so, before the file is looked at."""
        class Number:
            def __index__(self):
                return 3

        def use_file(system, number):
            with system.open("a", "r+b") as file:
                return file.truncate(number) == number, file.seek(number)

        kinds = ("x", 1.5, None, Number(), -1, 1 << 70)
        for use in (lambda system, number: system.truncate("a", number),
                    lambda system, number: system.truncate("nowhere", number),
                    lambda system, number: system.mkdir(f"new{type(number)}{number}", number),
                    lambda system, number: system.access("a", number),
                    lambda system, number: system.os_open("d", os.O_WRONLY, number), use_file):
            # As a length this would be a large file.
            for number in kinds if "truncate" in use.__code__.co_names else (*kinds, 1 << 35):
                with self.subTest(use=use.__code__.co_firstlineno, number=str(number)[:20]):
                    found = []
                    for system in (Outside(), self.guest):
                        with open("a", "wb") as file:
                            file.write(b"content")
                        found.append(outcome(use, system, number))
                        for name in os.listdir(self.folder):
                            if name.startswith("new"):
                                os.rmdir(name)
                    self.assertEqual(*found)

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
                               os.fspath(entry))
                              for entry in entries if os.fsdecode(entry.name) != "loop")

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


# Plays a random program and prints what came of each step; the same text outside and in a cell.
PROGRAM = """
import glob, io, os, pathlib, random, shutil, stat, zipfile

def outcome(function):
    try:
        return function()
    except Exception as error:
        if getattr(error, "right", None):
            raise
        return (type(error).__name__, error.args, str(getattr(error, "filename", None)),
                str(getattr(error, "filename2", None)))

def status(path):
    found = path.stat()
    return stat.filemode(found.st_mode), stat.S_ISREG(found.st_mode) and found.st_size

def zipped(path, other):
    with zipfile.ZipFile(path, "a") as file:
        file.write(other, "name")
    with zipfile.ZipFile(path) as file:
        return file.namelist()

def lines(path):
    with open(path, newline=chance.choice([None, "", "\\n"])) as file:
        return list(file), file.tell()

P = pathlib.Path
NAMES = ["a", "b", "d", "d/a", "d/e", "d/e/b", "new", "new/x", "link", "link/a", "dangling", "nx/b",
         "d/../a", "z" * 300]
ACTIONS = [
    lambda p, q: P(p).read_text(), lambda p, q: P(p).read_bytes(),
    lambda p, q: P(p).write_text("text of " + q), lambda p, q: P(p).write_bytes(b"x" * 50),
    lambda p, q: P(p).exists(), lambda p, q: P(p).is_dir(), lambda p, q: P(p).is_file(),
    lambda p, q: P(p).is_symlink(), lambda p, q: status(P(p)), lambda p, q: P(p).mkdir(),
    lambda p, q: P(p).mkdir(parents=True, exist_ok=True), lambda p, q: P(p).unlink(),
    lambda p, q: P(p).unlink(missing_ok=True), lambda p, q: P(p).rmdir(), lambda p, q: P(p).touch(),
    lambda p, q: sorted(map(str, P(p).iterdir())), lambda p, q: sorted(map(str, P(p).rglob("*"))),
    lambda p, q: str(P(p).resolve().relative_to(P.cwd())), lambda p, q: P(p).samefile(q),
    lambda p, q: os.path.isdir(p) or os.path.getsize(p),
    lambda p, q: os.utime(p, (5.25, 7)) or os.path.getmtime(p),
    lambda p, q: None if os.path.islink(p) or os.path.isdir(p) else shutil.move(p, q),
    lambda p, q: os.path.lexists(p),
    lambda p, q: os.path.realpath(p) == os.path.abspath(p), lambda p, q: os.makedirs(p),
    lambda p, q: os.removedirs(p), lambda p, q: sorted(os.listdir(p)),
    lambda p, q: sorted((e.name, e.is_dir(), e.is_file()) for e in os.scandir(p)),
    lambda p, q: sorted((t, sorted(d), sorted(f)) for t, d, f in os.walk(p)),
    lambda p, q: sorted(glob.glob("**", recursive=True)),
    lambda p, q: None if os.path.islink(p) else shutil.rmtree(p),
    lambda p, q: shutil.copyfile(p, q), lambda p, q: os.truncate(p, 7), lambda p, q: lines(p),
    lambda p, q: io.open(p, "a").write("more"), lambda p, q: zipped(p + ".zip", q),
    lambda p, q: None if "link" in p + q or "dangling" in p + q else os.rename(p, q),
    lambda p, q: None if "link" in p + q or "dangling" in p + q else str(P(p).replace(q)),
]

def play(seed):
    global chance
    chance = random.Random(seed)
    for _ in range(150):
        number = chance.randrange(len(ACTIONS))
        p, q = chance.choice(NAMES), chance.choice(NAMES)
        print(number, p[:9], q[:9], outcome(lambda: ACTIONS[number](p, q)))
"""


SEEDS = range(3)


class InARealCell(unittest.TestCase):
    """The whole of it: os, io, pathlib, shutil, glob, zipfile in a locked process."""

    def setUp(self):
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        self.python = os.environ.get("LDP_PYTHON")
        self.inside = os.path.join(self.top, "inside")
        self.outside = os.path.join(self.top, "outside")
        for folder in (self.inside, self.outside):
            os.mkdir(folder)

    def test_random_programs(self):
        for kind in (ReadWrite, Overlay):
            for seed in SEEDS:
                with self.subTest(kind=kind.__name__, seed=seed):
                    for folder in (self.inside, self.outside):
                        shutil.rmtree(folder)
                        os.mkdir(folder)
                        fill(folder, links_below=False)
                    code = PROGRAM + f"\nplay({seed})\n"
                    real = subprocess.run([process.find_python(self.python), "-I", "-X", "utf8",
                                           "-W", "ignore", "-c", "import os; os.umask(0o77)\n" + code],
                                          cwd=self.outside, capture_output=True, text=True,
                                          timeout=120)
                    self.assertEqual(real.returncode, 0, real.stderr)
                    with rexec.Cell(open=kind(self.inside), python=self.python,
                                    stderr=sys.stderr.write) as cell:
                        cell.run("import warnings; warnings.simplefilter('ignore')")
                        result = cell.run(code)
                    outside, inside = (text.replace(self.outside, "/data").split("\n")
                                       for text in (real.stdout, result.stdout))
                    for number, (one, other) in enumerate(zip(outside, inside)):
                        self.assertEqual(one, other, outside[max(0, number - 6):number])
                    self.assertEqual(len(outside), len(inside))

    def test_without_files_all_is_refused(self):
        for options in ({}, {"open": rexec.Nothing()}):
            with rexec.Cell(python=self.python, **options) as cell:
                for code in ("open('/etc/passwd')", "import os; os.listdir('/')",
                             "import os; os.stat('/')", "import io; io.open('x', 'w')"):
                    with self.assertRaises(rexec.CellError) as caught:
                        cell.run(code)
                    self.assertIn("LockdownPermissionError", caught.exception.type_name)

    def test_around_the_cells_half(self):
        # Code that takes the cell's half apart and asks the supervisor itself.
        with open(os.path.join(self.top, "secret"), "w") as file:
            file.write("secret")
        os.symlink("../secret", os.path.join(self.inside, "link"))
        with rexec.Cell(open=ReadWrite(self.inside), python=self.python) as cell:
            found = cell.run("""
import os
ask = os.stat.__self__._ask
reached = []
for call in (("open", b"/data/../secret", 1), ("open", b"/data/link", 1),
             ("open", b"/data/link", 2 | 32), ("stat", b"/data/link", True), ("list", b"/data/.."),
             ("list", b"/data/../.."), ("rename", b"/data/link", b"/data/x"),
             ("unlink", b"/secret"),
             ("mkdir", b"/data/../made"), ("open", b"/data/../made2", 2 | 8), ("read", 3, 0, 10),
             ("chmod", b"/data", 0o777), ("open", "/data/x", 2 | 8), ("open",), ("", )):
    try:
        reached.append((call, ask(*call)))
    except (OSError, TypeError):
        pass
str(reached)
""").value
        self.assertEqual(found, "[]")
        with open(os.path.join(self.top, "secret")) as file:
            self.assertEqual(file.read(), "secret")
        self.assertEqual(sorted(os.listdir(self.top)), ["inside", "outside", "secret"])

    def test_real_descriptors_stay_refused(self):
        with rexec.Cell(open=ReadWrite(self.inside), python=self.python) as cell:
            found = cell.run("""
import os
refused = []
for call in (lambda: os.read(0, 1), lambda: os.write(2, b"x"), lambda: os.close(1),
             lambda: open(0), lambda: os.fstat(1), lambda: os.lseek(3, 0, 0),
             lambda: os.open("x", os.O_RDONLY, dir_fd=3), lambda: os.listdir(3),
             lambda: os.symlink("a", "b"), lambda: os.link("a", "b"), lambda: os.chmod(".", 0o777),
             lambda: os.mkfifo("f"), lambda: os.utime(1)):
    try:
        call()
    except PermissionError as error:
        refused.append(type(error).__name__)
refused
""").value
        self.assertEqual(found, ["LockdownPermissionError"] * 13)

    def test_what_destructors_write_arrives(self):
        with rexec.Cell(open=ReadWrite(self.inside), python=self.python,
                        functions={"f": lambda x: [[] for _ in x]},
                        limits=rexec.Limits(handles=None)) as cell:
            cell.run("""
import gc
kept = {}
class Loop:
    def __init__(self, n):
        self.me = self
        self.n = n
        kept[n] = open(str(n), "w")
        kept[n].write(str(n))
    def __del__(self):
        kept.pop(self.n).close()
for n in range(1000):
    Loop(n % 200) if n % 200 not in kept else None
    f(["x"] * 50)
gc.collect()
len(kept)
""", timeout=60)
        for number in range(200):
            with open(os.path.join(self.inside, str(number))) as file:
                self.assertEqual(file.read(), str(number))

    def test_a_small_value_is_no_limit_to_a_file(self):
        data = os.urandom(200_000)
        limits = rexec.Limits(value=8192)
        with rexec.Cell(open=ReadWrite(self.inside), python=self.python, limits=limits) as cell:
            with open(os.path.join(self.inside, "x"), "wb") as file:
                file.write(data)
            cell.run("data = open('x', 'rb').read()\nfor n in 0, -1: open(str(n), 'wb', n)."
                     "write(data)\nwith open('y', 'wb') as f: f.write(data)")
        with open(os.path.join(self.inside, "y"), "rb") as file:
            self.assertEqual(file.read(), data)
        with open(os.path.join(self.inside, "-1"), "rb") as file:
            self.assertEqual(file.read(), data)
        self.assertGreater(os.path.getsize(os.path.join(self.inside, "0")), 4000)

    def test_limits(self):
        for limit, code in (
                ("storage", "open('x', 'wb').write(b'x' * 3000)"),
                ("storage", "f = open('x', 'wb'); f.seek(1 << 40); f.write(b'x'); f.flush()"),
                ("storage", "import os; open('x', 'w').close(); os.truncate('x', 5000)"),
                ("handles", "kept = []\nfor n in range(9): kept.append(open('y', 'w'))"),
                ("calls", "import os\nwhile True: os.path.exists('z')")):
            with self.subTest(limit=limit, code=code):
                limits = rexec.Limits(storage=2500, handles=5, calls=500)
                for kind in (ReadWrite, Overlay):
                    with rexec.Cell(open=kind(self.inside), python=self.python,
                                    limits=limits) as cell:
                        with self.assertRaises(rexec.LimitExceeded) as caught:
                            cell.run(code)
                        self.assertEqual(caught.exception.limit, limit)
                        self.assertTrue(cell.closed)
                self.assertLess(sum(os.path.getsize(os.path.join(self.inside, name))
                                    for name in os.listdir(self.inside)), 2501)


if __name__ == "__main__":
    unittest.main()
