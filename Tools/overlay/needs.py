"""What a build needs of the machine: naming what is missing, and installing it on request.

    needs.py --deps=apt|'' --check=yes|no [argument of CPython's configure]...

prints the libraries that are there.  A library counts as there if a program that uses it links,
whoever installed it.  Tk is not asked for: it would pull in a window system, and tkinter is no
part of the safe library.  Neither is Berkeley DB: GDBM serves the dbm modules.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from overlay import OverlayError
from progress import say

# PKG_CONFIG is the name in pkg-config's database, CODE uses the library, LIBS are the flags that
# link it where pkg-config does not know it; OPTION is CPython's that puts it elsewhere or turns it
# off, so that CPython's configure is the one to judge.
Library = namedtuple("Library", "name package pkg_config headers code libs option")

LIBRARIES = [
    Library("OpenSSL 1.1.1 or newer", "libssl-dev", "openssl", ["openssl/ssl.h"],
            "TLS_client_method(); char old_enough[OPENSSL_VERSION_NUMBER >= 0x10101000L ? 1 : -1];"
            " (void)old_enough;", "-lssl -lcrypto", "--with-openssl"),
    Library("bzip2", "libbz2-dev", "bzip2", ["bzlib.h"], "BZ2_bzlibVersion();", "-lbz2", None),
    Library("GDBM", "libgdbm-dev", "gdbm", ["gdbm.h"], "gdbm_open(0, 0, 0, 0, 0);", "-lgdbm",
            "--with-dbmliborder"),
    Library("GDBM's ndbm", "libgdbm-compat-dev", None, ["fcntl.h", "ndbm.h"],
            "dbm_open((char *)\"\", 0, 0);", "-lgdbm_compat -lgdbm", "--with-dbmliborder"),
    Library("libffi", "libffi-dev", "libffi", ["ffi.h"],
            "ffi_cif cif; ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 0, &ffi_type_void, 0);", "-lffi",
            None),
    Library("liblzma", "liblzma-dev", "liblzma", ["lzma.h"], "lzma_version_number();", "-llzma",
            None),
    Library("ncurses", "libncurses-dev", None, ["curses.h", "panel.h"],
            "initscr(); update_panels();", "-lpanelw -lncursesw", None),
    Library("readline", "libreadline-dev", "readline", ["stdio.h", "readline/readline.h"],
            "rl_initialize();", "-lreadline", "--with-readline"),
    Library("SQLite 3.15.2 or newer", "libsqlite3-dev", "sqlite3", ["sqlite3.h"],
            "sqlite3_libversion(); char old_enough[SQLITE_VERSION_NUMBER >= 3015002 ? 1 : -1];"
            " (void)old_enough;", "-lsqlite3", None),
    Library("libuuid", "uuid-dev", "uuid", ["uuid/uuid.h"], "uuid_t id; uuid_generate(id);",
            "-luuid", None),
    Library("zlib", "zlib1g-dev", "zlib", ["zlib.h"], "zlibVersion();", "-lz", None),
]

# What only tests look at: (what it is, the package, a file of it).
TEST_DATA = [("the names of network services", "netbase", "/etc/services")]


class Machine:
    """The compiler and its flags as CPython's configure will use them."""

    def __init__(self, arguments):
        given = dict(argument.split("=", 1) for argument in arguments
                     if "=" in argument and not argument.startswith("-"))
        self.options = {argument.split("=")[0] for argument in arguments}
        self.cross = "--host" in self.options
        flags = {name: shlex.split(given.get(name, ""))
                 for name in ("CC", "CPPFLAGS", "CFLAGS", "LDFLAGS", "LIBS", "PKG_CONFIG")}
        self.compiler = flags["CC"] or next(
            ([name] for name in ("gcc", "cc", "clang") if shutil.which(name)), ["cc"])
        self.before = flags["CPPFLAGS"] + flags["CFLAGS"] + flags["LDFLAGS"]
        self.after = flags["LIBS"]
        self.pkg_config = flags["PKG_CONFIG"] or ["pkg-config"]
        self.environment = {**os.environ, **{name: value for name, value in given.items()
                                             if name.startswith("PKG_CONFIG_")}}

    def builds(self, libraries):
        """Whether one program that uses all of LIBRARIES compiles and links."""
        blocks = "".join(f"{{ {library.code} }}\n" for library in libraries)
        headers = dict.fromkeys(header for library in libraries for header in library.headers)
        source = "".join(f"#include <{header}>\n" for header in headers)
        source += f"int main(void) {{\n{blocks}return 0; }}\n"
        flags = [flag for library in libraries for flag in self.flags(library)]
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "try.c").write_text(source)
            try:
                return subprocess.run(
                    [*self.compiler, *self.before, "-o", "try", "try.c", *flags, *self.after],
                    cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL).returncode == 0
            except OSError:
                return False

    def flags(self, library):
        if library.pkg_config:
            try:
                run = subprocess.run(
                    [*self.pkg_config, "--cflags", "--libs", library.pkg_config],
                    env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, encoding="utf-8")
                if run.returncode == 0:
                    return shlex.split(run.stdout)
            except OSError:
                pass
        return library.libs.split()

    def asked(self):
        """The libraries that the options leave to be found on the machine."""
        return [library for library in LIBRARIES if library.option not in self.options
                and f"--without-{(library.option or '')[7:]}" not in self.options]

    def missing(self):
        """(what is missing that no build can do without, the libraries that are missing)."""
        tools = []
        self.works = self.builds([])
        if not self.works:
            tools.append((f"a C compiler ({' '.join(self.compiler)} builds no program)",
                          "gcc libc6-dev"))
        if not shutil.which("make"):
            tools.append(("make", "make"))
        asked = self.asked()
        if not self.works:      # without one, a header that is there is the best evidence
            return tools, [library for library in asked if not _has_headers(library)]
        if self.builds(asked):
            return tools, []
        return tools, [library for library in asked if not self.builds([library])]


