"""Who and where."""

import grp
import os
import pwd
import resource
import socket
import time

from .base import *


def has_login():
    try:
        os.getlogin()
    except OSError:
        return False
    return True


def clock_of_parent(s):
    """The clock of another process, by the kernel's rule: -6 - 8 * pid."""
    s.clock = ~os.getppid() << 3 | 2


# env: learn who and where.

P("os.getcwd", "env", lambda s: os.getcwd(), returned(lambda s, seen: os.getcwd()))
P("os.getcwdb", "env", lambda s: os.getcwdb(), returned(lambda s, seen: os.getcwdb()))
P("os.getpid", "env", lambda s: os.getpid(), returned(lambda s, seen: seen.pid))
P("os.getppid", "env", lambda s: os.getppid(), value(str.isdigit))
P("os.getuid", "env", lambda s: os.getuid(), returned(lambda s, seen: os.getuid()))
P("os.geteuid", "env", lambda s: os.geteuid(), returned(lambda s, seen: os.geteuid()))
P("os.getgid", "env", lambda s: os.getgid(), returned(lambda s, seen: os.getgid()))
P("os.getegid", "env", lambda s: os.getegid(), returned(lambda s, seen: os.getegid()))
P("os.getresuid", "env", lambda s: os.getresuid(), returned(lambda s, seen: os.getresuid()))
P("os.getresgid", "env", lambda s: os.getresgid(), returned(lambda s, seen: os.getresgid()))
P("os.getgroups", "env", lambda s: os.getgroups(), returned(lambda s, seen: os.getgroups()))
P("os.getgrouplist", "env", lambda s: os.getgrouplist("root", 0),
  returned(lambda s, seen: os.getgrouplist("root", 0)))
P("os.getpgid", "env", lambda s: os.getpgid(0), returned(lambda s, seen: os.getpgid(seen.pid)))
P("os.getpgrp", "env", lambda s: os.getpgrp(), returned(lambda s, seen: os.getpgid(seen.pid)))
P("os.getsid", "env", lambda s: os.getsid(0), returned(lambda s, seen: os.getsid(seen.pid)))
P("os.getlogin", "env", lambda s: os.getlogin(), succeeded, judge=lambda: has_login())
P("os.uname", "env", lambda s: os.uname().nodename,
  returned(lambda s, seen: os.uname().nodename))
P("os.getloadavg", "env", lambda s: len(os.getloadavg()), returned(lambda s, seen: 3),
  judge=lambda: works(os.getloadavg))
P("os.ctermid", "env", lambda s: os.ctermid(), returned(lambda s, seen: os.ctermid()))
P("os.putenv", "env", lambda s: os.putenv("PROBE", "1") or True, succeeded)
P("os.unsetenv", "env", lambda s: os.unsetenv("PROBE") or True, succeeded)
P("os.sysconf", "env", lambda s: os.sysconf("SC_PAGE_SIZE"),
  returned(lambda s, seen: os.sysconf("SC_PAGE_SIZE")))
P("os.sched_getaffinity", "env", lambda s: os.sched_getaffinity(s.parent),
  returned(lambda s, seen: os.sched_getaffinity(0)),
  lambda s: setattr(s, "parent", os.getppid()))
P("socket.gethostname", "env", lambda s: socket.gethostname(),
  returned(lambda s, seen: socket.gethostname()))
P("pwd.getpwuid", "env", lambda s: pwd.getpwuid(0).pw_name,
  returned(lambda s, seen: pwd.getpwuid(0).pw_name))
P("pwd.getpwnam", "env", lambda s: pwd.getpwnam("root").pw_uid,
  returned(lambda s, seen: pwd.getpwnam("root").pw_uid))
P("pwd.getpwall", "env", lambda s: len(pwd.getpwall()),
  returned(lambda s, seen: len(pwd.getpwall())))
P("grp.getgrgid", "env", lambda s: grp.getgrgid(0).gr_name,
  returned(lambda s, seen: grp.getgrgid(0).gr_name))
P("grp.getgrnam", "env", lambda s: grp.getgrnam("root").gr_gid,
  returned(lambda s, seen: grp.getgrnam("root").gr_gid))
P("grp.getgrall", "env", lambda s: len(grp.getgrall()),
  returned(lambda s, seen: len(grp.getgrall())))
P("resource.getrusage", "env",
  lambda s: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0,
  returned(lambda s, seen: True))
P("resource.getrlimit", "env", lambda s: resource.getrlimit(resource.RLIMIT_NOFILE),
  returned(lambda s, seen: resource.prlimit(seen.pid, resource.RLIMIT_NOFILE)))

P("time.clock_gettime", "env", lambda s: time.clock_gettime(s.clock) > 0,
  returned(lambda s, seen: True), lambda s: clock_of_parent(s))
P("time.clock_gettime_ns", "env", lambda s: time.clock_gettime_ns(s.clock) > 0,
  returned(lambda s, seen: True), lambda s: clock_of_parent(s))
P("time.clock_getres", "env", lambda s: time.clock_getres(s.clock) > 0,
  returned(lambda s, seen: True), lambda s: clock_of_parent(s))
P("time.tzset", "env", lambda s: time.tzset(), succeeded)
