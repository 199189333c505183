"""Runs one of CPython's test files in locked processes, and classifies each method.

Usage: python-mutant -m test.test_lockdown.locked.worker FILE, with $LOCKDOWN_NOTES the number of a
descriptor of a file that was opened to read and to append.

The process imports the file and what it imports, as a host would, and forks: each child prepares
what the file prepares as a whole (setUpModule), which is the host's part too, locks itself with
keep=() and runs the methods of one class, and after a death or a wait without end another
child goes on with the rest. A method that did not pass runs again in a child of its own, locked, and
once in one that is not. If rights were refused while it ran, it runs again with these kept, until
it passes or nothing more is refused; those rights are then kept too of which no refusal tells,
because without them something is hidden or left undone. So each method is one of

    pass    passes with nothing kept
    skip    is skipped unlocked
    right   passes when the rights it was refused are kept: those are named
    hidden  passes when env, import and code are kept besides
    other   does not pass, though all this is kept

What it finds is written to standard output, a JSON object on a line for each method.
"""

import importlib
import json
import os
import re
import resource
import select
import signal
import sys
import time
import traceback
import unittest
from test import support
from test.support import os_helper

import lockdownlib

# Seconds that a child may wait without a word. A class is given up soon: the method that it came to
# then runs alone. One that was refused something waits for what cannot come; one that computes may
# take longer.
CLASS_PATIENCE, METHOD_PATIENCE, REFUSED_PATIENCE, LONGEST = 15, 40, 3, 200
# Bytes that a child may have: when locked, a loop may go on that should have been ended.
MEMORY = 2 << 30
# Without these, paths and the environment are hidden, finders of files find nothing, and C code does
# not what could break it.
SILENT = {"env", "import", "code"}
# How a method ended, from the best to the worst.
ENDS = ("pass", "skip", "fail", "dead", "hangs")
# The end of a text is where the error is.
TEXT = 2000
# The attribute of a method's test that has its place in the file. Nothing that the tests know of.
NUMBER = "_number_in_locked_file"


def methods_of(suite):
    """The test methods in a suite, one after the other."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from methods_of(test)
        else:
            yield test


def load(name):
    """The methods of a test file, with their names, which are unique."""
    module = importlib.import_module("test." + name)
    tests, names, seen = [], [], {}
    for test in methods_of(unittest.defaultTestLoader.loadTestsFromModule(module)):
        title = test.id().removeprefix("test.")
        # Some are written elsewhere, in test.datetimetester for one.
        if not f"{title}.".startswith(f"{name}."):
            title = f"{name}.{title}"
        seen[title] = seen.get(title, 0) + 1
        setattr(test, NUMBER, len(tests))
        tests.append(test)
        names.append(title if seen[title] == 1 else f"{title}#{seen[title]}")
    return tests, names


class Telling(unittest.TestResult):
    """Tells each event at once, so that a child that dies has told them."""

    def __init__(self, tell, notes, alone):
        super().__init__()
        self.tell = tell
        self.notes = notes
        self.alone = alone
        self.mark = notes.seek(0, os.SEEK_END)

    def number(self, test):
        return getattr(test, NUMBER, -1)        # -1: what a class or a module prepares

    def startTest(self, test):
        super().startTest(test)
        # What a method that is alone was prepared with is its own.
        if not self.alone:
            self.mark = self.notes.seek(0, os.SEEK_END)
        self.tell("start", self.number(test), "", [])

    def stopTest(self, test):
        super().stopTest(test)
        self.tell("stop", self.number(test), "", self.refusals())

    def refusals(self):
        """What was refused since the last time it was asked for, in its order."""
        self.notes.seek(self.mark)
        lines = self.notes.read().decode().splitlines()
        self.mark = self.notes.tell()
        return list(dict.fromkeys(lines))

    def end(self, word, test, text=""):
        self.tell(word, self.number(test), text[-TEXT:], self.refusals())

    def wrong(self, test, error):
        refusals = self.refusals()
        try:
            text = "".join(traceback.format_exception(*error))
        except BaseException as problem:
            text = f"{error[0].__name__}, of which no traceback can be made: {problem!r}"
        self.tell("fail", self.number(test), text[-TEXT:], refusals)
        # A traceback looks for source: that is not the method's wish.
        self.refusals()

    def addError(self, test, error):
        self.wrong(test, error)

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.wrong(test, error)

    def addSkip(self, test, reason):
        self.end("skip", test, str(reason))

    def addSuccess(self, test):
        self.end("pass", test)

    def addExpectedFailure(self, test, error):
        self.end("pass", test)

    def addUnexpectedSuccess(self, test):
        self.end("fail", test, "unexpected success")

    def addDuration(self, test, elapsed):
        pass


class Prepared(unittest.TestSuite):
    """A suite of tests whose module was prepared, and ends with the process."""

    def _handleModuleFixture(self, test, result):
        pass

    def _handleModuleTearDown(self, result):
        pass


def suite_of(tests):
    """A suite of tests of one module, which is prepared here if that goes well."""
    module = sys.modules[type(tests[0]).__module__]
    try:
        getattr(module, "setUpModule", lambda: None)()
    except Exception:
        return unittest.TestSuite(tests)        # tries again, and tells
    return Prepared(tests)


def processor_time(child):
    """Seconds of processor time that a child has taken, where the system tells."""
    try:
        with open(f"/proc/{child}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end_group(child):
    """End a child with all that it started; gives its status."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)      # it has no group of its own yet
    return os.waitpid(child, 0)[1]


