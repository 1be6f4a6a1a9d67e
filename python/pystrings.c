/* pystrings: the methods of Store that read and write scalars, and, as a mapping, collections.
 *
 * What a call returns is built before what it removes or replaces is gone, so that a call that fails for
 * lack of memory in Python has changed nothing in the store. */
#include "pylive.h"

/* ---- Reading --------------------------------------------------------------------------------- */

/* What a missing key gives: an object, or KeyError for NULL. */
static PyObject *or_missing(PyObject *key, PyObject *missing) {
  return missing ? Py_NewRef(missing) : pyerrors_missing(key);
}

static PyObject *lookup_in_turn(Store *self, PyObject *object, PyObject *missing);

/* The view of a key that was found to hold a collection; if it no longer does, the key is asked anew. */
static PyObject *collection(Store *self, PyObject *object, PyObject *missing) {
  PyObject *view = pylive_of_key(self, object);
  if (view != Py_None) return view;
  Py_DECREF(view);
  return lookup_in_turn(self, object, missing);
}

static __attribute__((noinline)) PyObject *lookup_in_turn(Store *self, PyObject *object,
                                                          PyObject *missing) {
  Key key;
  if (!pyargs_key(object, &key)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  PyObject *found = NULL;
  if (s) {
    kevy_value value;
    kevy_status status = kevy_get(s, key.ptr, key.len, &value);
    if (status == KEVY_OK) found = pyargs_build(&value);
    if (status >= 0 || status == KEVY_EWRONGTYPE) turn_end(&turn);
    else turn_fail(&turn, status);
    if (status == KEVY_MISSING) found = or_missing(object, missing);
    if (status == KEVY_EWRONGTYPE) found = collection(self, object, missing);
  }
  pyargs_key_done(&key);
  return found;
}

static inline __attribute__((always_inline)) PyObject *lookup(Store *self, PyObject *object, PyObject *missing) {
  const char *ptr;
  size_t len;
  if (LIKELY(quick_key(self, object, &ptr, &len))) {
    kevy_value value;
    kevy_status status = kevy_get(self->alone, ptr, len, &value);
    if (LIKELY(status == KEVY_OK)) return pyargs_build(&value);
    if (status == KEVY_MISSING) return or_missing(object, missing);
  }
  return lookup_in_turn(self, object, missing);
}

PyObject *pystore_lookup(Store *self, PyObject *key, PyObject *missing) {
  return lookup(self, key, missing);
}

PyObject *pystore_subscript(PyObject *self, PyObject *key) {
  return lookup((Store *)self, key, NULL);
}

/* Apart, so that the short way takes no room on the stack for what was given. */
static __attribute__((noinline)) PyObject *get_parsed(Store *self, PyObject *const *args, Py_ssize_t nargs,
                                                      PyObject *kwnames) {
  static const Signature sig = {"get", 1, 2, 1, {"key", "default", NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  return pystore_lookup(self, given[0], given[1] ? given[1] : Py_None);
}

PyObject *pystore_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  if (LIKELY(nargs == 1 && !kwnames)) return lookup((Store *)self, args[0], Py_None);
  return get_parsed((Store *)self, args, nargs, kwnames);
}

PyObject *pystore_mget(PyObject *object, PyObject *keys) {
  PyObject *tuple = PySequence_Tuple(keys), *list = NULL;
  if (!tuple) return NULL;
  Py_ssize_t count = PyTuple_GET_SIZE(tuple);
  Batch batch;
  if (!pyargs_batch_new(&batch, count, true)) {
    Py_DECREF(tuple);
    return NULL;
  }
  bool ready = true;
  for (Py_ssize_t i = 0; ready && i < count; i++)
    ready = pyargs_batch_add(&batch, PyTuple_GET_ITEM(tuple, i), NULL);
  Turn turn;
  if (ready) list = PyList_New(count);
  if (list && turn_begin(&turn, (Store *)object)) {
    kevy_status status = kevy_mget(turn.handle, batch.count, batch.keys, batch.values);
    for (Py_ssize_t i = 0; status == KEVY_OK && ready && i < count; i++) {
      PyObject *built = pyargs_build(&batch.values[i]);
      PyList_SET_ITEM(list, i, built);
      ready = built != NULL;
    }
    if (status < 0) turn_fail(&turn, status);
    else turn_end(&turn);
    if (status < 0 || !ready) Py_CLEAR(list);
  } else {
    Py_CLEAR(list);
  }
  pyargs_batch_done(&batch);
  Py_DECREF(tuple);
  return list;
}

PyObject *pystore_strlen(PyObject *self, PyObject *object) {
  Key key;
  if (!pyargs_key(object, &key)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)self);
  PyObject *result = NULL;
  if (s) {
    uint64_t length = 0;
    kevy_status status = kevy_strlen(s, key.ptr, key.len, &length);
    if (status < 0) {
      turn_fail(&turn, status);
    } else {
      turn_end(&turn);
      result = PyLong_FromUnsignedLongLong(length);
    }
  }
  pyargs_key_done(&key);
  return result;
}

/* Exactly n positions, for the methods that take no names. */
static bool expect(const char *function, Py_ssize_t nargs, Py_ssize_t n) {
  if (nargs == n) return true;
  PyErr_Format(PyExc_TypeError, "%s() takes exactly %zd arguments (%zd given)", function, n, nargs);
  return false;
}

PyObject *pystore_getrange(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  int64_t first, last;
  Key key;
  if (!expect("getrange", nargs, 3) || !pyargs_int64(args[1], "first", &first) ||
      !pyargs_int64(args[2], "last", &last) || !pyargs_key(args[0], &key))
    return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)self);
  PyObject *result = NULL;
  if (s) {
    kevy_value value;
    kevy_status status = kevy_getrange(s, key.ptr, key.len, first, last, &value);
    if (status < 0) {
      turn_fail(&turn, status);
    } else {
      result = pyargs_build(&value);
      turn_end(&turn);
    }
  }
  pyargs_key_done(&key);
  return result;
}

