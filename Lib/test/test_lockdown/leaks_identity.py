"""A part of the host program for the leak walker: objects of the library that learned outside who
and where they are, the name of the host, the environment, numbers of processes, paths.

Imported from a folder whose name is a secret, as host.py is.
"""

import _threading_local
import asyncio
import asyncio.subprocess
import bdb
import cProfile
import concurrent.futures
import ctypes
import filecmp
import http.cookiejar
import imaplib
import importlib.metadata
import importlib.resources.readers
import io
import logging.handlers
import mailbox
import modulefinder
import multiprocessing
import multiprocessing.managers
import multiprocessing.pool
import multiprocessing.reduction
import multiprocessing.resource_sharer
import multiprocessing.shared_memory
import os
import pdb
import pyclbr
import pydoc
import shlex
import shutil
import smtplib
import socket
import sqlite3
import sys
import tarfile
import time
import trace
import tracemalloc
import unittest
import urllib.request
import warnings
import webbrowser
import wsgiref.simple_server
import zipfile
import zipimport


MAIL_SERVER = r"""
print("* OK\r\n* CAPABILITY IMAP4REV1\r", flush=True)
while True:
    tag, command = input().split()
    print("* BYE\r" if command == "LOGOUT" else "* CAPABILITY IMAP4REV1\r")
    print(tag, "OK done\r", flush=True)
    if command == "LOGOUT":
        break
"""


def own_local():
    """A local of the thread, made in Python, with a value in it."""
    local = _threading_local.local()
    local.value = 1
    return local


def ask_web(path):
    """Proxies of the environment, with a password, and the name of the host."""
    opener = urllib.request.build_opener()
    request = urllib.request.Request("http://example.invalid/")
    kept = {
        "opener": opener, "asked": request,
        "wsgi": wsgiref.simple_server.WSGIServer(
            ("localhost", 0), wsgiref.simple_server.WSGIRequestHandler),
        "smtp": smtplib.SMTP(), "lmtp": smtplib.LMTP(),
    }
    # What the proxy answers is not waited for.
    [handler] = [one for one in opener.handlers if isinstance(one, urllib.request.ProxyHandler)]
    handler.http_open(request)
    # What it does as it binds, for an address that has no name of its own.
    kept["wsgi"].server_name = socket.getfqdn()
    kept["wsgi"].setup_environ()
    kept["secure"] = urllib.request.Request("https://example.invalid/")
    kept["secure"].set_proxy(handler.proxies["http"].partition("//")[2], "http")
    server = written(path("server.py"), MAIL_SERVER)
    kept["mail"] = imaplib.IMAP4_stream(f"{sys.executable} {server}")
    kept["mail"].logout()
    return kept


def fail_in_worker(path):
    open(path)


def wait_for(fd, size):
    """What keeps a worker at work until the file has SIZE bytes; then the worker is gone."""
    while os.fstat(fd).st_size < size:
        time.sleep(0.01)
    os._exit(0)


def start_workers(path):
    """Workers of all kinds, which know their number.  What is written into the file that is open
    as "end" ends those that still live."""
    fork = multiprocessing.get_context("fork")
    multiprocessing.current_process().authkey = os.fsencode(path("authkey"))
    queue = fork.Queue()
    server = multiprocessing.managers.SyncManager(path("manager"), ctx=fork).get_server()
    server.create(None, "list")
    server.listener.close()
    with fork.Pool(1) as pool:
        failed = pool.apply_async(fail_in_worker, [path("none")])
        failed.wait()
        worker = pool._pool[0]
    with concurrent.futures.ProcessPoolExecutor(1, fork) as executor:
        future = executor.submit(fail_in_worker, path("none"))
        future.exception()
    # SyncManager's server is a child: its numbers of objects are those of this memory.
    manager = fork.Manager()
    proxy = manager.list([1])
    manager.shutdown()
    shared = multiprocessing.shared_memory.ShareableList([1])
    shared.shm.unlink()
    tracker = multiprocessing.managers._SharedMemoryTracker(f"shm_{path('s')}_{os.getpid()}")
    end = open(path("end"), "wb", buffering=0)
    living = concurrent.futures.ProcessPoolExecutor(1, fork)
    return {
        "queue": queue, "joinable": fork.JoinableQueue(), "server": server, "worker": worker,
        "apply": failed, "future": future, "tracker": tracker, "proxy": proxy, "manager": manager,
        "living": living, "at work": living.submit(wait_for, end.fileno(), 1), "end": end,
        "shared": shared, "asyncio": asyncio_child(), "process": fork.Process(),
        "shared descriptor": multiprocessing.resource_sharer.DupFd(1),
    }


def asyncio_child():
    """A loop, and a process that it started, after its end: the watcher of one that lives has to
    know its number."""
    async def run():
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
        await child.wait()
        return child

    loop = asyncio.new_event_loop()
    return loop, loop.run_until_complete(run())


def mailboxes(path):
    """Messages in a Maildir have the host and the process in their names."""
    box = mailbox.Maildir(path("box"))
    box.add("From: me\n\nHello\n")
    list(box)
    return box


