/* pycontents: whole collections, from Python's containers into the store and back. */
#ifndef KEVY_PY_CONTENTS_H
#define KEVY_PY_CONTENTS_H

#include "pylive.h"

/* What one call of the engine writes, read from a list that it keeps. */
typedef struct Contents {
  int32_t type;
  PyObject *list; /* elements; of a hash or sorted set: key, value, key, value ... */
  Values names;   /* elements, fields or members */
  Values values;  /* of a hash */
  double *scores; /* of a sorted set */
} Contents;

/* Steals list, which may be NULL after an exception. False, with nothing to release, after an exception. */
bool pycontents_read(Contents *contents, int32_t type, PyObject *list);
void pycontents_done(Contents *contents);

/* Writes them within a turn; *count (may be NULL) as the engine's function counts. */
kevy_status pycontents_write(const Contents *contents, kevy_store *s, const char *key, size_t len,
                             uint32_t flags, uint64_t *count);

/* The same in a turn of its own, under a view's key: false with an exception. Nothing is written when
 * there is nothing to write, but what the key holds is still asked. */
bool pycontents_add(const Contents *contents, Live *self, uint32_t flags, uint64_t *count);

/* Reads a score: an int or a float that is not NaN. */
bool pycontents_score(PyObject *object, double *score);

/* The elements of a view, at this moment, in a new list: of a hash or sorted set key, value, key ... */
PyObject *pycontents_list(Live *self);

/* Raises WrongTypeError. Always NULL. */
PyObject *pycontents_wrong_type(Store *store);

#endif
