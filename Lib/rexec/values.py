"""The codec for the values that cross between a supervisor and its cells.

Bytes that come from a cell are hostile.  decode() takes no more memory than its budget, calls no
code but that of the plain types, and raises Malformed for whatever encode() would not have made.
How deep its calls are is bounded by the depth it may read: a RecursionError is its caller's own.

An object is a tag, one byte, and what the tag calls for; numbers are little-endian.
"""

import _struct
import sys

from . import keys

# What an object costs of the budget besides its payload.
OBJECT = 64
# What a character costs.
CHARACTER = 4
LONGEST_INT = 64 << 10      # bytes
DECIMAL_DIGITS = 4300
LARGE = 16 << 10            # bytes that are worth not being copied
LONGEST_NAME = 64           # characters of a time zone's

_double = _struct.Struct("<d")
_small = _struct.Struct("<q")
_u32 = _struct.Struct("<I")
_text = _struct.Struct("<II")
_date = _struct.Struct("<HBB")
_time = _struct.Struct("<BBBIB")
_delta = _struct.Struct("<iII")

_MOST = 0xFFFFFFFF
_LIMITLESS = 1 << 46


class Malformed(Exception):
    """Bytes that no encoder makes."""


class OverLimit(Malformed):
    """A value that costs more than it may; `limit` is "value" or "depth"."""

    def __init__(self, limit):
        super().__init__(f"beyond the limit {limit}")
        self.limit = limit


class _Unfit(Exception):
    """On its way out through the containers, each of which adds where it was."""

    def __init__(self, kind, keys=False):
        self.kind = kind
        self.keys = keys        # is it, or is it inside, a key or an element of a set?
        self.where = []


# ---- encoding ------------------------------------------------------------------------------------

class Encoded(list):
    """A value that was encoded: bytes and bytearrays to be put together.  In a value it is what
    they are together, bytes."""


