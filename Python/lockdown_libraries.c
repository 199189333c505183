/* Lockdown: the rights that hang on arguments in the modules that bring other
   people's libraries or other processes' objects: sockets, SQLite, OpenSSL,
   ctypes.  See lockdown_rights.c for what such a function may do. */

#include "Python.h"
#include "pycore_lockdown.h"
#include "pycore_long.h"          // _PyLong_IsZero()

#ifdef MS_WINDOWS
#  include <winsock2.h>           // SOL_SOCKET
#else
#  include <sys/socket.h>         // SOL_SOCKET
#endif


/* ---- sockets --------------------------------------------------------------- */

/* Descriptors that travel beside the bytes of a message.  Whoever sends one
   gives away any number; whoever receives one has a new number.  Both is what
   os.dup() does, across processes. */
#define PASSING_DESCRIPTORS (Py_LOCKDOWN_FD | Py_LOCKDOWN_IPC)

/* sendmsg(buffers[, ancdata[, flags[, address]]]) */
uint32_t
_PyLockdown_right_sendmsg(PyObject *args)
{
    uint32_t rights = 0;
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (count > 3 && PyTuple_GET_ITEM(args, 3) != Py_None) {
        rights |= Py_LOCKDOWN_NET;
    }
    if (count > 1) {
        // What is not a plain list could have items when the call reads it.
        PyObject *ancillary = PyTuple_GET_ITEM(args, 1);
        if (!(PyList_CheckExact(ancillary) && PyList_GET_SIZE(ancillary) == 0)
            && !(PyTuple_CheckExact(ancillary)
                 && PyTuple_GET_SIZE(ancillary) == 0))
        {
            rights |= PASSING_DESCRIPTORS;
        }
    }
    return rights;
}

/* recvmsg(bufsize[, ancbufsize[, flags]]) and recvmsg_into(buffers[, ...]):
   without room for them the kernel throws descriptors away. */
uint32_t
_PyLockdown_right_recvmsg(PyObject *args)
{
    if (PyTuple_GET_SIZE(args) < 2) {
        return 0;
    }
    PyObject *size = PyTuple_GET_ITEM(args, 1);
    if (PyLong_CheckExact(size) && _PyLong_IsZero((PyLongObject *)size)) {
        return 0;
    }
    return PASSING_DESCRIPTORS;
}

/* What a socket may be asked besides the options of plain transport: how it
   was made and how it is. */
static const int state_options[] = {
    SO_ACCEPTCONN,
    SO_BROADCAST,
#ifdef SO_DOMAIN
    SO_DOMAIN,
#endif
    SO_ERROR,
#ifdef SO_PROTOCOL
    SO_PROTOCOL,
#endif
    SO_REUSEADDR,
#ifdef SO_REUSEPORT
    SO_REUSEPORT,
#endif
    SO_TYPE,
};

/* getsockopt(level, name[, size]): others name processes, users, devices and
   routes. */
uint32_t
_PyLockdown_right_getsockopt(PyObject *args)
{
    if (_PyLockdown_right_setsockopt(args) == 0) {
        return 0;
    }
    if (PyTuple_GET_SIZE(args) >= 2
        && PyLong_CheckExact(PyTuple_GET_ITEM(args, 0))
        && PyLong_CheckExact(PyTuple_GET_ITEM(args, 1)))
    {
        int overflow[2];
        long level = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(args, 0),
                                              &overflow[0]);
        long name = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(args, 1),
                                             &overflow[1]);
        if (overflow[0] == 0 && overflow[1] == 0 && level == SOL_SOCKET) {
            for (size_t i = 0; i < Py_ARRAY_LENGTH(state_options); i++) {
                if (state_options[i] == name) {
                    return 0;
                }
            }
        }
    }
    return Py_LOCKDOWN_ENV;
}


/* ---- OpenSSL --------------------------------------------------------------- */

/* SSLContext.keylog_filename = None only closes the file. */
uint32_t
_PyLockdown_right_keylog(PyObject *filename)
{
    return filename == Py_None ? 0 : Py_LOCKDOWN_FS_WRITE;
}


/* ---- ctypes ---------------------------------------------------------------- */

/* A field asked of the type, not of an instance, only describes itself. */
uint32_t
_PyLockdown_right_field(PyObject *instance)
{
    return instance == NULL ? 0 : Py_LOCKDOWN_CODE;
}


/* ---- SQLite ---------------------------------------------------------------- */

/* The codes by which SQLite tells its authorizer what a statement does.  They
   are part of its file of promises, sqlite3.h, which is not for this file to
   include: the interpreter does not depend on SQLite. */
enum { SQL_PRAGMA = 19, SQL_ATTACH = 24, SQL_FUNCTION = 31 };

/* The settings of a database and of a connection to it, and what is asked of
   its tables.  A pragma that is not here may set a folder, load a key or turn
   a knob of all connections of the process. */
