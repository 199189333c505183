"""What RExec asks and hands over: hooks, loaders and wrapped files, as they were in 2.2."""

import os
import tokenize

# As the module imp had them.
PY_SOURCE, PY_COMPILED, C_EXTENSION = 1, 2, 3


class FileBase:
    """The methods of files that restricted code gets.  There is no fileno() any more."""

    ok_file_methods = ("flush", "isatty", "read", "readline", "readlines", "seek", "tell", "write",
                       "writelines", "__iter__")


class FileWrapper(FileBase):
    """A file with those methods only, which cannot be closed."""

    def __init__(self, f):
        for name in self.ok_file_methods:
            if not hasattr(self, name) and hasattr(f, name):
                setattr(self, name, getattr(f, name))

    def close(self):
        if hasattr(self, "flush"):
            self.flush()

    def __iter__(self):
        return iter(self.readline, "")


class FileDelegate(FileBase):
    """A file whose methods are those of whatever an attribute of a module is at the moment."""

    def __init__(self, mod, name):
        self.mod = mod
        self.name = name

    def __getattr__(self, name):
        if name in self.ok_file_methods or name == "close":
            return getattr(getattr(self.mod, self.name), name)
        raise AttributeError(name)

    def __iter__(self):
        return iter(getattr(self.mod, self.name))


class Verbose:
    """Says what it does when asked to."""

    def __init__(self, verbose=False):
        self.verbose = verbose

    def get_verbose(self):
        return self.verbose

    def set_verbose(self, verbose):
        self.verbose = verbose

    def note(self, *args):
        if self.verbose:
            self.message(*args)

    def message(self, format, *args):
        print(format % args if args else format)


class RHooks(Verbose):
    """What importing asks of the system.  A subclass may answer otherwise; only what answers with
    names, text or yes and no is asked, always in the supervisor."""

    def __init__(self, verbose=False):
        super().__init__(verbose)
        self.rexec = None

    def set_rexec(self, rexec):
        if self.rexec is None:
            self.rexec = rexec

    def get_suffixes(self):
        return self.rexec.get_suffixes()

    def is_builtin(self, name):
        return self.rexec.is_builtin(name)

    def is_frozen(self, name):
        return False

    def default_path(self):
        return list(self.rexec.ok_path)

    def modules_dict(self):
        return self.rexec.modules

    def add_module(self, name):
        return self.rexec.add_module(name)

    def load_dynamic(self, name, filename, file=None):
        return self.rexec.load_dynamic(name, filename, file)

    def init_builtin(self, name):
        raise ImportError(f"modules are made in the cell: use r_import({name!r})", name=name)

    def init_frozen(self, name):
        self.init_builtin(name)

    def load_source(self, name, filename, file=None):
        self.init_builtin(name)

    def load_compiled(self, name, filename, file=None):
        self.init_builtin(name)

    def load_package(self, name, filename, file=None):
        self.init_builtin(name)

    def listdir(self, path):
        return os.listdir(path)

    def exists(self, path):
        return os.path.exists(path)

    def isfile(self, path):
        return os.path.isfile(path)

    def isdir(self, path):
        return os.path.isdir(path)

    def islink(self, path):
        return os.path.islink(path)

    def path_join(self, first, second):
        return os.path.join(first, second)

    def path_split(self, path):
        return os.path.split(path)

    def path_isabs(self, path):
        return os.path.isabs(path)

    def openfile(self, filename, mode="r", bufsize=-1):
        """A file that reads the source; it never leaves the supervisor."""
        return tokenize.open(filename) if mode == "r" else open(filename, mode, bufsize)


class RModuleLoader(Verbose):
    """Finds the source of modules for cells."""

    def __init__(self, hooks=None, verbose=False):
        super().__init__(verbose)
        self.hooks = RHooks(verbose) if hooks is None else hooks

    def default_path(self):
        return self.hooks.default_path()

    def modules_dict(self):
        return self.hooks.modules_dict()

    def find_module(self, name, path=None):
        """Return (file name, is it a package) of a module's source in trusted folders, or None."""
        hooks = self.hooks
        trusted = None if hooks.rexec is None else hooks.rexec.trusted_path
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        suffixes = [suffix for suffix, _, kind in hooks.get_suffixes() if kind == PY_SOURCE]
        for folder in self.default_path() if path is None else path:
            if trusted is not None and folder not in trusted:
                continue
            for part in parts[:-1]:
                folder = hooks.path_join(folder, part)
            for suffix in suffixes:
                package = hooks.path_join(hooks.path_join(folder, parts[-1]), "__init__" + suffix)
                if hooks.isfile(package):
                    return package, True
                module = hooks.path_join(folder, parts[-1] + suffix)
                if hooks.isfile(module):
                    return module, False
        return None

    def get_source(self, name):
        """Return (text, is it a package), or None."""
        found = self.find_module(name)
        if found is None:
            return None
        filename, is_package = found
        with self.hooks.openfile(filename, "r") as file:
            self.note("# reading %s", filename)
            return file.read(), is_package


class RModuleImporter(Verbose):
    """Imports into the cell that its loader's hooks belong to."""

    def __init__(self, loader=None, verbose=False):
        super().__init__(verbose)
        self.loader = RModuleLoader(None, verbose) if loader is None else loader
        self.modules = self.loader.modules_dict() if self.loader.hooks.rexec is not None else {}

    def get_loader(self):
        return self.loader

    def set_loader(self, loader):
        self.loader = loader

    def get_hooks(self):
        return self.loader.hooks

    def set_hooks(self, hooks):
        self.loader.hooks = hooks

    def import_module(self, name, globals={}, locals={}, fromlist=()):
        return self.loader.hooks.rexec._import(name, fromlist)

    def reload(self, module):
        return self.loader.hooks.rexec._reload(module)

    def unload(self, module):
        self.loader.hooks.rexec._unload(module)
