"""The operating system's own modules: what the tables beside this one leave of them."""

import _multiprocessing
import _posixshmem
import faulthandler
import locale
import mmap
import os
import resource
import select
import signal
import socket
import struct
import syslog
import threading
import time

from .base import *

SIZE = 4096
IN = getattr(select, "POLLIN", None)


def name_of(s):
    """A name for the kernel's shared objects that belongs to this scratch folder."""
    return "/" + s.path.strip("/").replace("/", "-")


def both(*effects):
    def effect(s, seen):
        return all(effect(s, seen) for effect in effects)
    effect.needs_proc = any(getattr(effect, "needs_proc", False) for effect in effects)
    return effect


def limited(s):
    """A crash leaves no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def pipe(s):
    s.reader, s.writer = os.pipe2(os.O_NONBLOCK)
    os.write(s.writer, TEXT)


# --- os -------------------------------------------------------------------------------------

def entry(name):
    """An entry of scandir that is older than the lock."""
    def setup(s):
        with os.scandir(s.path) as entries:
            s.entry, = (entry for entry in entries if entry.name == name)
    return setup


P("os.DirEntry.inode", "fs.read", lambda s: s.entry.inode(),
  returned(lambda s, seen: os.stat(s("file")).st_ino), entry("file"))
P("os.DirEntry.is_dir", "fs.read", lambda s: s.entry.is_dir(),
  returned(lambda s, seen: os.path.isdir(s("folder"))), entry("folder"))
P("os.DirEntry.is_file", "fs.read", lambda s: s.entry.is_file(),
  returned(lambda s, seen: os.path.isfile(s("symlink"))), entry("symlink"))
P("os.DirEntry.is_symlink", "fs.read", lambda s: s.entry.is_symlink(),
  returned(lambda s, seen: os.path.islink(s("symlink"))), entry("symlink"))
P("os.DirEntry.stat", "fs.read", lambda s: s.entry.stat().st_size,
  returned(lambda s, seen: os.stat(s("symlink")).st_size), entry("symlink"))
P("os.sync", "fs.write", lambda s: os.sync(), succeeded)

P("os.confstr", "env", lambda s: os.confstr("CS_PATH"),
  returned(lambda s, seen: os.confstr("CS_PATH")))
P("os.times", "env", lambda s: os.times().elapsed,
  value(lambda text: abs(float(text) - os.times().elapsed) < 600))
P("os.sched_getparam", "env", lambda s: os.sched_getparam(0).sched_priority,
  returned(lambda s, seen: os.sched_getparam(seen.pid).sched_priority))
P("os.sched_getscheduler", "env", lambda s: os.sched_getscheduler(0),
  returned(lambda s, seen: os.sched_getscheduler(seen.pid)))
P("os.sched_rr_get_interval", "env", lambda s: os.sched_rr_get_interval(0),
  returned(lambda s, seen: os.sched_rr_get_interval(seen.pid)))
# A process of the usual kind can be given no other priority than none.
P("os.sched_setparam", "proc", lambda s: os.sched_setparam(0, s.param), succeeded,
  lambda s: setattr(s, "param", os.sched_getparam(0)))
P("os.sched_setscheduler", "proc",
  lambda s: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)), changed("policy"))

P("os.unshare", "proc", lambda s: os.unshare(os.CLONE_NEWUTS), changed("uts"),
  judge=can_unshare)


def another_uts(s):
    s.uts = os.open("/proc/self/ns/uts", os.O_RDONLY)
    if can_unshare():
        os.unshare(os.CLONE_NEWUTS)


P("os.setns", "fd&proc", lambda s: os.setns(s.uts), changed("uts"), another_uts,
  judge=can_unshare, exists=lambda: hasattr(os, "setns") and HAVE_PROC)


def dying_child(s):
    child_process(s)
    s.child.stdin.close()


P("os.wait", "fd|proc", lambda s: os.wait()[0] == s.child.pid, changed("children"), dying_child)
P("os.wait3", "fd|proc", lambda s: os.wait3(0)[0] == s.child.pid, changed("children"),
  dying_child)
P("os.wait4", "fd|proc", lambda s: os.wait4(s.child.pid, 0)[0] == s.child.pid,
  changed("children"), dying_child)
P("os.waitid", "fd|proc",
  lambda s: os.waitid(os.P_PID, s.child.pid, os.WEXITED).si_pid == s.child.pid,
  changed("children"), dying_child)


def two_files(s):
    s.open()
    s.copy = os.open(s("copy"), os.O_WRONLY | os.O_CREAT)


P("os.copy_file_range", "fd", lambda s: os.copy_file_range(s.fd, s.copy, 5), size("copy", 5),
  two_files)
P("os.splice", "fd", lambda s: os.splice(s.reader, s.copy, 5), size("copy", 5),
  lambda s: (two_files(s), pipe(s)))
P("os.eventfd_read", "fd", lambda s: os.eventfd_read(s.counter),
  returned(lambda s, seen: 3), lambda s: setattr(s, "counter", os.eventfd(3)))
P("os.eventfd_write", "fd", lambda s: os.eventfd_write(s.counter, 4) or os.read(s.counter, 8),
  returned(lambda s, seen: struct.pack("Q", 7)),
  lambda s: setattr(s, "counter", os.eventfd(3)))


def timer(s):
    s.timer = os.timerfd_create(time.CLOCK_MONOTONIC)


def running_timer(s):
    timer(s)
    os.timerfd_settime(s.timer, initial=3600)


P("os.timerfd_create", "ipc", lambda s: os.timerfd_create(time.CLOCK_MONOTONIC) and True,
  changed("fds"))
P("os.timerfd_settime", "fd",
  lambda s: os.timerfd_settime(s.timer, initial=0.01) and len(os.read(s.timer, 8)),
  returned(lambda s, seen: 8), timer)
P("os.timerfd_settime_ns", "fd",
  lambda s: os.timerfd_settime_ns(s.timer, initial=10**7) and len(os.read(s.timer, 8)),
  returned(lambda s, seen: 8), timer)
P("os.timerfd_gettime", "fd", lambda s: 3000 < os.timerfd_gettime(s.timer)[0] <= 3600,
  returned(lambda s, seen: True), running_timer)
P("os.timerfd_gettime_ns", "fd",
  lambda s: 3000 < os.timerfd_gettime_ns(s.timer)[0] / 10**9 <= 3600,
  returned(lambda s, seen: True), running_timer)


# The C library reads the file that this variable names when it is asked for a local time.

ZONE = struct.pack(">5s15x6l", b"TZif", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb4s", 3600, 0, 0,
                                                                        b"PRB")


def local_zone(change):
    """The name of the local time zone after a change to the environment."""
    def call(s):
        change(s)
        time.mktime((2000, 1, 1, 0, 0, 0, 0, 0, 0))
        return time.localtime(0).tm_zone
    return call


def zone_file(s):
    with open(s("zone"), "wb") as file:
        file.write(ZONE)


P("os.putenv TZ", "env&fs.read&fs.special", local_zone(lambda s: os.putenv("TZ", ":" + s("zone"))),
  returned(lambda s, seen: "PRB"), zone_file)
P("os.putenv TZ by name", "env&fs.read", local_zone(lambda s: os.putenv("TZ", "PRB0")),
  returned(lambda s, seen: "PRB"))
P("os.unsetenv TZ", "env&fs.read", local_zone(lambda s: os.unsetenv("TZ")),
  value(lambda text: text != "'PRB'"),
  lambda s: (zone_file(s), os.putenv("TZ", ":" + s("zone"))))

# What it believes, or takes for code.
for variable in ("GCONV_PATH", "LANGUAGE", "LOCPATH", "NLSPATH", "OPENSSL_CONF", "OPENSSL_ENGINES",
                 "OPENSSL_MODULES"):
    P("os.putenv " + variable, "env&fs.read&code",
      lambda s, variable=variable: os.putenv(variable, "../folder") or True, succeeded)
for variable in ("HOSTALIASES", "RESOLV_HOST_CONF", "SSL_CERT_DIR", "SSL_CERT_FILE", "TERMINFO",
                 "TERMINFO_DIRS", "TZDIR"):
    P("os.putenv " + variable, "env&fs.read&fs.special",
      lambda s, variable=variable: os.putenv(variable, "folder") or True, succeeded)
P("os.putenv LANGUAGE by name", "env&fs.read", lambda s: os.putenv("LANGUAGE", "de:en") or True,
  succeeded)


# --- signal, faulthandler -------------------------------------------------------------------

P("signal.alarm", "proc", lambda s: signal.alarm(1) or signal.pause(), ended)
P("signal.setitimer", "proc",
  lambda s: signal.setitimer(signal.ITIMER_REAL, 0.01) and signal.pause(), ended)
P("signal.pthread_sigmask", "proc",
  lambda s: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]), changed("SigBlk"))


def woken(s):
    """The interpreter writes to the number when a signal comes: here by a timer of the setup."""
    signal.set_wakeup_fd(s.writer)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return os.read(s.reader, 1) == bytes([signal.SIGVTALRM])
        except BlockingIOError:
            continue


def timer_of_signals(s):
    """A timer that runs while the process works, and so leaves a waiting process alone."""
    s.reader, s.writer = os.pipe2(os.O_NONBLOCK)
    signal.signal(signal.SIGVTALRM, lambda *args: None)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.05, 0.05)


P("signal.set_wakeup_fd", "fd", woken, returned(lambda s, seen: True), timer_of_signals)


def pending(number):
    """A signal that is blocked and waits to be taken."""
    def setup(s):
        s.signal = signal.SIGRTMIN + number
        signal.pthread_sigmask(signal.SIG_BLOCK, [s.signal])
        signal.raise_signal(s.signal)
    return setup


P("signal.sigwait", "proc", lambda s: signal.sigwait([s.signal]) == s.signal,
  returned(lambda s, seen: True), pending(3))
P("signal.sigwaitinfo", "env&proc", lambda s: signal.sigwaitinfo([s.signal]).si_pid,
  returned(lambda s, seen: seen.pid), pending(4))
P("signal.sigtimedwait", "env&proc", lambda s: signal.sigtimedwait([s.signal], 10).si_pid,
  returned(lambda s, seen: seen.pid), pending(5))


def has_pidfd():
    return hasattr(os, "pidfd_open") and works(lambda: os.close(os.pidfd_open(os.getpid())))


def child_by_number(s):
    child_process(s)
    s.pidfd = os.pidfd_open(s.child.pid)


P("signal.pidfd_send_signal", "fd&proc",
  lambda s: waited(signal.pidfd_send_signal(s.pidfd, signal.SIGKILL) or s.child.pid),
  changed("children"), child_by_number, exists=has_pidfd)

P("faulthandler.dump_traceback", "fd&runtime", lambda s: faulthandler.dump_traceback(s.fd),
  holds("file", b"most recent call first"), lambda s: (s.open(), os.truncate(s.fd, 0)))


def dumped_later(s):
    """Wait for a dump: its first lines, and a line of a frame."""
    faulthandler.dump_traceback_later(0.01, file=s.fd)
    deadline = time.monotonic() + 60
    while os.lseek(s.fd, 0, os.SEEK_END) < 90 and time.monotonic() < deadline:
        time.sleep(0.01)


P("faulthandler.dump_traceback_later", "fd&runtime", dumped_later,
  holds("file", b"most recent call first"), lambda s: (s.open(), os.truncate(s.fd, 0)))


def threads(number):
    def effect(s, seen):
        # The kernel counts a thread a little longer than those who wait for it.
        for attempt in range(1200):
            if len(os.listdir(f"/proc/{seen.pid}/task")) == number:
                return True
            time.sleep(0.05)
        return False
    effect.needs_proc = True
    return effect


# What waits to dump is a thread of its own.
P("faulthandler.cancel_dump_traceback_later", "runtime",
  lambda s: faulthandler.cancel_dump_traceback_later(), both(succeeded, threads(1)),
  lambda s: faulthandler.dump_traceback_later(3600, file=s.open()))
P("faulthandler.disable", "runtime", lambda s: faulthandler.disable(), changed("SigCgt"),
  lambda s: faulthandler.enable(s.open()))
P("faulthandler.register", "fd&runtime",
  lambda s: faulthandler.register(signal.SIGUSR1, file=s.fd, chain=False), changed("SigCgt"),
  Scratch.open)
P("faulthandler.unregister", "runtime", lambda s: faulthandler.unregister(signal.SIGXFSZ),
  returned(lambda s, seen: True),
  lambda s: faulthandler.register(signal.SIGXFSZ, file=s.open(), chain=False))
P("faulthandler._fatal_error_c_thread", "runtime",
  # The process ends on another thread.
  lambda s: faulthandler._fatal_error_c_thread() or time.sleep(60), ended, limited)
P("faulthandler._read_null", "runtime", lambda s: faulthandler._read_null(), ended, limited)
P("faulthandler._sigabrt", "runtime", lambda s: faulthandler._sigabrt(), ended, limited)
P("faulthandler._sigfpe", "runtime", lambda s: faulthandler._sigfpe(), ended, limited)
P("faulthandler._sigsegv", "runtime", lambda s: faulthandler._sigsegv(), ended, limited)
P("faulthandler._stack_overflow", "runtime", lambda s: faulthandler._stack_overflow(), ended,
  limited)


# --- time, resource, syslog -----------------------------------------------------------------

P("time.clock_settime_ns", "proc", lambda s: time.clock_settime_ns(time.CLOCK_REALTIME, -1),
  # As time.clock_settime: no probe may set the machine's clock.
  value(lambda text: text.startswith("raised ") and "[Errno " in text))
P("time.pthread_getcpuclockid", "env&inspect",
  # Asked for now: the lock gives threads other numbers.
  lambda s: time.pthread_getcpuclockid(threading.get_ident()),
  # The kernel makes the clock's number of the thread's id, which here is the process's.
  returned(lambda s, seen: ~seen.pid << 3 | 6))
P("resource.prlimit", "env&proc",
  lambda s: resource.prlimit(0, resource.RLIMIT_NOFILE, (s.files - 1, s.most)),
  changed("limits"),
  lambda s: vars(s).update(zip(("files", "most"), resource.getrlimit(resource.RLIMIT_NOFILE))))


def log(s):
    """The system's log as this process finds it: a socket in the scratch folder."""
    os.mkdir(s("dev"))
    s.receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.receiver.settimeout(10)
    # The path of a socket is short, that of a folder for tests need not be.
    here = os.open(".", os.O_RDONLY)
    os.chdir(s("dev"))
    s.receiver.bind("log")
    os.fchdir(here)
    root = os.open("/", os.O_RDONLY)
    syslog.closelog()
    try:
        os.chroot(s.path)
    except PermissionError:
        # The effect cannot be had, the refusal can.
        return
    try:
        syslog.openlog("before", syslog.LOG_NDELAY)
    finally:
        os.fchdir(root)
        os.chroot(".")
        os.fchdir(here)
        os.close(root)
        os.close(here)


