"""Objects/addresses.tsv: each place of upstream's C source where an address becomes text or a number.

A row has FILE, FUNCTION, WHAT, HOW, optional bounds and a reason, with tabs between them.  FILE and
FUNCTION may have wildcards.  WHAT is one of KINDS; HOW is

    shown   goes through the cipher of Python/lockdown_address.c once locked.  The weaver puts that
            in, except for %p in a format of Python's own, which the formatter shows, and for
            "ident", where a patch has to do it.
    keyed   through the cipher always: a table is filled with it before the lock and read after.
    left    stays as it is.
"""

import re
from bisect import bisect_right
from collections import namedtuple
from fnmatch import fnmatchcase

import cscan
from overlay import FOLDERS, OverlayError, release_key

TABLE = "Objects/addresses.tsv"
# What occurs: a format's %p, the two functions that take pointers, other numbers made of a pointer
# or of a thread's number, and texts, tuples and comparisons that a thread's number goes into.
KINDS = ("%p", "hash", "ident", "number", "pointer")
HOWS = ("shown", "keyed", "left")
SUFFIXES = (".c", ".h", ".cpp")

Found = namedtuple("Found", "kind function offset line call")
_FORMATTERS = re.compile(
    r"PyUnicode_FromFormatV?|PyBytes_FromFormatV?|_?PyErr_Format\w*|PyErr_WarnFormat"
    r"|PyErr_ResourceWarning|PyErr_FormatUnraisable|PySys_Format(Stderr|Stdout)"
    r"|_PyUnicodeWriter_Format|_hamt_dump_format")
_POINTER = re.compile(r"\bPyLong_FromVoidPtr\b")
_HASH = re.compile(r"\b_?Py_HashPointer(?:Raw)?\b")
_NUMBER = re.compile(r"\b(PyLong_From(?:UnsignedLongLong|UnsignedLong|LongLong|Long|Size_t"
                     r"|Ssize_t|UInt64|UInt32))\s*\(")
_ADDRESS = re.compile(r"ident\b|thread_id\b|\bmain_thread\b|\btid\b|\bu?intptr_t\b|\bhandle\b"
                      r"|\(\s*Py_s?size_t\s*\)\s*\(?\s*(?:self|ptr|op|obj)\b|->data\b|void\s*\*\s*\)")
_IDENT = re.compile(r"\bPyThread_get_thread_ident(?:_ex)?\b|\bThreadHandle_ident\b"
                    r"|\bPY_FORMAT_THREAD_IDENT_T\b|\bPy_PARSE_THREAD_IDENT_T\b"
                    r"|->thread_(?:id|ident)\b|\bpthread_t\)\s*thread_id\b")
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
_PERCENT_P = re.compile(r"(?<!%)(?:%%)*(%[-+ #0-9.*]*p)(?![a-zA-Z])")
_ANY = re.compile(r"PyLong_From|Py_HashPointer|hread_|%[-+ #0-9.*]*p")
_OPTION = re.compile(r"(since|until)=(\S+)\Z")
_SHOWN = {"pointer": ("PyLong_FromVoidPtr", "_PyLockdown_ShowAddress"),
          "hash": (None, "_PyLockdown_HashPointer")}


class Row(namedtuple("Row", "line file function kind how since until reason")):
    """One row of the table."""

    @property
    def where(self):
        return f"{TABLE}:{self.line}: {self.file}: {self.function}"

    def serves(self, release):
        """Whether the row's bounds include RELEASE."""
        key = release_key(release)
        return ((self.since is None or release_key(self.since) <= key)
                and (self.until is None or key <= release_key(self.until)))

    def covers(self, name, found):
        """Whether the row is about what was FOUND in the file NAME."""
        return (self.kind == found.kind and fnmatchcase(name, self.file)
                and fnmatchcase(found.function, self.function))

    @property
    def is_general(self):
        return "*" in self.file or "*" in self.function


