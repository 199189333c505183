/* Prints the kernel ring's filter as filter.py reads it: a line of four numbers
   for each instruction.  Its argument is the word of the rights that are kept. */

#include "Python.h"

#include <stdio.h>
#include <stdlib.h>

#include <linux/filter.h>

#include "pycore_lockdown_ring.h"

int
main(int argc, char **argv)
{
    static struct sock_filter code[LOCKDOWN_FILTER_ROOM];
    _PyLockdown_filter wanted = {
        .keep = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0,
        .self = 4711,
        .partial = argc > 2,
    };
    size_t length = _PyLockdown_BuildFilter(&wanted, code, Py_ARRAY_LENGTH(code));
    for (size_t i = 0; i < length; i++) {
        printf("%u %u %u %u\n", (unsigned)code[i].code, (unsigned)code[i].jt,
               (unsigned)code[i].jf, (unsigned)code[i].k);
    }
    return length > 0 ? 0 : 1;
}
