"""What a cell has of a bastion: an opaque reference.

There is nothing behind it here: the object is in the supervisor, which looks at each name and each
call.  What is hidden in this module is hidden for tidiness, not for safety.
"""

_worker = None
_dropped = []
_NOT_USABLE, _PLAIN, _COROUTINE = range(3)      # as in bastion.py
_DROP = 64              # this many are told of at once


class Bastion:
    """A reference to an object of the supervisor's, whose methods can be called."""

    __slots__ = ("number", "kinds", "__weakref__")

    def __getattribute__(self, name):
        name = str.__str__(name)
        if name[:2] == "__" or not name.isidentifier():
            raise AttributeError(name)
        kinds = _kinds(self)
        kind = kinds.get(name)
        if kind is None:
            kind = _ask("has", (_number(self), name), {})
            if kind == _NOT_USABLE:
                raise AttributeError(name)
            kinds[name] = kind
        return _make_method(self, name, kind)

    def __setattr__(self, name, value):
        raise AttributeError(f"cannot set attribute {name!r} of a bastion")

    def __delattr__(self, name):
        raise AttributeError(f"cannot delete attribute {name!r} of a bastion")

    def __dir__(self):
        return []

    def __repr__(self):
        return f"<Bastion for {_ask('name', (_number(self),), {})}>"

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle a bastion")

    __reduce__ = __reduce_ex__

    def __del__(self):
        # No question can be asked here: a destructor runs in the middle of anything.
        _dropped.append(_number(self))


class Method:
    """A method of a bastion."""

    __slots__ = ("bastion", "name", "kind")

    def __getattribute__(self, name):
        raise AttributeError(name)

    def __setattr__(self, name, value):
        raise AttributeError(f"cannot set attribute {name!r} of a bastion's method")

    __delattr__ = Bastion.__delattr__
    __dir__ = Bastion.__dir__
    __reduce__ = __reduce_ex__ = Bastion.__reduce_ex__

    def __repr__(self):
        return f"<method {_name(self)} of {_bastion(self)!r}>"

    def __call__(self, /, *args, **kwargs):
        place = _number(_bastion(self)), _name(self)
        if _kind(self) == _COROUTINE:
            return _call_coroutine(place, args, kwargs)
        return _ask(place, args, kwargs)


def _take(kind, name):
    """The getter and the setter of a slot, which the class then no longer has."""
    slot = kind.__dict__[name]
    type.__delattr__(kind, name)
    return slot.__get__, slot.__set__


_number, _set_number = _take(Bastion, "number")
_kinds, _set_kinds = _take(Bastion, "kinds")
_bastion, _set_bastion = _take(Method, "bastion")
_name, _set_name = _take(Method, "name")
_kind, _set_kind = _take(Method, "kind")


def _make_method(bastion, name, kind):
    method = object.__new__(Method)
    _set_bastion(method, bastion)
    _set_name(method, name)
    _set_kind(method, kind)
    return method


def _ask(operation, args, kwargs):
    if len(_dropped) >= _DROP:
        numbers = tuple(_dropped)
        del _dropped[:len(numbers)]
        _worker.ask("bastion", "drop", numbers, {})
    return _worker.ask("bastion", operation, args, kwargs)


async def _call_coroutine(place, args, kwargs):
    import asyncio
    loop = asyncio.get_running_loop()
    if hasattr(loop, "ask"):
        return await loop.ask("bastion", place, args, kwargs)
    # A loop that the code made itself: it cannot wait for the channel.
    return await loop.run_in_executor(None, lambda: _ask(place, args, kwargs))


def refer(value):
    """The number of a reference that goes back, or None."""
    return _number(value) if type(value) is Bastion else None


def resolve(number):
    """A reference that came."""
    bastion = object.__new__(Bastion)
    _set_number(bastion, number)
    _set_kinds(bastion, {})
    return bastion


def install(worker):
    """Let *worker* tell references from other values."""
    global _worker
    _worker = worker
