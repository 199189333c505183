"""What an unlocked Locked Down Python costs: woven against unwoven build.

    make unwoven
    ./python Tools/bench/unlocked.py --unwoven build/unwoven-VERSION/python

Both must be built from the same CPython release with the same options and
compiler, as the make target does.

Each sample is a fresh process.  The builds take turns, unwoven, woven,
unwoven, woven, so that a machine that drifts drifts for both.  Beside each
ratio woven : unwoven stands the ratio of the unwoven build against itself,
taken from the same run: what cannot be told from noise cannot be blamed on
the weave.

Instructions are those of user space, of the work alone: a run that does the
work minus a run that only prepares it; for start-up, those of the whole
process.  Times are in nanoseconds.  Both are given for one round: one call, or
one container filled and looked through.  A ratio is the median over the pairs
of neighbouring samples, its interval a 95% bootstrap over the pairs.

Exit status: 0 if no bar is missed, 1 if one is, 2 for a usage error or a
sample that failed.  The bars: instructions at most 1.01; times 1.00 or less
within the interval.  A bar counts as missed when the whole interval lies
beyond it; a median beyond it whose interval is not is reported as "open".
"""

import os
import random
import sys
import time

import measure

BARS = {"instr": 1.01, "ns": 1.00}

# The measured processes run these with two names set: rounds, and size.
# Objects are made before the clock starts; the look-ups hash each one again.
# Others are made first: they take the places that start-up left free here and
# there, where objects would share a set's slots by accident, in each build others.
WORKLOADS = {
    "os.stat": """
import os
def work(call=os.stat):
    for _ in range(rounds):
        call("/")
""",
    "os.getpid": """
import os
def work(call=os.getpid):
    for _ in range(rounds):
        call()
""",
    "set": """
filled = [object() for _ in range(20_000)]
objects = [object() for _ in range(size)]
def work():
    for _ in range(rounds):
        made = set(objects)
        for one in objects:
            one in made
""",
    "dict": """
filled = [object() for _ in range(20_000)]
objects = [object() for _ in range(size)]
def work():
    for _ in range(rounds):
        made = dict.fromkeys(objects)
        for one in objects:
            one in made
""",
}

TIMED = """
import gc, sys, time
gc.disable()
rounds, size = int(sys.argv[1]), int(sys.argv[2])
{body}
start = time.perf_counter_ns()
work()
print(time.perf_counter_ns() - start)
"""


class Workload:
    """One row of the table: a body, its size, and how often it is repeated."""

    def __init__(self, name, body, size, rounds, counted_rounds):
        self.name = name
        self.body = body
        self.size = size
        self.rounds = rounds
        self.counted_rounds = counted_rounds

    def command(self, python, rounds):
        # What -I does, but for the seed in the environment: see run().
        if self.body is None:
            return [python, "-P", "-s", "-c", "pass"]
        return [python, "-P", "-s", "-S", "-c", TIMED.format(body=self.body),
                str(rounds), str(self.size)]


def workloads():
    rows = [Workload("os.stat", WORKLOADS["os.stat"], 1, 200_000, 20_000),
            Workload("os.getpid", WORKLOADS["os.getpid"], 1, 1_000_000, 50_000)]
    for kind in ("set", "dict"):
        for size in (100, 10_000, 1_000_000):
            # About as many objects in each row, so that all take about as long.
            rows.append(Workload(f"{kind} of {size:,}", WORKLOADS[kind], size,
                                 max(1, 2_000_000 // size),
                                 max(1, 200_000 // size)))
    rows.append(Workload("start-up", None, 1, 20, 1))
    return rows


def sample_time(workload, python):
    """Nanoseconds for one round."""
    if workload.body is None:
        command = workload.command(python, 0)
        start = time.perf_counter_ns()
        for _ in range(workload.rounds):
            measure.run(command)
        return (time.perf_counter_ns() - start) / workload.rounds
    done = measure.run(workload.command(python, workload.rounds))
    return int(done.stdout) / workload.rounds


def sample_instructions(workload, python, count):
    """Instructions for one round, preparation and start-up taken off."""
    rounds = workload.counted_rounds
    whole = count(workload.command(python, rounds))
    if workload.body is None:
        return whole
    return (whole - count(workload.command(python, 0))) / rounds


def parse_arguments():
    parser = measure.BuildsParser(
        description="Compare the woven with the unwoven build, unlocked.")
    parser.add_argument("--quick", action="store_true",
                        help="a look in about two minutes: fewer and shorter samples")
    parser.add_argument("--only", default="", metavar="WORD",
                        help="only the work whose name has this in it")
    options = parser.parse_args()
    options.workloads = [work for work in workloads() if options.only in work.name]
    if not options.workloads:
        parser.error(f"--only: no work has {options.only!r} in its name")
    return options


def main():
    options = parse_arguments()
    # Even numbers: the unwoven samples are also paired among themselves.
    pairs, counted_pairs = (8, 4) if options.quick else (40, 10)
    counter_name, count = measure.choose_counter(options.unwoven)
    measure.print_head(options, counter_name, count, pairs, counted_pairs)
    if hasattr(os, "sched_setaffinity"):
        # One processor for all: moving between two is noise.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = random.Random(1)
    measure.print_columns()
    words = []
    for workload in options.workloads:
        if options.quick:
            workload.rounds = max(1, workload.rounds // 4)
        if count is not None:
            a, b = measure.take_turns(
                lambda python: sample_instructions(workload, python, count),
                options.unwoven, options.woven, counted_pairs)
            words.append(measure.print_row(workload.name, "instr", a, b, BARS["instr"], rng))
        a, b = measure.take_turns(lambda python: sample_time(workload, python),
                          options.unwoven, options.woven, pairs)
        words.append(measure.print_row(workload.name, "ns", a, b, BARS["ns"], rng))
    print()
    print(", ".join(f"{words.count(word)} {word}" for word in ("ok", "open", "missed")))
    return 1 if "missed" in words else 0


if __name__ == "__main__":
    sys.exit(main())