class _Encoder:
    def __init__(self, budget, depth, refer):
        self.out = bytearray()
        self.parts = []         # what comes before that
        self.left = self.work = budget
        self.depth = depth
        self.refer = refer
        self.path = []          # the containers that are being walked
        self.keys = 0           # how many keys and sets are around

    def charge(self, cost):
        self.left -= cost
        if self.left < 0:
            raise OverLimit("value")

    def enter(self, value):
        if len(self.path) >= self.depth:
            # What contains itself goes on for ever, so it always comes by here.
            seen = set(map(id, self.path))
            if id(value) in seen or len(seen) < len(self.path):
                raise ValueError("a value that contains itself cannot cross")
            raise OverLimit("depth")
        self.path.append(value)

    def put(self, value):
        self.left -= OBJECT
        if self.left < 0:
            raise OverLimit("value")
        put = _PUT.get(type(value))
        if put is None:
            value, put = self.find(value)
        put(self, value)

    def find(self, value):
        """What VALUE crosses as, and the function that puts it."""
        # Never a reference among keys: the other side would hash and compare the object itself.
        if self.refer is not None and not self.keys:
            number = self.refer(value)
            if number is not None:
                return number, _Encoder.put_reference
        kind = type(value)
        base = _base_of(kind)
        if base is not None:
            return _AS_BASE[base](value), _PUT[base]
        for name, types in _LATE.items():
            module = sys.modules.get(name)
            for attribute in types if module is not None else ():
                known = getattr(module, attribute, None)
                if isinstance(known, type) and issubclass(kind, known):
                    return value, types[attribute]
        numpy = sys.modules.get("numpy")
        generic = getattr(numpy, "generic", None)
        if isinstance(generic, type) and issubclass(kind, generic):
            number = value.item()
            if type(number) in _SCALARS:
                return number, _PUT[type(number)]
        raise _Unfit(kind, self.keys > 0)

    def put_none(self, value):
        self.out += b"N"

    def put_bool(self, value):
        self.out += b"T" if value else b"F"

    def put_int(self, value):
        if -0x8000000000000000 <= value < 0x8000000000000000:
            self.out += b"i" + _small.pack(value)
            return
        size = value.bit_length() // 8 + 1
        if size > LONGEST_INT:
            raise OverLimit("value")
        self.charge(size)
        self.out += b"I" + _u32.pack(size) + value.to_bytes(size, "little", signed=True)

    def put_float(self, value):
        self.out += b"f" + _double.pack(value)

    def put_complex(self, value):
        self.out += b"c" + _double.pack(value.real) + _double.pack(value.imag)

    def put_str(self, value):
        self.charge(CHARACTER * len(value))
        data = value.encode("utf-8", "surrogatepass")
        self.out += b"s" + _text.pack(len(value), self.size(data)) + data

    def put_bytes(self, value):
        self.charge(len(value))
        self.out += b"b" + _u32.pack(self.size(value))
        if len(value) < LARGE:
            self.out += value
        else:
            # As it is, not copied: nobody can change it.
            self.parts += self.out, value
            self.out = bytearray()

    def put_encoded(self, value):
        size = sum(map(len, value))
        self.charge(size)
        self.out += b"b" + _u32.pack(size)
        if size < LARGE:
            self.out += b"".join(value)
        else:
            self.parts += self.out, *value
            self.out = bytearray()

    def put_bytearray(self, value):
        self.charge(len(value))
        self.out += b"B" + _u32.pack(self.size(value))
        self.out += value

    def size(self, value):
        if len(value) > _MOST:
            raise OverLimit("value")
        return len(value)

    def put_sequence(self, tag, value, index=True):
        self.enter(value)
        count = self.size(value)
        self.out += tag + _u32.pack(count)
        number = 0
        try:
            for item in value:
                self.put(item)
                number += 1
        except _Unfit as unfit:
            unfit.where.append(f"[{number}]" if index else "{...}")
            raise
        if number != count:
            raise RuntimeError("a value changed while it was sent")
        self.path.pop()

    def put_list(self, value):
        self.put_sequence(b"l", value)

    def put_tuple(self, value):
        self.put_sequence(b"t", value)

    def put_set(self, value, tag=b"S"):
        self.keys += 1
        self.put_sequence(tag, value, False)
        self.keys -= 1
        self.check_keys(value)

    def put_frozenset(self, value):
        self.put_set(value, b"Z")

    def check_keys(self, found):
        """Refuse here what the other side would take for an attack."""
        if len(found) < 2:
            return
        crossed = [key if _is_exact(key) else _cross(key) for key in found]
        try:
            self.work = keys.check(crossed, self.work)
        except keys.Refused as error:
            raise ValueError(f"{error}: it cannot cross") from None
        if len(set(crossed)) != len(crossed):
            raise ValueError("two keys that differ here would be the same on the other side")

    def put_dict(self, value):
        self.enter(value)
        count = self.size(value)
        self.out += b"d" + _u32.pack(count)
        key = None
        try:
            for key, item in value.items():
                self.keys += 1
                self.put(key)
                self.keys -= 1
                self.put(item)
                count -= 1
        except _Unfit as unfit:
            unfit.where.append(_show_key(key))
            raise
        if count:
            raise RuntimeError("a value changed while it was sent")
        self.path.pop()
        self.check_keys(value)

    def put_range(self, value):
        self.out += b"r"
        for number in (value.start, value.stop, value.step):
            self.put(number)

    def put_reference(self, number):
        self.out += b"R" + _u32.pack(number)

    def put_delta(self, value):
        self.out += b"D" + _delta.pack(value.days, value.seconds, value.microseconds)

    def put_zone(self, value):
        name = value.tzname(None)
        offset = value.utcoffset(None)
        if name == type(value)(offset).tzname(None):
            name = None
        elif len(name) > LONGEST_NAME:
            raise OverLimit("value")
        self.out += b"z" + _delta.pack(offset.days, offset.seconds, offset.microseconds)
        self.put(name)

    def put_tzinfo(self, value):
        if value is not None:
            datetime = sys.modules["datetime"]
            if type(value) is not datetime.timezone:
                raise _Unfit(type(value))
        self.put(value)

    def put_date(self, value):
        self.out += b"y" + _date.pack(value.year, value.month, value.day)

    def put_clock(self, value):
        self.out += _time.pack(value.hour, value.minute, value.second, value.microsecond,
                               value.fold)
        self.put_tzinfo(value.tzinfo)

    def put_time(self, value):
        self.out += b"h"
        self.put_clock(value)

    def put_datetime(self, value):
        self.out += b"w" + _date.pack(value.year, value.month, value.day)
        self.put_clock(value)

    def put_decimal(self, value):
        kind = sys.modules["decimal"].Decimal
        if len(kind.as_tuple(value).digits) > DECIMAL_DIGITS:
            raise OverLimit("value")
        data = kind.__str__(value).encode("ascii")
        self.charge(len(data))
        self.out += b"e" + _u32.pack(len(data)) + data

    def put_uuid(self, value):
        self.out += b"u" + value.int.to_bytes(16, "little")


