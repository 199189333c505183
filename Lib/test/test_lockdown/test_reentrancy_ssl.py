"""Connections of ssl that are used by what they call, or by two threads, and contexts that change.

Each of these used memory that was gone or that another thread was writing to.
"""

import os
import unittest
from test import support
from test.test_lockdown import fresh

try:
    import ssl
except ImportError:
    raise unittest.SkipTest("no ssl")

PAIR = """
    |import gc, ssl
    |def context(protocol, secret):
    |    made = ssl.SSLContext(protocol)
    |    made.check_hostname = False
    |    made.verify_mode = ssl.CERT_NONE
    |    made.maximum_version = ssl.TLSVersion.TLSv1_2
    |    made.set_ciphers("PSK:@SECLEVEL=0")
    |    if protocol == ssl.PROTOCOL_TLS_SERVER:
    |        made.set_psk_server_callback(lambda name: secret)
    |    else:
    |        made.set_psk_client_callback(lambda hint: ("me", secret))
    |    return made
    |serving = context(ssl.PROTOCOL_TLS_SERVER, b"secret")
    |asking = context(ssl.PROTOCOL_TLS_CLIENT, b"secret")
    |to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    |def connect():
    |    global server, client
    |    server = serving.wrap_bio(to_server, to_client, server_side=True)
    |    client = asking.wrap_bio(to_client, to_server, server_hostname="x")
    |def shake():
    |    for _ in range(4):
    |        attempt(client.do_handshake)
    |        attempt(server.do_handshake)
    |    return [client.version(), server.version()]
    """


@unittest.skipUnless(ssl.HAS_PSK, "needs keys that both sides know")
class ReentrancyTest(fresh.LivingTest):

    options, variables = ("-s", "-P"), {"PYTHONMALLOC": fresh.FILLING_MALLOC}

    def test_a_connection_used_by_its_callback(self):
        facts = self.check("""
            |inner = []
            |def message(connection, *rest):
            |    for used in client, server:
            |        inner.append(attempt(used.do_handshake)[:2])
            |        inner.append(attempt(used.read)[:2])
            |        inner.append(attempt(used.write, b"x")[:2])
            |        inner.append(attempt(used.unwrap)[:2])
            |asking._msg_callback = message
            |connect()
            |attempt(client.do_handshake)
            |asking._msg_callback = None
            |report(refused=inner.count(["raised", "SSLError"]), calls=len(inner))
            """, PAIR)
        self.assertGreaterEqual(facts["refused"], facts["calls"] // 2)
        self.assertGreater(facts["calls"], 0)

    def test_a_connection_and_its_buffer_in_two_threads(self):
        facts = self.check("""
            |import threading
            |connect()
            |versions = shake()
            |def many(function, *arguments):
            |    for _ in range(3000):
            |        try:
            |            function(*arguments)
            |        except (ssl.SSLError, ValueError):
            |            pass
            |threads = [threading.Thread(target=many, args=arguments) for arguments in (
            |    (server.write, b"x" * 16000), (server.write, b"x" * 16000),
            |    (to_client.read,), (client.read, 16000))]
            |for thread in threads:
            |    thread.start()
            |for thread in threads:
            |    thread.join()
            |report(versions=versions)
            """, PAIR)
        self.assertEqual(facts["versions"], ["TLSv1.2"] * 2)

    def test_a_callback_that_takes_itself_away(self):
        facts = self.check("""
            |class ClientKey:
            |    def __call__(self, hint):
            |        asking.set_psk_client_callback(None)
            |        self = None
            |        1 / 0
            |class ServerKey:
            |    def __call__(self, name):
            |        serving.set_psk_server_callback(None)
            |        self = None
            |        1 / 0
            |sys.unraisablehook = lambda error: seen.append(callable(error.object))
            |seen = []
            |asking.set_psk_client_callback(ClientKey())
            |connect()
            |shake()
            |asking = context(ssl.PROTOCOL_TLS_CLIENT, b"secret")
            |serving.set_psk_server_callback(ServerKey())
            |to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
            |connect()
            |shake()
            |report(seen=seen)
            """, PAIR)
        self.assertEqual(facts["seen"], [True, True])

    def test_a_context_that_is_gone_is_not_asked_for_a_name(self):
        facts = self.check("""
            |serving.sni_callback = lambda *arguments: seen.append(arguments)
            |seen = []
            |connect()
            |other = context(ssl.PROTOCOL_TLS_SERVER, b"secret")
            |server.context = other
            |del serving
            |gc.collect()
            |report(versions=shake(), seen=len(seen))
            """, PAIR)
        self.assertEqual((facts["versions"], facts["seen"]), (["TLSv1.2"] * 2, 0))

    def test_both_ways_at_once_over_sockets_that_block(self):
        facts = self.check("""
            |import threading
            |threads = []
            |def start(function):
            |    threads.append(threading.Thread(target=function))
            |    threads[-1].start()
            |def serve():
            |    server.do_handshake()
            |    start(lambda: [server.write(b"s" * 9000) for _ in range(100)])
            |    got.append(take(server, 900000))
            |def take(connection, wanted):
            |    while wanted > 0:
            |        wanted -= len(connection.read(9000))
            |    return wanted
            |got = []
            |start(serve)
            |client.do_handshake()
            |start(lambda: [client.write(b"c" * 9000) for _ in range(100)])
            |got.append(take(client, 900000))
            |for thread in threads:
            |    thread.join()
            |report(got=got)
            """, PAIR + """
            |import socket
            |ends = socket.socketpair()
            |server = serving._wrap_socket(ends[0], True)
            |client = asking._wrap_socket(ends[1], False)
            """)
        self.assertEqual(facts["got"], [0, 0])


class LoadingTest(fresh.LivingTest):

    def test_certificates_loaded_by_two(self):
        # The second put back the password of the first, which was gone from the stack.
        facts = self.check("""
            |def load(password, *, key="ssl_key.passwd.pem"):
            |    context.load_cert_chain(os.path.join(folder, "ssl_cert.pem"),
            |                            os.path.join(folder, key), password)
            |def asked():
            |    thread.start()
            |    thread.join(9)
            |    inner.append(attempt(load, other)[:2])
            |    return b"somepass"
            |def other():
            |    return b"somepass"
            |inner = []
            |thread = threading.Thread(target=lambda: inner.append(attempt(load, other)[:2]))
            |context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            |outer = attempt(load, asked)
            |thread.join()
            |report(outer=outer[0], inner=inner, without=attempt(load, None)[0],
            |       after=[attempt(load, other)[0], attempt(load, None, key="ssl_key.pem")[0]])
            """, f"""
            |import os, ssl, threading
            |folder = {os.path.dirname(support.findfile("keycert.pem", subdir="certdata"))!r}
            """, keep=("fs.read",))
        self.assertEqual((facts["outer"], facts["without"], facts["after"]),
                         ("done", "raised", ["done"] * 2))
        self.assertEqual(facts["inner"], [["raised", "SSLError"]] * 2)


if __name__ == "__main__":
    unittest.main()
