/* pylist: kevy.List, a live view of a list: a MutableSequence of scalars that is quick at both ends.
 *
 * What looks at several elements looks at one moment: a call that changes by position asks for the length
 * and writes in one turn. Slices are in pylist_slice.c, what compares elements in pylist_search.c, what
 * moves them in pylist_move.c. */
#include "pylist.h"

#define PYROWS "list.def"
#include "pytables.h"

/* ---- Shared ----------------------------------------------------------------------------------- */

PyObject *pylist_no_index(const char *what) {
  PyErr_Format(PyExc_IndexError, "%s out of range", what);
  return NULL;
}

kevy_status pylist_splice(Live *self, kevy_store *s, int64_t position, uint64_t removed,
                          const Values *items) {
  return kevy_lsplice(s, LIVE_KEY(self), position, removed, items ? items->count : 0,
                      items ? items->values : NULL, self->text);
}

kevy_reply *pylist_range_in(Live *self, Turn *turn, int64_t from, uint64_t count,
                            kevy_status *status) {
  Call call;
  kevy_reply *reply = NULL;
  *status = KEVY_EOOM;
  pylive_call(&call, self, "LRANGE", 2);
  pylive_int(&call, from);
  pylive_int(&call, from + (int64_t)count - 1);
  if (!call.failed) reply = pylive_run_in(&call, turn, status);
  pylive_call_done(&call);
  return reply;
}

/* ---- One element ------------------------------------------------------------------------------ */

static __attribute__((noinline)) PyObject *item_in_turn(Live *self, int64_t position) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_value value;
  PyObject *found = NULL;
  kevy_status status = kevy_lindex(s, LIVE_KEY(self), position, &value);
  if (status == KEVY_OK) found = pyargs_build(&value);
  pylive_end(&turn, status);
  return status > 0 ? pylist_no_index("list index") : found;
}

static inline PyObject *item(Live *self, int64_t position) {
  kevy_value value;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(kevy_lindex(s, LIVE_KEY(self), position, &value) == KEVY_OK))
    return pyargs_build(&value);
  return item_in_turn(self, position);
}

/* Positions as sequences hand them down, the length added to negative ones already. */
static PyObject *list_item(PyObject *self, Py_ssize_t position) {
  return position < 0 ? pylist_no_index("list index") : item((Live *)self, position);
}

static int set_item(Live *self, int64_t position, PyObject *object) {
  kevy_value value;
  PyObject *keep;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_value(object, &value)) &&
      LIKELY(kevy_lset(s, LIVE_KEY(self), position, &value) == KEVY_OK))
    return 0;
  if (!pyargs_value(object, &value, &keep)) return -1;
  Turn turn;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, self->store)) {
    status = kevy_lset(turn.handle, LIVE_KEY(self), position, &value);
    if (status == KEVY_ERANGE) status = KEVY_MISSING;
    pylive_end(&turn, status);
    if (status == KEVY_MISSING) pylist_no_index("list assignment index");
  }
  Py_XDECREF(keep);
  return status == KEVY_OK ? 0 : -1;
}

/* Removes the element at a position and returns it. */
static PyObject *take(Live *self, int64_t position) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_value value;
  uint64_t length = 0;
  PyObject *taken = NULL;
  kevy_status status = kevy_lindex(s, LIVE_KEY(self), position, &value);
  if (status == KEVY_OK) {
    taken = pyargs_build(&value);
    if (taken && position < 0) status = kevy_llen(s, LIVE_KEY(self), &length);
    if (taken && status == KEVY_OK) status = pylist_splice(self, s, position + (int64_t)length, 1, NULL);
  }
  if (!pylive_end(&turn, status)) Py_CLEAR(taken);
  return status > 0 ? pylist_no_index("pop index") : taken;
}

static int del_item(Live *self, int64_t position) {
  PyObject *taken = take(self, position);
  Py_XDECREF(taken);
  return taken ? 0 : -1;
}

static int list_ass_item(PyObject *self, Py_ssize_t position, PyObject *value) {
  if (position < 0) {
    pylist_no_index("list assignment index");
    return -1;
  }
  return value ? set_item((Live *)self, position, value) : del_item((Live *)self, position);
}

static Py_ssize_t list_len(PyObject *self) { return pylive_len((Live *)self, kevy_llen); }

/* ---- The ends --------------------------------------------------------------------------------- */

static __attribute__((noinline)) PyObject *push_in_turn(Live *self, PyObject *object,
                                                        uint32_t flags) {
  kevy_value value;
  PyObject *keep;
  if (!pyargs_value(object, &value, &keep)) return NULL;
  Turn turn;
  bool done = turn_begin(&turn, self->store) &&
              pylive_end(&turn, kevy_push(turn.handle, LIVE_KEY(self), 1, &value, flags, NULL));
  Py_XDECREF(keep);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

static inline PyObject *push(Live *self, PyObject *object, uint32_t flags) {
  kevy_value value;
  kevy_store *s = self->store->alone;
  flags |= self->text;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_value(object, &value)) &&
      LIKELY(kevy_push(s, LIVE_KEY(self), 1, &value, flags, NULL) >= 0))
    Py_RETURN_NONE;
  return push_in_turn(self, object, flags);
}

