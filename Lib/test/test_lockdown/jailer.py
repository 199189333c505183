"""The host of one way out, for test_escapes.py: does what hosts do, locks, and runs the way's text.

The first line of stdin is a dict: the way's host, given, jail and body, the port of a listener, the
pid of a victim, and keep and ring, the arguments of the lock; ring is None for no lock.
"""

import os
import sys

import lockdownlib


def main():
    way = eval(sys.stdin.readline())
    space = {"port": way["port"], "victim": way["victim"], "target": Target()}
    exec(way["host"], space)
    guest = {name: space[name] for name in way["given"]}
    guest["__name__"] = "__main__"
    if way["jail"] == "no builtins":
        guest["__builtins__"] = {}
    write, flush = sys.stdout.write, sys.stdout.flush
    write(f"address {space.get('address') or id(space['target'])}\n")
    flush()
    if way["ring"] is not None:
        lockdownlib.lockdown(keep=way["keep"], kernel=way["ring"])
    try:
        exec(way["body"], guest)
    except lockdownlib.LockdownError as error:
        ending = f"refused {error}"
    except BaseException as error:
        ending = f"raised {type(error).__name__}: {error}"
    else:
        ending = "ended"
    try:
        write(f"answer {guest.get('answer')!r}\n")
        write(f"ending {ending}\n")
        flush()
    except BaseException:
        pass


class Target:
    """What a way may learn the address of."""


if __name__ == "__main__":
    main()
