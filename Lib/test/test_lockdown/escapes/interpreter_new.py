"""A new interpreter has none of the jail's changes.

Known from: PEP 578 bypasses by interpreters that have no hooks
Effect: made
"""
import _interpreters

other = _interpreters.create("isolated")
_interpreters.exec(other, "import posix; posix.mkdir('made')")
_interpreters.destroy(other)
