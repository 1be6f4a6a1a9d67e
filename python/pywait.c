/* pywait: see pywait.h. */
#include "pywait.h"

typedef struct {
  PyObject_HEAD
  Store *store;
  kevy_reply *reply; /* NULL once the answer was taken */
  kevy_wait *wait;
} Wait;

bool pywait_until_over(kevy_wait *wait, kevy_status *status) {
  bool over = false;
  while (!over) {
    Py_BEGIN_ALLOW_THREADS
    over = kevy_wait_poll(wait, -1) == KEVY_OK;
    Py_END_ALLOW_THREADS
    if (!over && PyErr_CheckSignals() < 0) break;
  }
  *status = kevy_wait_end(wait);
  kevy_wait_close(wait);
  return over;
}

PyObject *pywait_answer(Store *store, kevy_reply *reply, kevy_status status) {
  PyObject *result = NULL;
  if (status >= 0) result = pyreply_build(store->state, reply, REPLY_BYTES);
  else if (status == KEVY_ECOMMAND) pyreply_raise(store->state, reply);
  else if (status == KEVY_ECLOSED) pystore_closed(store);
  else pyerrors_raise(store->state, status, NULL);
  pyreply_give(store, reply);
  return result;
}

/* ---- The object that an event loop holds ----------------------------------------------------------- */

PyObject *pywait_new(Store *store, kevy_wait *wait, kevy_reply *reply) {
  PyTypeObject *type = store->state->wait_type;
  Wait *self = (Wait *)type->tp_alloc(type, 0);
  if (!self) {
    kevy_wait_close(wait);
    kevy_reply_free(reply);
    return NULL;
  }
  self->store = (Store *)Py_NewRef((PyObject *)store);
  self->wait = wait;
  self->reply = reply;
  return (PyObject *)self;
}

static int wait_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Wait *)self)->store);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void wait_dealloc(PyObject *object) {
  Wait *self = (Wait *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  kevy_wait_close(self->wait);
  kevy_reply_free(self->reply);
  Py_XDECREF(self->store);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyObject *wait_fileno(PyObject *object, PyObject *unused) {
  (void)unused;
  return PyLong_FromLong(kevy_wait_fd(((Wait *)object)->wait));
}

static PyObject *wait_left(PyObject *object, PyObject *unused) {
  (void)unused;
  int64_t left = kevy_wait_left(((Wait *)object)->wait);
  if (left == KEVY_NO_TTL) Py_RETURN_NONE;
  return PyFloat_FromDouble((double)left / 1000);
}

static PyObject *wait_close(PyObject *object, PyObject *unused) {
  (void)unused;
  kevy_wait_end(((Wait *)object)->wait);
  Py_RETURN_NONE;
}

static PyObject *wait_result(PyObject *object, PyObject *unused) {
  (void)unused;
  Wait *self = (Wait *)object;
  kevy_reply *reply = self->reply;
  if (!reply) {
    PyErr_SetString(PyExc_RuntimeError, "the result of this wait was taken already");
    return NULL;
  }
  kevy_status status = kevy_wait_end(self->wait);
  self->reply = NULL;
  return pywait_answer(self->store, reply, status);
}

static PyMethodDef methods[] = {
    PYMETHOD("fileno", wait_fileno, NOARGS, "($self, /)", "A descriptor that is readable once it is over.")
    PYMETHOD("left", wait_left, NOARGS, "($self, /)", "Seconds until its timeout; None without one.")
    PYMETHOD("close", wait_close, NOARGS, "($self, /)", "Give the command up.")
    PYMETHOD("result", wait_result, NOARGS, "($self, /)",
             "End the wait and return its answer: None where it was not served.")
    {NULL, NULL, 0, NULL}};

static const char doc[] = "A command that waits.";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              {Py_tp_dealloc, wait_dealloc},
                              {Py_tp_traverse, wait_traverse},
                              {Py_tp_methods, methods},
                              {0, NULL}};

static PyType_Spec spec = {"kevy._kevy.Wait", sizeof(Wait), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};

PyTypeObject *pywait_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
