/* pylist: kevy.List, a live view of a list: a MutableSequence of scalars that is quick at both ends.
 *
 * What looks at several elements looks at one moment: a call that changes by position asks for the length
 * and writes in one turn. Elements are compared as Python compares them: 1 equals 1.0, "a" is not b"a". */
#include "pycontents.h"

#define METHOD(name, function, call, text, typed, doc) PYDECL_##call(function);
#define PROPERTY(name, function, typed, doc)
#define SLOT(name, typed)
#include "list.def"
#undef METHOD
#undef PROPERTY

static PyObject *no_index(const char *what) {
  PyErr_Format(PyExc_IndexError, "%s out of range", what);
  return NULL;
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
  return status > 0 ? no_index("list index") : found;
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
  return position < 0 ? no_index("list index") : item((Live *)self, position);
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
    if (status == KEVY_MISSING) no_index("list assignment index");
  }
  Py_XDECREF(keep);
  return status == KEVY_OK ? 0 : -1;
}

/* Replaces removed elements by those of items, from a position that may count from the end. KEVY_ERANGE
 * when it is none. */
static kevy_status splice(Live *self, kevy_store *s, int64_t position, uint64_t removed,
                          const Values *items) {
  return kevy_lsplice(s, LIVE_KEY(self), position, removed, items ? items->count : 0,
                      items ? items->values : NULL, self->text);
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
    if (taken && status == KEVY_OK) status = splice(self, s, position + (int64_t)length, 1, NULL);
  }
  if (!pylive_end(&turn, status)) Py_CLEAR(taken);
  return status > 0 ? no_index("pop index") : taken;
}

static int del_item(Live *self, int64_t position) {
  PyObject *taken = take(self, position);
  Py_XDECREF(taken);
  return taken ? 0 : -1;
}

