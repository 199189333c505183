"""A file of bytecode in memory becomes code.

Known from: PEP 578 bypasses by functions below the import system
Effect: made
"""
import importlib._bootstrap_external as external
import marshal

data = marshal.dumps(compile("__import__('os').system(': > made')", "f", "exec"))
exec(external._compile_bytecode(data))
