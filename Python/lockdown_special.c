/* Lockdown: what is in the file system and is no file.  A kept fs.read or fs.write
   is for files and folders: not for a file system that is the kernel talking
   (/proc has the process's memory, its environment and its descriptors, /sys the
   machine), nor for a device.  Those need fs.special.

   Where a path leads cannot be seen from its end: /proc/self/fd/3 leads to any file
   that the process holds.  So a path is walked here, name by name, each judged on
   a descriptor that holds it, and what is done is done to what was judged: another
   thread that swaps a link meanwhile changes nothing. */

#include "Python.h"
#include "pycore_lockdown.h"

#ifdef __linux__

#include <dirent.h>               // fdopendir()
#include <errno.h>
#include <fcntl.h>                // openat()
#include <limits.h>               // PATH_MAX
#include <stdio.h>                // fdopen()
#include <sys/stat.h>             // fstat()
#include <sys/sysmacros.h>        // major()
#include <sys/vfs.h>              // fstatfs()
#include <unistd.h>               // readlinkat()

#ifndef O_TMPFILE
#  define O_TMPFILE 0
#endif

/* As many links as the kernel follows in one path. */
#define MOST_LINKS 40

/* ---- judging ------------------------------------------------------------------- */

/* File systems of the kernel's own, whatever they say of their size: proc, sysfs,
   cgroup and cgroup2, debugfs, tracefs, securityfs, devpts, bpf, configfs, mqueue,
   efivarfs, selinuxfs, binderfs, nsfs, pidfs. */
static const uint32_t special_systems[] = {
    0x00009FA0, 0x62656572, 0x0027E0EB, 0x63677270, 0x64626720, 0x74726163,
    0x73636673, 0x00001CD1, 0xCAFE4A11, 0x62656570, 0x19800202, 0xDE5E81E4,
    0xF97CFF8C, 0x6C6F6F70, 0x6E736673, 0x50494446,
};

/* File systems of files that may say that they have no room: tmpfs, ramfs, FUSE,
   9P, overlayfs, autofs, NFS, the three of SMB, AFS, vboxsf, ecryptfs. */
static const uint32_t systems_of_files[] = {
    0x01021994, 0x858458F6, 0x65735546, 0x01021997, 0x794C7630, 0x00000187,
    0x00006969, 0x0000517B, 0xFF534D42, 0xFE534D42, 0x5346414F, 0x786F4256,
    0x0000F15F,
};

static int
is_among(uint32_t system, const uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == system) {
            return 1;
        }
    }
    return 0;
}

/* What lies in this file system: files?  One that nobody has listed has them if it
   has room for them: the kernel's own have none. */
static int
is_special_system(const struct statfs *system)
{
    uint32_t magic = (uint32_t)system->f_type;
    if (is_among(magic, special_systems, Py_ARRAY_LENGTH(special_systems))) {
        return 1;
    }
    return system->f_blocks == 0
           && !is_among(magic, systems_of_files, Py_ARRAY_LENGTH(systems_of_files));
}

/* Of devices those that are the same everywhere and tell nothing: null, zero, full,
   random, urandom. */
static int
is_special_node(const struct stat *status)
{
    if (S_ISBLK(status->st_mode)) {
        return 1;
    }
    if (!S_ISCHR(status->st_mode)) {
        return 0;
    }
    unsigned int number = minor(status->st_rdev);
    return major(status->st_rdev) != 1
           || !(number == 3 || number == 5 || (number >= 7 && number <= 9));
}

/* What a descriptor leads to: 0, _PyLockdown_SPECIAL, or -1 with errno set.
   `system` is that of what was judged before: one is asked once. */
static int
judge(int fd, struct stat *status, const dev_t *system)
{
    if (fstat(fd, status) < 0) {
        return -1;
    }
    if (system != NULL && status->st_dev == *system) {
        return 0;
    }
    struct statfs found;
    if (fstatfs(fd, &found) < 0) {
        return -1;
    }
    return is_special_system(&found) ? _PyLockdown_SPECIAL : 0;
}

/* For the kernel ring: is this descriptor of what is no file?  If it cannot be told
   it is. */
int
_PyLockdown_IsSpecial(int fd)
{
    struct stat status;
    return judge(fd, &status, NULL) != 0 || is_special_node(&status);
}

/* ---- walking ------------------------------------------------------------------- */

