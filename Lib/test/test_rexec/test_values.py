"""The codec: what crosses, what does not, and bytes that nobody's encoder made."""

import collections
import datetime
import decimal
import enum
import os
import random
import struct
import unittest
import uuid

from rexec import keys
from rexec.keys import SAME_HASH
from rexec.values import (DECIMAL_DIGITS, LONGEST_INT, Malformed, OverLimit, decode,
                          encode, encode_parts)

ROUNDS = int(os.environ.get("REXEC_FUZZ", "3000"))
MIB = 1 << 20

UTC = datetime.timezone.utc
SAMPLES = [
    None, True, False, 0, 1, -1, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 10**500, -10**500,
    0.0, -0.0, 1.5, float("inf"), 1j, complex(-1, 2.5),
    "", "text", "\0", "é€\U0001f600", "\ud800",
    b"", b"bytes\0", bytearray(b"more"),
    [], [1, [2, [3]]], (), (1, ("a",)), {}, {"a": 1, 2: [3], (4, 5): None}, {1: {2: {}}},
    set(), {1, "a", None}, frozenset({1, (2,)}), range(0), range(10, -5, -3), range(2**70),
    datetime.date(2026, 11, 25), datetime.date.min, datetime.date.max,
    datetime.datetime(2026, 11, 25, 20, 12, 22, 123456),
    datetime.datetime(2026, 11, 25, 20, 12, tzinfo=UTC),
    datetime.datetime(2026, 11, 25, tzinfo=datetime.timezone(datetime.timedelta(hours=-3), "X")),
    datetime.datetime(2026, 10, 25, 2, fold=1),
    datetime.time(1, 2, 3, 4), datetime.time(fold=1, tzinfo=UTC),
    datetime.timedelta.min, datetime.timedelta.max, datetime.timedelta(-1, 3, 4),
    UTC, datetime.timezone(datetime.timedelta(minutes=330)),
    datetime.timezone(datetime.timedelta(0), "name"),
    decimal.Decimal("1.10"), decimal.Decimal("-0"), decimal.Decimal("1E+999999"),
    decimal.Decimal("Infinity"), decimal.Decimal("9" * DECIMAL_DIGITS),
    uuid.UUID(int=1), uuid.UUID(int=2**128 - 1),
]


