"""Bastions without a cell: both halves and the codec, with hostile calls between them."""

import functools
import gc
import types
import unittest
import weakref

from rexec import guestbastion
from rexec.bastion import MOST_REFERENCES, Bastion, BastionClass, References, revoke
from rexec.values import Malformed, decode, encode


class Account:
    """An object with more than should be seen."""

    ran = []

    def __init__(self):
        self.balance = 10
        self.secret = "s3cret"
        self.stored = self.deposit
        self.function = lambda: "own"
        self.shadowed = 1

    def deposit(self, amount):
        self.balance += amount
        return self.balance

    def _inner(self):
        return "inner"

    def __len__(self):
        return 5

    def shadowed(self):
        return "hidden by an attribute"

    @property
    def prop(self):
        self.ran.append("prop")
        return self.deposit

    @classmethod
    def make(cls):
        return cls.__name__

    @staticmethod
    def static():
        return "static"

    @functools.lru_cache(1)
    def cached(self):
        return "cached"

    async def later(self):
        return "later"

    def __getattr__(self, name):
        self.ran.append(name)
        return lambda: "made up"


class Watched:
    """Runs code for everything that is looked up."""

    ran = []

    def __getattribute__(self, name):
        Watched.ran.append(name)
        return object.__getattribute__(self, name)

    @property
    def __dict__(self):
        Watched.ran.append("__dict__")
        return {"method": None}

    @property
    def __class__(self):
        Watched.ran.append("__class__")
        return int

    def method(self):
        return "called"


class FakeWorker:
    """The channel between both halves, without a process."""

    def __init__(self, references):
        self.references = references
        self.asked = []

    def send(self, value):
        return decode(encode(value, refer=self.references.refer), resolve=guestbastion.resolve)

    def back(self, value):
        return decode(encode(value, refer=guestbastion.refer), resolve=self.references.resolve)

    def ask(self, what, operation, args=(), kwargs={}):
        self.asked.append(operation)
        args, kwargs = self.back((tuple(args), kwargs))
        return self.send(self.references.call(operation, args, kwargs))


class InTheSupervisor(unittest.TestCase):
    """A bastion works as it did."""

    def test_methods(self):
        account = Account()
        bastion = Bastion(account)
        self.assertEqual(bastion.deposit(5), 15)
        self.assertEqual(bastion.deposit(amount=1), 16)
        self.assertEqual(account.balance, 16)
        self.assertEqual(bastion.make(), "Account")
        self.assertEqual(bastion.cached(), "cached")
        self.assertEqual(repr(bastion), "<Bastion for Account>")
        self.assertEqual(repr(Bastion(account, name="bank")), "<Bastion for bank>")

    def test_all_else_is_an_attribute_error(self):
        bastion = Bastion(Account(), filter=lambda name: True)
        self.assertEqual(bastion._inner(), "inner")
        Account.ran.clear()
        for name in ("balance", "secret", "stored", "function", "shadowed", "prop", "static",
                     "made_up", "__len__", "__class__x", "__init__", "a b", "", "9", "deposit\0"):
            with self.subTest(name=name), self.assertRaises(AttributeError):
                if name[:2] == "__":
                    bastion._get_(name)
                else:
                    getattr(bastion, name)
        self.assertEqual(Account.ran, [])
        with self.assertRaises(AttributeError):
            Bastion(Account())._inner

    def test_looking_up_runs_nothing(self):
        bastion = Bastion(Watched())
        Watched.ran.clear()
        self.assertEqual(bastion.method(), "called")
        self.assertRaises(AttributeError, getattr, bastion, "nothing")
        self.assertEqual(Watched.ran, [])

    def test_classes_and_built_in_types(self):
        self.assertEqual(Bastion(Account).make(), "Account")
        self.assertRaises(AttributeError, getattr, Bastion(Account), "deposit")
        self.assertRaises(AttributeError, getattr, Bastion(Account), "mro")
        items = []
        Bastion(items).append(1)
        self.assertEqual(items, [1])
        self.assertRaises(AttributeError, getattr, Bastion(types), "new_class")

    def test_class_methods_that_wrap_other_things(self):
        class Odd:
            wrapped = classmethod(property(lambda cls: self.fail("run")))

        self.assertRaises(AttributeError, getattr, Bastion(Odd()), "wrapped")

    def test_bastionclass(self):
        class Loud(BastionClass):
            def __getattr__(self, name):
                method = super().__getattr__(name)
                return lambda *args: ("loud", method(*args))

            def __eq__(self, other):
                return True

            __hash__ = None

        loud = Bastion(Account(), bastionclass=Loud)
        self.assertEqual(loud.deposit(1), ("loud", 11))
        references = References()
        number = references.refer(loud)
        self.assertEqual(references.call((number, "deposit"), (1,), {}), ("loud", 12))
        self.assertRaises(AttributeError, references.call, (number, "_inner"), (), {})
        self.assertIsNone(references.refer(Loud(None, "")))     # not made by Bastion()

        def plain(get, name):
            found = type("Plain", (), {})()
            found.get = get
            return found

        other = Bastion(Account(), bastionclass=plain)
        self.assertEqual(other.get("deposit")(1), 11)
        self.assertIsNotNone(references.refer(other))

    def test_revoke(self):
        account = Account()
        gone = weakref.ref(account)
        bastion = Bastion(account)
        held = bastion.deposit
        revoke(bastion)
        self.assertRaises(ReferenceError, getattr, bastion, "deposit")
        self.assertEqual(held(1), 11)       # the supervisor has it
        del account, held
        gc.collect()
        self.assertIsNone(gone())           # and nothing else does
        self.assertRaises(TypeError, revoke, Account())

    def test_arguments(self):
        self.assertRaises(TypeError, Bastion, Account(), 5)
        shared = BastionClass(None, "")
        Bastion(Account(), bastionclass=lambda get, name: shared)
        with self.assertRaises(ValueError):
            Bastion(Account(), bastionclass=lambda get, name: shared)


