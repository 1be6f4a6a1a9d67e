/* pycontents: see pycontents.h. What is read is copied into a list first: reading may run code of the
 * user, and that code may do anything, while the engine sees one call. */
#include "pycontents.h"

/* ---- Elements out ----------------------------------------------------------------------------- */

bool pylive_elements(Live *self, uint32_t flags, kevy_iter **out) {
  *out = NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  return s && pylive_end(&turn, kevy_iter_elements(s, LIVE_KEY(self), self->type, flags, out));
}

static bool is_mapping(int32_t type) { return type == KEVY_TYPE_HASH || type == KEVY_TYPE_ZSET; }

static bool append(PyObject *list, const kevy_value *value) {
  PyObject *built = pyargs_build(value);
  bool done = built && PyList_Append(list, built) == 0;
  Py_XDECREF(built);
  return done;
}

static bool add_pair(PyObject *dict, const kevy_value *key, const kevy_value *value) {
  PyObject *name = pyargs_build(key), *held = name ? pyargs_build(value) : NULL;
  bool done = held && PyDict_SetItem(dict, name, held) == 0;
  Py_XDECREF(name);
  Py_XDECREF(held);
  return done;
}

static bool add_element(PyObject *set, const kevy_value *value) {
  PyObject *built = pyargs_build(value);
  bool done = built && PySet_Add(set, built) == 0;
  Py_XDECREF(built);
  return done;
}

static bool gather_one(PyObject *container, const kevy_value *key, const kevy_value *value) {
  if (PyDict_CheckExact(container)) return add_pair(container, key, value);
  return PyList_CheckExact(container) ? append(container, key) : add_element(container, key);
}

/* Gathers what the iterator has and closes it. Steals container; NULL with an exception. */
static PyObject *gather(kevy_iter *iter, PyObject *container) {
  kevy_value key, value;
  kevy_status status = iter && container ? KEVY_OK : KEVY_MISSING;
  while (status == KEVY_OK) {
    status = kevy_iter_next(iter, &key, &value);
    if (status == KEVY_OK && !gather_one(container, &key, &value)) break;
  }
  kevy_iter_close(iter);
  if (status < 0 && !PyErr_Occurred()) PyErr_NoMemory();
  if (PyErr_Occurred()) Py_CLEAR(container);
  return container;
}

static PyObject *new_container(int32_t type) {
  if (is_mapping(type)) return PyDict_New();
  return type == KEVY_TYPE_SET ? PySet_New(NULL) : PyList_New(0);
}

PyObject *pylive_detach(Live *self) {
  if (self->type == KEVY_TYPE_STREAM) return pystream_detach(self);
  kevy_iter *iter;
  if (!pylive_elements(self, 0, &iter)) return NULL;
  return gather(iter, new_container(self->type));
}

/* What a key holds, within a turn in which nothing is collected. NULL: *status says why, or an exception. */
static PyObject *gather_key(Turn *turn, int32_t type, const char *key, size_t len, kevy_reply **reply,
                            kevy_status *status) {
  if (type == KEVY_TYPE_STREAM) return pystream_entries(turn, key, len, reply, status);
  kevy_iter *iter;
  *status = kevy_iter_elements(turn->handle, key, len, type, 0, &iter);
  return *status == KEVY_OK ? gather(iter, new_container(type)) : NULL;
}

PyObject *pylive_take(Turn *turn, int32_t type, const char *key, size_t len) {
  Store *store = turn->store;
  kevy_reply *reply = NULL;
  kevy_status status;
  int collecting = pycompat_stop_collecting(store->state->gc);
  PyObject *taken = gather_key(turn, type, key, len, &reply, &status);
  if (taken) status = kevy_delete(turn->handle, key, len);
  pycompat_go_on_collecting(store->state->gc, collecting);
  if (status >= 0 || status == KEVY_ECOMMAND) turn_end(turn);
  else turn_fail(turn, status);
  if (status == KEVY_ECOMMAND) pyreply_raise(store->state, reply);
  pyreply_give(store, reply);
  if (PyErr_Occurred()) Py_CLEAR(taken);
  return taken;
}

