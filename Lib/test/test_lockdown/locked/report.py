"""What CPython's tests came to when locked: sums for a terminal, and a page for the manual."""

import collections
import textwrap

import lockdownlib

from test.test_lockdown.locked import tables

KINDS = ("pass", "skip", "right", "hidden", "other")
HEADS = ("Methods", "Pass", "Skipped", "Need a right", "Hidden", "Explained")

ABOUT = """\
.. _lockdown-tests:

***************************
CPython's Own Tests, Locked
***************************

.. This page is written by ``make test-locked PAGE=Doc/howto/lockdown-tests.rst``.

``make test-locked`` runs CPython's own tests in locked processes.  A file is
imported as a host would import it; then the process forks, and each child prepares
what the file prepares as a whole, locks itself with ``keep=()`` and runs methods,
those of one class together and those that did not pass alone.  It is one of

pass
   The method passes with nothing kept.

skipped
   It is skipped when nothing is locked.

needs a right
   Rights were refused while it ran, in a place that it may have caught itself, and
   *it passes when these are kept*: that is tried.

hidden
   It passes when ``env``, ``import`` and ``code`` are kept besides, though nothing
   told of a refusal: it looks for paths, for source lines by them or for the
   environment, for what lies on :data:`sys.path`, or has C code do what only code
   that could break the interpreter needs.

explained
   It fails though all this is kept.  Each has a line with its reason in
   ``Lib/test/test_lockdown/locked/explained.tsv``; a method without one is an error,
   and so is a line whose method passes, unless its word is ``machine``.
"""


def count(records):
    kinds = collections.Counter(record["kind"] for record in records)
    return (sum(kinds.values()), *(kinds[kind] for kind in KINDS))


def by_right(records):
    """How often each right was needed; a method may need several."""
    rights = collections.Counter(right for record in records for right in record["rights"]
                                 if record["kind"] == "right")
    return [(right, rights[right]) for right in lockdownlib.RIGHTS if rights[right]]


def everything(results):
    return [record for records in results.values() for record in records]


def table(results):
    """A line for each file."""
    width = max(map(len, results), default=0)
    lines = [f"{'file':<{width}} " + " ".join(f"{head:>12}" for head in HEADS) + "  rights"]
    for name, records in (*results.items(), ("all", everything(results))):
        lines.append(f"{name:<{width}} " + " ".join(f"{number:>12,}" for number in count(records))
                     + "  " + ", ".join(f"{right} {number}" for right, number in by_right(records)))
    return "\n".join(lines)


def sums(results, explained, problems):
    number, passed, skipped, right, hidden, other = count(everything(results))
    return (f"test-locked: {len(results)} files, {number} methods: {passed} pass, {skipped} are"
            f" skipped, {right} need a right, {hidden} look for what is hidden, {other} fail for"
            f" another reason;"
            f" {len(problems)} problems")


def _table(title, widths, rows):
    """A line a row, as the pages of many files would be long otherwise."""
    lines = [f".. csv-table:: {title}", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in rows:
        lines.append("   " + ",".join(f'"{cell}"' for cell in row))
    return "\n".join(lines) + "\n"


def _package(name):
    return name.partition(".")[0]


def page(results, explained, names):
    """The page of the manual; NAMES are all files that can be run, RESULTS those that were."""
    every = everything(results)
    parts = [ABOUT]
    release = lockdownlib.status().upstream
    number, passed, skipped, right, hidden, other = count(every)
    parts.append(textwrap.fill(
        f"Of the {len(names)} files of CPython {release}'s tests that can be run so, "
        f"{len(results)} were for this page.  They have {number:,} methods: "
        f"{passed:,} pass, {skipped:,} are skipped, {right:,} need a right, {hidden:,} look for "
        f"what is hidden and {other:,} are explained.", 79) + "\n")
    parts.append("A method may need several rights:\n")
    parts.append(_table("Rights needed", "30 70",
                             [("Right", "Methods"),
                              *((f"``{word}``", f"{times:,}") for word, times in by_right(every))]))
    words = collections.Counter(explained[record["name"]].word for record in every
                                if record["kind"] == "other")
    parts.append("Those that are explained, by the word of their line:\n")
    parts.append(_table("Explanations", "15 15 70", [
        ("Word", "Methods", "The method"),
        *((word, str(words[word]), text) for word, text in tables.WORDS.items() if words[word])]))
    packages = {}
    for name, records in results.items():
        packages.setdefault(_package(name), []).extend(records)
    parts.append("By file; those in a package are taken together:\n")
    parts.append(_table("Files", "24 9 9 9 9 9 9 22", [
        ("File", *HEADS, "Rights"),
        *((f"``{name}``", *(f"{number:,}" for number in count(records)),
           ", ".join(f"{word} {times}" for word, times in by_right(records)) or "--")
          for name, records in packages.items())]))
    late = [name for name in names if name not in results]
    if late:
        parts.append(textwrap.fill(
            "Not run for this page: " + ", ".join(f"``{name}``" for name in late) + ".", 79,
            break_long_words=False, break_on_hyphens=False) + "\n")
    parts.append("Never run:\n")
    parts.append(_table("Left out", "30 70", [
        ("File", "Reason"),
        *((f"``{name}``", reason) for name, reason in sorted(tables.left_out().items()))]))
    return "\n".join(parts)
