"""A host program for the leak walker: it uses the library as programs do, with texts that must not
be told, so that caches, registries and the objects that it leaves in reach have them.

The walker imports it from a folder whose name is a secret.  Whatever the host keeps in strings of
its own is gone when its functions have returned.
"""

import array
import asyncio
import bdb
import bz2
import cProfile
import code
import codecs
import configparser
import contextlib
import contextvars
import copy
import ctypes
import dbm.dumb
import decimal
import doctest
import fileinput
import fnmatch
import fractions
import functools
import getpass
import gettext
import glob
import gzip
import http.cookiejar
import http.server
import importlib.machinery
import importlib.metadata
import importlib.resources
import inspect
import io
import json
import linecache
import locale
import logging.config
import logging.handlers
import lzma
import mailbox
import mimetypes
import mmap
import modulefinder
import multiprocessing.connection
import multiprocessing.managers
import multiprocessing.shared_memory
import multiprocessing.util
import os
import pickle
import pkgutil
import platform
import pstats
import queue
import re
import shelve
import shutil
import site
import socket
import socketserver
import sqlite3
import ssl
import struct
import subprocess
import symtable
import sys
import sysconfig
import tarfile
import tempfile
import threading
import trace
import traceback
import tracemalloc
import unittest
import urllib.parse
import urllib.request
import uuid
import warnings
import wave
import weakref
import xml.dom.pulldom
import xml.sax
import zipfile
import zipimport
import zoneinfo
import xml.etree.ElementTree as ElementTree


class Thing:
    pass


def plain_values():
    """Objects whose texts, hashes and parts are made of addresses."""
    things = [Thing() for _ in range(100)]
    thread = threading.Thread(target=len, args=(things,))
    thread.start()
    thread.join()
    multiprocessing.util.register_after_fork(things[0], len)
    ctypes.POINTER("Unknown")
    single = functools.singledispatch(len)
    single.register(Thing, id)
    pickler = pickle._Pickler(io.BytesIO())
    pickler.dump(things[:3])
    return {
        "things": things, "thread": thread, "single": single,
        "table": {thing: 1 for thing in things}, "weak": weakref.WeakKeyDictionary(
            (thing, 1) for thing in things),
        "queue": queue.SimpleQueue(), "lock": threading.RLock(),
        "variable": contextvars.ContextVar("name"), "element": ElementTree.XML("<a><b/></a>"),
        "array": array.array("q", [1, 2, 3]), "view": memoryview(bytearray(64)),
        "nan": [float("nan"), decimal.Decimal("nan"), complex("nan")],
        "encoder": json.JSONEncoder(),
        "fraction": fractions.Fraction(1, 3), "generator": (one for one in things),
        "code": compile("def f():\n  return g()", "<text>", "exec"),
        "wrapper": things[0].__init__, "method": things.append,
        "pickler": pickler,
        "zone": zoneinfo.ZoneInfo.from_file(io.BytesIO(zone_data())),
    }


def zone_data():
    """The file of a time zone that never changes."""
    head = struct.pack(">4sc15x6l", b"TZif", b"\0", 0, 0, 0, 0, 1, 4)
    return head + struct.pack(">lbb4s", 0, 0, 0, b"UTC\0")


def told_values(made):
    """Numbers and texts that calls tell of them."""
    log = logging.LogRecord("name", 20, "path", 1, "text", (), None)
    pickler = pickle.Pickler(io.BytesIO())
    pickler.dump([1, (2, 3), "text", made["code"].co_name])
    memo = {}
    copy.deepcopy(made["element"], memo)
    from _json import make_encoder
    markers, seen = {}, []

    def note(value):
        seen.append(dict(markers))
        return 1

    make_encoder(markers, note, json.encoder.encode_basestring, None, ": ", ", ",
                 False, False, True)([{"a": object()}], 0)
    table = symtable.symtable("def f(): pass", "x", "exec")
    made["lock"].acquire()
    return [log.thread, pickler.memo.copy(), memo, seen, table.get_id(),
            table.get_children()[0].get_id(), repr(table._table), made["array"].buffer_info(),
            threading.get_ident(), threading._get_main_thread_ident(), repr(made["lock"]),
            made["thread"].ident, list(threading._active), [hash(one) for one in made["nan"]],
            hash(made["wrapper"]), hash(made["method"]), hash(made["variable"]), hash(len),
            made["lock"]._release_save(), sys.flags, sys.implementation, sys.version,
            platform.python_build(), locale.localeconv()]


