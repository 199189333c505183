"""Databases: what a connection made before the lock could reach, and databases opened by name."""

import os

from .base import *

gdbm = optional("_gdbm")


def have_sqlite():
    return sqlite3 is not None


def connection(s):
    """A database in memory, and a cursor on it; the probe's process reaches no file through it."""
    s.connection = sqlite3.connect(":memory:")
    s.cursor = s.connection.cursor()
    s.cursor.execute("create table kept (number)")
    s.connection.commit()


def attached_before(s):
    """A statement that SQLite has compiled, and the connection keeps, before the lock."""
    connection(s)
    s.connection.execute("attach ? as other", (s("before"),))
    s.connection.execute("detach other")


def in_file(s):
    s.connection = sqlite3.connect(s("database"))
    s.connection.execute("create table kept (number)")
    s.connection.commit()


def temporary_table(s):
    s.connection = sqlite3.connect(s("database"))
    s.connection.execute("create temp table kept as select 42 as number")


def spilled(s):
    """A sort that is too big for its cache: its file has no name, but a descriptor."""
    s.connection.executescript("pragma temp_store = file; pragma cache_size = 1")
    rows = s.connection.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)"
        " select hex(randomblob(50)) as text from n order by text")
    s.rows = rows
    return len(rows.fetchone()[0])


def with_pages(s):
    """What a database with the table "kept" looks like as bytes."""
    connection(s)
    with sqlite3.connect(":memory:") as other:
        other.execute("create table given (number)")
        other.execute("insert into given values (42)")
        other.commit()
        s.pages = other.serialize()


def deserialized(s):
    s.connection.deserialize(s.pages)
    return s.connection.execute("select number from given").fetchone()


def rewritten_schema(s):
    s.connection.execute("pragma writable_schema = on")
    s.connection.execute("update sqlite_master set name = 'changed', tbl_name = 'changed'")
    return s.connection.execute("select name from sqlite_master").fetchone()


def authorized(s):
    asked = []
    s.connection.set_authorizer(lambda *words: asked.append(words) or sqlite3.SQLITE_OK)
    s.connection.execute("select 1")
    return len(asked) > 0


def has_function(name):
    """Whether this SQLite has a function of its own."""
    def exists():
        if sqlite3 is None:
            return False
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute(f"select {name}()")
        except sqlite3.Error as error:
            return "no such function" not in str(error)
        finally:
            connection.close()
    return exists


SQL = {"operation": "sqlite3.Connection.execute", "exists": have_sqlite}

# Whatever opens a database by name; run again, __init__ would open another one.

P("sqlite3.connect to a name again", "fs.read&fs.write",
  lambda s: s.connection.__init__(s("made")) or
  s.connection.execute("create table t (c)") and True, made("made"), connection,
  operation="sqlite3.connect", exists=have_sqlite)

# SQL of a connection that is open.

P("sqlite3.Connection.execute attach", "fs.read&fs.write",
  lambda s: s.connection.execute(f"attach '{s('made')}' as other")
  .execute("create table other.t (c)") and True, made("made"), connection, **SQL)
P("sqlite3.Connection.execute attach, compiled before", "fs.read&fs.write",
  lambda s: s.connection.execute("attach ? as other", (s("made"),))
  .execute("create table other.t (c)") and True, made("made"), attached_before, **SQL)
P("sqlite3.Connection.executescript attach", "fs.read&fs.write",
  lambda s: s.connection.executescript(f"attach '{s('made')}' as o; create table o.t (c)")
  and True, made("made"), connection, **SQL)
P("sqlite3.Cursor.execute attach", "fs.read&fs.write",
  lambda s: s.cursor.execute(f"attach '{s('made')}' as other")
  .execute("create table other.t (c)") and True, made("made"), connection, **SQL)
P("sqlite3.Connection.__call__ attach", "fs.read&fs.write",
  # It is only compiled: there is nothing to see of that.
  lambda s: s.connection(f"attach '{s('made')}' as other") and True, succeeded, connection, **SQL)
P("sqlite3.Connection.execute vacuum into", "fs.read&fs.write",
  lambda s: s.connection.execute("vacuum into ?", (s("made"),)) and True, made("made"),
  connection, **SQL)
