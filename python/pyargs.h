/* pyargs: what a call is given, turned into what the engine takes.
 *
 * Every argument of a call is converted before the store is looked at: a conversion may run the
 * caller's code (__bool__, a buffer's exporter, a finalizer), and that code may use or close the store. */
#ifndef KEVY_PY_ARGS_H
#define KEVY_PY_ARGS_H

#include "module.h"

/* ---- Shapes of calls ------------------------------------------------------------------------- */

#define PYARGS_MAX 9

typedef struct {
  const char *function;
  int required;        /* how many must be given */
  int positional;      /* how many may be given by position */
  int positional_only; /* how many have no usable name */
  const char *names[PYARGS_MAX + 1];
} Signature;

/* Sorts the arguments of a FASTCALL | KEYWORDS call into out[], borrowed, NULL where not given. */
bool pyargs_parse(const Signature *signature, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames, PyObject **out);

/* object.name, and object.name() or object.name(argument). The name is interned: the interpreter keeps, and caches
 * lookups by, the name as an object. */
PyObject *pyargs_attribute(PyObject *object, const char *name);
PyObject *pyargs_call(PyObject *object, const char *name, PyObject *argument);

/* ---- Keys and values ------------------------------------------------------------------------- */

/* A key. ptr borrows from the object, or from keep, which the caller releases when the engine is done. */
typedef struct {
  const char *ptr;
  size_t len;
  uint32_t flags; /* KEVY_TEXT_KEY when it is a str */
  PyObject *keep;
} Key;

/* What is no key but given as one is, such as a pattern; what says what in the TypeError. */
bool pyargs_bytes(PyObject *object, const char *what, Key *key);
bool pyargs_key_slow(PyObject *object, Key *key);

/* str, bytes, bytearray or memoryview; else a TypeError that says so. */
static inline bool pyargs_key(PyObject *object, Key *key) {
  if (LIKELY(PyUnicode_Check(object) && PyUnicode_IS_COMPACT_ASCII(object))) {
    key->ptr = (const char *)((PyASCIIObject *)object + 1);
    key->len = (size_t)((PyASCIIObject *)object)->length;
    key->flags = KEVY_TEXT_KEY;
    key->keep = NULL;
    return true;
  }
  return pyargs_key_slow(object, key);
}

static inline void pyargs_key_done(Key *key) { Py_XDECREF(key->keep); }

/* A scalar as a value: as a key, and int within 64 bits, float but NaN. *keep is owned by the caller. */
bool pyargs_value(PyObject *object, kevy_value *value, PyObject **keep);

/* A field of a hash or stream, a member of a set or sorted set: as a key, and int within 64 bits. */
bool pyargs_member(PyObject *object, kevy_value *value, PyObject **keep);

static inline bool pyargs_quick_int(PyObject *object, kevy_value *value) {
  int64_t small;
  if (LIKELY(pycompat_small_int(object, &small))) {
    *value = kevy_int(small);
    return true;
  }
  int overflow;
  long long i = PyLong_AsLongLongAndOverflow(object, &overflow);
  *value = kevy_int(i);
  return LIKELY(!overflow);
}

/* The short form of the two: a str in ASCII, bytes, an int, each exactly, which borrow nothing but from
 * the object and run nobody's code. False: take the long way. */
