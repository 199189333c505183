"""A connection that the host left open, used again by what its calls call: each call from each callback.

SQLite frees what it works on when a statement is finished inside itself.
"""

import unittest
from test.test_lockdown import fresh

# How a connection comes to call Python, and what is called then.
CALLBACKS = r"""
def setup(con):
    con.executescript('''
        CREATE TABLE t(a INTEGER, b CV, c BLOB);
        INSERT INTO t VALUES (1, 'x', zeroblob(9)), (2, 'y', zeroblob(9)), (3, 'z', zeroblob(9));
        ''')
    con.create_function("f", -1, lambda *values: 1)
    con.create_aggregate("g", 1, Nothing)
    con.create_window_function("w", 1, Nothing)
    con.create_collation("k", lambda one, two: (one > two) - (one < two))

class Nothing:
    def step(self, value): pass
    def inverse(self, value): pass
    def value(self): return 1
    def finalize(self): return 1

class World:
    '''A connection, another one, and what is called once its callback runs.'''

    def __init__(self, con, other, call):
        self.con, self.other, self.call = con, other, call
        self.called = 0
        self.cursor, self.second = con.cursor(), con.cursor()
        self.blob = None

    def open(self):
        '''A statement that is not at its end, which no function can be created beside.'''
        attempt(self.second.execute, "SELECT a, b FROM t")
        attempt(self.open_blob)

    def open_blob(self):
        self.blob = self.con.blobopen("t", "c", 1)

    def act(self, *ignored):
        if self.called < 3:
            self.called += 1
            first = self.called == 1
            outcome = attempt(CALLS[self.call], self)
            if first:
                self.outcome = outcome
        return 1

    def run(self, sql, *parameters):
        '''A statement to its end, and once more, whatever was done to it.'''
        self.open()
        for round in range(2):
            attempt(self.cursor.execute, sql, *parameters)
            for row in range(5):
                attempt(next, self.cursor, None)

class Acting:
    def __init__(self, world): self.world = world
    def __call__(self, *ignored): return self.world.act()
    def __del__(self): self.world.act()
    def __conform__(self, protocol): return self.world.act()
    def __index__(self): return self.world.act() * 0
    def __len__(self): return self.world.act()
    def __getitem__(self, index): return self.world.act()
    def __iter__(self): return iter([self, self])

class Buffer:
    def __init__(self, world): self.world = world
    def __buffer__(self, flags):
        self.world.act()
        return memoryview(b"x")

def aggregate(world, method):
    def acting(self, *values):
        return world.act()
    return type("Aggregate", (Nothing,), {method: acting})

def progress(world):
    world.con.set_progress_handler(lambda: world.act() * 0, 1)
    world.run("SELECT a, b FROM t ORDER BY b")
    world.con.set_progress_handler(None, 0)

def destructor(world):
    world.con.create_function("h", 0, Acting(world))
    world.con.create_function("h", 0, print)
    world.con.create_collation("h", Acting(world))
    world.con.create_collation("h", None)

def hook(name, value, sql):
    def made(world):
        setattr(world.con, name, value(world))
        world.cursor = world.con.cursor()
        world.run(sql)
    return made

def define(how, sql):
    def made(world):
        how(world)
        world.run(sql)
    return made

def backup(world):
    world.open()
    attempt(world.con.backup, world.other, pages=1, sleep=0, progress=Progress(world.act))

class Progress:
    '''Ends a backup that waits for what waits for it.'''
    def __init__(self, call): self.call, self.count = call, 0
    def __call__(self, *state):
        self.count += 1
        if self.count > 9: raise ValueError
        self.call()

def blob(world):
    world.open()
    attempt(lambda: world.blob[Acting(world)])
    attempt(world.blob.write, Buffer(world))
    attempt(world.blob.read)

def factory(world):
    def made(con):
        world.act()
        return Cursor(con)
    world.open()
    for round in range(2):
        attempt(world.con.cursor, made)

def script(world):
    world.con.create_function("f", -1, world.act)
    world.open()
    attempt(world.cursor.executescript, "SELECT f(1); INSERT INTO t VALUES (f(2), 3, 4); SELECT f(3)")

WAYS = {
    "function": define(lambda w: w.con.create_function("f", -1, w.act), "SELECT f(a) FROM t"),
    "function that inserts": define(lambda w: w.con.create_function("f", -1, w.act),
                                    "INSERT INTO t VALUES (f(1), 2, 3) RETURNING f(a)"),
    "collation": define(lambda w: w.con.create_collation("k", lambda a, b: w.act() * 0),
                        "SELECT b FROM t ORDER BY b COLLATE k"),
    "trace": define(lambda w: w.con.set_trace_callback(w.act), "SELECT a FROM t"),
    "row factory": hook("row_factory", lambda w: lambda cursor, row: w.act(), "SELECT a FROM t"),
    "text factory": hook("text_factory", lambda w: Acting(w), "SELECT 'x', 'y', a FROM t"),
    "converter": lambda w: (CONVERTERS.__setitem__("CV", w.act), w.run("SELECT b, a FROM t")),
    "adapter": lambda w: w.run("SELECT ?, ?", (Acting(w), Acting(w))),
    "length": lambda w: w.run("SELECT ?", Acting(w)),
    "parameter's buffer": lambda w: w.run("SELECT ?", (Buffer(w),)),
    "iterator": lambda w: attempt(w.cursor.executemany, "INSERT INTO t VALUES (?, 2, 3)", Acting(w)),
    "progress": progress, "destructor": destructor, "backup": backup, "blob": blob,
    "factory": factory, "script": script,
}
for name in "step", "finalize":
    WAYS[f"aggregate's {name}"] = define(
        lambda w, name=name: w.con.create_aggregate("g", 1, aggregate(w, name)),
        "SELECT g(a) FROM t GROUP BY a")
for name in "step", "finalize", "value", "inverse":
    WAYS[f"window's {name}"] = define(
        lambda w, name=name: w.con.create_window_function("w", 1, aggregate(w, name)),
        "SELECT w(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t")

CALLS = {
    "close": lambda w: w.con.close(),
    "init": lambda w: w.con.__init__(":memory:"),
    "cursor's close": lambda w: w.cursor.close(),
    "cursor's init": lambda w: w.cursor.__init__(w.con),
    "cursor's next": lambda w: next(w.cursor, None),
    "cursor's execute": lambda w: w.cursor.execute("SELECT a FROM t"),
    "cursor's executemany": lambda w: w.cursor.executemany("SELECT g(a) FROM t GROUP BY a", [()]),
    "executescript": lambda w: w.cursor.executescript("DELETE FROM t; SELECT f(1) FROM t"),
    "the same": lambda w: [list(w.con.execute(sql)) for sql in (
        "SELECT f(a) FROM t", "SELECT g(a) FROM t GROUP BY a", "SELECT b, a FROM t")],
    "other close": lambda w: w.other.close(),
    "other's next": lambda w: [next(w.second, None) for row in range(5)],
    "commit": lambda w: w.con.commit(),
    "rollback": lambda w: w.con.rollback(),
    "interrupt": lambda w: w.con.interrupt(),
    "drop": lambda w: w.con.execute("DROP TABLE t"),
    "index": lambda w: w.con.execute("CREATE INDEX i ON t(b COLLATE k)"),
    "create_function": lambda w: w.con.create_function("f", -1, print),
    "create_aggregate": lambda w: w.con.create_aggregate("g", 1, Nothing),
    "create_window_function": lambda w: w.con.create_window_function("w", 1, None),
    "create_collation": lambda w: (w.con.create_collation("k", None),
                                   w.con.create_collation("h", Acting(w))),
    "handlers": lambda w: (w.con.set_progress_handler(None, 0), w.con.set_trace_callback(None)),
    "factories": lambda w: (setattr(w.con, "row_factory", None), setattr(w.con, "text_factory", str),
                            setattr(w.cursor, "row_factory", None)),
    "blobopen": lambda w: w.con.blobopen("t", "c", 2),
    "blob's close": lambda w: w.blob.close(),
    "serialize": lambda w: w.con.serialize(),
    "backup": lambda w: w.con.backup(w.other, sleep=0, progress=Progress(list)),
    "isolation_level": lambda w: setattr(w.con, "isolation_level", None),
    "collect": lambda w: (w.__dict__.pop("second", None), gc.collect()),
}
"""

