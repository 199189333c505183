"""What upstream answers by going wrong in memory, from Python code alone.

Where upstream may survive, the control looks at what the call changed. Where it cannot, the effect
is that the process is gone.
"""

import array
import asyncio
import decimal
import inspect
import io
import pickle
import struct
import sys

from .base import *

# The releases before have other code there.
NEW = sys.version_info >= (3, 13, 15)


def true(s, seen):
    return seen.value == "True"


def present():
    """Of types that no module shows."""
    return True


# --- What is made a second time -------------------------------------------------------------

class Loop:
    """As much of an event loop as futures and tasks ask for; it runs nothing."""

    def get_debug(self):
        return False

    def call_soon(self, callback, context=None):
        self.callback = callback

    def call_exception_handler(self, context):
        pass


async def nothing():
    pass


def again(s, made, *args, **kwargs):
    """Make something again; it stays, for its end may be what upstream does not survive."""
    s.made = made
    made.__init__(*args, **kwargs)
    return made


P("struct.Struct.__init__", "code", lambda s: again(s, struct.Struct("b"), "q").size,
  returned(lambda s, seen: struct.calcsize("q")))


def future(s):
    s.loops = Loop(), Loop()
    s.future = asyncio.Future(loop=s.loops[0])
    s.task = asyncio.Task(nothing(), loop=s.loops[0])


P("asyncio.Future.__init__", "code",
  lambda s: again(s, s.future, loop=s.loops[1]).get_loop() is s.loops[1], true, future)
P("asyncio.Task.__init__", "code",
  lambda s: again(s, s.task, nothing(), loop=s.loops[1]).get_loop() is s.loops[1], true, future)


def stream(s):
    s.raw = io.BytesIO(b"raw"), io.BytesIO(b"other")
    s.reader = io.BufferedReader(s.raw[0])
    s.writer = io.BufferedWriter(s.raw[0])
    s.random = io.BufferedRandom(s.raw[0])


P("io.BufferedRandom.__init__", "code",
  lambda s: again(s, s.random, s.raw[1]).raw is s.raw[1], true, stream)
P("io.BufferedReader.__init__", "code",
  lambda s: again(s, s.reader, s.raw[1]).raw is s.raw[1], true, stream)
P("io.BufferedWriter.__init__", "code",
  lambda s: again(s, s.writer, s.raw[1]).raw is s.raw[1], true, stream)


def pickles(s):
    s.pickler = pickle.Pickler(io.BytesIO())
    s.unpickler = pickle.Unpickler(io.BytesIO(pickle.dumps(1)))
    s.halfway = pickle.Unpickler.__new__(pickle.Unpickler)
    try:
        s.halfway.__init__(io.BytesIO(pickle.dumps(1)), buffers=1)
    except TypeError:
        pass


def pickled_again(s):
    out = io.BytesIO()
    again(s, s.pickler, out).dump(1)
    return out.getvalue() == pickle.dumps(1)


P("pickle.Pickler.__init__", "code", pickled_again, true, pickles)
P("pickle.Unpickler.__init__", "code",
  lambda s: again(s, s.unpickler, io.BytesIO(pickle.dumps(2))).load(),
  returned(lambda s, seen: 2), pickles)


def signals(s):
    s.context = decimal.Context()
    s.signals = s.context.flags


def cut_off(s):
    s.signals.__init__()
    try:
        return len(s.signals)
    except ValueError:
        return True


P("decimal.SignalDict.__init__", "code", cut_off, true, signals)


# --- What was never made, or not to the end -------------------------------------------------

P("decimal.Context.__setattr__ flags", "code",
  lambda s: setattr(s.context, "flags", type(s.signals)()), ended, signals)
P("decimal.Context.__setattr__ traps", "code",
  lambda s: setattr(s.context, "traps", type(s.signals)()), ended, signals)


def unmade_task(s):
    s.unmade = asyncio.Task.__new__(asyncio.Task)
    s.unmade._log_destroy_pending = True
    return s.unmade._log_destroy_pending


P("asyncio.Task._log_destroy_pending", "code", unmade_task, true)
def proxies(s):
    """Memos of no pickler, which nothing but their type's own object.__new__() makes."""
    pickles(s)
    s.proxies = [object.__new__(type(made.memo)) for made in (s.pickler, s.unpickler)]


def step(s):
    future(s)
    s.step = object.__new__(type(s.loops[0].callback))


P("_asyncio.TaskStepMethWrapper.__call__", "code", lambda s: s.step(), ended, step,
  exists=present)
P("pickle.Pickler.memo", "code", lambda s: pickle.Pickler.__new__(pickle.Pickler).memo,
  value(lambda text: "MemoProxy" in text))
