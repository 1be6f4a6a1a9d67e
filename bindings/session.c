/* session.c: sessions, and what makes several commands one: MULTI, EXEC, DISCARD, WATCH and UNWATCH.
 *
 * Between MULTI and EXEC commands are checked, copied and queued; EXEC runs them within one hold of the store's lock, so that
 * nobody comes in between, and answers with all their replies. As in Redis an error among them undoes nothing: for that
 * there is kevy_begin. A watched key is a version held (kevy_version_of); what Redis counts as a change of it and no version
 * shows, the session remembers (touched). */
#include "session.h"

#include <stdlib.h>

#include "../core/database.h"
#include "../core/probe.h"
#include "blocking.h"
#include "clients.h"
#include "effect.h"
#include "scripting.h"
#include "store.h"

struct session_command {
  struct session_command *next;
  size_t argc;
  kevy_value argv[]; /* and behind them the bytes of their strings */
};

struct session_watch {
  struct session_watch *next;
  kevy_version_handle *version;
  uint32_t db;
  size_t klen;
  char key[];
};

/* ---- The queue ----------------------------------------------------------------------------------- */

static session_command *session_copy(size_t argc, const kevy_value *argv) {
  size_t bytes = 0;
  for (size_t i = 0; i < argc; i++) bytes += argv[i].kind <= KEVY_TEXT ? argv[i].len : 0;
  session_command *q = malloc(sizeof *q + argc * sizeof *argv + bytes);
  if (q == NULL) return NULL;
  q->next = NULL;
  q->argc = argc;
  char *at = (char *)(q->argv + argc);
  for (size_t i = 0; i < argc; i++) {
    q->argv[i] = argv[i];
    if (argv[i].kind > KEVY_TEXT) continue;
    q->argv[i].as.ptr = at;
    if (argv[i].len != 0) memcpy(at, argv[i].as.ptr, argv[i].len);
    at += argv[i].len;
  }
  return q;
}

size_t session_queue_bytes(const kevy_session *session) {
  size_t bytes = 0;
  for (const session_command *q = session->first; q != NULL; q = q->next) {
    bytes += sizeof *q + q->argc * sizeof *q->argv;
    for (size_t i = 0; i < q->argc; i++) bytes += q->argv[i].kind <= KEVY_TEXT ? q->argv[i].len : 0;
  }
  return bytes;
}

static void session_free_queue(session_command *q) {
  for (session_command *next; q != NULL; q = next) {
    next = q->next;
    free(q);
  }
}

static void session_unwatch(kevy_session *session) {
  session->touched = false;
  if (session->watches == NULL) return;
  if (session->listed) session->store->clients->watching--;
  for (session_watch *w = session->watches, *next; w != NULL; w = next) {
    next = w->next;
    kevy_version_close(w->version);
    free(w);
  }
  session->watches = NULL;
}

/* Ends the transaction and gives its queue to the caller. */
static session_command *session_leave(kevy_session *session) {
  session_command *q = session->first;
  session->first = session->last = NULL;
  session->queued = 0;
  session->multi = session->rejected = session->writes = false;
  session_unwatch(session);
  return q;
}

void session_note(kevy_session *session, const command *row) {
  session->last_row = row;
  session->heard = clients_clock();
}

void session_rejects(command_call *c) {
  if (c->row != NULL && c->row->handler == cmd_exec) session_free_queue(session_leave(c->session));
  else c->session->rejected = c->session->multi;
}

/* What tools ask for among the commands that change servers. */
static bool session_asks(const command *row) {
  static const char *const asking[] = {"config|get", "config|help", "client|list", "slowlog|get", "slowlog|len", "memory|doctor"};
  for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
    if (strcmp(command_full_name(row), asking[i]) == 0) return true;
  return false;
}

/* Writes, scripts that may write, messages to others. */
bool session_changes(const command *row) {
  const char *flags = row->about.flags;
  return command_has_word(flags, "write") || (command_has_word(flags, "may_replicate") && !command_has_word(flags, "readonly"));
}

bool session_forbids(command_call *c) {
  if (LIKELY(!c->session->looks)) return false;
  if (!session_changes(c->row) && (!command_has_word(c->row->about.flags, "admin") || session_asks(c->row))) return false;
  session_rejects(c);
  command_fail(c, "READONLY You can't write against a read only window.");
  return true;
}

