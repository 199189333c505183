/* Lockdown: the numbers of descriptors that locked code may use.

   Without the right fd no code may name a descriptor by its number, since any
   number could be the host's.  An event loop has to: selectors and signals go
   by numbers.  So the interpreter keeps a list of the descriptors that locked
   code made itself, which are pairs of sockets and epoll objects, and these
   numbers need no right.

   What makes that safe is that a number on the list never leaves it.  When its
   object is closed the number is not: it is put on a socket whose other end is
   gone, and given to the next descriptor that this interpreter makes.  Were it
   closed, the system would give it to the next file that the host opens, and
   whatever still goes by the number (a poll object, a system call that another
   thread is about to make) would reach that file. */

#include "Python.h"
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_pystate.h"       // _PyInterpreterState_GET()

#ifdef HAVE_FCNTL_H
#  include <fcntl.h>              // O_CLOEXEC
#endif
#ifdef HAVE_SYS_SOCKET_H
#  include <sys/socket.h>         // socketpair()
#endif
#ifdef HAVE_UNISTD_H
#  include <unistd.h>             // close()
#endif

#if defined(HAVE_SOCKETPAIR) && defined(AF_UNIX) && !defined(MS_WINDOWS)

/* More than any event loop needs, and too few to leave the host none. */
#define MOST_NUMBERS 256

enum number_state {
    OWNED,                  // an object closes it
    DETACHED,               // open, and no object has it
    PARKED,                 // closed, as far as code can tell
};

/* The list's lock is held for system calls that do not wait, and never while
   Python code runs. */
#define LOCK(STATE) PyMutex_Lock(&(STATE)->mutex)
#define UNLOCK(STATE) PyMutex_Unlock(&(STATE)->mutex)

static struct _lockdown_numbers *
numbers_here(void)
{
    return &_PyInterpreterState_GET()->lockdown.numbers;
}

static struct _lockdown_number *
find_number(struct _lockdown_numbers *numbers, int fd)
{
    for (int i = 0; i < numbers->length; i++) {
        if (numbers->items[i].fd == fd) {
            return &numbers->items[i];
        }
    }
    return NULL;
}

static struct _lockdown_number *
find_parked(struct _lockdown_numbers *numbers)
{
    for (int i = 0; i < numbers->length; i++) {
        if (numbers->items[i].state == PARKED) {
            return &numbers->items[i];
        }
    }
    return NULL;
}

/* Put what `from` is on the number `to`, which is open. */
static int
replace(int from, int to)
{
    int result;
    do {
#ifdef HAVE_DUP3
        result = dup3(from, to, O_CLOEXEC);
#else
        result = dup2(from, to);
#endif
    } while (result < 0 && errno == EINTR);
#ifndef HAVE_DUP3
    if (result >= 0 && _Py_set_inheritable(to, 0, NULL) < 0) {
        PyErr_Clear();
        errno = EBADF;
        return -1;
    }
#endif
    return result < 0 ? -1 : 0;
}

/* The socket that numbers are parked on. */
static int
make_dead_end(struct _lockdown_numbers *numbers)
{
    int type = SOCK_STREAM;
#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC;
#endif
    int pair[2];
    if (socketpair(AF_UNIX, type, 0, pair) < 0) {
        return -1;
    }
    close(pair[1]);
#ifndef SOCK_CLOEXEC
    if (_Py_set_inheritable(pair[0], 0, NULL) < 0) {
        PyErr_Clear();
        close(pair[0]);
        errno = EBADF;
        return -1;
    }
#endif
    numbers->dead_end = pair[0];
    numbers->has_dead_end = 1;
    return 0;
}

/* The same descriptor, on a number of the list; -1 and errno. */
static int
enter_number(struct _lockdown_numbers *numbers, int fd)
{
    if (numbers->items == NULL) {
        numbers->items = PyMem_RawCalloc(MOST_NUMBERS, sizeof(*numbers->items));
        if (numbers->items == NULL) {
            errno = ENOMEM;
            return -1;
        }
    }
    if (!numbers->has_dead_end && make_dead_end(numbers) < 0) {
        return -1;
    }
    struct _lockdown_number *number = find_parked(numbers);
    if (number != NULL) {
        if (replace(fd, number->fd) < 0) {
            return -1;
        }
        close(fd);      // nobody has heard of this number
    }
    else {
        if (numbers->length == MOST_NUMBERS) {
            errno = EMFILE;
            return -1;
        }
        number = &numbers->items[numbers->length++];
        number->fd = fd;
    }
    number->state = OWNED;
    return number->fd;
}

/* A descriptor that code has just made: `*fd` becomes the number by which it is
   known from now on.  An OSError and -1 if there is no room; then the number
   stays as it was, and is the caller's. */
