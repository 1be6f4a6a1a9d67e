/* pymapping: what makes a Store a MutableMapping, beside lookup and assignment (pystrings.c): the same
 * questions as a dict's, answered for one moment where a dict would ask twice. */
#include "pylive.h"

/* ---- Slots ------------------------------------------------------------------------------------ */

Py_ssize_t pystore_len(PyObject *self) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)self);
  if (!s) return -1;
  uint64_t count = 0;
  kevy_status status = kevy_len(s, &count);
  if (status < 0) {
    turn_fail(&turn, status);
    return -1;
  }
  turn_end(&turn);
  return (Py_ssize_t)count;
}

/* What call answers for one key: the status, with an exception if negative. */
static kevy_status key_status(PyObject *self, PyObject *object,
                              kevy_status (*call)(kevy_store *, const char *, size_t)) {
  Key key;
  if (!pyargs_key(object, &key)) return KEVY_EARG;
  Turn turn;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, (Store *)self)) {
    status = call(turn.handle, key.ptr, key.len);
    if (status >= 0) turn_end(&turn);
    else turn_fail(&turn, status);
  }
  pyargs_key_done(&key);
  return status;
}

int pystore_contains(PyObject *self, PyObject *key) {
  const char *ptr;
  size_t len;
  kevy_status status = KEVY_EARG;
  if (LIKELY(quick_key((Store *)self, key, &ptr, &len)))
    status = kevy_exists(((Store *)self)->alone, ptr, len);
  if (UNLIKELY(status < 0)) status = key_status(self, key, kevy_exists);
  return status < 0 ? -1 : status == KEVY_OK;
}

int pystore_ass_subscript(PyObject *self, PyObject *key, PyObject *value) {
  if (value) return pystore_assign((Store *)self, key, value);
  kevy_status status = key_status(self, key, kevy_delete);
  if (status == KEVY_MISSING) pyerrors_missing(key);
  return status == KEVY_OK ? 0 : -1;
}

PyObject *pystore_iter(PyObject *self) {
  return pyiter_open((Store *)self, PYITER_KEYS, NULL, KEVY_TYPE_NONE);
}

PyObject *pystore_keys(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyviews_new(self, PYITER_KEYS);
}

PyObject *pystore_values(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyviews_new(self, PYITER_VALUES);
}

PyObject *pystore_items(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyviews_new(self, PYITER_ITEMS);
}

/* ---- Comparing -------------------------------------------------------------------------------- */

/* The pairs of any mapping as a dict; a dict is itself. A new reference. */
static PyObject *as_dict(PyObject *mapping) {
  if (PyDict_Check(mapping)) return Py_NewRef(mapping);
  PyObject *items = pyargs_call(mapping, "items", NULL);
  PyObject *dict = items ? PyDict_New() : NULL;
  if (dict && PyDict_MergeFromSeq2(dict, items, 1) < 0) Py_CLEAR(dict);
  Py_XDECREF(items);
  return dict;
}

/* Whether dict holds an equal pair: 1, 0, or -1 with an exception. */
static int dict_has_pair(PyObject *dict, PyObject *pair) {
  PyObject *held = Py_XNewRef(PyDict_GetItemWithError(dict, PyTuple_GET_ITEM(pair, 0)));
  if (!held) return PyErr_Occurred() ? -1 : 0;
  int equal = PyObject_RichCompareBool(PyTuple_GET_ITEM(pair, 1), held, Py_EQ);
  Py_DECREF(held);
  return equal;
}

/* Steals items, an iterator over pairs, which may be NULL after an exception. */
static int equal_to_dict(PyObject *items, PyObject *dict) {
  PyObject *pair;
  if (!items) return -1;
  Py_ssize_t count = 0;
  int equal = 1;
  while (equal > 0 && (pair = PyIter_Next(items)) != NULL) {
    equal = dict_has_pair(dict, pair);
    count++;
    Py_DECREF(pair);
  }
  Py_DECREF(items);
  if (equal < 0 || PyErr_Occurred()) return -1;
  return equal && count == PyDict_Size(dict);
}

