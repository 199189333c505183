"""RExec: restricted execution as Python 1.4 to 2.2 had it, in a padded cell.

The classes and their methods are those of the old module; what they do happens in a process of
its own.  No object of the cell comes out of it: modules are seen through proxies, errors as
CellError.
"""

import builtins
import os
import sys
import threading
import tokenize

from rexec.cell import Cell
from rexec.errors import CellError
from rexec.hooks import (PY_SOURCE, FileBase, FileDelegate, FileWrapper, RHooks, RModuleImporter,
                         RModuleLoader, Verbose)
from rexec.limits import HISTORIC
from rexec.values import Malformed

__all__ = ["RExec", "RHooks", "RModuleLoader", "RModuleImporter", "FileBase", "FileWrapper",
           "FileDelegate", "test"]

class _Module:
    """A module of the cell's, seen from the supervisor: attributes are values that cross."""

    def __init__(self, rexec, name):
        self.__dict__["__name__"] = name
        self.__dict__["_rexec_"] = rexec

    def __repr__(self):
        return f"<module {self.__name__!r} in a cell>"

    def __getattr__(self, name):
        rexec = self.__dict__.get("_rexec_")
        if rexec is None or name[:2] == "__" and name != "__doc__":
            raise AttributeError(name)
        try:
            return rexec._call("get", self.__name__, name)
        except CellError as error:
            if error.type_name != "AttributeError":
                raise
        raise AttributeError(f"module {self.__name__!r} in the cell has no attribute {name!r}")

    def __setattr__(self, name, value):
        self._rexec_._call("set", self.__name__, name, value)

    def __delattr__(self, name):
        try:
            self._rexec_._call("delete", self.__name__, name)
        except CellError as error:
            if error.type_name != "AttributeError":
                raise
            raise AttributeError(name) from None

    def __dir__(self):
        names = self._rexec_._call("dir", self.__name__)
        if type(names) is not list or not all(type(name) is str for name in names):
            raise self._rexec_._cell._broke_rules("names that are none")
        return names


class _SysModule(_Module):
    """The cell's sys.  Its streams are the supervisor's: the cell reads and writes through them."""

    def __setattr__(self, name, value):
        if name in ("stdin", "stdout", "stderr"):
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name):
        if name in ("stdin", "stdout", "stderr"):
            raise AttributeError(name)      # not set
        return super().__getattr__(name)


