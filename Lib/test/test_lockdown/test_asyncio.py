"""Event loops and threads when nothing is kept: they work, and give no way to what is the host's.

The numbers of descriptors that locked code made are its own. A number of the host's is a socket
that the test holds the other end of, so what is done to it is seen from here.
"""

import os
import signal
import socket
import subprocess
import sys
import unittest
from test import support
from test.test_lockdown import fresh

LOOP = """
    |import asyncio
    |import socket
    |import threading
    |from concurrent.futures import ThreadPoolExecutor
    |import contextvars
    |name = contextvars.ContextVar("name")
    |async def produce(queue):
    |    for number in range(3):
    |        await queue.put(number)
    |        await asyncio.sleep(0)
    |async def count(to):
    |    for number in range(to):
    |        yield number
    |        await asyncio.sleep(0)
    |async def main():
    |    loop = asyncio.get_running_loop()
    |    report(slept=await asyncio.sleep(0.001, "yes"))
    |    name.set("outer")
    |    report(thread=await asyncio.to_thread(lambda: [threading.get_ident() != ident, name.get()]))
    |    with ThreadPoolExecutor(2) as pool:
    |        report(pool=await asyncio.gather(*(loop.run_in_executor(pool, pow, 2, n)
    |                                           for n in range(5))))
    |    queue = asyncio.Queue()
    |    async with asyncio.TaskGroup() as group:
    |        group.create_task(produce(queue))
    |        report(queue=[await queue.get() for _ in range(3)])
    |    report(generator=[n async for n in count(3)])
    |    try:
    |        async with asyncio.timeout(0.001):
    |            await asyncio.Event().wait()
    |    except TimeoutError:
    |        report(timeout=True)
    |    one, other = socket.socketpair()
    |    reader, writer = await asyncio.open_connection(sock=one)
    |    there, back = await asyncio.open_connection(sock=other)
    |    writer.write(b"a line\\n" * 20000)
    |    writer.write_eof()
    |    report(stream=len(await there.read()))
    |    back.close()
    |    await back.wait_closed()
    |    report(end=(await reader.read()).decode())
    |    writer.close()
    |ident = threading.get_ident()
    |"""

EXPECTED = {
    "slept": "yes", "thread": [True, "outer"], "pool": [1, 2, 4, 8, 16], "queue": [0, 1, 2],
    "generator": [0, 1, 2], "timeout": True, "stream": 140000, "end": "",
}

# Attempts at a number that is not the caller's own; each reports under its name how it ended.
ATTEMPTS = """
    |import select
    |import signal
    |import socket
    |def try_all(number):
    |    class Has:
    |        def fileno(self):
    |            return number
    |    for what in number, Has():
    |        kind = type(what).__name__
    |        report(**{
    |            f"epoll {kind}": attempt(lambda: select.epoll().register(what)),
    |            f"poll {kind}": attempt(lambda: select.poll().register(what)),
    |            f"select {kind}": attempt(lambda: select.select([], [what], [], 0)[1] != []),
    |        })
    |    report(wakeup=attempt(signal.set_wakeup_fd, number),
    |           take=attempt(lambda: socket.socket(fileno=number).detach()))
    |"""


