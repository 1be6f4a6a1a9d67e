/* pylive: see pylive.h. What views read and write whole is in pycontents.c. */
#include "pylive.h"

#include "pycontents.h"

/* ---- Views ------------------------------------------------------------------------------------ */

/* The key as an object that nobody changes: a str or bytes, exactly. A new reference. */
static PyObject *key_object(PyObject *object) {
  if (PyUnicode_Check(object)) return PyUnicode_FromObject(object);
  if (PyBytes_CheckExact(object)) return Py_NewRef(object);
  Key key;
  if (!pyargs_key(object, &key)) return NULL;
  PyObject *bytes = PyBytes_FromStringAndSize(key.ptr, (Py_ssize_t)key.len);
  pyargs_key_done(&key);
  return bytes;
}

static bool borrow_key(Live *self) {
  Key key;
  if (!pyargs_key(self->key, &key)) return false;
  self->ptr = key.ptr;
  self->len = key.len;
  self->text = key.flags;
  return true;
}

PyObject *pylive_new(Store *store, int32_t type, PyObject *object) {
  PyObject *key = key_object(object);
  PyTypeObject *class = store->state->live_types[type];
  Live *self = key ? (Live *)class->tp_alloc(class, 0) : NULL;
  if (!self) {
    Py_XDECREF(key);
    return NULL;
  }
  self->store = (Store *)Py_NewRef((PyObject *)store);
  self->type = type;
  self->key = key;
  if (borrow_key(self)) return (PyObject *)self;
  Py_DECREF(self);
  return NULL;
}

PyObject *pylive_of_key(Store *store, PyObject *object) {
  Key key;
  if (!pyargs_key(object, &key)) return NULL;
  Turn turn;
  int32_t type = KEVY_TYPE_NONE;
  bool known = false;
  if (turn_begin(&turn, store)) known = pylive_end(&turn, kevy_type(turn.handle, key.ptr, key.len, &type));
  pyargs_key_done(&key);
  if (!known) return NULL;
  if (type == KEVY_TYPE_NONE || type == KEVY_TYPE_STRING) Py_RETURN_NONE;
  return pylive_new(store, type, object);
}

Live *pylive_check(State *state, PyObject *object, int32_t type) {
  for (int32_t t = KEVY_TYPE_HASH; t <= KEVY_TYPE_STREAM; t++)
    if (Py_TYPE(object) == state->live_types[t] && (type == t || type == KEVY_TYPE_NONE))
      return (Live *)object;
  return NULL;
}

#define MAKER(name, type)                                                                          \
  PyObject *pystore_##name(PyObject *self, PyObject *key) {                                        \
    return pylive_new((Store *)self, type, key);                                                   \
  }
MAKER(hash, KEVY_TYPE_HASH)
MAKER(list, KEVY_TYPE_LIST)
MAKER(zset, KEVY_TYPE_ZSET)
MAKER(stream, KEVY_TYPE_STREAM)
MAKER(setview, KEVY_TYPE_SET)
#undef MAKER

/* ---- Calls of one element -------------------------------------------------------------------- */

Py_ssize_t pylive_len(Live *self, LenCall call) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  uint64_t count = 0;
  if (!s || !pylive_end(&turn, call(s, LIVE_KEY(self), &count))) return -1;
  return (Py_ssize_t)count;
}

kevy_status pylive_ask(Live *self, PyObject *object, MemberCall call) {
  kevy_value member;
  PyObject *keep;
  if (!pyargs_member(object, &member, &keep)) return KEVY_EARG;
  Turn turn;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, self->store)) {
    status = call(turn.handle, LIVE_KEY(self), &member);
    pylive_end(&turn, status);
  }
  Py_XDECREF(keep);
  return status;
}

PyObject *pylive_lookup(Live *self, PyObject *member, PyObject *missing) {
  return self->type == KEVY_TYPE_HASH ? pyhash_lookup(self, member, missing)
                                      : pyzset_lookup(self, member, missing);
}

int pylive_remove(Live *self, PyObject *object, RemoveCall call) {
  kevy_value member;
  PyObject *keep;
  if (!pyargs_member(object, &member, &keep)) return -1;
  Turn turn;
  uint64_t removed = 0;
  bool done = false;
  if (turn_begin(&turn, self->store))
    done = pylive_end(&turn, call(turn.handle, LIVE_KEY(self), 1, &member, &removed));
  Py_XDECREF(keep);
  return done ? removed > 0 : -1;
}

/* ---- Commands -------------------------------------------------------------------------------- */

static void put(Call *call, kevy_value value) {
  if (!call->failed) call->failed = !pyargs_values_put(&call->argv, value);
}

