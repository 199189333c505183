"""What the benchmarks share: samples of two builds taken in turns, and their ratios.

Each sample is a fresh process.  The builds take turns, A B A B, so that a
machine that drifts drifts for both.  Beside each ratio B : A stands the ratio
of A against itself, taken from the same run: what cannot be told from noise
cannot be blamed on B.  A ratio is the median over the pairs of neighbouring
samples, its interval a 95% bootstrap over the pairs.

A bar counts as missed when the whole interval lies beyond it; a median beyond
it whose interval is not is reported as "open", unless the unit is of time, of
which it is only asked that the bar is not below the interval.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

RESAMPLES = 5000


def fail(message):
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(2)


class BuildsParser(argparse.ArgumentParser):
    """The arguments of what compares a woven with an unwoven build."""

    def __init__(self, **options):
        super().__init__(**options)
        self.add_argument("--woven", default="./python", metavar="PATH",
                          help="the python of Locked Down Python (default: %(default)s)")
        self.add_argument("--unwoven", required=True, metavar="PATH",
                          help="the python of the same CPython release, not woven")

    def parse_args(self):
        options = super().parse_args()
        for name in ("woven", "unwoven"):
            path = shutil.which(os.path.abspath(getattr(options, name)))
            if path is None:
                self.error(f"--{name}: no program at {getattr(options, name)}")
            setattr(options, name, path)
        return options


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


def verdict(bar, measured, exact):
    """Judge (ratio, low, high) as it is printed, to the third decimal; a count is exact."""
    middle, low, _ = (round(value, 3) for value in measured)
    if low > bar:
        return "missed"
    # A time is only asked to have its bar within the interval.
    return "open" if exact and middle > bar else "ok"


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


def print_columns():
    print(f"{'work':<17} {'unit':<6} {'unwoven':>15} {'woven':>15}  "
          f"{'ratio':>6} {'95% interval':<16} {'A : A':>6} {'95% interval':<16} bar")


def print_row(name, unit, a, b, bar, rng):
    against = ratio(b, a, rng)
    # The unwoven build's odd samples against its even ones.
    itself = ratio(a[1::2], a[0::2], rng)
    word = verdict(bar, against, unit == "instr")
    print(f"{name:<17} {unit:<6} {statistics.median(a):>15,.1f} "
          f"{statistics.median(b):>15,.1f}  {against[0]:6.3f} "
          f"[{against[1]:.3f}, {against[2]:.3f}]  {itself[0]:6.3f} "
          f"[{itself[1]:.3f}, {itself[2]:.3f}]  {word}", flush=True)
    return word
