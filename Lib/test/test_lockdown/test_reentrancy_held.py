"""What C code works on, and Python code takes away from whoever had it.

Each of these used an object, or a place in memory, that was gone.  They run with an allocator that
fills what it frees.
"""

import unittest
from test.test_lockdown import fresh


class HeldTest(fresh.LivingTest):

    options, variables = ("-s", "-P"), {"PYTHONMALLOC": fresh.FILLING_MALLOC}

    def test_a_dict_taken_from_its_object(self):
        facts = self.check("""
            |class Key:
            |    def __hash__(self): return hash("name")
            |    def __eq__(self, other):
            |        if turns:
            |            turns.pop()
            |            thing.__dict__ = {}
            |        return False
            |class Plain: pass
            |class Number(int): pass
            |def load():
            |    return thing.name
            |turns, kinds = [], []
            |for make in Plain, Number, ValueError, lambda: lambda: None:
            |    for call in (lambda: setattr(thing, "name", 1), lambda: delattr(thing, "name"), load):
            |        for round in range(30):
            |            thing = make()
            |            thing.__dict__ = {Key(): 1, "other": 2}
            |            turns.append(True)
            |            attempt(call)
            |        kinds.append(len(thing.__dict__))
            |report(kinds=kinds)
            """)
        self.assertEqual(facts["kinds"], [0] * 12)

    def test_defaults_taken_from_a_function(self):
        facts = self.check("""
            |class Name(str):
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        function.__kwdefaults__ = None
            |        return False
            |def function(*, first, second): pass
            |function.__kwdefaults__ = {Name("first"): 1, "second": 2}
            |report(called=attempt(function)[:2], left=function.__kwdefaults__)
            """)
        self.assertEqual((facts["called"], facts["left"]), (["raised", "TypeError"], None))

    def test_functions_taken_from_a_property(self):
        facts = self.check("""
            |class Item:
            |    def __eq__(self, other):
            |        asked.append(True)
            |        Thing.__dict__["value"].__init__()
            |        return False
            |class Thing:
            |    def __eq__(self, other): return NotImplemented
            |def items():
            |    return [Item() for _ in range(4)]
            |asked = []
            |Thing.value = property(items().index)
            |report(got=attempt(lambda: Thing().value)[:2])
            |Thing.value = property(None, items().remove)
            |report(set=attempt(setattr, Thing(), "value", Thing())[:2])
            |Thing.value = property(None, None, items().remove)
            |report(deleted=attempt(delattr, Thing(), "value")[:2], asked=len(asked))
            """)
        self.assertEqual([facts[name] for name in ("got", "set", "deleted")],
                         [["raised", "ValueError"], ["raised", "TypeError"],
                          ["raised", "ValueError"]])
        self.assertEqual(facts["asked"], 8)

    def test_variables_of_a_frame_that_ends(self):
        facts = self.check("""
            |class Name(str):
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        global generator, junk
            |        if turns:
            |            turns.pop()
            |            list(generator)
            |            del generator
            |            junk = [bytes(size) for size in range(400)]
            |        return str.__eq__(self, other)
            |def numbers(one, two, three):
            |    yield one
            |turns, values = [], []
            |for name in "one", "two", "three":
            |    generator = numbers(1, 2, 3)
            |    next(generator)
            |    variables = generator.gi_frame.f_locals
            |    turns.append(True)
            |    variables[Name(name)] = name
            |    values.append(variables[name])
            |report(values=values)
            """)
        self.assertEqual(facts["values"], ["one", "two", "three"])

    def test_cells_of_a_frame_that_was_cleared(self):
        facts = self.check("""
            |def outer():
            |    value = None
            |    def inner():
            |        try:
            |            value.missing
            |        except AttributeError as error:
            |            return error.__traceback__.tb_frame
            |    return inner()
            |frame = outer()
            |frame.clear()
            |variables, items = frame.f_locals, (1, 2, 3)
            |variables["value"] = items
            |variables["value"] = 5
            |report(items=items, value=variables["value"])
            """)
        self.assertEqual((facts["items"], facts["value"]), ([1, 2, 3], 5))

    def test_other_variables_of_a_frame_that_is_cleared(self):
        facts = self.check("""
            |class Name(str):
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        if turns:
            |            turns.pop()
            |            frame.clear()
            |        return False
            |def make():
            |    try:
            |        missing
            |    except NameError as error:
            |        return error.__traceback__.tb_frame
            |turns, found = [], []
            |for call in (lambda: variables["name"], lambda: variables.pop("name"),
            |             lambda: variables.__setitem__("name", 3),
            |             lambda: "name" in variables, lambda: variables.__delitem__("name")):
            |    frame = make()
            |    variables = frame.f_locals
            |    variables[Name("name")] = object()
            |    turns.append(True)
            |    found.append(attempt(call)[:2])
            |report(found=found, left=len(turns))
            """)
        self.assertEqual([what for what, *_ in facts["found"]],
                         ["raised", "raised", "done", "done", "raised"])
        self.assertEqual(facts["left"], 0)

    def test_a_view_released_by_what_it_is_compared_with(self):
        facts = self.check("""
            |class Other:
            |    def __buffer__(self, flags):
            |        tried.append(attempt(view.release)[:2])
            |        tried.append(attempt(memory.clear)[:2])
            |        return memoryview(bytes(4096))
            |tried = []
            |memory = bytearray(4096)
            |view = memoryview(memory)
            |same = view == Other()
            |view.release()
            |memory.clear()
            |report(same=same, tried=tried)
            """)
        self.assertTrue(facts["same"])
        self.assertEqual(facts["tried"], [["raised", "BufferError"]] * 2)

    def test_an_error_changed_by_what_it_says(self):
        facts = self.check("""
            |class Text:
            |    def __str__(self):
            |        error.strerror = error.filename = error.filename2 = None
            |        return "text"
            |class Other:
            |    def __repr__(self): return "other"
            |texts = []
            |for others in 1, 2, 4:
            |    error = OSError(Text(), *[Other() for _ in range(others)])
            |    texts.append(str(error))
            |report(texts=texts)
            """)
        self.assertEqual(facts["texts"], ["[Errno text] other", "[Errno text] other: other",
                                          "[Errno text] other: other -> other"])

    def test_keys_given_other_objects_by_their_comparison(self):
        facts = self.check("""
            |import functools, operator
            |class Value:
            |    def __eq__(self, other):
            |        one.obj = another.obj = None
            |        return NotImplemented
            |class Other:
            |    def __eq__(self, other): return 0
            |key = functools.cmp_to_key(operator.eq)
            |one, another = key(Value()), key(Other())
            |report(same=one == another, left=[one.obj, another.obj])
            """)
        self.assertEqual((facts["same"], facts["left"]), (True, [None, None]))

    def test_a_total_asked_by_its_own_addition(self):
        facts = self.check("""
            |import itertools
            |class First:
            |    def __add__(self, other):
            |        if turns:
            |            turns.pop()
            |            next(totals)
            |        return NotImplemented
            |class Other:
            |    def __radd__(self, other):
            |        seen.append(type(other).__name__)
            |        return 5
            |turns, seen = [True], []
            |totals = itertools.accumulate(cls() for cls in (First, Other, Other, Other))
            |next(totals)
            |report(total=next(totals), seen=seen)
            """)
        self.assertEqual((facts["total"], facts["seen"]), (5, ["First", "First"]))

    def test_a_decimal_context_set_by_what_is_compared(self):
        facts = self.check("""
            |import decimal, numbers
            |class Fraction:
            |    def part(self):
            |        decimal.setcontext(decimal.Context(prec=50))
            |        return 3
            |    numerator = denominator = property(part)
            |numbers.Rational.register(Fraction)
            |found = []
            |for _ in range(9):
            |    decimal.setcontext(decimal.Context(prec=5))
            |    found.append(decimal.Decimal(3) > Fraction())
            |report(found=found)
            """)
        self.assertEqual(facts["found"], [True] * 9)

    def test_a_decimal_context_set_by_a_warning(self):
        facts = self.check("""
            |import decimal, warnings
            |def show(message):
            |    decimal.setcontext(decimal.Context(prec=50))
            |warnings._showwarnmsg = show
            |warnings.filters = [("always", None, Warning, None, 0)]
            |decimal.setcontext(decimal.Context(prec=5, capitals=0))
            |report(text=format(decimal.Decimal("1.23456789e50"), ".4N"),
            |       capitals=decimal.getcontext().capitals)
            """)
        self.assertEqual((facts["text"], facts["capitals"]), ("1.235E+50", 1))

    def test_a_sum_of_times_that_is_none(self):
        facts = self.check("""
            |import datetime
            |class Time(datetime.datetime):
            |    wrong = False
            |    def __new__(cls, *args, **kwargs):
            |        if cls.wrong:
            |            return bytearray(b"x" * 40)
            |        return super().__new__(cls, *args, **kwargs)
            |class Zone(datetime.tzinfo):
            |    def utcoffset(self, time): return datetime.timedelta(hours=1)
            |    dst = utcoffset
            |zone = Zone()
            |time = Time(2020, 1, 1, tzinfo=zone)
            |Time.wrong = True
            |report(found=attempt(zone.fromutc, time)[:2])
            """)
        self.assertEqual(facts["found"], ["raised", "TypeError"])

    def test_filters_changed_by_one_of_them(self):
        facts = self.check("""
            |import _warnings, warnings
            |class Pattern:
            |    def match(self, text):
            |        if turns:
            |            turns.pop()
            |            warnings.filters = [("ignore", None, Warning, None, 0)]
            |            _warnings.warn("other")
            |        return False
            |turns = [True]
            |warnings.filters = [("error", Pattern(), Warning, None, 0) for _ in range(9)]
            |_warnings.warn("text")
            |report(left=len(warnings.filters))
            """)
        self.assertEqual(facts["left"], 1)

    def test_a_register_changed_by_what_is_in_it(self):
        facts = self.check("""
            |import _warnings, warnings
            |class Text(str):
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        warnings.onceregistry = {}
            |        _warnings.warn_explicit("other", UserWarning, "file", 1, "module")
            |        others.extend({} for _ in range(100))
            |        return False
            |warnings._showwarnmsg = lambda message: shown.append(str(message.message))
            |warnings.filters, warnings.defaultaction, shown, others = [], "once", [], []
            |warnings.onceregistry = {}
            |_warnings.warn_explicit("text", UserWarning, "file", 1, "module")
            |_warnings.warn_explicit(Text("text"), UserWarning, "file", 1, "module")
            |report(shown=shown, taken=any(others))
            """)
        self.assertEqual((set(facts["shown"]), facts["taken"]), ({"text", "other"}, False))

    def test_an_action_changed_by_a_register(self):
        facts = self.check("""
            |import _warnings, warnings
            |class Pattern:
            |    def match(self, text):
            |        turns.append(True)
            |        return False
            |class Text(str):
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        if turns:
            |            warnings.filters, warnings.defaultaction = [], "ignore"
            |            _warnings.warn("other")
            |            turns.clear()
            |        return False
            |warnings._showwarnmsg = lambda message: shown.append(str(message.message))
            |warnings.filters, warnings.defaultaction = [], "".join(["mod", "ule"])
            |shown, register, turns = [], {}, []
            |_warnings.warn_explicit("text", UserWarning, "file", 1, "module", register)
            |warnings.filters = [("error", Pattern(), Warning, None, 0)]
            |_warnings.warn_explicit(Text("text"), UserWarning, "file", 1, "module", register)
            |report(shown=shown, filters=warnings.filters)
            """)
        self.assertEqual((facts["shown"], facts["filters"]), (["text", "text"], []))

    def test_the_name_of_a_handler_of_errors(self):
        facts = self.check("""
            |import codecs
            |def handler(error):
            |    encoder.errors = "".join(["str", "ict"])
            |    return "?", error.end
            |codecs.register_error("handler1", handler)
            |found = []
            |for name in "gbk", "shift_jis", "big5", "euc_kr", "hz":
            |    encoder = codecs.getincrementalencoder(name)("".join(["handler", "1"]))
            |    found.append(encoder.encode("a\\u0900b\\u0901c\\u0902d").decode("ascii"))
            |report(found=found, errors=encoder.errors)
            """)
        self.assertEqual(facts["found"], ["a?b?c?d"] * 5)
        self.assertEqual(facts["errors"], "strict")

    def test_a_function_taken_from_who_calls_it(self):
        facts = self.check("""
            |import collections
            |class Item:
            |    def __eq__(self, other):
            |        act()
            |        return False
            |    __lt__ = __eq__
            |def items():
            |    return [Item() for _ in range(4)]
            |found = []
            |static = staticmethod(items().index)
            |def act(): static.__init__(print)
            |found.append(attempt(static, 5)[:2])
            |numbers = collections.defaultdict(items().sort)
            |def act(): numbers.default_factory = None
            |found.append(attempt(lambda: numbers[1])[:1])
            |report(found=found)
            """)
        self.assertEqual(facts["found"], [["raised", "ValueError"], ["done"]])

    def test_arguments_taken_from_who_passes_them(self):
        facts = self.check("""
            |import atexit
            |class Meta(type):
            |    def __instancecheck__(cls, value):
            |        seen.append(type(value).__name__)
            |        atexit._clear()
            |        return False
            |class Asked(metaclass=Meta): pass
            |class Value: pass
            |seen = []
            |atexit.register(isinstance, Value(), (Asked, Asked, int))
            |atexit._run_exitfuncs()
            |report(seen=seen)
            """)
        self.assertEqual(facts["seen"], ["Value"] * 2)

    def test_cells_emptied_by_what_is_in_them(self):
        facts = self.check("""
            |import types
            |class Value:
            |    def __eq__(self, other):
            |        one.cell_contents = another.cell_contents = None
            |        return NotImplemented
            |class Other:
            |    def __eq__(self, other): return "other"
            |one, another = types.CellType(Value()), types.CellType(Other())
            |report(same=one == another, left=[one.cell_contents, another.cell_contents])
            """)
        self.assertEqual((facts["same"], facts["left"]), ("other", [None, None]))

    def test_what_is_shown_changes_whose_it_is(self):
        facts = self.check("""
            |class Item:
            |    def __repr__(self):
            |        error.args = ()
            |        return "item"
            |class Other:
            |    def __repr__(self): return "other"
            |texts = []
            |for cls in ValueError, KeyError:
            |    error = cls(slice(Item(), Other(), Other()))
            |    texts.append(str(error))
            |class Item:
            |    def __repr__(self):
            |        error.msg = None
            |        return "item"
            |error = SyntaxError()
            |error.filename, error.lineno = "name", 1
            |error.msg = slice(Item(), Other(), Other())
            |report(texts=texts + [str(error)])
            """)
        text = "slice(item, other, other)"
        self.assertEqual(facts["texts"], [text, text, text + " (name, line 1)"])

    def test_attributes_taken_from_an_element(self):
        facts = self.check("""
            |import xml.etree.ElementTree
            |class Name(str):
            |    __hash__ = str.__hash__
            |    def __eq__(self, other):
            |        element.attrib = {}
            |        junk.extend({} for _ in range(100))
            |        return False
            |junk = []
            |element = xml.etree.ElementTree.Element("tag")
            |element.attrib = {Name("name"): 1, "other": 2}
            |element.set("name", "value")
            |report(left=len(element.attrib), taken=any(junk))
            """, before="import xml.etree.ElementTree")
        self.assertEqual((facts["left"], facts["taken"]), (0, False))

    def test_an_item_that_is_no_buffer(self):
        facts = self.check("""
            |def make():
            |    class Item:
            |        def __buffer__(self, flags):
            |            items.clear()
            |            return None
            |    return Item()
            |found = []
            |for joint in b"-", bytearray(b"-"):
            |    items = [make(), make()]
            |    found.append(attempt(joint.join, items))
            |report(found=[text for *_, text in found])
            """)
        for text in facts["found"]:
            self.assertIn("Item found", text)

    def test_a_cache_asked_by_its_keys(self):
        facts = self.check("""
            |import functools, random
            |choose = random.Random(5)
            |class Key:
            |    def __init__(self, number):
            |        self.number = number
            |    def __hash__(self):
            |        return self.number
            |    def __eq__(self, other):
            |        if turns:
            |            turns.pop()
            |            ask()
            |        return choose.random() < 0.3
            |    def __del__(self):
            |        ask()
            |def ask():
            |    global depth
            |    if depth < 3:
            |        depth += 1
            |        attempt(act)
            |        depth -= 1
            |depth, turns = 0, []
            |for trial in range(40):
            |    @functools.lru_cache(maxsize=choose.choice([1, 2, 5]))
            |    def function(key):
            |        ask()
            |        return Key(1)
            |    act = choose.choice([
            |        function.cache_clear, lambda: function(Key(1)),
            |        lambda: [function(Key(number % 3)) for number in range(5)]])
            |    for call in range(8):
            |        turns = [True] * choose.randrange(4)
            |        attempt(function, Key(choose.randrange(1, 3)))
            |report(size=function.cache_info().currsize)
            """, before="import random")
        self.assertIn("size", facts)


if __name__ == "__main__":
    unittest.main()
