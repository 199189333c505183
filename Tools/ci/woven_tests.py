"""Print which of CPython's tests belong to the files that are woven.

The table is woven_tests.tsv.  On the releases other than the newest only these
tests are run.  A woven file without a row, and a row without a woven file, is
an error that names it.
"""

import fnmatch
import pathlib
import re
import sys

TABLE = pathlib.Path(__file__).with_suffix(".tsv")
ROOT = TABLE.parents[2]
ADDRESSES = "Objects/addresses.tsv"
ROOT_FILES = "Tools/overlay/root/"
FOLDERS = ("Doc", "Include", "Lib", "Modules", "Objects", "PC", "PCbuild", "Parser",
           "Programs", "Python", ROOT_FILES)
CHANGED = re.compile(r"(.+?)(?:\.until-[\d.]+)?\.(?:guards|patch)$|(.+\.inert)$")


def woven_files():
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if match := CHANGED.match(path.relative_to(ROOT).as_posix()):
                yield (match[1] or match[2]).removeprefix(ROOT_FILES)
    for line in (ROOT / ADDRESSES).read_text(encoding="utf-8").splitlines():
        words = line.split("\t")
        if len(words) > 3 and words[2] != "%p" and words[3] != "left":
            yield words[0]


def read_table():
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern, *tests = line.split()
            yield pattern, tests


def main():
    files, rows = sorted(set(woven_files())), list(read_table())
    used, tests, problems = set(), set(), []
    for file in files:
        found = [(pattern, names) for pattern, names in rows
                 if fnmatch.fnmatchcase(file, pattern)]
        if not any(pattern != "*" for pattern, _ in found):
            problems.append(f"{TABLE.name}: no row for {file}: add its tests, or - if none")
        for pattern, names in found:
            used.add(pattern)
            tests.update(names)
    problems += [f"{TABLE.name}: {pattern}: no such file is woven: delete the row"
                 for pattern, _ in rows if pattern not in used]
    tests.discard("-")
    if problems:
        sys.exit("\n".join(problems))
    print(*sorted(tests))


if __name__ == "__main__":
    main()