int
_PyLockdown_KeepNumber(int *fd)
{
    if (!_PyLockdown_HIDES(FD)) {
        return 0;
    }
    struct _lockdown_numbers *numbers = numbers_here();
    LOCK(numbers);
    int kept = enter_number(numbers, *fd);
    int error = errno;
    UNLOCK(numbers);
    if (kept < 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    *fd = kept;
    return 0;
}

/* The object of this number is closed: true if that is done by this, false if
   the number is not on the list and the caller is to close it. */
int
_PyLockdown_ParkNumber(int fd)
{
    struct _lockdown_numbers *numbers = numbers_here();
    LOCK(numbers);
    struct _lockdown_number *number = find_number(numbers, fd);
    if (number != NULL) {
        // What was there is closed by this; there is nothing that could fail.
        if (replace(numbers->dead_end, fd) < 0) {
            Py_FatalError("lockdown: a descriptor cannot be parked");
        }
        number->state = PARKED;
    }
    UNLOCK(numbers);
    return number != NULL;
}

/* The object of this number has given it up without closing it. */
void
_PyLockdown_DetachNumber(int fd)
{
    struct _lockdown_numbers *numbers = numbers_here();
    LOCK(numbers);
    struct _lockdown_number *number = find_number(numbers, fd);
    if (number != NULL && number->state == OWNED) {
        number->state = DETACHED;
    }
    UNLOCK(numbers);
}

/* A new object takes the number.  One that has an object already would be
   closed by either; -1 and an exception. */
int
_PyLockdown_TakeNumber(int fd)
{
    int taken = 0;
    struct _lockdown_numbers *numbers = numbers_here();
    LOCK(numbers);
    struct _lockdown_number *number = find_number(numbers, fd);
    if (number != NULL) {
        taken = number->state != DETACHED;
        number->state = taken ? number->state : OWNED;
    }
    UNLOCK(numbers);
    if (taken) {
        errno = EBADF;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

static int
number_is(int fd, int only_detached)
{
    struct _lockdown_numbers *numbers = numbers_here();
    LOCK(numbers);
    struct _lockdown_number *number = find_number(numbers, fd);
    int answer = number != NULL && (!only_detached || number->state == DETACHED);
    UNLOCK(numbers);
    return answer;
}

/* At the interpreter's end nothing goes by its numbers any more.  Those that an
   object still has are left to it. */
void
_PyLockdown_FiniNumbers(PyInterpreterState *interp)
{
    struct _lockdown_numbers *numbers = &interp->lockdown.numbers;
    for (int i = 0; i < numbers->length; i++) {
        if (numbers->items[i].state != OWNED) {
            close(numbers->items[i].fd);
        }
    }
    if (numbers->has_dead_end) {
        close(numbers->dead_end);
    }
    PyMem_RawFree(numbers->items);
    numbers->items = NULL;
    numbers->length = 0;
    numbers->has_dead_end = 0;
}

#else   /* no pairs of sockets: the list stays empty */

int
_PyLockdown_KeepNumber(int *Py_UNUSED(fd))
{
    return 0;
}

int
_PyLockdown_ParkNumber(int Py_UNUSED(fd))
{
    return 0;
}

void
_PyLockdown_DetachNumber(int Py_UNUSED(fd))
{
}

int
_PyLockdown_TakeNumber(int Py_UNUSED(fd))
{
    return 0;
}

static int
number_is(int Py_UNUSED(fd), int Py_UNUSED(only_detached))
{
    return 0;
}

void
_PyLockdown_FiniNumbers(PyInterpreterState *Py_UNUSED(interp))
{
}

#endif

/* ---- the rights that hang on it -------------------------------------------- */

/* A number that is waited for. */
uint32_t
_PyLockdown_right_number(int fd)
{
    return number_is(fd, 0) ? 0 : Py_LOCKDOWN_FD;
}

/* The same where a guard cannot stand at the beginning of a function: true, and
   an exception, if it is refused. */
int
_PyLockdown_RefuseNumber(int fd, const char *operation)
{
    return _PyLockdown_HIDES(FD)
           && _PyLockdown_Refuse(_PyLockdown_right_number(fd), operation);
}

/* signal.set_wakeup_fd(), before its argument is read: -1 is no descriptor. */
uint32_t
_PyLockdown_right_wakeup(PyObject *number)
{
    if (PyLong_CheckExact(number)) {
        int overflow;
        long fd = PyLong_AsLongAndOverflow(number, &overflow);
        if (overflow == 0
            && (fd == -1 || (fd == (int)fd && number_is((int)fd, 0))))
        {
            return 0;
        }
    }
    return Py_LOCKDOWN_FD;
}

/* socket(fileno=number) takes over a descriptor, as accept() does with the one
   it got.  What Windows passes as bytes comes from another process. */
uint32_t
_PyLockdown_right_socket(PyObject *fileno)
{
    if (fileno != NULL && PyLong_CheckExact(fileno)) {
        int overflow;
        long fd = PyLong_AsLongAndOverflow(fileno, &overflow);
        if (overflow == 0 && fd == (int)fd && number_is((int)fd, 1)) {
            return 0;
        }
    }
    if (fileno != NULL && PyNumber_Check(fileno)) {
        return Py_LOCKDOWN_FD;
    }
    return Py_LOCKDOWN_NET;
}

/* socketpair([family[, type[, proto]]]): a plain pair of streams has no address
   that anything else could reach, and reaches nothing but itself. */
uint32_t
_PyLockdown_right_pair(PyObject *args)
{
#if defined(HAVE_SOCKETPAIR) && defined(AF_UNIX) && !defined(MS_WINDOWS)
    static const long plain[] = {AF_UNIX, SOCK_STREAM, 0};
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *arg = PyTuple_GET_ITEM(args, i);
        int overflow;
        // What is not an int could be another one when the call reads it.
        if (i >= (Py_ssize_t)Py_ARRAY_LENGTH(plain)
            || !PyLong_Check(arg)
            || PyLong_AsLongAndOverflow(arg, &overflow) != plain[i])
        {
            return Py_LOCKDOWN_NET;
        }
    }
    return 0;
#else
    (void)args;
    return Py_LOCKDOWN_NET;
#endif
}
