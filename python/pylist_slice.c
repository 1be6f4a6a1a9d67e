/* pylist_slice: slices of a list's view: where they lie, read, written and removed, each at one moment. */
#include "pylist.h"

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

PyObject *pylist_get_slice(Live *self, PyObject *slice) {
  Span span;
  Turn turn;
  if (!span_read(&span, slice)) return NULL;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  kevy_reply *reply = NULL;
  kevy_status status = span_fit(&span, self, s);
  if (status < 0 || span.count == 0) return pylive_end(&turn, status) ? PyList_New(0) : NULL;
  reply = pylist_range_in(self, &turn, span_low(&span), span_width(&span), &status);
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
  *reply = pylist_range_in(self, turn, span_low(span), width, &status);
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
  status = pylist_splice(self, turn->handle, span_low(span), width, &all);
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
      status = pylist_splice(self, s, span->start, (uint64_t)span->count, items);
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

int pylist_set_slice(Live *self, PyObject *slice, PyObject *values) {
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
