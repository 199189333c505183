"""Makers of objects that take more than one expression to make.

All of this runs before the lock: makers open files in the current folder, sockets that are joined
to each other, databases in memory and the like, but reach nobody else.
"""

import array
import codecs
import collections
import contextlib
import contextvars
import csv
import datetime
import decimal
import functools
import importlib
import io
import itertools
import json
import operator
import os
import pickle
import re
import select
import signal
import socket
import struct
import sys
import time
import types
import typing
import unicodedata
import weakref
import zoneinfo
from test.support import os_helper
from xml.etree import ElementTree

import lockdownlib

# What an object needs that does not hold it itself.
KEPT = []
NUMBERS = itertools.count()


# --- Helpers --------------------------------------------------------------------------------

def need(name):
    """A module that a build may do without: then there is no instance."""
    return importlib.import_module(name)


def kept(value):
    KEPT.append(value)
    return value


def fresh():
    """The name of a file that is not there yet."""
    return f"made-{os.getpid()}-{next(NUMBERS)}"


def opened(mode, **kwargs):
    """A new file of three lines, opened."""
    name = fresh()
    with open(name, "wb") as file:
        file.write(b"one\ntwo\nthree\n")
    return open(name, mode, **kwargs)


def first(iterable):
    return next(iter(iterable))


def unshown(name):
    """A type that no module shows."""
    return first(cls for cls in object.__subclasses__() if cls.__name__ == name)


def started(step):
    """Run a coroutine, or what is like one, up to where it first waits."""
    step.send(None)
    return step


# --- Things written in Python that things of C hold -----------------------------------------

class Sequence:
    """What iter() makes the oldest kind of iterator of."""

    def __getitem__(self, index):
        return (1, 2, 3)[index]


class Buffer:
    """A buffer that is written in Python."""

    def __buffer__(self, flags):
        return memoryview(b"buffer")


class Referent:
    """What a weak reference is made to."""

    def __call__(self, *args):
        return args


class Pause:
    """Waits once."""

    def __await__(self):
        yield


class Loop:
    """As much of an event loop as futures and tasks ask for; it runs nothing."""

    def __init__(self):
        self.callbacks = []

    def get_debug(self):
        return False

    def call_soon(self, callback, *args, context=None):
        self.callbacks.append(callback)

    def call_exception_handler(self, context):
        pass


def counter(number=3):
    local = []
    for value in range(number):
        local.append(value)
        yield value


async def waiter():
    for number in range(3):
        await Pause()


async def numbers():
    for number in range(3):
        try:
            await Pause()
            yield number
        except KeyError:
            await Pause()


def suspended():
    """A coroutine that waits: one that was never run is warned of when it goes."""
    return started(waiter())


def advanced():
    """An asynchronous generator that has given its first number."""
    generator = numbers()
    step = started(generator.asend(None))
    with contextlib.suppress(StopIteration):
        step.send(None)
    return generator


def frame():
    generator = kept(counter())
    next(generator)
    return generator.gi_frame


def caught():
    """An exception that was raised, with a traceback of two frames."""
    def fail():
        raise ValueError("made")
    try:
        fail()
    except ValueError as error:
        return error


def code():
    return compile("def made(x):\n    y = x\n    return [y for y in x]\n", "made", "exec")


def context():
    made = contextvars.Context()
    made.run(contextvars.ContextVar("made").set, 1)
    return made


def token():
    return kept(contextvars.ContextVar("made")).set(1)


def ordered():
    return collections.OrderedDict(a=1, b=2)


def first_stream():
    """What sys.stderr is while the interpreter starts: nothing in Python makes one later."""
    ctypes = need("ctypes")
    make = ctypes.pythonapi.PyFile_NewStdPrinter
    make.restype = ctypes.py_object
    return make(1)


def number_map():
    """The compact map that charmap_build makes of a table of one byte to a character."""
    return codecs.charmap_build("".join(map(chr, range(256))))


# --- asyncio --------------------------------------------------------------------------------

def task():
    return need("_asyncio").Task(suspended(), loop=Loop())


def task_step():
    loop = Loop()
    kept(need("_asyncio").Task(suspended(), loop=loop))
    return loop.callbacks[0]


# --- ctypes ---------------------------------------------------------------------------------

@functools.cache
def structure():
    ctypes = need("ctypes")

    class Structure(ctypes.Structure):
        _fields_ = [("number", ctypes.c_int), ("bits", ctypes.c_int, 3)]
    return Structure


@functools.cache
def union():
    ctypes = need("ctypes")

    class Union(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("text", ctypes.c_char * 4)]
    return Union


