/* pystore: the Store object, and the turn that every use of it takes.
 *
 * One turn is: convert the arguments, begin, call the engine, build scalars from what it lends, end;
 * lists, dicts and exceptions are made outside of it. No code of the user runs within a turn, and no
 * thread waits for the GIL within one, so a turn never meets another of the same thread and the
 * engine's lock never waits for a thread that waits for it. One exception: a write to a store in a
 * directory that is done, and waits for the disk, releases the GIL, and others have their turns
 * meanwhile; so what borrows from the store is not used after a write within the turn.
 *
 * What guards a store depends on who can reach it. An anonymous one is reached through this object
 * only: the GIL serialises its turns (on a free-threaded build the object's critical section does),
 * and the engine is opened without a lock. A named one may be shared with another interpreter, a
 * ctypes or a C user: the engine gives it a lock, and a turn enters that too. So it does while a window is open (pywindow.c). */
#ifndef KEVY_PY_STORE_H
#define KEVY_PY_STORE_H

#include "persist/log_host.h"
#include "pyargs.h"

typedef struct {
  PyObject_HEAD
  State *state;
  kevy_store *handle; /* NULL when closed */
  kevy_store *alone;  /* the same, when a turn has nothing to enter: see quick_key; else NULL */
  bool shared;        /* the engine's store has a lock: it is named, or has a window */
  bool named;
  bool frozen;        /* a snapshot */
  bool guarded;       /* a transaction is open: turns look whose it is */
  bool listening;     /* to events: turns tell of them first (pyevents.c) */
  bool telling;       /* of events, at this moment */
  PyObject *listeners[2]; /* on_expire's and on_evict's, or NULL */
  bool with_value[2];
  PyObject *task;     /* the asyncio task that began it; NULL: none did */
  log_host host;      /* of a store in a directory: what releases the GIL while a call waits for the disk */
  int waiting;        /* calls that wait so: the handle is theirs, too */
  int stopping;       /* windows that are being closed, likewise */
  PyObject *windows;  /* a list of those that are open, or NULL */
  kevy_reply *reply;  /* kept for the next command; NULL while one uses it */
  PyObject *name;     /* the URL, for repr */
  PyObject *weakrefs;
} Store;

/* ---- Turns ----------------------------------------------------------------------------------- */

typedef struct {
  Store *store;
  kevy_store *handle;
  bool beside; /* of a shared store: it was not entered, as a script is late; a session's command is answered all the same */
#ifdef Py_GIL_DISABLED
  PyCriticalSection section;
#endif
} Turn;

/* Raises ClosedError. Always returns NULL. */
PyObject *pystore_closed(Store *self);

/* Enters a store that is shared or in a transaction: waits, with the GIL released, until no other thread's transaction is
 * open. False with an exception: the store was closed meanwhile, or the transaction is another task's.
 * Where it is a script that is late, a turn for a session's command is admitted beside it. */
bool turn_admit(Turn *turn, bool command);

/* Calls the listeners for the events that wait, before a turn; not within a transaction. Never raises. */
void pyevents_tell(Store *self);

/* Takes the listeners away into taken, where the caller lets go of them. */
void pyevents_leave(Store *self, PyObject *taken[2]);

static inline void turn_end(Turn *turn) {
  if (UNLIKELY(turn->store->shared) && !turn->beside) kevy_unlock(turn->handle);
#ifdef Py_GIL_DISABLED
  PyCriticalSection_End(&turn->section);
#endif
}

/* The engine's store, or NULL with ClosedError. */
static inline kevy_store *turn_begin_as(Turn *turn, Store *self, bool command) {
  turn->store = self;
  if (UNLIKELY(self->listening)) pyevents_tell(self);
#ifdef Py_GIL_DISABLED
  PyCriticalSection_Begin(&turn->section, (PyObject *)self);
#endif
  turn->handle = self->handle;
  if (UNLIKELY(!turn->handle)) {
#ifdef Py_GIL_DISABLED
    PyCriticalSection_End(&turn->section);
#endif
    pystore_closed(self);
    return NULL;
  }
  if (UNLIKELY(self->shared | self->guarded) && !turn_admit(turn, command)) {
#ifdef Py_GIL_DISABLED
    PyCriticalSection_End(&turn->section);
#endif
    return NULL;
  }
  return turn->handle;
}
static inline kevy_store *turn_begin(Turn *turn, Store *self) { return turn_begin_as(turn, self, false); }