class LoopTest(unittest.TestCase):

    def test_run(self):
        for options in (), ("-X", "lockdown=later"), ("-X", "dev"):
            with self.subTest(options):
                facts = fresh.scenario(LOOP + """
                    |lockdownlib.lockdown(keep=())
                    |asyncio.run(main())
                    """, options=("-I", *options)).facts
                self.assertEqual(facts, EXPECTED)

    def test_imported_when_locked(self):
        facts = fresh.scenario("    |lockdownlib.lockdown(keep=())\n" + LOOP + """
            |asyncio.run(main())
            |asyncio.run(main(), debug=True)
            """).facts
        self.assertEqual(facts, EXPECTED)

    def test_each_selector(self):
        facts = fresh.scenario("""
            |import asyncio, selectors
            |lockdownlib.lockdown(keep=())
            |for kind in "SelectSelector", "PollSelector", "EpollSelector", "DefaultSelector":
            |    if not hasattr(selectors, kind):
            |        continue
            |    loop = asyncio.SelectorEventLoop(getattr(selectors, kind)())
            |    with asyncio.Runner(loop_factory=lambda: loop) as runner:
            |        report(**{kind: runner.run(asyncio.to_thread(str, 1))})
            """).facts
        self.assertIn("DefaultSelector", facts)
        self.assertEqual(set(facts.values()), {"1"})

    def test_loops_in_threads_one_after_another(self):
        # More loops in all than there is room for at a time.
        facts = fresh.scenario("""
            |import asyncio, threading
            |lockdownlib.lockdown(keep=())
            |results = []
            |def work():
            |    for _ in range(60):
            |        results.append(asyncio.run(asyncio.sleep(0, 1)))
            |threads = [threading.Thread(target=work) for _ in range(5)]
            |for thread in threads:
            |    thread.start()
            |for thread in threads:
            |    thread.join()
            |report(sum=sum(results))
            """).facts
        self.assertEqual(facts["sum"], 300)

    def test_loop_that_locks(self):
        facts = fresh.scenario("""
            |import asyncio
            |async def main():
            |    lockdownlib.lockdown(keep=())
            |    return await asyncio.to_thread(str, 1)
            |report(value=asyncio.run(main()), again=asyncio.run(asyncio.sleep(0, 2)))
            """).facts
        self.assertEqual(facts, {"value": "1", "again": 2})

    def test_what_a_loop_cannot_do(self):
        facts = fresh.scenario("""
            |import asyncio, sys
            |lockdownlib.lockdown(keep=())
            |async def main():
            |    for name, call in {
            |        "connect": lambda: asyncio.open_connection("127.0.0.1", 1),
            |        "serve": lambda: asyncio.start_server(print, "127.0.0.1", 0),
            |        "unix": lambda: asyncio.open_unix_connection("/x"),
            |        "shell": lambda: asyncio.create_subprocess_shell("true"),
            |        "exec": lambda: asyncio.create_subprocess_exec("true"),
            |        "lookup": lambda: asyncio.get_running_loop().getaddrinfo("localhost", 1),
            |    }.items():
            |        try:
            |            report(**{name: ["done", repr(await call())]})
            |        except lockdownlib.LockdownError as error:
            |            report(**{name: ["refused", error.right]})
            |        except OSError as error:
            |            report(**{name: ["raised", str(error)]})
            |asyncio.run(main())
            """).facts
        # It asks the socket of each address in turn, and tells what became of all.
        self.assertIn("could not bind on any address", facts.pop("serve")[1])
        for name, outcome in facts.items():
            with self.subTest(name):
                self.assertEqual(outcome[0], "refused")
        self.assertEqual(len(facts), 5)


