/* Lockdown: how addresses and threads' numbers are shown, and the hash that
   objects have by default.  Objects/addresses.tsv lists the places.

   Shown addresses go through a block cipher, Speck, of the width of a pointer
   (Beaulieu et al., "The Simon and Speck Families of Lightweight Block
   Ciphers", 2013): a keyed bijection, so that shown addresses stay unique and
   tell neither the address nor the distance of two.  An affine map would tell
   the distances. */

#include "Python.h"
#include "pycore_initconfig.h"    // _PyStatus_OK()
#include "pycore_lockdown.h"
#include "pycore_pyhash.h"        // _Py_HashPointerRaw()
#include "pycore_pylifecycle.h"   // _PyOS_URandomNonblock()
#include "pycore_runtime.h"       // _PyRuntime

#if SIZEOF_VOID_P == 8
typedef uint32_t half_t;
#  define HALF_BITS 32
#  define ROUNDS 27
#  define ROTATE_X 8
#  define ROTATE_Y 3
#elif SIZEOF_VOID_P == 4
typedef uint16_t half_t;
#  define HALF_BITS 16
#  define ROUNDS 22
#  define ROTATE_X 7
#  define ROTATE_Y 2
#else
#  error "no cipher for pointers of this size"
#endif

#define BORN_LOCKED ((uintptr_t)1)
/* What an address says of the place within a pool of the allocator, which is
   the same in every process anyway, stays as it is.  Sets and dicts are quicker
   for it: the objects of a small one lie at the start of its table. */
#define POOL_MASK ((uintptr_t)0x3fff)

#define ROR(x, n) ((half_t)(((x) >> (n)) | ((x) << (HALF_BITS - (n)))))
#define ROL(x, n) ((half_t)(((x) << (n)) | ((x) >> (HALF_BITS - (n)))))

static inline void
speck_round(half_t *x, half_t *y, half_t key)
{
    *x = (half_t)(ROR(*x, ROTATE_X) + *y) ^ key;
    *y = ROL(*y, ROTATE_Y) ^ *x;
}

static_assert(ROUNDS <= Py_ARRAY_LENGTH(((struct _lockdown_runtime_state *)0)->address_keys),
              "no room for the round keys");

/* Each id() takes all rounds one after the other: their keys are made before. */
static void
speck_schedule(const uint32_t key[4], uint32_t round_keys[ROUNDS])
{
    half_t schedule[3] = {(half_t)key[1], (half_t)key[2], (half_t)key[3]};
    half_t round_key = (half_t)key[0];
    for (unsigned i = 0; i < ROUNDS; i++) {
        round_keys[i] = round_key;
        speck_round(&schedule[i % 3], &round_key, (half_t)i);
    }
}

static uintptr_t
speck_encrypt(const uint32_t round_keys[ROUNDS], uintptr_t block)
{
    half_t x = (half_t)(block >> HALF_BITS), y = (half_t)block;
    for (unsigned i = 0; i < ROUNDS; i++) {
        speck_round(&x, &y, (half_t)round_keys[i]);
    }
    return ((uintptr_t)x << HALF_BITS) | y;
}

static uintptr_t
speck_decrypt(const uint32_t round_keys[ROUNDS], uintptr_t block)
{
    half_t x = (half_t)(block >> HALF_BITS), y = (half_t)block;
    for (unsigned i = ROUNDS; i-- > 0; ) {
        y = ROR((half_t)(y ^ x), ROTATE_Y);
        x = (half_t)((x ^ (half_t)round_keys[i]) - y);
        x = ROL(x, ROTATE_X);
    }
    return ((uintptr_t)x << HALF_BITS) | y;
}

/* Nothing is shown as nothing: a null pointer, or the number of a thread that
   has none.  What the cipher would make zero takes zero's place. */
static uintptr_t
keyed(uintptr_t address)
{
    const uint32_t *keys = _PyRuntime.lockdown.address_keys;
    assert(_PyRuntime.lockdown.has_keys);
    if (address == 0) {
        return 0;
    }
    uintptr_t shown = speck_encrypt(keys, address);
    return shown != 0 ? shown : speck_encrypt(keys, 0);
}

static uintptr_t
unkeyed(uintptr_t shown)
{
    const uint32_t *keys = _PyRuntime.lockdown.address_keys;
    if (shown == 0) {
        return 0;
    }
    uintptr_t address = speck_decrypt(keys, shown);
    return address != 0 ? address : speck_decrypt(keys, 0);
}

