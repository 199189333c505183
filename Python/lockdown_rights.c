/* Lockdown: the words of the rights, and the rights that hang on arguments.

   A guard row whose right is @NAME(arguments) calls _PyLockdown_right_NAME
   here, from the C function that has parsed them.  It returns the mask of the
   rights that this call needs (0: none) and changes nothing: no exception is
   set, no Python code runs. */

#include "Python.h"
#include "pycore_lockdown.h"

#ifdef HAVE_FCNTL_H
#  include <fcntl.h>              // O_CREAT
#endif
#ifdef HAVE_SYS_IOCTL_H
#  include <sys/ioctl.h>          // TIOCGWINSZ
#endif
#ifdef HAVE_SYS_MMAN_H
#  include <sys/mman.h>           // PROT_EXEC
#endif
#include <locale.h>               // setlocale()
#include <time.h>                 // CLOCK_PROCESS_CPUTIME_ID

#ifdef MS_WINDOWS
#  include <winsock2.h>           // SOL_SOCKET
#  include <ws2tcpip.h>           // IPPROTO_TCP
#else
#  include <sys/socket.h>         // SOL_SOCKET
#  include <netinet/in.h>         // IPPROTO_TCP
#  include <netinet/tcp.h>        // TCP_NODELAY
#endif

static const char * const right_names[] = {
    "fs.read", "fs.write", "fd", "proc", "net", "import", "env", "code",
    "inspect", "runtime", "ipc", "fs.special",
};

uint32_t
PyLockdown_RightFromName(const char *name)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(right_names); i++) {
        if (strcmp(name, right_names[i]) == 0) {
            return UINT32_C(1) << i;
        }
    }
    return 0;
}

const char *
PyLockdown_RightName(uint32_t right)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(right_names); i++) {
        if (right == UINT32_C(1) << i) {
            return right_names[i];
        }
    }
    return NULL;
}

/* The words of `rights`, in the order of RIGHTS, as a tuple. */
PyObject *
_PyLockdown_WordsOf(uint32_t rights)
{
    PyObject *words = PyList_New(0);
    for (uint32_t right = 1; words != NULL && right < Py_LOCKDOWN_ALL; right <<= 1) {
        if ((rights & right) == 0) {
            continue;
        }
        PyObject *word = PyUnicode_FromString(PyLockdown_RightName(right));
        if (word == NULL || PyList_Append(words, word) < 0) {
            Py_CLEAR(words);
        }
        Py_XDECREF(word);
    }
    if (words == NULL) {
        return NULL;
    }
    PyObject *result = PyList_AsTuple(words);
    Py_DECREF(words);
    return result;
}


/* ---- operating system ---------------------------------------------------- */

/* Where either of two rights is enough, none is needed while one is kept. */
uint32_t
_PyLockdown_Either(uint32_t rights)
{
    if ((_PyLockdown_Refusals() & rights) == rights) {
        return rights;
    }
    return 0;
}

/* True, and the number in `value`, if an argument is an int and nothing more.
   Anything else could be another number when the call itself reads it. */
static int
plain_int(PyObject *argument, long *value)
{
    if (argument == NULL || !PyLong_CheckExact(argument)) {
        return 0;
    }
    int overflow;
    *value = PyLong_AsLongAndOverflow(argument, &overflow);
    return overflow == 0;
}

/* os.open() */
uint32_t
_PyLockdown_right_open_flags(int flags)
{
    uint32_t rights;
    switch (flags & (O_RDONLY | O_WRONLY | O_RDWR)) {
    case O_RDONLY:
        rights = Py_LOCKDOWN_FS_READ;
        break;
    case O_WRONLY:
        rights = Py_LOCKDOWN_FS_WRITE;
        break;
    default:
        rights = Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE;
        break;
    }
    // These change the disk, or keep others from it, however it is opened.
    int changes = O_CREAT | O_TRUNC;
#ifdef O_TEMPORARY
    changes |= O_TEMPORARY;
#endif
#ifdef O_EXLOCK
    changes |= O_EXLOCK | O_SHLOCK;
#endif
    if (flags & changes) {
        rights |= Py_LOCKDOWN_FS_WRITE;
    }
    return rights;
}

