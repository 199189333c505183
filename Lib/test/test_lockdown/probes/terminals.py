"""Terminals: raw numbers of them, and the line editor."""

import fcntl
import os
import struct
import subprocess
import sys
import termios

from .base import *

readline = optional("readline")


# --- os, termios ----------------------------------------------------------------------------

def new_terminal(s):
    """One whose other end nobody has opened yet."""
    s.master = os.posix_openpt(os.O_RDWR | os.O_NOCTTY)


def has_new_terminal():
    return hasattr(os, "posix_openpt") and has_pty()


def its_name(s):
    new_terminal(s)
    s.name = os.ptsname(s.master)


P("os.posix_openpt", "ipc", lambda s: os.posix_openpt(os.O_RDWR | os.O_NOCTTY) and True,
  changed("fds"), exists=has_new_terminal)
P("os.ptsname", "fd&env", lambda s: os.ptsname(s.master), value(lambda text: "/dev/" in text),
  new_terminal, exists=has_new_terminal)
# It gives the name to the user that the kernel gave it to already.
P("os.grantpt", "fd&ipc", lambda s: os.grantpt(s.master), succeeded, new_terminal,
  exists=has_new_terminal)
P("os.unlockpt", "fd&ipc",
  lambda s: os.unlockpt(s.master) or os.open(s.name, os.O_RDWR | os.O_NOCTTY) and True,
  returned(lambda s, seen: True), its_name,
  also=("fs.read", "fs.write", "fs.special"),
  exists=has_new_terminal)
P("os.login_tty", "fd&proc", lambda s: os.login_tty(s.slave), changed("session"), pty)


def typed(s):
    """A terminal with a line that was typed and not read."""
    pty(s)
    os.write(s.master, b"typed\n")


def waiting(s):
    """How many bytes wait to be read from the terminal."""
    return struct.unpack("i", fcntl.ioctl(s.slave, termios.FIONREAD, bytes(4)))[0]


def without_echo(s):
    pty(s)
    s.settings = termios.tcgetattr(s.slave)
    s.settings[3] &= ~termios.ECHO


# Waits until the other end has room, which it has.
P("termios.tcdrain", "fd", lambda s: termios.tcdrain(s.slave), succeeded, pty)
P("termios.tcflow", "fd",
  # The character that tells the other end to stop.
  lambda s: termios.tcflow(s.slave, termios.TCIOFF) or os.read(s.master, 9),
  returned(lambda s, seen: b"\x13"), pty)
P("termios.tcflush", "fd", lambda s: termios.tcflush(s.slave, termios.TCIFLUSH) or waiting(s),
  returned(lambda s, seen: 0), typed, exists=has_pty)
P("termios.tcgetwinsize", "fd", lambda s: termios.tcgetwinsize(s.slave),
  returned(lambda s, seen: (12, 34)),
  lambda s: pty(s) or termios.tcsetwinsize(s.slave, (12, 34)), exists=has_pty)
P("termios.tcsetwinsize", "fd&proc",
  lambda s: termios.tcsetwinsize(s.slave, (12, 34)) or termios.tcgetwinsize(s.slave),
  returned(lambda s, seen: (12, 34)), pty)
# There is no line that it could break.
P("termios.tcsendbreak", "fd", lambda s: termios.tcsendbreak(s.slave, 0), succeeded, pty)
P("termios.tcsetattr", "fd",
  lambda s: termios.tcsetattr(s.slave, termios.TCSANOW, s.settings) or
  termios.tcgetattr(s.slave)[3] & termios.ECHO, returned(lambda s, seen: 0), without_echo,
  exists=has_pty)


# --- readline -------------------------------------------------------------------------------

def has_readline():
    return readline is not None


def has_append():
    return hasattr(readline, "append_history_file")


OPENER = """
import os, signal
signal.alarm(20)
os.close(os.open("init", os.O_WRONLY))
os.mkdir("made")
os.write(1, b"made")
"""


def init_file(s):
    """A pipe with a child that goes on when somebody opens it to read, and never waits for long."""
    os.mkfifo(s("init"))
    s.child = subprocess.Popen([sys.executable, "-I", "-S", "-c", OPENER], cwd=s.path,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def opened(call):
    """Wait for the child after a call that lets it go on."""
    def wait(s):
        call(s)
        return s.child.stdout.read()
    return wait


def history(s):
    readline.add_history("a canary")


P("readline.parse_and_bind", "fs.read&fs.special",
  opened(lambda s: readline.parse_and_bind(f"$include {s('init')}")), made("made"), init_file,
  exists=has_readline)
P("readline.read_init_file", "fs.read&fs.special", opened(lambda s: readline.read_init_file(s("init"))),
  made("made"), init_file, exists=has_readline)
P("readline.read_history_file", "fs.read&code",
  lambda s: readline.read_history_file(s("file")) or readline.get_current_history_length(),
  returned(lambda s, seen: TEXT.count(b"\n")), lambda s: readline.clear_history(),
  exists=has_readline)
P("readline.write_history_file", "fs.write", lambda s: readline.write_history_file(s("made")),
  holds("made", b"canary"), history, exists=has_readline)
P("readline.append_history_file", "fs.write",
  lambda s: readline.append_history_file(1, s("folder/inner")),
  holds("folder/inner", b"a canary"), history, exists=has_append)


def at_home(s):
    """The file that readline has by itself: in the home folder, with one line."""
    os.environ["HOME"] = s.path
    with open(s(".history"), "w") as file:
        file.write("a line\n")
    readline.clear_history()
    history(s)


P("readline.read_history_file by default", "fs.read&fs.special&code",
  lambda s: readline.read_history_file() or readline.get_current_history_length(),
  returned(lambda s, seen: 2), at_home,
  exists=has_readline)
P("readline.write_history_file by default", "fs.write&fs.special",
  lambda s: readline.write_history_file(None), holds(".history", b"canary"), at_home,
  exists=has_readline)
P("readline.append_history_file by default", "fs.write&fs.special",
  lambda s: readline.append_history_file(1), holds(".history", b"canary"), at_home,
  exists=has_append)
P("readline.append_history_file that cuts", "fs.write&fs.special",
  lambda s: readline.append_history_file(1, s(".history")), holds(".history", b"canary"),
  lambda s: (at_home(s), readline.set_history_length(1)), exists=has_append)
def H(name, call, lines):
    """A probe of what changes the history of two lines: which are there after it."""
    P(f"readline.{name}", "code", lambda s: (call(), [
        readline.get_history_item(number + 1)
        for number in range(readline.get_current_history_length())])[1],
      returned(lambda s, seen: lines), lambda s: (readline.clear_history(), history(s), history(s)),
      also=("env",), exists=has_readline)


H("add_history", lambda: readline.add_history("more"), ["a canary", "a canary", "more"])
H("clear_history", lambda: readline.clear_history(), [])
H("remove_history_item", lambda: readline.remove_history_item(0), ["a canary"])
H("replace_history_item", lambda: readline.replace_history_item(1, "more"), ["a canary", "more"])
P("readline.get_history_item", "env", lambda s: readline.get_history_item(1),
  returned(lambda s, seen: "a canary"), lambda s: (readline.clear_history(), history(s)),
  exists=has_readline)


for probe in list(PROBES):
    if probe.name in {"readline.append_history_file", "readline.read_history_file",
                      "readline.write_history_file"}:
        through_proc(probe)
