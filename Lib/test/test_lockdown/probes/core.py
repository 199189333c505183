"""The core's own doors: other interpreters, their channels and queues, raw parts, watchers, knobs."""

import _imp
import _interpchannels
import _interpqueues
import _interpreters
import _lsprof
import _opcode
import _thread
import _tracemalloc
import gc
import importlib.machinery
import os
import signal
import sys
import threading
import time
import tracemalloc

from .base import *
from .interpreter import has_trampoline, listed, traced, unlisted

rexec = optional("_rexec")
TOOL = 4


def hidden_type(name):
    """A type that no module shows."""
    return next(cls for cls in object.__subclasses__() if cls.__name__ == name)


# --- code: what is taken as it comes ---------------------------------------------------------

P("InstructionSequence", "code", lambda s: type(s.type()).__name__,
  returned(lambda s, seen: "InstructionSequence"),
  lambda s: setattr(s, "type", hidden_type("InstructionSequence")), exists=lambda: True)
P("InstructionSequence.use_label", "code", lambda s: s.sequence.use_label(0) or
  s.sequence.new_label(), returned(lambda s, seen: 1),
  lambda s: setattr(s, "sequence", hidden_type("InstructionSequence")()), exists=lambda: True)
P("hamt", "code", lambda s: len(s.type().set("key", "value")), returned(lambda s, seen: 1),
  lambda s: setattr(s, "type", hidden_type("hamt")), exists=lambda: True)


def renamed(s):
    code = compile("1", "before", "eval")
    _imp._fix_co_filename(code, "after")
    return code.co_filename


def jumped(s):
    """Whether a frame can be told to skip a line, as a debugger does."""
    reached = []

    def trace(frame, event, argument):
        if event == "line" and frame.f_lineno == frame.f_code.co_firstlineno + 1:
            frame.f_lineno += 1
        return trace

    def function():
        reached.append("skipped")
        reached.append("end")
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(None)
    return reached


P("_imp._fix_co_filename", "code", renamed, returned(lambda s, seen: "after"))
P("frame.f_lineno", "code", jumped, returned(lambda s, seen: ["end"]), also=("inspect",),
  exists=lambda: True)


# --- import: shared libraries, and the switches of the import system -------------------------

def shared_library(s):
    """A module of the standard library that is a file of its own, found but not loaded."""
    s.spec = next(filter(None, map(importlib.machinery.PathFinder.find_spec,
                                   ("xxlimited", "_xxtestfuzz", "_statistics", "_zoneinfo"))))
    # The lock takes the path from a spec that it finds, but not from a program's own text.
    s.path = s.spec.origin


def has_shared_libraries():
    try:
        shared_library(Scratch(None))
    except StopIteration:
        return False
    return True


def create_dynamic(s):
    return _imp.create_dynamic(importlib.machinery.ModuleSpec(s.spec.name, None, origin=s.path))


def shared_module(s):
    shared_library(s)
    s.module = create_dynamic(s)
    s.before = set(vars(s.module))


def frozen_or_not():
    """Whether os is said to be frozen with frozen modules on, and with them off."""
    seen = []
    for override in 1, -1:
        _imp._override_frozen_modules_for_tests(override)
        seen.append(_imp.is_frozen("os"))
    return seen


P("_imp.create_dynamic", "import", lambda s: create_dynamic(s).__name__ == s.spec.name,
  returned(lambda s, seen: True), shared_library, exists=has_shared_libraries)
P("_imp.exec_dynamic", "import",
  lambda s: _imp.exec_dynamic(s.module) or len(set(vars(s.module)) - s.before) > 0,
  returned(lambda s, seen: True), shared_module, exists=has_shared_libraries)
P("_imp._override_frozen_modules_for_tests", "import", lambda s: frozen_or_not(),
  # Where no file can be read, modules are frozen whatever the switch says.
  returned(lambda s, seen: [True, False]), also=("fs.read",))
P("_imp._override_multi_interp_extensions_check", "import",
  lambda s: _imp._override_multi_interp_extensions_check(-1),
  # It is for other interpreters, and says so in this one.
  value(lambda text: text.startswith("raised RuntimeError") and "main interpreter" in text))


# --- inspect: watching calls, lines and frames -----------------------------------------------

def function():
    return TEXT


def counted():
    """Whether the C profiler saw a call."""
    profiler = _lsprof.Profiler()
    profiler.enable()
    try:
        function()
    finally:
        profiler.disable()
    return any(entry.code is function.__code__ for entry in profiler.getstats())


