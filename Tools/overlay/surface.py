"""The surface of a CPython release: the names that its C source gives to Python, and what changed.

    make check-overlay SURFACE="OLD NEW [PAGE]"

reads the sources of both releases, unpacked in build/upstream, and prints what came, went and
moved, or writes it into PAGE as a page of the documentation.  The source tells what every platform
has, which no running interpreter could.
"""

import re
import sys
from collections import namedtuple
from pathlib import Path

import cscan
from overlay import OverlayError

FOLDERS = ("Modules", "Objects", "Parser", "PC", "Python")
# Upstream's tests of the C API, and what other programs brought along.
_LEFT_OUT = re.compile(r"Modules/(?:_test|_ctypes/_ctypes_test|_xxtest|xx|expat/|_hacl/"
                       r"|_decimal/libmpdec/)|Modules/clinic/_test|Python/deepfreeze"
                       r"|/frozen_modules/")

# FILE and TABLE say where NAME stands, FUNCTION is the C function behind it ("" for a member).
Entry = namedtuple("Entry", "file table name function")

_TABLE = re.compile(r"\b(PyMethodDef|PyGetSetDef|PyMemberDef|PyType_Slot|PyModuleDef_Slot)\s+"
                    r"(?:\*\s*)?(\w+)\s*\[[^\]]*\]\s*=\s*(?=\{)")
_CLINIC = re.compile(r"^#\s*define\s+(\w+)_(METHODDEF|GETSETDEF)\s+\\?\s*"
                     r"\{\s*\"([^\"]+)\"\s*,\s*([^,]+)", re.MULTILINE)
_NAMED = re.compile(r"\{\s*\"([^\"]*)\"\s*,\s*([^,{}]+)")
_MACRO = re.compile(r"(\w+)_(?:METHODDEF|GETSETDEF)\b")
_SLOT = re.compile(r"\{\s*(Py_(?:tp|nb|sq|mp|bf|am|mod)_\w+)\s*,\s*([^{}]+?)\}")
_TYPE = re.compile(r"\bPyTypeObject\s+(\w+)\s*=\s*(?=\{)")
_FIELD = re.compile(r"([\w&()* .]+?),?[ \t]*/\*[ \t]*((?:tp|nb|sq|mp|bf|am)_\w+)[ \t]*\*/"
                    r"|\.((?:tp|nb|sq|mp|bf|am)_\w+)\s*=\s*([^,}]+)")
_WORD = re.compile(r"[A-Za-z_]\w*")
# Types that a macro makes of functions: its parameters tell which is which.
_MAKER = re.compile(r"^#[ \t]*define[ \t]+(\w+ExtendsException\w*)\(([^)]*)\)", re.MULTILINE)
_MADE = r"^{}\(([^;]*?)\);"
_MAKER_SLOTS = {"EXCNEW": "tp_new", "EXCSTR": "tp_str", "EXCREPR": "tp_repr"}
_NOTHING = {"0", "NULL", ""}
# Fields of a type that are no way into it.
_NO_DOOR = re.compile(r"(tp_name|tp_doc|tp_flags|tp_basicsize|tp_itemsize|tp_base|tp_bases|tp_dict"
                      r"|tp_methods|tp_members|tp_getset|tp_weaklist\w*|tp_dictoffset|tp_as_\w+"
                      r"|tp_vectorcall_offset|tp_dealloc|tp_traverse|tp_clear|tp_free|tp_is_gc"
                      r"|tp_alloc|tp_mro|tp_cache|tp_subclasses|tp_del|tp_version_tag"
                      r"|tp_watched|tp_finalize)\Z")


def entries(pristine):
    """The Entry tuples of the source unpacked in PRISTINE, sorted."""
    pristine = Path(pristine)
    files = [path for folder in FOLDERS for pattern in ("*.c", "*.h")
             for path in sorted((pristine / folder).rglob(pattern))]
    names = {path: path.relative_to(pristine).as_posix() for path in files}
    texts = {names[path]: path.read_text(encoding="utf-8", errors="replace") for path in files
             if not _LEFT_OUT.match(names[path])}
    clinic = {}
    for text in texts.values():
        for match in _CLINIC.finditer(text):
            clinic[match[1]] = (match[3], _function(match[4]))
    found = set()
    for name, text in texts.items():
        if "Py" in text:
            found.update(_of_file(name, text, clinic))
    return sorted(found)