/* WATCH would hold what is half done. */
bool session_waits_for_script(command_call *c) {
  if (command_has_word(c->row->about.flags, "allow_busy") && c->row->handler != cmd_watch) return false;
  const char *busy = scripting_busy(c->store);
  session_rejects(c);
  command_text t = {.len = 0};
  if (c->row->handler == cmd_exec) command_text_add(&t, "EXECABORT Transaction discarded because of: ");
  command_text_add(&t, busy);
  command_fail_text(c, &t);
  return true;
}

void session_restrict(kevy_session *session) { session->looks = true; }

bool session_queues(command_call *c) {
  kevy_session *session = c->session;
  void (*handler)(command_call *) = c->row->handler;
  if (!session->multi || handler == cmd_exec || handler == cmd_discard || handler == cmd_multi ||
      handler == cmd_watch || handler == cmd_quit || handler == cmd_reset)
    return false;
  session_command *q = session_copy(c->argc, c->given);
  if (q == NULL) {
    session->rejected = true;
    command_error(c, KEVY_EOOM);
    return true;
  }
  if (session->last != NULL) session->last->next = q;
  else session->first = q;
  session->last = q;
  session->queued++;
  session->writes |= session_changes(c->row);
  sink_status(c->out, "QUEUED");
  return true;
}

/* ---- Handlers ------------------------------------------------------------------------------------ */

/* Outside of a session there is nothing to remember them. */
bool session_missing(command_call *c) {
  if (c->session != NULL) return false;
  command_fail(c, "ERR only a session can do this");
  return true;
}

void cmd_multi(command_call *c) {
  if (session_missing(c)) return;
  if (c->session->multi) {
    command_fail(c, "ERR MULTI calls can not be nested");
    return;
  }
  c->session->multi = true;
  sink_status(c->out, "OK");
}

void cmd_discard(command_call *c) {
  if (c->session == NULL || !c->session->multi) {
    command_fail(c, "ERR DISCARD without MULTI");
    return;
  }
  session_free_queue(session_leave(c->session));
  sink_status(c->out, "OK");
}

static bool session_watch_key(command_call *c, const kevy_value *key) {
  session_watch *w = malloc(sizeof *w + key->len);
  if (w == NULL) return false;
  if (kevy_version_of(c->store, key->as.ptr, key->len, &w->version) != KEVY_OK) {
    free(w);
    return false;
  }
  w->db = c->store->index;
  w->klen = key->len;
  if (key->len != 0) memcpy(w->key, key->as.ptr, key->len);
  if (c->session->watches == NULL && c->session->listed) c->store->clients->watching++;
  w->next = c->session->watches;
  c->session->watches = w;
  return true;
}

void cmd_watch(command_call *c) {
  if (session_missing(c)) return;
  if (c->session->multi) {
    command_fail(c, "ERR WATCH inside MULTI is not allowed");
    return;
  }
  for (size_t i = 1; i < c->argc; i++)
    if (!session_watch_key(c, &c->argv[i])) {
      command_error(c, KEVY_EOOM);
      return;
    }
  sink_status(c->out, "OK");
}

void cmd_unwatch(command_call *c) {
  if (c->session != NULL) session_unwatch(c->session);
  sink_status(c->out, "OK");
}

bool session_conflicts(const kevy_session *session) {
  if (session->touched) return true;
  for (const session_watch *w = session->watches; w != NULL; w = w->next)
    if (kevy_version_check(session->store, w->version) != KEVY_OK) return true;
  return false;
}

/* The first of the store's sessions, where one of them watches something. */
static kevy_session *session_watching(const kevy_store *s) {
  return s->clients != NULL && s->clients->watching != 0 ? s->clients->first : NULL;
}

static void session_touch_key(kevy_session *session, uint32_t db, const kevy_value *key) {
  for (const session_watch *w = session->watches; w != NULL && !session->touched; w = w->next)
    session->touched = w->db == db && w->klen == key->len && (w->klen == 0 || memcmp(w->key, key->as.ptr, w->klen) == 0);
}

void session_touch(kevy_store *s, const kevy_value *key) {
  for (kevy_session *each = session_watching(s); each != NULL; each = each->next) session_touch_key(each, s->index, key);
}

