"""Objects nested so deep that C code which asks one after the other uses up its stack.

Each ended the process once.  Now it is a RecursionError, as for Python code, and what is released
is released to the last, however deep.
"""

import unittest
from test.test_lockdown import fresh

# How a chain is made longer by one, and what it begins with.
ITERATORS = {
    "map(str, x)": "iter('ab')",
    "filter(None, x)": "iter('ab')",
    "zip(x)": "iter('ab')",
    "enumerate(x)": "iter('ab')",
    "itertools.accumulate(x)": "iter('ab')",
    "itertools.batched(x, 1)": "iter('ab')",
    "itertools.chain(x)": "iter('ab')",
    "itertools.chain.from_iterable([x])": "iter('ab')",
    "itertools.compress(x, itertools.repeat(1))": "iter('ab')",
    "itertools.cycle(x)": "iter('ab')",
    "itertools.dropwhile(callable, x)": "iter('ab')",
    "itertools.filterfalse(callable, x)": "iter('ab')",
    "itertools.groupby(x)": "iter('ab')",
    "itertools.islice(x, 2)": "iter('ab')",
    "itertools.pairwise(x)": "itertools.repeat('a')",
    "itertools.starmap(zip, x)": "iter([('a',)])",
    "itertools.takewhile(str, x)": "iter('ab')",
    "itertools.zip_longest(x)": "iter('ab')",
    "csv.reader(x)": "iter('ab')",
    "iter(x.__next__, None)": "iter('ab')",
    "reversed(Sequence(x))": "iter('ab')",
}
# The same, and what is asked of it; y is another one.
OTHERS = {
    "types.MethodType(x, 1)": ("print", "hash(x) repr(x) x.any x.__doc__"),
    "instance_method(x)": ("print", "x() repr(x) x.any"),
    "partial_of(x)": ("print", "x() repr(x)"),
    "types.GenericAlias(x, (int,))": ("int", "x() hash(x) repr(x) x.any x[int] x|None"),
    "list[x]": ("T", "hash(x) repr(x) x[int] x==y"),
    "list[x]|None": ("T", "hash(x) repr(x) x[int]"),
    "types.MappingProxyType(x)": ("{}", "len(x) x[1] (1)in(x) iter(x) hash(x) x|{} x|x reversed(x)"),
    "(x,)": ("1", "hash(x) repr(x) x==y"),
    "frozenset([x])": ("1", "hash(x) marshal.dumps(x) x==y"),
    "slice(x)": ("1", "hash(x) repr(x) x==y"),
    "reference(x)": ("print", "hash(x) x==y"),
    "pickle.PickleBuffer(x)": ("b'x'", "memoryview(x) x.raw()"),
    "anext(Asynchronous(x), 1)": ("waiting()", "x.__await__() x.send(None) next(x) x.close()"),
    "functools.partial(max, [1, 2], key=x)": ("len", "x([1])"),
    "next(itertools.groupby(x))[1]": ("iter('aa')", "list(x)"),
    "waits_for(x)": ("None", "x.throw(ValueError) next(x) x.close()"),
}
# The compiler makes jumps of what these call last, but where it does not optimize.
JUMPS = ("pickle.PickleBuffer(x)",)
# Of these nothing is asked but to go.
HELD = ("cell(x)", "property(x)", "classmethod(x)", "staticmethod(x)", "functools.partial(print, x)",
        "functools._lru_cache_wrapper(x, None, False, None)", "closure(x)", "frame_of(x)",
        "ValueError(x)", "Holder(x)", "Holder(x).__init__", "iter([x])", "{1: x}.items()",
        "iter({1: x}.values())", "contextvars.ContextVar('c', default=x)",
        "functools.cmp_to_key(print)(x)", "collections.deque([x])", "weakref.ref(Holder, x)",
        "map(x, [1])", "operator.itemgetter(x)", "types.SimpleNamespace(a=x)")