class InTheCell(unittest.TestCase):
    def setUp(self):
        self.references = References()
        self.worker = FakeWorker(self.references)
        guestbastion.install(self.worker)
        self.addCleanup(guestbastion.install, None)
        self.addCleanup(guestbastion._dropped.clear)
        self.account = Account()

    def test_calls(self):
        bastion = self.worker.send({"x": [Bastion(self.account)]})["x"][0]
        self.assertEqual(bastion.deposit(5), 15)
        self.assertEqual(bastion.deposit(amount=5), 20)
        self.assertEqual(self.account.balance, 20)
        self.assertEqual(repr(bastion), "<Bastion for Account>")
        self.assertTrue(hasattr(bastion, "deposit"))
        self.assertFalse(hasattr(bastion, "secret"))
        self.assertRaises(TypeError, bastion.deposit)
        self.assertEqual(str(bastion.deposit), "<method deposit of <Bastion for Account>>")

    def test_nothing_leads_to_the_object(self):
        bastion = self.worker.send(Bastion(self.account, filter=lambda name: True))
        method = bastion.deposit
        Account.ran.clear()
        for thing in (bastion, method):
            for name in ("_get_", "_name_", "__self__", "__func__", "__closure__", "__globals__",
                         "__reduce__", "__reduce_ex__", "__dict__", "__class__", "__init__",
                         "__getattribute__", "__getattr__", "__call__", "__code__", "__defaults__",
                         "__wrapped__", "__slots__", "__module__", "__doc__", "__del__",
                         "__weakref__", "__getstate__", "number", "kinds", "bastion", "secret",
                         "balance", "prop", "made_up", "func", "object"):
                with self.subTest(name=name, thing=type(thing).__name__):
                    self.assertFalse(hasattr(thing, name))
            self.assertEqual(dir(thing), [])
            for change in (lambda: setattr(thing, "x", 1), lambda: delattr(thing, "x"),
                           lambda: object.__setattr__(thing, "x", 1)):
                self.assertRaises(AttributeError, change)
            import copy
            import pickle
            for save in (copy.copy, copy.deepcopy, pickle.dumps):
                self.assertRaises((TypeError, copy.Error), save, thing)
        self.assertEqual(Account.ran, [])
        # What the collector finds from there is of this half alone.
        seen = {}
        todo = [bastion, method]
        while todo:
            thing = todo.pop()
            if id(thing) in seen or isinstance(thing, (type, types.ModuleType, dict)):
                continue
            seen[id(thing)] = thing
            todo.extend(gc.get_referents(thing))
        self.assertNotIn(id(self.account), seen)

    def test_names_are_looked_at_in_the_supervisor(self):
        number = self.references.refer(Bastion(self.account))
        for name in ("__init__", "__class__", "_inner", "secret", "prop", "a.b", "deposit ", "",
                     "made_up", "__getattribute__", "function", "stored", "static"):
            with self.subTest(name=name), self.assertRaises(AttributeError):
                self.references.call((number, name), (), {})
            self.assertEqual(self.references.call("has", (number, name), {}), 0)
        self.assertEqual(self.references.call("has", (number, "deposit"), {}), 1)
        self.assertEqual(self.references.call("has", (number, "later"), {}), 2)
        self.assertTrue(self.references.is_coroutine((number, "later")))
        self.assertFalse(self.references.is_coroutine((number, "deposit")))

    def test_numbers_that_were_never_given(self):
        number = self.references.refer(Bastion(self.account))
        for wrong in (0, -1, number + 1, 1 << 40):
            for call in (((wrong, "deposit"), (1,)), ("has", (wrong, "deposit")),
                         ("name", (wrong,)), ("drop", (wrong,))):
                with self.subTest(call=call), self.assertRaises(Malformed):
                    self.references.call(*call, {})
        for call in (((), ()), ((number,), ()), ((number, "a", 1), ()), ((True, "deposit"), (1,)),
                     (("1", "deposit"), ()), ((number, 5), ()), ((number, b"deposit"), ()),
                     ("call", ()), ("_find", ()), ("has", (number,)), ("drop", (None,)),
                     ("drop", ([],))):
            with self.subTest(call=call), self.assertRaises(Malformed):
                self.references.call(*call, {})
        with self.assertRaises(Malformed):
            decode(encode(99, refer=lambda value: 99 if value == 99 else None)[:0] + b"R\x63\0\0\0",
                   resolve=self.references.resolve)

    def test_one_that_goes_back_is_the_object(self):
        bastion = self.worker.send(Bastion(self.account))
        self.assertIs(self.worker.back([bastion])[0], self.account)
        self.assertIs(self.worker.back({"k": (bastion,)})["k"][0], self.account)

    def test_one_that_is_returned_is_a_new_reference(self):
        class Bank:
            def open(self, start):
                account = Account()
                account.balance = start
                return Bastion(account)

            def is_account(self, account):
                return type(account) is Account

        bank = self.worker.send(Bastion(Bank()))
        one, other = bank.open(1), bank.open(2)
        self.assertEqual((one.deposit(1), other.deposit(1)), (2, 3))
        self.assertTrue(bank.is_account(one))
        self.assertEqual(len(self.references._table), 3)

    def test_revoked(self):
        bastion = Bastion(self.account)
        reference = self.worker.send(bastion)
        method = reference.deposit
        revoke(bastion)
        for use in (lambda: method(1), lambda: reference.deposit(1), lambda: reference.make,
                    lambda: self.worker.back(reference)):
            self.assertRaises(ReferenceError, use)
        self.assertEqual(self.account.balance, 10)
        self.assertEqual(repr(reference), "<Bastion for Account>")

    def test_dropped_references_are_forgotten(self):
        bastion = Bastion(self.account)
        kept = self.worker.send(bastion)
        for _ in range(1000):
            self.worker.send(bastion)
            kept.deposit(0)
        self.assertLess(len(self.references._table), 200)
        self.assertEqual(kept.deposit(0), 10)

    def test_there_is_a_most(self):
        bastion = Bastion(self.account)
        for _ in range(MOST_REFERENCES):
            self.references.refer(bastion)
        self.assertRaises(ValueError, self.references.refer, bastion)
        self.references.clear()
        self.assertEqual(self.references.refer(5), None)

    def test_order(self):
        class Recorder:
            def __init__(self):
                self.calls = []

            def note(self, number):
                self.calls.append(number)

        recorder = Recorder()
        bastion = self.worker.send(Bastion(recorder))
        for number in range(50):
            bastion.note(number)
        self.assertEqual(recorder.calls, list(range(50)))


if __name__ == "__main__":
    unittest.main()
