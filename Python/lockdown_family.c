/* Lockdown: the interpreters that locked code makes, and what goes from one to
   another.

   An interpreter made by a locked one begins with its creator's refusals and
   without a look at the disk.  Interpreters, queues and channels go by numbers
   that the whole process shares, so locked code may name only its own: the
   interpreters that it made, or that these made, and the queues and channels of
   this family. */

#include "Python.h"
#include "pycore_initconfig.h"    // _PyConfig_InitImportConfig()
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_namespace.h"     // _PyNamespace_New()
#include "pycore_pystate.h"       // _PyInterpreterState_GET()
#include "pycore_runtime.h"       // _PyRuntime

/* ---- the beginning of an interpreter ---------------------------------------- */

static uint32_t
refusals_of(PyInterpreterState *interp)
{
    return _Py_atomic_load_uint32(&_PyRuntime.lockdown.refused)
           | _Py_atomic_load_uint32(&interp->lockdown.refused);
}

/* A new interpreter, which has no object yet; `creator` may be NULL. */
void
_PyLockdown_EnterFamily(PyInterpreterState *interp, PyInterpreterState *creator)
{
    struct _lockdown_interp_state *state = &interp->lockdown;
    state->family = interp->id + 1;
    if (creator == NULL) {
        return;
    }
    state->refused = _Py_atomic_load_uint32(&creator->lockdown.refused);
    // What was made before the lock is the host's.
    if (refusals_of(creator) & Py_LOCKDOWN_RUNTIME) {
        state->maker = creator->id + 1;
        state->family = creator->lockdown.family ? creator->lockdown.family
                                                 : creator->id + 1;
    }
}

/* Where a new interpreter finds its modules.  When nothing can be read it is not
   asked where they might be: they are inside the binary. */
PyStatus
_PyLockdown_InitImportConfig(PyInterpreterState *interp)
{
    PyConfig *config = &interp->config;
    uint32_t refused = refusals_of(interp);
    if (_Py_IsMainInterpreter(interp)
        || (refused & (Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_IMPORT)) == 0)
    {
        return _PyConfig_InitImportConfig(config);
    }
    _PyWideStringList_Clear(&config->module_search_paths);
    config->module_search_paths_set = 1;
    config->site_import = 0;
    PyMem_RawFree(config->sys_path_0);
    config->sys_path_0 = NULL;
    if ((refused & Py_LOCKDOWN_ENV) == 0) {
        return _PyStatus_OK();
    }
    // Where the program lies and how it was called.
    wchar_t **paths[] = {
        &config->executable, &config->base_executable, &config->prefix,
        &config->base_prefix, &config->exec_prefix, &config->base_exec_prefix,
        &config->program_name, &config->home, &config->stdlib_dir,
        &config->pythonpath_env, &config->pycache_prefix, &config->run_filename,
        &config->run_command, &config->run_module,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(paths); i++) {
        if (*paths[i] != NULL) {
            (*paths[i])[0] = L'\0';
        }
    }
    PyMem_RawFree(config->pycache_prefix);
    config->pycache_prefix = NULL;
    _PyWideStringList_Clear(&config->orig_argv);
    _PyWideStringList_Clear(&config->argv);
    return PyWideStringList_Append(&config->argv, L"");
}

/* An interpreter that shares memory or classes with its creator could break it,
   and daemon threads are something that the end of an interpreter may not meet:
   true, and an exception, unless it is kept apart from others. */
int
_PyLockdown_RefuseConfig(const PyInterpreterConfig *config)
{
    int apart = !config->use_main_obmalloc && !config->allow_daemon_threads
                && config->check_multi_interp_extensions;
    return _PyLockdown_HIDES(RUNTIME)
           && _PyLockdown_Refuse(apart ? 0 : Py_LOCKDOWN_RUNTIME,
                                 "_interpreters.create");
}

/* A new module of a definition, executed, past all that code could put into the
   way of an import. */
PyObject *
_PyLockdown_NewModule(PyModuleDef *def)
{
    PyObject *module = NULL;
    PyObject *facts = Py_BuildValue("{s:s}", "name", def->m_name);
    PyObject *spec = facts == NULL ? NULL : _PyNamespace_New(facts);
    if (spec != NULL) {
        module = PyModule_FromDefAndSpec(def, spec);
        if (module != NULL && PyModule_ExecDef(module, def) < 0) {
            Py_CLEAR(module);
        }
    }
    Py_XDECREF(spec);
    Py_XDECREF(facts);
    return module;
}

/* What the static types of _datetime hold belongs to the interpreter that
   imports it first, and goes with it though others go on to use it (CPython has
   this too).  So before locked code makes its first interpreter this one, the
   main one, is made the owner. */
