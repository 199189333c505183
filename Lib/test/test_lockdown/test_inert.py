"""Upstream's modules of tests, imported before the lock: all that they gave only raises after it.

Tools/overlay/inert.py guards each function of theirs that Python calls; here is what Python
reaches.
"""

import unittest
from test.test_lockdown import fresh

# Each module in the process, and what hangs on it: functions, types, what their constructors make,
# and the methods, getters and slots of all these. A type of Python's own is not looked at.
PROGRAM = """
    |import functools, importlib, types
    |from test.test_lockdown.ledger import walker
    |modules, absent = {}, []
    |for name in sorted(walker.TEST_MODULES):
    |    try:
    |        modules[name] = importlib.import_module(name)
    |    except ImportError as error:
    |        absent.append(name)
    |METHODS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
    |           types.ClassMethodDescriptorType)
    |found = {}
    |MAKERS = {}
    |if "_testbuffer" in modules:
    |    MAKERS["ndarray"] = functools.partial(modules["_testbuffer"].ndarray, [1], shape=[1])
    |def inside(name, cls):
    |    made = None
    |    for args in (), (1,), ("x",), ([1],), (b"x",):
    |        try:
    |            made = MAKERS.get(cls.__name__, cls)(*args)
    |            break
    |        except Exception:
    |            pass
    |    for key, value in list(vars(cls).items()):
    |        if isinstance(value, types.GetSetDescriptorType) and made is not None:
    |            if key not in ("__dict__", "__weakref__"):
    |                found[f"{name}.{key}"] = lambda *args, value=value: value.__get__(made, cls)
    |        elif key == "__new__" and cls.__name__ in MAKE:
    |            found[f"{name}.__new__"] = cls
    |        elif isinstance(value, METHODS) and key not in LEFT:
    |            if isinstance(value, types.BuiltinFunctionType):
    |                found[f"{name}.{key}"] = value
    |            elif made is not None:
    |                arguments = SLOTS.get(key, ())
    |                first = cls if isinstance(value, types.ClassMethodDescriptorType) else made
    |                found[f"{name}.{key}"] = (
    |                    lambda *args, value=value, first=first, arguments=arguments:
    |                    value(first, *arguments, *args))
    |# Types with a constructor of their own; Python's makes what refuses then.
    |MAKE = ("ndarray", "staticarray", "HeapCCollection", "ObjExtraData", "testBuf",
    |        "_test_structmembersType_NewAPI", "_test_structmembersType_OldAPI")
    |# To be released may not fail.
    |LEFT = "__new__", "__del__", "__release_buffer__"
    |# Where a type says so, these are Python's own, which any object has.
    |GENERIC = "__getattribute__", "__setattr__", "__delattr__"
    |def own(cls):
    |    # Some say that they are of modules which do not have them.
    |    place = sys.modules.get(cls.__module__)
    |    return cls.__module__ in modules or getattr(place, cls.__name__, None) is not cls
    |SLOTS = {name: (made,) for name, made in dict.fromkeys(
    |    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __add__ __radd__ __getattribute__"
    |    " __contains__ __delattr__".split(), "x").items()}
    |SLOTS.update(__getitem__=(0,), __delitem__=(0,), __setattr__=("x", 1),
    |             __setitem__=(0, 1), __get__=(1, int), __buffer__=(0,))
    |for name, module in modules.items():
    |    for key, value in vars(module).items():
    |        where = f"{name}.{key}"
    |        if isinstance(value, types.BuiltinFunctionType):
    |            found[where] = value
    |        elif isinstance(value, type) and own(value):
    |            inside(where, value)
    """


class InertTest(unittest.TestCase):

    maxDiff = None

    def test_everything_refuses(self):
        outcome = fresh.scenario(fresh.text(PROGRAM) + fresh.text("""
            |lockdownlib.lockdown(keep=())
            |wrong = {}
            |refused = 0
            |for name, call in found.items():
            |    # What stands before the function may look at how many arguments there are.
            |    for args in (), ("x",), ("x", "x"):
            |        outcome = attempt(call, *args)
            |        if outcome[:2] != ["raised", "TypeError"]:
            |            break
            |    if outcome[0] == "refused" and outcome[2] == "code":
            |        refused += 1
            |    elif outcome[1] != "AttributeError" or not name.endswith(GENERIC):
            |        wrong[name] = outcome[:3]
            |report(wrong=wrong, refused=refused, absent=absent, modules=len(modules))
            """), expect=None)
        self.assertFalse(fresh.died(outcome), outcome)
        self.assertEqual(outcome.facts["wrong"], {})
        self.assertGreater(outcome.facts["refused"], 100 * outcome.facts["modules"] // 3)

    def test_control(self):
        """Unlocked, the same things answer, each in its own way."""
        facts = fresh.scenario(fresh.text(PROGRAM) + fresh.text("""
            |names = ["_testcapi.HeapCType.__init__", "_testbuffer.ndarray.__init__",
            |         "_testinternalcapi.get_configs", "_testlimitedcapi.test_string_from_format",
            |         "_testcapi.test_atomic_add_int"]
            |report(ended=[attempt(found[name])[0] for name in names if name in found])
            """)).facts
        self.assertTrue(facts["ended"])
        self.assertNotIn("refused", facts["ended"])


if __name__ == "__main__":
    unittest.main()
