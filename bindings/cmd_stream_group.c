/* cmd_stream_group.c: the handlers of the commands on consumer groups and on what is pending in them. */
#include "cmd_stream.h"
#include "notify.h"
#include "propagate.h"

#include <stdlib.h>

#include "../core/keyspace.h"

/* The key's group for reading. False, having answered the error; without a key or a group *g is NULL. */
static bool stream_group_read(command_call *c, size_t key, const stream **st, const stream_group **g) {
  *g = NULL;
  kevy_status status = stream_find(c->store, c->argv[key].as.ptr, c->argv[key].len, st);
  if (status < 0) {
    command_error(c, status);
    return false;
  }
  const kevy_value *name = &c->argv[key + 1];
  if (status == KEVY_OK) *g = stream_group_find(c->store->base, *st, name->as.ptr, name->len);
  return true;
}

/* The same stream and group for changing. False, having answered the error. */
static bool stream_group_write(command_call *c, size_t key, stream **st, stream_group **g, bool must) {
  const char *ptr = c->argv[key].as.ptr;
  size_t len = c->argv[key].len;
  kevy_status status = must ? stream_lessen(c->store, ptr, len, st) : stream_change(c->store, ptr, len, false, 0, st);
  const kevy_value *name = &c->argv[key + 1];
  *g = status == KEVY_OK ? stream_group_change(c->store, *st, name->as.ptr, name->len, must) : NULL;
  if (*g != NULL) return true;
  command_error(c, status < 0 ? status : KEVY_EOOM);
  return false;
}

/* ---- XGROUP ------------------------------------------------------------------------------------ */

void cmd_xgroup_help(command_call *c) {
  static const char *const lines[] = {
      "CREATE <key> <groupname> <id|$> [option]",
      "    Create a new consumer group. Options are:",
      "    * MKSTREAM",
      "      Create the empty stream if it does not exist.",
      "    * ENTRIESREAD entries_read",
      "      Set the group's entries_read counter (internal use).",
      "CREATECONSUMER <key> <groupname> <consumer>",
      "    Create a new consumer in the specified group.",
      "DELCONSUMER <key> <groupname> <consumer>",
      "    Remove the specified consumer.",
      "DESTROY <key> <groupname>",
      "    Remove the specified group.",
      "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
      "    Set the current group ID and entries_read counter.",
      "HELP",
      "    Prints this help.",
      NULL,
  };
  command_answer_help(c, lines);
}

typedef struct stream_group_options {
  bool create; /* the stream, where it is missing */
  int64_t read;
} stream_group_options;

/* MKSTREAM, where it is known, and ENTRIESREAD, from argument 5 on. */
static bool stream_group_read_options(command_call *c, bool makes, stream_group_options *o) {
  o->create = false;
  o->read = STREAM_READ_UNKNOWN;
  for (size_t i = 5; i < c->argc; i++) {
    if (makes && command_is(&c->argv[i], "MKSTREAM")) {
      o->create = true;
    } else if (command_is(&c->argv[i], "ENTRIESREAD") && i + 1 < c->argc) {
      if (!command_int(c, &c->argv[++i], &o->read)) return false;
      if (o->read >= 0 || o->read == STREAM_READ_UNKNOWN) continue;
      command_fail(c, "ERR value for ENTRIESREAD must be positive or -1");
      return false;
    } else {
      stream_fail_usage(c, "XGROUP");
      return false;
    }
  }
  return true;
}

/* Looks at the key and, where it must exist, the group. False, having answered the error; *st NULL: no key, which is to be
 * made. */
static bool stream_group_look(command_call *c, bool create, bool group, const stream **st) {
  const kevy_value *key = &c->argv[2], *name = &c->argv[3];
  *st = NULL;
  kevy_status status = stream_find(c->store, key->as.ptr, key->len, st);
  if (status < 0) {
    command_error(c, status);
  } else if (*st == NULL && !create) {
    command_fail(c, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use "
                    "the MKSTREAM option to create an empty stream automatically.");
  } else if (group && stream_group_find(c->store->base, *st, name->as.ptr, name->len) == NULL) {
    stream_fail_group_of(c, key, name);
  } else {
    return true;
  }
  return false;
}

/* "$" is the stream's last ID. */
static bool stream_group_id(command_call *c, const stream *st, bool ends, kevy_stream_id *id) {
  const kevy_value *arg = &c->argv[4];
  if (arg->len == 1 && arg->as.ptr[0] == '$') {
    *id = st != NULL ? st->last : (kevy_stream_id){0, 0};
    return true;
  }
  if (!ends || !stream_parse_id(arg, 0, true, id)) return stream_arg_id(c, arg, id);
  return true;
}

