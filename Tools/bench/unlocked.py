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

import argparse
import datetime
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BARS = {"instr": 1.01, "ns": 1.00}
RESAMPLES = 5000

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


def fail(message):
    print(f"unlocked.py: {message}", file=sys.stderr)
    sys.exit(2)


def run(command):
    # A random seed moves every dict of names, and with it each count by some per cent.
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("PYTHON")}
    environment["PYTHONHASHSEED"] = "0"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment, text=True)
    if done.returncode:
        fail(f"exit status {done.returncode} from {' '.join(command[:4])} ...\n"
             + done.stderr[-2000:])
    return done


def sample_time(workload, python):
    """Nanoseconds for one round."""
    if workload.body is None:
        command = workload.command(python, 0)
        start = time.perf_counter_ns()
        for _ in range(workload.rounds):
            run(command)
        return (time.perf_counter_ns() - start) / workload.rounds
    done = run(workload.command(python, workload.rounds))
    return int(done.stdout) / workload.rounds


def count_with_perf(command):
    with tempfile.NamedTemporaryFile("r", prefix="unlocked-") as output:
        run(["perf", "stat", "-x", ",", "-e", "instructions:u",
             "-o", output.name, "--", *command])
        for line in output.read().splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[2].startswith("instructions"):
                return int(fields[0])       # ValueError: "<not supported>"
    raise ValueError("perf stat printed no instruction count")


def count_with_valgrind(command):
    done = run(["valgrind", "--tool=callgrind",
                "--callgrind-out-file=/dev/null", *command])
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise ValueError("callgrind printed no instruction count")
    return int(found[1])


def choose_counter(python):
    """Return (how it is called, function), or the reason there is none."""
    reasons = []
    for tool, count, name in (
            ("perf", count_with_perf, "perf stat -e instructions:u"),
            ("valgrind", count_with_valgrind, "valgrind --tool=callgrind")):
        if shutil.which(tool) is None:
            reasons.append(f"{tool} is not installed")
            continue
        try:
            count([python, "-I", "-S", "-c", "pass"])
        except ValueError as error:
            reasons.append(f"{tool} does not count here ({error})")
        else:
            return name, count
    return "; ".join(reasons), None


def sample_instructions(workload, python, count):
    """Instructions for one round, preparation and start-up taken off."""
    rounds = workload.counted_rounds
    whole = count(workload.command(python, rounds))
    if workload.body is None:
        return whole
    return (whole - count(workload.command(python, 0))) / rounds


def take_turns(sample, unwoven, woven, pairs):
    """Return the samples of both builds, taken A B A B ..."""
    a, b = [], []
    for _ in range(pairs):
        a.append(sample(unwoven))
        b.append(sample(woven))
    return a, b


def ratio(above, below, rng):
    """Median of the pairwise ratios and its 95% bootstrap interval."""
    ratios = [x / y for x, y in zip(above, below)]
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios)))
                     for _ in range(RESAMPLES))
    return (statistics.median(ratios),
            medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)])


def verdict(unit, measured):
    """Judge (ratio, low, high) as it is printed, to the third decimal."""
    middle, low, _ = (round(value, 3) for value in measured)
    if low > BARS[unit]:
        return "missed"
    # A time is only asked to have its bar within the interval.
    return "open" if unit == "instr" and middle > BARS[unit] else "ok"


