"""Calls every entry of the ledger, locked, with awkward arguments.

The parent finds the entries and forks a child for each handful of them. A child makes what the
entries act on, locks the process with keep=() and the kernel ring, calls, and tells what it saw, a
line of JSON an entry; whatever ends it early is charged to the entry it had begun, and the rest is
given to another child. What is looked at:

- no child dies by a signal or by a fatal error;
- in python-mutant the ring is a witness, which records what no guard has stopped: nothing;
- an entry that the ledger says is refused, whatever its arguments, answers each call with a
  LockdownError that names its right;
- how many entries were reached: at least one call got beyond the look at its arguments, so that it
  came back, was refused, or failed otherwise than by a TypeError.
"""

import argparse
import collections
import json
import os
import random
import re
import resource
import select
import signal
import sys
import tempfile
import time
import types

from test import support
from test.test_lockdown import ledger, ring
from test.test_lockdown.ledger import makers, walker
from test.test_lockdown.ledger.pool import Arguments

import lockdownlib

# What is not called: it would stop the fuzzer, not the interpreter.
NOT_CALLED = {
    "_thread._shutdown": "joins every thread",
    "_thread.exit": "ends the thread that fuzzes",
    "_thread.exit_thread": "ends the thread that fuzzes",
    "builtins.breakpoint": "reads commands",
    "builtins.input": "reads standard input",
    "signal.pause": "waits for a signal",
    "sys._baserepl": "reads a program",
}
# A call is interrupted after one to two TICKs (seconds); a silent child is ended after SILENCE.
TICK, SILENCE = 0.1, 15
HANDFUL = 40
INSTANCES = 3
# Where python-mutant's witness writes, in the fuzzer's own folder.
RECORD = "traps"


# Errors of the caller, who looks at the number of arguments before it calls, and of an attribute
# that has no function to be set with.
NEVER_CALLED = re.compile(
    r"takes (no|exactly one) arguments?|expected \d+ arguments?, got|is not writable")


class Interrupted(BaseException):
    """A call waited."""


class Clock:
    """Interrupts a call that is still the same one at the second tick; armed before the lock."""

    def __init__(self):
        self.calling = False
        self.seen = False
        signal.signal(signal.SIGALRM, self.tick)
        signal.setitimer(signal.ITIMER_REAL, TICK, TICK)

    def tick(self, signum, frame):
        if self.calling and self.seen:
            self.seen = False
            raise Interrupted
        self.seen = self.calling

    def __enter__(self):
        self.seen = False
        self.calling = True

    def __exit__(self, *exc):
        self.calling = False


def ways(name, value, cls, instance):
    """How an entry can be called: functions of arguments, or none if there is nothing to act on."""
    if cls is None:
        return [value]
    kind = type(value).__name__
    if name == "__new__":
        return [cls, lambda *args: cls.__new__(cls, *args)]
    if kind in ("staticmethod", "classmethod", "classmethod_descriptor",
                "builtin_function_or_method"):
        return [lambda *args: getattr(cls, name)(*args)]
    if instance is None:
        return []
    if kind in ("getset_descriptor", "member_descriptor"):
        return [lambda *args: value.__get__(instance, cls),
                lambda *args: value.__set__(instance, *(args[:1] or (None,))),
                lambda *args: value.__delete__(instance)]
    return [lambda *args: value(instance, *args)]


