/* pyhash: kevy.Hash, a live view of a hash: a MutableMapping of fields to scalars. */
#include "pycontents.h"

#define PYROWS "hash.def"
#include "pytables.h"

/* ---- Reading --------------------------------------------------------------------------------- */

/* What a missing field gives: an object, or KeyError for NULL. */
static PyObject *or_missing(PyObject *field, PyObject *missing) {
  return missing ? Py_NewRef(missing) : pyerrors_missing(field);
}

static __attribute__((noinline)) PyObject *lookup_in_turn(Live *self, PyObject *object,
                                                          PyObject *missing) {
  kevy_value field, value;
  PyObject *keep, *found = NULL;
  if (!pyargs_member(object, &field, &keep)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (s) {
    kevy_status status = kevy_hget(s, LIVE_KEY(self), &field, &value);
    if (status == KEVY_OK) found = pyargs_build(&value);
    pylive_end(&turn, status);
    if (status > 0) found = or_missing(object, missing);
  }
  Py_XDECREF(keep);
  return found;
}

static inline PyObject *lookup(Live *self, PyObject *object, PyObject *missing) {
  kevy_value field, value;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(object, &field))) {
    kevy_status status = kevy_hget(s, LIVE_KEY(self), &field, &value);
    if (LIKELY(status == KEVY_OK)) return pyargs_build(&value);
    if (status > 0) return or_missing(object, missing);
  }
  return lookup_in_turn(self, object, missing);
}

PyObject *pyhash_lookup(Live *self, PyObject *field, PyObject *missing) {
  return lookup(self, field, missing);
}

static PyObject *hash_subscript(PyObject *self, PyObject *field) {
  return lookup((Live *)self, field, NULL);
}

PyObject *pyhash_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (LIKELY(nargs == 1)) return lookup((Live *)self, args[0], Py_None);
  if (nargs == 2) return lookup((Live *)self, args[0], args[1]);
  return PyErr_Format(PyExc_TypeError, "get() takes 1 or 2 arguments (%zd given)", nargs);
}

static int hash_contains(PyObject *object, PyObject *field_object) {
  Live *self = (Live *)object;
  kevy_value field;
  kevy_status status = KEVY_EARG;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(field_object, &field)))
    status = kevy_hexists(s, LIVE_KEY(self), &field);
  if (UNLIKELY(status < 0)) status = pylive_ask(self, field_object, kevy_hexists);
  return status < 0 ? -1 : status == KEVY_OK;
}

static Py_ssize_t hash_len(PyObject *self) { return pylive_len((Live *)self, kevy_hlen); }

PyObject *pyhash_mget(PyObject *object, PyObject *fields) {
  Live *self = (Live *)object;
  PyObject *given = PySequence_List(fields), *list = NULL;
  Values values;
  if (!given) return NULL;
  if (!pyargs_values_of(&values, given, pyargs_member)) {
    Py_DECREF(given);
    return NULL;
  }
  size_t count = values.count;
  kevy_value *out = PyMem_New(kevy_value, count + 1);
  Turn turn;
  bool ready = false;
  if (out) list = PyList_New((Py_ssize_t)count);
  else PyErr_NoMemory();
  if (list && turn_begin(&turn, self->store)) {
    kevy_status status = kevy_hmget(turn.handle, LIVE_KEY(self), count, values.values, out);
    ready = status == KEVY_OK;
    for (size_t i = 0; ready && i < count; i++) {
      PyObject *built = pyargs_build(&out[i]);
      PyList_SET_ITEM(list, (Py_ssize_t)i, built);
      ready = built != NULL;
    }
    pylive_end(&turn, status);
  }
  if (!ready) Py_CLEAR(list);
  PyMem_Free(out);
  pyargs_values_done(&values);
  Py_DECREF(given);
  return list;
}

PyObject *pyhash_random(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  return pylive_random((Live *)self, "HRANDFIELD", args, nargs, kwnames);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static __attribute__((noinline)) int assign_in_turn(Live *self, PyObject *field_object,
                                                    PyObject *value_object) {
  kevy_value field, value;
  PyObject *keep, *keep_value;
  int result = -1;
  if (!pyargs_member(field_object, &field, &keep)) return -1;
  if (pyargs_value(value_object, &value, &keep_value)) {
    Turn turn;
    if (turn_begin(&turn, self->store) &&
        pylive_end(&turn, kevy_hset(turn.handle, LIVE_KEY(self), 1, &field, &value, self->text, NULL)))
      result = 0;
    Py_XDECREF(keep_value);
  }
  Py_XDECREF(keep);
  return result;
}

static int hash_ass_subscript(PyObject *object, PyObject *field_object, PyObject *value_object) {
  Live *self = (Live *)object;
  if (UNLIKELY(!value_object)) {
    int removed = pylive_remove(self, field_object, kevy_hdel);
    if (removed == 0) pyerrors_missing(field_object);
    return removed > 0 ? 0 : -1;
  }
  kevy_value field, value;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(field_object, &field)) &&
      LIKELY(pyargs_quick_value(value_object, &value)) &&
      LIKELY(kevy_hset(s, LIVE_KEY(self), 1, &field, &value, self->text, NULL) >= 0))
    return 0;
  return assign_in_turn(self, field_object, value_object);
}