static int list_ass_item(PyObject *self, Py_ssize_t position, PyObject *value) {
  if (position < 0) {
    no_index("list assignment index");
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

/* What was popped as an object; if that cannot be made, it is put back. Within a turn. */
static PyObject *popped(Live *self, kevy_store *s, const kevy_value *value, uint32_t flags) {
  PyObject *built = pyargs_build(value);
  if (UNLIKELY(!built)) kevy_push(s, LIVE_KEY(self), 1, value, flags | self->text, NULL);
  return built;
}

static __attribute__((noinline)) PyObject *pop_in_turn(Live *self, uint32_t flags) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_value value;
  PyObject *taken = NULL;
  kevy_status status = kevy_pop(s, LIVE_KEY(self), flags, &value);
  if (status == KEVY_OK) taken = popped(self, s, &value, flags);
  pylive_end(&turn, status);
  if (status > 0) PyErr_SetString(PyExc_IndexError, "pop from empty list");
  return taken;
}

static inline PyObject *pop_end(Live *self, uint32_t flags) {
  kevy_value value;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(kevy_pop(s, LIVE_KEY(self), flags, &value) == KEVY_OK))
    return popped(self, s, &value, flags);
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

/* ---- Slices ----------------------------------------------------------------------------------- */

/* Where a slice lies in a list of this length: `count` positions from `first` on, every step-th; low and
 * high include all of them. */
typedef struct {
  Py_ssize_t start, stop, step, count;
  uint64_t length;
} Span;

static bool span_read(Span *span, PyObject *slice) {
  return PySlice_Unpack(slice, &span->start, &span->stop, &span->step) == 0;
}

/* Fits the span to the list, within a turn. A missing key is an empty list. */
static kevy_status span_fit(Span *span, Live *self, kevy_store *s) {
  span->length = 0;
  kevy_status status = kevy_llen(s, LIVE_KEY(self), &span->length);
  if (status < 0) return status;
  span->count =
      PySlice_AdjustIndices((Py_ssize_t)span->length, &span->start, &span->stop, span->step);
  return KEVY_OK;
}

static int64_t span_low(const Span *span) {
  return span->step > 0 ? span->start : span->start + (span->count - 1) * span->step;
}

static uint64_t span_width(const Span *span) {
  Py_ssize_t step = span->step > 0 ? span->step : -span->step;
  return span->count > 0 ? (uint64_t)(span->count - 1) * (uint64_t)step + 1 : 0;
}

/* Whether the i-th element from span_low() on is one of the slice's; *nth is which one. */
static bool span_has(const Span *span, uint64_t i, Py_ssize_t *nth) {
  uint64_t step = (uint64_t)(span->step > 0 ? span->step : -span->step);
  if (span->count == 0 || i % step != 0) return false;
  Py_ssize_t n = (Py_ssize_t)(i / step);
  if (n >= span->count) return false;
  *nth = span->step > 0 ? n : span->count - 1 - n;
  return true;
}

/* A reply with the elements from a position on, within a turn. NULL: *status says why. */
static kevy_reply *range_in(Live *self, Turn *turn, int64_t from, uint64_t count,
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

static PyObject *build_span(Live *self, kevy_reply *reply, const Span *span) {
  PyObject *list = PyList_New(span->count);
  uint64_t count = list ? pylive_count(reply) : 0;
  Py_ssize_t nth;
  for (uint64_t i = 0; list && i < count; i++) {
    kevy_item one;
    if (!span_has(span, i, &nth)) {
      kevy_reply_next(reply, &one);
      continue;
    }
    PyObject *built = pyreply_build(self->store->state, reply, REPLY_KINDS);
    if (built) PyList_SET_ITEM(list, nth, built);
    else Py_CLEAR(list);
  }
  return list;
}

static PyObject *get_slice(Live *self, PyObject *slice) {
  Span span;
  Turn turn;
  if (!span_read(&span, slice)) return NULL;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_reply *reply = NULL;
  kevy_status status = span_fit(&span, self, s);
  if (status < 0 || span.count == 0) return pylive_end(&turn, status) ? PyList_New(0) : NULL;
  reply = range_in(self, &turn, span_low(&span), span_width(&span), &status);
  reply = pyreply_end(&turn, status, reply);
  if (!reply) return NULL;
  PyObject *list = status == KEVY_OK ? build_span(self, reply, &span)
                                     : pyreply_raise(self->store->state, reply);
  pyreply_give(self->store, reply);
  return list;
}

/* Writes a slice with a step: the whole stretch it lies in is written back in one call, the slice's
 * elements replaced by new ones or, for NULL, left out. */
static kevy_status write_stretch(Live *self, Turn *turn, const Span *span, const Values *items,
                                 kevy_reply **reply) {
  kevy_status status;
  uint64_t width = span_width(span);
  *reply = range_in(self, turn, span_low(span), width, &status);
  if (status < 0) return status;
  Values all;
  if (!pyargs_values_new(&all, (Py_ssize_t)width)) return KEVY_EOOM;
  uint64_t count = pylive_count(*reply);
  for (uint64_t i = 0; i < count; i++) {
    Py_ssize_t nth;
    kevy_item one;
    kevy_reply_next(*reply, &one);
    bool mine = span_has(span, i, &nth);
    if (!mine || items) pyargs_values_put(&all, mine ? items->values[nth] : one.value);
  }
  status = splice(self, turn->handle, span_low(span), width, &all);
  pyargs_values_done(&all);
  return status;
}

/* Replaces a slice by items, NULL for none at all. 0, or -1 with an exception. */
static int set_span(Live *self, Span *span, const Values *items) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return -1;
  kevy_reply *reply = NULL;
  kevy_status status = span_fit(span, self, s);
  size_t count = items ? items->count : 0;
  bool fits = !items || span->step == 1 || (Py_ssize_t)count == span->count;
  if (status >= 0 && fits) {
    if (span->step == 1)
      status = splice(self, s, span->start, (uint64_t)span->count, items);
    else if (span->count > 0)
      status = write_stretch(self, &turn, span, items, &reply);
  }
  bool done = pylive_end(&turn, status);
  pyreply_give(self->store, reply);
  if (!done) return -1;
  if (fits) return 0;
  PyErr_Format(PyExc_ValueError,
               "attempt to assign sequence of size %zd to extended slice of size %zd",
               (Py_ssize_t)count, span->count);
  return -1;
}

static int set_slice(Live *self, PyObject *slice, PyObject *values) {
  Span span;
  if (!span_read(&span, slice)) return -1;
  if (!values) return set_span(self, &span, NULL);
  PyObject *list = PySequence_List(values);
  if (!list) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_SetString(PyExc_TypeError, "can only assign an iterable");
    return -1;
  }
  Values items;
  int result = -1;
  if (pyargs_values_of(&items, list, pyargs_value)) {
    result = set_span(self, &span, &items);
    pyargs_values_done(&items);
  }
  Py_DECREF(list);
  return result;
}

/* ---- Subscripts ------------------------------------------------------------------------------- */

static PyObject *not_an_index(PyObject *object) {
  return PyErr_Format(PyExc_TypeError, "list indices must be integers or slices, not %.200s",
                      Py_TYPE(object)->tp_name);
}

