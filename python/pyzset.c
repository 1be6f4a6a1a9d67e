/* pyzset: kevy.ZSet, a live view of a sorted set: a mapping of members to scores, in the order of
 * (score, member). */
#include "pycontents.h"
#include "pyexclusive.h"

#define PYROWS "zset.def"
#include "pytables.h"

/* ---- Reading --------------------------------------------------------------------------------- */

/* What a missing member gives: an object, or KeyError for NULL. */
static PyObject *or_missing(PyObject *member, PyObject *missing) {
  return missing ? Py_NewRef(missing) : pyerrors_missing(member);
}

static __attribute__((noinline)) PyObject *lookup_in_turn(Live *self, PyObject *object,
                                                          PyObject *missing) {
  kevy_value member;
  PyObject *keep;
  if (!pyargs_member(object, &member, &keep)) return NULL;
  Turn turn;
  double score = 0;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, self->store)) {
    status = kevy_zscore(turn.handle, LIVE_KEY(self), &member, &score);
    pylive_end(&turn, status);
  }
  Py_XDECREF(keep);
  if (status < 0) return NULL;
  return status == KEVY_OK ? PyFloat_FromDouble(score) : or_missing(object, missing);
}

static inline PyObject *lookup(Live *self, PyObject *object, PyObject *missing) {
  kevy_value member;
  double score;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(object, &member))) {
    kevy_status status = kevy_zscore(s, LIVE_KEY(self), &member, &score);
    if (LIKELY(status == KEVY_OK)) return PyFloat_FromDouble(score);
    if (status > 0) return or_missing(object, missing);
  }
  return lookup_in_turn(self, object, missing);
}

PyObject *pyzset_lookup(Live *self, PyObject *member, PyObject *missing) {
  return lookup(self, member, missing);
}

static PyObject *zset_subscript(PyObject *self, PyObject *member) {
  return lookup((Live *)self, member, NULL);
}

PyObject *pyzset_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (LIKELY(nargs == 1)) return lookup((Live *)self, args[0], Py_None);
  if (nargs == 2) return lookup((Live *)self, args[0], args[1]);
  return PyErr_Format(PyExc_TypeError, "get() takes 1 or 2 arguments (%zd given)", nargs);
}

static kevy_status has_member(kevy_store *s, const char *key, size_t len, const kevy_value *member) {
  double score;
  return kevy_zscore(s, key, len, member, &score);
}

static int zset_contains(PyObject *object, PyObject *member_object) {
  Live *self = (Live *)object;
  kevy_value member;
  kevy_status status = KEVY_EARG;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(pyargs_quick_member(member_object, &member)))
    status = has_member(s, LIVE_KEY(self), &member);
  if (UNLIKELY(status < 0)) status = pylive_ask(self, member_object, has_member);
  return status < 0 ? -1 : status == KEVY_OK;
}

static Py_ssize_t zset_len(PyObject *self) { return pylive_len((Live *)self, kevy_zcard); }

/* None, or a score however the reply has it. Steals object. */
static PyObject *as_score(PyObject *object) {
  if (!object || object == Py_None || PyFloat_CheckExact(object)) return object;
  PyObject *score = PyNumber_Float(object);
  Py_DECREF(object);
  return score;
}

PyObject *pyzset_mget(PyObject *object, PyObject *members) {
  PyObject *given = PySequence_List(members);
  if (!given) return NULL;
  Py_ssize_t count = PyList_GET_SIZE(given);
  Call call;
  pylive_call(&call, (Live *)object, "ZMSCORE", count);
  for (Py_ssize_t i = 0; i < count; i++)
    pylive_arg(&call, PyList_GET_ITEM(given, i), pyargs_member);
  PyObject *scores = count ? pylive_answer(&call) : PyList_New(0);
  if (!count) pylive_call_done(&call);
  for (Py_ssize_t i = 0; scores && i < count; i++) {
    PyObject *score = as_score(Py_NewRef(PyList_GET_ITEM(scores, i)));
    if (!score || PyList_SetItem(scores, i, score) < 0) Py_CLEAR(scores);
  }
  Py_DECREF(given);
  return scores;
}