BEFORE = CALLBACKS + r"""
import gc, sqlite3
from sqlite3 import Cursor, converters as CONVERTERS
CONVERTERS["CV"] = bytes
made = []
for pair in range(2 * len(WAYS) * len(CALLS)):
    con = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
    setup(con)
    made.append(con)
"""

AFTER = r"""
called, refused = 0, {}
for way, run in WAYS.items():
    CONVERTERS["CV"] = bytes
    for call in CALLS:
        world = World(made.pop(), made.pop(), call)
        run(world)
        called += world.called > 0
        if world.called:
            refused.setdefault(call, {})[way] = world.outcome[:2]
        attempt(world.con.close)
report(called=called, pairs=len(WAYS) * len(CALLS), refused=refused)
"""


class ReentrancyTest(fresh.LivingTest):

    options, variables = ("-s", "-P"), {"PYTHONMALLOC": fresh.FILLING_MALLOC}

    def test_each_call_from_each_callback(self):
        facts = self.check(AFTER, BEFORE)
        self.assertEqual(facts["called"], facts["pairs"])
        # While a statement runs its connection stays open; between two it may be closed.
        between = {"row factory", "factory", "blob"}
        for way, outcome in facts["refused"]["close"].items():
            with self.subTest(way):
                self.assertEqual(outcome[0], "done" if way in between else "raised")

    def test_a_class_of_connections_that_gives_no_statement(self):
        facts = self.check("""
            |Connection.__call__ = lambda self, sql: len(sql)
            |report(execute=attempt(con.execute, "SELECT 1")[:2])
            """, """
            |import sqlite3
            |class Connection(sqlite3.Connection): pass
            |con = sqlite3.connect(":memory:", factory=Connection)
            """)
        self.assertEqual(facts["execute"], ["raised", "TypeError"])

    def test_a_collation_that_raises(self):
        # SQLite goes on, and calls others.
        facts = self.check("""
            |calls, found = [], []
            |rows = "(SELECT 'x' b UNION ALL SELECT 'y' UNION ALL SELECT 'z')"
            |con.create_collation("k", lambda one, other: 1 / 0)
            |con.create_function("f", 1, lambda value: calls.append(value) or value)
            |con.set_trace_callback(calls.append)
            |con.set_progress_handler(lambda: calls.append(0), 1)
            |for sql in (f"SELECT f(b) FROM {rows} ORDER BY b COLLATE k", "SELECT f('b') = 'a' COLLATE k",
            |            f"SELECT f(b) FROM {rows} GROUP BY f(b) COLLATE k"):
            |    found.append(attempt(lambda: list(con.execute(sql)))[:2])
            |    found.append(attempt(con.executescript, sql + "; SELECT f(3)")[:2])
            |first = con.execute("SELECT 1 UNION ALL SELECT 'a' < f('b') COLLATE k")
            |found.append(attempt(next, first)[:2])
            |con.create_collation("k", None)
            |report(found=found, calls=len(calls), after=con.execute("SELECT f(7)").fetchone())
            """, """
            |import sqlite3
            |con = sqlite3.connect(":memory:")
            """)
        self.assertEqual(facts["found"], [["raised", "ZeroDivisionError"]] * 7)
        self.assertGreater(facts["calls"], 0)
        self.assertEqual(facts["after"], [7])

    def test_a_blob_closed_by_another_thread(self):
        # Reading waits for SQLite, which another thread is in: it is closed then.
        facts = self.check("""
            |pairs = []
            |def hold():
            |    thread = threading.Thread(target=lambda: read.append(attempt(blob.read)[:2]))
            |    thread.start()
            |    thread.join(0.01 * len(pairs))
            |    closed.append(attempt(blob.close)[:2])
            |    threads.append(thread)
            |con.create_function("hold", 0, hold)
            |# It may be closed before the thread is there.
            |while len(pairs) < 100 and ["raised", "ProgrammingError"] not in pairs[-1:]:
            |    closed, read, threads = [], [], []
            |    blob = con.blobopen("t", "b", 1)
            |    con.execute("SELECT hold()").fetchall()
            |    threads[0].join()
            |    pairs.append(closed[0])
            |    report(read=read[0], after=attempt(blob.close)[0])
            |report(closed=pairs[-1])
            """, """
            |import sqlite3, threading
            |con = sqlite3.connect(":memory:", check_same_thread=False)
            |con.execute("CREATE TABLE t(b)")
            |con.execute("INSERT INTO t VALUES (zeroblob(4))")
            """)
        self.assertEqual(facts["closed"], ["raised", "ProgrammingError"])
        self.assertEqual(facts["read"], ["done", repr(bytes(4))])
        self.assertEqual(facts["after"], "done")


if __name__ == "__main__":
    unittest.main()
