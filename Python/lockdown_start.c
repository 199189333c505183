/* Lockdown: processes that are started to be locked, by -X lockdown or
   PYTHONLOCKDOWN: what is asked for, and the lock before the program runs. */

#include "Python.h"
#include "pycore_initconfig.h"    // _PyStatus_OK()
#include "pycore_interp.h"        // PyInterpreterState.lockdown
#include "pycore_lockdown.h"
#include "pycore_parser.h"        // _PyParser_ASTFromString()
#include "pycore_pystate.h"       // _PyInterpreterState_GET()
#include "pycore_runtime.h"       // _PyRuntime

#define LONGEST_WORD 16

/* One value: "", "1", "later" or words with commas.  Returns a wrong word's
   place, NULL if all is well. */
static const wchar_t *
read_value(const wchar_t *value, uint32_t *keep, int *wanted)
{
    *keep = 0;
    *wanted = 1;
    if (value[0] == L'\0' || wcscmp(value, L"1") == 0) {
        return NULL;
    }
    if (wcscmp(value, L"later") == 0) {
        *wanted = 0;
        return NULL;
    }
    for (;;) {
        char word[LONGEST_WORD + 1];
        size_t length = wcscspn(value, L",");
        size_t i;
        for (i = 0; i < length && i < LONGEST_WORD && value[i] < 128; i++) {
            word[i] = (char)value[i];
        }
        word[i] = '\0';
        uint32_t right = i == length ? PyLockdown_RightFromName(word) : 0;
        if (right == 0) {
            return value;
        }
        *keep |= right;
        value += length;
        if (*value == L'\0') {
            return NULL;
        }
        value++;  // the comma
    }
}

static PyStatus
wrong_word(const char *source, const wchar_t *word)
{
    fprintf(stderr, "%s: '", source);
    for (size_t i = 0; i < LONGEST_WORD * 2 && word[i] && word[i] != L','; i++) {
        fputc(word[i] >= L' ' && word[i] < 127 ? (int)word[i] : '?', stderr);
    }
    fputs("' is not a right; give 'later', nothing, or some of", stderr);
    for (uint32_t right = 1; right < Py_LOCKDOWN_ALL; right <<= 1) {
        fprintf(stderr, "%s%s", right > 1 ? "," : " ", PyLockdown_RightName(right));
    }
    fputc('\n', stderr);
    return _PyStatus_EXIT(2);
}

/* Nearly all objects that a start and imports make live to the end, and the
   library of a process that is born to be locked comes out of the binary at
   once: looking for garbage every 2,000 objects is a twentieth of its start. */
#define FIRST_THRESHOLD 20000

static void
collect_seldom(void)
{
    _PyInterpreterState_Main()->gc.generations[0].threshold = FIRST_THRESHOLD;
}

/* Each source may only take away: what one refuses, another cannot keep. */
static PyStatus
add_request(const char *source, const wchar_t *value)
{
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    uint32_t keep;
    int wanted;
    const wchar_t *wrong = read_value(value, &keep, &wanted);
    if (wrong != NULL) {
        return wrong_word(source, wrong);
    }
    state->born_locked = 1;
    collect_seldom();
    if (wanted) {
        state->start.keep = state->start.wanted ? state->start.keep & keep : keep;
        state->start.wanted = 1;
    }
    return _PyStatus_OK();
}

/* The variable counts under -E and -I as well: who starts a process may lock
   it, whatever the command line says. */
