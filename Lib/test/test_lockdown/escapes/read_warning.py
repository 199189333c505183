"""A warning shows the line of a file that is named for it.

Known from: CTF jails (warnings.warn_explicit)
Effect: read
Without: open
"""
import _warnings

_warnings.warn_explicit("text", UserWarning, "canary", 1)