def build_facts(python):
    code = ("import json, platform, sys, sysconfig; v = sysconfig.get_config_var;"
            "print(json.dumps([sys.version, v('CONFIG_ARGS'), v('CC'), v('OPT'),"
            " platform.python_version(), 'lockdownlib' in sys.builtin_module_names]))")
    facts = json.loads(run([python, "-I", "-c", code]).stdout)
    return dict(zip(("version", "options", "cc", "opt", "release", "woven"), facts))


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Compare the woven with the unwoven build, unlocked.")
    parser.add_argument("--woven", default="./python", metavar="PATH",
                        help="the python of Locked Down Python (default: %(default)s)")
    parser.add_argument("--unwoven", required=True, metavar="PATH",
                        help="the python of the same CPython release, not woven")
    parser.add_argument("--quick", action="store_true",
                        help="a look in about two minutes: fewer and shorter samples")
    parser.add_argument("--only", default="", metavar="WORD",
                        help="only the work whose name has this in it")
    options = parser.parse_args()
    options.workloads = [work for work in workloads() if options.only in work.name]
    if not options.workloads:
        parser.error(f"--only: no work has {options.only!r} in its name")
    for name in ("woven", "unwoven"):
        path = shutil.which(os.path.abspath(getattr(options, name)))
        if path is None:
            parser.error(f"--{name}: no program at {getattr(options, name)}")
        setattr(options, name, path)
    return options


def print_head(options, counter_name, count, pairs, counted_pairs):
    woven, unwoven = build_facts(options.woven), build_facts(options.unwoven)
    if not woven["woven"]:
        fail(f"{options.woven} is not woven: it has no lockdownlib")
    if unwoven["woven"]:
        fail(f"{options.unwoven} is woven: it has lockdownlib")
    if woven["release"] != unwoven["release"]:
        fail(f"two releases: {woven['release']} and {unwoven['release']}")
    print(f"date       {datetime.date.today()}")
    print(f"machine    {processor()}, {os.cpu_count()} processors, "
          f"{platform.system()} {platform.release()}")
    print(f"woven      {woven['version']}; {woven['options'] or 'no options'}")
    print(f"unwoven    {unwoven['version']}; {unwoven['options'] or 'no options'}")
    for what in ("cc", "opt"):
        if woven[what] != unwoven[what]:
            print(f"warning    built differently: {what} is {woven[what]!r} "
                  f"and {unwoven[what]!r}")
    print(f"counts     {pairs} pairs of times, "
          f"{counted_pairs if count else 0} pairs of instruction counts")
    print("counter    " + (counter_name if count
                           else f"none: {counter_name}; times alone are judged"))
    print()


def print_row(workload, unit, a, b, rng):
    against = ratio(b, a, rng)
    # The unwoven build's odd samples against its even ones.
    itself = ratio(a[1::2], a[0::2], rng)
    word = verdict(unit, against)
    print(f"{workload.name:<17} {unit:<6} {statistics.median(a):>15,.1f} "
          f"{statistics.median(b):>15,.1f}  {against[0]:6.3f} "
          f"[{against[1]:.3f}, {against[2]:.3f}]  {itself[0]:6.3f} "
          f"[{itself[1]:.3f}, {itself[2]:.3f}]  {word}", flush=True)
    return word


def main():
    options = parse_arguments()
    # Even numbers: the unwoven samples are also paired among themselves.
    pairs, counted_pairs = (8, 4) if options.quick else (40, 10)
    counter_name, count = choose_counter(options.unwoven)
    print_head(options, counter_name, count, pairs, counted_pairs)
    if hasattr(os, "sched_setaffinity"):
        # One processor for all: moving between two is noise.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = random.Random(1)
    print(f"{'work':<17} {'unit':<6} {'unwoven':>15} {'woven':>15}  "
          f"{'ratio':>6} {'95% interval':<16} {'A : A':>6} {'95% interval':<16} bar")
    words = []
    for workload in options.workloads:
        if options.quick:
            workload.rounds = max(1, workload.rounds // 4)
        if count is not None:
            a, b = take_turns(
                lambda python: sample_instructions(workload, python, count),
                options.unwoven, options.woven, counted_pairs)
            words.append(print_row(workload, "instr", a, b, rng))
        a, b = take_turns(lambda python: sample_time(workload, python),
                          options.unwoven, options.woven, pairs)
        words.append(print_row(workload, "ns", a, b, rng))
    print()
    print(", ".join(f"{words.count(word)} {word}" for word in ("ok", "open", "missed")))
    return 1 if "missed" in words else 0


if __name__ == "__main__":
    sys.exit(main())
