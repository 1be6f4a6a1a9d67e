/* pycommand: Redis commands, as Python values and as bytes. */
#include "pywait.h"

bool pycommand_arguments(Batch *batch, PyObject *const *args, Py_ssize_t nargs) {
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

/* Runs a command in one turn and hands over its reply, which the caller gives back; NULL with an exception when
 * there is none. *wait is not NULL when the command waits. */
static kevy_reply *call_waiting(Store *self, PyObject *const *args, Py_ssize_t nargs,
                                kevy_status *status, kevy_wait **wait) {
  Batch argv;
  Turn turn;
  kevy_reply *reply = NULL;
  *wait = NULL;
  if (!pycommand_arguments(&argv, args, nargs)) return NULL;
  if (turn_begin(&turn, self)) {
    reply = pyreply_take(self);
    *status = KEVY_EOOM;
    if (reply)
      *status = kevy_wait_call(turn.handle, argv.count, argv.keys, 0, reply, wait);
    reply = pyreply_end(&turn, *status, reply);
  }
  pyargs_batch_done(&argv);
  return reply;
}

PyObject *pystore_command(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *self = (Store *)object;
  kevy_status status;
  kevy_wait *wait;
  kevy_reply *reply = call_waiting(self, args, nargs, &status, &wait);
  if (!reply) return NULL;
  if (UNLIKELY(wait != NULL) && !pywait_until_over(wait, &status)) {
    pyreply_give(self, reply);
    return NULL;
  }
  return pywait_answer(self, reply, status);
}

PyObject *pystore_wait(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *self = (Store *)object;
  kevy_status status;
  kevy_wait *wait;
  kevy_reply *reply = call_waiting(self, args, nargs, &status, &wait);
  if (!reply) return NULL;
  if (wait) return pywait_new(self, wait, reply);
  PyObject *answer = pywait_answer(self, reply, status);
  PyObject *tuple = answer ? PyTuple_Pack(1, answer) : NULL;
  Py_XDECREF(answer);
  return tuple;
}

/* A coroutine of kevy.waiting. */
PyObject *pystore_command_async(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  PyObject *module = PyImport_ImportModule("kevy.waiting");
  PyObject *function = module ? pyargs_attribute(module, "command") : NULL;
  PyObject *all = function ? PyTuple_New(nargs + 1) : NULL;
  PyObject *coroutine = NULL;
  if (all) {
    PyTuple_SET_ITEM(all, 0, Py_NewRef(object));
    for (Py_ssize_t i = 0; i < nargs; i++) PyTuple_SET_ITEM(all, i + 1, Py_NewRef(args[i]));
    coroutine = PyObject_CallObject(function, all);
  }
  Py_XDECREF(all);
  Py_XDECREF(function);
  Py_XDECREF(module);
  return coroutine;
}

PyObject *pystore_command_resp(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *self = (Store *)object;
  Batch argv;
  if (!pycommand_arguments(&argv, args, nargs)) return NULL;
  const char *bytes = NULL;
  size_t len = 0;
  Turn turn;
  kevy_reply *reply = NULL;
  if (turn_begin(&turn, self)) {
    kevy_status status = KEVY_EOOM;
    reply = pyreply_take(self);
    if (reply) status = kevy_call_resp(turn.handle, argv.count, argv.keys, reply, &bytes, &len);
    reply = pyreply_end(&turn, status, reply);
  }
  pyargs_batch_done(&argv);
  if (!reply) return NULL;
  PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
  pyreply_give(self, reply);
  return result;
}