PyObject *pycontents_list(Live *self) {
  PyObject *detached = pylive_detach(self);
  if (!detached || PyList_CheckExact(detached)) return detached;
  PyObject *list = is_mapping(self->type) ? pylive_pairs(self->store->state, detached, "")
                                          : PySequence_List(detached);
  Py_DECREF(detached);
  return list;
}

/* ---- Pairs ------------------------------------------------------------------------------------ */

static bool append_two(PyObject *list, PyObject *key, PyObject *value) {
  return PyList_Append(list, key) == 0 && PyList_Append(list, value) == 0;
}

static bool pairs_of_dict(PyObject *list, PyObject *dict) {
  PyObject *key, *value;
  Py_ssize_t at = 0;
  bool done = true;
  Py_BEGIN_CRITICAL_SECTION(dict);
  while (done && PyDict_Next(dict, &at, &key, &value)) done = append_two(list, key, value);
  Py_END_CRITICAL_SECTION();
  return done;
}

/* The two things in one element of an iterable of pairs. */
static bool pair_of_element(PyObject *list, PyObject *element, const char *function) {
  PyObject *pair = PySequence_Fast(element, "");
  if (!pair) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_TypeError, "%s(): element #%zd is not a (key, value) pair", function,
                   PyList_GET_SIZE(list) / 2);
    return false;
  }
  Py_ssize_t size = PySequence_Fast_GET_SIZE(pair);
  bool done = size == 2 && append_two(list, PySequence_Fast_GET_ITEM(pair, 0),
                                      PySequence_Fast_GET_ITEM(pair, 1));
  if (size != 2)
    PyErr_Format(PyExc_ValueError, "%s(): element #%zd has length %zd; 2 is required", function,
                 PyList_GET_SIZE(list) / 2, size);
  Py_DECREF(pair);
  return done;
}

static bool pairs_of_iterable(PyObject *list, PyObject *source, const char *function) {
  PyObject *iterator = PyObject_GetIter(source), *element;
  bool done = iterator != NULL;
  while (done && (element = PyIter_Next(iterator)) != NULL) {
    done = pair_of_element(list, element, function);
    Py_DECREF(element);
  }
  Py_XDECREF(iterator);
  return done && !PyErr_Occurred();
}

static bool pairs_of_keys(PyObject *list, PyObject *mapping, PyObject *keys) {
  PyObject *iterator = PyObject_GetIter(keys), *key;
  bool done = iterator != NULL;
  while (done && (key = PyIter_Next(iterator)) != NULL) {
    PyObject *value = PyObject_GetItem(mapping, key);
    done = value && append_two(list, key, value);
    Py_XDECREF(value);
    Py_DECREF(key);
  }
  Py_XDECREF(iterator);
  return done && !PyErr_Occurred();
}

/* A mapping has keys(); what is no mapping is an iterable of pairs. */
static bool pairs_of_any(PyObject *list, PyObject *source, const char *function) {
  PyObject *method = pyargs_attribute(source, "keys");
  if (!method) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return false;
    PyErr_Clear();
    return pairs_of_iterable(list, source, function);
  }
  PyObject *keys = PyObject_CallObject(method, NULL);
  bool done = keys && pairs_of_keys(list, source, keys);
  Py_XDECREF(keys);
  Py_DECREF(method);
  return done;
}

/* A view or a store gives the pairs of one moment. */
static bool pairs_of_moment(PyObject *list, PyObject *source, const char *function) {
  PyObject *items = pyargs_call(source, "items", NULL);
  bool done = items && pairs_of_iterable(list, items, function);
  Py_XDECREF(items);
  return done;
}

static bool pairs_into(State *state, PyObject *list, PyObject *source, const char *function) {
  if (PyDict_Check(source)) return pairs_of_dict(list, source);
  if (pylive_check(state, source, KEVY_TYPE_HASH) || pylive_check(state, source, KEVY_TYPE_ZSET) ||
      PyObject_TypeCheck(source, state->store_type))
    return pairs_of_moment(list, source, function);
  return pairs_of_any(list, source, function);
}

PyObject *pylive_pairs(State *state, PyObject *source, const char *function) {
  PyObject *list = PyList_New(0);
  if (list && !pairs_into(state, list, source, function)) Py_CLEAR(list);
  return list;
}

