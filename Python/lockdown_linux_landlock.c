/* Lockdown: which files the kernel ring leaves open on Linux, as a Landlock ruleset.

   Landlock holds by paths: what is handled is refused, but beneath those that a
   rule names. */

#include "Python.h"
#include "pycore_lockdown.h"      // _PyLockdown_IsSpecial()
#include "pycore_lockdown_ring.h"
#include "pycore_runtime.h"       // _PyRuntime

#ifdef LOCKDOWN_RING_LINUX

#include <dirent.h>               // opendir()
#include <errno.h>
#include <fcntl.h>                // O_PATH
#include <sys/stat.h>             // fstat()
#include <sys/syscall.h>          // syscall()
#include <unistd.h>

#define RULE_PATH_BENEATH 1

#define FILE_EXECUTE   (UINT64_C(1) << 0)
#define FILE_WRITE     (UINT64_C(1) << 1)
#define FILE_READ      (UINT64_C(1) << 2)
#define FOLDER_READ    (UINT64_C(1) << 3)
#define FOLDER_CHANGES (UINT64_C(0x1FF) << 4)   // removing and making
#define FILE_REFER     (UINT64_C(1) << 13)
#define FILE_TRUNCATE  (UINT64_C(1) << 14)
#define DEVICE_COMMAND (UINT64_C(1) << 15)
#define TCP_BIND       (UINT64_C(1) << 0)
#define TCP_CONNECT    (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL          (UINT64_C(1) << 1)

/* The kernel's structures; an older kernel takes the beginning of them. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

struct path_beneath {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

/* What is held back of each kind; add_rules() lets the kept rights have their paths
   again. */
static void
fill_ruleset(struct ruleset *held, uint32_t keep, int abi)
{
    memset(held, 0, sizeof(*held));
    held->files = FILE_EXECUTE | FILE_WRITE | FILE_READ | FOLDER_READ | FOLDER_CHANGES;
    held->files |= abi >= LANDLOCK_TRUNCATE ? FILE_TRUNCATE : 0;
    // Without a rule no file moves to another folder, whatever is held.
    held->files |= abi >= LANDLOCK_REFER ? FILE_REFER : 0;
    if (!(keep & (Py_LOCKDOWN_ENV | Py_LOCKDOWN_IPC)) && abi >= LANDLOCK_DEVICES) {
        held->files |= DEVICE_COMMAND;
    }
    if (!(keep & Py_LOCKDOWN_NET)) {
        held->net = abi >= LANDLOCK_TCP ? TCP_BIND | TCP_CONNECT : 0;
        held->scoped = abi >= LANDLOCK_SCOPES ? SCOPE_ABSTRACT_SOCKET : 0;
    }
    held->scoped |= abi >= LANDLOCK_SCOPES ? SCOPE_SIGNAL : 0;
}

/* Let a right have what lies beneath a descriptor again. */
static int
allow_beneath_fd(int ruleset, int fd, uint64_t allowed)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode)) {
        allowed &= FILE_READ | FILE_WRITE | FILE_TRUNCATE | DEVICE_COMMAND;
    }
    struct path_beneath rule = {allowed, fd};
    if (allowed != 0
        && syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
    {
        return errno;
    }
    return 0;
}

/* The same by path.  One that is not there needs no rule. */
static int
allow_beneath(int ruleset, const char *path, uint64_t allowed)
{
    int folder = open(path, O_PATH | O_CLOEXEC);
    if (folder < 0) {
        return 0;
    }
    int error = allow_beneath_fd(ruleset, folder, allowed);
    close(folder);
    return error;
}

/* Where names of hosts, users, zones and locales are, and what the C library and
   others count: processors, memory, load.  Not the rest of /run and /var/lib, where
   a superuser finds the secrets of others, and not other processes. */
static const char * const tables_of_the_system[] = {
    "/etc", "/usr", "/etc/resolv.conf", "/run/NetworkManager", "/run/connman",
    "/run/nscd", "/run/resolvconf", "/run/systemd", "/run/utmp", "/var/cache/nscd",
    "/var/db", "/var/lib/extrausers", "/var/lib/misc", "/var/lib/sss",
    "/proc/cpuinfo", "/proc/loadavg", "/proc/meminfo", "/proc/self", "/proc/stat",
    "/proc/sys", "/sys/devices/system",
    "/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero",
};
/* A terminal's name is looked for in a list, if it is told nowhere else. */
static const char folder_of_terminals[] = "/dev";

