/* pystore: the Store type: opening, closing, watching, and the tables that make it a type. What it does
 * with keys is in pystrings.c, pykeys.c and pymapping.c. */
#include "pywindow.h"

#include <structmember.h>
#include <time.h>

#include "store.h"

#define PYROWS "store.def"
#include "pytables.h"

/* Stores bigger than this are let go of with the GIL released: returning their pages takes a while. */
#define BIG ((uint64_t)8 << 20)

/* ---- Turns ----------------------------------------------------------------------------------- */

PyObject *pystore_closed(Store *self) {
  PyErr_SetString(pyerrors_class(self->state, KEVY_ECLOSED), kevy_strerror(KEVY_ECLOSED));
  return NULL;
}

/* The task that runs, where asyncio is in use at all; NULL, without an exception, outside of one. A new reference. */
static PyObject *current_task(void) {
  PyObject *name = PyUnicode_FromString("asyncio");
  PyObject *asyncio = name ? PyImport_GetModule(name) : NULL;
  PyObject *task = NULL, *loop = NULL;
  Py_XDECREF(name);
  if (asyncio) loop = pyargs_call(asyncio, "_get_running_loop", NULL);
  if (loop && loop != Py_None) task = pyargs_call(asyncio, "current_task", NULL);
  if (task == Py_None) Py_CLEAR(task);
  PyErr_Clear();
  Py_XDECREF(loop);
  Py_XDECREF(asyncio);
  return task;
}

/* Whether the task that runs is the transaction's; else raises. */
static bool task_admitted(Store *self) {
  PyObject *task = current_task();
  bool same = task == self->task;
  Py_XDECREF(task);
  if (!same)
    PyErr_SetString(pyerrors_class(self->state, KEVY_ETRANSACTION),
                    "a transaction of another task is open: it must end before its task awaits");
  return same;
}

bool turn_admit(Turn *turn, bool command) {
  Store *self = turn->store;
  kevy_status status;
  turn->beside = false;
  for (;;) {
    turn->handle = self->handle;
    if (!turn->handle) {
      pystore_closed(self);
      return false;
    }
    status = kevy_try_lock(turn->handle);
    if (status != KEVY_UNMET) break;
    if (command && store_late(turn->handle)) return turn->beside = true;
    struct timespec nap = {0, 200000};
    Py_BEGIN_ALLOW_THREADS
    nanosleep(&nap, NULL);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals() < 0) return false;
  }
  if (status != KEVY_OK) {
    pystore_closed(self);
    return false;
  }
  if (LIKELY(!self->guarded) || task_admitted(self)) return true;
  if (self->shared) kevy_unlock(turn->handle);
  return false;
}

