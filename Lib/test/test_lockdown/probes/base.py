"""What the tables of probes are written with: the scratch folder, effects, and Probe itself."""

import collections
import fcntl
import functools
import importlib
import marshal
import os
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import zipfile


def optional(name):
    """A module that a build may do without."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


dbm, sqlite3, ssl = optional("_dbm") or optional("_gdbm"), optional("sqlite3"), optional("ssl")

TEXT = b"the canary sings\n" * 8
LOOPBACK = "127.0.0.1"


class Scratch:
    """A folder that one probe has for itself, and what its setup opened before the lock."""

    def __init__(self, path):
        self.path = path

    def __call__(self, name):
        return os.path.join(self.path, name)

    def fill(self):
        """Make what every probe may count on: the other side calls this before the probe runs."""
        os.makedirs(self("folder"))
        for name in ("file", "folder/inner"):
            with open(self(name), "wb") as file:
                file.write(TEXT)
        os.chmod(self("file"), 0o640)
        os.symlink("file", self("symlink"))
        with open(self("probe_module.py"), "w") as file:
            file.write("open(__file__ + '.ran', 'w').close()\n")
        with zipfile.ZipFile(self("archive.zip"), "w") as archive:
            archive.writestr("zipped_module.py", "value = 42\n")

    def open(self):
        self.fd = os.open(self("file"), os.O_RDWR)
        return self.fd


# What the other process saw: the value as text ("raised ..." for an error that is no refusal, None
# for a refusal), the pid, and what /proc said of the process before and after the call.
Seen = collections.namedtuple("Seen", "value pid before after")


def snapshot(pid):
    """What the kernel says about a process, as a dict; empty where there is no /proc."""
    seen = {}
    base = f"/proc/{pid}"
    for name in "cwd", "root":
        try:
            seen[name] = os.readlink(f"{base}/{name}")
        except OSError:
            pass
    for name in "uts", "net", "ipc":
        try:
            seen[name] = os.readlink(f"{base}/ns/{name}")
        except OSError:
            pass
    try:
        with open(f"{base}/status") as file:
            for line in file:
                word, _, text = line.partition(":")
                if word in {"Umask", "Uid", "Gid", "Groups", "Cpus_allowed", "SigIgn", "SigBlk",
                            "SigCgt"}:
                    seen[word] = text.strip()
        with open(f"{base}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        seen.update(pgrp=words[2], session=words[3], nice=words[16], policy=words[38])
        with open(f"{base}/limits") as file:
            seen["limits"] = file.read()
        with open(f"{base}/task/{pid}/children") as file:
            seen["children"] = file.read().split()
        seen["fds"] = {}
        for number in os.listdir(f"{base}/fd"):
            try:
                target = os.readlink(f"{base}/fd/{number}")
            except OSError:
                continue
            with open(f"{base}/fdinfo/{number}") as file:
                info = dict(line.split(None, 1) for line in file if line.startswith(("pos", "fl")))
            seen["fds"][number] = [target, info.get("flags:", "").strip(), info.get("pos:", "")]
    except OSError:
        pass
    return seen


HAVE_PROC = bool(snapshot(os.getpid()).get("fds"))


# --- Effects: effect(scratch, seen) is true if the call had its effect ----------------------

def made(name):
    return lambda s, seen: os.path.lexists(s(name))


def gone(name):
    return lambda s, seen: not os.path.lexists(s(name))


def mode(name, bits):
    return lambda s, seen: stat.S_IMODE(os.lstat(s(name)).st_mode) == bits


def mtime(name, seconds):
    return lambda s, seen: int(os.lstat(s(name)).st_mtime) == seconds


def size(name, number):
    return lambda s, seen: os.lstat(s(name)).st_size == number


def holds(name, text):
    def effect(s, seen):
        try:
            with open(s(name), "rb") as file:
                return text in file.read()
        except FileNotFoundError:
            return False
    return effect


def returned(known):
    """The value is the one that known(scratch, seen) finds from outside."""
    return lambda s, seen: seen.value is not None and seen.value == repr(known(s, seen))


def value(test):
    """The text of the value passes a test."""
    return lambda s, seen: seen.value is not None and bool(test(seen.value))


def succeeded(s, seen):
    """There is nothing to see from outside but that the call came back without an error."""
    return seen.value is not None and not seen.value.startswith("raised ")


def changed(*words):
    """/proc shows a difference in one of these."""
    def effect(s, seen):
        return any(seen.before.get(word) != seen.after.get(word) for word in words)
    effect.needs_proc = True
    return effect


def ended(s, seen):
    """The process is gone: there was no answer."""
    return seen.value == "(ended)"


# --- Helpers of calls -----------------------------------------------------------------------

def contents(path, opener=open, **kwargs):
    with opener(path, "rb", **kwargs) as file:
        return file.read()


def listener(s):
    """A listening socket in the scratch's process; the probe's process reaches it on loopback."""
    s.listening = socket.create_server((LOOPBACK, 0))
    s.listening.setblocking(True)
    s.address = s.listening.getsockname()


def udp(s):
    s.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.receiver.bind((LOOPBACK, 0))
    s.receiver.settimeout(10)
    s.address = s.receiver.getsockname()
    s.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def tcp(s):
    listener(s)
    s.socket = socket.socket()
    s.socket.settimeout(10)


def child_process(s):
    s.child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"],
                               stdin=subprocess.PIPE)


def pty(s):
    s.master, s.slave = os.openpty()


def own_terminal(s):
    """A terminal that this process's session belongs to."""
    pty(s)
    if os.getsid(0) != os.getpid():
        os.setsid()
    fcntl.ioctl(s.slave, termios.TIOCSCTTY, 0)
    s.group = os.getpgrp()


