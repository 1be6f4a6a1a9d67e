/* pysession: versions of keys, and sessions, in which MULTI, WATCH and SUBSCRIBE work. */
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "pywait.h"

#define PYROWS "session.def"
#include "pytables.h"

/* ---- Versions -------------------------------------------------------------------------------- */

typedef struct {
  PyObject_HEAD
  kevy_version_handle *handle;
} Version;

PyObject *pystore_version(PyObject *object, PyObject *name) {
  Store *self = (Store *)object;
  Key key;
  if (!pyargs_key(name, &key)) return NULL;
  Version *version = (Version *)self->state->version_type->tp_alloc(self->state->version_type, 0);
  Turn turn;
  if (version && turn_begin(&turn, self)) {
    kevy_status status = kevy_version_of(turn.handle, key.ptr, key.len, &version->handle);
    if (status < 0) turn_fail(&turn, status);
    else turn_end(&turn);
  }
  pyargs_key_done(&key);
  if (version && !version->handle) Py_CLEAR(version);
  return (PyObject *)version;
}

static PyObject *version_compare(PyObject *a, PyObject *b, int op) {
  if (Py_TYPE(a) != Py_TYPE(b) || (op != Py_EQ && op != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  bool same = kevy_version_compare(((Version *)a)->handle, ((Version *)b)->handle) == KEVY_OK;
  return PyBool_FromLong(same == (op == Py_EQ));
}

static int version_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void version_dealloc(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  kevy_version_close(((Version *)object)->handle);
  type->tp_free(object);
  Py_DECREF(type);
}

static const char version_doc[] =
    "A version of a key, as Store.version(key) gives it.\n\n"
    "Two versions are equal when the key was not written, removed or expired between them. While one is\n"
    "held, writers pay as for a snapshot.";

static PyType_Slot version_slots[] = {{Py_tp_doc, (void *)(uintptr_t)version_doc},
                                      {Py_tp_dealloc, version_dealloc},
                                      {Py_tp_traverse, version_traverse},
                                      {Py_tp_richcompare, version_compare},
                                      {Py_tp_hash, PyObject_HashNotImplemented},
                                      {0, NULL}};

static PyType_Spec version_spec = {
    "kevy.Version", sizeof(Version), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, version_slots};

PyTypeObject *pyversion_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &version_spec, NULL);
}

/* ---- Sessions -------------------------------------------------------------------------------- */

typedef struct {
  PyObject_HEAD
  Store *store;
  kevy_store *of; /* the engine's store it was opened on */
  kevy_session *handle; /* NULL when closed */
  kevy_session *held;   /* the same, until the last of its holders lets go */
  atomic_int holders;   /* the session itself, until it is closed, and the threads that wait for its messages */
} Session;

PyObject *pystore_session(PyObject *object, PyObject *unused) {
  (void)unused;
  Store *self = (Store *)object;
  Session *session = (Session *)self->state->session_type->tp_alloc(self->state->session_type, 0);
  if (!session) return NULL;
  session->store = (Store *)Py_NewRef(object);
  Turn turn;
  if (turn_begin(&turn, self)) {
    kevy_status status = kevy_session_open(turn.handle, &session->handle);
    session->of = turn.handle;
    session->held = session->handle;
    atomic_init(&session->holders, 1);
    if (status < 0) turn_fail(&turn, status);
    else turn_end(&turn);
  }
  if (!session->handle) Py_CLEAR(session);
  return (PyObject *)session;
}

static PyObject *session_raise(Session *self, kevy_status status, const char *text) {
  return pyerrors_raise(self->store->state, status, PyUnicode_FromString(text));
}

/* Runs a command in one turn; the reply, which the caller gives back, or NULL with an exception. wait: not NULL where the
 * command may wait; *wait is not NULL then when it does. */
static kevy_reply *session_call(Session *self, PyObject *const *args, Py_ssize_t nargs, uint32_t flags,
                                kevy_status *status, kevy_wait **wait) {
  Batch argv;
  Turn turn;
  kevy_reply *reply = NULL;
  if (!pycommand_arguments(&argv, args, nargs)) return NULL;
  if (turn_begin_command(&turn, self->store)) {
    *status = KEVY_ECLOSED;
    if (self->handle && turn.handle == self->of) {
      reply = pyreply_take(self->store);
      if (!reply) *status = KEVY_EOOM;
      else if (wait) *status = kevy_session_wait(self->handle, argv.count, argv.keys, flags, reply, wait);
      else *status = kevy_session_call(self->handle, argv.count, argv.keys, flags, reply);
      reply = pyreply_end(&turn, *status, reply);
    } else {
      turn_end(&turn);
      session_raise(self, KEVY_ECLOSED, "the session is closed");
    }
  }
  pyargs_batch_done(&argv);
  return reply;
}

