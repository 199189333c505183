"""Tests of configure and of the Makefile it writes, with a made-up CPython that builds at once."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from tests.support import TreeTest, tarball, write

ROOT = Path(__file__).resolve().parents[3]

CONFIGURE = """\
#!/bin/sh
echo "$@" >>configured
printf 'all: built\\nbuilt: Lib/os.py\\n\\tcp Lib/os.py built\\n\\tcp Lib/os.py python\\n' >Makefile
printf 'other:\\n\\techo other %s $(MAKEFLAGS)\\n' >>Makefile
printf 'test:\\n\\techo tested $(TESTOPTS)\\n' >>Makefile
printf 'CC = :\\nLINKCC = :\\nsrcdir = .\\n' >>Makefile
printf 'Programs/python.o:\\n' >>Makefile
for kind in Python/%%.c Python/%%.h Programs/%%.c; do printf "$kind:\\n\\t:\\n" >>Makefile; done
touch config.status
"""
FILES = {"configure": CONFIGURE, "Lib/os.py": "import abc\n",
         "Lib/test/test_lockdown/__init__.py": ""}
PATCH = "why\n@@\n import abc\n+import {}\n"


class ConfigureTest(TreeTest):
    def setUp(self):
        super().setUp()
        self.places = self.folder / "places"
        self.places.mkdir()
        self.newer = tarball(self.places / "new.tar.xz", "3.13.15", FILES)
        self.older = tarball(self.places / "old.tar.xz", "3.13.5", FILES)
        for name in ("configure", "Makefile.pre.in"):
            shutil.copy2(ROOT / name, self.source)
        shutil.copytree(ROOT / "Tools/overlay", self.source / "Tools/overlay",
                        ignore=shutil.ignore_patterns("__pycache__", "root", "tests"))
        self.accept(self.newer, self.older)
        self.overlay({"Lib/os.py.patch": PATCH.format("one")})
        self.work = self.folder / "work"
        self.work.mkdir()
        self.tree = self.work / "build/cpython-3.13.15"

    def accept(self, *releases):
        self.overlay({"UPSTREAM": "".join(f"{r.version} {r.sha256} {r.file}\n" for r in releases)})

    def run_(self, *command, status=0):
        # Without what make and configure take from the caller, and in make's own language.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("MAKE", "PKG_CONFIG")) and name not in (
                           "MFLAGS", "CC", "CFLAGS", "CPP", "CPPFLAGS", "LDFLAGS", "LIBS")}
        run = subprocess.run(command, cwd=self.work, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                             env={**environment, "LC_ALL": "C",
                                  "LDP_CACHE": str(self.folder / "cache")})
        self.assertEqual(run.returncode, status, run.stdout)
        return run.stdout

    def configure(self, *options, status=0):
        return self.run_(str(self.source / "configure"), f"--with-upstream={self.places}",
                         "--without-deps-check", *options, status=status)

    def make(self, *arguments, status=0):
        return self.run_("make", *arguments, status=status)

    def configured(self):
        """The options of each run of the made-up configure."""
        return (self.tree / "configured").read_text().splitlines()

    def python(self):
        return (self.work / "python").read_text()


class RunTest(ConfigureTest):
    def test_configure_and_make(self):
        self.configure("--prefix=/p", "CFLAGS=-O1 -g")
        self.assertEqual(self.configured(), ["--prefix=/p CFLAGS=-O1 -g"])
        self.make()
        self.assertEqual(self.python(), "import abc\nimport one\n")

    def test_other_shells(self):
        for shell in ("dash", "bash", "busybox"):
            if shutil.which(shell):
                command = [shell, "sh"] if shell == "busybox" else [shell]
                self.run_(*command, str(self.source / "configure"), "--with-lto",
                          f"--with-upstream={self.places}", "--without-deps-check")
                self.assertEqual(self.configured(), ["--with-lto"])

    def test_same_options_again(self):
        self.configure("--a=b c")
        self.assertIn("configured with these options already", self.configure("--a=b c"))
        self.assertEqual(len(self.configured()), 1)

    def test_changed_option(self):
        self.configure("--one")
        self.configure("--two='q'")
        self.assertEqual(self.configured(), ["--one", "--two='q'"])
        self.run_("./config.status")
        self.assertEqual(len(self.configured()), 2)
        self.run_("./config.status", "--three")
        self.assertEqual(self.configured()[2], "--two='q' --three")

    def test_changed_table(self):
        self.configure()
        self.make()
        self.overlay({"Lib/os.py.patch": PATCH.format("two")})
        self.make()
        self.assertEqual(self.python(), "import abc\nimport two\n")
        self.assertIn("up to date", self.make().replace("Nothing to be done", "up to date"))

    def test_bad_table_stops_make(self):
        self.configure()
        self.make()
        self.overlay({"Lib/os.py.patch": "why\n@@\n import nothing\n+x\n"})
        self.assertIn("Lib/os.py.patch:2: import nothing: 3.13.15: does not apply",
                      self.make(status=2))
        self.assertEqual(self.python(), "import abc\nimport one\n")

    def test_changed_upstream(self):
        """make notices, configures anew and builds the release that UPSTREAM names now."""
        self.accept(self.older)
        self.configure("--kept")
        self.make()
        self.assertIn("cpython-3.13.5", os.readlink(self.work / "python"))
        self.accept(self.newer, self.older)
        # However coarse the file system's times are, the list is the newer one.
        for name in ("configure", "Makefile.pre.in"):
            os.utime(self.source / name, (1, 1))
        os.utime(self.work / "Makefile", (2, 2))
        self.make()
        self.assertIn("cpython-3.13.15", os.readlink(self.work / "python"))
        self.assertEqual(self.configured(), ["--kept"])

    def test_release_option(self):
        self.configure("--with-release=3.13.5")
        self.assertIn("--with-release=3.13.4: UPSTREAM accepts",
                      self.configure("--with-release=3.13.4", status=1))
        self.assertFalse(self.tree.exists())

    def test_other_targets_are_upstreams(self):
        self.configure()
        self.assertIn("other", self.make("-j2", "other"))

    def test_options_of_the_tests(self):
        self.configure()
        write(self.source / "Tools/overlay/tests", {"__init__.py": "", "test_a.py":
              "import unittest\nclass T(unittest.TestCase):\n    def test(self): pass\n"})
        out = self.make("test", "TESTOPTS=-v test_os")
        self.assertRegex(out, r"tested -j\d+ --ignorefile=\S+/build/known_failures.txt -v test_os")
        self.assertIn("Ran 1 test", out)
        listed = (self.work / "build/known_failures.txt").read_text().split()
        self.assertTrue(listed)
        for name in listed:
            self.assertRegex(name, r"^test\.\w+\.\w+\.\w+$")

    def test_distclean(self):
        self.configure()
        self.make()
        self.make("distclean")
        self.assertEqual(list(self.work.iterdir()), [])


class ProblemTest(ConfigureTest):
    def one_line(self, expected, *options):
        lines = [line for line in self.configure(*options, status=1).splitlines()
                 if line.startswith("configure: error: ")]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(expected, lines[0])

    def test_missing_upstream(self):
        self.one_line("--with-upstream=/nonexistent: not found: name a tarball of CPython's, or a"
                      " folder of tarballs, or leave the option out to download one",
                      "--with-upstream=/nonexistent")

    def test_value_missing(self):
        for option in ("--with-release", "--with-deps"):
            for end in ("", "="):
                self.one_line(f"{option}: needs a value, as in {option}=VALUE", option + end)
        for option in ("--with-upstream", "--with-upstream="):
            self.one_line("--with-upstream: needs a value: a tarball of CPython's, or a folder of"
                          " tarballs; leave the option out to download one", option)

    def test_misspelt(self):
        for option, meant in [
                ("--with-realease=3.13.5", "--with-release"), ("--with-dep=apt", "--with-deps"),
                ("--with-upstrem=/x", "--with-upstream"), ("--witn-upstream=/x", "--with-upstream"),
                ("-with-upstream=/x", "--with-upstream"), ("--with-up=/x", "--with-upstream"),
                ("--upstream=/x", "--with-upstream"), ("--deps=apt", "--with-deps"),
                ("--without-deps", "--with-deps"), ("--with-deps-check", "--without-deps-check"),
                ("--with-release-version=3.13.5", "--with-release")]:
            with self.subTest(option):
                self.one_line(f"{option.partition('=')[0]}: there is no such option: is {meant}"
                              f" meant?", option)
        self.assertEqual(list(self.work.iterdir()), [])

    def test_unknown_installer(self):
        self.one_line("only --with-deps=apt", "--with-deps=yum")

    def test_no_compiler(self):
        self.one_line("a C compiler (/nonexistent builds no program)", "CC=/nonexistent")

    def test_blank_in_folder(self):
        blank = self.folder / "a b"
        self.source.rename(blank)
        self.source = blank
        self.one_line("a folder's name has a blank")

    def test_no_python(self):
        run = subprocess.run([shutil.which("sh"), str(self.source / "configure")], cwd=self.work,
                             stderr=subprocess.PIPE, encoding="utf-8",
                             env={"PATH": os.environ["PATH"], "LDP_PYTHON": "/nonexistent"})
        self.assertEqual(run.returncode, 1)
        self.assertIn("no Python 3.9 or newer is found", run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1)

    def test_help(self):
        out = self.configure("--help")
        for option in ("--with-upstream", "--with-release", "--with-deps", "--without-deps-check"):
            self.assertIn(option, out)
        self.assertEqual(list(self.work.iterdir()), [])

    def test_failed_upstream_configure_is_run_again(self):
        bad = tarball(self.places / "bad.tar.xz", "3.13.15",
                      {**FILES, "configure": "#!/bin/sh\necho x >>ran\nexit 1\n"})
        self.accept(bad)
        self.one_line("CPython's configure failed")
        self.one_line("CPython's configure failed")
        self.assertEqual((self.tree / "ran").read_text(), "x\nx\n")

    def test_terminated(self):
        """SIGTERM while the tarball is unpacked leaves nothing, and the next run works."""
        write(self.source / "Tools/overlay", {"sitecustomize.py":
              "import tarfile, time\nreal = tarfile.TarFile.extract\n"
              "def slow(*a, **k):\n    open('started', 'w').close()\n    time.sleep(30)\n"
              "tarfile.TarFile.extract = slow\n"})
        overlay = self.source / "Tools/overlay"
        process = subprocess.Popen(
            [sys.executable, "prepare.py", str(self.source), str(self.work / "build"),
             str(self.places), ""], cwd=overlay, env={**os.environ, "PYTHONPATH": str(overlay)},
            stderr=subprocess.PIPE, encoding="utf-8")
        while not (overlay / "started").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        self.assertEqual((process.returncode, errors.splitlines()[-1]),
                         (1, "configure: error: interrupted: run it again"))
        self.assertEqual([p.name for p in self.work.rglob("*") if p.is_file()], [])
        write(overlay, {"sitecustomize.py": None})
        self.configure()


RELEASES = sorted(Path("build/upstream").glob("3.*/configure"))


@unittest.skipUnless(RELEASES, "no release is unpacked in build/upstream")
class UpstreamOptionTest(ConfigureTest):
    def test_none_is_taken_for_a_misspelt_one(self):
        for configure in RELEASES:
            names = re.findall(r"^# Check whether --(with|enable)-([\w-]+) was given",
                               configure.read_text(encoding="utf-8"), re.MULTILINE)
            options = {f"--{word}-{name}" for kind, name in names
                       for word in (kind, {"with": "without", "enable": "disable"}[kind])}
            options |= set(re.findall(r"^ +(?:-\w, )?(--\w+)", configure.read_text(
                encoding="utf-8"), re.MULTILINE)) - {"--help"}
            self.assertGreater(len(options), 100)
            self.configure(*sorted(options))
            self.assertEqual(set(self.configured()[-1].split()), options)