def missing_test_data():
    return [(name, package) for name, package, file in TEST_DATA if not Path(file).exists()]


def _has_headers(library):
    header = library.headers[-1]
    return any(any(Path("/usr/include").glob(folder + header)) for folder in ("", "*-linux-*/"))


def install(packages):
    """Install the Debian PACKAGES."""
    if not shutil.which("apt-get"):
        raise OverlayError("--with-deps=apt: this machine has no apt-get")
    command = _privileged(["apt-get"])
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    say(f"installing {' '.join(packages)}")
    # A failed update matters only if a package is not found then.
    for arguments in (["-q", "update"],
                      ["-q", "install", "--yes", "--no-install-recommends", *packages]):
        status = subprocess.run(command + arguments, stdin=subprocess.DEVNULL, stdout=sys.stderr,
                                env=environment).returncode
    if status:
        raise OverlayError(f"{' '.join(command)} install failed: see above, or install"
                           f" {' '.join(packages)} by other means")


def _privileged(command):
    if os.getuid() != 0 and shutil.which("sudo"):
        return ["sudo", *command]
    return command


def main(arguments):
    deps = arguments[0].partition("=")[2]
    check = arguments[1].partition("=")[2] == "yes"
    machine = Machine(arguments[2:])
    if machine.cross:
        return 0            # what this machine has says nothing about the other
    tools, libraries = machine.missing()
    packages = " ".join([package for _, package in tools] + [lib.package for lib in libraries])
    data = missing_test_data()
    try:
        if deps == "apt" and (packages or data):
            install(packages.split() + [package for _, package in data])
            data = missing_test_data()
            machine = Machine(arguments[2:])
            tools, libraries = machine.missing()
            packages = " ".join([p for _, p in tools] + [lib.package for lib in libraries])
        names = ", ".join([name for name, _ in tools] + [lib.name for lib in libraries])
        if tools or libraries and check:
            command = " ".join(_privileged(["apt-get"]))
            advice = "" if tools else ", or build without with --without-deps-check"
            raise OverlayError(f"missing: {names}: on Debian run `{command} install {packages}` or"
                               f" add --with-deps=apt{advice}")
    except OverlayError as error:
        print(f"configure: error: {error}", file=sys.stderr)
        return 1
    for name, package in data:
        say(f"tests will miss {name}: on Debian install {package} before make test")
    if libraries:
        say(f"going on without {names}: the modules that need them are left out")
    print(" ".join(library.package for library in machine.asked() if library not in libraries))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
