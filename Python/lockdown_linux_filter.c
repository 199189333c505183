/* Lockdown: the seccomp filter of the kernel ring on Linux, made of the tables in
   lockdown_linux_rules.c. */

#include "Python.h"
#include "pycore_lockdown_ring.h"

#ifdef LOCKDOWN_RING_LINUX

#include <errno.h>
#include <stddef.h>               // offsetof()

#include <linux/audit.h>          // AUDIT_ARCH_X86_64
#include <linux/filter.h>         // struct sock_filter
#include <linux/seccomp.h>        // SECCOMP_RET_ALLOW

#include "lockdown_linux_rules.h"

// What Debian 12's headers, or those of other C libraries, may lack.
#ifndef SECCOMP_RET_KILL_PROCESS
#  define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif

#ifdef __x86_64__
#  define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#  define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#define X32_CALLS 0x40000000U

#define NUMBER_AT       ((uint32_t)offsetof(struct seccomp_data, nr))
#define ARCHITECTURE_AT ((uint32_t)offsetof(struct seccomp_data, arch))
/* The kernel runs on little-endian machines only, here. */
#define LOW_HALF_AT(argument) \
    ((uint32_t)offsetof(struct seccomp_data, args) + 8 * (argument))
#define HIGH_HALF_AT(argument) (LOW_HALF_AT(argument) + 4)

typedef struct {
    const _PyLockdown_filter *wanted;
    struct sock_filter *code;
    size_t room;
    size_t length;              // beyond room: it was not enough
} program;

static void
put(program *out, uint16_t code, uint32_t k, size_t if_true, size_t if_false)
{
    if (out->length < out->room) {
        out->code[out->length] = (struct sock_filter){
            code, (uint8_t)if_true, (uint8_t)if_false, k};
    }
    out->length++;
    if (if_true > UINT8_MAX || if_false > UINT8_MAX) {
        out->length = out->room + 1;    // a jump that is too long
    }
}

static void
put_answer(program *out, uint32_t answer)
{
    // The witness is to see what is refused, but not the library's fallbacks.
    if (out->wanted->trap && answer != SECCOMP_RET_ALLOW
        && answer != (SECCOMP_RET_ERRNO | ENOSYS))
    {
        answer = SECCOMP_RET_TRAP;
    }
    put(out, BPF_RET | BPF_K, answer, 0, 0);
}

#define PUT_LOAD(out, at)     put(out, BPF_LD | BPF_W | BPF_ABS, at, 0, 0)

/* How long the code of a test is, and the code.  Where the test fails it goes
   on behind the `rest` instructions that follow it. */
static const uint8_t test_length[] = {
    [NO_TEST] = 0, [BITS] = 3, [ONE_OF] = 7, [NULL_POINTER] = 4, [SELF] = 2,
};

static void
put_test(program *out, const _PyLockdown_test *one, size_t rest)
{
    switch ((_PyLockdown_test_kind)one->kind) {
    case NO_TEST:
        break;
    case BITS:
        PUT_LOAD(out, LOW_HALF_AT(one->argument));
        put(out, BPF_ALU | BPF_AND | BPF_K, one->mask, 0, 0);
        put(out, BPF_JMP | BPF_JEQ | BPF_K, one->value, 0, rest);
        break;
    case ONE_OF:
        PUT_LOAD(out, LOW_HALF_AT(one->argument));
        put(out, BPF_ALU | BPF_SUB | BPF_K, one->value, 0, 0);
        put(out, BPF_JMP | BPF_JGE | BPF_K, 32, rest + 4, 0);
        put(out, BPF_MISC | BPF_TAX, 0, 0, 0);
        put(out, BPF_LD | BPF_IMM, 1, 0, 0);
        put(out, BPF_ALU | BPF_LSH | BPF_X, 0, 0, 0);
        put(out, BPF_JMP | BPF_JSET | BPF_K, one->mask, 0, rest);
        break;
    case NULL_POINTER:
        PUT_LOAD(out, LOW_HALF_AT(one->argument));
        put(out, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, rest + 2);
        PUT_LOAD(out, HIGH_HALF_AT(one->argument));
        put(out, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, rest);
        break;
    case SELF:
        PUT_LOAD(out, LOW_HALF_AT(one->argument));
        put(out, BPF_JMP | BPF_JEQ | BPF_K, out->wanted->self, 0, rest);
        break;
    }
}

static size_t
rule_length(const _PyLockdown_rule *one)
{
    size_t length = 1;      // the answer
    for (size_t i = 0; i < Py_ARRAY_LENGTH(one->tests); i++) {
        length += test_length[one->tests[i].kind];
    }
    return length;
}

static void
put_rule(program *out, const _PyLockdown_rule *one)
{
    size_t rest = rule_length(one);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(one->tests); i++) {
        rest -= test_length[one->tests[i].kind];
        put_test(out, &one->tests[i], rest);
    }
    put(out, BPF_RET | BPF_K,
        one->refuses ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW, 0, 0);
}

