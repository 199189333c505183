"""A new interpreter of the old kind shares extension modules.

Known from: PEP 578 bypasses; the history of subinterpreters as a sandbox
Effect: made
"""
import _interpreters

other = _interpreters.create("legacy")
_interpreters.exec(other, "import posix; posix.system(': > made')")
_interpreters.destroy(other)
