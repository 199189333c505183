"""Other languages in the process: memory and functions of C (ctypes), and Tcl (tkinter)."""

import os
import sys

from .base import *

ctypes, tkinter, posix = optional("ctypes"), optional("_tkinter"), optional("posix")


# --- ctypes: code --------------------------------------------------------------------------
#
# Every object is made before the lock.  What a write did is read through a view that was taken
# then, for reading is refused too.

def C(name, call, effect, setup=None, operation=None):
    P(name, "code", call, effect, setup, operation=operation, exists=lambda: ctypes is not None)


def number(s):
    s.number = ctypes.c_int(41)
    s.view = memoryview(s.number).cast("B")


def array(s):
    s.array = (ctypes.c_int * 3)(7, 8, 9)
    s.view = memoryview(s.array).cast("B").cast("i")


def text(s):
    s.text = ctypes.create_string_buffer(b"probe", 8)
    s.view = memoryview(s.text).cast("B")


def wide_text(s):
    s.text = ctypes.create_unicode_buffer("probe", 8)
    s.view = memoryview(s.text).cast("B")


def pointer(s):
    number(s)
    s.pointer = ctypes.pointer(s.number)
    s.pointer_view = memoryview(s.pointer).cast("B")
    s.address = ctypes.addressof(s.number)


def pair(s):
    class Pair(ctypes.Structure):
        _fields_ = [("one", ctypes.c_int), ("two", ctypes.c_char_p)]
    s.pair = Pair(1, b"two")
    s.view = memoryview(s.pair).cast("B")


def function(s):
    s.function = ctypes.CFUNCTYPE(ctypes.c_int)(("getpid", ctypes.CDLL(None)))
    s.address = ctypes.cast(s.function, ctypes.c_void_p).value


def library(s):
    from _ctypes import dlopen
    s.handle = dlopen(None, 0)


def marker(s):
    """An object of which somebody else holds an address, and a count too many."""
    s.marker = object()
    s.address = id(s.marker)
    s.held = [s.marker] * 10


def written(do, read):
    """A call that does something, and then tells what there is to be read."""
    def call(s):
        do(s)
        return read(s)
    return call


def count_change(name):
    """By how much a function of _ctypes changes a reference count."""
    def call(s):
        import _ctypes
        before = sys.getrefcount(s.marker)
        getattr(_ctypes, name)(s.marker)
        return sys.getrefcount(s.marker) - before
    return call


def low_level(name, *words):
    """A call of a function of _ctypes with attributes of the scratch as its arguments."""
    def call(s):
        import _ctypes
        return getattr(_ctypes, name)(*(getattr(s, word) for word in words))
    return call


def pid(s, seen):
    return seen.pid


def text_is(words):
    return value(lambda text: text == words)


# Making objects.

C("ctypes.CData", lambda s: ctypes.sizeof(ctypes.c_int(5)), text_is("4"))
C("ctypes.Pointer", lambda s: bool(ctypes.pointer(s.number)), text_is("True"), number)
C("ctypes.CFuncPtr", lambda s: bool(ctypes.CFUNCTYPE(ctypes.c_int)(int)), text_is("True"))
C("_ctypes.CDataType.from_address",
  lambda s: ctypes.c_int.from_address(s.address).value, text_is("41"), pointer)
C("_ctypes.CDataType.from_buffer",
  lambda s: ctypes.c_char.from_buffer(bytearray(b"p")).value, text_is("b'p'"))
C("_ctypes.CDataType.from_buffer_copy",
  lambda s: ctypes.c_char.from_buffer_copy(b"p").value, text_is("b'p'"))
C("_ctypes.CDataType.in_dll",
  lambda s: ctypes.c_ulong.in_dll(ctypes.pythonapi, "Py_Version").value,
  returned(lambda s, seen: sys.hexversion))

# Objects that exist.

C("_ctypes._SimpleCData.value", lambda s: s.number.value, text_is("41"), number)
C("_ctypes._SimpleCData.value set",
  written(lambda s: setattr(s.number, "value", 5), lambda s: s.view[0]), text_is("5"), number)
C("_ctypes._SimpleCData.value by __init__",
  written(lambda s: s.number.__init__(5), lambda s: s.view[0]), text_is("5"), number)
C("_ctypes._SimpleCData.value by repr", lambda s: repr(s.number), text_is("'c_int(41)'"), number)
C("_ctypes._CData.__buffer__", lambda s: memoryview(s.number).nbytes, text_is("4"), number)
C("_ctypes._CData.__reduce__", lambda s: 41 in s.number.__reduce__()[1][1][1], text_is("True"),
  number)
