/* pyiter: iterators over the keys, values or pairs of one moment of a store, or over the elements of one
 * moment of a collection. An iterator holds a snapshot, so it neither sees nor minds what is written
 * meanwhile, and it may outlive the store. A collection under a key comes as a live view: what it has is of
 * the present. */
#include "pylive.h"

typedef struct {
  PyObject_HEAD
  State *state;
  Store *store;      /* what views of collections are on; NULL when there can be none */
  kevy_iter *handle; /* NULL once it is exhausted */
  int what;          /* PYITER_... */
} Iter;

static Iter *iter_new(State *state, int what) {
  Iter *iter = (Iter *)state->iter_type->tp_alloc(state->iter_type, 0);
  if (!iter) return NULL;
  iter->state = state;
  iter->what = what;
  return iter;
}

PyObject *pyiter_elements(Live *self, int what, uint32_t flags) {
  Iter *iter = iter_new(self->store->state, what);
  if (iter && !pylive_elements(self, flags, &iter->handle)) Py_CLEAR(iter);
  return (PyObject *)iter;
}

PyObject *pyiter_open(Store *self, int what, const kevy_value *pattern, int32_t type) {
  Iter *iter = iter_new(self->state, what);
  if (!iter) return NULL;
  if (what != PYITER_KEYS) iter->store = (Store *)Py_NewRef((PyObject *)self);
  Turn turn;
  if (!turn_begin(&turn, self)) {
    Py_DECREF(iter);
    return NULL;
  }
  kevy_status status = kevy_iter_open(turn.handle, pattern ? pattern->as.ptr : NULL,
                                      pattern ? pattern->len : 0, type, &iter->handle);
  if (status >= 0) {
    turn_end(&turn);
    return (PyObject *)iter;
  }
  turn_fail(&turn, status);
  Py_DECREF(iter);
  return NULL;
}

/* Builds what the iterator is over, as far as no code of the user runs: the key, the value, or both. *type
 * is of the collection that the value is; the key is built too then. */
static kevy_status advance(Iter *iter, PyObject **key_object, PyObject **value_object,
                           int32_t *type) {
  if (!iter->handle) return KEVY_MISSING;
  kevy_value key, value;
  bool keys = iter->what != PYITER_VALUES, values = iter->what != PYITER_KEYS;
  kevy_status status = kevy_iter_next(iter->handle, &key, values ? &value : NULL);
  if (status == KEVY_OK) {
    if (values && iter->store && value.kind == KEVY_NIL) *type = kevy_iter_type(iter->handle);
    if (keys || *type) *key_object = pyargs_build(&key);
    if (values && !*type) *value_object = pyargs_build(&value);
  } else {
    kevy_iter_close(iter->handle);
    iter->handle = NULL;
  }
  return status;
}

static PyObject *iter_next(PyObject *object) {
  Iter *iter = (Iter *)object;
  PyObject *key = NULL, *value = NULL;
  int32_t type = KEVY_TYPE_NONE;
  kevy_status status;
  Py_BEGIN_CRITICAL_SECTION(object);
  status = advance(iter, &key, &value, &type);
  Py_END_CRITICAL_SECTION();
  if (status < 0)
    return pyerrors_raise(iter->state, status, PyUnicode_FromString(kevy_strerror(status)));
  if (iter->what == PYITER_KEYS) return key;
  if (type && key) value = pylive_new(iter->store, type, key);
  if (iter->what == PYITER_VALUES) {
    Py_XDECREF(key);
    return value;
  }
  PyObject *pair = key && value ? PyTuple_Pack(2, key, value) : NULL;
  Py_XDECREF(key);
  Py_XDECREF(value);
  return pair;
}

static int iter_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(((Iter *)object)->store);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

static void iter_dealloc(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  kevy_iter_close(((Iter *)object)->handle);
  Py_XDECREF(((Iter *)object)->store);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyType_Slot slots[] = {{Py_tp_doc, "An iterator over one moment of a store or a collection."},
                              {Py_tp_dealloc, iter_dealloc},
                              {Py_tp_traverse, iter_traverse},
                              {Py_tp_iter, PyObject_SelfIter},
                              {Py_tp_iternext, iter_next},
                              {0, NULL}};

static PyType_Spec spec = {"kevy.Iterator", sizeof(Iter), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
                               Py_TPFLAGS_DISALLOW_INSTANTIATION,
                           slots};

PyTypeObject *pyiter_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
