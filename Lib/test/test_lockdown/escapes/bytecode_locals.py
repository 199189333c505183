"""A function loads a local variable far outside of its frame.

Known from: CTF jails on bytecode (LOAD_FAST out of bounds)
Effect: crash
"""
import opcode

load, extended = opcode.opmap["LOAD_FAST"], opcode.opmap["EXTENDED_ARG"]
function = lambda: None
function.__code__ = function.__code__.replace(
    co_code=bytes([extended, 127, extended, 255, extended, 255, load, 255,
                   opcode.opmap["RETURN_VALUE"], 0]))
function()