def watched(s):
    """Whether a frame takes a trace function and has it afterwards."""
    frame = sys._getframe()
    frame.f_trace = s.trace = lambda *args: None
    return frame.f_trace is s.trace


def watched_by_opcode():
    frame = sys._getframe()
    frame.f_trace_opcodes = True
    return frame.f_trace_opcodes


def printed(s):
    os.dup2(s.fd, 2, inheritable=False)
    sys._debugmallocstats()


P("sys.call_tracing", "inspect", lambda s: sys.call_tracing(len, (TEXT,)),
  returned(lambda s, seen: len(TEXT)))
P("sys._settraceallthreads", "inspect", lambda s: traced(sys._settraceallthreads),
  returned(lambda s, seen: True))
P("sys._setprofileallthreads", "inspect", lambda s: traced(sys._setprofileallthreads),
  returned(lambda s, seen: True))
# What is written depends on the allocator; it takes the place of what the file held.
P("sys._debugmallocstats", "inspect", printed, lambda s, seen: not holds("file", TEXT)(s, seen),
  Scratch.open, also=("fd", "ipc"))
P("sys.breakpointhook", "inspect", lambda s: breakpoint(TEXT),
  # The debugger is reached, and does not know what to do with a text.
  value(lambda text: text.startswith("raised TypeError: set_trace()")))
P("frame.f_trace", "inspect", watched, returned(lambda s, seen: True), exists=lambda: True)
P("frame.f_trace_opcodes", "inspect", lambda s: watched_by_opcode(),
  returned(lambda s, seen: True), exists=lambda: True)
P("code._co_code_adaptive", "inspect",
  lambda s: len(function.__code__._co_code_adaptive) == len(function.__code__.co_code),
  returned(lambda s, seen: True), exists=lambda: True)
P("_lsprof.Profiler.enable", "inspect", lambda s: counted(), returned(lambda s, seen: True))
P("_opcode.get_executor", "inspect", lambda s: _opcode.get_executor(function.__code__, 0),
  # Few builds have an optimizer that makes executors; the others tell that they have none.
  value(lambda text: text.startswith(("raised RuntimeError: Executors", "raised ValueError"))))
P("gc.set_debug", "inspect", lambda s: gc.set_debug(gc.DEBUG_COLLECTABLE) or gc.get_debug(),
  returned(lambda s, seen: gc.DEBUG_COLLECTABLE))


def tracing(s):
    """Trace allocations, unless a probe in this process does so already."""
    tracemalloc.start()
    s.block = bytearray(1 << 20)


P("_tracemalloc._get_object_traceback", "inspect",
  lambda s: len(_tracemalloc._get_object_traceback(s.block)) > 0,
  returned(lambda s, seen: True), tracing)
P("_tracemalloc._get_traces", "inspect", lambda s: len(_tracemalloc._get_traces()) > 0,
  returned(lambda s, seen: True), tracing)


# --- inspect: the tools of sys.monitoring ----------------------------------------------------

def tool(s):
    """Be a tool; where all probes run in one process they share it."""
    s.monitoring = sys.monitoring
    # An event that costs nothing while the other probes run.
    s.event = s.monitoring.events.STOP_ITERATION
    if s.monitoring.get_tool(TOOL) is None:
        s.monitoring.use_tool_id(TOOL, "probe")


def tool_at_work(s):
    tool(s)
    s.monitoring.set_events(TOOL, s.event)


def tool_at_work_locally(s):
    tool(s)
    s.start = s.monitoring.events.PY_START
    s.monitoring.set_local_events(TOOL, function.__code__, s.start)


def silenced(s):
    """A callback that has asked not to be called again, for a function that was called."""
    tool_at_work_locally(s)
    s.calls = []

    def callback(code, offset):
        s.calls.append(code)
        return s.monitoring.DISABLE
    s.monitoring.register_callback(TOOL, s.start, callback)
    function()
    function()


def registered(s):
    def callback(*args):
        pass
    s.monitoring.register_callback(TOOL, s.event, callback)
    return s.monitoring.register_callback(TOOL, s.event, None) is callback


P("sys.monitoring._all_events", "inspect", lambda s: sum(s.monitoring._all_events().values()) > 0,
  returned(lambda s, seen: True), tool_at_work)
P("sys.monitoring.free_tool_id", "inspect",
  lambda s: s.monitoring.free_tool_id(TOOL) or s.monitoring.get_tool(TOOL),
  returned(lambda s, seen: None), tool)
