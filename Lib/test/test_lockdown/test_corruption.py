"""Ways to make C code take one thing for another, or use what is gone: each was a hole once.

Whoever can write to memory is stopped by no guard, so each of these ends in an answer or an error
of Python, in a locked process, and the process lives.
"""

import mmap
import unittest
from test.test_lockdown import fresh


class CorruptionTest(fresh.LivingTest):

    def test_defaults_of_a_generic_function(self):
        facts = self.check("""
            |import types
            |code = compile("def f[T](a=1, *, b=2): return a", "name", "exec")
            |inner = next(const for const in code.co_consts if isinstance(const, types.CodeType))
            |maker = types.FunctionType(inner, {})
            |f = maker(b"A" * 64, b"A" * 64)
            |report(defaults=repr((f.__defaults__, f.__kwdefaults__)))
            |report(called=attempt(f)[:2])
            """)
        self.assertEqual(facts["defaults"], "(None, None)")
        self.assertEqual(facts["called"], ["raised", "TypeError"])

    def test_a_type_parameter_named_as_the_compiler_names_defaults(self):
        facts = self.check("""
            |import ast
            |tree = ast.parse("def f[T](a=1): return a")
            |tree.body[0].type_params[0].name = ".defaults"
            |exec(compile(tree, "name", "exec"))
            |report(called=attempt(f)[:2])
            """)
        self.assertEqual(facts["called"], ["raised", "TypeError"])

    def test_what_a_group_splits_into(self):
        facts = self.check("""
            |parts = None
            |class Group(ExceptionGroup):
            |    def split(self, condition):
            |        return parts
            |def catch():
            |    try:
            |        raise Group("", [ValueError()])
            |    except* KeyError:
            |        seen = sys.exc_info()[2]
            |    return seen
            |found = []
            |for parts in (None, "ABCDEFGH" * 8), (b"A" * 64, None), ("A" * 64, b"A" * 64):
            |    found.append(attempt(catch)[:2])
            |report(found=found)
            """)
        self.assertEqual(facts["found"], [["raised", "TypeError"]] * 3)

    def test_a_buffer_that_is_not_filled(self):
        facts = self.check("""
            |import io
            |class Lazy(io.RawIOBase):
            |    def readinto(self, buffer):
            |        return len(buffer)
            |class Shrinking(io.RawIOBase):
            |    def readinto(self, buffer):
            |        size = len(buffer)
            |        buffer.clear()
            |        return size
            |told = set()
            |for size in range(40, 500):
            |    told.update(Lazy().read(size))
            |report(told=sorted(told))
            |report(shrunk=[attempt(Shrinking().read, size)[:2] for size in (4000, 200_000_000)])
            """)
        self.assertEqual(facts["told"], [0])
        self.assertEqual(facts["shrunk"], [["raised", "ValueError"]] * 2)

    def test_type_parameters_set_through_the_frame(self):
        facts = self.check("""
            |import builtins
            |class Names(dict):
            |    def __getitem__(self, name):
            |        if name == "__build_class__":
            |            sys._getframe(1).f_locals[".type_params"] = 42
            |        return getattr(builtins, name)
            |report(made=attempt(exec, "class C[T]: pass", {"__builtins__": Names()})[:2])
            """)
        self.assertEqual(facts["made"], ["raised", "TypeError"])

    def test_a_proxy_keeps_the_dict_of_a_type(self):
        facts = self.check("""
            |given = []
            |class Taker:
            |    def __eq__(self, other):
            |        given.append(other)
            |        return True
            |    def __ror__(self, other):
            |        given.append(other)
            |        return 1
            |int.__dict__ == Taker(), int.__dict__ | Taker()
            |for mapping in given:
            |    mapping["planted"] = 1
            |report(given=len(given), planted="planted" in int.__dict__)
            """)
        self.assertEqual((facts["given"], facts["planted"]), (2, False))

    def test_the_view_of_a_buffer_outlives_it(self):
        facts = self.check("""
            |import io
            |class Raw(io.RawIOBase):
            |    def readable(self): return True
            |    def writable(self): return True
            |    def readinto(self, view):
            |        views.append(view)
            |        return len(view)
            |    def write(self, view):
            |        views.append(view)
            |        return len(view)
            |views = []
            |reader = io.BufferedReader(Raw(), 200_000)
            |report(empty=not any(reader.read(1000)))
            |writer = io.BufferedWriter(Raw(), 200_000)
            |writer.write(b"x")
            |writer.flush()
            |del reader, writer
            |others = [bytes(200_000) for _ in range(8)]
            |views[0][:] = b"A" * len(views[0])
            |report(owned=[view.obj is not None for view in views],
            |       untouched=not any(map(any, others)))
            """)
        self.assertEqual(facts["owned"], [True, True])
        self.assertEqual((facts["untouched"], facts["empty"]), (True, True))

    def test_a_buffer_set_up_again_while_it_reads(self):
        facts = self.check("""
            |import io
            |class Raw(io.RawIOBase):
            |    def readable(self): return True
            |    def readinto(self, view):
            |        report(again=attempt(buffer.__init__, self, 16)[0],
            |               detached=attempt(buffer.detach)[0])
            |        return len(view)
            |buffer = io.BufferedReader(Raw(), 4096)
            |report(empty=not any(buffer.peek(4096)))
            """)
        self.assertIn(facts["again"], ("raised", "refused"))
        self.assertIn(facts["detached"], ("raised", "refused"))
        self.assertTrue(facts["empty"])

    def test_patterns_made_by_hand(self):
        facts = self.check("""
            |import _sre
            |from re._constants import IN, INFO, LITERAL, SUCCESS
            |def made(*code):
            |    pattern = attempt(_sre.compile, "", 0, list(map(int, code)), 0, {}, (None,))
            |    return pattern[:2]
            |report(right=made(INFO, 8, 1, 1, 1, 1, 1, 97, 0, LITERAL, 97, SUCCESS)[0])
            |report(wrong=[made(IN, 0, SUCCESS), made(IN, 1, SUCCESS),
            |              made(INFO, 8, 1, 2, 3, 1, 0x7fffffff, 97, 0, LITERAL, 97, SUCCESS),
            |              made(INFO, 2, 1, 2, 3, 1, 1, 97, 0, LITERAL, 97, SUCCESS)])
            """)
        self.assertEqual(facts["right"], "done")
        self.assertEqual({tuple(found) for found in facts["wrong"]}, {("raised", "RuntimeError")})

    def test_a_record_for_unraisablehook(self):
        facts = self.check("""
            |record = next(cls for cls in tuple.__subclasses__()
            |              if cls.__name__ == "UnraisableHookArgs")
            |report(hook=attempt(sys.unraisablehook, record((b"A" * 400, 1, None, None, None)))[:2])
            """)
        self.assertEqual(facts["hook"], ["raised", "TypeError"])

    def test_super_that_knows_no_type(self):
        facts = self.check("report(got=attempt(super.__new__(super).__get__, 1)[0])")
        self.assertIn(facts["got"], ("done", "refused"))

    def test_signals_beside_something_else(self):
        facts = self.check("""
            |import decimal
            |context = decimal.Context()
            |flags = context.flags
            |report(equal=[flags == other for other in (object(), 5, "x", flags, {})],
            |       differ=flags != object())
            """)
        self.assertEqual(facts["equal"], [False, False, False, True, False])
        self.assertTrue(facts["differ"])

    def test_a_context_makes_its_dicts_of_signals_itself(self):
        # Python code can change their class: what its __new__ gave was written to as such a dict.
        facts = self.check("""
            |import decimal
            |victims = []
            |def new(cls, *args):
            |    victims.append(tuple([1, 2, 3]))
            |    return victims[-1]
            |type(decimal.Context().traps).__new__ = new
            |contexts = [decimal.Context() for _ in range(3)]
            |report(lengths=[len(victim) for victim in victims],
            |       traps=contexts[0].traps[decimal.Inexact])
            |contexts[0].traps[decimal.Inexact] = True
            |report(set=contexts[0].traps[decimal.Inexact])
            """)
        self.assertEqual(set(facts["lengths"]) - {3}, set())
        self.assertIs(facts["traps"], False)
        self.assertIs(facts["set"], True)

    def test_the_class_of_dicts_of_signals_is_one(self):
        # It is made by the metaclass of what collections.abc has at that moment.
        facts = self.check("""
            |import collections.abc, importlib, types
            |victims = []
            |class Meta(type(collections.abc.MutableMapping)):
            |    def __new__(cls, name, bases, namespace):
            |        if name != "SignalDict":
            |            return super().__new__(cls, name, bases, namespace)
            |        def make():
            |            victims.append(tuple([1, 2, 3]))
            |            return victims[-1]
            |        return make
            |class Mapping(collections.abc.MutableMapping, metaclass=Meta):
            |    pass
            |sys.modules["collections.abc"] = types.ModuleType("collections.abc")
            |sys.modules["collections.abc"].MutableMapping = Mapping
            |sys.modules.pop("_decimal", None)
            |found = attempt(importlib.import_module, "_decimal")
            |report(found=found, lengths=[len(victim) for victim in victims])
            """)
        self.assertEqual(facts["found"][:2], ["raised", "TypeError"])
        self.assertEqual(facts["lengths"], [])

    def test_types_of_decimal_while_it_is_executed(self):
        facts = self.check("""
            |import importlib, types
            |class Number:
            |    def register(cls):
            |        context = next(cls for cls in object.__subclasses__() if cls.__name__ == "Context"
            |                       and cls.__module__ == "decimal" and "Emin" in vars(cls))
            |        found.extend((attempt(cls, 1), attempt(cls.from_float, 1.0), attempt(context)))
            |found = []
            |sys.modules["numbers"] = numbers = types.ModuleType("numbers")
            |numbers.Number, numbers.Rational = Number, int
            |sys.modules.pop("_decimal", None)
            |report(done=attempt(importlib.import_module, "_decimal")[0], found=found)
            |cls = sys.modules["_decimal"].Decimal
            |report(sum=str(cls(1) + cls.from_float(0.5)))
            """)
        self.assertEqual(facts["done"], "done")
        self.assertEqual([kind for _, kind, _ in facts["found"]], ["ImportError"] * 3)
        self.assertEqual(facts["sum"], "1.5")

    def test_types_of_datetime_without_their_module(self):
        # They took the state of whatever had its name, and looked at it though there was none.
        facts = self.check("""
            |import _datetime, gc
            |span = _datetime.timedelta
            |del _datetime
            |results = []
            |for other in __import__("_struct"), None, 5:
            |    sys.modules.pop("datetime", None)
            |    sys.modules["_datetime"] = other
            |    gc.collect()
            |    results.append(str(span(1, 2, 3) * 2.5))
            |report(results=results)
            """)
        self.assertEqual(facts["results"], ["2 days, 12:00:05.000008"] * 3)

    def test_types_of_datetime_in_interpreters(self):
        # They were used on when the interpreter that had made them was gone.
        facts = self.check("""
            |import _interpreters
            |for _ in range(40):
            |    one, other = (_interpreters.create("isolated") for _ in range(2))
            |    for interpreter in one, other:
            |        _interpreters.run_string(interpreter, "import _datetime; _datetime.date(2020, 1, 1)")
            |    _interpreters.destroy(one)
            |    _interpreters.run_string(other, "_datetime.date(2021, 1, 1).strftime('%d')")
            |    _interpreters.destroy(other)
            |report(date=str(__import__("datetime").date(2020, 1, 1)))
            """)
        self.assertEqual(facts["date"], "2020-01-01")

    @unittest.skipUnless(hasattr(mmap, "PROT_READ"), "Windows has no protections")
    def test_maps_that_cannot_be_read(self):
        facts = self.check("""
            |import mmap
            |found = []
            |for prot in (0, mmap.PROT_WRITE, mmap.PROT_READ):
            |    try:
            |        found.append(mmap.mmap(-1, 4096, mmap.MAP_PRIVATE, prot)[0])
            |    except lockdownlib.LockdownError:
            |        found.append("refused")
            |report(found=found)
            """)
        self.assertEqual(facts["found"], ["refused", "refused", 0])

    def test_pointers_to_functions(self):
        facts = self.check("""
            |import functools, operator
            |report(shown=[hasattr(value, "__vectorcalloffset__") for value in (
            |    functools.partial(print), operator.attrgetter("a"), operator.itemgetter(0),
            |    operator.methodcaller("a"))])
            """)
        self.assertEqual(set(facts["shown"]), {False})

    def test_datetime_that_cannot_be_imported_again(self):
        # Unlocked: locked it makes its module itself, and fails without memory only.
        outcome = fresh.scenario("""
            |import _datetime, gc
            |date, span = _datetime.date(2020, 1, 1), _datetime.timedelta(5)
            |moment = _datetime.datetime(2020, 1, 1, tzinfo=_datetime.timezone.utc)
            |del _datetime
            |sys.modules["_datetime"] = None
            |gc.collect()
            |report(found=[attempt(call)[:2] for call in (
            |    span.total_seconds, date.isocalendar, moment.timestamp, moment.astimezone,
            |    lambda: span * 3, lambda: span / 2.5, lambda: type(span)(1.5))])
            """)
        self.assertEqual({tuple(found) for found in outcome.facts["found"]},
                         {("raised", "ModuleNotFoundError")})

    def test_weekdays_of_the_year_0(self):
        # They came from before the table of names.
        facts = self.check("""
            |import datetime
            |days = [datetime.date(bytes([0, 0, 1, day])) for day in range(10)]
            |days += [datetime.datetime(bytes([0, 0, 1, day]) + bytes(6)) for day in range(10)]
            |report(names=[day.ctime()[:3] for day in days], days=[day.weekday() for day in days])
            """)
        names = "Mon Tue Wed Thu Fri Sat Sun".split()
        self.assertEqual(facts["names"], [names[day] for day in facts["days"]])
        self.assertEqual(set(facts["days"]), set(range(7)))

    def test_trees_with_none_in_their_lists(self):
        facts = self.check(r"""
            |import ast
            |LISTS = {"try: a\nexcept b: c": "handlers", "try: a\nexcept* b: c": "handlers",
            |         "global a": "names", "def f():\n nonlocal a": "names",
            |         "def f[T](): a": "type_params", "class C[T]: a": "type_params",
            |         "type A[T] = a": "type_params", "match a:\n case b | c: d": "patterns",
            |         "match a:\n case [b, c]: d": "patterns",
            |         "match a:\n case C(b): d": "patterns",
            |         "match a:\n case C(b=c): d": "kwd_attrs",
            |         "match a:\n case C(x=c): d": "kwd_patterns",
            |         "match a:\n case {1: b}: d": "keys",
            |         "match a:\n case {2: b}: d": "patterns"}
            |found = []
            |for source, name in LISTS.items():
            |    tree = ast.parse(source)
            |    node = next(node for node in ast.walk(tree) if getattr(node, name, None))
            |    getattr(node, name)[-1] = None
            |    found.append(attempt(compile, tree, "name", "exec")[:2])
            |report(found=found)
            """)
        self.assertEqual(facts["found"], [["raised", "ValueError"]] * 14)

    def test_tables_of_another_charset(self):
        facts = self.check("""
            |import _codecs_cn, _codecs_jp, codecs
            |setattr(_codecs_jp, "__map_jisx0208", getattr(_codecs_cn, "__map_gbcommon"))
            |report(found=attempt(codecs.lookup, "iso2022_jp")[:2])
            """)
        self.assertEqual(facts["found"], ["raised", "ValueError"])


