# What a scenario has at hand inside the process that locks itself. fresh.py puts this text in front
# of the scenario's own, so that nothing of the test package is imported there.

import json
import sys

import lockdownlib


def report(**facts):
    """Tell the parent some facts, at once: a process that dies later has still told them."""
    sys.stdout.write("\n@" + json.dumps(facts) + "\n")
    sys.stdout.flush()


def attempt(call, *args, **kwargs):
    """How a call ended: ["done", repr], ["refused", type, right, operation], or
    ["raised", type, text]."""
    try:
        value = call(*args, **kwargs)
    except lockdownlib.LockdownError as error:
        return ["refused", type(error).__name__, error.right, error.operation]
    except BaseException as error:
        return ["raised", type(error).__name__, str(error)]
    try:
        return ["done", repr(value)]
    except BaseException as error:
        return ["done", f"(its repr raised {type(error).__name__})"]