class Child:
    """Makes instances, locks, calls and tells; ended by its parent."""

    def __init__(self, chosen, fuzzer, seed, out):
        self.chosen = chosen
        self.fuzzer = fuzzer
        self.rng = random.Random(seed)
        self.out = out
        self.instances = {}

    def tell(self, **facts):
        self.out.write(json.dumps(facts).encode() + b"\n")

    def prepare(self):
        # No core of a crash, no memory for an absurd size.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.fuzzer.memory:
            resource.setrlimit(resource.RLIMIT_AS, (self.fuzzer.memory, self.fuzzer.memory))
        null = os.open(os.devnull, os.O_RDWR)
        for number in 0, 1:
            os.dup2(null, number)
        for key in self.chosen:
            cls = self.fuzzer.owners.get(key)
            if cls is not None and cls not in self.instances:
                name = f"{key[0]}.{cls.__qualname__}"
                self.instances[cls] = [makers.make(name, cls) for number in range(INSTANCES)]
        self.clock = Clock()
        lockdownlib.lockdown(keep=(), kernel="try")
        self.tell(level=lockdownlib.status().kernel)

    def run(self):
        """Never comes back: when locked, a process may not even end at once."""
        try:
            self.prepare()
            for key in self.chosen:
                self.tell(begin=".".join(key))
                self.tell(**self.fuzz(key))
            self.tell(end=True)
        except BaseException as error:
            self.tell(broken=f"{type(error).__name__}: {error}")
        while True:
            sleep(60)

    def fuzz(self, key):
        """Call one entry; gives what was seen."""
        value, cls = self.fuzzer.entries[key], self.fuzzer.owners.get(key)
        line = self.fuzzer.tables[key[0]].find(key[1])
        always = line is not None and line.judgement == "refused" and not line.right.endswith("?")
        words = set(re.split("[&|]", line.right)) if always else ()
        name = key[1].rpartition(".")[2]
        arguments = Arguments(self.rng)
        outcomes = collections.Counter()
        seen = {"done": ".".join(key), "calls": 0}
        for number in range(self.fuzzer.calls):
            instance = self.rng.choice(self.instances[cls]) if cls is not None else None
            choice = ways(name, value, cls, instance)
            if not choice:
                seen["nothing"] = True
                break
            args = arguments.choose(instance)
            seen["calls"] += 1
            outcome, error = self.call(self.rng.choice(choice), args)
            outcomes[outcome] += 1
            if outcome == "TypeError":
                arguments.learn(error)
            if always and not self.refused_or_not_called(value, outcome, error, words):
                seen["wrong"] = f"{outcome} {error}"
        seen["outcomes"] = outcomes
        return seen

    @staticmethod
    def refused_or_not_called(value, outcome, error, words):
        """Whether a call was refused for one of these rights, or did not come as far as C code."""
        if outcome == "refused":
            return error in words
        # What stands before a slot converts the arguments.
        converts = isinstance(value, types.WrapperDescriptorType) and outcome != "returned"
        return converts or bool(NEVER_CALLED.search(error))

    def call(self, way, args):
        """How a call ended: a word for it, and what the error tells."""
        try:
            with self.clock:
                way(*args)
            return "returned", ""
        except lockdownlib.LockdownError as error:
            return "refused", error.right
        except TypeError as error:
            try:
                return "TypeError", str(error)
            except Exception:
                return "TypeError", ""
        except Interrupted:
            return "waited", ""
        except BaseException as error:
            return "raised", f"{type(error).__name__}: {error}"


# Kept here: a call may replace what a module shows.
sleep = time.sleep