/* What is asked about a process: 0 is the one that asks. */
uint32_t
_PyLockdown_right_process_seen(long long pid)
{
    return pid == 0 ? 0 : Py_LOCKDOWN_ENV;
}

/* time.clock_gettime(): the clocks with names are small numbers, but for two
   on NetBSD; beyond them lie those of other processes and of devices. */
uint32_t
_PyLockdown_right_clock(long long clock)
{
    if (clock >= 0 && clock < 64) {
        return 0;
    }
#ifdef CLOCK_PROCESS_CPUTIME_ID
    if (clock == (long long)CLOCK_PROCESS_CPUTIME_ID) {
        return 0;
    }
#endif
#ifdef CLOCK_THREAD_CPUTIME_ID
    if (clock == (long long)CLOCK_THREAD_CPUTIME_ID) {
        return 0;
    }
#endif
    return Py_LOCKDOWN_ENV;
}

/* The same for a function that has not read its arguments yet. */
uint32_t
_PyLockdown_right_clock_args(PyObject *args)
{
    long clock;
    if (PyTuple_GET_SIZE(args) == 1
        && plain_int(PyTuple_GET_ITEM(args, 0), &clock))
    {
        return _PyLockdown_right_clock(clock);
    }
    return Py_LOCKDOWN_ENV;
}

/* What a descriptor can lead to, for commands that nobody has judged. */
#define ANY_USE_OF_FD \
    (Py_LOCKDOWN_FD | Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE \
     | Py_LOCKDOWN_PROC | Py_LOCKDOWN_NET | Py_LOCKDOWN_ENV | Py_LOCKDOWN_IPC)

/* fcntl.fcntl(); `arg` is NULL or what was given.  The commands that the os
   module has a function for need what that function needs. */
uint32_t
_PyLockdown_right_fcntl(int command, PyObject *arg)
{
    switch (command) {
#ifdef F_GETFL
    case F_GETFL:
        return Py_LOCKDOWN_FD | Py_LOCKDOWN_FS_READ;
#endif
#ifdef F_SETFL
    case F_SETFL:
    {
#ifdef O_ASYNC
        // It has signals sent, on a terminal to other processes.
        long flags;
        if (arg != NULL
            && (!plain_int(arg, &flags) || (flags & O_ASYNC)))
        {
            return Py_LOCKDOWN_FD | Py_LOCKDOWN_PROC;
        }
#endif
        return Py_LOCKDOWN_FD;
    }
#endif
#ifdef F_GETFD
    case F_GETFD:
    case F_SETFD:
        return Py_LOCKDOWN_FD | Py_LOCKDOWN_PROC;
#endif
#ifdef F_DUPFD
    case F_DUPFD:
#ifdef F_DUPFD_CLOEXEC
    case F_DUPFD_CLOEXEC:
#endif
        return Py_LOCKDOWN_FD | Py_LOCKDOWN_IPC;
#endif
#ifdef F_SETLK
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
        return Py_LOCKDOWN_FD | Py_LOCKDOWN_FS_WRITE;
#endif
    default:
        return ANY_USE_OF_FD;
    }
}

/* fcntl.ioctl() */
uint32_t
_PyLockdown_right_ioctl(unsigned int command)
{
#ifdef TIOCGWINSZ
    if (command == (unsigned int)TIOCGWINSZ) {      // os.get_terminal_size()
        return Py_LOCKDOWN_FD;
    }
#endif
#ifdef FIONREAD
    if (command == (unsigned int)FIONREAD) {        // how much can be read
        return Py_LOCKDOWN_FD;
    }
#endif
    return ANY_USE_OF_FD;
}

/* mmap.mmap().  This reads the arguments once more than the call does, so it
   goes by ints and strings alone, which are the same each time. */
