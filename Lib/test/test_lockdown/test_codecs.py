"""Every codec of the standard library works when locked, without having been used before."""

import codecs
import encodings
import encodings.aliases
import os
import unittest
from test.test_lockdown import fresh

# These are not of this platform.
ELSEWHERE = {"mbcs", "oem"}


def names():
    """The modules of encodings that are codecs, as they lie in the library's folder."""
    return sorted(entry.removesuffix(".py") for entry in os.listdir(encodings.__path__[0])
                  if entry.endswith(".py") and entry not in ("__init__.py", "aliases.py"))


class CodecTest(unittest.TestCase):

    def test_each_codec(self):
        wanted = [name for name in names() if name not in ELSEWHERE]
        self.assertGreater(len(wanted), 110)
        facts = fresh.scenario(f"""
            |import codecs
            |lockdownlib.lockdown(keep=())
            |bad = {{}}
            |for name in {wanted!r}:
            |    try:
            |        codec = codecs.lookup(name)
            |        if codec._is_text_encoding and name not in ("idna", "undefined"):
            |            text = "Sample 1"
            |            if codec.decode(codec.encode(text)[0])[0] != text:
            |                bad[name] = "another text"
            |            decoder = codec.incrementaldecoder and codec.incrementaldecoder()
            |            if decoder and decoder.decode(codec.encode(text)[0], True) != text:
            |                bad[name] = "another text bit by bit"
            |        elif name not in ("idna", "undefined", "rot_13"):
            |            data = b"Sample 1\\n"
            |            if codec.decode(codec.encode(data)[0])[0] != data:
            |                bad[name] = "other data"
            |    except Exception as error:
            |        bad[name] = repr(error)
            |report(bad=bad)
            """).facts
        # bz2 is a library that is loaded before the lock or not at all.
        self.assertLessEqual(set(facts["bad"]), {"bz2_codec"}, facts)

    def test_each_alias(self):
        wanted = {alias: codecs.lookup(alias).name
                  for alias, name in encodings.aliases.aliases.items()
                  # One alias has capitals, by which nothing is found in any Python.
                  if name not in ELSEWHERE and name != "bz2_codec" and alias == alias.lower()}
        self.assertGreater(len(wanted), 300)
        facts = fresh.scenario(f"""
            |import codecs
            |lockdownlib.lockdown(keep=())
            |found = {{}}
            |for alias in {sorted(wanted)!r}:
            |    try:
            |        found[alias] = codecs.lookup(alias).name
            |    except Exception as error:
            |        found[alias] = repr(error)
            |report(found=found)
            """).facts
        self.assertEqual(facts["found"], wanted)

    def test_what_they_carry(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=())
            |report(japanese=b"\\x82\\xb1".decode("shift_jis"), korean="\\uac00".encode("cp949").hex(),
            |       iso="\\u65e5".encode("iso2022_jp").hex(), idna="b\\xfccher.example".encode("idna").decode(),
            |       puny="b\\xfccher".encode("punycode").decode(),
            |       rot=__import__("codecs").encode("abc", "rot13"),
            |       utf=["\\U0001f600".encode(name).hex() for name in ("utf-7", "utf-16", "utf-32-be",
            |                                                          "utf-8-sig")])
            """).facts
        self.assertEqual(facts["japanese"], "\u3053")
        self.assertEqual(facts["korean"], "b0a1")
        self.assertEqual(facts["iso"], "\u65e5".encode("iso2022_jp").hex())
        self.assertEqual(facts["idna"], "xn--bcher-kva.example")
        self.assertEqual(facts["puny"], "bcher-kva")
        self.assertEqual(facts["rot"], "nop")
        self.assertEqual(facts["utf"], ["\U0001f600".encode(name).hex() for name in
                                        ("utf-7", "utf-16", "utf-32-be", "utf-8-sig")])

    def test_an_unknown_one(self):
        facts = fresh.scenario("""
            |lockdownlib.lockdown(keep=())
            |report(unknown=attempt("x".encode, "no-such-codec"),
            |       path=attempt("x".encode, "../../x"))
            """).facts
        self.assertEqual(facts["unknown"][:2], ["raised", "LookupError"])
        self.assertEqual(facts["path"][:2], ["raised", "LookupError"])


if __name__ == "__main__":
    unittest.main()
