/* Lockdown: the kernel ring of a system that has none, or none that is written
   yet: level 0, and an error where it is required. */

#include "Python.h"
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown_ring.h"
#include "pycore_pystate.h"       // _PyInterpreterState_GET()

#ifdef LOCKDOWN_RING_NONE

int
_PyLockdown_PrepareRing(uint32_t Py_UNUSED(keep), int kernel,
                        int Py_UNUSED(processors), struct _PyLockdown_ring **ring)
{
    *ring = NULL;
    if (kernel == Py_LOCKDOWN_KERNEL_REQUIRE) {
        PyErr_SetString(_PyInterpreterState_GET()->lockdown.error,
                        "kernel=\"require\": there is no kernel ring on this "
                        "system; \"try\" does without and says so");
        return -1;
    }
    return 0;
}

void
_PyLockdown_ApplyRing(struct _PyLockdown_ring *Py_UNUSED(ring))
{
}

int
_PyLockdown_TryForForks(void)
{
    return 0;
}

void
_PyLockdown_FreeRing(struct _PyLockdown_ring *Py_UNUSED(ring))
{
}

#endif /* LOCKDOWN_RING_NONE */
