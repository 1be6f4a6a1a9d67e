/* pyset: kevy.Set, a live view of a set: a MutableSet of str, bytes and int.
 *
 * Members are equal when their byte forms are, also when they are combined with what is in a set of
 * Python's: there 5 and "5", or "a" and b"a", are two, and count as one here. So operands are gathered by
 * identity: in a dict from what tells elements apart to the element. The result is a set of Python's. */
#include "pycontents.h"

#define PYROWS "set.def"
#include "pytables.h"

/* ---- One member ------------------------------------------------------------------------------- */

static int set_contains(PyObject *object, PyObject *member_object) {
  Live *self = (Live *)object;
  kevy_value member;
  kevy_status status = KEVY_EARG;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(member_object, &member)))
    status = kevy_sismember(s, LIVE_KEY(self), &member);
  if (UNLIKELY(status < 0)) status = pylive_ask(self, member_object, kevy_sismember);
  return status < 0 ? -1 : status == KEVY_OK;
}

static Py_ssize_t set_len(PyObject *self) { return pylive_len((Live *)self, kevy_scard); }

static __attribute__((noinline)) PyObject *add_in_turn(Live *self, PyObject *object) {
  kevy_value member;
  PyObject *keep;
  if (!pyargs_member(object, &member, &keep)) return NULL;
  Turn turn;
  bool done = turn_begin(&turn, self->store) &&
              pylive_end(&turn, kevy_sadd(turn.handle, LIVE_KEY(self), 1, &member, self->text, NULL));
  Py_XDECREF(keep);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

PyObject *pyset_add(PyObject *object, PyObject *member_object) {
  Live *self = (Live *)object;
  kevy_value member;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(member_object, &member)) &&
      LIKELY(kevy_sadd(s, LIVE_KEY(self), 1, &member, self->text, NULL) >= 0))
    Py_RETURN_NONE;
  return add_in_turn(self, member_object);
}

PyObject *pyset_discard(PyObject *self, PyObject *member) {
  if (pylive_remove((Live *)self, member, kevy_srem) < 0) return NULL;
  Py_RETURN_NONE;
}

PyObject *pyset_remove(PyObject *self, PyObject *member) {
  int removed = pylive_remove((Live *)self, member, kevy_srem);
  if (removed < 0) return NULL;
  if (removed == 0) return pyerrors_missing(member);
  Py_RETURN_NONE;
}

PyObject *pyset_random(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
  return pylive_random((Live *)self, "SRANDMEMBER", args, nargs, kwnames);
}

/* A member is built before it is removed; one that is gone when it is removed is passed over. */
PyObject *pyset_pop(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  for (;;) {
    PyObject *member = pyset_random(object, NULL, 0, NULL);
    if (!member) return NULL;
    if (member == Py_None) {
      Py_DECREF(member);
      PyErr_SetString(PyExc_KeyError, "pop from an empty set");
      return NULL;
    }
    int removed = pylive_remove(self, member, kevy_srem);
    if (removed > 0) return member;
    Py_DECREF(member);
    if (removed < 0) return NULL;
  }
}

/* ---- Operands --------------------------------------------------------------------------------- */

/* What tells an element apart: the bytes of what can be a member, else the element itself. A new
 * reference. */
static PyObject *identity(PyObject *element) {
  kevy_value value;
  if (PyBytes_CheckExact(element)) return Py_NewRef(element);
  if (PyUnicode_Check(element)) {
    PyObject *bytes = PyUnicode_AsUTF8String(element);
    if (bytes || !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return bytes;
    PyErr_Clear();
    return Py_NewRef(element);
  }
  if (PyBytes_Check(element))
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(element), PyBytes_GET_SIZE(element));
  if (PyLong_Check(element) && !PyBool_Check(element) && pyargs_quick_int(element, &value)) {
    char digits[24];
    int size = PyOS_snprintf(digits, sizeof digits, "%lld", (long long)value.as.i);
    return PyBytes_FromStringAndSize(digits, size);
  }
  return Py_NewRef(element);
}

static bool add_by_identity(PyObject *dict, PyObject *element) {
  PyObject *name = identity(element);
  bool added = name && PyDict_SetDefault(dict, name, element) != NULL;
  Py_XDECREF(name);
  return added;
}

