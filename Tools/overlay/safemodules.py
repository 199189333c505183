"""Reading the table of the modules that do no harm in a locked interpreter."""

import re

from overlay import OverlayError

TABLE = "Python/lockdown_safe.tsv"

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\.\*)?\Z")


def read_safe_modules(table, pristine, new):
    """The sorted names of the modules in TABLE (an Input), for the release unpacked in PRISTINE.

    "name.*" is the package and all that is in it, in upstream's Lib or among the new files NEW.
    A name without a file is one of a module written in C, or one that others make up.
    """
    library = {path.relative_to(pristine).as_posix()
               for path in (pristine / "Lib").rglob("*.py")}
    library.update(name for name in new if name.startswith("Lib/") and name.endswith(".py"))
    names = {}
    problems = []
    for number, line in enumerate(table.text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        entry = line.partition("\t")[0]
        found = [entry]
        if not _NAME.match(entry):
            problems.append(f"{table.name}:{number}: {entry!r} is no name of a module: correct it")
        elif entry.endswith(".*"):
            folder = f"Lib/{entry[:-2].replace('.', '/')}/"
            found = [_module(name) for name in library if name.startswith(folder)]
            if not found:
                problems.append(f"{table.name}:{number}: there is no package {entry[:-2]} in Lib:"
                                f" correct the name or remove the line")
        for name in found:
            if name in names:
                problems.append(f"{table.name}:{number}: {name} is in line {names[name]} too:"
                                f" remove one")
            names[name] = number
    if problems:
        raise OverlayError(problems)
    return sorted(names)


def _module(file):
    """Lib/json/__init__.py is json."""
    return file[len("Lib/"):-len(".py")].removesuffix("/__init__").replace("/", ".")
