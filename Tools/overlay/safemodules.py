"""Reading the ledger's table of modules: which do no harm in a locked interpreter, and what the
lock clears in them."""

import functools
import importlib.util
import re
from collections import namedtuple
from pathlib import Path

from guards import RIGHTS
from overlay import OverlayError

LEDGER = "Lib/test/test_lockdown/ledger/"
TABLE = LEDGER + "modules.tsv"

# NAMES are the safe modules, FROZEN those among them that are frozen into the binary, SLOTS what the
# lock clears: (module, path, value, right) in the table's order, and INSTANCES what it clears in each
# instance of a class: (module, class, attribute, value, right). With RIGHT kept it stays.
SafeModules = namedtuple("SafeModules", "names frozen slots instances")

# Verdicts of modules written in Python, written in C, and of no file at all.
_PYTHON = {"plain", "keeps", "cleared"}
_C = {"judged", "guarded"}
_VERDICTS = _PYTHON | _C | {"name", "out"}
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\.?\*)?\Z")

_SLOTS = Path(__file__).resolve().parents[2] / LEDGER / "slots.py"


@functools.cache
def _parser():
    """The module that reads slots: it belongs to a package that cannot be imported here."""
    spec = importlib.util.spec_from_file_location("slots", _SLOTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_safe_modules(table, pristine, new):
    """What TABLE (an Input) says, for the release unpacked in PRISTINE; a SafeModules.

    "name.*" is the package and all in it that has no line of its own, in upstream's Lib or among
    the new files NEW.
    """
    problems = []
    lines = _lines(table, problems)
    library = {_module(path.relative_to(pristine).as_posix())
               for path in (pristine / "Lib").rglob("*.py")}
    library.update(_module(name) for name in new
                   if name.startswith("Lib/") and name.endswith(".py"))
    exact = {entry for _, entry, _, _ in lines}
    safe = SafeModules([], [], [], [])
    for where, entry, verdict, reason in lines:
        found = _found(entry, library, exact)
        if verdict in _PYTHON and not found and not entry.endswith("*"):
            problems.append(f"{where}: there is no module {entry} in Lib: correct the name")
        if verdict == "judged" and f"{LEDGER}{entry}.tsv" not in new:
            problems.append(f"{where}: {entry} has no table of its own in the ledger: write one")
        if verdict == "out":
            continue
        if verdict == "cleared":
            _add_slots(safe, where, entry, reason, problems)
        names = found if verdict in _PYTHON else [entry]
        safe.names.extend(names)
        if verdict in _PYTHON and not reason.startswith("frozen=no"):
            safe.frozen.extend(names)
    if problems:
        raise OverlayError(problems)
    return SafeModules(sorted(safe.names), sorted(safe.frozen), safe.slots,
                       safe.instances)


def _lines(table, problems):
    """[(where, entry, verdict, reason)], with what is wrong in form gone to PROBLEMS."""
    lines = []
    seen = {}
    for number, text in enumerate(table.text.splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        where = f"{table.name}:{number}"
        entry, verdict, reason = (text.split("\t", 2) + ["", ""])[:3]
        if not _NAME.match(entry):
            problems.append(f"{where}: {entry!r} is no name of a module: correct it")
        elif verdict not in _VERDICTS:
            problems.append(f"{where}: {verdict!r} is no verdict: use one of"
                            f" {' '.join(sorted(_VERDICTS))}")
        elif entry in seen:
            problems.append(f"{where}: {entry} is in line {seen[entry]} too: remove one")
        elif verdict in ("keeps", "cleared", "out") and not reason:
            problems.append(f"{where}: has no reason: say why")
        else:
            lines.append((where, entry, verdict, reason))
        seen[entry] = number
    return lines


def _found(entry, library, exact):
    """The modules in LIBRARY that ENTRY stands for."""
    if not entry.endswith(".*"):
        return [entry] if entry in library else []
    package = entry[:-2]
    return [name for name in sorted(library) if name not in exact
            and (name == package or name.startswith(package + "."))
            and _nearest(name, exact) == entry]


def _nearest(name, exact):
    """The longest pattern that NAME falls under."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        pattern = ".".join(parts[:length]) + ".*"
        if pattern in exact:
            return pattern
    return None


def _add_slots(safe, where, entry, reason, problems):
    """Add the slots that REASON begins with to those of SAFE."""
    slots, instances, wrong = _parser().read_slots(entry, reason)
    for *_, rights in slots + instances:
        for right in rights.split("|") if rights else ():
            if right not in RIGHTS:
                problems.append(f"{where}: {right} is not a right: use one of"
                                f" {' '.join(RIGHTS)}")
    for slot in wrong:
        problems.append(f"{where}: {slot!r} is no slot: write PATH=VALUE, and \" - \" before"
                        f" the reason")
    safe.slots.extend(slots)
    safe.instances.extend(instances)


def _module(file):
    """Lib/json/__init__.py is json."""
    return file[len("Lib/"):-len(".py")].removesuffix("/__init__").replace("/", ".")
