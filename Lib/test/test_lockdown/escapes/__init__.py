"""The escape course: known ways out of a Python jail, a file each.

A file is a docstring and then what the guest runs.  The docstring's first line says what the way
is, and fields follow, a line each or several:

Known from  where the way is known from
Effect      what is seen from outside when it works: a word of test_escapes.EFFECTS
Host        what the host did before the lock
Given       names of the host's that the guest has; "port" and "victim" are the test's
Jail        "no builtins" if the guest has none; otherwise it has all
Without     texts that the way does without, as a jail that reads the text asks for

The guest's working folder is that of Scratch.fill(), with a file "canary" more.  What it leaves in
the name answer is printed for it.
"""

import collections
import os

Way = collections.namedtuple("Way", "name title known effect host given jail without body")

_FIELDS = ("Known from", "Effect", "Host", "Given", "Jail", "Without")


def read(name):
    """The way of a file of this folder."""
    with open(os.path.join(os.path.dirname(__file__), name + ".py"), encoding="utf-8") as file:
        text = file.read()
    if not text.startswith('"""'):
        raise ValueError(f"{name}: there is no docstring")
    head, _, body = text[3:].partition('"""\n')
    title, *lines = head.strip().splitlines()
    fields = dict.fromkeys(_FIELDS, "")
    for line in filter(None, lines):
        word, colon, value = line.partition(":")
        if colon and word in fields:
            field = word
            fields[field] += value.removeprefix(" ") + "\n"
        elif line.startswith("    ") and fields["Known from"]:
            fields[field] += line.strip() + "\n"
        else:
            raise ValueError(f"{name}: no field begins {line!r}")
    known, effect, host, given, jail, without = fields.values()
    return Way(name, title, known.strip(), effect.strip(), host, given.split(), jail.strip(),
               without.split(), body)


def names():
    return sorted(entry[:-3] for entry in os.listdir(os.path.dirname(__file__))
                  if entry.endswith(".py") and entry != "__init__.py")
