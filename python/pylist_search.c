/* pylist_search: what compares the elements of a list's view, as Python compares them: 1 equals 1.0, "a" is
 * not b"a". Comparing may run code of the user, so the elements are those of one moment. */
#include "pylist.h"

#define PYROWS "list.def"
#include "pyrows.h"

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

int pylist_contains(PyObject *self, PyObject *object) {
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
    Py_ssize_t length = PyObject_Size(self);
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
  return status == KEVY_OK ? pylist_splice(self, s, position, 1, NULL) : status;
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