def c_int(value=1):
    return need("ctypes").c_int(value)


def c_function():
    ctypes = need("ctypes")
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


# --- curses ---------------------------------------------------------------------------------

@functools.cache
def screen():
    """Start curses on a terminal of our own: it writes to descriptor 1, whatever that is."""
    curses = need("_curses")
    master, slave = os.openpty()
    saved = [os.dup(number) for number in (0, 1)]
    try:
        for number in 0, 1:
            os.dup2(slave, number)
        with os_helper.EnvironmentVarGuard() as environment:
            environment["TERM"] = "xterm"
            # Where the terminal is not known this raises, while initscr() would end the process.
            curses.setupterm(fd=1)
            window = curses.initscr()
            curses.endwin()
    finally:
        for number, was in enumerate(saved):
            os.dup2(was, number)
            os.close(was)
    kept((window, master, slave))
    return curses


def window():
    made = screen().newwin(5, 10, 1, 1)
    made.nodelay(True)
    return made


def panel():
    return need("_curses_panel").new_panel(window())


# --- Databases ------------------------------------------------------------------------------

def database(name):
    made = need(name).open(fresh(), "c")
    made[b"key"] = b"value"
    return made


def connection():
    made = need("sqlite3").connect(":memory:")
    made.execute("create table t(a, b)")
    made.execute("insert into t values(1, x'00010203')")
    return made


def row():
    cursor = connection().execute("select * from t")
    cursor.row_factory = need("sqlite3").Row
    return cursor.fetchone()


# --- ssl ------------------------------------------------------------------------------------

def ssl_context():
    ssl = need("ssl")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    # A session of the later version comes only after the handshake.
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


def ssl_client():
    """The client's half of a connection in memory, shaken hands with the other half."""
    ssl = need("ssl")
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    test = os.path.dirname(need("test").__file__)
    accepting.load_cert_chain(os.path.join(test, "certdata", "keycert.pem"))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl_context().wrap_bio(down, up)
    server = accepting.wrap_bio(up, down, server_side=True)
    for half in client, server, client, server:
        with contextlib.suppress(ssl.SSLWantReadError):
            half.do_handshake()
    kept((client, server))
    return client._sslobj


# --- Interpreters ---------------------------------------------------------------------------

def channel():
    # 3: what was sent by an interpreter that is gone is replaced by a mark.
    made = need("_interpchannels").create(3)
    need("_interpchannels").send(made, b"sent", blocking=False)
    return made


def shared_buffer():
    channels = need("_interpchannels")
    need("_interpreters")
    made = kept(channels.create(3))
    channels.send_buffer(made, bytearray(b"sent"), blocking=False)
    return kept(channels.recv(made)[0]).obj


# --- Tcl ------------------------------------------------------------------------------------

def tcl():
    return need("_tkinter").create(None, "made", "Made", False, 1, False)


def timer():
    return kept(tcl()).createtimerhandler(10 ** 6, len)


# --- Others ---------------------------------------------------------------------------------

def connected():
    """A socket that is joined to another of this process."""
    one, other = socket.socketpair()
    other.send(b"sent")
    kept(other)
    one.settimeout(0.05)
    return one


def polled(kind):
    made = kind()
    made.register(kept(connected()), select.POLLIN)
    return made


def entry():
    opened("rb").close()
    with os.scandir(".") as entries:
        return next(entries)


def semaphore():
    # A counting one, which unlinks its name as soon as it has it.
    return need("_multiprocessing").SemLock(1, 1, 5, f"/made-{os.getpid()}-{next(NUMBERS)}", True)


def queue():
    made = need("_queue").SimpleQueue()
    for number in range(3):
        made.put(number)
    return made


def profiled():
    """What the profiler has to say of two calls, one in the other."""
    profiler = need("_lsprof").Profiler()
    profiler.enable()
    list(map(lambda number: abs(number), range(3)))
    profiler.disable()
    return profiler.getstats()


def profiled_call():
    return first(entry.calls for entry in profiled() if entry.calls)[0]


def zone():
    """A time zone of one rule, from bytes of our own and not from the machine's files."""
    data = b"TZif" + bytes(16) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + bytes(6) + b"ONE\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key="Made")


def element():
    return ElementTree.fromstring("<a b='c'>text<d/>tail<e><f/></e></a>")


def json_encoder():
    return need("_json").make_encoder({}, str, need("_json").encode_basestring, None, ":", ",",
                                      False, False, True)


def codec(kind):
    return getattr(codecs, "getincremental" + kind)("gb2312")()
