/* pygroup: kevy.Group, a consumer group of a stream: a stream's view and a name, nothing else. */
#include "pystream.h"

typedef struct {
  PyObject_HEAD
  Live *stream;
  PyObject *name; /* str or bytes */
} Group;

#define PYROWS "group.def"
#include "pytables.h"

/* More than any group has pending: what XPENDING takes for "all". */
#define ALL 1000000000

PyObject *pygroup_new(Live *stream, PyObject *name) {
  State *state = stream->store->state;
  Key key;
  if (!pyargs_key(name, &key)) return NULL;
  PyObject *kept = PyUnicode_Check(name) ? PyUnicode_FromObject(name)
                                         : PyBytes_FromStringAndSize(key.ptr, (Py_ssize_t)key.len);
  pyargs_key_done(&key);
  Group *self = kept ? (Group *)state->group_type->tp_alloc(state->group_type, 0) : NULL;
  if (!self) {
    Py_XDECREF(kept);
    return NULL;
  }
  self->stream = (Live *)Py_NewRef((PyObject *)stream);
  self->name = kept;
  return (PyObject *)self;
}

/* ---- Calls ------------------------------------------------------------------------------------ */

static void put_name(Call *call, PyObject *name) { pylive_arg(call, name, pyargs_value); }

/* XGROUP sub key group, XPENDING key group and so on. */
static void group_call(Call *call, PyObject *self, const char *command, const char *sub,
                       Py_ssize_t room) {
  Group *group = (Group *)self;
  if (sub) pylive_call2(call, group->stream, command, sub, room + 1);
  else pylive_call(call, group->stream, command, room + 1);
  put_name(call, group->name);
}

/* A consumer's name. */
static void put_consumer(Call *call, PyObject *name) {
  Key key;
  if (call->failed) return;
  if (!pyargs_key(name, &key)) {
    call->failed = true;
    return;
  }
  pyargs_key_done(&key);
  put_name(call, name);
}

/* A number after its word, unless it is None. */
static void put_option(Call *call, const char *word, PyObject *object) {
  int64_t number;
  if (call->failed || !object || object == Py_None) return;
  if (!pyargs_int64(object, word, &number)) {
    call->failed = true;
    return;
  }
  pylive_word(call, word);
  pylive_int(call, number);
}

static PyObject *nothing(PyObject *done) {
  Py_XDECREF(done);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

/* An integer reply as a bool. Steals done. */
static PyObject *truth(PyObject *done) {
  if (!done) return NULL;
  int answer = PyObject_IsTrue(done);
  Py_DECREF(done);
  return answer < 0 ? NULL : PyBool_FromLong(answer);
}

/* Whether the exception is a CommandError whose text begins so; then it is cleared. */
static bool answered(Group *self, const char *word) {
  if (!PyErr_ExceptionMatches(pyerrors_class(self->stream->store->state, KEVY_ECOMMAND)))
    return false;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject *text = value ? PyObject_Str(value) : NULL;
  const char *bytes = text ? PyUnicode_AsUTF8(text) : NULL;
  bool is = bytes && strncmp(bytes, word, strlen(word)) == 0;
  Py_XDECREF(text);
  PyErr_Clear();
  if (!is) {
    PyErr_Restore(type, value, traceback);
    return false;
  }
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  return true;
}

/* ---- The group itself -------------------------------------------------------------------------- */

PyObject *pygroup_create(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  static const Signature sig = {"create", 0, 1, 0, {"id", "mkstream", "entries_read", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t mkstream = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) ||
      !pyargs_flag(given[1] ? given[1] : Py_True, 1, &mkstream))
    return NULL;
  Call call;
  group_call(&call, self, "XGROUP", "CREATE", 4);
  if (given[0]) pystream_id(&call, given[0]);
  else pylive_word(&call, "$");
  if (mkstream) pylive_word(&call, "MKSTREAM");
  put_option(&call, "ENTRIESREAD", given[2]);
  PyObject *done = pylive_answer(&call);
  if (!done && answered((Group *)self, "BUSYGROUP")) Py_RETURN_FALSE;
  Py_XDECREF(done);
  if (!done) return NULL;
  Py_RETURN_TRUE;
}

PyObject *pygroup_destroy(PyObject *self, PyObject *unused) {
  (void)unused;
  Call call;
  group_call(&call, self, "XGROUP", "DESTROY", 0);
  return truth(pylive_answer(&call));
}

PyObject *pygroup_set_id(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  static const Signature sig = {"set_id", 1, 1, 1, {"id", "entries_read", NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  Call call;
  group_call(&call, self, "XGROUP", "SETID", 3);
  pystream_id(&call, given[0]);
  put_option(&call, "ENTRIESREAD", given[1]);
  return nothing(pylive_answer(&call));
}

static PyObject *find_info(PyObject *groups, PyObject *name) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(groups); i++) {
    PyObject *group = PyList_GET_ITEM(groups, i), *held = PyDict_GetItemString(group, "name");
    int same = held ? PyObject_RichCompareBool(held, name, Py_EQ) : 0;
    if (same < 0) return NULL;
    if (same) return Py_NewRef(group);
  }
  return pyerrors_missing(name);
}

/* The name as replies have it: text where it can be. */
static PyObject *name_as_text(PyObject *name) {
  if (!PyBytes_Check(name)) return Py_NewRef(name);
  PyObject *text = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), NULL);
  if (text || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return text;
  PyErr_Clear();
  return Py_NewRef(name);
}