/* Whole or not at all: a stream that was made for a group that cannot be goes again. */
static kevy_status stream_group_make(command_call *c, bool missing, kevy_stream_id id, int64_t read) {
  const kevy_value *key = &c->argv[2], *name = &c->argv[3];
  stream *st;
  kevy_status status = stream_change(c->store, key->as.ptr, key->len, missing, command_key_flag(c, 2), &st);
  if (status != KEVY_OK) return status;
  status = stream_group_create(c->store, st, name->as.ptr, name->len, id, read);
  if (status < 0 && missing) keyspace_delete(c->store, key->as.ptr, key->len);
  return status;
}

void cmd_xgroup_create(command_call *c) {
  stream_group_options o;
  const stream *st = NULL;
  kevy_stream_id id;
  if (!stream_group_read_options(c, true, &o) || !stream_group_look(c, o.create, false, &st)) return;
  if (c->argc > 8) {
    stream_fail_usage(c, "XGROUP");
    return;
  }
  if (!stream_group_id(c, st, false, &id)) return;
  kevy_status status = stream_group_make(c, st == NULL, id, o.read);
  if (status < 0) command_error(c, status);
  else if (status == KEVY_UNMET) command_fail(c, "BUSYGROUP Consumer Group name already exists");
  else sink_status(c->out, "OK");
}

void cmd_xgroup_setid(command_call *c) {
  stream_group_options o;
  const stream *found;
  kevy_stream_id id;
  if (!stream_group_read_options(c, false, &o) || !stream_group_look(c, false, true, &found)) return;
  if (c->argc > 7) {
    stream_fail_usage(c, "XGROUP");
    return;
  }
  if (!stream_group_id(c, found, true, &id)) return;
  stream *st;
  stream_group *g;
  if (!stream_group_write(c, 2, &st, &g, false)) return;
  g->last = id;
  g->read = o.read;
  sink_status(c->out, "OK");
}

/* Whether it did something, which is told then. */
static void stream_answer_event(command_call *c, bool did, const char *event) {
  if (UNLIKELY(c->store->told) && did) notify_group(c->store, event, &c->argv[2]);
  sink_integer(c->out, did);
}

void cmd_xgroup_destroy(command_call *c) {
  const stream *found;
  if (!stream_group_look(c, false, false, &found)) return;
  stream *st;
  kevy_status status = stream_lessen(c->store, c->argv[2].as.ptr, c->argv[2].len, &st);
  if (status != KEVY_OK) command_error(c, status);
  else stream_answer_event(c, stream_group_destroy(c->store, st, c->argv[3].as.ptr, c->argv[3].len), "xgroup-destroy");
}

void cmd_xgroup_createconsumer(command_call *c) {
  const stream *found;
  if (!stream_group_look(c, false, true, &found)) return;
  stream *st;
  stream_group *g;
  if (!stream_group_write(c, 2, &st, &g, false)) return;
  const kevy_value *name = &c->argv[4];
  bool created;
  if (stream_consumer_obtain(c->store, st, g, name->as.ptr, name->len, &created) == NULL) command_error(c, KEVY_EOOM);
  else stream_answer_event(c, created, "xgroup-createconsumer");
}

void cmd_xgroup_delconsumer(command_call *c) {
  const stream *found;
  if (!stream_group_look(c, false, true, &found)) return;
  stream *st;
  stream_group *g;
  if (!stream_group_write(c, 2, &st, &g, true)) return;
  uint64_t pending;
  bool did = stream_consumer_delete(c->store, st, g, c->argv[4].as.ptr, c->argv[4].len, &pending);
  if (UNLIKELY(c->store->told) && did) notify_group(c->store, "xgroup-delconsumer", &c->argv[2]);
  sink_integer(c->out, (int64_t)pending);
}

/* ---- XACK -------------------------------------------------------------------------------------- */

static int64_t stream_acknowledge(command_call *c, stream *st, stream_group *g, const kevy_stream_id *ids, size_t k) {
  int64_t count = 0;
  for (size_t i = 0; i < k; i++) count += stream_pending_remove(c->store, st, g, &ids[i]);
  return count;
}

