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
    SET_ATTRIBUTE,          // of an instance that has it, by way of its class
    SET_OWN,                // of an instance that has it and has no dict for it
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
extern int _PyLockdown_AddDefault(struct _PyLockdown_scrub *scrub,
                                  PyObject *function, Py_ssize_t place,
                                  PyObject *value);
/* Everything in a dict, list or set goes; what it held is kept until the end. */
extern int _PyLockdown_AddClear(struct _PyLockdown_scrub *scrub, PyObject *container);

/* Objects, each with a reference. */
struct heap {
    PyObject **items;
    size_t length, allocated;
};

/* What the lock clears in each instance of a class. */
struct rule {
    const struct lockdown_instance_slot *slot;
    PyObject *name;             // of the attribute, interned
};

/* In which list an object is put, besides that of instances. */
enum kind { OTHER, NAMESPACE, MODULE, ERROR, FRAME, FUNCTION };

/* A class of objects.  Its rules are found out when all objects have been gone
   through, if it is suspected. */
struct class {
    PyTypeObject *type;         // NULL in a place that is free
    enum kind kind;
    enum { WITHOUT_RULES, SUSPECTED, WITH_RULES } state;
    size_t first_rule, rule_count;
};

struct search {
    struct _PyLockdown_scrub *scrub;
    struct heap modules, namespaces, errors, frames;
    struct heap functions;      // inside of others, that may have rules
    struct heap instances;      // of classes that may have rules
    struct class *classes;      // a hash table by type
    size_t class_count, class_places;
    struct rule *rules;         // those of one class together
    size_t rule_count, rules_allocated;
    unsigned char name_bits[64];
    PyObject *cached;           // "__cached__"
    int no_memory;
};

/* lockdown_search.c: how many rules there are for instances of a type, and which
   is the first; -1 with an exception if memory is short. */
extern Py_ssize_t _PyLockdown_RulesOf(struct search *search, PyTypeObject *type,
                                      size_t *first);
/* Is this the class of that module and qualified name? */
extern int _PyLockdown_IsClass(PyTypeObject *type, const char *module,
                               const char *name);

/* lockdown_paths.c: what is to be done with each that was found. */
extern int _PyLockdown_AddInstance(struct search *search, PyObject *object);
extern int _PyLockdown_AddFunction(struct search *search, PyObject *function,
                                   const struct lockdown_instance_slot *slot);
extern int _PyLockdown_AddNamespace(struct search *search, PyObject *dict);
extern int _PyLockdown_AddOddModules(struct _PyLockdown_scrub *scrub);
extern int _PyLockdown_AddSys(struct search *search);

/* Does `value` tell a path?  Numbers of descriptors, None and words do not. */
extern int _PyLockdown_TellsPath(PyObject *value);
/* What is shown instead of one; borrowed. */
extern PyObject *_PyLockdown_HiddenPath(struct search *search);
/* The value that a text of a table means.  A new reference. */
extern PyObject *_PyLockdown_ValueOfText(const char *text);
extern int _PyLockdown_HidePointer(struct search *search, PyObject *owner,
                                   PyObject **place);

/* lockdown_past.c: the same for errors, and for frames and coroutines. */
extern int _PyLockdown_AddError(struct search *search, PyObject *error);
extern int _PyLockdown_AddFrame(struct search *search, PyObject *object);

#endif /* !Py_INTERNAL_LOCKDOWN_SCRUB_H */