PyObject *turn_fail(Turn *turn, kevy_status status) {
  const char *text = kevy_errmsg(turn->handle);
  PyObject *message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
  State *state = turn->store->state;
  turn_end(turn);
  return pyerrors_raise(state, status, message);
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* Where a store is and how big it may grow, as the caller said it. */
typedef struct {
  PyObject *url; /* a str, owned */
  kevy_options options;
  PyObject *progress;    /* borrowed; NULL: nobody asks */
  PyThreadState *thread; /* while the engine opens it: who it is that lets go of the GIL meanwhile */
} Opening;

/* An option that is a word, or NULL. */
static bool opening_word(PyObject *word, const char *name, const char **out) {
  if (!word) return true;
  if (!PyUnicode_Check(word)) {
    PyErr_Format(PyExc_TypeError, "%s is a str, not %.200s", name, Py_TYPE(word)->tp_name);
    return false;
  }
  *out = PyUnicode_AsUTF8(word);
  return *out != NULL;
}

static bool opening_flag(PyObject *value, uint32_t flag, kevy_options *options) {
  int set = value ? PyObject_IsTrue(value) : 0;
  if (set > 0) options->flags |= flag;
  return set >= 0;
}

/* What Store() and open() take beside the place, by keyword. */
#define OPENING_WORDS "maxmemory", "policy", "fsync", "log_queue", "rewrite_at", "fail_fast", "salvage", "progress"
#define OPENING_COUNT 8

/* kevy_options.progress: calls the caller's, or lets Ctrl-C through. */
static int32_t opening_tell(void *context, uint64_t done, uint64_t total, uint64_t keys) {
  Opening *opening = context;
  PyEval_RestoreThread(opening->thread);
  PyObject *result = opening->progress ? PyObject_CallFunction(opening->progress, "KKK", (unsigned long long)done,
                                                               (unsigned long long)total, (unsigned long long)keys)
                                       : NULL;
  bool fine = opening->progress ? result != NULL : PyErr_CheckSignals() == 0;
  Py_XDECREF(result);
  opening->thread = PyEval_SaveThread();
  return fine ? 0 : 1;
}

static bool opening_progress(Opening *opening, PyObject *progress) {
  opening->progress = progress == Py_None ? NULL : progress;
  opening->options.progress = opening_tell;
  opening->options.progress_context = opening;
  if (!opening->progress || PyCallable_Check(progress)) return true;
  PyErr_Format(PyExc_TypeError, "progress is called, which a %.200s cannot be", Py_TYPE(progress)->tp_name);
  return false;
}

static bool opening_read(Opening *opening, PyObject *const given[OPENING_COUNT]) {
  kevy_options defaults = KEVY_OPTIONS_INIT, *options = &opening->options;
  *options = defaults;
  if ((given[0] && !pyargs_memory(given[0], &options->maxmemory)) ||
      !opening_word(given[1], "policy", &options->policy) || !opening_word(given[2], "fsync", &options->fsync) ||
      (given[3] && !pyargs_memory(given[3], &options->log_queue)) ||
      (given[4] && !pyargs_memory(given[4], &options->rewrite_at)) ||
      !opening_flag(given[5], KEVY_FAIL_FAST, options) || !opening_flag(given[6], KEVY_SALVAGE, options) ||
      !opening_progress(opening, given[7]))
    return false;
  Py_ssize_t size;
  opening->options.url = PyUnicode_AsUTF8AndSize(opening->url, &size);
  if (!opening->options.url) return false;
  if (strlen(opening->options.url) == (size_t)size) return true;
  PyErr_SetString(PyExc_ValueError, "the name of a store must not contain a null character");
  return false;
}

static kevy_store *open_handle(State *state, Opening *opening) {
  kevy_store *handle = NULL;
  opening->thread = PyEval_SaveThread();
  kevy_status status = kevy_open(&opening->options, &handle);
  PyEval_RestoreThread(opening->thread);
  if (status == KEVY_OK) return handle;
  if (PyErr_Occurred()) return NULL; /* what ended it */
  const char *text = kevy_errmsg(NULL);
  pyerrors_raise(state, status, PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"));
  return NULL;
}

/* Whether another interpreter, or C, may have the same store open: a named one. */
static bool is_shared(const kevy_options *options) {
  return strncmp(options->url, "mem://", 6) == 0 && options->url[6] != '\0';
}

/* ---- Waiting for the disk -------------------------------------------------------------------- */

/* The end of a transaction keeps the GIL: it is over when its call is. The turn's lock goes with the GIL; whether there is one does not
 * change meanwhile, but where the store is closed: then there is none to take back. */
static void *wait_away(void *context) {
  Store *self = context;
  if (!pycompat_thread() || self->guarded) return NULL; /* a window's thread has no GIL */
  self->waiting++;
  if (self->shared) log_host_unlock(self->handle);
  return PyEval_SaveThread();
}
static void wait_back(void *context, void *token) {
  Store *self = context;
  if (!token) return;
  PyEval_RestoreThread(token);
  if (self->shared) log_host_lock(self->handle);
  self->waiting--;
}

static void host_handle(Store *self, kevy_store *handle) {
  self->host = (log_host){wait_away, wait_back, self};
  directory_host(handle, &self->host);
}

static bool is_waiting(Store *self, bool stopping) {
  bool some;
  Py_BEGIN_CRITICAL_SECTION(self);
  some = self->waiting != 0 || (stopping && self->stopping != 0);
  Py_END_CRITICAL_SECTION();
  return some;
}

static void wait_until_quiet(Store *self, bool stopping) {
  while (is_waiting(self, stopping)) {
    struct timespec nap = {0, 200000};
    Py_BEGIN_ALLOW_THREADS
    nanosleep(&nap, NULL);
    Py_END_ALLOW_THREADS
  }
}

void pystore_settle(Store *self) { wait_until_quiet(self, false); }

PyObject *pystore_wrap(State *state, kevy_store *handle, bool shared, bool frozen, PyObject *name) {
  Store *self = name ? (Store *)state->store_type->tp_alloc(state->store_type, 0) : NULL;
  if (!self) {
    Py_XDECREF(name);
    kevy_close(handle);
    return NULL;
  }
  self->state = state;
  host_handle(self, handle);
  self->named = shared;
  pystore_attach(self, handle, shared);
  self->frozen = frozen;
  self->name = name;
  return (PyObject *)self;
}

PyObject *pystore_open(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames) {
  static const Signature sig = {"open", 1, 1, 1, {"url", OPENING_WORDS, NULL}};
  PyObject *given[PYARGS_MAX];
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  if (!PyUnicode_Check(given[0])) {
    PyErr_Format(PyExc_TypeError, "a URL is a str, not %.200s", Py_TYPE(given[0])->tp_name);
    return NULL;
  }
  State *state = PyModule_GetState(module);
  Opening opening = {.url = given[0]};
  if (!opening_read(&opening, given + 1)) return NULL;
  kevy_store *handle = open_handle(state, &opening);
  if (!handle) return NULL;
  return pystore_wrap(state, handle, is_shared(&opening.options), false, Py_NewRef(given[0]));
}

static PyObject *store_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  (void)args, (void)kwargs;
  Store *self = (Store *)type->tp_alloc(type, 0);
  if (self) self->state = pymodule_state(type);
  return (PyObject *)self;
}

/* A path as the URL of its directory; a URL as it is. A new reference. */
static PyObject *url_of_path(PyObject *path) {
  if (!path || path == Py_None) return PyUnicode_FromString("mem://");
  PyObject *text = NULL;
  if (!PyUnicode_FSDecoder(path, &text)) return NULL;
  PyObject *mark = PyUnicode_FromString("://");
  int is_url = mark ? PyUnicode_Contains(text, mark) : -1;
  Py_XDECREF(mark);
  PyObject *url = NULL;
  if (is_url >= 0) url = is_url ? Py_NewRef(text) : PyUnicode_FromFormat("file://%U", text);
  Py_DECREF(text);
  return url;
}

/* What a store gives up when it closes. */
typedef struct {
  kevy_store *handle; /* NULL: it was closed */
  PyObject *windows;
} Leaving;

static void close_handle(kevy_store *handle, bool quickly) {
  if (quickly) {
    kevy_close(handle);
    return;
  }
  Py_BEGIN_ALLOW_THREADS
  kevy_close(handle);
  Py_END_ALLOW_THREADS
}

/* Gives a handle back that the object had, once the calls are over that wait for the disk. No lock, and nothing of the object's, is in
 * use here. */
static void let_go(Store *self, Leaving *leaving) {
  if (!leaving->handle) return;
  wait_until_quiet(self, true);
  close_handle(leaving->handle, !leaving->windows && kevy_used_memory(leaving->handle) < BIG &&
                                    strcmp(kevy_mode(leaving->handle), "directory") != 0);
  pywindow_end(leaving->windows);
}

/* Takes the handle, and its windows, away from the object. */
static Leaving take_handle(Store *self) {
  Leaving leaving;
  PyObject *listeners[2];
  Py_BEGIN_CRITICAL_SECTION(self);
  leaving = (Leaving){self->handle, self->windows};
  self->windows = NULL;
  pywindow_leave(leaving.windows);
  self->guarded = false;
  pyevents_leave(self, listeners);
  pystore_attach(self, NULL, false);
  Py_END_CRITICAL_SECTION();
  Py_XDECREF(listeners[0]);
  Py_XDECREF(listeners[1]);
  return leaving;
}

/* Puts an open store behind the object in place of what was there. Steals name. */
static void replace(Store *self, kevy_store *handle, bool shared, PyObject *name) {
  Leaving before = take_handle(self);
  PyObject *old = self->name;
  self->frozen = false;
  self->name = name;
  host_handle(self, handle);
  self->named = shared;
  pystore_attach(self, handle, shared);
  Py_XDECREF(old);
  let_go(self, &before);
}

void pystore_replace(Store *self, kevy_store *handle, PyObject *name) { replace(self, handle, false, name); }

kevy_store *pystore_open_own(State *state, PyObject *maxmemory, PyObject *policy) {
  Opening opening = {.url = url_of_path(NULL)};
  kevy_store *handle = NULL;
  PyObject *given[OPENING_COUNT] = {maxmemory, policy};
  if (opening.url && opening_read(&opening, given)) handle = open_handle(state, &opening);
  Py_XDECREF(opening.url);
  return handle;
}

static int store_init(PyObject *object, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"path", OPENING_WORDS, NULL};
  Store *self = (Store *)object;
  PyObject *path = NULL, *given[OPENING_COUNT] = {NULL};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OOOOOOOO:Store", names, &path, &given[0], &given[1], &given[2],
                                   &given[3], &given[4], &given[5], &given[6], &given[7]))
    return -1;
  Opening opening = {.url = url_of_path(path)};
  if (!opening.url) return -1;
  kevy_store *handle = NULL;
  if (opening_read(&opening, given)) handle = open_handle(self->state, &opening);
  if (!handle) {
    Py_DECREF(opening.url);
    return -1;
  }
  replace(self, handle, is_shared(&opening.options), opening.url);
  return 0;
}

