/* pykeys: the methods of Store that deal with keys whatever they hold, and with their time to live. */
#include "pystore.h"

/* ---- Counting over several keys --------------------------------------------------------------- */

typedef kevy_status (*KeyCall)(kevy_store *, const char *, size_t);

/* How many of the keys call answers KEVY_OK for, in one turn. */
static PyObject *count_keys(PyObject *self, PyObject *const *args, Py_ssize_t nargs, KeyCall call) {
  Batch batch;
  if (!pyargs_batch_new(&batch, nargs, false)) return NULL;
  PyObject *result = NULL;
  bool ready = true;
  for (Py_ssize_t i = 0; ready && i < nargs; i++) ready = pyargs_batch_add(&batch, args[i], NULL);
  Turn turn;
  if (ready && turn_begin(&turn, (Store *)self)) {
    long count = 0;
    kevy_status status = KEVY_OK;
    for (size_t i = 0; status >= 0 && i < batch.count; i++) {
      status = call(turn.handle, batch.keys[i].as.ptr, batch.keys[i].len);
      count += status == KEVY_OK;
    }
    if (status < 0) {
      turn_fail(&turn, status);
    } else {
      turn_end(&turn);
      result = PyLong_FromLong(count);
    }
  }
  pyargs_batch_done(&batch);
  return result;
}

PyObject *pystore_delete(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return count_keys(self, args, nargs, kevy_delete);
}

PyObject *pystore_exists(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return count_keys(self, args, nargs, kevy_exists);
}

PyObject *pystore_touch(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return count_keys(self, args, nargs, kevy_touch);
}

/* ---- One key ---------------------------------------------------------------------------------- */

/* What a question about one key came to: its status, with an exception if negative, and a number. */
typedef kevy_status (*KeyQuestion)(kevy_store *, const char *, size_t, int64_t *);

static kevy_status ask(PyObject *self, PyObject *object, KeyQuestion question, int64_t *answer) {
  Key key;
  if (!pyargs_key(object, &key)) return KEVY_EARG;
  Turn turn;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, (Store *)self)) {
    status = question(turn.handle, key.ptr, key.len, answer);
    if (status < 0) turn_fail(&turn, status);
    else turn_end(&turn);
  }
  pyargs_key_done(&key);
  return status;
}

static kevy_status ask_type(kevy_store *s, const char *key, size_t len, int64_t *answer) {
  int32_t type = KEVY_TYPE_NONE;
  kevy_status status = kevy_type(s, key, len, &type);
  *answer = type;
  return status;
}

static kevy_status ask_memory(kevy_store *s, const char *key, size_t len, int64_t *answer) {
  uint64_t bytes = 0;
  kevy_status status = kevy_memory_usage(s, key, len, &bytes);
  *answer = (int64_t)bytes;
  return status;
}

static kevy_status ask_persist(kevy_store *s, const char *key, size_t len, int64_t *answer) {
  (void)answer;
  return kevy_persist(s, key, len);
}

PyObject *pystore_gettype(PyObject *self, PyObject *key) {
  int64_t type;
  kevy_status status = ask(self, key, ask_type, &type);
  if (status < 0) return NULL;
  if (status == KEVY_MISSING) Py_RETURN_NONE;
  return PyUnicode_FromString(kevy_type_name((int32_t)type));
}

PyObject *pystore_memory_usage(PyObject *self, PyObject *key) {
  int64_t bytes;
  kevy_status status = ask(self, key, ask_memory, &bytes);
  if (status < 0) return NULL;
  return status == KEVY_MISSING ? pyerrors_missing(key) : PyLong_FromLongLong(bytes);
}

PyObject *pystore_persist(PyObject *self, PyObject *key) {
  kevy_status status = ask(self, key, ask_persist, NULL);
  return status < 0 ? NULL : PyBool_FromLong(status == KEVY_OK);
}

PyObject *pystore_ttl(PyObject *self, PyObject *key) {
  int64_t ms;
  kevy_status status = ask(self, key, kevy_ttl, &ms);
  if (status < 0) return NULL;
  if (status == KEVY_MISSING) return pyerrors_missing(key);
  if (ms == KEVY_NO_TTL) Py_RETURN_NONE;
  return PyFloat_FromDouble((double)ms / 1000.0);
}

PyObject *pystore_expires_at(PyObject *self, PyObject *key) {
  int64_t ms;
  kevy_status status = ask(self, key, kevy_deadline, &ms);
  if (status < 0) return NULL;
  if (status == KEVY_MISSING) return pyerrors_missing(key);
  if (ms == KEVY_NO_TTL) Py_RETURN_NONE;
  return pyargs_datetime(ms);
}

/* ---- Two keys --------------------------------------------------------------------------------- */

typedef kevy_status (*TwoKeyCall)(kevy_store *, const char *, size_t, const char *, size_t,
                                  uint32_t);

