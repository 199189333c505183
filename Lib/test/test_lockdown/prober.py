"""Runs probes in processes that test_refused.py can look at from outside.

Usage: prober.py alone|together [RING], with a JSON list on the first line of stdin, a row a probe:
[name, scratch folder, rights to keep or null for no lock]. RING is what to ask of the kernel, "off"
if not given; "witness" is "try" with a record of what the kernel refused, from python-mutant.

alone      forks a process for each probe, judges the effect from here and prints one line a probe.
together   runs all probes in this one process, locked as the last row says, and leaves judging to
           the process that started it.
"""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import probes

import lockdownlib


def outcome(probe, scratch):
    """How the call ended, as test_refused.py reads it."""
    try:
        value = probe.call(scratch)
    except lockdownlib.LockdownError as error:
        return {"refused": [type(error).__name__, error.right, error.operation]}
    except BaseException as error:
        # Not a refusal: it may be what the machine answered.
        return {"value": f"raised {type(error).__name__}: {error}"}
    return {"value": repr(value)}


def prepare(probe, scratch):
    if probe.setup is not None:
        probe.setup(scratch)


def guest(probe, path, keep, ring, answers, orders):
    """The process that runs one probe. It ends by being killed: when locked it may not do more."""
    scratch = probes.Scratch(path)
    with answers, orders:
        try:
            prepare(probe, scratch)
            if keep is not None:
                if ring == "witness":
                    os.environ["LOCKDOWN_WITNESS"] = path + ".traps"
                lockdownlib.lockdown(keep=keep, kernel="try" if ring == "witness" else ring)
            answers.write("ready\n")
            answers.flush()
            orders.readline()
            found = outcome(probe, scratch)
        except BaseException as error:
            found = {"broken": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(found) + "\n")
        answers.flush()
        orders.readline()
        while True:
            signal.pause()


def traps(path):
    """The names of the calls that the kernel refused, as the witness recorded them."""
    try:
        with open(path + ".traps", errors="replace") as file:
            return [line.split()[1] for line in file if line.startswith("trap: ")]
    except FileNotFoundError:
        return []


def alone(probe, path, keep, ring):
    """Run one probe in a forked process and judge what it did."""
    scratch = probes.Scratch(path)
    scratch.fill()
    from_guest, to_judge = os.pipe()
    from_judge, to_guest = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(from_guest)
        os.close(to_guest)
        guest(probe, path, keep, ring, open(to_judge, "w"), open(from_judge, "r"))
    ended = False
    os.close(to_judge)
    os.close(from_judge)
    with open(from_guest) as answers, open(to_guest, "w") as orders:
        line = answers.readline()
        if line != "ready\n":
            found = json.loads(line or '{"broken": "ended in its setup"}')
        else:
            before = probes.snapshot(pid)
            orders.write("go\n")
            orders.flush()
            line = answers.readline()
            if not line:
                # Dead, or another program by now: let it come to its end before judging.
                ended = True
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            found = json.loads(line or '{"value": "(ended)"}')
            if not line and status == -signal.SIGSYS:
                # The kernel ended it: that is a refusal.
                found = {"value": None, "killed": True}
            seen = probes.Seen(found.get("value"), pid, before, probes.snapshot(pid))
            found["effect"] = bool(probe.effect(scratch, seen))
            found["traps"] = traps(path)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return found


def main():
    mode, ring = (sys.argv[1:] + ["off"])[:2]
    known = {probe.name: probe for probe in probes.PROBES}
    # A probe may want 0 and 1 for a terminal of its own.
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    rows = [(known[name], path, keep) for name, path, keep in json.loads(orders.readline())]
    if mode == "alone":
        for probe, path, keep in rows:
            print(json.dumps(alone(probe, path, keep, ring)), file=answers, flush=True)
        return
    ready = []
    for probe, path, keep in rows:
        scratch = probes.Scratch(path)
        scratch.fill()
        prepare(probe, scratch)
        ready.append((probe, scratch))
    lockdownlib.lockdown(keep=keep, kernel=ring)
    print("ready", file=answers, flush=True)
    orders.readline()
    for probe, scratch in ready:
        print(json.dumps(outcome(probe, scratch)), file=answers, flush=True)
    print("done", file=answers, flush=True)
    orders.readline()


if __name__ == "__main__":
    main()