def sample_code(s):
    def function(number=1):
        return number + 1
    s.function = function
    s.code = function.__code__
    s.marshalled = marshal.dumps(s.code)


def touch_from(s, name="made"):
    """An argument list for a program that leaves a file behind."""
    return ["sh", "-c", f": > '{s(name)}'"]


def waited(pid):
    os.waitpid(pid, 0)
    return True


def forked(fork):
    """Fork, let the child leave a mark, and wait for it."""
    def call(s):
        pid = fork()
        if isinstance(pid, tuple):
            pid = pid[0]
        if pid == 0:
            try:
                os.mkdir(s("made"))
            finally:
                os._exit(0)
        return waited(pid)
    return call


# --- The table ------------------------------------------------------------------------------

class Probe:
    """One call. right is the word it needs, or several: joined by "&" if it needs all, by "|" if
    one of them is enough.

    operation: the name the error gives, where it is not the probe's own, with "|" if it depends on
    the platform's library. also: further rights that
    the whole call needs before its effect can be seen. root: the effect can be had by the superuser
    only; judge: by whom this is true of. imports: the refusal is a LockdownImportError.
    """

    def __init__(self, name, right, call, effect, setup=None, *, operation=None, also=(),
                 root=False, judge=None, exists=None, imports=False):
        self.name = name
        self.right = right
        self.rights = tuple(right.replace("&", "|").split("|"))
        self.needs_all = "|" not in right
        self.call = call
        self.effect = effect
        self.setup = setup
        self.operations = (operation or name.partition(" ")[0]).split("|")
        self.also = also
        self._judge = judge
        self._root = root
        self._exists = exists
        self.imports = imports

    def __repr__(self):
        return f"<probe {self.name}>"

    def allowed(self, keep):
        """Whether it is allowed where only these rights are kept."""
        return (all if self.needs_all else any)(right in keep for right in self.rights)

    def keeps_enough(self):
        """The least that must be kept for the whole call to have its effect."""
        return (self.rights if self.needs_all else self.rights[:1]) + self.also

    def lack(self):
        """The least that must be refused for the call to be, in each way there is."""
        return [(right,) for right in self.rights] if self.needs_all else [self.rights]

    def can_be_judged(self):
        """Whether its effect can be had and seen on this machine, by this user."""
        if self._root and not is_superuser():
            return False
        if self._judge is not None and not self._judge():
            return False
        return HAVE_PROC or not getattr(self.effect, "needs_proc", False)

    def exists(self):
        """Whether this platform has the call, and what its setup needs."""
        if self.setup in (pty, own_terminal) and not has_pty():
            return False
        if self._exists is not None:
            return self._exists()
        return any(resolve(operation) is not None for operation in self.operations)


def resolve(operation):
    """The object that an operation's name means ("os.open", "socket.socket.bind"), or None."""
    words = operation.split(".")
    for split in range(len(words) - 1, 0, -1):
        module = sys.modules.get(".".join(words[:split]))
        if module is None:
            continue
        found = module
        for word in words[split:]:
            found = getattr(found, word, None)
            if found is None:
                break
        else:
            return found
    found = vars(sys.modules["builtins"]).get(words[0])
    for word in words[1:]:
        found = getattr(found, word, None)
    return found


# A container may lack what the platform has, and its root may lack rights.

def works(call, *args):
    """Whether the system does as it is told."""
    try:
        call(*args)
    except OSError:
        return False
    return True


@functools.cache
def is_superuser():
    """Whether this process may become any user and change the root folder."""
    program = "import os; os.chroot('/'); os.setgroups([12345]); os.setgid(12345); os.setuid(12345)"
    return os.geteuid() == 0 and subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], stderr=subprocess.DEVNULL).returncode == 0


@functools.cache
def has_pty():
    try:
        pair = os.openpty()
    except OSError:
        return False
    for number in pair:
        os.close(number)
    return True


@functools.cache
def has_xattr():
    """Whether files in the temporary folder may have attributes of the user's."""
    with tempfile.NamedTemporaryFile(prefix="lockdown-") as file:
        return hasattr(os, "setxattr") and works(os.setxattr, file.name, "user.probe", b"1")


def can_unshare():
    """Whether this process may make namespaces: containers often may not, even as root."""
    return os.system("unshare --uts true 2>/dev/null") == 0


PROBES = []


def P(*args, **kwargs):
    PROBES.append(Probe(*args, **kwargs))


# --- What is no file --------------------------------------------------------------------------

# A link that leads on to where everything is.
THROUGH = "/proc/self/root"


class Through(Scratch):
    """The scratch folder by another way."""

    def __init__(self, scratch):
        super().__init__(THROUGH + scratch.path)
        self._scratch = scratch

    def __getattr__(self, name):
        return getattr(self._scratch, name)


def through_proc(probe):
    P(f"{probe.name} through /proc", f"{probe.right}&fs.special",
      lambda s: probe.call(Through(s)), probe.effect, probe.setup,
      operation="|".join(probe.operations), also=probe.also,
      judge=lambda: HAVE_PROC and probe.can_be_judged(), exists=probe.exists)
