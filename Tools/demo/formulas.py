"""Run formulas that users wrote, with the log file open all the while.

    ./python Tools/demo/formulas.py LOG [FORMULA ...]

Each FORMULA is a Python file that defines ``price(order)``.  Without one,
three examples are used: a good one, one with a bug and one that pries.

What has to be read is read first, the log is opened, then the interpreter
locks and only then the users' code is run.  keep=() is enough: a file object
that was opened before is used as an object, and no right is asked for that.

One process is shared here, so a formula can look at this program's own
objects, the log among them.  Give users' code nothing you would miss.
"""

import json
import sys
import traceback

import lockdownlib

ORDERS = json.loads("""
[
  {"item": "bolt", "count": 1200, "each": 0.04},
  {"item": "gear", "count": 16, "each": 7.5},
  {"item": "motor", "count": 1, "each": 310.0}
]
""")

EXAMPLES = {
    "discount": '''
def price(order):
    full = order["count"] * order["each"]
    return round(full * (0.9 if order["count"] >= 100 else 1.0), 2)
''',
    "per_dozen": '''
def price(order):
    return order["each"] / (order["count"] // 12)
''',
    "nosy": '''
def price(order):
    return len(open("/etc/passwd").read())
''',
}


def read_formulas(paths):
    if not paths:
        return dict(EXAMPLES)
    formulas = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            formulas[path] = file.read()
    return formulas


def run(name, source, log):
    """Price every order with one formula; return whether all went well."""
    namespace = {"__name__": name}
    try:
        exec(compile(source, f"<{name}>", "exec"), namespace)
        prices = {order["item"]: namespace["price"](dict(order))
                  for order in ORDERS}
    # A formula that calls sys.exit() must not end the host.
    except (Exception, SystemExit) as error:
        traceback.print_exc(file=log)
        print(f"{name}: {type(error).__name__}: {error}")
        return False
    print(f"{name}: {prices}")
    print(f"{name}: {json.dumps(prices)}", file=log)
    return True


def main(args):
    if not args or args[0].startswith("-"):
        sys.exit("usage: formulas.py LOG [FORMULA ...]")
    formulas = read_formulas(args[1:])
    with open(args[0], "a", encoding="utf-8") as log:
        lockdownlib.lockdown(keep=())
        good = sum([run(name, source, log)
                    for name, source in formulas.items()])
        print(f"{good} of {len(formulas)} formulas priced every order")


if __name__ == "__main__":
    main(sys.argv[1:])
