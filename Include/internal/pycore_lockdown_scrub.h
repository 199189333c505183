/* Lockdown: the list of actions of a scrub, which lockdown_scrub.c makes of the ledger's slots and
   lockdown_paths.c of the objects that lockdown_search.c finds. */

#ifndef Py_INTERNAL_LOCKDOWN_SCRUB_H
#define Py_INTERNAL_LOCKDOWN_SCRUB_H

#ifndef Py_BUILD_CORE
#  error "this header requires Py_BUILD_CORE define"
#endif

enum action_kind {
    SET_ITEM,               // target[key] = value, in a dict that has the key
    SET_TYPE_ATTRIBUTE,     // the same in the namespace of a class
    SET_ATTRIBUTE,          // of an instance that has it
    SET_DEFAULTS,           // of a function
    SET_POINTER,            // *place = value, a reference that target owns
    SET_FIRST,              // target[0] = value, in a list that is not empty
    CLEAR_DICT,
    CLEAR_LIST,
    CLEAR_SET,
    CLEAR_CACHE,            // of an lru_cache: when threads run again
};

struct action {
    enum action_kind kind;
    PyObject *target;
    PyObject **place;       // of SET_POINTER
    PyObject *key;
    PyObject *value;
    PyObject *taken;        // what the action took away
};

struct _PyLockdown_scrub {
    PyInterpreterState *interp;
    uint32_t refuse;        // the rights that go
    int late;               // refused already, and so without a way back
    size_t length, allocated;
    struct action *actions;
};

/* lockdown_scrub.c.  Each takes references of its own; -1 with an exception if memory is short. */
extern int _PyLockdown_AddAction(struct _PyLockdown_scrub *scrub,
                                 enum action_kind kind, PyObject *target,
                                 PyObject *key, PyObject *value, PyObject *taken);
extern int _PyLockdown_AddPointer(struct _PyLockdown_scrub *scrub,
                                  PyObject *target, PyObject **place,
                                  PyObject *value);
extern int _PyLockdown_ScrubTakes(const struct _PyLockdown_scrub *scrub,
                                  uint32_t unless);
/* Everything in a dict, list or set goes; what it held is kept until the end. */
extern int _PyLockdown_AddClear(struct _PyLockdown_scrub *scrub, PyObject *container);

/* Objects, each with a reference. */
struct heap {
    PyObject **items;
    size_t length, allocated;
};

/* What the lock clears in each instance of a class. */
struct rule {
    PyTypeObject *type;         // this class, or one below it
    const struct lockdown_instance_slot *slot;
};

struct search {
    struct _PyLockdown_scrub *scrub;
    struct heap types;          // all classes that can have instances with a rule
    struct heap modules, dicts, errors, frames, instances;
    struct rule *rules;         // sorted by type
    size_t rule_count;
    PyTypeObject *temporary;    // tempfile.TemporaryDirectory
    PyObject *cached;           // "__cached__"
    int no_memory;
};

/* lockdown_search.c: the first rule for instances of a type, NULL if it has none. */
extern const struct rule *_PyLockdown_RulesOf(struct search *search,
                                              PyTypeObject *type);

/* lockdown_paths.c: what is to be done with each that was found. */
extern int _PyLockdown_AddInstance(struct search *search, PyObject *object);
extern int _PyLockdown_AddNamespace(struct search *search, PyObject *dict);
extern int _PyLockdown_AddOddModules(struct _PyLockdown_scrub *scrub);
extern int _PyLockdown_AddSys(struct search *search);

/* Does `value` tell a path?  Numbers of descriptors, None and words do not. */
extern int _PyLockdown_TellsPath(PyObject *value);
/* What is shown instead of one; borrowed. */
extern PyObject *_PyLockdown_HiddenPath(struct search *search);
extern int _PyLockdown_HidePointer(struct search *search, PyObject *owner,
                                   PyObject **place);

/* lockdown_past.c: the same for errors, and for frames and coroutines. */
extern int _PyLockdown_AddError(struct search *search, PyObject *error);
extern int _PyLockdown_AddFrame(struct search *search, PyObject *object);

#endif /* !Py_INTERNAL_LOCKDOWN_SCRUB_H */
