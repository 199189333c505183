/* Lockdown: the kernel ring, behind which is one file for each system. */

#ifndef Py_INTERNAL_LOCKDOWN_RING_H
#define Py_INTERNAL_LOCKDOWN_RING_H

#ifndef Py_BUILD_CORE
#  error "this header requires Py_BUILD_CORE define"
#endif

#include <stddef.h>
#include <stdint.h>

#include "cpython/lockdown.h"       // Py_LOCKDOWN_FS_READ

/* Which file has the ring: each guards itself by its macro.  One for
   sandbox_init(), pledge() or Capsicum would add a line here. */
#if defined(__linux__) \
    && ((defined(__x86_64__) && defined(__LP64__)) \
        || (defined(__aarch64__) && defined(__AARCH64EL__)))
#  define LOCKDOWN_RING_LINUX
#else
#  define LOCKDOWN_RING_NONE
#endif

/* The levels.  Each has what those before it have.  lockdownlib.rst tells what
   they mean; "require" needs LOCKDOWN_LEVEL_FILES. */
#define LOCKDOWN_LEVEL_NONE    0    // nothing is refused by the kernel
#define LOCKDOWN_LEVEL_PARTIAL 1    // what no program of a user's needs
#define LOCKDOWN_LEVEL_CALLS   2    // all system calls but those on the list
#define LOCKDOWN_LEVEL_FILES   3    // files once more, by their paths
#define LOCKDOWN_LEVEL_SCOPES  4    // TCP, devices, other processes once more
#define LOCKDOWN_LEVEL_REQUIRED LOCKDOWN_LEVEL_FILES

/* What is made ready before anything changes, and then put up. */
struct _PyLockdown_ring;

/* Find out what the kernel has and make it ready, for a process that keeps
   these rights.  Changes nothing that can be seen.  Returns 0, with NULL in
   `ring` if there is nothing to put up, or -1 with an exception if `kernel`
   requires what cannot be had. */
extern int _PyLockdown_PrepareRing(uint32_t keep, int kernel, int processors,
                                   struct _PyLockdown_ring **ring);

/* Put it up, over all threads, and note the level in the runtime's state.
   Runs no Python code.  If the kernel does not do what it said, the level is
   lower, or the process ends if it was required. */
extern void _PyLockdown_ApplyRing(struct _PyLockdown_ring *ring);

/* For a process whose forks put up a ring each: try it here, once for all of them.
   Returns -1 with an exception if memory is short. */
extern int _PyLockdown_TryForForks(void);

extern void _PyLockdown_FreeRing(struct _PyLockdown_ring *ring);

#ifdef LOCKDOWN_RING_LINUX

/* lockdown_linux_filter.c */
struct sock_filter;

typedef struct {
    uint32_t keep;          // rights, for the groups of the table
    uint32_t self;          // the process's id
    int partial;            // refuse only what no program of a user's needs
    int executable;         // memory may be made executable
    int trap;               // the witness: a signal instead of an error
} _PyLockdown_filter;

#define LOCKDOWN_FILTER_ROOM 1024

/* Write the filter's program.  Returns its length, or 0 if it has no room. */
extern size_t _PyLockdown_BuildFilter(const _PyLockdown_filter *wanted,
                                      struct sock_filter *code, size_t room);

/* The flags with which filters are put up. */
#define LOCKDOWN_FILTER_SYNC       1    // SECCOMP_FILTER_FLAG_TSYNC
#define LOCKDOWN_FILTER_SPEC_ALLOW 4    // SECCOMP_FILTER_FLAG_SPEC_ALLOW

/* lockdown_linux_before.c */
/* Is this the process's only thread, as the kernel sees it? */
extern int _PyLockdown_IsOnlyThread(void);
/* Have all threads the same filters?  -1 if it cannot be told. */
extern int _PyLockdown_ThreadsAgree(void);
/* What the process has that a ring with these rights kept would not hold, as a text
   for the error; NULL if there is nothing. */
extern const char *_PyLockdown_FindBefore(uint32_t keep);

/* lockdown_linux_landlock.c */
#include <sys/syscall.h>            // SYS_landlock_create_ruleset

/* Landlock's versions, by what each was the first to have. */
enum { LANDLOCK_FILES = 1, LANDLOCK_REFER = 2, LANDLOCK_TRUNCATE = 3, LANDLOCK_TCP = 4,
       LANDLOCK_DEVICES = 5, LANDLOCK_SCOPES = 6, LANDLOCK_SYNC = 8 };

// Numbers that Debian 12's headers, or those of other C libraries, may lack.
#ifndef SYS_landlock_create_ruleset
#  define SYS_landlock_create_ruleset 444
#  define SYS_landlock_add_rule 445
#  define SYS_landlock_restrict_self 446
#endif

extern int _PyLockdown_MakeRuleset(uint32_t keep, int abi, int *ruleset);

/* lockdown_linux_library.c */
/* Have the C library look up what it keeps: in files, at first use. */
extern void _PyLockdown_WarmUp(void);
/* Load the libraries that tell names of users and hosts: code is loaded only while
   "import" is kept. */
extern void _PyLockdown_LoadNameServices(void);
/* The same for what changes how the process works; at the lock itself.  Returns
   an errno.  The allocator is to make no more than this many arenas. */
extern int _PyLockdown_HoldLibrary(int arenas);

#ifdef LOCKDOWN_MUTANT
/* Programs/lockdown_witness.c, in python-mutant only. */
extern int _PyLockdown_PrepareWitness(void);
extern const char *_PyLockdown_CallName(int number);
#endif

#endif /* LOCKDOWN_RING_LINUX */
#endif /* !Py_INTERNAL_LOCKDOWN_RING_H */
