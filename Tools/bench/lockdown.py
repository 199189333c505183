"""What lockdown() itself costs, in a process with 100 modules: without and with the kernel ring.

Usage: python Tools/bench/lockdown.py [--runs=N]

Each run is a fresh process. The medians are printed in milliseconds, with that of a second series
without the ring beside them (A against A).  On a busy machine the processor's time is the one to look
at: the ring's trial in a thread of its own waits for its turn.  Where ssl is loaded, the first lock
has OpenSSL read its configuration, and later ones do not.
"""

import argparse
import statistics
import subprocess
import sys

PROGRAM = """
import sys, time
for name in sorted(sys.stdlib_module_names):
    if len(sys.modules) >= 100:
        break
    # asyncio brings 60 others, ssl among them.
    if not name.startswith("_") and name not in ("antigravity", "this", "asyncio", "idlelib", "tkinter"):
        try:
            __import__(name)
        except ImportError:
            pass
exec(sys.argv[2])
import lockdownlib
begin, used = time.perf_counter(), time.process_time()
lockdownlib.lockdown(keep=(), kernel=sys.argv[1])
print((time.perf_counter() - begin) * 1e3, (time.process_time() - used) * 1e3, len(sys.modules), lockdownlib.status().kernel)
"""


def series(kernel, before, runs):
    """(times in ms, processor times in ms, modules, level) of some runs."""
    times, used = [], []
    for _ in range(runs):
        out = subprocess.run([sys.executable, "-c", PROGRAM, kernel, before], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()
        times.append(float(out[0]))
        used.append(float(out[1]))
    return times, used, out[2], out[3]


def main():
    parser = argparse.ArgumentParser(description="What lockdown() itself costs.")
    parser.add_argument("--runs", type=int, default=50, help="processes of each kind (50)")
    runs = parser.parse_args().runs
    for title, kernel, before in (
            ("without the ring", "off", ""), ("again", "off", ""), ("with the ring", "try", ""),
            ("ssl loaded", "off", "import ssl"),
            ("a second lock", "off", "import ssl, lockdownlib; lockdownlib.lockdown()")):
        times, used, modules, level = series(kernel, before, runs)
        print(f"{title:17} median {statistics.median(times):6.3f} ms, least {min(times):6.3f},"
              f" most {max(times):6.3f};"
              f" of the processor's {statistics.median(used):6.3f} ms; {runs} runs, {modules} modules, level {level}")


if __name__ == "__main__":
    main()