def told_by_calls():
    """What functions of the library that need no right say of the outside; made when locked."""
    told = {}
    for name, call in {
            "flags": lambda: list(sys.flags), "git": lambda: sys._git, "argv": lambda: sys.argv,
            "vars": sysconfig.get_config_vars, "paths": sysconfig.get_paths,
            "platform": sysconfig.get_platform, "makefile": sysconfig.get_makefile_filename,
            "header": sysconfig.get_config_h_filename, "scheme": sysconfig.get_default_scheme,
            "license": lambda: sys.modules["builtins"].license._Printer__setup(),
            "uname": platform.uname, "libc": platform.libc_ver, "platform()": platform.platform,
            "architecture": platform.architecture, "node": platform.node,
            "tempdir": tempfile.gettempdir, "prefix": tempfile.gettempprefix,
            "known": lambda: mimetypes.knownfiles, "guess": lambda: mimetypes.guess_type("a.txt"),
            "gettext": lambda: gettext.find("a"), "textdomain": lambda: gettext.bindtextdomain("a"),
            "locale": locale.getlocale, "setlocale": lambda: locale.setlocale(locale.LC_ALL),
            "c": lambda: locale.bindtextdomain("messages", None),
            "verify": ssl.get_default_verify_paths,
            "ssl": lambda: ssl._ssl.get_default_verify_paths(),
            "usersite": site.getusersitepackages, "userbase": site.getuserbase,
            "sites": site.getsitepackages, "stats": lambda: os.times(), "cwd": os.getcwd,
            "stack": inspect.stack, "source": lambda: inspect.getsourcefile(plain_values),
            "lines": lambda: inspect.getsource(plain_values),
            "getfile": lambda: inspect.getfile(Thing),
            "module": lambda: inspect.getmodule(Thing), "frame": lambda: inspect.getframeinfo(
                sys._getframe()), "summary": traceback.extract_stack,
            "snapshot": tracemalloc.take_snapshot,
            "trace": lambda: tracemalloc.get_object_traceback(sys.modules), "user": getpass.getuser, "host": socket.gethostname,
            "fqdn": socket.getfqdn, "node id": uuid.getnode, "uuid": uuid.uuid1,
            "proxies": urllib.request.getproxies,
            "expand": lambda: os.path.expandvars("$HOME $USER"),
            "home": lambda: os.path.expanduser("~"), "absolute": lambda: os.path.abspath("a"),
            "real": lambda: os.path.realpath("a"), "rel": lambda: os.path.relpath("/a"),
            "which": lambda: shutil.which("sh"), "terminal": shutil.get_terminal_size,
            "exec": os.get_exec_path, "environ": lambda: dict(os.environ),
            "files": lambda: importlib.resources.files("json"),
            "get_data": lambda: pkgutil.get_data("json", "x"),
            "loader": lambda: pkgutil.find_loader("os"),
            "spec": lambda: importlib.util.find_spec("json"),
            "importers": lambda: list(pkgutil.iter_importers()),
            "distributions": lambda: list(importlib.metadata.distributions()),
            "tzpath": zoneinfo.reset_tzpath, "zones": zoneinfo.available_timezones,
            "missing": lambda: exec("from json import nothing"),
            "rename": lambda: exec("import random; random.nothing"),
            "config": lambda: sys.modules["_interpreters"].get_config(0),
            "interpreters": lambda: sys.modules["_interpreters"].get_config("isolated"),
            "warn": lambda: warnings.warn("told"), "dump": lambda: warnings.formatwarning(
                "text", UserWarning, __file__, 1),
            "default": lambda: http.server.SimpleHTTPRequestHandler.extensions_map,
            }.items():
        try:
            told[name] = call()
        except BaseException as error:
            told[name] = error.with_traceback(None)
    return told