uint32_t
_PyLockdown_right_mmap_new(PyObject *args, PyObject *kwargs)
{
    static const char * const names[] = {
#ifdef MS_WINDOWS
        "fileno", "length", "tagname", "access", "offset",
#else
        "fileno", "length", "flags", "prot", "access", "offset", "trackfd",
#endif
    };
    enum {
        FILENO = 0,
#ifdef MS_WINDOWS
        TAGNAME = 2, ACCESS = 3,
#else
        PROT = 3, ACCESS = 4,
#endif
    };
    const uint32_t file = (Py_LOCKDOWN_FD | Py_LOCKDOWN_FS_READ
                           | Py_LOCKDOWN_FS_WRITE);
    const uint32_t anything = file | Py_LOCKDOWN_CODE | Py_LOCKDOWN_IPC;

    PyObject *given[Py_ARRAY_LENGTH(names)] = {NULL};
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (count > (Py_ssize_t)Py_ARRAY_LENGTH(names)) {
        return anything;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        given[i] = PyTuple_GET_ITEM(args, i);
    }
    if (kwargs != NULL) {
        PyObject *key, *value;
        Py_ssize_t pos = 0;
        while (PyDict_Next(kwargs, &pos, &key, &value)) {
            if (!PyUnicode_CheckExact(key)) {
                return anything;
            }
            for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
                if (PyUnicode_EqualToUTF8(key, names[i])) {
                    given[i] = value;
                }
            }
        }
    }

    uint32_t rights = 0;
    long number;
    if (!plain_int(given[FILENO], &number) || number != -1) {
        rights |= file;
        if (plain_int(given[ACCESS], &number)
            && (number == 1 || number == 3))    // ACCESS_READ, ACCESS_COPY
        {
            rights &= ~Py_LOCKDOWN_FS_WRITE;
        }
    }
#ifdef MS_WINDOWS
    if (given[TAGNAME] != NULL && given[TAGNAME] != Py_None) {
        rights |= Py_LOCKDOWN_IPC;
    }
#else
    if (given[PROT] != NULL
        && (!plain_int(given[PROT], &number) || (number & PROT_EXEC)
            || !(number & PROT_READ)))      // to index such a map is a crash
    {
        rights |= Py_LOCKDOWN_CODE;
    }
#endif
    return rights;
}

/* kqueue.control(): without changes it waits for what was registered. */
uint32_t
_PyLockdown_right_kqueue_changes(PyObject *changelist)
{
    if (changelist == Py_None) {
        return 0;
    }
    return Py_LOCKDOWN_FD | Py_LOCKDOWN_PROC;
}

/* The variables by which C libraries find files, and read them when they are asked
   for a local time, an error's text, a host, a terminal: calls that need no right
   to read files, or do not look where a path leads.  Some of these files are
   believed: their numbers lead anywhere in memory, or they name code.  TZ and
   LANGUAGE mostly have a name, of a file in a folder of the system. */
static const struct {
    const char *name;
    int may_be_name;
    uint32_t right;
} variables_of_files[] = {
    {"GCONV_PATH", 0, Py_LOCKDOWN_CODE},
    {"HOSTALIASES", 0, Py_LOCKDOWN_FS_SPECIAL},
    {"LANGUAGE", 1, Py_LOCKDOWN_CODE},
    {"LOCPATH", 0, Py_LOCKDOWN_CODE},
    {"NLSPATH", 0, Py_LOCKDOWN_CODE},
    {"OPENSSL_CONF", 0, Py_LOCKDOWN_CODE},
    {"OPENSSL_ENGINES", 0, Py_LOCKDOWN_CODE},
    {"OPENSSL_MODULES", 0, Py_LOCKDOWN_CODE},
    {"RESOLV_HOST_CONF", 0, Py_LOCKDOWN_FS_SPECIAL},
    {"SSL_CERT_DIR", 0, Py_LOCKDOWN_FS_SPECIAL},
    {"SSL_CERT_FILE", 0, Py_LOCKDOWN_FS_SPECIAL},
    {"TERMINFO", 0, Py_LOCKDOWN_FS_SPECIAL},
    {"TERMINFO_DIRS", 0, Py_LOCKDOWN_FS_SPECIAL},
    {"TZ", 1, Py_LOCKDOWN_FS_SPECIAL},
    {"TZDIR", 0, Py_LOCKDOWN_FS_SPECIAL},
};

