/* pyviews: what keys(), items() and values() of a store, a hash and a sorted set give: live views, sets
 * where a dict's are. The result of a set operation is a set, and its operands are read for one moment each. */
#include "pylive.h"

typedef struct {
  PyObject_HEAD
  State *state;
  PyObject *owner; /* a Store, or a Live that is a mapping */
  int what;        /* PYITER_... */
} View;

static PyTypeObject **type_slot(State *state, int what) {
  return what == PYITER_KEYS    ? &state->keys_type
         : what == PYITER_ITEMS ? &state->items_type
                                : &state->values_type;
}

static Store *store_of(PyObject *owner) {
  State *state = pymodule_state(Py_TYPE(owner));
  return pylive_check(state, owner, KEVY_TYPE_NONE) ? ((Live *)owner)->store : (Store *)owner;
}

PyObject *pyviews_new(PyObject *owner, int what) {
  State *state = store_of(owner)->state;
  PyTypeObject *type = *type_slot(state, what);
  View *view = (View *)type->tp_alloc(type, 0);
  if (!view) return NULL;
  view->state = state;
  view->owner = Py_NewRef(owner);
  view->what = what;
  return (PyObject *)view;
}

/* ---- All three -------------------------------------------------------------------------------- */

static Py_ssize_t view_len(PyObject *self) { return PyObject_Size(((View *)self)->owner); }

static PyObject *view_iter(PyObject *object) {
  View *self = (View *)object;
  if (pylive_check(self->state, self->owner, KEVY_TYPE_NONE))
    return pyiter_elements((Live *)self->owner, self->what, 0);
  return pyiter_open((Store *)self->owner, self->what, NULL, KEVY_TYPE_NONE);
}

static PyObject *view_repr(PyObject *self) {
  return PyUnicode_FromFormat("%s(%R)", Py_TYPE(self)->tp_name, ((View *)self)->owner);
}

static int view_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((View *)self)->owner);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void view_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_XDECREF(((View *)self)->owner);
  type->tp_free(self);
  Py_DECREF(type);
}

/* ---- Keys and items as sets -------------------------------------------------------------------- */

static int keys_contains(PyObject *self, PyObject *key) {
  return PySequence_Contains(((View *)self)->owner, key);
}

static int items_contains(PyObject *object, PyObject *item) {
  View *self = (View *)object;
  if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) return 0;
  /* The view stands for "missing": no value is one of these. */
  PyObject *key = PyTuple_GET_ITEM(item, 0);
  PyObject *held = pylive_check(self->state, self->owner, KEVY_TYPE_NONE)
                       ? pylive_lookup((Live *)self->owner, key, object)
                       : pystore_lookup((Store *)self->owner, key, object);
  if (!held) return -1;
  int equal = held == object ? 0 : PyObject_RichCompareBool(held, PyTuple_GET_ITEM(item, 1), Py_EQ);
  Py_DECREF(held);
  return equal;
}

static PyObject *combine(PyObject *left, PyObject *right, const char *update) {
  PyObject *set = PySet_New(left);
  PyObject *done = set ? pyargs_call(set, update, right) : NULL;
  if (!done) Py_CLEAR(set);
  Py_XDECREF(done);
  return set;
}

static PyObject *view_and(PyObject *left, PyObject *right) {
  return combine(left, right, "intersection_update");
}

static PyObject *view_or(PyObject *left, PyObject *right) { return combine(left, right, "update"); }

static PyObject *view_sub(PyObject *left, PyObject *right) {
  return combine(left, right, "difference_update");
}

static PyObject *view_xor(PyObject *left, PyObject *right) {
  return combine(left, right, "symmetric_difference_update");
}

static PyObject *view_richcompare(PyObject *self, PyObject *other, int op) {
  int is_set = PyAnySet_Check(other)
                   ? 1
                   : PyObject_IsInstance(other, ((View *)self)->state->set_abc);
  if (is_set < 0) return NULL;
  if (is_set == 0) Py_RETURN_NOTIMPLEMENTED;
  PyObject *left = PySet_New(self), *right = left ? PySet_New(other) : NULL;
  PyObject *result = right ? PyObject_RichCompare(left, right, op) : NULL;
  Py_XDECREF(left);
  Py_XDECREF(right);
  return result;
}

static PyObject *view_isdisjoint(PyObject *self, PyObject *other) {
  PyObject *set = PySet_New(self);
  PyObject *result = set ? pyargs_call(set, "isdisjoint", other) : NULL;
  Py_XDECREF(set);
  return result;
}

static PyMethodDef set_methods[] = {
    PYMETHOD("isdisjoint", view_isdisjoint, ONE, "($self, other, /)",
             "True when the view and the other have no element in common.")
    {NULL, NULL, 0, NULL}};

/* ---- The types --------------------------------------------------------------------------------- */

#define COMMON_SLOTS                                                                               \
  {Py_tp_dealloc, view_dealloc}, {Py_tp_traverse, view_traverse}, {Py_tp_repr, view_repr},         \
      {Py_tp_iter, view_iter}, {Py_mp_length, view_len}
#define SET_SLOTS                                                                                  \
  {Py_tp_richcompare, view_richcompare}, {Py_tp_methods, set_methods}, {Py_nb_and, view_and},      \
      {Py_nb_or, view_or}, {Py_nb_subtract, view_sub}, {Py_nb_xor, view_xor}
#define SPEC(name, slots)                                                                          \
  {name, sizeof(View), 0,                                                                          \
   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |                            \
       Py_TPFLAGS_DISALLOW_INSTANTIATION,                                                          \
   slots}

static PyType_Slot keys_slots[] = {{Py_tp_doc, "A live view of the keys of a store, the fields of a hash, the members of a sorted set."},
                                   {Py_sq_contains, keys_contains},
                                   SET_SLOTS,
                                   COMMON_SLOTS,
                                   {0, NULL}};
static PyType_Slot items_slots[] = {{Py_tp_doc, "A live view of the (key, value) pairs of a mapping of kevy's."},
                                    {Py_sq_contains, items_contains},
                                    SET_SLOTS,
                                    COMMON_SLOTS,
                                    {0, NULL}};
static PyType_Slot values_slots[] = {{Py_tp_doc, "A live view of the values of a mapping of kevy's."},
                                     COMMON_SLOTS,
                                     {0, NULL}};

static PyType_Spec keys_spec = SPEC("kevy.Keys", keys_slots);
static PyType_Spec items_spec = SPEC("kevy.Items", items_slots);
static PyType_Spec values_spec = SPEC("kevy.Values", values_slots);

int pyviews_types(PyObject *module, State *state) {
  state->keys_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &keys_spec, NULL);
  state->items_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &items_spec, NULL);
  state->values_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &values_spec, NULL);
  return state->keys_type && state->items_type && state->values_type ? 0 : -1;
}