PyObject *pyzset_rank(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames) {
  static const Signature sig = {"rank", 1, 2, 1, {"member", "rev", NULL}};
  Live *self = (Live *)object;
  PyObject *given[PYARGS_MAX], *keep;
  uint32_t flags = 0;
  kevy_value member;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) ||
      !pyargs_flag(given[1], KEVY_REV, &flags) || !pyargs_member(given[0], &member, &keep))
    return NULL;
  Turn turn;
  uint64_t rank = 0;
  kevy_status status = KEVY_ECLOSED;
  if (turn_begin(&turn, self->store)) {
    status = kevy_zrank(turn.handle, LIVE_KEY(self), &member, flags, &rank, NULL);
    pylive_end(&turn, status);
  }
  Py_XDECREF(keep);
  if (status < 0) return NULL;
  if (status > 0) Py_RETURN_NONE;
  return PyLong_FromUnsignedLongLong(rank);
}

PyObject *pyzset_random(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  return pylive_random((Live *)self, "ZRANDMEMBER", args, nargs, kwnames);
}

PyObject *pyzset_reversed(PyObject *self, PyObject *unused) {
  (void)unused;
  return pyiter_elements((Live *)self, PYITER_KEYS, KEVY_REV);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static __attribute__((noinline)) int assign_in_turn(Live *self, PyObject *object,
                                                    PyObject *score_object) {
  kevy_value member;
  PyObject *keep;
  double score;
  if (!pycontents_score(score_object, &score) || !pyargs_member(object, &member, &keep)) return -1;
  Turn turn;
  bool done =
      turn_begin(&turn, self->store) &&
      pylive_end(&turn, kevy_zadd(turn.handle, LIVE_KEY(self), 1, &member, &score, self->text, NULL));
  Py_XDECREF(keep);
  return done ? 0 : -1;
}

static int zset_ass_subscript(PyObject *object, PyObject *member_object, PyObject *score_object) {
  Live *self = (Live *)object;
  if (UNLIKELY(!score_object)) {
    int removed = pylive_remove(self, member_object, kevy_zrem);
    if (removed == 0) pyerrors_missing(member_object);
    return removed > 0 ? 0 : -1;
  }
  kevy_value member;
  kevy_store *s = self->store->alone;
  if (LIKELY(s != NULL) && LIKELY(PyFloat_CheckExact(score_object)) &&
      LIKELY(pyargs_quick_member(member_object, &member))) {
    double score = PyFloat_AS_DOUBLE(score_object);
    if (LIKELY(kevy_zadd(s, LIVE_KEY(self), 1, &member, &score, self->text, NULL) >= 0)) return 0;
  }
  return assign_in_turn(self, member_object, score_object);
}

/* Removes a member and returns its score; missing (KeyError for NULL) when it is not there. */
static PyObject *take(Live *self, PyObject *object, PyObject *missing) {
  kevy_value member;
  PyObject *keep, *taken = NULL;
  double score = 0;
  if (!pyargs_member(object, &member, &keep)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self->store);
  if (s) {
    kevy_status status = kevy_zscore(s, LIVE_KEY(self), &member, &score);
    if (status == KEVY_OK) {
      taken = PyFloat_FromDouble(score);
      if (taken) status = kevy_zrem(s, LIVE_KEY(self), 1, &member, NULL);
    }
    if (!pylive_end(&turn, status)) Py_CLEAR(taken);
    else if (status > 0 && !taken) taken = or_missing(object, missing);
  }
  Py_XDECREF(keep);
  return taken;
}

PyObject *pyzset_pop(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  if (nargs == 1) return take((Live *)self, args[0], NULL);
  if (nargs == 2) return take((Live *)self, args[0], args[1]);
  return PyErr_Format(PyExc_TypeError, "pop() takes 1 or 2 arguments (%zd given)", nargs);
}

PyObject *pyzset_setdefault(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Live *self = (Live *)object;
  kevy_value member;
  PyObject *keep;
  double score;
  if (nargs != 2)
    return PyErr_Format(PyExc_TypeError, "setdefault() takes 2 arguments (%zd given)", nargs);
  PyObject *found = lookup(self, args[0], object); /* the view itself stands for "missing" */
  if (found != object) return found;
  Py_DECREF(found);
  if (!pycontents_score(args[1], &score) || !pyargs_member(args[0], &member, &keep)) return NULL;
  Turn turn;
  bool done = false;
  kevy_store *s = turn_begin(&turn, self->store);
  if (s) {
    kevy_status status =
        kevy_zadd(s, LIVE_KEY(self), 1, &member, &score, KEVY_NX | self->text, NULL);
    if (status >= 0) status = kevy_zscore(s, LIVE_KEY(self), &member, &score);
    done = pylive_end(&turn, status);
  }
  Py_XDECREF(keep);
  return done ? PyFloat_FromDouble(score) : NULL;
}

/* Adds pairs, a list that is stolen and may be NULL after an exception. */
static bool add_pairs(Live *self, PyObject *pairs, uint32_t flags, uint64_t *count) {
  Contents contents;
  if (!pycontents_read(&contents, KEVY_TYPE_ZSET, pairs)) return false;
  bool done = pycontents_add(&contents, self, flags, count);
  pycontents_done(&contents);
  return done;
}

PyObject *pyzset_update(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames) {
  Live *self = (Live *)object;
  PyObject *pairs = pylive_pairs_of_call(self->store->state, args, nargs, kwnames);
  if (!add_pairs(self, pairs, 0, NULL)) return NULL;
  Py_RETURN_NONE;
}

PyObject *pyzset_add(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames) {
  static const Signature sig = {
      "add", 1, 1, 1, {"mapping", "nx", "xx", "gt", "lt", "changed", NULL}};
  Live *self = (Live *)object;
  PyObject *given[PYARGS_MAX];
  uint32_t flags = 0;
  uint64_t count = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !pyargs_conditions(given + 1, &flags) ||
      !pyargs_flag(given[5], KEVY_CHANGED, &flags))
    return NULL;
  if (!add_pairs(self, pylive_pairs(self->store->state, given[0], "add"), flags, &count))
    return NULL;
  return PyLong_FromUnsignedLongLong(count);
}

