/* pylive: what the five live views have in common.
 *
 * A view is a store and a key, nothing else: it sees what the key holds at each call, reads as empty when
 * there is no such key, and raises WrongTypeError when the key holds another type. Hot methods call the
 * typed ABI directly; the others run a command through a Call. */
#ifndef KEVY_PY_LIVE_H
#define KEVY_PY_LIVE_H

#include "pyreply.h"

#include <structmember.h>

typedef struct Live {
  PyObject_HEAD
  Store *store;
  const char *ptr; /* the bytes of key */
  size_t len;
  uint32_t text;   /* KEVY_TEXT_KEY when it is a str, else 0 */
  int32_t type;    /* KEVY_TYPE_... that the view is of */
  PyObject *key;   /* str or bytes, exactly */
  PyObject *weakrefs;
} Live;

/* The key as the engine's functions take it. */
#define LIVE_KEY(live) (live)->ptr, (live)->len

/* A view of a key of a store. */
PyObject *pylive_new(Store *store, int32_t type, PyObject *key);

/* A view of what a key holds at present; Py_None when it holds no collection. */
PyObject *pylive_of_key(Store *store, PyObject *key);

/* The view that an object is, of this type or (KEVY_TYPE_NONE) of any; NULL when it is none. */
Live *pylive_check(State *state, PyObject *object, int32_t type);

/* ---- Elements -------------------------------------------------------------------------------- */

/* Opens an iterator over the elements of this moment. *out is NULL when there is no such key. */
bool pylive_elements(Live *self, uint32_t flags, kevy_iter **out);

/* The elements of this moment in the container of Python that is nearest: dict, list, set; of a stream a
 * list of (id, fields). */
PyObject *pylive_detach(Live *self);

/* The same of what a key holds, which is gone then; on an exception all of it is still there. NULL without one
 * when there is no such key. Begins in a turn and ends it. */
PyObject *pylive_take(Turn *turn, int32_t type, const char *key, size_t len);

/* s[key] = a list, tuple, dict, set or view. nx: only when there is no such key; *done says whether it
 * was written. 0, or -1 with an exception. */
int pylive_assign(Store *store, PyObject *key, PyObject *value, bool nx);

/* Whether an object is what pylive_assign takes. */
bool pylive_is_collection(State *state, PyObject *object);

/* Every pair of a mapping or of an iterable of pairs in one new list: key, value, key, value ... */
PyObject *pylive_pairs(State *state, PyObject *source, const char *function);

/* The same with what a method's keyword arguments add: update(other=(), /, **pairs). */
PyObject *pylive_pairs_of_call(State *state, PyObject *const *args, Py_ssize_t nargs,
                               PyObject *kwnames);

/* ---- Calls of one element -------------------------------------------------------------------- */

typedef kevy_status (*LenCall)(kevy_store *, const char *, size_t, uint64_t *);
typedef kevy_status (*MemberCall)(kevy_store *, const char *, size_t, const kevy_value *);
typedef kevy_status (*RemoveCall)(kevy_store *, const char *, size_t, size_t, const kevy_value *,
                                  uint64_t *);

Py_ssize_t pylive_len(Live *self, LenCall call);

/* What call answers for one member: the status, with an exception if negative. */
kevy_status pylive_ask(Live *self, PyObject *member, MemberCall call);

/* The value of a field or the score of a member; when it is not there missing, or KeyError for NULL. */
PyObject *pylive_lookup(Live *self, PyObject *member, PyObject *missing);

/* Removes one member: 1, 0 when it was not there, -1 with an exception. */
int pylive_remove(Live *self, PyObject *member, RemoveCall call);

/* Ends the turn of a call: true, or false with an exception. */
static inline bool pylive_end(Turn *turn, kevy_status status) {
  if (LIKELY(status >= 0)) turn_end(turn);
  else turn_fail(turn, status);
  return status >= 0;
}

/* ---- Commands -------------------------------------------------------------------------------- */

/* A command with a view's key as its first argument. What was given is borrowed until the call is over;
 * an argument that cannot be read leaves the call failed, with an exception, and what follows does
 * nothing: only the end asks. */
typedef struct Call {
  Live *self;
  bool failed;
  Values argv;
} Call;