/* The status, with an exception if negative. */
static kevy_status call_two(PyObject *self, PyObject *from_object, PyObject *to_object,
                            uint32_t flags, TwoKeyCall call) {
  Key from, to;
  if (!pyargs_key(from_object, &from)) return KEVY_EARG;
  kevy_status status = KEVY_EARG;
  if (pyargs_key(to_object, &to)) {
    Turn turn;
    if (turn_begin(&turn, (Store *)self)) {
      status = call(turn.handle, from.ptr, from.len, to.ptr, to.len, flags | to.flags);
      if (status < 0) turn_fail(&turn, status);
      else turn_end(&turn);
    }
    pyargs_key_done(&to);
  }
  pyargs_key_done(&from);
  return status;
}

PyObject *pystore_rename(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  static const Signature sig = {"rename", 2, 3, 2, {"key", "to", "nx", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t flags = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_flag(given[2], KEVY_NX, &flags))
    return NULL;
  kevy_status status = call_two(self, given[0], given[1], flags, kevy_rename);
  if (status < 0) return NULL;
  if (status == KEVY_MISSING) return pyerrors_missing(given[0]);
  if (flags & KEVY_NX) return PyBool_FromLong(status == KEVY_OK);
  Py_RETURN_NONE;
}

PyObject *pystore_copy(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"copy", 2, 3, 2, {"key", "to", "replace", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t flags = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) ||
      !pyargs_flag(given[2], KEVY_REPLACE, &flags))
    return NULL;
  kevy_status status = call_two(self, given[0], given[1], flags, kevy_copy);
  return status < 0 ? NULL : PyBool_FromLong(status == KEVY_OK);
}

/* ---- Time to live ----------------------------------------------------------------------------- */

/* expire() and expire_at(), which differ in how they read the time. */
static PyObject *expire_with(PyObject *self, PyObject *object, int64_t ms, uint32_t flags,
                             PyObject *const *conditions) {
  if (!pyargs_conditions(conditions, &flags)) return NULL;
  Key key;
  if (!pyargs_key(object, &key)) return NULL;
  Turn turn;
  PyObject *result = NULL;
  if (turn_begin(&turn, (Store *)self)) {
    kevy_status status = kevy_expire(turn.handle, key.ptr, key.len, ms, flags);
    if (status < 0) {
      turn_fail(&turn, status);
    } else {
      turn_end(&turn);
      result = PyBool_FromLong(status == KEVY_OK);
    }
  }
  pyargs_key_done(&key);
  return result;
}

PyObject *pystore_expire(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  static const Signature sig = {"expire", 2, 2, 2, {"key", "ttl", "nx", "xx", "gt", "lt", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t ms;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  if (given[1] == Py_None)
    return PyErr_Format(PyExc_TypeError, "ttl is seconds or a timedelta; persist() removes it");
  if (!pyargs_ttl(given[1], &ms)) return NULL;
  return expire_with(self, given[0], ms, 0, given + 2);
}

PyObject *pystore_expire_at(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames) {
  static const Signature sig = {
      "expire_at", 2, 2, 2, {"key", "when", "nx", "xx", "gt", "lt", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t ms;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_deadline(given[1], &ms))
    return NULL;
  /* Any past is as good as another, and below 1 the engine has other uses for the numbers. */
  return expire_with(self, given[0], ms < 1 ? 1 : ms, KEVY_AT, given + 2);
}

/* ---- Scanning --------------------------------------------------------------------------------- */

/* The number of a type's word; -1 with an exception. */
static int32_t type_of_word(PyObject *word) {
  if (!word || word == Py_None) return KEVY_TYPE_NONE;
  if (!PyUnicode_Check(word)) {
    PyErr_Format(PyExc_TypeError, "type is a str, not %.200s", Py_TYPE(word)->tp_name);
    return -1;
  }
  for (int32_t type = KEVY_TYPE_STRING; type <= KEVY_TYPE_STREAM; type++)
    if (PyUnicode_CompareWithASCIIString(word, kevy_type_name(type)) == 0) return type;
  PyErr_Format(PyExc_ValueError,
               "type is one of string, hash, list, set, zset and stream, not %R", word);
  return -1;
}

PyObject *pystore_scan(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"scan", 0, 2, 0, {"match", "type", NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  int32_t type = type_of_word(given[1]);
  if (type < 0) return NULL;
  if (!given[0] || given[0] == Py_None) return pyiter_open((Store *)self, PYITER_KEYS, NULL, type);
  Key match;
  if (!pyargs_bytes(given[0], "a pattern", &match)) return NULL;
  kevy_value pattern = kevy_bytes(match.ptr, match.len);
  PyObject *iterator = pyiter_open((Store *)self, PYITER_KEYS, &pattern, type);
  pyargs_key_done(&match);
  return iterator;
}