PyObject *pyzset_incr(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames) {
  static const Signature sig = {"incr", 1, 2, 1, {"member", "by", NULL}};
  Live *self = (Live *)object;
  PyObject *given[PYARGS_MAX], *keep;
  kevy_value member;
  double by = 1;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) ||
      (given[1] && !pycontents_score(given[1], &by)) || !pyargs_member(given[0], &member, &keep))
    return NULL;
  Turn turn;
  bool done = turn_begin(&turn, self->store) &&
              pylive_end(&turn, kevy_zincr(turn.handle, LIVE_KEY(self), &member, by, self->text, &by));
  Py_XDECREF(keep);
  return done ? PyFloat_FromDouble(by) : NULL;
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

typedef enum { BY_RANK, BY_SCORE, BY_LEX } By;

static bool read_by(PyObject *word, By *by, bool ranks) {
  static const char *const words[] = {"rank", "score", "lex"};
  if (!word) return true;
  for (int i = ranks ? BY_RANK : BY_SCORE; i <= BY_LEX && PyUnicode_Check(word); i++) {
    if (PyUnicode_CompareWithASCIIString(word, words[i]) != 0) continue;
    *by = (By)i;
    return true;
  }
  PyErr_Format(PyExc_ValueError, "by is %s, not %R",
               ranks ? "'rank', 'score' or 'lex'" : "'score' or 'lex'", word);
  return false;
}

static void put_rank(Call *call, PyObject *bound, int64_t none) {
  int64_t rank = none;
  if (bound && bound != Py_None && !pyargs_int64(bound, "a rank", &rank)) call->failed = true;
  pylive_int(call, rank);
}

static void put_score(Call *call, PyObject *bound, bool exclusive) {
  double score;
  if (!pycontents_score(bound, &score)) {
    call->failed = true;
    return;
  }
  char *digits = PyOS_double_to_string(score, 'r', 0, 0, NULL);
  pylive_own(call, digits ? PyBytes_FromFormat("%s%s", exclusive ? "(" : "", digits) : PyErr_NoMemory());
  PyMem_Free(digits);
}

