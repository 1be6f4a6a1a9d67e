/* blocking.c: see blocking.h. */
#include "blocking.h"

#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../core/effect.h"
#include "../core/persist/log.h"
#include "hashing.h"
#include "session.h"
#include "store.h"

enum { LISTED, ENTERED, OVER };

struct kevy_wait {
  kevy_wait *next, *prev; /* by arrival */
  kevy_store *store;      /* for who has ENTERED, or holds its lock */
  _Atomic int32_t state;  /* LISTED until it is over, or who waits comes to end it */
  bool served;            /* there is an outcome; under the store's lock */
  atomic_bool left;       /* over, and whoever ended it has done with this */
  kevy_session *session;  /* whose command it is; NULL: of none, or that has closed */
  kevy_reply *reply;      /* the caller's; holds the null answer until there is a better one */
  int encoding;
  kevy_status outcome; /* once it is over: of the call */
  int fd;
  pid_t pid;
  int64_t deadline; /* monotonic ms; -1 for none */
  uint32_t db;        /* the database */
  size_t first, keys; /* which arguments it waits for */
  size_t argc;
  kevy_value argv[]; /* and behind them the bytes of their strings */
};

static int64_t monotonic_ms(void) { return clock_read_ms(CLOCK_MONOTONIC); }

/* ---- Running a command that may wait ------------------------------------------------------------ */

/* Runs it once; *c tells whether it waits. */
static kevy_status attempt(kevy_store *s, kevy_session *session, uint32_t *db, size_t argc, const kevy_value *argv, kevy_reply *r,
                           int encoding, command_call *c) {
  reply_encoding form = reply_form(encoding);
  reply_start(r, encoding);
  command_begin(c, s, argc, argv, &r->sink);
  c->session = session;
  c->db = db;
  c->kinds = form == REPLY_TYPED;
  c->may_wait = true;
  kevy_status status = command_run_call(c);
  if (status == KEVY_OK && r->failed) status = KEVY_EOOM;
  if (status != KEVY_OK) return store_fail(s, status, "%s", "");
  if (!r->error || form == REPLY_RESP) return KEVY_OK;
  return command_failed(s, r, form == REPLY_TYPED ? c->failed : KEVY_OK);
}

static bool same_process(const kevy_wait *w) { return w->pid == getpid(); }

/* ---- The waiters of a store --------------------------------------------------------------------- */

static void blocking_serve(kevy_store *s);

static void enlist(kevy_store *s, kevy_wait *w) {
  w->store = s;
  w->prev = s->waiters_last;
  if (w->prev != NULL) w->prev->next = w;
  else s->waiters = w;
  s->waiters_last = w;
  s->serve = blocking_serve;
}

static void delist(kevy_wait *w) {
  kevy_store *s = w->store;
  if (w->session != NULL) w->session->waits = false;
  if (w->prev != NULL) w->prev->next = w->next;
  else s->waiters = w->next;
  if (w->next != NULL) w->next->prev = w->prev;
  else s->waiters_last = w->prev;
  if (s->waiters == NULL) s->serve = NULL;
}

/* Wakes who waits; `left` is the last that is touched. */
static void tell_wait(kevy_wait *w) {
  uint64_t one = 1;
  while (write(w->fd, &one, sizeof one) < 0) continue;
  atomic_store(&w->left, true);
}

/* Takes it off the list. False: who waits ends it in another thread at this very moment, and takes it off itself. */
static bool finish_wait(kevy_wait *w, kevy_status outcome) {
  int32_t listed = LISTED;
  w->outcome = outcome;
  w->served = true;
  if (!atomic_compare_exchange_strong(&w->state, &listed, OVER)) return false;
  delist(w);
  return true;
}

static void finish_and_tell(kevy_wait *w, kevy_status outcome) {
  if (finish_wait(w, outcome)) tell_wait(w);
}

void blocking_tell(kevy_wait *served, kevy_status durable) {
  for (kevy_wait *w = served, *next; w != NULL; w = next) {
    next = w->next;
    bool resp = reply_form(w->encoding) == REPLY_RESP;
    if (durable != KEVY_OK && w->outcome == KEVY_OK) w->outcome = resp ? command_left(w->store, KEVY_OK, durable, w->reply) : durable;
    tell_wait(w);
  }
}

/* What was served is in the log with the call that served it, and no more durable than that. */
static void finish_served(kevy_store *s, kevy_wait *w, kevy_status outcome) {
  if (!finish_wait(w, outcome)) return;
  if (!effect_kept(s)) {
    tell_wait(w);
    return;
  }
  w->next = s->served;
  s->served = w;
  s->tell = blocking_tell;
  s->noted = true; /* so that the call leaves the long way */
}

