"""What code in a cell meets: its namespace, streams, functions and modules, and the reports of what
became of it."""

import builtins
import sys

from rexec.values import OverLimit, decode, encode

_AST_ONLY = 0x400           # ast.PyCF_ONLY_AST
_AWAIT = 0x2000             # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_COROUTINE = 0x80           # inspect.CO_COROUTINE
LONGEST_TEXT = 64 << 10
FRAMES = 100
CHAINED = 20
# Sources whose lines tracebacks can show; old ones go first.
_SOURCES = 200

_worker = None
_main = None
_sources = {}
_streams = {}
_finder = None


_bastions = None            # the module, once there is one


def refer(value):
    """The number of a bastion, or None."""
    return None if _bastions is None else _bastions.refer(value)


def resolve(number):
    """A bastion that came."""
    global _bastions
    if _bastions is None:
        from rexec import guestbastion
        guestbastion.install(_worker)
        _bastions = guestbastion
    return _bastions.resolve(number)


# ---- the start -----------------------------------------------------------------------------------

def prepare(worker):
    """Before the lock: what is imported or made easier then."""
    global _worker, _finder
    import _io
    from _frozen_importlib import ModuleSpec
    _worker = worker
    _streams["stdin"] = _io.StringIO()
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = _make_raw(_io, worker.channel, name, number)
        stream = _io.TextIOWrapper(raw, "utf-8", "backslashreplace", "\n", write_through=True)
        stream.mode = "w"
        _streams[name] = stream
    _finder = _Finder(ModuleSpec)
    sys.meta_path.append(_finder)
    sys.argv[:] = [""]
    make_main()
    sys.modules["__main__"] = _main


def make_main():
    """The namespace of the code."""
    global _main
    _main = type(sys)("__main__")
    _main.__builtins__ = builtins