PROGRAM = """
    |import collections, contextvars, csv, functools, itertools, marshal, operator, pickle
    |import threading, types, typing, weakref
    |T = typing.TypeVar("T")
    |cell = types.CellType
    |class Holder:
    |    def __init__(self, held): self.held = held
    |class Sequence(Holder):
    |    def __len__(self): return 1
    |    def __getitem__(self, number): return next(self.held)
    |def partial_of(x):
    |    made = functools.partial(print)
    |    made.__setstate__((x, (), {}, None))
    |    return made
    |instance_method = next(cls for cls in object.__subclasses__()
    |                       if cls.__name__ == "instancemethod")
    |class Reference(weakref.ref):
    |    __slots__ = "held", "__weakref__"
    |def reference(x):
    |    made = Reference(x)
    |    made.held = x
    |    return made
    |async def waiting():
    |    pass
    |class Asynchronous(Holder):
    |    def __aiter__(self): return self
    |    def __anext__(self): return self.held
    |def closure(x):
    |    return lambda: x
    |def frame_of(x):
    |    def generator():
    |        held = x
    |        yield
    |    made = generator()
    |    next(made)
    |    return made
    |waiters = []
    |def waits_for(x):
    |    def generator():
    |        yield
    |        yield
    |        if x is not None:
    |            yield from x
    |    made = generator()
    |    next(made)
    |    if x is not None:
    |        waiters.append(made)
    |    return made
    |def connect():
    |    # Each goes on to wait for the one before, which goes no farther than to its second yield.
    |    for waiter in waiters[-1:]:
    |        next(waiter)
    |    while waiters:
    |        next(waiters.pop())
    |def build(lengthen, first, times):
    |    lengthen, x = eval("lambda x: " + lengthen), eval(first)
    |    for _ in range(times):
    |        x = lengthen(x)
    |    return x
    |def ask(question, x, y=None):
    |    try:
    |        eval(question, globals(), {"x": x, "y": y})
    |        return "done"
    |    except BaseException as error:
    |        return type(error).__name__
    |def each(table, times):
    |    for lengthen, (first, questions) in table.items():
    |        report(next=lengthen)
    |        x = build(lengthen, first, times)
    |        connect()
    |        y = build(lengthen, first, times) if "y" in questions else None
    |        found = {}
    |        for question in questions.split():
    |            report(asked=question)
    |            found[question] = ask(question, x, y)
    |        report(asked="to go")
    |        del x, y
    |        report(name=lengthen, found=found)
    """

DEEP, FLAT = 300_000, 3


