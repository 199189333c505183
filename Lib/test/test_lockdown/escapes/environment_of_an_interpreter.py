"""A new interpreter reads the environment.

Known from: PEP 578 bypasses by interpreters that have no hooks
Effect: environment
"""
import _interpreters

other = _interpreters.create("isolated")
_interpreters.exec(other, "import os, sys; sys.stdout.write(str(os.environ)); sys.stdout.flush()")
_interpreters.destroy(other)
