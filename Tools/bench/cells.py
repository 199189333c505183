"""What cells cost.

    ./python Tools/bench/cells.py [--count N] [--python PATH] [--monty PYTHON] [PART ...]

Run it by any Python that has the package rexec; PATH is the binary for the cells, this one if it
is Locked Down Python.  Each figure is the median over N samples, 200 unless told, and beside it
stands its quartiles and that of the first half of the samples against the second: what the machine
drifted by.  Bars that are missed say so, and the exit status is then 1.

PART is what to measure: starts, runs, nested, interpreters, pools and fib, which are all if none is
given, and on demand what takes longer: accuracy (how far past its limit a run is ended), large (a
supervisor that holds 2 GiB) and many (10,000 cells, one after another, and what is left of them).

With --monty the same is asked of pydantic-monty, which that Python must have:

    python3 -m venv build/monty; build/monty/bin/pip install pydantic-monty

Nothing else should run: the figures of a busy machine are those of the scheduler.
"""

import argparse
import datetime
import json
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

PARTS = ("starts", "runs", "nested", "interpreters", "pools", "fib")
ON_DEMAND = ("accuracy", "large", "many")

LOADED = ("json", "re", "datetime", "decimal", "asyncio")
FIB = "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n"

# What the other Python runs; it prints samples as JSON.
MONTY = """
import json, sys, time
from pydantic_monty import Monty
count, fib = int(sys.argv[1]), sys.argv[2]

def measure(function, count=count):
    function()
    samples = []
    for _ in range(count):
        begin = time.perf_counter()
        function()
        samples.append(time.perf_counter() - begin)
    return samples

def take_and_run(pool):
    with pool.checkout() as session:
        session.feed_run("6*7")

def cold():
    with Monty() as pool:
        take_and_run(pool)

samples = {}
with Monty() as pool:
    samples["warm: take, run 6*7, give back, ms"] = measure(lambda: take_and_run(pool))
    with pool.checkout() as session:
        samples["run of 6*7, ms"] = measure(lambda: session.feed_run("6*7"))
        lookup = {"f": lambda x: x}
        samples["run with a call of a function, ms"] = measure(
            lambda: session.feed_run("f(1)", external_lookup=lookup))
        session.feed_run(fib)
        samples["fib(22), ms"] = measure(lambda: session.feed_run("fib(22)"))
samples["cold: take, run 6*7, give back, ms"] = measure(cold)
print(json.dumps(samples))
"""


