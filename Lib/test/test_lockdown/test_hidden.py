"""Addresses: what id(), repr() and the default hash tell of them, before and after the lock."""

import sys
import unittest
from test import support
from test.test_lockdown import fresh

# What upstream's default hash makes of an address, and its inverse.
ROTATE = """
    |import struct
    |BITS = struct.calcsize("P") * 8
    |def rotated(address):
    |    return ((address >> 4) | (address << (BITS - 4))) & (1 << BITS) - 1
    |def unrotated(number):
    |    number &= (1 << BITS) - 1
    |    return ((number << 4) | (number >> (BITS - 4))) & (1 << BITS) - 1
    |class Thing:
    |    pass
    """

MANY = 100_000


def scenario(source, **kwargs):
    return fresh.scenario(fresh.text(ROTATE) + fresh.text(source), **kwargs).facts


class IdTest(unittest.TestCase):

    def test_unlocked_id_is_the_address(self):
        # ctypes users and gdb rely on it; it is also what the tests below compare with.
        facts = scenario("""
            |import ctypes
            |thing = [5]
            |report(same=ctypes.cast(id(thing), ctypes.py_object).value is thing,
            |       text=f"{id(object):x}" in object.__repr__(type.__call__) or True)
            |class Plain: pass
            |plain = Plain()
            |report(repr=int(repr(plain).split()[-1].rstrip(">"), 16) == id(plain))
            """)
        self.assertTrue(facts["same"])
        self.assertTrue(facts["repr"])

    def test_id_changes_at_the_lock_and_is_no_address(self):
        for options in ("-I",), ("-I", "-X", "lockdown=later"):
            facts = scenario(f"""
                |things = [Thing() for _ in range({MANY})]
                |addresses = [id(thing) for thing in things]
                |lockdownlib.lockdown(keep=())
                |ids = [id(thing) for thing in things]
                |same = sum(a == b for a, b in zip(addresses, ids))
                |# An affine map, a rotation or an exclusive or would show in the differences.
                |steps = len(set(b - a for a, b in zip(addresses, ids)))
                |xors = len(set(b ^ a for a, b in zip(addresses, ids)))
                |rotations = len(set(rotated(b) - a for a, b in zip(addresses, ids)))
                |by_distance = {{}}
                |for (a, b), (c, d) in zip(zip(addresses, ids), zip(addresses[1:], ids[1:])):
                |    by_distance.setdefault(c - a, set()).add(d - b)
                |often = max(by_distance.values(), key=len)
                |report(same=same, unique=len(set(ids)), again=ids == [id(t) for t in things],
                |       steps=steps, xors=xors, rotations=rotations, often=len(often),
                |       positive=all(number > 0 for number in ids), wide=max(ids).bit_length(),
                |       type=type(ids[0]).__name__)
                """, options=options)
            with self.subTest(options):
                self.assertEqual(facts["same"], 0)
                self.assertEqual(facts["unique"], MANY)
                self.assertTrue(facts["again"])
                for name in "steps", "xors", "rotations":
                    self.assertGreater(facts[name], MANY * 0.99)
                self.assertGreater(facts["often"], 1000)
                self.assertTrue(facts["positive"])
                self.assertLessEqual(facts["wide"], 8 * (sys.maxsize.bit_length() + 1) // 8)
                self.assertEqual(facts["type"], "int")
        if support.verbose:
            print(f"hidden: {MANY} ids, all different, none an address")

    def test_low_bits_tell_nothing(self):
        # Addresses are multiples of 16; what is shown instead is even in every bit.
        facts = scenario("""
            |things = [Thing() for _ in range(20_000)]
            |lockdownlib.lockdown(keep=())
            |ids = [id(thing) for thing in things]
            |report(ones=[sum(number >> bit & 1 for number in ids) for bit in range(BITS)])
            """)
        for bit, ones in enumerate(facts["ones"]):
            with self.subTest(bit=bit):
                # Ten standard deviations of a fair coin.
                self.assertLess(abs(ones - 10_000), 10 * (20_000 * 0.25) ** 0.5)

    def test_keys_differ_from_process_to_process(self):
        # None is at one place in each of two processes if addresses are not randomised.
        source = "lockdownlib.lockdown()\nreport(none=id(None), true=id(True), hash=hash(object))\n"
        seen = [fresh.scenario(source).facts for _ in range(3)]
        for name in "none", "true", "hash":
            self.assertEqual(len({facts[name] for facts in seen}), 3, name)

    def test_fork_keeps_ids(self):
        facts = scenario("""
            |import os
            |thing = Thing()
            |lockdownlib.lockdown(keep=("proc", "fd"))
            |number = id(thing)
            |pid = os.fork()
            |if pid == 0:
            |    report(same=id(thing) == number, hash=hash(thing) == hash(thing))
            |    os._exit(0)
            |os.waitpid(pid, 0)
            """)
        self.assertTrue(facts["same"])

    def test_repr_shows_the_id(self):
        facts = scenario("""
            |import re, functools, threading, weakref
            |async def coroutine(): pass
            |def generator(): yield
            |def function(): pass
            |made = coroutine()
            |things = [Thing(), object(), function, lambda: 0, generator(), made, function.__code__,
            |          Thing().__init__, [].append, weakref.ref(Thing), threading.Lock(),
            |          memoryview(b""), iter([]), zip(), map(str, ()), property(),
            |          staticmethod(len), classmethod(len), super(Thing, Thing()), sys._getframe(),
            |          type(sys).__getattribute__, frozenset, open, BaseException("text"),
            |          function.__get__(5), (function.__get__(5)).__call__, [].__add__,
            |          struct.Struct("i"), (lambda x: lambda: x)(1).__closure__[0],
            |          functools.partial(function), re.finditer("a", "a"), threading.RLock()]
            |addresses = {id(thing) for thing in things}
            |for thing in list(things):
            |    for other in (getattr(thing, "__self__", None), type(thing)):
            |        addresses.add(id(other))
            |def numbers(thing):
            |    return [int(text, 16) for text in re.findall("0x([0-9a-fA-F]+)", repr(thing))]
            |before = [numbers(thing) for thing in things]
            |lockdownlib.lockdown()
            |told, wrong, shown = [], [], 0
            |for thing, old in zip(things, before):
            |    new = numbers(thing)
            |    shown += bool(new)
            |    if set(new) & addresses or set(new) & set(old):
            |        told.append(repr(type(thing)))
            |    if len(new) != len(old):
            |        wrong.append(repr(thing))
            |made.close()
            |report(told=told, wrong=wrong, shown=shown,
            |       same=numbers(things[0])[-1] == id(things[0]))
            """)
        self.assertEqual(facts["told"], [])
        self.assertEqual(facts["wrong"], [])
        self.assertTrue(facts["same"])
        self.assertGreater(facts["shown"], 15)

    def test_errors_and_warnings_show_no_address(self):
        facts = scenario("""
            |import re, warnings, asyncio
            |thing = Thing()
            |addresses = {f"{id(thing):x}", f"{id(Thing):x}"}
            |lockdownlib.lockdown()
            |texts = []
            |for text in ("%r" % thing, f"{thing!s}", str(thing), "{}".format(thing), ascii(thing)):
            |    texts.append(text)
            |for call in (lambda: thing.nothing, lambda: thing + 1, lambda: [].remove(thing),
            |             lambda: {}[thing], lambda: int(thing), lambda: set().remove(thing)):
            |    try: call()
            |    except Exception as error: texts += [str(error), repr(error)]
            |report(told=[text for text in texts for a in addresses if a in text.lower()],
            |       number=len(texts))
            """)
        self.assertEqual(facts["told"], [])
        self.assertGreater(facts["number"], 12)

    def test_born_locked_script(self):
        # The very first id that a program sees is no address.
        source = "print(id(None), id(object()), hash(object()), object())"
        outs = {fresh.run("-I", "-X", "lockdown", "-c", source).out for _ in range(3)}
        self.assertEqual(len(outs), 3)


class HashTest(unittest.TestCase):

    THINGS = """
        |import types, weakref, contextvars, collections
        |def function(): pass
        |make = {
        |    "object": Thing, "object()": object, "class": lambda: type("T", (), {}),
        |    "function": lambda: (lambda: 0), "module": lambda: types.ModuleType("m"),
        |    "generator": lambda: (x for x in ()), "exception": Exception,
        |    "property": property, "list iterator": lambda: iter([]),
        |}
        """

    def test_hash_is_not_the_rotated_address(self):
        # Unlocked, where id() is the address: no constant map leads from one to the other.
        for options, distances in (("-I",), True), (("-I", "-X", "lockdown=later"), False):
            facts = fresh.scenario(fresh.text(ROTATE) + fresh.text(self.THINGS) + fresh.text("""
                |equal, offsets = [], {}
                |for name, call in make.items():
                |    things = [call() for _ in range(100)]
                |    if any(hash(thing) == rotated(id(thing)) or hash(thing) == id(thing)
                |           for thing in things):
                |        equal.append(name)
                |    offsets[name] = len({(unrotated(hash(thing)) - id(thing)) % (1 << BITS)
                |                         for thing in things})
                |report(equal=equal, offsets=offsets)
                """), options=options).facts
            with self.subTest(options):
                self.assertEqual(facts["equal"], [])
                for name, number in facts["offsets"].items():
                    if distances:
                        # One secret for all: distances are told, as the documentation says.
                        self.assertEqual(number, 1, name)
                    else:
                        self.assertGreater(number, 95, name)

    def test_other_hashes_that_are_made_of_addresses(self):
        # Methods, wrappers, context variables, NaN: each with an offset that differs by process.
        source = fresh.text("""
            |import contextvars
            |thing = [5]
            |class Plain:
            |    def method(self): pass
            |plain = Plain()
            |nan = float("nan")
            |values = [hash(plain.method) ^ hash(Plain.method), hash(thing.append), hash(nan),
            |          hash(contextvars.ContextVar("name")), hash(plain.__init__),
            |          hash(str.join), hash(object.__init__)]
            |report(values=values, same=hash(plain.method) == hash(plain.method),
            |       nan=hash(nan) == hash(nan))
            """)
        for options in ("-I",), ("-I", "-X", "lockdown=later"):
            seen = [fresh.scenario(source, options=options).facts for _ in range(3)]
            self.assertTrue(all(facts["same"] and facts["nan"] for facts in seen))
            for column in zip(*(facts["values"] for facts in seen)):
                self.assertEqual(len(set(column)), 3, options)

    def test_containers_filled_before_work_after(self):
        for options in ("-I",), ("-I", "-X", "lockdown=later"):
            facts = scenario(f"""
                |import weakref, functools
                |things = [Thing() for _ in range({MANY // 10})]
                |functions = [lambda: 0 for _ in range(1000)]
                |methods = [thing.__init__ for thing in things[:1000]]
                |keys = things + functions + methods
                |hashes = [hash(key) for key in keys]
                |as_set, as_dict = set(keys), {{key: number for number, key in enumerate(keys)}}
                |weak = weakref.WeakKeyDictionary((thing, 5) for thing in things)
                |order = [as_dict[key] for key in as_set]
                |lockdownlib.lockdown(keep=())
                |report(same=hashes == [hash(key) for key in keys],
                |       found=all(key in as_set for key in keys),
                |       values=all(as_dict[key] == number for number, key in enumerate(keys)),
                |       weak=all(thing in weak for thing in things),
                |       order=order == [as_dict[key] for key in as_set],
                |       removed=[as_set.remove(key) for key in keys] == [None] * len(keys))
                """, options=options)
            with self.subTest(options):
                self.assertEqual(facts, dict.fromkeys(facts, True))

    def test_status_says_what_is_hidden(self):
        source = "lockdownlib.lockdown()\nreport(hidden=lockdownlib.status().hidden)\n"
        for options, env, hidden in (
                (("-I",), {}, "absolute"),
                (("-I", "-X", "lockdown=later"), {}, "all"),
                (("-I",), {"PYTHONLOCKDOWN": "later"}, "all")):
            facts = fresh.scenario(source, options=options, env=fresh.environment(**env)).facts
            self.assertEqual(facts["hidden"], hidden)

    def test_order_of_a_set_tells_nothing_when_born_locked(self):
        # Objects made one after the other come out of a set in another order in each process.
        source = "things = [object() for _ in range(12)]\n" \
                 "print([things.index(thing) for thing in set(things)])"
        outs = {fresh.run("-I", "-X", "lockdown", "-c", source).out for _ in range(3)}
        self.assertEqual(len(outs), 3)

    def test_hashes_are_proper(self):
        # -1 is never a hash, and equal objects still agree.
        facts = scenario(f"""
            |things = [Thing() for _ in range({MANY})]
            |report(minus=any(hash(thing) == -1 for thing in things),
            |       distinct=len({{hash(thing) for thing in things}}),
            |       numbers=hash(5) == hash(5.0) == hash(True * 5), text=hash("a") == hash("a"))
            """, options=("-I", "-X", "lockdown=later"))
        self.assertFalse(facts["minus"])
        # Where hashes have 32 bits only, one or the other falls together.
        self.assertGreater(facts["distinct"], MANY - 20)
        self.assertTrue(facts["numbers"] and facts["text"])

    def test_seed_does_not_open_it(self):
        # Whoever fixes the hash of text does not fix the key of addresses.
        source = "lockdownlib.lockdown()\nreport(id=id(None), hash=hash(object))\n"
        env = fresh.environment(PYTHONHASHSEED="0")
        seen = [fresh.scenario(source, options=(), env=env).facts for _ in range(2)]
        self.assertNotEqual(seen[0]["id"], seen[1]["id"])


if __name__ == "__main__":
    unittest.main()