/* Whether a watched key is in the database that takes the place of its own. */
static bool session_meets(kevy_store *s, const session_watch *w, uint32_t other) {
  uint32_t back = s->index;
  probe p;
  if (database_at(&s->sp->db, other) == NULL) return false;
  database_select(s, other);
  bool there = probe_find(s, &p, w->key, w->klen) != NULL;
  database_select(s, back);
  return there;
}

void session_settle(kevy_store *s, uint32_t db, uint32_t other) {
  for (kevy_session *each = session_watching(s); each != NULL; each = each->next)
    for (const session_watch *w = each->watches; w != NULL && !each->touched; w = w->next)
      if (w->db == db)
        each->touched = kevy_version_check(s, w->version) != KEVY_OK || session_meets(s, w, db) || session_meets(s, w, other);
}

static void session_run(command_call *c, const session_command *q) {
  command_call one;
  command_begin(&one, c->store, q->argc, q->argv, c->out);
  one.session = c->session;
  one.db = &c->session->db;
  one.inside = true;
  one.kinds = c->kinds;
  if (command_run_call(&one) != KEVY_OK) command_error(c, KEVY_EOOM);
  free(one.waits.argv);
}

void cmd_exec(command_call *c) {
  kevy_session *session = c->session;
  if (session == NULL || !session->multi) {
    command_fail(c, "ERR EXEC without MULTI");
    return;
  }
  bool rejected = session->rejected, conflicts = !rejected && session_conflicts(session);
  size_t queued = session->queued;
  session_command *all = session_leave(session);
  if (rejected) {
    command_fail(c, "EXECABORT Transaction discarded because of previous errors.");
  } else if (conflicts) {
    sink_nil_array(c->out);
  } else {
    sink_array(c->out, queued);
    if (effect_kept(c->store)) effect_hold(c->store);
    for (const session_command *q = all; q != NULL; q = q->next) session_run(c, q);
    if (effect_kept(c->store)) effect_release(c->store);
  }
  session_free_queue(all);
}

/* ---- What is remembered -------------------------------------------------------------------------- */

bool session_keep(char **word, const kevy_value *v) {
  char *copy = v->len != 0 ? malloc(v->len + 1) : NULL;
  if (v->len != 0 && copy == NULL) return false;
  if (copy != NULL) memcpy(copy, v->as.ptr, v->len);
  if (copy != NULL) copy[v->len] = '\0';
  free(*word);
  *word = copy;
  return true;
}

void session_reset(kevy_session *session) {
  session_free_queue(session_leave(session));
  free(session->name);
  session->name = NULL;
  session->stays = session->touches_not = false;
  session->protocol = 2;
  session->db = 0;
  session->silent = SESSION_ANSWERS;
}

/* ---- The ABI ------------------------------------------------------------------------------------- */

kevy_session *session_new(kevy_store *s) {
  kevy_session *session = calloc(1, sizeof *session);
  if (session == NULL) return NULL;
  session->store = s;
  session->opened = session->heard = clients_clock();
  session->protocol = 2;
  session->fd = -1;
  subscriber_open(&session->listens, s);
  return session;
}

KEVY_API kevy_status kevy_session_open(kevy_store *s, kevy_session **out) {
  if (!store_enter(s)) return KEVY_ECLOSED;
  kevy_status status = s->frozen != NULL ? KEVY_EREADONLY : KEVY_OK;
  kevy_session *session = status == KEVY_OK ? session_new(s) : NULL;
  if (session != NULL && clients_join(session)) {
    *out = session;
  } else if (status == KEVY_OK) {
    free(session);
    status = KEVY_EOOM;
  }
  status = store_noted(s, status);
  store_leave(s);
  return status;
}

/* CLIENT REPLY OFF and SKIP: nothing is sent, and a command is over without it. */
static void session_hush(kevy_session *session, kevy_reply *r) {
  if (session->silent == SESSION_SKIPS || session->silent == SESSION_SILENT) r->len = 0;
  if (session->silent == SESSION_SKIPS) session->silent = SESSION_ANSWERS;
  if (session->silent == SESSION_SKIPS_NEXT) session->silent = SESSION_SKIPS;
}

int session_encoding(const kevy_session *session, uint32_t flags) {
  if (flags & ~(KEVY_TYPED | KEVY_RESP) || flags == (KEVY_TYPED | KEVY_RESP)) return -1;
  reply_encoding form = flags & KEVY_RESP ? REPLY_RESP : flags & KEVY_TYPED ? REPLY_TYPED : REPLY_FLAT;
  return reply_encoded(form, __atomic_load_n(&session->protocol, __ATOMIC_RELAXED));
}

