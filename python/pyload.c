/* pyload: Store.load: a store made from an RDB file.
 *
 * The file is read into a store that no object has yet, so that nothing can happen to it while the GIL is released; then an
 * object of the class is made, and gets it. */
#include "pystore.h"

#include <errno.h>

typedef struct {
  PyObject *path;     /* bytes, owned */
  PyObject *progress; /* borrowed; NULL: nobody asks */
  kevy_load_options options;
} Loading;

static bool loading_read(Loading *loading, PyObject *path, PyObject *progress, PyObject *db, PyObject *skip) {
  kevy_load_options defaults = KEVY_LOAD_OPTIONS_INIT;
  loading->options = defaults;
  loading->progress = progress == Py_None ? NULL : progress;
  if (loading->progress && !PyCallable_Check(progress)) {
    PyErr_Format(PyExc_TypeError, "progress is called, which a %.200s cannot be", Py_TYPE(progress)->tp_name);
    return false;
  }
  if (db && db != Py_None) {
    int64_t number;
    if (!pyargs_int64(db, "db", &number)) return false;
    if (number < 0 || number > INT32_MAX) {
      PyErr_SetString(PyExc_ValueError, "db is the number of a database, 0 or more");
      return false;
    }
    loading->options.db = (int32_t)number;
  }
  int skips = skip ? PyObject_IsTrue(skip) : 0;
  if (skips < 0) return false;
  if (skips) loading->options.flags |= KEVY_SKIP_MODULES;
  return PyUnicode_FSConverter(path, &loading->path);
}

/* Raises what a load failed with. Always returns false. */
static bool loading_fail(State *state, kevy_store *s, kevy_status status, int error, PyObject *path) {
  if (status == KEVY_EIO && error != 0) {
    errno = error;
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    return false;
  }
  const char *text = kevy_errmsg(s);
  pyerrors_raise(state, status, PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"));
  return false;
}

/* Calls progress(done, total, keys). False: it raised. */
static bool loading_tell(const Loading *loading, kevy_loading *l) {
  uint64_t done, total, keys;
  if (!loading->progress) return PyErr_CheckSignals() == 0;
  kevy_load_progress(l, &done, &total, &keys);
  PyObject *result = PyObject_CallFunction(loading->progress, "KKK", (unsigned long long)done, (unsigned long long)total,
                                           (unsigned long long)keys);
  Py_XDECREF(result);
  return result != NULL;
}

/* Reads the file into s, step by step. */
static bool loading_run(const Loading *loading, State *state, kevy_store *s, PyObject *given) {
  kevy_loading *l = NULL;
  const char *path = PyBytes_AS_STRING(loading->path);
  kevy_status status;
  int error;
  Py_BEGIN_ALLOW_THREADS
  status = kevy_load_start(s, path, &loading->options, &l);
  error = errno;
  Py_END_ALLOW_THREADS
  if (status != KEVY_OK) return loading_fail(state, s, status, error, given);
  bool told = true;
  do {
    Py_BEGIN_ALLOW_THREADS
    status = kevy_load_step(l, 0);
    error = errno;
    Py_END_ALLOW_THREADS
    if (status >= 0) told = loading_tell(loading, l);
  } while (status == KEVY_UNMET && told);
  kevy_load_close(l);
  if (!told) return false;
  return status == KEVY_OK || loading_fail(state, s, status, error, given);
}

/* An object of the class around s, which it owns from now on. */
static PyObject *loading_wrap(PyTypeObject *type, State *state, kevy_store *s, PyObject *maxmemory, PyObject *policy) {
  PyObject *name = PyUnicode_FromString("mem://");
  if (type == state->store_type) return pystore_wrap(state, s, false, false, name);
  PyObject *none = PyTuple_New(0), *options = PyDict_New(), *object = NULL;
  bool given = name && none && options && (!maxmemory || PyDict_SetItemString(options, "maxmemory", maxmemory) == 0) &&
               (!policy || PyDict_SetItemString(options, "policy", policy) == 0);
  if (given) object = PyObject_Call((PyObject *)type, none, options);
  Py_XDECREF(none);
  Py_XDECREF(options);
  if (object && PyObject_TypeCheck(object, state->store_type)) {
    pystore_replace((Store *)object, s, name);
    return object;
  }
  if (object) PyErr_Format(PyExc_TypeError, "%.200s() is no store", type->tp_name);
  Py_XDECREF(object);
  Py_XDECREF(name);
  kevy_close(s);
  return NULL;
}

PyObject *pystore_load(PyObject *class, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {
      "load", 1, 1, 0, {"path", "progress", "db", "skip_modules", "maxmemory", "policy", NULL}};
  PyTypeObject *type = (PyTypeObject *)class;
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  State *state = pymodule_state(type);
  Loading loading = {.path = NULL};
  if (!state || !loading_read(&loading, given[0], given[1], given[2], given[3])) return NULL;
  kevy_store *s = pystore_open_own(state, given[4], given[5]);
  bool loaded = s && loading_run(&loading, state, s, given[0]);
  Py_DECREF(loading.path);
  if (loaded) return loading_wrap(type, state, s, given[4], given[5]);
  kevy_close(s);
  return NULL;
}
