/* Lockdown: the kernel as witness, in python-mutant only.

   Where $LOCKDOWN_WITNESS names a file, a lock puts up the kernel ring's filter
   in a form that refuses the same calls by a signal.  The handler adds a line
   to the file for each, with the Python frames below it, and has the call fail
   as the ring would.  A line is a call that no guard has stopped. */

#include "Python.h"
#include "pycore_lockdown_ring.h"
#include "pycore_traceback.h"     // _Py_DumpTraceback()

#ifdef LOCKDOWN_RING_LINUX

#include <errno.h>
#include <fcntl.h>                // open()
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Above the numbers that tests open and close. */
#define RECORD 900

static void
write_number(int fd, long number)
{
    _Py_DumpDecimal(fd, (size_t)number);
}

static void
put_text(int fd, const char *text)
{
    ssize_t ignored = write(fd, text, strlen(text));
    (void)ignored;
}

/* Runs in the thread that made the call, at any place: only what is safe in a
   signal handler. */
static void
record(int Py_UNUSED(signum), siginfo_t *info, void *context)
{
    ucontext_t *state = context;
#ifdef __x86_64__
    greg_t *registers = state->uc_mcontext.gregs;
    const long arguments[] = {registers[REG_RDI], registers[REG_RSI],
                              registers[REG_RDX]};
#else
    unsigned long long *registers = state->uc_mcontext.regs;
    const long arguments[] = {(long)registers[0], (long)registers[1],
                              (long)registers[2]};
#endif
    int saved = errno;
    const char *name = _PyLockdown_CallName(info->si_syscall);
    put_text(RECORD, "trap: ");
    put_text(RECORD, name != NULL ? name : "call");
    put_text(RECORD, " ");
    write_number(RECORD, info->si_syscall);
    put_text(RECORD, " (");
    for (size_t i = 0; i < Py_ARRAY_LENGTH(arguments); i++) {
        put_text(RECORD, i > 0 ? ", 0x" : "0x");
        _Py_DumpHexadecimal(RECORD, (uintptr_t)arguments[i], 1);
    }
    put_text(RECORD, ")\n");
    PyThreadState *tstate = PyGILState_GetThisThreadState();
    if (tstate != NULL) {
        _Py_DumpTraceback(RECORD, tstate);
    }
    errno = saved;
#ifdef __x86_64__
    registers[REG_RAX] = -EPERM;
#else
    registers[0] = (unsigned long long)-EPERM;
#endif
}

/* True if a witness is wanted: it is ready then. */
int
_PyLockdown_PrepareWitness(void)
{
    static int ready = 0;
    const char *path = getenv("LOCKDOWN_WITNESS");
    if (path == NULL || path[0] == '\0') {
        return 0;
    }
    if (!ready) {
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        struct sigaction action = {.sa_sigaction = record,
                                   .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
        if (fd < 0 || dup3(fd, RECORD, O_CLOEXEC) < 0
            || sigaction(SIGSYS, &action, NULL) != 0)
        {
            Py_FatalError("lockdown: the witness cannot be made ready");
        }
        close(fd);
        ready = 1;
    }
    return 1;
}

#endif /* LOCKDOWN_RING_LINUX */
