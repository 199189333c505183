/* Lockdown: what the tables of the kernel ring on Linux are made of, and what
   the filter's program asks them. */

#ifndef Py_LOCKDOWN_LINUX_RULES_H
#define Py_LOCKDOWN_LINUX_RULES_H

#include "pycore_lockdown_ring.h"
#include "lockdown_linux_calls.h"

enum {
#define CALL(name, x86, arm) CALL_##name,
    LOCKDOWN_CALLS(CALL)
#undef CALL
    CALL_COUNT
};

/* A rule opens a call if all its tests hold. */
typedef enum { NO_TEST, BITS, ONE_OF, NULL_POINTER, SELF } _PyLockdown_test_kind;

typedef struct {
    uint8_t kind;
    uint8_t argument;
    uint32_t mask;
    uint32_t value;
} _PyLockdown_test;

typedef struct {
    short call;
    _PyLockdown_test tests[3];
    unsigned char refuses;      // by EPERM, also where the rest of the call is fatal
} _PyLockdown_rule;

#define IS(argument, value)         {BITS, argument, 0xFFFFFFFF, value}
#define MASKED(argument, mask, value) {BITS, argument, mask, value}
#define WITHOUT(argument, mask)     {BITS, argument, mask, 0}
/* One of the numbers from `first` on whose bits are in `set`. */
#define IN_SET(argument, first, set) {ONE_OF, argument, set, first}
#define IS_NULL(argument)           {NULL_POINTER, argument, 0, 0}
/* The process's own id. */
#define IS_SELF(argument)           {SELF, argument, 0, 0}
#define ANY(name)                   {CALL_##name, {{NO_TEST}}}
#define BIT(number)                 (UINT32_C(1) << (number))

/* A group of rules is open if one of `some` is kept (0: always), and all of `all`. */
typedef struct {
    uint32_t some;
    uint32_t all;
    const _PyLockdown_rule *rules;
    size_t count;
} _PyLockdown_group;

#define GROUP(some, all, rules) {some, all, rules, Py_ARRAY_LENGTH(rules)}

/* Those for rights that are kept: lockdown_linux_rights.c. */
extern const _PyLockdown_group _PyLockdown_groups_of_rights[];
extern const size_t _PyLockdown_group_count;

/* Its number on this machine, or -1. */
extern int _PyLockdown_NumberOfCall(short call);

/* The rules that the kept rights open: those of a call stand together. */
typedef struct {
    const _PyLockdown_rule *all[512];
    unsigned short begin[CALL_COUNT], end[CALL_COUNT];
    unsigned char open[CALL_COUNT];     // one of them asks for nothing
} _PyLockdown_rules;

/* Returns -1 if there are more than there is room for. */
extern int _PyLockdown_FindRules(const _PyLockdown_filter *wanted,
                                 _PyLockdown_rules *found);

/* What the kernel is to do with a call that no rule opens. */
extern uint32_t _PyLockdown_AnswerOtherwise(const _PyLockdown_filter *wanted,
                                            short call);

/* True if no program of a user's needs the call. */
extern int _PyLockdown_IsForNobody(short call);

#endif /* !Py_LOCKDOWN_LINUX_RULES_H */
