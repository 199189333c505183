"""Bastions: objects of the supervisor's whose methods a cell can call, and nothing else of them."""

import functools
import inspect
import itertools
import types
import weakref

from rexec.values import Malformed

__all__ = ["Bastion", "BastionClass", "revoke"]

# References that one cell may hold at a time.
MOST_REFERENCES = 65_536

# How a name stands, as the cell is told.
NOT_USABLE, PLAIN, COROUTINE = range(3)

_PLAIN_METHODS = (types.FunctionType, types.MethodDescriptorType, functools._lru_cache_wrapper)
_class_dict = type.__dict__["__dict__"].__get__
_class_order = type.__dict__["__mro__"].__get__


class BastionClass:
    """What Bastion() makes, in the supervisor: attributes are looked up with *get*.

    A subclass may be given to Bastion().  What it makes is known by what Bastion() was told, never
    by its attributes: _get_ and _name_ are here because they always were.
    """

    def __init__(self, get, name):
        self._get_ = get
        self._name_ = name

    def __repr__(self):
        return f"<Bastion for {self._name_}>"

    def __getattr__(self, name):
        if name in ("_get_", "_name_") or name[:2] == "__":
            raise AttributeError(name)
        return self._get_(name)


class _State:
    """What a bastion stands for."""

    def __init__(self, object, filter, name):
        self.object, self.filter, self.name = object, filter, name
        self.revoked = False

    def check(self):
        if self.revoked:
            raise ReferenceError(f"the bastion for {self.name} was revoked")

    def get(self, name):
        """The bound method of that name, or AttributeError."""
        self.check()
        if not isinstance(name, str):
            raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
        name = str.__str__(name)
        if name.isidentifier() and name[:2] != "__" and self.filter(name):
            method = _find_method(self.object, name)
            if method is not None:
                return method
        raise AttributeError(name)


# By the id of the bastion: (weak reference to it, its state).  Not by hash or equality, which a
# bastionclass may have changed.
_states = {}


def _state(value):
    found = _states.get(id(value))
    return found[1] if found is not None and found[0]() is value else None


def Bastion(object, filter=lambda name: name[:1] != "_", name=None, bastionclass=BastionClass):
    """Return an object through which the methods of *object* can be called, if *filter* accepts
    their names; all else of it is out of reach for a cell.

    *name* is shown by its repr, and is the name of the object's type by default.  Names that begin
    with two underscores are never usable.
    """
    if not callable(filter):
        raise TypeError(f"filter must be callable, not {type(filter).__name__}")
    state = _State(object, filter, type(object).__name__ if name is None else str(name))
    bastion = bastionclass(state.get, state.name)
    if _state(bastion) is not None:
        raise ValueError("bastionclass must make a new object each time")
    number = id(bastion)
    _states[number] = weakref.ref(bastion, lambda _: _states.pop(number, None)), state
    return bastion


def revoke(bastion):
    """Make every later use of *bastion*, here and in cells, a ReferenceError."""
    state = _state(bastion)
    if state is None:
        raise TypeError(f"not a bastion: {type(bastion).__name__}")
    state.revoked = True
    state.object = state.filter = None


def _find_method(object, name):
    """The method as a bound one, or None.  No code of the object's is run to find it: isinstance()
    would ask for its __class__."""
    kind = type(object)
    if issubclass(kind, type):
        # Of a class, its class methods.
        for place in _class_order(object):
            if name in _class_dict(place):
                found = _class_dict(place)[name]
                return _bind_class_method(found, object)
        return None
    if name in _own_dict(object):
        return None             # an attribute of the instance, whatever it is
    for place in _class_order(kind):
        if name in _class_dict(place):
            found = _class_dict(place)[name]
            if type(found) in _PLAIN_METHODS:
                return found.__get__(object, kind)
            return _bind_class_method(found, kind)
    return None


def _bind_class_method(found, kind):
    if type(found) is classmethod and type(found.__func__) is types.FunctionType:
        return types.MethodType(found.__func__, kind)
    if type(found) is types.ClassMethodDescriptorType:
        return found.__get__(None, kind)
    return None


def _own_dict(object):
    """The instance's dict, even if its class has made a property of __dict__."""
    for place in _class_order(type(object)):
        found = _class_dict(place).get("__dict__")
        if type(found) is types.GetSetDescriptorType:
            return found.__get__(object)
    return {}


class References:
    """The bastions that one cell holds, by number."""

    def __init__(self):
        self._table = {}
        self._numbers = itertools.count(1)

    def refer(self, value):
        """The number under which the cell gets *value*, a new one each time; None if it is no
        bastion."""
        state = _state(value)
        if state is None:
            return None
        if len(self._table) >= MOST_REFERENCES:
            raise ValueError(f"the cell holds {MOST_REFERENCES} bastions already")
        number = next(self._numbers)
        self._table[number] = value, state
        return number

    def resolve(self, number):
        """The object of a reference that came back: KeyError if there is none of that number, and
        ReferenceError if it was revoked."""
        state = self._table[number][1]
        state.check()
        return state.object

    def clear(self):
        """The cell is gone."""
        self._table.clear()

    def call(self, operation, args, kwargs):
        """What the cell asks for: a method by (number, name), or a word and its arguments.

        Raises Malformed for what no cell asks by itself, a number that is not in the table above
        all, and whatever the method raises.
        """
        if isinstance(operation, tuple):
            return self._find(operation)(*args, **kwargs)
        if kwargs or operation not in ("has", "name", "drop"):
            raise Malformed("a call of a bastion of another form")
        if operation == "drop":
            for number in args:
                self._entry(number)
                del self._table[number]
            return None
        if operation == "name":
            return self._entry(*args[:1])[1].name
        try:
            method = self._find(args)
        except AttributeError:
            return NOT_USABLE
        return COROUTINE if inspect.iscoroutinefunction(method) else PLAIN

    def is_coroutine(self, operation):
        """Does this operation call a coroutine function?"""
        return (isinstance(operation, tuple)
                and inspect.iscoroutinefunction(self._find(operation)))

    def _entry(self, number=None):
        entry = self._table.get(number) if type(number) is int else None
        if entry is None:
            raise Malformed("a bastion that was never given")
        return entry

    def _find(self, place):
        if len(place) != 2 or type(place[1]) is not str:
            raise Malformed("a call of a bastion of another form")
        number, name = place
        bastion, state = self._entry(number)
        method = state.get(name)
        # A bastionclass that looks up in its own way is asked, for names that may be asked for.
        own = getattr(type(bastion), "__getattr__", BastionClass.__getattr__)
        return method if own is BastionClass.__getattr__ else own(bastion, name)
