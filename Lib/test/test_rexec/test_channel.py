"""Frames from a hostile cell, and both directions of the channel at once."""

import asyncio
import os
import random
import socket
import struct
import threading
import time
import unittest

import rexec
from rexec import channel as kinds
from rexec.channel import HEADER, FrameReader, largest
from rexec.values import Malformed, decode, encode

from .base import PATIENCE, CellTest, tearDownModule      # noqa: F401
from .impostor import STARTED, FakeWorker, frame, meet, result

try:
    import _rexec
except ImportError:
    _rexec = None       # not this Python, but the one of the cells has it

ROUNDS = int(os.environ.get("REXEC_FUZZ", "3000"))
KIB = 1 << 10
MIB = 1 << 20


def call(number=1, own=True, what="function", operation="f", args=(), kwargs={}, run=1, data=None):
    data = encode((args, kwargs)) if data is None else data
    return frame(kinds.CALL, (number, own, what, operation, data), run)


class FrameReaderTest(unittest.TestCase):
    def test_bytewise(self):
        whole = STARTED + frame(kinds.OUTPUT, b"\1text") + result(5)
        reader = FrameReader(MIB)
        found = []
        for i in range(len(whole)):
            reader.feed(whole[i:i + 1])
            frame_ = reader.next()
            if frame_ is not None:
                found.append(frame_[0])
        self.assertEqual(found, [kinds.STARTED, kinds.OUTPUT, kinds.RESULT])

    def test_headers(self):
        good = HEADER.pack(1, kinds.VERSION, kinds.OUTPUT, 0, 1)
        for place, value in ((4, 0), (4, 2), (5, 0), (5, 99), (5, kinds.RUN), (6, 1), (7, 1)):
            bad = bytearray(good)
            bad[place] = value
            reader = FrameReader(MIB)
            reader.feed(bytes(bad))
            with self.assertRaises(Malformed):
                reader.next()

    def test_a_length_is_refused_before_it_comes(self):
        for kind in (kinds.OUTPUT, kinds.READY, kinds.CALL, kinds.RESULT, kinds.LIMIT):
            reader = FrameReader(MIB)
            reader.feed(HEADER.pack(largest(kind, MIB) + 1, kinds.VERSION, kind, 0, 1))
            with self.assertRaises(Malformed):
                reader.next()
            reader = FrameReader(MIB)
            reader.feed(HEADER.pack(largest(kind, MIB), kinds.VERSION, kind, 0, 1))
            self.assertIsNone(reader.next())

    def test_a_payload_that_somebody_keeps_stays_as_it_is(self):
        reader = FrameReader(MIB)
        contents = [bytes([number]) * (200 * KIB + number) for number in range(6)]
        kept = {}
        for number, content in enumerate(contents):
            whole = frame(kinds.RESULT, encode(content, MIB))
            for begin in range(0, len(whole), 10 * KIB):
                reader.feed(whole[begin:begin + 10 * KIB])
            kind, run, payload = reader.next()
            self.assertEqual(decode(payload), content)
            if number % 2:
                kept[number] = payload
            del payload
        for number, payload in kept.items():
            self.assertEqual(decode(payload), contents[number])

    def test_memory_is_as_much_as_what_came(self):
        reader = FrameReader(64 * MIB)
        reader.feed(HEADER.pack(64 * MIB, kinds.VERSION, kinds.RESULT, 0, 1))
        came = HEADER.size
        while came < 4 * MIB:
            self.assertIsNone(reader.next())
            self.assertLessEqual(len(reader.data), 4 * came + 2 * reader.LEAST)
            reader.feed(bytes(2 * KIB))
            came += 2 * KIB