uintptr_t
_PyLockdown_ShownAddress(const void *address)
{
    if (_PyLockdown_Refusals() == 0) {
        return (uintptr_t)address;
    }
    return keyed((uintptr_t)address);
}

PyObject *
_PyLockdown_ShowAddress(const void *address)
{
    return PyLong_FromVoidPtr((void *)_PyLockdown_ShownAddress(address));
}

/* What stays under its key when the lock comes is under the cipher always. */
PyObject *
_PyLockdown_KeyOf(const void *address)
{
    return PyLong_FromVoidPtr((void *)keyed((uintptr_t)address));
}

unsigned long long
_PyLockdown_ShownThread(unsigned long long ident)
{
    return _PyLockdown_ShownAddress((void *)(uintptr_t)ident);
}

unsigned long long
_PyLockdown_TrueThread(unsigned long long shown)
{
    return _PyLockdown_Refusals() == 0 ? shown : unkeyed((uintptr_t)shown);
}

#define ROL64(x, n) (((x) << (n)) | ((x) >> (64 - (n))))

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1]; v[1] = ROL64(v[1], 13) ^ v[0]; v[0] = ROL64(v[0], 32);
    v[2] += v[3]; v[3] = ROL64(v[3], 16) ^ v[2];
    v[0] += v[3]; v[3] = ROL64(v[3], 21) ^ v[0];
    v[2] += v[1]; v[1] = ROL64(v[1], 17) ^ v[2]; v[2] = ROL64(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012)
   of one word: half the instructions of the general function. */
static inline uint64_t
sip_hash(uint64_t key, uint64_t more_key, uint64_t word)
{
    const uint64_t length = (uint64_t)8 << 56;
    uint64_t v[4] = {
        key ^ UINT64_C(0x736f6d6570736575), more_key ^ UINT64_C(0x646f72616e646f6d),
        key ^ UINT64_C(0x6c7967656e657261), more_key ^ UINT64_C(0x7465646279746573),
    };
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[3] ^= length;
    sip_round(v);
    v[0] ^= length;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* In a process born to be locked the default hash tells nothing.  Apart from
   the usual one, which so needs no frame on the stack. */
Py_NO_INLINE static Py_hash_t
hash_secretly(const void *address)
{
    const struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    Py_hash_t hash = (Py_hash_t)sip_hash(state->hash_key, state->hash_secret,
                                         (uintptr_t)address);
    return hash == -1 ? -2 : hash;
}

/* The hash that objects have by default.  Neighbours stay neighbours, for the
   caches' sake, unless the process was born to be locked: the secret is odd
   then, which spares this function a second load.  Otherwise the lowest bits are
   those of every object's address, zeros, so the hash cannot be -1. */
Py_hash_t
PyObject_GenericHash(PyObject *obj)
{
    uintptr_t secret = _PyRuntime.lockdown.hash_secret;
    assert(_PyRuntime.lockdown.has_keys);
    if (secret & BORN_LOCKED) {
        return hash_secretly(obj);
    }
    return _Py_HashPointerRaw((void *)((uintptr_t)obj + secret));
}

/* A part of the hash of a method, a wrapper or a context variable: a pointer,
   of a function perhaps, so that it may lie anywhere.  It tells no distances
   either: that of the program to its heap is no one's business. */
Py_hash_t
_PyLockdown_HashPointer(const void *address)
{
    assert(_PyRuntime.lockdown.has_keys);
    return hash_secretly(address);
}

/* A runtime that is initialized again keeps its keys: objects that outlive
   the first one keep their hashes.  Needs a thread state, because the system
   may have to be asked by way of a file. */
PyStatus
_PyLockdown_InitKeys(void)
{
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    if (state->has_keys) {
        return _PyStatus_OK();
    }
    struct {
        uintptr_t hash_secret;
        uint64_t hash_key;
        uint32_t address_key[4];
    } keys;
    if (_PyOS_URandomNonblock(&keys, sizeof(keys)) < 0) {
        return _PyStatus_ERR("failed to get random numbers for lockdown");
    }
    state->hash_secret = (keys.hash_secret & ~POOL_MASK)
                         | (state->born_locked ? BORN_LOCKED : 0);
    state->hash_key = keys.hash_key;
    speck_schedule(keys.address_key, state->address_keys);
    state->has_keys = 1;
    return _PyStatus_OK();
}
