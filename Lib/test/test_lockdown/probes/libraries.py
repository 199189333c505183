"""Libraries that open files by themselves."""

import os

from .base import *


# Libraries that open files by themselves.

P("sqlite3.connect", "fs.read&fs.write",
  lambda s: sqlite3.connect(s("made")).execute("create table t (c)") and True, made("made"),
  exists=lambda: sqlite3 is not None)
P("dbm.open", "fs.read&fs.write", lambda s: dbm.open(s("made"), "c").close(),
  lambda s, seen: any(name.startswith("made") for name in os.listdir(s.path)),
  operation="dbm.open", also=("fd",), exists=lambda: dbm is not None)
P("ssl.SSLContext.load_verify_locations", "fs.read",
  lambda s: s.context.load_verify_locations(s("file")),
  # It read the file: what is in there is no certificate.
  value(lambda text: "NO_CERTIFICATE" in text or "no certificate" in text.lower()),
  lambda s: setattr(s, "context", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
  operation="_ssl._SSLContext.load_verify_locations", exists=lambda: ssl is not None)
