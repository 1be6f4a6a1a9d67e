/* pyexclusive: kevy.exclusive(x), a bound of a range that is not itself in it. */
#ifndef KEVY_PY_EXCLUSIVE_H
#define KEVY_PY_EXCLUSIVE_H

#include "module.h"

/* What an exclusive bound excludes, borrowed; NULL without an exception when object is none. */
PyObject *pyexclusive_value(State *state, PyObject *object);

#endif
