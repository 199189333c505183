"""What goes wrong in upstream's memory for Python code alone does not when locked.

A call that would read, write or run memory which is not there is refused, or fails as upstream
means it to. What ordinary programs do with the same objects works as ever.
"""

import json
import unittest
from test import support
from test.test_lockdown import fresh, probes
from test.test_lockdown.probes import memory

# The name of each case, and the program that makes what it needs before the lock.
SETUP = """
    |import _pickle, array, asyncio, codecs, decimal, io, pickle, struct
    |locked = json.loads(sys.argv[1])
    |def lock():
    |    if locked:
    |        lockdownlib.lockdown(keep=())
    """

# What works the same, locked or not: expressions, and their values' texts.
ORDINARY = {
    "struct.Struct('<hb').pack(1, 2)": r"b'\x01\x00\x02'",
    "list(struct.iter_unpack('b', b'ab'))": "[(97,), (98,)]",
    "Sub('b').unpack(b'a')": "(97,)",
    "setattr(decimal.getcontext(), 'rounding', decimal.ROUND_UP)": "None",
    "setattr(decimal.getcontext(), 'traps', other.traps)": "None",
    "[made.traps[decimal.Inexact] for made in [decimal.Context(flags=other.flags, "
    "traps=[decimal.Inexact])]]": "[True]",
    "decimal.getcontext().flags == other.flags": "True",
    "repr(ExceptionGroup('group', [KeyError(1)]))": repr("ExceptionGroup('group', [KeyError(1)])"),
    "property(abstract).__isabstractmethod__": "True",
    "property(len).__isabstractmethod__": "False",
    "super(bool, True).__add__(1)": "2",
    "Child().greet()": "'parent and child'",
    "'\u3042'.encode('iso2022_jp').decode('iso2022_jp')": "'\u3042'",
    "decode_in_two('iso2022_jp', '\u3042\u3044')": "'\u3042\u3044'",
    "decode_in_two('iso2022_kr', '\uac00\uac01')": "'\uac00\uac01'",
    "loop.run_until_complete(waiting())": "5",
    "pickle.loads(pickle.dumps([1, [2]]))": "[1, [2]]",
    "MyPickler(io.BytesIO()).dump(1)": "None",
    "remembering()": "[['shared'], ['shared']]",
    "pickle.Unpickler(Filling(pickle.dumps(b'x' * 100000, 4))).load() == b'x' * 100000": "True",
    "io.BufferedReader(Raw(b'one two')).read(3)": "b'one'",
    "io.BufferedReader(Raw(b'x' * 100000)).read() == b'x' * 100000": "True",
    "io.BufferedReader(Raw(b'one')).readinto(bytearray(9))": "3",
    "list(io.TextIOWrapper(io.BufferedReader(Raw(b'one\\ntwo'))))": r"['one\n', 'two']",
    "written(b'some')": "b'some'",
    "io.BufferedRWPair(Raw(b'one'), Raw(b'')).read()": "b'one'",
    "str(b'abc', 'rot_bytes')": "'bcd'",
    "memoryview(array.array('h', [1])) == memoryview(array.array('i', [1]))": "True",
    "memoryview(array.array('h', [1])) == memoryview(array.array('q', [2]))": "False",
}
ORDINARY_SETUP = """
    |import abc
    |loop = asyncio.new_event_loop()
    |other = decimal.Context()
    |class Sub(struct.Struct):
    |    def __init__(self, format):
    |        super().__init__(format)
    |@abc.abstractmethod
    |def abstract(self):
    |    pass
    |class Parent:
    |    def greet(self): return "parent"
    |class Child(Parent):
    |    def greet(self): return super().greet() + " and child"
    |def decode_in_two(name, text):
    |    data, decoder = text.encode(name), codecs.getincrementaldecoder(name)()
    |    half = decoder.decode(data[:5])
    |    other = codecs.getincrementaldecoder(name)()
    |    other.setstate(decoder.getstate())
    |    return half + other.decode(data[5:], True)
    |async def waiting():
    |    async def five():
    |        await asyncio.sleep(0)
    |        return 5
    |    return await asyncio.create_task(five())
    |class MyPickler(pickle.Pickler):
    |    def __init__(self, file):
    |        super().__init__(file, 4)
    |def remembering():
    |    out, shared = io.BytesIO(), ["shared"]
    |    pickler = pickle.Pickler(out)
    |    pickler.dump(shared)
    |    pickler.memo = pickler.memo.copy()
    |    pickler.dump(shared)
    |    out.seek(0)
    |    unpickler = pickle.Unpickler(out)
    |    first = unpickler.load()
    |    unpickler.memo = unpickler.memo
    |    return [first, unpickler.load()]
    |class Filling(io.BytesIO):
    |    def readinto(self, view):
    |        data = self.read(len(view))
    |        view[:len(data)] = data
    |        return len(data)
    |class Raw(io.RawIOBase):
    |    def __init__(self, data): self.data = data
    |    def readable(self): return True
    |    def writable(self): return True
    |    def readinto(self, view):
    |        data = self.data[:len(view)]
    |        view[:len(data)] = data
    |        self.data = self.data[len(view):]
    |        return len(data)
    |    def write(self, view):
    |        self.data += bytes(view)
    |        return len(view)
    |def written(data):
    |    raw = Raw(b"")
    |    io.BufferedWriter(raw).write(data)
    |    return raw.data
    |def rotate(name):
    |    def decode(view, errors="strict"):
    |        return "".join(chr(byte + 1) for byte in view), len(view)
    |    return codecs.CodecInfo(None, decode, name=name) if name == "rot_bytes" else None
    |codecs.register(rotate)
    """

