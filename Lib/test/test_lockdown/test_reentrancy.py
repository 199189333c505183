"""C code that calls Python code, which calls it again or takes away what it works on.

Each of these used memory that was gone.  Python's allocator hides that, so they run with one
that fills what it frees.
"""

import unittest
from test.test_lockdown import fresh


class ReentrancyTest(fresh.LivingTest):

    options, variables = ("-s", "-P"), {"PYTHONMALLOC": fresh.FILLING_MALLOC}

    def test_a_count_asked_by_its_own_addition(self):
        facts = self.check("""
            |import itertools
            |class Number:
            |    def __add__(self, other):
            |        if turns:
            |            inner.append(turns.pop()(counter))
            |        return Number()
            |    def __index__(self):
            |        return 0
            |inner, turns = [], [next]
            |counter = itertools.count(Number(), 1.5)
            |outer = next(counter)
            |same = outer is inner[0]
            |inner.clear()
            |others = [Number() for _ in range(100)]
            |report(same=same, outer=type(outer).__name__,
            |       taken=any(outer is other for other in others))
            """)
        self.assertEqual((facts["same"], facts["outer"], facts["taken"]), (True, "Number", False))

    def test_a_buffer_detached_by_its_raw_object(self):
        facts = self.check("""
            |import io
            |class Raw(io.RawIOBase):
            |    def readable(self): return True
            |    def writable(self): return True
            |    def readinto(self, view):
            |        inner.append(attempt(act)[:2])
            |        return len(view)
            |    def write(self, view):
            |        inner.append(attempt(act)[:2])
            |        return len(view)
            |inner = []
            |reader, writer = io.BufferedReader(Raw()), io.BufferedWriter(Raw())
            |act = reader.detach
            |report(read=attempt(reader.read, 10)[0])
            |writer.write(b"x")
            |act = writer.detach
            |report(flushed=attempt(writer.flush)[0], inner=inner)
            """)
        self.assertEqual((facts["read"], facts["flushed"]), ("done", "done"))
        self.assertEqual(set(map(tuple, facts["inner"])), {("raised", "RuntimeError")})

    def test_a_buffer_detached_while_it_is_flushed(self):
        facts = self.check("""
            |import io
            |class Raw(io.RawIOBase):
            |    def readable(self): return True
            |class Reader(io.BufferedReader):
            |    def flush(self):
            |        if not self.raw.closed:
            |            io.BufferedReader.flush(self)
            |            Reader.flush = lambda self: None
            |            self.detach()
            |report(closed=attempt(Reader(Raw()).close)[:2])
            """)
        self.assertEqual(facts["closed"], ["raised", "ValueError"])

    def test_a_text_layer_detached_by_its_buffer(self):
        facts = self.check("""
            |import io
            |class Buffer(io.BytesIO):
            |    def read1(self, size=-1):
            |        text.detach()
            |        return b"abc"
            |    read = read1
            |    def write(self, data):
            |        text.detach()
            |        return len(data)
            |class Flushed(io.BytesIO):
            |    def flush(self):
            |        if not again:
            |            again.append(True)
            |            text.detach()
            |again = []
            |text = io.TextIOWrapper(Flushed(), encoding="utf-8")
            |report(twice=attempt(text.detach)[:2])
            |found = []
            |for call in "read", "readline":
            |    text = io.TextIOWrapper(Buffer(), encoding="utf-8")
            |    found.append(attempt(getattr(text, call), 3)[0])
            |text = io.TextIOWrapper(Buffer(), encoding="utf-8")
            |found.append(attempt(text.write, "x" * 100_000)[0])
            |report(after=attempt(text.write, "y")[:2])
            |text = io.TextIOWrapper(Buffer(), encoding="utf-8", line_buffering=True)
            |found.append(attempt(text.write, "x\\n")[0])
            |text = io.TextIOWrapper(Buffer(), encoding="utf-8")
            |text.write("x")
            |found.append(attempt(text.seek, 0, 2)[0])
            |report(found=found)
            """)
        self.assertEqual(facts["twice"], ["raised", "ValueError"])
        self.assertEqual(facts["after"], ["raised", "ValueError"])
        self.assertEqual(facts["found"][-2:], ["raised", "raised"])

    def test_a_text_layer_set_up_again(self):
        facts = self.check("""
            |import io
            |class Buffer(io.BytesIO):
            |    def read1(self, size=-1):
            |        report(again=attempt(text.__init__, io.BytesIO(), encoding="ascii")[:2])
            |        return b"abc"
            |text = io.TextIOWrapper(Buffer(), encoding="utf-8")
            |report(read=text.read(3))
            """)
        self.assertEqual((facts["again"], facts["read"]), (["raised", "RuntimeError"], "abc"))

    def test_an_error_set_up_again_by_its_numbers(self):
        facts = self.check("""
            |class Number:
            |    def __index__(self):
            |        error.__init__(*wrong)
            |        return 0
            |shown = []
            |for cls, thing in ((UnicodeDecodeError, b"b"), (UnicodeEncodeError, "b")):
            |    wrong = ("a", thing, 0, 1, "c")
            |    error = cls(*wrong)
            |    for round in range(9):
            |        error.__init__("e" * 4000, thing * 4000, Number(), 1, "r" * 4000)
            |    shown.append(len(str(error)))
            |wrong = ("b", 0, 1, "c")
            |error = UnicodeTranslateError(*wrong)
            |for round in range(9):
            |    error.__init__("b" * 4000, Number(), 1, "r" * 4000)
            |report(shown=shown + [len(str(error))])
            """)
        for length in facts["shown"]:
            self.assertGreater(length, 4000)

    def test_an_error_about_what_is_no_text(self):
        facts = self.check("""
            |shown = []
            |for error in (UnicodeEncodeError("a", "b", 0, 1, "c"),
            |              UnicodeDecodeError("a", b"b", 0, 1, "c"),
            |              UnicodeTranslateError("b", 0, 1, "c")):
            |    error.object = 5
            |    shown.append(attempt(str, error)[:2])
            |class Buffer:
            |    def __buffer__(self, flags):
            |        report(inside=str(error))
            |        return memoryview(b"abc")
            |error = UnicodeDecodeError("a", b"b", 0, 1, "c")
            |error.__init__("a", Buffer(), 0, 1, "c")
            |report(shown=shown)
            """)
        self.assertEqual(facts["shown"], [["raised", "TypeError"]] * 3)
        self.assertEqual(facts["inside"], "")

    def test_a_pickle_buffer_released_while_it_is_released(self):
        facts = self.check("""
            |import pickle
            |class Buffer:
            |    count = 0
            |    def __buffer__(self, flags):
            |        return memoryview(bytearray(b"abc"))
            |    def __release_buffer__(self, view):
            |        self.count += 1
            |        if self.count < 9:
            |            buffer.release()
            |owner = Buffer()
            |buffer = pickle.PickleBuffer(owner)
            |buffer.release()
            |report(count=owner.count)
            """)
        self.assertEqual(facts["count"], 1)

    def test_an_ordered_dict_changed_by_its_keys(self):
        facts = self.check("""
            |from collections import OrderedDict
            |class Key:
            |    act = None
            |    def __hash__(self): return 1
            |    def __eq__(self, other):
            |        act, Key.act = Key.act, None
            |        if act is not None:
            |            act()
            |        return self is other
            |def grow():
            |    for number in range(500): od[number] = number
            |    for number in range(490): del od[number]
            |found = set()
            |for size in range(3, 20):
            |    for call in (lambda: od.move_to_end(Key()), lambda: od.pop(Key()),
            |                 lambda: od.popitem(), lambda: od.setdefault(Key(), 2),
            |                 lambda: od.__delitem__(Key())):
            |        for act in grow, lambda: od.clear():
            |            od = OrderedDict((Key(), number) for number in range(size))
            |            Key.act = act
            |            found.add(attempt(call)[0])
            |            Key.act = None
            |            attempt(lambda: [od.popitem() for key in list(od)])
            |od = OrderedDict((Key(), number) for number in range(5))
            |Key.act = lambda: [dict.__setitem__(od, number, 0) for number in range(500)]
            |try:
            |    od.pop(Key())
            |except RuntimeError as error:
            |    report(message=str(error))
            |report(found=sorted(found))
            """)
        self.assertIn("look-up", facts.get("message", ""))
        self.assertIn("raised", facts["found"])

    def test_an_ordered_dict_whose_key_answers_otherwise(self):
        facts = self.check("""
            |from collections import OrderedDict
            |class Key:
            |    answers = []
            |    def __hash__(self): return 1
            |    def __eq__(self, other): return self.answers.pop(0) if self.answers else False
            |od = OrderedDict([(Key(), 1)])
            |Key.answers = [True, True, False]
            |report(item=attempt(od.pop, Key())[:2])
            |# A debug build was sure that a key is not found at the second look.
            |od = OrderedDict([(Key(), 1)])
            |Key.answers = [False, True, True, True]
            |report(value=od.setdefault(Key(), 2), pairs=len(list(od.items())))
            """)
        self.assertEqual(facts["item"], ["raised", "KeyError"])
        self.assertEqual((facts["value"], facts["pairs"]), (2, 1))

    def test_a_callback_whose_context_is_gone(self):
        facts = self.check("""
            |import _asyncio
            |class Loop:
            |    def get_debug(self): return False
            |class Callback:
            |    def __call__(self, future): pass
            |    def __del__(self): future.add_done_callback(print)
            |class Any:
            |    def __eq__(self, other): return True
            |future = _asyncio.Future(loop=Loop())
            |future.add_done_callback(Callback())
            |future.remove_done_callback(Any())
            |report(callbacks=len(future._callbacks))
            """)
        self.assertEqual(facts["callbacks"], 1)

    def test_a_profiler_cleared_by_its_timer(self):
        facts = self.check("""
            |import _lsprof
            |code = compile("1", "name", "exec")
            |def timer():
            |    profiler._pystart_callback(code, 0)
            |    inner.append(attempt(profiler.clear)[:2])
            |    return 1
            |inner = []
            |profiler = _lsprof.Profiler(timer)
            |profiler._pystart_callback(code, 0)
            |report(inner=inner)
            """)
        self.assertEqual(facts["inner"], [["raised", "RuntimeError"]])

    def test_a_profiler_that_goes_with_its_timer(self):
        facts = self.check("""
            |import _lsprof, gc
            |code = compile("1", "name", "exec")
            |class Profiler(_lsprof.Profiler): pass
            |def make():
            |    def timer():
            |        return 1
            |    profiler = Profiler(timer)
            |    profiler.itself = profiler
            |    profiler._pystart_callback(code, 0)
            |gc.disable()
            |make()
            |report(found=gc.collect() > 0)
            """)
        self.assertTrue(facts["found"])

    def test_what_a_partial_object_calls_sets_its_state(self):
        facts = self.check("""
            |import functools
            |class Value:
            |    def __gt__(self, other):
            |        partial.__setstate__((len, (), {}, None))
            |        return False
            |    __eq__ = __lt__ = __gt__
            |found = []
            |for make in (lambda: functools.partial(max, Value(), Value(), Value()),
            |             lambda: functools.partial([Value(), Value()].index),
            |             lambda: functools.partial(type("Called", (), {
            |                 "__call__": lambda self, *args: (Value() > 1, type(self).__name__)[1]})())):
            |    for args in (), (1,), (1,) * 9:
            |        partial = make()
            |        found.append(attempt(partial, *args)[0])
            |report(found=found)
            """)
        self.assertEqual(facts["found"], ["done"] * 3 + ["raised"] * 3 + ["done"] * 3)

    PICKLED = """
        |import io, pickle
        |class Value:
        |    def __del__(self):
        |        act()
        |    def __reduce__(self):
        |        return (int, ())
        |act = lambda: None
        |"""

    def test_a_memo_of_what_is_pickled_used_while_it_is_cleared(self):
        facts = self.check(self.PICKLED + """
            |found = []
            |def clear(): pickler.clear_memo()
            |def clear_by_proxy(): pickler.memo.clear()
            |def put(): pickler.memo = {}
            |def dump(): pickler.dump([[], {}, Value])
            |for call in clear, clear_by_proxy, put:
            |    for act in clear, clear_by_proxy, put, dump:
            |        pickler = pickle.Pickler(io.BytesIO())
            |        pickler.dump([Value(), Value(), Value()])
            |        call()
            |        found.append(len(pickler.memo.copy()))
            |pickler.memo = {1: (1, "x")}
            |act = lambda: None
            |# Each dump above has left three values, and what it does in the end has taken them out.
            |report(found=found, kept=len(pickler.memo.copy()))
            """)
        self.assertEqual(facts["kept"], 1)
        self.assertEqual([count > 0 for count in facts["found"]], ([False] * 3 + [True]) * 3)

    def test_a_memo_of_what_was_pickled_used_while_it_is_cleared(self):
        facts = self.check(self.PICKLED + r"""
            |class Unpickler(pickle.Unpickler):
            |    def find_class(self, module, name):
            |        return Value
            |data = b"cx\ny\n)\x81\x94cx\ny\n)\x81\x94." + pickle.dumps([[], {}, [[]]], 2) * 20
            |found, seen = [], []
            |def copy(): seen.append(len(memo.copy()))
            |def clear(): memo.clear()
            |def put(): unpickler.memo = {5: 1}
            |def load(): attempt(unpickler.load)
            |for call in clear, put:
            |    for act in copy, clear, put, load:
            |        unpickler = Unpickler(io.BytesIO(data))
            |        memo = unpickler.memo
            |        unpickler.load()
            |        call()
            |        found.append(attempt(unpickler.load)[0])
            |report(found=found, seen=seen)
            """)
        self.assertEqual(set(facts["found"]), {"done"})
        self.assertEqual(set(facts["seen"]), {0})

    def test_a_table_of_dispatch_replaced_by_its_keys(self):
        facts = self.check("""
            |import io, pickle
            |class Meta(type):
            |    def __hash__(self): return 5
            |    def __eq__(self, other):
            |        pickler.dispatch_table = {}
            |        return False
            |class Key(metaclass=Meta): pass
            |class Other(metaclass=Meta): pass
            |pickler = pickle.Pickler(io.BytesIO())
            |pickler.dispatch_table = {Key: print}
            |report(dumped=attempt(pickler.dump, Other())[0], table=len(pickler.dispatch_table))
            """)
        self.assertEqual((facts["dumped"], facts["table"]), ("done", 0))

    def test_a_pickler_that_was_not_set_up_to_the_end(self):
        facts = self.check("""
            |import io, pickle
            |pickler = pickle.Pickler.__new__(pickle.Pickler)
            |report(setup=attempt(pickler.__init__, io.BytesIO(), 0, buffer_callback=print)[0],
            |       dumped=attempt(pickler.dump, [[1]])[0])
            """)
        self.assertEqual((facts["setup"], facts["dumped"]), ("raised", "raised"))

    def test_garbage_seen_while_it_is_cleared(self):
        # Nobody else is called while the collector clears what it has found.
        facts = self.check("""
            |import functools, gc, io, types
            |class Releaser(tuple):
            |    def __buffer__(self, flags):
            |        return memoryview(b"abc")
            |    def __release_buffer__(self, view):
            |        told.append(self[0])
            |        attempt(repr, self[0])
            |        attempt(self[0])
            |class Both(Releaser):
            |    def __del__(self):
            |        deleted.append(attempt(repr, self[0])[0])
            |def make(seen, cls):
            |    cycle = [seen]
            |    cycle += cycle, memoryview(cls((seen,)))
            |gc.disable()
            |told, deleted = [], []
            |for way in (lambda: ValueError(1), lambda: staticmethod(len), lambda: list[int],
            |            lambda: types.SimpleNamespace(a=1), lambda: functools.partial(len, "a"),
            |            lambda: io.StringIO("a"), lambda: types.ModuleType("name")):
            |    make(way(), Releaser)
            |    make(way(), Both)
            |    gc.collect()
            |report(told=len(told), deleted=deleted)
            |# Who is no garbage is called, and who goes without the collector.
            |alive = Releaser(["alive"])
            |cycle = [memoryview(alive)]
            |cycle.append(cycle)
            |del cycle
            |gc.collect()
            |view = memoryview(Releaser(["counted"]))
            |del view
            |report(others=told)
            """)
        self.assertEqual(facts["told"], 0)
        self.assertEqual(facts["deleted"], ["done"] * 7)
        self.assertEqual(facts["others"], ["alive", "counted"])


if __name__ == "__main__":
    unittest.main()
