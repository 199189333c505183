"""The ledger is whole: every entry of every C module is judged, and what is refused is probed."""

import collections
import json
import unittest
from test import support
from test.support import os_helper
from test.test_lockdown import fresh, ledger, probes, test_guards
from test.test_lockdown.ledger import walker

# The walk imports all there is, which is nothing for the process that runs the tests.
WALK = """
import json
from test.test_lockdown.ledger import walker
walk = walker.Walk()
print("@" + json.dumps({"modules": sorted(walk.modules), "entries": sorted(walk.entries),
                        "homeless": [f"{cls.__module__}.{cls.__qualname__}"
                                     for cls in walk.homeless]}))
"""


def same(one, other):
    """Whether two texts of rights mean the same: the order of words does not matter."""
    return sorted(one.split("&")) == sorted(other.split("&")) or \
        "|" in one and sorted(one.split("|")) == sorted(other.split("|"))


class LedgerTest(unittest.TestCase):

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        facts = fresh.run("-I", "-c", WALK, timeout=support.LONG_TIMEOUT).facts
        cls.modules = set(facts["modules"]) - set(walker.NESTED)
        cls.entries = [tuple(entry) for entry in facts["entries"]]
        cls.homeless = facts["homeless"]
        cls.tables = {name: ledger.Table(name) for name in ledger.tables()}
        cls.unknown = [f"{module}.{entry}" for module, entry in cls.entries
                       if module not in cls.tables or cls.tables[module].find(entry) is None]

    def lines(self, judgement):
        """The lines of this judgement that speak of an entry of this build."""
        return [line for name, table in self.tables.items() if name in self.modules
                for line in table.lines
                if line.judgement == judgement and line.where in table.asked]

    def test_each_module_has_a_table(self):
        with_entries = {module for module, entry in self.entries}
        self.assertEqual(sorted(with_entries - set(self.tables)), [])

    def test_each_entry_is_judged(self):
        self.assertEqual(self.unknown, [])
        self.assertEqual(self.homeless, [], "types of no module that the walker knows")
        self.assertGreater(len(self.entries), 4700)
        counts = collections.Counter(
            self.tables[module].find(entry).judgement for module, entry in self.entries)
        if support.verbose:
            judged = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
            print(f"ledger: {len(self.modules)} modules, {len(self.entries)} entries: {judged};"
                  f" unknown {len(self.unknown)}")

    def test_each_line_has_an_entry(self):
        gone = [f"{line.where}: {line.entry}" for name, table in self.tables.items()
                if name in self.modules for line in table.unused()]
        self.assertEqual(gone, [])

    def test_lines_are_sorted(self):
        for name, table in self.tables.items():
            with self.subTest(name):
                names = [line.entry for line in table.lines]
                self.assertEqual(names, sorted(names))

    def test_each_refused_entry_has_a_probe(self):
        rights = collections.defaultdict(set)
        for probe in probes.PROBES:
            for operation in probe.operations:
                rights[operation].add(probe.right)
        missing, differ, probed = [], [], 0
        for line in self.lines("refused"):
            found = set().union(*(rights[name] for name in ledger.operations(line)
                                  if name in rights))
            if not found:
                missing.append(f"{line.where}: {line.entry}")
                continue
            probed += 1
            if not self.agree(line.right, found):
                differ.append(f"{line.where}: {line.entry}: {line.right}, probes: {found}")
        self.assertEqual(missing, [])
        self.assertEqual(differ, [])
        if support.verbose:
            print(f"ledger: {probed} refused entries, {len(probes.PROBES)} probes of them")

    def agree(self, judged, probed):
        """Whether a line's right is what the probes of the entry need.

        Where the arguments decide, each word of the line must be needed by some probe and each
        probe may need only words of the line.
        """
        if not judged.endswith("?"):
            return all(same(judged, needs) for needs in probed)
        words = set(judged[:-1].replace("&", "|").split("|"))
        return words == {word for needs in probed for word in needs.replace("&", "|").split("|")}

    def test_each_guard_row_is_in_the_ledger(self):
        known = {}
        for line in self.lines("refused"):
            for name in ledger.operations(line):
                known[name] = line
        missing, differ = [], []
        for row in test_guards.rows():
            if test_guards.listed(row.operation, test_guards.NOT_CALLED):
                continue
            line = known.get(row.operation)
            if line is None:
                found = probes.resolve(row.operation)
                # What is written in Python here is another platform's C.
                if not test_guards.listed(row.operation, test_guards.ELSEWHERE) \
                        or walker.is_c(found):
                    missing.append(f"{row.file}:{row.line}: {row.operation}")
            elif not self.covers(row.right, line.right):
                differ.append(f"{row.file}:{row.line}: {row.right}, {line.where}: {line.right}")
        self.assertEqual(missing, [])
        self.assertEqual(differ, [])

    def covers(self, guard, judged):
        """Whether a guard row's right is the one that a line names."""
        words = test_guards.words_of(guard)
        if words is None or judged.endswith("?"):
            return judged.endswith("?")
        return same(judged, words)


class SafeModulesTest(unittest.TestCase):
    """All C modules at once are safe, but for those that the manual lists."""

    def import_all(self, names):
        return set(fresh.scenario("""
            |import importlib
            |for name in json.loads(sys.argv[1]):
            |    try:
            |        importlib.import_module(name)
            |    except ImportError:
            |        pass
            |lockdownlib.lockdown()
            |report(unsafe=sorted(set(sys.modules) - set(lockdownlib.SAFE_MODULES)))
            """, json.dumps(names)).facts["unsafe"])

    def test_all_extension_modules(self):
        names = [name for name in walker.extension_modules()
                 if name not in walker.TEST_MODULES and not name.startswith("_testsinglephase")]
        self.assertGreater(len(names), 80)
        self.assertEqual(self.import_all(names), set())

    def test_with_upstreams_tests(self):
        unsafe = self.import_all(walker.extension_modules())
        self.assertEqual(unsafe - ledger.modules_left_out(), set())


class TableTest(unittest.TestCase):
    """The tables are refused when they are wrong: a typo does not pass for a judgement."""

    def table(self, text):
        with os_helper.temp_dir() as folder:
            with open(f"{folder}/sample.tsv", "w", encoding="utf-8") as file:
                file.write(text)
            with support.swap_attr(ledger, "FOLDER", folder):
                return ledger.Table("sample")

    def test_wrong_lines(self):
        for text in ("name\tpur\t\n", "name\trefused\t\n", "name\trefused fs.raed\t\n",
                     "Type.*\thandle\t\n", "*\trefused env\t\n", "name\n",
                     "name\tpure\t\nname\tpure\t\n"):
            with self.subTest(text), self.assertRaises(ledger.LedgerError) as caught:
                self.table(text)
            self.assertIn("ledger/sample.tsv:", str(caught.exception))

    def test_exact_line_wins_and_longest_pattern(self):
        table = self.table("*\tpure\tall\nType.*\tpure\ttype\nType.method\thandle\tone\n")
        self.assertEqual([table.find(name).reason for name in
                          ("function", "Type.other", "Type.method")], ["all", "type", "one"])
        self.assertEqual(table.unused(), [])

    def test_unused_lines(self):
        table = self.table("gone\tpure\told\tuntil\nolder\tpure\tuntil=3.0.1 was there\n"
                           "elsewhere\tpure\ton=nowhere not here\n")
        self.assertEqual([line.entry for line in table.unused()], ["gone"])


if __name__ == "__main__":
    unittest.main()