PyObject *pylist_append(PyObject *self, PyObject *value) { return push((Live *)self, value, 0); }

PyObject *pylist_appendleft(PyObject *self, PyObject *value) {
  return push((Live *)self, value, KEVY_LEFT);
}

/* Removes the element at one end, when it stands as an object: nothing is lost where that cannot be made. */
static inline PyObject *pop_in(Live *self, kevy_store *s, uint32_t flags, kevy_status *status) {
  kevy_value value;
  *status = kevy_lindex(s, LIVE_KEY(self), flags & KEVY_LEFT ? 0 : -1, &value);
  PyObject *taken = LIKELY(*status == KEVY_OK) ? pyargs_build(&value) : NULL;
  if (LIKELY(taken != NULL)) *status = kevy_pop(s, LIVE_KEY(self), flags, &value);
  if (UNLIKELY(*status != KEVY_OK)) Py_CLEAR(taken);
  return taken;
}

static __attribute__((noinline)) PyObject *pop_in_turn(Live *self, uint32_t flags) {
  Turn turn;
  kevy_status status;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  PyObject *taken = pop_in(self, s, flags, &status);
  pylive_end(&turn, status);
  if (status > 0) PyErr_SetString(PyExc_IndexError, "pop from empty list");
  return taken;
}

static inline PyObject *pop_end(Live *self, uint32_t flags) {
  kevy_store *s = self->store->alone;
  kevy_status status;
  PyObject *taken = LIKELY(s != NULL) ? pop_in(self, s, flags, &status) : NULL;
  if (LIKELY(taken != NULL) || PyErr_Occurred()) return taken;
  return pop_in_turn(self, flags);
}

/* A position as Python gives one; IndexError when no list can have it. */
static bool read_position(PyObject *object, int64_t *position) {
  *position = PyNumber_AsSsize_t(object, PyExc_IndexError);
  return *position != -1 || !PyErr_Occurred();
}

PyObject *pylist_pop(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  int64_t position = -1;
  if (nargs > 1)
    return PyErr_Format(PyExc_TypeError, "pop() takes at most 1 argument (%zd given)", nargs);
  if (nargs == 1 && !read_position(args[0], &position)) return NULL;
  if (position == -1) return pop_end((Live *)object, 0);
  return take((Live *)object, position);
}

PyObject *pylist_popleft(PyObject *self, PyObject *unused) {
  (void)unused;
  return pop_end((Live *)self, KEVY_LEFT);
}