PyObject *pymapping_compare(State *state, PyObject *self, PyObject *other, int op,
                            PyObject *(*items)(PyObject *)) {
  if (op != Py_EQ && op != Py_NE) Py_RETURN_NOTIMPLEMENTED;
  int mapping = PyDict_Check(other) ? 1 : PyObject_IsInstance(other, state->mapping_abc);
  if (mapping < 0) return NULL;
  if (mapping == 0) Py_RETURN_NOTIMPLEMENTED;
  int equal = 1;
  if (self != other) {
    PyObject *dict = as_dict(other);
    if (!dict) return NULL;
    equal = equal_to_dict(items(self), dict);
    Py_DECREF(dict);
  }
  return equal < 0 ? NULL : PyBool_FromLong(equal == (op == Py_EQ));
}

static PyObject *items_of(PyObject *self) {
  return pyiter_open((Store *)self, PYITER_ITEMS, NULL, KEVY_TYPE_NONE);
}

PyObject *pystore_richcompare(PyObject *self, PyObject *other, int op) {
  return pymapping_compare(((Store *)self)->state, self, other, op, items_of);
}

/* ---- popitem, setdefault ---------------------------------------------------------------------- */

/* The name of some key; NULL without an exception when there is none. */
static PyObject *some_key(Store *self) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) return NULL;
  kevy_value key;
  PyObject *name = NULL;
  kevy_status status = kevy_random_key(s, &key);
  if (status == KEVY_OK) name = pyargs_build(&key);
  pylive_end(&turn, status);
  return name;
}

/* A key that is gone when it is asked for, expired or taken by another thread, is passed over. */
PyObject *pystore_popitem(PyObject *self, PyObject *unused) {
  (void)unused;
  for (;;) {
    PyObject *name = some_key((Store *)self);
    if (!name) {
      if (!PyErr_Occurred()) PyErr_SetString(PyExc_KeyError, "popitem(): the store is empty");
      return NULL;
    }
    PyObject *args[] = {name, self}, *pair = PyTuple_New(2);
    PyObject *value = pair ? pystore_pop(self, args, 2) : NULL; /* the store stands for "missing" */
    if (value != self) return pyargs_fill_pair(pair, name, value);
    Py_DECREF(value);
    Py_DECREF(pair);
    Py_DECREF(name);
  }
}

/* Sets a key that does not exist. 0, or -1 with an exception. */
static int set_new(PyObject *self, PyObject *key, PyObject *value, PyObject *nx) {
  if (pylive_is_collection(((Store *)self)->state, value))
    return pylive_assign((Store *)self, key, value, true);
  PyObject *args[] = {key, value, Py_True};
  PyObject *done = pystore_set(self, args, 2, nx);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

/* A collection that has nothing to store yet is a view of the missing key. */
static PyObject *empty_view(Store *self, PyObject *key, PyObject *value) {
  Live *from = pylive_check(self->state, value, KEVY_TYPE_NONE);
  if (!from && !pylive_is_collection(self->state, value)) return NULL;
  Py_ssize_t size = PyObject_Size(value);
  if (size != 0) return NULL;
  int32_t type = from                    ? from->type
                 : PyDict_Check(value)   ? KEVY_TYPE_HASH
                 : PyAnySet_Check(value) ? KEVY_TYPE_SET
                                         : KEVY_TYPE_LIST;
  return pylive_new(self, type, key);
}

PyObject *pystore_setdefault(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs != 1 && nargs != 2)
    return PyErr_Format(PyExc_TypeError, "setdefault() takes 1 or 2 arguments (%zd given)", nargs);
  PyObject *value = nargs == 2 ? args[1] : Py_None, *names = Py_BuildValue("(s)", "nx");
  PyObject *found = NULL;
  if (!names) return NULL;
  /* Another thread may remove the key between the two questions: then both are asked again. */
  while (!found) {
    found = pystore_lookup((Store *)self, args[0], names);
    if (found != names) break;
    Py_CLEAR(found);
    found = empty_view((Store *)self, args[0], value);
    if (found || PyErr_Occurred() || set_new(self, args[0], value, names) < 0) break;
  }
  Py_DECREF(names);
  return found;
}