/* The elements of an iterable by identity; of a view those of one moment. */
static PyObject *by_identity(PyObject *iterable) {
  PyObject *iterator = PyObject_GetIter(iterable), *dict = iterator ? PyDict_New() : NULL, *element;
  while (dict && (element = PyIter_Next(iterator)) != NULL) {
    if (!add_by_identity(dict, element)) Py_CLEAR(dict);
    Py_DECREF(element);
  }
  Py_XDECREF(iterator);
  if (PyErr_Occurred()) Py_CLEAR(dict);
  return dict;
}

/* Adds to a set the elements of one dict that are in the other, or (want = 0) are not. */
static bool gather(PyObject *set, PyObject *from, PyObject *other, int want) {
  PyObject *name, *element;
  Py_ssize_t at = 0;
  while (PyDict_Next(from, &at, &name, &element)) {
    int there = other ? PyDict_Contains(other, name) : 0;
    if (there < 0 || (there == want && PySet_Add(set, element) < 0)) return false;
  }
  return true;
}

typedef enum { SET_AND, SET_OR, SET_SUB, SET_XOR } SetOp;

static bool combine_into(PyObject *set, PyObject *left, PyObject *right, SetOp op) {
  switch (op) {
    case SET_AND: return gather(set, left, right, 1);
    case SET_SUB: return gather(set, left, right, 0);
    case SET_OR: return gather(set, left, NULL, 0) && gather(set, right, left, 0);
    default: return gather(set, left, right, 0) && gather(set, right, left, 0);
  }
}

/* A set of Python's from two iterables. */
static PyObject *combine(PyObject *left, PyObject *right, SetOp op) {
  PyObject *a = by_identity(left), *b = a ? by_identity(right) : NULL;
  PyObject *set = b ? PySet_New(NULL) : NULL;
  if (set && !combine_into(set, a, b, op)) Py_CLEAR(set);
  Py_XDECREF(a);
  Py_XDECREF(b);
  return set;
}

/* Two views of one store are combined by the engine, at one moment; NULL without an exception when these
 * are none. */
static PyObject *combine_views(PyObject *left, PyObject *right, SetOp op) {
  static const char *const commands[] = {"SINTER", "SUNION", "SDIFF"};
  State *state = pymodule_state(Py_TYPE(left));
  Live *a = state ? pylive_check(state, left, KEVY_TYPE_SET) : NULL;
  Live *b = a ? pylive_check(state, right, KEVY_TYPE_SET) : NULL;
  if (!b || op == SET_XOR || a->store != b->store) return NULL;
  Call call;
  pylive_call(&call, a, commands[op], 1);
  pylive_arg(&call, b->key, pyargs_value);
  PyObject *members = pylive_answer(&call);
  PyObject *set = members ? PySet_New(members) : NULL;
  Py_XDECREF(members);
  return set;
}

/* ---- Operators -------------------------------------------------------------------------------- */

/* Whether an operand is a set: 1, 0, or -1 with an exception. */
static int is_set(PyObject *object) {
  if (PyAnySet_Check(object)) return 1;
  State *state = pymodule_state(Py_TYPE(object));
  if (state && pylive_check(state, object, KEVY_TYPE_SET)) return 1;
  PyObject *abcs = PyImport_ImportModule("collections.abc");
  PyObject *class = abcs ? pyargs_attribute(abcs, "Set") : NULL;
  int answer = class ? PyObject_IsInstance(object, class) : -1;
  Py_XDECREF(class);
  Py_XDECREF(abcs);
  return answer;
}

static PyObject *operate(PyObject *left, PyObject *right, SetOp op) {
  int sets = is_set(left);
  if (sets > 0) sets = is_set(right);
  if (sets < 0) return NULL;
  if (sets == 0) Py_RETURN_NOTIMPLEMENTED;
  PyObject *result = combine_views(left, right, op);
  return result || PyErr_Occurred() ? result : combine(left, right, op);
}

static PyObject *set_and(PyObject *left, PyObject *right) { return operate(left, right, SET_AND); }
static PyObject *set_or(PyObject *left, PyObject *right) { return operate(left, right, SET_OR); }
static PyObject *set_sub(PyObject *left, PyObject *right) { return operate(left, right, SET_SUB); }
static PyObject *set_xor(PyObject *left, PyObject *right) { return operate(left, right, SET_XOR); }

/* Whether every element of one dict is in the other: 1, 0, or -1 with an exception. */
static int subset(PyObject *small, PyObject *large) {
  PyObject *name, *element;
  Py_ssize_t at = 0;
  int there = 1;
  while (there > 0 && PyDict_Next(small, &at, &name, &element)) there = PyDict_Contains(large, name);
  return there;
}