/* ---- from a number to what is done with it ---------------------------------------- */

/* Numbers from `first` on, up to the next range's, that are treated alike. */
typedef struct {
    uint32_t first;
    uint32_t answer;
    short call;             // its rules are asked before the answer, if >= 0
} range;

/* More than there are of system calls. */
#define MOST_NUMBERS 512

static range
treatment(const program *out, short call, int open, int conditional)
{
    const _PyLockdown_filter *wanted = out->wanted;
    range result = {.answer = SECCOMP_RET_ALLOW, .call = -1};
    if (wanted->partial) {
        // Children of a process that keeps proc are programs of any kind, and
        // the filter is theirs too: it refuses only what none of them needs.
        if (_PyLockdown_IsForNobody(call)) {
            result.answer = SECCOMP_RET_ERRNO | EPERM;
        }
    }
    else if (!open) {
        result.answer = _PyLockdown_AnswerOtherwise(wanted, call);
        result.call = conditional ? call : -1;
    }
    return result;
}

/* Returns how many ranges there are. */
static size_t
find_ranges(program *out, const _PyLockdown_rules *rules, range *ranges)
{
    static const range unnamed = {.call = -1};
    range of_number[MOST_NUMBERS];
    int partial = out->wanted->partial;
    for (uint32_t number = 0; number < MOST_NUMBERS; number++) {
        of_number[number] = unnamed;
        of_number[number].answer =
            partial ? SECCOMP_RET_ALLOW
            : number <= LOCKDOWN_NEWEST_CALL ? (SECCOMP_RET_ERRNO | EPERM)
            : (SECCOMP_RET_ERRNO | ENOSYS);
    }
    for (short call = 0; call < CALL_COUNT; call++) {
        int number = _PyLockdown_NumberOfCall(call);
        if (number >= MOST_NUMBERS) {
            out->length = out->room + 1;
        }
        else if (number >= 0) {
            of_number[number] = treatment(out, call, rules->open[call],
                                          rules->end[call] > rules->begin[call]);
        }
    }
    size_t count = 0;
    for (uint32_t number = 0; number < MOST_NUMBERS; number++) {
        range *one = &of_number[number];
        one->first = number;
        if (count == 0 || one->call >= 0 || ranges[count - 1].call >= 0
            || one->answer != ranges[count - 1].answer)
        {
            ranges[count++] = *one;
        }
    }
    return count;
}

/* The kernel remembers for which calls the answer is always the same.  It finds out
   when the filter is put up, by trying each number: so the way to an answer must be
   short, which a tree makes it. */
static void
put_tree(program *out, const _PyLockdown_rules *rules, const range *ranges,
         size_t count)
{
    if (count == 1) {
        if (ranges->call >= 0) {
            for (size_t i = rules->begin[ranges->call]; i < rules->end[ranges->call];
                 i++)
            {
                put_rule(out, rules->all[i]);
            }
        }
        put_answer(out, ranges->answer);
        return;
    }
    size_t half = count / 2, at = out->length;
    put(out, BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 0);
    put_tree(out, rules, ranges, half);
    size_t length = out->length - at - 1;
    if (out->length >= out->room) {
        return;             // too long
    }
    if (length <= UINT8_MAX) {
        out->code[at].jt = (uint8_t)length;
    }
    else {
        // Only a jump without a condition goes so far.
        memmove(&out->code[at + 2], &out->code[at + 1],
                length * sizeof(struct sock_filter));
        out->code[at].jf = 1;
        out->code[at + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0,
                                                 (uint32_t)length};
        out->length++;
    }
    put_tree(out, rules, ranges + half, count - half);
}

size_t
_PyLockdown_BuildFilter(const _PyLockdown_filter *wanted,
                        struct sock_filter *code, size_t room)
{
    program out = {wanted, code, room, 0};
    uint32_t foreign = wanted->partial ? (SECCOMP_RET_ERRNO | EPERM)
                                       : SECCOMP_RET_KILL_PROCESS;
    // The same numbers mean other calls to another architecture.
    PUT_LOAD(&out, ARCHITECTURE_AT);
    put(&out, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    put_answer(&out, foreign);
    PUT_LOAD(&out, NUMBER_AT);
    put(&out, BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1);
    put_answer(&out, foreign);
    _PyLockdown_rules rules;
    if (_PyLockdown_FindRules(wanted, &rules) < 0) {
        return 0;
    }
    range ranges[MOST_NUMBERS];
    size_t count = find_ranges(&out, &rules, ranges);
    put_tree(&out, &rules, ranges, count);
    return out.length <= room ? out.length : 0;
}

#endif /* LOCKDOWN_RING_LINUX */
