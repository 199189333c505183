"""Bugs of CPython's memory that are known in public, and what became of each here.

Usage: python -m test.test_lockdown.known_bugs >Doc/howto/lockdown-bugs.rst

Each has the number of the issue in CPython's tracker (or its file in Lib/test/crashers), what it is, the
state, and either a program that does what it needs or the file of the tests that has one. The
state is one of

    3.13.N      mended by CPython in that release
    -           was not seen to break CPython 3.13
    patch       breaks CPython 3.13.15, and is mended by a patch of this repository
    refused     breaks CPython 3.13.15; what it needs is refused when locked
    open        breaks CPython 3.13.15, and nothing here stops it

The programs run locked in test_known_bugs.py.
"""

import sys
from collections import namedtuple

Bug = namedtuple("Bug", "number what state where source")

BUGS = [
    Bug('60198', "buffers of io's buffered objects, seen after they were freed",
        'patch', 'test_corruption', None),
    Bug('92888', 'memoryview: an index or a value that releases the view',
        '3.12.0', '', r'''
|class Index:
|    def __index__(self):
|        view.release()
|        memory.clear()
|        return 2
|for code in "bBhHiIlLqQn":
|    memory = bytearray(4096)
|    view = memoryview(memory).cast(code)
|    try: view[Index()] = 1
|    except ValueError: pass
|    memory = bytearray(4096)
|    view = memoryview(memory).cast(code)
|    try: view[1] = Index()
|    except ValueError: pass
'''),
    Bug('115243', 'deque: an element that clears the queue while it is compared',
        '3.13.0', '', r'''
|import collections
|class Value:
|    def __eq__(self, other):
|        queue.clear()
|        return NotImplemented
|for call in "index", "count", "remove", "__contains__":
|    queue = collections.deque([Value(), Value(), Value()])
|    try: getattr(queue, call)(Value())
|    except (IndexError, RuntimeError, ValueError): pass
'''),
    Bug('116980', 'itertools: a chain that goes round through tee',
        '-', '', r'''
|from itertools import chain, islice, pairwise, tee
|def endless():
|    parts = [(0, 1)]
|    output, feedback = tee(chain.from_iterable(parts))
|    parts.append(map(sum, pairwise(feedback)))
|    return output
|kept = endless()
|list(islice(kept, 20))
'''),
    Bug('120298', 'list comparison: an element that clears both lists',
        '3.13.0', '', r'''
|class Value:
|    def __lt__(self, other):
|        one.clear(); two.clear()
|        return NotImplemented
|    def __eq__(self, other): return False
|    __gt__ = __lt__
|one, two = [Value()], [Value()]
|try: one < two
|except TypeError: pass
'''),
    Bug('120384', 'list slices: a bound that clears the list',
        '3.13.0', '', r'''
|class Index:
|    def __index__(self):
|        values.clear()
|        return 9
|values = list(range(10))
|try: values[::Index()] = [1, 2]
|except ValueError: pass
|try: values[:Index()] = values
|except ValueError: pass
'''),
    Bug('126595', 'itertools.count at the largest number',
        '3.13.1', '', r'''
|import itertools, sys
|for start in sys.maxsize, sys.maxsize - 1, -sys.maxsize - 1:
|    counter = itertools.count(start)
|    next(counter), repr(counter), next(counter), repr(counter)
'''),
    Bug('133767', 'decoders with a handler of errors (CVE-2025-4516)',
        '3.13.4', '', r'''
|import codecs
|for name in "ignore", "replace", "backslashreplace":
|    for text in b"\\x", b"\\u12", b"\\N{x", b"\\Uffffffff" * 9, b"\\8\\9":
|        try: text.decode("unicode_escape", name)
|        except UnicodeError: pass
'''),
    Bug('142555', 'array: a value that clears the array it is put into',
        '3.13.12', '', r'''
|import array
|class Index:
|    def __index__(self):
|        values.clear()
|        return 1
|for code in "bBhHiIlLqQfd":
|    values = array.array(code, [1] * 64)
|    try: values[1] = Index()
|    except (TypeError, IndexError): pass
'''),
    Bug('142560', 'bytearray: an index that clears the array that is searched',
        '3.13.12', '', r'''
|class Index:
|    def __index__(self):
|        text.clear()
|        return 65
|for name in "index find rfind count rindex".split():
|    text = bytearray(b"A" * 5000)
|    try: getattr(text, name)(Index())
|    except (ValueError, BufferError): pass
|text = bytearray(b"A" * 5000)
|try: Index() in text
|except (ValueError, TypeError, BufferError): pass
'''),
    Bug('142637', 'OrderedDict: keys that change it while they are compared',
        'patch', 'test_reentrancy', None),
    Bug('142732', 'itertools and iter(): an iterator that is asked again by what it goes through',
        'patch', '', r'''
|import itertools, functools
|class Again:
|    armed = count = 0
|    def __iter__(self): return self
|    def __next__(self):
|        self.count += 1
|        if late and self.count < 3: return (1,)
|        if self.armed >= depth: raise StopIteration
|        self.armed += 1
|        for _ in range(3): next(outer, None)
|        self.armed -= 1
|        if more: return (1,)
|        raise StopIteration
|def wrap(): return itertools.chain(again)
|makes = (lambda: itertools.chain(wrap(), [1]),
|        lambda: itertools.chain.from_iterable(itertools.chain([wrap()])),
|         lambda: itertools.cycle(wrap()), lambda: itertools.pairwise(wrap()),
|         lambda: itertools.islice(wrap(), 1, 9, 2), lambda: itertools.batched(wrap(), 5),
|         lambda: itertools.zip_longest(wrap(), wrap(), [1] * 9), lambda: zip(wrap(), wrap()),
|         lambda: map(max, wrap()), lambda: filter(None, wrap()), lambda: enumerate(wrap()),
|         lambda: itertools.takewhile(bool, wrap()), lambda: itertools.accumulate(wrap()),
|         lambda: iter(functools.partial(next, wrap(), 5), 5),
|         lambda: itertools.tee(wrap())[0], lambda: itertools.groupby(wrap()))
|for number in range(len(makes) * 12):
|    late, more, depth = number & 1, number & 2, number // 4 % 3 + 1
|    again = Again()
|    outer = makes[number // 12]()
|    try:
|        for count, item in enumerate(outer):
|            if count > 20: break
|    except (RuntimeError, ValueError): pass
'''),
    Bug('142734', 'OrderedDict.copy: a key or a method that clears it',
        '3.13.15', '', r'''
|from collections import OrderedDict
|class Value:
|    def __del__(self): od.clear()
|class Sub(OrderedDict):
|    def __getitem__(self, key):
|        self.clear()
|        return 1
|od = Sub.fromkeys(range(20))
|try: od.copy()
|except (KeyError, RuntimeError): pass
|class Key:
|    armed = False
|    def __hash__(self):
|        if Key.armed: od.clear()
|        return 1
|    def __eq__(self, other):
|        if Key.armed: od.clear()
|        return self is other
|od = OrderedDict((Key(), n) for n in range(9))
|Key.armed = True
|try: od.copy()
|except (KeyError, RuntimeError): pass
'''),
    Bug('142829', 'Context comparison: a value that sets variables',
        '3.13.12', '', r'''
|import contextvars
|var = contextvars.ContextVar("v")
|others = [contextvars.ContextVar(str(n)) for n in range(40)]
|class Value:
|    def __eq__(self, other):
|        for number in range(40): one.run(others[number].set, number); 
|        one.run(var.set, 1); two.run(var.set, 2)
|        return NotImplemented
|one, two = contextvars.Context(), contextvars.Context()
|one.run(var.set, Value()); two.run(var.set, Value())
|one == two
'''),
    Bug('142831', 'json encoder: a default() that clears what is encoded',
        '3.13.14', '', r'''
|import json, _json
|class Key(str): pass
|def default(value):
|    table.clear()
|    return None
|for encoder in (json.JSONEncoder(default=default), json.JSONEncoder(default=default, indent=1),
|        json.JSONEncoder(default=default, sort_keys=True)):
|    table = {str(n): object() for n in range(9)}
|    try: encoder.encode(table)
|    except RuntimeError: pass
|    table = [object() for n in range(9)]
|    try: encoder.encode(table)
|    except RuntimeError: pass
|def encode(key):
|    table.clear()
|    return '"x"'
|table = {object: 1, "b": 2}
|make = _json.make_encoder({}, default, encode, None, ": ", ", ", False, False, True)
|table = {str(n): n for n in range(9)}
|try: make(table, 0)
|except Exception: pass
'''),
    Bug('143195', 'bytearray methods: an index that clears it',
        '3.13.12', '', r'''
|class Separator(str): pass
|data = bytearray(b"A" * 2000)
|class Index:
|    def __index__(self):
|        data.clear()
|        return 1
|for call in (lambda: data.hex("-", Index()), lambda: data.replace(b"A", b"B", Index()),
|        lambda: data.split(b"A", Index()), lambda: data.ljust(Index()),
|        lambda: data.center(Index()), lambda: data.expandtabs(Index()),
|        lambda: data.zfill(Index()), lambda: data.insert(Index(), 3), lambda: data.pop(Index()),
|        lambda: data.append(Index()), lambda: data.remove(Index()),
|        lambda: data.__imul__(Index()), lambda: data.__setitem__(slice(0, 9, 1), [Index()] * 3),
|        lambda: data.extend([Index()] * 4), lambda: data.startswith(b"A", Index()),
|        lambda: data.translate(None)):
|    data = bytearray(b"A" * 2000)
|    try: call()
|    except Exception: pass
'''),
    Bug('143378', 'BytesIO: what is written closes it',
        '3.13.12', '', r'''
|import io
|class Buffer:
|    def __buffer__(self, flags):
|        target.close() if how == "close" else target.truncate(0)
|        return memoryview(b"x" * 5000)
|for how in "close", "truncate":
|    target = io.BytesIO(b"A" * 5000)
|    for call in "write", "writelines":
|        try: getattr(target, call)(Buffer() if call == "write" else [Buffer()])
|        except Exception: pass
|        try: target.readinto(Buffer())
|        except Exception: pass
|def lines():
|    view = target.getbuffer()
|    yield b"x"
|    target.close()
|    yield b"y" * 9000
|target = io.BytesIO(b"A" * 100)
|try: target.writelines(lines())
|except Exception: pass
'''),
    Bug('143379', 'struct: a value that sets the Struct up again',
        '-', '', r'''
|import struct
|class Truth:
|    def __bool__(self):
|        target.clear()
|        return True
|target = bytearray(16)
|for call in (lambda: struct.pack_into("?", target, 0, Truth()), lambda: struct.pack("?", Truth())):
|    try: call()
|    except BufferError: pass
|args = []
|class Index:
|    def __index__(self): args.clear(); packer.__init__("?"); return 1
|packer = struct.Struct("9q")
|try: packer.pack(*[Index() for _ in range(9)])
|except Exception: pass
|class Again:
|    def __bool__(self): packer.__init__("?"); return True
|packer = struct.Struct("99?")
|try: packer.pack(*[Again() for _ in range(99)])
|except Exception: pass
'''),
    Bug('143543', 'groupby: a key that asks the iterator again',
        '3.13.13', '', r'''
|import itertools
|class Key:
|    def __init__(self, number): self.number = number
|    def __eq__(self, other):
|        global depth
|        if depth < 3:
|            depth += 1
|            try: next(groups)
|            except StopIteration: pass
|        return NotImplemented
|for round in range(9):
|    depth = 0
|    groups = itertools.groupby(range(9), Key)
|    next(groups)
|    for group in groups: pass
'''),
    Bug('143544', 'json scanner: a hook that changes what it is given',
        '-', '', r'''
|import json, _json
|class Context: 
|    strict = True; memo = {}; object_hook = None
|    parse_float = float; parse_int = int; parse_constant = None
|    def object_pairs_hook(self, pairs):
|        pairs.clear()
|        scanner.__init__ if hasattr(scanner, "__init__") else 0
|        return 1
|scanner = _json.make_scanner(Context())
|scanner('{"a": {"b": 1}, "c": [{"d": 2}]}', 0)
'''),
    Bug('143546', 'set operators: an element that clears both sets',
        '-', '', r'''
|class Key:
|    def __init__(self): self.act = None
|    def __hash__(self): return 1
|    def __eq__(self, other):
|        one.clear()
|        two.clear()
|        return False
|import operator
|for call in operator.iand, operator.ior, operator.isub, operator.ixor:
|    one, two = set(), set()
|    class Quiet(Key):
|        def __eq__(self, other): return self is other if quiet else Key.__eq__(self, other)
|        __hash__ = Key.__hash__
|    quiet = True
|    one.update(Quiet() for _ in range(20))
|    two.update(Quiet() for _ in range(20))
|    quiet = False
|    try: call(one, two)
|    except RuntimeError: pass
'''),
    Bug('143637', 'sendmsg: a number that clears the list it is in',
        '3.13.13', '', r'''
|import socket
|class Index:
|    def __index__(self):
|        given.clear()
|        return 0
|left, right = socket.socketpair()
|given = [(socket.SOL_SOCKET, Index(), b"x"), (socket.SOL_SOCKET, 0, b"x")]
|try: left.sendmsg([b"x"], given)
|except OSError: pass
'''),
    Bug('143639', 'pickle: a key that sets the unpickler up again',
        '-', '', r'''
|import pickle, io, _pickle
|class Key:
|    def __hash__(self):
|        try: unpickler.__init__(io.BytesIO(b"N."))
|        except RuntimeError: pass
|        return 1
|class Unpickler(_pickle.Unpickler):
|    def persistent_load(self, pid): return Key()
|unpickler = Unpickler(io.BytesIO(b"}(P1\nI1\nP2\nI2\nu."))
|try: unpickler.load()
|except Exception: pass
|unpickler = Unpickler(io.BytesIO(b"(P1\nI1\nP2\nI2\nd."))
|try: unpickler.load()
|except Exception: pass
'''),
    Bug('144128', 'array.fromlist: a value that clears the list',
        '-', '', r'''
|import array
|class Index:
|    def __index__(self):
|        given.clear()
|        return 1
|for code in "bBhHiIlLqQ":
|    given = [Index() for _ in range(9)]
|    try: array.array(code).fromlist(given)
|    except (RuntimeError, TypeError): pass
'''),
    Bug('145623', 'struct.Struct that was never set up',
        '3.13.13', '', r'''
|import struct
|new = struct.Struct.__new__(struct.Struct)
|for name in "pack unpack iter_unpack unpack_from pack_into __sizeof__ __repr__".split():
|    try: getattr(new, name)(b"")
|    except Exception: pass
|    try: getattr(new, name)()
|    except Exception: pass
|try: new.format, new.size
|except Exception: pass
'''),
    Bug('145986', 'expat: an element declared half a million deep (CVE-2026-4224)',
        '3.13.13', '', r'''
|import xml.parsers.expat as expat
|parser = expat.ParserCreate()
|parser.ElementDeclHandler = lambda *args: None
|deep = "<!DOCTYPE a [<!ELEMENT a " + "(" * 500_000 + "a" + ")" * 500_000 + ">]><a/>"
|try: parser.Parse(deep, True)
|except (RecursionError, expat.ExpatError, MemoryError): pass
'''),
    Bug('146169', 'expat: a handler or a read() method that calls its own parser',
        'patch', 'test_reentrancy_xml', None),
    Bug('146613', 'groupby: the same with the inner iterator',
        '3.13.13', '', r'''
|import itertools
|class Key:
|    def __init__(self, number): self.number = number
|    def __eq__(self, other):
|        global depth
|        if depth < 3:
|            depth += 1
|            try: next(group)
|            except StopIteration: pass
|        return NotImplemented
|for round in range(9):
|    depth = 9
|    groups = itertools.groupby(range(9), Key)
|    key, group = next(groups)
|    depth = 0
|    list(group)
'''),
    Bug('148395', 'decompressors that go on after a MemoryError (CVE-2026-6100)',
        '3.13.14', '', r'''
|import bz2, lzma, zlib
|class Buffer:
|    def __buffer__(self, flags): raise MemoryError
|for module, make in (bz2, bz2.BZ2Decompressor), (lzma, lzma.LZMADecompressor), (zlib, zlib.decompressobj):
|    data = module.compress(bytes(100_000))
|    worker = make()
|    for part in data[:9], Buffer(), data[9:], data:
|        try: worker.decompress(part, 10)
|        except Exception: pass
|    for _ in range(9):
|        try: worker.decompress(b"", 10)
|        except Exception: pass
'''),
    Bug('156204', 'except and isinstance() with tuples a million deep',
        '-', '', r'''
|deep = (ValueError,)
|for _ in range(1_000_000): deep = (KeyError, deep)
|try:
|    try: raise TypeError
|    except deep: pass
|except (TypeError, RecursionError): pass
|deep = int
|for _ in range(1_000_000): deep = (str, deep)
|for call in isinstance, issubclass:
|    try: call(1 if call is isinstance else float, deep)
|    except (TypeError, RecursionError): pass
'''),
    Bug('157364', 'TextIOWrapper: a buffer that detaches it',
        'patch', 'test_reentrancy', None),
    Bug('', 'expat: handlers and buffers taken away amid what they are for',
        'patch', 'test_reentrancy_xml', None),
    Bug('', 'expat: two parsers that declare elements in the same tables',
        'patch', 'test_reentrancy_xml', None),
    Bug('', 'TreeBuilder: elements that use their builder',
        'patch', 'test_reentrancy_xml', None),
    Bug('', 'decimal: a class of its dicts of signals whose __new__ gives something else',
        'patch', 'test_corruption', None),
    Bug('', 'datetime: types whose module is gone, or whose first interpreter is',
        'patch', 'test_corruption', None),
    Bug('', 'datetime: a module that is gone and cannot be made again',
        'patch', 'test_corruption', None),
    Bug('', 'sqlite3: a connection or a cursor used by what its statement calls',
        'patch', 'test_reentrancy_sqlite', None),
    Bug('', 'sqlite3: a blob that is closed while another thread reads it',
        'patch', 'test_reentrancy_sqlite', None),
    Bug('', 'sqlite3: a collation that raises, after which other functions are called',
        'patch', 'test_reentrancy_sqlite', None),
    Bug('', 'ssl: a connection used by its callback, or by two threads, and its buffers',
        'patch', 'test_reentrancy_ssl', None),
    Bug('', 'ssl: callbacks that take themselves away, and the name callback of a context that is gone',
        'patch', 'test_reentrancy_ssl', None),
    Bug('', 'ssl: certificates that two load into a context, with passwords',
        'patch', 'test_reentrancy_ssl', None),
    Bug('', 'catalogues of messages of the C library, whose texts lie anywhere in memory',
        'refused', 'test_refused', None),
    Bug('123378', 'handlers of errors in empty texts: a byte before them',
        'patch', 'test_corruption', None),
    Bug('142782', 'zoneinfo: keys that clear the cache while they are compared',
        'patch', 'test_corruption', None),
    Bug('', 'zoneinfo: what has weak references to a zone uses the cache that it goes with',
        'patch', 'test_corruption', None),
    Bug('', 'marshal.dumps: a __buffer__ that changes what is written',
        'patch', 'test_corruption', None),
    Bug('', 'bytearray: a __buffer__ that clears what it is put into, and memory that is shown then',
        'patch', 'test_corruption', None),
    Bug('', 'array.fromlist: a value that looks at the array, and memory that is shown then',
        'patch', 'test_corruption', None),
    Bug('', 'pickle: what goes from a memo uses the memo, and keys that replace the table of dispatch',
        'patch', 'test_reentrancy', None),
    Bug('', 'pickle: a pickler that was not set up to the end',
        'patch', 'test_reentrancy', None),
    Bug('154189', 'functools.partial: what it calls sets its state',
        'patch', 'test_reentrancy', None),
    Bug('', 'garbage, seen by __release_buffer__() while the collector clears it',
        'patch', 'test_reentrancy', None),
    Bug('', 'itertools.count: an addition that asks for the next number',
        'patch', 'test_reentrancy', None),
    Bug('148382', 'decimal: a Rational or a warning that sets another context',
        'patch', 'test_reentrancy_held', None),
    Bug('145166', 'datetime: a class whose sums fromutc() takes for times',
        'patch', 'test_reentrancy_held', None),
    Bug('142663', 'memoryview comparison: a __buffer__ that releases the view',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'objects whose __dict__ a key replaces while an attribute is looked for or stored',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'keyword defaults that their names take away',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'property: functions that are taken away while they are called',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'f_locals: names that end or clear the frame, and frames that were cleared',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'OSError: what it says changes it',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'functools.cmp_to_key: a comparison that gives the keys other objects',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'itertools.accumulate: an addition that asks for the next total',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'warnings: filters, actions and registries that change while they are asked',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'multibyte encoders: a handler of errors that sets another one',
        'patch', 'test_reentrancy_held', None),
    Bug('142884', 'array.tofile: what it is written to cuts the array',
        'patch', 'test_corruption', None),
    Bug('', 'datetime: weekdays of dates of the year 0, which bytes can make',
        'patch', 'test_corruption', None),
    Bug('', 'syntax trees with None in lists of nodes and names',
        'patch', 'test_corruption', None),
    Bug('', 'multibyte codecs: encoders, decoders, streams and tables whose module is gone',
        'patch', 'test_corruption', None),
    Bug('', 'multibyte codecs: tables of another charset',
        'patch', 'test_corruption', None),
    Bug('', 'type.__abstractmethods__: the flags of built-in types, which interpreters share',
        'refused', 'test_interpreters', None),
    Bug('', 'staticmethod, defaultdict and atexit: functions and arguments taken away by what is called',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'cell comparison: values that empty the cells',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'repr() and str() of what is an attribute of an error, which it takes away',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'Element.attrib: names that replace it while they are compared',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'bytes.join: an item without a buffer that takes itself out of the list',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'functools.lru_cache: keys that ask the cache while it drops one',
        'patch', 'test_reentrancy_held', None),
    Bug('', 'Element: slices that end before they begin, and a state that changes while it is taken over',
        'patch', 'test_reentrancy_xml', None),
    Bug('', 'itertools.tee: states beyond what was read, and of what is no iterator',
        'patch', 'test_corruption', None),
    Bug('', 'crashers/bogus_code_obj.py: code made by hand',
        'refused', '', r'''
|import types
|def f(): pass
|for make in (lambda: types.CodeType(0, 0, 0, 0, 0, 0, b"\x00\x00", (), (), (), "", "", "", 1, b"", b""),
|        lambda: f.__code__.replace(co_code=b"\x64\xff" * 9),
|        lambda: f.__code__.replace(co_stacksize=0), lambda: f.__code__.replace(co_consts=())):
|    try: exec(make())
|    except Exception: pass
'''),
    Bug('', 'crashers/gc_inspection.py: half-built tuples',
        'refused', '', r'''
|import gc
|def items():
|    marker = object()
|    yield marker
|    try: found = [thing for thing in gc.get_referrers(marker) if isinstance(thing, tuple)]
|    except Exception: found = []
|    for thing in found: len(thing), repr(thing)
|    yield 1
|tuple(items())
'''),
    Bug('', 'crashers/mutation_inside_cyclegc.py: weak references that change garbage',
        '-', '', r'''
|import weakref, gc
|class Thing: pass
|def callback(_):
|    for name in list(vars(thing)): delattr(thing, name)
|for _ in range(300):
|    thing = Thing()
|    thing.me = thing
|    thing.ref = weakref.ref(Thing(), callback)
|    thing.list = [thing] * 99
|    del thing
|gc.collect()
'''),
    Bug('', 'crashers/recursive_call.py: types that call themselves',
        '-', '', r'''
|class Type(type):
|    def __getattribute__(self, name): return (lambda self: None).__get__(self, name)
|def call(f): f()
|class Thing: pass
|Thing.__call__ = Thing()
|try: Thing()()
|except RecursionError: pass
|class Deep:
|    def __get__(self, one, two): return self
|    @property
|    def __call__(self): return self
|try: Deep()()
|except RecursionError: pass
|class Name:
|    def __getattr__(self, name): return getattr(self, name + "")
|for call in str, repr, hash, len, iter:
|    try: call(Name())
|    except (RecursionError, TypeError): pass
'''),
    Bug('', 'crashers/trace_at_recursion_limit.py: a trace function at the limit',
        'refused', '', r'''
|import sys
|def deep(): return deep()
|def tracer(frame, event, arg): return tracer
|try: sys.settrace(tracer)
|except Exception: pass
|try: deep()
|except RecursionError: pass
'''),
    Bug('', 'crashers/underlying_dict.py: the dict of a built-in type',
        'patch', '', r'''
|class Taker:
|    def __eq__(self, other): given.append(other); return True
|    def __ror__(self, other): given.append(other); return 1
|given = []
|vars(int) == Taker(), vars(int) | Taker()
|for mapping in given:
|    for name in list(mapping): mapping.pop(name)
|int("5") + 5, (5).bit_length()
'''),
    Bug('', 'parser: texts and syntax trees hundred thousands deep',
        '-', '', r'''
|import ast
|for text in ("(" * 100_000, "-" * 100_000 + "1", "a" + ".b" * 100_000, "a" + "[0]" * 100_000,
|             "not " * 100_000 + "1", "lambda: " * 50_000 + "1", "f'{" * 200 + "1",
|             "1" + "+1" * 200_000, "a = " * 100_000 + "1", "if a:\n" ,
|             "".join(" " * n + "if a:\n" for n in range(200)), "[" * 5000 + "]" * 5000,
|             "{" * 5000, "x if y else " * 100_000 + "z", "await " * 10_000 + "x", "**" * 10,
|             "match a:\n case " + "[" * 5000):
|    for mode in "exec", "eval":
|        try: compile(text, "t", mode)
|        except (SyntaxError, MemoryError, RecursionError, ValueError): pass
|    try: ast.literal_eval(text)
|    except (SyntaxError, MemoryError, RecursionError, ValueError): pass
|node = ast.Constant(1)
|for _ in range(200_000): node = ast.UnaryOp(ast.USub(), node)
|for call in (lambda: compile(ast.Expression(node), "t", "eval"), lambda: ast.unparse(node),
|        lambda: ast.dump(node), lambda: ast.fix_missing_locations(ast.Expression(node))):
|    try: call()
|    except Exception as error: pass
'''),
    Bug('', 'regular expressions that are deep',
        '-', '', r'''
|import re
|for text in ("(" * 100_000, "(?:" * 3000 + "a" + ")" * 3000, "a" * 9 + "*" , "(a*)*" * 300,
|             "(?=" * 2000 + ")" * 2000, "[" * 9999, "|".join("a" * 9 for _ in range(9999))):
|    try: re.compile(text).match("a" * 40)
|    except (re.error, RecursionError, OverflowError, MemoryError): pass
'''),
    # The stack of C, which these used up.
    Bug("105960", "chain() of chain(), a million deep", "patch", "test_depth", None),
    Bug("137894", "filter() of filter(), a million deep", "patch", "test_depth", None),
    Bug("103503", "map() of map(), a million deep", "patch", "test_depth", None),
    # Only the process ends: what lies behind the end of the file is nobody's memory.
    Bug('', 'mmap: a file that is cut while it is mapped, by who keeps fs.write or by another '
        'process, and then read (SIGBUS)', 'open', '', None),
]

