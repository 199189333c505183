"""Finds what C code gives to Python: the functions, types and attributes of the standard library.

An entry is one of them, named by the C module it belongs to and its dotted name there, such as
("posix", "stat") or ("_io", "FileIO.read"). The walk looks at the live interpreter, so what
upstream adds is found without anybody's help, and what a table says of something that is gone is
noticed.
"""

import importlib
import importlib.machinery
import os
import sys
import sysconfig
import types

# Of the names that C code makes, those that hold code of C.
CALLABLES = (types.BuiltinFunctionType, types.MethodWrapperType)
DESCRIPTORS = (types.WrapperDescriptorType, types.MethodDescriptorType,
               types.ClassMethodDescriptorType, types.GetSetDescriptorType,
               types.MemberDescriptorType)

# Upstream's modules that exist to be tested with: no program has a use for them.
TEST_MODULES = frozenset("""
    _ctypes_test _testbuffer _testcapi _testclinic _testclinic_limited _testexternalinspection
    _testimportmultiple _testinternalcapi _testlimitedcapi _testmultiphase _testsinglephase
    _xxtestfuzz xxlimited xxlimited_35 xxsubtype
""".split())

# Modules that other C modules show as their attributes.
NESTED = {"sys.monitoring": "sys", "pyexpat.errors": "pyexpat", "pyexpat.model": "pyexpat"}

HEAP = 1 << 9


def extension_modules():
    """The names of all C modules of this build, whether in the binary or beside it."""
    names = set(sys.builtin_module_names)
    folder = sysconfig.get_config_var("DESTSHARED") or ""
    folders = [folder, *(path for path in sys.path if "lib." in path or "lib-dynload" in path)]
    for folder in filter(os.path.isdir, folders):
        for name in os.listdir(folder):
            if name.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
                names.add(name.partition(".")[0])
    return sorted(names)


def import_all(names=None):
    """Import these C modules, or all but the test modules; gives them by name."""
    found = {}
    for name in extension_modules() if names is None else names:
        if name not in TEST_MODULES and not name.startswith("_testsinglephase"):
            try:
                found[name] = importlib.import_module(name)
            except ImportError:
                # Built for another machine, or for a library that is gone.
                continue
    for nested, owner in NESTED.items():
        if owner in found:
            value = found[owner]
            for word in nested.split(".")[1:]:
                value = getattr(value, word)
            found[nested] = value
    return found


def is_c(value):
    """Whether a value from a namespace is code of C."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    return isinstance(value, (*CALLABLES, *DESCRIPTORS))


def all_types():
    """Every type there is, found from object: also those that no module shows."""
    found, todo = {}, [object]
    while todo:
        cls = todo.pop()
        if id(cls) not in found:
            found[id(cls)] = cls
            todo.extend(type.__subclasses__(cls))
    return list(found.values())


def entries_of_type(cls):
    """The names in a type's namespace that are code of C, or nothing if Python code made it.

    A class statement notes its first line. What calls type() or a metaclass written in Python makes
    a class that has nothing of C but what every class has, and its slots.
    """
    names = [name for name, value in vars(cls).items() if is_c(value)]
    if cls.__flags__ & HEAP:
        if "__firstlineno__" in vars(cls) or "__firstlineno__" in vars(type(cls)):
            return []
        if "__slots__" in vars(cls) or set(names) <= {"__dict__", "__weakref__"}:
            return []
    return names


def home(cls, modules, shown):
    """The C module a type belongs to: the one it names, or else the first that shows it."""
    if cls.__module__ in modules:
        return NESTED.get(cls.__module__, cls.__module__)
    for name in shown.get(id(cls), ()):
        return NESTED.get(name, name)
    return HIDDEN_HOMES.get(cls.__module__)


# For types that name a module written in Python and are attributes of none: who makes them.
HIDDEN_HOMES = {
    "Token": "_contextvars",
    "ast": "_ast",
    "collections": "_collections",
    "ctypes": "_ctypes",
    "curses": "_curses",
    "datetime": "_datetime",
    "decimal": "_decimal",
    "functools": "_functools",
    "operator": "_operator",
    "os": "posix",
    "pickle": "_pickle",
    "re": "_sre",
    "socket": "_socket",
    "sqlite3": "_sqlite3",
    "ssl": "_ssl",
    "types": "builtins",
    "typing": "_typing",
    "weakref": "_weakref",
    "xml.etree.ElementTree": "_elementtree",
    "xml.parsers.expat": "pyexpat",
    "zoneinfo": "_zoneinfo",
}


class Walk:
    """What one walk found: modules by name, and the object behind each (module, entry) pair."""

    def __init__(self):
        self.modules = import_all()
        self.entries = {}
        self.types = {}
        self.homeless = []
        shown = {}
        for name, module in sorted(self.modules.items()):
            for key, value in vars(module).items():
                if isinstance(value, type):
                    shown.setdefault(id(value), []).append(name)
                elif is_c(value) and self._belongs(value, name):
                    owner = NESTED.get(name, name)
                    prefix = name[len(owner) + 1:] + "." if owner != name else ""
                    self.entries[owner, prefix + key] = value
        for cls in all_types():
            names = entries_of_type(cls)
            if not names:
                continue
            owner = home(cls, self.modules, shown)
            if owner is None:
                self.homeless.append(cls)
                continue
            self.types[owner, cls.__qualname__] = cls
            for key in names:
                self.entries[owner, f"{cls.__qualname__}.{key}"] = vars(cls)[key]

    @staticmethod
    def _belongs(value, name):
        """Whether a function is this module's own: not one that it shows under another's name."""
        owner = getattr(value, "__module__", None)
        return owner is None or owner not in sys.builtin_module_names or owner == name \
            or name in NESTED


def main():
    """Print the entries, for whoever starts a table: a module and an entry to a line."""
    walk = Walk()
    for owner, name in sorted(walk.entries):
        if len(sys.argv) == 1 or owner in sys.argv[1:]:
            print(owner, name, sep="\t")
    for cls in walk.homeless:
        print("no home:", cls.__module__, cls.__qualname__, file=sys.stderr)


if __name__ == "__main__":
    main()
