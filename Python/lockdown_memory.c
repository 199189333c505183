/* Lockdown: views of memory that nobody owns, a right that is about one, and
   buffers of garbage.

   C code lets Python code read or fill a piece of its own memory by way of a
   memoryview that keeps nothing alive.  Python code that stores the view away
   reads and writes, later, whatever has come to lie there.  Where the right
   `code` is refused the view is one of a copy, which lives as long as the view
   does. */

#include "Python.h"
#include "pycore_gc.h"            // _PyGC_FINALIZED()
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_object.h"        // _PyObject_IS_GC()
#include "pycore_pystate.h"       // _PyInterpreterState_GET()

/* A view of a copy, where PyMemoryView_FromBuffer() would make one of memory
   without an owner that is only to be read. */
PyObject *
_PyLockdown_ViewOfCopy(const Py_buffer *memory)
{
    PyObject *copy = PyBytes_FromStringAndSize(memory->buf, memory->len);
    if (copy == NULL) {
        return NULL;
    }
    PyObject *view = PyMemoryView_FromObject(copy);
    Py_DECREF(copy);
    return view;
}

static PyObject *
call(PyObject *object, PyObject *method, PyObject *view)
{
    return method == NULL ? PyObject_CallOneArg(object, view)
                          : PyObject_CallMethodOneArg(object, method, view);
}

/* Call `object`, or a method of it, with a view of memory that it is to fill.
   The memory itself must outlive the call, and is filled if that succeeds. */
PyObject *
_PyLockdown_CallToFill(PyObject *object, PyObject *method, PyObject *view)
{
    if (!_PyLockdown_HIDES(CODE)) {
        return call(object, method, view);
    }
    const Py_buffer *memory = PyMemoryView_GET_BUFFER(view);
    PyObject *copy = PyByteArray_FromStringAndSize(NULL, memory->len);
    if (copy == NULL) {
        return NULL;
    }
    // What is left unfilled is not to tell what lay here before.
    memset(PyByteArray_AS_STRING(copy), 0, memory->len);
    PyObject *result = NULL;
    PyObject *view_of_copy = PyMemoryView_FromObject(copy);
    if (view_of_copy != NULL) {
        result = call(object, method, view_of_copy);
        Py_DECREF(view_of_copy);
    }
    if (result != NULL) {
        // Who released the view may have changed the size of the copy.
        memcpy(memory->buf, PyByteArray_AS_STRING(copy),
               Py_MIN(memory->len, PyByteArray_GET_SIZE(copy)));
    }
    Py_DECREF(copy);
    return result;
}

/* What memoryviews compare their items with: none needed for the unpack_from
   of a true Struct, which keeps nothing.  No Python code makes an immutable
   type. */
uint32_t
_PyLockdown_right_unpacker(PyObject *unpack)
{
    if (PyCFunction_Check(unpack)) {
        PyCFunctionObject *function = (PyCFunctionObject *)unpack;
        PyTypeObject *type = function->m_self == NULL ? NULL
                             : Py_TYPE(function->m_self);
        if (type != NULL
            && PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE)
            && strcmp(type->tp_name, "_struct.Struct") == 0
            && strcmp(function->m_ml->ml_name, "unpack_from") == 0)
        {
            return 0;
        }
    }
    return Py_LOCKDOWN_CODE;
}

/* Whether something is called when a buffer of this object is released. */
static int
releases(PyObject *op)
{
    PyBufferProcs *procs = Py_TYPE(op)->tp_as_buffer;
    return procs != NULL && procs->bf_releasebuffer != NULL;
}

/* What has a finalizer bears the mark by now, or will when that has run. */
void
_PyLockdown_NoteReleaser(PyObject *garbage)
{
    if (releases(garbage) && Py_TYPE(garbage)->tp_finalize == NULL) {
        _PyGC_SET_FINALIZED(garbage);
    }
}

int
_PyLockdown_IsNotedGarbage(PyObject *op)
{
    return _PyInterpreterState_GET()->lockdown.clears_garbage
           && _PyObject_IS_GC(op) && _PyGC_FINALIZED(op);
}
