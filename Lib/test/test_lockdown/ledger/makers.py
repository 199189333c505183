"""Makes one object of each type that C code gives to Python, for the fuzzer to act on.

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


# --- The table ------------------------------------------------------------------------------
#
# By the module that the ledger files the type under, and in it by subject. What a call without
# arguments makes well enough is not here; a container is, because an empty one hides much.

INSTANCES = {
    "_asyncio.Future": lambda: need("_asyncio").Future(loop=Loop()),
    "_asyncio.FutureIter": lambda: iter(need("_asyncio").Future(loop=Loop())),
    "_asyncio.Task": task,
    "_asyncio.TaskStepMethWrapper": task_step,

    "_collections.OrderedDict": ordered,
    "_collections._deque_iterator": lambda: iter(collections.deque("abc")),
    "_collections._deque_reverse_iterator": lambda: reversed(collections.deque("abc")),
    "_collections._tuplegetter": lambda: need("_collections")._tuplegetter(0, "made"),
    "_collections.defaultdict": lambda: collections.defaultdict(list, a=[1]),
    "_collections.deque": lambda: collections.deque("abc", 5),

    "_contextvars.Context": context,
    "_contextvars.ContextVar": lambda: contextvars.ContextVar("made", default=1),
    "_contextvars.Token": token,

    "_csv.Dialect": lambda: csv.get_dialect("excel"),
    "_csv.reader": lambda: csv.reader(["a,b", "c,'d'"]),
    "_csv.writer": lambda: csv.writer(io.StringIO()),

    # Of a metaclass the instances are classes.
    "_ctypes.Array": lambda: (type(c_int()) * 3)(1, 2, 3),
    "_ctypes.CArgObject": lambda: need("ctypes").byref(c_int()),
    "_ctypes.CField": lambda: structure().bits,
    "_ctypes.CFuncPtr": lambda: c_function()(abs),
    "_ctypes.CType_Type": lambda: type(c_int()),
    "_ctypes.PyCArrayType": lambda: type(c_int()) * 3,
    "_ctypes.PyCFuncPtrType": c_function,
    "_ctypes.PyCPointerType": lambda: type(need("ctypes").pointer(c_int())),
    "_ctypes.PyCSimpleType": lambda: type(c_int()),
    "_ctypes.PyCStructType": structure,
    "_ctypes.Structure": lambda: structure()(1, 2),
    "_ctypes.Union": lambda: union()(1),
    "_ctypes.UnionType": union,
    "_ctypes._CData": c_int,
    "_ctypes._Pointer": lambda: need("ctypes").pointer(c_int()),
    "_ctypes._SimpleCData": c_int,

    "_curses.ncurses_version": lambda: need("_curses").ncurses_version,
    "_curses.window": window,
    "_curses_panel.panel": panel,

    "_datetime.IsoCalendarDate": lambda: datetime.date(2000, 1, 2).isocalendar(),
    "_datetime.date": lambda: datetime.date(2000, 1, 2),
    "_datetime.datetime": lambda: datetime.datetime(2000, 1, 2, 3, tzinfo=datetime.UTC),
    "_datetime.time": lambda: datetime.time(1, 2, 3, 4),
    "_datetime.timedelta": lambda: datetime.timedelta(1, 2, 3),
    "_datetime.timezone": lambda: datetime.timezone(datetime.timedelta(hours=1), "made"),

    "_dbm.dbm": lambda: database("_dbm"),
    "_gdbm.gdbm": lambda: database("_gdbm"),

    "_decimal.ContextManager": decimal.localcontext,
    "_decimal.Decimal": lambda: decimal.Decimal("-1.50"),
    # Made only as a part of a context, in which it is of a subclass.
    "_decimal.SignalDictMixin": lambda: kept(decimal.Context()).flags,

    "_elementtree.Element": element,
    "_elementtree._element_iterator": lambda: element().iter(),

    "_functools.KeyWrapper": lambda: functools.cmp_to_key(operator.sub)(1),
    "_functools._lru_cache_wrapper": lambda: functools.lru_cache(len),
    "_functools.partial": lambda: functools.partial(int, base=16),

    "_hashlib.HASH": lambda: need("_hashlib").openssl_sha256(b"made"),
    "_hashlib.HASHXOF": lambda: need("_hashlib").openssl_shake_128(b"made"),
    "_hashlib.HMAC": lambda: need("_hashlib").hmac_new(b"key", b"made", "sha256"),
    "_md5.md5": lambda: need("_md5").md5(b"made"),
    "_sha1.sha1": lambda: need("_sha1").sha1(b"made"),
    "_sha2.SHA224Type": lambda: need("_sha2").sha224(b"made"),
    "_sha2.SHA256Type": lambda: need("_sha2").sha256(b"made"),
    "_sha2.SHA384Type": lambda: need("_sha2").sha384(b"made"),
    "_sha2.SHA512Type": lambda: need("_sha2").sha512(b"made"),

    "_interpchannels.ChannelID": channel,
    "_interpchannels.ChannelInfo": lambda: need("_interpchannels").get_info(kept(channel())),
    "_interpreters.CrossInterpreterBufferView": shared_buffer,

    "_io.BufferedRWPair": lambda: io.BufferedRWPair(opened("rb", buffering=0),
                                                    opened("wb", buffering=0)),
    "_io.BufferedRandom": lambda: opened("rb+"),
    "_io.BufferedReader": lambda: opened("rb"),
    "_io.BufferedWriter": lambda: opened("ab"),
    "_io.BytesIO": lambda: io.BytesIO(b"one\ntwo\n"),
    "_io.FileIO": lambda: opened("rb+", buffering=0),
    "_io.IncrementalNewlineDecoder": lambda: io.IncrementalNewlineDecoder(None, True),
    "_io.StringIO": lambda: io.StringIO("one\ntwo\n"),
    "_io.TextIOWrapper": lambda: opened("r+", encoding="utf-8"),
    "_io._BytesIOBuffer": lambda: io.BytesIO(b"made").getbuffer().obj,

    "_json.Encoder": json_encoder,
    "_json.Scanner": lambda: need("_json").make_scanner(json.JSONDecoder()),

    "_lsprof.profiler_entry": lambda: profiled()[0],
    "_lsprof.profiler_subentry": profiled_call,

    "_multibytecodec.MultibyteCodec": lambda: need("_codecs_cn").getcodec("gb2312"),
    "_multibytecodec.MultibyteIncrementalDecoder": lambda: codec("decoder"),
    "_multibytecodec.MultibyteIncrementalEncoder": lambda: codec("encoder"),
    "_multibytecodec.MultibyteStreamReader":
        lambda: codecs.getreader("gb2312")(io.BytesIO(b"one\ntwo\n")),
    "_multibytecodec.MultibyteStreamWriter": lambda: codecs.getwriter("gb2312")(io.BytesIO()),

    "_multiprocessing.SemLock": semaphore,

    "_operator.attrgetter": lambda: operator.attrgetter("real", "imag"),
    "_operator.itemgetter": lambda: operator.itemgetter(0, 1),
    "_operator.methodcaller": lambda: operator.methodcaller("strip", "x"),

    "_pickle.PickleBuffer": lambda: pickle.PickleBuffer(bytearray(b"made")),
    "_pickle.Pickler": lambda: pickle.Pickler(io.BytesIO()),
    "_pickle.PicklerMemoProxy": lambda: pickle.Pickler(io.BytesIO()).memo,
    "_pickle.Unpickler": lambda: pickle.Unpickler(io.BytesIO(pickle.dumps([1, "made"]))),
    "_pickle.UnpicklerMemoProxy": lambda: pickle.Unpickler(io.BytesIO()).memo,

    "_queue.SimpleQueue": queue,
    "_signal.struct_siginfo": lambda: signal.struct_siginfo(range(7)),
    "_socket.socket": connected,

    "_sqlite3.Blob": lambda: connection().blobopen("t", "b", 1),
    "_sqlite3.Connection": connection,
    "_sqlite3.Cursor": lambda: connection().execute("select * from t"),
    "_sqlite3.Row": row,

    "_sre.Match": lambda: re.match("(?P<name>m)(a)?", "made"),
    "_sre.Pattern": lambda: re.compile("(?P<name>m)(a)?"),
    "_sre.SRE_Scanner": lambda: re.compile("m|a").scanner("made"),

    "_ssl.Certificate": lambda: ssl_client().get_unverified_chain()[0],
    "_ssl.SSLSession": lambda: ssl_client().session,
    "_ssl._SSLContext": ssl_context,
    "_ssl._SSLSocket": ssl_client,

    "_struct.Struct": lambda: struct.Struct("<2h4s"),
    "_struct.unpack_iterator": lambda: struct.iter_unpack("h", b"abcdef"),

    "_thread._ExceptHookArgs":
        lambda: need("_thread")._ExceptHookArgs((ValueError, caught(), None, None)),

    "_tkinter.Tcl_Obj": lambda: kept(tcl()).call("dict", "create", "a", "b"),
    "_tkinter.tkapp": tcl,
    "_tkinter.tktimertoken": timer,

    "_tokenize.TokenizerIter":
        lambda: need("_tokenize").TokenizerIter(iter(["a = 1\n"]).__next__, extra_tokens=True),

    "_typing.ParamSpec": lambda: typing.ParamSpec("P", default=[int]),
    "_typing.ParamSpecArgs": lambda: kept(typing.ParamSpec("P")).args,
    "_typing.ParamSpecKwargs": lambda: kept(typing.ParamSpec("P")).kwargs,
    "_typing.TypeAliasType": lambda: typing.TypeAliasType("Made", list[int]),
    "_typing.TypeVar": lambda: typing.TypeVar("T", bound=int, default=bool),
    "_typing.TypeVarTuple": lambda: typing.TypeVarTuple("Ts"),

    "_weakref.CallableProxyType": lambda: weakref.proxy(kept(Referent())),
    "_weakref.ProxyType": lambda: weakref.proxy(kept({1, 2})),
    "_weakref.ReferenceType": lambda: weakref.ref(kept(Referent()), print),

    "_zoneinfo.ZoneInfo": zone,

    "array.array": lambda: array.array("i", [1, 2, 3]),
    "array.arrayiterator": lambda: iter(array.array("i", [1, 2, 3])),

    # Values.
    "builtins.bytearray": lambda: bytearray(b"made, one\ntwo"),
    "builtins.bytes": lambda: b"made, one\ntwo",
    "builtins.complex": lambda: 1.5 - 2j,
    "builtins.dict": lambda: {"a": 1, "b": 2},
    "builtins.float": lambda: -1.5,
    "builtins.frozenset": lambda: frozenset("abc"),
    "builtins.int": lambda: 3 ** 50,
    "builtins.list": lambda: [3, 1, 2],
    "builtins.mappingproxy": lambda: types.MappingProxyType({"a": 1}),
    "builtins.memoryview": lambda: memoryview(bytearray(b"made")),
    "builtins.range": lambda: range(1, 10, 2),
    "builtins.set": lambda: set("abc"),
    "builtins.SimpleNamespace": lambda: types.SimpleNamespace(a=1),
    "builtins.slice": lambda: slice(1, 10, 2),
    "builtins.str": lambda: "made, \u00e9\u20ac\none",
    "builtins.tuple": lambda: (1, "a", None),

    # Iterators.
    "builtins.bytearray_iterator": lambda: iter(bytearray(b"made")),
    "builtins.bytes_iterator": lambda: iter(b"made"),
    "builtins.callable_iterator": lambda: iter(iter("made").__next__, "d"),
    "builtins.dict_itemiterator": lambda: iter({1: 2, 3: 4}.items()),
    "builtins.dict_items": lambda: {1: 2, 3: 4}.items(),
    "builtins.dict_keyiterator": lambda: iter({1: 2, 3: 4}),
    "builtins.dict_keys": lambda: {1: 2, 3: 4}.keys(),
    "builtins.dict_reverseitemiterator": lambda: reversed({1: 2, 3: 4}.items()),
    "builtins.dict_reversekeyiterator": lambda: reversed({1: 2, 3: 4}),
    "builtins.dict_reversevalueiterator": lambda: reversed({1: 2, 3: 4}.values()),
    "builtins.dict_valueiterator": lambda: iter({1: 2, 3: 4}.values()),
    "builtins.dict_values": lambda: {1: 2, 3: 4}.values(),
    "builtins.enumerate": lambda: enumerate("made"),
    "builtins.fieldnameiterator": lambda: need("_string").formatter_field_name_split("a.b[c]")[1],
    "builtins.filter": lambda: filter(None, "made"),
    "builtins.formatteriterator": lambda: need("_string").formatter_parser("a{b!r:c}d"),
    "builtins.generic_alias_iterator": lambda: iter(list[int]),
    "builtins.items": lambda: context().items(),
    "builtins.iterator": lambda: iter(Sequence()),
    "builtins.keys": lambda: context().keys(),
    "builtins.line_iterator": lambda: code().co_lines(),
    "builtins.list_iterator": lambda: iter([1, 2, 3]),
    "builtins.list_reverseiterator": lambda: reversed([1, 2, 3]),
    "builtins.longrange_iterator": lambda: iter(range(2 ** 70, 2 ** 70 + 9)),
    "builtins.map": lambda: map(abs, [1, -2]),
    "builtins.memory_iterator": lambda: iter(memoryview(b"made")),
    "builtins.odict_items": lambda: ordered().items(),
    "builtins.odict_iterator": lambda: iter(ordered()),
    "builtins.odict_keys": lambda: ordered().keys(),
    "builtins.odict_values": lambda: ordered().values(),
    "builtins.positions_iterator": lambda: code().co_positions(),
    "builtins.range_iterator": lambda: iter(range(9)),
    "builtins.reversed": lambda: reversed((1, 2, 3)),
    "builtins.set_iterator": lambda: iter({1, 2, 3}),
    "builtins.str_ascii_iterator": lambda: iter("made"),
    "builtins.str_iterator": lambda: iter("\u00e9\u20ac"),
    "builtins.tuple_iterator": lambda: iter((1, 2, 3)),
    "builtins.values": lambda: context().values(),
    "builtins.zip": lambda: zip("made", "anew"),

    # What runs.
    "builtins.FrameLocalsProxy": lambda: frame().f_locals,
    "builtins.anext_awaitable": lambda: started(anext(numbers(), None)),
    "builtins.async_generator": advanced,
    "builtins.async_generator_asend": lambda: started(numbers().asend(None)),
    "builtins.async_generator_athrow": lambda: started(advanced().athrow(KeyError)),
    "builtins.cell": lambda: types.CellType(1),
    "builtins.code": code,
    "builtins.coroutine": suspended,
    "builtins.coroutine_wrapper": lambda: suspended().__await__(),
    "builtins.frame": frame,
    "builtins.function": lambda: types.FunctionType((lambda x=1: x).__code__, {}, "made", (1,)),
    "builtins.generator": lambda: started(counter()),
    "builtins.traceback": lambda: caught().__traceback__,

    # What classes and modules are made of.
    "builtins.GenericAlias": lambda: list[typing.TypeVar("T")],
    "builtins.UnionType": lambda: int | str,
    "builtins.builtin_function_or_method": lambda: [3, 1, 2].append,
    "builtins.classmethod": lambda: classmethod(len),
    "builtins.classmethod_descriptor": lambda: vars(dict)["fromkeys"],
    "builtins.getset_descriptor": lambda: vars(int)["real"],
    "builtins.instancemethod": lambda: unshown("instancemethod")(len),
    "builtins.member_descriptor": lambda: vars(slice)["start"],
    "builtins.method": lambda: types.MethodType(len, "made"),
    "builtins.method-wrapper": lambda: "made".__len__,
    "builtins.method_descriptor": lambda: str.join,
    "builtins.module": lambda: types.ModuleType("made", "made"),
    "builtins.property": lambda: property(len, print),
    "builtins.staticmethod": lambda: staticmethod(len),
    "builtins.super": lambda: super(bool, True),
    "builtins.type": lambda: type("Made", (Referent,), {"__slots__": "slot"}),
    "builtins.wrapper_descriptor": lambda: int.__add__,

    # Exceptions that cannot be without arguments, or say more with them.
    "builtins.AttributeError": lambda: AttributeError("made", name="x", obj=1),
    "builtins.BaseException": caught,
    "builtins.BaseExceptionGroup":
        lambda: BaseExceptionGroup("made", [KeyError(1), ExceptionGroup("in", [OSError()])]),
    "builtins.ImportError": lambda: ImportError("made", name="x", path="y"),
    "builtins.NameError": lambda: NameError("made", name="x"),
    "builtins.OSError": lambda: OSError(2, "made", "one", None, "two"),
    "builtins.StopIteration": lambda: StopIteration(1),
    "builtins.SyntaxError": lambda: SyntaxError("made", ("file", 1, 2, "text", 1, 3)),
    "builtins.SystemExit": lambda: SystemExit(3),
    "builtins.UnicodeDecodeError": lambda: UnicodeDecodeError("ascii", b"\xff", 0, 1, "made"),
    "builtins.UnicodeEncodeError": lambda: UnicodeEncodeError("ascii", "\xff", 0, 1, "made"),
    "builtins.UnicodeTranslateError": lambda: UnicodeTranslateError("\xff", 0, 1, "made"),

    # The interpreter's own.
    "builtins.EncodingMap": number_map,
    "builtins.PyCapsule": lambda: need("_datetime").datetime_CAPI,
    "builtins._buffer_wrapper": lambda: kept(memoryview(Buffer())).obj,
    "builtins.asyncgen_hooks": sys.get_asyncgen_hooks,
    "builtins.stderrprinter": first_stream,
    "builtins.symtable entry": lambda: need("_symtable").symtable("x = 1", "made", "exec"),

    "itertools._grouper": lambda: first(itertools.groupby("aab"))[1],
    "itertools._tee": lambda: itertools.tee("made")[0],
    "itertools._tee_dataobject": lambda: itertools.tee("made")[0].__reduce__()[2][0],
    "itertools.accumulate": lambda: itertools.accumulate([1, 2, 3]),
    "itertools.batched": lambda: itertools.batched("made", 2),
    "itertools.chain": lambda: itertools.chain("made", "anew"),
    "itertools.combinations": lambda: itertools.combinations("made", 2),
    "itertools.combinations_with_replacement":
        lambda: itertools.combinations_with_replacement("made", 2),
    "itertools.compress": lambda: itertools.compress("made", [1, 0, 1]),
    "itertools.cycle": lambda: itertools.cycle("made"),
    "itertools.dropwhile": lambda: itertools.dropwhile(bool, [1, 0, 1]),
    "itertools.filterfalse": lambda: itertools.filterfalse(bool, [1, 0, 0]),
    "itertools.groupby": lambda: itertools.groupby("aab"),
    "itertools.islice": lambda: itertools.islice("made", 1, 3),
    "itertools.pairwise": lambda: itertools.pairwise("made"),
    "itertools.permutations": lambda: itertools.permutations("made", 2),
    "itertools.product": lambda: itertools.product("made", repeat=2),
    "itertools.repeat": lambda: itertools.repeat("made", 3),
    "itertools.starmap": lambda: itertools.starmap(divmod, [(7, 2), (9, 4)]),
    "itertools.takewhile": lambda: itertools.takewhile(bool, [1, 1, 0]),
    "itertools.zip_longest": lambda: itertools.zip_longest("made", "an"),

    "lockdownlib.status_result": lockdownlib.status,

    "mmap.mmap": lambda: need("mmap").mmap(-1, 4096),

    "posix.DirEntry": entry,
    "posix.ScandirIterator": lambda: os.scandir("."),
    "posix.sched_param": lambda: os.sched_param(0),
    "posix.stat_result": lambda: os.stat("."),
    "posix.statvfs_result": lambda: os.statvfs("."),
    "posix.times_result": os.times,
    "posix.uname_result": lambda: os.uname(),

    "pyexpat.xmlparser": lambda: need("pyexpat").ParserCreate(),

    "select.epoll": lambda: polled(select.epoll),
    "select.poll": lambda: polled(select.poll),

    "sys.flags": lambda: sys.flags,
    "sys.float_info": lambda: sys.float_info,
    "sys.hash_info": lambda: sys.hash_info,
    "sys.int_info": lambda: sys.int_info,
    "sys.thread_info": lambda: sys.thread_info,
    "sys.version_info": lambda: sys.version_info,

    "time.struct_time": time.gmtime,

    "unicodedata.UCD": lambda: unicodedata.ucd_3_2_0,

    "zlib.Compress": lambda: need("zlib").compressobj(),
    "zlib.Decompress": lambda: need("zlib").decompressobj(),
}


def make(name, cls):
    """An object of this type, or None if there can be none: a part of the build is not there."""
    ways = [INSTANCES[name]] if name in INSTANCES else []
    ways.append(cls)
    # A struct sequence is made of as many values as it shows.
    ways.append(lambda: cls(range(cls.n_sequence_fields)))
    for way in ways:
        try:
            made = way()
        except Exception:
            continue
        if isinstance(made, cls):
            return made
    return None