_PUT = {
    type(None): _Encoder.put_none, bool: _Encoder.put_bool, int: _Encoder.put_int,
    float: _Encoder.put_float, complex: _Encoder.put_complex, str: _Encoder.put_str,
    bytes: _Encoder.put_bytes, bytearray: _Encoder.put_bytearray, list: _Encoder.put_list,
    tuple: _Encoder.put_tuple, dict: _Encoder.put_dict, set: _Encoder.put_set,
    frozenset: _Encoder.put_frozenset, range: _Encoder.put_range, Encoded: _Encoder.put_encoded,
}
_SCALARS = (bool, int, float, complex, str, bytes)
# A subclass crosses as its base, by the base's own methods.
_AS_BASE = {
    int: int.__int__, float: float.__float__,
    complex: complex.__pos__,
    str: str.__str__, bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    list: lambda value: list.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    dict: lambda value: dict(dict.items(value)), set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
# Modules that are not imported for this, as none of their objects is there while they are not.
# In the order of look-up: a datetime is a date as well.
_LATE = {
    "datetime": {"datetime": _Encoder.put_datetime, "date": _Encoder.put_date,
                 "time": _Encoder.put_time, "timedelta": _Encoder.put_delta,
                 "timezone": _Encoder.put_zone},
    "decimal": {"Decimal": _Encoder.put_decimal},
    "uuid": {"UUID": _Encoder.put_uuid},
}


def _base_of(kind):
    for base in _AS_BASE:
        if issubclass(kind, base):
            return base
    return None


def _show_key(key):
    """Where in a dict: a short text or a number is shown, nothing that has a repr of its own."""
    if type(key) is str and len(key) <= 40 or type(key) is int and -10**9 < key < 10**9:
        return f"[{key!r}]"
    return "[...]"


def encode(value, budget=16 << 20, depth=100, refer=None):
    """VALUE as bytes.

    Raises TypeError for what cannot cross, ValueError for what contains itself, and OverLimit for
    what costs more than BUDGET or is nested deeper than DEPTH.  REFER is asked for a number for an
    object that is no plain data; None says that it has none.
    """
    parts = encode_parts(value, budget, depth, refer)
    return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)


def encode_parts(value, budget=16 << 20, depth=100, refer=None):
    """The same as Encoded: what is large is not copied."""
    encoder = _Encoder(budget, depth, refer)
    try:
        encoder.put(value)
    except _Unfit as unfit:
        where = "".join(reversed(unfit.where))
        place = f" at {where}" if where else ""
        raise TypeError(f"{unfit.kind.__module__}.{unfit.kind.__qualname__}"
                        f" cannot cross{place}: only plain data can"
                        + (" be a key or in a set" if unfit.keys else "")) from None
    encoder.parts.append(encoder.out)
    return Encoded(encoder.parts)


# ---- decoding ------------------------------------------------------------------------------------

