"""Functions that a macro makes, written out, so that a guard has a body to stand in."""

import re
import textwrap

import cscan

_DEFINE = re.compile(r"^#[ \t]*define[ \t]+(\w+)\(([\w, \t]*)\)((?:\\\n|[^\n])*)", re.MULTILINE)
# What a macro's text is made of, as far as its parameters go.
_PASTE = re.compile(r"\s*##\s*")
_WORD = re.compile(r'"(?:\\.|[^"\\\n])*"|((?<!#)#(?!#)[ \t]*)?\b([A-Za-z_]\w*)')


def _arguments(text, code, start):
    """The arguments in TEXT from START, behind the parenthesis; and the offset behind the last.

    CODE is the text without comments and literals.
    """
    found, depth, begin = [], 0, start
    for offset in range(start, len(text)):
        if code[offset] in ",)" and depth == 0:
            found.append(text[begin:offset].strip())
            begin = offset + 1
            if code[offset] == ")":
                return found, begin
        depth += {"(": 1, ")": -1}.get(code[offset], 0)
    return found, len(text)


def _expand(parameters, body, arguments):
    """BODY, a macro's text, with ARGUMENTS in place of PARAMETERS."""
    values = dict(zip(parameters, arguments))

    def put(match):
        sign, word = match[1], match[2]
        if word not in values:
            return match[0]
        value = values[word]
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if sign else value

    lines = (line.rstrip() for line in _WORD.sub(put, body).split("\\\n"))
    return textwrap.dedent(_PASTE.sub("", "\n".join(lines).strip("\n")))


def write_out(text, functions):
    """TEXT with each line at top level by which a macro makes one of FUNCTIONS replaced by what it
    makes."""
    visible, code = cscan.mask_comments(text), cscan.mask_text(text)
    places = []
    for define in _DEFINE.finditer(visible):
        name, body = define[1], define[3]
        parameters = [word.strip() for word in define[2].split(",")]
        for use in re.finditer(rf"^{name}\(", visible, re.MULTILINE):
            arguments, end = _arguments(visible, code, use.end())
            if len(arguments) != len(parameters):
                continue
            made = _expand(parameters, body, arguments)
            if any(found.name in functions for found in cscan.definitions(made)):
                places.append((use.start(), end, made))
    for start, end, made in sorted(places, reverse=True):
        text = text[:start] + made + text[end:]
    return text
