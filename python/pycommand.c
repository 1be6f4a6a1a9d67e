/* pycommand: Redis commands, as Python values and as bytes. */
#include "pyreply.h"

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
  kevy_reply *reply = pyreply_take(self);
  *status = KEVY_EOOM;
  if (reply)
    *status = bytes ? kevy_call_resp(turn.handle, argv->count, argv->keys, reply, bytes, len)
                    : kevy_call(turn.handle, argv->count, argv->keys, reply);
  return pyreply_end(&turn, *status, reply);
}

PyObject *pystore_command(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *self = (Store *)object;
  Batch argv;
  if (!read_arguments(&argv, args, nargs)) return NULL;
  kevy_status status;
  kevy_reply *reply = call(self, &argv, &status, NULL, NULL);
  pyargs_batch_done(&argv);
  if (!reply) return NULL;
  PyObject *result = status == KEVY_ECOMMAND ? pyreply_raise(self->state, reply)
                                             : pyreply_build(self->state, reply, REPLY_BYTES);
  pyreply_give(self, reply);
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
  pyreply_give(self, reply);
  return result;
}