# For which no number is known: what makes a value of another, which is then freed, hashed or dumped.
DEEP = {
    "del value": """
        generator=generator
        deque=lambda value: collections.deque([value])
        repeat=itertools.repeat
        slice=slice
        property=property
        staticmethod=staticmethod
        classmethod=classmethod
        cell=types.CellType
        defaultdict=lambda value: collections.defaultdict(None, {1: value})
        method=lambda value: types.MethodType(print, value or 1)
        cmp_to_key=lambda value: functools.cmp_to_key(print)(value)
        itemgetter=operator.itemgetter
        calliter=lambda value: iter(print, value)
        """,
    "hash(value)": """
        tuple=lambda value: (value,)
        slice=slice
        GenericAlias=lambda value: types.GenericAlias(list, (value,))
        """,
    "marshal.dumps(value)": """
        frozenset=lambda value: frozenset([value])
        """,
}


def deep():
    """(name, operation, maker) of each."""
    for operation, lines in DEEP.items():
        for line in lines.split("\n")[1:-1]:
            name, _, maker = line.strip().partition("=")
            yield name, operation, maker


PAGE = """\
.. _lockdown-bugs:

*************************************
Known Bugs of CPython's Memory, and Us
*************************************

.. This page is written by ``python -m test.test_lockdown.known_bugs``.

CPython does not hold bugs that only code written for them can reach to be holes.  For locked code they
are: who writes to the interpreter's memory is stopped by no guard.  This page has the bugs of that
kind that are known from CPython's tracker and from its ``Lib/test/crashers``, and what became of
each in CPython {release} as it is built here.  It is gone through again at every new release.

A number
   The release of CPython that has mended it.

``--``
   It was looked for, and does not break CPython 3.13.

patch
   It breaks CPython {release}.  A patch of this repository mends it.

refused
   It breaks CPython {release}.  What it needs is refused when locked.

open
   It breaks CPython {release}, and nothing here stops it.

Each has a test: a program in ``test_known_bugs`` that runs locked with the debug hooks of the
allocators, or the file that is named.

.. csv-table:: Known bugs
   :header-rows: 1
   :widths: 14 54 14 18

   "Issue","What","State","Test"
"""


def page():
    lines = [PAGE.format(release="3.13.15")]
    for bug in BUGS:
        number = f"gh-{bug.number}" if bug.number else "--"
        state = "--" if bug.state == "-" else bug.state
        lines.append(f'   "{number}","{bug.what}","{state}","{bug.where or "test_known_bugs"}"\n')
    for name, operation, _ in deep():
        what = f"``{operation}``, where value is a {name} of a {name}, 200,000 deep"
        lines.append(f'   "--","{what}","patch","test_known_bugs"\n')
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
