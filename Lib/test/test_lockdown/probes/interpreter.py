"""The interpreter itself: imports, code, other frames, knobs."""

import _imp
import copy
import faulthandler
import gc
import importlib
import io
import locale
import marshal
import os
import sys
import threading
import time
import tracemalloc
import types
import zipimport

from .base import *


def unsafe_builtin():
    """The first builtin module that is not in SAFE_MODULES; there may be none."""
    import lockdownlib
    return min(set(sys.builtin_module_names) - lockdownlib.SAFE_MODULES, default=None)


def has_trampoline():
    import sysconfig
    return bool(sysconfig.get_config_var("PY_HAVE_PERF_TRAMPOLINE"))


def take_list_of(pid):
    """Whether the trampoline's file for perf is there, a process's list of its code; it goes."""
    try:
        os.unlink(f"/tmp/perf-{pid}.map")
    except FileNotFoundError:
        return False
    return True


def unlisted(s):
    """An earlier process that had this one's number may have left its list."""
    take_list_of(os.getpid())


def listed(s, seen):
    return take_list_of(seen.pid)


def mapped(s, seen):
    return listed(s, seen) and seen.value == "True"


def traced(setter):
    """Whether a trace or profile function is called."""
    calls = []

    def called():
        pass
    setter(lambda *args: calls.append(args))
    try:
        called()
    finally:
        setter(None)
    return bool(calls)


def audited():
    """Whether an audit hook is called."""
    events = []
    sys.addaudithook(lambda event, args: events.append(event))
    sys.audit("probe.of.lockdown")
    return "probe.of.lockdown" in events


# import: load code from outside the interpreter.

P("import", "import", lambda s: importlib.import_module("probe_module") and True,
  made("probe_module.py.ran"), lambda s: sys.path.insert(0, s.path), imports=True,
  also=("fs.read", "fs.write", "fd", "code"), operation="import",
  exists=lambda: True)
P("zipimport.zipimporter", "import",
  lambda s: zipimport.zipimporter(s("archive.zip")).find_spec("zipped_module").name,
  returned(lambda s, seen: "zipped_module"), imports=True, also=("fs.read",),
  operation="import", exists=lambda: True)
P("_imp.create_builtin", "import",
  lambda s: _imp.create_builtin(importlib.machinery.ModuleSpec(unsafe_builtin(), None)).__name__,
  returned(lambda s, seen: unsafe_builtin()), exists=lambda: unsafe_builtin() is not None)

# code: make machine-checked objects from raw parts.

P("code", "code", lambda s: types.CodeType(
    0, 0, 0, 0, 1, 0, s.code.co_code, (), (), (), "made", "made", "made", 1, b"", b"").co_name,
  returned(lambda s, seen: "made"), sample_code, operation="code", exists=lambda: True)
P("code.replace", "code", lambda s: s.code.replace(co_name="made").co_name,
  returned(lambda s, seen: "made"), sample_code, exists=lambda: True)
P("copy.replace of code", "code", lambda s: copy.replace(s.code, co_name="made").co_name,
  returned(lambda s, seen: "made"), sample_code, operation="code.replace",
  exists=lambda: True)
P("marshal.loads", "code", lambda s: marshal.loads(s.marshalled).co_name,
  returned(lambda s, seen: "function"), sample_code)
P("marshal.load", "code", lambda s: marshal.load(io.BytesIO(s.marshalled)).co_name,
  returned(lambda s, seen: "function"), sample_code)

P("_imp.get_frozen_object", "code", lambda s: _imp.get_frozen_object("name", s.marshalled).co_name,
  returned(lambda s, seen: "function"), sample_code)

# inspect: look into others.

P("gc.get_objects", "inspect", lambda s: len(gc.get_objects()) > 100,
  returned(lambda s, seen: True))
P("gc.get_referrers", "inspect", lambda s: len(gc.get_referrers(sys)) > 0,
  returned(lambda s, seen: True))
P("gc.get_referents", "inspect", lambda s: gc.get_referents([TEXT]) == [TEXT],
  returned(lambda s, seen: True))
P("sys.settrace", "inspect", lambda s: traced(sys.settrace), returned(lambda s, seen: True))
P("sys.setprofile", "inspect", lambda s: traced(sys.setprofile), returned(lambda s, seen: True))
P("sys.addaudithook", "inspect", lambda s: audited(), returned(lambda s, seen: True))
P("sys._current_frames", "inspect", lambda s: len(sys._current_frames()) > 0,
  returned(lambda s, seen: True))
P("sys._current_exceptions", "inspect", lambda s: len(sys._current_exceptions()) > 0,
  returned(lambda s, seen: True))
P("sys.monitoring.use_tool_id", "inspect", lambda s: sys.monitoring.use_tool_id(3, "probe") or
  sys.monitoring.get_tool(3), returned(lambda s, seen: "probe"))

# runtime: turn the interpreter's own knobs.

P("sys.setrecursionlimit", "runtime", lambda s: sys.setrecursionlimit(5000) or
  sys.getrecursionlimit(), returned(lambda s, seen: 5000))
P("sys.set_int_max_str_digits", "runtime", lambda s: sys.set_int_max_str_digits(5000) or
  sys.get_int_max_str_digits(), returned(lambda s, seen: 5000))
P("threading.stack_size", "runtime", lambda s: threading.stack_size(1 << 20) or
  threading.stack_size(), returned(lambda s, seen: 1 << 20), operation="_thread.stack_size",
  exists=lambda: True)
P("sys.activate_stack_trampoline", "runtime",
  lambda s: sys.activate_stack_trampoline("perf") or sys.is_stack_trampoline_active(),
  mapped, unlisted, also=("fs.write", "fs.read"),
  # Not where it is not compiled in.
  exists=lambda: has_trampoline())
P("tracemalloc.start", "runtime", lambda s: tracemalloc.start() or tracemalloc.is_tracing(),
  returned(lambda s, seen: True), operation="_tracemalloc.start", exists=lambda: True)
P("faulthandler.enable", "fd&runtime", lambda s: faulthandler.enable(s.fd) or
  faulthandler.is_enabled(), returned(lambda s, seen: True), Scratch.open)
P("locale.setlocale", "fs.read&runtime", lambda s: type(locale.setlocale(locale.LC_ALL, "")),
  returned(lambda s, seen: str), operation="_locale.setlocale")
P("time.clock_settime", "proc", lambda s: time.clock_settime(time.CLOCK_REALTIME, -1),
  # No probe may set the machine's clock; the value is one that the kernel does not take.
  value(lambda text: text.startswith("raised ") and "[Errno " in text))