static int compare_dicts(PyObject *a, PyObject *b, int op) {
  Py_ssize_t left = PyDict_GET_SIZE(a), right = PyDict_GET_SIZE(b);
  switch (op) {
    case Py_EQ: return left == right ? subset(a, b) : 0;
    case Py_NE: return left == right ? subset(a, b) ^ 1 : 1;
    case Py_LE: return left <= right ? subset(a, b) : 0;
    case Py_LT: return left < right ? subset(a, b) : 0;
    case Py_GE: return left >= right ? subset(b, a) : 0;
    default: return left > right ? subset(b, a) : 0;
  }
}

static PyObject *compare(PyObject *self, PyObject *iterable, int op) {
  PyObject *a = by_identity(self), *b = a ? by_identity(iterable) : NULL;
  int answer = b ? compare_dicts(a, b, op) : -1;
  Py_XDECREF(a);
  Py_XDECREF(b);
  return PyErr_Occurred() ? NULL : PyBool_FromLong(answer);
}

static PyObject *set_richcompare(PyObject *self, PyObject *other, int op) {
  int set = is_set(other);
  if (set < 0) return NULL;
  if (set == 0) Py_RETURN_NOTIMPLEMENTED;
  return compare(self, other, op);
}

PyObject *pyset_issubset(PyObject *self, PyObject *other) { return compare(self, other, Py_LE); }

PyObject *pyset_issuperset(PyObject *self, PyObject *other) { return compare(self, other, Py_GE); }

PyObject *pyset_isdisjoint(PyObject *self, PyObject *other) {
  PyObject *common = combine(self, other, SET_AND);
  if (!common) return NULL;
  Py_ssize_t size = PySet_GET_SIZE(common);
  Py_DECREF(common);
  return PyBool_FromLong(size == 0);
}

/* ---- Named operations ------------------------------------------------------------------------- */

static PyObject *combine_all(PyObject *self, PyObject *const *args, Py_ssize_t nargs, SetOp op) {
  PyObject *set = pylive_detach((Live *)self);
  for (Py_ssize_t i = 0; set && i < nargs; i++) {
    PyObject *next = combine(set, args[i], op);
    Py_DECREF(set);
    set = next;
  }
  return set;
}

PyObject *pyset_union(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return combine_all(self, args, nargs, SET_OR);
}

PyObject *pyset_intersection(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return combine_all(self, args, nargs, SET_AND);
}

PyObject *pyset_difference(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return combine_all(self, args, nargs, SET_SUB);
}

PyObject *pyset_symmetric_difference(PyObject *self, PyObject *other) {
  return combine_all(self, &other, 1, SET_XOR);
}

/* ---- Changing in place ------------------------------------------------------------------------- */

/* What an operation removes and adds, in one turn: added first, since removing cannot fail. */
typedef struct {
  PyObject *list; /* of what the values borrow from */
  Values values;
} Members;

static kevy_status add_and_remove(Live *self, kevy_store *s, const Values *add,
                                  const Values *remove) {
  kevy_status status = KEVY_OK;
  if (add && add->count)
    status = kevy_sadd(s, LIVE_KEY(self), add->count, add->values, self->text, NULL);
  if (status >= 0 && remove && remove->count)
    status = kevy_srem(s, LIVE_KEY(self), remove->count, remove->values, NULL);
  return status;
}

static PyObject *change(Live *self, const Values *add, const Values *remove) {
  Turn turn;
  if (!turn_begin(&turn, self->store) ||
      !pylive_end(&turn, add_and_remove(self, turn.handle, add, remove)))
    return NULL;
  Py_RETURN_NONE;
}

/* Takes the elements of a set or list of Python's. Steals it; NULL is allowed after an exception. */
static bool members_read(Members *members, PyObject *elements) {
  members->list = elements ? PySequence_List(elements) : NULL;
  Py_XDECREF(elements);
  if (!members->list) return false;
  if (pyargs_values_of(&members->values, members->list, pyargs_member)) return true;
  Py_DECREF(members->list);
  return false;
}

static void members_done(Members *members) {
  pyargs_values_done(&members->values);
  Py_DECREF(members->list);
}

static PyObject *add_all(Live *self, PyObject *elements) {
  Members members;
  if (!members_read(&members, elements)) return NULL;
  PyObject *done = change(self, &members.values, NULL);
  members_done(&members);
  return done;
}

