/* Lockdown: what was made before the lock and tells paths still: errors, the
   variables that their tracebacks lead to, and where coroutines were made. */

#include "Python.h"
#include "pycore_frame.h"         // _PyInterpreterFrame
#include "pycore_genobject.h"     // PyCoroObject
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_lockdown_scrub.h"

/* `text` with `path` in it hidden; a new reference. */
static PyObject *
without_path(struct search *search, PyObject *text, PyObject *path)
{
    if (text != NULL && PyUnicode_Check(text) && path != NULL
        && PyUnicode_Check(path) && _PyLockdown_TellsPath(path))
    {
        return PyUnicode_Replace(text, path, _PyLockdown_HiddenPath(search), -1);
    }
    return Py_XNewRef(text);
}

/* Another tuple of arguments for an exception, `change`d item by item. */
static int
add_arguments(struct search *search, PyObject *error, PyObject *path)
{
    PyObject **place = &((PyBaseExceptionObject *)error)->args;
    PyObject *old = *place;
    if (old == NULL || !PyTuple_Check(old)) {
        return 0;
    }
    Py_ssize_t length = PyTuple_GET_SIZE(old);
    PyObject *args = PyTuple_New(length);
    for (Py_ssize_t i = 0; args != NULL && i < length; i++) {
        PyObject *item = PyTuple_GET_ITEM(old, i);
        PyObject *value;
        if (PyTuple_Check(item) && PyTuple_GET_SIZE(item) > 0
            && _PyLockdown_TellsPath(PyTuple_GET_ITEM(item, 0)))
        {
            // The place of a SyntaxError: (file, line, ...)
            value = PyTuple_New(PyTuple_GET_SIZE(item));
            for (Py_ssize_t j = 0; value != NULL && j < PyTuple_GET_SIZE(item); j++) {
                PyTuple_SET_ITEM(value, j, Py_NewRef(
                    j == 0 ? _PyLockdown_HiddenPath(search)
                           : PyTuple_GET_ITEM(item, j)));
            }
        }
        else {
            value = without_path(search, item, path);
        }
        if (value == NULL) {
            Py_CLEAR(args);
            break;
        }
        PyTuple_SET_ITEM(args, i, value);
    }
    if (args == NULL) {
        return -1;
    }
    int result = _PyLockdown_AddPointer(search->scrub, error, place, args);
    Py_DECREF(args);
    return result;
}

int
_PyLockdown_AddError(struct search *search, PyObject *error)
{
    if (PyObject_TypeCheck(error, (PyTypeObject *)PyExc_OSError)) {
        PyOSErrorObject *os_error = (PyOSErrorObject *)error;
        if (_PyLockdown_HidePointer(search, error, &os_error->filename) < 0) {
            return -1;
        }
        return _PyLockdown_HidePointer(search, error, &os_error->filename2);
    }
    if (PyObject_TypeCheck(error, (PyTypeObject *)PyExc_SyntaxError)) {
        PySyntaxErrorObject *syntax_error = (PySyntaxErrorObject *)error;
        if (_PyLockdown_HidePointer(search, error, &syntax_error->filename) < 0) {
            return -1;
        }
        return add_arguments(search, error, NULL);
    }
    if (PyObject_TypeCheck(error, (PyTypeObject *)PyExc_ImportError)) {
        PyImportErrorObject *import_error = (PyImportErrorObject *)error;
        PyObject *path = import_error->path;
        if (!_PyLockdown_TellsPath(path)) {
            return 0;
        }
        PyObject *text = without_path(search, import_error->msg, path);
        if (text == NULL && import_error->msg != NULL) {
            return -1;
        }
        int result = _PyLockdown_AddPointer(search->scrub, error,
                                            &import_error->msg, text);
        Py_XDECREF(text);
        if (result < 0 || add_arguments(search, error, path) < 0) {
            return -1;
        }
        return _PyLockdown_HidePointer(search, error, &import_error->path);
    }
    return 0;
}

/* Where a coroutine was made: ((file, line, function), ...). */
static int
add_origin(struct search *search, PyObject *coroutine)
{
    PyObject **place = &((PyCoroObject *)coroutine)->cr_origin_or_finalizer;
    PyObject *old = *place;
    if (old == NULL || !PyTuple_CheckExact(old)) {
        return 0;
    }
    PyObject *origin = PyTuple_New(PyTuple_GET_SIZE(old));
    for (Py_ssize_t i = 0; origin != NULL && i < PyTuple_GET_SIZE(old); i++) {
        PyObject *item = PyTuple_GET_ITEM(old, i);
        PyObject *told = PyTuple_Pack(3, _PyLockdown_HiddenPath(search),
                                      PyTuple_GET_ITEM(item, 1),
                                      PyTuple_GET_ITEM(item, 2));
        if (told == NULL) {
            Py_CLEAR(origin);
            break;
        }
        PyTuple_SET_ITEM(origin, i, told);
    }
    int result = origin == NULL ? -1
                 : _PyLockdown_AddPointer(search->scrub, coroutine, place, origin);
    Py_XDECREF(origin);
    return result;
}

static int
drop_pointer(struct search *search, PyObject *owner, PyObject **place)
{
    return *place == NULL ? 0
           : _PyLockdown_AddPointer(search->scrub, owner, place, NULL);
}

/* The variables of code that has ended: tracebacks of errors lead to them, and
   in the library's own functions they are what these were called with. */
int
_PyLockdown_AddFrame(struct search *search, PyObject *object)
{
    if (PyCoro_CheckExact(object)) {
        return add_origin(search, object);
    }
    PyFrameObject *f = (PyFrameObject *)object;
    _PyInterpreterFrame *frame = f->f_frame;
    if (frame->owner != FRAME_OWNED_BY_FRAME_OBJECT) {
        return 0;
    }
    for (int i = 0; i < frame->stacktop; i++) {
        if (drop_pointer(search, object, &frame->localsplus[i]) < 0) {
            return -1;
        }
    }
    if (frame->f_locals != frame->f_globals
        && drop_pointer(search, object, &frame->f_locals) < 0)
    {
        return -1;
    }
    return drop_pointer(search, object, &f->f_locals_cache) < 0 ? -1
           : drop_pointer(search, object, &f->f_extra_locals);
}
