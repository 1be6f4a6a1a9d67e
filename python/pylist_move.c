/* pylist_move: what moves elements within a list's view, puts one in between, or cuts both ends off. */
#include "pylist.h"

#define PYROWS "list.def"
#include "pyrows.h"

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

static kevy_status reverse_in(Live *self, Turn *turn, kevy_reply **reply) {
  uint64_t length = 0;
  kevy_status status = kevy_llen(turn->handle, LIVE_KEY(self), &length);
  if (status < 0 || length < 2) return status;
  Values items;
  *reply = pylist_range_in(self, turn, 0, length, &status);
  if (status < 0 || !read_reply(*reply, &items, true)) return status < 0 ? status : KEVY_EOOM;
  status = pylist_splice(self, turn->handle, 0, length, &items);
  pyargs_values_done(&items);
  return status;
}

PyObject *pylist_reverse(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  Turn turn;
  if (!turn_begin(&turn, self->store)) return NULL;
  kevy_reply *reply = NULL;
  bool done = pylive_end(&turn, reverse_in(self, &turn, &reply));
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
  *reply = pylist_range_in(self, turn, from, count, &status);
  if (status < 0 || !read_reply(*reply, &moved, false)) return status < 0 ? status : KEVY_EOOM;
  status = pylist_splice(self, turn->handle, to, 0, &moved);
  if (status >= 0) status = pylist_splice(self, turn->handle, to <= from ? from + (int64_t)count : from, count, NULL);
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
