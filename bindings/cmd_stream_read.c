/* cmd_stream_read.c: XREAD and XREADGROUP.
 *
 * XREADGROUP changes first and answers then: what a key is to be given is decided and marked as pending, for all keys or,
 * where memory runs out, for none; the answer is read back from the streams. What is read makes nothing ready for others
 * that wait. */
#include "cmd_stream.h"
#include "propagate.h"

#include <stdlib.h>

typedef struct stream_reading {
  command_call *call;
  bool groups;              /* XREADGROUP */
  bool noack;
  uint64_t count;           /* entries of a key at most */
  const kevy_value *group, *consumer;
  int64_t timeout;          /* BLOCK, ms; below 0 without one */
  size_t first, keys;       /* the keys' arguments; their IDs follow */
} stream_reading;

/* What one key is to be given. */
typedef struct stream_serving {
  bool served, history;
  kevy_stream_id after; /* entries behind this one */
  uint64_t n;
  const stream *st;
  stream_consumer *consumer;
  bool created;         /* the consumer was, by this call */
  kevy_stream_id group_last;
  int64_t group_read, seen, active;
  stream_undo undo;
} stream_serving;

static const kevy_stream_id stream_id_most = {UINT64_MAX, UINT64_MAX};

/* ---- arguments ---- */

static bool stream_read_fail(command_call *c, const char *text) {
  command_fail(c, text);
  return false;
}

static bool stream_read_block(command_call *c, const kevy_value *arg, int64_t *timeout) {
  if (!number_parse_int(arg->as.ptr, arg->len, timeout))
    return stream_read_fail(c, "ERR timeout is not an integer or out of range");
  if (*timeout < 0) return stream_read_fail(c, "ERR timeout is negative");
  if (*timeout > 0 && *timeout > INT64_MAX - store_now(c->store))
    return stream_read_fail(c, "ERR timeout is out of range");
  return true;
}

static bool stream_read_streams(stream_reading *r, size_t first) {
  command_call *c = r->call;
  r->first = first;
  r->keys = (c->argc - first) / 2;
  if ((c->argc - first) % 2 == 0) return true;
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unbalanced '");
  command_text_add(&t, command_full_name(c->row));
  command_text_add(&t, "' list of streams: for each stream key an ID or '");
  command_text_add(&t, r->groups ? ">" : "$");
  command_text_add(&t, "' must be specified.");
  command_fail_text(c, &t);
  return false;
}

