"""XML parsers and tree builders that are used again by what they call.

Each of these used memory that was gone, or never there.
"""

import unittest
from test.test_lockdown import fresh


class ReentrancyTest(fresh.LivingTest):

    options, variables = ("-s", "-P"), {"PYTHONMALLOC": fresh.FILLING_MALLOC}

    def test_a_parse_inside_a_parse(self):
        facts = self.check("""
            |import io
            |from xml.parsers import expat
            |parser = expat.ParserCreate()
            |inner = []
            |def start(name, attributes):
            |    inner.append(attempt(parser.Parse, b"<b>")[:2])
            |    inner.append(attempt(parser.ParseFile, io.BytesIO(b"<b>"))[:2])
            |parser.StartElementHandler = start
            |outer = parser.Parse(b"<a/>", True)
            |report(inner=inner, outer=outer)
            """)
        self.assertEqual(facts["inner"], [["raised", "RuntimeError"]] * 2)
        self.assertEqual(facts["outer"], 1)

    def test_a_parse_inside_a_parse_of_the_libraries(self):
        facts = self.check("""
            |import xml.etree.ElementTree as etree, xml.sax, xml.sax.handler
            |inner = []
            |class Target:
            |    def start(self, tag, attributes):
            |        for call in (lambda: parser.feed("<b>"), parser.close, parser.flush,
            |                     lambda: parser.__init__(target=Target())):
            |            inner.append(attempt(call)[:2])
            |    def close(self): return "end"
            |parser = etree.XMLParser(target=Target())
            |parser.feed("<a/>")
            |report(etree=inner, end=parser.close())
            |class Handler(xml.sax.handler.ContentHandler):
            |    def startElement(self, name, attributes):
            |        inner.append(attempt(reader.feed, "<b>")[:2])
            |inner = []
            |reader = xml.sax.make_parser()
            |reader.setContentHandler(Handler())
            |reader.feed("<a/>")
            |report(sax=inner)
            """)
        self.assertEqual(facts["etree"], [["raised", "RuntimeError"]] * 4)
        self.assertEqual(facts["end"], "end")
        self.assertEqual(facts["sax"], [["raised", "RuntimeError"]])

    def test_a_parse_inside_the_reading_of_a_file(self):
        facts = self.check("""
            |from xml.parsers import expat
            |class File:
            |    texts = [b"<a>" + b"x" * 2000, b"</a>", b""]
            |    def read(self, size):
            |        inner.append(attempt(parser.Parse, b"<a>" * 100_000)[:2])
            |        return self.texts.pop(0)
            |inner = []
            |parser = expat.ParserCreate()
            |report(outer=parser.ParseFile(File()), inner=inner)
            """)
        self.assertEqual(facts["inner"], [["raised", "RuntimeError"]] * 3)
        self.assertEqual(facts["outer"], 1)

    def test_handlers_taken_away_before_they_are_called(self):
        facts = self.check("""
            |from xml.parsers import expat
            |def text(data):
            |    for name in names:
            |        setattr(parser, name, None)
            |names = [name for name in dir(expat.ParserCreate()) if name.endswith("Handler")
            |         and name != "CharacterDataHandler"]
            |parser = expat.ParserCreate()
            |parser.buffer_text = True
            |parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
            |for name in names:
            |    setattr(parser, name, lambda *arguments: 1)
            |parser.CharacterDataHandler = text
            |report(end=parser.Parse("<a>text<b/></a>", True))
            |parser = expat.ParserCreate()
            |parser.StartDoctypeDeclHandler = print
            |parser.Parse("<!DOCTYPE a ")
            |parser.StartDoctypeDeclHandler = None
            |report(type=parser.Parse("><a/>", True))
            """)
        self.assertEqual((facts["end"], facts["type"]), (1, 1))

    def test_a_default_handler_taken_away_amid_a_token(self):
        facts = self.check("""
            |from xml.parsers import expat
            |source = ("<!--" + "x" * 10_000 + "--><a/>").encode("utf-16")
            |def away(data):
            |    setattr(parser, name, None)
            |    count.append(1)
            |def wrong(data):
            |    raise ZeroDivisionError
            |count, ends, errors = [], [], []
            |for name in "DefaultHandler", "DefaultHandlerExpand":
            |    parser = expat.ParserCreate()
            |    setattr(parser, name, away)
            |    ends.append(parser.Parse(source, True))
            |    parser = expat.ParserCreate()
            |    setattr(parser, name, wrong)
            |    errors.append(attempt(parser.Parse, source, True)[:2])
            |report(ends=ends, count=len(count), errors=errors)
            """)
        self.assertEqual((facts["ends"], facts["count"]), ([1, 1], 2))
        self.assertEqual(facts["errors"], [["raised", "ZeroDivisionError"]] * 2)

    def test_the_buffer_taken_away_amid_the_text(self):
        facts = self.check("""
            |from xml.parsers import expat
            |def text(data):
            |    texts.append(data)
            |    if len(texts) == 1:
            |        parser.buffer_text = False
            |texts = []
            |parser = expat.ParserCreate()
            |parser.buffer_size = 10
            |parser.CharacterDataHandler = text
            |parser.Parse("<a>123456&lt;123456&lt;</a>", True)
            |report(text="".join(texts))
            """)
        self.assertIn("<123456<", facts["text"])

    def test_a_handler_that_goes_while_it_runs(self):
        facts = self.check("""
            |from xml.parsers import expat
            |def comment(data):
            |    host.CommentHandler = None
            |    found.append(data)
            |found = []
            |host, guest = expat.ParserCreate(), expat.ParserCreate()
            |guest.DefaultHandler = comment
            |host.CommentHandler = guest.Parse
            |del guest
            |report(end=host.Parse("<a><!--<b/>--></a>", True), found=found)
            """)
        self.assertEqual(facts["end"], 1)
        self.assertIn("<b/>", facts["found"])

    def test_two_parsers_that_declare_in_the_same_tables(self):
        # Expat looked for the parts of the one's group where the other one's began.
        facts = self.check("""
            |from xml.parsers import expat
            |parser, declared = expat.ParserCreate(), []
            |parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
            |parser.ElementDeclHandler = lambda name, model: declared.append(name)
            |parser.Parse("<!DOCTYPE a [<!ELEMENT a (b,(c," + "(" * 200 + "x")
            |part = parser.ExternalEntityParserCreate(None)
            |part.Parse("<!ELEMENT p ")
            |parser.Parse(")" * 150 + "|z)" + "|y)" * 49 + "))")
            |part.Parse("(h,i)><!ELEMENT q (l|m)>", True)
            |parser.Parse("><!ELEMENT d (e|(f,g))>]><a/>", True)
            |report(declared=declared)
            """)
        self.assertEqual(facts["declared"], ["q", "d"])

    def test_a_tree_builder_used_by_what_it_releases(self):
        facts = self.check("""
            |from xml.etree.ElementTree import TreeBuilder
            |class Element:
            |    def __init__(self, *arguments): pass
            |    def append(self, part): pass
            |    def __del__(self):
            |        if acts: acts.pop()("a")
            |acts = []
            |builder = TreeBuilder(element_factory=Element, comment_factory=Element,
            |                      insert_comments=True)
            |builder.start("a", {})
            |builder.comment("b")
            |acts = [builder.end]
            |report(outer=attempt(builder.end, "a")[:2], acts=acts)
            """)
        self.assertEqual((facts["outer"][0], facts["acts"]), ("done", []))

    def test_a_tree_builder_used_by_its_elements(self):
        facts = self.check("""
            |from xml.etree.ElementTree import TreeBuilder
            |class Element:
            |    tail = None
            |    def __init__(self, *arguments): pass
            |    def append(self, part): pass
            |    @property
            |    def text(self):
            |        if acts:
            |            acts.pop()("b")
            |            builder.start("c", {})
            |    @text.setter
            |    def text(self, value): pass
            |class Parent(Element):
            |    def append(self, part):
            |        builder.end("a")
            |        builder.start("c", {})
            |        builder.end("c")
            |acts = []
            |builder = TreeBuilder(element_factory=Element)
            |builder.start("a", {})
            |builder.start("b", {})
            |builder.data("x")
            |acts = [builder.end]
            |ends = [attempt(builder.end, "a")[0]]
            |builder = TreeBuilder(element_factory=Element)
            |builder.start("a", {})
            |builder.__init__(element_factory=Parent)
            |builder.start("b", {})
            |builder.__init__(element_factory=Element)
            |builder.start("c", {})
            |for round in range(10):
            |    ends.append(attempt(builder.end, "a")[0])
            |report(ends=ends)
            """)
        self.assertEqual(facts["ends"][0], "done")
        self.assertIn("raised", facts["ends"])

    def test_a_slice_of_elements_that_ends_before_it_begins(self):
        facts = self.check("""
            |import xml.etree.ElementTree as etree
            |element = etree.Element("tag")
            |for name in "abcd":
            |    etree.SubElement(element, name)
            |element[3:1] = [etree.Element("new")]
            |report(tags=[child.tag for child in element])
            |del element
            """, before="import xml.etree.ElementTree")
        self.assertEqual(facts["tags"], ["a", "b", "c", "new", "d"])

    def test_a_state_that_is_cleared_while_it_is_taken_over(self):
        facts = self.check("""
            |import xml.etree.ElementTree as etree
            |class Tag:
            |    def __del__(self):
            |        state.clear()
            |class Value: pass
            |element = etree.Element(Tag())
            |state = {"tag": "tag", "text": Value(), "tail": Value(), "attrib": {Value(): 1},
            |         "_children": [etree.Element("child")]}
            |element.__setstate__(state)
            |report(kinds=[type(element.text).__name__, type(element.tail).__name__],
            |       sizes=[len(element), len(element.attrib), len(state)])
            """, before="import xml.etree.ElementTree")
        self.assertEqual((facts["kinds"], facts["sizes"]), (["Value"] * 2, [1, 1, 0]))


if __name__ == "__main__":
    unittest.main()