class MadeFramesTest(unittest.TestCase):
    """One wrong frame ends the cell, and nothing else."""

    def crash(self, data, **options):
        error = meet(data, **options)
        self.assertIsInstance(error, rexec.CellCrashed, repr(error))
        return error

    def test_the_right_ones(self):
        self.assertEqual(meet(STARTED + result(42)).value, 42)
        self.assertEqual(meet(result(42)).value, 42)
        made = []
        # Long enough for the call to come on a busy machine.
        error = meet(STARTED + call(), limits=rexec.Limits(wall=2),
                     functions={"f": lambda: made.append(1)})
        self.assertEqual((error.limit, made), ("wall", [1]))

    def test_of_no_place(self):
        for data in [STARTED + STARTED, frame(kinds.READY, {"kernel": 0}), result(run=2),
                     result(run=0), frame(kinds.OUTPUT, b"\1text", run=7),
                     frame(kinds.LIMIT, "cpu"), frame(kinds.LIMIT, 5), frame(kinds.CANCEL, 1),
                     frame(kinds.CANCEL, "x"), frame(kinds.RUN, {}),
                     frame(kinds.OUTPUT, b""), frame(kinds.OUTPUT, b"\1"),
                     frame(kinds.OUTPUT, b"\3text"), frame(kinds.RESULT, None),
                     frame(kinds.RESULT, ()), frame(kinds.RESULT, ("value",)),
                     frame(kinds.RESULT, ("value", 5, None, "")),
                     frame(kinds.RESULT, ("value", b"?", None, "")),
                     frame(kinds.RESULT, ("value", None, None, "")),
                     frame(kinds.RESULT, ("value", encode(1), "why", "")),
                     frame(kinds.RESULT, ("value", encode(1), None, "x" * 65537)),
                     frame(kinds.RESULT, ("error", [])), frame(kinds.RESULT, ("error", 5)),
                     frame(kinds.RESULT, b"\0garbage"), frame(kinds.RESULT, b"")]:
            with self.subTest(data=data[:40]):
                self.assertIn("rules of its channel", str(self.crash(data)))

    def test_calls(self):
        functions = {"f": lambda *args: None}
        for data in [call(number="x"), call(own=1), call(operation=7), call(what=5), call(what="file"),
                     call(what="_call_function"), call(operation=1.5), call(data=b"?"),
                     call(data=encode(())), call(data=encode(((), {1: 2}))),
                     call(data=encode(([], {}))), call(data=5), frame(kinds.CALL, (1, 2)),
                     frame(kinds.CALL, None), call(run=2)]:
            with self.subTest(data=data[:60]):
                self.crash(data, functions=functions)

    def test_unknown_functions_are_errors_inside(self):
        def play(other):
            other.sendall(STARTED + call(operation="g") + call(2, operation="_call_function") + call(3, operation=""))
            data = b""
            while data.count(b"NameError") < 3:
                more = other.recv(65536)
                if not more:
                    return
                data += more
            other.sendall(result(1))
        self.assertEqual(getattr(meet(play), "value", None), 1)

    def test_a_result_while_a_call_is_open(self):
        async def never():
            await asyncio.sleep(600)

        async def main():
            worker = FakeWorker()
            cell = rexec.Cell(_worker=worker, functions={"f": never})
            worker.other.sendall(STARTED + call() + result(1))
            with self.assertRaisesRegex(rexec.CellCrashed, "result while a call is open"):
                await cell.arun("")
            worker.other.close()
        asyncio.run(main())

    def test_too_many_calls_open(self):
        async def never():
            await asyncio.sleep(600)

        async def main():
            worker = FakeWorker()
            cell = rexec.Cell(_worker=worker, functions={"f": never})
            worker.other.sendall(STARTED + b"".join(call(i + 1) for i in range(1000)))
            with self.assertRaises(rexec.CellCrashed):
                await cell.arun("")
            worker.other.close()
        asyncio.run(main())

    def test_calls_beyond_the_limit(self):
        made = []
        error = meet(STARTED + b"".join(call(i + 1) for i in range(100)),
                     limits=rexec.Limits(calls=10), functions={"f": lambda: made.append(1)})
        self.assertEqual(error.limit, "calls")
        self.assertEqual(len(made), 10)

    def test_output_beyond_the_limit(self):
        block = frame(kinds.OUTPUT, b"\1" + b"x" * 1000)
        self.crash(block * 11, limits=rexec.Limits(output=10_000))
        whole = meet(block * 10 + result(), limits=rexec.Limits(output=10_000))
        self.assertTrue(whole.stdout.startswith("x" * 10_000 + "\n[output cut"))

    def test_bytewise_output(self):
        """The most frames that the limit allows, each with one byte of a character."""
        character = "\U0001f600".encode()
        data = b"".join(frame(kinds.OUTPUT, b"\1" + bytes([byte])) for byte in character)
        whole = meet(data * 2000 + result())
        self.assertEqual(whole.stdout, "\U0001f600" * 2000)
        # Half a character, and what is none at all.
        whole = meet(frame(kinds.OUTPUT, b"\2" + character[:2])
                     + frame(kinds.OUTPUT, b"\1\xff") + result())
        self.assertEqual((whole.stdout, whole.stderr), ("\ufffd", "\ufffd"))

    def test_hostile_values(self):
        modulus = (1 << 61) - 1
        many = b"d" + struct.pack("<I", 100_000) + b"".join(
            b"I" + struct.pack("<I", 12) + (modulus * i + (1 << 80)).to_bytes(12, "little") + b"N"
            for i in range(100_000))
        million = b"l" + struct.pack("<I", 1_000_000) + (b"l" + struct.pack("<I", 0)) * 1_000_000
        twice = b"S" + struct.pack("<I", 2) + b"NN"
        limits = rexec.Limits(value=4 * MIB)
        for data in (many, million, twice, b"l\1\0\0\0" * 1000):
            error = meet(frame(kinds.RESULT, ("value", data, None, "")), limits=limits)
            self.assertIsInstance(error, (rexec.CellCrashed, rexec.LimitExceeded))
            error = meet(call(data=data), limits=limits, functions={"f": print})
            self.assertIsInstance(error, (rexec.CellCrashed, rexec.LimitExceeded))

    def test_hostile_errors(self):
        good = {"type": "T", "message": "m", "args": encode(()), "frames": [], "syntax": None,
                "notes": [], "link": None}
        error = meet(frame(kinds.RESULT, ("error", [good])))
        self.assertIsInstance(error, rexec.CellError)
        for change in [{"type": 5}, {"message": b""}, {"args": ()}, {"args": encode([1])},
                       {"args": b"?"}, {"frames": [1]}, {"frames": [("f", "1", "n", "s")]},
                       {"frames": [("f", 1, "n", "s")] * 101}, {"syntax": (1,)}, {"notes": [1]},
                       {"notes": ["n"] * 21}, {"link": "other"}, {"more": 1}]:
            with self.subTest(change=change):
                self.crash(frame(kinds.RESULT, ("error", [{**good, **change}])))
        self.crash(frame(kinds.RESULT, ("error", [good] * 21)))
        long = {**good, "message": "x" * MIB, "type": "y" * MIB}
        error = meet(frame(kinds.RESULT, ("error", [long])))
        self.assertLess(len(str(error)), 70_000)
        self.assertLess(len(error.traceback), 140_000)

    def test_ends_in_the_middle(self):
        whole = STARTED + frame(kinds.OUTPUT, b"\1text") + result(5)
        for end in range(0, len(whole), 7):
            def play(other, end=end):
                other.sendall(whole[:end])
                other.shutdown(socket.SHUT_RDWR)
            self.crash(play)

    def test_stops_reading(self):
        """A cell that reads nothing of 16 MiB meets its deadline."""
        worker = FakeWorker()
        cell = rexec.Cell(_worker=worker, limits=rexec.Limits(wall=0.2, value=20 * MIB))
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("", inputs={"x": bytes(16 * MIB)})
        self.assertEqual(caught.exception.limit, "wall")
        worker.other.close()

    def test_both_send_at_once(self):
        """Each end sends more than the socket holds, before it reads."""
        def play(other):
            other.sendall(STARTED)
            other.sendall(frame(kinds.OUTPUT, b"\1" + b"x" * 8000) * 500)
            got = 0
            while got < 8 * MIB:
                data = other.recv(1 << 16)
                if not data:
                    return      # the cell has ended, for the test to see why
                got += len(data)
            other.sendall(result(got))

        worker = FakeWorker()
        cell = rexec.Cell(_worker=worker, limits=rexec.Limits(output=None, wall=PATIENCE))
        thread = threading.Thread(target=play, args=(worker.other,))
        thread.start()
        whole = cell.run("", inputs={"x": bytes(8 * MIB)})
        thread.join()
        self.assertGreaterEqual(whole.value, 8 * MIB)
        self.assertEqual(len(whole.stdout), 500 * 8000)
        cell.close()
        worker.other.close()