/* Whether the key behind an argument was written. */
static bool is_ready(const kevy_store *s, const kevy_wait *w, const uint64_t *ready, uint32_t n) {
  if (n > STORE_READY_MAX) return true;
  for (size_t i = 0; i < w->keys; i++) {
    const kevy_value *key = &w->argv[w->first + i];
    uint64_t hash = store_ready_hash(hash_bytes(s->sp->secret, key->as.ptr, key->len), w->db);
    for (uint32_t k = 0; k < n; k++)
      if (ready[k] == hash) return true;
  }
  return false;
}

/* A key of another type is as good as none, until it is what the command is for; the answer stays null. */
static bool serve_one(kevy_store *s, kevy_wait *w) {
  command_call c;
  kevy_status status = attempt(s, NULL, &w->db, w->argc, w->argv, w->reply, w->encoding, &c);
  if (c.waits.keys != 0) return false;
  if (c.failed == KEVY_EWRONGTYPE && !c.over) {
    reply_start(w->reply, w->encoding);
    sink_nil_array(&w->reply->sink);
    return false;
  }
  finish_served(s, w, status);
  return true;
}

/* Serves who waits for what was written, oldest first; and, since serving may write, once more. */
static void blocking_serve(kevy_store *s) {
  if (!same_process(s->waiters)) {
    s->waiters = s->waiters_last = NULL;
    s->serve = NULL;
    return;
  }
  while (s->readies != 0 && s->waiters != NULL) {
    uint64_t ready[STORE_READY_MAX];
    uint32_t n = s->readies;
    memcpy(ready, s->ready, sizeof ready);
    s->readies = 0;
    for (kevy_wait *w = s->waiters, *next; w != NULL; w = next) {
      next = w->next;
      if (!w->served && is_ready(s, w, ready, n)) serve_one(s, w);
    }
  }
  s->readies = 0;
}

static kevy_wait *wait_of(const kevy_session *session) {
  kevy_wait *w = session->store->waiters;
  while (w != NULL && (w->session != session || !same_process(w))) w = w->next;
  return w;
}

bool blocking_unblock(kevy_session *session, const char *error) {
  kevy_wait *w = wait_of(session);
  kevy_status status = KEVY_OK;
  if (w == NULL || w->served) return false;
  if (error != NULL) {
    reply_start(w->reply, w->encoding);
    sink_error(&w->reply->sink, error, strlen(error));
    if (reply_form(w->encoding) != REPLY_RESP) status = command_failed(session->store, w->reply, KEVY_OK);
  }
  finish_and_tell(w, status);
  return true;
}

void blocking_forget(kevy_session *session) {
  kevy_wait *w = wait_of(session);
  if (w != NULL) w->session = NULL;
}

size_t blocking_count(const kevy_store *s) {
  size_t n = 0;
  for (const kevy_wait *w = s->waiters; w != NULL; w = w->next) n++;
  return n;
}

/* For the list of waiters alone, so that nobody waits here for a transaction. */
static bool list_enter(kevy_store *s) { return store_enter_beside(s); }
static void list_leave(kevy_store *s) {
  if (s->locked) store_unlock(s);
}

void blocking_close(kevy_store *s) {
  if (!list_enter(s)) return;
  for (kevy_wait *w = s->waiters, *next; w != NULL && same_process(w); w = next) {
    next = w->next;
    if (!w->served) finish_and_tell(w, KEVY_ECLOSED);
  }
  while (s->waiters != NULL && same_process(s->waiters)) { /* those that have ENTERED leave the list now */
    list_leave(s);
    sched_yield();
    list_enter(s);
  }
  list_leave(s);
}

/* ---- The ABI --------------------------------------------------------------------------------- */

/* A waiter with copies of the arguments, numbers in their byte form, since keys are looked up by their bytes. NULL: no
 * memory, no descriptor. */
static kevy_wait *wait_new(size_t argc, const kevy_value *argv) {
  size_t bytes = 0;
  for (size_t i = 0; i < argc; i++) bytes += argv[i].kind <= KEVY_TEXT ? argv[i].len : NUMBER_FLOAT_MAX;
  kevy_wait *w = calloc(1, sizeof *w + argc * sizeof *argv + bytes);
  if (w == NULL) return NULL;
  w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (w->fd < 0) {
    free(w);
    return NULL;
  }
  w->pid = getpid();
  w->argc = argc;
  char *at = (char *)(w->argv + argc);
  for (size_t i = 0; i < argc; i++) {
    char scratch[NUMBER_FLOAT_MAX];
    w->argv[i] = argv[i].kind <= KEVY_TEXT ? argv[i] : number_byte_form(&argv[i], scratch);
    if (w->argv[i].len != 0) memcpy(at, w->argv[i].as.ptr, w->argv[i].len);
    w->argv[i].as.ptr = at;
    at += w->argv[i].len;
  }
  return w;
}