# Ends with a Python error, locked or not: (setup, expression, type of the error).
MENDED = {
    "an unknown designation": (
        "decoder = codecs.getincrementaldecoder('iso2022_jp')(); decoder.setstate((b'', 0))",
        "decoder.decode(b'ABCD')", "RuntimeError"),
    "a designation of another codec": (
        "decoder = codecs.getincrementaldecoder('iso2022_jp')(); decoder.setstate((b'', 0xc3c3))",
        "decoder.decode(b'ABCD')", "RuntimeError"),
    "a property of itself": (
        "made = property(); made.__init__(made)", "made.__isabstractmethod__", "RecursionError"),
    "a static method of itself": (
        "made = staticmethod(len); made.__init__(made)", "made.__isabstractmethod__",
        "RecursionError"),
    "a class method of itself": (
        "made = classmethod(len); made.__init__(made)", "made.__isabstractmethod__",
        "RecursionError"),
    "a pair of itself": (
        "made = io.BufferedRWPair(io.BytesIO(), io.BytesIO()); made.__init__(made, made)",
        "made.closed", "RecursionError"),
}

# A view that Python code keeps, for each that C code hands out of memory it will free.
KEEPING = """
    |kept = []
    |class Raw(io.RawIOBase):
    |    def readable(self): return True
    |    def writable(self): return True
    |    def readinto(self, view):
    |        kept.append(view)
    |        return len(view) // 2
    |    def write(self, view):
    |        kept.append(view)
    |        return len(view)
    |class Filling(io.BytesIO):
    |    def readinto(self, view):
    |        kept.append(view)
    |        return super().readinto(view)
    |def keeper(name):
    |    def decode(view, errors="strict"):
    |        kept.append(view)
    |        return "", len(view)
    |    return codecs.CodecInfo(None, decode, name=name) if name == "keeper" else None
    |codecs.register(keeper)
    |big = pickle.dumps(b"x" * 100000, 4)
    |lock()
    |def write():
    |    with io.BufferedWriter(Raw()) as file:
    |        file.write(b"some")
    |calls = {"io.BufferedReader": lambda: io.BufferedReader(Raw()).read(10),
    |         "io.BufferedReader, at once": lambda: io.BufferedReader(Raw()).readinto(memoryview(
    |             bytearray(100000))),
    |         "io.BufferedWriter": write,
    |         "pickle.Unpickler": lambda: pickle.Unpickler(Filling(big)).load(),
    |         "str": lambda: str(b"some", "keeper")}
    |for name, call in calls.items():
    |    before = len(kept)
    |    call()
    |    report(**{name: [view.obj is not None for view in kept[before:]]})
    |if locked:
    |    # Nothing of what was there before is seen.
    |    data = io.BufferedReader(Raw()).read(4000)
    |    report(zeros=data.count(0) == len(data) > 0)
    |    # They live on.
    |    for view in kept:
    |        if not view.readonly:
    |            view[:1] = b"w"
    |    report(sizes=[len(bytes(view)) == view.nbytes for view in kept])
    """