class ReceiveTest(unittest.TestCase):
    @unittest.skipIf(_rexec is None, "has no _rexec")
    def test_one_thread_receives(self):
        """Two at once would run over the end of the buffer."""
        one, other = socket.socketpair()
        self.addCleanup(other.close)
        channel = _rexec.Channel(one.detach(), False)
        data = bytearray(frame(kinds.REPLY, b"N" * 1000, 5))
        got, refused = [], []

        def receive():
            while True:
                try:
                    got.append(channel.receive())
                except RuntimeError:
                    refused.append(1)
                    time.sleep(0.001)
                except EOFError:
                    break
        threads = [threading.Thread(target=receive) for _ in range(6)]
        for thread in threads:
            thread.start()
        for _ in range(3000):
            other.sendall(data)
            channel.poll(0)
        other.shutdown(socket.SHUT_WR)
        for thread in threads:
            thread.join()
        self.assertEqual(len(got), 3000)
        self.assertEqual(set(got), {(kinds.REPLY, 5, b"N" * 1000)})
        self.assertTrue(refused)


class BothWaysTest(CellTest):
    def test_large_both_ways(self):
        cell = self.make(limits={"value": 40 * MIB, "output": None},
                         functions={"echo": lambda data: data})
        data = os.urandom(MIB) * 8
        self.assertEqual(cell.run("print('x' * 10**6)\necho(data)", inputs={"data": data}).value, data)


