/* pysave: saving a store, or a snapshot, to a file of Redis's format.
 *
 * What is saved is a snapshot taken in a turn; the file is written with the GIL released and nothing of the store held. */
#include <errno.h>

#include "module.h"
#include "pystore.h"

/* DurabilityError(errno, what failed and why, path): the message without the path that ends it. Other errors have the
 * message alone. */
static PyObject *save_raise(State *state, kevy_status status, int error, const char *message, PyObject *path) {
  const char *reason = strstr(message, ": "), *end = reason ? strstr(reason + 2, ": ") : NULL;
  PyObject *text = PyUnicode_DecodeFSDefaultAndSize(message, end ? end - message : (Py_ssize_t)strlen(message));
  if (status != KEVY_EDURABILITY) return pyerrors_raise(state, status, text);
  PyObject *name = text ? PyUnicode_DecodeFSDefault(PyBytes_AS_STRING(path)) : NULL;
  PyObject *class = pyerrors_class(state, status);
  PyObject *exception = name ? PyObject_CallFunction(class, "iOO", error, text, name) : NULL;
  if (exception) PyErr_SetObject(class, exception);
  Py_XDECREF(exception);
  Py_XDECREF(name);
  Py_XDECREF(text);
  return NULL;
}

/* The store's moment as a snapshot of its own; NULL with an exception. */
static kevy_store *save_moment(Store *self) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self), *moment = NULL;
  if (!s) return NULL;
  kevy_status status = kevy_snapshot(s, &moment);
  if (status < 0) {
    turn_fail(&turn, status);
    return NULL;
  }
  turn_end(&turn);
  return moment;
}

static PyObject *save_to(Store *self, PyObject *path) {
  kevy_status status;
  int error;
  kevy_store *moment = save_moment(self);
  if (!moment) return NULL;
  Py_BEGIN_ALLOW_THREADS
  status = kevy_save(moment, PyBytes_AS_STRING(path), 0);
  error = errno;
  Py_END_ALLOW_THREADS
  if (status < 0) save_raise(self->state, status, error, kevy_errmsg(moment), path);
  kevy_close(moment);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

/* A Future of kevy.saving. */
static PyObject *save_in_background(PyObject *self, PyObject *path) {
  PyObject *module = PyImport_ImportModule("kevy.saving");
  PyObject *future = module ? PyObject_CallMethod(module, "start", "OO", self, path) : NULL;
  Py_XDECREF(module);
  return future;
}

PyObject *pystore_save(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"save", 1, 1, 0, {"path", "background", NULL}};
  PyObject *given[PYARGS_MAX], *path, *result;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  int background = given[1] ? PyObject_IsTrue(given[1]) : 0;
  if (background < 0 || !PyUnicode_FSConverter(given[0], &path)) return NULL;
  if (PyBytes_GET_SIZE(path) == 0) {
    PyErr_SetString(PyExc_ValueError, "path is empty");
    result = NULL;
  } else {
    result = background ? save_in_background(self, path) : save_to((Store *)self, path);
  }
  Py_DECREF(path);
  return result;
}
