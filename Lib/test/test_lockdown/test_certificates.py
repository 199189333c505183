"""What OpenSSL reads by itself: its configuration, and folders of certificates in a handshake."""

import json
import os
import unittest
from test import support
from test.support import import_helper
from test.test_lockdown import fresh, ring

import_helper.import_module("ssl")

PROGRAM = """
    |import importlib, os, ssl
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
    |    lockdownlib.lockdown(keep=(), kernel="try")
    |elif how == "locked":
    |    lockdownlib.lockdown()
    |report(outcome=shake(*pair), again=shake(*pair))
    |"""


class CertificatesTest(ring.WitnessedTest):

    def setUp(self):
        super().setUp()
        certificates = os.path.dirname(support.findfile("capath", subdir="certdata"))
        self.arguments = lambda how: json.dumps([certificates, how])

    def test_control(self):
        facts = fresh.scenario(PROGRAM, self.arguments("open")).facts
        self.assertEqual((facts["outcome"], facts["again"]), ("done", "done"))

    def check_refused(self, facts):
        self.assertEqual(facts["outcome"], "CERTIFICATE_VERIFY_FAILED")
        self.assertEqual(facts["again"], "CERTIFICATE_VERIFY_FAILED")

    def test_a_folder_is_not_looked_into(self):
        self.check_refused(fresh.scenario(PROGRAM, self.arguments("locked")).facts)

    @ring.needs_witness
    def test_the_kernel_sees_no_look_into_a_folder(self):
        outcome, traps = self.witness(PROGRAM, self.arguments("watched"), options=("-I",))
        self.check_refused(outcome.facts)
        self.assertEqual(traps, [])

    @ring.needs_witness
    def test_the_configuration_is_read_before_the_lock(self):
        outcome, traps = self.witness("""
            |import _ssl
            |lockdownlib.lockdown(keep=(), kernel="try")
            |report(made=str(_ssl._SSLContext(_ssl.PROTOCOL_TLS_CLIENT)))
            """, options=("-I",))
        self.assertIn("_SSLContext", outcome.facts["made"])
        self.assertEqual(traps, [])

    # A certificate under a password: nobody knows it, but without a terminal OpenSSL asks here.
    ASKING = """
        |import base64, ssl
        |lines = base64.encodebytes(bytes(48)).decode()
        |data = ("-----BEGIN CERTIFICATE-----\\nProc-Type: 4,ENCRYPTED\\n"
        |        f"DEK-Info: AES-128-CBC,{'00' * 16}\\n\\n{lines}-----END CERTIFICATE-----\\n")
        |context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        |if sys.argv[1:]:
        |    lockdownlib.lockdown(keep=sys.argv[1].split())
        |report(found=attempt(context.load_verify_locations, cadata=data)[:2])
        """

    def test_nobody_is_asked_for_a_password(self):
        for keep, asked in (None, True), ("fs.read fs.special", True), ("", False), ("fs.read", False):
            with self.subTest(keep):
                outcome = fresh.scenario(self.ASKING, *(() if keep is None else (keep,)),
                                         start_new_session=True)
                self.assertEqual(outcome.facts["found"], ["raised", "SSLError"])
                self.assertEqual("pass phrase" in outcome.err, asked)


if __name__ == "__main__":
    unittest.main()