class FuzzTest(unittest.TestCase):
    def test_mutated_frames(self):
        """A supervisor that meets mutated frames has a result or one of its own errors."""
        seed = int(os.environ.get("REXEC_SEED", "1"))
        chance = random.Random(seed)
        record = {"type": "T", "message": "m", "args": encode((1,)), "notes": ["n"], "link": "cause",
                  "frames": [("f", 1, "n", "s")], "syntax": ("f", 1, "text", 2)}
        pieces = [STARTED, frame(kinds.OUTPUT, b"\1text"), frame(kinds.OUTPUT, b"\2" + b"e" * 50),
                  call(1), call(2, args=([1, {"a": (2.5, None)}],), kwargs={"k": "v"}),
                  frame(kinds.CANCEL, 1), frame(kinds.LIMIT, "threads"),
                  frame(kinds.RESULT, ("error", [record, {**record, "link": None}])),
                  result([1, "two", {3: b"four"}], text="text")]
        kinds_seen = set()
        for number in range(max(ROUNDS // 10, 100)):
            # A run that ends, and in it ten frames of which some are not what they should be.
            data = bytearray()
            for _ in range(10):
                piece = bytearray(chance.choice(pieces[:6]))
                if chance.random() < 0.3:
                    for _ in range(chance.randint(1, 3)):
                        mutate(chance, piece)
                data += piece
            data += chance.choice(pieces[6:])
            with self.subTest(seed=seed, number=number):
                outcome = feed(bytes(data))
                kinds_seen.add(type(outcome).__name__)
        self.assertIn("CellCrashed", kinds_seen)

    def test_mutated_single_frames(self):
        seed = int(os.environ.get("REXEC_SEED", "1"))
        chance = random.Random(seed)
        record = {"type": "T", "message": "m", "args": encode((1,)), "notes": ["n"], "link": None,
                  "frames": [("f", 1, "n", "s")], "syntax": ("f", 1, "text", 2)}
        pieces = [STARTED, frame(kinds.OUTPUT, b"\1text"), call(1), frame(kinds.CANCEL, 1),
                  frame(kinds.RESULT, ("error", [record])), result([1, "two", {3: b"four"}])]
        for number in range(ROUNDS):
            piece = bytearray(chance.choice(pieces))
            for _ in range(chance.randint(1, 3)):
                mutate(chance, piece)
            with self.subTest(seed=seed, number=number):
                feed(bytes(piece))


def mutate(chance, data):
    place = chance.randrange(len(data))
    what = chance.randrange(4)
    if what == 0:
        data[place] = chance.randrange(256)
    elif what == 1:
        data[place:place] = bytes([chance.randrange(256)])
    elif what == 2 and len(data) > 1:
        del data[place]
    else:
        # Large enough to be wrong, small enough to come.
        data[place:place + 4] = struct.pack("<I", chance.choice([0, 1, 2**31, 2**32 - 1]))
    if not data:
        data += b"\0"


def feed(data):
    """What a run makes of DATA, without a thread: the socket holds all of it."""
    worker = FakeWorker()
    worker.other.setblocking(False)
    worker.other.send(data)
    worker.other.shutdown(socket.SHUT_WR)
    cell = rexec.Cell(_worker=worker, functions={"f": lambda *args, **kwargs: None})
    try:
        return cell.run("")
    except rexec.Error as error:
        return error
    finally:
        cell.close()
        worker.other.close()


if __name__ == "__main__":
    unittest.main()