static kevy_status wait_keep(kevy_store *s, kevy_session *session, const command_call *c, const kevy_value *argv,
                             kevy_reply *r, int encoding, kevy_wait **out) {
  kevy_wait *w = wait_new(c->argc, c->waits.argv != NULL ? c->waits.argv : argv);
  if (w == NULL) return store_fail(s, KEVY_EOOM, "%s", "");
  w->reply = r;
  w->session = session;
  if (session != NULL) session->waits = true;
  w->db = c->db != NULL ? *c->db : 0;
  w->encoding = encoding;
  w->first = c->waits.first;
  w->keys = c->waits.keys;
  w->deadline = c->waits.timeout_ms == 0 ? -1 : monotonic_ms() + c->waits.timeout_ms;
  enlist(s, w);
  *out = w;
  return KEVY_UNMET;
}

kevy_status blocking_call(kevy_store *s, kevy_session *session, size_t argc, const kevy_value *argv, int encoding,
                          kevy_reply *r, kevy_wait **out) {
  command_call c;
  kevy_status status = attempt(s, session, session != NULL ? &session->db : NULL, argc, argv, r, encoding, &c);
  /* Nothing ever comes to a snapshot, and nothing to a transaction from outside. */
  if (status == KEVY_OK && c.waits.keys != 0 && s->frozen == NULL && s->transaction == NULL)
    status = wait_keep(s, session, &c, argv, r, encoding, out);
  free(c.waits.argv);
  return command_left(s, status, store_settle(s), reply_form(encoding) == REPLY_RESP ? r : NULL);
}

KEVY_API kevy_status kevy_wait_call(kevy_store *s, size_t argc, const kevy_value *argv,
                                    uint32_t flags, kevy_reply *r, kevy_wait **out) {
  *out = NULL;
  if (flags & ~(KEVY_TYPED | KEVY_RESP) || flags == (KEVY_TYPED | KEVY_RESP)) return KEVY_EARG;
  reply_encoding encoding = flags & KEVY_RESP    ? REPLY_RESP
                            : flags & KEVY_TYPED ? REPLY_TYPED
                                                 : REPLY_FLAT;
  if (!store_enter(s)) return KEVY_ECLOSED;
  return blocking_call(s, NULL, argc, argv, (int)encoding, r, out);
}

KEVY_API void kevy_reply_bytes(kevy_reply *r, const char **bytes, size_t *len) {
  *bytes = r->bytes;
  *len = r->len;
}

KEVY_API int32_t kevy_wait_fd(kevy_wait *w) { return w->fd; }

KEVY_API int64_t kevy_wait_left(kevy_wait *w) {
  if (w->deadline < 0) return KEVY_NO_TTL;
  int64_t left = w->deadline - monotonic_ms();
  return left > 0 ? left : 0;
}

KEVY_API kevy_status kevy_wait_poll(kevy_wait *w, int64_t timeout_ms) {
  int64_t left = kevy_wait_left(w);
  bool own = left >= 0 && (timeout_ms < 0 || left <= timeout_ms);
  int64_t ms = own ? left : timeout_ms;
  struct pollfd p = {.fd = w->fd, .events = POLLIN};
  if (poll(&p, 1, ms < 0 ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms) > 0) return KEVY_OK;
  return kevy_wait_left(w) == 0 ? KEVY_OK : KEVY_UNMET;
}

KEVY_API kevy_status kevy_wait_end(kevy_wait *w) {
  int32_t listed = LISTED;
  if (!same_process(w)) return w->outcome;
  if (atomic_compare_exchange_strong(&w->state, &listed, ENTERED)) {
    kevy_store *s = w->store;
    list_enter(s);
    delist(w);
    if (w->served && effect_kept(s) && s->effects->log != NULL) (void)log_wait(s->effects->log, s->effects->log->appended, NULL);
    atomic_store(&w->left, true);
    list_leave(s);
  }
  while (!atomic_load(&w->left)) sched_yield();
  return w->outcome;
}

KEVY_API void kevy_wait_close(kevy_wait *w) {
  if (w == NULL) return;
  kevy_wait_end(w);
  close(w->fd);
  free(w);
}