class RoundTripTest(unittest.TestCase):
    def check(self, value):
        back = decode(encode(value))
        self.assertIs(type(back), type(value))
        self.assertEqual(back, value)
        if isinstance(value, (set, frozenset)):     # no order, which each process draws
            value, back = (sorted(map(repr, members)) for members in (value, back))
        self.assertEqual(repr(back), repr(value))

    def test_samples(self):
        for value in SAMPLES:
            with self.subTest(value=repr(value)[:60]):
                self.check(value)

    def test_all_at_once(self):
        plain = [value for value in SAMPLES if type(value) not in (set, frozenset)]
        self.check(plain)

    def test_not_equal_to_itself(self):
        self.assertEqual(repr(decode(encode(float("nan")))), "nan")
        self.assertEqual(repr(decode(encode(decimal.Decimal("sNaN12")))), "Decimal('sNaN12')")

    def test_fold_and_zone(self):
        value = decode(encode(SAMPLES[-15:]))
        for one, other in zip(value, SAMPLES[-15:]):
            self.assertEqual(getattr(one, "fold", None), getattr(other, "fold", None))
        zone = datetime.timezone(datetime.timedelta(hours=1), "CET")
        self.assertEqual(decode(encode(zone)).tzname(None), "CET")

    def test_what_is_met_twice_is_copied(self):
        one = [1]
        back = decode(encode([one, one]))
        self.assertEqual(back, [[1], [1]])
        self.assertIsNot(back[0], back[1])

    def test_subclasses_cross_as_their_base(self):
        class Text(str):
            def __str__(self):
                return "another"

            def encode(self, *args):
                return b"another"

        class Number(int):
            def __index__(self):
                return 7
            __int__ = __index__

        class Numbers(list):
            def __iter__(self):
                return iter([7, 8])

        class Keys(dict):
            def items(self):
                return [(7, 8)]

        class Some(set):
            def __iter__(self):
                return iter([7])

        class Real(float):
            def __float__(self):
                return 7.0

        Color = enum.IntEnum("Color", "RED GREEN")
        Point = collections.namedtuple("Point", "x y")
        for value, base in [
                (Text("a"), "a"), (Number(3), 3), (Numbers([1]), [1]), (Keys({1: 2}), {1: 2}),
                (Some({1}), {1}), (Real(2.5), 2.5), (Color.GREEN, 2), (Point(1, 2), (1, 2)),
                (collections.defaultdict(list, {1: 2}), {1: 2}),
                (collections.OrderedDict([(1, 2)]), {1: 2}), (collections.Counter("aa"), {"a": 2})]:
            back = decode(encode(value))
            self.assertEqual(back, base)
            self.assertIs(type(back), type(base))

    def test_others_are_named_with_their_place(self):
        class Secret:
            def __repr__(self):
                raise AssertionError("its repr was asked for")

        for value, place in [(Secret(), ""), ([1, (Secret(),)], " at [1][0]"),
                             ({"key": {2: Secret()}}, " at ['key'][2]"),
                             ({Secret(): 1}, " at [...]"), ({(1, 2): Secret()}, " at [...]"),
                             ([{Secret()}], " at [0]{...}"), ([[]] * 3 + [len], " at [3]"),
                             ([{"x" * 100: len}], " at [0][...]")]:
            with self.assertRaises(TypeError) as caught:
                encode(value)
            self.assertIn(f"cannot cross{place}:", str(caught.exception))
        with self.assertRaisesRegex(TypeError, "test_values.*Secret"):
            encode(Secret())

    def test_zones_that_change_do_not_cross(self):
        class Zone(datetime.tzinfo):
            def utcoffset(self, when):
                return datetime.timedelta(0)

        with self.assertRaisesRegex(TypeError, "Zone cannot cross"):
            encode(datetime.datetime(2026, 1, 1, tzinfo=Zone()))

    def test_cycles(self):
        one = []
        one.append(one)
        two = {}
        two["two"] = [(two,)]
        three = [1]
        three.append([[], [three]])
        for value in (one, two, three):
            with self.assertRaisesRegex(ValueError, "contains itself"):
                encode(value)

    def test_depth(self):
        def nest(depth):
            value = []
            for _ in range(depth - 1):
                value = [value]
            return value
        self.assertEqual(decode(encode(nest(5), depth=5), depth=5), nest(5))
        for make in (lambda: encode(nest(6), depth=5), lambda: decode(encode(nest(6)), depth=5)):
            with self.assertRaises(OverLimit) as caught:
                make()
            self.assertEqual(caught.exception.limit, "depth")

    def test_budget(self):
        """64 bytes an object and its payload; four a character."""
        for value, cost in [(1, 64), ("ab", 72), ("é\U0001f600", 72), (b"abc", 67), ([], 64),
                            ([1, 2], 192), ({1: "a"}, 196), (bytearray(5), 69), (2**64, 73),
                            ((None,), 128)]:
            data = encode(value, cost)
            self.assertEqual(decode(data, cost), value)
            for make in (lambda: encode(value, cost - 1), lambda: decode(data, cost - 1)):
                with self.assertRaises(OverLimit) as caught:
                    make()
                self.assertEqual(caught.exception.limit, "value")

    def test_longest(self):
        for value in (1 << (LONGEST_INT * 8), decimal.Decimal("1" * (DECIMAL_DIGITS + 1))):
            with self.assertRaises(OverLimit):
                encode(value, 1 << 40)
        self.assertEqual(decode(encode(1 << (LONGEST_INT * 8 - 2))), 1 << (LONGEST_INT * 8 - 2))

    def test_references_are_no_keys(self):
        def refer(value):
            return 5 if value is len else None
        for value, place in (({len}, "{...}"), ({len: 1}, "[...]"), ({(1, len): 1}, "[...][1]"),
                             ([{frozenset({len}): 1}], "[0][...]{...}")):
            with self.assertRaises(TypeError) as caught:
                encode(value, refer=refer)
            self.assertIn(f" at {place}: only plain data can be a key or in a set",
                          str(caught.exception))
        encode([{1: len}], refer=refer)

    def test_keys_that_would_be_refused(self):
        class Key(str):
            __hash__ = object.__hash__
            __eq__ = object.__eq__

        modulus = (1 << 61) - 1
        many = {i * modulus for i in range(100)}
        for value in (many, dict.fromkeys(many), [frozenset(many)]):
            with self.assertRaisesRegex(ValueError, "too many keys of one hash: it cannot cross"):
                encode(value)
        for value in ({Key("a"), Key("a")}, {Key("a"): 1, "a": 2}, {(Key("a"),), (Key("a"),)}):
            with self.assertRaisesRegex(ValueError, "two keys that differ here"):
                encode(value)
        self.assertEqual(decode(encode({Key("a"), Key("b")})), {"a", "b"})

    def test_references(self):
        things = {id(len): 5}
        data = encode([len], refer=lambda value: things.get(id(value)))
        self.assertEqual(decode(data, resolve={5: "found"}.__getitem__), ["found"])
        with self.assertRaisesRegex(Malformed, "never given"):
            decode(data, resolve={}.__getitem__)
        with self.assertRaisesRegex(Malformed, "reference where there are none"):
            decode(data)


