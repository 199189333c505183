"""Entering new files in the lists that upstream's build keeps by hand.

Each rule derives its edits from the new files themselves, and inserts at exactly one place or
reports an error.  So a new file costs no patch.
"""

import posixpath
import re
from collections import namedtuple

# LINES to put into a list.  START matches the list's first line, or is None for the whole file;
# ENTRY matches an entry, and its first group is what the list is sorted by; KEY is where the new
# entry stands in that order, or None to stand behind the last match of ENTRY.
Entry = namedtuple("Entry", "start entry key lines")

PYTHONCORE = "PCbuild/pythoncore.vcxproj"
FREEZE = "PCbuild/_freeze_module.vcxproj"
# Which page of the documentation lists the pages of a folder.
DOC_INDEXES = {"Doc/library": "Doc/library/python.rst", "Doc/howto": "Doc/howto/index.rst",
               "Doc/c-api": "Doc/c-api/utilities.rst"}
# Files that the build makes, and that sources include as they do a new header.
GENERATED = ("Python/lockdown_tables.h",)
_OBJECT_LISTS = {"Python": "PYTHON_OBJS", "Objects": "OBJECT_OBJS"}
C_ANALYZER = "Tools/c-analyzer/cpython/_parser.py"
# A header that may only be included by another one says so.
_INCLUDED_BY = re.compile(r"^#ifndef (Py_CPYTHON_\w+_H)\n#[ \t]*error", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def entries(new):
    """{file: [Entry, ...]} for the new files NEW ({name: Input})."""
    result = {}

    def add(file, *entry):
        result.setdefault(file, []).append(Entry(*entry))

    for name in sorted(new):
        folder, _, base = name.rpartition("/")
        stem = base.partition(".")[0]
        if base.endswith(".c") and folder in ("Python", "Objects", "Modules"):
            if folder == "Modules":
                _builtin_module(add, stem)
            else:
                add("Makefile.pre.in", rf"{_OBJECT_LISTS[folder]}=", rf"\t\t({folder}/[\w-]+)\.o",
                    f"{folder}/{stem}", [f"\t\t{folder}/{stem}.o \\"])
                _project(add, FREEZE, "ClCompile", folder, base, "Source Files")
            _project(add, PYTHONCORE, "ClCompile", folder, base, folder)
            _dependencies(add, name, new)
            _c_analyzer(add, name, new[name].text)
        elif base.endswith(".h") and folder in ("Include", "Include/cpython", "Include/internal"):
            add("Makefile.pre.in", "PYTHON_HEADERS=", rf"\t\t\$\(srcdir\)/{folder}/(\w+)\.h",
                stem, [f"\t\t$(srcdir)/{name} \\"])
            _c_analyzer(add, name, new[name].text)
            group = folder.replace("/", "\\")
            _project(add, PYTHONCORE, "ClInclude", folder, base, group)
        elif folder in DOC_INDEXES and base.endswith(".rst"):
            add(DOC_INDEXES[folder], None, r"   ([\w.-]+\.rst)", None, [f"   {base}"])
    for name in sorted(_modules(new)):
        add("Python/stdlib_module_names.h", None, r'"(\w+)",', name, [f'"{name}",'])
    _library_folders(add, new)
    return result


def _builtin_module(add, stem):
    module = _module_name(stem)
    add("Modules/Setup.bootstrap.in", None, "_suggestions _suggestions.c", None,
        [f"{module} {stem}.c"])
    add("PC/config.c", None, r"extern PyObject\* PyInit_errno\(void\);", None,
        [f"extern PyObject* PyInit_{module}(void);"])
    add("PC/config.c", None, r'    \{"errno", PyInit_errno\},', None,
        [f'    {{"{module}", PyInit_{module}}},'])


def _project(add, project, kind, folder, base, group):
    """Enter a file in a Visual Studio project and in the filters that sort it into GROUP."""
    path = "..\\" + f"{folder}\\{base}".replace("/", "\\")
    shape = re.escape(path[:-len(base)])
    entry = rf'    <{kind} Include="{shape}([\w-]+\.[ch])"'
    add(project, None, entry, base, [f'    <{kind} Include="{path}" />'])
    add(project + ".filters", None, entry, base,
        [f'    <{kind} Include="{path}">', f"      <Filter>{group}</Filter>", f"    </{kind}>"])


def _dependencies(add, name, new):
    """What a new source includes from beside itself is in no list of headers: make must know."""
    folder = posixpath.dirname(name)
    needs = [posixpath.normpath(posixpath.join(folder, header))
             for header in _INCLUDE.findall(new[name].text)]
    needs = [f"$(srcdir)/{header}" for header in needs if header in new or header in GENERATED]
    if needs:
        add("Makefile.pre.in", None, r"Python/frozen\.o: \$\(FROZEN_FILES_OUT\)", None,
            [f"{name[:-2]}.o: {' '.join(needs)}"])


def _c_analyzer(add, name, text):
    """What the c-analyzer has to define to read a file.  (Its other tables list variables that
    are neither constant nor of a kind it knows; the overlay has none.)"""
    macro = None
    if name.startswith("Modules/") and '"pycore_' in text:
        macro = "Py_BUILD_CORE"
    elif name.startswith("Include/cpython/") and _INCLUDED_BY.search(text):
        macro = _INCLUDED_BY.search(text)[1]
    if macro:
        entry = rf"({name.rpartition('/')[0]}/\w+\.[ch])\t"
        entry += r"Py_BUILD_CORE\t1" if macro == "Py_BUILD_CORE" else r"Py_CPYTHON_\w+\t1"
        add(C_ANALYZER, None, entry, name, [f"{name}\t{macro}\t1"])


def _module_name(stem):
    return stem[:-6] if stem.endswith("module") else stem


def _modules(new):
    """The top-level modules among the new files, for sys.stdlib_module_names."""
    for name in new:
        parts = name.split("/")
        if parts[0] == "Modules" and len(parts) == 2 and name.endswith(".c"):
            yield _module_name(parts[1][:-2])
        elif parts[0] == "Lib" and name.endswith(".py"):
            if parts[1] != "test" and (len(parts) == 2 or parts[2:] == ["__init__.py"]):
                yield parts[1].partition(".")[0]


def _library_folders(add, new):
    """The folders that `make install` is to make and fill."""
    folders = set()
    for name in new:
        parts = name.split("/")[:-1]
        if parts[0] == "Lib":
            folders.update("/".join(parts[1:i]) for i in range(2, len(parts) + 1))
    for folder in sorted(folders):
        if folder == "test":
            continue
        if folder.startswith("test/"):
            add("Makefile.pre.in", "TESTSUBDIRS=", r"\t\t(test/\S+)", folder,
                [f"\t\t{folder} \\"])
        elif "/test" not in folder:
            add("Makefile.pre.in", "LIBSUBDIRS=", r"\t\t([a-z]\w*)", folder,
                [f"\t\t{folder} \\"])


def enter(added, text, file, release, problems):
    """TEXT of FILE with the entries ADDED in their lists."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    for entry in added:
        problem = _enter(entry, lines)
        if problem:
            problems.append(f"{file}: {entry.lines[0].strip()}: {release}: {problem}")
    return newline.join(lines)


def _enter(entry, lines):
    """Insert ENTRY into LINES; what is wrong, or None."""
    first, last = 0, len(lines)
    if entry.start:
        starts = [i for i, line in enumerate(lines) if re.match(entry.start, line)]
        if len(starts) != 1:
            return f"{len(starts)} lists begin with {entry.start}: correct the rule in register.py"
        first = last = starts[0] + 1
        while lines[last - 1].endswith("\\"):
            last += 1
    if entry.lines[0] in lines[first:last]:
        return "is in upstream's list already: rename the new file"
    matches = [(i, re.match(entry.entry, lines[i])) for i in range(first, last)]
    matches = [(i, match) for i, match in matches if match]
    if not matches or entry.key is None and len(matches) > 1 and not matches[0][1].groups():
        return (f"{len(matches)} places like {entry.entry}: correct the rule in register.py")
    if entry.key is not None:
        for i, match in matches:
            if match[1] > entry.key:
                lines[i:i] = entry.lines
                return None
    after = matches[-1][0] + 1
    if lines[after - 1].endswith('">'):         # an element of a project file goes on
        while not lines[after - 1].startswith("    </"):
            after += 1
    lines[after:after] = entry.lines
    return None