/* Adds the elements of an iterable at one end. Steals list, which may be NULL after an exception. */
static PyObject *push_all(Live *self, PyObject *list, uint32_t flags) {
  Contents contents;
  if (!pycontents_read(&contents, KEVY_TYPE_LIST, list)) return NULL;
  bool done = pycontents_add(&contents, self, flags, NULL);
  pycontents_done(&contents);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

PyObject *pylist_extend(PyObject *self, PyObject *values) {
  return push_all((Live *)self, PySequence_List(values), 0);
}

PyObject *pylist_extendleft(PyObject *self, PyObject *values) {
  return push_all((Live *)self, PySequence_List(values), KEVY_LEFT);
}

/* ---- Subscripts ------------------------------------------------------------------------------- */

static PyObject *not_an_index(PyObject *object) {
  return PyErr_Format(PyExc_TypeError, "list indices must be integers or slices, not %.200s",
                      Py_TYPE(object)->tp_name);
}

static PyObject *list_subscript(PyObject *object, PyObject *index) {
  Live *self = (Live *)object;
  int64_t position;
  if (LIKELY(PyLong_CheckExact(index)) && LIKELY(pycompat_small_int(index, &position)))
    return item(self, position);
  if (PyIndex_Check(index))
    return read_position(index, &position) ? item(self, position) : NULL;
  return PySlice_Check(index) ? pylist_get_slice(self, index) : not_an_index(index);
}

static int list_ass_subscript(PyObject *object, PyObject *index, PyObject *value) {
  Live *self = (Live *)object;
  int64_t position;
  if (LIKELY(PyLong_CheckExact(index)) && LIKELY(pycompat_small_int(index, &position)) && LIKELY(value != NULL))
    return set_item(self, position, value);
  if (PyIndex_Check(index)) {
    if (!read_position(index, &position)) return -1;
    return value ? set_item(self, position, value) : del_item(self, position);
  }
  if (PySlice_Check(index)) return pylist_set_slice(self, index, value);
  not_an_index(index);
  return -1;
}

/* ---- Operators -------------------------------------------------------------------------------- */

/* A list or a view of one as a list that may be read at leisure; NULL without an exception for others. */
static PyObject *as_list(State *state, PyObject *object) {
  if (PyList_Check(object)) return Py_NewRef(object);
  Live *view = pylive_check(state, object, KEVY_TYPE_LIST);
  return view ? pylive_detach(view) : NULL;
}

/* The state behind whichever operand is a view. */
static State *state_of(PyObject *left, PyObject *right) {
  State *state = pymodule_state(Py_TYPE(left));
  return state ? state : pymodule_state(Py_TYPE(right));
}

static PyObject *list_richcompare(PyObject *self, PyObject *other, int op) {
  State *state = ((Live *)self)->store->state;
  PyObject *right = as_list(state, other);
  if (!right) {
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NOTIMPLEMENTED;
  }
  PyObject *left = pylive_detach((Live *)self);
  PyObject *result = left ? PyObject_RichCompare(left, right, op) : NULL;
  Py_XDECREF(left);
  Py_DECREF(right);
  return result;
}

static PyObject *list_add(PyObject *left, PyObject *right) {
  State *state = state_of(left, right);
  PyObject *head = as_list(state, left), *tail = head ? as_list(state, right) : NULL, *sum = NULL;
  if (tail) sum = PySequence_Concat(head, tail);
  Py_XDECREF(head);
  Py_XDECREF(tail);
  if (sum || PyErr_Occurred()) return sum;
  Py_RETURN_NOTIMPLEMENTED;
}

/* view * n, n * view. */
static PyObject *list_multiply(PyObject *left, PyObject *right) {
  State *state = state_of(left, right);
  PyObject *times = pylive_check(state, left, KEVY_TYPE_LIST) ? right : left;
  PyObject *view = times == right ? left : right;
  if (!PyIndex_Check(times)) Py_RETURN_NOTIMPLEMENTED;
  PyObject *list = as_list(state, view);
  PyObject *product = list ? PyNumber_Multiply(list, times) : NULL;
  Py_XDECREF(list);
  return product;
}

static PyObject *list_inplace_add(PyObject *self, PyObject *values) {
  PyObject *done = pylist_extend(self, values);
  Py_XDECREF(done);
  return done ? Py_NewRef(self) : NULL;
}

static PyObject *list_inplace_multiply(PyObject *self, PyObject *times) {
  if (!PyIndex_Check(times)) Py_RETURN_NOTIMPLEMENTED;
  Py_ssize_t n = PyNumber_AsSsize_t(times, PyExc_OverflowError);
  if (n == -1 && PyErr_Occurred()) return NULL;
  PyObject *done, *more = NULL;
  if (n <= 0) {
    done = pylive_clear(self, NULL);
  } else {
    PyObject *list = pylive_detach((Live *)self);
    if (list) more = PySequence_Repeat(list, n - 1);
    Py_XDECREF(list);
    done = push_all((Live *)self, more, 0);
  }
  Py_XDECREF(done);
  return done ? Py_NewRef(self) : NULL;
}

static PyObject *list_iter(PyObject *self) { return pyiter_elements((Live *)self, PYITER_KEYS, 0); }

PyObject *pylist_reversed(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyiter_elements((Live *)self, PYITER_KEYS, KEVY_REV);
}

/* ---- The type --------------------------------------------------------------------------------- */

static const char doc[] =
    "A live view of a list: a sequence of values under one key of a store, quick at both ends.\n\n"
    "Elements are str, bytes, int (64 bits) and float, and read back as what they were. Without\n"
    "the key the view is empty; a write makes the key, and removing the last element removes it.\n\n"
    "Iterating visits the elements of the moment at which the iterator is made; a slice is a list.\n\n"
    ">>> queue = s.List('queue')\n"
    ">>> queue.extend(['a', 2, 2.5])\n"
    ">>> queue.appendleft('first')\n"
    ">>> queue[0], queue[-1], queue[1:3]\n"
    "('first', 2.5, ['a', 2])\n"
    ">>> queue.popleft(), len(queue)\n"
    "('first', 3)";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              LIVE_SLOTS,
                              {Py_tp_iter, list_iter},
                              {Py_tp_richcompare, list_richcompare},
                              {Py_mp_length, list_len},
                              {Py_mp_subscript, list_subscript},
                              {Py_mp_ass_subscript, list_ass_subscript},
                              {Py_sq_length, list_len},
                              {Py_sq_item, list_item},
                              {Py_sq_ass_item, list_ass_item},
                              {Py_sq_contains, pylist_contains},
                              {Py_nb_add, list_add},
                              {Py_nb_multiply, list_multiply},
                              {Py_nb_inplace_add, list_inplace_add},
                              {Py_nb_inplace_multiply, list_inplace_multiply},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = LIVE_SPEC("kevy.List", slots, Py_TPFLAGS_SEQUENCE);

PyTypeObject *pylist_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
