/* Lockdown: its state in the runtime and in each interpreter. */

#ifndef Py_INTERNAL_LOCKDOWN_STATE_H
#define Py_INTERNAL_LOCKDOWN_STATE_H

#ifndef Py_BUILD_CORE
#  error "this header requires Py_BUILD_CORE define"
#endif

#include <stdint.h>

/* lockdown_numbers.c: the descriptors that locked code made. */
struct _lockdown_number {
    int fd;
    int state;
};

struct _lockdown_numbers {
    PyMutex mutex;
    int length;
    struct _lockdown_number *items;
    int has_dead_end;
    int dead_end;
};

/* lockdown_family.c: the queues and channels that locked code made. */
struct _lockdown_mailbox {
    int kind;
    int64_t id;
    int64_t family;
};

struct _lockdown_mailboxes {
    PyMutex mutex;
    size_t length, allocated;
    struct _lockdown_mailbox *items;
};

/* Kept in _PyRuntime.  The words only ever gain bits. */
struct _lockdown_runtime_state {
    /* The union of all words of this process, and the only thing that a guard
       reads while nothing is locked. */
    uint32_t refused_anywhere;
    /* The process's word: what every interpreter is refused. */
    uint32_t refused;

    /* The kernel ring's level, and the rights that it leaves open. */
    int kernel;
    uint32_t kernel_keep;
    /* Its list of calls stands, and its hold of files: also at a level below these. */
    int kernel_calls;
    int kernel_files;
    /* The kernel does all of it, as this process or one that it is a fork of tried. */
    int ring_tried;

    /* OpenSSL has read its configuration: it does so once in a process. */
    int openssl_settled;
    /* The main interpreter owns the types of _datetime. */
    int static_types_ready;

    /* The keys below are drawn once, before the first object is hashed. */
    int has_keys;
    /* The process was started to be locked, so hashes tell nothing at all. */
    int born_locked;
    /* Added to an address before it is hashed; odd if born locked, and then one
       half of the hash's key. */
    uintptr_t hash_secret;
    /* The other half, of the hash of a process born to be locked. */
    uint64_t hash_key;
    /* The round keys of the cipher under which addresses are shown: 27 for
       pointers of 64 bits, 22 for those of 32. */
    uint32_t address_keys[27];

    struct _lockdown_mailboxes mailboxes;

    /* What the command line and the environment ask for. */
    struct {
        int wanted;       /* lock before the program runs */
        int armed;        /* the next code object to be run is the program */
        int entered;      /* done */
        uint32_t keep;
    } start;
};

/* Kept in each PyInterpreterState. */
struct _lockdown_interp_state {
    /* The interpreter's word: what it is refused beyond the process's. */
    uint32_t refused;
    /* The numbers of threads that Python code keeps are the shown ones. */
    int renumbered;

    /* A scrub has taken what any lock would, also what could have stayed for the
       sake of a right. */
    int scrubbed_whole;
    /* So are those of functions of C. */
    int functions_shown;
    /* LockdownError and its two subclasses. */
    PyObject *error;
    PyObject *permission_error;
    PyObject *import_error;
    /* A list of the dicts that hold the environment, to be emptied. */
    PyObject *environs;
    /* What is shown instead of a path, and the first code version that is
       younger than the lock: code objects below it do not tell their file. */
    PyObject *hidden_path;
    uint32_t young_code;
    /* One of its standard streams is being opened: nothing is refused meanwhile. */
    int opens_stream;
    /* An interpreter cell's interrupts (Python/rexec.c): the thread that they are
       for, what becomes of one, and whether one waits.  Under HEAD_LOCK(). */
    PyThreadState *interrupted_thread;
    int interrupts;
    int is_interrupted;
    /* It was told to end. */
    int is_doomed;
    /* Who made it, if that one was locked: an interpreter's id and 1; or 0. */
    int64_t maker;
    /* The first of those who made one another while locked; an id and 1. */
    int64_t family;
    struct _lockdown_numbers numbers;
    /* The collector is at it: what it has found may be cleared by now. */
    int clears_garbage;
    /* The text of the program that is being read, for tracebacks; or NULL. */
    PyObject *program_text;
};

#endif /* !Py_INTERNAL_LOCKDOWN_STATE_H */