# A supervisor that holds so many MiB and starts cells when it is told to.
HOLDER = """
import json, sys, time
import rexec
size, python = int(sys.argv[1]), sys.argv[2]
ballast = bytearray(size << 20)
for place in range(0, len(ballast), 4096):
    ballast[place] = 1
with rexec.CellPool(1, python=python) as pool:
    server = pool._servers[0]
    print("ready", flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        cell = rexec.Cell(python=python)
        cold = time.perf_counter() - begin
        memory = cell.run("6*7").usage.memory
        cell.close()
        begin = time.perf_counter()
        worker = server.fork(None, "try")
        fork = time.perf_counter() - begin
        worker.close()
        print(json.dumps([cold, fork, memory]), flush=True)
"""


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
            cell.close()
        self.show("bare start of the binary, -I -c pass, ms", bare)
        self.show("cold cell, ms", cold)
        self.show("cold cell and its first run, ms", first)
        self.show("cold cell : bare start", [a / b for a, b in zip(cold, bare)], 1.5, 1)

    def pools(self):
        with rexec.CellPool(2, python=self.python, preload=LOADED) as pool:
            def wait():
                while pool.metrics.idle < pool.size:
                    time.sleep(0.001)

            samples = []
            for _ in range(self.count):
                # Warm: the worker is there.  What its successor costs is in the figure below.
                wait()
                begin = time.perf_counter()
                with pool.cell() as cell:
                    cell.run("6*7")
                samples.append(time.perf_counter() - begin)
            self.show("warm pool: take, run 6*7, give back, ms", samples, 1)
            submits = 1000
            wait()
            begin = time.perf_counter()
            for future in [pool.submit("6*7") for _ in range(submits)]:
                future.result()
            rate = submits / (time.perf_counter() - begin)
            verdict = "ok" if rate >= 200 else "MISSED"
            if rate < 200:
                self.missed.append("cells per second")
            print(f"{'submits through a pool of two, cells per second':44} {rate:9.1f}"
                  f"  at least 200: {verdict}", flush=True)
        cells = 200
        with rexec.CellPool(cells, python=self.python, preload=LOADED) as pool:
            while pool.metrics.idle < cells:
                time.sleep(0.01)
            shares = [self.share(worker.pid) for worker in pool._ready]
            self.show(f"memory of one of {cells} idle cells (PSS), MiB", shares, 4, 1)

    @staticmethod
    def share(pid):
        """Proportional memory of a process, in MiB."""
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) / 1024
        raise ValueError("the kernel does not tell the proportional memory")

    def interpreters(self):
        """Cells that are interpreters of this process."""
        if not process.is_own():
            return
        options = {"isolation": "interpreter",
                   "limits": rexec.Limits(memory=None, calls=None, cpu=None, wall=None)}
        cold = []
        for _ in range(self.count):
            begin = time.perf_counter()
            cell = rexec.Cell(**options)
            cold.append(time.perf_counter() - begin)
            cell.close()
        self.show("interpreter cell: cold, ms", cold)
        with rexec.Cell(**options) as cell:
            self.show("interpreter cell: run of 6*7, ms", self.measure(lambda: cell.run("6*7")))

    def nested(self):
        """A cell in a cell, as the outer one sees it."""
        begin = ("import rexec\nfrom time import perf_counter as t\n"
                 "cell = rexec.Cell(functions={'f': abs})")
        limits = rexec.Limits(calls=None, cpu=None, wall=None, cells=None, nesting=1)
        with self.cell(limits=limits) as cell:
            cell.run(begin)
            code = f"samples = []\nfor i in range({self.count}):\n    b = t()\n    {{}}\n" \
                   "    samples.append(t() - b)\nsamples"
            for name, line in (("run of 6*7", "cell.run('6*7')"), ("run with a call", "cell.run('f(1)')"),
                               ("cold", "rexec.Cell().close()")):
                self.show(f"a cell in a cell: {name}, ms", cell.run(code.format(line)).value)

    def fib(self):
        with self.cell() as cell:
            cell.run(FIB)
            self.show("fib(22) in a cell, ms", self.measure(lambda: cell.run("fib(22)")))

    # -- on demand

    def accuracy(self):
        """How far past a limit of 100 ms a cell is ended, and gone."""
        limit = 0.1
        spin, catch = "while True: pass", "while True:\n try:\n  while True: pass\n except BaseException: pass"
        for name, limits, code in (
                ("wall", {"wall": limit}, spin), ("cpu", {"cpu": limit}, spin),
                ("cpu, every error caught", {"cpu": limit}, catch),
                ("wall, in one C call", {"wall": limit}, "sum(range(10**12))")):
            past = []
            for _ in range(self.count):
                with self.cell(limits=rexec.Limits(**limits)) as cell:
                    begin = time.perf_counter()
                    try:
                        cell.run(code)
                    except rexec.LimitExceeded as error:
                        # By the clock that the limit is of.
                        used = error.result.usage.cpu if "cpu" in limits else time.perf_counter() - begin
                        past.append(used - limit)
            self.show(f"past a limit of 100 ms, {name}, ms", past, 100)
            print(f"{'':4}worst {max(past) * 1e3:.3f} ms of {len(past)}", flush=True)

    def large(self):
        """Starts from a supervisor that holds 2 GiB against those from one that does not, by turns."""
        found = {0: [], 2048: []}
        env = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(rexec.__file__))}
        holders = {size: subprocess.Popen([sys.executable, "-c", HOLDER, str(size), self.python],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                          env=env)
                   for size in found}
        try:
            for holder in holders.values():
                holder.stdout.readline()
            for _ in range(self.count):
                for size, holder in holders.items():
                    print("go", file=holder.stdin, flush=True)
                    found[size].append(json.loads(holder.stdout.readline()))
        finally:
            for holder in holders.values():
                with holder:
                    holder.stdin.close()
        for place, (name, unit, bar) in enumerate((("cold cell, ms", 1e3, 1.1),
                                                   ("fork of the server, ms", 1e3, 1.1),
                                                   ("usage.memory, MiB", 1 / MIB, 1.05))):
            small, large = (self.show(f"supervisor and {size} MiB: {name}",
                                      [sample[place] for sample in found[size]], None, unit)
                            for size in found)
            verdict = "ok" if large <= bar * small else "MISSED"
            if large > bar * small:
                self.missed.append(name)
            print(f"{'    with 2 GiB : without':44} {large / small:9.3f}  at most {bar:g}: {verdict}",
                  flush=True)

    def many(self, cells=10_000):
        """What a supervisor has left of that many cells: memory, descriptors, threads, processes."""
        def held():
            with open("/proc/self/status") as file:
                status = dict(line.split(":", 1) for line in file)
            return {"memory, MiB": int(status["VmRSS"].split()[0]) / 1024,
                    "threads": int(status["Threads"]), "descriptors": len(os.listdir("/proc/self/fd")),
                    "children": sum(len(open(f"/proc/self/task/{task}/children").read().split())
                                    for task in os.listdir("/proc/self/task"))}

        with rexec.CellPool(2, python=self.python) as pool:
            def use(times):
                for number in range(times):
                    if number % 100 == 99:
                        # Some that come to a bad end.
                        try:
                            pool.submit("while True: pass", timeout=0.01).result()
                        except rexec.LimitExceeded:
                            pass
                    else:
                        pool.submit("x = n + 1\nx", inputs={"n": number}).result()

            def settle():
                while pool.metrics.idle < pool.size or pool._jobs.qsize():
                    time.sleep(0.01)
                time.sleep(0.2)
                return held()

            use(cells // 20)
            before = settle()
            begin = time.perf_counter()
            use(cells)
            rate = cells / (time.perf_counter() - begin)
            after = settle()
        print(f"{cells} cells one after another, {rate:.0f} a second, and what they leave behind:")
        for name, was in before.items():
            most = was + (1 if "memory" in name else 0)
            verdict = "ok" if after[name] <= most else "MISSED"
            if after[name] > most:
                self.missed.append(name)
            print(f"    {name:40} {was:9.1f} before, {after[name]:9.1f} after: {verdict}", flush=True)

    def monty(self, python):
        done = subprocess.run([python, "-I", "-c", MONTY, str(self.count), FIB], check=True,
                              stdout=subprocess.PIPE, text=True)
        for name, samples in json.loads(done.stdout).items():
            self.show(f"pydantic-monty: {name}", samples)

    def main(self, parts=(), monty=None):
        print(f"{platform.python_implementation()} {platform.python_version()} with cells of"
              f" {self.python}, {os.cpu_count()} processors, {platform.platform()},"
              f" {datetime.date.today()}, medians over {self.count} [quartiles]")
        for part in parts or PARTS:
            getattr(self, part)()
        if monty is not None:
            self.monty(monty)
        with self.cell() as cell:
            print(f"kernel level {cell.kernel}; load {os.getloadavg()[0]:.1f}")
        return 1 if self.missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200, help="samples for each figure")
    parser.add_argument("--python", help="the Locked Down Python for the cells")
    parser.add_argument("--monty", metavar="PYTHON", help="a Python that has pydantic-monty")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS + ON_DEMAND))
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS + ON_DEMAND:
            parser.error(f"there is no part {part}: {', '.join(PARTS + ON_DEMAND)}")
    sys.exit(Bench(options.count, options.python).main(options.parts, options.monty))