static PyObject *list_subscript(PyObject *object, PyObject *index) {
  Live *self = (Live *)object;
  int64_t position;
  if (LIKELY(PyLong_CheckExact(index)) || PyIndex_Check(index))
    return read_position(index, &position) ? item(self, position) : NULL;
  return PySlice_Check(index) ? get_slice(self, index) : not_an_index(index);
}

static int list_ass_subscript(PyObject *object, PyObject *index, PyObject *value) {
  Live *self = (Live *)object;
  int64_t position;
  if (PyIndex_Check(index)) {
    if (!read_position(index, &position)) return -1;
    return value ? set_item(self, position, value) : del_item(self, position);
  }
  if (PySlice_Check(index)) return set_slice(self, index, value);
  not_an_index(index);
  return -1;
}

/* ---- Comparing -------------------------------------------------------------------------------- */

/* Whether an element equals an object: 1, 0, or -1 with an exception. Text and bytes are compared in
 * place, where that says all. */
static int equals(const kevy_value *value, PyObject *object) {
  if (value->kind == KEVY_TEXT && PyUnicode_CheckExact(object)) {
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(object, &size);
    if (bytes) return (size_t)size == value->len && memcmp(bytes, value->as.ptr, value->len) == 0;
    PyErr_Clear(); /* text that no element can be */
    return 0;
  }
  if (value->kind == KEVY_BYTES && PyBytes_CheckExact(object))
    return (size_t)PyBytes_GET_SIZE(object) == value->len &&
           memcmp(PyBytes_AS_STRING(object), value->as.ptr, value->len) == 0;
  PyObject *built = pyargs_build(value);
  int equal = built ? PyObject_RichCompareBool(built, object, Py_EQ) : -1;
  Py_XDECREF(built);
  return equal;
}

/* What a walk over the elements of one moment looks for, and found. */
typedef struct {
  PyObject *object;
  int64_t start, stop; /* positions looked at, both from 0 */
  bool all;            /* count on after the first */
  int64_t count, position;
  PyObject **found; /* becomes the first one, if not NULL */
} Search;

/* Looks at one element: 1 to go on, 0 to stop, -1 with an exception. */
static int search_one(Search *search, const kevy_value *value, int64_t position) {
  if (position < search->start) return 1;
  if (position >= search->stop) return 0;
  int equal = equals(value, search->object);
  if (equal <= 0) return equal < 0 ? -1 : 1;
  if (search->count++ > 0) return 1;
  search->position = position;
  if (search->found && !(*search->found = pyargs_build(value))) return -1;
  return search->all;
}

static bool search_elements(Live *self, Search *search) {
  kevy_iter *iter;
  if (!pylive_elements(self, 0, &iter)) return false;
  kevy_value value, position;
  int go_on = iter != NULL;
  for (int64_t i = 0; go_on > 0 && kevy_iter_next(iter, &value, &position) == KEVY_OK; i++)
    go_on = search_one(search, &value, i);
  kevy_iter_close(iter);
  return go_on >= 0;
}

static int list_contains(PyObject *self, PyObject *object) {
  Search search = {.object = object, .stop = INT64_MAX};
  return search_elements((Live *)self, &search) ? search.count > 0 : -1;
}

PyObject *pylist_count(PyObject *self, PyObject *object) {
  Search search = {.object = object, .stop = INT64_MAX, .all = true};
  return search_elements((Live *)self, &search) ? PyLong_FromLongLong(search.count) : NULL;
}

static PyObject *not_in_list(PyObject *object) {
  return PyErr_Format(PyExc_ValueError, "%R is not in list", object);
}

/* A bound of index(): any int, one too large counting as the largest. */
static bool read_bound(PyObject *object, int64_t *bound) {
  if (!PyIndex_Check(object)) {
    PyErr_SetString(PyExc_TypeError,
                    "slice indices must be integers or have an __index__ method");
    return false;
  }
  *bound = PyNumber_AsSsize_t(object, NULL);
  return *bound != -1 || !PyErr_Occurred();
}

PyObject *pylist_index(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  int64_t start = 0, stop = INT64_MAX;
  if (nargs < 1 || nargs > 3)
    return PyErr_Format(PyExc_TypeError, "index() takes 1 to 3 arguments (%zd given)", nargs);
  if ((nargs > 1 && !read_bound(args[1], &start)) || (nargs > 2 && !read_bound(args[2], &stop)))
    return NULL;
  if (start < 0 || stop < 0) {
    Py_ssize_t length = list_len(self);
    if (length < 0) return NULL;
    if (start < 0) start += length;
    if (stop < 0) stop += length;
  }
  Search search = {.object = args[0], .start = start, .stop = stop};
  if (!search_elements((Live *)self, &search)) return NULL;
  return search.count > 0 ? PyLong_FromLongLong(search.position) : not_in_list(args[0]);
}