class File:
    """The methods of one file, and the children that run them, locked with this kernel ring.

    Children close results, the descriptor that the caller tells what they came to: it must not
    stay open when this process was ended.
    """

    def __init__(self, name, notes, kernel="off", results=-1):
        self.name = name
        self.notes = notes
        self.kernel = kernel
        self.results = results
        self.tests, self.names = load(name)

    def child(self, numbers, keep, pipe):
        """Run methods in this process, which the parent ends."""
        # Unbuffered, so that a line is one write(); opened before the lock, and closed in the end,
        # whatever that was.
        with open(pipe, "wb", buffering=0) as out:
            self.run_in_child(numbers, keep, out)

    def run_in_child(self, numbers, keep, out):

        def tell(word, number, text, refusals):
            out.write(json.dumps([word, number, text, refusals]).encode() + b"\n")

        result = Telling(tell, self.notes, len(numbers) == 1)
        suite = suite_of([self.tests[number] for number in numbers])
        if keep is not None:
            lockdownlib.lockdown(keep=keep, kernel=self.kernel)
        try:
            suite.run(result)
        except BaseException as error:
            result.wrong(None, (type(error), error, error.__traceback__))
        tell("over", -1, "", [])

    def run(self, numbers, keep, patience):
        """Run methods in one child; {number: (end, text, refusals)} of those that it came to.

        keep=None runs them unlocked. What befalls a fixture befalls every method.
        """
        sys.stdout.flush()
        reading, writing = os.pipe()
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                if self.results >= 0:
                    os.close(self.results)
                # What the file noted as its own process must not be the parent, to be signalled.
                names = vars(sys.modules["test." + self.name])
                names.update((name, os.getpid()) for name, value in list(names.items())
                             if type(value) is int and value == parent)
                resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
                os.close(reading)
                null = os.open(os.devnull, os.O_RDWR)
                for number in range(3):
                    os.dup2(null, number)
                self.child(numbers, keep, writing)
            finally:
                # Locked, it cannot end itself without clean-up: the parent does it.
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                while True:
                    time.sleep(3600)
        os.close(writing)
        try:
            return self.listen(child, reading, numbers, patience)
        finally:
            os.close(reading)
            # What one child leaves behind is not the next one's.
            for entry in os.listdir():
                (os_helper.unlink if os.path.islink(entry) or not os.path.isdir(entry)
                 else os_helper.rmtree)(entry)

    def listen(self, child, reading, numbers, patience):
        found, running, fixture, rest = {}, None, None, b""

        def put(number, end, text, refusals):
            old = found.get(number, ("pass", "", []))
            worst = max(end, old[0], key=ENDS.index)
            found[number] = (worst, text if worst == end and text else old[1],
                             list(dict.fromkeys([*old[2], *refusals])))

        over = hung = False
        silent = idle = 0
        spent, noted = processor_time(child), os.fstat(self.notes.fileno()).st_size
        try:
            while not over:
                if not select.select([reading], [], [], REFUSED_PATIENCE)[0]:
                    now = processor_time(child)
                    silent += REFUSED_PATIENCE
                    # On a busy machine it gets but a part of the time.
                    idle = 0 if now - spent >= 0.1 else idle + REFUSED_PATIENCE
                    spent = now
                    refused = os.fstat(self.notes.fileno()).st_size > noted
                    hung = idle and (refused or idle >= patience) or silent >= LONGEST
                    if hung:
                        break
                    continue
                silent = idle = 0
                data = os.read(reading, 1 << 16)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    word, number, text, refusals = json.loads(line)
                    if word == "start":
                        running = number
                        noted = os.fstat(self.notes.fileno()).st_size
                    elif word == "stop":
                        running = None
                        put(number, "pass", "", refusals)
                    elif word == "over":
                        over = True
                    elif number >= 0:
                        put(number, word, text, refusals)
                    elif fixture is None or ENDS.index(word) > ENDS.index(fixture[0]):
                        fixture = word, text, refusals
        finally:
            status = end_group(child)
        if not over:
            end = "hangs" if hung else "dead"
            text = f"no word for {silent} seconds" if hung else f"status {status}"
            # Between two methods it was a fixture.
            came = [number for number in numbers if number not in found]
            lost = running if running is not None else came[0] if came else numbers[-1]
            put(lost, end, text, self.left_notes())
        if fixture is not None:
            for number in numbers if over else list(found):
                put(number, *fixture)
        return found

    def left_notes(self):
        """The last refusals of a child that could not tell them."""
        self.notes.seek(max(0, self.notes.seek(0, os.SEEK_END) - 4000))
        lines = self.notes.read().decode(errors="replace").splitlines()
        return list(dict.fromkeys(line for line in lines
                                  if re.fullmatch(r"[a-z.]+ [\w.<>]+", line)))

    def run_all(self, numbers, keep, patience=CLASS_PATIENCE):
        """Run methods, in as many children as it takes."""
        found, left = {}, list(numbers)
        while left:
            found.update(self.run(left, keep, patience))
            if all(number in found for number in left):
                break
            rest = [number for number in left if number not in found]
            # A child that comes to nothing must not be tried for ever.
            if len(rest) == len(left):
                found[rest.pop(0)] = ("dead", "nothing was told", [])
            left = rest
        return found

    def alone(self, number, keep):
        self.notes.truncate(0)
        return self.run_all([number], keep, METHOD_PATIENCE)[number]

    def classify(self, number, control):
        """(class, rights kept, first operation, text) of a method that did not pass in its class."""
        end, text, refusals = self.alone(number, ())
        if end == "pass":
            return "pass", [], "", ""
        if control[0] != "pass":
            control = self.alone(number, None)
            if control[0] == "skip":
                return "skip", [], "", control[1]
            if control[0] != "pass":
                return "other", [], "", f"not passed unlocked either: {control[0]}\n{control[1]}"
        first, kept, kind = refusals[0] if refusals else "", set(), "right"
        while end != "pass":
            new = {line.partition(" ")[0] for line in refusals} & set(lockdownlib.RIGHTS) - kept
            if not new and SILENT - kept:
                new, kind = SILENT - kept, "hidden"
            if not new:
                return "other", [], first, f"{end}, keeping {sorted(kept)}\n{text}"
            kept |= new
            end, later, refusals = self.alone(number, tuple(kept))
            text = later or text
        return kind, [right for right in lockdownlib.RIGHTS if right in kept], first, text

    def classes(self):
        """Lists of the numbers of methods that are of one class."""
        classes = {}
        for number, test in enumerate(self.tests):
            classes.setdefault(type(test), []).append(number)
        return classes.values()

    def classify_all(self, tell):
        for numbers in self.classes():
            found = self.run_all(numbers, ())
            bad = [number for number in numbers if found[number][0] != "pass"]
            controls = self.run_all(bad, None) if bad else {}
            for number in numbers:
                kind = "pass", [], "", ""
                if number in controls:
                    if controls[number][0] == "skip":
                        kind = "skip", [], "", controls[number][1]
                    else:
                        kind = self.classify(number, controls[number])
                tell(self.names[number], *kind)


def prepare():
    """As regrtest does for its tests, none of which is asked for a resource."""
    support.use_resources = {}
    support.verbose = False
    # The tests see no more of it, and the processes that they start do not write to it.
    notes = open(int(os.environ.pop("LOCKDOWN_NOTES")), "r+b", buffering=0)
    os.set_inheritable(notes.fileno(), False)
    return notes


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What a test file prints while it is imported is not for the one who listens.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    notes = prepare()

    def tell(name, kind, rights, first, text):
        json.dump({"name": name, "kind": kind, "rights": rights, "first": first, "text": text},
                  out)
        out.write("\n")
        out.flush()
    begin = time.monotonic()
    # Some names are made while the file is imported, of the folder that is current then.
    with os_helper.temp_cwd(None):
        try:
            file = File(sys.argv[1], notes, results=out.fileno())
        except unittest.SkipTest as skip:
            tell(sys.argv[1], "skip", [], "", str(skip))
        else:
            file.classify_all(tell)
    json.dump({"seconds": round(time.monotonic() - begin, 1)}, out)
    out.write("\n")
    out.flush()
    # Threads that tests left behind are of no interest.
    os._exit(0)


if __name__ == "__main__":
    main()