def scenario(source, locked, *args):
    return fresh.scenario(fresh.text(SETUP) + fresh.text(source), json.dumps(locked), *args,
                          expect=None)


class MemoryTest(unittest.TestCase):

    maxDiff = None

    def test_refused_and_alive(self):
        """Each call that would end the process is refused, all in one process, which stays."""
        chosen = [probe for probe in probes.PROBES if probe.call.__module__ == memory.__name__
                  and probe.exists()]
        self.assertGreater(len(chosen), 25)
        outcome = fresh.run("-c", f"""if True:
            import json, sys
            from test.test_lockdown import probes
            import lockdownlib
            scratch = {{}}
            chosen = [probe for probe in probes.PROBES if probe.name in json.loads(sys.argv[1])]
            for probe in chosen:
                scratch[probe] = probes.Scratch("")
                if probe.setup:
                    probe.setup(scratch[probe])
            lockdownlib.lockdown(keep=())
            for probe in chosen:
                for number in range(3):
                    try:
                        found = repr(probe.call(scratch[probe]))
                    except lockdownlib.LockdownError as error:
                        found = error.operation
                    print("@" + json.dumps({{probe.name: found}}), flush=True)
            scratch.clear()
            """, json.dumps([probe.name for probe in chosen]), expect=None)
        self.assertFalse(fresh.died(outcome), outcome)
        self.assertEqual(outcome.returncode, 0, outcome.err)
        self.assertEqual(outcome.facts, {probe.name: probe.operations[0] for probe in chosen})
        if support.verbose:
            print(f"memory: {len(chosen)} faulty calls refused")

    def test_mended(self):
        for locked in False, True:
            for name, (setup, expression, error) in MENDED.items():
                with self.subTest(name, locked=locked):
                    outcome = scenario(f"""
                        |{setup}
                        |lock()
                        |report(found=attempt(lambda: {expression}))
                        |report(again=attempt(lambda: {expression}))
                        """, locked)
                    self.assertFalse(fresh.died(outcome), outcome)
                    self.assertEqual(outcome.facts["found"][:2], ["raised", error])
                    self.assertEqual(outcome.facts["again"][:2], ["raised", error])

    def test_deep_getters_unwind(self):
        """Who came to the limit may go on: each getter that was entered was left."""
        outcome = scenario("""
            |lock()
            |made = property(); made.__init__(made)
            |for number in range(50):
            |    attempt(lambda: made.__isabstractmethod__)
            |report(found=attempt(lambda: property(len).__isabstractmethod__))
            """, True)
        self.assertEqual(outcome.facts["found"], ["done", "False"])

    def test_views_have_an_owner(self):
        for locked in False, True:
            with self.subTest(locked=locked):
                outcome = scenario(KEEPING, locked)
                self.assertEqual(outcome.returncode, 0, outcome)
                facts = outcome.facts
                for name in ("io.BufferedReader", "io.BufferedReader, at once",
                             "io.BufferedWriter", "pickle.Unpickler", "str"):
                    self.assertEqual(set(facts[name]), {locked}, name)
                if locked:
                    self.assertTrue(facts["zeros"])
                    self.assertEqual(set(facts["sizes"]), {True})

    def test_view_that_is_cut_short(self):
        """What was filled is no longer than its owner, whom a released view gives free."""
        outcome = scenario("""
            |class Raw(io.RawIOBase):
            |    def readable(self): return True
            |    def readinto(self, view):
            |        owner, size = view.obj, len(view)
            |        view[:2] = b"ab"
            |        view.release()
            |        owner[2:] = b""
            |        return size
            |lock()
            |found = io.BufferedReader(Raw()).read(6)
            |report(found=found.hex())
            """, True)
        self.assertEqual(outcome.returncode, 0, outcome)
        self.assertEqual(outcome.facts["found"][:4], b"ab".hex())

    def test_ordinary_programs(self):
        for locked in False, True:
            with self.subTest(locked=locked):
                outcome = scenario(fresh.text(ORDINARY_SETUP) + fresh.text("""
                    |order = json.loads(sys.argv[2])
                    |lock()
                    |for text in order:
                    |    report(**{text: attempt(eval, text, globals())})
                    """), locked, json.dumps(list(ORDINARY)))
                self.assertEqual(outcome.returncode, 0, outcome)
                for text, known in ORDINARY.items():
                    self.assertEqual(outcome.facts[text], ["done", known], text)


if __name__ == "__main__":
    unittest.main()
