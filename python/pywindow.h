/* pywindow: what a store does with its windows. */
#ifndef KEVY_PY_WINDOW_H
#define KEVY_PY_WINDOW_H

#include "pystore.h"

/* Waits, with the GIL released, until no call on the store waits for the disk: no turn is under way then. */
void pystore_settle(Store *self);

/* Of the list of a store that closes: takes its windows away from their objects; and, once the engine's store is closed,
 * frees them and lets go of the list. NULL is none. */
void pywindow_leave(PyObject *windows);
void pywindow_end(PyObject *windows);

PyTypeObject *pywindow_type(PyObject *module);

#endif
