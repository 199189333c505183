/* Lockdown: what the C library on Linux does late, or by a call that the kernel
   ring's filter cannot judge, done early or otherwise. */

#include "Python.h"
#include "pycore_initconfig.h"    // _PyInterpreterState_GetConfig()
#include "pycore_lockdown_ring.h"
#include "pycore_pystate.h"       // _PyInterpreterState_Main()
#include "pycore_runtime.h"       // _PyRuntime

#ifdef __linux__

#include <dlfcn.h>                // dlopen()
#include <errno.h>
#include <malloc.h>               // mallopt()
#include <stdio.h>                // ftrylockfile()
#include <sys/socket.h>           // sendmsg()
#include <sys/syscall.h>          // syscall()
#include <sys/uio.h>              // writev()
#include <time.h>                 // tzset()
#include <unistd.h>

/* ---- calls with a pointer that decides ---------------------------------------- */

/* sendmsg() names an address and descriptors behind a pointer, so that the
   filter has to refuse it.  A message that has neither goes out by other calls,
   in one piece too. */
ssize_t
_PyLockdown_SendMessage(int fd, const struct msghdr *message, int flags)
{
    if (!_PyRuntime.lockdown.kernel_calls
        || message->msg_name != NULL || message->msg_controllen != 0)
    {
        return sendmsg(fd, message, flags);
    }
    const struct iovec *parts = message->msg_iov;
    size_t length = 0;
    for (size_t i = 0; i < (size_t)message->msg_iovlen; i++) {
        if (parts[i].iov_len > (size_t)PY_SSIZE_T_MAX - length) {
            errno = EINVAL;
            return -1;
        }
        length += parts[i].iov_len;
    }
    if (flags == 0 && length > 0) {
        return writev(fd, parts, (int)message->msg_iovlen);
    }
    char *whole = PyMem_RawMalloc(length);
    if (whole == NULL) {
        errno = ENOMEM;
        return -1;
    }
    size_t done = 0;
    for (size_t i = 0; i < (size_t)message->msg_iovlen; i++) {
        if (parts[i].iov_len > 0) {
            memcpy(whole + done, parts[i].iov_base, parts[i].iov_len);
            done += parts[i].iov_len;
        }
    }
    ssize_t sent = send(fd, whole, length, flags);
    int error = errno;
    PyMem_RawFree(whole);
    errno = error;
    return sent;
}

#ifdef LOCKDOWN_RING_LINUX

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* glibc makes fstat() of a call that takes a path as well, which the filter has
   to refuse as it cannot see whether there is one.  These stand before the C
   library's, for this program and for the libraries that it loads (SQLite asks
   for the size of an open database).  The names are given as the linker knows
   them: headers may map the one to the other. */
extern int _PyLockdown_fstat(int fd, void *status) __asm__("fstat");
extern int _PyLockdown_fstat64(int fd, void *status) __asm__("fstat64");

Py_EXPORTED_SYMBOL int
_PyLockdown_fstat(int fd, void *status)
{
    return (int)syscall(SYS_fstat, fd, status);
}

Py_EXPORTED_SYMBOL int
_PyLockdown_fstat64(int fd, void *status)
{
    return (int)syscall(SYS_fstat, fd, status);
}
#endif

/* ---- what is read at first use ------------------------------------------------ */

/* A stream's buffer is made when it is first used, with a look at its file. */
static void
make_buffer(FILE *stream)
{
    // One that another thread is reading from has its buffer.
    if (ftrylockfile(stream) != 0) {
        return;
    }
    (void)setvbuf(stream, NULL, isatty(fileno(stream)) ? _IOLBF : _IOFBF, BUFSIZ);
    funlockfile(stream);
}

void
_PyLockdown_WarmUp(void)
{
    // The library that takes a thread's stack down in pthread_exit().  Where the
    // C library has no use for it, it need not be there.
    (void)dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_LOCAL);
    // The texts of errors, in the user's language.
    (void)strerror(EPERM);
}

/* The databases of names that Python asks. */
static const char * const databases[] = {
    "group", "hosts", "initgroups", "networks", "passwd", "protocols", "services",
};

/* Is this line of nsswitch.conf about one of them?  Then what names its services. */
static char *
services_of(char *line)
{
    line += strspn(line, " \t");
    for (size_t i = 0; i < Py_ARRAY_LENGTH(databases); i++) {
        size_t length = strlen(databases[i]);
        if (strncmp(line, databases[i], length) == 0) {
            char *rest = line + length + strspn(line + length, " \t");
            return *rest == ':' ? rest + 1 : NULL;
        }
    }
    return NULL;
}

void
_PyLockdown_LoadNameServices(void)
{
#ifdef __GLIBC__
    FILE *file = fopen("/etc/nsswitch.conf", "re");
    char line[512];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "#\n")] = '\0';
        char *state, *services = services_of(line);
        // What stands between services, in brackets, is no library's name.
        for (char *one = services == NULL ? NULL : strtok_r(services, " \t", &state);
             one != NULL; one = strtok_r(NULL, " \t", &state))
        {
            char name[64];
            PyOS_snprintf(name, sizeof(name), "libnss_%s.so.2", one);
            if (strpbrk(one, "[]=/") == NULL) {
                (void)dlopen(name, RTLD_NOW | RTLD_LOCAL);
            }
        }
    }
    if (file != NULL) {
        fclose(file);
    }
#endif
}

#define ZONE_FILE ":/etc/localtime"

/* Without TZ mktime() looks at the zone's file each time, and silently goes by
   UTC when it cannot.  Not for the children of a process that starts some. */
static int
hold_time_zone(void)
{
    if (getenv("TZ") == NULL && setenv("TZ", ZONE_FILE, 0) != 0) {
        return errno;
    }
    tzset();
    return 0;
}

/* For the second thread's memory the allocator counts the processors, which it
   does by reading a file, if it was not told a limit: this is its own. */
static void
hold_arenas(int arenas)
{
#ifdef M_ARENA_MAX
    const char *tunables = getenv("GLIBC_TUNABLES");
    if (getenv("MALLOC_ARENA_MAX") == NULL
        && (tunables == NULL || strstr(tunables, "malloc.arena_max") == NULL))
    {
        (void)mallopt(M_ARENA_MAX, arenas);
    }
#endif
}

int
_PyLockdown_HoldLibrary(int arenas)
{
    int error = hold_time_zone();
    hold_arenas(arenas);
    if (_PyInterpreterState_GetConfig(_PyInterpreterState_Main())->buffered_stdio) {
        make_buffer(stdin);
        make_buffer(stdout);
    }
    return error;
}

#endif /* LOCKDOWN_RING_LINUX */
#endif /* __linux__ */