P("syslog.syslog", "net", lambda s: syslog.syslog("canary") or s.receiver.recv(200),
  value(lambda text: "before: canary" in text), log, root=True)
P("syslog.openlog", "net",
  lambda s: (syslog.openlog("probe"), syslog.syslog("canary")) and s.receiver.recv(200),
  value(lambda text: "probe: canary" in text), log, root=True)
P("syslog.closelog", "net", lambda s: syslog.closelog(), changed("fds"), log, root=True)


# --- mmap, select ---------------------------------------------------------------------------

def private_memory(s):
    s.map = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    s.map[:4] = b"text"


P("mmap.mmap.madvise", "proc", lambda s: s.map.madvise(mmap.MADV_DONTNEED) or s.map[:4],
  returned(lambda s, seen: bytes(4)), private_memory)
# The map is older than the lock.
P("mmap.mmap.resize", "fd|fs.write", lambda s: s.map.resize(10), size("file", 10),
  lambda s: setattr(s, "map", mmap.mmap(s.open(), 0)))
P("mmap.mmap.resize private", "fd|fs.write", lambda s: s.map.resize(10), size("file", 10),
  lambda s: setattr(s, "map", mmap.mmap(s.open(), 0, flags=mmap.MAP_PRIVATE)),
  operation="mmap.mmap.resize")


