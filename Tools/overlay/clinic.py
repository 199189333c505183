"""Operation names from Argument Clinic blocks: which C function is "os.open" to a user."""

import re

_BLOCK = re.compile(r"/\*\[clinic input\]\n(.*?)\[clinic start generated code\]\*/", re.DOTALL)
_SIGNATURE = re.compile(r"([A-Za-z_][\w.]*)(?:\s+as\s+(\w+))?\s*(?:->.*|=\s*[\w.]+)?\Z")
_DIRECTIVES = {"module", "class", "preserve", "dump", "set", "destination", "output", "printout",
               "version"}
# Modules under the name that users import them by.
_PREFIXES = {"posix": "os", "nt": "os", "_io": "io", "_signal": "signal", "_socket": "socket"}


def shown(operation):
    """The name users know: "_io.FileIO.__init__" is shown as "io.FileIO"."""
    head, dot, rest = operation.partition(".")
    operation = _PREFIXES.get(head, head) + dot + rest
    for suffix in (".__init__", ".__new__"):
        if operation.endswith(suffix):
            operation = operation[:-len(suffix)]
    return operation


def operations(text):
    """Map the C functions that clinic's blocks in TEXT define to the operations they are."""
    found = {}
    for block in _BLOCK.finditer(text):
        suffix = ""
        for line in block[1].splitlines():
            word = line.split("#")[0].strip()
            if not word:
                continue
            if word.startswith("@"):
                suffix = {"@getter": "_get", "@setter": "_set"}.get(word, suffix)
                continue
            if word.split()[0] in _DIRECTIVES:
                continue
            match = _SIGNATURE.match(word)
            if match and "." in match[1]:
                parts = match[1].split(".")
                if parts[-1] == "__new__":
                    parts.pop()
                base = (match[2] or "_".join(parts)) + suffix
                found[base] = found[base + "_impl"] = shown(match[1])
            break
    return found
