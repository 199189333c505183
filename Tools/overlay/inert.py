"""Modules that do nothing when locked: tables that guard files as wholes.

A row of a table X.inert is RIGHT FILES reason: each function that Python calls is guarded.  FILES
is a pattern below the root of upstream's tree; what Argument Clinic made for a file belongs to it.
"""

import re
from collections import namedtuple

import cscan
import guards

# A row, and the upstream files that it stands for in one release.
Pattern = namedtuple("Pattern", "table line right files reason")

# What Python calls and may refuse: methods, getters, slots that give an object; of those that give
# a number, what is handed arguments (initializers, setters, item assignment), a buffer to fill, or
# is asked for a length or a hash.  Left out is what must not fail and what C code calls without
# the interpreter: traversal and release for the collector, watchers, callbacks of threads.
_OBJECT = re.compile(r"\bPyObject ?\*\Z")
_NOT_CALLED = re.compile(r"\(\)|\((void|void ?\* ?\w+)\)\Z|\(PyThreadState\b")
_NUMBER = re.compile(r"\bint\Z")
_LENGTH = re.compile(r"\b(Py_ssize_t|Py_hash_t)\Z")
_SELF = r"\((?:struct )?\w+ ?\* ?"
_NAME = r"(?:\w+|Py_UNUSED\(\w+\))"
_ASKS = re.compile(_SELF + _NAME + r"\)\Z")
_ACTS = re.compile(_SELF + _NAME + r", (?:PyObject ?\* ?" + _NAME + r"|Py_ssize_t \w+"
                   r"|const char ?\* ?\w+)"
                   r"(?:, (?:PyObject|void) ?\* ?" + _NAME + r")?\)\Z")
_FILLS = re.compile(_SELF + _NAME + r", Py_buffer ?\* ?\w+, int \w+\)\Z")
# The head of a function that a macro makes, to its brace.
_MACRO = re.compile(r"^#[ \t]*define\b[^\n]*\\\n(?:[^\n]*\\\n)*?[^\n]*\bPyObject ?\*[ \t]*\\\n"
                    r"[ \t]*\w+(?:##\w+)*\([^\n;{]*\)[ \t]*(?:\\\n[ \t]*)?\{(?=[ \t]*\\\n)",
                    re.MULTILINE)


def parse_table(item, problems):
    """The rows of the table ITEM; what is wrong with its form goes to PROBLEMS."""
    rows = []
    for number, line in enumerate(item.text.splitlines(), 1):
        words = line.split(None, 2)
        if not words or words[0].startswith("#"):
            continue
        where = f"{item.name}:{number}"
        if len(words) < 3:
            problems.append(f"{where}: a row is RIGHT FILES reason: write what is missing")
        elif words[0] not in guards.RIGHTS:
            problems.append(f"{where}: {words[0]} is not a right: use one of"
                            f" {' '.join(guards.RIGHTS)}")
        else:
            rows.append(Pattern(item.name, number, *words))
    return rows


def find(tables, pristine, release, problems):
    """{upstream file: Pattern} for the rows of TABLES, in the release unpacked in PRISTINE."""
    found = {}
    for item in tables:
        for row in parse_table(item, problems):
            names = sorted(path.relative_to(pristine).as_posix()
                           for path in pristine.glob(row.files))
            if not names:
                problems.append(f"{row.table}:{row.line}: {release}: there is no {row.files}:"
                                f" correct the pattern")
            for name in names:
                if name in found:
                    problems.append(f"{row.table}:{row.line}: {release}: {name} is in line"
                                    f" {found[name].line} too: keep one")
                found[name] = row
    return found


def called(definition, code):
    """Whether Python may call this function; CODE is the text without comments and literals."""
    parameters = " ".join(code[definition.start + len(definition.name):definition.brace].split())
    parameters = parameters.replace("( ", "(").replace(" )", ")")
    if _OBJECT.search(definition.returns):
        return not _NOT_CALLED.match(parameters)
    if _NUMBER.search(definition.returns):
        return bool(_ACTS.match(parameters) or _FILLS.match(parameters))
    return bool(_LENGTH.search(definition.returns) and _ASKS.match(parameters))


def rows(pattern, texts):
    """A guard's Row for each function in TEXTS (file name -> text) that Python may call.

    They are called by their C names: nobody but a test asks for them.
    """
    names = {}
    for text in texts.values():
        code = cscan.mask(text)
        for definition in cscan.definitions(text):
            if called(definition, code):
                names[definition.name] = None
    return [guards.Row(pattern.table, pattern.line, pattern.right, name, "-", None, None, name,
                       pattern.reason) for name in names]


def guard_macros(pattern, text):
    """TEXT with a guard in each function that a macro makes."""
    row = guards.Row(pattern.table, pattern.line, pattern.right, *[None] * 6)
    return _MACRO.sub(lambda match: f"{match[0]} \\\n    if ({row.check}) return NULL;", text)


def unguarded_macros(text):
    """The lines of macros that make functions without a guard."""
    return [text.count("\n", 0, match.start()) + 1 for match in _MACRO.finditer(text)
            if not text[match.end():].lstrip("\\ \n").startswith("if (_PyLockdown_REFUSED")]
