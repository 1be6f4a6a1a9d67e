/* pysession: versions of keys, and sessions, in which MULTI and WATCH work. */
#include "pywait.h"

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
    if (status < 0) turn_fail(&turn, status);
    else turn_end(&turn);
  }
  if (!session->handle) Py_CLEAR(session);
  return (PyObject *)session;
}

/* Runs a command in one turn; the reply, which the caller gives back, or NULL with an exception. */
static kevy_reply *session_call(Session *self, PyObject *const *args, Py_ssize_t nargs, uint32_t flags,
                                kevy_status *status) {
  Batch argv;
  Turn turn;
  kevy_reply *reply = NULL;
  if (!pycommand_arguments(&argv, args, nargs)) return NULL;
  if (turn_begin(&turn, self->store)) {
    *status = KEVY_ECLOSED;
    if (self->handle && turn.handle == self->of) {
      reply = pyreply_take(self->store);
      *status = reply ? kevy_session_call(self->handle, argv.count, argv.keys, flags, reply) : KEVY_EOOM;
      reply = pyreply_end(&turn, *status, reply);
    } else {
      turn_end(&turn);
      pyerrors_raise(self->store->state, KEVY_ECLOSED, NULL);
    }
  }
  pyargs_batch_done(&argv);
  return reply;
}

static PyObject *session_command(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Session *self = (Session *)object;
  kevy_status status;
  kevy_reply *reply = session_call(self, args, nargs, 0, &status);
  return reply ? pywait_answer(self->store, reply, status) : NULL;
}

static PyObject *session_command_resp(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Session *self = (Session *)object;
  kevy_status status;
  kevy_reply *reply = session_call(self, args, nargs, KEVY_RESP, &status);
  if (!reply) return NULL;
  const char *bytes;
  size_t len;
  kevy_reply_bytes(reply, &bytes, &len);
  PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len);
  pyreply_give(self->store, reply);
  return result;
}

static PyObject *session_close(PyObject *object, PyObject *unused) {
  (void)unused;
  Session *self = (Session *)object;
  kevy_session *handle = self->handle;
  self->handle = NULL;
  kevy_session_close(handle);
  Py_RETURN_NONE;
}

static PyObject *session_enter(PyObject *self, PyObject *unused) {
  (void)unused;
  return Py_NewRef(self);
}

static PyObject *session_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  (void)args, (void)nargs;
  return session_close(self, NULL);
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
  kevy_session_close(self->handle);
  Py_XDECREF(self->store);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyMethodDef session_methods[] = {
    PYMETHOD("command", session_command, FAST, "($self, /, *args)",
             "Run a Redis command, MULTI and WATCH among them, as Store.command does.")
    PYMETHOD("command_resp", session_command_resp, FAST, "($self, /, *args)",
             "Run a Redis command and return its reply as bytes, RESP3 after HELLO 3, else RESP2.")
    PYMETHOD("close", session_close, NOARGS, "($self, /)", "Forget what was queued and watched.")
    PYMETHOD("__enter__", session_enter, NOARGS, "($self, /)", "Return the session itself.")
    PYMETHOD("__exit__", session_exit, FAST, "($self, /, *exc)", "Close the session.")
    {NULL, NULL, 0, NULL}};

static PyObject *session_protocol(PyObject *object, void *unused) {
  (void)unused;
  kevy_session *handle = ((Session *)object)->handle;
  return PyLong_FromLong(handle ? kevy_session_protocol(handle) : 0);
}

static PyGetSetDef session_properties[] = {
    {"protocol", session_protocol, NULL, "The protocol of replies, 2 or 3; 0 when the session is over.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static const char session_doc[] = "A session, as Store.session() opens it: what a connection of Redis remembers.";

static PyType_Slot session_slots[] = {{Py_tp_doc, (void *)(uintptr_t)session_doc},
                                      {Py_tp_dealloc, session_dealloc},
                                      {Py_tp_traverse, session_traverse},
                                      {Py_tp_methods, session_methods},
                                      {Py_tp_getset, session_properties},
                                      {0, NULL}};

static PyType_Spec session_spec = {
    "kevy.Session", sizeof(Session), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, session_slots};

PyTypeObject *pysession_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &session_spec, NULL);
}
