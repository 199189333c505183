"""A cell that does as a test says: frames made by hand, sent to a real supervisor."""

import asyncio
import socket
import threading

import rexec
from rexec import channel as kinds
from rexec.channel import Channel
from rexec.values import encode

from .base import PATIENCE


class FakeWorker:
    """What Cell wants of a process, with a socket whose other end is the test's."""

    pid = 0
    stderr = None
    status = None
    kernel = 0
    is_abandoned = False

    def __init__(self):
        self.socket, self.other = socket.socketpair()
        self.channel = Channel(self.socket, 0)
        self.killed = False

    def cpu(self):
        return 0.0

    def peak(self):
        return 1 << 20

    def allow_cpu(self, seconds):
        pass

    def signal(self, number):
        return True

    def kill(self):
        self.killed = True
        try:
            self.other.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def wait(self, timeout=0):
        return True

    def tail(self):
        return ""

    drain = tail

    def close(self):
        self.kill()
        self.socket.close()


def frame(kind, payload, run=1, version=kinds.VERSION, spare=0, size=None):
    if kind != kinds.OUTPUT and not isinstance(payload, bytes):
        payload = encode(payload, 1 << 40, 200)
    size = len(payload) if size is None else size
    return kinds.HEADER.pack(size, version, kind, spare, run) + payload


STARTED = frame(kinds.STARTED, None)


def result(value=None, run=1, text=""):
    return frame(kinds.RESULT, ("value", encode(value), None, text), run)


def receive(other):
    """The next frame that a cell gets: (kind, payload)."""
    header = other.recv(kinds.HEADER.size, socket.MSG_WAITALL)
    size, _, kind, _, _ = kinds.HEADER.unpack(header)
    return kind, other.recv(size, socket.MSG_WAITALL) if size else b""


def meet_async(data, **options):
    """As meet(), of Cell.arun()."""
    return meet(data, lambda cell: asyncio.run(cell.arun("")), **options)


def meet(data, run=lambda cell: cell.run(""), **options):
    """What Cell.run() makes of a cell that answers with DATA, bytes or a function of its socket:
    a Result or the error."""
    worker = FakeWorker()
    options.setdefault("limits", rexec.Limits(wall=PATIENCE))
    cell = rexec.Cell(_worker=worker, **options)

    def play():
        try:
            if callable(data):
                data(worker.other)
            else:
                worker.other.sendall(data)
        except OSError:
            pass

    def drain():
        try:
            while worker.other.recv(1 << 16):
                pass
        except OSError:
            pass

    threads = [threading.Thread(target=play)]
    if not callable(data):
        threads.append(threading.Thread(target=drain))
    for thread in threads:
        thread.start()
    try:
        return run(cell)
    except rexec.Error as error:
        return error
    finally:
        cell.close()
        for thread in threads:
            thread.join()
        worker.other.close()