int
_PyLockdown_ReadyStaticTypes(void)
{
    int *ready = &_PyRuntime.lockdown.static_types_ready;
    if (!_PyLockdown_HIDES(RUNTIME) || _Py_atomic_load_int_relaxed(ready)
        || !_Py_IsMainInterpreter(_PyInterpreterState_GET()))
    {
        return 0;
    }
    for (struct _inittab *entry = PyImport_Inittab; entry->name != NULL; entry++) {
        if (strcmp(entry->name, "_datetime") == 0) {
            PyObject *def = entry->initfunc();
            PyObject *module = def == NULL ? NULL
                                           : _PyLockdown_NewModule((PyModuleDef *)def);
            if (module == NULL) {
                return -1;
            }
            Py_DECREF(module);
        }
    }
    _Py_atomic_store_int_relaxed(ready, 1);
    return 0;
}

static int
has_other_threads(PyThreadState *tstate)
{
    HEAD_LOCK(&_PyRuntime);
    int others = tstate->interp->threads.head != tstate || tstate->next != NULL;
    HEAD_UNLOCK(&_PyRuntime);
    return others;
}

/* The end of an interpreter that threads are left in is the end of the process.
   Locked code must not be able to bring that about, so it is waited for them,
   as for those that are no daemons. */
void
_PyLockdown_WaitForThreads(PyThreadState *tstate)
{
    if (!_PyLockdown_HIDES(PROC) || !has_other_threads(tstate)) {
        return;
    }
    PyThread_type_lock never = PyThread_allocate_lock();
    if (never == NULL) {
        return;
    }
    PyThread_acquire_lock(never, NOWAIT_LOCK);
    long long pause = 100;      // microseconds
    do {
        Py_BEGIN_ALLOW_THREADS
        (void)PyThread_acquire_lock_timed(never, pause, 0);
        Py_END_ALLOW_THREADS
        pause = pause < 50000 ? 2 * pause : pause;
    } while (has_other_threads(tstate));
    PyThread_release_lock(never);
    PyThread_free_lock(never);
}

/* ---- which interpreters are one's own ---------------------------------------- */

static PyInterpreterState *
interpreter_of_id(int64_t id)
{
    PyInterpreterState *interp = _PyRuntime.interpreters.head;
    while (interp != NULL && interp->id != id) {
        interp = interp->next;
    }
    return interp;
}

/* Did the current interpreter, or one that it made, make the interpreter of this
   id while locked?  If it took more from itself since, the other one may be left
   with more than it has, and is no longer its own. */
static int
is_own_interpreter(int64_t id)
{
    PyInterpreterState *self = _PyInterpreterState_GET();
    int own = 0;
    HEAD_LOCK(&_PyRuntime);
    PyInterpreterState *interp = interpreter_of_id(id);
    if (interp != NULL && (refusals_of(self) & ~refusals_of(interp)) == 0) {
        while (interp != NULL && !own && interp->lockdown.maker != 0) {
            own = interp->lockdown.maker == self->id + 1;
            interp = interpreter_of_id(interp->lockdown.maker - 1);
        }
    }
    HEAD_UNLOCK(&_PyRuntime);
    return own;
}

/* The argument by which a function names what it acts on, before its arguments
   are read: the first one, or by its name.  NULL if there is none. */
static PyObject *
first_argument(PyObject *args, PyObject *kwargs, const char *name)
{
    if (PyTuple_GET_SIZE(args) > 0) {
        return PyTuple_GET_ITEM(args, 0);
    }
    PyObject *key, *value, *found = NULL;
    Py_ssize_t pos = 0;
    while (kwargs != NULL && PyDict_Next(kwargs, &pos, &key, &value)) {
        if (PyUnicode_CheckExact(key) && PyUnicode_EqualToUTF8(key, name)) {
            found = value;
        }
    }
    return found;
}

/* A function of _interpreters.  What is no plain int could be another number
   when the call reads it. */