static bool same_value(const kevy_value *a, const kevy_value *b) {
  if (a->kind != b->kind) return false;
  if (a->kind == KEVY_INT) return a->as.i == b->as.i;
  if (a->kind == KEVY_FLOAT) return a->as.d == b->as.d;
  return a->len == b->len && memcmp(a->as.ptr, b->as.ptr, a->len) == 0;
}

/* Removes the element at a position if it still is what was found there. KEVY_UNMET when it is not. */
static kevy_status remove_found(Live *self, kevy_store *s, int64_t position, PyObject *found) {
  kevy_value wanted, held;
  PyObject *keep;
  if (!pyargs_value(found, &wanted, &keep)) return KEVY_EOOM;
  kevy_status status = kevy_lindex(s, LIVE_KEY(self), position, &held);
  if (status == KEVY_MISSING || (status == KEVY_OK && !same_value(&held, &wanted))) return KEVY_UNMET;
  return status == KEVY_OK ? splice(self, s, position, 1, NULL) : status;
}

/* The position of the first element that equals an object, and the element; -1 when there is none, or
 * with an exception. */
static int64_t find(Live *self, PyObject *object, PyObject **found) {
  Search search = {.object = object, .stop = INT64_MAX, .found = found};
  if (search_elements(self, &search)) return search.count > 0 ? search.position : -1;
  Py_CLEAR(*found);
  return -1;
}

/* Comparing runs code that may change the list: then the search begins anew, a few times. */
PyObject *pylist_remove(PyObject *object, PyObject *value) {
  Live *self = (Live *)object;
  for (int tries = 0; tries < 100; tries++) {
    PyObject *found = NULL;
    int64_t position = find(self, value, &found);
    if (position < 0) return PyErr_Occurred() ? NULL : not_in_list(value);
    Turn turn;
    kevy_status status = KEVY_ECLOSED;
    if (turn_begin(&turn, self->store)) {
      status = remove_found(self, turn.handle, position, found);
      pylive_end(&turn, status);
    }
    Py_DECREF(found);
    if (status < 0) return NULL;
    if (status == KEVY_OK) Py_RETURN_NONE;
  }
  PyErr_SetString(PyExc_RuntimeError, "the list changes while its elements are compared");
  return NULL;
}

/* ---- Moving and adding ------------------------------------------------------------------------ */

/* A position between elements as list.insert() takes one: what lies beyond an end is that end. */
static int64_t clamp(int64_t position, uint64_t length) {
  int64_t end = (int64_t)length;
  if (position < 0) position += end;
  return position < 0 ? 0 : position > end ? end : position;
}

static kevy_status insert_in(Live *self, kevy_store *s, int64_t position, const kevy_value *value) {
  uint64_t length = 0;
  kevy_status status = kevy_llen(s, LIVE_KEY(self), &length);
  if (status < 0) return status;
  position = clamp(position, length);
  if (position == (int64_t)length) return kevy_push(s, LIVE_KEY(self), 1, value, self->text, NULL);
  return kevy_lsplice(s, LIVE_KEY(self), position, 0, 1, value, self->text);
}