PyStatus
_PyLockdown_ReadRequest(const PyConfig *config)
{
    static const wchar_t option[] = L"lockdown";
    size_t length = Py_ARRAY_LENGTH(option) - 1;
    for (Py_ssize_t i = 0; i < config->xoptions.length; i++) {
        const wchar_t *given = config->xoptions.items[i];
        if (wcsncmp(given, option, length) != 0
            || (given[length] != L'\0' && given[length] != L'='))
        {
            continue;
        }
        PyStatus status = add_request(
            "-X lockdown", given[length] ? given + length + 1 : L"");
        if (_PyStatus_EXCEPTION(status)) {
            return status;
        }
    }
    const char *variable = getenv("PYTHONLOCKDOWN");
    if (variable == NULL || variable[0] == '\0') {
        return _PyStatus_OK();
    }
    // Widened byte by byte: a right's word is ASCII.
    size_t size = strlen(variable) + 1;
    wchar_t *value = PyMem_RawMalloc(size * sizeof(wchar_t));
    if (value == NULL) {
        return _PyStatus_NO_MEMORY();
    }
    for (size_t i = 0; i < size; i++) {
        value[i] = (unsigned char)variable[i];
    }
    PyStatus status = add_request("PYTHONLOCKDOWN", value);
    PyMem_RawFree(value);
    return status;
}

/* Is the table of safe modules inside the binary to be used? */
int
_PyLockdown_UseSafeFrozen(void)
{
    // Where no file can be read no other code of a safe module can be had.
    return _PyRuntime.lockdown.born_locked || _PyLockdown_HIDES(IMPORT)
           || _PyLockdown_HIDES(FS_READ);
}

/* The folder of the program goes from sys.path: reading the program may import
   a codec, and what that imports would be found there and run unlocked. */
static void
leave_program_folder(void)
{
    if (_PyInterpreterState_GetConfig(_PyInterpreterState_GET())->safe_path) {
        return;     // it is not there
    }
    PyObject *path = PySys_GetObject("path");  // borrowed
    // If it is no list, nothing can be found by it.
    if (path != NULL && PyList_Check(path)
        && PyList_SetSlice(path, 0, 1, NULL) < 0)
    {
        Py_FatalError("lockdown: sys.path cannot be changed");
    }
}

/* From now on the next code object that pythonrun.c runs is the program.
   True if it is to be run locked. */
int
_PyLockdown_ArmProgram(void)
{
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    if (state->start.wanted && !state->start.armed && !state->start.entered) {
        leave_program_folder();
    }
    state->start.armed = state->start.wanted;
    return state->start.wanted || _PyLockdown_HIDES(IMPORT);
}

/* The program has been read: lock, if that was asked for and is not done. */
int
_PyLockdown_EnterProgram(void)
{
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    if (!state->start.wanted || state->start.entered
        || !_Py_IsMainInterpreter(_PyInterpreterState_GET()))
    {
        return 0;
    }
    // A program that was started by code which locked already has less.
    uint32_t keep = state->start.keep & ~_PyLockdown_Refusals();
    if (PyLockdown_Enter(keep, Py_LOCKDOWN_KERNEL_TRY) < 0) {
        return -1;
    }
    state->start.entered = 1;
    state->start.armed = 0;
    return 0;
}

/* ---- the text of the program ------------------------------------------------ */

static void
keep_text(PyObject *text)
{
    Py_XSETREF(_PyInterpreterState_GET()->lockdown.program_text, Py_NewRef(text));
}

/* The program is being compiled, and this is its text, or NULL if it is not
   known. */
void
_PyLockdown_KeepProgramText(PyObject *text)
{
    if (_PyRuntime.lockdown.start.armed && text != NULL && PyUnicode_Check(text)) {
        keep_text(text);
    }
}

/* All that is left in a file, as a C string; NULL and an exception. */
static char *
read_all(FILE *file)
{
    size_t length = 0, allocated = 1 << 14;
    char *text = PyMem_RawMalloc(allocated);
    while (text != NULL) {
        length += fread(text + length, 1, allocated - length - 1, file);
        if (length < allocated - 1) {
            break;
        }
        char *more = PyMem_RawRealloc(text, allocated *= 2);
        if (more == NULL) {
            PyMem_RawFree(text);
        }
        text = more;
    }
    if (text == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    text[length] = '\0';
    if (ferror(file)) {
        PyErr_SetFromErrno(PyExc_OSError);
    }
    else if (strlen(text) != length) {
        PyErr_SetString(PyExc_SyntaxError,
                        "source code cannot contain null bytes");
    }
    else {
        return text;
    }
    PyMem_RawFree(text);
    return NULL;
}

/* The text as a str: UTF-8, or what a line of it says. */
static PyObject *
decode_program(const char *text)
{
    Py_ssize_t length = (Py_ssize_t)strlen(text);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }
    PyObject *decoded = PyUnicode_DecodeUTF8(text, length, NULL);
    if (decoded != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        return decoded;
    }
    PyErr_Clear();
    PyObject *importlib = PyImport_ImportModule("importlib.util");
    if (importlib == NULL) {
        return NULL;
    }
    decoded = PyObject_CallMethod(importlib, "decode_source", "y#", text, length);
    Py_DECREF(importlib);
    return decoded;
}

