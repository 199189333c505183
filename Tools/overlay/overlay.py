"""What the overlay consists of: its folders, the kinds of file in it, and the errors it reports."""

import re
from collections import namedtuple
from pathlib import Path

# Folders that mirror upstream's tree.  Everything else at the root is the fork's own.
FOLDERS = ("Doc", "Include", "Lib", "Modules", "Objects", "PC", "PCbuild", "Parser", "Programs",
           "Python")
# Upstream's root files can only be patched: a new root file of the fork is not part of the weave.
ROOT_PATCHES = "Tools/overlay/root"

_RELEASE = re.compile(r"3\.(\d+)\.(\d+)\Z")
_UNTIL = re.compile(r"(.+)\.until-(3\.\d+\.\d+)\.patch\Z")
# What editors, compilers and failed merges leave behind is no part of the overlay.
_LITTER = re.compile(r"(^[.#])|(~|\.pyc|\.orig|\.rej|\.swp|\.o)$")


class OverlayError(Exception):
    """One or more problems, each a line of its own that says where, what and what to do."""

    def __init__(self, problems):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class Input(namedtuple("Input", "name path data")):
    """One file of the overlay: its name below the repository, its path, its bytes."""

    @property
    def text(self):
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            raise OverlayError(f"{self.name}: is not UTF-8: save it as UTF-8") from None


class Target:
    """An upstream file that the overlay changes, or a new file that it adds."""

    def __init__(self, name):
        self.name = name
        self.new = None         # Input of a new file
        self.guards = None      # Input of a guard table
        self.inert = None       # Input of a table that guards whole files, these among others
        self.patches = {}       # release bound, or None for the plain one -> Input

    def patch_for(self, release):
        """The patch that serves RELEASE: of those bounded the narrowest, else the plain one."""
        bounds = sorted((release_key(b), b) for b in self.patches if b is not None)
        for key, bound in bounds:
            if release_key(release) <= key:
                return self.patches[bound]
        return self.patches.get(None)


def release_key(release):
    """Order releases as numbers: 3.13.5 comes before 3.13.15."""
    match = _RELEASE.match(release)
    if not match:
        raise OverlayError(f"{release}: is not a CPython release such as 3.13.5")
    return int(match[1]), int(match[2])


def read_overlay(root):
    """Map each target's name to its Target, for the overlay in the folder ROOT."""
    targets = {}
    problems = []
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        place = name
        if name.startswith(ROOT_PATCHES + "/"):
            place = name[len(ROOT_PATCHES) + 1:]
            if not place.endswith(".patch"):
                problems.append(f"{name}: only patches belong here: move it or rename it")
                continue
        item = Input(name, path, path.read_bytes())
        bound = _UNTIL.match(place)
        if bound:
            target = targets.setdefault(bound[1], Target(bound[1]))
            target.patches[bound[2]] = item
        elif place.endswith(".patch"):
            target = targets.setdefault(place[:-6], Target(place[:-6]))
            target.patches[None] = item
        elif place.endswith(".inert"):
            target = targets.setdefault(place, Target(place))
            target.inert = item
        elif place.endswith(".guards"):
            target = targets.setdefault(place[:-7], Target(place[:-7]))
            target.guards = item
        else:
            targets.setdefault(place, Target(place)).new = item
    if problems:
        raise OverlayError(problems)
    return targets


def _files(root):
    for folder in (*FOLDERS, ROOT_PATCHES):
        for path in sorted((Path(root) / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not any(_LITTER.search(p) or p == "__pycache__"
                                          for p in parts):
                yield path
