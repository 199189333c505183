"""Processes, and what they share."""

import _posixshmem
import multiprocessing.synchronize
import os
import resource
import signal
import subprocess
import threading

from .base import *


def shared_memory(s):
    """Make a named piece of shared memory, leave a mark if that worked, and remove it."""
    name = s.path.replace(os.sep, "-")
    descriptor = _posixshmem.shm_open("/" + name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    _posixshmem.shm_unlink("/" + name)
    os.close(descriptor)
    os.mkdir(s("made"))


def create_semaphore():
    return multiprocessing.get_context("fork").Lock()


def can_be_nicer():
    """Whether this process, and so its children, are not as nice as can be."""
    return os.getpriority(os.PRIO_PROCESS, 0) < 19


# proc: fork, exec, spawn, wait for others, signal, change ids, priorities or limits, end hard.

P("os.fork", "proc", forked(lambda: os.fork()), made("made"), also=("fs.write",))
P("os.forkpty", "proc", forked(lambda: os.forkpty()), made("made"), also=("fs.write",),
  exists=has_pty)
P("os.execv", "proc", lambda s: os.execv("/bin/sh", touch_from(s)), made("made"))
P("os.execve", "proc", lambda s: os.execve("/bin/sh", touch_from(s), {}), made("made"))
P("os.posix_spawn", "proc", lambda s: waited(os.posix_spawn("/bin/sh", touch_from(s), {})),
  made("made"))
P("os.posix_spawnp", "proc", lambda s: waited(os.posix_spawnp("sh", touch_from(s), {})),
  made("made"))
P("os.system", "proc", lambda s: os.system(f"mkdir '{s('made')}'"), made("made"))
P("subprocess.run", "proc", lambda s: subprocess.run(touch_from(s), close_fds=True).returncode,
  made("made"), operation="_posixsubprocess.fork_exec|os.posix_spawn",
  also=("ipc", "fs.read", "fd"))
P("os.popen", "proc", lambda s: os.popen(f"mkdir '{s('made')}'").close(), made("made"),
  operation="_posixsubprocess.fork_exec|os.posix_spawn", also=("ipc", "fs.read", "fd"))
P("os.kill", "proc", lambda s: waited(os.kill(s.child.pid, signal.SIGKILL) or s.child.pid),
  changed("children"), child_process)
P("os.killpg", "proc", lambda s: os.killpg(s.group, 0), succeeded,
  lambda s: setattr(s, "group", os.getpgrp()))
P("signal.raise_signal", "proc", lambda s: signal.raise_signal(signal.SIGKILL), ended)
P("signal.pthread_kill", "proc",
  lambda s: signal.pthread_kill(threading.get_ident(), signal.SIGKILL), ended)
P("os._exit", "proc", lambda s: os._exit(0), ended)
P("os.abort", "proc", lambda s: os.abort(), ended,
  lambda s: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
P("os.nice", "proc", lambda s: os.nice(1), changed("nice"), judge=lambda: can_be_nicer())
P("os.getpriority", "env", lambda s: os.getpriority(os.PRIO_PROCESS, 0),
  returned(lambda s, seen: os.getpriority(os.PRIO_PROCESS, seen.pid)))
P("os.setpriority", "proc", lambda s: os.setpriority(os.PRIO_PROCESS, 0, 19), changed("nice"),
  judge=lambda: can_be_nicer())
P("os.sched_setaffinity", "proc",
  lambda s: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}), succeeded)
P("resource.setrlimit", "proc",
  lambda s: resource.setrlimit(resource.RLIMIT_NOFILE, (s.files - 1, s.most)), changed("limits"),
  lambda s: vars(s).update(zip(("files", "most"), resource.getrlimit(resource.RLIMIT_NOFILE))))
P("os.setuid", "proc", lambda s: os.setuid(12345), changed("Uid"), root=True)
P("os.seteuid", "proc", lambda s: os.seteuid(12345), changed("Uid"), root=True)
P("os.setreuid", "proc", lambda s: os.setreuid(12345, 12345), changed("Uid"), root=True)
P("os.setresuid", "proc", lambda s: os.setresuid(12345, 12345, 12345), changed("Uid"), root=True)
P("os.setgid", "proc", lambda s: os.setgid(12345), changed("Gid"), root=True)
P("os.setegid", "proc", lambda s: os.setegid(12345), changed("Gid"), root=True)
P("os.setregid", "proc", lambda s: os.setregid(12345, 12345), changed("Gid"), root=True)
P("os.setresgid", "proc", lambda s: os.setresgid(12345, 12345, 12345), changed("Gid"), root=True)
P("os.setgroups", "proc", lambda s: os.setgroups([12345]), changed("Groups"), root=True)
P("os.initgroups", "proc", lambda s: os.initgroups("nobody", 12345), changed("Groups"), root=True)
P("os.setpgid", "proc", lambda s: os.setpgid(0, 0), changed("pgrp"))
P("os.setpgrp", "proc", lambda s: os.setpgrp(), changed("pgrp"))
P("os.setsid", "proc", lambda s: os.setsid(), changed("session"))
P("os.waitpid", "fd|proc", lambda s: waited(s.child.pid), changed("children"),
  lambda s: (child_process(s), s.child.stdin.close()))
P("os.pidfd_open", "proc", lambda s: os.pidfd_open(s.child.pid) and True, changed("fds"),
  child_process, judge=lambda: works(lambda: os.close(os.pidfd_open(os.getpid()))))

# ipc: shared memory, semaphores, System V or POSIX named objects.

P("_posixshmem.shm_open", "ipc", lambda s: shared_memory(s), made("made"),
  also=("fs.write", "fd"), judge=lambda: works(create_semaphore))
P("_multiprocessing.SemLock", "ipc",
  lambda s: create_semaphore() and True, returned(lambda s, seen: True), also=("env",),
  judge=lambda: works(create_semaphore))