PyObject *pylist_insert(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Live *self = (Live *)object;
  if (nargs != 2)
    return PyErr_Format(PyExc_TypeError, "insert() takes 2 arguments (%zd given)", nargs);
  Py_ssize_t position = PyNumber_AsSsize_t(args[0], NULL);
  kevy_value value;
  PyObject *keep;
  if ((position == -1 && PyErr_Occurred()) || !pyargs_value(args[1], &value, &keep)) return NULL;
  Turn turn;
  bool done = turn_begin(&turn, self->store) &&
              pylive_end(&turn, insert_in(self, turn.handle, position, &value));
  Py_XDECREF(keep);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

/* The elements of a reply, which they borrow from, forwards or backwards. False when memory ran out. */
static bool read_reply(kevy_reply *reply, Values *values, bool backwards) {
  size_t count = (size_t)pylive_count(reply);
  if (!pyargs_values_new(values, (Py_ssize_t)count)) return false;
  memset(values->keeps, 0, count * sizeof *values->keeps);
  for (size_t i = 0; i < count; i++) {
    kevy_item one;
    kevy_reply_next(reply, &one);
    values->values[backwards ? count - 1 - i : i] = one.value;
  }
  values->count = count;
  return true;
}

static kevy_status reverse_in(Live *self, Turn *turn, uint64_t length, kevy_reply **reply) {
  kevy_status status;
  Values items;
  *reply = range_in(self, turn, 0, length, &status);
  if (status < 0 || !read_reply(*reply, &items, true)) return status < 0 ? status : KEVY_EOOM;
  status = splice(self, turn->handle, 0, length, &items);
  pyargs_values_done(&items);
  return status;
}

PyObject *pylist_reverse(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  Span all = {.stop = PY_SSIZE_T_MAX, .step = 1};
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_reply *reply = NULL;
  kevy_status status = span_fit(&all, self, s);
  if (status >= 0 && all.count > 1) status = reverse_in(self, &turn, all.length, &reply);
  bool done = pylive_end(&turn, status);
  pyreply_give(self->store, reply);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

/* Moves count elements from one place to another within a turn: what is put in first cannot fail to be
 * taken out where it was. */
static kevy_status move_in(Live *self, Turn *turn, int64_t from, uint64_t count, int64_t to,
                           kevy_reply **reply) {
  kevy_status status;
  Values moved;
  *reply = range_in(self, turn, from, count, &status);
  if (status < 0 || !read_reply(*reply, &moved, false)) return status < 0 ? status : KEVY_EOOM;
  status = splice(self, turn->handle, to, 0, &moved);
  if (status >= 0) status = splice(self, turn->handle, to <= from ? from + (int64_t)count : from, count, NULL);
  pyargs_values_done(&moved);
  return status;
}

/* Rotates by the shorter way. */
static kevy_status rotate_in(Live *self, Turn *turn, int64_t n, kevy_reply **reply) {
  uint64_t length = 0;
  kevy_status status = kevy_llen(turn->handle, LIVE_KEY(self), &length);
  if (status < 0 || length < 2) return status;
  int64_t size = (int64_t)length;
  n %= size;
  if (n < 0) n += size;
  if (n == 0) return KEVY_OK;
  if (n <= size / 2) return move_in(self, turn, size - n, (uint64_t)n, 0, reply);
  return move_in(self, turn, 0, (uint64_t)(size - n), size, reply);
}

PyObject *pylist_rotate(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Live *self = (Live *)object;
  if (nargs > 1)
    return PyErr_Format(PyExc_TypeError, "rotate() takes at most 1 argument (%zd given)", nargs);
  int64_t n = 1;
  if (nargs == 1) n = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
  if (n == -1 && PyErr_Occurred()) return NULL;
  Turn turn;
  if (!turn_begin(&turn, self->store)) return NULL;
  kevy_reply *reply = NULL;
  bool done = pylive_end(&turn, rotate_in(self, &turn, n, &reply));
  pyreply_give(self->store, reply);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

PyObject *pylist_trim(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Live *self = (Live *)object;
  int64_t first, last;
  if (nargs != 2)
    return PyErr_Format(PyExc_TypeError, "trim() takes 2 arguments (%zd given)", nargs);
  if (!pyargs_int64(args[0], "first", &first) || !pyargs_int64(args[1], "last", &last)) return NULL;
  Turn turn;
  if (!turn_begin(&turn, self->store) ||
      !pylive_end(&turn, kevy_ltrim(turn.handle, LIVE_KEY(self), first, last)))
    return NULL;
  Py_RETURN_NONE;
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

static PyMethodDef methods[] = {
#define METHOD(name, function, call, text, typed, doc) PYMETHOD(name, function, call, text, doc)
#define PROPERTY(name, function, typed, doc)
#include "list.def"
#undef METHOD
#undef PROPERTY
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
#define METHOD(name, function, call, text, typed, doc)
#define PROPERTY(name, function, typed, doc) {name, function, NULL, doc, NULL},
#include "list.def"
#undef METHOD
#undef PROPERTY
    {NULL, NULL, NULL, NULL, NULL}};

static const char doc[] =
    "A live view of a list: a sequence of values under one key of a store, quick at both ends.\n\n"
    "Elements are str, bytes, int (64 bits) and float, and read back as what they were. Without\n"
    "the key the view is empty; a write makes the key, and removing the last element removes it.\n\n"
    "Iterating visits the elements of the moment at which the iterator is made; a slice is a list.";

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
                              {Py_sq_contains, list_contains},
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