def parse_table(text, problems):
    """The rows of the table; what is wrong with its form goes to PROBLEMS."""
    rows = []
    seen = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("\t") if word.strip()]
        where = f"{TABLE}:{number}"
        if len(words) < 5:
            problems.append(f"{where}: a row is FILE FUNCTION WHAT HOW [bounds] REASON, with tabs"
                            f" between them: write what is missing")
            continue
        options = {}
        while len(words) > 5 and _OPTION.match(words[4]):
            key, value = _OPTION.match(words.pop(4)).groups()
            options[key] = value
        row = Row(number, *words[:4], options.get("since"), options.get("until"),
                  " ".join(words[4:]))
        count = len(problems)
        if _OPTION.match(row.reason):
            problems.append(f"{row.where}: has no reason: say what is told, or why it may be")
        if row.kind not in KINDS:
            problems.append(f"{row.where}: {row.kind} is not one of {' '.join(KINDS)}")
        if row.how not in HOWS:
            problems.append(f"{row.where}: {row.how} is not one of {' '.join(HOWS)}")
        if row.how == "keyed" and row.kind != "pointer":
            problems.append(f"{row.where}: only what is a pointer can be keyed")
        if row.how != "left" and row.is_general:
            problems.append(f"{row.where}: only what is left may have wildcards: name the places")
        for bound in (row.since, row.until):
            try:
                bound is None or release_key(bound)
            except OverlayError as error:
                problems.append(f"{row.where}: {error}")
        key = row[1:4]
        if key in seen:
            problems.append(f"{row.where}: has a row already in line {seen[key]}: keep one")
        seen.setdefault(key, number)
        if rows and rows[-1][1:4] > key:
            problems.append(f"{row.where}: belongs above {rows[-1].function} in {rows[-1].file}:"
                            f" sort the rows by file, function and what")
        if len(problems) == count:
            rows.append(row)
    return rows


def scan(text):
    """All that is Found in the C source TEXT, in order."""
    if not _ANY.search(text):
        return []
    code = cscan.mask_text(text)    # with preprocessor lines: a macro may have it
    visible = cscan.mask_comments(text)
    hits = []
    for match in _POINTER.finditer(code):
        hits.append(("pointer", match.start(), ""))
    for match in _HASH.finditer(code):
        hits.append(("hash", match.start(), ""))
    for match in _NUMBER.finditer(code):
        end = _closing(code, match.end() - 1)
        if _ADDRESS.search(code, match.end(), end):
            hits.append(("number", match.start(), match[1]))
    for match in _IDENT.finditer(code):
        hits.append(("ident", match.start(), ""))
    for string in _STRING.finditer(visible):
        if code[string.start()] == " ":         # no other string's end
            for match in _PERCENT_P.finditer(string[0]):
                offset = string.start() + match.start(1)
                hits.append(("%p", offset, _calling(code, offset)))
    if not hits:
        return []
    definitions = cscan.definitions(text)
    newlines = [match.start() for match in re.finditer("\n", text)]
    result = []
    for kind, offset, call in sorted(hits, key=lambda hit: hit[1]):
        definition = cscan.enclosing(definitions, offset)
        # A definition's own name stands before its body.
        name = definition.name if definition else "-"
        after = next((d for d in definitions if d.start <= offset < d.brace), None)
        result.append(Found(kind, after.name if after else name, offset,
                            bisect_right(newlines, offset) + 1, call))
    return result


def _closing(code, start):
    """The offset of the parenthesis that closes the one at START."""
    depth = 0
    for offset in range(start, len(code)):
        if code[offset] == "(":
            depth += 1
        elif code[offset] == ")":
            depth -= 1
            if depth == 0:
                return offset
    return len(code)


def _calling(code, offset):
    """The name of the function that is called with what stands at OFFSET."""
    depth = 0
    for at in range(offset, max(-1, offset - 3000), -1):
        if code[at] == ")":
            depth += 1
        elif code[at] == "(":
            depth -= 1
            if depth < 0:
                depth = 0
                name = re.search(r"(\w+)\s*\Z", code[max(0, at - 80):at])
                if name:
                    return name[1]
    return ""


def shows_itself(found):
    """Whether what was FOUND is a format of Python's own, which shows each %p."""
    return found.kind == "%p" and bool(_FORMATTERS.fullmatch(found.call))