/* One bound of a range by score or lex. low: None is below everything. */
static void put_bound(Call *call, PyObject *bound, By by, bool low) {
  if (call->failed) return;
  if (!bound || bound == Py_None) {
    pylive_word(call, by == BY_SCORE ? (low ? "-inf" : "+inf") : (low ? "-" : "+"));
    return;
  }
  PyObject *excluded = pyexclusive_value(call->self->store->state, bound);
  if (by == BY_SCORE) put_score(call, excluded ? excluded : bound, excluded != NULL);
  else pylive_prefixed(call, excluded ? '(' : '[', excluded ? excluded : bound);
}

static void put_bounds(Call *call, PyObject *start, PyObject *stop, By by, bool rev) {
  if (by == BY_RANK) {
    put_rank(call, start, 0);
    put_rank(call, stop, -1);
    return;
  }
  put_bound(call, start, by, !rev);
  put_bound(call, stop, by, rev);
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

/* A (member, score) tuple from what follows in a reply. */
static PyObject *build_pair(State *state, kevy_reply *reply) {
  PyObject *member = pyreply_build(state, reply, REPLY_KINDS);
  PyObject *score = member ? as_score(pyreply_build(state, reply, REPLY_KINDS)) : NULL;
  PyObject *pair = score ? PyTuple_Pack(2, member, score) : NULL;
  Py_XDECREF(member);
  Py_XDECREF(score);
  return pair;
}

/* A list of such tuples from a reply that has members and scores in turn. */
static PyObject *build_pairs(State *state, kevy_reply *reply) {
  uint64_t count = pylive_count(reply) / 2;
  PyObject *list = PyList_New((Py_ssize_t)count);
  for (uint64_t i = 0; list && i < count; i++) {
    PyObject *pair = build_pair(state, reply);
    if (pair) PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
    else Py_CLEAR(list);
  }
  return list;
}

static PyObject *answer_pairs(Call *call) {
  Store *store = call->self->store;
  kevy_reply *reply = pylive_run(call);
  if (!reply) return NULL;
  PyObject *list = build_pairs(store->state, reply);
  pyreply_give(store, reply);
  return list;
}

/* LIMIT offset count, where one is asked for. */
static bool put_limit(Call *call, PyObject *offset_object, PyObject *count_object, By by) {
  int64_t offset = 0, count = -1;
  bool limited = count_object && count_object != Py_None;
  if (offset_object && !pyargs_int64(offset_object, "offset", &offset)) return false;
  if (limited && !pyargs_int64(count_object, "count", &count)) return false;
  if (!limited && offset == 0) return true;
  if (by == BY_RANK || offset < 0 || (limited && count < 0)) {
    PyErr_SetString(PyExc_ValueError, by == BY_RANK
                                          ? "offset and count go with by='score' and by='lex'"
                                          : "offset and count must not be negative");
    return false;
  }
  pylive_word(call, "LIMIT");
  pylive_int(call, offset);
  pylive_int(call, count);
  return true;
}

PyObject *pyzset_range(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
  static const Signature sig = {
      "range", 0, 3, 0, {"start", "stop", "by", "rev", "offset", "count", "withscores", NULL}};
  PyObject *given[PYARGS_MAX];
  By by = BY_RANK;
  uint32_t rev = 0, scores = 0;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !read_by(given[2], &by, true) ||
      !pyargs_flag(given[3], 1, &rev) || !pyargs_flag(given[6], 1, &scores))
    return NULL;
  if (scores && by == BY_LEX)
    return PyErr_Format(PyExc_ValueError, "withscores does not go with by='lex'");
  Call call;
  pylive_call(&call, (Live *)object, "ZRANGE", 8);
  put_bounds(&call, given[0], given[1], by, rev);
  if (by != BY_RANK) pylive_word(&call, by == BY_SCORE ? "BYSCORE" : "BYLEX");
  if (rev) pylive_word(&call, "REV");
  if (!call.failed && !put_limit(&call, given[4], given[5], by)) call.failed = true;
  if (scores) pylive_word(&call, "WITHSCORES");
  return scores ? answer_pairs(&call) : pylive_answer(&call);
}

PyObject *pyzset_count(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
  static const Signature sig = {"count", 0, 3, 0, {"lo", "hi", "by", NULL}};
  PyObject *given[PYARGS_MAX];
  By by = BY_SCORE;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !read_by(given[2], &by, false))
    return NULL;
  Call call;
  pylive_call(&call, (Live *)object, by == BY_SCORE ? "ZCOUNT" : "ZLEXCOUNT", 2);
  put_bounds(&call, given[0], given[1], by, false);
  return pylive_answer(&call);
}