class Fuzzer:
    """Hands the entries to children and gathers what they saw."""

    def __init__(self, calls, seed):
        self.calls = calls
        self.seed = seed
        # A sanitizer's shadow of the memory is larger than any limit.
        self.memory = 0 if support.check_sanitizer(address=True, thread=True) else 2 << 30
        walk = walker.Walk()
        self.entries = {key: value for key, value in walk.entries.items()
                        if ".".join(key) not in NOT_CALLED}
        self.owners = {}
        for key in self.entries:
            owner = key[1].rpartition(".")[0]
            if (key[0], owner) in walk.types:
                self.owners[key] = walk.types[key[0], owner]
        self.tables = {name: ledger.Table(name) for name in ledger.tables()}
        self.counts = collections.Counter()
        self.called, self.reached = set(), set()
        self.without = set()
        self.waited = []
        self.problems = []

    def run(self, deadline=None):
        """All entries once, or until the deadline (of time.monotonic)."""
        todo = collections.deque()
        keys = sorted(key for key in self.entries if key[0] in self.tables)
        for begin in range(0, len(keys), HANDFUL):
            todo.append(keys[begin:begin + HANDFUL])
        while todo and (deadline is None or time.monotonic() < deadline):
            chosen = todo.popleft()
            left = self.handful(chosen)
            if left:
                todo.appendleft(left)
        return not todo

    def handful(self, chosen):
        """Let a child do these; gives those that it did not come to."""
        self.counts["children"] += 1
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            Child(chosen, self, f"{self.seed} {chosen[0]}", open(write, "wb", buffering=0)).run()
        os.close(write)
        begun, done, ended = None, 0, False
        for line in self.lines(read):
            facts = json.loads(line)
            if "level" in facts:
                # The record is there from the lock on, if there is a witness.
                witnessed = bool(facts["level"]) and os.path.exists(RECORD)
                self.counts["witnessed"] += witnessed
            elif "begin" in facts:
                begun = facts["begin"]
            elif "end" in facts or "broken" in facts:
                if "broken" in facts:
                    self.problems.append(f"{begun}: the fuzzer failed: {facts['broken']}")
                ended = True
                break
            else:
                done += 1
                self.note(facts)
                self.note_traps(begun)
        silent = not ended and not self.closed
        if ended or silent:
            os.kill(pid, signal.SIGKILL)
        os.close(read)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.note_traps(begun)
        if ended and done == len(chosen):
            return []
        if silent:
            self.waited.append(begun)
        elif not ended:
            how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
            self.problems.append(f"{begun}: the process ended by {how}")
        return chosen[done + 1:] if begun is not None else chosen[1:]

    def note_traps(self, name):
        """Charge to an entry what the witness has recorded since it was asked last."""
        traps = ring.traps(RECORD)
        for trap in traps:
            self.problems.append(f"{name}: the kernel saw {' '.join(trap.split())}")
        if traps:
            os.truncate(RECORD, 0)

    def lines(self, read):
        """The lines that a child tells, until it is silent for too long or closes its end."""
        self.closed = False
        rest = b""
        while select.select([read], [], [], SILENCE)[0]:
            data = os.read(read, 1 << 16)
            if not data:
                self.closed = True
                return
            *lines, rest = (rest + data).split(b"\n")
            yield from lines

    def note(self, facts):
        self.called.add(facts["done"])
        self.counts["calls"] += facts["calls"]
        outcomes = facts["outcomes"]
        self.counts.update(outcomes)
        if set(outcomes) - {"TypeError"}:
            self.reached.add(facts["done"])
        if "nothing" in facts:
            self.without.add(facts["done"])
        if "wrong" in facts:
            self.problems.append(f"{facts['done']}: {facts['wrong']}")

    def show(self):
        """The totals as a text."""
        share = len(self.reached) / max(len(self.called), 1)
        words = ", ".join(f"{self.counts[word]} {word}" for word in (
            "refused", "returned", "raised", "TypeError", "waited"))
        return (f"fuzzer: {len(self.called)} entries, {self.counts['calls']} calls ({words}),"
                f" {len(self.reached)} entries reached ({share:.1%}), {len(self.without)} without"
                f" an instance, {len(self.problems)} problems, seed {self.seed};"
                f" {self.counts['witnessed']} of {self.counts['children']} processes under the"
                f" kernel's witness")


def main():
    parser = argparse.ArgumentParser(description="Fuzz what C code gives to Python, locked.")
    parser.add_argument("--seconds", type=float, default=600, help="how long (600)")
    parser.add_argument("--rounds", type=int, help="how often, instead")
    parser.add_argument("--calls", type=int, default=60, help="calls an entry and round (60)")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--unreached", action="store_true", help="name what was never reached")
    parser.add_argument("entries", nargs="*", help="only these: a module, or the begin of a name")
    args = parser.parse_args()
    deadline = None if args.rounds else time.monotonic() + args.seconds
    fuzzer = Fuzzer(args.calls, args.seed)
    if args.entries:
        fuzzer.entries = {key: value for key, value in fuzzer.entries.items()
                          if key[0] in args.entries
                          or ".".join(key).startswith(tuple(args.entries))}
    with tempfile.TemporaryDirectory(prefix="lockdown-") as folder:
        os.chdir(folder)
        os.environ["LOCKDOWN_WITNESS"] = os.path.join(folder, RECORD)
        done = 0
        while done < args.rounds if args.rounds else time.monotonic() < deadline:
            fuzzer.seed = args.seed + done
            done += 1
            whole = fuzzer.run(deadline)
            print(fuzzer.show(), "" if whole else "(last round cut short)", flush=True)
    if args.unreached:
        print("not reached:", *sorted({".".join(key) for key in fuzzer.entries}
                                      - fuzzer.reached), sep="\n  ")
    for title, names in ("waited", fuzzer.waited), ("problem", fuzzer.problems):
        for name in names:
            print(f"{title}: {name}")
    return 1 if fuzzer.problems else 0


if __name__ == "__main__":
    sys.exit(main())