def u32(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def small(number):
    return b"i" + struct.pack("<q", number)


class HostileTest(unittest.TestCase):
    def refuse(self, data, budget=16 * MIB, **options):
        with self.assertRaises(Malformed):
            decode(data, budget, **options)

    def test_forms(self):
        for data in [b"", b"?", b"N ", b"NN", b"i", b"s" + u32(1), b"s" + u32(1, 2) + b"ab",
                     b"s" + u32(2, 1) + b"a", b"s" + u32(1, 1) + b"\xff", b"b" + u32(5) + b"abc",
                     b"b" + u32(0xFFFFFFFF), b"l" + u32(2) + b"N", b"d" + u32(1) + b"N",
                     b"I" + u32(1) + b"\1", b"I" + u32(9) + b"\1" + bytes(8),
                     b"I" + u32(LONGEST_INT + 1) + bytes(LONGEST_INT) + b"\1",
                     b"r" + b"NNN", b"r" + small(0) + small(1) + small(0), b"R" + u32(0),
                     b"y" + struct.pack("<HBB", 0, 1, 1), b"y" + struct.pack("<HBB", 2026, 2, 30),
                     b"h" + struct.pack("<BBBIB", 24, 0, 0, 0, 0) + b"N",
                     b"h" + struct.pack("<BBBIB", 0, 0, 0, 0, 2) + b"N",
                     b"h" + struct.pack("<BBBIB", 0, 0, 0, 0, 0) + b"T",
                     b"z" + struct.pack("<iII", 5, 0, 0) + b"N",
                     b"z" + struct.pack("<iII", 0, 0, 0) + b"T",
                     b"D" + struct.pack("<iII", 2**31 - 1, 0, 0),
                     b"e" + u32(3) + b"1_0", b"e" + u32(2) + b" 1", b"e" + u32(1) + b"x",
                     b"e" + u32(1) + b"\xff", b"u" + bytes(15)]:
            with self.subTest(data=data[:20]):
                self.refuse(data)

    def test_keys(self):
        self.refuse(b"d" + u32(2) + small(1) + b"N" + small(1) + b"N")
        self.refuse(b"d" + u32(2) + small(1) + b"N" + b"T" + b"N")
        self.refuse(b"S" + u32(2) + b"NN")
        self.refuse(b"d" + u32(1) + b"l" + u32(0) + b"N")
        self.refuse(b"S" + u32(1) + b"d" + u32(0))
        # A signalling NaN has no hash.
        self.refuse(b"S" + u32(1) + b"e" + u32(4) + b"sNaN")

    def test_keys_of_one_hash(self):
        modulus = (1 << 61) - 1

        def dict_of(count):
            keys = []
            for i in range(count):
                number = 3 + modulus * i
                if -2**63 <= number < 2**63:
                    keys.append(small(number))
                else:
                    size = number.bit_length() // 8 + 1
                    keys.append(b"I" + u32(size) + number.to_bytes(size, "little", signed=True))
            return b"d" + u32(count) + b"".join(key + b"N" for key in keys)

        self.assertEqual(len(decode(dict_of(SAME_HASH), 64 * MIB)), SAME_HASH)
        self.refuse(dict_of(SAME_HASH + 1))
        # In a dict this size, built, each key would be compared with all before it.
        self.refuse(dict_of(100_000), 64 * MIB)

    def test_large_keys_of_one_hash(self):
        """To compare a Decimal with an int of 64 KiB takes a second."""
        modulus = (1 << 61) - 1

        def large(number, size):
            number += 1 << size * 8 - 20
            number += 7 - number % modulus
            return number
        half = LONGEST_INT // 2
        decimals = [decimal.Decimal(7 + modulus * i) for i in range(8)]
        for keys in (decimals[:5], [large(i * modulus, 200) for i in range(5)],
                     [large(0, half), decimals[0]], [(large(0, half),), (decimals[0],)],
                     [frozenset({large(0, half)}), frozenset({decimals[0]})],
                     [range(large(0, half)), range(large(modulus, half))]):
            self.assertEqual(len({hash(key) for key in keys}), 1)
            data = b"S" + u32(len(keys)) + b"".join(map(encode, keys))
            self.refuse(data)
            self.refuse(b"d" + u32(len(keys)) + b"".join(encode(key) + b"N" for key in keys))
        self.assertEqual(decode(encode(set(decimals[:4]))), set(decimals[:4]))
        # Plain programs have these.
        for value in ({2**i for i in range(1000)}, {(x, y, z): x for x in range(-9, 9)
                                                    for y in range(-9, 9) for z in range(-9, 9)}):
            self.assertEqual(decode(encode(value)), value)

    def test_containers_of_one_hash(self):
        """Sets of sets whose elements collide are compared at the power of their depth."""
        modulus = (1 << 61) - 1

        def pack(items):
            return b"Z" + u32(len(items)) + b"".join(items)

        def row(items, other):
            return [pack(items[:-1] + [last]) for last in other]
        leaves = [encode(5 + i * modulus) for i in range(60)]
        rows = row(leaves[:30], leaves[29:59])
        rows = row(rows, rows[-1:] * 1 + [pack(leaves[1:30] + [leaf]) for leaf in leaves[30:59]])
        value = pack(rows)
        work = keys._weigh
        self.addCleanup(setattr, keys, "_weigh", work)
        weighed = 0

        def count(key):
            nonlocal weighed
            weighed += 1
            return work(key)
        keys._weigh = count
        with self.assertRaisesRegex(Malformed, "too long to compare"):
            decode(value)
        self.assertLess(weighed, 200_000)

    def test_references_among_keys(self):
        """The object behind one would be hashed and compared by its own methods."""
        class Object:
            def __hash__(self):
                raise AssertionError("it was asked for its hash")

        reference = b"R" + u32(5)
        for data in (b"S" + u32(1) + reference, b"Z" + u32(1) + reference,
                     b"d" + u32(1) + reference + b"N",
                     b"S" + u32(1) + b"t" + u32(1) + reference):
            self.refuse(data, resolve={5: Object()}.__getitem__)
        data = b"d" + u32(1) + b"N" + reference
        found = Object()
        self.assertIs(decode(data, resolve={5: found}.__getitem__)[None], found)

    def test_claims_cost_nothing(self):
        """A length is checked before memory is spent for it."""
        import tracemalloc
        hostile = [b"l" + u32(0xFFFFFFFF), b"b" + u32(0x7FFFFFFF), b"s" + u32(2**31, 2**32 - 1),
                   b"d" + u32(2**31), b"I" + u32(2**32 - 1), b"e" + u32(2**32 - 1),
                   b"l" + u32(1 << 20) + bytes(1 << 10)]
        for data in hostile:
            tracemalloc.start()
            try:
                self.refuse(data, 1 << 40)
                self.assertLess(tracemalloc.get_traced_memory()[1], 100_000)
            finally:
                tracemalloc.stop()

    def test_memory_is_within_the_budget(self):
        import tracemalloc
        million = b"l" + u32(1_000_000) + (b"l" + u32(0)) * 1_000_000
        sets = b"l" + u32(100_000) + (b"S" + u32(0)) * 100_000
        astral = "a" * (4 * MIB) + "\U0001f600"
        text = b"s" + u32(len(astral), 4 * MIB + 4) + astral.encode()
        for data, budget in [(million, 16 * MIB), (sets, 4 * MIB), (text, 4 * MIB)]:
            tracemalloc.start()
            try:
                self.refuse(data, budget)
                self.assertLess(tracemalloc.get_traced_memory()[1], 6 * budget)
            finally:
                tracemalloc.stop()

    def test_deep(self):
        self.refuse(b"l\1\0\0\0" * 100_000)
        self.refuse((b"d" + u32(1)) * 100_000)
        self.refuse(b"l\1\0\0\0" * 100_000 + b"N", depth=250)
        # What is no container has nothing inside that could go on.
        for piece in (b"r", b"z" + struct.pack("<iII", 0, 0, 0),
                      b"h" + struct.pack("<BBBIB", 0, 0, 0, 0, 0),
                      b"w" + struct.pack("<HBBBBBIB", 2026, 2, 3, 0, 0, 0, 0, 0)):
            self.refuse(piece * 100_000)


class FuzzTest(unittest.TestCase):
    def test_mutated(self):
        """Whatever is done to bytes, there is a value or Malformed."""
        seed = int(os.environ.get("REXEC_SEED", "1"))
        chance = random.Random(seed)
        whole = [encode(value) for value in SAMPLES if len(encode(value)) < 3000]
        whole.append(encode([value for value in SAMPLES if len(encode(value)) < 3000]))
        refused = 0
        for number in range(ROUNDS):
            data = bytearray(chance.choice(whole))
            for _ in range(chance.randint(1, 4)):
                mutate(chance, data, whole)
            with self.subTest(seed=seed, number=number):
                try:
                    value = decode(bytes(data), MIB, 50)
                except Malformed:
                    refused += 1
                else:
                    # What was taken is a value like any other.
                    encode(value, 4 * MIB, 60)
        self.assertGreater(refused, ROUNDS // 4)


def mutate(chance, data, whole):
    what = chance.randrange(5)
    place = chance.randrange(len(data) + 1)
    if what == 0 and place < len(data):
        data[place] = chance.randrange(256)
    elif what == 1:
        data[place:place] = bytes([chance.randrange(256)])
    elif what == 2:
        del data[place:place + chance.randint(1, 8)]
    elif what == 3:
        data[place:place] = chance.choice(whole)
    elif place < len(data):
        data[place:place + 4] = struct.pack("<I", chance.choice(
            [0, 1, 2**31, 2**32 - 1, len(data), chance.getrandbits(32)]))[:len(data) - place]


class EncodedTest(unittest.TestCase):
    def test_in_a_value(self):
        """What was encoded already crosses as the bytes that it is."""
        for inner in (5, bytes(20), bytes(200_000), [bytes(200_000), "x", bytes(200_000)]):
            data = encode(inner)
            parts = encode_parts(inner)
            self.assertEqual(b"".join(parts), data)
            self.assertEqual(encode({"a": parts, "b": 1}), encode({"a": data, "b": 1}))
            self.assertEqual(decode(encode([parts])), [data])
            with self.assertRaises(OverLimit):
                encode([parts], 64 * 2 + len(data) - 1)
            encode([parts], 64 * 2 + len(data))

    def test_a_large_part_is_not_copied(self):
        data = bytes(200_000)
        self.assertTrue(any(part is data for part in encode_parts([encode_parts(data)])))


if __name__ == "__main__":
    unittest.main()