/* Removes a field and returns its value; missing (KeyError for NULL) when there is none. */
static PyObject *take(Live *self, PyObject *object, PyObject *missing) {
  kevy_value field, value;
  PyObject *keep, *taken = NULL;
  if (!pyargs_member(object, &field, &keep)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (s) {
    kevy_status status = kevy_hget(s, LIVE_KEY(self), &field, &value);
    if (status == KEVY_OK) {
      taken = pyargs_build(&value);
      if (taken) status = kevy_hdel(s, LIVE_KEY(self), 1, &field, NULL);
    }
    if (!pylive_end(&turn, status)) Py_CLEAR(taken);
    else if (status > 0 && !taken) taken = or_missing(object, missing);
  }
  Py_XDECREF(keep);
  return taken;
}

PyObject *pyhash_pop(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs == 1) return take((Live *)self, args[0], NULL);
  if (nargs == 2) return take((Live *)self, args[0], args[1]);
  return PyErr_Format(PyExc_TypeError, "pop() takes 1 or 2 arguments (%zd given)", nargs);
}

PyObject *pyhash_popitem(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  for (;;) { /* a field that is gone when it is asked for is passed over */
    Call call;
    pylive_call(&call, self, "HRANDFIELD", 0);
    PyObject *field = pylive_answer(&call);
    if (!field) return NULL;
    if (field == Py_None) {
      Py_DECREF(field);
      PyErr_SetString(PyExc_KeyError, "popitem(): the hash is empty");
      return NULL;
    }
    PyObject *pair = PyTuple_New(2);
    PyObject *value = pair ? take(self, field, object) : NULL; /* the view stands for "missing" */
    if (value != object) return pyargs_fill_pair(pair, field, value);
    Py_DECREF(value);
    Py_DECREF(pair);
    Py_DECREF(field);
  }
}

PyObject *pyhash_setdefault(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Live *self = (Live *)object;
  if (nargs != 1 && nargs != 2)
    return PyErr_Format(PyExc_TypeError, "setdefault() takes 1 or 2 arguments (%zd given)", nargs);
  PyObject *found = lookup(self, args[0], object); /* the view itself stands for "missing" */
  if (found != object) return found;
  Py_DECREF(found);
  kevy_value field, value;
  PyObject *keep, *keep_value, *result = NULL;
  if (!pyargs_member(args[0], &field, &keep)) return NULL;
  if (pyargs_value(nargs == 2 ? args[1] : Py_None, &value, &keep_value)) {
    Turn turn;
    if (turn_begin(&turn, self->store)) {
      kevy_status status = kevy_hset(turn.handle, LIVE_KEY(self), 1, &field, &value,
                                     KEVY_NX | self->text, NULL);
      if (status == KEVY_UNMET) status = kevy_hget(turn.handle, LIVE_KEY(self), &field, &value);
      if (status >= 0) result = pyargs_build(&value);
      pylive_end(&turn, status);
    }
    Py_XDECREF(keep_value);
  }
  Py_XDECREF(keep);
  return result;
}

PyObject *pyhash_update(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  Live *self = (Live *)object;
  Contents contents;
  if (!pycontents_read(&contents, KEVY_TYPE_HASH,
                       pylive_pairs_of_call(self->store->state, args, nargs, kwnames)))
    return NULL;
  bool done = pycontents_add(&contents, self, 0, NULL);
  pycontents_done(&contents);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

static PyObject *incr_converted(Live *self, const kevy_value *field, const kevy_value *by) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_value sum = *by;
  kevy_status status =
      by->kind == KEVY_INT
          ? kevy_hincr(s, LIVE_KEY(self), field, by->as.i, self->text, &sum.as.i)
          : kevy_hincr_float(s, LIVE_KEY(self), field, by->as.d, self->text, &sum.as.d);
  return pylive_end(&turn, status) ? pyargs_build(&sum) : NULL;
}

PyObject *pyhash_incr(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"incr", 1, 2, 1, {"field", "by", NULL}};
  PyObject *given[PYARGS_MAX], *keep, *result = NULL;
  kevy_value by, field;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_by(given[1], &by)) return NULL;
  if (pyargs_member(given[0], &field, &keep)) {
    result = incr_converted((Live *)self, &field, &by);
    Py_XDECREF(keep);
  }
  return result;
}

