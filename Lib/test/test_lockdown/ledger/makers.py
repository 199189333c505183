"""Makes one object of each type that C code gives to Python, for the fuzzer to act on."""

from .things import *

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