/* Beside another thread's transaction: the moment before it. False with an exception. */
static bool snapshot_beside(Store *self, kevy_store **out) {
  if (!self->handle) return true;
  kevy_status status = kevy_try_lock(self->handle);
  if (status == KEVY_OK && self->shared) kevy_unlock(self->handle);
  if (status != KEVY_UNMET) return true;
  status = kevy_snapshot(self->handle, out);
  if (status < 0) pyerrors_raise(self->state, status, NULL);
  return status >= 0;
}

PyObject *pystore_snapshot(PyObject *object, PyObject *unused) {
  (void)unused;
  Store *self = (Store *)object;
  kevy_store *before = NULL;
  if (UNLIKELY(self->shared | self->guarded) && !snapshot_beside(self, &before)) return NULL;
  if (before) return pystore_wrap(self->state, before, false, true, Py_NewRef(self->name));
  Turn turn;
  kevy_store *s = turn_begin(&turn, self), *copy = NULL;
  if (!s) return NULL;
  kevy_status status = kevy_snapshot(s, &copy);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  return pystore_wrap(self->state, copy, false, true, Py_NewRef(self->name));
}

/* ---- Transactions ---------------------------------------------------------------------------- */

static void guard(Store *self, PyObject *task) {
  PyObject *before = self->task;
  self->task = task;
  self->guarded = true;
  pystore_attach(self, self->handle, self->shared);
  Py_XDECREF(before);
}

