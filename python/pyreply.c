/* pyreply: see pyreply.h. */
#include "pyreply.h"

/* ---- The reply that a call uses ----------------------------------------------------------------- */

kevy_reply *pyreply_take(Store *self) {
  kevy_reply *reply = self->reply;
  self->reply = NULL;
  return reply ? reply : kevy_reply_new();
}

void pyreply_give(Store *self, kevy_reply *reply) {
  Py_BEGIN_CRITICAL_SECTION(self);
  if (!self->reply) {
    self->reply = reply;
    reply = NULL;
  }
  Py_END_CRITICAL_SECTION();
  kevy_reply_free(reply);
}

/* ---- Making objects ----------------------------------------------------------------------------- */

static PyObject *make_list(const ReplyMaker *maker, kevy_reply *reply, uint64_t count) {
  PyObject *list = PyList_New((Py_ssize_t)count);
  for (uint64_t i = 0; list && i < count; i++) {
    PyObject *item = pyreply_make(maker, reply);
    if (item) PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    else Py_CLEAR(list);
  }
  return list;
}

/* A set; or a list, where Python cannot hash the elements. */
static PyObject *make_set(const ReplyMaker *maker, kevy_reply *reply, uint64_t count) {
  PyObject *list = make_list(maker, reply, count);
  PyObject *set = list ? PySet_New(list) : NULL;
  if (list && !set && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    return list;
  }
  Py_XDECREF(list);
  return set;
}

static PyObject *make_dict(const ReplyMaker *maker, kevy_reply *reply, uint64_t count) {
  PyObject *dict = PyDict_New();
  for (uint64_t i = 0; dict && i < count; i++) {
    PyObject *key = pyreply_make(maker, reply);
    PyObject *value = key ? pyreply_make(maker, reply) : NULL;
    if (!value || PyDict_SetItem(dict, key, value) < 0) Py_CLEAR(dict);
    Py_XDECREF(key);
    Py_XDECREF(value);
  }
  return dict;
}

static PyObject *make_container(const ReplyMaker *maker, kevy_reply *reply, const kevy_item *item) {
  if (item->type == KEVY_REPLY_SET && maker->sets) return make_set(maker, reply, item->count);
  if (item->type != KEVY_REPLY_MAP) return make_list(maker, reply, item->count);
  return maker->maps ? make_dict(maker, reply, item->count) : make_list(maker, reply, 2 * item->count);
}

static bool is_container(int32_t type) {
  return type == KEVY_REPLY_ARRAY || type == KEVY_REPLY_SET || type == KEVY_REPLY_MAP || type == KEVY_REPLY_PUSH;
}

PyObject *pyreply_make(const ReplyMaker *maker, kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (!is_container(item.type)) return maker->leaf(maker, &item);
  if (Py_EnterRecursiveCall(" while reading a reply")) return NULL;
  PyObject *object = make_container(maker, reply, &item);
  Py_LeaveRecursiveCall();
  return object;
}

/* ---- In the forms of kevy's own calls ----------------------------------------------------------- */

typedef struct {
  ReplyMaker base;
  State *state;
  ReplyForm form;
} OwnMaker;

static PyObject *build_scalar(const kevy_value *value, ReplyForm form) {
  kevy_value plain = *value;
  if (plain.kind == KEVY_TEXT && form == REPLY_BYTES) plain.kind = KEVY_BYTES;
  return pyargs_build(&plain);
}

static PyObject *build_text(const kevy_value *value) {
  return PyUnicode_DecodeUTF8(value->as.ptr, (Py_ssize_t)value->len, "replace");
}

static PyObject *build_error(State *state, const kevy_value *value) {
  PyObject *text = build_text(value);
  PyObject *class = pyerrors_class(state, KEVY_ECOMMAND);
  PyObject *error = text ? PyObject_CallFunctionObjArgs(class, text, NULL) : NULL;
  Py_XDECREF(text);
  return error;
}

static PyObject *own_leaf(const ReplyMaker *maker, const kevy_item *item) {
  const OwnMaker *self = (const OwnMaker *)maker;
  switch (item->type) {
    case KEVY_REPLY_VALUE: return build_scalar(&item->value, self->form);
    case KEVY_REPLY_STATUS: return build_text(&item->value);
    case KEVY_REPLY_ERROR: return build_error(self->state, &item->value);
    case KEVY_REPLY_BOOL: return PyBool_FromLong(item->value.as.i != 0);
    default: Py_RETURN_NONE;
  }
}

PyObject *pyreply_build(State *state, kevy_reply *reply, ReplyForm form) {
  OwnMaker maker = {{own_leaf, true, true}, state, form};
  return pyreply_make(&maker.base, reply);
}

PyObject *pyreply_raise(State *state, kevy_reply *reply) {
  PyObject *error = pyreply_build(state, reply, REPLY_BYTES);
  if (error) PyErr_SetObject(pyerrors_class(state, KEVY_ECOMMAND), error);
  Py_XDECREF(error);
  return NULL;
}

kevy_reply *pyreply_end(Turn *turn, kevy_status status, kevy_reply *reply) {
  if (status >= 0 || status == KEVY_ECOMMAND) {
    turn_end(turn);
    return reply;
  }
  turn_fail(turn, status);
  kevy_reply_free(reply);
  return NULL;
}
