"""What tests need to stand the kernel ring up, to have a sandbox around it, and to go past Python.

raw_calls() compiles an extension that makes any system call through a pointer, as code could that
has corrupted the interpreter's memory. Outer is a filter that a container might put around a
process, made here by prctl() through ctypes. Nothing of what is judged is asked for help.
"""

import functools
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import unittest
from test import support
from test.test_lockdown import fresh, mutation

LINUX = sys.platform == "linux" and sys.maxsize > 2 ** 32 \
    and platform.machine() in ("x86_64", "aarch64")

NONE, PARTIAL, CALLS, FILES, SCOPES = range(5)


@functools.cache
def level():
    """The level that a process of one thread reaches on this machine."""
    if not LINUX or support.check_sanitizer(address=True, thread=True, memory=True):
        return NONE
    return fresh.scenario("""
        |lockdownlib.lockdown(keep=(), kernel="try")
        |report(level=lockdownlib.status().kernel)
        """).facts["level"]


def needs(least, what="the kernel ring"):
    """Skip a test where the kernel, or a sandbox around this process, has less."""
    return unittest.skipUnless(level() >= least, f"{what} needs level {least}, here is {level()}")


def needs_witness(item):
    """Skip a test where there is no python-mutant to witness with, or no kernel for it."""
    item = unittest.skipUnless(os.path.exists(mutation.MUTANT),
                               "python-mutant is not built: make mutant")(item)
    return needs(CALLS, "the witness")(item)


def traps(path):
    """What the witness recorded: a list of texts, the call's line and the Python frames."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            first, *rest = file.read().split("trap: ")
    except FileNotFoundError:
        return []
    return [text.strip() for text in rest]


class WitnessedTest(fresh.FolderTest):

    def witness(self, source, *args, options=("-I", "-X", "lockdown"), env_extra={}, **kwargs):
        """Run a scenario in python-mutant; gives (its outcome, what the kernel refused)."""
        record = os.path.join(self.folder, "record")
        if os.path.exists(record):
            os.unlink(record)
        environment = fresh.environment(LOCKDOWN_WITNESS=record, **env_extra)
        outcome = fresh.scenario(source, *args, options=options, env=environment,
                                 program=mutation.MUTANT, **kwargs)
        self.assertTrue(os.path.exists(record), "there was no witness")
        return outcome, traps(record)


SOURCE = r"""
#include <Python.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

static long (*volatile pointer)(long, ...) = syscall;