PyObject *pygroup_info(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *groups = pyargs_call((PyObject *)((Group *)self)->stream, "groups", NULL);
  PyObject *name = groups ? name_as_text(((Group *)self)->name) : NULL;
  PyObject *info = name ? find_info(groups, name) : NULL;
  Py_XDECREF(name);
  Py_XDECREF(groups);
  return info;
}

/* ---- Delivering -------------------------------------------------------------------------------- */

PyObject *pygroup_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
  static const Signature sig = {"read", 1, 2, 1, {"consumer", "count", "after", "noack", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t noack = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_flag(given[3], 1, &noack))
    return NULL;
  Call call;
  pylive_call_keyless(&call, ((Group *)self)->stream, "XREADGROUP", 9);
  pylive_word(&call, "GROUP");
  put_name(&call, ((Group *)self)->name);
  put_consumer(&call, given[0]);
  pystream_count(&call, given[1]);
  if (noack) pylive_word(&call, "NOACK");
  pylive_word(&call, "STREAMS");
  pylive_key(&call);
  if (given[2]) pystream_id(&call, given[2]);
  else pylive_word(&call, ">");
  return pystream_answer(&call, pystream_build_read);
}

PyObject *pygroup_ack(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs == 0) return PyLong_FromLong(0);
  Call call;
  group_call(&call, self, "XACK", NULL, nargs);
  for (Py_ssize_t i = 0; i < nargs; i++) pystream_id(&call, args[i]);
  return pylive_answer(&call);
}

/* ---- Pending ----------------------------------------------------------------------------------- */

/* id, consumer, idle ms, deliveries. */
static PyObject *build_pending(State *state, kevy_reply *reply) {
  (void)state;
  kevy_item idle, delivered;
  pylive_count(reply);
  PyObject *id = pystream_build_id(reply), *consumer = id ? pystream_build_name(reply) : NULL;
  PyObject *dict = NULL;
  if (consumer) {
    kevy_reply_next(reply, &idle);
    kevy_reply_next(reply, &delivered);
    dict = Py_BuildValue("{sOsOsdsL}", "id", id, "consumer", consumer, "idle",
                         (double)idle.value.as.i / 1000.0, "delivered",
                         (long long)delivered.value.as.i);
  }
  Py_XDECREF(id);
  Py_XDECREF(consumer);
  return dict;
}

static PyObject *build_all_pending(State *state, kevy_reply *reply) {
  return pystream_build_list(state, reply, build_pending);
}

