/* The module _rexec: the cell's end of the channel to its supervisor.

   What has to work while Python code holds the GIL is here: noticing that the
   supervisor is gone, and handing on output in time.  See Lib/rexec/worker.py,
   and channel.py for the form of a frame. */

#include "Python.h"
#include "pycore_lockdown.h"
#include "pycore_rexec.h"

#ifdef __linux__
#  define HAVE_CHANNEL 1
#endif

#ifdef HAVE_CHANNEL
#include <errno.h>
#include <malloc.h>               // mallopt()
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>                 // clock_gettime()
#include <unistd.h>

#include "_rexec_channel.h"

/* With less than this the allocator's own ways are better. */
#define LEAST_SPARE (1 << 20)

/* The stack grows as it is used, and where the address space has a limit that
   fails by a signal when the memory is used up.  So have all of it now: a touch
   at its far end costs one page. */
#define DEFAULT_STACK (8 << 20)
#define STACK_LEFT (512 << 10)

__attribute__((no_sanitize("address")))
static void
reserve_stack(void)
{
    struct rlimit limit;
    size_t size = DEFAULT_STACK;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size) {
        size = (size_t)limit.rlim_cur;
    }
    if (size > STACK_LEFT) {
        char here;
        volatile char *far = (volatile char *)((uintptr_t)&here
                                               - (size - STACK_LEFT));
        *far = 0;
    }
#ifdef __GLIBC__
    // Those of threads are as large as the limit was when the process began, and of
    // a large one the address space has not many.
    pthread_attr_t attributes;
    size_t usual;
    if (pthread_getattr_default_np(&attributes) == 0) {
        if (pthread_attr_getstacksize(&attributes, &usual) == 0
            && usual > DEFAULT_STACK
            && pthread_attr_setstacksize(&attributes, DEFAULT_STACK) == 0)
        {
            (void)pthread_setattr_default_np(&attributes);
        }
        pthread_attr_destroy(&attributes);
    }
#endif
}

PyDoc_STRVAR(channel_doc,
"Channel(fd, leave, parent=0)\n"
"--\n"
"\n"
"The cell's end of the socket fd.\n"
"\n"
"If leave is true the process is a cell, which owns the socket: it ends with the\n"
"thread that started it, at once if parent is given and was not its parent any more,\n"
"and, from watch() on, when the other end is closed.");

static PyObject *
channel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    int fd, leave, parent = 0;
    static char *keywords[] = {"fd", "leave", "parent", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ip|i:Channel", keywords, &fd,
                                     &leave, &parent))
    {
        return NULL;
    }
    Channel *self = (Channel *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->fd = self->told = self->woken = -1;
    self->leave = leave;
    pthread_mutex_init(&self->lock, NULL);
    self->input = PyMem_RawMalloc(READ_ROOM);
    if (self->input == NULL) {
        PyErr_NoMemory();
        Py_DECREF(self);
        return NULL;
    }
    self->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->told < 0 || self->woken < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(self);
        return NULL;
    }
    self->fd = fd;
    if (leave) {
        reserve_stack();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
            PyErr_SetFromErrno(PyExc_OSError);
            Py_DECREF(self);
            return NULL;
        }
        if (parent != 0 && getppid() != parent) {
            _exit(0);       // before it could be told
        }
    }
    return (PyObject *)self;
}

static void
channel_dealloc(Channel *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->threaded) {
        // Should it be writing to an end that does not read.
        shutdown(self->fd, SHUT_RDWR);
        pthread_mutex_lock(&self->lock);
        self->closing = 1;
        pthread_mutex_unlock(&self->lock);
        tell(self->told);
        Py_BEGIN_ALLOW_THREADS
        pthread_join(self->thread, NULL);
        Py_END_ALLOW_THREADS
    }
    int fds[3] = {self->leave ? self->fd : -1, self->told, self->woken};
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (self->kept_back != NULL) {
        munmap(self->kept_back, self->kept_size);
    }
    PyMem_RawFree(self->input);
    pthread_mutex_destroy(&self->lock);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* Where nothing is waited for, giving the GIL up costs more than the call. */
