"""Patches: small edits of upstream files, applied exactly or not at all."""

import re
from collections import namedtuple

Hunk = namedtuple("Hunk", "line anchor old new")


def parse_patch(item, problems):
    """The hunks of the patch ITEM; what is wrong with its form goes to PROBLEMS."""
    lines = item.text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    hunks = []
    prose = False
    current = None
    for number, line in enumerate(lines, 1):
        where = f"{item.name}:{number}"
        if line.startswith("@@"):
            current = Hunk(number, line[2:].strip(), [], [])
            hunks.append((current, []))
        elif current is None:
            prose = prose or bool(line.strip())
        else:
            if "_PyLockdown_REFUSED" in line:
                problems.append(f"{where}: a guard in a patch: write it as a row of a table")
            if line and line[0] not in " -+":
                problems.append(f"{where}: a line of a hunk begins with a blank, - or +:"
                                f" correct it")
            hunks[-1][1].append(line)
    if not prose:
        problems.append(f"{item.name}:1: says nothing: write why this edit exists above the"
                        f" first @@")
    if not hunks:
        problems.append(f"{item.name}:1: has no hunk: add one or remove the file")
    result = []
    for hunk, body in hunks:
        while body and body[-1] == "":
            body.pop()          # empty lines between two hunks belong to neither
        old = [line[1:] for line in body if line[:1] in ("", " ", "-")]
        new = [line[1:] for line in body if line[:1] in ("", " ", "+")]
        if not old:
            problems.append(f"{item.name}:{hunk.line}: has no context: give a line to stand by")
        elif old == new:
            problems.append(f"{item.name}:{hunk.line}: changes nothing: remove it")
        else:
            result.append(hunk._replace(old=old, new=new))
    return result


def apply_patch(item, hunks, text, target, release, problems):
    """TEXT with HUNKS applied; one that does not land exactly goes to PROBLEMS."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    is_c = target.endswith((".c", ".h"))
    edits = []
    for hunk in hunks:
        where = f"{item.name}:{hunk.line}: {hunk.anchor or hunk.old[0].strip()}: {release}"
        start, problem = _place(hunk, lines, is_c)
        if problem:
            problems.append(f"{where}: {problem}")
        else:
            edits.append((start, start + len(hunk.old), hunk, where))
    edits.sort(key=lambda edit: edit[:2])
    for before, after in zip(edits, edits[1:]):
        if after[0] < before[1]:
            problems.append(f"{after[3]}: overlaps the hunk of line {before[2].line}: join them")
            return text
    for start, end, hunk, _ in reversed(edits):
        lines[start:end] = hunk.new
    return newline.join(lines)


def _place(hunk, lines, is_c):
    """(index of the first line of the hunk's old block, None), or (None, what is wrong)."""
    first = 0
    if hunk.anchor:
        at = [i for i, line in enumerate(lines) if hunk.anchor in line]
        if len(at) != 1:
            return None, (f"the text after @@ is in {len(at)} lines, not in exactly one:"
                          f" choose another")
        first = at[0]
    size = len(hunk.old)
    hits = [i for i in range(first, len(lines) - size + 1) if lines[i:i + size] == hunk.old]
    if not hits:
        return None, "does not apply: upstream's text is another: bring the hunk up to date"
    if not hunk.anchor and len(hits) > 1:
        return None, (f"applies in {len(hits)} places: add context or a text after @@")
    if hunk.anchor and is_c and any(re.match(r"\}", line) for line in lines[first:hits[0]]):
        return None, "applies only beyond the end of the function named after @@: correct it"
    return hits[0], None
