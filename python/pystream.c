/* pystream: kevy.Stream, a live view of a stream: entries of fields and values, in the order of their IDs. */
#include "pystream.h"

#include "pycontents.h"
#include "pyexclusive.h"

#define PYROWS "stream.def"
#include "pytables.h"

/* ---- Arguments -------------------------------------------------------------------------------- */

void pystream_bound(Call *call, PyObject *bound, bool low) {
  if (!bound || bound == Py_None) {
    pylive_word(call, low ? "-" : "+");
    return;
  }
  PyObject *excluded = pyexclusive_value(call->self->store->state, bound);
  if (excluded) pylive_prefixed(call, '(', excluded);
  else pystream_id(call, bound);
}

/* An int that is not negative, after its word. */
static void put_number(Call *call, const char *word, const char *name, PyObject *object) {
  int64_t number;
  if (call->failed || !object || object == Py_None) return;
  bool read = pyargs_int64(object, name, &number);
  if (read && number < 0) PyErr_Format(PyExc_ValueError, "%s must not be negative", name);
  if (!read || number < 0) {
    call->failed = true;
    return;
  }
  if (word) pylive_word(call, word);
  pylive_int(call, number);
}

void pystream_count(Call *call, PyObject *count) { put_number(call, "COUNT", "count", count); }

void pystream_idle(Call *call, PyObject *seconds) {
  int64_t ms = 0;
  bool zero = !seconds || (PyLong_Check(seconds) && !PyObject_IsTrue(seconds)) ||
              (PyFloat_Check(seconds) && PyFloat_AS_DOUBLE(seconds) == 0);
  if (!call->failed && !zero && !pyargs_ttl(seconds, &ms)) call->failed = true;
  pylive_int(call, ms < 0 ? 0 : ms);
}

/* ---- Results ---------------------------------------------------------------------------------- */

PyObject *pystream_build_id(kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.type != KEVY_REPLY_VALUE && item.type != KEVY_REPLY_STATUS) Py_RETURN_NONE;
  if (item.value.kind > KEVY_TEXT) return pyargs_build(&item.value);
  return PyUnicode_DecodeASCII(item.value.as.ptr, (Py_ssize_t)item.value.len, "replace");
}

PyObject *pystream_build_name(kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.type != KEVY_REPLY_VALUE) Py_RETURN_NONE;
  if (item.value.kind != KEVY_BYTES) return pyargs_build(&item.value);
  PyObject *text = PyUnicode_DecodeUTF8(item.value.as.ptr, (Py_ssize_t)item.value.len, NULL);
  if (text || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return text;
  PyErr_Clear();
  return pyargs_build(&item.value);
}

/* A dict of fields; a field that an entry has twice shows its last value. None where there are none. */
static PyObject *build_fields(State *state, kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.type != KEVY_REPLY_ARRAY && item.type != KEVY_REPLY_MAP) Py_RETURN_NONE;
  uint64_t pairs = item.type == KEVY_REPLY_MAP ? item.count : item.count / 2;
  PyObject *dict = PyDict_New();
  for (uint64_t i = 0; dict && i < pairs; i++) {
    PyObject *field = pyreply_build(state, reply, REPLY_KINDS);
    PyObject *value = field ? pyreply_build(state, reply, REPLY_KINDS) : NULL;
    if (!value || PyDict_SetItem(dict, field, value) < 0) Py_CLEAR(dict);
    Py_XDECREF(field);
    Py_XDECREF(value);
  }
  return dict;
}

PyObject *pystream_build_entry(State *state, kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.type != KEVY_REPLY_ARRAY) Py_RETURN_NONE;
  PyObject *id = pystream_build_id(reply), *fields = id ? build_fields(state, reply) : NULL;
  PyObject *entry = fields ? PyTuple_Pack(2, id, fields) : NULL;
  Py_XDECREF(id);
  Py_XDECREF(fields);
  return entry;
}

PyObject *pystream_build_list(State *state, kevy_reply *reply, ReplyBuilder build) {
  uint64_t count = pylive_count(reply);
  PyObject *list = PyList_New((Py_ssize_t)count);
  for (uint64_t i = 0; list && i < count; i++) {
    PyObject *one = build(state, reply);
    if (one) PyList_SET_ITEM(list, (Py_ssize_t)i, one);
    else Py_CLEAR(list);
  }
  return list;
}

PyObject *pystream_build_entries(State *state, kevy_reply *reply) {
  return pystream_build_list(state, reply, pystream_build_entry);
}

static PyObject *build_one_id(State *state, kevy_reply *reply) {
  (void)state;
  return pystream_build_id(reply);
}

