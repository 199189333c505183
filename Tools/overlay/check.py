"""make check-overlay: the overlay lands exactly where it says, in every accepted release.

    check.py SOURCE BUILD [UPSTREAM]

Both directions: every row and patch is found in each release's woven text, and every guard in a
woven text, in memory or in a tree below BUILD, has its row.
"""

import sys
import warnings
from pathlib import Path

import addresses
import cscan
import fetch
import guards
import inert
import patches
import surface
from overlay import OverlayError, read_overlay, release_key
from upstream import read_upstream
from weave import Weave

SURFACE_PAGE = "Doc/howto/lockdown-surface.rst"


def check(source, build, releases, place=""):
    """(problems, {release: Weave}) for the overlay in SOURCE; fetches the releases it lacks."""
    problems = []
    woven = {}
    for release in releases:
        version = release.version
        fetch.provide(releases, build, place, version)
        pristine = Path(build, "upstream", version)
        weave = woven[version] = Weave(source, pristine, version, releases[0].version)
        try:
            weave.run()
        except OverlayError as error:
            problems += error.problems
        problems += _landed(weave)
        problems += _strays_in_memory(weave)
        problems += _strays_on_disk(weave, Path(build, f"cpython-{version}"))
        if weave.addresses:
            addresses.check(weave.addresses, addresses.read_sources(pristine),
                            _sources(weave), weave.failed, version, problems)
    versions = [release.version for release in releases]
    if woven:
        addresses.check_bounds(woven[versions[0]].addresses, versions, problems)
    for target in read_overlay(source).values():
        if target.guards:
            problems += _table(target, versions, build)
        problems += _patches(target, versions, build)
    problems += _page(source, versions, build)
    problems += _warnings(source)
    return list(dict.fromkeys(problems)), woven


def _sources(weave):
    """{name: text} of the C sources that the overlay changes or adds."""
    return {name: output.data.decode("utf-8", "replace")
            for name, output in weave.outputs.items() if name.endswith(addresses.SUFFIXES)}


def _page(source, versions, build):
    """Whether the page about the surfaces of the oldest and the newest release is of today."""
    old, new = min(versions, key=release_key), max(versions, key=release_key)
    path = Path(source, SURFACE_PAGE)
    if old == new or not path.exists():
        return []
    if path.read_text(encoding="utf-8") == surface.page(build, old, new):
        return []
    return [f"{SURFACE_PAGE}:1: is not about {old} and {new} as they are: run make check-overlay"
            f" SURFACE='{old} {new} {SURFACE_PAGE}' at the root of the repository"]


def _warnings(source):
    """What Python's compiler warns of below Lib/: one of CPython's tests takes it for an error."""
    problems = []
    for path in sorted(Path(source, "Lib").rglob("*.py")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                compile(path.read_bytes(), path, "exec", dont_inherit=True)
            except SyntaxError:
                pass        # a Python older than the woven one: the tests import the file
        problems += [f"{path.relative_to(source)}:{warning.lineno}: {warning.message}"
                     for warning in caught]
    return problems


def _landed(weave):
    """Each guarded function's definitions begin with the row's check, once each."""
    problems = []
    for name, output in weave.outputs.items():
        rows = {function: row for (file, function), row in weave.rows.items() if file == name}
        if not rows:
            continue
        text = output.data.decode("utf-8")
        whole = weave.whole.get(name)
        for line in inert.unguarded_macros(text) if whole else ():
            problems.append(f"{whole.table}:{whole.line}: {weave.release}: {name}:{line}: a macro"
                            f" makes a function without a guard: correct the weaver")
        for definition in cscan.definitions(text):
            row = rows.get(definition.name)
            start = f"\n    if ({row.check}) return " if row else None
            if row and not text.startswith(start, definition.brace + 1):
                problems.append(f"{row.where}: {weave.release}: {name}:{definition.line} does not"
                                f" begin with the guard: correct the weaver")
    return problems


def _strays(name, text, weave, shown):
    problems = []
    if "_PyLockdown_REFUSED" not in text:
        return problems
    found = None
    table = guards.source_name(name)
    for match in guards.GUARD.finditer(cscan.mask(text)):
        if found is None:
            found = cscan.definitions(text)
        definition = cscan.enclosing(found, match.start())
        function = definition.name if definition else "no function"
        if (name, function) not in weave.rows and table not in weave.failed:
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{shown}:{line}: {function}: {weave.release}: a guard without a row:"
                            f" give it one in {table}.guards, or remove the guard")
    return problems


