"""A file of bytecode is loaded.

Known from: CTF jails where files can be put beside
Effect: made
Host: import _imp, importlib._bootstrap_external as external
Host: code = compile("import os; os.mkdir('made')", "f", "exec")
Host: open("module.pyc", "wb").write(external._code_to_timestamp_pyc(code))
"""
import importlib.machinery

importlib.machinery.SourcelessFileLoader("module", "module.pyc").load_module()
