"""The tables of probes: calls that have an effect outside, and the right that each needs.

Every probe is run four times, always in processes of its own: unlocked, where its effect must be
seen (a probe without an effect proves nothing); locked with every right but its own, where it must
be refused and name its right; locked with its own right only, where the effect must be seen again;
and, with all the others in one process, locked as lockdown() does by default and with keep=().
The effect is judged by another process, from the scratch folder, from /proc, from a listener on
127.0.0.1, or by comparing the value with one that the other process knows.

This module is imported by both sides, so it needs nothing but the standard library, and imports
whatever a call needs before any lock falls.
"""

from . import (core, databases, descriptors, files, foreign, identity, interpreter, libraries,
               memory, network, processes, screens, system, terminals)
from .base import HAVE_PROC, PROBES, Probe, Scratch, Seen, ended, resolve, snapshot, succeeded
