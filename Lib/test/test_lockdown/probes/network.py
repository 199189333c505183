"""Sockets and names."""

import os
import socket

from .base import *


# net: make, bind, connect or name-resolve a socket; send to an address not yet connected.

P("socket.socket", "net", lambda s: socket.socket() and True, value(lambda text: text == "True"))
P("socket.socketpair", "net", lambda s: len(socket.socketpair()), returned(lambda s, seen: 2),
  also=("fd",))
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
P("socket.if_nameindex", "env", lambda s: socket.if_nameindex(),
  returned(lambda s, seen: socket.if_nameindex()))
P("socket.sethostname", "env", lambda s: socket.sethostname("probe-of-lockdown"), succeeded,
  # Only in a namespace of its own: the machine keeps its name.
  lambda s: os.unshare(os.CLONE_NEWUTS), root=True,
  exists=lambda: hasattr(os, "unshare") and can_unshare())