def provoke(call):
    try:
        call()
    except Exception as error:
        return error


def fill_caches(folder):
    """What the library remembers of what it was used for."""
    name = os.path.join(folder, "some*")
    re.compile(name), re.sub(name, name, name), fnmatch.filter([name], name), glob.glob(name)
    urllib.parse.urlsplit("file://" + name), linecache.getlines(__file__)
    sysconfig.get_config_vars(), sysconfig.get_paths(), sysconfig.get_platform()
    platform.uname(), platform.platform(), platform.architecture(), platform.libc_ver()
    tempfile.gettempdir(), mimetypes.init(), gettext.find("messages", folder)
    gettext.bindtextdomain("messages", folder), locale.bindtextdomain("messages", folder)
    gettext.translation("messages", folder, fallback=True)
    site.getusersitepackages(), ssl.get_default_verify_paths(), ssl.create_default_context()
    inspect.getmodule(plain_values), inspect.getsource(plain_values), inspect.stack()
    getpass.getuser(), socket.gethostname(), uuid.getnode(), urllib.request.getproxies()
    urllib.request.install_opener(urllib.request.build_opener())
    list(importlib.metadata.distributions()), list(pkgutil.iter_modules([folder]))
    importlib.resources.files("json")
    subprocess.run([sys.executable, "-c", "", name], cwd=folder, check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn(name)
    for reason in (lambda: open(name), lambda: __import__(name), lambda: os.rename(name, name)):
        provoke(reason)


def open_files(path):
    """Files, archives, databases and mailboxes, open; PATH makes a path of a name."""
    with zipfile.ZipFile(path("m.zip"), "w") as archive:
        archive.writestr("zipped.py", "x = 1")
    for name in "a.txt", "b.txt", "c.xml":
        with open(path(name), "w") as file:
            file.write("<a/>\n")
    os.makedirs(path("mh"))
    parser = xml.sax.make_parser()
    parser.parse(path("c.xml"))
    kept = {
        "text": open(path("a.txt")), "binary": open(os.fsencode(path("a.txt")), "rb"),
        "raw": io.FileIO(path("a.txt")), "zip": zipfile.ZipFile(path("b.zip"), "w"),
        "tar": tarfile.open(path("a.tar"), "w"), "gzip": gzip.open(path("a.gz"), "w"),
        "bz2": bz2.open(path("a.bz2"), "w"), "lzma": lzma.open(path("a.xz"), "w"),
        "wave": wave.open(path("a.wav"), "w"), "coded": codecs.open(path("a.txt"), "r", "utf-8"),
        "importer": zipimport.zipimporter(path("m.zip")), "zip path": zipfile.Path(path("m.zip")),
        "named": tempfile.NamedTemporaryFile(), "folder": tempfile.TemporaryDirectory(),
        "spooled": tempfile.SpooledTemporaryFile(dir=path("")), "scan": os.scandir(path("")),
        "dumb": dbm.dumb.open(path("dumb"), "c"),
        "shelf": shelve.Shelf(dbm.dumb.open(path("shelf"))),
        "mbox": mailbox.mbox(path("mbox")), "maildir": mailbox.Maildir(path("maildir")),
        "mh": mailbox.MH(path("mh")), "babyl": mailbox.Babyl(path("babyl")),
        "cookies": http.cookiejar.LWPCookieJar(path("cookies")), "sax": parser,
        "sqlite": sqlite3.connect(path("a.db")), "dbm": dbm.open(path("dbm"), "c"),
        "input": fileinput.FileInput([path("a.txt"), path("b.txt")]),
        "url": urllib.request.urlopen("file://" + path("a.txt")),
        "memory": multiprocessing.shared_memory.SharedMemory(create=True, size=1),
        "mapped": mmap.mmap(-1, 10), "chdir": contextlib.chdir(path("")),
        "event": xml.dom.pulldom.parse(path("c.xml")), "context": ssl.create_default_context(),
    }
    kept["input"].readline()
    kept["dumb"]["key"] = "value"
    kept["sqlite"].execute("create table t (x)")
    kept["memory"].unlink()
    return kept


# Not in the function below: what these close over would be the host's own.
FAILING = (
    lambda path: open(path("not")),
    lambda path: compile("1 +", path("code"), "exec"),
    lambda path: exec("from host import nothing"),
    lambda path: subprocess.run([sys.executable, "-c", "1/0", path("x")], check=True,
                                stderr=subprocess.DEVNULL),
    lambda path: importlib.machinery.SourceFileLoader("x", path("x")).get_data(path("x")),
    lambda path: configparser.ConfigParser().read_file(["x"], path("ini")),
)


def connected(reader, writer):
    """Nothing is said."""


def open_services(path):
    """Sockets and servers, processes, loops and logs."""
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    kept = {
        "unix": socket.socket(socket.AF_UNIX), "server": socketserver.UnixStreamServer(
            path("s"), socketserver.StreamRequestHandler), "loop": loop,
        "listener": multiprocessing.connection.Listener(path("l"), "AF_UNIX"),
        "http": http.server.HTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler),
        "asyncio": loop.run_until_complete(asyncio.start_unix_server(connected, path("a"))),
        "future": loop.create_future(), "process": multiprocessing.Process(),
        "child": subprocess.Popen([sys.executable, "-c", ""], cwd=path("")),
        "ran": subprocess.run([sys.executable, "-c", "", path("x")]),
        "handler": logging.FileHandler(path("log")),
        "rotating": logging.handlers.RotatingFileHandler(path("log2")),
        "memory": logging.handlers.MemoryHandler(100), "errors": [],
    }
    kept["unix"].connect(path("a"))
    loop.run_until_complete(asyncio.sleep(0))
    kept["child"].wait()
    log = logging.getLogger("host")
    log.propagate = False
    log.addHandler(kept["memory"])
    for call in FAILING:
        try:
            call(path)
        except Exception as error:
            log.exception("told")
            kept["errors"] += [error, traceback.TracebackException.from_exception(error)]
    return kept


