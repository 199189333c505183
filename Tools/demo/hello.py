"""A script that computes, then tries to leave.

Run it locked:

    ./python -X lockdown Tools/demo/hello.py

The computing works as in any Python.  The three attempts at the end are
refused; run without -X lockdown, all three succeed.
"""

import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta

try:
    import lockdownlib
except ImportError:
    sys.exit("hello.py: this Python has no lockdownlib; "
             "run it with the ./python of Locked Down Python")

LANDINGS = """
[
  {"ship": "Apollo 11", "landed": "1969-07-20T20:17:40Z",
   "left": "1969-07-21T17:54:00Z", "walks": "2:31:40"},
  {"ship": "Apollo 12", "landed": "1969-11-19T06:54:35Z",
   "left": "1969-11-20T14:25:47Z", "walks": "3:56:03, 3:49:15"},
  {"ship": "Apollo 14", "landed": "1971-02-05T09:18:11Z",
   "left": "1971-02-06T18:48:42Z", "walks": "4:47:50, 4:34:41"},
  {"ship": "Apollo 15", "landed": "1971-07-30T22:16:29Z",
   "left": "1971-08-02T17:11:23Z", "walks": "6:32:42, 7:12:14, 4:49:50"},
  {"ship": "Apollo 16", "landed": "1972-04-21T02:23:35Z",
   "left": "1972-04-24T01:25:47Z", "walks": "7:11:02, 7:23:09, 5:40:03"},
  {"ship": "Apollo 17", "landed": "1972-12-11T19:54:57Z",
   "left": "1972-12-14T22:54:37Z", "walks": "7:11:53, 7:36:56, 7:15:08"}
]
"""


@dataclass(frozen=True, order=True)
class Landing:
    landed: datetime
    left: datetime
    ship: str
    outside: timedelta

    @classmethod
    def from_json(cls, record):
        walks = re.findall(r"(\d+):(\d\d):(\d\d)", record["walks"])
        outside = sum((timedelta(hours=int(h), minutes=int(m), seconds=int(s))
                       for h, m, s in walks), timedelta())
        return cls(datetime.fromisoformat(record["landed"]),
                   datetime.fromisoformat(record["left"]),
                   record["ship"], outside)

    @property
    def stay(self):
        return self.left - self.landed


def report(landings):
    print("ship       landed                 stay   outside")
    for landing in sorted(landings):
        hours = landing.stay / timedelta(hours=1)
        share = landing.outside / landing.stay
        print(f"{landing.ship:<10} {landing.landed:%a %d %b %Y}"
              f" {hours:9.1f} h {share:8.0%}")
    total = sum((landing.outside for landing in landings), timedelta())
    print(f"all walks together: {total / timedelta(hours=1):.1f} hours")


def read_a_file():
    with open("/etc/passwd") as file:
        return file.readline()


def list_a_folder():
    return os.listdir("/")


def run_a_program():
    return os.system("exit 0")


ATTEMPTS = (read_a_file, list_a_folder, run_a_program)


def attempt_all():
    """Make every attempt; return how many were refused."""
    refused = 0
    for attempt in ATTEMPTS:
        what = attempt.__name__.replace("_", " ")
        try:
            attempt()
        except lockdownlib.LockdownError as error:
            refused += 1
            print(f"{what}: {type(error).__name__}: {error}")
        else:
            print(f"{what}: done, nothing stopped it")
    return refused


def main():
    report([Landing.from_json(record) for record in json.loads(LANDINGS)])
    print()
    status = lockdownlib.status()
    if not status.locked:
        print("This interpreter is not locked, so nothing below is refused.")
        print("Add -X lockdown after ./python to see the difference.")
    elif status.keep:
        print("Locked, but these rights are kept:", ", ".join(status.keep))
    else:
        print("Locked, no right is kept.")
    refused = attempt_all()
    print(f"{refused} of {len(ATTEMPTS)} attempts refused")
    # Only a lock that keeps nothing promises that every attempt is refused.
    if status.locked and not status.keep and refused < len(ATTEMPTS):
        sys.exit(1)


if __name__ == "__main__":
    main()