PyObject *pylive_pairs_of_call(State *state, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames) {
  if (nargs > 1)
    return PyErr_Format(PyExc_TypeError, "update() takes at most 1 positional argument (%zd given)",
                        nargs);
  PyObject *list = PyList_New(0);
  if (list && nargs == 1 && !pairs_into(state, list, args[0], "update")) Py_CLEAR(list);
  Py_ssize_t count = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t i = 0; list && i < count; i++)
    if (!append_two(list, PyTuple_GET_ITEM(kwnames, i), args[nargs + i])) Py_CLEAR(list);
  return list;
}

/* ---- Contents in ------------------------------------------------------------------------------ */

bool pycontents_score(PyObject *object, double *score) {
  if (!PyFloat_Check(object) && (!PyLong_Check(object) || PyBool_Check(object))) {
    PyErr_Format(PyExc_TypeError, "a score is an int or a float, not %.200s",
                 Py_TYPE(object)->tp_name);
    return false;
  }
  *score = PyFloat_Check(object) ? PyFloat_AS_DOUBLE(object) : PyLong_AsDouble(object);
  if (*score == -1.0 && PyErr_Occurred()) return false;
  if (*score == *score) return true;
  PyErr_SetString(PyExc_ValueError, "a score must not be NaN");
  return false;
}

static bool read_pair(Contents *c, PyObject *name, PyObject *value) {
  if (!pyargs_values_add(&c->names, name, pyargs_member)) return false;
  if (c->type == KEVY_TYPE_HASH) return pyargs_values_add(&c->values, value, pyargs_value);
  return pycontents_score(value, &c->scores[c->names.count - 1]);
}

static bool read_pairs(Contents *c, Py_ssize_t count) {
  if (!pyargs_values_new(&c->names, count)) return false;
  if (!pyargs_values_new(&c->values, c->type == KEVY_TYPE_HASH ? count : 0)) return false;
  c->scores = PyMem_New(double, (size_t)count + 1);
  if (!c->scores) {
    PyErr_NoMemory();
    return false;
  }
  for (Py_ssize_t i = 0; i < count; i++)
    if (!read_pair(c, PyList_GET_ITEM(c->list, 2 * i), PyList_GET_ITEM(c->list, 2 * i + 1)))
      return false;
  return true;
}

static bool read_elements(Contents *c, Py_ssize_t count) {
  ValueReader read = c->type == KEVY_TYPE_SET ? pyargs_member : pyargs_value;
  if (!pyargs_values_new(&c->names, count)) return false;
  for (Py_ssize_t i = 0; i < count; i++)
    if (!pyargs_values_add(&c->names, PyList_GET_ITEM(c->list, i), read)) return false;
  return true;
}

bool pycontents_read(Contents *c, int32_t type, PyObject *list) {
  static const Contents empty;
  *c = empty;
  if (!list) return false;
  c->type = type;
  c->list = list;
  Py_ssize_t count = PyList_GET_SIZE(list);
  if (is_mapping(type) ? read_pairs(c, count / 2) : read_elements(c, count)) return true;
  pycontents_done(c);
  return false;
}

void pycontents_done(Contents *c) {
  pyargs_values_done(&c->names);
  pyargs_values_done(&c->values);
  PyMem_Free(c->scores);
  Py_XDECREF(c->list);
}

kevy_status pycontents_write(const Contents *c, kevy_store *s, const char *key, size_t len,
                             uint32_t flags, uint64_t *count) {
  size_t k = c->names.count;
  const kevy_value *names = c->names.values;
  switch (c->type) {
    case KEVY_TYPE_HASH: return kevy_hset(s, key, len, k, names, c->values.values, flags, count);
    case KEVY_TYPE_LIST: return kevy_push(s, key, len, k, names, flags, count);
    case KEVY_TYPE_SET: return kevy_sadd(s, key, len, k, names, flags, count);
    default: return kevy_zadd(s, key, len, k, names, c->scores, flags, count);
  }
}

bool pycontents_add(const Contents *c, Live *self, uint32_t flags, uint64_t *count) {
  if (c->names.count == 0) {
    if (count) *count = 0;
    return PyObject_Size((PyObject *)self) >= 0;
  }
  Turn turn;
  return turn_begin(&turn, self->store) &&
         pylive_end(&turn, pycontents_write(c, turn.handle, LIVE_KEY(self), flags | self->text, count));
}