/* The options up to STREAMS and its keys. False, having answered the error. */
static bool stream_read_arguments(stream_reading *r) {
  command_call *c = r->call;
  for (size_t i = 1; i < c->argc && r->first == 0; i++) {
    const kevy_value *word = &c->argv[i];
    bool more = i + 1 < c->argc;
    if (more && command_is(word, "BLOCK")) {
      if (!stream_read_block(c, &c->argv[++i], &r->timeout)) return false;
    } else if (more && command_is(word, "COUNT")) {
      int64_t count;
      if (!command_int(c, &c->argv[++i], &count)) return false;
      r->count = count <= 0 ? UINT64_MAX : (uint64_t)count;
    } else if (more && command_is(word, "STREAMS")) {
      if (!stream_read_streams(r, i + 1)) return false;
    } else if (i + 2 < c->argc && command_is(word, "GROUP")) {
      if (!r->groups)
        return stream_read_fail(c, "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
      r->group = &c->argv[i + 1];
      r->consumer = &c->argv[i + 2];
      i += 2;
    } else if (command_is(word, "NOACK")) {
      if (!r->groups)
        return stream_read_fail(c, "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
      r->noack = true;
    } else {
      return stream_read_fail(c, COMMAND_SYNTAX);
    }
  }
  if (r->first == 0) return stream_read_fail(c, COMMAND_SYNTAX);
  if (r->groups && r->group == NULL) return stream_read_fail(c, "ERR Missing GROUP option for XREADGROUP");
  return true;
}

static bool stream_read_is(const kevy_value *arg, char mark) { return arg->len == 1 && arg->as.ptr[0] == mark; }

/* The ID of one key, "$" and ">" among them: ">" is the highest ID. */
static bool stream_read_id(const stream_reading *r, const kevy_value *arg, const stream *st, kevy_stream_id *id) {
  command_call *c = r->call;
  if (stream_read_is(arg, '$')) {
    if (r->groups)
      return stream_read_fail(c, "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
                                 "history of this consumer by specifying a proper ID, or use the > ID to get new "
                                 "messages. The $ ID would just return an empty result set.");
    *id = st != NULL ? st->last : (kevy_stream_id){0, 0};
    return true;
  }
  if (!stream_read_is(arg, '>')) return stream_arg_id(c, arg, id);
  if (!r->groups)
    return stream_read_fail(
        c, "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.");
  *id = stream_id_most;
  return true;
}

/* Key i, its group and its ID. False, having answered the error. */
static bool stream_read_key(const stream_reading *r, size_t i, stream_serving *v) {
  command_call *c = r->call;
  const kevy_value *key = &c->argv[r->first + i], *id = &c->argv[r->first + r->keys + i];
  const stream *st = NULL;
  kevy_status status = stream_find(c->store, key->as.ptr, key->len, &st);
  if (status < 0) {
    command_error(c, status);
    return false;
  }
  if (r->groups && (st == NULL || stream_group_find(c->store->base, st, r->group->as.ptr, r->group->len) == NULL)) {
    stream_fail_group(c, key, r->group, " in XREADGROUP with GROUP option");
    return false;
  }
  v->st = st;
  return stream_read_id(r, id, st, &v->after);
}

/* ---- answers ---- */

/* An entry that is pending but deleted. */
static void stream_answer_gone(sink *out, const kevy_stream_id *id) {
  sink_array(out, 2);
  stream_answer_id(out, id);
  sink_nil_array(out);
}

/* A consumer's own entries behind an ID. */
static void stream_answer_history(const stream_reading *r, const stream_serving *v) {
  const char *base = r->call->store->base;
  sink *out = r->call->out;
  kevy_stream_id from = v->after;
  stream_id_up(&from);
  records_at at;
  stream_range range;
  stream_entry e;
  uint64_t n = v->n;
  sink_array(out, (size_t)n);
  for (const kevy_stream_id *id = stream_own_seek(base, v->consumer, from, &at); n-- != 0 && id != NULL;
       id = stream_own_next(base, &at)) {
    stream_range_open(base, v->st, &range, *id, *id, false);
    if (stream_range_next(&range, &e)) stream_answer_entry(out, &e);
    else stream_answer_gone(out, id);
  }
}

static void stream_answer_serving(const stream_reading *r, size_t i, const stream_serving *v) {
  sink *out = r->call->out;
  sink_row(out);
  sink_bulk(out, &r->call->argv[r->first + i]);
  if (v->history) {
    stream_answer_history(r, v);
    return;
  }
  stream_range range;
  kevy_stream_id from = v->after;
  stream_id_up(&from);
  stream_range_open(r->call->store->base, v->st, &range, from, stream_id_most, false);
  stream_answer_range(out, &range, v->n);
}

/* The arguments with the IDs that "$" means now. NULL: there is none, or no memory. */
static kevy_value *stream_read_since(const stream_reading *r, const stream_serving *all, bool *failed) {
  command_call *c = r->call;
  const kevy_value *ids = &c->argv[r->first + r->keys];
  size_t since = 0;
  for (size_t i = 0; i < r->keys; i++) since += stream_read_is(&ids[i], '$');
  *failed = false;
  if (since == 0) return NULL;
  kevy_value *argv = malloc(c->argc * sizeof *argv + since * STREAM_ID_TEXT);
  *failed = argv == NULL;
  if (argv == NULL) return NULL;
  memcpy(argv, c->given, c->argc * sizeof *argv);
  char *text = (char *)(argv + c->argc);
  for (size_t i = 0; i < r->keys; i++) {
    if (!stream_read_is(&ids[i], '$')) continue;
    argv[r->first + r->keys + i] = kevy_bytes(text, stream_format_id(&all[i].after, text));
    text += STREAM_ID_TEXT;
  }
  return argv;
}

static void stream_read_wait(const stream_reading *r, const stream_serving *all) {
  bool failed;
  kevy_value *argv = stream_read_since(r, all, &failed);
  if (failed) {
    command_error(r->call, KEVY_EOOM);
    return;
  }
  command_wait(r->call, r->first, r->keys, r->timeout);
  r->call->waits.argv = argv;
}

static void stream_answer_all(const stream_reading *r, const stream_serving *all) {
  size_t served = 0;
  for (size_t i = 0; i < r->keys; i++) served += all[i].served;
  if (served == 0) {
    if (r->timeout >= 0) stream_read_wait(r, all);
    else sink_nil_array(r->call->out);
    return;
  }
  sink_table(r->call->out, served);
  for (size_t i = 0; i < r->keys; i++)
    if (all[i].served) stream_answer_serving(r, i, &all[i]);
}

/* ---- XREAD ---- */

/* What there is behind the ID. */
static void stream_serve_plain(const stream_reading *r, stream_serving *v) {
  if (v->st == NULL || v->st->length == 0) return;
  const char *base = r->call->store->base;
  kevy_stream_id last = stream_last_id(base, v->st), from = v->after;
  if (stream_id_compare(&last, &v->after) <= 0) return;
  stream_id_up(&from);
  stream_range range;
  stream_range_open(base, v->st, &range, from, stream_id_most, false);
  v->n = stream_range_count(&range, r->count);
  v->served = true;
}

/* ---- XREADGROUP ---- */

/* Bytes of a reply that an entry takes at most, but for its scalars' own. */
#define STREAM_REPLY_ITEM 40

static size_t stream_entry_room(const stream_chunk *chunk, const stream_entry *e, size_t text) {
  return text + chunk->names + STREAM_REPLY_ITEM * (3 + 2 * (size_t)e->pairs);
}

/* Gives the entries behind the group's last ID. Their bytes in the answer are added to *room. False: no memory. */
static bool stream_serve_new(const stream_reading *r, stream_serving *v, stream *st, stream_group *g, size_t *room) {
  kevy_store *s = r->call->store;
  kevy_stream_id last = stream_last_id(s->base, st), from = g->last;
  if (st->length == 0 || stream_id_compare(&last, &g->last) <= 0) return true;
  v->after = g->last;
  v->served = true;
  stream_id_up(&from);
  stream_range range;
  stream_entry e;
  stream_range_open(s->base, st, &range, from, stream_id_most, false);
  int64_t now = store_now(s);
  for (uint32_t at = range.at; v->n < r->count && stream_range_next(&range, &e); at = range.at) {
    *room += stream_entry_room(range.chunk, &e, range.at > at ? range.at - at : range.at);
    v->n++;
    stream_pending want = {e.id, v->consumer->name, now, 1};
    if (!r->noack) {
      if (!stream_undo_note(&v->undo, &e.id)) return false;
      if (!stream_pending_assign(s, st, g, v->consumer, &want, false)) return false;
      v->consumer->active = now;
    }
    stream_group_advance(s->base, st, g, &e.id);
  }
  return true;
}

/* Gives the consumer's own entries behind an ID again. */
static bool stream_serve_history(const stream_reading *r, stream_serving *v, stream *st, stream_group *g,
                                 size_t *room) {
  kevy_store *s = r->call->store;
  v->served = v->history = true;
  kevy_stream_id from = v->after;
  stream_id_up(&from);
  records_at at;
  stream_range range;
  stream_entry e;
  const kevy_stream_id *id = stream_own_seek(s->base, v->consumer, from, &at);
  for (; id != NULL && v->n < r->count; id = stream_own_next(s->base, &at), v->n++) {
    *room += 3 * STREAM_REPLY_ITEM;
    stream_range_open(s->base, st, &range, *id, *id, false);
    uint32_t begin = range.at;
    if (!stream_range_next(&range, &e)) continue;
    *room += stream_entry_room(range.chunk, &e, range.at > begin ? range.at - begin : range.at);
    stream_pending want = *stream_pending_find(s->base, g, id);
    want.delivered = store_now(s);
    want.count++;
    if (!stream_undo_note(&v->undo, id)) return false;
    if (!stream_pending_assign(s, st, g, v->consumer, &want, false)) return false;
  }
  return true;
}

/* One key of XREADGROUP: its consumer is seen, and given something. */
static kevy_status stream_serve_group(const stream_reading *r, size_t i, stream_serving *v, size_t *room) {
  command_call *c = r->call;
  const kevy_value *key = &c->argv[r->first + i];
  stream *st;
  kevy_status status = stream_change(c->store, key->as.ptr, key->len, false, 0, &st);
  if (status != KEVY_OK) return status;
  v->st = st;
  stream_group *g = stream_group_change(c->store, st, r->group->as.ptr, r->group->len, false);
  if (g == NULL) return KEVY_EOOM;
  v->group_last = g->last;
  v->group_read = g->read;
  v->consumer = stream_consumer_obtain(c->store, st, g, r->consumer->as.ptr, r->consumer->len, &v->created);
  if (v->consumer == NULL) return KEVY_EOOM;
  v->undo = (stream_undo){.store = c->store, .st = st, .group = g};
  v->seen = v->consumer->seen;
  v->active = v->consumer->active;
  v->consumer->seen = store_now(c->store);
  bool fresh = stream_id_compare(&v->after, &stream_id_most) == 0;
  bool done = fresh ? stream_serve_new(r, v, st, g, room) : stream_serve_history(r, v, st, g, room);
  return done ? KEVY_OK : KEVY_EOOM;
}

static void stream_serve_undo(const stream_reading *r, stream_serving *v) {
  stream_group *g = v->undo.group;
  if (g == NULL) return;
  stream_undo_all(&v->undo);
  g->last = v->group_last;
  g->read = v->group_read;
  v->consumer->seen = v->seen;
  v->consumer->active = v->active;
  uint64_t pending;
  if (v->created)
    stream_consumer_delete(r->call->store, v->undo.st, g, r->consumer->as.ptr, r->consumer->len, &pending);
}

static kevy_status stream_serve_groups(const stream_reading *r, stream_serving *all) {
  size_t room = 64, done = 0;
  kevy_status status = KEVY_OK;
  uint32_t readies = r->call->store->readies;
  while (done < r->keys && status == KEVY_OK) status = stream_serve_group(r, done, &all[done], &room), done++;
  if (status == KEVY_OK && !sink_room(r->call->out, room)) status = KEVY_EOOM;
  while (status != KEVY_OK && done-- != 0) stream_serve_undo(r, &all[done]);
  r->call->store->readies = readies;
  return status;
}

static void stream_serve_propagate(const stream_reading *r, size_t i, const stream_serving *v) {
  const stream_group *g = v->undo.group;
  bool moved = stream_id_compare(&v->group_last, &g->last) != 0 || v->group_read != g->read;
  propagate_pending(r->call, &r->call->argv[r->first + i], r->group, r->consumer, &v->undo, v->created, moved);
}

/* ---- both ---- */

static void stream_read_serve(const stream_reading *r, stream_serving *all) {
  for (size_t i = 0; i < r->keys; i++)
    if (!stream_read_key(r, i, &all[i])) return;
  kevy_status status = KEVY_OK;
  if (r->groups) status = stream_serve_groups(r, all);
  for (size_t i = 0; i < r->keys && !r->groups; i++) stream_serve_plain(r, &all[i]);
  for (size_t i = 0; r->groups && status == KEVY_OK && i < r->keys; i++) stream_serve_propagate(r, i, &all[i]);
  if (status != KEVY_OK) command_error(r->call, status);
  else stream_answer_all(r, all);
}

static void stream_read_command(command_call *c, bool groups) {
  stream_reading r = {.call = c, .groups = groups, .count = UINT64_MAX, .timeout = -1};
  if (!stream_read_arguments(&r)) return;
  stream_serving *all = calloc(r.keys, sizeof *all);
  if (all == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  stream_read_serve(&r, all);
  for (size_t i = 0; i < r.keys; i++) stream_undo_close(&all[i].undo);
  free(all);
}

void cmd_xread(command_call *c) { stream_read_command(c, false); }
void cmd_xreadgroup(command_call *c) { stream_read_command(c, true); }
