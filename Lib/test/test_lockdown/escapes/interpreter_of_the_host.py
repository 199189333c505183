"""An interpreter that was there before the lock has all that it had.

Known from: the history of subinterpreters as a sandbox
Effect: made
Host: import _interpreters
Host: other = _interpreters.create("isolated")
Host: _interpreters.exec(other, "import posix")
Given: other
"""
import _interpreters

_interpreters.exec(other, "posix.system(': > made')")
_interpreters.destroy(other)