PyObject *pycontents_wrong_type(Store *store) {
  return pyerrors_raise(store->state, KEVY_EWRONGTYPE,
                        PyUnicode_FromString(kevy_strerror(KEVY_EWRONGTYPE)));
}

/* ---- Assigning -------------------------------------------------------------------------------- */

/* The type that a container of Python's is stored as; KEVY_TYPE_NONE when it is none. */
static int32_t type_of_container(PyObject *object) {
  if (PyDict_Check(object)) return KEVY_TYPE_HASH;
  if (PyList_Check(object) || PyTuple_Check(object)) return KEVY_TYPE_LIST;
  return PyAnySet_Check(object) ? KEVY_TYPE_SET : KEVY_TYPE_NONE;
}

bool pylive_is_collection(State *state, PyObject *object) {
  return type_of_container(object) != KEVY_TYPE_NONE ||
         pylive_check(state, object, KEVY_TYPE_NONE) != NULL;
}

/* Whether an assignment that must not overwrite may go on; if not, *status says why. */
static bool may_write(kevy_store *s, const Key *key, bool nx, kevy_status *status) {
  kevy_status held = nx ? kevy_exists(s, key->ptr, key->len) : KEVY_MISSING;
  if (held == KEVY_MISSING) return true;
  *status = held == KEVY_OK ? KEVY_UNMET : held;
  return false;
}

/* Steals list. */
static bool assign_contents(Store *store, const Key *key, int32_t type, PyObject *list, bool nx) {
  Contents contents;
  if (!pycontents_read(&contents, type, list)) return false;
  Turn turn;
  bool done = false;
  if (turn_begin(&turn, store)) {
    kevy_status status = KEVY_OK;
    if (may_write(turn.handle, key, nx, &status))
      status = pycontents_write(&contents, turn.handle, key->ptr, key->len,
                                KEVY_REPLACE | key->flags, NULL);
    done = pylive_end(&turn, status);
  }
  pycontents_done(&contents);
  return done;
}

/* Makes key a copy of what a view of the same store sees. Its time to live is not copied. */
static kevy_status copy_key(kevy_store *s, const Key *key, Live *from, bool nx) {
  int32_t type;
  kevy_status status = kevy_type(s, LIVE_KEY(from), &type);
  if (status < 0 || !may_write(s, key, nx, &status)) return status;
  if (status == KEVY_MISSING) return kevy_delete(s, key->ptr, key->len);
  if (type != from->type) return KEVY_EWRONGTYPE;
  if (key->len == from->len && memcmp(key->ptr, from->ptr, key->len) == 0) return KEVY_OK;
  status = kevy_copy(s, LIVE_KEY(from), key->ptr, key->len, KEVY_REPLACE | key->flags);
  return status == KEVY_OK ? kevy_persist(s, key->ptr, key->len) : status;
}

static bool assign_view(Store *store, const Key *key, Live *from, bool nx) {
  if (from->store->handle != store->handle) {
    if (from->type != KEVY_TYPE_STREAM)
      return assign_contents(store, key, from->type, pycontents_list(from), nx);
    PyErr_SetString(PyExc_TypeError, "a stream can be copied within its store only");
    return false;
  }
  Turn turn;
  kevy_store *s = turn_begin(&turn, store);
  if (!s) return false;
  kevy_status status = copy_key(s, key, from, nx);
  if (status != KEVY_EWRONGTYPE) return pylive_end(&turn, status);
  turn_end(&turn);
  pycontents_wrong_type(store);
  return false;
}

int pylive_assign(Store *store, PyObject *object, PyObject *value, bool nx) {
  Live *from = pylive_check(store->state, value, KEVY_TYPE_NONE);
  Key key;
  if (!pyargs_key(object, &key)) return -1;
  bool done;
  if (from) {
    done = assign_view(store, &key, from, nx);
  } else {
    int32_t type = type_of_container(value);
    PyObject *list = type == KEVY_TYPE_HASH ? pylive_pairs(store->state, value, "")
                                            : PySequence_List(value);
    done = assign_contents(store, &key, type, list, nx);
  }
  pyargs_key_done(&key);
  return done ? 0 : -1;
}