class _Decoder:
    def __init__(self, data, budget, depth, resolve, views):
        self.data = data
        self.views = views
        self.place = 0
        self.left = self.work = budget
        self.depth = depth
        self.resolve = resolve
        self.keys = 0           # how many keys and sets are around

    def charge(self, cost):
        self.left -= cost
        if self.left < 0:
            raise OverLimit("value")

    def unpack(self, struct):
        place = self.place
        self.place = place + struct.size
        return struct.unpack_from(self.data, place)

    def take(self, size):
        """The next SIZE bytes, which were paid for."""
        end = self.place + size
        if end > len(self.data):
            raise Malformed("ends early")
        data = self.data[self.place:end]
        self.place = end
        return data

    def get(self):
        self.left -= OBJECT
        if self.left < 0:
            raise OverLimit("value")
        place = self.place
        self.place = place + 1
        return _GET[self.data[place]](self)

    def check_keys(self, found):
        try:
            self.work = keys.check(found, self.work)
        except keys.Refused as error:
            raise Malformed(str(error)) from None

    def get_of(self, tags, what):
        """As get(), of what is no container: nothing else may stand here, to any depth."""
        if self.data[self.place] not in tags:
            raise Malformed(what)
        return self.get()

    def count(self, least):
        """The number of things in a container, each of at least LEAST bytes."""
        (count,) = self.unpack(_u32)
        if count * least > len(self.data) - self.place:
            raise Malformed("ends early")
        self.charge(count * OBJECT)
        self.left += count * OBJECT     # each is charged when it is there
        return count

    def enter(self):
        self.depth -= 1
        if self.depth < 0:
            raise OverLimit("depth")

    def get_none(self):
        return None

    def get_true(self):
        return True

    def get_false(self):
        return False

    def get_small(self):
        return self.unpack(_small)[0]

    def get_int(self):
        (size,) = self.unpack(_u32)
        if size > LONGEST_INT:
            raise Malformed("an int too long")
        self.charge(size)
        value = int.from_bytes(self.take(size), "little", signed=True)
        if -0x8000000000000000 <= value < 0x8000000000000000 or value.bit_length() // 8 + 1 != size:
            raise Malformed("an int longer than it needs to be")
        return value

    def get_float(self):
        return self.unpack(_double)[0]

    def get_complex(self):
        return complex(self.unpack(_double)[0], self.unpack(_double)[0])

    def get_str(self):
        length, size = self.unpack(_text)
        if not length <= size <= CHARACTER * length:
            raise Malformed("a text of another length")
        self.charge(CHARACTER * length)
        text = str(self.take(size), "utf-8", "surrogatepass")
        if len(text) != length:
            raise Malformed("a text of another length")
        return text

    def get_bytes(self):
        (size,) = self.unpack(_u32)
        self.charge(size)
        data = self.take(size)
        return data if self.views else bytes(data)

    def get_bytearray(self):
        (size,) = self.unpack(_u32)
        self.charge(size)
        return bytearray(self.take(size))

    def get_list(self):
        self.enter()
        get = self.get
        value = [get() for _ in range(self.count(1))]
        self.depth += 1
        return value

    def get_tuple(self):
        return tuple(self.get_list())

    def get_set(self, kind=set):
        self.keys += 1
        found = self.get_list()
        self.keys -= 1
        self.check_keys(found)
        value = kind(found)
        if len(value) != len(found):
            raise Malformed("an element twice")
        return value

    def get_frozenset(self):
        return self.get_set(frozenset)

    def get_dict(self):
        self.enter()
        get = self.get
        count = self.count(2)
        self.charge(count * OBJECT)
        self.left += count * OBJECT
        found = []
        values = []
        for _ in range(count):
            self.keys += 1
            found.append(get())
            self.keys -= 1
            values.append(get())
        self.check_keys(found)
        value = dict(zip(found, values))
        if len(value) != count:
            raise Malformed("a key twice")
        self.depth += 1
        return value

    def get_range(self):
        return range(*[self.get_of(b"iI", "a range not of ints") for _ in range(3)])

    def get_reference(self):
        (number,) = self.unpack(_u32)
        if self.resolve is None:
            raise Malformed("a reference where there are none")
        if self.keys:
            # The object behind it would be hashed and compared, by its own methods.
            raise Malformed("a reference among keys")
        try:
            return self.resolve(number)
        except KeyError:
            raise Malformed("a reference that was never given") from None

    def get_delta(self):
        from datetime import timedelta
        return timedelta(*self.unpack(_delta))

    def get_zone(self):
        from datetime import timezone
        offset = self.get_delta()
        name = self.get_of(b"Ns", "a time zone of another name")
        if name is None:
            return timezone(offset)
        if len(name) > LONGEST_NAME:
            raise Malformed("a time zone of another name")
        return timezone(offset, name)

    def get_date(self):
        from datetime import date
        return date(*self.unpack(_date))

    def get_clock(self):
        *clock, fold = self.unpack(_time)
        zone = self.get_of(b"Nz", "a time of another kind")
        if fold > 1:
            raise Malformed("a time of another kind")
        return clock, zone, fold

    def get_time(self):
        from datetime import time
        clock, zone, fold = self.get_clock()
        return time(*clock, zone, fold=fold)

    def get_datetime(self):
        from datetime import datetime
        day = self.unpack(_date)
        clock, zone, fold = self.get_clock()
        return datetime(*day, *clock, zone, fold=fold)

    def get_decimal(self):
        from decimal import Decimal
        (size,) = self.unpack(_u32)
        # Digits, sign, point and exponent.
        if size > DECIMAL_DIGITS + 40:
            raise Malformed("a Decimal too long")
        self.charge(size)
        text = str(self.take(size), "ascii")
        if "_" in text or text != text.strip():
            raise Malformed("a Decimal of another form")
        value = Decimal(text)
        if len(value.as_tuple().digits) > DECIMAL_DIGITS:
            raise Malformed("a Decimal too long")
        return value

    def get_uuid(self):
        from uuid import UUID
        return UUID(int=int.from_bytes(self.take(16), "little"))