PyObject *pystream_build_ids(kevy_reply *reply) { return pystream_build_list(NULL, reply, build_one_id); }

PyObject *pystream_build_read(State *state, kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.type == KEVY_REPLY_NIL || item.count == 0) return PyList_New(0);
  if (item.type == KEVY_REPLY_ARRAY) kevy_reply_next(reply, &item); /* (key, entries) */
  kevy_reply_next(reply, &item);                                    /* the key */
  return pystream_build_entries(state, reply);
}

/* Milliseconds in a reply as seconds; None for "never". */
static PyObject *build_seconds(kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.value.kind != KEVY_INT || item.value.as.i < 0) Py_RETURN_NONE;
  return PyFloat_FromDouble((double)item.value.as.i / 1000.0);
}

static bool is_one_of(PyObject *name, const char *const *words) {
  for (; *words; words++)
    if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, *words) == 0) return true;
  return false;
}

static PyObject *build_figure(State *state, kevy_reply *reply, PyObject *name) {
  static const char *const entries[] = {"first-entry", "last-entry", NULL};
  static const char *const times[] = {"idle", "inactive", NULL};
  static const char *const names[] = {
      "name", "last-generated-id", "max-deleted-entry-id", "recorded-first-entry-id",
      "last-delivered-id", NULL};
  if (is_one_of(name, entries)) return pystream_build_entry(state, reply);
  if (is_one_of(name, times)) return build_seconds(reply);
  if (is_one_of(name, names)) return pystream_build_name(reply);
  return pyreply_build(state, reply, REPLY_KINDS);
}

PyObject *pystream_build_info(State *state, kevy_reply *reply) {
  uint64_t pairs = pylive_count(reply) / 2;
  PyObject *dict = PyDict_New();
  for (uint64_t i = 0; dict && i < pairs; i++) {
    PyObject *name = pystream_build_name(reply);
    PyObject *value = name ? build_figure(state, reply, name) : NULL;
    if (!value || PyDict_SetItem(dict, name, value) < 0) Py_CLEAR(dict);
    Py_XDECREF(name);
    Py_XDECREF(value);
  }
  return dict;
}

PyObject *pystream_build_infos(State *state, kevy_reply *reply) {
  return pystream_build_list(state, reply, pystream_build_info);
}

PyObject *pystream_answer(Call *call, ReplyBuilder build) {
  Store *store = call->self->store;
  kevy_reply *reply = pylive_run(call);
  if (!reply) return NULL;
  PyObject *result = build(store->state, reply);
  pyreply_give(store, reply);
  return result;
}

/* ---- Reading ---------------------------------------------------------------------------------- */

static Py_ssize_t stream_len(PyObject *self) { return pylive_len((Live *)self, kevy_xlen); }

static PyObject *range(Live *self, PyObject *start, PyObject *stop, PyObject *count, bool rev) {
  Call call;
  pylive_call(&call, self, rev ? "XREVRANGE" : "XRANGE", 4);
  pystream_bound(&call, start, !rev);
  pystream_bound(&call, stop, rev);
  pystream_count(&call, count);
  return pystream_answer(&call, pystream_build_entries);
}

PyObject *pystream_range(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  static const Signature sig = {"range", 0, 2, 0, {"start", "stop", "count", "rev", NULL}};
  PyObject *given[PYARGS_MAX];
  uint32_t rev = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_flag(given[3], 1, &rev))
    return NULL;
  return range((Live *)self, given[0], given[1], given[2], rev);
}

PyObject *pystream_detach(Live *self) { return range(self, NULL, NULL, NULL, false); }

PyObject *pystream_entries(Turn *turn, const char *key, size_t len, kevy_reply **reply,
                           kevy_status *status) {
  kevy_value argv[] = {kevy_text("XRANGE", 6), kevy_bytes(key, len), kevy_text("-", 1),
                       kevy_text("+", 1)};
  *status = KEVY_EOOM;
  *reply = pyreply_take(turn->store);
  if (*reply) *status = kevy_call_typed(turn->handle, 4, argv, *reply);
  return *status == KEVY_OK ? pystream_build_entries(turn->store->state, *reply) : NULL;
}

/* The fields of the entry with this ID; missing when there is none. */
static PyObject *lookup(Live *self, PyObject *id, PyObject *missing) {
  PyObject *one = PyLong_FromLong(1);
  PyObject *entries = one ? range(self, id, id, one, false) : NULL, *fields = NULL;
  Py_XDECREF(one);
  if (!entries) return NULL;
  if (PyList_GET_SIZE(entries))
    fields = Py_NewRef(PyTuple_GET_ITEM(PyList_GET_ITEM(entries, 0), 1));
  Py_DECREF(entries);
  return fields ? fields : missing ? Py_NewRef(missing) : pyerrors_missing(id);
}