static void unguard(Store *self) {
  PyObject *task = self->task;
  self->task = NULL;
  self->guarded = false;
  pystore_attach(self, self->handle, self->shared);
  Py_XDECREF(task);
}

PyObject *pystore_begin(PyObject *object, PyObject *unused) {
  (void)unused;
  Store *self = (Store *)object;
  Turn turn;
  PyObject *task = current_task();
  kevy_store *s = turn_begin(&turn, self);
  if (!s) {
    Py_XDECREF(task);
    return NULL;
  }
  bool outermost = !self->guarded;
  kevy_status status = kevy_begin(s);
  if (status < 0) {
    Py_XDECREF(task);
    return turn_fail(&turn, status);
  }
  turn_end(&turn);
  if (outermost) guard(self, task);
  else Py_XDECREF(task);
  Py_RETURN_NONE;
}

static PyObject *end_transaction(Store *self, kevy_status (*end)(kevy_store *)) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) return NULL;
  kevy_status status = end(s);
  if (status < 0) return turn_fail(&turn, status);
  bool outermost = kevy_transaction_depth(s) == 0;
  turn_end(&turn);
  if (outermost) unguard(self);
  Py_RETURN_NONE;
}

PyObject *pystore_commit(PyObject *self, PyObject *unused) {
  (void)unused;
  return end_transaction((Store *)self, kevy_commit);
}