static PyObject *remove_all(Live *self, PyObject *elements) {
  Members members;
  if (!members_read(&members, elements)) return NULL;
  PyObject *done = change(self, NULL, &members.values);
  members_done(&members);
  return done;
}

/* The elements of all iterables in one list. */
static PyObject *chain(PyObject *const *args, Py_ssize_t nargs) {
  PyObject *list = PyList_New(0);
  for (Py_ssize_t i = 0; list && i < nargs; i++) {
    PyObject *more = PySequence_List(args[i]);
    if (!more || PyList_SetSlice(list, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, more) < 0) Py_CLEAR(list);
    Py_XDECREF(more);
  }
  return list;
}

PyObject *pyset_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  return add_all((Live *)self, chain(args, nargs));
}

/* What is removed are members of this moment: what is no possible member is not asked for. */
PyObject *pyset_difference_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  PyObject *others = chain(args, nargs), *common = NULL;
  if (others) common = combine(self, others, SET_AND);
  Py_XDECREF(others);
  return remove_all((Live *)self, common);
}

PyObject *pyset_intersection_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  PyObject *kept = combine_all(self, args, nargs, SET_AND), *lost = NULL;
  if (kept) lost = combine(self, kept, SET_SUB);
  Py_XDECREF(kept);
  return remove_all((Live *)self, lost);
}

PyObject *pyset_symmetric_difference_update(PyObject *self, PyObject *other) {
  PyObject *others = PySequence_List(other), *common = NULL, *fresh = NULL, *done = NULL;
  if (others) common = combine(self, others, SET_AND);
  if (common) fresh = combine(others, common, SET_SUB);
  Members add, remove;
  if (members_read(&add, fresh)) {
    if (members_read(&remove, common)) {
      done = change((Live *)self, &add.values, &remove.values);
      members_done(&remove);
    }
    members_done(&add);
  } else {
    Py_XDECREF(common);
  }
  Py_XDECREF(others);
  return done;
}

/* An in-place operator, by the method of the same effect. */
static PyObject *in_place(PyObject *self, PyObject *other, PyObject *done) {
  (void)other;
  Py_XDECREF(done);
  return done ? Py_NewRef(self) : NULL;
}

#define IN_PLACE(name, call)                                                                       \
  static PyObject *name(PyObject *self, PyObject *other) {                                         \
    int set = is_set(other);                                                                       \
    if (set < 0) return NULL;                                                                      \
    if (set == 0) Py_RETURN_NOTIMPLEMENTED;                                                        \
    return in_place(self, other, call);                                                            \
  }
IN_PLACE(set_ior, pyset_update(self, &other, 1))
IN_PLACE(set_iand, pyset_intersection_update(self, &other, 1))
IN_PLACE(set_isub, pyset_difference_update(self, &other, 1))
IN_PLACE(set_ixor, pyset_symmetric_difference_update(self, other))
#undef IN_PLACE

/* ---- The type ---------------------------------------------------------------------------------- */

static const char doc[] =
    "A live view of a set, under one key of a store.\n\n"
    "Members are str, bytes or int, and equal when their byte forms are: 5 and '5' are one member.\n"
    "Without the key the view is empty; a write makes the key, and removing the last member removes\n"
    "it. Operators take views and sets of Python's, and give sets of Python's.\n\n"
    "Iterating visits the members of the moment at which the iterator is made, in no order.\n\n"
    ">>> s['tags'] = {'c', 'lua'}\n"
    ">>> tags = s.Set('tags')\n"
    ">>> tags.add('python')\n"
    ">>> 'lua' in tags, len(tags), tags & {'c', 'rust'}\n"
    "(True, 3, {'c'})\n"
    ">>> tags -= {'c', 'lua'}\n"
    ">>> set(tags)\n"
    "{'python'}";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              LIVE_SLOTS,
                              {Py_tp_iter, pylive_iter},
                              {Py_tp_richcompare, set_richcompare},
                              {Py_sq_length, set_len},
                              {Py_sq_contains, set_contains},
                              {Py_nb_and, set_and},
                              {Py_nb_or, set_or},
                              {Py_nb_subtract, set_sub},
                              {Py_nb_xor, set_xor},
                              {Py_nb_inplace_and, set_iand},
                              {Py_nb_inplace_or, set_ior},
                              {Py_nb_inplace_subtract, set_isub},
                              {Py_nb_inplace_xor, set_ixor},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = LIVE_SPEC("kevy.Set", slots, 0);

PyTypeObject *pyset_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