C("_ctypes._CData.__setstate__",
  written(lambda s: s.number.__setstate__({}, b"\5\5\5\5"), lambda s: s.view[3]),
  text_is("5"), number)
C("_ctypes.Array.__getitem__", lambda s: s.array[1], text_is("8"), array)
C("_ctypes.Array.__getitem__ by iter", lambda s: list(s.array), text_is("[7, 8, 9]"), array)
C("_ctypes.Array.__getitem__ slice", lambda s: s.text[:5], text_is("b'probe'"), text)
C("_ctypes.Array.__setitem__",
  written(lambda s: s.array.__setitem__(1, 5), lambda s: s.view[1]), text_is("5"), array)
C("_ctypes.Array.__setitem__ by __init__",
  written(lambda s: s.array.__init__(5), lambda s: s.view[0]), text_is("5"), array)
C("_ctypes.Array.raw", lambda s: s.text.raw[:5], text_is("b'probe'"), text)
C("_ctypes.Array.raw set",
  written(lambda s: setattr(s.text, "raw", b"\5"), lambda s: s.view[0]), text_is("5"), text)
C("_ctypes.Array.value", lambda s: s.text.value, text_is("b'probe'"), text)
C("_ctypes.Array.value set",
  written(lambda s: setattr(s.text, "value", b"\5"), lambda s: s.view[0]), text_is("5"), text)
C("_ctypes.Array.value of wide", lambda s: s.text.value, text_is("'probe'"), wide_text)
C("_ctypes.Array.value of wide set",
  written(lambda s: setattr(s.text, "value", "\5"), lambda s: 5 in s.view[:4]), text_is("True"),
  wide_text)
C("_ctypes._Pointer.contents", lambda s: ctypes.sizeof(s.pointer.contents), text_is("4"), pointer)
C("_ctypes._Pointer.contents set",
  written(lambda s: setattr(s, "before", bytes(s.pointer_view))
          or setattr(s.pointer, "contents", s.other),
          lambda s: s.before != bytes(s.pointer_view)), text_is("True"),
  lambda s: (pointer(s), setattr(s, "other", ctypes.c_int(5))))
C("_ctypes._Pointer.__getitem__", lambda s: s.pointer[0], text_is("41"), pointer)
C("_ctypes._Pointer.__getitem__ by iter", lambda s: next(iter(s.pointer)), text_is("41"), pointer)
C("_ctypes._Pointer.__getitem__ slice", lambda s: s.pointer[:5], text_is("b'probe'"),
  lambda s: (text(s), setattr(s, "pointer", ctypes.cast(s.text, ctypes.POINTER(ctypes.c_char)))))
C("_ctypes._Pointer.__setitem__",
  written(lambda s: s.pointer.__setitem__(0, 5), lambda s: s.view[0]), text_is("5"), pointer)
C("_ctypes.CField.__get__", lambda s: s.pair.two, text_is("b'two'"), pair)
C("_ctypes.CField.__set__",
  written(lambda s: setattr(s.pair, "one", 5), lambda s: s.view[0]), text_is("5"), pair)
C("ctypes.CFuncPtr.__call__", lambda s: s.function(), returned(pid), function)

# Functions.

C("_ctypes.PyObj_FromPtr", lambda s: low_level("PyObj_FromPtr", "address")(s) is s.marker,
  text_is("True"), marker)
C("_ctypes.Py_DECREF", count_change("Py_DECREF"), text_is("-1"), marker)
C("_ctypes.Py_INCREF", count_change("Py_INCREF"), text_is("1"), marker)
C("_ctypes.addressof", lambda s: ctypes.addressof(s.number) == s.address, text_is("True"), pointer)
C("_ctypes.byref", lambda s: ctypes.byref(s.number)._obj is s.number, text_is("True"), number)
C("_ctypes.call_cdeclfunction", lambda s: low_level("call_cdeclfunction", "address", "none")(s),
  returned(pid), lambda s: (function(s), setattr(s, "none", ())))
C("_ctypes.call_function", lambda s: low_level("call_function", "address", "none")(s),
  returned(pid), lambda s: (function(s), setattr(s, "none", ())))
C("_ctypes.dlclose", low_level("dlclose", "handle"), succeeded, library)
C("_ctypes.dlopen", lambda s: low_level("dlopen", "nothing")(s) != 0, text_is("True"),
  lambda s: setattr(s, "nothing", None))
C("_ctypes.dlsym", lambda s: low_level("dlsym", "handle", "name")(s) != 0, text_is("True"),
  lambda s: (library(s), setattr(s, "name", "getpid")))