def watcher(word, event=None):
    """A set that watches nothing, or the pipe for an event, older than the lock."""
    def setup(s):
        pipe(s)
        s.set = getattr(select, word)()
        if event is not None:
            s.set.register(s.reader, event)
    return setup


def watched(change):
    """Whether the set tells that the pipe can be read, after a change to it."""
    def call(s):
        change(s)
        return s.set.poll(0) == [(s.reader, IN)]
    return call


P("select.epoll.fromfd", "fd",
  lambda s: select.epoll.fromfd(s.set.fileno()).poll(0) == [(s.reader, IN)],
  returned(lambda s, seen: True), watcher("epoll", IN))
for word in "epoll", "poll":
    # The type behind select.poll has no name of its own to be found by.
    def exists(word=word):
        return hasattr(select, word)
    P(f"select.{word}.register", "fd", watched(lambda s: s.set.register(s.reader, IN)),
      returned(lambda s, seen: True), watcher(word), exists=exists)
    P(f"select.{word}.modify", "fd", watched(lambda s: s.set.modify(s.reader, IN)),
      returned(lambda s, seen: True), watcher(word, 0), exists=exists)
    P(f"select.{word}.unregister", "fd", watched(lambda s: s.set.unregister(s.reader)),
      returned(lambda s, seen: False), watcher(word, IN), exists=exists)