def apply_rows(rows, name, text, release, problems):
    """TEXT with what ROWS say put in."""
    rows = [row for row in rows if row.serves(release) and fnmatchcase(name, row.file)]
    if not name.endswith(SUFFIXES) or all(row.how == "left" for row in rows):
        return text
    edits = []
    for found in scan(text):
        for row in rows:
            if not row.covers(name, found):
                continue
            if row.how == "left" or found.kind == "ident" or shows_itself(found):
                continue
            if found.kind == "%p":
                if _is_wrapped(text, found):
                    continue
                problems.append(f"{row.where}: {release}: {name}:{found.line} is a format of C's,"
                                f" which shows nothing by itself: wrap its argument in a patch")
            elif found.kind == "number":
                end = _closing(text, found.offset + len(found.call))
                start = text.index("(", found.offset) + 1
                edits.append((found.offset, end + 1, "_PyLockdown_ShowAddress((void *)(uintptr_t)"
                                                     f"({text[start:end]}))"))
            else:
                word = re.compile(r"\w+").match(text, found.offset)
                call = "_PyLockdown_KeyOf" if row.how == "keyed" else _SHOWN[found.kind][1]
                edits.append((*word.span(), call))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def check(rows, texts, woven, failed, release, problems):
    """Compare ROWS with what occurs in RELEASE.

    TEXTS maps the names of upstream's files to their texts, WOVEN those that the overlay changes or
    adds to what they became; FAILED are those that could not be made.
    """
    serving = [row for row in rows if row.serves(release)]
    met = set()
    for name, text in texts.items():
        for found in scan(text):
            covering = [row for row in rows if row.covers(name, found)]
            met.update(covering)
    for name in sorted({*texts, *woven}):
        text = woven.get(name, texts.get(name))
        definitions = None
        for found in scan(text):
            row = next((row for row in serving if row.covers(name, found)), None)
            if row is None:
                problems.append(f"{name}:{found.line}: {found.function}: {release}: {found.kind}"
                                f" without a row: give it one in {TABLE}")
                continue
            met.add(row)
            if (row.how == "left" or name in failed or shows_itself(found)
                    or _is_wrapped(text, found)):
                continue
            if found.kind == "ident":
                definitions = definitions or cscan.definitions(text)
                if not _is_shown(text, definitions, found):
                    problems.append(f"{row.where}: {release}: {name}:{found.line} is not shown:"
                                    f" write a patch that does it")
                continue
            problems.append(f"{row.where}: {release}: {name}:{found.line} is not shown: correct the"
                            f" weaver")
    for row in serving:
        if row not in met:
            problems.append(f"{row.where}: {release}: {row.kind} does not occur there: correct the"
                            f" row, or bound it with since= or until=")
    for row in rows:
        if row not in serving and row in met:
            problems.append(f"{row.where}: {release}: {row.kind} occurs there too, and the bound"
                            f" leaves it out: correct the bound")


def check_bounds(rows, releases, problems):
    """Whether some accepted release needs each bound."""
    for row in rows:
        bounded = row.since is not None or row.until is not None
        if bounded and all(row.serves(release) for release in releases):
            problems.append(f"{row.where}: no accepted release needs the bound: remove it")


def _is_wrapped(text, found):
    """Whether the %p that was FOUND stands in a statement that shows its argument."""
    return (found.kind == "%p"
            and "_PyLockdown_Shown" in text[found.offset:text.find(";", found.offset)])


def _is_shown(text, definitions, found):
    """Whether the function that an ident occurs in goes through the cipher or back."""
    after = [d.start for d in definitions if d.start > found.offset]
    mine = [d.start for d in definitions if d.name == found.function and d.start <= found.offset]
    body = text[mine[-1] if mine else 0:after[0] if after else len(text)]
    return "_PyLockdown_Show" in body or "_PyLockdown_True" in body or "_PyLockdown_Ref" in body


def read_sources(root):
    """{name: text} of the C sources below ROOT that may have anything of this."""
    texts = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                text = path.read_bytes().decode("utf-8", "replace")
                if _ANY.search(text):
                    texts[path.relative_to(root).as_posix()] = text
    return texts
