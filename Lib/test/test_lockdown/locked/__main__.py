"""Runs CPython's tests locked, and tells what became of them.

Usage: python -m test.test_lockdown.locked [--jobs=N] [--resume] [--page=FILE] [FILE ...]

FILE is a name such as test_json or test_asyncio.test_tasks; none means all. Each file is run by
worker.py in processes of python-mutant (`make mutant`), which is told of each refusal. What a file's
methods came to is kept in the folder --results as soon as the file is done; with --resume those
that are there and younger than the program are not run again.

Exit status: 0 if each method passes, is skipped, needs a right or is explained; 1 if one is not, or
an explanation is out of date; 2 for a usage error.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from test.test_lockdown import fresh, mutation
from test.test_lockdown.locked import report, tables

# As regrtest runs its tests.
OPTIONS = ("-u", "-W", "default", "-bb", "-E")


class Run:
    """The workers of one run, and where their results are kept."""

    def __init__(self, folder, options, variables):
        self.folder = folder
        self.options = options
        self.variables = variables
        self.processes = set()
        self.ended = False
        self.lock = threading.Lock()
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name + ".json")

    def kept(self, name):
        """What a file came to in an earlier run, or None."""
        try:
            with open(self.path(name), encoding="utf-8") as file:
                if os.stat(file.fileno()).st_mtime < os.stat(mutation.MUTANT).st_mtime:
                    return None
                return json.load(file)
        except (OSError, ValueError):
            return None

    def file(self, name):
        """Run one file; [record] of its methods, the last is {"seconds": N}."""
        with tempfile.TemporaryFile("a+b") as notes:
            with self.lock:
                if self.ended:
                    raise KeyboardInterrupt
                process = subprocess.Popen(
                    [mutation.MUTANT, *self.options, "-m", "test.test_lockdown.locked.worker", name],
                    env=fresh.environment(LOCKDOWN_NOTES=str(notes.fileno()), **self.variables),
                    pass_fds=[notes.fileno()], stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.processes.add(process)
            try:
                out, err = process.communicate()
            finally:
                self.processes.discard(process)
        if process.returncode:
            records = [{"name": name, "kind": "other", "rights": [], "first": "",
                        "text": f"the file cannot be run: exit status {process.returncode}\n"
                                + err.decode(errors="replace")[-2000:]}, {"seconds": 0}]
            # Not kept: it may have been ended.
            return records
        records = [json.loads(line) for line in out.splitlines()]
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(records, file, indent=0)
        return records

    def end(self):
        with self.lock:
            self.ended = True
            for process in self.processes:
                process.terminate()


def run_files(names, folder, jobs=1, resume=False, tell=lambda name, records: None,
              options=OPTIONS, **variables):
    """{file: [record]}, the records without the seconds."""
    run = Run(folder, options, variables)
    results = {}

    def one(name):
        return resume and run.kept(name) or run.file(name)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(one, name): name for name in names}
        try:
            for future in concurrent.futures.as_completed(futures):
                name = futures[future]
                tell(name, future.result())
                results[name] = future.result()[:-1]
        except BaseException:
            run.end()
            pool.shutdown(cancel_futures=True)
            raise
    return dict(sorted(results.items()))


def main():
    parser = argparse.ArgumentParser(description="Run CPython's tests in locked processes.")
    parser.add_argument("--jobs", type=int, default=1, help="files at the same time")
    parser.add_argument("--results", default="test-locked", metavar="FOLDER",
                        help="where results are kept (default: %(default)s)")
    parser.add_argument("--resume", action="store_true",
                        help="do not run again what an earlier run has done")
    parser.add_argument("--page", metavar="FILE", help="write the page of the manual")
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these")
    args = parser.parse_args()
    if not os.path.exists(mutation.MUTANT):
        parser.error("there is no python-mutant: run make mutant")
    names = tables.files()
    if set(args.files) - set(names):
        parser.error(f"not a test file that is run: {min(set(args.files) - set(names))}")
    everything, names = names, args.files or names
    # So that workers are ended, and their children, however this process is asked to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done, begin = 0, time.monotonic()

    def tell(name, records):
        nonlocal done
        done += 1
        kinds = collections.Counter(record["kind"] for record in records[:-1])
        print(f"{done} of {len(names)}, {time.monotonic() - begin:.0f} s: {name}:",
              ", ".join(f"{kinds[kind]} {kind}" for kind in report.KINDS if kinds[kind])
              or "no methods", f"({records[-1]['seconds']} s)", flush=True)
    results = run_files(names, args.results, args.jobs, args.resume, tell)
    explained = tables.explanations()
    problems = tables.judge(results, explained)
    print(report.table(results))
    for problem in problems:
        print(problem)
    print(report.sums(results, explained, problems))
    spent = os.times()
    print(f"test-locked: {time.monotonic() - begin:.0f} s, {args.jobs} jobs,"
          f" {spent.children_user + spent.children_system:.0f} s of processor time")
    if args.page and not problems:
        with open(args.page, "w", encoding="utf-8") as file:
            file.write(report.page(results, explained, everything))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
