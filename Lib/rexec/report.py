"""Errors on their way across: what a cell says of its exceptions, and what it is told of ours."""

import builtins

from .errors import CellError
from .values import Malformed, OverLimit, decode, encode

LONGEST_TEXT = 64 << 10
FRAMES = 100
CHAINED = 20

_LINKS = {
    "cause": "The above exception was the direct cause of the following exception:",
    "context": "During handling of the above exception, another exception occurred:",
}
# Characters that change how the text around them is shown.
_BIDI = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 10}
_ESCAPES[9] = "\t"
_ESCAPES.update((ord(character), f"\\u{ord(character):04x}") for character in _BIDI)
_ESCAPES.update((code, f"\\u{code:04x}") for code in range(0xD800, 0xE000))


def escape(text):
    """TEXT of a cell, without what a terminal or a reader could be misled by."""
    return text.translate(_ESCAPES)


def _bound(number):
    """A number of a line or a column; the code in the cell may claim any."""
    return number if 0 <= number < 1 << 31 else 0


def _escape_line(text):
    return escape(text).replace("\n", "\\n")


def _shape(value, **fields):
    """Check that VALUE is a dict of just these fields of these types."""
    if type(value) is not dict or value.keys() != fields.keys():
        raise Malformed("an error of another form")
    for name, kind in fields.items():
        if type(value[name]) not in (kind if type(kind) is tuple else (kind,)):
            raise Malformed("an error of another form")


def _shape_row(value, *types):
    if type(value) is not tuple or tuple(map(type, value)) != types:
        raise Malformed("an error of another form")


def cell_error(records):
    """The CellError of what a cell reported.  Raises Malformed."""
    if type(records) is not list or not 0 < len(records) <= CHAINED:
        raise Malformed("an error of another form")
    left = LONGEST_TEXT * 2
    blocks = []
    for record in records:
        _shape(record, type=str, message=str, args=memoryview, frames=list, syntax=(tuple, type(None)),
               notes=list, link=(str, type(None)))
        if record["link"] not in (None, *_LINKS):
            raise Malformed("an error of another form")
        blocks.append(_format(record))
    text = []
    for number in reversed(range(len(records))):
        if number < len(records) - 1 and records[number]["link"] is not None:
            text.append(f"\n{_LINKS[records[number]['link']]}\n\n")
        text.append(blocks[number])
    traceback = "".join(text)
    if len(traceback) > left:
        half = left // 2
        traceback = f"{traceback[:half]}\n[...]\n{traceback[-half:]}"
    first = records[0]
    try:
        args = decode(first["args"], LONGEST_TEXT * 8, 30)
    except OverLimit as over:
        raise Malformed(str(over)) from None
    if type(args) is not tuple:
        raise Malformed("an error of another form")
    return CellError(_escape_line(first["type"][:1000]), escape(first["message"][:LONGEST_TEXT]), args,
                     traceback)


def _format(record):
    lines = []
    frames = record["frames"]
    if len(frames) > FRAMES or len(record["notes"]) > 20:
        raise Malformed("an error too long")
    if frames:
        lines.append("Traceback (most recent call last):\n")
    for frame in frames:
        _shape_row(frame, str, int, str, str)
        filename, number, name, source = frame
        lines.append(f'  File "{_escape_line(filename[:1000])}", line {_bound(number)},'
                     f' in {_escape_line(name[:1000])}\n')
        if source:
            lines.append(f"    {_escape_line(source[:500])}\n")
    kind = _escape_line(record["type"][:1000])
    message = escape(record["message"][:LONGEST_TEXT])
    if record["syntax"] is not None:
        _shape_row(record["syntax"], str, int, str, int)
        filename, number, source, offset = record["syntax"]
        lines.append(f'  File "{_escape_line(filename[:1000])}", line {_bound(number)}\n')
        shown = _escape_line(source[:500].strip())
        if shown:
            lines.append(f"    {shown}\n")
            indent = _bound(offset) - 1 - (len(source) - len(source.lstrip()))
            if 0 <= indent <= len(shown):
                lines.append(f"    {' ' * indent}^\n")
    lines.append(f"{kind}: {message}\n" if message else f"{kind}\n")
    for note in record["notes"]:
        if type(note) is not str:
            raise Malformed("an error of another form")
        lines.append(escape(note[:1000]) + "\n")
    return "".join(lines)


def of_exception(error):
    """What a cell is told of an exception of the supervisor: the nearest built-in type, its encoded
    arguments and its message, and nothing of where it was raised."""
    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind:
            break
    try:
        message = str(error)[:LONGEST_TEXT]
    except KeyboardInterrupt:
        raise
    except BaseException:       # its own __str__ may raise anything
        message = ""
    args = BaseException.args.__get__(error)
    if not issubclass(kind, Exception):
        # GeneratorExit and its like would end more than the call.
        kind = RuntimeError
        message = f"{type(error).__name__} of a function"
    if isinstance(error, OSError) and error.errno is not None:
        args = (error.errno, error.strerror)
        if error.filename is not None:
            args += (error.filename,)
            if error.filename2 is not None:
                args += (None, error.filename2)
    elif kind is not type(error):
        args = (message,)       # its own class may take others
    try:
        data = encode(args, LONGEST_TEXT * 4, 20)
    except (TypeError, ValueError, OverLimit):
        data = encode((message,))
    return kind.__name__, data, message