P("sys.monitoring.get_events", "inspect",
  lambda s: s.monitoring.get_events(TOOL) & s.event == s.event,
  returned(lambda s, seen: True), tool_at_work)
P("sys.monitoring.get_local_events", "inspect",
  lambda s: s.monitoring.get_local_events(TOOL, function.__code__) == s.start,
  returned(lambda s, seen: True), tool_at_work_locally)
P("sys.monitoring.get_tool", "inspect", lambda s: s.monitoring.get_tool(TOOL),
  returned(lambda s, seen: "probe"), tool)
P("sys.monitoring.register_callback", "inspect", registered, returned(lambda s, seen: True), tool)
P("sys.monitoring.restart_events", "inspect",
  lambda s: s.monitoring.restart_events() or function() and len(s.calls),
  returned(lambda s, seen: 2), silenced)
P("sys.monitoring.set_events", "inspect",
  lambda s: s.monitoring.set_events(TOOL, s.event) or s.monitoring.get_events(TOOL) == s.event,
  returned(lambda s, seen: True), tool)
P("sys.monitoring.set_local_events", "inspect",
  lambda s: s.monitoring.set_local_events(TOOL, s.code, 1) or
  s.monitoring.get_local_events(TOOL, s.code), returned(lambda s, seen: 1),
  lambda s: (tool(s), sample_code(s)))


# --- runtime and proc: knobs ------------------------------------------------------------------

def peak_of_the_past(s):
    tracing(s)
    bytearray(1 << 26)


def default_interrupt(s):
    # A test run in the background is started with it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


P("sys.activate_stack_trampoline and its file", "runtime&fs.write",
  lambda s: sys.activate_stack_trampoline("perf"), listed, unlisted,
  operation="sys.activate_stack_trampoline", exists=has_trampoline)
P("sys.deactivate_stack_trampoline", "runtime", lambda s: sys.deactivate_stack_trampoline(),
  # One that was on before the lock would write to its file while the other probes run.
  succeeded, exists=has_trampoline)
P("sys.setdlopenflags", "runtime", lambda s: sys.setdlopenflags(os.RTLD_LAZY | os.RTLD_GLOBAL) or
  sys.getdlopenflags(), returned(lambda s, seen: os.RTLD_LAZY | os.RTLD_GLOBAL))
P("sys.setswitchinterval", "runtime", lambda s: sys.setswitchinterval(0.25) or
  sys.getswitchinterval(), returned(lambda s, seen: 0.25))
P("gc.freeze", "runtime", lambda s: gc.freeze() or gc.get_freeze_count() > 100,
  returned(lambda s, seen: True))
P("gc.unfreeze", "runtime", lambda s: gc.unfreeze() or gc.get_freeze_count(),
  returned(lambda s, seen: 0), lambda s: gc.freeze())
P("gc.set_threshold", "runtime", lambda s: gc.set_threshold(12345) or gc.get_threshold()[0],
  returned(lambda s, seen: 12345))
P("_tracemalloc.clear_traces", "runtime",
  lambda s: _tracemalloc.clear_traces() or _tracemalloc.get_traced_memory()[0] < 1 << 20,
  returned(lambda s, seen: True), tracing)
P("_tracemalloc.reset_peak", "runtime",
  lambda s: _tracemalloc.reset_peak() or _tracemalloc.get_traced_memory()[1] < 1 << 26,
  returned(lambda s, seen: True), peak_of_the_past)
P("_tracemalloc.stop", "runtime", lambda s: _tracemalloc.stop() or _tracemalloc.is_tracing(),
  returned(lambda s, seen: False), tracing)
P("_thread.interrupt_main", "proc", lambda s: _thread.interrupt_main() or time.sleep(60),
  value(lambda text: text.startswith("raised KeyboardInterrupt")), default_interrupt)


# --- runtime and inspect: other interpreters --------------------------------------------------

def other(s):
    s.other = _interpreters.create()


def other_that_is_counted(s):
    """An interpreter that ends with its last reference, of which there is one."""
    s.other = _interpreters.create(reqrefs=True)
    _interpreters.incref(s.other)


def raising():
    raise ValueError("the canary sings")


def sung(what):
    """What other interpreters are made to raise comes back as a summary."""
    return None if what is None else what.msg


def gone_after(call, s):
    """Whether an interpreter is no more after a call."""
    call(s.other)
    try:
        _interpreters.exec(s.other, "")
    except _interpreters.InterpreterNotFoundError:
        return True
    return False


