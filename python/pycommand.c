/* pycommand: Redis commands, and their replies as Python objects.
 *
 * A call fills a reply, which then belongs to this call alone: it is taken off the store while it is
 * read, so that code that runs while a list or a dict is made may run commands of its own. */
#include "pystore.h"

/* ---- The reply that a call uses ----------------------------------------------------------------- */

static kevy_reply *take_reply(Store *self) {
  kevy_reply *reply = self->reply;
  self->reply = NULL;
  return reply ? reply : kevy_reply_new();
}

static void give_reply(Store *self, kevy_reply *reply) {
  Py_BEGIN_CRITICAL_SECTION(self);
  if (!self->reply) {
    self->reply = reply;
    reply = NULL;
  }
  Py_END_CRITICAL_SECTION();
  kevy_reply_free(reply);
}

/* ---- Building ----------------------------------------------------------------------------------- */

static PyObject *build_next(State *state, kevy_reply *reply);

/* Bulk strings are bytes whatever kind the value had: commands see the byte form. */
static PyObject *build_scalar(const kevy_value *value) {
  kevy_value plain = *value;
  if (plain.kind == KEVY_TEXT) plain.kind = KEVY_BYTES;
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

static PyObject *build_array(State *state, kevy_reply *reply, uint64_t count) {
  PyObject *list = PyList_New((Py_ssize_t)count);
  for (uint64_t i = 0; list && i < count; i++) {
    PyObject *item = build_next(state, reply);
    if (item) PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    else Py_CLEAR(list);
  }
  return list;
}

/* A set; or a list, where Python cannot hash the elements. */
static PyObject *build_set(State *state, kevy_reply *reply, uint64_t count) {
  PyObject *list = build_array(state, reply, count);
  PyObject *set = list ? PySet_New(list) : NULL;
  if (list && !set && PyErr_ExceptionMatches(PyExc_TypeError)) {
    PyErr_Clear();
    return list;
  }
  Py_XDECREF(list);
  return set;
}

static PyObject *build_map(State *state, kevy_reply *reply, uint64_t count) {
  PyObject *dict = PyDict_New();
  for (uint64_t i = 0; dict && i < count; i++) {
    PyObject *key = build_next(state, reply);
    PyObject *value = key ? build_next(state, reply) : NULL;
    if (!value || PyDict_SetItem(dict, key, value) < 0) Py_CLEAR(dict);
    Py_XDECREF(key);
    Py_XDECREF(value);
  }
  return dict;
}

static PyObject *build_item(State *state, kevy_reply *reply, const kevy_item *item) {
  switch (item->type) {
    case KEVY_REPLY_VALUE: return build_scalar(&item->value);
    case KEVY_REPLY_STATUS: return build_text(&item->value);
    case KEVY_REPLY_ERROR: return build_error(state, &item->value);
    case KEVY_REPLY_BOOL: return PyBool_FromLong(item->value.as.i != 0);
    case KEVY_REPLY_ARRAY: return build_array(state, reply, item->count);
    case KEVY_REPLY_SET: return build_set(state, reply, item->count);
    case KEVY_REPLY_MAP: return build_map(state, reply, item->count);
    default: Py_RETURN_NONE;
  }
}

static PyObject *build_next(State *state, kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (Py_EnterRecursiveCall(" while reading a reply")) return NULL;
  PyObject *object = build_item(state, reply, &item);
  Py_LeaveRecursiveCall();
  return object;
}

/* The error that a whole reply is, raised. */
static PyObject *raise_reply(State *state, kevy_reply *reply) {
  PyObject *error = build_next(state, reply);
  if (error) PyErr_SetObject(pyerrors_class(state, KEVY_ECOMMAND), error);
  Py_XDECREF(error);
  return NULL;
}

/* ---- Calling ------------------------------------------------------------------------------------ */

static bool read_arguments(Batch *batch, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs == 0) {
    PyErr_SetString(PyExc_TypeError, "a command needs a name");
    return false;
  }
  if (!pyargs_batch_new(batch, nargs, false)) return false;
  for (Py_ssize_t i = 0; i < nargs; i++) {
    if (pyargs_batch_argument(batch, args[i])) continue;
    pyargs_batch_done(batch);
    return false;
  }
  return true;
}

/* Runs a command in one turn and hands over its reply, which the caller gives back. NULL with an
 * exception when there is none. bytes and len, if not NULL, become the RESP form. */
static kevy_reply *call(Store *self, const Batch *argv, kevy_status *status, const char **bytes,
                        size_t *len) {
  Turn turn;
  if (!turn_begin(&turn, self)) return NULL;
  kevy_reply *reply = take_reply(self);
  *status = KEVY_EOOM;
  if (reply)
    *status = bytes ? kevy_call_resp(turn.handle, argv->count, argv->keys, reply, bytes, len)
                    : kevy_call(turn.handle, argv->count, argv->keys, reply);
  if (*status >= 0 || *status == KEVY_ECOMMAND) {
    turn_end(&turn);
    return reply;
  }
  turn_fail(&turn, *status);
  kevy_reply_free(reply);
  return NULL;
}

PyObject *pystore_command(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *self = (Store *)object;
  Batch argv;
  if (!read_arguments(&argv, args, nargs)) return NULL;
  kevy_status status;
  kevy_reply *reply = call(self, &argv, &status, NULL, NULL);
  pyargs_batch_done(&argv);
  if (!reply) return NULL;
  PyObject *result = status == KEVY_ECOMMAND ? raise_reply(self->state, reply)
                                             : build_next(self->state, reply);
  give_reply(self, reply);
  return result;
}

PyObject *pystore_command_resp(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *self = (Store *)object;
  Batch argv;
  if (!read_arguments(&argv, args, nargs)) return NULL;
  kevy_status status;
  const char *bytes = NULL;
  size_t len = 0;
  kevy_reply *reply = call(self, &argv, &status, &bytes, &len);
  pyargs_batch_done(&argv);
  if (!reply) return NULL;
  PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
  give_reply(self, reply);
  return result;
}
