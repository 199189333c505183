"""The cell's half of RExec: the modules that restricted code sees, and its import.

Restricted code has builtins, sys and os of its own making here; what it imports of the standard
library is the real thing.  None of this protects anything, as the cell does that: it makes the
cell look as it always did.
"""

import builtins
import io
import sys

from rexec import guest

_worker = guest._worker
_main = sys.modules["__main__"]
_real_import = builtins.__import__
_compile, _exec, _eval = compile, exec, eval
_Module = type(sys)

modules = {"__main__": _main}       # what restricted code finds in sys.modules
_count = 0
_nearest = "Exception"      # the built-in class nearest to that of the last error


def ask(operation, *arguments):
    return _worker.ask("historic", operation, arguments)


class _Stdin(io.TextIOBase):
    """Reads what the supervisor gives as standard input at this moment."""

    name = "<stdin>"
    encoding = "utf-8"

    def readable(self):
        return True

    def read(self, size=-1):
        return ask("stdin", "read", -1 if size is None else size)

    def readline(self, size=-1):
        return ask("stdin", "readline", -1 if size is None else size)


class _Sys(_Module):
    """The cell's sys: its streams are those that print() uses."""


def _stream(name):
    return property(lambda self: getattr(sys, name), lambda self, value: setattr(sys, name, value))


for _name in ("stdin", "stdout", "stderr", "displayhook", "excepthook"):
    setattr(_Sys, _name, _stream(_name))


# Modules.

def _source_of(name):
    """The cell's own module of that name, from which names are copied."""
    if name in ("builtins", "__builtin__"):
        return builtins
    if name == "sys":
        return sys
    return _real_import(name, None, None, ["x"])


def _get_module(name):
    module = modules.get(name)
    if module is None:
        module = modules[name] = (_Sys if name == "sys" else _Module)(name)
        module.__builtins__ = _builtins()
    return module


def _builtins():
    module = modules.get("builtins")
    return builtins if module is None else module.__dict__


def copy(name, doc, names, exceptions, values):
    """Make a module with some of the names of the cell's own module, or all but some; *values*
    are those of the supervisor's for what the cell does not have."""
    module = _get_module(name)
    try:
        source = _source_of(name)
    except ImportError:
        source = _Module(name)
    if exceptions is not None:
        names = [other for other in (*dir(source), *values) if other not in exceptions]
    files = _worker.files
    real = files._real if files is not None and name in ("os", "posix") else {}
    for other in names:
        if other in real:
            setattr(module, other, real[other])
        elif hasattr(source, other):
            if not (other[:2] == "__" and other in ("__name__", "__loader__", "__spec__",
                                                    "__file__", "__path__", "__builtins__")):
                setattr(module, other, getattr(source, other))
        elif other in values:
            setattr(module, other, values[other])
    module.__doc__ = doc


def finish_builtin():
    """After the copy of builtins: what is always there."""
    module = _get_module("builtins")
    module.__import__ = restricted_import
    module.reload = lambda module: reload(module.__name__)
    module.open = builtins.open
    _main.__dict__["__builtins__"] = module.__dict__
    modules["__builtin__"] = module


def finish_os(name):
    """After the copy of posix: os is the same with what computes on paths."""
    system = _get_module(name)
    system.environ = {}
    module = modules["os"] = _Module("os")
    module.__dict__.update({key: value for key, value in system.__dict__.items()
                            if key[:2] != "__"})
    import os
    for other in ("name", "sep", "altsep", "extsep", "pathsep", "linesep", "curdir", "pardir",
                  "devnull", "path", "fspath", "fsencode", "fsdecode", "PathLike"):
        setattr(module, other, getattr(os, other))
    modules["os.path"] = os.path
    module.getenv = lambda key, default=None: module.environ.get(key, default)
    module.__builtins__ = _builtins()


def finish_sys(path):
    module = _get_module("sys")
    module.modules = modules
    module.argv = ["RESTRICTED"]
    module.path = list(path)
    module.exc_info = sys.exc_info
    module.builtin_module_names = ()
    sys.argv[:] = ["RESTRICTED"]
    sys.stdin = sys.__stdin__ = _Stdin()


# Importing.