static const char * const harmless_pragmas[] = {
    "analysis_limit", "application_id", "auto_vacuum", "automatic_index",
    "busy_timeout", "cache_size", "cache_spill", "case_sensitive_like",
    "cell_size_check", "checkpoint_fullfsync", "collation_list",
    "compile_options", "count_changes", "data_version", "default_cache_size",
    "defer_foreign_keys", "empty_result_callbacks", "encoding",
    "foreign_key_check", "foreign_key_list", "foreign_keys", "freelist_count",
    "full_column_names", "fullfsync", "function_list",
    "ignore_check_constraints", "incremental_vacuum", "index_info",
    "index_list", "index_xinfo", "integrity_check", "journal_mode",
    "journal_size_limit", "legacy_alter_table", "locking_mode",
    "max_page_count", "module_list", "optimize", "page_count", "page_size",
    "pragma_list", "query_only", "quick_check", "read_uncommitted",
    "recursive_triggers", "reverse_unordered_selects", "schema_version",
    "secure_delete", "short_column_names", "shrink_memory", "synchronous",
    "table_info", "table_list", "table_xinfo", "trusted_schema",
    "user_version", "wal_autocheckpoint", "wal_checkpoint",
};

static uint32_t
pragma_right(const char *name, const char *value)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(harmless_pragmas); i++) {
        if (PyOS_stricmp(name, harmless_pragmas[i]) == 0) {
            return 0;
        }
    }
    if (PyOS_stricmp(name, "database_list") == 0) {
        return Py_LOCKDOWN_ENV;         // the paths of the files
    }
    if (PyOS_stricmp(name, "temp_store") == 0) {
        if (value == NULL || PyOS_stricmp(value, "MEMORY") == 0) {
            return 0;
        }
        return Py_LOCKDOWN_FS_WRITE;    // temporary files
    }
    if (PyOS_stricmp(name, "writable_schema") == 0) {
        return Py_LOCKDOWN_CODE;        // tables that SQLite did not make
    }
    return _PyLockdown_SQL_RIGHTS;
}

/* What the SQL of a connection that is open does, in the words of SQLite's
   authorizer.  This runs without the GIL. */
uint32_t
_PyLockdown_right_sql(int action, const char *what, const char *which)
{
    switch (action) {
    case SQL_ATTACH:
        // VACUUM attaches "", which is a database in temporary storage.
        if (what != NULL
            && (what[0] == '\0' || strcmp(what, ":memory:") == 0))
        {
            return 0;
        }
        return Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE;
    case SQL_PRAGMA:
        return pragma_right(what != NULL ? what : "", which);
    case SQL_FUNCTION:
        if (which != NULL && PyOS_stricmp(which, "load_extension") == 0) {
            return Py_LOCKDOWN_IMPORT;
        }
        // It tells the address of a tokenizer, and takes one.
        if (which != NULL && PyOS_stricmp(which, "fts3_tokenizer") == 0) {
            return Py_LOCKDOWN_CODE;
        }
        // SQLite with ICU loads the rules of a language from ICU's files.
        if (which != NULL && PyOS_stricmp(which, "icu_load_collation") == 0) {
            return Py_LOCKDOWN_FS_READ;
        }
        return 0;
    default:
        return 0;
    }
}

/* Connection.set_authorizer(): there is one place for an authorizer, and when
   locked the one that asks _PyLockdown_right_sql() has it. */
uint32_t
_PyLockdown_right_authorizer(void)
{
    return _PyLockdown_SQL_RIGHTS;
}

/* Connection.deserialize(): a database of raw bytes.  SQLite makes it by
   attaching a file, by a name that could be a file's. */
uint32_t
_PyLockdown_right_deserialize(void)
{
    return Py_LOCKDOWN_CODE | Py_LOCKDOWN_FS_READ | Py_LOCKDOWN_FS_WRITE;
}


/* ---- before the lock ---------------------------------------------------------- */

/* OpenSSL reads its configuration when the first context is made, which takes
   longer than the rest of the lock. */
int
_PyLockdown_SettleLibraries(void)
{
    int *settled = &_PyRuntime.lockdown.openssl_settled;
    if (_Py_atomic_load_int_relaxed(settled)) {
        return 0;
    }
    PyObject *ssl;
    if (PyMapping_GetOptionalItemString(PyImport_GetModuleDict(), "_ssl", &ssl) < 0) {
        return -1;
    }
    if (ssl == NULL || !PyModule_Check(ssl)) {
        Py_XDECREF(ssl);
        return 0;
    }
    const int protocol_tls_client = 16;
    PyObject *context = PyObject_CallMethod(ssl, "_SSLContext", "i", protocol_tls_client);
    Py_DECREF(ssl);
    if (context == NULL) {
        return -1;
    }
    Py_DECREF(context);
    _Py_atomic_store_int_relaxed(settled, 1);
    return 0;
}