def read_files(path):
    """What keeps the names of files that were read, or looked for."""
    os.makedirs(path("left"), exist_ok=True)
    with open(path("left/mod.py"), "w") as file:
        file.write("def f(): pass\n")
    with open(path(".pdbrc"), "w") as file:
        file.write(f"# {path('rc')}\n")
    log = logging.getLogger("identity")
    log.propagate = False
    memory = logging.handlers.MemoryHandler(100)
    log.addHandler(memory)
    log.warning("told", stack_info=True)
    archive = tarfile.open(path("left/a.tar.gz"), "w|gz")
    home, os.environ["HOME"] = os.environ.get("HOME"), path("")
    try:
        debugger = pdb.Pdb(stdout=io.StringIO())
    finally:
        os.environ["HOME"] = home or ""
    lookup = importlib.metadata.FastPath(path("left"))
    os.makedirs(path("left/some-1.dist-info"), exist_ok=True)
    lookup.search(importlib.metadata.Prepared("some"))
    finder = modulefinder.ModuleFinder([path("left")], replace_paths=[(path("left"), "x")])
    finder.run_script(path("left/mod.py"))
    loader = unittest.TestLoader()
    loader.discover(path("left"))
    profile = cProfile.Profile()
    profile.runcall(len, "")
    profile.runcall(written, path("profiled"))
    profile.create_stats()
    debugger.set_break(__file__, own_local.__code__.co_firstlineno + 2)
    return {
        "profile": profile, "breakpoint": bdb.Breakpoint.bpbynumber[-1],
        "browser": webbrowser.GenericBrowser([path("browser"), "--" + path("option"), "%s"]),
        "filter": tracemalloc.Filter(True, path("left/*")),
        "record": memory, "stream": archive, "debugger": debugger, "lookup": lookup,
        "finder": finder, "loader": loader,
        "browsed": pyclbr.readmodule_ex("mod", [path("left")]),
        "reader": importlib.resources.readers.FileReader(__spec__.loader),
        "namespace": importlib.resources.readers.MultiplexedPath(
            importlib.resources.readers.pathlib.Path(path("left"))),
        "zipped": zip_reader(path),
        "compared": filecmp.dircmp(path("left"), path("")),
        "shlex": shlex.shlex("a", path("left/x")), "maildir": mailboxes(path),
        "tracer": trace.Trace(ignoredirs=[path("left")], infile=path("in"), outfile=path("out")),
        "results": trace.CoverageResults(outfile=path("out")),
        "library": ctypes.CDLL(None), "named library": loaded(path),
        "watched": logging.handlers.WatchedFileHandler(path("watched")),
    }


def zip_reader(path):
    name = path("package.zip")
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("package/__init__.py", "")
    return zipimport.zipimporter(name).get_resource_reader("package")


def loaded(path):
    """A library of C by its path."""
    import _ctypes
    name = getattr(_ctypes, "__file__", None)
    if name is None:
        return None
    shutil.copy(name, path("library.so"))
    return ctypes.CDLL(path("library.so"))


# As FAILING of host.py.
FAILING = (
    lambda path: urllib.request.urlopen("file://" + path("not")),
    lambda path: http.cookiejar.LWPCookieJar().load(written(path("cookies.txt"))),
    lambda path: http.cookiejar.MozillaCookieJar().load(written(path("cookies.txt"))),
    lambda path: shutil.copyfile(path("same"), written(path("same"))),
    lambda path: shutil.copyfile(pipe(path("pipe")), path("copy")),
    lambda path: shutil.unpack_archive(written(path("a.zip"))),
    lambda path: mailbox.MH(path("mh2")).remove_folder(full(path)),
    lambda path: tarfile.TarFile.open(written(path("bad.tar"))),
    lambda path: tarfile.data_filter(member("../../x"), path("out")),
    lambda path: tarfile.data_filter(member("x", "../../y"), path("out")),
    lambda path: pydoc.importfile(written(path("broken.py"), "1/0")),
    lambda path: mailbox.Maildir(path("nowhere"), create=False),
    lambda path: sqlite3.connect(path("no/where.db")),
)


def written(name, text="text\n"):
    with open(name, "w") as file:
        file.write(text)
    return name


def pipe(name):
    os.mkfifo(name)
    return name


def full(path):
    """A folder of mail that is not empty."""
    box = mailbox.MH(path("mh2"))
    box.add_folder("full").add("From: me\n\nHello\n")
    return "full"


def member(name, link=None):
    info = tarfile.TarInfo(name)
    if link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, link
    return info


def failures(path):
    errors = []
    for call in FAILING:
        try:
            call(path)
        except Exception as error:
            errors.append(error)
    return errors


def end(learned):
    """End the worker that still lives, and have its pool see it."""
    learned["workers"]["end"].write(b"x")
    learned["workers"]["living"]._executor_manager_thread.join(60)


def learned(folder):
    """All of these."""
    def path(name):
        return os.path.join(folder, name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"local": own_local(), "web": ask_web(path), "workers": start_workers(path),
                "read": read_files(path), "failed": failures(path)}
