"""io.open_code() opens for the import system.

Known from: PEP 578 bypasses (open_code without a hook)
Effect: read
"""
import io
import os

answer = io.open_code(os.path.abspath("canary")).read()