PyObject *pystore_rollback(PyObject *self, PyObject *unused) {
  (void)unused;
  return end_transaction((Store *)self, kevy_rollback);
}

PyObject *pystore_get_in_transaction(PyObject *object, void *unused) {
  (void)unused;
  Store *self = (Store *)object;
  if (!self->handle) return pystore_closed(self);
  return PyBool_FromLong(self->guarded && kevy_transaction_depth(self->handle) > 0);
}

PyObject *pystore_transaction(PyObject *self, PyObject *unused) {
  (void)unused;
  PyObject *module = PyImport_ImportModule("kevy.transactions");
  PyObject *made = module ? pyargs_call(module, "Transaction", self) : NULL;
  Py_XDECREF(module);
  return made;
}

/* ---- Closing --------------------------------------------------------------------------------- */

PyObject *pystore_close(PyObject *object, PyObject *unused) {
  (void)unused;
  Leaving leaving = take_handle((Store *)object);
  let_go((Store *)object, &leaving);
  Py_RETURN_NONE;
}

PyObject *pystore_enter(PyObject *object, PyObject *unused) {
  (void)unused;
  if (!((Store *)object)->handle) return pystore_closed((Store *)object);
  return Py_NewRef(object);
}

PyObject *pystore_exit(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  (void)args, (void)nargs;
  return pystore_close(object, NULL);
}

/* Clears in two steps: the store lets go of its memory while a snapshot still holds it, and the
 * snapshot gives it back with the GIL released. */
PyObject *pystore_clear(PyObject *object, PyObject *unused) {
  (void)unused;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object), *hold = NULL;
  if (!s) return NULL;
  if (kevy_used_memory(s) >= BIG && kevy_snapshot(s, &hold) != KEVY_OK) hold = NULL;
  kevy_status status = kevy_clear(s);
  if (status < 0) turn_fail(&turn, status);
  else turn_end(&turn);
  if (hold) {
    Py_BEGIN_ALLOW_THREADS
    kevy_close(hold);
    Py_END_ALLOW_THREADS
  }
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

static int store_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(((Store *)object)->task);
  Py_VISIT(((Store *)object)->windows);
  Py_VISIT(((Store *)object)->listeners[0]);
  Py_VISIT(((Store *)object)->listeners[1]);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

static int store_forget(PyObject *object) {
  PyObject *listeners[2];
  pyevents_leave((Store *)object, listeners);
  Py_XDECREF(listeners[0]);
  Py_XDECREF(listeners[1]);
  Py_CLEAR(((Store *)object)->windows);
  return 0;
}

