"""The tables beside the tests: files that are not run, and methods that fail for no right's sake."""

import collections
import os
from test.libregrtest import findtests

FOLDER = os.path.dirname(__file__)

# Why a method fails when locked though what it was refused is kept, or with no refusal.
WORDS = {
    "number": "expects id(), repr() or a text to tell an address",
    "late": "compares what was made before the lock with what is made after it",
    "tight": "expects C code to do what it does not when locked, for memory's sake",
    "inert": "uses a module that can do nothing when locked",
    "unsafe": "takes the interpreter apart by a module that is not safe",
    "machine": "fails unlocked too, on some machines",
    "harness": "fails because of how it is run here: in a forked child, with limits, on its own",
}

Explanation = collections.namedtuple("Explanation", "name word reason where")


class TableError(Exception):
    """A table that cannot be read; the text names the line."""


def lines_of(name, columns):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            text = text.rstrip("\n")
            if not text or text.startswith("#"):
                continue
            fields = text.split("\t")
            where = f"locked/{name}:{number}"
            if len(fields) != columns or not all(fields):
                raise TableError(f"{where}: {columns} columns with tabs between are needed")
            yield where, fields


def upstream_files():
    """All of CPython's test files, by the names that regrtest has for them."""
    return [name.removeprefix("test.") for name in findtests.findtests(
                exclude={"test_lockdown", "test_rexec"})]


def left_out():
    """{file: reason} of the files that are not run; a name ending in .* stands for a package."""
    reasons = {}
    for where, (name, reason) in lines_of("files.tsv", 2):
        if name in reasons:
            raise TableError(f"{where}: {name} is there twice")
        reasons[name] = reason
    return reasons


def files():
    """The files to run; a line of files.tsv with no file behind it is an error."""
    everything, out = upstream_files(), left_out()
    used = set()
    chosen = []
    for name in everything:
        line = name if name in out else name.partition(".")[0] + ".*"
        if line in out:
            used.add(line)
        else:
            chosen.append(name)
    if out.keys() - used:
        raise TableError(f"locked/files.tsv: no test file {min(out.keys() - used)}")
    return chosen


def explanations():
    """{method: Explanation}."""
    found = {}
    for where, (name, word, reason) in lines_of("explained.tsv", 3):
        if word not in WORDS:
            raise TableError(f"{where}: {word} is none of {', '.join(WORDS)}")
        if name in found:
            raise TableError(f"{where}: {name} is there twice: {found[name].where}")
        found[name] = Explanation(name, word, reason, where)
    return found


def judge(results, explained):
    """What is wrong, as lines: RESULTS is {file: [record]} of the files that ran."""
    problems = []
    ran = {record["name"]: record for records in results.values() for record in records}
    for name, record in ran.items():
        if record["kind"] == "other" and name not in explained:
            problems.append(f"{name} fails, and no right would help:\n    "
                            + record["text"].rstrip().replace("\n", "\n    "))
    for name, explanation in explained.items():
        file = file_of(name, results)
        if file is None:
            continue
        if name not in ran:
            problems.append(f"{explanation.where}: there is no method {name}")
        elif ran[name]["kind"] != "other" and explanation.word != "machine":
            problems.append(f"{explanation.where}: {name} is {ran[name]['kind']} now:"
                            " remove the line")
    return problems


def file_of(name, results):
    """The file among RESULTS that a method is in, or None: test_json.test_x is part of test_json."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in results:
            return ".".join(parts[:length])
    return None