PyObject *pystore_view(PyObject *self, PyObject *key) { return pypin_view((Store *)self, key); }

/* ---- Writing --------------------------------------------------------------------------------- */

/* Sets a key within a turn. *old, if asked for, becomes what it held, or None. The status of
 * kevy_set; KEVY_EOOM with *old NULL and an exception when that could not be built. */
static kevy_status set_key(kevy_store *s, const Key *key, const kevy_value *value, int64_t ttl,
                           uint32_t flags, PyObject **old) {
  flags |= key->flags;
  if (old) {
    kevy_value held;
    kevy_status status = kevy_get(s, key->ptr, key->len, &held);
    if (status < 0) return status;
    *old = status == KEVY_OK ? pyargs_build(&held) : Py_NewRef(Py_None);
    if (!*old) return KEVY_EOOM;
  }
  return kevy_set(s, key->ptr, key->len, value, ttl, flags, NULL);
}

/* Raises what a call outside of a turn failed with. Always -1. */
static __attribute__((noinline)) int quick_fail(Store *self, kevy_status status) {
  Turn turn;
  if (turn_begin(&turn, self)) turn_fail(&turn, status);
  return -1;
}

/* The commonest of all writes, in a straight line: 1, -1 with an exception, or 0: take the long way. */
static inline int set_quick(Store *self, PyObject *object, PyObject *value_object, int64_t ttl) {
  const char *ptr;
  size_t len;
  kevy_value value;
  if (UNLIKELY(!quick_key(self, object, &ptr, &len)) ||
      UNLIKELY(!pyargs_quick_value(value_object, &value)))
    return 0;
  kevy_status status = kevy_set(self->alone, ptr, len, &value, ttl, KEVY_TEXT_KEY, NULL);
  return LIKELY(status == KEVY_OK) ? 1 : quick_fail(self, status);
}

int pystore_assign(Store *self, PyObject *object, PyObject *value_object) {
  int quick = set_quick(self, object, value_object, KEVY_NO_TTL);
  if (LIKELY(quick != 0)) return quick > 0 ? 0 : -1;
  if (pylive_is_collection(self->state, value_object))
    return pylive_assign(self, object, value_object, false);
  Key key;
  kevy_value value;
  PyObject *keep;
  if (!pyargs_key(object, &key)) return -1;
  int result = -1;
  if (pyargs_value(value_object, &value, &keep)) {
    Turn turn;
    kevy_store *s = turn_begin(&turn, self);
    if (s) {
      kevy_status status = set_key(s, &key, &value, KEVY_NO_TTL, 0, NULL);
      if (LIKELY(status >= 0)) turn_end(&turn);
      else turn_fail(&turn, status);
      result = status >= 0 ? 0 : -1;
    }
    Py_XDECREF(keep);
  }
  pyargs_key_done(&key);
  return result;
}

