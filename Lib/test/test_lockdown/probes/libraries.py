"""Libraries that open files by themselves."""

import os

from .base import *


# Libraries that open files by themselves.

P("sqlite3.connect", "fs.read&fs.write",
  lambda s: sqlite3.connect(s("made")).execute("create table t (c)") and True, made("made"),
  exists=lambda: sqlite3 is not None)
P("ssl.SSLContext.load_verify_locations", "fs.read",
  lambda s: s.context.load_verify_locations(s("file")),
  # It read the file: what is in there is no certificate.
  value(lambda text: "NO_CERTIFICATE" in text or "no certificate" in text.lower()),
  lambda s: setattr(s, "context", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
  operation="_ssl._SSLContext.load_verify_locations", exists=lambda: ssl is not None)

CERTIFICATES = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "certdata")
KEY_AND_CERTIFICATE = os.path.join(CERTIFICATES, "keycert.pem")


def have_certificates():
    return ssl is not None and os.path.exists(KEY_AND_CERTIFICATE)


def context(s):
    s.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def own_store(s):
    """The file that OpenSSL takes for the host's certificates."""
    context(s)
    os.environ["SSL_CERT_FILE"] = KEY_AND_CERTIFICATE


P("_ssl._SSLContext.load_cert_chain", "fs.read",
  lambda s: s.context.load_cert_chain(KEY_AND_CERTIFICATE), succeeded, context,
  exists=have_certificates)
P("_ssl._SSLContext.load_cert_chain through /proc", "fs.read&fs.special",
  lambda s: s.context.load_cert_chain(THROUGH + KEY_AND_CERTIFICATE), succeeded, context,
  exists=have_certificates)
P("_ssl._SSLContext.load_verify_locations through /proc", "fs.read&fs.special",
  lambda s: s.context.load_verify_locations(THROUGH + KEY_AND_CERTIFICATE) or
  len(s.context.get_ca_certs()), succeeded, context, exists=have_certificates)
P("_ssl._SSLContext.load_dh_params", "fs.read",
  lambda s: s.context.load_dh_params(os.path.join(CERTIFICATES, "ffdh3072.pem")), succeeded,
  context, exists=have_certificates)
P("_ssl._SSLContext.set_default_verify_paths", "fs.read",
  lambda s: s.context.set_default_verify_paths() or s.context.cert_store_stats()["x509"],
  returned(lambda s, seen: 1), own_store, exists=have_certificates)
P("_ssl._SSLContext.keylog_filename", "fs.write",
  lambda s: setattr(s.context, "keylog_filename", s("made")), made("made"), context,
  exists=lambda: ssl is not None)
P("_ssl._test_decode_cert", "fs.read",
  lambda s: ssl._ssl._test_decode_cert(KEY_AND_CERTIFICATE)["version"],
  returned(lambda s, seen: 3), exists=have_certificates)
P("_ssl._test_decode_cert through /proc", "fs.read&fs.special",
  lambda s: ssl._ssl._test_decode_cert(THROUGH + KEY_AND_CERTIFICATE)["version"],
  returned(lambda s, seen: 3), exists=have_certificates)
P("ssl.get_default_verify_paths", "env", lambda s: ssl._ssl.get_default_verify_paths()[0],
  returned(lambda s, seen: "SSL_CERT_FILE"), exists=lambda: ssl is not None)

uuid = optional("_uuid")

P("_uuid.generate_time_safe", "env", lambda s: len(uuid.generate_time_safe()[0]),
  returned(lambda s, seen: 16), exists=lambda: hasattr(uuid, "generate_time_safe"))
