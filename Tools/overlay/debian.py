"""Getting CPython's tarball out of Debian's source package, on machines that use apt.

Uses the mirror and the keys that the machine has, with state of its own: nothing of the machine's
apt is changed, and no root is needed.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from progress import Progress

# Where the releases in UPSTREAM are found.
SUITES = ("testing", "trixie")
_CODENAMES = {"stable", "oldstable", "testing", "unstable", "sid", "bullseye", "bookworm",
              "trixie", "forky", "duke"}
_DEFAULT_MIRROR = "http://deb.debian.org/debian"
_DEFAULT_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
TIMEOUT = 20        # seconds without a byte

# The machine's hooks after an update are for the machine's lists.
_APT_CONF = """\
#clear APT::Update;
#clear DPkg;
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{state}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{state}";
Dir::State::lists "{state}/lists";
Dir::Cache "{state}/cache";
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "{timeout}";
Acquire::https::Timeout "{timeout}";
"""


class Unavailable(Exception):
    """Debian cannot provide the tarball here."""


def fetch(release, state, path, etc="/etc/apt"):
    """Put RELEASE's tarball at PATH; the folder STATE is used for apt's state and removed."""
    if not shutil.which("apt-get") or not shutil.which("apt-cache"):
        raise Unavailable("this machine has no apt-get")
    state = Path(state).resolve()
    shutil.rmtree(state, ignore_errors=True)
    try:
        apt = _Apt(state, etc)
        apt.update()
        version, name = apt.find(release)
        apt.download(version)
        shutil.copyfile(state / "files" / name, path)
    finally:
        shutil.rmtree(state, ignore_errors=True)


class _Apt:
    """apt with a private configuration."""

    def __init__(self, state, etc):
        self.state = state
        self.log = state / "log"
        for folder in ("sources", "lists/partial", "cache/archives/partial", "files"):
            (state / folder).mkdir(parents=True)
        self.conf = state / "apt.conf"
        self.conf.write_text(_APT_CONF.format(state=state, timeout=TIMEOUT))
        mirror, keys = find_mirror(etc)
        source = ["Types: deb-src", f"URIs: {mirror}", f"Suites: {' '.join(SUITES)}",
                  "Components: main"] + ([f"Signed-By: {keys}"] if keys else [])
        (state / "sources" / "ldp.sources").write_text("\n".join(source) + "\n")

    def update(self):
        # A mirror may lack one of the suites: what matters is whether the release is found.
        self.run("asking apt for the lists of source packages", "apt-get", "update")

    def find(self, release):
        """(source version, file name) of the package whose tarball is RELEASE's."""
        self.package = "python" + release.version.rpartition(".")[0]
        text = self.output("apt-cache", "showsrc", self.package)
        best = None
        for stanza in text.split("\n\n"):
            version = re.search(r"^Version: (\S+)", stanza, re.MULTILINE)
            file = re.search(rf"^ {release.sha256} \d+ (\S+)$", stanza, re.MULTILINE)
            if version and file and (best is None or self.newer(version[1], best[0])):
                best = version[1], file[1]
        if best is None:
            problem = self.problem()
            if "Version:" in text or not problem:
                raise Unavailable(f"the mirror has no {self.package} of {release.version}")
            raise Unavailable(f"apt-get update failed ({problem})")
        return best

    def newer(self, version, other):
        return subprocess.run(["dpkg", "--compare-versions", version, "gt", other]).returncode == 0

    def download(self, version):
        if self.run("getting the source package with apt", "apt-get", "source", "--download-only",
                    f"{self.package}={version}"):
            raise Unavailable(f"apt-get source failed ({self.problem()})")

    def run(self, what, command, *arguments):
        """Run an apt command; its exit status.  What it says is kept for problem()."""
        with open(self.log, "wb") as log, Progress(what) as progress:
            process = subprocess.Popen(
                [command, "-c", str(self.conf), "-q", *arguments], cwd=self.state / "files",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "LC_ALL": "C"})
            try:
                while process.poll() is None:
                    time.sleep(0.1)
                    progress.at(self.size())
            except BaseException:
                process.terminate()
                process.wait()
                raise
        return process.returncode

    def output(self, command, *arguments):
        return subprocess.run([command, "-c", str(self.conf), *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
                              encoding="utf-8", errors="replace").stdout

    def size(self):
        total = 0
        for folder in ("lists", "files"):
            for path in (self.state / folder).rglob("*"):
                try:
                    total += path.stat().st_size
                except OSError:
                    pass                # renamed by apt meanwhile
        return total

    def problem(self):
        """What apt itself says is wrong, in one line."""
        lines = re.findall(r"^(?:E|Err|W): ?(.*)$", self.log.read_text(errors="replace"),
                           re.MULTILINE)
        return " ".join(lines[0].split()) if lines else ""


def find_mirror(etc):
    """(URI of Debian's main archive, value of Signed-By or None) as the machine has them."""
    entries = [*_one_line_sources(Path(etc)), *_deb822_sources(Path(etc))]
    for by_suite in (True, False):
        for uri, suites, keys in entries:
            if "security" in uri or all("security" in suite for suite in suites):
                continue
            if any(suite.partition("/")[0].partition("-")[0] in _CODENAMES for suite in suites) \
                    if by_suite else re.search(r"\bdebian\b", uri):
                return uri, keys
    if os.path.exists(_DEFAULT_KEYS):
        return _DEFAULT_MIRROR, _DEFAULT_KEYS
    raise Unavailable("this machine's apt knows no Debian mirror")


def _texts(etc, pattern):
    for path in sorted((etc / "sources.list.d").glob(pattern)):
        yield path.read_text(errors="replace")


def _one_line_sources(etc):
    texts = list(_texts(etc, "*.list"))
    if (etc / "sources.list").is_file():
        texts.insert(0, (etc / "sources.list").read_text(errors="replace"))
    for text in texts:
        for line in text.splitlines():
            match = re.match(r"\s*deb(?:-src)?\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
            if match and "main" in match[4].split("#")[0].split():
                keys = re.search(r"signed-by=(\S+)", match[1] or "", re.IGNORECASE)
                yield match[2], [match[3]], keys and keys[1].replace(",", " ")


def _deb822_sources(etc):
    for text in _texts(etc, "*.sources"):
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
        for stanza in re.split(r"\n\s*\n", text):
            fields = {name.lower(): value.strip() for name, value in
                      re.findall(r"^([\w-]+):((?:.*\n?)(?:[ \t].*\n?)*)", stanza, re.MULTILINE)}
            if fields.get("enabled", "yes").lower() in ("no", "false"):
                continue
            if "main" in fields.get("components", "").split() and fields.get("uris"):
                # A key may be written out: its lines stay indented as they are.
                yield (fields["uris"].split()[0], fields.get("suites", "").split(),
                       fields.get("signed-by"))
