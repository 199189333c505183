"""The slots of a new class: how its names are found changes nothing about what is found."""

import unittest

# A name, and a use of it on an object.
USES = (
    ("__repr__", repr),
    ("__len__", len),
    ("__getitem__", lambda thing: thing[0]),
    ("__add__", lambda thing: thing + thing),
    ("__radd__", lambda thing: 5 + thing),
    ("__iadd__", lambda thing: exec("thing += 1", {"thing": thing})),
    ("__eq__", lambda thing: thing == 7),
    ("__hash__", hash),
    ("__call__", lambda thing: thing()),
    ("__iter__", iter),
    ("__next__", next),
    ("__get__", lambda thing: type("Owner", (), {"member": thing})().member),
    ("__contains__", lambda thing: 1 in thing),
    ("__bool__", bool),
    ("__invert__", lambda thing: ~thing),
    ("__getattr__", lambda thing: thing.nothing),
    ("__setattr__", lambda thing: setattr(thing, "a", 1)),
    ("__await__", lambda thing: type(thing).__await__(thing)),
    ("__buffer__", memoryview),
)


class Used(Exception):
    """Raised by the methods, so that no result has to be of some type."""


def method(*args, **kwargs):
    raise Used


class OddKey(str):
    __hash__ = str.__hash__


def not_interned(name):
    return "".join(list(name))


KEYS = {"interned": lambda name: name, "not interned": not_interned, "of a subclass": OddKey}
MANY = {f"name_{number}": number for number in range(500)}
BASES = {
    "object": (),
    "int": (int,),
    "dict": (dict,),
    "an exception": (Exception,),
    "two": (type("Left", (), {"left": 1}), type("Right", (dict,), {"right": 1})),
    "large": (type("Large", (), MANY),),
    "odd": (type("Odd", (), {OddKey("odd"): 1}),),
}


def uses(cls, use):
    try:
        use(cls())
    except Used:
        return True
    except Exception:
        pass
    return False


class SlotsTest(unittest.TestCase):

    def check(self, make):
        for what, bases in BASES.items():
            plain = make("Plain", bases, {})
            for name, use in USES:
                with self.subTest(name=name, bases=what):
                    self.assertFalse(uses(plain, use))
                    self.assertTrue(uses(make("Thing", bases, {name: method}), use))

    def test_own(self):
        for kind, key in KEYS.items():
            with self.subTest(key=kind):
                self.check(lambda title, bases, names: type(
                    title, bases, {key(name): value for name, value in names.items()}))

    def test_inherited(self):
        for kind, key in KEYS.items():
            def make(title, bases, names):
                base = type("Base", bases, {key(name): value for name, value in names.items()})
                return type(title, (base,), {})
            with self.subTest(key=kind):
                self.check(make)

    def test_first_base_counts(self):
        def shadow(self):
            return "shadow"
        for kind, key in KEYS.items():
            with self.subTest(key=kind):
                below = type("Below", (), {key("__repr__"): method})
                above = type("Above", (below,), {key("__repr__"): shadow})
                self.assertEqual(repr(type("Thing", (above,), {})()), "shadow")
                other = type("Other", (), {key("__repr__"): method})
                self.assertEqual(repr(type("Thing", (above, other), {})()), "shadow")

    def test_later(self):
        for kind, key in KEYS.items():
            with self.subTest(key=kind):
                base = type("Base", (), {})
                thing = type("Thing", (base,), {})
                self.assertFalse(uses(thing, repr))
                setattr(base, key("__repr__"), method)
                self.assertTrue(uses(thing, repr))
                delattr(base, key("__repr__"))
                self.assertFalse(uses(thing, repr))

    def test_hash_of_none(self):
        for kind, key in KEYS.items():
            with self.subTest(key=kind):
                thing = type("Thing", (), {key("__hash__"): None})
                with self.assertRaises(TypeError):
                    hash(thing())
                with self.assertRaises(TypeError):
                    hash(type("Below", (thing,), {})())


if __name__ == "__main__":
    unittest.main()