/* ---- update ----------------------------------------------------------------------------------- */

/* The two things in one element of a sequence of pairs, as new references. */
static bool split_pair(PyObject *element, Py_ssize_t index, PyObject **key, PyObject **value) {
  PyObject *pair = PySequence_Fast(element, "");
  if (!pair) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_TypeError, "update(): element #%zd is not a (key, value) pair", index);
    return false;
  }
  bool two = PySequence_Fast_GET_SIZE(pair) == 2;
  if (two) {
    *key = Py_NewRef(PySequence_Fast_GET_ITEM(pair, 0));
    *value = Py_NewRef(PySequence_Fast_GET_ITEM(pair, 1));
  } else {
    PyErr_Format(PyExc_ValueError, "update(): element #%zd has length %zd; 2 is required", index,
                 PySequence_Fast_GET_SIZE(pair));
  }
  Py_DECREF(pair);
  return two;
}

static bool update_from_pairs(Store *self, PyObject *pairs) {
  PyObject *iterator = PyObject_GetIter(pairs), *element;
  if (!iterator) return false;
  bool ok = true;
  for (Py_ssize_t i = 0; ok && (element = PyIter_Next(iterator)) != NULL; i++) {
    PyObject *key, *value;
    ok = split_pair(element, i, &key, &value);
    Py_DECREF(element);
    if (!ok) break;
    ok = pystore_assign(self, key, value) == 0;
    Py_DECREF(key);
    Py_DECREF(value);
  }
  Py_DECREF(iterator);
  return ok && !PyErr_Occurred();
}

static bool update_from_keys(Store *self, PyObject *mapping) {
  PyObject *keys = pyargs_call(mapping, "keys", NULL), *key;
  PyObject *iterator = keys ? PyObject_GetIter(keys) : NULL;
  Py_XDECREF(keys);
  if (!iterator) return false;
  bool ok = true;
  while (ok && (key = PyIter_Next(iterator)) != NULL) {
    PyObject *value = PyObject_GetItem(mapping, key);
    ok = value && pystore_assign(self, key, value) == 0;
    Py_XDECREF(value);
    Py_DECREF(key);
  }
  Py_DECREF(iterator);
  return ok && !PyErr_Occurred();
}

/* Another store gives the pairs of one moment. */
static bool update_from_store(Store *self, Store *other) {
  PyObject *items = pyiter_open(other, PYITER_ITEMS, NULL, KEVY_TYPE_NONE);
  bool ok = items && update_from_pairs(self, items);
  Py_XDECREF(items);
  return ok;
}

static bool has_keys(PyObject *object) {
  PyObject *keys = pyargs_attribute(object, "keys");
  if (!keys && PyErr_ExceptionMatches(PyExc_AttributeError)) PyErr_Clear();
  Py_XDECREF(keys);
  return keys != NULL;
}

static bool update_from(Store *self, PyObject *other) {
  if (PyObject_TypeCheck(other, self->state->store_type))
    return update_from_store(self, (Store *)other);
  if (has_keys(other)) return update_from_keys(self, other);
  return !PyErr_Occurred() && update_from_pairs(self, other);
}

PyObject *pystore_update(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  Store *self = (Store *)object;
  if (nargs > 1)
    return PyErr_Format(PyExc_TypeError, "update() takes at most 1 positional argument (%zd given)",
                        nargs);
  if (nargs == 1 && !update_from(self, args[0])) return NULL;
  Py_ssize_t count = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t i = 0; i < count; i++)
    if (pystore_assign(self, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) return NULL;
  Py_RETURN_NONE;
}