/* The rest of set(), its arguments converted. */
static PyObject *set_converted(Store *self, const Key *key, const kevy_value *value, int64_t ttl,
                               uint32_t flags, bool want_old) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) return NULL;
  PyObject *old = NULL;
  kevy_status status = set_key(s, key, value, ttl, flags, want_old ? &old : NULL);
  if (status >= 0) {
    turn_end(&turn);
    return want_old ? old : PyBool_FromLong(status == KEVY_OK);
  }
  if (want_old && !old && PyErr_Occurred()) turn_end(&turn);
  else turn_fail(&turn, status);
  Py_XDECREF(old);
  return NULL;
}

PyObject *pystore_set(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {
      "set", 2, 3, 2, {"key", "value", "ttl", "nx", "xx", "keepttl", "get", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t ttl = KEVY_NO_TTL;
  if (LIKELY(!kwnames && (nargs == 2 || (nargs == 3 && pyargs_quick_ttl(args[2], &ttl))))) {
    int quick = set_quick((Store *)self, args[0], args[1], ttl);
    if (LIKELY(quick != 0)) return quick > 0 ? Py_NewRef(Py_True) : NULL;
  }
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  uint32_t flags = 0, get = 0;
  if (!pyargs_ttl(given[2], &ttl) || !pyargs_flag(given[3], KEVY_NX, &flags) ||
      !pyargs_flag(given[4], KEVY_XX, &flags) || !pyargs_flag(given[5], KEVY_KEEPTTL, &flags) ||
      !pyargs_flag(given[6], 1, &get))
    return NULL;
  Key key;
  kevy_value value;
  PyObject *keep, *result = NULL;
  if (!pyargs_key(given[0], &key)) return NULL;
  if (pyargs_value(given[1], &value, &keep)) {
    result = set_converted((Store *)self, &key, &value, ttl, flags, get != 0);
    Py_XDECREF(keep);
  }
  pyargs_key_done(&key);
  return result;
}

/* Removes a key that was found to hold a collection, within a turn, which ends. */
static PyObject *take_collection(Turn *turn, const Key *key) {
  int32_t type;
  kevy_status status = kevy_type(turn->handle, key->ptr, key->len, &type);
  return status < 0 ? turn_fail(turn, status) : pylive_take(turn, type, key->ptr, key->len);
}

/* Removes a key and returns its value; missing (KeyError for NULL) when there is none. */
static PyObject *take(Store *self, PyObject *object, PyObject *missing, bool collections) {
  Key key;
  if (!pyargs_key(object, &key)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  PyObject *taken = NULL;
  if (s) {
    kevy_value value;
    kevy_status status = kevy_get(s, key.ptr, key.len, &value);
    if (status == KEVY_OK) {
      taken = pyargs_build(&value);
      if (taken) status = kevy_delete(s, key.ptr, key.len);
    }
    if (status == KEVY_EWRONGTYPE && collections) taken = take_collection(&turn, &key);
    else if (status >= 0) turn_end(&turn);
    else turn_fail(&turn, status);
    if (PyErr_Occurred()) Py_CLEAR(taken);
    else if (!taken) taken = or_missing(object, missing);
  }
  pyargs_key_done(&key);
  return taken;
}

PyObject *pystore_getdel(PyObject *self, PyObject *key) {
  return take((Store *)self, key, Py_None, false);
}

PyObject *pystore_pop(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs == 1) return take((Store *)self, args[0], NULL, true);
  if (nargs == 2) return take((Store *)self, args[0], args[1], true);
  PyErr_Format(PyExc_TypeError, "pop() takes 1 or 2 arguments (%zd given)", nargs);
  return NULL;
}

/* incr() by an int or a float, within one turn. */
static PyObject *incr_converted(Store *self, const Key *key, const kevy_value *by) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) return NULL;
  kevy_value sum = *by;
  kevy_status status =
      by->kind == KEVY_INT
          ? kevy_incr(s, key->ptr, key->len, by->as.i, key->flags, &sum.as.i)
          : kevy_incr_float(s, key->ptr, key->len, by->as.d, key->flags, &sum.as.d);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  return pyargs_build(&sum);
}