def linked_and_left(s):
    _interpreters.incref(s.other, implieslink=True)
    return gone_after(_interpreters.decref, s)


SINGS = "raise ValueError('the canary sings')"
SUNG = returned(lambda s, seen: "the canary sings")
TRUE = returned(lambda s, seen: True)

P("_interpreters.create", "runtime",
  # One that is kept apart needs no right.
  lambda s: sung(_interpreters.exec(_interpreters.create("legacy"), SINGS)), SUNG)
P("_interpreters.exec", "runtime", lambda s: sung(_interpreters.exec(s.other, SINGS)), SUNG, other)
P("_interpreters.run_string", "runtime",
  lambda s: sung(_interpreters.run_string(s.other, SINGS)), SUNG, other)
P("_interpreters.run_func", "runtime", lambda s: sung(_interpreters.run_func(s.other, raising)),
  SUNG, other)
P("_interpreters.call", "runtime", lambda s: sung(_interpreters.call(s.other, raising)), SUNG,
  other)
P("_interpreters.set___main___attrs", "runtime",
  lambda s: _interpreters.set___main___attrs(s.other, {"word": "the canary sings"}) or
  sung(_interpreters.exec(s.other, "raise ValueError(word)")), SUNG, other)
P("_interpreters.destroy", "runtime", lambda s: gone_after(_interpreters.destroy, s), TRUE, other)
P("_interpreters.decref", "runtime", lambda s: gone_after(_interpreters.decref, s), TRUE,
  other_that_is_counted)
P("_interpreters.incref", "runtime", linked_and_left, TRUE, other)
# What runs there ends by itself, and has a value, unless it is stopped.  It leaves the processor
# to the other probes.
BUSY = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: time.sleep(0.001)"


def busy(s):
    other(s)
    s.ended = []

    def run():
        try:
            s.ended.append(_interpreters.exec(s.other, BUSY) is None)
        except BaseException:
            s.ended.append(False)
    s.thread = threading.Thread(target=run)
    s.thread.start()


def stopped(s, function):
    function(s.other)
    while s.thread.is_alive():
        time.sleep(0.01)
        function(s.other)
    return not s.ended[0]


def other_that_has_a_queue(s):
    """Only one that is locked is known to have it."""
    other(s)
    _interpreters.exec(s.other, "import _interpqueues, lockdownlib\nlockdownlib.lockdown()\n"
                                "queue = _interpqueues.create(0, 0, 1)")


if rexec is not None:
    P("_rexec.mailboxes", "runtime", lambda s: len(rexec.mailboxes(s.other)[0]) == 1, TRUE,
      other_that_has_a_queue)
    P("_rexec.doom", "runtime", lambda s: stopped(s, rexec.doom), TRUE, busy)
    P("_rexec.interrupt", "runtime", lambda s: stopped(s, rexec.interrupt), TRUE, busy)
P("_interpreters.get_config", "inspect", lambda s: _interpreters.get_config(s.other).gil,
  returned(lambda s, seen: "own"), other)
P("_interpreters.is_running", "inspect",
  lambda s: _interpreters.is_running(_interpreters.get_main()[0]), TRUE)
P("_interpreters.list_all", "inspect", lambda s: s.other in dict(_interpreters.list_all()), TRUE,
  other)
P("_interpreters.whence", "inspect", lambda s: _interpreters.whence(s.other),
  returned(lambda s, seen: _interpreters.WHENCE_STDLIB), other)


# --- ipc: channels and queues between interpreters -------------------------------------------

# What becomes of an item whose interpreter ends: any of the choices will do here.
UNBOUND = 1


def channel(s):
    s.channel = _interpchannels.create(UNBOUND)
    return int(s.channel) in channels()


def full_channel(s):
    channel(s)
    _interpchannels.send(s.channel, TEXT, blocking=False)


def received(s):
    return _interpchannels.recv(s.channel)[0]


def refuses_to_send(s):
    """Whether a channel takes nothing any more."""
    try:
        _interpchannels.send(s.channel, TEXT, blocking=False)
    except _interpchannels.ChannelError as error:
        return type(error).__name__
    return None


def channels():
    return [int(row[0]) for row in _interpchannels.list_all()]


class SendEnd:
    pass


class ReceiveEnd:
    pass


P("_interpchannels.destroy", "ipc",
  lambda s: _interpchannels.destroy(s.channel) or int(s.channel) not in channels(), TRUE, channel)