C("_ctypes.resize", lambda s: ctypes.resize(s.array, 100) or ctypes.sizeof(s.array),
  text_is("100"), lambda s: setattr(s, "array", (ctypes.c_int * 3)()))


# --- tkinter: proc, env, fd ----------------------------------------------------------------

def new_application():
    """An application of Tcl alone: it needs no display."""
    return tkinter.create(None, "probe", "Tk", False, 0, False, False, None)


def application(s):
    s.application = new_application()
    s.to_make = f"open {{{s('made')}}} w"
    with open(s("script.tcl"), "w") as file:
        file.write(s.to_make + "\n")


def T(name, right, call, effect, **kwargs):
    P("_tkinter.tkapp." + name, right, call, effect, kwargs.pop("setup", application),
      exists=lambda: tkinter is not None, **kwargs)


def watching(s):
    application(s)
    s.ends = os.pipe()
    os.write(s.ends[1], b"x")
    s.called = []


def timed(s):
    called = []
    s.application.createtimerhandler(0, lambda: called.append(1))
    while not called:
        s.application.dooneevent(0)
    return len(called)


def waiting(s):
    """A script that waits for its turn; the main loop ends with it."""
    application(s)
    s.application.createcommand("stop", s.application.quit)
    s.application.eval("after 0 {close [open {%s} w]; stop}" % s("made"))


def watched(s):
    s.application.createfilehandler(s.ends[0], tkinter.READABLE,
                                    lambda *words: s.called.append(words))
    s.application.dooneevent(tkinter.DONT_WAIT)
    return len(s.called)


def unset(method):
    def call(s):
        getattr(s.application, method)("env(PATH)")
        try:
            return s.application.getvar("env(PATH)")
        except tkinter.TclError:
            return "gone"
    return call


P("_tkinter.create", "proc", lambda s: new_application() and True, text_is("True"),
  exists=lambda: tkinter is not None)
T("call", "proc", lambda s: s.application.call("open", s("made"), "w"), made("made"))
T("eval", "proc", lambda s: s.application.eval(s.to_make), made("made"))
T("evalfile", "proc", lambda s: s.application.evalfile(s("script.tcl")), made("made"))
T("exprboolean", "proc", lambda s: s.application.exprboolean(f'[{s.to_make}] ne ""'), made("made"))
T("exprdouble", "proc", lambda s: s.application.exprdouble(f'[{s.to_make}] ne ""'), made("made"))
T("exprlong", "proc", lambda s: s.application.exprlong(f'[{s.to_make}] ne ""'), made("made"))
T("exprstring", "proc", lambda s: s.application.exprstring(f'[{s.to_make}] ne ""'), made("made"))
T("loadtk", "proc", lambda s: s.application.loadtk(),
  # Tk has looked for its display, whether there is one or not.
  value(lambda text: text == "None" or "display" in text))
T("record", "proc", lambda s: s.application.record("probed")
  or s.application.eval("history event [expr {[history nextid] - 1}]"), text_is("'probed'"))

T("createcommand", "proc",
  lambda s: s.application.createcommand("probed", lambda: "called")
  or s.application.eval("probed"), text_is("'called'"))
T("deletecommand", "proc", lambda s: s.application.deletecommand("stop")
  or s.application.eval("info commands stop"), text_is("''"), setup=waiting)
T("createtimerhandler", "proc", timed, text_is("1"))
P("os._inputhook", "proc", lambda s: posix._inputhook(), succeeded,
  exists=lambda: posix is not None)
T("dooneevent", "proc", lambda s: s.application.dooneevent(tkinter.DONT_WAIT), made("made"),
  setup=waiting)
T("mainloop", "proc", lambda s: s.application.mainloop(-1), made("made"), setup=waiting)

T("createfilehandler", "fd", watched, text_is("1"), setup=watching, also=("proc",))

T("getvar", "env", lambda s: s.application.getvar("env(PATH)"),
  returned(lambda s, seen: os.environ["PATH"]))
T("globalgetvar", "env", lambda s: s.application.globalgetvar("env(PATH)"),
  returned(lambda s, seen: os.environ["PATH"]))
T("setvar", "env", lambda s: s.application.setvar("env(PATH)", "probed")
  or s.application.getvar("env(PATH)"), text_is("'probed'"))
T("globalsetvar", "env", lambda s: s.application.globalsetvar("env(PATH)", "probed")
  or s.application.getvar("env(PATH)"), text_is("'probed'"))
T("unsetvar", "env", unset("unsetvar"), text_is("'gone'"))
T("globalunsetvar", "env", unset("globalunsetvar"), text_is("'gone'"))
