"""The library's own eval() of a text with names that are not checked.

Known from: CTF jails that forbid exec and eval: annotations that are text
Effect: made
Without: exec eval
"""
import typing


class Hinted:
    value: "__import__('os').system(': > made')"


typing.get_type_hints(Hinted)
