"""The command: python -m rexec runs a program in a cell."""

import argparse
import codecs
import os
import re
import select
import signal
import sys
import threading
import tokenize

from . import report
from .cell import Cell
from .errors import CellClosed, CellCrashed, CellError, Error, LimitExceeded
from .files import ReadOnly, ReadWrite
from .limits import Limits

# Exit statuses, as those of timeout(1) and of shells.
_OF_LIMITS = {"cpu": 124, "wall": 124, "timeout": 124, "memory": 137}
_INTERRUPTED = 128 + signal.SIGINT
_BROKEN_PIPE = 128 + signal.SIGPIPE
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
# What a terminal is sent as it is: colours, and the return to the start of a line.
_KEPT = re.compile("(\x1b\\[[0-9;:]{0,60}m|\r)")
_BEGUN = re.compile("\x1b(\\[[0-9;:]{0,60})?\\Z")


class Terminal:
    """A stream that a cell's output goes to.  On a terminal nothing but colour acts."""

    def __init__(self, stream, raw=False):
        self.stream = stream
        self.is_filtered = not raw and stream.isatty()
        self._rest = ""
        self._is_coloured = False

    def write(self, text):
        if self.is_filtered:
            text = self._rest + text
            begun = _BEGUN.search(text)
            self._rest = begun.group() if begun else ""
            text = self._filter(text[:len(text) - len(self._rest)])
        self._put(text)

    def _filter(self, text):
        pieces = _KEPT.split(text)
        pieces[::2] = map(report.escape, pieces[::2])
        self._is_coloured = self._is_coloured or any(len(piece) > 1 for piece in pieces[1::2])
        return "".join(pieces)

    def _put(self, text):
        if not text:
            return
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding
            self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self.stream.flush()

    def end(self):
        """The end of a run: what is held back is text, and the next program has its own colours."""
        rest, self._rest = self._rest, ""
        self._put(report.escape(rest))
        if self._is_coloured:
            self._is_coloured = False
            self._put("\x1b[0m")


class Input:
    """Standard input for a cell, in pieces; a wait for it can be ended."""

    def __init__(self, fd=0):
        self.fd = fd
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def read(self):
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        while True:
            if any(fd == self._woken for fd, _ in poller.poll()):
                os.read(self._woken, 4096)
                return ""
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""      # it is closed
            text = self._decoder.decode(data, not data)
            if text or not data:
                return text

    def wake(self):
        try:
            os.write(self._wake, b"!")
        except BlockingIOError:
            pass


class Session:
    """A cell and the streams of this process."""

    def __init__(self, options):
        self.make = lambda: Cell(stdout=self.out, stderr=self.err, **options.cell)
        self.out = Terminal(sys.stdout, options.raw)
        self.err = Terminal(sys.stderr, options.raw)
        self.input = Input()
        self.cell = None

    def begin(self):
        if self.cell is None or self.cell.closed:
            self.cell = self.make()

    def run(self, code, argv=None, stdin=None):
        """Run CODE and return its Result.  Ctrl-C interrupts it, and the second time ends it."""
        self.begin()
        if argv is not None:
            self.cell.run("import sys\nsys.argv[:] = argv\ndel sys, argv", inputs={"argv": argv})
        presses = 0

        def press(number, frame):
            nonlocal presses
            presses += 1
            if presses == 1:
                self.cell.interrupt()
                self.input.wake()
            else:
                # Not here: the lock that it takes may be this thread's.
                threading.Thread(target=self.cell.close, daemon=True).start()
                self.input.wake()

        before = signal.signal(signal.SIGINT, press)
        try:
            return self.cell.start(code, stdin=self.input.read if stdin is None else stdin).result()
        finally:
            signal.signal(signal.SIGINT, before)
            self.out.end()
            self.err.end()

    def tell(self, error):
        """Show what became of a run that raised; the exit status for it."""
        if isinstance(error, CellError):
            if error.type_name == "SystemExit":
                return self._exit_status(error.args)
            self.err._put(error.traceback.rstrip("\n") + "\n")
            return _INTERRUPTED if error.type_name == "KeyboardInterrupt" else 1
        if isinstance(error, CellClosed):
            return _INTERRUPTED
        self.err._put(f"rexec: {error}\n")
        if isinstance(error, LimitExceeded):
            return _OF_LIMITS.get(error.limit, 1)
        if isinstance(error, CellCrashed):
            if error.stderr:
                self.err._put(report.escape(error.stderr).rstrip("\n") + "\n")
            status = error.status
            return 1 if not status else 128 - status if status < 0 else status
        return 1

    def _exit_status(self, args):
        code = args[0] if args else None
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF if -1 << 63 <= code < 1 << 63 else 0xFF
        try:
            text = str(code)
        except ValueError:      # it has an int in it that is too long to show
            text = "SystemExit"
        self.err.write(f"{text}\n")
        self.err.end()
        return 1

    def close(self):
        if self.cell is not None:
            self.cell.close()


