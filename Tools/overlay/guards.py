"""Guard tables: their rows, and the checks that the rows put into upstream's functions."""

import re
from collections import namedtuple

import clinic
import cscan
import macros
from overlay import OverlayError, release_key

RIGHTS = ("fs.read", "fs.write", "fd", "proc", "net", "import", "env", "code", "inspect",
          "runtime", "ipc", "fs.special")
HEADER = '#include "pycore_lockdown.h"'
# Not a right: the function calls others of its kind, as deep as objects are nested.
STACK = "stack"
GUARD = re.compile(r"\b_PyLockdown_(?:REFUSED(?:_FOR)?|STACK_IS_SHORT)\s*\(")

_PYTHON_H = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]Python\.h[">][^\n]*\n', re.MULTILINE)
# Some modules reach Python.h by a header of their own, which is then the first they include.
_FIRST_OWN_H = re.compile(r'^#include[ \t]*"(?!pycore_|clinic/|pyconfig\.h)[^"]+"[^\n]*\n',
                           re.MULTILINE)
_ASKED = re.compile(r"@(\w+)\((\S*)\)\Z")
_OPTION = re.compile(r"(since|until|name)=(\S+)\Z")


class Row(namedtuple("Row", "table line right function error since until name reason")):
    """One row of a guard table."""

    @property
    def where(self):
        return f"{self.table}:{self.line}: {self.function}"

    @property
    def check(self):
        """The C expression that is true when the call is refused."""
        if self.right == STACK:
            return "_PyLockdown_STACK_IS_SHORT()"
        asked = _ASKED.match(self.right)
        if asked:
            arguments = asked[2].replace(",", ", ")
            return f"_PyLockdown_REFUSED_FOR({asked[1]}({arguments}))"
        return f"_PyLockdown_REFUSED({self.right.upper().replace('.', '_')})"

    def serves(self, release):
        """Whether the row's bounds include RELEASE."""
        key = release_key(release)
        return ((self.since is None or release_key(self.since) <= key)
                and (self.until is None or key <= release_key(self.until)))


def parse_table(item, problems):
    """The rows of the table ITEM; what is wrong with its form goes to PROBLEMS."""
    rows = []
    seen = {}
    for number, line in enumerate(item.text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{item.name}:{number}: {words[1] if len(words) > 1 else words[0]}"
        if len(words) < 4:
            problems.append(f"{where}: a row is RIGHT FUNCTION ERROR [options] reason:"
                            f" write what is missing")
            continue
        right, function, error = words[:3]
        options = {}
        rest = words[3:]
        while rest and _OPTION.match(rest[0]):
            key, value = _OPTION.match(rest.pop(0)).groups()
            options[key] = value
        row = Row(item.name, number, right, function, error, options.get("since"),
                  options.get("until"), options.get("name"), " ".join(rest))
        count = len(problems)
        if not row.reason:
            problems.append(f"{where}: has no reason: say why the function needs the right")
        if right not in RIGHTS and right != STACK and not _ASKED.match(right):
            problems.append(f"{where}: {right} is not a right: use one of {' '.join(RIGHTS)},"
                            f" @name(arguments), or {STACK}")
        if not function.isidentifier():
            problems.append(f"{where}: is not the name of a C function: correct it")
        for bound in (row.since, row.until):
            try:
                bound is None or release_key(bound)
            except OverlayError as error:
                problems.append(f"{where}: {error}")
        if function in seen:
            problems.append(f"{where}: has a row already in line {seen[function]}: keep one")
        seen.setdefault(function, number)
        if len(problems) == count:
            rows.append(row)
    return rows


def clinic_header(name):
    """Where Argument Clinic puts what it makes from the source file NAME."""
    folder, _, base = name.rpartition("/")
    return f"{folder}/clinic/{base}.h"


def source_name(name):
    """The file whose table holds the rows for NAME, which may be what Argument Clinic made."""
    folder, clinic_folder, base = name.rpartition("clinic/")
    return folder + base[:-len(".h")] if clinic_folder else name


def apply_rows(rows, name, texts, release, problems):
    """Put the checks of ROWS into TEXTS (file name -> text) in place.

    NAME is the file that the table belongs to; TEXTS holds it and, if there is one, its clinic
    header.  What a macro makes in the file is written out, to be guarded.  Returns
    {C function: (operation, row)} for the rows that serve RELEASE; there is no operation where
    nothing is refused.
    """
    known = clinic.operations(texts[name])
    found = _found(texts)
    absent = {row.function for row in rows if row.serves(release)}.difference(*found.values())
    if absent:
        texts[name] = macros.write_out(texts[name], absent)
        found = _found(texts)
    places = {file: [] for file in texts}
    operations = {}
    for row in rows:
        if not row.serves(release):
            continue
        where = f"{row.where}: {release}"
        count = 0
        for file in texts:
            for definition in found[file].get(row.function, ()):
                count += 1
                value, problem = _error_value(row, definition)
                if problem:
                    problems.append(f"{where}: {problem}")
                else:
                    begin = definition.brace + 1
                    # What stands beside the brace goes to a line of its own.
                    rest = "" if re.match(r"\s*\n", texts[file][begin:begin + 99]) else "\n   "
                    places[file].append((begin, f"\n    if ({row.check}) return {value};{rest}"))
        if not count:
            problems.append(f"{where}: no such function in {' or '.join(texts)}: correct the"
                            f" name, or bound the row with since= or until=")
            continue
        operation = row.name or known.get(row.function)
        if row.right == STACK:
            operations[row.function] = (None, row)
        elif operation is None:
            problems.append(f"{where}: no Argument Clinic block names it: add name=module.function")
        else:
            operations[row.function] = (operation, row)
    for file in texts:
        for offset, check in sorted(places[file], reverse=True):
            texts[file] = texts[file][:offset] + check + texts[file][offset:]
    return operations


def _found(texts):
    """{file: {C function: its definitions}} in TEXTS."""
    found = {file: {} for file in texts}
    for file, text in texts.items():
        for definition in cscan.definitions(text):
            found[file].setdefault(definition.name, []).append(definition)
    return found


def _error_value(row, definition):
    """(the value to return, None), or (None, what is wrong)."""
    if cscan.is_void(definition.returns):
        return None, "returns void and so cannot refuse: guard its callers"
    if row.error != "-":
        return row.error, None
    value = cscan.error_value(definition.returns)
    if value is None:
        return None, (f"returns {definition.returns}, which has no usual error value:"
                      f" write it in place of -")
    if value == "-1" and row.function.endswith("_converter"):
        return None, "is a converter, whose error value is 0: write it in place of -"
    return value, None


def add_header(text):
    """TEXT with the guard's header included after Python.h; None if it includes no Python.h."""
    if HEADER in text:
        return text
    code = cscan.mask_comments(text)
    match = _PYTHON_H.search(code) or _FIRST_OWN_H.search(code)
    if not match:
        return None
    return text[:match.end()] + HEADER + "\n" + text[match.end():]
