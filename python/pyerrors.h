/* pyerrors: kevy's exceptions, and which status raises which: the rows of errors.def. */
#ifndef KEVY_PY_ERRORS_H
#define KEVY_PY_ERRORS_H

#include <Python.h>

#include "kevy.h"

enum {
#define PYERRORS_COUNT_ROW(name, number, message) +1
  PYERRORS_COUNT = 0 KEVY_ERRORS(PYERRORS_COUNT_ROW)
#undef PYERRORS_COUNT_ROW
};

struct State;

/* Makes the classes and adds them to the module. 0, or -1 with an exception. */
int pyerrors_init(PyObject *module, struct State *state);

/* The class that a negative status raises. Borrowed. */
PyObject *pyerrors_class(struct State *state, kevy_status status);

/* Raises it with a message, which may be NULL after a failed allocation (that exception stays).
 * Steals message; always returns NULL. */
PyObject *pyerrors_raise(struct State *state, kevy_status status, PyObject *message);

/* Raises KeyError(key). Always returns NULL. */
PyObject *pyerrors_missing(PyObject *key);

#endif