/* os.putenv() and, without a value, os.unsetenv(); both are bytes, on Windows a
   str. */
uint32_t
_PyLockdown_right_environment(PyObject *name, PyObject *value)
{
    if (!PyBytes_Check(name)) {
        return Py_LOCKDOWN_ENV;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(variables_of_files); i++) {
        if (strcmp(PyBytes_AS_STRING(name), variables_of_files[i].name) != 0) {
            continue;
        }
        uint32_t rights = Py_LOCKDOWN_ENV | Py_LOCKDOWN_FS_READ;
        if (value == NULL) {
            return rights;
        }
        const char *text = PyBytes_AS_STRING(value);
        text += *text == ':';
        if (!variables_of_files[i].may_be_name || *text == '/'
            || strstr(text, "..") != NULL)
        {
            rights |= variables_of_files[i].right;
        }
        return rights;
    }
    return Py_LOCKDOWN_ENV;
}

/* SemLock._rebuild(): without a name it takes the given number for the address
   of a semaphore.  On Windows the number is a handle, which the kernel checks. */
uint32_t
_PyLockdown_right_semaphore(const char *name)
{
#ifndef MS_WINDOWS
    if (name == NULL) {
        return Py_LOCKDOWN_IPC | Py_LOCKDOWN_CODE;
    }
#endif
    return Py_LOCKDOWN_IPC;
}


/* ---- files, sockets, imports --------------------------------------------- */

/* open() and the raw file objects.  A mode that is no mode counts as reading,
   so that a locked program gets the same answer for it as for "r". */
uint32_t
_PyLockdown_right_open(PyObject *file, const char *mode, PyObject *opener)
{
    uint32_t rights = 0;
    for (; *mode != '\0'; mode++) {
        switch (*mode) {
        case 'r':
            rights |= Py_LOCKDOWN_FS_READ;
            break;
        case 'w':
        case 'a':
        case 'x':
            rights |= Py_LOCKDOWN_FS_WRITE;
            break;
        case '+':
            rights |= Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE;
            break;
        }
    }
    if (rights == 0) {
        rights = Py_LOCKDOWN_FS_READ;
    }
    // What is not a number has no __index__, and so no descriptor.  An opener
    // may answer with any number.
    if (PyNumber_Check(file) || (opener != NULL && opener != Py_None)) {
        rights |= Py_LOCKDOWN_FD;
    }
    return rights;
}

/* A database opened by name: only "r" leaves the file as it is. */
uint32_t
_PyLockdown_right_database(const char *flags)
{
    if (strcmp(flags, "r") == 0) {
        return Py_LOCKDOWN_FS_READ;
    }
    return Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE;
}

/* Certificates: NULL or None is no file and no folder. */
uint32_t
_PyLockdown_right_certificates(PyObject *file, PyObject *folder)
{
    if ((file == NULL || file == Py_None)
        && (folder == NULL || folder == Py_None))
    {
        return 0;
    }
    return Py_LOCKDOWN_FS_READ;
}

/* The options that only say how a connection carries its bytes.  They need no
   right, because asyncio, http and socketserver set them on what they have
   accepted. */
static const struct {
    int level;
    int name;
} transport_options[] = {
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_OOBINLINE},
    {SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_SNDTIMEO},
#ifdef TCP_CORK
    {IPPROTO_TCP, TCP_CORK},
#endif
#ifdef TCP_KEEPCNT
    {IPPROTO_TCP, TCP_KEEPCNT},