uint32_t
_PyLockdown_RightOfFamily(uint32_t right, PyObject *args, PyObject *kwargs)
{
    PyObject *id = first_argument(args, kwargs, "id");
    if (id == NULL || !PyLong_CheckExact(id)) {
        return right;
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(id, &overflow);
    return overflow == 0 && is_own_interpreter(number) ? 0 : right;
}

/* ---- queues and channels ------------------------------------------------------ */

static int64_t
family_here(void)
{
    PyInterpreterState *interp = _PyInterpreterState_GET();
    return interp->lockdown.family ? interp->lockdown.family : interp->id + 1;
}

static struct _lockdown_mailbox *
find_mailbox(struct _lockdown_mailboxes *boxes,
             enum _PyLockdown_mailbox_kind kind, int64_t id)
{
    for (size_t i = 0; i < boxes->length; i++) {
        if (boxes->items[i].id == id && boxes->items[i].kind == (int)kind) {
            return &boxes->items[i];
        }
    }
    return NULL;
}

/* A queue or a channel that has just been made: its family may use it.  -1 and
   an exception if there is no memory. */
int
_PyLockdown_KeepMailbox(enum _PyLockdown_mailbox_kind kind, int64_t id)
{
    if (!_PyLockdown_HIDES(IPC)) {
        return 0;
    }
    struct _lockdown_mailboxes *boxes = &_PyRuntime.lockdown.mailboxes;
    int64_t family = family_here();
    int failed = 0;
    PyMutex_Lock(&boxes->mutex);
    if (boxes->length == boxes->allocated) {
        size_t allocated = boxes->allocated ? 2 * boxes->allocated : 16;
        void *items = PyMem_RawRealloc(boxes->items,
                                       allocated * sizeof(*boxes->items));
        failed = items == NULL;
        if (!failed) {
            boxes->items = items;
            boxes->allocated = allocated;
        }
    }
    if (!failed) {
        boxes->items[boxes->length++] =
            (struct _lockdown_mailbox){(int)kind, id, family};
    }
    PyMutex_Unlock(&boxes->mutex);
    if (failed) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* It is gone, or with the id -1 all of its kind: their numbers may be given to
   others then. */
void
_PyLockdown_DropMailbox(enum _PyLockdown_mailbox_kind kind, int64_t id)
{
    struct _lockdown_mailboxes *boxes = &_PyRuntime.lockdown.mailboxes;
    PyMutex_Lock(&boxes->mutex);
    for (size_t i = boxes->length; i-- > 0;) {
        struct _lockdown_mailbox *box = &boxes->items[i];
        if (box->kind == (int)kind && (id == -1 || box->id == id)) {
            *box = boxes->items[--boxes->length];
        }
    }
    if (boxes->length == 0) {
        PyMem_RawFree(boxes->items);
        boxes->items = NULL;
        boxes->allocated = 0;
    }
    PyMutex_Unlock(&boxes->mutex);
}

/* Those of the family that an interpreter began: (numbers of queues, numbers of
   channels). */
PyObject *
_PyLockdown_MailboxesOf(int64_t interp_id)
{
    struct _lockdown_mailboxes *boxes = &_PyRuntime.lockdown.mailboxes;
    PyObject *queues = PyList_New(0), *channels = PyList_New(0), *number = NULL;
    int failed = queues == NULL || channels == NULL;
    PyMutex_Lock(&boxes->mutex);
    for (size_t i = 0; i < boxes->length && !failed; i++) {
        struct _lockdown_mailbox *box = &boxes->items[i];
        if (box->family == interp_id + 1) {
            number = PyLong_FromLongLong(box->id);
            failed = number == NULL
                     || PyList_Append(box->kind == _PyLockdown_QUEUE ? queues : channels,
                                      number) < 0;
            Py_XDECREF(number);
        }
    }
    PyMutex_Unlock(&boxes->mutex);
    if (failed) {
        Py_XDECREF(queues);
        Py_XDECREF(channels);
        return NULL;
    }
    return Py_BuildValue("(NN)", queues, channels);
}

static int
is_own_mailbox(enum _PyLockdown_mailbox_kind kind, int64_t id)
{
    struct _lockdown_mailboxes *boxes = &_PyRuntime.lockdown.mailboxes;
    int64_t family = family_here();
    PyMutex_Lock(&boxes->mutex);
    struct _lockdown_mailbox *box = find_mailbox(boxes, kind, id);
    int own = box != NULL && box->family == family;
    PyMutex_Unlock(&boxes->mutex);
    return own;
}

/* Is it the type of the ids of channels, which always give the same number?  A
   class that Python code made of it, or by its name, can be changed. */
static int
is_channel_id(PyObject *id)
{
    return PyType_HasFeature(Py_TYPE(id), Py_TPFLAGS_IMMUTABLETYPE)
           && strcmp(Py_TYPE(id)->tp_name, "_interpchannels.ChannelID") == 0;
}

/* A function of _interpqueues or _interpchannels. */
uint32_t
_PyLockdown_RightOfMailbox(enum _PyLockdown_mailbox_kind kind, PyObject *args,
                           PyObject *kwargs)
{
    int channel = kind == _PyLockdown_CHANNEL;
    PyObject *id = first_argument(args, kwargs, channel ? "cid" : "qid");
    if (id == NULL) {
        return Py_LOCKDOWN_IPC;
    }
    PyObject *number = NULL;
    if (PyLong_CheckExact(id)) {
        number = Py_NewRef(id);
    }
    else if (channel && is_channel_id(id)) {
        number = Py_TYPE(id)->tp_as_number->nb_index(id);
    }
    if (number == NULL) {
        PyErr_Clear();
        return Py_LOCKDOWN_IPC;
    }
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    return overflow == 0 && is_own_mailbox(kind, value) ? 0 : Py_LOCKDOWN_IPC;
}