void cmd_xack(command_call *c) {
  const stream *found;
  const stream_group *there;
  if (!stream_group_read(c, 1, &found, &there)) return;
  if (there == NULL) {
    sink_integer(c->out, 0);
    return;
  }
  kevy_stream_id *ids = stream_arg_ids(c, 3);
  if (ids == NULL) return;
  stream *st;
  stream_group *g;
  if (stream_group_write(c, 1, &st, &g, true)) sink_integer(c->out, stream_acknowledge(c, st, g, ids, c->argc - 3));
  free(ids);
}

/* ---- XPENDING ---------------------------------------------------------------------------------- */

static void stream_answer_name(sink *out, const char *base, ref name) {
  const stream_name *n = stream_name_at(base, name);
  sink_bytes(out, n->bytes, (size_t)n->len);
}

/* A number as a string, as Redis answers it here. */
static void stream_answer_digits(sink *out, uint64_t n) {
  char text[NUMBER_INT_MAX];
  sink_bytes(out, text, number_format_int((int64_t)n, text));
}

/* How many are pending, the lowest and the highest of them, and how many each consumer has. */
static void stream_pending_summary(command_call *c, const stream_group *g) {
  const char *base = c->store->base;
  sink_array(c->out, 4);
  sink_integer(c->out, (int64_t)g->pending.count);
  if (g->pending.count == 0) {
    sink_nil(c->out);
    sink_nil(c->out);
    sink_nil_array(c->out);
    return;
  }
  records_at at;
  stream_answer_id(c->out, &stream_pending_seek(base, g, (kevy_stream_id){0, 0}, &at)->id);
  stream_answer_id(c->out, &stream_pending_last(base, g)->id);
  size_t n = 0;
  const stream_consumer *e;
  for (e = stream_consumer_first(base, g, &at); e != NULL; e = stream_consumer_next(base, &at))
    n += e->pending.count != 0;
  sink_array(c->out, n);
  for (e = stream_consumer_first(base, g, &at); e != NULL; e = stream_consumer_next(base, &at)) {
    if (e->pending.count == 0) continue;
    sink_array(c->out, 2);
    stream_answer_name(c->out, base, e->name);
    stream_answer_digits(c->out, e->pending.count);
  }
}

typedef struct stream_pending_query {
  int64_t idle, count;
  kevy_stream_id from, to;
  const kevy_value *consumer; /* NULL: all */
} stream_pending_query;

