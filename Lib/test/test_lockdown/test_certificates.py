"""What OpenSSL reads by itself: its configuration, and folders of certificates in a handshake."""

import json
import os
import unittest
from test import support
from test.support import import_helper
from test.test_lockdown import fresh, witness

import_helper.import_module("ssl")

PROGRAM = """
    |import importlib, os, ssl
    |from test.test_lockdown import witness
    |folder, how = json.loads(sys.argv[1])
    |def contexts():
    |    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    |    server.load_cert_chain(os.path.join(folder, "keycert3.pem"))
    |    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    |    client.load_verify_locations(capath=os.path.join(folder, "capath"))
    |    return server, client
    |def shake(server, client):
    |    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    |    ends = [client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    |            server.wrap_bio(to_server, to_client, server_side=True)]
    |    for round in range(9):
    |        for end in list(ends):
    |            try:
    |                end.do_handshake()
    |                ends.remove(end)
    |            except ssl.SSLWantReadError:
    |                pass
    |            except ssl.SSLError as error:
    |                return error.reason
    |        if not ends:
    |            return "done"
    |pair = contexts()
    |if how == "watched":
    |    witness.lock()
    |elif how == "locked":
    |    lockdownlib.lockdown()
    |report(outcome=shake(*pair), again=shake(*pair))
    |"""


@unittest.skipUnless(witness.available(), "needs seccomp")
class CertificatesTest(unittest.TestCase):

    def shake(self, how):
        folder = os.path.dirname(support.findfile("capath", subdir="certdata"))
        return fresh.scenario(PROGRAM, json.dumps([folder, how]), expect=None)

    def test_control(self):
        facts = self.shake("open").facts
        self.assertEqual((facts["outcome"], facts["again"]), ("done", "done"))

    def test_a_folder_is_not_looked_into(self):
        for how in "locked", "watched":
            with self.subTest(how=how):
                outcome = self.shake(how)
                self.assertFalse(fresh.died(outcome), outcome)
                self.assertEqual(outcome.facts["outcome"], "CERTIFICATE_VERIFY_FAILED")
                self.assertEqual(outcome.facts["again"], "CERTIFICATE_VERIFY_FAILED")

    def test_the_configuration_is_read_before_the_lock(self):
        outcome = fresh.scenario("""
            |import _ssl
            |from test.test_lockdown import witness
            |witness.lock()
            |report(made=str(_ssl._SSLContext(_ssl.PROTOCOL_TLS_CLIENT)))
            """, expect=None)
        self.assertFalse(fresh.died(outcome), outcome)
        self.assertIn("_SSLContext", outcome.facts["made"])


if __name__ == "__main__":
    unittest.main()
