"""marshal makes a code object of bytes.

Known from: CTF jails on bytecode; the manual's warning at marshal
Effect: crash
"""
import marshal
import opcode

load, extended = opcode.opmap["LOAD_CONST"], opcode.opmap["EXTENDED_ARG"]
raw = bytes([extended, 127, extended, 255, extended, 255, load, 255,
             opcode.opmap["RETURN_VALUE"], 0])
old = compile("a" + "+a" * 20, "f", "eval")
data = marshal.dumps(old)
at = data.index(old.co_code[2:12])
exec(marshal.loads(data[:at] + raw + data[at + 10:]))
