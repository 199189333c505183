"""What a lock costs a program: pyperformance's programs, locked against unlocked.

    make bench-locked

installs pyperformance below build/ and runs

    ./python Tools/bench/locked.py --benchmarks FOLDER [--kernel off|try|require] [NAME ...]

Run are those that use nothing but the standard library.  Each sample is a
fresh process of one interpreter, unlocked or locked with keep=(); they take
turns, and beside each ratio of processor time locked : unlocked stands that of unlocked against
itself (measure.py says how).  Programs are locked before the first of their
statements; one that then is refused a right, because it reads a file of its
own, is locked "late", when all is prepared for the function that is measured.
What needs a right even so is named with it, and not measured.

Exit status: 0, 1 if a program gives another result locked than unlocked or
fails for want of no right, 2 for a usage error.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tomllib

import lockdownlib

import measure

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "locked_program.py")
TIMEOUT = 600


class Benchmark:
    """One program with its options; loops is what takes a tenth of a second unlocked, for
    each function that it measures."""

    def __init__(self, name, path, options):
        self.name = name
        self.path = path
        self.options = options
        self.loops = []

    def run(self, python, mode, kernel="off", keep=()):
        """The report of one process; "out" is what the program printed."""
        born = () if mode == "plain" else ("-X", "lockdown=later")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("PYTHON")}
        environment["PYTHONHASHSEED"] = "0"
        try:
            done = subprocess.run(
                [python, *born, "-P", "-s", PROGRAM, mode, kernel, ",".join(keep),
                 ",".join(map(str, self.loops)), self.path, *self.options],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return {"times": [], "error": f"not over after {TIMEOUT} seconds"}
        out, _, last = done.stdout.rstrip("\n").rpartition("\n")
        try:
            report = json.loads(last)
        except ValueError:
            report = {"times": [], "error": f"exit status {done.returncode}: "
                                            + done.stderr.strip()[-300:]}
        report["out"] = out
        return report


def benchmarks(folder):
    """Those of a folder that need no package, with all their variants."""
    found = []
    for directory in sorted(pathlib.Path(folder).glob("bm_*")):
        program = directory / "run_benchmark.py"
        if (directory / "requirements.txt").exists() or not program.exists():
            continue
        for file in sorted(directory.glob("*.toml")):
            with file.open("rb") as text:
                table = tomllib.load(text)
            tool = table.get("tool", {}).get("pyperformance", {})
            needs = table.get("project", {}).get("dependencies", [])
            # A folder with variants has a pyproject.toml that is their base, and may have no name.
            if "name" in tool and not [need for need in needs if not need.startswith("pyperf")]:
                found.append(Benchmark(tool["name"], str(program), tool.get("extra_opts", [])))
    return found


def results(report):
    """What has to be the same, locked and unlocked."""
    return [[name, digest] for name, _, _, digest in report["times"]], report["out"]


def missing(benchmark, python, mode, kernel, plain):
    """The rights it needs though it told of none, because it caught a refusal; [] if they are of
    no use."""
    rights = list(lockdownlib.RIGHTS)
    if results(benchmark.run(python, mode, kernel, rights)) != results(plain):
        return []
    for right in lockdownlib.RIGHTS:
        fewer = [other for other in rights if other != right]
        if results(benchmark.run(python, mode, kernel, fewer)) == results(plain):
            rights = fewer
    return rights


def try_out(benchmark, python, kernel):
    """("locked" or "late", "") if it can be measured, else ("", why not)."""
    plain = benchmark.run(python, "plain")
    if "refused" in plain or "error" in plain or not plain["times"]:
        return "", "not run unlocked either: " + plain.get("error", "it measures nothing")
    benchmark.loops = [loops for _, loops, _, _ in plain["times"]]
    # Some return what they were told to do, so loops must be the same.
    plain = benchmark.run(python, "plain")
    for mode in ("locked", "late"):
        report = benchmark.run(python, mode, kernel)
        if "refused" in report:
            right, operation = report["refused"]
            why = f"needs {right}, for {operation}"
        elif "error" in report:
            rights = missing(benchmark, python, mode, kernel, plain)
            if not rights:
                return "", "FAILS when locked: " + report["error"]
            why = f"needs {' '.join(rights)}, and else says {report['error']}"
        elif results(report) != results(plain):
            return "", "DIFFERS when locked"
        else:
            return mode, ""
    return "", why


def seconds(report):
    return sum(spent for _, _, spent, _ in report["times"])


def parse_arguments():
    parser = argparse.ArgumentParser(description="Run pyperformance's programs locked.")
    parser.add_argument("--python", default=sys.executable, metavar="PATH",
                        help="the interpreter (default: the one that runs this)")
    parser.add_argument("--benchmarks", required=True, metavar="FOLDER",
                        help="pyperformance's data-files/benchmarks")
    parser.add_argument("--kernel", choices=("off", "try", "require"), default="off",
                        help="what lockdown() asks of the kernel (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=10,
                        help="samples of either kind, an even number (default: %(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    options = parser.parse_args()
    if options.pairs < 2 or options.pairs % 2:
        parser.error("--pairs: an even number is needed")
    options.python = shutil.which(os.path.abspath(options.python))
    if options.python is None:
        parser.error("--python: there is no such program")
    options.found = benchmarks(options.benchmarks)
    if not options.found:
        parser.error(f"--benchmarks: no programs in {options.benchmarks}")
    unknown = set(options.names) - {benchmark.name for benchmark in options.found}
    if unknown:
        parser.error(f"no program {min(unknown)} that needs the standard library alone")
    return options


def main():
    options = parse_arguments()
    facts = measure.build_facts(options.python)
    print(f"date       {datetime.date.today()}")
    print(f"machine    {measure.processor()}, {os.cpu_count()} processors")
    print(f"python     {facts['version']}; {facts['options'] or 'no options'}")
    print(f"kernel     {options.kernel}")
    print(f"counts     {options.pairs} pairs of processes")
    print()
    print(f"{'program':<36} {'lock':<7} {'ratio':>6} {'95% interval':<16} {'A : A':>6} "
          f"{'95% interval':<16}")
    rng, ratios, wrong, needs = random.Random(1), {}, 0, 0
    for benchmark in options.found:
        if options.names and benchmark.name not in options.names:
            continue
        mode, why = try_out(benchmark, options.python, options.kernel)
        if not mode:
            print(f"{benchmark.name:<36} {why}", flush=True)
            wrong += why.startswith(("FAILS", "DIFFERS"))
            needs += why.startswith("needs")
            continue
        a, b = [], []
        for _ in range(options.pairs):
            a.append(seconds(benchmark.run(options.python, "plain")))
            b.append(seconds(benchmark.run(options.python, mode, options.kernel)))
        against, itself = measure.ratio(b, a, rng), measure.ratio(a[1::2], a[0::2], rng)
        ratios[benchmark.name] = against[0]
        print(f"{benchmark.name:<36} {mode:<7} {against[0]:6.3f} "
              f"[{against[1]:.3f}, {against[2]:.3f}]  {itself[0]:6.3f} "
              f"[{itself[1]:.3f}, {itself[2]:.3f}]", flush=True)
    print()
    if ratios:
        worst = max(ratios, key=ratios.get)
        print(f"geometric mean {statistics.geometric_mean(ratios.values()):.3f}, "
              f"median {statistics.median(ratios.values()):.3f}, worst {ratios[worst]:.3f} ({worst})")
    print(f"{len(ratios)} give the same result locked; {needs} need a right; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
