"""What is shown instead of addresses, over a million objects made one after the other: noise."""

import unittest
from test import support
from test.test_lockdown import fresh

MANY = 1_000_000

# Chi-squared over the bytes at each of eight places: 255 degrees of freedom, a mean of 255 and a
# deviation of 22.6.  True noise is beyond 420 less than once in 10**9.
BOUND = 420

TOOLS = """
    |from array import array
    |from collections import Counter
    |MASK = (1 << 64) - 1
    |def chi_squared(numbers):
    |    "The worst of the eight places."
    |    data = array("Q", numbers).tobytes()
    |    expected = len(data) / 8 / 256
    |    worst = 0
    |    for place in range(8):
    |        counts = Counter(data[place::8])
    |        worst = max(worst, sum((counts[value] - expected) ** 2 for value in range(256))
    |                           / expected)
    |    return worst
    |def judge(numbers):
    |    numbers = [number & MASK for number in numbers]
    |    pairs = list(zip(numbers, numbers[1:]))
    |    return {"values": chi_squared(numbers),
    |            "low bits": chi_squared([sum((a & 255) << shift for a, shift in
    |                                         zip(part, range(0, 64, 8)))
    |                                     for part in zip(*[iter(numbers)] * 8)]),
    |            "differences": chi_squared([b - a & MASK for a, b in pairs]),
    |            "xor": chi_squared([b ^ a for a, b in pairs])}
    """


def scenario(source, **kwargs):
    return fresh.scenario(fresh.text(TOOLS) + fresh.text(source), **kwargs).facts


class NoiseTest(unittest.TestCase):

    def check(self, facts, name):
        if support.verbose:
            print(f"{name} of {MANY:,} objects, chi-squared: " + ", ".join(
                f"{what} {value:.0f}" for what, value in facts.items()) + f"; bound {BOUND}")
        for what, value in facts.items():
            with self.subTest(name=name, what=what):
                self.assertLess(value, BOUND)

    def test_ids(self):
        for options in ("-I",), ("-I", "-X", "lockdown=later"):
            facts = scenario(f"""
                |things = [object() for _ in range({MANY})]
                |lockdownlib.lockdown(keep=())
                |ids = [id(thing) for thing in things]
                |report(unique=len(set(ids)), judged=judge(ids))
                """, options=options)
            self.assertEqual(facts["unique"], MANY)
            self.check(facts["judged"], f"ids, {options[-1]}")

    def test_hashes_of_a_process_born_to_be_locked(self):
        facts = scenario(f"""
            |things = [object() for _ in range({MANY})]
            |early = [hash(thing) for thing in things]
            |lockdownlib.lockdown(keep=())
            |report(same=early == [hash(thing) for thing in things], judged=judge(early))
            """, options=("-I", "-X", "lockdown=later"))
        self.assertTrue(facts["same"])
        self.check(facts["judged"], "hashes, born to be locked")

    ORDER = f"""
        |number = {{}}
        |things = [object() for _ in range({MANY // 10})]
        |for thing in things:
        |    number[thing] = len(number)
        |if lock:
        |    lockdownlib.lockdown(keep=())
        |# When an object was made against its place in the set, in 16 parts each.
        |counts = Counter((place * 16 // len(things), number[thing] * 16 // len(things))
        |                 for place, thing in enumerate(set(things)))
        |expected = len(things) / 256
        |worst = sum((counts[a, b] - expected) ** 2 for a in range(16) for b in range(16))
        |report(order=worst / expected, dict=[number[thing] for thing in number]
        |       == list(range(len(things))))
        """

    def test_order_of_sets_and_dicts(self):
        facts = scenario("|lock = True" + self.ORDER, options=("-I", "-X", "lockdown=later"))
        self.assertLess(facts["order"], BOUND)
        # A dict goes by when keys were put in, whatever their hashes.
        self.assertTrue(facts["dict"])
        # The control: addresses put objects that were made together beside each other.
        for lock in False, True:
            self.assertGreater(scenario(f"|lock = {lock}" + self.ORDER)["order"], 10 * BOUND)

    def test_controls(self):
        # Addresses, and an affine map of them, are no noise: the differences say so at least.
        facts = scenario(f"""
            |things = [object() for _ in range({MANY})]
            |ids = [id(thing) for thing in things]
            |affine = [number * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03 for number in ids]
            |hashes = [hash(thing) for thing in things]
            |report(ids=judge(ids), affine=judge(affine), hashes=judge(hashes))
            """)
        for what, value in facts["ids"].items():
            self.assertGreater(value, 10 * BOUND, what)
        self.assertGreater(facts["affine"]["differences"], 10 * BOUND)
        # Of a lock that comes late the hashes tell distances, as the documentation says.
        self.assertGreater(facts["hashes"]["differences"], 10 * BOUND)

    def test_two_runs_share_nothing(self):
        source = f"""
            |things = [object() for _ in range({MANY // 10})]
            |lockdownlib.lockdown(keep=())
            |report(ids=[id(thing) for thing in things], hashes=[hash(thing) for thing in things])
            """
        one, other = (scenario(source, options=("-I", "-X", "lockdown=later")) for _ in range(2))
        for name in "ids", "hashes":
            self.assertEqual(set(one[name]) & set(other[name]), set())
            # Nor is one a constant away from the other.
            self.assertGreater(len({(a - b) & (1 << 64) - 1
                                    for a, b in zip(one[name], other[name])}), MANY // 10 - 10)


if __name__ == "__main__":
    unittest.main()
