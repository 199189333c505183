"""A code object that the host's function has is marshalled and loaded changed.

Known from: CTF jails that give marshalled code to a server
Effect: made
"""
import marshal
import types

data = marshal.dumps(compile("__import__('os').system(': > none')", "f", "exec"))
types.FunctionType(marshal.loads(data.replace(b"none", b"made")), {})()