class RExec(Verbose):
    """Run code in restricted mode, which is a padded cell."""

    ok_path = tuple(sys.path)
    ok_builtin_modules = ("_bisect", "_collections", "_csv", "_datetime", "_functools", "_heapq",
                          "_json", "_md5", "_operator", "_random", "_sha1", "_sha2", "_sre",
                          "_stat", "_statistics", "_string", "_struct", "array", "binascii",
                          "cmath", "errno", "itertools", "marshal", "math", "select", "time",
                          "unicodedata", "zlib")
    ok_posix_names = ("error", "fstat", "listdir", "lstat", "readlink", "stat", "times", "uname",
                      "getpid", "getppid", "getcwd", "getuid", "getgid", "geteuid", "getegid")
    ok_sys_names = ("byteorder", "copyright", "exit", "getdefaultencoding", "getrefcount",
                    "hexversion", "maxsize", "maxunicode", "platform", "ps1", "ps2", "version",
                    "version_info")
    nok_builtin_names = ("open", "reload", "__import__")
    ok_file_types = (PY_SOURCE,)

    def __init__(self, hooks=None, verbose=False, *, limits=None, **options):
        """*hooks* is an RHooks; *options* are those of Cell, except for files, functions and
        streams, which have their methods here."""
        Verbose.__init__(self, verbose)
        self.hooks = RHooks(verbose) if hooks is None else hooks
        self.hooks.set_rexec(self)
        self.modules = {}
        self._error = None
        self._local = threading.local()
        self._cell = Cell(limits=HISTORIC if limits is None else limits, open=self._open,
                          stdout=lambda text: self._write("stdout", text),
                          stderr=lambda text: self._write("stderr", text), **options)
        try:
            self._cell._services["historic"] = self._serve
            self._cell.run("__import__('rexec.guesthistoric').guesthistoric.begin()")
            self.ok_dynamic_modules = self.ok_builtin_modules
            self._inside = self._cell.modules      # the cell has these by itself
            self.ok_builtin_modules = tuple(name for name in self.ok_builtin_modules
                                            if name in self._inside)
            self.set_trusted_path()
            self.make_builtin()
            self.make_initial_modules()
            self.make_sys()
            self.loader = RModuleLoader(self.hooks, verbose)
            self.importer = RModuleImporter(self.loader, verbose)
        except BaseException:
            self._cell.close()
            raise

    def close(self):
        """End the cell."""
        self._cell.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    # Making the cell look as it should, in the historic order.

    def set_trusted_path(self):
        # Not those that depend on where the process happens to be.
        self.trusted_path = list(filter(os.path.isabs, self.ok_path))

    def load_dynamic(self, name, filename, file=None):
        raise ImportError(f"extension modules cannot be loaded into a cell: {name!r}", name=name)

    def make_initial_modules(self):
        self.make_main()
        self.make_osname()

    def get_suffixes(self):
        return [item for item in [(".py", "r", PY_SOURCE)] if item[2] in self.ok_file_types]

    def is_builtin(self, mname):
        return mname in self.ok_builtin_modules

    def make_builtin(self):
        self.copy_except(builtins, self.nok_builtin_names)
        self._call("builtin")

    def make_main(self):
        self.add_module("__main__")

    def make_osname(self):
        system = sys.modules[os.name] if os.name in sys.modules else __import__(os.name)
        self.copy_only(system, self.ok_posix_names)
        self._call("os", os.name)
        self.add_module("os")

    def make_sys(self):
        self.copy_only(sys, self.ok_sys_names)
        self._call("sys", list(self.ok_path))
        names = sorted({*self.modules, *self.ok_builtin_modules})
        self.modules["sys"].builtin_module_names = tuple(names)

    def copy_except(self, src, exceptions):
        """Give the cell a module that has what its own module of that name has, without
        *exceptions*."""
        return self._copy(src, None, exceptions)

    def copy_only(self, src, names):
        """Give the cell a module that has *names* of its own module of that name."""
        return self._copy(src, names, None)

    def copy_none(self, src):
        return self._copy(src, (), None)

    def _copy(self, src, names, exceptions):
        module = self.add_module(src.__name__)
        wanted = [name for name in dir(src) if name not in exceptions] if names is None else names
        # What the cell's own module does not have can come from here if it is plain data.
        values = {name: getattr(src, name) for name in wanted
                  if name[:2] != "__" and type(getattr(src, name, None)) in _PLAIN}
        self._call("copy", src.__name__, src.__doc__, None if names is None else list(names),
                   None if exceptions is None else list(exceptions), values)
        return module

    def add_module(self, mname):
        """The cell's module of that name, made if need be, as a proxy."""
        module = self.modules.get(mname)
        if module is None:
            self._call("add", mname)
            module = self.modules[mname] = (_SysModule if mname == "sys" else _Module)(self, mname)
        return module

    # The r_ methods: run something in the cell.

    def r_exec(self, code):
        """Run *code*, a string, as statements in the cell's __main__."""
        self._call("exec", _source(code))

    def r_eval(self, code):
        """The value of *code*, a string with an expression, if it can cross."""
        return self._call("eval", _source(code))

    def r_execfile(self, file):
        """Run a file, which the supervisor reads."""
        with tokenize.open(file) as text:
            self.r_exec(text.read())

    def r_import(self, mname, globals={}, locals={}, fromlist=()):
        """Import a module in the cell and return it as a proxy.

        Overridden, it is asked for each module that code in the cell imports, and returns the
        source, None for what would have been done anyway, or raises.
        """
        if self._is_asked():
            return None
        return self.importer.import_module(mname, globals, locals, fromlist)

    def r_reload(self, m):
        return self.importer.reload(m)

    def r_unload(self, m):
        return self.importer.unload(m)

    def r_open(self, file, mode="r", buf=-1):
        """What open() in the cell calls, with a binary mode.  Override it to allow files: return
        an open file, or raise OSError."""
        raise PermissionError("can't open files in restricted mode")

    def r_exc_info(self):
        """(nearest built-in class, CellError, None) of the last error in the cell."""
        error = self._error
        if error is None:
            return None, None, None
        kind = getattr(builtins, error.type_name, None)
        if not _is_exception(kind):
            # Only the cell knows what its class was made of.
            name = self._cell.call("__rexec__", "nearest")
            kind = getattr(builtins, name if isinstance(name, str) else "Exception", Exception)
        return (kind if _is_exception(kind) else Exception), error, None

    # The s_ methods: the same with the supervisor's streams.

    def make_delegate_files(self):
        s = self.modules["sys"]
        self.delegate_stdin = FileDelegate(s, "stdin")
        self.delegate_stdout = FileDelegate(s, "stdout")
        self.delegate_stderr = FileDelegate(s, "stderr")
        self.restricted_stdin = FileWrapper(sys.stdin)
        self.restricted_stdout = FileWrapper(sys.stdout)
        self.restricted_stderr = FileWrapper(sys.stderr)

    def set_files(self):
        if not hasattr(self, "save_stdin"):
            self.save_files()
        self.make_delegate_files()
        s = self.modules["sys"]
        s.stdin, s.stdout, s.stderr = (self.restricted_stdin, self.restricted_stdout,
                                       self.restricted_stderr)
        sys.stdin, sys.stdout, sys.stderr = (self.delegate_stdin, self.delegate_stdout,
                                             self.delegate_stderr)

    def reset_files(self):
        s = self.modules["sys"]
        self.restricted_stdin, self.restricted_stdout, self.restricted_stderr = (
            s.stdin, s.stdout, s.stderr)
        self.restore_files()

    def save_files(self):
        self.save_stdin, self.save_stdout, self.save_stderr = sys.stdin, sys.stdout, sys.stderr

    def restore_files(self):
        sys.stdin, sys.stdout, sys.stderr = self.save_stdin, self.save_stdout, self.save_stderr
        s = self.modules["sys"].__dict__
        for name in ("stdin", "stdout", "stderr"):
            s.pop(name, None)

    def s_apply(self, func, args=(), kw={}):
        """Call *func* while the streams of the cell are the supervisor's."""
        s = self.modules["sys"].__dict__
        before = {name: s[name] for name in ("stdin", "stdout", "stderr") if name in s}
        self.save_files()
        saved = self.save_stdin, self.save_stdout, self.save_stderr
        try:
            self.set_files()
            return func(*args, **kw)
        finally:
            # What func did of this kind is undone as well.
            self.save_stdin, self.save_stdout, self.save_stderr = saved
            self.restore_files()
            s.update(before)

    def s_exec(self, *args):
        return self.s_apply(self.r_exec, args)

    def s_eval(self, *args):
        return self.s_apply(self.r_eval, args)

    def s_execfile(self, *args):
        return self.s_apply(self.r_execfile, args)

    def s_import(self, *args):
        return self.s_apply(self.r_import, args)

    def s_reload(self, *args):
        return self.s_apply(self.r_reload, args)

    def s_unload(self, *args):
        return self.s_apply(self.r_unload, args)

    # Between the halves.

    def _call(self, operation, *arguments):
        try:
            return self._cell.call("__rexec__", operation, *arguments)
        except CellError as error:
            self._error = error
            raise

    def _import(self, name, fromlist=()):
        if not isinstance(name, str):
            raise TypeError(f"a module's name must be a str, not {type(name).__name__}")
        found = self._call("import", name, list(fromlist or ()))
        if type(found) is not str:
            raise self._cell._broke_rules("a module's name that is none")
        return self.add_module(found)

    def _reload(self, module):
        name = getattr(module, "__name__", module)
        self._call("reload", name)
        return self.add_module(name)

    def _unload(self, module):
        name = getattr(module, "__name__", module)
        self._call("unload", name)
        self.modules.pop(name, None)

    def _is_asked(self):
        return getattr(self._local, "asked", False)

    def _open(self, path, mode):
        return self.r_open(path, mode)

    def _write(self, name, text):
        stream = self.modules["sys"].__dict__.get(name) if "sys" in self.modules else None
        (getattr(sys, name) if stream is None else stream).write(text)

    def _serve(self, operation, args, kwargs):
        """Answer the cell."""
        if kwargs or len(args) > 2:
            raise Malformed("a question of another form")
        if operation == "import" and len(args) == 1 and type(args[0]) is str:
            return self._find(args[0])
        if (operation == "stdin" and len(args) == 2 and args[0] in ("read", "readline")
                and type(args[1]) is int):
            stream = self.modules["sys"].__dict__.get("stdin")
            return "" if stream is None else getattr(stream, args[0])(args[1])
        raise Malformed("a question of another form")

    def _find(self, name):
        """(source or None, is it a package, may a built-in module of that name be used)."""
        self._local.asked = True
        try:
            source = self.r_import(name)
        finally:
            self._local.asked = False
        if source is not None:
            if not isinstance(source, str):
                raise TypeError("r_import must return the source as a str, or None, not "
                                + type(source).__name__)
            return source, False, False
        if self.hooks.is_builtin(name):
            return None, False, True
        if name not in self._inside:
            found = self.loader.get_source(name)
            if found is not None:
                return (*found, False)
        return None, False, False


_PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict)


def _is_exception(kind):
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _source(code):
    if isinstance(code, (bytes, bytearray)):
        code = bytes(code).decode("utf-8")
    if not isinstance(code, str):
        raise TypeError(f"a {type(code).__name__} object cannot cross into the cell: "
                        "pass the source as a string")
    return code


def test(argv=None):
    """Run a script restricted, or a prompt: test.py [-v] [-t module]... [script]."""
    import getopt
    options, args = getopt.getopt(sys.argv[1:] if argv is None else argv, "vt:")
    verbose = any(option == "-v" for option, _ in options)
    trusted = tuple(value for option, value in options if option == "-t")
    kind = type("RExec", (RExec,), {"ok_builtin_modules": RExec.ok_builtin_modules + trusted})
    with kind(verbose=verbose) as r:
        if args and args[0] != "-":
            try:
                r.s_execfile(args[0])
            except CellError as error:
                sys.stderr.write(error.traceback)
                return 1
            return 0
        _console(r)
    return 0


def _console(r):
    import code

    class RestrictedConsole(code.InteractiveConsole):
        def runsource(self, source, filename="<input>", symbol="single"):
            try:
                if self.compile(source, filename, symbol) is None:
                    return True         # there is more to come
            except (OverflowError, SyntaxError, ValueError):
                self.showsyntaxerror(filename)
                return False
            try:
                r.s_apply(r._call, ("single", source))
            except CellError as error:
                if error.type_name == "SystemExit":
                    raise SystemExit from None
                self.write(error.traceback)
            return False

    try:
        RestrictedConsole().interact("*** RESTRICTED *** Python", "")
    except SystemExit:
        pass


if __name__ == "__main__":
    sys.exit(test())
