"""Finding function definitions in C source without compiling it, for every branch of an #if."""

import re
from bisect import bisect_right
from collections import namedtuple
from functools import lru_cache

# BRACE is the offset of the body's opening brace, RETURNS the text of the return type.
Definition = namedtuple("Definition", "name start brace returns line")

_NO_CODE = re.compile(
    r"""/\*.*?\*/                       # comment
      | //(?:\\\n|[^\n])*               # comment to the end of the line
      | "(?:\\.|[^"\\\n])*"             # string
      | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*'    # character
    """, re.DOTALL | re.VERBOSE)
_DIRECTIVE = re.compile(r"^[ \t]*\#[ \t]*(\w*)(?:\\\n|[^\n])*", re.MULTILINE)
_EVENT = re.compile(r"[{}]|" + _DIRECTIVE.pattern, re.MULTILINE)
_NAME_AT_END = re.compile(r"(\w+)\s*\Z")
_QUALIFIERS = {"static", "inline", "extern", "const", "volatile", "register", "PyAPI_FUNC"}
_SIGNED = {"int", "long", "short", "signed", "Py_ssize_t", "ssize_t", "Py_hash_t", "off_t",
           "Py_off_t", "pid_t", "PyTime_t", "int32_t", "int64_t", "intptr_t", "Py_intptr_t",
           "ptrdiff_t"}


def _blank(match):
    text = match[0]
    if "\n" not in text:
        return " " * len(text)
    return "\n".join(" " * len(line) for line in text.split("\n"))


def mask_comments(text):
    """TEXT with comments blanked; every other character keeps its offset."""
    return _NO_CODE.sub(lambda match: _blank(match) if match[0][0] == "/" else match[0], text)


def mask_text(text):
    """TEXT with comments and literals blanked; every other character keeps its offset."""
    return _NO_CODE.sub(_blank, text)


def mask(text):
    """TEXT with comments, literals and preprocessor lines blanked, offsets unchanged."""
    return _DIRECTIVE.sub(_blank, mask_text(text))


@lru_cache(maxsize=256)     # what the weaver has scanned, the check scans again
def definitions(text):
    """All function definitions at top level, in order; a name may come several times.

    Each branch of an #if is read as if it were the only one, so braces that are opened once per
    branch and closed once after #endif are counted once.
    """
    visible = mask_text(text)
    code = _DIRECTIVE.sub(_blank, visible)
    newlines = [match.start() for match in re.finditer("\n", text)]
    found = []
    depth = 0
    branches = []       # depth at each open #if, and at the end of its first branch
    for event in _EVENT.finditer(visible):
        word = event[1] or event[0]
        if word == "{":
            if depth == 0:
                if re.search(r"\bextern\s*\Z", code[max(0, event.start() - 80):event.start()]):
                    continue
                definition = _definition_before(code, event.start(), newlines)
                if definition:
                    found.append(definition)
            depth += 1
        elif word == "}":
            depth = max(0, depth - 1)   # the end of extern "C"
        elif word in ("if", "ifdef", "ifndef"):
            branches.append([depth, None])
        elif branches and word in ("else", "elif", "endif"):
            if branches[-1][1] is None:
                branches[-1][1] = depth
            if word == "endif":
                depth = branches.pop()[1]
            else:
                depth = branches[-1][0]
    return found


def _definition_before(code, brace, newlines):
    """The function whose body opens at BRACE, or None if it is a struct, enum or initializer."""
    end = brace - 1
    while end >= 0 and code[end].isspace():
        end -= 1
    if end < 0 or code[end] != ")":
        return None
    depth = 0
    for offset in range(end, -1, -1):
        if code[offset] == ")":
            depth += 1
        elif code[offset] == "(":
            depth -= 1
            if depth == 0:
                break
    else:
        return None
    name = _NAME_AT_END.search(code, max(0, offset - 200), offset)
    if not name:
        return None
    before = max(code.rfind(c, 0, name.start()) for c in ";{}")
    returns = " ".join(code[before + 1:name.start()].split())
    line = bisect_right(newlines, name.start()) + 1
    return Definition(name[1], name.start(), brace, returns, line)


def error_value(returns):
    """What a function of this return type returns on error; None if it cannot be told."""
    inner = re.search(r"\(([^()]*)\)\s*\Z", returns)
    if inner:                                       # PyAPI_FUNC(PyObject *)
        returns = inner[1]
    else:
        returns = returns[returns.rfind(")") + 1:]  # Py_DEPRECATED(3.8) PyObject *
    if "*" in returns:
        return "NULL"
    words = [w for w in returns.split() if w not in _QUALIFIERS]
    if words and "unsigned" not in words and words[-1] in _SIGNED:
        return "-1"
    return None


def is_void(returns):
    """Whether a function of this return type returns nothing."""
    return "*" not in returns and returns.split()[-1:] in (["void"], ["(void)"])


def enclosing(found, offset):
    """The definition of FOUND whose body OFFSET lies in, by order alone."""
    last = None
    for definition in found:
        if definition.brace > offset:
            break
        last = definition
    return last