#endif
#ifdef TCP_KEEPIDLE
    {IPPROTO_TCP, TCP_KEEPIDLE},
#endif
#ifdef TCP_KEEPINTVL
    {IPPROTO_TCP, TCP_KEEPINTVL},
#endif
#ifdef TCP_NODELAY
    {IPPROTO_TCP, TCP_NODELAY},
#endif
#ifdef TCP_QUICKACK
    {IPPROTO_TCP, TCP_QUICKACK},
#endif
#ifdef TCP_USER_TIMEOUT
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
#endif
};

/* setsockopt(level, name, ...).  A number that is only like an int could be
   another one when the call itself reads it. */
uint32_t
_PyLockdown_right_setsockopt(PyObject *args)
{
    if (PyTuple_GET_SIZE(args) < 2
        || !PyLong_CheckExact(PyTuple_GET_ITEM(args, 0))
        || !PyLong_CheckExact(PyTuple_GET_ITEM(args, 1)))
    {
        return Py_LOCKDOWN_NET;
    }
    int overflow[2];
    long level = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(args, 0),
                                          &overflow[0]);
    long name = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(args, 1),
                                         &overflow[1]);
    if (overflow[0] == 0 && overflow[1] == 0) {
        for (size_t i = 0; i < Py_ARRAY_LENGTH(transport_options); i++) {
            if (transport_options[i].level == level
                && transport_options[i].name == name)
            {
                return 0;
            }
        }
    }
    return Py_LOCKDOWN_NET;
}

/* code.replace(), before its arguments are read.  What types.coroutine() asks
   for needs no right: the flag by which a generator may be awaited changes
   neither what the code does nor what it may do to the stack. */
uint32_t
_PyLockdown_right_code_replace(PyCodeObject *code, PyObject *const *args,
                               Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 0 && kwnames != NULL && PyTuple_GET_SIZE(kwnames) == 1
        && PyUnicode_EqualToUTF8(PyTuple_GET_ITEM(kwnames, 0), "co_flags")
        && PyLong_CheckExact(args[0]))
    {
        int overflow;
        long flags = PyLong_AsLongAndOverflow(args[0], &overflow);
        if (overflow == 0
            && (flags | CO_ITERABLE_COROUTINE)
               == (code->co_flags | CO_ITERABLE_COROUTINE))
        {
            return 0;
        }
    }
    return Py_LOCKDOWN_CODE;
}

/* The trampoline for profilers writes a map of the code that it makes. */
uint32_t
_PyLockdown_right_stack_trampoline(void)
{
    return Py_LOCKDOWN_RUNTIME | Py_LOCKDOWN_FS_WRITE;
}

/* sys.settrace(None) where there is no hook: programs put back what they found. */
uint32_t
_PyLockdown_right_hooked(PyObject *function, int hooked)
{
    return function == Py_None && !hooked ? 0 : Py_LOCKDOWN_INSPECT;
}

/* setlocale(category, None) only asks.  "C" is inside the C library, and the one that is
   set is put back by programs which keep it; neither looks at a file. */
uint32_t
_PyLockdown_right_setlocale(int category, const char *locale)
{
    if (locale == NULL || strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0) {
        return 0;
    }
#ifndef MS_WINDOWS      /* there the category has not been looked at */
    const char *now = setlocale(category, NULL);
    if (now != NULL && strcmp(locale, now) == 0) {
        return 0;
    }
#endif
    return Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_RUNTIME;
}

/* Code that is built in comes from inside, but may do harm when its module has
   not been judged. */
uint32_t
_PyLockdown_right_builtin(PyObject *name)
{
    return _PyLockdown_IsSafeModule(name) ? 0 : Py_LOCKDOWN_IMPORT;
}

/* get_frozen_object(name) hands out a module of the binary; with data it would
   unmarshal anything. */
uint32_t
_PyLockdown_right_frozen_data(PyObject *data)
{
    return data == Py_None ? 0 : Py_LOCKDOWN_CODE;
}
