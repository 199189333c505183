"""What it costs to be born to be locked: the keyed hash of objects that have the default one.

    ./python Tools/bench/born.py [--quick] [--only WORD]

One build, started without and with -X lockdown=later, in turns.  Sets and dicts are filled
with objects and looked through.  Units, ratios and intervals are those of unlocked.py.

Exit status: 0 if no bar is missed, 1 if one is, 2 for a sample that failed.  The bar, of
containers of 100 objects: at most 1.5 times; larger ones are printed, not judged, for most of
what they cost is memory out of the processor's caches.
"""

import argparse
import datetime
import os
import random
import sys

import measure
from unlocked import Workload, WORKLOADS, sample_instructions, sample_time

BAR = 1.5
SIZES = (100, 10_000, 1_000_000)
START = {"late": [], "born": ["-X", "lockdown=later"]}


class Born(Workload):
    """A workload whose `python` is a key of START."""

    def command(self, python, rounds):
        program, *rest = super().command(sys.executable, rounds)
        return [program, *START[python], *rest]


def main():
    parser = argparse.ArgumentParser(
        description="Compare processes born to be locked with others.")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--only", default="", metavar="WORD",
                        help="only the work whose name has this in it")
    options = parser.parse_args()
    pairs, counted_pairs = (8, 4) if options.quick else (40, 10)
    if not measure.build_facts(sys.executable)["woven"]:
        measure.fail(f"{sys.executable} is not woven: it has no lockdownlib")
    counter_name, count = measure.choose_counter(sys.executable)
    print(f"date       {datetime.date.today()}")
    print(f"machine    {measure.processor()}, {os.cpu_count()} processors")
    print(f"build      {sys.version}")
    print(f"counts     {pairs} pairs of times, {counted_pairs if count else 0} of instructions")
    print("counter    " + (counter_name if count else f"none: {counter_name}"))
    print()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = random.Random(1)
    print(f"{'work':<17} {'unit':<6} {'others':>15} {'born':>15}  "
          f"{'ratio':>6} {'95% interval':<16} {'A : A':>6} {'95% interval':<16} bar")
    missed = False
    for kind in ("set", "dict"):
        for size in SIZES:
            work = Born(f"{kind} of {size:,}", WORKLOADS[kind], size,
                        max(1, 2_000_000 // size), max(1, 200_000 // size))
            if options.only not in work.name:
                continue
            bar = BAR if size == SIZES[0] else float("inf")
            if count is not None:
                a, b = measure.take_turns(
                    lambda start: sample_instructions(work, start, count), "late", "born",
                    counted_pairs)
                missed |= measure.print_row(work.name, "instr", a, b, bar, rng) == "missed"
            a, b = measure.take_turns(lambda start: sample_time(work, start), "late", "born",
                                      pairs)
            missed |= measure.print_row(work.name, "ns", a, b, bar, rng) == "missed"
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
