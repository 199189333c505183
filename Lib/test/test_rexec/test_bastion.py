"""Bastions: both halves and the codec, with hostile calls between them, and in real cells."""

import asyncio
import functools
import gc
import os
import types
import unittest
import weakref

import rexec
from rexec import guestbastion
from rexec.bastion import MOST_REFERENCES, Bastion, BastionClass, References, revoke
from rexec.values import Malformed, decode, encode

from .base import tearDownModule    # noqa: F401


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
                self.assertRaises((TypeError, copy.Error, pickle.PicklingError), save,
                                  thing)
        for kind in (type(bastion), type(method)):
            for name in ("number", "kinds", "bastion", "name", "kind"):
                self.assertFalse(hasattr(kind, name), name)
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

    def test_names_that_are_never_usable_are_not_asked_for(self):
        bastion = self.worker.send(Bastion(self.account))
        for name in ("__init__", "__len__", "__", "a b", "", "9"):
            self.assertRaises(AttributeError, getattr, bastion, name)
        self.assertEqual(self.worker.asked, [])

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


class Bank:
    """What a supervisor may have."""

    def __init__(self):
        self.log = []

    def open(self, start=0):
        account = Account()
        account.balance = start
        return rexec.Bastion(account, name="account")

    def move(self, one, other, amount):
        one.balance -= amount
        other.balance += amount
        self.log.append(amount)

    def fail(self):
        raise KeyError("no such account")

    async def later(self, number):
        await asyncio.sleep(0)
        return number * 2


class RealCells(unittest.TestCase):
    def make(self, **options):
        cell = rexec.Cell(python=os.environ.get("LDP_PYTHON"), **options)
        self.addCleanup(cell.close)
        return cell

    def test_the_example(self):
        bank = Bank()
        cell = self.make()
        bastion = rexec.Bastion(bank)
        result = cell.run("""
a, b = bank.open(10), bank.open()
bank.move(a, b, 4)
print(a, bank)
a.deposit(0), b.deposit(0), hasattr(bank, "log"), hasattr(a, "balance")
""", inputs={"bank": bastion})
        self.assertEqual(result.value, (6, 4, False, False))
        self.assertEqual(result.stdout, "<Bastion for account> <Bastion for Bank>\n")
        self.assertEqual(bank.log, [4])
        # It comes back as the object, also as a value and in a call.
        self.assertIs(cell.run("bank").value, bank)
        cell.run("def who(x): return [x]")
        self.assertIs(cell.call("who", bastion)[0], bank)
        with self.assertRaises(rexec.CellError) as caught:
            cell.run("bank.fail()")
        self.assertEqual(caught.exception.type_name, "KeyError")
        self.assertNotIn("rexec", caught.exception.traceback)

    def test_functions_return_them(self):
        cell = self.make(functions={"connect": lambda: rexec.Bastion(Bank())})
        self.assertEqual(cell.run("connect().open(3).deposit(1)").value, 4)

    def test_hostile_code(self):
        account = Account()
        Account.ran.clear()
        cell = self.make()
        found = cell.run("""
import gc
reached = []
for name in ("_get_", "__self__", "__func__", "__closure__", "__globals__", "__reduce__", "secret",
             "balance", "prop", "_inner", "__init__", "made_up", "__dict__", "__class__"):
    for thing in (b, b.deposit):
        try:
            reached.append((name, getattr(thing, name)))
        except AttributeError:
            pass
class Name(str):
    def isidentifier(self): return True
    def __eq__(self, other): return True
    __hash__ = str.__hash__
for name in (Name("__init__"), Name("a b")):
    try:
        reached.append(getattr(b, name))
    except AttributeError:
        pass
# Around all that is hidden here: ask the supervisor itself.
from rexec import guestbastion
number = guestbastion.refer(b)
for name in ("__init__", "__class__", "secret", "_inner", "prop", "made_up", "__getattribute__"):
    try:
        reached.append(guestbastion._ask((number, name), (), {}))
    except AttributeError:
        pass
str(reached)
""", inputs={"b": rexec.Bastion(account)}).value
        self.assertEqual(found, "[]")
        self.assertEqual(Account.ran, [])

    def test_a_number_that_was_never_given_ends_the_cell(self):
        for attack in ("guestbastion._ask((number + 1, 'deposit'), (1,), {})",
                       "guestbastion.resolve(number + 1).deposit(1)",
                       "guestbastion.resolve(number + 1)",
                       "b.deposit(guestbastion.resolve(number + 1))",
                       "guestbastion._ask('has', (number,), {})",
                       "guestbastion._ask('drop', (number, number), {})"):
            with self.subTest(attack=attack):
                account = Account()
                cell = self.make()
                with self.assertRaises(rexec.CellCrashed):
                    cell.run("from rexec import guestbastion\n"
                             f"number = guestbastion.refer(b)\n{attack}",
                             inputs={"b": rexec.Bastion(account)})
                self.assertEqual(account.balance, 10)
                self.assertTrue(cell.closed)

    def test_one_cell_cannot_use_the_numbers_of_another(self):
        account = Account()
        one, other = self.make(), self.make()
        bastion = rexec.Bastion(account)
        number = one.run("from rexec import guestbastion; guestbastion.refer(b)",
                         inputs={"b": bastion}).value
        with self.assertRaises(rexec.CellCrashed):
            other.run("from rexec import guest, guestbastion; "
                      f"guest.resolve({number}).deposit(1)")
        self.assertEqual(account.balance, 10)

    def test_revoked(self):
        account = Account()
        bastion = rexec.Bastion(account)
        cell = self.make(functions={"take": lambda x: None})
        cell.run("m = b.deposit; m(1)", inputs={"b": bastion})
        rexec.revoke(bastion)
        for use in ("m(1)", "b.deposit(1)", "b.make", "take(b)", "take([{1: b}])"):
            with self.subTest(use=use), self.assertRaises(rexec.CellError) as caught:
                cell.run(use)
            self.assertEqual(caught.exception.type_name, "ReferenceError")
        with self.assertRaises(TypeError):
            cell.run("b").value
        self.assertEqual(account.balance, 11)
        self.assertEqual(cell.run("6 * 7").value, 42)

    def test_references_die_with_the_cell(self):
        account = Account()
        gone = weakref.ref(account)
        cell = self.make()
        cell.run("1", inputs={"b": rexec.Bastion(account)})
        del account
        gc.collect()
        self.assertIsNotNone(gone())
        cell.close()
        gc.collect()
        self.assertIsNone(gone())

    def test_coroutines(self):
        cell = self.make()
        bank = rexec.Bastion(Bank())
        code = "import asyncio\nawait asyncio.gather(*(bank.later(n) for n in range(5)))"
        self.assertEqual(cell.run(code, inputs={"bank": bank}).value, [0, 2, 4, 6, 8])
        result = asyncio.run(cell.arun(code, inputs={"bank": bank}))
        self.assertEqual(result.value, [0, 2, 4, 6, 8])
        self.assertEqual(asyncio.run(cell.arun("bank.open(5).deposit(1)")).value, 6)

    def test_calls_count(self):
        cell = self.make(limits=rexec.Limits(calls=20))
        with self.assertRaises(rexec.LimitExceeded) as caught:
            cell.run("while True: b.deposit(1)", inputs={"b": rexec.Bastion(Account())})
        self.assertEqual(caught.exception.limit, "calls")

    def test_the_old_name(self):
        import Bastion
        self.assertIs(Bastion.Bastion, rexec.Bastion)
        self.assertIs(Bastion.BastionClass, rexec.BastionClass)


if __name__ == "__main__":
    unittest.main()
