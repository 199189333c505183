"""What a cell or a pool is given: is it of the right kind?"""

import inspect

_KERNEL = ("off", "try", "require")
_ISOLATION = ("process", "interpreter")


def is_coroutine_function(function):
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None))


def check_kind(isolation, kernel):
    if kernel not in _KERNEL:
        raise ValueError(f"kernel must be 'off', 'try' or 'require', not {kernel!r}")
    if isolation not in _ISOLATION:
        raise ValueError(f"isolation must be 'process' or 'interpreter', not {isolation!r}")


def check_functions(functions):
    functions = make_dict("functions", functions)
    check_names("functions", functions)
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"the function {name} must be callable,"
                            f" not {type(function).__name__}")
    return functions


def make_dict(what, given):
    try:
        return dict(given or {})
    except (TypeError, ValueError):
        raise TypeError(f"{what} must be a dict, not {type(given).__name__}") from None


def check_timeout(timeout):
    if timeout is not None:
        if not hasattr(timeout, "__float__"):
            raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
        if not timeout >= 0:
            raise ValueError(f"timeout must be a number of seconds, not {timeout}")


def check_names(what, names):
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{what}: a name must be a str, not {type(name).__name__}")
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"{what}: {name!r} is no name")
    return names


def check_sink(what, sink):
    if sink is not None and not callable(getattr(sink, "write", sink)):
        raise TypeError(f"{what} must be a callable or a text file, not {type(sink).__name__}")
    return sink