def take_streams():
    """After the lock: until then errors are of the process, and go where its own stream goes."""
    for name, stream in _streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _make_raw(io, channel, name, number):
    class Output(io._RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            with memoryview(data) as view:
                channel.write(number, view)
                return view.nbytes

        def flush(self):
            pass

    Output.__qualname__ = Output.__name__ = "CellOutput"
    Output.name = f"<{name}>"
    return Output()


def _make_input(io):
    class Input(io._TextIOBase):
        """Standard input that the supervisor is asked for as it is wanted."""

        name = "<stdin>"
        encoding = "utf-8"

        def __init__(self):
            self._text = ""

        def readable(self):
            return True

        def _more(self):
            text = _worker.ask("input", "read")
            self._text += text
            return bool(text)

        def _take(self, size):
            text, self._text = self._text[:size], self._text[size:]
            return text

        def read(self, size=-1):
            if size is None or size < 0:
                while self._more():
                    pass
                size = len(self._text)
            while len(self._text) < size and self._more():
                pass
            return self._take(size)

        def readline(self, size=-1):
            size = -1 if size is None else size
            looked = 0
            while True:
                end = self._text.find("\n", looked) + 1
                if end:
                    break
                looked = end = len(self._text)
                if 0 <= size <= end or not self._more():
                    break
            return self._take(min(end, size) if size >= 0 else end)

    Input.__qualname__ = Input.__name__ = "CellInput"
    return Input()


def begin(worker):
    """After the lock, when it is known whose cell this is."""
    import _sitebuiltins
    import rexec
    rexec._first = "rexec.guestcells"
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    for name, is_coroutine in worker.setup["functions"].items():
        make = _make_coroutine_function if is_coroutine else _make_function
        setattr(_main, name, make(worker, name))


def _make_function(worker, name):
    def function(*args, **kwargs):
        return worker.ask("function", name, args, kwargs)
    function.__name__ = function.__qualname__ = name
    function.__module__ = "__main__"
    return function


def _make_coroutine_function(worker, name):
    async def function(*args, **kwargs):
        import asyncio
        loop = asyncio.get_running_loop()
        if not hasattr(loop, "ask"):
            # A loop that the code made itself: it cannot wait for the channel.
            return await loop.run_in_executor(
                None, lambda: worker.ask("function", name, args, kwargs))
        return await loop.ask("function", name, args, kwargs)
    function.__name__ = function.__qualname__ = name
    function.__module__ = "__main__"
    return function


class _Finder:
    """Finds the modules that came with a run."""

    def __init__(self, spec):
        self.modules = {}
        self._spec = spec

    def find_spec(self, name, path=None, target=None):
        if name not in self.modules:
            return None
        package = any(other.startswith(f"{name}.") for other in self.modules)
        return self._spec(name, self, origin=f"<{name}>", is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        source = self.modules[name]
        filename = f"<{name}>"
        remember(filename, source)
        exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self.modules.get(name)


def list_modules():
    """The names of the modules that code here can import, sorted."""
    import _imp
    import lockdownlib
    found = {name for name in lockdownlib.SAFE_MODULES
             if name in sys.modules or name in sys.builtin_module_names or _imp.is_frozen(name)}
    found.update(sys.modules, _finder.modules)
    return sorted(found - {"__main__"})


# ---- running -------------------------------------------------------------------------------------

def remember(filename, source):
    _sources.pop(filename, None)
    _sources[filename] = source
    if len(_sources) > _SOURCES:
        del _sources[next(iter(_sources))]


def forget():
    """What code there was is nobody's."""
    _sources.clear()
    sys.stdin = sys.__stdin__ = _streams.get("stdin")


def _open(data):
    return decode(data, 1 << 46, 255, resolve)


def perform(worker, is_call, request):
    """The value of the last statement, or of the function."""
    if is_call:
        function = _main.__dict__.get(request["name"])
        if function is None:
            raise NameError(f"name {request['name']!r} is not defined")
        args, kwargs = _open(request["arguments"])
        value = function(*args, **kwargs)
        if _is_coroutine(value):
            value = _run_coroutine(worker, value)
        return value
    if request["modules"]:
        _finder.modules.update(request["modules"])
    _main.__dict__.update(_open(request["inputs"]))
    import _io
    stdin = request["stdin"]
    sys.stdin = sys.__stdin__ = _make_input(_io) if stdin is None else _io.StringIO(stdin)
    filename = f"<run {worker.run}>"
    remember(filename, request["code"])
    return _execute(worker, request["code"], filename)


def _execute(worker, source, filename):
    import _ast
    tree = compile(source, filename, "exec", _AST_ONLY | _AWAIT, True)
    last = None
    if tree.body and isinstance(tree.body[-1], _ast.Expr):
        last = _ast.Expression(tree.body.pop().value)
    codes = []
    if tree.body:
        codes.append(compile(tree, filename, "exec", _AWAIT, True))
    if last is not None:
        codes.append(compile(last, filename, "eval", _AWAIT, True))
    namespace = _main.__dict__
    value = None
    if any(code.co_flags & _COROUTINE for code in codes):
        value = _run_coroutine(worker, _execute_async(codes, namespace))
    else:
        for code in codes:
            value = eval(code, namespace)
    flush()
    return value if last is not None else None


def flush():
    """What the code put in the place of its streams may hold text back."""
    for stream in (sys.stdout, sys.stderr):
        flush = getattr(stream, "flush", None)
        if flush is not None:
            flush()


async def _execute_async(codes, namespace):
    value = None
    for code in codes:
        value = eval(code, namespace)
        if code.co_flags & _COROUTINE:
            value = await value
    return value


def _is_coroutine(value):
    return type(value) is type(_NEVER)


async def _never():
    pass

_NEVER = _never()
_NEVER.close()


def _run_coroutine(worker, coroutine):
    from rexec import loop
    return loop.run(worker, coroutine)


def show(value):
    """What a REPL would show of VALUE."""
    if value is None:
        return ""
    if type(value) in (str, bytes, bytearray) and len(value) > LONGEST_TEXT:
        value = value[:LONGEST_TEXT]    # the rest would be cut off below
    try:
        text = repr(value)
    except (KeyboardInterrupt, SystemExit, MemoryError, RecursionError):
        raise
    except BaseException as error:
        text = f"<{type(value).__name__} object, whose repr raised {type(error).__name__}>"
    return cut(text)


def cut(text, most=LONGEST_TEXT):
    text = str.__str__(text)
    return text if len(text) <= most else text[:most - 1] + "\N{HORIZONTAL ELLIPSIS}"


# ---- reports -------------------------------------------------------------------------------------

def _own(name):
    """What reads an attribute that every exception has, whatever its class has put in its place."""
    return BaseException.__dict__[name].__get__

_cause = _own("__cause__")
_context = _own("__context__")
_is_suppressed = _own("__suppress_context__")
_traceback = _own("__traceback__")
_args = _own("args")
_dict = _own("__dict__")


def describe(error):
    """An exception and those behind it, the last raised first: plain data."""
    try:
        return _describe(error)
    except MemoryError:
        raise
    except BaseException as other:
        # It does not let itself be looked at.
        return _describe(RuntimeError(f"an exception that raised {_type_name(type(other))} when its"
                                      " report was made"))


def _describe(error):
    records = []
    seen = set()
    while error is not None and len(records) < CHAINED and id(error) not in seen:
        seen.add(id(error))
        link = None
        behind = None
        if _cause(error) is not None:
            link, behind = "cause", _cause(error)
        elif _context(error) is not None and not _is_suppressed(error):
            link, behind = "context", _context(error)
        records.append({
            "type": _type_name(type(error)),
            "message": _message(error),
            "args": _arguments(error),
            "frames": _frames(_traceback(error)),
            "syntax": _syntax(error),
            "notes": _notes(error),
            "link": link,
        })
        error = behind
    return records


def _type_name(kind):
    module = type.__dict__["__module__"].__get__(kind)
    name = type.__dict__["__qualname__"].__get__(kind)
    if type(module) is str and module not in ("builtins", "__main__"):
        name = f"{module}.{name}"
    return cut(str(name), 1000)


def _message(error):
    try:
        # The text of a SyntaxError tells where it is, as _syntax() does.
        return cut(str(error.msg if issubclass(type(error), SyntaxError) else error))
    except MemoryError:
        raise
    except BaseException:
        return "<exception str() failed>"


def _notes(error):
    notes = dict.get(_dict(error), "__notes__")
    if type(notes) is not list:
        return []
    return [cut(note, 1000) for note in notes[:20] if type(note) is str]


def _arguments(error):
    """The arguments as far as they are plain data, encoded."""
    plain = []
    left = LONGEST_TEXT
    for argument in _args(error)[:100]:
        try:
            data = encode(argument, left, 20)
        except (TypeError, ValueError, OverLimit, RuntimeError):
            continue
        left -= len(data)
        plain.append(argument)
    return encode(tuple(plain), LONGEST_TEXT * 8, 30)


def _frames(traceback):
    """(file, line, function, source line) of the code's own frames; the middle goes if they are
    many."""
    frames = []
    entered = False
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _is_ours(traceback.tb_frame):
            if not entered:
                frames.clear()      # what this half needed to get to the code
        else:
            entered = entered or code.co_filename in _sources
            frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
            if len(frames) > FRAMES:
                del frames[FRAMES // 2]
        traceback = traceback.tb_next
    return [(cut(str(filename), 1000), line or 0, cut(str(name), 1000), _line(filename, line))
            for filename, line, name in frames]


def _is_ours(frame):
    """This half's own frames, and those of the import system, are not of the code."""
    name = dict.get(frame.f_globals, "__name__")
    return type(name) is str and (name.startswith("rexec.") or name == "importlib._bootstrap"
                                  or name == "_frozen_importlib")


def _line(filename, number):
    source = _sources.get(filename)
    if source is None or number is None:
        return ""
    lines = source.splitlines()
    return cut(lines[number - 1].strip(), 500) if 0 < number <= len(lines) else ""


def _syntax(error):
    """Where a SyntaxError is: (file, line, text, offset)."""
    if not issubclass(type(error), SyntaxError):
        return None
    text = error.text if type(error.text) is str else ""
    return (cut(str(error.filename), 1000), error.lineno if type(error.lineno) is int else 0,
            cut(text, 500), error.offset if type(error.offset) is int else 0)


def make_exception(name, args, message):
    """An exception of the supervisor's function, as the built-in type of that name."""
    kind = getattr(builtins, name, None)
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        kind = RuntimeError
    for arguments in (_open(args), (message,)):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    return RuntimeError(message)
