"""Reads the slots of modules.tsv, whose head says what they are.

The weaver loads this file by its path, with whatever Python builds this one: it imports re alone.
"""

import re

_STEP = r"(?:\.[A-Za-z_]\w*|\['[^'\\]+'\]|\[\d\])"
_VALUE = r"None|\"\"|\"<locked>\"|\(\)|False|0|\{\}|\[\]|set\(\)"
_BEGIN = r"(?:unless ([a-z.|]+) )?(?:([\w.]+):)?"
_SLOT = re.compile(rf"{_BEGIN}([A-Za-z_]\w*{_STEP}*)(?:\(\))?=({_VALUE}|cache)\Z")
_EACH = re.compile(rf"{_BEGIN}each ([A-Za-z_][\w.]*)\.([A-Za-z_]\w*(?:\['[\w-]+'\])?)=({_VALUE})\Z")
_FUNCTION = re.compile(rf"{_BEGIN}each ([A-Za-z_][\w.<>]*\(\))\.([A-Za-z_]\w*)=(\"<locked>\")\Z")


def read_slots(entry, reason):
    """(slots, slots of instances, texts that are none) that the REASON of the module ENTRY begins
    with; a slot is (module, path, value, right), one of instances (module, class, attribute, value,
    right), where RIGHT may be empty, or several with bars between.
    """
    slots, instances, wrong = [], [], []
    text = re.sub(r"\A(?:\w+=no )", "", reason).partition(" - ")[0]
    for slot in text.split("; "):
        if match := _EACH.match(slot) or _FUNCTION.match(slot):
            instances.append((match[2] or entry, *match.groups()[2:], match[1] or ""))
        elif match := _SLOT.match(slot):
            slots.append((match[2] or entry, *match.groups()[2:], match[1] or ""))
        else:
            wrong.append(slot)
    return slots, instances, wrong
