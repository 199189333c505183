"""Checks the kernel ring's filter for both architectures, on one of them.

Usage: python Tools/ci/filter.py TREE [--with-deps=apt]

TREE is a woven and configured CPython. For x86-64 and AArch64 the ring's C files are compiled with
all warnings as errors, the numbers of calls are compared with the kernel's headers, and the filter is
made by a program of that architecture (qemu-user runs a foreign one), interpreted here and asked
what it does with calls. --with-deps=apt installs the cross compiler and qemu-user first.

Exit status: 0 if all is well; 1 if not, or if a compiler is missing.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FOREIGN = {"i386": 0x40000003, "arm": 0x40000028}
PACKAGES = {"x86_64": "gcc-x86-64-linux-gnu libc6-dev-amd64-cross qemu-user",
            "aarch64": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"}
SOURCES = ("lockdown_linux.c", "lockdown_linux_before.c", "lockdown_linux_filter.c", "lockdown_linux_landlock.c",
           "lockdown_linux_library.c", "lockdown_linux_rights.c", "lockdown_linux_rules.c",
           "lockdown_special.c")
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
NAMES = {ALLOW: "allow", KILL: "kill", EPERM: "EPERM", ENOSYS: "ENOSYS"}
THREAD = 0x003D0F00         # flags of clone() as pthread_create() has them

# Calls with their arguments, and the answer where nothing is kept.
EXPECTED = [
    ("read", (), ALLOW), ("write", (), ALLOW), ("exit_group", (), ALLOW), ("fstat", (), ALLOW),
    ("openat", (), EPERM), ("socket", (), EPERM), ("connect", (), EPERM), ("sendmsg", (), EPERM),
    ("newfstatat", (), EPERM), ("memfd_create", (), EPERM), ("uname", (), EPERM),
    ("execve", (), KILL), ("ptrace", (), KILL), ("io_uring_setup", (), KILL), ("bpf", (), KILL),
    ("mount", (), KILL), ("keyctl", (), KILL), ("userfaultfd", (), KILL),
    ("clone", (THREAD,), ALLOW), ("clone", (17,), KILL), ("clone", (THREAD | 0x20000,), KILL),
    ("clone3", (), ENOSYS), ("rseq", (), ALLOW), ("membarrier", (), ENOSYS),
    ("mmap", (0, 1, 3), ALLOW), ("mmap", (0, 1, 7), EPERM), ("mprotect", (0, 1, 1), ALLOW),
    ("mprotect", (0, 1, 5), EPERM), ("madvise", (0, 1, 4), ALLOW), ("madvise", (0, 1, 21), EPERM),
    ("futex", (0, 128), ALLOW), ("futex", (0, 1), ALLOW), ("futex", (0, 393), ALLOW),
    ("futex", (0, 6), EPERM), ("futex", (0, 134), EPERM), ("futex", (0, 139), EPERM),
    ("sendto", (3, 1, 1, 0, 0), ALLOW), ("sendto", (3, 1, 1, 0, 1), EPERM),
    ("sendto", (3, 1, 1, 0, 1 << 32), EPERM), ("kill", (4711,), ALLOW), ("kill", (1,), EPERM),
    ("kill", (0xFFFFFFFF,), EPERM), ("ioctl", (0, 0x5413), ALLOW), ("ioctl", (0, 0x5412), KILL),
    ("prctl", (15,), ALLOW), ("prctl", (21,), KILL), ("socketpair", (1, 1, 0), ALLOW),
    ("socketpair", (1, 2, 0), EPERM), (4000, (), ENOSYS), (0x40000000, (), KILL),
    ("ioctl", (0, 0x5414), EPERM), ("mmap", (0, 1, 5, 2), EPERM),
]

# The same where rights are kept.
PRIVATE, SHARED, ANONYMOUS = 2, 1, 0x20
KEPT = {
    "ENV": [("mmap", (0, 1, 5, PRIVATE), EPERM), ("bind", (3, 1, 12), ALLOW),
            ("bind", (3, 1, 16), EPERM), ("sendto", (3, 1, 20, 0, 1, 12), ALLOW),
            ("sendto", (3, 1, 32, 0, 1, 12), EPERM), ("sendto", (3, 1, 20, 0, 1, 16), EPERM),
            ("sendto", (3, 1, 20, 0x20000000, 1, 12), EPERM), ("socket", (16, 3, 0), ALLOW),
            ("socket", (16, 3, 4), EPERM), ("socket", (1, 2, 0), ALLOW),
            ("socket", (1, 1, 0), EPERM), ("socket", (2, 2, 0), EPERM),
            ("ioctl", (0, 0x5414), EPERM), ("openat", (3, 1, 0), ALLOW),
            ("openat", (3, 1, 1), EPERM)],
    "NET": [("mmap", (0, 1, 5, PRIVATE), EPERM), ("sendto", (3, 1, 20, 0, 1, 16), ALLOW)],
    "IMPORT": [("mmap", (0, 1, 5, PRIVATE), ALLOW), ("mmap", (0, 1, 7, PRIVATE), EPERM),
               ("mmap", (0, 1, 5, SHARED), EPERM), ("mmap", (0, 1, 5, 3), EPERM),
               ("mmap", (0, 1, 5, PRIVATE | ANONYMOUS), EPERM), ("mprotect", (0, 1, 5), EPERM)],
    "FS_WRITE": [("mknodat", (3, 1, 0o020600), EPERM), ("mknodat", (3, 1, 0o060600), EPERM),
                 ("mknodat", (3, 1, 0o010600), ALLOW), ("mknodat", (3, 1, 0o100600), ALLOW),
                 ("mknodat", (3, 1, 0o600), ALLOW), ("renameat2", (3, 1, 3, 1, 1), ALLOW),
                 ("renameat2", (3, 1, 3, 1, 4), EPERM), ("openat", (3, 1, 0), EPERM),
                 ("openat", (3, 1, 1), ALLOW)],
    "CODE": [("mmap", (0, 1, 7, PRIVATE | ANONYMOUS), ALLOW), ("mprotect", (0, 1, 7), ALLOW)],
}


class Failure(Exception):
    pass


def run(*command):
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if process.returncode:
        raise Failure(f"{' '.join(command)}:\n{process.stdout[-3000:]}")
    return process.stdout


def compiler(machine):
    names = [f"{machine.replace('_', '-')}-linux-gnu-gcc"]
    if machine == platform.machine():
        names = ["cc", "gcc", *names]
    for name in names:
        if shutil.which(name):
            return name
    raise Failure(f"no compiler for {machine}: install {PACKAGES[machine]}, or give"
                  " --with-deps=apt")


def answer(code, architecture, number, arguments):
    """What a filter's program says of a call."""
    data = [number, architecture, 0, 0]
    for argument in [*arguments, *[0] * 6][:6]:
        data += [argument & 0xFFFFFFFF, argument >> 32]
    at = a = x = 0
    while True:
        op, if_true, if_false, k = code[at]
        at += 1
        if op == 0x20:                  # load a word of the call
            a = data[k // 4]
        elif op == 0x00:
            a = k
        elif op == 0x54:
            a &= k
        elif op == 0x14:
            a = a - k & 0xFFFFFFFF
        elif op == 0x6C:                # the kernel takes five bits of X
            a = a << (x & 31) & 0xFFFFFFFF
        elif op == 0x07:
            x = a
        elif op == 0x05:
            at += k
        elif op in (0x15, 0x25, 0x35, 0x45):
            holds = {0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: a & k}[op]
            at += if_true if holds else if_false
        elif op == 0x06:
            return k
        else:
            raise Failure(f"an instruction that no filter has: {op:#x}")


def check(machine, tree, folder):
    """Check one architecture; gives the number of what was asked."""
    cc = compiler(machine)
    includes = [f"-I{os.path.join(tree, name)}"
                for name in ("Include", "Include/internal", "Include/internal/mimalloc", ".",
                             "Python")]
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
             "-Wno-missing-field-initializers", "-D_GNU_SOURCE", "-DPy_BUILD_CORE", *includes]
    objects = []
    for source in [*(os.path.join(tree, "Python", name) for name in SOURCES),
                   os.path.join(os.path.dirname(os.path.abspath(__file__)), "filter.c")]:
        objects.append(os.path.join(folder, f"{machine}-{os.path.basename(source)}.o"))
        run(cc, *flags, "-c", source, "-o", objects[-1])
    headers = run(cc, "-E", "-dM", "-include", "asm/unistd.h", "-x", "c", os.devnull)
    kernel = {name: int(number) for name, number
              in re.findall(r"^#define __NR(?:3264)?_(\w+) (\d+)$", headers, re.MULTILINE)}
    for name, other in re.findall(r"^#define __NR_(\w+) __NR3264_(\w+)$", headers, re.MULTILINE):
        kernel[name] = kernel[other]
    with open(os.path.join(tree, "Python", "lockdown_linux_calls.h"), encoding="ascii") as file:
        rows = re.findall(r"CALL\((\w+), (-?\d+), (-?\d+)\)", file.read())
    column = list(ARCHITECTURES).index(machine) + 1
    numbers = {row[0]: int(row[column]) for row in rows}
    missing = [name for name, number in numbers.items()
               if number >= 0 and name not in kernel]     # the headers are older
    wrong = {name: (number, kernel.get(name, -1)) for name, number in numbers.items()
             if name not in missing and number != kernel.get(name, -1)}
    if wrong or len(missing) > 5:
        raise Failure(f"{machine}: numbers of calls, here and in the kernel's headers: {wrong};"
                      f" not in the headers: {missing}")
    program = os.path.join(folder, machine)
    parts = ("_filter.c", "_rights.c", "_rules.c")
    run(cc, "-static", objects[-1], *(name for name in objects
                                      if any(part in name for part in parts)), "-o", program)
    runner = [] if machine == platform.machine() else [f"qemu-{machine}"]
    if runner and not shutil.which(runner[0]):
        raise Failure(f"no {runner[0]}: install {PACKAGES[machine]}, or give --with-deps=apt")
    with open(os.path.join(tree, "Include", "cpython", "lockdown.h"), encoding="ascii") as file:
        rights = {name: 1 << int(bit) for name, bit in re.findall(
            r"^#define Py_LOCKDOWN_(\w+) +\(UINT32_C\(1\) << (\d+)\)$", file.read(), re.MULTILINE)}

    def filter_for(keep, *more):
        lines = run(*runner, program, str(keep), *more).splitlines()
        if not lines:
            raise Failure(f"{machine}: no filter for {keep:#x}")
        return [tuple(map(int, line.split())) for line in lines]

    asked = len(numbers)
    for right, rows in [("", EXPECTED), *KEPT.items()]:
        code = filter_for(rights[right] if right else 0)
        for call, arguments, expected in rows:
            number = numbers[call] if isinstance(call, str) else call
            got = answer(code, ARCHITECTURES[machine], number, arguments)
            if got != expected:
                raise Failure(f"{machine}: {right} {call}{arguments}: {NAMES.get(got, hex(got))}"
                              f" instead of {NAMES[expected]}")
            # Whatever it is, from another architecture it is the end.
            for name, foreign in {**ARCHITECTURES, **FOREIGN}.items():
                if name != machine and answer(code, foreign, number, arguments) != KILL:
                    raise Failure(f"{machine}: {call}{arguments} is open to {name}")
            asked += 1
    code = filter_for(0)
    named = set(numbers.values())
    for number in range(451):
        if number not in named and answer(code, ARCHITECTURES[machine], number, ()) != EPERM:
            raise Failure(f"{machine}: call {number}, which no table names, is not EPERM")
        asked += 1
    every = sum(rights.values())
    for keep in [*rights.values(), every, every - rights["CODE"]]:
        filter_for(keep), filter_for(keep, "partial")
    return len(code), asked, missing


def main():
    parser = argparse.ArgumentParser(description="Check the kernel ring's filter.")
    parser.add_argument("tree", help="a woven and configured CPython")
    parser.add_argument("--with-deps", choices=["apt"], help="install what is missing")
    args = parser.parse_args()
    if args.with_deps:
        other = next(machine for machine in ARCHITECTURES if machine != platform.machine())
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends",
                        *PACKAGES[other].split()], check=True, stdout=subprocess.DEVNULL)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for machine in ARCHITECTURES:
                length, asked, missing = check(machine, args.tree, folder)
                print(f"{machine}: {length} instructions, {asked} answers as they should be;"
                      f" not in the kernel's headers: {', '.join(missing) or 'none'}")
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
