"""UPSTREAM, the list of accepted CPython releases: reading and checking it."""

import re
from collections import namedtuple
from pathlib import Path

from overlay import OverlayError, release_key

Release = namedtuple("Release", "version sha256 file")


def read_upstream(path):
    """The releases that the file PATH accepts, newest first."""
    releases = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{Path(path).name}:{number}"
        if len(words) != 3 or not re.match(r"[0-9a-f]{64}\Z", words[1]):
            raise OverlayError(f"{where}: is not VERSION SHA-256 FILE: correct it")
        if "/" in words[2]:
            raise OverlayError(f"{where}: {words[2]}: name the file without a folder")
        release = Release(*words)
        if releases and release_key(release.version) >= release_key(releases[-1].version):
            raise OverlayError(f"{where}: {release.version}: the newest release comes first:"
                               f" sort the lines")
        releases.append(release)
    if not releases:
        raise OverlayError(f"{path}: names no release: add one")
    return releases


def unpacked_hash(build, version):
    """SHA-256 of the tarball that BUILD/upstream/VERSION was unpacked from, "" if unknown."""
    try:
        return marker(build, version).read_text().strip()
    except OSError:
        return ""


def marker(build, version):
    """The file that keeps what unpacked_hash() returns."""
    return Path(build, "upstream", f"{version}.sha256")
