/* pypin: the owner of the bytes behind a memoryview of a value. It holds a pin, so the bytes stay where
 * they are after the key is overwritten or deleted and the store is closed; any thread may drop it. */
#include "pystore.h"

typedef struct {
  PyObject_HEAD
  kevy_pin *handle;
  kevy_value value;
} Pin;

/* Pins the value of key in one turn: 0, or -1 with an exception. */
static int pin_key(Pin *pin, Store *self, PyObject *object) {
  Key key;
  if (!pyargs_key(object, &key)) return -1;
  Turn turn;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, self)) {
    status = kevy_pin_value(turn.handle, key.ptr, key.len, &pin->handle, &pin->value);
    if (status < 0) turn_fail(&turn, status);
    else turn_end(&turn);
    if (status == KEVY_MISSING) pyerrors_missing(object);
  }
  pyargs_key_done(&key);
  return status == KEVY_OK ? 0 : -1;
}

PyObject *pypin_view(Store *self, PyObject *key) {
  State *state = self->state;
  Pin *pin = (Pin *)state->pin_type->tp_alloc(state->pin_type, 0);
  PyObject *view = NULL;
  if (pin && pin_key(pin, self, key) == 0) view = PyMemoryView_FromObject((PyObject *)pin);
  Py_XDECREF(pin);
  return view;
}

static int pin_getbuffer(PyObject *object, Py_buffer *view, int flags) {
  Pin *pin = (Pin *)object;
  return PyBuffer_FillInfo(view, object, (void *)(uintptr_t)pin->value.as.ptr,
                           (Py_ssize_t)pin->value.len, 1, flags);
}

static int pin_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(object));
  return 0;
}

static void pin_dealloc(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  kevy_unpin(((Pin *)object)->handle);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyType_Slot slots[] = {{Py_tp_doc, "The bytes of a value, held in place."},
                              {Py_tp_dealloc, pin_dealloc},
                              {Py_tp_traverse, pin_traverse},
                              {Py_bf_getbuffer, pin_getbuffer},
                              {0, NULL}};

static PyType_Spec spec = {"kevy.Pin", sizeof(Pin), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
                               Py_TPFLAGS_DISALLOW_INSTANTIATION,
                           slots};

PyTypeObject *pypin_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
