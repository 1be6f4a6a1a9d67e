/* pyexclusive: see pyexclusive.h. */
#include "pyexclusive.h"

#include <structmember.h>

#include "pylive.h"

typedef struct {
  PyObject_HEAD
  PyObject *value;
} Exclusive;

PyObject *pyexclusive_value(State *state, PyObject *object) {
  return Py_TYPE(object) == state->exclusive_type ? ((Exclusive *)object)->value : NULL;
}

static PyObject *exclusive_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"value", NULL};
  PyObject *value;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:exclusive", names, &value)) return NULL;
  Exclusive *self = (Exclusive *)type->tp_alloc(type, 0);
  if (self) self->value = Py_NewRef(value);
  return (PyObject *)self;
}

static int exclusive_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Exclusive *)self)->value);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void exclusive_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_XDECREF(((Exclusive *)self)->value);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *exclusive_repr(PyObject *self) {
  return PyUnicode_FromFormat("%s(%R)", Py_TYPE(self)->tp_name, ((Exclusive *)self)->value);
}

static PyObject *exclusive_richcompare(PyObject *self, PyObject *other, int op) {
  if (Py_TYPE(self) != Py_TYPE(other) || (op != Py_EQ && op != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  return PyObject_RichCompare(((Exclusive *)self)->value, ((Exclusive *)other)->value, op);
}

static Py_hash_t exclusive_hash(PyObject *self) {
  Py_hash_t hash = PyObject_Hash(((Exclusive *)self)->value);
  return hash == -1 ? -1 : hash == 1 ? 2 : hash ^ 1;
}

static PyObject *exclusive_reduce(PyObject *self, PyObject *unused) {
  (void)unused;
  return Py_BuildValue("O(O)", Py_TYPE(self), ((Exclusive *)self)->value);
}

static PyMethodDef methods[] = {PYMETHOD("__reduce__", exclusive_reduce, NOARGS, "($self, /)",
                                         "What pickle makes it anew from.")
                                {NULL, NULL, 0, NULL}};

static PyMemberDef members[] = {
    {"value", T_OBJECT, offsetof(Exclusive, value), READONLY, "What the bound excludes."},
    {NULL, 0, 0, 0, NULL}};

static const char doc[] =
    "exclusive(value)\n--\n\n"
    "A bound of ZSet.range(), count() and remove_range() that is not itself in the range.";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              {Py_tp_new, exclusive_new},
                              {Py_tp_dealloc, exclusive_dealloc},
                              {Py_tp_traverse, exclusive_traverse},
                              {Py_tp_repr, exclusive_repr},
                              {Py_tp_richcompare, exclusive_richcompare},
                              {Py_tp_hash, exclusive_hash},
                              {Py_tp_methods, methods},
                              {Py_tp_members, members},
                              {0, NULL}};

static PyType_Spec spec = {"kevy.exclusive", sizeof(Exclusive), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};

PyTypeObject *pyexclusive_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