static bool stream_pending_arguments(command_call *c, stream_pending_query *q) {
  size_t at = 3;
  if (command_is(&c->argv[3], "IDLE")) {
    if (!command_int(c, &c->argv[4], &q->idle)) return false;
    if (c->argc < 8) {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
    at = 5;
  }
  if (!command_int(c, &c->argv[at + 2], &q->count)) return false;
  if (!stream_arg_interval(c, &c->argv[at], &c->argv[at + 1], &q->from, &q->to)) return false;
  if (at + 3 < c->argc) q->consumer = &c->argv[at + 3];
  return true;
}

/* Walks what is asked for: a consumer's own IDs, or the group's. */
typedef struct stream_pending_walk {
  const char *base;
  const stream_group *group;
  const stream_pending_query *query;
  int64_t now, left;
  records_at at;
  bool own; /* a consumer's */
  const void *here;
} stream_pending_walk;

static stream_pending_walk stream_pending_start(command_call *c, const stream_group *g, const stream_consumer *owner,
                                                const stream_pending_query *q) {
  stream_pending_walk w = {c->store->base, g, q, store_now(c->store), q->count, {.leaf = 0}, owner != NULL, NULL};
  if (owner != NULL) w.here = stream_own_seek(w.base, owner, q->from, &w.at);
  else w.here = stream_pending_seek(w.base, g, q->from, &w.at);
  return w;
}

/* The next entry that has been idle for long enough. NULL: no more. */
static const stream_pending *stream_pending_step(stream_pending_walk *w) {
  while (w->left > 0 && w->here != NULL) {
    const stream_pending *p = w->own ? stream_pending_find(w->base, w->group, w->here) : w->here;
    if (stream_id_compare(&p->id, &w->query->to) > 0) return NULL;
    w->here = w->own ? (const void *)stream_own_next(w->base, &w->at) : stream_pending_next(w->base, &w->at);
    if (w->query->idle != 0 && w->now - p->delivered < w->query->idle) continue;
    w->left--;
    return p;
  }
  return NULL;
}

static void stream_pending_list(command_call *c, const stream_group *g, const stream_pending_query *q) {
  const stream_consumer *owner = NULL;
  if (q->consumer != NULL) {
    owner = stream_consumer_find(c->store->base, g, q->consumer->as.ptr, q->consumer->len);
    if (owner == NULL) {
      sink_array(c->out, 0);
      return;
    }
  }
  stream_pending_walk w = stream_pending_start(c, g, owner, q);
  size_t n = 0;
  while (stream_pending_step(&w) != NULL) n++;
  sink_array(c->out, n);
  w = stream_pending_start(c, g, owner, q);
  for (const stream_pending *p; (p = stream_pending_step(&w)) != NULL;) {
    sink_array(c->out, 4);
    stream_answer_id(c->out, &p->id);
    stream_answer_name(c->out, w.base, p->consumer);
    sink_integer(c->out, w.now > p->delivered ? w.now - p->delivered : 0);
    sink_integer(c->out, (int64_t)p->count);
  }
}

void cmd_xpending(command_call *c) {
  if (c->argc != 3 && (c->argc < 6 || c->argc > 9)) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  stream_pending_query q = {.consumer = NULL};
  if (c->argc > 3 && !stream_pending_arguments(c, &q)) return;
  const stream *st = NULL;
  const stream_group *g;
  if (!stream_group_read(c, 1, &st, &g)) return;
  if (g == NULL) stream_fail_group(c, &c->argv[1], &c->argv[2], "");
  else if (c->argc == 3) stream_pending_summary(c, g);
  else stream_pending_list(c, g, &q);
}

/* ---- XCLAIM and XAUTOCLAIM --------------------------------------------------------------------- */

typedef struct stream_claim {
  command_call *call;
  stream *st;
  stream_group *group;
  stream_consumer *consumer;
  bool created, force, justid;
  int64_t now, idle;
  int64_t delivered, retries; /* retries below 0: counted on */
  kevy_stream_id last;        /* LASTID */
  kevy_stream_id *claimed;    /* what is to be answered */
  size_t n;
  kevy_stream_id group_last;
  int64_t seen, active;
  stream_undo undo;
} stream_claim;

/* The group and the consumer, which is seen. False, having answered the error. */
static bool stream_claim_open(stream_claim *m) {
  command_call *c = m->call;
  const kevy_value *name = &c->argv[3];
  if (!stream_group_write(c, 1, &m->st, &m->group, false)) return false;
  m->consumer = stream_consumer_obtain(c->store, m->st, m->group, name->as.ptr, name->len, &m->created);
  if (m->consumer == NULL) {
    command_error(c, KEVY_EOOM);
    return false;
  }
  m->undo = (stream_undo){.store = c->store, .st = m->st, .group = m->group};
  m->group_last = m->group->last;
  m->seen = m->consumer->seen;
  m->active = m->consumer->active;
  m->consumer->seen = m->now;
  if (stream_id_compare(&m->last, &m->group->last) > 0) m->group->last = m->last;
  return true;
}

static void stream_claim_undo(stream_claim *m) {
  command_call *c = m->call;
  uint64_t pending;
  stream_undo_all(&m->undo);
  m->group->last = m->group_last;
  m->consumer->seen = m->seen;
  m->consumer->active = m->active;
  if (m->created)
    stream_consumer_delete(c->store, m->st, m->group, c->argv[3].as.ptr, c->argv[3].len, &pending);
}

/* Takes an entry whose text is gone off the pending ones. False: no memory. */
static bool stream_claim_forget(stream_claim *m, const kevy_stream_id *id) {
  if (!stream_undo_note(&m->undo, id)) return false;
  stream_pending_remove(m->call->store, m->st, m->group, id);
  return true;
}

/* Makes an entry the consumer's; there: what is pending, NULL for nothing. */
static bool stream_claim_take(stream_claim *m, const stream_pending *there, const kevy_stream_id *id) {
  stream_pending want = {*id, m->consumer->name, m->delivered, there != NULL ? there->count : 1};
  if (m->retries >= 0) want.count = (uint64_t)m->retries;
  else if (!m->justid) want.count++;
  if (!stream_undo_note(&m->undo, id)) return false;
  if (!stream_pending_assign(m->call->store, m->st, m->group, m->consumer, &want, false)) return false;
  m->claimed[m->n++] = *id;
  m->consumer->active = m->now;
  return true;
}

static bool stream_claim_one(stream_claim *m, const kevy_stream_id *id) {
  const char *base = m->call->store->base;
  const stream_pending *there = stream_pending_find(base, m->group, id);
  if (!stream_has(base, m->st, id)) return there == NULL || stream_claim_forget(m, id);
  if (there == NULL && !m->force) return true;
  if (there != NULL && m->idle != 0 && m->now - there->delivered < m->idle) return true;
  return stream_claim_take(m, there, id);
}

static void stream_claim_answer(const stream_claim *m) {
  sink *out = m->call->out;
  sink_array(out, m->n);
  for (size_t i = 0; i < m->n; i++) {
    stream_range r;
    stream_entry e;
    stream_range_open(m->call->store->base, m->st, &r, m->claimed[i], m->claimed[i], false);
    if (m->justid) stream_answer_id(out, &m->claimed[i]);
    else if (stream_range_next(&r, &e)) stream_answer_entry(out, &e);
  }
}

static bool stream_claim_int(command_call *c, const kevy_value *arg, const char *wrong, int64_t *out) {
  if (number_parse_int(arg->as.ptr, arg->len, out)) return true;
  command_fail(c, wrong);
  return false;
}

static int64_t stream_minus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

/* One of XCLAIM's options, at argument *i. */
static bool stream_claim_option(stream_claim *m, size_t *i) {
  command_call *c = m->call;
  const kevy_value *word = &c->argv[*i], *arg = word + 1;
  bool more = *i + 1 < c->argc;
  if (command_is(word, "FORCE")) {
    m->force = true;
    return true;
  }
  if (command_is(word, "JUSTID")) {
    m->justid = true;
    return true;
  }
  ++*i;
  if (more && command_is(word, "IDLE")) {
    if (!stream_claim_int(c, arg, "ERR Invalid IDLE option argument for XCLAIM", &m->delivered)) return false;
    m->delivered = stream_minus(m->now, m->delivered);
    return true;
  }
  if (more && command_is(word, "TIME"))
    return stream_claim_int(c, arg, "ERR Invalid TIME option argument for XCLAIM", &m->delivered);
  if (more && command_is(word, "RETRYCOUNT"))
    return stream_claim_int(c, arg, "ERR Invalid RETRYCOUNT option argument for XCLAIM", &m->retries);
  if (more && command_is(word, "LASTID")) return stream_arg_id(c, arg, &m->last);
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unrecognized XCLAIM option '");
  command_text_add_arg(&t, word, word->len);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
  return false;
}

/* Ends a claim: answers, or undoes all of it. */
static void stream_claim_close(stream_claim *m, bool done, void (*answer)(const stream_claim *m)) {
  if (done) {
    const kevy_value *argv = m->call->argv;
    bool moved = stream_id_compare(&m->group_last, &m->group->last) != 0;
    propagate_pending(m->call, &argv[1], &argv[2], &argv[3], &m->undo, m->created, moved);
    answer(m);
  } else {
    stream_claim_undo(m);
    command_error(m->call, KEVY_EOOM);
  }
  stream_undo_close(&m->undo);
}

/* The IDs behind min-idle-time, and the options behind them. */
static void stream_claim_ids(stream_claim *m, kevy_stream_id *ids) {
  command_call *c = m->call;
  size_t i = 5, k = 0;
  while (i < c->argc && stream_parse_id(&c->argv[i], 0, false, &ids[k])) i++, k++;
  for (; i < c->argc; i++)
    if (!stream_claim_option(m, &i)) return;
  if (m->delivered < 0 || m->delivered > m->now) m->delivered = m->now;
  if (!stream_claim_open(m)) return;
  m->claimed = ids; /* an ID is answered after it was read */
  bool done = true;
  for (i = 0; i < k && done; i++) {
    kevy_stream_id id = ids[i];
    done = stream_claim_one(m, &id);
  }
  stream_claim_close(m, done, stream_claim_answer);
}

void cmd_xclaim(command_call *c) {
  stream_claim m = {.call = c, .now = store_now(c->store), .delivered = -1, .retries = -1};
  const stream *st = NULL;
  const stream_group *g;
  if (!stream_group_read(c, 1, &st, &g)) return;
  if (g == NULL) {
    stream_fail_group(c, &c->argv[1], &c->argv[2], "");
    return;
  }
  if (!stream_claim_int(c, &c->argv[4], "ERR Invalid min-idle-time argument for XCLAIM", &m.idle)) return;
  if (m.idle < 0) m.idle = 0;
  kevy_stream_id *ids = malloc((c->argc - 5) * sizeof *ids);
  if (ids == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  stream_claim_ids(&m, ids);
  free(ids);
}

#define STREAM_CLAIM_TRIES 10 /* pending entries looked at for each that may be claimed */

typedef struct stream_sweep {
  stream_claim claim;
  int64_t count;
  kevy_stream_id from, next; /* next: where to go on, 0-0 at the end */
  kevy_stream_id *gone;
  size_t gone_n;
} stream_sweep;

/* Room for one more claimed and one more gone ID. */
static bool stream_sweep_room(stream_sweep *w) {
  size_t n = w->claim.n > w->gone_n ? w->claim.n : w->gone_n;
  if (n != 0 && (n & (n - 1)) != 0) return true;
  size_t bytes = (n == 0 ? 1 : 2 * n) * sizeof *w->gone;
  kevy_stream_id *claimed = realloc(w->claim.claimed, bytes);
  if (claimed == NULL) return false;
  w->claim.claimed = claimed;
  kevy_stream_id *gone = realloc(w->gone, bytes);
  if (gone == NULL) return false;
  w->gone = gone;
  return true;
}

/* Looks at one pending entry; *counts: it counts against COUNT. */
static bool stream_sweep_one(stream_sweep *w, const stream_pending *p, bool *counts) {
  stream_claim *m = &w->claim;
  kevy_stream_id id = p->id;
  if (!stream_sweep_room(w)) return false;
  if (!stream_has(m->call->store->base, m->st, &id)) {
    *counts = true;
    w->gone[w->gone_n++] = id;
    return stream_claim_forget(m, &id);
  }
  *counts = m->idle == 0 || m->now - p->delivered >= m->idle;
  return !*counts || stream_claim_take(m, p, &id);
}

static bool stream_sweep_all(stream_sweep *w) {
  const char *base = w->claim.call->store->base;
  records_at at;
  int64_t tries = w->count > INT64_MAX / STREAM_CLAIM_TRIES ? INT64_MAX : w->count * STREAM_CLAIM_TRIES;
  int64_t left = w->count;
  kevy_stream_id from = w->from;
  bool more = true, counts;
  const stream_pending *p = NULL;
  while (more && (p = stream_pending_seek(base, w->claim.group, from, &at)) != NULL && tries-- != 0 && left != 0) {
    from = p->id;
    more = stream_id_up(&from);
    if (!stream_sweep_one(w, p, &counts)) return false;
    left -= counts;
  }
  w->next = more && p != NULL ? p->id : (kevy_stream_id){0, 0};
  return true;
}

static void stream_sweep_answer(const stream_claim *m) {
  const stream_sweep *w = (const stream_sweep *)(const void *)m;
  sink_array(m->call->out, 3);
  stream_answer_id(m->call->out, &w->next);
  stream_claim_answer(m);
  sink_array(m->call->out, w->gone_n);
  for (size_t i = 0; i < w->gone_n; i++) stream_answer_id(m->call->out, &w->gone[i]);
}

static bool stream_sweep_options(command_call *c, stream_sweep *w) {
  for (size_t i = 6; i < c->argc; i++) {
    if (command_is(&c->argv[i], "COUNT") && i + 1 < c->argc) {
      static const char wrong[] = "ERR COUNT must be > 0";
      if (!stream_claim_int(c, &c->argv[++i], wrong, &w->count)) return false;
      if (w->count >= 1 && w->count <= INT64_MAX / 16) continue;
      command_fail(c, wrong);
      return false;
    }
    if (!command_is(&c->argv[i], "JUSTID")) {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
    w->claim.justid = true;
  }
  return true;
}

void cmd_xautoclaim(command_call *c) {
  stream_sweep w = {.claim = {.call = c, .now = store_now(c->store), .retries = -1}, .count = 100};
  stream_claim *m = &w.claim;
  if (!stream_claim_int(c, &c->argv[4], "ERR Invalid min-idle-time argument for XAUTOCLAIM", &m->idle)) return;
  if (m->idle < 0) m->idle = 0;
  m->delivered = m->now;
  const stream *st = NULL;
  const stream_group *g;
  if (!stream_arg_start(c, &c->argv[5], &w.from) || !stream_sweep_options(c, &w)) return;
  if (!stream_group_read(c, 1, &st, &g)) return;
  if (g == NULL) {
    stream_fail_group(c, &c->argv[1], &c->argv[2], "");
    return;
  }
  if (!stream_claim_open(m)) return;
  stream_claim_close(m, stream_sweep_all(&w), stream_sweep_answer);
  free(m->claimed);
  free(w.gone);
}
