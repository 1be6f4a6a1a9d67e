/* pylist: what the files of kevy.List share. */
#ifndef KEVY_PY_LIST_H
#define KEVY_PY_LIST_H

#include "pycontents.h"

/* Raises IndexError. Always NULL. */
PyObject *pylist_no_index(const char *what);

/* Replaces removed elements by those of items (NULL: none), from a position that may count from the end, within
 * a turn. KEVY_ERANGE when it is none. */
kevy_status pylist_splice(Live *self, kevy_store *s, int64_t position, uint64_t removed,
                          const Values *items);

/* A reply with count elements from a position on, within a turn. NULL: *status says why. */
kevy_reply *pylist_range_in(Live *self, Turn *turn, int64_t from, uint64_t count,
                            kevy_status *status);

/* view[slice]; view[slice] = values, or del view[slice] for NULL. */
PyObject *pylist_get_slice(Live *self, PyObject *slice);
int pylist_set_slice(Live *self, PyObject *slice, PyObject *values);

/* object in view. */
int pylist_contains(PyObject *self, PyObject *object);

#endif