static PyObject *stream_subscript(PyObject *self, PyObject *id) {
  if (id == Py_None) return pyerrors_missing(id);
  return lookup((Live *)self, id, NULL);
}

static int stream_contains(PyObject *self, PyObject *id) {
  if (id == Py_None) return 0;
  PyObject *fields = lookup((Live *)self, id, self);
  if (!fields) return -1;
  int there = fields != self;
  Py_DECREF(fields);
  return there;
}

PyObject *pystream_read(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  static const Signature sig = {"read", 0, 1, 0, {"after", "count", NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  Call call;
  pylive_call_keyless(&call, (Live *)object, "XREAD", 6);
  pystream_count(&call, given[1]);
  pylive_word(&call, "STREAMS");
  pylive_key(&call);
  if (given[0]) pystream_id(&call, given[0]);
  else pylive_int(&call, 0);
  return pystream_answer(&call, pystream_build_read);
}

static PyObject *stream_richcompare(PyObject *self, PyObject *other, int op) {
  State *state = ((Live *)self)->store->state;
  Live *view = pylive_check(state, other, KEVY_TYPE_STREAM);
  if ((op != Py_EQ && op != Py_NE) || (!view && !PyList_Check(other))) Py_RETURN_NOTIMPLEMENTED;
  PyObject *right = view ? pystream_detach(view) : Py_NewRef(other), *left = NULL, *result = NULL;
  if (right) left = pystream_detach((Live *)self);
  if (left) result = PyObject_RichCompare(left, right, op);
  Py_XDECREF(left);
  Py_XDECREF(right);
  return result;
}

/* ---- Iterating -------------------------------------------------------------------------------- */

/* Walks a snapshot of the store page by page. */
typedef struct {
  PyObject_HEAD
  Live *stream;   /* in the snapshot; NULL at the end */
  PyObject *page; /* a list of entries */
  PyObject *last; /* kevy.exclusive of the last ID of the page; NULL at first */
  Py_ssize_t at;
} Walk;

#define PAGE 100

static PyObject *stream_iter(PyObject *object) {
  Live *self = (Live *)object;
  State *state = self->store->state;
  if (stream_len(object) < 0) return NULL;
  PyObject *moment = pystore_snapshot((PyObject *)self->store, NULL);
  Walk *walk = moment ? (Walk *)state->walk_type->tp_alloc(state->walk_type, 0) : NULL;
  if (walk) {
    walk->stream = (Live *)pylive_new((Store *)moment, KEVY_TYPE_STREAM, self->key);
    if (!walk->stream) Py_CLEAR(walk);
  }
  Py_XDECREF(moment);
  return (PyObject *)walk;
}

/* Remembers where the page ends: false, with an exception or at the end. */
static bool turn_page(Walk *walk, PyObject *page) {
  State *state = walk->stream->store->state;
  Py_ssize_t count = PyList_GET_SIZE(page);
  Py_XSETREF(walk->page, page);
  walk->at = 0;
  if (count == 0) return false;
  PyObject *id = PyTuple_GET_ITEM(PyList_GET_ITEM(page, count - 1), 0);
  Py_XSETREF(walk->last, PyObject_CallFunctionObjArgs((PyObject *)state->exclusive_type, id, NULL));
  return walk->last != NULL;
}

static PyObject *walk_next(PyObject *object) {
  Walk *walk = (Walk *)object;
  if (!walk->stream) return NULL;
  if (!walk->page || walk->at >= PyList_GET_SIZE(walk->page)) {
    PyObject *count = PyLong_FromLong(PAGE);
    Live *stream = (Live *)Py_NewRef((PyObject *)walk->stream);
    PyObject *page = count ? range(stream, walk->last, NULL, count, false) : NULL;
    Py_XDECREF(count);
    bool more = page && walk->stream && turn_page(walk, page);
    Py_DECREF(stream);
    if (!more) {
      if (!PyErr_Occurred()) Py_CLEAR(walk->stream);
      return NULL;
    }
  }
  return Py_NewRef(PyList_GET_ITEM(walk->page, walk->at++));
}

static int walk_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(((Walk *)self)->stream);
  Py_VISIT(((Walk *)self)->page);
  Py_VISIT(((Walk *)self)->last);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void walk_dealloc(PyObject *object) {
  Walk *walk = (Walk *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Py_XDECREF(walk->stream);
  Py_XDECREF(walk->page);
  Py_XDECREF(walk->last);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyType_Slot walk_slots[] = {{Py_tp_doc, "An iterator over one moment of a stream."},
                                   {Py_tp_dealloc, walk_dealloc},
                                   {Py_tp_traverse, walk_traverse},
                                   {Py_tp_iter, PyObject_SelfIter},
                                   {Py_tp_iternext, walk_next},
                                   {0, NULL}};

static PyType_Spec walk_spec = {"kevy.StreamIterator", sizeof(Walk), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                    Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                walk_slots};

PyTypeObject *pywalk_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &walk_spec, NULL);
}

/* ---- Writing ---------------------------------------------------------------------------------- */

/* XTRIM, as maxlen, minid, approximate and limit ask for it: 1, 0 when they ask for none, -1 with an
 * exception. The call is to be ended in any case. */
static int trim_call(Call *call, Live *self, PyObject *const *options) {
  PyObject *maxlen = options[0] == Py_None ? NULL : options[0];
  PyObject *minid = options[1] == Py_None ? NULL : options[1];
  bool limit = options[3] && options[3] != Py_None;
  uint32_t approximate = 0;
  pylive_call(call, self, "XTRIM", 5);
  if (!pyargs_flag(options[2], 1, &approximate)) return -1;
  if ((maxlen && minid) || (limit && !approximate)) {
    PyErr_SetString(PyExc_ValueError, limit ? "limit goes with approximate=True"
                                            : "give maxlen or minid, not both");
    return -1;
  }
  if (!maxlen && !minid) return 0;
  pylive_word(call, maxlen ? "MAXLEN" : "MINID");
  pylive_word(call, approximate ? "~" : "=");
  if (maxlen) put_number(call, NULL, "maxlen", maxlen);
  else pystream_id(call, minid);
  put_number(call, "LIMIT", "limit", options[3]);
  return call->failed ? -1 : 1;
}

PyObject *pystream_trim(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  static const Signature sig = {
      "trim", 0, 1, 0, {"maxlen", "minid", "approximate", "limit", NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  Call call;
  int asked = trim_call(&call, (Live *)object, given);
  if (asked > 0) return pylive_answer(&call);
  pylive_call_done(&call);
  if (asked == 0) PyErr_SetString(PyExc_TypeError, "trim() needs maxlen or minid");
  return NULL;
}

/* Reads digits up to a '-' or the end; false where there are none or too many. */
static bool read_digits(const char **at, const char *end, uint64_t *number) {
  const char *start = *at;
  *number = 0;
  for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
    if (__builtin_mul_overflow(*number, 10, number) ||
        __builtin_add_overflow(*number, (uint64_t)(**at - '0'), number))
      return false;
  return *at != start;
}

/* "*", "5", "5-*" and "5-1" as the engine takes them. */
static bool parse_id(const char *at, size_t len, kevy_stream_id *id) {
  const char *end = at + len;
  id->ms = id->seq = UINT64_MAX;
  if (len == 1 && *at == '*') return true;
  if (!read_digits(&at, end, &id->ms)) return false;
  if (at == end) {
    id->seq = 0;
    return true;
  }
  if (*at++ != '-') return false;
  if (end - at == 1 && *at == '*') return true;
  return read_digits(&at, end, &id->seq) && at == end;
}

static bool read_id(PyObject *object, kevy_stream_id *id) {
  kevy_value value;
  PyObject *keep;
  id->ms = id->seq = UINT64_MAX;
  if (!object || object == Py_None) return true;
  if (!pyargs_member(object, &value, &keep)) return false;
  bool read = value.kind == KEVY_INT ? value.as.i >= 0 : parse_id(value.as.ptr, value.len, id);
  if (value.kind == KEVY_INT) {
    id->ms = (uint64_t)value.as.i;
    id->seq = 0;
  }
  Py_XDECREF(keep);
  if (!read) PyErr_Format(PyExc_ValueError, "%R is not the ID of a new entry", object);
  return read;
}

/* Appends an entry and trims, in one turn. The ID as a str, or None when KEVY_XX forbade. */
static PyObject *append(Live *self, const Contents *fields, kevy_stream_id *id, uint32_t flags,
                        Call *trim) {
  Turn turn;
  if (!turn_begin(&turn, self->store)) return NULL;
  kevy_reply *reply = NULL;
  kevy_status status = kevy_xadd(turn.handle, LIVE_KEY(self), id, fields->names.count,
                                 fields->names.values, fields->values.values, flags | self->text);
  if (status == KEVY_OK && trim) reply = pylive_run_in(trim, &turn, &status);
  if (status == KEVY_ERANGE) turn_end(&turn);
  bool done = status != KEVY_ERANGE && pylive_end(&turn, status);
  pyreply_give(self->store, reply);
  if (status == KEVY_ERANGE)
    PyErr_SetString(PyExc_ValueError, "the ID must be above the last one of the stream, and above 0-0");
  if (!done) return NULL;
  if (status == KEVY_MISSING) Py_RETURN_NONE;
  return PyUnicode_FromFormat("%llu-%llu", (unsigned long long)id->ms, (unsigned long long)id->seq);
}

PyObject *pystream_add(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
  static const Signature sig = {
      "add", 1, 3, 1,
      {"mapping", "id", "maxlen", "minid", "approximate", "limit", "nomkstream", NULL}};
  Live *self = (Live *)object;
  PyObject *given[PYARGS_MAX], *result = NULL;
  uint32_t flags = 0;
  kevy_stream_id id;
  Contents fields;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_flag(given[6], KEVY_XX, &flags) ||
      !read_id(given[1], &id) ||
      !pycontents_read(&fields, KEVY_TYPE_HASH, pylive_pairs(self->store->state, given[0], "add")))
    return NULL;
  Call trim;
  int trims = trim_call(&trim, self, given + 2);
  if (trims >= 0 && fields.names.count == 0)
    PyErr_SetString(PyExc_ValueError, "an entry needs a field at least");
  else if (trims >= 0)
    result = append(self, &fields, &id, flags, trims ? &trim : NULL);
  pylive_call_done(&trim);
  pycontents_done(&fields);
  return result;
}

PyObject *pystream_delete(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs == 0) return PyLong_FromLong(0);
  Call call;
  pylive_call(&call, (Live *)object, "XDEL", nargs);
  for (Py_ssize_t i = 0; i < nargs; i++) pystream_id(&call, args[i]);
  return pylive_answer(&call);
}

PyObject *pystream_set_id(PyObject *object, PyObject *id) {
  Call call;
  pylive_call(&call, (Live *)object, "XSETID", 1);
  pystream_id(&call, id);
  PyObject *done = pylive_answer(&call);
  Py_XDECREF(done);
  if (!done) return NULL;
  Py_RETURN_NONE;
}

/* ---- Groups, watching ------------------------------------------------------------------------- */

/* Whether the key exists: 1, 0, or -1 with an exception. */
static int exists(Live *self) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (!s) return -1;
  kevy_status status = kevy_exists(s, LIVE_KEY(self));
  return pylive_end(&turn, status) ? status == KEVY_OK : -1;
}

PyObject *pystream_info(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  int there = exists(self);
  if (there <= 0) return there < 0 ? NULL : pyerrors_missing(self->key);
  Call call;
  pylive_call2(&call, self, "XINFO", "STREAM", 0);
  return pystream_answer(&call, pystream_build_info);
}

PyObject *pystream_groups(PyObject *object, PyObject *unused) {
  (void)unused;
  Live *self = (Live *)object;
  int there = exists(self);
  if (there <= 0) return there < 0 ? NULL : PyList_New(0);
  Call call;
  pylive_call2(&call, self, "XINFO", "GROUPS", 0);
  return pystream_answer(&call, pystream_build_infos);
}

PyObject *pystream_group(PyObject *self, PyObject *name) { return pygroup_new((Live *)self, name); }

/* ---- The type --------------------------------------------------------------------------------- */

static const char doc[] =
    "A live view of a stream: entries in the order of their IDs, under one key of a store.\n\n"
    "An entry is (id, fields): an ID is a str such as '1700000000000-0', fields are a dict. Fields'\n"
    "names are str, bytes or int, values are str, bytes, int (64 bits) and float. Without the key the\n"
    "view is empty; add() makes it, and a stream whose entries are all deleted keeps its key.\n\n"
    "Iterating visits the entries of the moment at which the iterator is made.\n\n"
    ">>> log = s.Stream('log')\n"
    ">>> log.add({'event': 'login', 'user': 1}, id='5-1')\n"
    "'5-1'\n"
    ">>> group = log.group('mailers')\n"
    ">>> group.create(0)\n"
    "True\n"
    ">>> for id, fields in group.read('worker-1'):\n"
    "...     print(id, fields['event'], group.ack(id))\n"
    "5-1 login 1";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              LIVE_SLOTS,
                              {Py_tp_iter, stream_iter},
                              {Py_tp_richcompare, stream_richcompare},
                              {Py_mp_length, stream_len},
                              {Py_mp_subscript, stream_subscript},
                              {Py_sq_contains, stream_contains},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = LIVE_SPEC("kevy.Stream", slots, 0);

PyTypeObject *pystream_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
