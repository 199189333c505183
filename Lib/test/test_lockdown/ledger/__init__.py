"""The ledger: what C code gives to Python, entry by entry, and how each is judged.

MODULE.tsv is the table of one C module. A line is ENTRY, JUDGEMENT and REASON with tabs between;
# begins a comment. ENTRY is a dotted name in the module; "Type.*" or "*" stands for all that has no
line of its own, and may only be pure. JUDGEMENT is one of

pure            no effect outside of the interpreter, and nothing learned from there
handle          acts only on an object that somebody handed over, and reaches nothing new through it
hidden          works, but what it tells of the outside is hidden when locked
refused RIGHT   refused without the right; "A&B" needs both, "A|B" one of them; "RIGHT?" hangs on
                the arguments

REASON may begin with since=3.13.N, until=3.13.N (the releases that have the entry), on=PLATFORM
(the value of sys.platform where it is to be found), when=WORD (of a build that was made so) or
as=OPERATION (the name a refusal gives, where it does not follow from the entry's).
It may be empty where the judgement is plain from the name.

modules.tsv judges the modules as wholes and is what SAFE_MODULES is made of.
"""

import collections
import os
import re
import sys

import lockdownlib

FOLDER = os.path.dirname(__file__)
MODULES = "modules.tsv"

_RIGHT = "|".join(map(re.escape, lockdownlib.RIGHTS))
_JUDGEMENT = re.compile(rf"pure|handle|hidden|refused ((?:{_RIGHT})(?:[&|](?:{_RIGHT}))*\??)")
_OPTION = re.compile(r"(since|until|on|when|as)=(\S+)(?:\s+|\Z)")

# The modules whose entries users know under another name.
SHOWN_AS = {"posix": "os"}

Line = collections.namedtuple("Line", "module entry judgement right reason options where")


class LedgerError(Exception):
    """A table that cannot be read; the text names the line."""


def read_table(name):
    """The lines of the table of one module."""
    lines = []
    with open(os.path.join(FOLDER, name + ".tsv"), encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            if not text.strip() or text.startswith("#"):
                continue
            where = f"ledger/{name}.tsv:{number}"
            entry, _, rest = text.partition("\t")
            judgement, _, reason = rest.partition("\t")
            match = _JUDGEMENT.fullmatch(judgement)
            if not match:
                raise LedgerError(f"{where}: {judgement!r} is no judgement")
            if entry.endswith("*") and judgement != "pure":
                raise LedgerError(f"{where}: a pattern may only be pure")
            options = {}
            while option := _OPTION.match(reason):
                options[option[1]] = option[2]
                reason = reason[option.end():]
            lines.append(Line(name, entry, match[0].split()[0], match[1], reason, options, where))
    return lines


def operations(line):
    """The names that a refusal of this entry may give its operation."""
    if "as" in line.options:
        return {line.options["as"]}
    entries = {line.entry}
    if line.entry.endswith((".__new__", ".__init__")):
        entries.add(line.entry.rpartition(".")[0])
    names = set(entries) if line.module == "builtins" else set()
    for module in line.module, line.module.lstrip("_"), SHOWN_AS.get(line.module):
        names.update(f"{module}.{entry}" for entry in entries)
    return names


def tables():
    """The names of the modules that have a table."""
    return sorted(name[:-len(".tsv")] for name in os.listdir(FOLDER)
                  if name.endswith(".tsv") and name != MODULES)


def _release(text):
    return tuple(map(int, text.split(".")))


def here(line):
    """Whether a line speaks of this release and this platform; "when" is for builds of any kind."""
    options = line.options
    return (_release(options.get("since", "0")) <= sys.version_info[:3]
            and sys.version_info[:3] <= _release(options.get("until", "99"))
            and sys.platform == options.get("on", sys.platform))


def modules_left_out():
    """The modules that are not safe, by the table of modules; "name.*" is a package."""
    with open(os.path.join(FOLDER, MODULES), encoding="utf-8") as file:
        lines = [line.split("\t") for line in file]
    return {words[0] for words in lines if words[1:2] == ["out"]}


def is_left_outside(name):
    """Whether a safe module is not frozen into the interpreter, by the table of modules."""
    with open(os.path.join(FOLDER, MODULES), encoding="utf-8") as file:
        lines = {words[0]: words[2] for line in file if len(words := line.split("\t")) == 3}
    patterns = [line for line in lines if line.endswith("*")
                and f"{name}.".startswith(line[:-1])]
    line = name if name in lines else max(patterns, key=len, default="")
    return lines.get(line, "").startswith("frozen=no")


class Table:
    """The table of one module, asked by the names of its entries."""

    def __init__(self, name):
        self.lines = read_table(name)
        self.exact, self.patterns = {}, []
        for line in self.lines:
            if line.entry.endswith("*"):
                self.patterns.append(line)
            elif line.entry in self.exact:
                raise LedgerError(f"{line.where}: {line.entry} has a line already")
            else:
                self.exact[line.entry] = line
        # The longest pattern says most.
        self.patterns.sort(key=lambda line: -len(line.entry))
        self.asked = set()

    def find(self, entry):
        """The line for an entry, or None."""
        line = self.exact.get(entry)
        if line is None:
            line = next((line for line in self.patterns
                         if entry.startswith(line.entry[:-1])), None)
        if line is not None:
            self.asked.add(line.where)
        return line

    def unused(self):
        """The lines that nothing asked for although they speak of this release and platform."""
        return [line for line in self.lines if line.where not in self.asked and here(line)
                and "when" not in line.options]