@unittest.skipUnless(hasattr(signal, "SIGUSR1"), "needs Unix signals")
class SignalTest(unittest.TestCase):

    def signal(self, source, number, expect):
        """Run source locked, send it a signal when it says that it is ready, return its output."""
        process = subprocess.Popen(
            [sys.executable, "-I", "-X", "lockdown", "-c", fresh.text(source)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=fresh.environment(),
            # Ctrl-C may be ignored in a process that a shell started in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(number)
        out, err = process.communicate(timeout=support.LONG_TIMEOUT)
        self.assertEqual(process.returncode, expect, err)
        return out, err

    def test_handler(self):
        out, err = self.signal("""
            |import asyncio, signal
            |async def main():
            |    seen = asyncio.Event()
            |    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, seen.set)
            |    print("ready", flush=True)
            |    await seen.wait()
            |    print("seen")
            |asyncio.run(main())
            """, signal.SIGUSR1, 0)
        self.assertEqual((out, err), ("seen\n", ""))

    def test_keyboard_interrupt(self):
        out, err = self.signal("""
            |import asyncio
            |async def main():
            |    print("ready", flush=True)
            |    try:
            |        await asyncio.sleep(1000)
            |    except asyncio.CancelledError:
            |        print("cancelled")
            |        raise
            |try:
            |    asyncio.run(main())
            |except KeyboardInterrupt:
            |    print("interrupted")
            """, signal.SIGINT, 0)
        self.assertEqual((out, err), ("cancelled\ninterrupted\n", ""))

    def test_unhandled_keyboard_interrupt(self):
        out, err = self.signal("""
            |import asyncio
            |async def main():
            |    print("ready", flush=True)
            |    await asyncio.sleep(1000)
            |asyncio.run(main())
            """, signal.SIGINT, -signal.SIGINT)
        self.assertIn("KeyboardInterrupt", err)


@unittest.skipUnless(hasattr(socket, "AF_UNIX"), "needs Unix sockets")
class NumberTest(unittest.TestCase):
    """What locked code may do by number, and what it may not."""

    def setUp(self):
        self.here, self.there = socket.socketpair()
        self.addCleanup(self.here.close)
        self.addCleanup(self.there.close)

    def scenario(self, source, **kwargs):
        return fresh.scenario(source, str(self.there.fileno()), pass_fds=[self.there.fileno()],
                              **kwargs)

    def test_a_number_of_the_hosts_is_refused(self):
        facts = self.scenario(ATTEMPTS + """
            |lockdownlib.lockdown(keep=())
            |try_all(int(sys.argv[1]))
            |for number in range(3):
            |    try_all(number)
            |try_all(int(sys.argv[1]))
            """).facts
        self.assertEqual(len(facts), 8)
        for name, outcome in facts.items():
            with self.subTest(name):
                self.assertEqual(outcome[0], "refused")
                self.assertEqual(outcome[2], "fd")

    def test_control(self):
        facts = self.scenario(ATTEMPTS + """
            |number = int(sys.argv[1])
            |socket.socket(fileno=number).setblocking(False)
            """.replace("socket.socket(fileno=number).setblocking(False)",
                        "import os; os.set_blocking(number, False)") + """
            |try_all(number)
            """).facts
        self.assertEqual(len(facts), 8)
        for name, outcome in facts.items():
            with self.subTest(name):
                self.assertEqual(outcome[0], "done")
        self.assertEqual(facts["select int"], ["done", "True"])

    def test_a_live_object_keeps_its_number(self):
        # Two objects with one number: when one is closed, the other has what comes there next.
        facts = fresh.scenario("""
            |import socket
            |lockdownlib.lockdown(keep=())
            |one, other = socket.socketpair()
            |report(second=attempt(lambda: socket.socket(fileno=one.fileno())),
            |       again=attempt(one.__init__, fileno=one.fileno()))
            |number = one.detach()
            |first = socket.socket(fileno=number)
            |report(third=attempt(lambda: socket.socket(fileno=number)))
            |first.close()
            |report(closed=attempt(lambda: socket.socket(fileno=number)))
            |report(peer=other.recv(1).decode())
            """).facts
        for name in "second", "again", "third", "closed":
            with self.subTest(name):
                self.assertEqual(facts[name][0], "refused")
                self.assertEqual(facts[name][2], "fd")
        self.assertEqual(facts["peer"], "")

    def test_a_closed_number_never_becomes_the_hosts(self):
        # The host opens files after the guest closed its sockets: another interpreter that is not
        # locked plays the host.
        facts = fresh.scenario("""
            |import _interpreters, json, os
            |guest = _interpreters.create("isolated")
            |def run(source):
            |    error = _interpreters.exec(guest, source)
            |    if error is not None:
            |        raise AssertionError(error.errdisplay)
            |reading, writing = os.pipe()
            |run('''if True:
            |    import lockdownlib, select, socket
            |    lockdownlib.lockdown(keep=())
            |    pairs = [socket.socketpair() for _ in range(10)]
            |    numbers = [s.fileno() for pair in pairs for s in pair]
            |    poll = select.poll()
            |    for number in numbers:
            |        poll.register(number)
            |    for one, other in pairs:
            |        one.close()
            |        other.close()
            |    print(numbers, flush=True)
            |    ''')
            |hosts = [os.dup(reading) for _ in range(30)]
            |print(hosts, flush=True)
            |run('''if True:
            |    events = dict(poll.poll(0))
            |    again = [socket.socketpair() for _ in range(10)]
            |    print(sorted(events), flush=True)
            |    print(sorted(s.fileno() for pair in again for s in pair), flush=True)
            |    ''')
            """).out.split("\n")
        numbers, hosts, events, again = [eval(line) for line in facts if line.startswith("[")]
        self.assertEqual(len(numbers), 20)
        self.assertEqual(set(numbers) & set(hosts), set())
        # What was closed is at its end, and says so.
        self.assertEqual(events, sorted(numbers))
        # And the numbers are used again, by whom they belong to.
        self.assertEqual(again, sorted(numbers))

    def test_control_numbers_are_used_again(self):
        facts = fresh.scenario("""
            |import os, socket
            |reading, writing = os.pipe()
            |one, other = socket.socketpair()
            |numbers = [one.fileno(), other.fileno()]
            |one.close()
            |other.close()
            |report(same=sorted(numbers) == sorted([os.dup(reading), os.dup(reading)]))
            """).facts
        self.assertTrue(facts["same"])

    def test_room_for_the_host_is_left(self):
        facts = fresh.scenario("""
            |import os, resource, select, socket
            |resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
            |lockdownlib.lockdown(keep=("fs.read",))
            |kept = []
            |def fill():
            |    while True:
            |        kept.append(socket.socketpair())
            |report(pairs=attempt(fill), epoll=attempt(select.epoll))
            |report(host=attempt(lambda: os.open("/dev/null", os.O_RDONLY)))
            |count = len(kept)
            |del kept[:20]
            |report(count=count, again=attempt(lambda: [socket.socketpair() for _ in range(20)][:0]))
            """).facts
        self.assertEqual(facts["pairs"][:2], ["raised", "OSError"])
        self.assertEqual(facts["host"][0], "done")
        self.assertEqual(facts["again"], ["done", "[]"])
        self.assertIn(facts["count"], range(100, 129))

    def test_only_a_plain_pair(self):
        facts = fresh.scenario("""
            |import socket
            |lockdownlib.lockdown(keep=())
            |class Liar(int):
            |    def __index__(self):
            |        return socket.SOCK_DGRAM
            |report(plain=attempt(lambda: [s.family for s in socket.socketpair()]),
            |       liar=attempt(lambda: [s.type for s in
            |                             socket.socketpair(socket.AF_UNIX, Liar(1))]),
            |       datagram=attempt(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM),
            |       packet=attempt(socket.socketpair, socket.AF_UNIX, socket.SOCK_SEQPACKET),
            |       internet=attempt(socket.socketpair, socket.AF_INET),
            |       protocol=attempt(socket.socketpair, socket.AF_UNIX, socket.SOCK_STREAM, 1))
            |one, other = socket.socketpair()
            |report(accept=attempt(one.accept), listen=attempt(one.listen), bind=attempt(one.bind, ""),
            |       connect=attempt(one.connect, "/x"), sendto=attempt(one.sendto, b"x", "/x"),
            |       dup=attempt(one.dup), peer=attempt(one.getsockopt, socket.SOL_SOCKET,
            |                                          socket.SO_PEERCRED, 12),
            |       give=attempt(socket.send_fds, one, [b"x"], [0]),
            |       take=attempt(socket.recv_fds, other, 1, 1),
            |       inherit=attempt(one.set_inheritable, True))
            """).facts
        self.assertEqual(facts.pop("plain")[0], "done")
        # An int says what it is by its value alone.
        self.assertEqual(facts.pop("liar")[0], "done")
        for name, outcome in facts.items():
            with self.subTest(name):
                self.assertEqual(outcome[0], "refused")

    def test_they_are_not_inherited(self):
        facts = fresh.scenario("""
            |import os, select, socket
            |lockdownlib.lockdown(keep=("proc", "fs.read", "fs.special"))
            |one, other = socket.socketpair()
            |first = one.fileno()
            |epoll = select.epoll()
            |one.close()
            |again, another = socket.socketpair()
            |numbers = sorted({first, other.fileno(), epoll.fileno(), again.fileno(),
            |                  another.fileno()})
            |report(numbers=numbers, links=[os.readlink(f"/proc/self/fd/{n}") for n in numbers],
            |       flags=[int(open(f"/proc/self/fdinfo/{n}").read().split()[3], 8) for n in numbers])
            """).facts
        self.assertGreaterEqual(len(facts["numbers"]), 4)
        for link, flags in zip(facts["links"], facts["flags"]):
            self.assertRegex(link, "socket:|eventpoll")
            self.assertTrue(flags & os.O_CLOEXEC, link)

    def test_epoll_and_wakeup_of_ones_own(self):
        facts = fresh.scenario("""
            |import select, signal, socket
            |lockdownlib.lockdown(keep=())
            |one, other = socket.socketpair()
            |other.setblocking(False)
            |epoll = select.epoll()
            |outer = select.epoll()
            |epoll.register(one, select.EPOLLIN)
            |outer.register(epoll, select.EPOLLIN)
            |before = outer.poll(0)
            |other.send(b"x")
            |report(before=before, after=outer.poll(1) == [(epoll.fileno(), select.EPOLLIN)],
            |       old=signal.set_wakeup_fd(other.fileno()),
            |       back=signal.set_wakeup_fd(-1) == other.fileno(),
            |       modify=attempt(epoll.modify, one, 0), gone=attempt(epoll.unregister, one))
            |epoll.close()
            |report(closed=attempt(epoll.poll, 0))
            """).facts
        self.assertEqual(facts["before"], [])
        self.assertTrue(facts["after"])
        self.assertEqual(facts["old"], -1)
        self.assertTrue(facts["back"])
        self.assertEqual(facts["modify"], ["done", "None"])
        self.assertEqual(facts["gone"], ["done", "None"])
        self.assertEqual(facts["closed"][:2], ["raised", "ValueError"])

    def test_fd_kept_and_then_taken(self):
        # What was made while numbers were free is not on the list.
        facts = fresh.scenario("""
            |import select, socket
            |lockdownlib.lockdown(keep=("fd",))
            |one, other = socket.socketpair()
            |poll = select.poll()
            |poll.register(one)
            |lockdownlib.lockdown(keep=())
            |other.send(b"x")
            |report(poll=len(poll.poll(1)), register=attempt(poll.register, other),
            |       read=one.recv(1).decode())
            """).facts
        self.assertEqual(facts["poll"], 1)
        self.assertEqual(facts["register"][:3:2], ["refused", "fd"])
        self.assertEqual(facts["read"], "x")


if __name__ == "__main__":
    unittest.main()