void pylive_key(Call *call) {
  Live *self = call->self;
  put(call, self->text ? kevy_text(LIVE_KEY(self)) : kevy_bytes(LIVE_KEY(self)));
}

void pylive_call_keyless(Call *call, Live *self, const char *command, Py_ssize_t room) {
  call->self = self;
  call->failed = !pyargs_values_new(&call->argv, room + 3);
  pylive_word(call, command);
}

void pylive_call(Call *call, Live *self, const char *command, Py_ssize_t room) {
  pylive_call_keyless(call, self, command, room);
  pylive_key(call);
}

void pylive_call2(Call *call, Live *self, const char *command, const char *sub, Py_ssize_t room) {
  pylive_call_keyless(call, self, command, room);
  pylive_word(call, sub);
  pylive_key(call);
}

void pylive_word(Call *call, const char *word) { put(call, kevy_text(word, strlen(word))); }

void pylive_int(Call *call, int64_t number) { put(call, kevy_int(number)); }

void pylive_arg(Call *call, PyObject *object, ValueReader read) {
  if (!call->failed) call->failed = !pyargs_values_add(&call->argv, object, read);
}

void pylive_own(Call *call, PyObject *object) {
  if (!object) call->failed = true;
  pylive_arg(call, object, pyargs_value);
  if (call->failed) Py_XDECREF(object);
  else call->argv.keeps[call->argv.count - 1] = object;
}

static PyObject *prefixed(char prefix, const kevy_value *value) {
  if (value->kind == KEVY_INT) {
    char digits[24];
    int size = PyOS_snprintf(digits, sizeof digits, "%c%lld", prefix, (long long)value->as.i);
    return PyBytes_FromStringAndSize(digits, size);
  }
  PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)value->len + 1);
  if (!bytes) return NULL;
  PyBytes_AS_STRING(bytes)[0] = prefix;
  memcpy(PyBytes_AS_STRING(bytes) + 1, value->as.ptr, value->len);
  return bytes;
}

void pylive_prefixed(Call *call, char prefix, PyObject *object) {
  kevy_value value;
  PyObject *keep = NULL;
  bool read = !call->failed && pyargs_member(object, &value, &keep);
  if (read) pylive_own(call, prefixed(prefix, &value));
  else call->failed = true;
  Py_XDECREF(keep);
}

void pylive_call_done(Call *call) { pyargs_values_done(&call->argv); }

kevy_reply *pylive_run_in(Call *call, Turn *turn, kevy_status *status) {
  kevy_reply *reply = pyreply_take(turn->store);
  *status = KEVY_EOOM;
  if (reply)
    *status = kevy_call_typed(turn->handle, call->argv.count, call->argv.values, reply);
  return reply;
}

kevy_reply *pylive_run(Call *call) {
  Store *store = call->self->store;
  Turn turn;
  kevy_reply *reply = NULL;
  kevy_status status = KEVY_OK;
  if (!call->failed && turn_begin(&turn, store)) {
    reply = pylive_run_in(call, &turn, &status);
    reply = pyreply_end(&turn, status, reply);
  }
  pylive_call_done(call);
  if (!reply || status != KEVY_ECOMMAND) return reply;
  pyreply_raise(store->state, reply);
  pyreply_give(store, reply);
  return NULL;
}

PyObject *pylive_answer(Call *call) {
  Store *store = call->self->store;
  kevy_reply *reply = pylive_run(call);
  if (!reply) return NULL;
  PyObject *result = pyreply_build(store->state, reply, REPLY_KINDS);
  pyreply_give(store, reply);
  return result;
}

/* What pylive_answer_and does within the turn: the replies are given back when it is over. */
static PyObject *answer_in(Call *look, Call *remove, PyObject *(*build)(State *, kevy_reply *), Turn *turn,
                           kevy_reply *replies[2], kevy_status *status) {
  replies[0] = pylive_run_in(look, turn, status);
  PyObject *list = *status == KEVY_OK ? build(turn->store->state, replies[0]) : NULL;
  if (list && PyList_GET_SIZE(list)) {
    replies[1] = replies[0]; /* read to its end */
    replies[0] = pylive_run_in(remove, turn, status);
  }
  return list;
}

