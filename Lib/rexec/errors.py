"""What goes wrong with cells, as exceptions of the supervisor."""


class Error(Exception):
    """The base of all errors of cells.  `result` is what there was until then, or None."""

    def __init__(self, message, result=None):
        super().__init__(message)
        self.result = result

    def __reduce__(self):
        # The subclasses take more arguments than `args` has.
        return _rebuild, (type(self), self.args, self.__dict__.copy())


class CellError(Error):
    """The code in the cell raised an exception; the cell lives on.

    `type_name` is the exception's class, `args` its arguments as far as they are plain data, and
    `traceback` the text that Python would have printed, with the cell's own frames only.
    """

    def __init__(self, type_name, message, args=(), traceback="", result=None):
        super().__init__(message, result)
        self.type_name = type_name
        self.message = message
        self.args = args
        self.traceback = traceback

    def __str__(self):
        return f"{self.type_name}: {self.message}" if self.message else self.type_name

    def __repr__(self):
        # Not of `args`, which the cell chose: an int may be too long to show.
        return f"CellError({str(self)[:200]!r})"


class LimitExceeded(Error):
    """The code went beyond a limit, and the cell is gone.  `limit` is the limit's name."""

    def __init__(self, limit, message, result=None):
        super().__init__(message, result)
        self.limit = limit


class CellCrashed(Error):
    """The cell's process ended by itself, or broke the rules of its channel.

    `status` is its exit status as subprocess gives it, None if it is not known; `stderr` are the
    last bytes that it wrote to its standard error, as text.
    """

    def __init__(self, message, status=None, stderr="", result=None):
        super().__init__(message, result)
        self.status = status
        self.stderr = stderr


class CellClosed(Error):
    """The cell was closed, here or by an earlier error."""


def _rebuild(kind, args, state):
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