PyObject *pygroup_pending(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames) {
  static const Signature sig = {
      "pending", 0, 2, 0, {"start", "stop", "count", "consumer", "idle", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t count = ALL;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  if (given[2] && given[2] != Py_None && !pyargs_int64(given[2], "count", &count)) return NULL;
  Call call;
  group_call(&call, self, "XPENDING", NULL, 6);
  if (given[4] && given[4] != Py_None) {
    pylive_word(&call, "IDLE");
    pystream_idle(&call, given[4]);
  }
  pystream_bound(&call, given[0], true);
  pystream_bound(&call, given[1], false);
  pylive_int(&call, count);
  if (given[3] && given[3] != Py_None) put_consumer(&call, given[3]);
  return pystream_answer(&call, build_all_pending);
}

/* [[consumer, number], ...] as a dict; the numbers are text in the reply. */
static PyObject *build_by_consumer(kevy_reply *reply) {
  uint64_t count = pylive_count(reply);
  PyObject *dict = PyDict_New();
  for (uint64_t i = 0; dict && i < count; i++) {
    pylive_count(reply);
    PyObject *name = pystream_build_name(reply), *text = name ? pystream_build_name(reply) : NULL;
    PyObject *number = text ? PyNumber_Long(text) : NULL;
    if (!number || PyDict_SetItem(dict, name, number) < 0) Py_CLEAR(dict);
    Py_XDECREF(number);
    Py_XDECREF(text);
    Py_XDECREF(name);
  }
  return dict;
}

static PyObject *build_summary(State *state, kevy_reply *reply) {
  pylive_count(reply);
  PyObject *pending = pyreply_build(state, reply, REPLY_KINDS);
  PyObject *min = pending ? pystream_build_id(reply) : NULL;
  PyObject *max = min ? pystream_build_id(reply) : NULL;
  PyObject *consumers = max ? build_by_consumer(reply) : NULL, *dict = NULL;
  if (consumers)
    dict = Py_BuildValue("{sOsOsOsO}", "pending", pending, "min", min, "max", max, "consumers",
                         consumers);
  Py_XDECREF(consumers);
  Py_XDECREF(max);
  Py_XDECREF(min);
  Py_XDECREF(pending);
  return dict;
}

PyObject *pygroup_pending_summary(PyObject *self, PyObject *unused) {
  (void)unused;
  Call call;
  group_call(&call, self, "XPENDING", NULL, 0);
  return pystream_answer(&call, build_summary);
}

/* ---- Claiming ---------------------------------------------------------------------------------- */

static PyObject *build_ids(State *state, kevy_reply *reply) {
  (void)state;
  return pystream_build_ids(reply);
}

PyObject *pygroup_claim(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  static const Signature sig = {
      "claim", 0, 0, 0, {"min_idle", "idle", "delivered", "force", "justid", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t force = 0, justid = 0;
  if (nargs < 1) return PyErr_Format(PyExc_TypeError, "claim() needs a consumer");
  if (!pyargs_parse(&sig, args + nargs, 0, kwnames, given) || !pyargs_flag(given[3], 1, &force) ||
      !pyargs_flag(given[4], 1, &justid))
    return NULL;
  if (nargs == 1) return PyList_New(0);
  Call call;
  group_call(&call, self, "XCLAIM", NULL, nargs + 8);
  put_consumer(&call, args[0]);
  pystream_idle(&call, given[0]);
  for (Py_ssize_t i = 1; i < nargs; i++) pystream_id(&call, args[i]);
  if (given[1] && given[1] != Py_None) {
    pylive_word(&call, "IDLE");
    pystream_idle(&call, given[1]);
  }
  put_option(&call, "RETRYCOUNT", given[2]);
  if (force) pylive_word(&call, "FORCE");
  if (justid) pylive_word(&call, "JUSTID");
  return pystream_answer(&call, justid ? build_ids : pystream_build_entries);
}

/* (next, entries or IDs, deleted IDs). */
static PyObject *build_autoclaim(State *state, kevy_reply *reply, ReplyBuilder build) {
  uint64_t parts = pylive_count(reply);
  PyObject *next = pystream_build_id(reply), *claimed = next ? build(state, reply) : NULL;
  PyObject *deleted = NULL, *result = NULL;
  if (claimed) deleted = parts > 2 ? pystream_build_ids(reply) : PyList_New(0);
  if (deleted) result = PyTuple_Pack(3, next, claimed, deleted);
  Py_XDECREF(deleted);
  Py_XDECREF(claimed);
  Py_XDECREF(next);
  return result;
}

static PyObject *build_autoclaim_ids(State *state, kevy_reply *reply) {
  return build_autoclaim(state, reply, build_ids);
}

static PyObject *build_autoclaim_entries(State *state, kevy_reply *reply) {
  return build_autoclaim(state, reply, pystream_build_entries);
}

PyObject *pygroup_autoclaim(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames) {
  static const Signature sig = {
      "autoclaim", 1, 3, 1, {"consumer", "min_idle", "start", "count", "justid", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t justid = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_flag(given[4], 1, &justid))
    return NULL;
  Call call;
  group_call(&call, self, "XAUTOCLAIM", NULL, 6);
  put_consumer(&call, given[0]);
  pystream_idle(&call, given[1]);
  if (given[2]) pystream_id(&call, given[2]);
  else pylive_int(&call, 0);
  pystream_count(&call, given[3]);
  if (justid) pylive_word(&call, "JUSTID");
  return pystream_answer(&call, justid ? build_autoclaim_ids : build_autoclaim_entries);
}

/* ---- Consumers --------------------------------------------------------------------------------- */

PyObject *pygroup_consumers(PyObject *self, PyObject *unused) {
  (void)unused;
  Call call;
  group_call(&call, self, "XINFO", "CONSUMERS", 0);
  return pystream_answer(&call, pystream_build_infos);
}

static PyObject *consumer_call(PyObject *self, const char *sub, PyObject *consumer) {
  Call call;
  group_call(&call, self, "XGROUP", sub, 1);
  put_consumer(&call, consumer);
  return pylive_answer(&call);
}

PyObject *pygroup_create_consumer(PyObject *self, PyObject *consumer) {
  return truth(consumer_call(self, "CREATECONSUMER", consumer));
}

PyObject *pygroup_delete_consumer(PyObject *self, PyObject *consumer) {
  return consumer_call(self, "DELCONSUMER", consumer);
}

/* ---- The type ---------------------------------------------------------------------------------- */

PyObject *pygroup_get_name(PyObject *self, void *unused) {
  (void)unused;
  return Py_NewRef(((Group *)self)->name);
}

PyObject *pygroup_get_stream(PyObject *self, void *unused) {
  (void)unused;
  return Py_NewRef((PyObject *)((Group *)self)->stream);
}

PyObject *pygroup_reduce(PyObject *object, PyObject *unused) {
  (void)unused;
  return PyErr_Format(PyExc_TypeError, "a %s cannot be pickled or copied", Py_TYPE(object)->tp_name);
}

static PyObject *group_repr(PyObject *self) {
  return PyUnicode_FromFormat("<%s %R of %R>", Py_TYPE(self)->tp_name, ((Group *)self)->name,
                              ((Group *)self)->stream->key);
}

static int group_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Group *)self)->stream);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void group_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_XDECREF(((Group *)self)->stream);
  Py_XDECREF(((Group *)self)->name);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyType_Slot slots[] = {{Py_tp_doc, "A consumer group of a stream: Stream.group(name)."},
                              {Py_tp_dealloc, group_dealloc},
                              {Py_tp_traverse, group_traverse},
                              {Py_tp_repr, group_repr},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = {"kevy.Group", sizeof(Group), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
                               Py_TPFLAGS_DISALLOW_INSTANTIATION,
                           slots};

PyTypeObject *pygroup_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