static void
lock_channel(Channel *self)
{
    if (pthread_mutex_trylock(&self->lock) != 0) {
        Py_BEGIN_ALLOW_THREADS
        pthread_mutex_lock(&self->lock);
        Py_END_ALLOW_THREADS
    }
}

static PyObject *
result_of(int error)
{
    if (error != 0) {
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(channel_watch_doc,
"watch(spare=0)\n"
"--\n"
"\n"
"Start the thread that looks after the channel.  To be called after the lock: the\n"
"kernel may refuse things to one thread only.  The allocator may keep so much memory\n"
"that nobody uses, if it is worth it.");

static PyObject *
channel_watch(Channel *self, PyObject *args)
{
    int spare = 0;
    if (!PyArg_ParseTuple(args, "|i:watch", &spare)) {
        return NULL;
    }
    if (self->threaded) {
        PyErr_SetString(PyExc_RuntimeError, "it is watched already");
        return NULL;
    }
    if (self->leave) {
        // An arena for each thread takes 64 MiB of the address space that the
        // process has.  Not before the lock: the ring sets a number of its own.
        mallopt(M_ARENA_MAX, 1);
        // Values of a mebibyte come and go with each run.  To give their memory back
        // each time, page by page, takes longer than all the rest.
        if (spare >= LEAST_SPARE) {
            mallopt(M_MMAP_THRESHOLD, spare / 2);
            mallopt(M_TRIM_THRESHOLD, spare);
        }
    }
    if (start_thread(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(channel_begin_doc,
"begin(run, allowance)\n"
"--\n"
"\n"
"Frames are of this run from now on, which may write allowance bytes; -1: any.");

static PyObject *
channel_begin(Channel *self, PyObject *args)
{
    unsigned int run;
    long long allowance;
    if (!PyArg_ParseTuple(args, "IL:begin", &run, &allowance)) {
        return NULL;
    }
    lock_channel(self);
    self->run = run;
    self->allowance = allowance;
    self->used = 0;
    pthread_mutex_unlock(&self->lock);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(channel_send_doc,
"send(kind, parts, last=False)\n"
"--\n"
"\n"
"Send a frame, after the output that waits: its payload is these bytes, one part\n"
"after the other.  last ends the run.");

static int
send_buffers(Channel *self, int kind, Py_buffer *buffers, size_t count, int last)
{
    struct iovec *parts = PyMem_New(struct iovec, count + 1);
    if (parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        parts[i + 1] = (struct iovec){buffers[i].buf, (size_t)buffers[i].len};
        size += (size_t)buffers[i].len;     // each is memory that is there
    }
    int error = 0;
    if (size > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a frame too long");
        error = -1;
    }
    else {
        Py_BEGIN_ALLOW_THREADS
        pthread_mutex_lock(&self->lock);
        error = flush_output(self);
        if (error == 0) {
            error = send_frame(self, kind, parts, count + 1, size);
        }
        if (last) {
            self->run = 0;
        }
        pthread_mutex_unlock(&self->lock);
        Py_END_ALLOW_THREADS
        if (error != 0) {
            errno = error;
            PyErr_SetFromErrno(PyExc_OSError);
        }
    }
    PyMem_Free(parts);
    return error == 0 ? 0 : -1;
}

static PyObject *
channel_send(Channel *self, PyObject *args)
{
    int kind, last = 0;
    PyObject *parts;
    if (!PyArg_ParseTuple(args, "iO|p:send", &kind, &parts, &last)) {
        return NULL;
    }
    // A list could change meanwhile.
    parts = PySequence_Tuple(parts);
    if (parts == NULL) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(parts), got = 0;
    Py_buffer *buffers = PyMem_New(Py_buffer, count);
    if (buffers == NULL) {
        PyErr_NoMemory();
    }
    while (buffers != NULL && got < count
           && PyObject_GetBuffer(PyTuple_GET_ITEM(parts, got), &buffers[got],
                                 PyBUF_SIMPLE) == 0)
    {
        got++;
    }
    int result = buffers != NULL && got == count
                 ? send_buffers(self, kind, buffers, (size_t)count, last) : -1;
    while (got > 0) {
        PyBuffer_Release(&buffers[--got]);
    }
    PyMem_Free(buffers);
    Py_DECREF(parts);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(channel_write_doc,
"write(stream, data)\n"
"--\n"
"\n"
"Output of a stream, a small number.  It is sent in a few milliseconds; what goes\n"
"beyond the run's allowance is dropped.");

static PyObject *
channel_write(Channel *self, PyObject *args)
{
    int stream, error = 0, tell_thread = 0;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "iy*:write", &stream, &data)) {
        return NULL;
    }
    size_t size = (size_t)data.len;
    lock_channel(self);
    if (self->run == 0) {
        size = 0;
    }
    else if (self->allowance >= 0) {
        if ((long long)size > self->allowance) {
            size = (size_t)self->allowance;
        }
        self->allowance -= (long long)size;
    }
    if (size > 0 && size <= OUTPUT_ROOM - self->used
        && (self->used == 0 || self->stream == stream))
    {
        if (self->used == 0) {
            clock_gettime(CLOCK_MONOTONIC, &self->since);
        }
        self->stream = (unsigned char)stream;
        memcpy(self->output + 1 + self->used, data.buf, size);
        self->used += size;
    }
    else if (size > 0) {
        Py_BEGIN_ALLOW_THREADS
        error = send_output(self, stream, data.buf, size);
        Py_END_ALLOW_THREADS
        clock_gettime(CLOCK_MONOTONIC, &self->since);
    }
    if (self->used > 0 && !self->waiting) {
        self->waiting = tell_thread = 1;
    }
    pthread_mutex_unlock(&self->lock);
    if (tell_thread) {
        tell(self->told);
    }
    PyBuffer_Release(&data);
    return result_of(error);
}

static int
read_failed(int error)
{
    if (error == 0) {
        return 0;
    }
    if (error < 0) {
        PyErr_SetString(PyExc_EOFError, "the supervisor is gone");
    }
    else {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return 1;
}

static PyObject *
receive(Channel *self)
{
    unsigned char header[HEADER];
    int error;
    Py_BEGIN_ALLOW_THREADS
    error = read_bytes(self, (char *)header, HEADER);
    Py_END_ALLOW_THREADS
    if (read_failed(error)) {
        return NULL;
    }
    uint32_t size = 0, run = 0;
    for (int i = 3; i >= 0; i--) {
        size = (size << 8) | header[i];
        run = (run << 8) | header[8 + i];
    }
    PyObject *payload = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (payload == NULL) {
        return NULL;
    }
    char *into = PyBytes_AS_STRING(payload);
    Py_BEGIN_ALLOW_THREADS
    error = read_bytes(self, into, size);
    Py_END_ALLOW_THREADS
    if (read_failed(error)) {
        Py_DECREF(payload);
        return NULL;
    }
    return Py_BuildValue("(iIN)", (int)header[5], (unsigned int)run, payload);
}

PyDoc_STRVAR(channel_receive_doc,
"receive()\n"
"--\n"
"\n"
"Wait for a frame: (kind, run, payload).  RuntimeError if another thread waits\n"
"for one.  A signal's handler runs after the frame is there.");

static PyObject *
channel_receive(Channel *self, PyObject *Py_UNUSED(ignored))
{
    // The code in the cell may call this from any thread, and two would run
    // over the end of the buffer.  Not the lock, which is held for as long as
    // the supervisor takes nothing.
    if (_Py_atomic_exchange_int(&self->reading, 1)) {
        PyErr_SetString(PyExc_RuntimeError, "another thread receives");
        return NULL;
    }
    PyObject *frame = receive(self);
    _Py_atomic_store_int(&self->reading, 0);
    return frame;
}

PyDoc_STRVAR(channel_poll_doc,
"poll(timeout)\n"
"--\n"
"\n"
"Wait for a frame or wake(), at most timeout seconds; None: for ever.  True if\n"
"there is a frame to receive.");

static PyObject *
channel_poll(Channel *self, PyObject *arg)
{
    int timeout = -1, ready;
    if (arg != Py_None) {
        double seconds = PyFloat_AsDouble(arg);
        if (seconds == -1.0 && PyErr_Occurred()) {
            return NULL;
        }
        // Rounded up: who wakes too early has to wait again.
        timeout = seconds <= 0 ? 0 : seconds > 1e6 ? 1000000000
                  : (int)(seconds * 1000.0 + 0.999);
    }
    if (!_Py_atomic_load_int(&self->reading) && self->first < self->last) {
        Py_RETURN_TRUE;
    }
    struct pollfd fds[2] = {{self->fd, POLLIN, 0}, {self->woken, POLLIN, 0}};
    Py_BEGIN_ALLOW_THREADS
    ready = poll(fds, 2, timeout);
    Py_END_ALLOW_THREADS
    if (ready < 0 && errno != EINTR) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (ready < 0) {
        fds[0].revents = 0;
    }
    else if (fds[1].revents != 0) {
        drain(self->woken);
    }
    if (PyErr_CheckSignals() < 0) {
        return NULL;
    }
    return PyBool_FromLong(fds[0].revents != 0);
}

PyDoc_STRVAR(channel_wake_doc,
"wake()\n"
"--\n"
"\n"
"Have poll() return, in another thread or at its next call.");

static PyObject *
channel_wake(Channel *self, PyObject *Py_UNUSED(ignored))
{
    tell(self->woken);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(channel_keep_back_doc,
"keep_back(size)\n"
"--\n"
"\n"
"Keep so much of the memory that the process may have; 0 gives it free.  False if\n"
"there is none left.");

static PyObject *
channel_keep_back(Channel *self, PyObject *arg)
{
    Py_ssize_t size = PyLong_AsSsize_t(arg);
    if (size == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (self->kept_back != NULL) {
        munmap(self->kept_back, self->kept_size);
        self->kept_back = NULL;
    }
    if (size > 0) {
        void *memory = mmap(NULL, (size_t)size, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            Py_RETURN_FALSE;
        }
        self->kept_back = memory;
        self->kept_size = (size_t)size;
    }
    Py_RETURN_TRUE;
}

PyDoc_STRVAR(channel_leave_doc,
"leave(status)\n"
"--\n"
"\n"
"End the process at once, after the output that waits.");

static PyObject *
channel_leave(Channel *self, PyObject *arg)
{
    int status = PyLong_AsInt(arg);
    if (status == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!self->leave) {
        PyErr_SetString(PyExc_RuntimeError, "the process is not the cell's alone");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&self->lock);
    (void)flush_output(self);
    _exit(status);
    Py_END_ALLOW_THREADS
}

PyDoc_STRVAR(channel_limit_threads_doc,
"limit_threads(most, call)\n"
"--\n"
"\n"
"Let code start threads until it has most of them, and then only call.  Once said\n"
"it holds.");

static PyObject *
channel_limit_threads(Channel *Py_UNUSED(self), PyObject *args)
{
    Py_ssize_t most;
    PyObject *call;
    if (!PyArg_ParseTuple(args, "nO:limit_threads", &most, &call)
        || _PyRexec_LimitThreads(most, call) < 0)
    {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(channel_interrupts_doc,
"interrupts(fate)\n"
"--\n"
"\n"
"What becomes of interrupts of this thread from now on: 0 if they are dropped, 1 if\n"
"KeyboardInterrupt is raised, 2 if they are kept.  True if one came before and was\n"
"not raised, and now will not be.");

static PyObject *
channel_interrupts(Channel *Py_UNUSED(self), PyObject *arg)
{
    int fate = PyLong_AsInt(arg);
    if (fate == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(_PyRexec_SetInterrupts(fate));
}

static PyMethodDef channel_methods[] = {
    {"begin", (PyCFunction)channel_begin, METH_VARARGS, channel_begin_doc},
    {"send", (PyCFunction)channel_send, METH_VARARGS, channel_send_doc},
    {"write", (PyCFunction)channel_write, METH_VARARGS, channel_write_doc},
    {"receive", (PyCFunction)channel_receive, METH_NOARGS, channel_receive_doc},
    {"poll", (PyCFunction)channel_poll, METH_O, channel_poll_doc},
    {"watch", (PyCFunction)channel_watch, METH_VARARGS, channel_watch_doc},
    {"wake", (PyCFunction)channel_wake, METH_NOARGS, channel_wake_doc},
    {"keep_back", (PyCFunction)channel_keep_back, METH_O, channel_keep_back_doc},
    {"leave", (PyCFunction)channel_leave, METH_O, channel_leave_doc},
    {"limit_threads", (PyCFunction)channel_limit_threads, METH_VARARGS,
     channel_limit_threads_doc},
    {"interrupts", (PyCFunction)channel_interrupts, METH_O, channel_interrupts_doc},
    {NULL, NULL},
};

static PyType_Slot channel_slots[] = {
    {Py_tp_doc, (void *)channel_doc},
    {Py_tp_new, channel_new},
    {Py_tp_dealloc, channel_dealloc},
    {Py_tp_methods, channel_methods},
    {0, NULL},
};

static PyType_Spec channel_spec = {
    .name = "_rexec.Channel",
    .basicsize = sizeof(Channel),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = channel_slots,
};

/* ---- interpreter cells ------------------------------------------------------- */

/* The number of an interpreter that may be a cell; -1 with an exception if it is none. */
static long long
cell_id(PyObject *arg)
{
    long long id = PyLong_AsLongLong(arg);
    if (id <= 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "the main interpreter is no cell");
    }
    return id <= 0 ? -1 : id;
}

PyDoc_STRVAR(doom_doc,
"doom(interpreter)\n"
"--\n"
"\n"
"Have all Python code that runs in another interpreter, by its number, end: from\n"
"now on each loop and each call raises SystemExit.");

static PyObject *
rexec_doom(PyObject *Py_UNUSED(module), PyObject *arg)
{
    long long id = cell_id(arg);
    if (id < 0) {
        return NULL;
    }
    _PyRexec_Doom(id);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(interrupt_doc,
"interrupt(interpreter)\n"
"--\n"
"\n"
"Raise KeyboardInterrupt in the code that runs in another interpreter.");

static PyObject *
rexec_interrupt(PyObject *Py_UNUSED(module), PyObject *arg)
{
    long long id = cell_id(arg);
    if (id < 0) {
        return NULL;
    }
    _PyRexec_Interrupt(id);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(mailboxes_doc,
"mailboxes(interpreter)\n"
"--\n"
"\n"
"The queues and channels that code in an interpreter made, and in those that it\n"
"made: (numbers of queues, numbers of channels).");

static PyObject *
rexec_mailboxes(PyObject *Py_UNUSED(module), PyObject *arg)
{
    long long id = cell_id(arg);
    return id < 0 ? NULL : _PyLockdown_MailboxesOf(id);
}

static PyMethodDef rexec_methods[] = {
    {"doom", rexec_doom, METH_O, doom_doc},
    {"interrupt", rexec_interrupt, METH_O, interrupt_doc},
    {"mailboxes", rexec_mailboxes, METH_O, mailboxes_doc},
    {NULL, NULL},
};

static int
rexec_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &channel_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return result;
}

#else  /* no cells on this system */

static PyMethodDef rexec_methods[] = {
    {NULL, NULL},
};

static int
rexec_exec(PyObject *Py_UNUSED(module))
{
    PyErr_SetString(PyExc_ImportError, "cells need Linux");
    return -1;
}

#endif

static PyModuleDef_Slot rexec_slots[] = {
    {Py_mod_exec, rexec_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

PyDoc_STRVAR(rexec_doc,
"The cell's end of the channel to its supervisor; see the package rexec.");

static struct PyModuleDef rexec_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_rexec",
    .m_doc = rexec_doc,
    .m_methods = rexec_methods,
    .m_slots = rexec_slots,
};

PyMODINIT_FUNC
PyInit__rexec(void)
{
    return PyModuleDef_Init(&rexec_module);
}

