"""Freeze the safe modules: Python/frozen_safe.c, the standard library inside the binary.

    freeze_safe.py LIB TABLES OUTPUT

LIB is the folder Lib, TABLES is Python/lockdown_tables.h, which names the safe modules, and OUTPUT
is the C file.  Beside it goes a file of the same name that ends in .d and tells make what OUTPUT
depends on.

All modules are compiled by one process.  OUTPUT is written only if what it is made from has
changed: the modules, this file and the magic number of the bytecode.  It is the same each time, to
the byte.  Code objects in it hold no path: the file of json is "<frozen json>".
"""

import _imp
import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER

# Bytes of data in one line of text, short enough for people and editors.
LINE = 1 << 10

HEAD = """\
/* Made by Programs/freeze_safe.py: the safe modules that are written in Python.
   Key: {key} */

#include "Python.h"
#include "pycore_lockdown.h"      // _PyImport_FindFrozenSafe()

/* Places instead of pointers: what holds no pointer needs no relocation, so a
   process pays only for the modules that it imports, and shares the rest with
   all others.  In the order of strcmp(). */
static const struct {{
    uint32_t name;         // in safe_names
    uint32_t code;         // in safe_codes
    uint32_t size;         // of the code
    uint32_t is_package;
}} _PyImport_FrozenSafe[] = {{
"""

FIND = """
/* The safe module of this name: true if there is one. */
int
_PyImport_FindFrozenSafe(const char *name, struct _frozen *found)
{
    size_t first = 0, last = Py_ARRAY_LENGTH(_PyImport_FrozenSafe);
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        const char *here = safe_names + _PyImport_FrozenSafe[middle].name;
        int order = strcmp(name, here);
        if (order == 0) {
            found->name = here;
            found->code = safe_codes + _PyImport_FrozenSafe[middle].code;
            found->size = (int)_PyImport_FrozenSafe[middle].size;
            found->is_package = (int)_PyImport_FrozenSafe[middle].is_package;
            return 1;
        }
        if (order < 0) {
            last = middle;
        }
        else {
            first = middle + 1;
        }
    }
    return 0;
}
"""


def read_names(tables):
    """The safe modules, in the order of strcmp()."""
    with open(tables, encoding="utf-8") as file:
        text = file.read()
    names = text.partition("freeze_safe.py freezes:")[2].partition("*/")[0].split()
    if not names:
        sys.exit(f"{tables}: names no safe modules")
    return names


def find_sources(lib, names):
    """[(name, path, is_package), ...] of the modules that are written in Python."""
    sources = []
    for name in names:
        stem = f"{lib}/{name.replace('.', '/')}"
        for path, is_package in ((f"{stem}/__init__.py", True), (f"{stem}.py", False)):
            if os.path.isfile(path):
                sources.append((name, path, is_package))
                break
    return sources


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make_key(sources, texts):
    """All that OUTPUT is made from, as a number in hexadecimal."""
    parts = [MAGIC_NUMBER, read(__file__), repr(sources).encode(), *texts]
    whole = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return _imp.source_hash(0, whole).hex()


def read_key(output):
    try:
        with open(output, encoding="ascii") as file:
            return file.read(200).partition("Key: ")[2].partition(" ")[0]
    except FileNotFoundError:
        return None


def make_escapes():
    """How each byte is written in a C string: no escape may run into what follows it, and there
    may be no trigraph."""
    plain = {code: chr(code) for code in range(32, 127)}
    for code in b'"\\':
        plain[code] = "\\" + chr(code)
    del plain[ord("?")]
    return [plain.get(code) or f"\\{code:03o}" for code in range(256)]


def write_string(file, declaration, data):
    """A string literal: a compiler takes a second for it, and half a minute for as many numbers."""
    escapes = make_escapes()
    file.write(f"\nstatic const {declaration} =\n")
    for start in range(0, len(data), LINE):
        line = data[start:start + LINE].decode("latin-1").translate(escapes)
        file.write(f'"{line}"\n')
    file.write(";\n")


def write_output(file, key, sources, texts):
    file.write(HEAD.format(key=key))
    names = b""
    codes = []
    size = 0
    for (name, _, is_package), text in zip(sources, texts):
        # Not with the flags of this process: -O would take the assertions out.
        code = compile(text, f"<frozen {name}>", "exec", dont_inherit=True, optimize=0)
        codes.append(marshal.dumps(code))
        file.write(f"    {{{len(names)}, {size}, {len(codes[-1])}, {int(is_package)}}},\n")
        names += name.encode("ascii") + b"\0"
        size += len(codes[-1])
    file.write("};\n")
    write_string(file, "char safe_names[]", names)
    write_string(file, "unsigned char safe_codes[]", b"".join(codes))
    file.write(FIND)


def write_depends(output, sources):
    """What make is to look at; a module that is gone must not stop it."""
    stem = output.removesuffix(".c")
    paths = [path for _, path, _ in sources]
    with open(f"{stem}.d", "w", encoding="utf-8") as file:
        file.write(f"{stem}.stamp: {' '.join(paths)}\n")
        file.writelines(f"{path}:\n" for path in paths)


def main(lib, tables, output):
    sources = find_sources(lib, read_names(tables))
    texts = [read(path) for _, path, _ in sources]
    key = make_key(sources, texts)
    if read_key(output) != key:
        partial = f"{output}.partial"
        with open(partial, "w", encoding="ascii") as file:
            write_output(file, key, sources, texts)
        os.replace(partial, output)
    write_depends(output, sources)


if __name__ == "__main__":
    main(*sys.argv[1:])
