/* pyevents: on_expire() and on_evict(): functions that are called when keys went by themselves.
 *
 * The engine notes what went (kevy_listen); a turn of a store that is listened to begins with telling of it, outside of every
 * lock, so that what is called may use the store, close it, or raise. Calls from within what is called do not tell. */
#include <math.h>

#include "pystore.h"

#define BATCH 256 /* events told before one turn */

enum { ON_EXPIRE, ON_EVICT };

typedef struct {
  PyObject *function; /* NULL: nobody listens to this one */
  PyObject *key, *type, *value;
} Told;

/* ---- Telling --------------------------------------------------------------------------------- */

/* Builds what is told of the event that the engine lends. False with an exception. */
static bool told_build(Store *self, Told *told, int32_t event, int32_t type, const kevy_value *key,
                       const kevy_value *value) {
  int which = event == KEVY_EVENT_EXPIRED ? ON_EXPIRE : ON_EVICT;
  *told = (Told){.function = self->listeners[which]};
  if (!told->function) return true;
  Py_INCREF(told->function);
  told->key = pyargs_build(key);
  told->type = PyUnicode_FromString(kevy_type_name(type));
  if (self->with_value[which]) told->value = value->kind == KEVY_NIL ? Py_NewRef(Py_None) : pyargs_build(value);
  return told->key && told->type && (told->value || !self->with_value[which]);
}

/* Takes the next event. False: there is none now, or another thread's transaction is open. */
static bool told_take(Store *self, Told *told, bool *built) {
  kevy_value key, value;
  int32_t event, type;
  bool there = false;
  Py_BEGIN_CRITICAL_SECTION(self);
  kevy_store *s = self->handle;
  if (s && kevy_try_lock(s) == KEVY_OK) {
    there = kevy_next_event(s, &event, &type, &key, &value) == KEVY_OK;
    if (there) *built = told_build(self, told, event, type, &key, &value);
    if (self->shared) kevy_unlock(s);
  }
  Py_END_CRITICAL_SECTION();
  return there;
}

static void told_call(const Told *told) {
  PyObject *result = PyObject_CallFunctionObjArgs(told->function, told->key, told->type, told->value, NULL);
  if (!result) PyErr_WriteUnraisable(told->function);
  Py_XDECREF(result);
}

static bool tell_one(Store *self) {
  Told told;
  bool built = false;
  if (!told_take(self, &told, &built)) return false;
  if (built && told.function) told_call(&told);
  else if (!built) PyErr_WriteUnraisable(told.function);
  Py_XDECREF(told.function);
  Py_XDECREF(told.key);
  Py_XDECREF(told.type);
  Py_XDECREF(told.value);
  return true;
}

void pyevents_tell(Store *self) {
  if (self->telling || self->guarded || PyErr_Occurred()) return;
  Py_INCREF(self);
  self->telling = true;
  for (int i = 0; i < BATCH && tell_one(self); i++) continue;
  self->telling = false;
  Py_DECREF(self);
}

/* ---- Listening ------------------------------------------------------------------------------- */

void pyevents_leave(Store *self, PyObject *taken[2]) {
  for (int i = 0; i < 2; i++) {
    taken[i] = self->listeners[i];
    self->listeners[i] = NULL;
  }
  self->listening = false;
}

static uint32_t wanted(const Store *self) {
  uint32_t events = 0;
  if (self->listeners[ON_EXPIRE]) events |= KEVY_EVENT_EXPIRED;
  if (self->listeners[ON_EVICT]) events |= KEVY_EVENT_EVICTED;
  for (int i = 0; i < 2; i++)
    if (self->listeners[i] && self->with_value[i]) events |= KEVY_EVENT_VALUES;
  return events;
}

static void listener_swap(Store *self, int which, PyObject **function, bool *with_value) {
  PyObject *before = self->listeners[which];
  bool before_value = self->with_value[which];
  self->listeners[which] = *function;
  self->with_value[which] = *with_value;
  *function = before;
  *with_value = before_value;
}

/* Puts a listener, or NULL, in its place; what is out of place then is the caller's to let go of. */
static kevy_status listener_set(Store *self, kevy_store *s, int which, PyObject **function, bool *with_value) {
  listener_swap(self, which, function, with_value);
  kevy_status status = kevy_listen(s, wanted(self), 0);
  if (status < 0) listener_swap(self, which, function, with_value);
  return status;
}

static PyObject *listen(Store *self, int which, const Signature *sig, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(sig, args, nargs, kwnames, given)) return NULL;
  int with_value = given[1] ? PyObject_IsTrue(given[1]) : 0;
  if (with_value < 0) return NULL;
  if (given[0] != Py_None && !PyCallable_Check(given[0])) {
    PyErr_Format(PyExc_TypeError, "%s() takes a function or None, not %.200s", sig->function, Py_TYPE(given[0])->tp_name);
    return NULL;
  }
  PyObject *function = given[0] == Py_None ? NULL : Py_NewRef(given[0]);
  bool value = with_value != 0;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) {
    Py_XDECREF(function);
    return NULL;
  }
  kevy_status status = listener_set(self, s, which, &function, &value);
  self->listening = self->listeners[0] || self->listeners[1];
  pystore_attach(self, s, self->shared);
  if (status < 0) turn_fail(&turn, status);
  else turn_end(&turn);
  Py_XDECREF(function);
  return status < 0 ? NULL : Py_NewRef(given[0]);
}

PyObject *pystore_on_expire(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"on_expire", 1, 1, 1, {"function", "value", NULL}};
  return listen((Store *)self, ON_EXPIRE, &sig, args, nargs, kwnames);
}

PyObject *pystore_on_evict(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"on_evict", 1, 1, 1, {"function", "value", NULL}};
  return listen((Store *)self, ON_EVICT, &sig, args, nargs, kwnames);
}

PyObject *pystore_get_events_missed(PyObject *object, void *unused) {
  (void)unused;
  Turn turn;
  uint64_t waiting, missed = 0;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  if (!s) return NULL;
  kevy_status status = kevy_events_waiting(s, &waiting, &missed, NULL);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  return PyLong_FromUnsignedLongLong(missed);
}

/* ---- Ticking --------------------------------------------------------------------------------- */

/* Seconds, or a timedelta, as microseconds; 0 for None. False with an exception. */
static bool tick_budget(PyObject *object, uint64_t *us) {
  *us = 0;
  if (!object || object == Py_None) return true;
  PyObject *seconds = PyObject_HasAttrString(object, "total_seconds") ? PyObject_CallMethod(object, "total_seconds", NULL)
                                                                      : Py_NewRef(object);
  double budget = seconds ? PyFloat_AsDouble(seconds) : -1;
  Py_XDECREF(seconds);
  if (PyErr_Occurred()) return false;
  if (!(budget > 0 && budget < 1e9)) {
    PyErr_SetString(PyExc_ValueError, "a budget is more than 0 seconds");
    return false;
  }
  *us = (uint64_t)ceil(budget * 1e6);
  return true;
}

PyObject *pystore_tick(PyObject *object, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {"tick", 0, 1, 0, {"budget", NULL}};
  Store *self = (Store *)object;
  PyObject *given[PYARGS_MAX];
  uint64_t us, reclaimed = 0;
  Turn turn;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !tick_budget(given[0], &us)) return NULL;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) return NULL;
  kevy_status status = kevy_tick(s, us, &reclaimed);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  if (self->listening) pyevents_tell(self);
  return PyLong_FromUnsignedLongLong(reclaimed);
}