static PyObject *
call(PyObject *self, PyObject *args)
{
    Py_buffer held[6];
    long number, words[6] = {0};
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    (void)self;
    number = PyLong_AsLong(PyTuple_GET_ITEM(args, 0));
    for (Py_ssize_t i = 1; i < count && i < 7; i++) {
        PyObject *word = PyTuple_GET_ITEM(args, i);
        if (PyLong_Check(word)) {
            words[i - 1] = (long)PyLong_AsUnsignedLongMask(word);
        }
        else {
            if (PyObject_GetBuffer(word, &held[i - 1], PyBUF_SIMPLE) < 0) {
                return NULL;
            }
            words[i - 1] = (long)held[i - 1].buf;   /* never given back: a test */
        }
    }
    errno = 0;
    long result = pointer(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    return Py_BuildValue("li", result, result == -1 ? errno : 0);
}

/* The call gate of 32-bit programs, with the numbers of i386. */
static PyObject *
call32(PyObject *self, PyObject *args)
{
    long number, a, b, c, result = -1;
    (void)self;
    if (!PyArg_ParseTuple(args, "llll", &number, &a, &b, &c)) {
        return NULL;
    }
#ifdef __x86_64__
    __asm__ volatile ("int $0x80" : "=a"(result)
                      : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
#endif
    return PyLong_FromLong(result);
}

/* Run what is at an address, as a function without arguments. */
static PyObject *
jump(PyObject *self, PyObject *number)
{
    char *address = (char *)PyLong_AsUnsignedLongMask(number);
    (void)self;
    __builtin___clear_cache(address, address + 64);
    return PyLong_FromLong(((long (*)(void))address)());
}

/* Start a process that shares this one's memory, and ends with it. */
static char stack[1 << 16];

static int
wait_for_end(void *arg)
{
    (void)arg;
    for (int fd = 0; fd < 100; fd++) {
        close(fd);
    }
    /* No signal for the end of its parent: that one may be held in its own domain. */
    long parent = syscall(SYS_getppid);
    struct timespec moment = {0, 50000000};
    while (syscall(SYS_getppid) == parent) {
        syscall(SYS_nanosleep, &moment, NULL);
    }
    syscall(SYS_exit, 0);
    return 0;
}

static PyObject *
share_memory(PyObject *self, PyObject *args)
{
    (void)self, (void)args;
    return PyLong_FromLong(clone(wait_for_end, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL));
}

static PyMethodDef methods[] = {
    {"call", call, METH_VARARGS, NULL},
    {"call32", call32, METH_VARARGS, NULL},
    {"jump", jump, METH_O, NULL},
    {"share_memory", share_memory, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "rawcalls", NULL, -1, methods, NULL, NULL, NULL, NULL,
};
PyMODINIT_FUNC PyInit_rawcalls(void) { return PyModule_Create(&module); }
"""


def raw_calls(folder):
    """Compile the extension rawcalls into a folder; skip the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise unittest.SkipTest("there is no compiler for the extension that makes raw calls")
    source = os.path.join(folder, "rawcalls.c")
    with open(source, "w", encoding="ascii") as file:
        file.write(SOURCE)
    includes = {sysconfig.get_path("include"), os.path.dirname(sysconfig.get_config_h_filename()),
                os.path.join(sysconfig.get_config_var("srcdir") or "", "Include")}
    process = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", *(f"-I{path}" for path in includes if path), source,
         "-o", os.path.join(folder, "rawcalls" + sysconfig.get_config_var("EXT_SUFFIX"))],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if process.returncode:
        raise unittest.SkipTest("the extension that makes raw calls cannot be compiled here: "
                                + process.stdout[-300:])


# For a scenario: stand a filter up by which some calls fail, as a container does. Rows are numbers
# of calls and the error for them.
OUTER = """
    |def outer(rows):
    |    import ctypes, struct
    |    code = [(0x20, 0, 0, 0)]
    |    for number, error in rows:
    |        code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error)]
    |    code.append((0x06, 0, 0, 0x7FFF0000))
    |    data = b"".join(struct.pack("=HBBI", *row) for row in code)
    |    buffer = ctypes.create_string_buffer(data)
    |    program = ctypes.create_string_buffer(
    |        struct.pack("@HP", len(code), ctypes.addressof(buffer)))
    |    prctl = ctypes.CDLL(None).prctl
    |    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    |    assert prctl(38, 1, 0, 0, 0) == 0
    |    assert prctl(22, 2, ctypes.addressof(program), 0, 0) == 0
"""
# Numbers of the calls by which the ring is made.
SECCOMP = {"x86_64": 317, "aarch64": 277}.get(platform.machine())
LANDLOCK = (444, 445, 446)
UNSHARE = {"x86_64": 272, "aarch64": 97}.get(platform.machine())

PR_STATUS = """
    |def kernel_state():
    |    with open("/proc/thread-self/status") as file:
    |        words = dict(line.split(":", 1) for line in file)
    |    return [words[name].strip() for name in ("NoNewPrivs", "Seccomp", "Seccomp_filters")]
"""


class LevelTest(fresh.FolderTest):
    """A test of the level that a process reaches: attempt() and check_lower()."""

    def attempt(self, before="", keep="()", kernel="try", options=("-I",)):
        return fresh.scenario(OUTER + PR_STATUS + f"""
            |{before}
            |state = kernel_state()
            |try:
            |    lockdownlib.lockdown(keep={keep}, kernel={kernel!r})
            |    report(outcome=["done"])
            |except lockdownlib.LockdownError as error:
            |    report(outcome=[type(error).__name__, str(error)])
            |status = lockdownlib.status()
            |report(locked=status.locked, level=status.kernel)
            |if not status.locked:
            |    report(same=state == kernel_state())
            """, self.folder, options=options).facts

    def check_lower(self, level, words, before, **kwargs):
        """The level is lower with "try", and "require" names the reason and changes nothing."""
        facts = self.attempt(before, **kwargs)
        self.assertEqual((facts["outcome"][0], facts["level"]), ("done", level))
        facts = self.attempt(before, kernel="require", **kwargs)
        self.assertEqual(facts["outcome"][0], "LockdownError")
        self.assertRegex(facts["outcome"][1], words)
        self.assertEqual((facts["locked"], facts["level"], facts["same"]), (False, 0, True))