P("pickle.Unpickler.memo", "code", lambda s: pickle.Unpickler.__new__(pickle.Unpickler).memo,
  value(lambda text: "MemoProxy" in text))
P("pickle.Pickler.memo set", "code", lambda s: setattr(s.pickler, "memo", s.proxies[0]), ended,
  proxies)
P("pickle.Unpickler.memo set", "code", lambda s: setattr(s.unpickler, "memo", s.proxies[1]), ended,
  proxies)
P("_pickle.PicklerMemoProxy.clear", "code", lambda s: s.proxies[0].clear(), ended, proxies,
  exists=present)
P("_pickle.PicklerMemoProxy.copy", "code", lambda s: s.proxies[0].copy(), ended, proxies,
  exists=present)
P("_pickle.UnpicklerMemoProxy.clear", "code", lambda s: s.proxies[1].clear(), ended, proxies,
  exists=present)
P("_pickle.UnpicklerMemoProxy.copy", "code", lambda s: s.proxies[1].copy(), ended, proxies,
  exists=present)
P("pickle.Unpickler.load", "code", lambda s: s.halfway.load(), ended, pickles)


def emptied(s):
    pickles(s)
    s.several = pickle.Unpickler(io.BytesIO(pickle.dumps(["first", "second"])))
    s.several.memo = {}


# It may survive: what the end of an empty piece of memory holds decides.
P("pickle.Unpickler.load emptied", "code", lambda s: s.several.load(),
  lambda s, seen: seen.value is not None, emptied)
P("super.__get__", "code", lambda s: super.__new__(super).__get__(1), ended)
# The flag is that of the type in all interpreters.
P("type.__abstractmethods__", "code",
  lambda s: vars(type)["__abstractmethods__"].__set__(bytearray, {"gone"}) or
  inspect.isabstract(bytearray),
  returned(lambda s, seen: True),
  # Its name finds what type itself has, which is nothing.
  exists=lambda: True)


def unmade_connection(name):
    return lambda s: getattr(sqlite3.Connection.__new__(sqlite3.Connection), name)


P("sqlite3.Connection.row_factory", "code", unmade_connection("row_factory"), ended,
  exists=lambda: NEW and sqlite3 is not None)
P("sqlite3.Connection.text_factory", "code", unmade_connection("text_factory"), ended,
  exists=lambda: NEW and sqlite3 is not None)


# --- What is taken away ---------------------------------------------------------------------

def delete(made, name):
    """Delete an attribute where the object's own __delattr__ is not asked."""
    vars(type(made))[name].__delete__(made)


def database(s):
    s.connection = sqlite3.connect(":memory:")
    s.cursor = s.connection.cursor()


def secure(s):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    s.secure = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="host")._sslobj


def cut_group(s):
    group = BaseExceptionGroup("group", [KeyError()])
    group.args = ()
    return repr(group)


# What lies behind the arguments decides between an answer and an end.
P("BaseExceptionGroup.__repr__", "code", cut_group, lambda s, seen: seen.value is not None,
  exists=lambda: NEW)
P("decimal.Context.rounding", "code", lambda s: delete(s.context, "rounding"), ended, signals)
P("sqlite3.Connection.autocommit", "code", lambda s: delete(s.connection, "autocommit"), ended,
  database, exists=lambda: sqlite3 is not None)
P("sqlite3.Cursor.arraysize", "code", lambda s: delete(s.cursor, "arraysize"), ended, database,
  exists=lambda: NEW and sqlite3 is not None)
for name in "context", "owner", "session":
    P(f"_ssl._SSLSocket.{name}", "code", lambda s, name=name: delete(s.secure, name), ended,
      secure, exists=lambda: ssl is not None)


# --- Views that outlive the memory ----------------------------------------------------------

channels = optional("_interpchannels")


def shared(s):
    optional("_interpreters")
    s.channel = channels.create(3)
    channels.send_buffer(s.channel, bytearray(b"sent"), blocking=False)
    s.view = channels.recv(s.channel)[0].obj
    # The view that the call makes takes one reference away that it never had.
    s.spare = [s.view] * 10


P("_interpreters.CrossInterpreterBufferView.__buffer__", "code",
  lambda s: memoryview(s.view).tobytes(), returned(lambda s, seen: b"sent"), shared,
  exists=lambda: channels is not None)


class Keeper:
    """A struct.Struct that keeps what it is to unpack."""

    kept = []

    def __init__(self, format):
        pass

    def unpack_from(self, view):
        self.kept.append(view)
        return 1,


def compared_by_keeper(s):
    original = struct.Struct
    struct.Struct = Keeper
    try:
        memoryview(array.array("h", [1])) == memoryview(array.array("i", [1]))
    finally:
        struct.Struct = original
    return bool(Keeper.kept)


P("memoryview.__eq__", "code", compared_by_keeper, true)