static kevy_status session_call(kevy_session *session, size_t argc, const kevy_value *argv, kevy_reply *r, bool late) {
  kevy_store *s = session->store;
  reply_encoding form = reply_form(r->encoding);
  command_call c;
  command_begin(&c, s, argc, argv, &r->sink);
  c.session = session;
  c.db = late ? NULL : &session->db;
  c.kinds = form == REPLY_TYPED;
  c.late = late;
  kevy_status status = command_run_call(&c);
  free(c.waits.argv);
  if (status == KEVY_OK && r->failed) status = KEVY_EOOM;
  if (status != KEVY_OK) return store_fail(s, status, "%s", "");
  if (UNLIKELY(session->silent != SESSION_ANSWERS) && form == REPLY_RESP) session_hush(session, r);
  if (!r->error || form == REPLY_RESP) return KEVY_OK;
  return command_failed(s, r, form == REPLY_TYPED ? c.failed : KEVY_OK);
}

static kevy_status session_left_late(kevy_session *session, kevy_status status) {
  store_unlock(session->store);
  return status;
}

bool session_call_late(kevy_session *session, size_t argc, const kevy_value *argv, int encoding, kevy_reply *r, kevy_status *status) {
  kevy_store *s = session->store;
  if (!store_late(s) || !store_enter_beside(s)) return false;
  bool late = store_late(s);
  reply_start(r, encoding);
  if (late) *status = session_call(session, argc, argv, r, true);
  store_unlock(s);
  return late;
}

static kevy_status session_left_killed(kevy_session *session, bool late) {
  kevy_status status = store_fail(session->store, KEVY_ECLOSED, "%s", "the session was killed");
  if (late) store_unlock(session->store);
  else store_leave(session->store);
  return status;
}

KEVY_API kevy_status kevy_session_call(kevy_session *session, size_t argc, const kevy_value *argv,
                                       uint32_t flags, kevy_reply *r) {
  int encoding = session_encoding(session, flags);
  if (encoding < 0) return KEVY_EARG;
  reply_start(r, encoding);
  bool late;
  if (!store_enter_command(session->store, &late)) return KEVY_ECLOSED;
  if (UNLIKELY(session->killed)) return session_left_killed(session, late);
  kevy_status status = session_call(session, argc, argv, r, late);
  if (UNLIKELY(late)) return session_left_late(session, status);
  return command_left(session->store, status, store_settle(session->store), flags & KEVY_RESP ? r : NULL);
}

KEVY_API kevy_status kevy_session_call_resp(kevy_session *session, size_t argc, const kevy_value *argv,
                                            kevy_reply *r) {
  return kevy_session_call(session, argc, argv, KEVY_RESP, r);
}

KEVY_API kevy_status kevy_session_wait(kevy_session *session, size_t argc, const kevy_value *argv,
                                       uint32_t flags, kevy_reply *r, kevy_wait **out) {
  *out = NULL;
  int encoding = session_encoding(session, flags);
  if (encoding < 0) return KEVY_EARG;
  bool late;
  if (!store_enter_command(session->store, &late)) return KEVY_ECLOSED;
  if (UNLIKELY(session->killed)) return session_left_killed(session, late);
  if (UNLIKELY(late)) {
    reply_start(r, encoding);
    return session_left_late(session, session_call(session, argc, argv, r, true));
  }
  return blocking_call(session->store, session, argc, argv, encoding, r, out);
}

KEVY_API int32_t kevy_session_protocol(kevy_session *session) {
  return __atomic_load_n(&session->over, __ATOMIC_RELAXED) ? 0 : session->protocol;
}

/* The store may have closed, and then has it in no list. */
static void session_end_listening(kevy_session *session) {
  kevy_store *s = session->listed || session->listens.listed ? session->store : NULL;
  bool locked = s != NULL && store_enter_beside(s) && s->locked;
  if (session->waits) blocking_forget(session);
  clients_leave(session);
  subscriber_close(&session->listens);
  if (locked) store_unlock(s);
}

KEVY_API void kevy_session_close(kevy_session *session) {
  if (session == NULL) return;
  session_end_listening(session);
  session_reset(session);
  free(session->library[0]);
  free(session->library[1]);
  free(session);
}