static inline __attribute__((always_inline)) bool pyargs_quick_member(PyObject *object, kevy_value *value) {
  if (LIKELY(PyUnicode_CheckExact(object))) {
    if (UNLIKELY(!PyUnicode_IS_COMPACT_ASCII(object))) return false;
    *value = kevy_text((const char *)((PyASCIIObject *)object + 1),
                       (size_t)((PyASCIIObject *)object)->length);
    return true;
  }
  if (PyLong_CheckExact(object)) return pyargs_quick_int(object, value);
  if (!PyBytes_CheckExact(object)) return false;
  *value = kevy_bytes(PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
  return true;
}

/* The same for a value: a float too. */
static inline bool pyargs_quick_value(PyObject *object, kevy_value *value) {
  if (!PyFloat_CheckExact(object)) return pyargs_quick_member(object, value);
  *value = kevy_float(PyFloat_AS_DOUBLE(object));
  return LIKELY(value->as.d == value->as.d);
}

/* Values for one call of the engine, of any number: they borrow from the objects they were read from,
 * which the caller keeps alive, and from what is kept here. */
typedef struct {
  size_t count, room;
  kevy_value *values;
  PyObject **keeps;
} Values;

typedef bool (*ValueReader)(PyObject *object, kevy_value *value, PyObject **keep);

bool pyargs_values_new(Values *values, Py_ssize_t room);
bool pyargs_values_add(Values *values, PyObject *object, ValueReader read);
bool pyargs_values_put(Values *values, kevy_value value); /* borrows as the value does */
void pyargs_values_done(Values *values);

/* Reads every object of a list: false, with nothing to release, after an exception. */
bool pyargs_values_of(Values *values, PyObject *list, ValueReader read);

/* Several keys, keys and values, or arguments of a command, for one call of the engine. Few of them lie in the batch itself, which
 * must not be moved then: so a short command asks for no memory. */
#define PYARGS_FEW 8

typedef struct {
  size_t count;
  kevy_value *keys; /* or arguments */
  kevy_value *values; /* NULL unless with_values */
  PyObject **keeps;   /* 2 per pair */
  kevy_value few_keys[PYARGS_FEW];
  PyObject *few_keeps[2 * PYARGS_FEW];
} Batch;

bool pyargs_batch_new(Batch *batch, Py_ssize_t count, bool with_values);
bool pyargs_batch_add(Batch *batch, PyObject *key, PyObject *value); /* value NULL without values */
bool pyargs_batch_argument(Batch *batch, PyObject *object);
void pyargs_batch_done(Batch *batch);

/* ---- Numbers, flags, times ------------------------------------------------------------------- */

/* Sets flag in *flags when object (may be NULL) is true. */
bool pyargs_flag(PyObject *object, uint32_t flag, uint32_t *flags);

/* The conditions nx, xx, gt and lt, in this order. */
bool pyargs_conditions(PyObject *const *given, uint32_t *flags);

bool pyargs_int64(PyObject *object, const char *what, int64_t *out);

/* What incr() adds: an int or a float; 1 for NULL. */
bool pyargs_by(PyObject *object, kevy_value *by);

/* A TTL in seconds (int, float, timedelta) as milliseconds, rounded up; None (or NULL) is KEVY_NO_TTL. */
bool pyargs_ttl(PyObject *object, int64_t *ms);

/* The short form: a float, exactly, of whole milliseconds. */
static inline bool pyargs_quick_ttl(PyObject *object, int64_t *ms) {
  if (!PyFloat_CheckExact(object)) return false;
  double exact = PyFloat_AS_DOUBLE(object) * 1000.0;
  if (!(exact >= 1 && exact < 1e15)) return false;
  *ms = (int64_t)exact;
  return (double)*ms == exact;
}

/* A moment (Unix seconds, or an aware datetime) as Unix ms, rounded up. */
bool pyargs_deadline(PyObject *object, int64_t *ms);

/* Unix ms as an aware datetime in UTC. */
PyObject *pyargs_datetime(int64_t ms);

/* Puts two things into a new tuple of two: the tuple, or NULL when one is NULL after an exception. Steals all
 * three. */
PyObject *pyargs_fill_pair(PyObject *pair, PyObject *first, PyObject *second);

/* A size in bytes: an int, or a str such as "256mb" with Redis's units. */
bool pyargs_memory(PyObject *object, uint64_t *bytes);

/* ---- Results --------------------------------------------------------------------------------- */

/* Objects of 8 to 39 bytes are asked for in one of four sizes, of 8 * words + 7, and made shorter: what the allocator gives is
 * the same. So the length that a lookup found decides by a branch how much memory is taken and where the bytes go, not
 * as a number: a processor guesses branches, and has the object ready while the lookup still waits for memory. */

/* Fills such an object; zeros follow the bytes. */
static inline __attribute__((always_inline)) void pyargs_fill_words(char *to, const char *ptr, size_t len, size_t words) {
  uint64_t last;
  memcpy(&last, ptr + len - 8, 8);
  size_t bits = 8 * (8 * words + 7 - len); /* these and 8 more of it are in the words already */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  last = last >> 8 >> bits;
#else
  last = last << 8 << bits;
#endif
  memcpy(to, ptr, 8 * words);
  memcpy(to + 8 * words, &last, 8);
}

static inline __attribute__((always_inline)) PyObject *pyargs_bytes_of_words(const char *ptr, size_t len, size_t words) {
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(8 * words + 7));
  if (UNLIKELY(!bytes)) return NULL;
  pyargs_fill_words(PyBytes_AS_STRING(bytes), ptr, len, words);
  Py_SET_SIZE(bytes, (Py_ssize_t)len);
  return bytes;
}

static inline __attribute__((always_inline)) PyObject *pyargs_build_bytes(const char *ptr, size_t len) {
  switch (len / 8) {
    case 1: return pyargs_bytes_of_words(ptr, len, 1);
    case 2: return pyargs_bytes_of_words(ptr, len, 2);
    case 3: return pyargs_bytes_of_words(ptr, len, 3);
    case 4: return pyargs_bytes_of_words(ptr, len, 4);
    default: return PyBytes_FromStringAndSize(ptr, (Py_ssize_t)len);
  }
}

/* Text; not decoded where it is short and all of it is ASCII. */
PyObject *pyargs_build_text(const char *ptr, size_t len);

/* One scalar as one object, made without running any code of the user: callers may hold the lock. */
static inline __attribute__((always_inline)) PyObject *pyargs_build(const kevy_value *value) {
  switch (value->kind) {
    case KEVY_BYTES: return pyargs_build_bytes(value->as.ptr, value->len);
    case KEVY_TEXT: return pyargs_build_text(value->as.ptr, value->len);
    case KEVY_INT: return PyLong_FromLongLong(value->as.i);
    case KEVY_FLOAT: return PyFloat_FromDouble(value->as.d);
    default: Py_RETURN_NONE;
  }
}

#endif