PyObject *pystore_incr(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"incr", 1, 2, 1, {"key", "by", NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  kevy_value by;
  PyObject *result = NULL;
  if (!pyargs_by(given[1], &by)) return NULL;
  Key key;
  if (pyargs_key(given[0], &key)) {
    result = incr_converted((Store *)self, &key, &by);
    pyargs_key_done(&key);
  }
  return result;
}

PyObject *pystore_append(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  Key key;
  kevy_value tail;
  PyObject *keep, *result = NULL;
  if (!expect("append", nargs, 2) || !pyargs_key(args[0], &key)) return NULL;
  if (pyargs_value(args[1], &tail, &keep)) {
    Turn turn;
    kevy_store *s = turn_begin(&turn, (Store *)self);
    if (s) {
      uint64_t length = 0;
      kevy_status status = kevy_append(s, key.ptr, key.len, &tail, key.flags, &length);
      if (status < 0) {
        turn_fail(&turn, status);
      } else {
        turn_end(&turn);
        result = PyLong_FromUnsignedLongLong(length);
      }
    }
    Py_XDECREF(keep);
  }
  pyargs_key_done(&key);
  return result;
}

PyObject *pystore_setrange(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  int64_t offset;
  Key key, piece;
  if (!expect("setrange", nargs, 3) || !pyargs_int64(args[1], "offset", &offset) ||
      !pyargs_key(args[0], &key))
    return NULL;
  PyObject *result = NULL;
  if (pyargs_bytes(args[2], "a piece", &piece)) {
    Turn turn;
    kevy_store *s = turn_begin(&turn, (Store *)self);
    if (s) {
      uint64_t length = 0;
      kevy_status status = kevy_setrange(s, key.ptr, key.len, offset, piece.ptr, piece.len,
                                         key.flags, &length);
      if (status < 0) {
        turn_fail(&turn, status);
      } else {
        turn_end(&turn);
        result = PyLong_FromUnsignedLongLong(length);
      }
    }
    pyargs_key_done(&piece);
  }
  pyargs_key_done(&key);
  return result;
}

/* The pairs of a mapping, all of them: mset() reads everything before it writes anything. */
static PyObject *pairs_of(PyObject *mapping) {
  PyObject *method = pyargs_attribute(mapping, "items");
  if (!method) {
    if (PyErr_ExceptionMatches(PyExc_AttributeError))
      PyErr_Format(PyExc_TypeError, "mset() takes a mapping, not %.200s",
                   Py_TYPE(mapping)->tp_name);
    return NULL;
  }
  PyObject *items = PyObject_CallObject(method, NULL);
  Py_DECREF(method);
  PyObject *pairs = items ? PySequence_Tuple(items) : NULL;
  Py_XDECREF(items);
  return pairs;
}

static bool batch_of_pairs(Batch *batch, PyObject *pairs) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(pairs); i++) {
    PyObject *pair = PyTuple_GET_ITEM(pairs, i);
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
      PyErr_SetString(PyExc_TypeError, "items() must give (key, value) tuples");
      return false;
    }
    if (!pyargs_batch_add(batch, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1)))
      return false;
  }
  return true;
}

PyObject *pystore_mset(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"mset", 1, 2, 1, {"mapping", "ttl", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t ttl;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_ttl(given[1], &ttl)) return NULL;
  PyObject *pairs = pairs_of(given[0]), *result = NULL;
  if (!pairs) return NULL;
  Batch batch;
  if (pyargs_batch_new(&batch, PyTuple_GET_SIZE(pairs), true)) {
    Turn turn;
    if (batch_of_pairs(&batch, pairs) && turn_begin(&turn, (Store *)self)) {
      kevy_status status = kevy_mset(turn.handle, batch.count, batch.keys, batch.values, ttl, 0);
      if (status < 0) {
        turn_fail(&turn, status);
      } else {
        turn_end(&turn);
        result = Py_NewRef(Py_None);
      }
    }
    pyargs_batch_done(&batch);
  }
  Py_DECREF(pairs);
  return result;
}
