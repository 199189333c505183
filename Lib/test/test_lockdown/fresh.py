"""Runs a scenario in a fresh process and gathers what it reported.

Lockdown is one-way, so a test cannot lock the process it runs in. Many refusals may share one
locked process: a refusal changes nothing, so the next one finds the process as the first one did.
"""

import collections
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from test import support
from test.support import import_helper

with open(os.path.join(os.path.dirname(__file__), "child.py"), encoding="utf-8") as file:
    CHILD = file.read()

# The allocators that fill what is freed, so that who uses it is seen; $PYTHONMALLOC.
FILLING_MALLOC = "mimalloc_debug" if support.Py_GIL_DISABLED else "malloc_debug"

Outcome = collections.namedtuple("Outcome", "returncode out err reports facts")


class FolderTest(unittest.TestCase):
    """A test that has a scratch folder: self.folder."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lockdown-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        """Write a file in the folder, with the folders above it; return its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def environment(**extra):
    """The environment of the children: ours without the interpreter's own variables, and without
    those that ask for colours in what it prints."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("PYTHON") and name not in ("FORCE_COLOR", "NO_COLOR")}
    kept.update(extra)
    return kept


# The timeout is a long one, for the machine may be busy: it ends what hangs, no more.
def run(*args, env=None, cwd=None, stdin="", expect=0, timeout=support.LONG_TIMEOUT,
        program=sys.executable, **kwargs):
    """Run ./python, or another program, with these arguments and read its reports; expect=None
    accepts any exit code.

    Reports are the lines that child.report() wrote, in order; facts are all of them in one dict.
    """
    process = subprocess.run([program, *args], input=stdin.encode(), cwd=cwd,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=environment() if env is None else env, timeout=timeout, **kwargs)
    out = process.stdout.decode("utf-8", "backslashreplace")
    err = process.stderr.decode("utf-8", "backslashreplace")
    reports = [json.loads(line[1:]) for line in out.splitlines() if line.startswith("@")]
    facts = {name: value for report in reports for name, value in report.items()}
    if expect is not None and process.returncode != expect:
        raise AssertionError(f"exit code {process.returncode} instead of {expect}\n"
                             f"arguments: {args!r}\nstdout:\n{out}\nstderr:\n{err}")
    return Outcome(process.returncode, out, err, reports, facts)


def text(source):
    """Source as it is written inside a test: a bar ends the indentation of each line."""
    lines = source.splitlines()
    if any(line.lstrip().startswith("|") for line in lines):
        lines = [line.partition("|")[2] for line in lines]
    return "\n".join(lines) + "\n"


def scenario(source, *args, options=("-I",), **kwargs):
    """Run source with child.py's helpers in front of it; args are its sys.argv[1:]."""
    return run(*options, "-c", CHILD + text(source), *args, **kwargs)


def died(outcome):
    """Whether the process ended by a signal or a fatal error: never allowed, whatever was tried."""
    return outcome.returncode < 0 or "Fatal Python error" in outcome.err


class LivingTest(unittest.TestCase):
    """A test whose programs run locked, each in a process that must live."""

    options, variables = ("-I",), {}

    def check(self, source, before="", keep=()):
        """Run source, locked, and before it what is done unlocked; give its facts."""
        outcome = scenario(text(before) + f"lockdownlib.lockdown(keep={keep})\n" + text(source)
                           + "report(lives=True)", expect=None, options=self.options,
                           env=environment(**self.variables))
        self.assertFalse(died(outcome), outcome)
        self.assertTrue(outcome.facts.get("lives"), outcome)
        return outcome.facts


@contextlib.contextmanager
def usual_stack():
    """Meanwhile children have a stack of the usual size, whatever the caller's limit is."""
    resource = import_helper.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    size = 8 << 20
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


class Counts:
    """Counts of what a test saw, shown so that a table emptied by mistake is noticed."""

    def __init__(self):
        self.counter = collections.Counter()

    def add(self, what, number=1):
        self.counter[what] += number

    def show(self, title):
        text = ", ".join(f"{number} {what}" for what, number in self.counter.items())
        if support.verbose:
            print(f"{title}: {text}", flush=True)
