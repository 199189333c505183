"""A function's code keeps its instructions and loses its constants.

Known from: CTF jails on bytecode (constants and names that are not there)
Effect: crash
"""
import opcode

body = bytearray()
load, extended = opcode.opmap["LOAD_FAST"], opcode.opmap["EXTENDED_ARG"]
function = lambda: None
function.__code__ = function.__code__.replace(
    co_code=bytes([extended, 127, extended, 255, extended, 255, load, 255,
                   opcode.opmap["RETURN_VALUE"], 0]))
function()