_GET = {ord(tag): get for tag, get in {
    "N": _Decoder.get_none, "T": _Decoder.get_true, "F": _Decoder.get_false,
    "i": _Decoder.get_small, "I": _Decoder.get_int, "f": _Decoder.get_float,
    "c": _Decoder.get_complex, "s": _Decoder.get_str, "b": _Decoder.get_bytes,
    "B": _Decoder.get_bytearray, "l": _Decoder.get_list, "t": _Decoder.get_tuple,
    "d": _Decoder.get_dict, "S": _Decoder.get_set, "Z": _Decoder.get_frozenset,
    "r": _Decoder.get_range, "R": _Decoder.get_reference, "D": _Decoder.get_delta,
    "z": _Decoder.get_zone, "y": _Decoder.get_date, "h": _Decoder.get_time,
    "w": _Decoder.get_datetime, "e": _Decoder.get_decimal, "u": _Decoder.get_uuid,
}.items()}


def _cross(key):
    """What KEY, which is known to be fit, comes out as."""
    return decode(encode(key, _LIMITLESS, _MOST), _LIMITLESS, _MOST)


def _is_exact(key):
    """Does KEY come out just as it is?"""
    kind = type(key)
    return kind in _SCALARS or key is None or kind is tuple and all(map(_is_exact, key))


def decode(data, budget=16 << 20, depth=100, resolve=None, views=False):
    """The value that DATA, bytes or a view, holds.  Raises Malformed, and nothing else, where the stack has
    room for DEPTH.

    RESOLVE gives the object of a reference, and raises KeyError if there is none of that number.
    With VIEWS bytes are memoryviews of DATA.
    """
    if views or len(data) >= LARGE:
        data = memoryview(data)     # parts of it are taken without a copy
    decoder = _Decoder(data, budget, depth, resolve, views)
    try:
        value = decoder.get()
    except Malformed:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError, _struct.error) as error:
        raise Malformed(f"{type(error).__name__} in a value") from None
    if decoder.place != len(data):
        raise Malformed("goes on after its end")
    return value