def run_program(session, code, argv, stdin=None):
    """The exit status of a program."""
    try:
        session.run(code, argv, stdin)
        return 0
    except BrokenPipeError:
        # Nobody reads what is left, nor what is written at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Error as error:
        return session.tell(error)


def run_prompt(session):
    """A REPL whose session is a cell; its exit status."""
    import code
    try:
        import readline     # noqa: F401  lines can be edited then
    except ImportError:
        pass

    class Console(code.InteractiveConsole):
        def runsource(self, source, filename="<stdin>", symbol="single"):
            try:
                if self.compile(source, filename, symbol) is None:
                    return True
            except (OverflowError, SyntaxError, ValueError):
                pass        # the cell says it better
            try:
                result = session.run(source)
            except Error as error:
                status = session.tell(error)
                if isinstance(error, CellError) and error.type_name == "SystemExit":
                    raise SystemExit(status) from None
                if session.cell is None or session.cell.closed:
                    self.write("rexec: the cell is gone; what comes is run in a new one\n")
            else:
                if result.text:
                    session.out.write(result.text.rstrip("\n") + "\n")
                    session.out.end()
            return False

    console = Console()
    console.compile.compiler.flags |= 0x2000    # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        console.interact("Python in a padded cell: each line is a run with its limits."
                         " Ctrl-D leaves.", exitmsg="")
    except SystemExit as error:
        return error.code
    return 0


# ---- the command line ----------------------------------------------------------------------------

def _size(text):
    found = re.fullmatch(r"([0-9]+)([KMG]?)(i?B)?", text, re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: bytes, or as 64K, 64M, 1G")
    return int(found[1]) * _UNITS[found[2].upper()]


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _mount(kind):
    def mount(text):
        folder, _, at = text.rpartition(":")
        if not folder or not at.startswith("/"):
            folder, at = text, "/data"
        return kind, folder, at
    return mount


def _parse(argv):
    parser = argparse.ArgumentParser(
        prog="python -m rexec", description="Run a program that is not trusted in a padded cell.",
        epilog="The exit status is the program's; 124 for a limit of time, 137 for one of memory.")
    parser.add_argument("--memory", metavar="SIZE", type=_size,
                        help="the most memory that it may have, as 64M; 256M unless told")
    parser.add_argument("--time", metavar="SECONDS", type=_seconds,
                        help="the most processor and wall time; 10 and 30 unless told")
    parser.add_argument("--read", metavar="DIR[:AT]", dest="mounts", action="append", default=[],
                        type=_mount(ReadOnly), help="a folder to read, seen as AT (/data)")
    parser.add_argument("--write", metavar="DIR[:AT]", dest="mounts", action="append",
                        type=_mount(ReadWrite), help="a folder to read and write")
    parser.add_argument("--module", metavar="NAME", dest="modules", action="append", default=[],
                        help="a trusted module to import before the cell locks")
    parser.add_argument("--python", metavar="PATH", help="the Locked Down Python for the cell")
    parser.add_argument("--raw", action="store_true",
                        help="send output to a terminal as it is, escape sequences included")
    parser.add_argument("-c", metavar="CODE", dest="code", help="the program itself")
    parser.add_argument("program", metavar="SCRIPT", nargs="?", help="its file; -: standard input")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER,
                        help="for the program, in sys.argv")
    options = parser.parse_args(argv)
    limits = {}
    if options.memory is not None:
        limits["memory"] = options.memory
    if options.time is not None:
        limits["cpu"] = limits["wall"] = options.time
    options.argv = [options.program or ""]
    if options.code is not None:
        options.argv = ["-c"] + ([options.program] if options.program is not None else [])
    options.argv += options.arguments
    try:
        options.cell = {"limits": Limits(**limits), "preload": options.modules,
                        "python": options.python}
        if options.mounts:
            options.cell["open"] = [kind(folder, at=at) for kind, folder, at in options.mounts]
        if options.code is None and options.program not in (None, "-"):
            with tokenize.open(options.program) as file:
                options.code = file.read()
    except (OSError, ValueError, SyntaxError) as error:
        parser.error(str(error))
    return options


def _have_streams():
    """Whoever started this may have closed some: what is opened next must not take their place."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if fd == 0 else "w", encoding="utf-8"))


def main(argv=None):
    _have_streams()
    options = _parse(argv)
    session = Session(options)
    stdin = None
    try:
        session.begin()
        if options.code is None:
            if options.program is None and sys.stdin.isatty():
                return run_prompt(session)
            options.code = sys.stdin.read()
            stdin = ""
        return run_program(session, options.code, options.argv, stdin)
    except (OSError, ValueError, Error) as error:
        # There was no cell to run it.
        print(f"rexec: {error}", file=sys.stderr)
        if isinstance(error, CellCrashed):
            print(error.stderr, file=sys.stderr, end="")
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        session.close()


if __name__ == "__main__":
    sys.exit(main())