/* Where shared memory, semaphores and terminals are. */
static const char * const objects_of_the_system[] = {
    "/dev/shm", "/dev/pts", "/dev/ptmx", "/dev/tty",
};

/* What is no file and no secret, as lockdown_special.c has it, and files in memory. */
static const char * const files_among_devices[] = {
    "/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero",
    "/dev/shm",
};

/* Let what is in the root folder be used, but for /dev and what is no file.  What is
   put there later, and what is no file deeper down, only the first ring sees. */
static int
allow_files(int ruleset, uint64_t allowed)
{
    // Where a ring stands that lets no folder be read it has left this out already.
    if (_PyRuntime.lockdown.kernel_files
        && !(_PyRuntime.lockdown.kernel_keep
             & (Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_IMPORT | Py_LOCKDOWN_FS_SPECIAL)))
    {
        return allow_beneath(ruleset, "/", allowed);
    }
    DIR *root = opendir("/");
    if (root == NULL) {
        return errno;
    }
    int error = 0;
    struct dirent *entry;
    while (error == 0 && (entry = readdir(root)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0
            || strcmp(entry->d_name, "dev") == 0)
        {
            continue;
        }
        int fd = openat(dirfd(root), entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;
        if (fd >= 0 && fstat(fd, &status) == 0 && !S_ISLNK(status.st_mode)
            && !_PyLockdown_IsSpecial(fd))
        {
            error = allow_beneath_fd(ruleset, fd, allowed);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    closedir(root);
    for (size_t i = 0; error == 0 && i < Py_ARRAY_LENGTH(files_among_devices); i++) {
        error = allow_beneath(ruleset, files_among_devices[i], allowed);
    }
    return error;
}

static int
add_rules(int ruleset, const struct ruleset *held, uint32_t keep)
{
    // Folders can only be let be with all that is beneath, and the root folder is to
    // be listed: listing what is no file the first ring refuses.
    uint64_t files = 0, folders = 0;
    if (keep & (Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_IMPORT)) {
        files |= FILE_READ;
        folders |= FOLDER_READ;
    }
    if (keep & Py_LOCKDOWN_FS_WRITE) {
        // New files are opened for reading too; the filter tells them apart.
        files |= FILE_READ | FILE_WRITE | FILE_TRUNCATE | FOLDER_CHANGES | FILE_REFER;
    }
    int error = allow_beneath(ruleset, "/", held->files & folders);
    if (error == 0 && (held->files & files) != 0) {
        error = keep & Py_LOCKDOWN_FS_SPECIAL
                ? allow_beneath(ruleset, "/", held->files & files)
                : allow_files(ruleset, held->files & files);
    }
    if (keep & (Py_LOCKDOWN_NET | Py_LOCKDOWN_ENV | Py_LOCKDOWN_IMPORT)) {
        for (size_t i = 0; error == 0
             && i < Py_ARRAY_LENGTH(tables_of_the_system); i++)
        {
            error = allow_beneath(ruleset, tables_of_the_system[i],
                                  FILE_READ | FOLDER_READ);
        }
        if (error == 0) {
            error = allow_beneath(ruleset, folder_of_terminals, FOLDER_READ);
        }
    }
    if (keep & Py_LOCKDOWN_IPC) {
        for (size_t i = 0; error == 0
             && i < Py_ARRAY_LENGTH(objects_of_the_system); i++)
        {
            error = allow_beneath(ruleset, objects_of_the_system[i],
                                  held->files & ~FILE_EXECUTE);
        }
    }
    return error;
}

/* Make the ruleset of a process that keeps these rights.  Returns an errno. */
int
_PyLockdown_MakeRuleset(uint32_t keep, int abi, int *ruleset)
{
    struct ruleset held;
    fill_ruleset(&held, keep, abi);
    size_t size = abi >= LANDLOCK_SCOPES ? sizeof(held)
                  : abi >= LANDLOCK_TCP ? offsetof(struct ruleset, scoped)
                  : offsetof(struct ruleset, net);
    *ruleset = (int)syscall(SYS_landlock_create_ruleset, &held, size, 0);
    int error = *ruleset < 0 ? errno : add_rules(*ruleset, &held, keep);
    if (error != 0 && *ruleset >= 0) {
        close(*ruleset);
        *ruleset = -1;
    }
    return error;
}

#endif /* LOCKDOWN_RING_LINUX */