class FilledTest(fresh.LivingTest):

    options, variables = ("-s", "-P"), {"PYTHONMALLOC": fresh.FILLING_MALLOC}

    # The allocator fills what it gives with one byte, and what is freed with another.
    FILLED = """
        |def told(value):
        |    return any(bytes([byte]) * 4 in bytes(value) for byte in (0xcd, 0xdd, 0xfd))
        |class Value:
        |    def __init__(self, call): self.call = call
        |    def __buffer__(self, flags):
        |        self.call()
        |        return memoryview(b"abc")
        |class Number(Value):
        |    __buffer__ = None
        |    def __index__(self):
        |        self.call()
        |        return 1
        |"""

    def test_memory_that_nobody_has_written_to(self):
        facts = self.check(self.FILLED + """
            |import array
            |found = []
            |for size in 99, 5000:
            |    for put in (lambda: target.extend(value), lambda: target.__setitem__(slice(size, None), value),
            |                lambda: target.__iadd__(value)):
            |        target, value = bytearray(size), Value(lambda: target.clear())
            |        put()
            |        found.append([len(target), told(target)])
            |inner, target = [], array.array("i", [1])
            |target.fromlist([Number(lambda: inner.append(told(target)))] * 99)
            |report(found=found, inner=any(inner), items=list(target) == [1] * 100)
            """)
        self.assertEqual(facts["found"], [[3, False]] * 6)
        self.assertEqual((facts["inner"], facts["items"]), (False, True))

    def test_an_array_that_is_cut_while_it_is_written(self):
        facts = self.check(self.FILLED + """
            |import array
            |class File:
            |    def __init__(self, left): self.left, self.written = left, []
            |    def write(self, data):
            |        self.written.append(data)
            |        del values[self.left:]
            |found = []
            |for left in 200_000, 20_000, 1000, 0:
            |    values, file = array.array("i", [7]) * 200_000, File(left)
            |    values.tofile(file)
            |    written = b"".join(file.written)
            |    whole = written == array.array("i", [7] * (len(written) // 4)).tobytes()
            |    found.append([len(written), told(written), whole])
            |report(found=found)
            """)
        self.assertEqual(facts["found"], [[800_000, False, True], [80_000, False, True],
                                          [65_536, False, True], [65_536, False, True]])

    def test_codecs_whose_module_is_gone(self):
        # What they call lay in the memory of the module.
        facts = self.check(r"""
            |import _codecs_jp, _multibytecodec, codecs, gc, io, types
            |class Encoder(_multibytecodec.MultibyteIncrementalEncoder): pass
            |class Decoder(_multibytecodec.MultibyteIncrementalDecoder): pass
            |class Reader(_multibytecodec.MultibyteStreamReader): pass
            |class Writer(_multibytecodec.MultibyteStreamWriter): pass
            |for cls in Encoder, Decoder, Reader, Writer:
            |    cls.codec = _codecs_jp.getcodec("shift_jis")
            |stream = io.BytesIO()
            |encoder, decoder = Encoder(), Decoder()
            |reader, writer = Reader(io.BytesIO(b"\x82\xa0")), Writer(stream)
            |for cls in Encoder, Decoder, Reader, Writer:
            |    del cls.codec
            |maps = {name: value for name, value in vars(_codecs_jp).items() if name.startswith("__map")}
            |del sys.modules["_codecs_jp"], _codecs_jp
            |gc.collect()
            |others = [bytes(size) for size in range(8, 2000, 8) for _ in range(9)]
            |writer.write("\u3042")
            |report(found=[encoder.encode("\u3042").hex(), ascii(decoder.decode(b"\x82\xa0")),
            |              ascii(reader.read()), stream.getvalue().hex()])
            |del encoder, decoder, reader, writer
            |sys.modules["_codecs_jp"] = module = types.ModuleType("_codecs_jp")
            |vars(module).update(maps)
            |gc.collect()
            |others = [bytes(size) for size in range(8, 2000, 8) for _ in range(9)]
            |report(maps=ascii(codecs.decode(b"\x1b$B0!", "iso2022_jp")))
            """)
        self.assertEqual(facts["found"], ["82a0", r"'\u3042'", r"'\u3042'", "82a0"])
        self.assertEqual(facts["maps"], r"'\u4e9c'")

    def test_what_is_marshalled_changes(self):
        facts = self.check(self.FILLED + """
            |import marshal
            |found = []
            |def dump(value):
            |    found.append(attempt(marshal.dumps, value)[0])
            |for call in "clear", "pop":
            |    target = []
            |    target += Value(getattr(target, call)), [1, 2], [3]
            |    dump(target)
            |    target = []
            |    target.append([Value(getattr(target, call)), [1, [2]]])
            |    dump(target)
            |target = {}
            |target[Value(target.clear)] = [1, [2]]
            |dump(target)
            |for call in set.clear, lambda target: target.update(range(999)):
            |    target = {1, "x", (2,)}
            |    target.add(Value(lambda: call(target)))
            |    dump(target)
            |value = [1, {2: [3], "x": (4, {5})}, frozenset([6])]
            |report(found=found, same=[marshal.dumps(value) == marshal.dumps(value)])
            """)
        self.assertEqual(facts["found"][0], "raised")
        self.assertEqual(facts["same"], [True])

    def test_errors_in_empty_texts(self):
        # The byte before was taken for a character.
        facts = self.check("""
            |import codecs
            |found = set()
            |for name in "replace", "xmlcharrefreplace", "backslashreplace", "namereplace", "ignore":
            |    for start in -1, 0, 1, 1 << 60:
            |        for error in (UnicodeEncodeError("utf-8", "", start, 1, "x"),
            |                      UnicodeDecodeError("utf-8", b"", start, 1, "x"),
            |                      UnicodeTranslateError("", start, 1, "x")):
            |            try:
            |                found.add(codecs.lookup_error(name)(error)[0])
            |            except TypeError:
            |                pass
            |report(found=sorted(found))
            """)
        self.assertEqual(facts["found"], ["", "\ufffd"])

    def test_a_cache_of_zones(self):
        facts = self.check("""
            |import _zoneinfo, io, struct, weakref, zoneinfo
            |def head(version, count):
            |    return b"TZif" + version + bytes(15) + struct.pack(">6l", 0, 0, 0, count, 1, 4)
            |kind = struct.pack(">lbb", 0, 0, 0) + b"UTC\\0"
            |data = head(b"2", 0) + kind + head(b"2", 0) + kind + b"\\nUTC0\\n"
            |zoneinfo._common.load_tzdata = lambda key: io.BytesIO(data)
            |Zone = _zoneinfo.ZoneInfo
            |class Key(str):
            |    turns = 0
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        if Key.turns:
            |            Key.turns -= 1
            |            Zone.clear_cache()
            |        return str.__eq__(self, other)
            |def fill():
            |    return [Zone(name) for name in "abcdefghij"]
            |for call in lambda: Zone(Key("a")), lambda: Zone.clear_cache(only_keys=[Key("a"), Key("c")]):
            |    zones = fill()
            |    Key.turns = 3
            |    call()
            |def again(reference):
            |    seen.append(len(fill()))
            |zones, seen = fill(), []
            |references = [weakref.ref(zone, again) for zone in zones]
            |del zones
            |Zone.clear_cache()
            |report(seen=len(seen) > 0, same=Zone("a") is Zone("a"))
            """)
        self.assertEqual((facts["seen"], facts["same"]), (True, True))

    def test_tee_set_beyond_what_was_read(self):
        facts = self.check("""
            |import itertools, warnings
            |warnings.simplefilter("ignore")
            |one, another = itertools.tee(iter(range(100)))
            |one.__setstate__((one.__reduce__()[2][0], 10))
            |found = [attempt(next, one)[:2], attempt(next, another)[:2], attempt(next, another)[:2]]
            |report(found=found, made=attempt(itertools._tee_dataobject, 5, [], None)[:2])
            """)
        self.assertEqual(facts["found"], [["raised", "ValueError"], ["done", "0"], ["done", "1"]])
        self.assertEqual(facts["made"], ["raised", "TypeError"])


if __name__ == "__main__":
    unittest.main()
