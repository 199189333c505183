"""What keys a set or a dictionary of a cell may have: those that are compared in time."""

SAME_HASH = 64              # keys of one hash in a container
LARGE_SAME_HASH = 4         # and of those, large numbers and the like

# What takes no long time to compare, or is weighed.
_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range))


class Refused(Exception):
    """They are too many, or too slow."""


def check(keys, work):
    """Keys of one hash are compared with each other, which can take for ever: refuse them unbuilt.

    WORK is what comparing may cost, about ten nanoseconds a unit; what is left of it.
    """
    if len(keys) < 2:
        return work
    hashes = list(map(hash, keys))
    if len(set(hashes)) == len(keys):
        return work
    groups = {}
    for number, key in zip(hashes, keys):
        groups.setdefault(number, []).append(key)
    for group in groups.values():
        count = len(group)
        if count > SAME_HASH:
            raise Refused("too many keys of one hash")
        if count > 1:
            if sum(map(_is_large, group)) > LARGE_SAME_HASH:
                raise Refused("too many large keys of one hash")
            work -= count * sum(map(_weigh, group)) // 2
            if work < 0:
                raise Refused("keys of one hash that take too long to compare")
    return work


def _is_large(key):
    kind = type(key)
    if kind is int:
        return key.bit_length() > 1024
    return kind is not float and kind not in _PLAIN or kind is range


def _weigh(key):
    """What it costs at most to compare KEY with another of its hash."""
    kind = type(key)
    if kind is tuple:
        return 4 + sum(map(_weigh, key))
    if kind is frozenset:
        # Each element is compared with those of its hash in the other set.
        counts = {}
        for item in key:
            number = hash(item)
            counts[number] = counts.get(number, 0) + 1
        return 4 + sum(_weigh(item) * counts[hash(item)] for item in key)
    if kind is range:
        return _weigh(key.start) + _weigh(key.stop) + _weigh(key.step)
    if kind is int:
        # A Decimal to compare it with makes it one, in quadratic time.
        size = key.bit_length() >> 3
        return 4 + size * size // 16
    if kind in (str, bytes, memoryview):
        return 4 + (len(key) >> 6)
    return 4 if kind in _PLAIN else 200