/* Several replies to one command, the first of which is there, as a list. Steals it. */
static PyObject *session_replies(Session *self, PyObject *first, kevy_reply *reply) {
  PyObject *list = PyList_New(1);
  if (list) PyList_SET_ITEM(list, 0, first);
  else Py_DECREF(first);
  while (list && kevy_reply_more(reply)) {
    PyObject *next = pyreply_build(self->store->state, reply, REPLY_BYTES);
    if (!next || PyList_Append(list, next) < 0) Py_CLEAR(list);
    Py_XDECREF(next);
  }
  return list;
}

PyObject *pysession_command(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Session *self = (Session *)object;
  kevy_status status;
  kevy_reply *reply = session_call(self, args, nargs, 0, &status, NULL);
  if (!reply || status < 0) return reply ? pywait_answer(self->store, reply, status) : NULL;
  PyObject *answer = pyreply_build(self->store->state, reply, REPLY_BYTES);
  if (answer && kevy_reply_more(reply)) answer = session_replies(self, answer, reply);
  pyreply_give(self->store, reply);
  return answer;
}

/* A reply as it is written; gives it back. */
static PyObject *session_bytes(Session *self, kevy_reply *reply) {
  const char *bytes;
  size_t len;
  kevy_reply_bytes(reply, &bytes, &len);
  PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
  pyreply_give(self->store, reply);
  return result;
}

PyObject *pysession_command_resp(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Session *self = (Session *)object;
  kevy_status status;
  kevy_reply *reply = session_call(self, args, nargs, KEVY_RESP, &status, NULL);
  return reply ? session_bytes(self, reply) : NULL;
}

PyObject *pysession_ask(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Session *self = (Session *)object;
  kevy_status status;
  kevy_wait *wait = NULL;
  kevy_reply *reply = session_call(self, args, nargs, KEVY_RESP, &status, &wait);
  if (!reply) return NULL;
  if (!wait || (pywait_until_over(wait, &status) && status >= 0)) return session_bytes(self, reply);
  if (!PyErr_Occurred()) session_raise(self, status, kevy_strerror(status));
  pyreply_give(self->store, reply);
  return NULL;
}

/* Whoever is the last closes it. */
static void session_let_go(Session *self) {
  if (atomic_fetch_sub(&self->holders, 1) != 1) return;
  Py_BEGIN_CRITICAL_SECTION(self->store);
  kevy_session_close(self->held);
  Py_END_CRITICAL_SECTION();
}

/* Threads that wait for its messages are woken, and see that it is closed. */
PyObject *pysession_close(PyObject *object, PyObject *unused) {
  (void)unused;
  Session *self = (Session *)object;
  bool open = false;
  Py_BEGIN_CRITICAL_SECTION(self->store);
  open = self->handle != NULL;
  if (open && atomic_load(&self->holders) > 1) kevy_session_wake(self->handle);
  self->handle = NULL;
  Py_END_CRITICAL_SECTION();
  if (open) session_let_go(self);
  Py_RETURN_NONE;
}

/* ---- Messages ---- */


/* The oldest message; NULL without an exception: none waits, and *fd is what to wait for. Of a closed session it is -1, and
 * that is an exception, unless the caller had it open before. */
static PyObject *session_take(Session *self, bool again, int *fd) {
  Turn turn;
  kevy_status status = KEVY_ECLOSED;
  kevy_reply *reply = NULL;
  *fd = -1;
  if (!turn_begin(&turn, self->store)) return NULL;
  if (self->handle && turn.handle == self->of) {
    reply = pyreply_take(self->store);
    status = reply ? kevy_session_next_push(self->handle, 0, reply) : KEVY_EOOM;
    if (status == KEVY_MISSING) {
      *fd = kevy_session_push_fd(self->handle);
      atomic_fetch_add(&self->holders, 1);
    }
  }
  turn_end(&turn);
  PyObject *message = status == KEVY_OK ? pyreply_build(self->store->state, reply, REPLY_BYTES) : NULL;
  if (reply) pyreply_give(self->store, reply);
  if (status == KEVY_UNMET) session_raise(self, status, "messages were dropped: too many waited");
  else if (status < 0 && !(again && status == KEVY_ECLOSED)) session_raise(self, status, kevy_strerror(status));
  return message;
}

