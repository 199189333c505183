"""What a start costs, locked and unlocked: woven against unwoven build.

    make unwoven
    ./python Tools/bench/startup.py --unwoven build/unwoven-VERSION/python

Both must be built from the same CPython release with the same options and
compiler.  measure.py says how samples are taken and judged.

A sample of instructions is one process.  A sample of time is several, one
after the other; "cpu" is the time of their own and of the system for them,
"wall" what a clock says, both in nanoseconds for one process.  The bars are
those of "unlocked", a process that never locks; "later", one that is born to
be locked (-X lockdown=later); "imports", the same with eleven modules of the
library imported; "locked", the same in a process that locks at once, with no
bar.  All are compared with the unwoven build doing the same work.

The size of the table of safe modules is taken from its object file, and judged
with the bar of 12 MiB.

Exit status: 0 if no bar is missed, 1 if one is, 2 for a usage error or a
sample that failed.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import time

import measure

MODULES = ("json", "re", "dataclasses", "datetime", "decimal", "enum", "typing", "random",
           "statistics", "collections", "functools")
IMPORTS = "import " + ", ".join(MODULES)
# What -I does, but for the hash seed in the environment.
ALONE = ("-P", "-s")
LATER = ("-X", "lockdown=later")
LOCKED = ("-X", "lockdown")
# Name, options of the woven build, program, bar.
WORK = (("unlocked", (), "pass", 1.01), ("later", LATER, "pass", 1.00),
        ("imports", LATER, IMPORTS, 0.85), ("locked", LOCKED, IMPORTS, float("inf")))
TABLE_BAR = 12 << 20


def times_of(command, processes):
    """(processor time, time by a clock) of one process, in nanoseconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter_ns()
    for _ in range(processes):
        measure.run(command)
    wall = time.perf_counter_ns() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime
           - before.ru_utime - before.ru_stime) * 1e9
    return cpu / processes, wall / processes


def sections(path):
    """Bytes of text and data of an object file or a program; None if nothing tells."""
    if shutil.which("size") is None or not os.path.exists(path):
        return None
    done = subprocess.run(["size", path], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return None
    text, data = done.stdout.splitlines()[1].split()[:2]
    return int(text) + int(data)


def print_sizes(options):
    """Print what the binary gained; True if the table is too large."""
    table = sections(os.path.join(os.path.dirname(os.path.realpath(options.woven)),
                                  "Python", "frozen_safe.o"))
    woven, unwoven = sections(options.woven), sections(options.unwoven)
    if None in (table, woven, unwoven):
        print("size       not known: size(1) or Python/frozen_safe.o is not there")
        return False
    print(f"size       table of safe modules {table / 2**20:.1f} MiB (bar {TABLE_BAR >> 20}); "
          f"static modules and the rest {(woven - unwoven - table) / 2**20:.1f} MiB")
    print()
    return table > TABLE_BAR


def parse_arguments():
    parser = measure.BuildsParser(
        description="Compare the starts of the woven and the unwoven build.")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    return parser.parse_args()


def main():
    options = parse_arguments()
    # Even numbers: the unwoven samples are also paired among themselves.
    pairs, counted_pairs, processes = (8, 2, 5) if options.quick else (40, 4, 10)
    counter_name, count = measure.choose_counter(options.unwoven)
    measure.print_head(options, counter_name, count, pairs, counted_pairs)
    too_large = print_sizes(options)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = random.Random(1)
    measure.print_columns()
    words = ["missed"] if too_large else []
    for name, extra, program, bar in WORK:
        commands = {options.unwoven: [options.unwoven, *ALONE, "-c", program],
                    options.woven: [options.woven, *extra, *ALONE, "-c", program]}
        # The first run may write .pyc files.
        for command in commands.values():
            measure.run(command)
        if count is not None:
            a, b = measure.take_turns(lambda python: count(commands[python]),
                                      options.unwoven, options.woven, counted_pairs)
            words.append(measure.print_row(name, "instr", a, b, bar, rng))
        a, b = measure.take_turns(lambda python: times_of(commands[python], processes),
                                  options.unwoven, options.woven, pairs)
        for number, unit in enumerate(("cpu", "wall")):
            words.append(measure.print_row(name, unit, [sample[number] for sample in a],
                                           [sample[number] for sample in b], bar, rng))
    print()
    print(", ".join(f"{words.count(word)} {word}" for word in ("ok", "open", "missed")))
    return 1 if "missed" in words else 0


if __name__ == "__main__":
    sys.exit(main())
