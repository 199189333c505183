/* Lockdown: what a process may have from before that the kernel ring on Linux does
   not hold, found out before it is put up: other threads, processes that share its
   memory, memory that is code and can be written, and an io_uring. */

#include "Python.h"
#include "pycore_lockdown_ring.h"

#ifdef LOCKDOWN_RING_LINUX

#include <dirent.h>               // opendir()
#include <errno.h>
#include <sched.h>                // CLONE_VM
#include <stdio.h>                // fopen()
#include <sys/personality.h>      // READ_IMPLIES_EXEC
#include <sys/stat.h>             // stat()
#include <sys/syscall.h>          // syscall()
#include <unistd.h>               // readlinkat()

#define ASK_PERSONALITY 0xFFFFFFFF

/* ---- threads ------------------------------------------------------------------ */

/* Is this the process's only thread, the kernel's view?  Where it cannot be
   told there may be more. */
int
_PyLockdown_IsOnlyThread(void)
{
    // Asks for nothing but what it is: fails if there is another thread.
    if (syscall(SYS_unshare, CLONE_THREAD) == 0) {
        return 1;
    }
    if (errno == EINVAL) {
        return 0;
    }
    // A container's own filter may not let that through.
    struct stat status;
    return stat("/proc/self/task", &status) == 0 && status.st_nlink == 3;
}

/* The number behind a word of a status file of /proc, or -1. */
static long
status_of(const char *path, const char *word)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return -1;
    }
    char line[256];
    long number = -1;
    while (number < 0 && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, word, strlen(word)) == 0) {
            number = strtol(line + strlen(word), NULL, 10);
        }
    }
    fclose(file);
    return number;
}

/* The kernel puts one filter over all threads only if none has one of its own.
   Returns 1 if so, 0 if not, -1 if it cannot be told. */
int
_PyLockdown_ThreadsAgree(void)
{
    static const char word[] = "Seccomp_filters:";
    long own = status_of("/proc/thread-self/status", word);
    DIR *folder = own >= 0 ? opendir("/proc/self/task") : NULL;
    if (folder == NULL) {
        return -1;
    }
    int agree = 1;
    struct dirent *entry;
    while (agree == 1 && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[64 + sizeof(entry->d_name)];
        PyOS_snprintf(path, sizeof(path), "/proc/self/task/%s/status",
                      entry->d_name);
        long other = status_of(path, word);
        // A thread that has ended meanwhile has no file.
        if (other >= 0 && other != own) {
            agree = 0;
        }
    }
    closedir(folder);
    return agree;
}

/* Does a process that is no thread of this one share its memory?  Told only where
   there is one thread, and no sandbox that forbids to ask. */
static int
shares_memory(void)
{
    // Asks for nothing but what it is.  Of a thread that has just ended the kernel
    // may still hold something.
    for (int i = 0; i < 100; i++) {
        if (!_PyLockdown_IsOnlyThread() || syscall(SYS_unshare, CLONE_VM) == 0
            || errno != EINVAL)
        {
            return 0;
        }
        sched_yield();
    }
    return 1;
}

/* ---- memory and descriptors -------------------------------------------------------- */

#define IO_URING "anon_inode:[io_uring]"

/* What is mapped: memory that can be written and run, and rings.  Returns -1 if it
   cannot be told. */
static int
look_at_maps(int *code, int *ring)
{
    FILE *file = fopen("/proc/self/maps", "re");
    if (file == NULL) {
        return -1;
    }
    // A line begins with two addresses, and then what may be done: "rwxp".  Of one
    // that is longer than this the path is of no interest.
    char line[256];
    int begins = 1;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *may = begins ? strchr(line, ' ') : NULL;
        // What others may share may be written by another map of the same.
        if (may != NULL && may[1] != '\0' && may[2] != '\0' && may[3] == 'x'
            && (may[2] == 'w' || may[4] == 's'))
        {
            *code = 1;
        }
        if (begins && strstr(line, IO_URING) != NULL) {
            *ring = 1;
        }
        begins = strchr(line, '\n') != NULL;
    }
    int failed = ferror(file);
    fclose(file);
    return failed ? -1 : 0;
}

/* The same of descriptors. */
static int
look_at_descriptors(int *ring)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return -1;
    }
    struct dirent *entry;
    while (!*ring && (entry = readdir(folder)) != NULL) {
        char text[sizeof(IO_URING)];
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, text, sizeof(text));
        *ring = length == sizeof(IO_URING) - 1
                && memcmp(text, IO_URING, sizeof(IO_URING) - 1) == 0;
    }
    closedir(folder);
    return 0;
}

const char *
_PyLockdown_FindBefore(uint32_t keep)
{
    int code = 0, ring = 0;
    int told = look_at_maps(&code, &ring) == 0 && look_at_descriptors(&ring) == 0;
    if (ring) {
        return "the process has an io_uring, by which files are opened past the filter";
    }
    if (shares_memory()) {
        return "another process shares this one's memory";
    }
    if (keep & Py_LOCKDOWN_CODE) {
        return NULL;        // memory may be made executable, that is what was kept
    }
    // In a process of that personality all memory that can be read is code.  A sandbox
    // may forbid to ask: then a map from then on is found below.
    int persona = personality(ASK_PERSONALITY);
    if (persona != -1 && (persona & READ_IMPLIES_EXEC) != 0) {
        return "all memory of this process is executable (READ_IMPLIES_EXEC)";
    }
    if (code) {
        return "some memory is both writable and executable, as a callback of ctypes "
               "may need it; lock before such is made";
    }
    return told ? NULL
           : "without /proc it cannot be told whether memory is both writable and "
             "executable";
}

#endif /* LOCKDOWN_RING_LINUX */