def _strays_in_memory(weave):
    problems = []
    for name, output in weave.outputs.items():
        if name.endswith((".c", ".h")):
            problems += _strays(name, output.data.decode("utf-8"), weave, name)
    return problems


def _strays_on_disk(weave, tree):
    problems = []
    for path in sorted([*tree.rglob("*.c"), *tree.rglob("*.h")]):
        data = path.read_bytes()
        if b"_PyLockdown_REFUSED" in data:
            name = path.relative_to(tree).as_posix()
            # What the tree has and the overlay made alike has been looked at in memory.
            if name not in weave.outputs or weave.outputs[name].data != data:
                problems += _strays(name, data.decode("utf-8", "replace"), weave, path)
    return problems


def _table(target, versions, build):
    """The order of a table's rows, and whether their bounds are needed and true."""
    problems = []
    rows = guards.parse_table(target.guards, [])
    for before, after in zip(rows, rows[1:]):
        if (before.right, before.function) > (after.right, after.function):
            problems.append(f"{after.where}: belongs above {before.function}: sort the rows by"
                            f" right and function")
    for row in rows:
        if row.since is None and row.until is None:
            continue
        outside = [version for version in versions if not row.serves(version)]
        if not outside:
            problems.append(f"{row.where}: no accepted release needs the bound: remove it")
        for version in outside:
            if row.function in _functions(target.name, Path(build, "upstream", version)):
                problems.append(f"{row.where}: {version}: has this function too, and the bound"
                                f" leaves it unguarded: correct the bound")
    return problems


def _functions(name, pristine):
    names = set()
    for path in (pristine / name, pristine / guards.clinic_header(name)):
        if path.exists():
            names.update(d.name for d in cscan.definitions(path.read_text(encoding="utf-8")))
    return names


def _patches(target, versions, build):
    """Whether each variant of a patch is needed by an accepted release."""
    problems = []
    used = {version: target.patch_for(version) for version in versions}
    plain = target.patches.get(None)
    for bound, item in target.patches.items():
        serves = [version for version in versions if used[version] is item]
        if not serves:
            problems.append(f"{item.name}:1: no accepted release needs it: remove it")
        elif bound and plain and all(_same(plain, item, target.name, version, build)
                                     for version in serves):
            problems.append(f"{item.name}:1: {plain.name} does the same in"
                            f" {', '.join(serves)}: remove it")
    return problems


def _same(plain, item, name, version, build):
    text = Path(build, "upstream", version, name).read_bytes().decode("utf-8")
    results = []
    for patch in (plain, item):
        wrong = []
        hunks = patches.parse_patch(patch, wrong)
        results.append(patches.apply_patch(patch, hunks, text, name, version, wrong))
        if wrong:
            return False
    return results[0] == results[1]


def main(arguments):
    source, build = arguments[:2]
    place = arguments[2] if len(arguments) > 2 else ""
    try:
        releases = read_upstream(Path(source, "UPSTREAM"))
        problems, woven = check(source, build, releases, place)
    except OverlayError as error:
        problems, woven = error.problems, {}
    for problem in problems:
        print(problem, file=sys.stderr)
    for version in sorted(woven, key=release_key):
        weave = woven[version]
        rows = len({(row.table, row.line) for row in weave.rows.values()})
        print(f"{version}: {weave.tables} tables, {rows} rows, {weave.patches} patches,"
              f" {weave.hunks} hunks,"
              f" {sum(row.serves(version) for row in weave.addresses)} rows of addresses")
    print(f"check-overlay: {len(problems)} problems" if problems else "check-overlay: passed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