P("_interpchannels.list_all", "ipc", lambda s: int(s.channel) in channels(), TRUE, channel)
P("_interpchannels.list_interpreters", "ipc",
  lambda s: _interpchannels.list_interpreters(s.channel, send=True),
  returned(lambda s, seen: [0]), full_channel)
P("_interpchannels.send", "ipc",
  lambda s: _interpchannels.send(s.channel, TEXT, blocking=False) or received(s),
  returned(lambda s, seen: TEXT), channel)
P("_interpchannels.send_buffer", "ipc",
  lambda s: _interpchannels.send_buffer(s.channel, bytearray(TEXT), blocking=False) or
  bytes(received(s)), returned(lambda s, seen: TEXT), channel, also=("code",))
P("_interpchannels.recv", "ipc", received, returned(lambda s, seen: TEXT), full_channel)
P("_interpchannels.close", "ipc",
  lambda s: _interpchannels.close(s.channel) or refuses_to_send(s),
  returned(lambda s, seen: "ChannelClosedError"), channel)
P("_interpchannels.release", "ipc",
  lambda s: _interpchannels.release(s.channel, send=True) or refuses_to_send(s),
  returned(lambda s, seen: "ChannelClosedError"), full_channel)
P("_interpchannels.get_count", "ipc", lambda s: _interpchannels.get_count(s.channel),
  returned(lambda s, seen: 1), full_channel)
P("_interpchannels.get_info", "ipc", lambda s: _interpchannels.get_info(s.channel).count,
  returned(lambda s, seen: 1), full_channel)
P("_interpchannels.get_channel_defaults", "ipc",
  lambda s: _interpchannels.get_channel_defaults(s.channel),
  returned(lambda s, seen: UNBOUND), channel)
P("_interpchannels._channel_id", "ipc",
  lambda s: int(_interpchannels._channel_id(int(s.channel), send=True)) == int(s.channel), TRUE,
  channel)
P("_interpchannels._register_end_types", "ipc",
  lambda s: _interpchannels._register_end_types(SendEnd, ReceiveEnd) or
  _interpreters.is_shareable(SendEnd()), TRUE)


def queue(s):
    s.queue = _interpqueues.create(2, 0, UNBOUND)


def full_queue(s):
    queue(s)
    for _ in range(2):
        _interpqueues.put(s.queue, TEXT, 0, UNBOUND)


def queue_that_is_bound(s):
    queue(s)
    _interpqueues.bind(s.queue)


def queues():
    return [row[0] for row in _interpqueues.list_all()]


class Queue:
    _id = 1


class Empty(Exception):
    pass


class Full(Exception):
    pass


P("_interpqueues.destroy", "ipc",
  lambda s: _interpqueues.destroy(s.queue) or s.queue not in queues(), TRUE, queue)
P("_interpqueues.list_all", "ipc", lambda s: s.queue in queues(), TRUE, queue)
P("_interpqueues.put", "ipc", lambda s: _interpqueues.put(s.queue, TEXT, 0, UNBOUND) or
  _interpqueues.get(s.queue)[0], returned(lambda s, seen: TEXT), queue)
P("_interpqueues.get", "ipc", lambda s: _interpqueues.get(s.queue)[0],
  returned(lambda s, seen: TEXT), full_queue)
P("_interpqueues.bind", "ipc",
  # The one who bound it is the last to leave, and takes it along.
  lambda s: _interpqueues.bind(s.queue) or _interpqueues.release(s.queue) or
  s.queue not in queues(), TRUE, queue)
P("_interpqueues.release", "ipc",
  lambda s: _interpqueues.release(s.queue) or s.queue not in queues(), TRUE, queue_that_is_bound)
P("_interpqueues.get_count", "ipc", lambda s: _interpqueues.get_count(s.queue),
  returned(lambda s, seen: 2), full_queue)
P("_interpqueues.get_maxsize", "ipc", lambda s: _interpqueues.get_maxsize(s.queue),
  returned(lambda s, seen: 2), queue)
P("_interpqueues.get_queue_defaults", "ipc",
  lambda s: _interpqueues.get_queue_defaults(s.queue), returned(lambda s, seen: (0, UNBOUND)),
  queue)
P("_interpqueues.is_full", "ipc", lambda s: _interpqueues.is_full(s.queue), TRUE, full_queue)
P("_interpqueues._register_heap_types", "ipc",
  lambda s: _interpqueues._register_heap_types(Queue, Empty, Full) or
  _interpreters.is_shareable(Queue()), TRUE)