/* The same for a session's command, which enters the store by itself. */
static inline kevy_store *turn_begin_command(Turn *turn, Store *self) { return turn_begin_as(turn, self, true); }

/* The short form of a turn for the hottest calls: a str, exactly, in ASCII as the key, a store whose turns the GIL
 * alone serialises. False: take the long way, which also raises what there is to raise. */
static inline bool quick_key(const Store *self, PyObject *object, const char **ptr, size_t *len) {
  if (UNLIKELY(!self->alone || !PyUnicode_CheckExact(object) || !PyUnicode_IS_COMPACT_ASCII(object)))
    return false;
  *ptr = (const char *)((PyASCIIObject *)object + 1);
  *len = (size_t)((PyASCIIObject *)object)->length;
  return true;
}

/* Ends the turn and raises what status and the store's message say. Always returns NULL. */
PyObject *turn_fail(Turn *turn, kevy_status status);

/* ---- Shared between the files of the type ----------------------------------------------------- */

/* Puts an open store, or NULL, behind the object. */
static inline void pystore_attach(Store *self, kevy_store *handle, bool shared) {
  self->handle = handle;
  self->shared = shared;
#ifndef Py_GIL_DISABLED
  self->alone = shared || self->guarded || self->listening ? NULL : handle;
#endif
}

/* A store of its own, as Store() opens it; NULL with an exception. */
kevy_store *pystore_open_own(State *state, PyObject *maxmemory, PyObject *policy);

/* Puts a store of its own behind an object, in place of what was there. */
void pystore_replace(Store *self, kevy_store *handle, PyObject *name);

/* A new object around an open store. Steals handle (closed on failure) and name (may be NULL after a
 * failed allocation). */
PyObject *pystore_wrap(State *state, kevy_store *handle, bool shared, bool frozen, PyObject *name);

/* s[key] = value, and update(). 0, or -1 with an exception. */
int pystore_assign(Store *self, PyObject *key, PyObject *value);

/* s[key]; NULL without an exception never happens: a missing key gives missing, or KeyError for NULL. */
PyObject *pystore_lookup(Store *self, PyObject *key, PyObject *missing);

/* key in s: 1, 0, or -1 with an exception. */
int pystore_contains(PyObject *self, PyObject *key);

Py_ssize_t pystore_len(PyObject *self);
PyObject *pystore_iter(PyObject *self);
PyObject *pystore_richcompare(PyObject *self, PyObject *other, int op);
PyObject *pystore_subscript(PyObject *self, PyObject *key);
int pystore_ass_subscript(PyObject *self, PyObject *key, PyObject *value);

/* An iterator over this moment. pattern and type as kevy_iter_open takes them. */
enum { PYITER_KEYS, PYITER_VALUES, PYITER_ITEMS };
PyObject *pyiter_open(Store *self, int what, const kevy_value *pattern, int32_t type);

/* An iterator over the elements of a view: fields or members (with values or scores), elements. */
struct Live;
PyObject *pyiter_elements(struct Live *self, int what, uint32_t flags);

/* keys(), items(), values() of a store, a hash or a sorted set: what is PYITER_... */
PyObject *pyviews_new(PyObject *owner, int what);

/* Compares a mapping of kevy's, whose pairs items() iterates over, with another. */
PyObject *pymapping_compare(State *state, PyObject *self, PyObject *other, int op,
                            PyObject *(*items)(PyObject *));

/* A read-only memoryview over the value of a key. */
PyObject *pypin_view(Store *self, PyObject *key);

/* Types, made once per interpreter. A new reference or NULL. */
PyTypeObject *pystore_type(PyObject *module);
PyTypeObject *pyiter_type(PyObject *module);
PyTypeObject *pypin_type(PyObject *module);
PyTypeObject *pyversion_type(PyObject *module);
PyTypeObject *pysession_type(PyObject *module);
int pyviews_types(PyObject *module, State *state);

/* ---- Methods: what the rows of store.def name --------------------------------------- */

#define PYROWS "store.def"
#include "pyrows.h"
#undef PYROWS

#endif