P("sqlite3.Connection.execute database_list", "env",
  lambda s: s.connection.execute("select file from pragma_database_list").fetchone()[0],
  returned(lambda s, seen: os.path.realpath(s("database"))), in_file, **SQL)
P("sqlite3.Connection.execute temp_store", "fs.write", spilled, changed("fds"), connection, **SQL)
P("sqlite3.Connection.execute temp_store_directory", "fs.read&fs.write&import&env&code",
  lambda s: s.connection.execute(f"pragma temp_store_directory = '{s('folder')}'")
  and s.connection.execute("pragma temp_store_directory").fetchall() and True, succeeded,
  connection, **SQL)
P("sqlite3.Connection.execute writable_schema", "code", rewritten_schema,
  returned(lambda s, seen: ("changed",)), connection, **SQL)
P("sqlite3.Connection.execute load_extension", "import",
  lambda s: s.connection.execute("select load_extension(?)", (s("file"),)),
  # SQLite itself lets it only after a call that many builds of Python do without.
  value(lambda text: text == "raised OperationalError: not authorized"), connection,
  operation="sqlite3.Connection.execute", exists=has_function("load_extension"))
P("sqlite3.Connection.execute fts3_tokenizer", "code",
  # The address of a table of functions.  With a second argument it takes such an address.
  lambda s: len(s.connection.execute("select fts3_tokenizer(?)", ("simple",)).fetchone()[0]),
  value(lambda text: text in ("4", "8")), connection,
  operation="sqlite3.Connection.execute", exists=has_function("fts3_tokenizer"))
P("sqlite3.Connection with temporary tables", "fs.write",
  lambda s: s.connection.execute("select number from kept").fetchone(),
  returned(lambda s, seen: (42,)), temporary_table, exists=have_sqlite,
  operation="sqlite3.Connection with temporary tables")

# Other methods of a connection that is open.

P("_sqlite3.Connection.set_authorizer", "fs.read&fs.write&import&env&code", authorized,
  returned(lambda s, seen: True), connection, exists=have_sqlite)
P("_sqlite3.Connection.deserialize", "fs.read&fs.write&code", deserialized,
  returned(lambda s, seen: (42,)), with_pages, exists=have_sqlite)
P("sqlite3.Connection.setconfig", "code",
  lambda s: s.connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, False)
  or s.connection.getconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER),
  returned(lambda s, seen: False), connection,
  exists=lambda: hasattr(sqlite3, "Connection") and hasattr(sqlite3.Connection, "setconfig"))

# Libraries of key and value: by flag, "r" only reads.

def opened(module, flag):
    def call(s):
        module.open(s("database"), flag).close()
        return True
    return call


for module in map(optional, ("_dbm", "_gdbm")):
    if module is not None:
        P(f"dbm.open to read with {module.__name__}", "fs.read", opened(module, "r"), succeeded,
          lambda s, make=opened(module, "n"): make(s), operation="dbm.open", also=("fd",),
          exists=lambda: True)
        P(f"dbm.open to make with {module.__name__}", "fs.read&fs.write", opened(module, "n"),
          lambda s, seen: any(name.startswith("database") for name in os.listdir(s.path)),
          operation="dbm.open", also=("fd",), exists=lambda: True)


def file_to_reorganize(s):
    s.database = gdbm.open(s("database"), "n")
    s.database[b"key"] = b"value"
    s.database.sync()
    os.link(s("database"), s("old"))


P("_gdbm.gdbm.reorganize", "fs.write", lambda s: s.database.reorganize(),
  # There is another file under its name.
  lambda s, seen: not os.path.samefile(s("database"), s("old")), file_to_reorganize,
  exists=lambda: gdbm is not None)

for probe in list(PROBES):
    if probe.name.startswith("dbm.open "):
        through_proc(probe)
# SQLite follows links itself, and opens where they lead.
P("sqlite3.connect to what is no file", "fs.read&fs.write&fs.special",
  lambda s: s.connection.__init__("/proc/version") or True, changed("fds"), connection,
  operation="sqlite3.connect", exists=lambda: sqlite3 is not None)
P("sqlite3.Connection.execute attach what is no file", "fs.read&fs.write&fs.special",
  lambda s: s.connection.execute("attach '/proc/version' as other") and True, changed("fds"),
  connection, operation="sqlite3.Connection.execute|sqlite3.connect",
  exists=lambda: sqlite3 is not None)