# --- named objects --------------------------------------------------------------------------

def named_semaphore(s):
    s.semaphore = _multiprocessing.SemLock(1, 1, 1, name_of(s), False)


def has_semaphores():
    return works(_multiprocessing.SemLock, 1, 1, 1, f"/lockdown-{os.getpid()}", True)


def named_memory(s):
    os.close(_posixshmem.shm_open(name_of(s), os.O_RDWR | os.O_CREAT, 0o600))


def has_memory():
    """Whether there is shared memory: where it is, asking for what is not there says so."""
    try:
        _posixshmem.shm_unlink(f"/lockdown-{os.getpid()}")
    except OSError as error:
        return isinstance(error, FileNotFoundError) and os.access("/dev/shm", os.W_OK)
    return True


def left_over(known, remove):
    """An effect, and after it the name is gone from the kernel whatever came of the call."""
    def effect(s, seen):
        try:
            remove(name_of(s))
            there = True
        except FileNotFoundError:
            there = False
        return known(s, seen) if callable(known) else there == known
    return effect


P("_multiprocessing.sem_unlink", "ipc", lambda s: _multiprocessing.sem_unlink(name_of(s)),
  left_over(False, _multiprocessing.sem_unlink), named_semaphore, exists=has_semaphores)
P("_multiprocessing.SemLock._rebuild", "ipc",
  lambda s: _multiprocessing.SemLock._rebuild(0, 1, 1, name_of(s)).acquire() and
  s.semaphore._get_value(),
  left_over(returned(lambda s, seen: 0), _multiprocessing.sem_unlink), named_semaphore,
  exists=has_semaphores)


