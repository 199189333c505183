"""What cells cost.

    ./python Tools/bench/cells.py [--count N] [--python PATH]

Run it by any Python that has the package rexec; PATH is the binary for the cells, this one if it
is Locked Down Python.  Each figure is the median over N samples, 200 unless told, and beside it
stands its quartiles and that of the first half of the samples against the second: what the machine
drifted by.  Bars that are missed say so, and the exit status is then 1.

Nothing else should run: the figures of a busy machine are those of the scheduler.
"""

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time

try:
    import rexec
except ImportError:
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Lib"))
    import rexec
from rexec import process

MIB = 1 << 20


class Bench:
    def __init__(self, count, python):
        self.count = count
        self.python = process.find_python(python)
        self.missed = []

    def cell(self, **options):
        return rexec.Cell(python=self.python, **options)

    def measure(self, function, rounds=1):
        """Seconds of one round, a sample each."""
        function()
        samples = []
        for _ in range(self.count):
            begin = time.perf_counter()
            function()
            samples.append((time.perf_counter() - begin) / rounds)
        return samples

    def show(self, name, samples, bar=None, unit=1e3):
        """A line; BAR is in the unit, milliseconds if not told."""
        median = statistics.median(samples) * unit
        low, _, high = (quartile * unit for quartile in statistics.quantiles(samples, n=4))
        half = len(samples) // 2
        drift = statistics.median(samples[:half]) / statistics.median(samples[half:])
        verdict = ""
        if bar is not None:
            verdict = f"  at most {bar:g}: {'ok' if median <= bar else 'MISSED'}"
            if median > bar:
                self.missed.append(name)
        print(f"{name:44} {median:9.3f}  [{low:.3f}, {high:.3f}]  A/A {drift:.2f}{verdict}",
              flush=True)
        return median

    # -- what is measured

    def runs(self):
        with self.cell(functions={"f": lambda x: x, "echo": lambda data: data},
                       limits=rexec.Limits(calls=None, cpu=None, wall=None)) as cell:
            self.show("run of 6*7 in a cell that is there, ms", self.measure(lambda: cell.run("6*7")))
            cell.run("def g(x): return x")
            self.show("call of a function of the cell, ms", self.measure(lambda: cell.call("g", 1)))
            trips = []
            for _ in range(self.count):
                value = cell.run("from time import perf_counter as t\nb = t()\nfor i in range(100):"
                                 " f(1)\n(t() - b) / 100").value
                trips.append(value)
            self.show("call of a supervisor's function, ms", trips, 0.15)
            data = os.urandom(MIB)
            self.show("1 MiB in and out, inputs and value, ms",
                      self.measure(lambda: cell.run("x", inputs={"x": data})), 3)
            cell.run("x = None\ndef h(x): return x")
            self.show("1 MiB in and out, call, ms", self.measure(lambda: cell.call("h", data)), 3)
            rows = [{"number": i, "name": str(i), "half": i / 2} for i in range(1000)]
            self.show("1,000 dicts of three in and out, call, ms",
                      self.measure(lambda: cell.call("h", rows)))

    def starts(self):
        bare, cold, first = [], [], []
        command = [self.python, "-I", "-c", "pass"]
        for _ in range(self.count):
            # They take turns, so that a machine that drifts drifts for both.
            begin = time.perf_counter()
            subprocess.run(command, check=True, env={}, stdin=subprocess.DEVNULL)
            bare.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            cell = self.cell()
            cold.append(time.perf_counter() - begin)
            cell.run("6*7")
            first.append(time.perf_counter() - begin)
            self.kernel = cell.kernel
            cell.close()
        self.show("bare start of the binary, -I -c pass, ms", bare)
        self.show("cold cell, ms", cold)
        self.show("cold cell and its first run, ms", first)
        self.show("cold cell : bare start", [a / b for a, b in zip(cold, bare)], 1.5, 1)

    def main(self):
        print(f"{platform.python_implementation()} {platform.python_version()} with cells of"
              f" {self.python}, {os.cpu_count()} processors, {platform.platform()},"
              f" {datetime.date.today()}, medians over {self.count} [quartiles]")
        self.starts()
        self.runs()
        print(f"kernel level {self.kernel}; load {os.getloadavg()[0]:.1f}")
        return 1 if self.missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="samples for each figure")
    parser.add_argument("--python", help="the Locked Down Python for the cells")
    options = parser.parse_args()
    sys.exit(Bench(options.count, options.python).main())
