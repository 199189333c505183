"""A calculator on a socket: it opens the door, locks, and then serves.

    ./python Tools/demo/calculator.py [PORT]

Send it lines with Python expressions, for example with nc or telnet.  What
they compute comes back, and what they are refused comes back as an error.

keep=("fd",) is what lets a socket that listens accept.  It also lets every
expression read, write and close descriptors by number; an expression that
closes the listening socket ends the service.
"""

import socket
import sys

import lockdownlib


def answer(expression):
    try:
        return repr(eval(expression, {"__name__": "calculator"}))
    # An expression may also call sys.exit(), which must not end the service.
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"


def serve(listener):
    while True:
        connection, _ = listener.accept()
        try:
            with connection, connection.makefile("rw", encoding="utf-8") as lines:
                for line in lines:
                    print(answer(line.strip()), file=lines, flush=True)
        except (ConnectionError, UnicodeError) as error:
            print(f"connection lost: {error}", flush=True)


def main(args):
    port = int(args[0]) if args else 0
    with socket.create_server(("localhost", port)) as listener:
        lockdownlib.lockdown(keep=("fd",))
        print("calculating on port", listener.getsockname()[1], flush=True)
        try:
            serve(listener)
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main(sys.argv[1:])
