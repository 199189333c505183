"""Sockets and names."""

import os
import socket
import struct

from .base import *


# net: make, bind, connect or name-resolve a socket; send to an address not yet connected.

P("socket.socket", "net", lambda s: socket.socket() and True, value(lambda text: text == "True"))
P("socket.socketpair", "net", lambda s: len(socket.socketpair(type=socket.SOCK_DGRAM)),
  returned(lambda s, seen: 2), also=("fd",))
P("socket.socket.bind", "net", lambda s: s.socket.bind((LOOPBACK, 0)) or s.socket.getsockname(),
  value(lambda text: "('127.0.0.1', 0)" not in text), tcp)
P("socket.socket.connect", "net", lambda s: s.socket.connect(s.address)
  or s.listening.accept()[0].close(), succeeded, tcp, also=("fd",))
P("socket.socket.connect_ex", "net", lambda s: s.socket.connect_ex(s.address),
  returned(lambda s, seen: 0), tcp)
P("socket.socket.listen", "net", lambda s: s.socket.listen(), succeeded,
  lambda s: (tcp(s), s.socket.bind((LOOPBACK, 0))))
P("socket.socket.setsockopt", "net",
  lambda s: s.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) or
  s.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR), returned(lambda s, seen: 1), tcp)
P("socket.socket.sendto", "net", lambda s: s.sender.sendto(b"probe", s.address)
  and s.receiver.recv(9), returned(lambda s, seen: b"probe"), udp)
P("socket.socket.sendmsg", "net", lambda s: s.sender.sendmsg([b"probe"], [], 0, s.address)
  and s.receiver.recv(9), returned(lambda s, seen: b"probe"), udp)
P("socket.create_connection", "net", lambda s: socket.create_connection(s.address) and True,
  returned(lambda s, seen: True), listener, operation="socket.getaddrinfo")
P("socket.getaddrinfo", "net", lambda s: socket.getaddrinfo(LOOPBACK, 80)[0][4],
  returned(lambda s, seen: (LOOPBACK, 80)))
P("socket.gethostbyname", "net", lambda s: socket.gethostbyname(LOOPBACK),
  returned(lambda s, seen: LOOPBACK))
P("socket.gethostbyname_ex", "net", lambda s: socket.gethostbyname_ex(LOOPBACK)[2],
  returned(lambda s, seen: [LOOPBACK]))
P("socket.getnameinfo", "net",
  lambda s: socket.getnameinfo((LOOPBACK, 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
  returned(lambda s, seen: (LOOPBACK, "80")))
# The first: others may come and go meanwhile.
P("socket.if_nameindex", "env", lambda s: min(socket.if_nameindex()),
  returned(lambda s, seen: min(socket.if_nameindex())))
P("socket.sethostname", "env&proc", lambda s: socket.sethostname("probe-of-lockdown"), succeeded,
  # Only in a namespace of its own: the machine keeps its name.
  lambda s: os.unshare(os.CLONE_NEWUTS), root=True,
  exists=lambda: hasattr(os, "unshare") and can_unshare())

# Databases of names: a machine may have none of them, and then the answer is that it knows nothing.

P("socket.gethostbyaddr", "net", lambda s: socket.gethostbyaddr(LOOPBACK)[2],
  value(lambda text: LOOPBACK in text or "host" in text))
P("socket.getprotobyname", "net", lambda s: socket.getprotobyname("tcp"),
  value(lambda text: text == "6" or "not found" in text))
P("socket.getservbyname", "net", lambda s: socket.getservbyname("http", "tcp"),
  value(lambda text: text == "80" or "not found" in text))
P("socket.getservbyport", "net", lambda s: socket.getservbyport(80, "tcp"),
  value(lambda text: text == "'http'" or "not found" in text))
P("socket.if_indextoname", "env", lambda s: socket.if_indextoname(1),
  returned(lambda s, seen: dict(socket.if_nameindex())[1]))
P("socket.if_nametoindex", "env", lambda s: socket.if_nametoindex("lo"),
  returned(lambda s, seen: {name: number for number, name in socket.if_nameindex()}["lo"]))


# Descriptors beside the bytes of a message, and who is at the other end.

def local_pair(s):
    s.open()
    s.one, s.other = socket.socketpair(socket.AF_UNIX)


def descriptor_sent(s):
    local_pair(s)
    s.one.sendmsg([b"x"], rights_of(s.fd))


def rights_of(number):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", number))]


def have_rights():
    return hasattr(socket, "SCM_RIGHTS")


P("socket.socket.recvmsg", "fd&ipc", lambda s: len(s.other.recvmsg(1, 64)[1]), changed("fds"),
  descriptor_sent, exists=have_rights)
P("socket.socket.recvmsg_into", "fd&ipc",
  lambda s: len(s.other.recvmsg_into([bytearray(1)], 64)[1]), changed("fds"),
  descriptor_sent, exists=have_rights)
P("socket.socket.sendmsg descriptors", "fd&ipc",
  lambda s: s.one.sendmsg([b"x"], rights_of(s.fd)) and len(s.other.recvmsg(1, 64)[1]),
  returned(lambda s, seen: 1), local_pair, exists=have_rights)
P("socket.socket.getsockopt", "env",
  lambda s: struct.unpack("iii", s.one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0],
  returned(lambda s, seen: seen.pid), local_pair, exists=lambda: hasattr(socket, "SO_PEERCRED"))
P("socket.close", "fd", lambda s: socket.close(s.fd), changed("fds"), Scratch.open)