def restricted_import(name, globals=None, locals=None, fromlist=(), level=0):
    """__import__() of restricted code."""
    if not isinstance(name, str):
        raise TypeError("module name must be a string")
    if level:
        package = (globals or {}).get("__package__") or ""
        above = package.rsplit(".", level - 1)[0] if level > 1 else package
        if not package or level > package.count(".") + 1:
            raise ImportError("attempted relative import beyond top-level package")
        name = f"{above}.{name}" if name else above
    if not name:
        raise ValueError("Empty module name")
    parts = name.split(".")
    module = top = load(parts[0])
    for end in range(2, len(parts) + 1):
        child = load(".".join(parts[:end]))
        if parts[end - 1] not in module.__dict__:
            setattr(module, parts[end - 1], child)
        module = child
    if not fromlist:
        # A relative import always names what it wants.
        return top
    if hasattr(module, "__path__"):
        for wanted in fromlist:
            if wanted != "*" and not hasattr(module, wanted):
                try:
                    setattr(module, wanted, load(f"{name}.{wanted}"))
                except ModuleNotFoundError as error:
                    if error.name != f"{name}.{wanted}":
                        raise
    return module


def load(name):
    if name in modules:
        if modules[name] is None:
            raise ModuleNotFoundError(f"import of {name} halted; None in sys.modules", name=name)
        return modules[name]
    source, is_package, is_builtin = ask("import", name)
    if source is not None:
        return _run_source(name, source, is_package)
    parent = name.rpartition(".")[0]
    if name in sys.builtin_module_names and not is_builtin \
            or parent and _worker_own(parent) is False:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = _real_import(name, None, None, ["x"])
    modules[name] = module
    return module


def _worker_own(parent):
    """Is a package the standard library's, so that its parts are?"""
    return modules.get(parent) is sys.modules.get(parent)


def _run_source(name, source, is_package, module=None):
    if module is None:
        module = _Module(name)
    module.__builtins__ = _builtins()
    module.__package__ = name if is_package else name.rpartition(".")[0]
    if is_package:
        module.__path__ = []
    filename = f"<{name}>"
    guest.remember(filename, source)
    modules[name] = module
    try:
        _exec(_compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        modules.pop(name, None)
        raise
    return modules.get(name, module)


def reload(name):
    """Run a module's source once more in its namespace."""
    module = modules.get(name)
    if module is None:
        raise ImportError(f"module {name} not in sys.modules", name=name)
    source, is_package, _ = ask("import", name)
    if source is None:
        import importlib
        return importlib.reload(module)
    return _run_source(name, source, is_package, module)


# What the supervisor calls.

def perform(operation, *arguments):
    global _nearest
    try:
        return _PERFORM[operation](*arguments)
    except BaseException as error:
        _nearest = next(base.__name__ for base in type(error).__mro__
                        if base.__module__ == "builtins")
        raise


def _run(source, filename_kind, mode):
    global _count
    _count += 1
    filename = f"<{filename_kind} {_count}>"
    guest.remember(filename, source)
    return _compile(source, filename, mode, dont_inherit=True)


def _do_exec(source):
    _exec(_run(source, "exec", "exec"), _main.__dict__)


def _do_single(source):
    _exec(_run(source, "console", "single"), _main.__dict__)


def _do_eval(source):
    return _eval(_run(source.lstrip(" \t"), "eval", "eval"), _main.__dict__)


def _do_import(name, fromlist):
    module = restricted_import(name, None, None, fromlist)
    return name if fromlist else name.partition(".")[0] if module is not None else name


def _do_get(name, attribute):
    return getattr(modules[name], attribute)


def _do_set(name, attribute, value):
    setattr(modules[name], attribute, value)


def _do_delete(name, attribute):
    delattr(modules[name], attribute)


def _do_unload(name):
    if modules.pop(name, None) is None:
        raise ImportError(f"module {name} not loaded", name=name)


_PERFORM = {
    "exec": _do_exec, "single": _do_single, "eval": _do_eval, "import": _do_import,
    "reload": lambda name: reload(name) and None, "unload": _do_unload,
    "add": lambda name: _get_module(name) and None,
    "get": _do_get, "set": _do_set, "delete": _do_delete,
    "dir": lambda name: sorted(modules[name].__dict__), "copy": copy,
    "nearest": lambda: _nearest, "builtin": finish_builtin, "os": finish_os, "sys": finish_sys,
}


def begin():
    """Before any other code: from now on the supervisor calls perform() by this name."""
    _main.__dict__["__rexec__"] = perform