static mod_ty
parse_program(FILE *file, PyObject *filename, int start, PyCompilerFlags *flags,
              PyArena *arena)
{
    char *text = read_all(file);
    if (text == NULL) {
        return NULL;
    }
    mod_ty mod = NULL;
    PyObject *decoded = decode_program(text);
    if (decoded == NULL
        && (PyErr_ExceptionMatches(PyExc_SyntaxError)
            || PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)))
    {
        PyErr_Clear();  // the parser says where
    }
    if (!PyErr_Occurred()) {
        mod = _PyParser_ASTFromString(text, filename, start, flags, arena);
    }
    if (mod != NULL && decoded != NULL) {
        keep_text(decoded);
    }
    else if (mod != NULL) {
        // The parser looks at no comments.
        PyErr_SetString(PyExc_SyntaxError,
                        "the program is neither in UTF-8 nor in an encoding "
                        "that it declares");
        mod = NULL;
    }
    Py_XDECREF(decoded);
    PyMem_RawFree(text);
    return mod;
}

/* Reads and parses the program, if that is what this file is: 1, and `*mod` is
   NULL with an exception if it cannot be parsed. */
int
_PyLockdown_ParseProgram(FILE *file, PyObject *filename, int start,
                         PyCompilerFlags *flags, PyArena *arena, mod_ty *mod)
{
    struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    if (!state->start.armed || !_Py_IsMainInterpreter(_PyInterpreterState_GET())) {
        return 0;
    }
    // To decode it modules are imported, and these call eval(): what that runs
    // is not the program.
    state->start.armed = 0;
    *mod = parse_program(file, filename, start, flags, arena);
    state->start.armed = 1;
    return 1;
}

/* Tracebacks find the lines of the program where they find those of what is
   typed at the prompt.  After the lock, which empties that place, and by the
   name of the file that is shown then. */
static int
show_program(PyCodeObject *code, PyObject *text)
{
    PyObject *linecache = PyImport_ImportModule("linecache");
    if (linecache == NULL) {
        return -1;
    }
    PyObject *result = PyObject_CallMethod(linecache, "_register_code", "OOO",
                                           code, text, _PyLockdown_Filename(code));
    Py_DECREF(linecache);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The code of the program, if it is that, is about to run. */
int
_PyLockdown_EnterArmedProgram(PyCodeObject *code)
{
    if (!_PyRuntime.lockdown.start.armed) {
        return 0;
    }
    PyInterpreterState *interp = _PyInterpreterState_GET();
    PyObject *text = interp->lockdown.program_text;
    interp->lockdown.program_text = NULL;
    int result = _PyLockdown_EnterProgram();
    if (result == 0 && text != NULL) {
        result = show_program(code, text);
    }
    Py_XDECREF(text);
    return result;
}

/* runpy imports the packages above a module before it reads the module.  Their
   code would run unlocked, so only those of the safe library may be imported:
   returns why this one may not, as a str, or None. */
PyObject *
_PyLockdown_WhyNotPackage(PyObject *name)
{
    const struct _lockdown_runtime_state *state = &_PyRuntime.lockdown;
    if (!state->start.wanted || state->start.entered
        || _PyLockdown_IsSafeModule(name))
    {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromFormat(
        "the package %R would run before the lock; -X lockdown runs single "
        "modules, folders and zip files", name);
}
