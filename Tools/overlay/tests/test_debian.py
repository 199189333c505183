"""Tests of what is read from the machine's apt configuration, and of apt's failures."""

import os
import time
from unittest import mock

import debian
from tests.support import TreeTest, write
from upstream import Release

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


class MirrorTest(TreeTest):
    def find(self, files):
        write(self.folder / "apt", files)
        return debian.find_mirror(self.folder / "apt")

    def test_one_line(self):
        self.assertEqual(self.find({"sources.list": f"""\
# deb http://wrong.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by={KEYS}] http://mirror.example/x bookworm main contrib # main
deb http://second.example/debian bookworm main
"""}), ("http://mirror.example/x", KEYS))

    def test_deb822(self):
        self.assertEqual(self.find({"sources.list.d/debian.sources": f"""\
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
# a comment
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: {KEYS}
"""}), ("http://mirror.example/debian", KEYS))

    def test_key_written_out(self):
        self.assertEqual(self.find({"sources.list.d/debian.sources": """\
Types: deb
URIs: http://mirror.example/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""})[1], "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc")

    def test_other_suites_of_a_debian_mirror(self):
        self.assertEqual(self.find({"sources.list": """\
deb http://other.example/software any main
deb http://mirror.example/debian rolling main
"""}), ("http://mirror.example/debian", None))

    def test_none(self):
        with mock.patch("debian._DEFAULT_KEYS", "/nonexistent"):
            with self.assertRaisesRegex(debian.Unavailable, "knows no Debian mirror"):
                self.find({"sources.list": "deb http://a.example/ubuntu noble main\n"})


class AptTest(TreeTest):
    """With an apt-get and an apt-cache of our own on the PATH."""

    python = Release("3.13.15", "ab" * 32, "Python-3.13.15.tar.xz")

    def setUp(self):
        super().setUp()
        write(self.folder / "apt", {"sources.list": "deb http://m.example/debian trixie main\n"})
        self.state = self.folder / "state"

    def apt(self, get, cache="exit 0"):
        for name, body in (("apt-get", get), ("apt-cache", cache), ("dpkg", "[ $2 = 3.13.15-2 ]")):
            write(self.folder / "bin", {name: f"#!/bin/sh\n{body}\n"})
            (self.folder / "bin" / name).chmod(0o755)

    def fetch(self):
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        with mock.patch.dict(os.environ, PATH=path):
            debian.fetch(self.python, self.state, self.folder / "got", self.folder / "apt")

    def unavailable(self, expected):
        with self.assertRaisesRegex(debian.Unavailable, expected):
            self.fetch()
        self.assertFalse(self.state.exists())

    def test_newest_source_version_of_the_release(self):
        stanza = ("Package: python3.13\nVersion: {}\nChecksums-Sha256:\n"
                  " {} 12 python3.13_3.13.15.orig.tar.xz\n\n")
        text = "".join(stanza.format(*pair) for pair in [
            ("3.13.15-1", "ab" * 32), ("3.13.15-2", "ab" * 32), ("3.13.99-1", "cd" * 32)])
        self.apt('for last; do :; done; echo "$last" >>' f"'{self.folder}/log'; "
                 "echo tarball >python3.13_3.13.15.orig.tar.xz", f"cat <<'END'\n{text}END")
        self.fetch()
        self.assertEqual((self.folder / "got").read_text(), "tarball\n")
        self.assertEqual((self.folder / "log").read_text(), "update\npython3.13=3.13.15-2\n")
        self.assertFalse(self.state.exists())

    def test_private_state(self):
        """Every folder that apt writes to is below the state."""
        self.apt("cp \"$2\" sources/../../conf; exit 100")
        with mock.patch("shutil.rmtree"):
            apt = debian._Apt(self.state, self.folder / "apt")
        text = apt.conf.read_text()
        for line in (f'Dir::State "{self.state}"', f'Dir::Cache "{self.state}/cache"',
                     f'Dir::Etc::sourceparts "{self.state}/sources"',
                     'Acquire::Check-Valid-Until "false"', "#clear APT::Update"):
            self.assertIn(line, text)
        self.assertEqual((self.state / "sources/ldp.sources").read_text().splitlines(), [
            "Types: deb-src", "URIs: http://m.example/debian", "Suites: testing trixie",
            "Components: main"])

    def test_no_network(self):
        self.apt("echo 'E: Could not resolve m.example'; exit 100")
        self.unavailable(r"apt-get update failed \(Could not resolve m.example\)")

    def test_release_not_in_the_mirror(self):
        self.apt("exit 0", "printf 'Package: python3.13\\nVersion: 3.13.2-1\\n'")
        self.unavailable("the mirror has no python3.13 of 3.13.15")

    def test_failed_download(self):
        self.apt("case \"$*\" in *source*) echo 'E: Failed to fetch x'; exit 100;; esac",
                 f"printf 'Version: 3.13.15-1\\n {'ab' * 32} 12 x.tar.xz\\n'")
        self.unavailable(r"apt-get source failed \(Failed to fetch x\)")

    def test_interrupted(self):
        self.apt("exec sleep 300")
        begin = time.monotonic()
        with mock.patch("debian.Progress.at", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                self.fetch()
        self.assertLess(time.monotonic() - begin, 200)
        self.assertFalse(self.state.exists())

    def test_no_apt(self):
        with mock.patch("shutil.which", return_value=None):
            self.unavailable("this machine has no apt-get")