static void store_dealloc(PyObject *object) {
  Store *self = (Store *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weakrefs) PyObject_ClearWeakRefs(object);
  Leaving leaving = take_handle(self);
  let_go(self, &leaving);
  kevy_reply_free(self->reply);
  Py_XDECREF(self->name);
  Py_XDECREF(self->task);
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject *pystore_reduce(PyObject *object, PyObject *unused) {
  (void)unused;
  PyErr_Format(PyExc_TypeError,
               "a %s cannot be pickled or copied: use snapshot() for a read-only moment of it, or "
               "dict(store)",
               Py_TYPE(object)->tp_name);
  return NULL;
}

/* ---- Watching -------------------------------------------------------------------------------- */

PyObject *pystore_get_closed(PyObject *object, void *unused) {
  (void)unused;
  return PyBool_FromLong(((Store *)object)->handle == NULL);
}

/* What the engine says of the store in a word or a line. */
static PyObject *pystore_word(PyObject *object, const char *(*ask)(kevy_store *s)) {
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  if (!s) return NULL;
  const char *said = ask(s);
  PyObject *text = PyUnicode_DecodeUTF8(said, (Py_ssize_t)strlen(said), "replace");
  turn_end(&turn);
  return text;
}

PyObject *pystore_get_mode(PyObject *object, void *unused) {
  (void)unused;
  return pystore_word(object, kevy_mode);
}
PyObject *pystore_get_durability(PyObject *object, void *unused) {
  (void)unused;
  return pystore_word(object, kevy_durability);
}
PyObject *pystore_get_recovery(PyObject *object, void *unused) {
  (void)unused;
  return pystore_word(object, kevy_recovery);
}

/* sync() and rewrite(): the GIL is released while they wait. */
static PyObject *pystore_wait_for(PyObject *object, kevy_status (*act)(kevy_store *s)) {
  Store *self = (Store *)object;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  if (!s) return NULL;
  kevy_status status = act(s);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  Py_RETURN_NONE;
}

PyObject *pystore_sync(PyObject *object, PyObject *unused) {
  (void)unused;
  return pystore_wait_for(object, kevy_sync);
}
PyObject *pystore_rewrite(PyObject *object, PyObject *unused) {
  (void)unused;
  return pystore_wait_for(object, kevy_rewrite);
}

PyObject *pystore_get_used_memory(PyObject *object, void *unused) {
  (void)unused;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  if (!s) return NULL;
  uint64_t bytes = kevy_used_memory(s);
  turn_end(&turn);
  return PyLong_FromUnsignedLongLong(bytes);
}

/* ---- the limit and the policy ---- */

PyObject *pystore_get_maxmemory(PyObject *object, void *unused) {
  (void)unused;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  if (!s) return NULL;
  const char *name = "";
  kevy_value value = {0};
  for (size_t i = 0; kevy_info(s, i, &name, &value) == KEVY_OK && strcmp(name, "maxmemory") != 0; i++) continue;
  turn_end(&turn);
  return PyLong_FromLongLong(value.as.i);
}

static int refuse_delete(PyObject *value, const char *name) {
  if (value) return 0;
  PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", name);
  return -1;
}

static int store_was_set(Turn *turn, kevy_status status) {
  if (status < 0) {
    turn_fail(turn, status);
    return -1;
  }
  turn_end(turn);
  return 0;
}

int pystore_set_maxmemory(PyObject *object, PyObject *value, void *unused) {
  (void)unused;
  uint64_t bytes;
  if (refuse_delete(value, "maxmemory") < 0 || !pyargs_memory(value, &bytes)) return -1;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  return s ? store_was_set(&turn, kevy_set_maxmemory(s, bytes)) : -1;
}

PyObject *pystore_get_policy(PyObject *object, void *unused) {
  (void)unused;
  return pystore_word(object, kevy_policy);
}

/* Sets what is one of several words. */
static int store_set_word(PyObject *object, PyObject *value, const char *name, kevy_status (*set)(kevy_store *s, const char *word)) {
  if (refuse_delete(value, name) < 0) return -1;
  const char *word = NULL;
  if (!opening_word(value, name, &word)) return -1;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  return s ? store_was_set(&turn, set(s, word)) : -1;
}

int pystore_set_policy(PyObject *object, PyObject *value, void *unused) {
  (void)unused;
  return store_set_word(object, value, "policy", kevy_set_policy);
}

PyObject *pystore_get_fsync(PyObject *object, void *unused) {
  (void)unused;
  return pystore_word(object, kevy_fsync);
}

int pystore_set_fsync(PyObject *object, PyObject *value, void *unused) {
  (void)unused;
  return store_set_word(object, value, "fsync", kevy_set_fsync);
}

/* Whether stats() gives this figure. */
static bool is_event(const char *name) {
  static const char *const events[] = {"hits", "misses", "expired", "evicted"};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    if (strcmp(name, events[i]) == 0) return true;
  return false;
}

static bool add_figure(PyObject *dict, const char *name, const kevy_value *value) {
  PyObject *built = pyargs_build(value);
  bool added = built && PyDict_SetItemString(dict, name, built) == 0;
  Py_XDECREF(built);
  return added;
}

/* A dict of figures. It exists before the turn begins, and filling it runs no code of the user. */
static PyObject *figures(Store *self, bool events_only) {
  PyObject *dict = PyDict_New();
  if (!dict) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, self);
  bool filled = s != NULL;
  const char *name;
  kevy_value value;
  for (size_t i = 0; filled && kevy_info(s, i, &name, &value) == KEVY_OK; i++)
    if (!events_only || is_event(name)) filled = add_figure(dict, name, &value);
  if (s) turn_end(&turn);
  if (!filled) Py_CLEAR(dict);
  return dict;
}

PyObject *pystore_info(PyObject *self, PyObject *unused) {
  (void)unused;
  return figures((Store *)self, false);
}

