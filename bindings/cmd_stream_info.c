/* cmd_stream_info.c: XINFO. */
#include "cmd_stream.h"

#define STREAM_INFO_COUNT 10 /* what FULL lists of each kind when COUNT is not given */

void cmd_xinfo_help(command_call *c) {
  static const char *const lines[] = {
      "CONSUMERS <key> <groupname>",
      "    Show consumers of <groupname>.",
      "GROUPS <key>",
      "    Show the stream consumer groups.",
      "STREAM <key> [FULL [COUNT <count>]",
      "    Show information about the stream.",
      "HELP",
      "    Prints this help.",
      NULL,
  };
  command_answer_help(c, lines);
}

static void xinfo_word(sink *out, const char *word) { sink_bytes(out, word, strlen(word)); }

static void xinfo_integer(sink *out, const char *word, uint64_t n) {
  xinfo_word(out, word);
  sink_integer(out, (int64_t)n);
}

static void xinfo_id(sink *out, const char *word, const kevy_stream_id *id) {
  xinfo_word(out, word);
  stream_answer_id(out, id);
}

static void xinfo_name(sink *out, const char *base, ref name) {
  const stream_name *n = stream_name_at(base, name);
  sink_bytes(out, n->bytes, (size_t)n->len);
}

/* The stream under argument 2. False, having answered the error. */
static bool xinfo_stream(command_call *c, const stream **st) {
  kevy_status status = stream_find(c->store, c->argv[2].as.ptr, c->argv[2].len, st);
  if (status < 0) command_error(c, status);
  else if (status == KEVY_MISSING) command_fail(c, "ERR no such key");
  return status == KEVY_OK;
}

/* entries-read and lag, each nil where it cannot be told. */
static void xinfo_progress(sink *out, const char *base, const stream *st, const stream_group *g) {
  int64_t lag;
  xinfo_word(out, "entries-read");
  if (g->read != STREAM_READ_UNKNOWN) sink_integer(out, g->read);
  else sink_nil(out);
  xinfo_word(out, "lag");
  if (stream_group_lag(base, st, g, &lag)) sink_integer(out, lag);
  else sink_nil(out);
}

/* ---- XINFO GROUPS and CONSUMERS ---- */

void cmd_xinfo_groups(command_call *c) {
  const stream *st = NULL;
  if (!xinfo_stream(c, &st)) return;
  const char *base = c->store->base;
  records_at at;
  sink_array(c->out, (size_t)st->groups.count);
  for (const stream_group *g = stream_group_first(base, st, &at); g != NULL; g = stream_group_next(base, &at)) {
    sink_map(c->out, 6);
    xinfo_word(c->out, "name");
    xinfo_name(c->out, base, g->name);
    xinfo_integer(c->out, "consumers", g->consumers.count);
    xinfo_integer(c->out, "pending", g->pending.count);
    xinfo_id(c->out, "last-delivered-id", &g->last);
    xinfo_progress(c->out, base, st, g);
  }
}

void cmd_xinfo_consumers(command_call *c) {
  const stream *st = NULL;
  if (!xinfo_stream(c, &st)) return;
  const char *base = c->store->base;
  const stream_group *g = stream_group_find(base, st, c->argv[3].as.ptr, c->argv[3].len);
  if (g == NULL) {
    stream_fail_group_of(c, &c->argv[2], &c->argv[3]);
    return;
  }
  int64_t now = store_now(c->store);
  records_at at;
  sink_array(c->out, (size_t)g->consumers.count);
  for (const stream_consumer *e = stream_consumer_first(base, g, &at); e != NULL;
       e = stream_consumer_next(base, &at)) {
    sink_map(c->out, 4);
    xinfo_word(c->out, "name");
    xinfo_name(c->out, base, e->name);
    xinfo_integer(c->out, "pending", e->pending.count);
    xinfo_word(c->out, "idle");
    sink_integer(c->out, now > e->seen ? now - e->seen : 0);
    xinfo_word(c->out, "inactive");
    sink_integer(c->out, e->active != -1 ? now - e->active : -1);
  }
}

/* ---- XINFO STREAM ---- */

static uint64_t xinfo_least(uint64_t n, uint64_t most) { return most == 0 || n < most ? n : most; }

/* What is pending in a group, or, where there is an owner, of a consumer. */
static void xinfo_pending(sink *out, const char *base, const stream_group *g, uint64_t most) {
  records_at at;
  uint64_t n = xinfo_least(g->pending.count, most);
  xinfo_integer(out, "pel-count", g->pending.count);
  xinfo_word(out, "pending");
  sink_array(out, (size_t)n);
  const stream_pending *p = stream_pending_seek(base, g, (kevy_stream_id){0, 0}, &at);
  for (; n-- != 0 && p != NULL; p = stream_pending_next(base, &at)) {
    sink_array(out, 4);
    stream_answer_id(out, &p->id);
    xinfo_name(out, base, p->consumer);
    sink_integer(out, p->delivered);
    sink_integer(out, (int64_t)p->count);
  }
}

