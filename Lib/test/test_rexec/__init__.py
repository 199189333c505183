"""Padded cells.  The supervisor's half is also tested by a stock CPython 3.9 or later."""