PyObject *pylive_answer_and(Call *look, Call *remove, PyObject *(*build)(State *, kevy_reply *)) {
  Store *store = look->self->store;
  Turn turn;
  PyObject *list = NULL;
  kevy_reply *replies[2] = {NULL, NULL};
  if (!look->failed && !remove->failed && turn_begin(&turn, store)) {
    kevy_status status;
    int collecting = pycompat_stop_collecting(store->state->gc);
    list = answer_in(look, remove, build, &turn, replies, &status);
    pycompat_go_on_collecting(store->state->gc, collecting);
    if (status >= 0 || status == KEVY_ECOMMAND) turn_end(&turn);
    else turn_fail(&turn, status);
    if (status == KEVY_ECOMMAND) pyreply_raise(store->state, replies[0]);
    if (PyErr_Occurred()) Py_CLEAR(list);
  }
  pylive_call_done(look);
  pylive_call_done(remove);
  pyreply_give(store, replies[0]);
  pyreply_give(store, replies[1]);
  return list;
}

PyObject *pylive_random(Live *self, const char *command, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  static const Signature sig = {"random", 0, 1, 0, {"n", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t n = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  bool several = given[0] && given[0] != Py_None;
  if (several && !pyargs_int64(given[0], "n", &n)) return NULL;
  Call call;
  pylive_call(&call, self, command, 1);
  if (several) pylive_int(&call, n);
  return pylive_answer(&call);
}

uint64_t pylive_count(kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  return item.type == KEVY_REPLY_MAP ? 2 * item.count : item.count;
}

/* ---- Slots and methods that all have ------------------------------------------------------------ */

PyMemberDef pylive_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Live, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

int pylive_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Live *)self)->store);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void pylive_dealloc(PyObject *object) {
  Live *self = (Live *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  Py_XDECREF(self->store);
  Py_XDECREF(self->key);
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject *pylive_get_key(PyObject *self, void *unused) {
  (void)unused;
  return Py_NewRef(((Live *)self)->key);
}

PyObject *pylive_reduce(PyObject *object, PyObject *unused) {
  (void)unused;
  PyErr_Format(PyExc_TypeError,
               "a %s is a view of a key of a store, which cannot be pickled or copied: use its "
               "copy(), which is a container of Python's",
               Py_TYPE(object)->tp_name);
  return NULL;
}

PyObject *pylive_copy(PyObject *self, PyObject *unused) {
  (void)unused;
  return pylive_detach((Live *)self);
}

/* Deletes the key, if it holds what the view is of. */
PyObject *pylive_clear(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return NULL;
  int32_t type = KEVY_TYPE_NONE;
  kevy_status status = kevy_type(s, LIVE_KEY(self), &type);
  if (status == KEVY_OK)
    status = type == self->type ? kevy_delete(s, LIVE_KEY(self)) : KEVY_EWRONGTYPE;
  if (status == KEVY_EWRONGTYPE) {
    turn_end(&turn);
    return pycontents_wrong_type(self->store);
  }
  if (!pylive_end(&turn, status)) return NULL;
  Py_RETURN_NONE;
}

static const char *unit_of(int32_t type, bool one) {
  switch (type) {
    case KEVY_TYPE_HASH: return one ? "field" : "fields";
    case KEVY_TYPE_LIST: return one ? "element" : "elements";
    case KEVY_TYPE_STREAM: return one ? "entry" : "entries";
    default: return one ? "member" : "members";
  }
}

/* A repr tells what there is to tell: it never raises for the state of the store or the key. */
PyObject *pylive_repr(PyObject *object) {
  Live *self = (Live *)object;
  const char *name = Py_TYPE(object)->tp_name;
  if (!self->store->handle) return PyUnicode_FromFormat("<%s %R, closed>", name, self->key);
  Py_ssize_t count = PyObject_Size(object);
  if (count >= 0)
    return PyUnicode_FromFormat("<%s %R, %zd %s>", name, self->key, count,
                                unit_of(self->type, count == 1));
  if (!PyErr_ExceptionMatches(pyerrors_class(self->store->state, KEVY_EWRONGTYPE))) return NULL;
  PyErr_Clear();
  return PyUnicode_FromFormat("<%s %R, which holds another type>", name, self->key);
}

PyObject *pylive_keys(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyviews_new(self, PYITER_KEYS);
}

PyObject *pylive_values(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyviews_new(self, PYITER_VALUES);
}

PyObject *pylive_items(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyviews_new(self, PYITER_ITEMS);
}

PyObject *pylive_iter(PyObject *self) { return pyiter_elements((Live *)self, PYITER_KEYS, 0); }

static PyObject *live_items(PyObject *self) {
  return pyiter_elements((Live *)self, PYITER_ITEMS, 0);
}

PyObject *pylive_richcompare(PyObject *self, PyObject *other, int op) {
  return pymapping_compare(((Live *)self)->store->state, self, other, op, live_items);
}