void pylive_call(Call *call, Live *self, const char *command, Py_ssize_t room);
void pylive_word(Call *call, const char *word);                 /* static text */
void pylive_int(Call *call, int64_t number);
void pylive_arg(Call *call, PyObject *object, ValueReader read); /* borrowed from the caller */
void pylive_own(Call *call, PyObject *object); /* str or bytes, stolen; NULL after an exception */
void pylive_prefixed(Call *call, char prefix, PyObject *object); /* "(5-1", "[member" */

/* A command whose first argument is a subcommand, the key its second; and one whose key comes where it is
 * put. */
void pylive_call2(Call *call, Live *self, const char *command, const char *sub, Py_ssize_t room);
void pylive_call_keyless(Call *call, Live *self, const char *command, Py_ssize_t room);
void pylive_key(Call *call);

/* Runs it, which ends the call: the reply, to be given back with pyreply_give, or NULL with an exception. */
kevy_reply *pylive_run(Call *call);

/* Runs it and builds its reply. */
PyObject *pylive_answer(Call *call);

/* Runs look and builds its reply, then runs remove, in one turn and with nothing collected: what cannot be built
 * is not removed. remove is not run where look found nothing. Ends both. */
PyObject *pylive_answer_and(Call *look, Call *remove, PyObject *(*build)(State *, kevy_reply *));

/* random(n=None) by a command that takes a key and, for several, a count. */
PyObject *pylive_random(Live *self, const char *command, PyObject *const *args, Py_ssize_t nargs,
                        PyObject *kwnames);

/* Runs it within a turn, and leaves the turn and the call as they are. NULL without an exception when it
 * fails: *status then says why. */
kevy_reply *pylive_run_in(Call *call, Turn *turn, kevy_status *status);
void pylive_call_done(Call *call);

/* The first item of a reply, which announces how many follow; 0 for nil. */
uint64_t pylive_count(kevy_reply *reply);

/* ---- Slots and methods that all have ----------------------------------------------------------- */

void pylive_dealloc(PyObject *self);
int pylive_traverse(PyObject *self, visitproc visit, void *arg);
PyObject *pylive_get_key(PyObject *self, void *unused);
PyObject *pylive_reduce(PyObject *self, PyObject *unused);
PyObject *pylive_copy(PyObject *self, PyObject *unused);
PyObject *pylive_clear(PyObject *self, PyObject *unused);
PyObject *pylive_repr(PyObject *self);

/* Keys, values or items as live views of a mapping: what is PYITER_... (pyviews.c), and iterators over
 * its elements (pyiter.c). */
PyObject *pylive_keys(PyObject *self, PyObject *unused);
PyObject *pylive_values(PyObject *self, PyObject *unused);
PyObject *pylive_items(PyObject *self, PyObject *unused);
PyObject *pylive_iter(PyObject *self);
PyObject *pylive_richcompare(PyObject *self, PyObject *other, int op);

extern PyMemberDef pylive_members[];

#define LIVE_SLOTS                                                                                 \
  {Py_tp_dealloc, pylive_dealloc}, {Py_tp_traverse, pylive_traverse}, {Py_tp_repr, pylive_repr},   \
      {Py_tp_members, pylive_members}, {Py_tp_hash, PyObject_HashNotImplemented}

#define LIVE_SPEC(name, slots, flags)                                                              \
  {name, sizeof(Live), 0,                                                                          \
   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |                            \
       Py_TPFLAGS_DISALLOW_INSTANTIATION | (flags),                                                \
   slots}

/* The types, made once per interpreter. A new reference or NULL. */
PyTypeObject *pyhash_type(PyObject *module);
PyTypeObject *pylist_type(PyObject *module);
PyTypeObject *pyset_type(PyObject *module);
PyTypeObject *pyzset_type(PyObject *module);
PyTypeObject *pystream_type(PyObject *module);
PyTypeObject *pywalk_type(PyObject *module);
PyTypeObject *pygroup_type(PyObject *module);
PyTypeObject *pyexclusive_type(PyObject *module);

/* pylive_lookup of the two. */
PyObject *pyhash_lookup(Live *self, PyObject *field, PyObject *missing);
PyObject *pyzset_lookup(Live *self, PyObject *member, PyObject *missing);

/* The entries of a stream, as pylive_detach gives them; the same within a turn in which nothing is collected:
 * NULL when *status says why, or with an exception. *reply is given back when the turn is over. */
PyObject *pystream_detach(Live *self);
PyObject *pystream_entries(Turn *turn, const char *key, size_t len, kevy_reply **reply,
                           kevy_status *status);

#endif