static void xinfo_consumer(sink *out, const char *base, const stream_group *g, const stream_consumer *e,
                          uint64_t most) {
  records_at at;
  uint64_t n = xinfo_least(e->pending.count, most);
  sink_map(out, 5);
  xinfo_word(out, "name");
  xinfo_name(out, base, e->name);
  xinfo_integer(out, "seen-time", (uint64_t)e->seen);
  xinfo_integer(out, "active-time", (uint64_t)e->active);
  xinfo_integer(out, "pel-count", e->pending.count);
  xinfo_word(out, "pending");
  sink_array(out, (size_t)n);
  const kevy_stream_id *id = stream_own_seek(base, e, (kevy_stream_id){0, 0}, &at);
  for (; n-- != 0 && id != NULL; id = stream_own_next(base, &at)) {
    const stream_pending *p = stream_pending_find(base, g, id);
    sink_array(out, 3);
    stream_answer_id(out, id);
    sink_integer(out, p->delivered);
    sink_integer(out, (int64_t)p->count);
  }
}

static void xinfo_group(sink *out, const char *base, const stream *st, const stream_group *g, uint64_t most) {
  records_at at;
  sink_map(out, 7);
  xinfo_word(out, "name");
  xinfo_name(out, base, g->name);
  xinfo_id(out, "last-delivered-id", &g->last);
  xinfo_progress(out, base, st, g);
  xinfo_pending(out, base, g, most);
  xinfo_word(out, "consumers");
  sink_array(out, (size_t)g->consumers.count);
  const stream_consumer *e = stream_consumer_first(base, g, &at);
  for (; e != NULL; e = stream_consumer_next(base, &at)) xinfo_consumer(out, base, g, e, most);
}

static const kevy_stream_id xinfo_lowest = {0, 0}, xinfo_highest = {UINT64_MAX, UINT64_MAX};

/* The first or the last entry, nil where there is none. */
static void xinfo_edge(sink *out, const char *base, const stream *st, bool last) {
  stream_range r;
  stream_entry e;
  stream_range_open(base, st, &r, xinfo_lowest, xinfo_highest, last);
  if (stream_range_next(&r, &e)) stream_answer_entry(out, &e);
  else sink_nil(out);
}

/* The figures of both forms. Redis counts the nodes of its radix tree; here they are the chunks and what is
 * above them. */
static void xinfo_figures(sink *out, const char *base, const stream *st) {
  kevy_stream_id first = stream_first_id(base, st);
  xinfo_integer(out, "length", st->length);
  xinfo_integer(out, "radix-tree-keys", st->entries.leaves);
  xinfo_integer(out, "radix-tree-nodes", st->entries.leaves + 1);
  xinfo_id(out, "last-generated-id", &st->last);
  xinfo_id(out, "max-deleted-entry-id", &st->deleted);
  xinfo_integer(out, "entries-added", st->added);
  xinfo_id(out, "recorded-first-entry-id", &first);
}

static void xinfo_full(sink *out, const char *base, const stream *st, uint64_t most) {
  sink_map(out, 9);
  xinfo_figures(out, base, st);
  xinfo_word(out, "entries");
  stream_range r;
  stream_range_open(base, st, &r, xinfo_lowest, xinfo_highest, false);
  stream_answer_range(out, &r, xinfo_least(st->length, most));
  xinfo_word(out, "groups");
  sink_array(out, (size_t)st->groups.count);
  records_at at;
  const stream_group *g = stream_group_first(base, st, &at);
  for (; g != NULL; g = stream_group_next(base, &at)) xinfo_group(out, base, st, g, most);
}

static void xinfo_short(sink *out, const char *base, const stream *st) {
  sink_map(out, 10);
  xinfo_figures(out, base, st);
  xinfo_integer(out, "groups", st->groups.count);
  xinfo_word(out, "first-entry");
  xinfo_edge(out, base, st, false);
  xinfo_word(out, "last-entry");
  xinfo_edge(out, base, st, true);
}

/* FULL and its COUNT. False, having answered the error. */
static bool xinfo_options(command_call *c, uint64_t *most) {
  int64_t count = STREAM_INFO_COUNT;
  bool known = (c->argc == 4 || c->argc == 6) && command_is(&c->argv[3], "FULL") &&
               (c->argc == 4 || command_is(&c->argv[4], "COUNT"));
  if (!known) {
    stream_fail_usage(c, "XINFO");
    return false;
  }
  if (c->argc == 6 && !command_int(c, &c->argv[5], &count)) return false;
  *most = count < 0 ? STREAM_INFO_COUNT : (uint64_t)count;
  return true;
}

void cmd_xinfo_stream(command_call *c) {
  const stream *st = NULL;
  uint64_t most;
  if (!xinfo_stream(c, &st)) return;
  if (c->argc == 3) xinfo_short(c->out, c->store->base, st);
  else if (xinfo_options(c, &most)) xinfo_full(c->out, c->store->base, st, most);
}