PyObject *pyzset_remove_range(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames) {
  static const char *const commands[] = {"ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZREMRANGEBYLEX"};
  static const Signature sig = {"remove_range", 0, 3, 0, {"start", "stop", "by", NULL}};
  PyObject *given[PYARGS_MAX];
  By by = BY_RANK;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given) || !read_by(given[2], &by, true))
    return NULL;
  Call call;
  pylive_call(&call, (Live *)object, commands[by], 2);
  put_bounds(&call, given[0], given[1], by, false);
  return pylive_answer(&call);
}

/* ---- The ends -------------------------------------------------------------------------------- */

/* The first of a list of pairs, or KeyError when it is empty. Steals list. */
static PyObject *only_pair(PyObject *list) {
  if (!list) return NULL;
  PyObject *pair = PyList_GET_SIZE(list) ? Py_NewRef(PyList_GET_ITEM(list, 0)) : NULL;
  if (!pair) PyErr_SetString(PyExc_KeyError, "pop from an empty sorted set");
  Py_DECREF(list);
  return pair;
}

/* Removes up to n members with the lowest or highest scores: a list of pairs. */
static PyObject *pop_pairs(Live *self, int64_t n, bool highest) {
  Call look, remove;
  pylive_call(&look, self, "ZRANGE", 4);
  pylive_int(&look, n > 0 ? 0 : 1); /* none: from 1 to 0 */
  pylive_int(&look, n > 0 ? n - 1 : 0);
  if (highest) pylive_word(&look, "REV");
  pylive_word(&look, "WITHSCORES");
  pylive_call(&remove, self, highest ? "ZPOPMAX" : "ZPOPMIN", 1);
  pylive_int(&remove, n);
  return pylive_answer_and(&look, &remove, build_pairs);
}

static PyObject *pop_end(PyObject *object, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames, const char *function, bool highest) {
  const Signature sig = {function, 0, 1, 0, {"n", NULL}};
  PyObject *given[PYARGS_MAX];
  int64_t n = 1;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  bool several = given[0] && given[0] != Py_None;
  if (several && !pyargs_int64(given[0], "n", &n)) return NULL;
  if (n < 0) return PyErr_Format(PyExc_ValueError, "n must not be negative");
  PyObject *pairs = pop_pairs((Live *)object, n, highest);
  return several ? pairs : only_pair(pairs);
}

PyObject *pyzset_pop_min(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  return pop_end(self, args, nargs, kwnames, "pop_min", false);
}

PyObject *pyzset_pop_max(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames) {
  return pop_end(self, args, nargs, kwnames, "pop_max", true);
}

PyObject *pyzset_popitem(PyObject *self, PyObject *unused) {
  (void)unused;
  return pop_end(self, NULL, 0, NULL, "popitem", false);
}

/* ---- The type -------------------------------------------------------------------------------- */

static const char doc[] =
    "A live view of a sorted set: a mapping of members to scores, under one key of a store.\n\n"
    "Members are str, bytes or int, and 5 and '5' are one member; scores are floats. Without the key\n"
    "the view is empty; a write makes the key, and removing the last member removes it.\n\n"
    "Iterating visits the members of the moment at which the iterator is made, from the lowest score\n"
    "to the highest, equal ones in the order of the members' bytes.\n\n"
    ">>> board = s.ZSet('board')\n"
    ">>> board.update(ann=10, bob=30)\n"
    ">>> board.incr('ann', 25), board.rank('ann', rev=True)\n"
    "(35.0, 0)\n"
    ">>> list(board.items())\n"
    "[('bob', 30.0), ('ann', 35.0)]";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              LIVE_SLOTS,
                              {Py_tp_iter, pylive_iter},
                              {Py_tp_richcompare, pylive_richcompare},
                              {Py_mp_length, zset_len},
                              {Py_mp_subscript, zset_subscript},
                              {Py_mp_ass_subscript, zset_ass_subscript},
                              {Py_sq_contains, zset_contains},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = LIVE_SPEC("kevy.ZSet", slots, Py_TPFLAGS_MAPPING);

PyTypeObject *pyzset_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
