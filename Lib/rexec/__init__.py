"""Run code that is not trusted in padded cells: the supervisor's half and the cell's."""

# Each name and the module it is in.  They are imported when first used: a worker, which is this
# package too, needs two of the modules, and starts the sooner for it.
_PLACES = {
    "Cell": "cell", "Result": "run", "Usage": "run",
    "CellPool": "pool",
    "Limits": "limits",
    "Error": "errors", "CellError": "errors", "LimitExceeded": "errors",
    "CellCrashed": "errors", "CellClosed": "errors",
    "Nothing": "files", "ReadOnly": "files", "ReadWrite": "files", "Overlay": "files",
    "Bastion": "bastion", "BastionClass": "bastion", "revoke": "bastion",
    "RExec": "historic", "RHooks": "hooks", "RModuleLoader": "hooks",
    "RModuleImporter": "hooks", "FileBase": "hooks", "FileWrapper": "hooks",
    "FileDelegate": "hooks", "test": "historic",
}

__all__ = sorted(_PLACES)

# What is imported before the first of them.
_first = None


def __getattr__(name):
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    if _first is not None:
        import_module(_first)
    value = getattr(import_module(f"{__name__}.{place}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
