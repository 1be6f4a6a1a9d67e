/* pyerrors: see pyerrors.h. A class of kevy's that is a builtin too inherits from both, kevy.Error first,
 * so that `except TypeError` and `except kevy.Error` each catch what they say. What Python has a plain
 * word for (a TTL of 0, an unknown policy) raises the builtin itself. */
#include "module.h"

static const struct {
  kevy_status status;
  const char *name; /* a class of kevy's, or a builtin's name */
  const char *base; /* the builtin a class of kevy's also is, or "" */
} rows[] = {
#define ERROR(name, python, python_base, reply) {KEVY_##name, python, python_base},
#include "errors.def"
#undef ERROR
};

/* A class by its name in the module, else among the builtins. A new reference; NULL without an
 * exception when there is none. */
static PyObject *find_class(PyObject *module, const char *name) {
  PyObject *found = PyObject_GetAttrString(module, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
  PyErr_Clear();
  return Py_XNewRef(PyDict_GetItemString(PyEval_GetBuiltins(), name));
}

/* Makes kevy.<name> and adds it to the module. A new reference. */
static PyObject *make_class(PyObject *module, const char *name, PyObject *bases, const char *doc) {
  char qualified[64];
  PyOS_snprintf(qualified, sizeof qualified, "kevy.%s", name);
  PyObject *made = PyErr_NewExceptionWithDoc(qualified, doc, bases, NULL);
  if (made && PyModule_AddObjectRef(module, name, made) < 0) Py_CLEAR(made);
  return made;
}

static PyObject *class_of_row(PyObject *module, State *state, size_t row) {
  PyObject *class = find_class(module, rows[row].name);
  if (class || PyErr_Occurred()) return class;
  PyObject *builtin = rows[row].base[0] ? find_class(module, rows[row].base) : NULL;
  if (PyErr_Occurred()) return NULL;
  PyObject *bases =
      builtin ? PyTuple_Pack(2, state->error, builtin) : PyTuple_Pack(1, state->error);
  Py_XDECREF(builtin);
  if (!bases) return NULL;
  class = make_class(module, rows[row].name, bases, kevy_strerror(rows[row].status));
  Py_DECREF(bases);
  return class;
}

int pyerrors_init(PyObject *module, State *state) {
  state->error = make_class(module, "Error", NULL, "The base of every error that is kevy's own.");
  if (!state->error) return -1;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    PyObject *class = class_of_row(module, state, i);
    if (!class) return -1;
    state->exceptions[-rows[i].status - 1] = class;
  }
  return 0;
}

PyObject *pyerrors_class(State *state, kevy_status status) {
  return status < 0 && status >= -PYERRORS_COUNT ? state->exceptions[-status - 1] : state->error;
}

PyObject *pyerrors_raise(State *state, kevy_status status, PyObject *message) {
  if (!message) return NULL;
  PyErr_SetObject(pyerrors_class(state, status), message);
  Py_DECREF(message);
  return NULL;
}

PyObject *pyerrors_missing(PyObject *key) {
  PyObject *exception = PyObject_CallFunctionObjArgs(PyExc_KeyError, key, NULL);
  if (exception) {
    PyErr_SetObject(PyExc_KeyError, exception);
    Py_DECREF(exception);
  }
  return NULL;
}