/* Sleeps, with the GIL released, until there is something or the time is over. False with an exception of a signal's handler. */
static bool session_sleep(Session *self, int fd, int64_t ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  Py_BEGIN_ALLOW_THREADS
  (void)poll(&p, fd >= 0, ms < 0 ? (fd >= 0 ? -1 : 10) : ms > INT32_MAX ? INT32_MAX : (int)ms);
  Py_END_ALLOW_THREADS
  session_let_go(self);
  return PyErr_CheckSignals() == 0;
}

static int64_t session_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* timeout: milliseconds, below 0 without limit. ending: a session that was closed has no more messages, which is no error. */
static PyObject *session_await(Session *self, int64_t timeout, bool ending) {
  int64_t until = session_clock() + timeout;
  for (bool again = ending;; again = true) {
    int fd;
    PyObject *message = session_take(self, again, &fd);
    if (message || PyErr_Occurred()) return message;
    if (!self->handle && fd < 0) Py_RETURN_NONE;
    int64_t left = timeout < 0 ? -1 : until - session_clock();
    bool over = timeout >= 0 && left <= 0;
    if (!session_sleep(self, fd, over ? 0 : left)) return NULL;
    if (over) Py_RETURN_NONE;
  }
}

static bool session_timeout(PyObject *object, int64_t *ms) {
  *ms = -1;
  if (object == Py_None) return true;
  double seconds = PyFloat_AsDouble(object);
  if (seconds == -1.0 && PyErr_Occurred()) return false;
  if (!(seconds >= 0)) {
    PyErr_SetString(PyExc_ValueError, "timeout must be None or a number of seconds that is not negative");
    return false;
  }
  *ms = seconds < 9e15 ? (int64_t)ceil(seconds * 1000) : -1;
  return true;
}

PyObject *pysession_next_message(PyObject *object, PyObject *const *args, Py_ssize_t nargs, PyObject *names) {
  Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
  int64_t ms = -1;
  if (nargs + named > 1 || (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "timeout") != 0)) {
    PyErr_SetString(PyExc_TypeError, "next_message() takes one argument, timeout");
    return NULL;
  }
  if (nargs + named == 1 && !session_timeout(args[0], &ms)) return NULL;
  return session_await((Session *)object, ms, false);
}

PyObject *pysession_next_or_none(PyObject *object, PyObject *unused) {
  (void)unused;
  return session_await((Session *)object, -1, true);
}

PyObject *pysession_messages(PyObject *object, PyObject *unused) {
  (void)unused;
  PyObject *next = pyargs_attribute(object, "_next_message");
  PyObject *iterator = next ? PyCallIter_New(next, Py_None) : NULL;
  Py_XDECREF(next);
  return iterator;
}

PyObject *pysession_fileno(PyObject *object, PyObject *unused) {
  (void)unused;
  Session *self = (Session *)object;
  Turn turn;
  if (!turn_begin(&turn, self->store)) return NULL;
  bool open = self->handle && turn.handle == self->of;
  int fd = open ? kevy_session_push_fd(self->handle) : -1;
  turn_end(&turn);
  if (fd < 0) return session_raise(self, open ? KEVY_EOOM : KEVY_ECLOSED, open ? "no descriptor" : "the session is closed");
  return PyLong_FromLong(fd);
}

PyObject *pysession_enter(PyObject *self, PyObject *unused) {
  (void)unused;
  return Py_NewRef(self);
}

PyObject *pysession_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  (void)args, (void)nargs;
  return pysession_close(self, NULL);
}

static int session_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Session *)self)->store);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void session_dealloc(PyObject *object) {
  Session *self = (Session *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->handle) session_let_go(self);
  Py_XDECREF(self->store);
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject *pysession_get_protocol(PyObject *object, void *unused) {
  (void)unused;
  kevy_session *handle = ((Session *)object)->handle;
  return PyLong_FromLong(handle ? kevy_session_protocol(handle) : 0);
}

static const char session_doc[] = "A session, as Store.session() opens it: what a connection of Redis remembers.";

static PyType_Slot session_slots[] = {{Py_tp_doc, (void *)(uintptr_t)session_doc},
                                      {Py_tp_dealloc, session_dealloc},
                                      {Py_tp_traverse, session_traverse},
                                      {Py_tp_methods, methods},
                                      {Py_tp_getset, properties},
                                      {0, NULL}};

static PyType_Spec session_spec = {
    "kevy.Session", sizeof(Session), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, session_slots};

PyTypeObject *pysession_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &session_spec, NULL);
}