def use_tools(path):
    """What tools of programmers keep: where code is."""
    profile, tracer = cProfile.Profile(), trace.Trace(trace=False)
    profile.runcall(len, "")
    profile.runcall(plain_values)
    tracer.runfunc(zone_data)
    tracemalloc.start()
    plain_values()
    finder = modulefinder.ModuleFinder([path("")])
    kept = {
        "profile": profile, "stats": pstats.Stats(profile), "tracer": tracer,
        "results": tracer.results(), "snapshot": tracemalloc.take_snapshot(),
        "traced": tracemalloc.get_object_traceback(finder), "finder": finder,
        "table": symtable.symtable("x", path("x"), "exec"), "stack": traceback.extract_stack(),
        "doctests": doctest.DocTestFinder().find(plain_values), "warnings": [],
        "console": code.InteractiveConsole(filename=path("x")), "loader": unittest.TestLoader(),
        "finished": unittest.TestResult(), "debugger": bdb.Bdb(),
        "path entries": importlib.metadata.PathDistribution(importlib.metadata.pathlib.Path("x")),
    }
    kept["debugger"].canonic(__file__)
    tracemalloc.stop()
    with warnings.catch_warnings(record=True) as kept["warnings"]:
        warnings.simplefilter("always")
        warnings.warn("told")
    return kept


def left_open(folder):
    """Objects that are open, or at work, and that know where."""
    def path(name):
        return os.path.join(folder, name)

    return {"files": open_files(path), "services": open_services(path), "tools": use_tools(path)}