def _of_file(name, text, clinic):
    """The entries of one file's tables and types."""
    code = cscan.mask_comments(text)
    for match in _TABLE.finditer(code):
        body = _body(code, match.end())
        if match[1] in ("PyType_Slot", "PyModuleDef_Slot"):
            for slot in _SLOT.finditer(body):
                field = slot[1].removeprefix("Py_")
                if _function(slot[2]) and not _NO_DOOR.match(field):
                    yield Entry(name, match[2], field, _function(slot[2]))
            continue
        for row in _NAMED.finditer(body):
            member = match[1] == "PyMemberDef"
            yield Entry(name, match[2], row[1], "" if member else _function(row[2]))
        for macro in _MACRO.finditer(body):
            if macro[1] in clinic:
                yield Entry(name, match[2], *clinic[macro[1]])
    for maker in _MAKER.finditer(code):
        parameters = [word.strip(" \t\\\n") for word in maker[2].split(",")]
        for made in re.finditer(_MADE.format(maker[1]), code, re.MULTILINE):
            values = dict(zip(parameters, (word.strip() for word in made[1].split(","))))
            for parameter, field in _MAKER_SLOTS.items():
                function = _function(values.get(parameter, ""))
                if function:
                    yield Entry(name, values["EXCNAME"], field, function)
    for match in _TYPE.finditer(code):
        # With its comments: they name the fields of an initializer without designators.
        end = match.end() + len(_body(code, match.end()))
        for field in _FIELD.finditer(text, match.end(), end):
            word, value = field[2] or field[3], _function(field[1] or field[4])
            if value and not _NO_DOOR.match(word):
                yield Entry(name, match[1], word, value)


def _body(code, start):
    """The text of the braces that open at START."""
    depth = 0
    for brace in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return code[start:brace.end()]
    return code[start:]


def _function(text):
    """The name of the function that an initializer such as (getter)get_name gives."""
    words = [word for word in _WORD.findall(text)
             if word not in ("_PyCFunction_CAST", "PyCFunction", "getter", "setter", "void")]
    return words[-1] if words and words[-1] not in _NOTHING else ""


Difference = namedtuple("Difference", "came went moved")


def compare(old, new):
    """What came, went and moved: entries of NEW, of OLD, and (old, new) pairs."""
    came, went = set(new) - set(old), set(old) - set(new)
    moved = []
    # The same name in the same table, behind another function; or the same in another place.
    for key in (lambda entry: (entry.file, entry.table, entry.name),
                lambda entry: (entry.table, entry.name),
                lambda entry: (entry.name, entry.function)):
        left = {}
        for entry in sorted(went):
            left.setdefault(key(entry), []).append(entry)
        for entry in sorted(came):
            if left.get(key(entry)):
                before = left[key(entry)].pop(0)
                moved.append((before, entry))
                came.discard(entry)
                went.discard(before)
    return Difference(sorted(came), sorted(went), sorted(moved))


def describe(old, new, difference, totals):
    """The page, as lines of reStructuredText."""
    title = f"The surface of CPython {new} beside {old}"
    lines = [f'.. Made by make check-overlay SURFACE="{old} {new} PAGE".', "",
             ".. _lockdown-surface:", "",
             "*" * len(title), title, "*" * len(title), "",
             "What the C source of the two releases gives to Python, on any platform: the rows of",
             "its tables of methods, attributes and members, and the slots of its types.  Each of",
             "what came or moved has been judged; see ``Lib/test/test_lockdown/ledger/``.", "",
             f"{old} has {totals[0]} entries and {new} has {totals[1]}:"
             f" {len(difference.came)} came, {len(difference.went)} went,",
             f"{len(difference.moved)} moved."]
    for word, rows in (("Came", difference.came), ("Went", difference.went)):
        lines += ["", "", word, "=" * len(word), ""]
        lines += _list(_shown(entry) for entry in rows)
    lines += ["", "", "Moved", "=====", ""]
    lines += _list(f"{_shown(before)}, now {_shown(after, before)}"
                   for before, after in difference.moved)
    return lines


def _list(texts):
    return [f"- {text}" for text in texts] or ["Nothing."]


def _shown(entry, beside=None):
    """An entry as text; BESIDE another only with what differs."""
    words = []
    if beside is None or entry.name != beside.name:
        words.append(f"``{entry.name}``")
    if entry.function and (beside is None or entry.function != beside.function):
        words.append(f"behind ``{entry.function}``" if beside else f"(``{entry.function}``)")
    if beside is None or (entry.file, entry.table) != (beside.file, beside.table):
        words.append(f"in ``{entry.table}`` of {entry.file}")
    return " ".join(words) or "the same"


def page(build, old, new):
    """The page about two releases that are unpacked in BUILD/upstream, as a text."""
    surfaces = []
    for version in (old, new):
        pristine = Path(build, "upstream", version)
        if not pristine.is_dir():
            raise OverlayError(f"{version}: its source is not in {pristine.parent}, where"
                               f" check-overlay puts that of the accepted releases")
        surfaces.append(entries(pristine))
    totals = [len(surface) for surface in surfaces]
    return "\n".join(describe(old, new, compare(*surfaces), totals)) + "\n"


def main(arguments):
    build, old, new = arguments[:3]
    try:
        text = page(build, old, new)
    except OverlayError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    if len(arguments) > 3:
        Path(arguments[3]).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
