"""What configure does before CPython's own configure: fetch, unpack and weave.

    prepare.py SOURCE BUILD UPSTREAM RELEASE

prints the release that was woven; the rest of what it says goes to the standard error.
"""

import signal
import sys
from pathlib import Path

import fetch
from overlay import OverlayError
from upstream import read_upstream
from weave import WovenTree


def main(arguments):
    source, build, place, wanted = arguments
    # Ended from outside is ended as by Ctrl-C: what is half made is removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        releases = read_upstream(Path(source, "UPSTREAM"))
        release = fetch.provide(releases, build, place, wanted)
        changed = WovenTree(build, release.version).weave(source, release.version,
                                                         releases[0].version)
    except OverlayError as error:
        for problem in error.problems:
            print(f"configure: error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("configure: error: interrupted: run it again", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"configure: error: {fetch.disk_problem(error, build)}", file=sys.stderr)
        return 1
    print(f"configure: {len(changed)} files woven into CPython {release.version}",
          file=sys.stderr)
    print(release.version)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