/* ---- Time to live ---------------------------------------------------------------------------- */

/* Sets or removes the deadline of a field: True when it did. */
static PyObject *set_deadline(Live *self, PyObject *object, int64_t ms, uint32_t flags) {
  kevy_value field;
  PyObject *keep, *result = NULL;
  if (!pyargs_member(object, &field, &keep)) return NULL;
  Turn turn;
  if (turn_begin(&turn, self->store)) {
    kevy_status status = kevy_hexpire(turn.handle, LIVE_KEY(self), &field, ms, flags);
    if (pylive_end(&turn, status)) result = PyBool_FromLong(status == KEVY_OK);
  }
  Py_XDECREF(keep);
  return result;
}

PyObject *pyhash_expire(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  static const Signature sig = {"expire", 2, 2, 2, {"field", "ttl", "nx", "xx", "gt", "lt", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t flags = 0;
  int64_t ms;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  if (given[1] == Py_None)
    return PyErr_Format(PyExc_TypeError, "ttl is seconds or a timedelta; persist() removes it");
  if (!pyargs_ttl(given[1], &ms) || !pyargs_conditions(given + 2, &flags)) return NULL;
  return set_deadline((Live *)self, given[0], ms, flags);
}

PyObject *pyhash_expire_at(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames) {
  static const Signature sig = {
      "expire_at", 2, 2, 2, {"field", "when", "nx", "xx", "gt", "lt", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t flags = KEVY_AT;
  int64_t ms;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_deadline(given[1], &ms) ||
      !pyargs_conditions(given + 2, &flags))
    return NULL;
  return set_deadline((Live *)self, given[0], ms < 1 ? 1 : ms, flags);
}

PyObject *pyhash_persist(PyObject *self, PyObject *field) {
  return set_deadline((Live *)self, field, KEVY_NO_TTL, KEVY_PERSIST);
}

PyObject *pyhash_ttl(PyObject *object, PyObject *field_object) {
  Live *self = (Live *)object;
  kevy_value field;
  PyObject *keep;
  if (!pyargs_member(field_object, &field, &keep)) return NULL;
  Turn turn;
  int64_t ms = KEVY_NO_TTL;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, self->store)) {
    status = kevy_httl(turn.handle, LIVE_KEY(self), &field, &ms);
    pylive_end(&turn, status);
  }
  Py_XDECREF(keep);
  if (status < 0) return NULL;
  if (status == KEVY_MISSING) return pyerrors_missing(field_object);
  if (ms == KEVY_NO_TTL) Py_RETURN_NONE;
  return PyFloat_FromDouble((double)ms / 1000.0);
}

PyObject *pyhash_expires_at(PyObject *object, PyObject *field) {
  Call call;
  pylive_call(&call, (Live *)object, "HPEXPIRETIME", 3);
  pylive_word(&call, "FIELDS");
  pylive_int(&call, 1);
  pylive_arg(&call, field, pyargs_member);
  PyObject *times = pylive_answer(&call);
  if (!times) return NULL;
  int64_t ms = PyList_GET_SIZE(times) > 0 ? PyLong_AsLongLong(PyList_GET_ITEM(times, 0)) : -2;
  Py_DECREF(times);
  if (ms == -2) return pyerrors_missing(field);
  if (ms == -1) Py_RETURN_NONE;
  return pyargs_datetime(ms);
}

/* ---- The type -------------------------------------------------------------------------------- */

static const char doc[] =
    "A live view of a hash: a mapping of fields to values, under one key of a store.\n\n"
    "Fields are str, bytes or int, and 5 and '5' are one field; values are str, bytes, int (64\n"
    "bits) and float, and read back as what they were. Without the key the view is empty; a write\n"
    "makes the key, and removing the last field removes it. Fields may have a time to live.\n\n"
    "Iterating visits the fields of the moment at which the iterator is made, in no order.\n\n"
    ">>> user = s.Hash('user:1')\n"
    ">>> user.update(name='alice', visits=1)\n"
    ">>> user.incr('visits'), user['name'], user.get('mail', 'none')\n"
    "(2, 'alice', 'none')\n"
    ">>> user.expire('visits', 60), user.ttl('visits') <= 60, user.ttl('name')\n"
    "(True, True, None)";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              LIVE_SLOTS,
                              {Py_tp_iter, pylive_iter},
                              {Py_tp_richcompare, pylive_richcompare},
                              {Py_mp_length, hash_len},
                              {Py_mp_subscript, hash_subscript},
                              {Py_mp_ass_subscript, hash_ass_subscript},
                              {Py_sq_contains, hash_contains},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = LIVE_SPEC("kevy.Hash", slots, Py_TPFLAGS_MAPPING);

PyTypeObject *pyhash_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
