/* A cell's end of the channel to its supervisor: frames, output that waits, and the thread
   that looks after both.  Included by _rexec.c only; nothing here needs the GIL. */

#define VERSION 1
#define HEADER 12
#define KIND_OUTPUT 1
/* The most output that waits, and how long for. */
#define OUTPUT_ROOM 8192
#define OUTPUT_MS 4
#define READ_ROOM (64 << 10)
/* The thread calls nothing that needs much of a stack. */
#define THREAD_STACK (64 << 10)

typedef struct {
    PyObject_HEAD
    int fd;
    int leave;                    /* the process ends with the channel */
    int threaded;                 /* the thread runs */
    pthread_t thread;
    int told;                     /* eventfd: the thread is to look */
    int woken;                    /* eventfd: who waits in poll() is to look */

    /* What follows is of who holds the lock. */
    pthread_mutex_t lock;
    uint32_t run;                 /* 0: none, and output goes nowhere */
    int closing;                  /* the object goes away */
    long long allowance;          /* bytes of output that the run has left; -1: any */
    int waiting;                  /* the thread knows that there is output */
    unsigned char stream;         /* whose output it is */
    struct timespec since;        /* when its first byte came */
    size_t used;
    char output[1 + OUTPUT_ROOM];

    int reading;                  /* somebody reads a frame */

    /* Of the one who reads. */
    size_t first, last;
    char *input;                  /* READ_ROOM bytes; pages of it that nobody uses cost nothing */

    void *kept_back;
    size_t kept_size;
} Channel;

static void
put_header(unsigned char *header, size_t size, int kind, uint32_t run)
{
    for (int i = 0; i < 4; i++) {
        header[i] = (unsigned char)(size >> (8 * i));
        header[8 + i] = (unsigned char)(run >> (8 * i));
    }
    header[4] = VERSION;
    header[5] = (unsigned char)kind;
    header[6] = header[7] = 0;
}

/* The kernel takes no more at once. */
#define MOST_PARTS 1024

/* Write all of it: parts[0] is for the header.  Signals only interrupt the wait: half
   a frame is none.  Returns an errno, 0 if all is well.  Call it with the lock,
   without the GIL. */
static int
send_frame(Channel *self, int kind, struct iovec *parts, size_t count, size_t size)
{
    unsigned char header[HEADER];
    put_header(header, size, kind, self->run);
    parts[0] = (struct iovec){header, HEADER};
    while (count > 0) {
        ssize_t sent = writev(self->fd, parts, (int)Py_MIN(count, MOST_PARTS));
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        while (count > 0 && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return 0;
}

/* With the lock, without the GIL. */
static int
flush_output(Channel *self)
{
    if (self->used == 0) {
        return 0;
    }
    self->output[0] = (char)self->stream;
    size_t size = 1 + self->used;
    self->used = 0;
    struct iovec parts[2] = {[1] = {self->output, size}};
    return send_frame(self, KIND_OUTPUT, parts, 2, size);
}

/* Output that does not fit in the room goes in frames of its own. */
static int
send_output(Channel *self, int stream, const char *data, size_t size)
{
    static const size_t most = OUTPUT_ROOM;
    int error = flush_output(self);
    self->stream = (unsigned char)stream;
    while (error == 0 && size > 0) {
        size_t now = Py_MIN(size, most);
        memcpy(self->output + 1, data, now);
        self->used = now;
        data += now;
        size -= now;
        if (size > 0 || now == most) {
            error = flush_output(self);
        }
    }
    return error;
}

static int
milliseconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long passed = (long long)(now.tv_sec - then->tv_sec) * 1000
                       + (now.tv_nsec - then->tv_nsec) / 1000000;
    return passed > OUTPUT_MS ? OUTPUT_MS : (int)passed;
}

static void
drain(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof(count)) < 0) {
        // Nothing was there: it is non-blocking.
    }
}

static void
tell(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0) {
        // Full: who is told has plenty to see already.
    }
}

/* The thread.  It needs no GIL, so no Python code can keep it from its work. */
static void *
watch(void *arg)
{
    Channel *self = arg;
    for (;;) {
        int timeout = -1;
        pthread_mutex_lock(&self->lock);
        int closing = self->closing;
        if (self->used > 0) {
            timeout = OUTPUT_MS - milliseconds_since(&self->since);
            if (timeout <= 0) {
                (void)flush_output(self);   // a broken channel is seen below
                timeout = -1;
            }
        }
        self->waiting = self->used > 0;
        pthread_mutex_unlock(&self->lock);
        if (closing) {
            return NULL;
        }
        struct pollfd fds[2] = {{self->fd, POLLRDHUP, 0}, {self->told, POLLIN, 0}};
        if (poll(fds, 2, timeout) < 0) {
            continue;
        }
        if (fds[0].revents != 0) {
            if (self->leave) {
                _exit(0);
            }
            return NULL;
        }
        if (fds[1].revents != 0) {
            drain(self->told);
        }
    }
}

static int
start_thread(Channel *self)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    // No signal is for this thread: Python's handlers want the main one awake.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&self->thread, &attributes, watch, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    self->threaded = 1;
    return 0;
}

/* `size` bytes to `into`: an errno, 0 if all is well, -1 at the end. */
static int
read_bytes(Channel *self, char *into, size_t size)
{
    while (size > 0) {
        size_t there = self->last - self->first;
        if (there > 0) {
            size_t now = Py_MIN(size, there);
            memcpy(into, self->input + self->first, now);
            self->first += now;
            into += now;
            size -= now;
            continue;
        }
        // What is large goes where it is to be at once.
        int direct = size >= READ_ROOM;
        ssize_t got = read(self->fd, direct ? into : self->input,
                           direct ? size : READ_ROOM);
        if (got < 0) {
            if (errno != EINTR) {
                return errno;
            }
        }
        else if (got == 0) {
            return -1;
        }
        else if (direct) {
            into += got;
            size -= (size_t)got;
        }
        else {
            self->first = 0;
            self->last = (size_t)got;
        }
    }
    return 0;
}