class DepthTest(fresh.LivingTest):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(fresh.usual_stack())

    def outcomes(self, table, times, run="each(table, times)"):
        """{chain: {question: how it ended}}, asked in a process that must live."""
        outcome = fresh.scenario(
            fresh.text(PROGRAM) + f"table, times = {table!r}, {times}\n"
            + "lockdownlib.lockdown(keep=())\n" + run + "\nreport(lives=True)", expect=None)
        self.assertTrue(outcome.facts.get("lives"),
                        (outcome.facts.get("next"), outcome.facts.get("asked"), outcome))
        return {report["name"]: report["found"] for report in outcome.reports if "name" in report}

    def check_both(self, table):
        """A deep chain runs out of stack for some question, a short one for none."""
        for lengthen, found in self.outcomes(table, DEEP).items():
            with self.subTest(lengthen):
                if lengthen not in JUMPS:
                    self.assertIn("RecursionError", found.values())
        for lengthen, found in self.outcomes(table, FLAT).items():
            with self.subTest(lengthen, flat=True):
                self.assertNotIn("RecursionError", found.values())

    def test_iterators(self):
        self.check_both({lengthen: (first, "next(x)") for lengthen, first in ITERATORS.items()})

    def test_others(self):
        self.check_both(OTHERS)

    def test_released(self):
        found = self.outcomes({lengthen: ("print", "type(x)") for lengthen in HELD}, DEEP)
        self.assertEqual(found, dict.fromkeys(HELD, {"type(x)": "done"}))

    def test_in_a_thread(self):
        table = {name: (ITERATORS[name], "next(x)") for name in ("map(str, x)", "zip(x)")}
        found = self.outcomes(table, DEEP, "thread = threading.Thread(target=each, args=(table, times))\n"
                                           "thread.start(); thread.join()")
        self.assertEqual([value["next(x)"] for value in found.values()], ["RecursionError"] * 2)

    def test_each_is_finalized(self):
        """Also where the stack is half used up, and what a finalizer does there works."""
        facts = self.check("""
            |gone = []
            |class Last:
            |    def __init__(self, number): self.number = number
            |    def __del__(self): gone.append(sum(range(3)) + self.number)
            |held = None
            |for number in range(150_000):
            |    held = slice(Last(number), held)
            |del held
            |report(gone=len(set(gone)))
            """)
        self.assertEqual(facts["gone"], 150_000)

    def test_guards_at_the_end_of_the_stack(self):
        """A guard that has no stack left for its own error lets nothing through."""
        facts = self.check("""
            |calls = [lambda: open("/"), lambda: os.listdir("/"), lambda: os.stat("/"), os.getpid,
            |         lambda: io.FileIO("/"), socket.socket, os.fork, os.pipe, gc.get_objects,
            |         sys._current_frames, lambda: sys.settrace(print), lambda: mmap.mmap(0, 10),
            |         lambda: os.kill(0, 0), lambda: posix.open("/", 0)]
            |found, ran = set(), []
            |def innermost():
            |    ran.append(1)
            |    for call in calls:
            |        try:
            |            found.add(f"{call()!r} was done")
            |        except BaseException as error:
            |            found.add(type(error).__name__)
            |def reached(depth):
            |    call = innermost
            |    for _ in range(depth):
            |        outer = functools.partial(print)
            |        outer.__setstate__((call, (), {}, None))
            |        call = outer
            |    ran.clear()
            |    try:
            |        call()
            |    except RecursionError:
            |        pass
            |    return bool(ran)
            |low, high = 1, 400_000
            |while high - low > 1:
            |    middle = (low + high) // 2
            |    low, high = (middle, high) if reached(middle) else (low, middle)
            |for depth in range(low - 30, low + 2):
            |    reached(depth)
            |report(found=sorted(found), low=low)
            """, before="import functools, gc, io, mmap, os, posix, socket")
        self.assertEqual(facts["found"], ["LockdownPermissionError", "RecursionError"])
        self.assertGreater(facts["low"], 1000)

    def test_an_object_that_calls_itself(self):
        facts = self.check("""
            |import functools
            |part, most = functools.partial(print), functools.partial(max)
            |part.__setstate__((part, (), {}, None))
            |most.__setstate__((max, ([1, 2],), {"key": lambda value: most()}, None))
            |report(part=attempt(part)[1], text=attempt(repr, part)[0], most=attempt(most)[1])
            """)
        self.assertEqual((facts["part"], facts["text"]), ("RecursionError", "done"))
        self.assertEqual(facts["most"], "RecursionError")

    def test_a_function_of_sql_that_runs_sql(self):
        """Counted, but with far more stack for each than upstream reckons with."""
        facts = self.check("""
            |again = functools.partial(connection.execute, "select again()")
            |connection.create_function("again", 0, again)
            |report(ended=attempt(again)[0])
            """, before="""
            |import functools, sqlite3
            |connection = sqlite3.connect(":memory:")
            """)
        self.assertIn(facts["ended"], ("done", "raised"))

    def test_tuples_shared(self):
        """Received where there is far less of stack than where they were sent."""
        # One that is started when locked would have as much as it takes.
        facts = self.check("""
            |shared = ()
            |for _ in range(8000):
            |    shared = (shared,)
            |queue.append(_interpqueues.create(0, 0, 1))
            |for _ in range(3):
            |    _interpqueues.put(queue[0], shared, 0, 1)
            |sent.set()
            |thread.join()
            |report(found=found)
            """, before="""
            |import _interpqueues, threading
            |queue, found, sent = [], [], threading.Event()
            |def receive():
            |    sent.wait()
            |    for _ in range(3):
            |        found.append(attempt(_interpqueues.get, queue[0])[:1])
            |threading.stack_size(256 * 1024)
            |thread = threading.Thread(target=receive, daemon=True)
            |thread.start()
            """)
        self.assertEqual(facts["found"], [["raised"]] * 3)

    def test_patterns_made_by_hand(self):
        facts = self.check("""
            |import _sre
            |from re._constants import ASSERT, LITERAL, REPEAT_ONE, SUCCESS
            |def match(before, times):
            |    # A skip leads from its own place to behind all that it holds.
            |    size, code = len(before) + 2, []
            |    for inside in range(times - 1, -1, -1):
            |        code += [before[0], inside * size + len(before) + 3, *before[1:]]
            |    code = list(map(int, [*code, LITERAL, 97, *[SUCCESS] * times, SUCCESS]))
            |    return attempt(lambda: _sre.compile("", 0, code, 0, {}, (None,)).match("aa"))[:2]
            |for times in 1, 2, 10_000, 400_000:
            |    report(**{f"assert {times}": match([ASSERT, 0], times),
            |              f"repeat {times}": match([REPEAT_ONE, 0, 1], times)})
            """)
        for number in 1, 2:
            for what in "assert", "repeat":
                self.assertEqual(facts[f"{what} {number}"][0], "done", facts)
        self.assertEqual(facts["assert 400000"][0], "raised")
        self.assertEqual(facts["repeat 400000"][0], "raised")

    def test_compiling_in_a_thread_of_little_stack(self):
        # The host's choice of a size was for its own code.
        facts = self.check("""
            |def work():
            |    for source in "(" * 199 + ")" * 199, "-" * 50_000 + "1", "await " * 50_000 + "x":
            |        report(**{source[0]: attempt(compile, source, "name", "exec")[0]})
            |thread = threading.Thread(target=work)
            |thread.start()
            |thread.join()
            |report(size=threading.stack_size())
            """, before="import threading; threading.stack_size(1 << 18)", keep=("runtime",))
        self.assertEqual(facts["size"], 1 << 18)
        self.assertEqual((facts["("], facts["-"]), ("done", "raised"))

    def test_errors_that_cannot_be_told(self):
        """To another interpreter: their texts are no UTF-8, their names no text."""
        facts = self.check(r"""
            |import _interpreters
            |one = _interpreters.create()
            |for name, code in {"text": r"raise ValueError('\ud800')",
            |                   "exit": r"raise SystemExit('\ud800')",
            |                   "name": "class E(Exception): __module__ = 1\nraise E",
            |                   "told": "raise ValueError('told')"}.items():
            |    report(**{name: attempt(_interpreters.exec, one, code)[:2]})
            """)
        for name in "text", "exit", "name":
            self.assertEqual(facts[name], ["raised", "InterpreterError"])
        self.assertIn("told", facts["told"][1])


if __name__ == "__main__":
    unittest.main()