PyObject *pystore_stats(PyObject *self, PyObject *unused) {
  (void)unused;
  return figures((Store *)self, true);
}

PyObject *pystore_reset_stats(PyObject *self, PyObject *unused) {
  (void)unused;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)self);
  if (!s) return NULL;
  (void)kevy_reset_stats(s);
  turn_end(&turn);
  Py_RETURN_NONE;
}

static PyObject *store_repr(PyObject *object) {
  Store *self = (Store *)object;
  const char *kind = self->frozen ? "snapshot of " : "";
  if (!self->handle) return PyUnicode_FromFormat("<%s closed>", Py_TYPE(object)->tp_name);
  Py_ssize_t keys = pystore_len(object);
  if (keys < 0) return NULL;
  return PyUnicode_FromFormat("<%s %s%U, %zd key%s>", Py_TYPE(object)->tp_name, kind, self->name,
                              keys, keys == 1 ? "" : "s");
}

/* ---- For tests ------------------------------------------------------------------------------- */

PyObject *pystore_debug_clock(PyObject *object, PyObject *ms) {
  int64_t now = KEVY_NO_TTL;
  if (ms != Py_None && !pyargs_int64(ms, "ms", &now)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  if (!s) return NULL;
  kevy_status status = kevy_debug_clock(s, now);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  Py_RETURN_NONE;
}

PyObject *pystore_debug_fail_alloc(PyObject *object, PyObject *n) {
  int64_t nth;
  if (!pyargs_int64(n, "n", &nth)) return NULL;
  Turn turn;
  kevy_store *s = turn_begin(&turn, (Store *)object);
  if (!s) return NULL;
  kevy_status status = kevy_debug_fail_alloc(s, (uint64_t)nth);
  if (status < 0) return turn_fail(&turn, status);
  turn_end(&turn);
  Py_RETURN_NONE;
}

/* ---- The type -------------------------------------------------------------------------------- */

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Store, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static const char doc[] =
    "Store(path=None, *, maxmemory=0, policy='noeviction', fsync='everysec', log_queue=0, rewrite_at=0,\n"
    "      fail_fast=False, salvage=False, progress=None)\n--\n\n"
    "A mapping of keys to values, held by kevy's engine inside this process.\n\n"
    "Keys are str or bytes, and 'a' and b'a' are one key. Values are str, bytes, int (64 bits) and\n"
    "float, and read back as what they were; a dict, list, tuple or set is stored whole, as a hash,\n"
    "list or set, and reads back as a live view. Keys may have a time to live. maxmemory is a number\n"
    "of bytes, or a str such as '256mb'; policy says what to evict when a write would exceed it.\n\n"
    "With a path the store lives in that directory, as Redis's append-only files: what is written is logged, and is there\n"
    "when it is opened again. fsync says when it is safe on the disk: 'always' when a write returns, 'everysec' within\n"
    "a second or two, 'no' when the system sees fit. A log that has grown past rewrite_at bytes is rewritten in the\n"
    "background. salvage=True opens a corrupt log up to where that begins.\n"
    "progress(done, total, keys) is called about once a megabyte while it is read: bytes read, of how many, and keys there are.\n\n"
    "Iterating visits the keys of the moment at which the iterator is made, whatever is written\n"
    "meanwhile. Any thread may use a store. Use it in a with statement, or close() it.";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              {Py_tp_new, store_new},
                              {Py_tp_init, store_init},
                              {Py_tp_dealloc, store_dealloc},
                              {Py_tp_traverse, store_traverse},
                              {Py_tp_clear, store_forget},
                              {Py_tp_repr, store_repr},
                              {Py_tp_iter, pystore_iter},
                              {Py_tp_richcompare, pystore_richcompare},
                              {Py_mp_length, pystore_len},
                              {Py_mp_subscript, pystore_subscript},
                              {Py_mp_ass_subscript, pystore_ass_subscript},
                              {Py_sq_contains, pystore_contains},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {Py_tp_members, members},
                              {0, NULL}};

static PyType_Spec spec = {"kevy.Store", sizeof(Store), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
                               Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_MAPPING,
                           slots};

PyTypeObject *pystore_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
