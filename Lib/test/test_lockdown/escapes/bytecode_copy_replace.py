"""copy.replace() makes another code object.

Known from: CTF jails on bytecode; Python 3.13's new protocol of replacing
Effect: crash
"""
import copy
import opcode

load, extended = opcode.opmap["LOAD_CONST"], opcode.opmap["EXTENDED_ARG"]
function = lambda: None
function.__code__ = copy.replace(
    function.__code__, co_code=bytes([extended, 127, extended, 255, extended, 255, load, 255,
                                      opcode.opmap["RETURN_VALUE"], 0]))
function()