#define FOLLOWS  _PyLockdown_FOLLOWS
#define MAY_MISS _PyLockdown_MAY_MISS

/* Where a path leads.  `name` is one of `folder`, and no link if links are to be
   followed; `object` is what it was when it was judged, -1 if there was nothing. */
struct place {
    int folder;
    int object;
    struct stat status;             // of `object`
    const char *name;
    char room[2][PATH_MAX];         // in one of them `name` lies
};

static void
close_keeping_errno(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
        *fd = -1;
    }
}

static void
leave(struct place *place)
{
    close_keeping_errno(&place->object);
    close_keeping_errno(&place->folder);
}

static int
open_path(int folder, const char *name, int flags)
{
    return openat(folder, name, O_PATH | O_CLOEXEC | flags);
}

/* Begin at this folder instead of where we are. */
static int
begin(struct place *place, int dir_fd, const char *name, struct stat *status)
{
    leave(place);
    place->folder = open_path(dir_fd, name, O_DIRECTORY);
    return place->folder < 0 ? -1 : judge(place->folder, status, NULL);
}

/* The names of a link's text, and then `rest`, in the other room. */
static int
read_link(struct place *place, char **rest, int slash)
{
    char *other = place->room[*rest - place->room[0] < PATH_MAX];
    ssize_t length = readlinkat(place->object, "", other, PATH_MAX);
    if (length <= 0) {
        errno = length == 0 ? ENOENT : errno;
        return -1;
    }
    size_t left = strlen(*rest);
    if ((size_t)length + (left > 0 || slash) + left >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (left > 0 || slash) {
        other[length++] = '/';
    }
    memcpy(other + length, *rest, left + 1);
    *rest = other;
    return 0;
}

/* Walk a path.  Returns 0, _PyLockdown_SPECIAL, or -1 with errno set; in each case
   the place has to be left. */
static int
walk(struct place *place, int dir_fd, const char *path, int how)
{
    place->folder = place->object = -1;
    size_t length = strlen(path);
    if (length == 0 || length >= PATH_MAX) {
        errno = length == 0 ? ENOENT : ENAMETOOLONG;
        return -1;
    }
    char *rest = memcpy(place->room[0], path, length + 1);
    struct stat folder;
    int result = *rest == '/' ? begin(place, AT_FDCWD, "/", &folder)
                              : begin(place, dir_fd, ".", &folder);
    for (int links = 0; result == 0;) {
        while (*rest == '/') {
            rest++;
        }
        char *name = rest;
        rest += strcspn(rest, "/");
        int slash = *rest == '/';
        int more = rest[strspn(rest, "/")] != '\0';
        if (slash) {
            *rest++ = '\0';
        }
        if (*name == '\0') {
            name = ".";             // nothing but slashes, after "/" or a link
        }
        // A folder is asked for as such, so that what is mounted on demand is.
        int flags = O_NOFOLLOW;
        place->object = open_path(place->folder, name,
                                  more ? O_DIRECTORY | flags : flags);
        if (place->object < 0 && more && (errno == ENOTDIR || errno == ELOOP)) {
            place->object = open_path(place->folder, name, flags);
        }
        if (place->object < 0) {
            if (errno != ENOENT || more || !(how & MAY_MISS)) {
                return -1;
            }
            if (slash) {
                rest[-1] = '/';
                rest[0] = '\0';
            }
            place->name = name;
            return 0;
        }
        result = judge(place->object, &place->status, &folder.st_dev);
        if (result != 0) {
            return result;
        }
        int is_folder = S_ISDIR(place->status.st_mode);
        if (S_ISLNK(place->status.st_mode)
            && (more || slash || (how & FOLLOWS)))
        {
            // Whether a link may be followed is the kernel's to say: it looks at
            // whose it is (protected_symlinks) and at how it is mounted.
            int end = open_path(place->folder, name, 0);
            if (++links > MOST_LINKS
                || (end < 0 && (errno == EACCES || errno == ELOOP)))
            {
                errno = links > MOST_LINKS ? ELOOP : errno;
                return -1;
            }
            close_keeping_errno(&end);
            if (read_link(place, &rest, slash) < 0) {
                return -1;
            }
            close_keeping_errno(&place->object);
            if (*rest == '/') {
                result = begin(place, AT_FDCWD, "/", &folder);
            }
            continue;
        }
        if ((more || slash) && !is_folder) {
            errno = ENOTDIR;
            return -1;
        }
        if (!more) {
            place->name = name;
            return 0;
        }
        close_keeping_errno(&place->folder);
        place->folder = place->object;
        place->object = -1;
        folder = place->status;
    }
    return result;
}

/* ---- opening --------------------------------------------------------------------- */

/* Open one place.  What is opened is the name in the folder that was judged, no
   link, and is judged once more: the name may be that of another by now. */
static int
open_place(struct place *place, int flags, mode_t mode)
{
    if (place->object >= 0 && is_special_node(&place->status)) {
        return _PyLockdown_SPECIAL;
    }
    int fd = openat(place->folder, place->name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return -1;
    }
    struct stat status;
    int result = judge(fd, &status, NULL);
    if (result == 0 && is_special_node(&status)) {
        result = _PyLockdown_SPECIAL;
    }
    if (result != 0) {
        close_keeping_errno(&fd);
        return result;
    }
    return fd;
}

/* openat() for a path that has to be judged: a descriptor that no program which is
   started gets, -1 with errno set, or _PyLockdown_SPECIAL.  Needs no thread state. */
int
_PyLockdown_OpenAt(int dir_fd, const char *path, int flags, unsigned int mode)
{
    int exclusive = (flags & O_CREAT) && (flags & O_EXCL);
    int how = (flags & O_NOFOLLOW) || exclusive ? 0 : FOLLOWS;
    if (flags & O_CREAT) {
        how |= MAY_MISS;
    }
    int fd = -1;
    // A name that has become a link since it was judged is walked again.
    for (int i = 0; i < MOST_LINKS; i++) {
        struct place place;
        fd = walk(&place, dir_fd, path, how);
        int walked = fd == 0;
        if (walked) {
            fd = open_place(&place, flags, (mode_t)mode);
        }
        leave(&place);
        if (fd != -1 || errno != ELOOP || !walked || !(how & FOLLOWS)) {
            break;
        }
    }
    if (fd == _PyLockdown_SPECIAL) {
        errno = EPERM;
    }
    return fd;
}

/* opendir() for such a path; `special` becomes true where it returns NULL for that. */
DIR *
_PyLockdown_OpenFolder(const char *path, int *special)
{
    int fd = _PyLockdown_OpenAt(AT_FDCWD, path,
                                O_RDONLY | O_NONBLOCK | O_DIRECTORY, 0);
    *special = fd == _PyLockdown_SPECIAL;
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (folder == NULL && fd >= 0) {
        close_keeping_errno(&fd);
    }
    return folder;
}

/* fopen() for such a path, the same way. */
FILE *
_PyLockdown_OpenStream(const char *path, const char *mode, int *special)
{
    int plus = strchr(mode, '+') != NULL;
    int flags = plus ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    if (*mode != 'r') {
        flags |= O_CREAT | (*mode == 'a' ? O_APPEND : O_TRUNC);
    }
    if (strchr(mode, 'x') != NULL) {
        flags |= O_EXCL;
    }
    int fd = _PyLockdown_OpenAt(AT_FDCWD, path, flags, 0666);
    *special = fd == _PyLockdown_SPECIAL;
    FILE *stream = fd >= 0 ? fdopen(fd, mode) : NULL;
    if (stream == NULL && fd >= 0) {
        close_keeping_errno(&fd);
    }
    return stream;
}

/* fstatat() for such a path: 0, -1 with errno set, or _PyLockdown_SPECIAL. */
int
_PyLockdown_StatAt(int dir_fd, const char *path, struct stat *status, int flags)
{
    struct place place;
    int result = walk(&place, dir_fd, path,
                      flags & AT_SYMLINK_NOFOLLOW ? 0 : FOLLOWS);
    if (result == 0) {
        *status = place.status;
    }
    leave(&place);
    return result;
}

/* ---- calls that take a path ---------------------------------------------------------- */

/* By this name the kernel leads to a descriptor of the calling thread: a path that
   nothing can change under a call. */
#define DESCRIPTORS "/proc/thread-self/fd"

/* What a call holds while it uses the path: freed with the path_t. */
struct held {
    int fd;
    PyObject *before;       // what was to be freed with it
    char path[sizeof(DESCRIPTORS) + 2 * sizeof("/2147483647") + NAME_MAX + 1];
};

#define HELD "lockdown.held"

static void
free_held(PyObject *capsule)
{
    struct held *held = PyCapsule_GetPointer(capsule, HELD);
    close_keeping_errno(&held->fd);
    Py_XDECREF(held->before);
    PyMem_RawFree(held);
}

/* Put a name of the place, which stays the same, into `held`. */
static int
name_place(struct held *held, struct place *place, int how)
{
    held->fd = -1;
    struct statfs system;
    if (statfs(DESCRIPTORS, &system) < 0
        || (uint32_t)system.f_type != special_systems[0])
    {
        return 0;       // no /proc, and so nothing that it leads to
    }
    int *fd = (how & FOLLOWS) && place->object >= 0 ? &place->object
                                                    : &place->folder;
    int length = PyOS_snprintf(held->path, sizeof(held->path),
                               fd == &place->object ? DESCRIPTORS "/%d"
                                                    : DESCRIPTORS "/%d/%s",
                               *fd, place->name);
    if (length < 0 || (size_t)length >= sizeof(held->path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    held->fd = *fd;
    *fd = -1;
    return 0;
}

/* For a row: the right that a call with this path needs, or _PyLockdown_RAISED.  In
   the path's place is another then that leads to what was judged, for as long as
   `cleanup` lives.  The objects are for the error. */
uint32_t
_PyLockdown_RightOfPath(const char *function, const char **path, PyObject **cleanup,
                        int dir_fd, int how, PyObject *object, PyObject *object2)
{
    // The other path of the call may have raised.
    if (*path == NULL || PyErr_Occurred()
        || !_PyLockdown_WouldRefuse(Py_LOCKDOWN_FS_SPECIAL, function))
    {
        return 0;
    }
    struct held *held = PyMem_RawMalloc(sizeof(*held));
    if (held == NULL) {
        PyErr_NoMemory();
        return _PyLockdown_RAISED;
    }
    struct place place;
    int result;
    Py_BEGIN_ALLOW_THREADS
    result = walk(&place, dir_fd, *path, how);
    if (result == 0 && (how & _PyLockdown_NO_DEVICE) && place.object >= 0
        && is_special_node(&place.status))
    {
        result = _PyLockdown_SPECIAL;
    }
    if (result == 0) {
        result = name_place(held, &place, how);
    }
    leave(&place);
    Py_END_ALLOW_THREADS
    uint32_t right = 0;
    if (result == _PyLockdown_SPECIAL) {
        right = Py_LOCKDOWN_FS_SPECIAL;
    }
    else if (result != 0 && (how & _PyLockdown_ASKS)) {
        *path = "";         // which is nowhere
    }
    else if (result != 0) {
        PyErr_SetFromErrnoWithFilenameObjects(PyExc_OSError, object, object2);
        right = _PyLockdown_RAISED;
    }
    if (result != 0 || held->fd < 0) {
        PyMem_RawFree(held);
        return right;
    }
    PyObject *capsule = PyCapsule_New(held, HELD, free_held);
    if (capsule == NULL) {
        close_keeping_errno(&held->fd);
        PyMem_RawFree(held);
        return _PyLockdown_RAISED;
    }
    held->before = *cleanup;
    *cleanup = capsule;
    *path = held->path;
    return 0;
}

/* For a call that has a library open a file: it looks by itself again, so that this
   one is not held. */
uint32_t
_PyLockdown_RightOfFile(const char *function, const char *path, const char *suffix)
{
    if (!_PyLockdown_WouldRefuse(Py_LOCKDOWN_FS_SPECIAL, function)) {
        return 0;
    }
    char whole[PATH_MAX];
    int length = PyOS_snprintf(whole, sizeof(whole), "%s%s", path, suffix);
    if (length < 0 || (size_t)length >= sizeof(whole)) {
        return 0;           // nor does the library get there
    }
    struct place place;
    int result;
    Py_BEGIN_ALLOW_THREADS
    result = walk(&place, AT_FDCWD, whole, FOLLOWS | MAY_MISS);
    if (result == 0 && place.object >= 0 && is_special_node(&place.status)) {
        result = _PyLockdown_SPECIAL;
    }
    leave(&place);
    Py_END_ALLOW_THREADS
    // Any other error is the library's to find.
    return result == _PyLockdown_SPECIAL ? Py_LOCKDOWN_FS_SPECIAL : 0;
}

#endif /* __linux__ */