def semaphore(s):
    s.semaphore = _multiprocessing.SemLock(1, 1, 1, name_of(s), True)
    s.address = s.semaphore.handle


def rebuilt(s):
    """Take a semaphore by its address. The object stays: its end would end the semaphore twice."""
    s.other = _multiprocessing.SemLock._rebuild(s.address, 1, 1, None)
    s.other.acquire()
    return s.semaphore._get_value()


P("_multiprocessing.SemLock._rebuild address", "ipc&code", rebuilt,
  returned(lambda s, seen: 0), semaphore, exists=has_semaphores)
P("_posixshmem.shm_unlink", "ipc", lambda s: _posixshmem.shm_unlink(name_of(s)),
  left_over(False, _posixshmem.shm_unlink), named_memory, exists=has_memory)


# --- message catalogues ---------------------------------------------------------------------

def catalogue(text, translation):
    """A message catalogue with one message, as the C library reads it."""
    text, translation = text + b"\0", translation + b"\0"
    start = 7 * 4 + 2 * 8
    return struct.pack("7I4I", 0x950412de, 0, 1, 28, 36, 0, start,
                       len(text) - 1, start, len(translation) - 1, start + len(text)) \
        + text + translation


LOCALE = "C.UTF-8"


def has_locale():
    """Whether there is a locale that is translated at all; "C" never is."""
    before = locale.setlocale(locale.LC_MESSAGES)
    try:
        locale.setlocale(locale.LC_MESSAGES, LOCALE)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_MESSAGES, before)
    return hasattr(locale, "dgettext")


def messages(s):
    """A catalogue of the scratch's own, which nothing has looked at yet."""
    s.domain = name_of(s).strip("/")
    folder = s(f"{LOCALE}/LC_MESSAGES")
    os.makedirs(folder)
    with open(os.path.join(folder, s.domain + ".mo"), "wb") as file:
        file.write(catalogue(b"bird", b"canary"))
    locale.setlocale(locale.LC_MESSAGES, LOCALE)
    locale.bindtextdomain(s.domain, s.path)
    locale.textdomain(s.domain)


P("_locale.gettext", "fs.read&code", lambda s: locale.gettext("bird"),
  returned(lambda s, seen: "canary"), messages, exists=has_locale)
P("_locale.dgettext", "fs.read&code", lambda s: locale.dgettext(s.domain, "bird"),
  returned(lambda s, seen: "canary"), messages, exists=has_locale)
P("_locale.dcgettext", "fs.read&code",
  lambda s: locale.dcgettext(s.domain, "bird", locale.LC_MESSAGES),
  returned(lambda s, seen: "canary"), messages, exists=has_locale)
P("_locale.bindtextdomain", "fs.read&code", lambda s: locale.bindtextdomain(s.domain, None),
  returned(lambda s, seen: s.path), messages, exists=has_locale)
