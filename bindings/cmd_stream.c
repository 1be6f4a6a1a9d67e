/* cmd_stream.c: the handlers of the commands on a stream's entries.
 *
 * The order of checks is Redis 7.2's. Answers that announce a length count first: ranges are walked twice. */
#include "cmd_stream.h"

#include <errno.h>
#include <stdlib.h>

/* ---- IDs --------------------------------------------------------------------------------------- */

/* A number of 64 bits without sign, as Redis reads it: what strtoull takes, whole. */
static bool stream_parse_word(const char *text, uint64_t *out) {
  int64_t i;
  if (number_parse_int(text, strlen(text), &i)) {
    *out = (uint64_t)i;
    return i >= 0;
  }
  char *end = NULL;
  errno = 0;
  *out = strtoull(text, &end, 10);
  return errno == 0 && *text != '\0' && *end == '\0';
}

#define STREAM_ID_ARG 128

/* The text of an argument up to its first zero byte. False when it is too long for an ID. */
static bool stream_id_text(const kevy_value *arg, char text[STREAM_ID_ARG]) {
  if (arg->len >= STREAM_ID_ARG) return false;
  if (arg->len != 0) memcpy(text, arg->as.ptr, arg->len);
  text[arg->len] = '\0';
  return true;
}

bool stream_parse_id(const kevy_value *arg, uint64_t missing_seq, bool ends, kevy_stream_id *id) {
  char text[STREAM_ID_ARG];
  if (!stream_id_text(arg, text)) return false;
  if ((text[0] == '-' || text[0] == '+') && text[1] == '\0') {
    id->ms = id->seq = text[0] == '-' ? 0 : UINT64_MAX;
    return ends;
  }
  char *dash = strchr(text, '-');
  if (dash != NULL) *dash = '\0';
  id->seq = missing_seq;
  return stream_parse_word(text, &id->ms) && (dash == NULL || stream_parse_word(dash + 1, &id->seq));
}

static void stream_fail_id(command_call *c) {
  command_fail(c, "ERR Invalid stream ID specified as stream command argument");
}

bool stream_arg_id(command_call *c, const kevy_value *arg, kevy_stream_id *id) {
  if (stream_parse_id(arg, 0, false, id)) return true;
  stream_fail_id(c);
  return false;
}

kevy_stream_id *stream_arg_ids(command_call *c, size_t first) {
  kevy_stream_id *ids = malloc((c->argc - first) * sizeof *ids);
  if (ids == NULL) {
    command_error(c, KEVY_EOOM);
    return NULL;
  }
  for (size_t i = first; i < c->argc; i++) {
    if (stream_arg_id(c, &c->argv[i], &ids[i - first])) continue;
    free(ids);
    return NULL;
  }
  return ids;
}

/* One end of an interval. *excluded: it was written with "(". */
static bool stream_arg_end(command_call *c, const kevy_value *arg, uint64_t missing_seq, bool *excluded,
                           kevy_stream_id *id) {
  kevy_value rest = *arg;
  *excluded = arg->len > 1 && arg->as.ptr[0] == '(';
  if (*excluded) rest = kevy_bytes(arg->as.ptr + 1, arg->len - 1);
  if (stream_parse_id(&rest, missing_seq, !*excluded, id)) return true;
  stream_fail_id(c);
  return false;
}

bool stream_arg_start(command_call *c, const kevy_value *arg, kevy_stream_id *from) {
  bool excluded;
  if (!stream_arg_end(c, arg, 0, &excluded, from)) return false;
  if (!excluded || stream_id_up(from)) return true;
  command_fail(c, "ERR invalid start ID for the interval");
  return false;
}

bool stream_arg_interval(command_call *c, const kevy_value *low, const kevy_value *high, kevy_stream_id *from,
                         kevy_stream_id *to) {
  bool excluded;
  if (!stream_arg_start(c, low, from)) return false;
  if (!stream_arg_end(c, high, UINT64_MAX, &excluded, to)) return false;
  if (!excluded || stream_id_down(to)) return true;
  command_fail(c, "ERR invalid end ID for the interval");
  return false;
}

static char *stream_format_word(char *to, uint64_t n) {
  char digits[20];
  size_t at = sizeof digits;
  while (n >= 10) {
    digits[--at] = (char)('0' + n % 10);
    n /= 10;
  }
  *to++ = (char)('0' + n);
  size_t rest = sizeof digits - at;
  if (rest > 19) __builtin_unreachable(); /* so that it is seen to be inside */
  bytes_move(to, digits + at, rest);
  return to + rest;
}

size_t stream_format_id(const kevy_stream_id *id, char text[STREAM_ID_TEXT]) {
  char *end = stream_format_word(text, id->ms);
  *end++ = '-';
  return (size_t)(stream_format_word(end, id->seq) - text);
}

void stream_answer_id(sink *out, const kevy_stream_id *id) {
  char text[STREAM_ID_TEXT];
  sink_bytes(out, text, stream_format_id(id, text));
}

/* ---- Entries ----------------------------------------------------------------------------------- */

void stream_answer_entry(sink *out, stream_entry *e) {
  sink_array(out, 2);
  stream_answer_id(out, &e->id);
  sink_array(out, 2 * (size_t)e->pairs);
  kevy_value field, value;
  while (stream_entry_next(e, &field, &value)) {
    sink_bulk(out, &field);
    sink_bulk(out, &value);
  }
}

uint64_t stream_range_count(const stream_range *r, uint64_t most) {
  stream_range ahead;
  memcpy(&ahead, r, r->reverse ? sizeof ahead : offsetof(stream_range, offsets));
  stream_entry e;
  uint64_t n = 0;
  while (n < most && stream_range_next(&ahead, &e)) n++;
  return n;
}

void stream_answer_range(sink *out, stream_range *r, uint64_t n) {
  stream_entry e;
  sink_array(out, (size_t)n);
  while (n-- != 0 && stream_range_next(r, &e)) stream_answer_entry(out, &e);
}

/* ---- Errors and words -------------------------------------------------------------------------- */

void stream_error(command_call *c, kevy_status status) {
  const char *text = NULL;
  switch (status) {
    case KEVY_ERANGE: text = "ERR The ID specified in XADD is equal or smaller than the target stream top item"; break;
    case KEVY_EOVERFLOW:
      text = "ERR The stream has exhausted the last possible ID, unable to add more items";
      break;
    case KEVY_ETOOBIG: text = "ERR Elements are too large to be stored"; break;
    default: command_error(c, status); return;
  }
  c->failed = status == KEVY_EOVERFLOW ? KEVY_ERANGE : status;
  command_fail(c, text);
}

/* An argument within an error, as far as Redis's own buffer for it goes. */
static void stream_text_arg(command_text *t, const kevy_value *arg) {
  command_text_add(t, "'");
  command_text_add_arg(t, arg, arg->len);
  command_text_add(t, "'");
}

void stream_fail_group(command_call *c, const kevy_value *key, const kevy_value *group, const char *after) {
  command_text t = {.len = 0};
  command_text_add(&t, "NOGROUP No such key ");
  stream_text_arg(&t, key);
  command_text_add(&t, " or consumer group ");
  stream_text_arg(&t, group);
  command_text_add(&t, after);
  command_fail_text(c, &t);
}

void stream_fail_group_of(command_call *c, const kevy_value *key, const kevy_value *group) {
  command_text t = {.len = 0};
  command_text_add(&t, "NOGROUP No such consumer group ");
  stream_text_arg(&t, group);
  command_text_add(&t, " for key name ");
  stream_text_arg(&t, key);
  command_fail_text(c, &t);
}

void stream_fail_usage(command_call *c, const char *container) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR unknown subcommand or wrong number of arguments for '");
  command_text_add_arg(&t, &c->argv[1], 128);
  command_text_add(&t, "'. Try ");
  command_text_add(&t, container);
  command_text_add(&t, " HELP.");
  command_fail_text(c, &t);
}

/* ---- XADD and XTRIM: options ------------------------------------------------------------------- */

#define STREAM_LIMIT_ABOUT (100 * STREAM_CHUNK_ENTRIES) /* what "~" trims at most when LIMIT is not given */

typedef struct stream_options {
  stream_trim trim;
  stream_wish wish;  /* XADD */
  bool limit_given;
  bool no_stream;    /* NOMKSTREAM */
  size_t at;         /* the argument behind the options: XADD's ID */
} stream_options;

static bool stream_option_fail(command_call *c, const char *text) {
  command_fail(c, text);
  return false;
}

/* MAXLEN or MINID with its threshold, from argument *i on. */
static bool stream_option_trim(command_call *c, size_t *i, stream_options *o, bool by_id) {
  if (o->trim.what != STREAM_KEEP_ALL)
    return stream_option_fail(
        c, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  const kevy_value *next = &c->argv[*i + 1];
  o->trim.about = false;
  if (*i + 2 < c->argc && next->len == 1 && (next->as.ptr[0] == '~' || next->as.ptr[0] == '=')) {
    o->trim.about = next->as.ptr[0] == '~';
    ++*i;
  }
  const kevy_value *threshold = &c->argv[++*i];
  o->trim.what = by_id ? STREAM_MINID : STREAM_MAXLEN;
  if (by_id) return stream_arg_id(c, threshold, &o->trim.minid);
  int64_t maxlen;
  if (!command_int(c, threshold, &maxlen)) return false;
  if (maxlen < 0) return stream_option_fail(c, "ERR The MAXLEN argument must be >= 0.");
  o->trim.maxlen = (uint64_t)maxlen;
  return true;
}

static bool stream_option_limit(command_call *c, const kevy_value *arg, stream_options *o) {
  int64_t limit;
  if (!command_int(c, arg, &limit)) return false;
  if (limit < 0) return stream_option_fail(c, "ERR The LIMIT argument must be >= 0.");
  o->trim.limit = (uint64_t)limit;
  o->limit_given = true;
  return true;
}

/* The ID an entry is to have. */
static bool stream_option_id(command_call *c, const kevy_value *arg, stream_wish *wish) {
  if (arg->len == 1 && arg->as.ptr[0] == '*') {
    wish->what = STREAM_ANY_ID;
    return true;
  }
  char text[STREAM_ID_ARG];
  kevy_value ms = *arg;
  wish->what = STREAM_THIS_ID;
  if (stream_id_text(arg, text)) {
    char *dash = strchr(text, '-');
    if (dash != NULL && strcmp(dash, "-*") == 0) {
      wish->what = STREAM_ANY_SEQ;
      ms = kevy_bytes(text, (size_t)(dash - text));
    }
  }
  return stream_arg_id(c, &ms, &wish->id);
}

/* The limits that hold once all options are known. */
static bool stream_options_settle(command_call *c, stream_options *o, bool adds) {
  if (o->trim.limit != 0 && o->trim.what == STREAM_KEEP_ALL)
    return stream_option_fail(c, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
  if (!adds && o->trim.what == STREAM_KEEP_ALL)
    return stream_option_fail(c, "ERR syntax error, XTRIM must be called with MAXLEN or MINID options");
  if (o->limit_given && !o->trim.about)
    return stream_option_fail(c, "ERR syntax error, LIMIT cannot be used without the special ~ option");
  if (!o->limit_given) o->trim.limit = o->trim.about ? STREAM_LIMIT_ABOUT : 0;
  return true;
}

/* Reads the options of XADD, up to its ID, or of XTRIM. False, having answered the error. */
static bool stream_read_options(command_call *c, stream_options *o, bool adds) {
  size_t i = 2;
  for (; i < c->argc; i++) {
    const kevy_value *word = &c->argv[i];
    bool more = i + 1 < c->argc;
    if (adds && word->len == 1 && word->as.ptr[0] == '*') break;
    if (more && command_is(word, "MAXLEN")) {
      if (!stream_option_trim(c, &i, o, false)) return false;
    } else if (more && command_is(word, "MINID")) {
      if (!stream_option_trim(c, &i, o, true)) return false;
    } else if (more && command_is(word, "LIMIT")) {
      if (!stream_option_limit(c, &c->argv[++i], o)) return false;
    } else if (adds && command_is(word, "NOMKSTREAM")) {
      o->no_stream = true;
    } else if (adds) {
      if (!stream_option_id(c, word, &o->wish)) return false;
      break;
    } else {
      return stream_option_fail(c, COMMAND_SYNTAX);
    }
  }
  o->at = i;
  return stream_options_settle(c, o, adds);
}

/* ---- XADD, XTRIM, XDEL, XLEN, XSETID ----------------------------------------------------------- */

static kevy_status stream_add_args(command_call *c, const stream_options *o, kevy_stream_id *id) {
  const kevy_value *from = c->kinds ? c->given : c->argv;
  size_t at = o->at + 1;
  stream_pairs pairs = {from + at, from + at + 1, (c->argc - at) / 2, 2, !c->kinds};
  uint32_t flags = command_key_flag(c, 1) | (o->no_stream ? KEVY_XX : 0);
  return stream_add(c->store, c->argv[1].as.ptr, c->argv[1].len, &o->wish, &pairs, flags,
                    o->trim.what != STREAM_KEEP_ALL ? &o->trim : NULL, id);
}

void cmd_xadd(command_call *c) {
  stream_options o = {.at = 0};
  if (!stream_read_options(c, &o, true)) return;
  if (c->argc < o.at + 3 || (c->argc - o.at) % 2 == 0) {
    command_fail_arity(c);
    return;
  }
  if (o.wish.what == STREAM_THIS_ID && o.wish.id.ms == 0 && o.wish.id.seq == 0) {
    command_fail(c, "ERR The ID specified in XADD must be greater than 0-0");
    return;
  }
  kevy_stream_id id;
  kevy_status status = stream_add_args(c, &o, &id);
  if (status < 0) stream_error(c, status);
  else if (status == KEVY_MISSING) sink_nil(c->out);
  else stream_answer_id(c->out, &id);
}

static void stream_answer_count(command_call *c, kevy_status status, uint64_t count) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)count);
}

void cmd_xtrim(command_call *c) {
  stream_options o = {.at = 0};
  if (!stream_read_options(c, &o, false)) return;
  uint64_t removed;
  kevy_status status = stream_cut(c->store, c->argv[1].as.ptr, c->argv[1].len, &o.trim, &removed);
  stream_answer_count(c, status, removed);
}

/* Redis looks at the key before the IDs. */
void cmd_xdel(command_call *c) {
  uint64_t removed = 0;
  const stream *st = NULL;
  kevy_status status = stream_find(c->store, c->argv[1].as.ptr, c->argv[1].len, &st);
  if (status == KEVY_OK) {
    kevy_stream_id *ids = stream_arg_ids(c, 2);
    if (ids == NULL) return;
    status = stream_delete(c->store, c->argv[1].as.ptr, c->argv[1].len, c->argc - 2, ids, &removed);
    free(ids);
  }
  stream_answer_count(c, status, removed);
}

void cmd_xlen(command_call *c) {
  uint64_t count;
  kevy_status status = stream_length(c->store, c->argv[1].as.ptr, c->argv[1].len, &count);
  stream_answer_count(c, status, count);
}

typedef struct stream_setid {
  kevy_stream_id last, deleted;
  int64_t added; /* -1: as it is */
} stream_setid;

static bool stream_setid_option(command_call *c, size_t i, stream_setid *o) {
  const kevy_value *arg = &c->argv[i + 1];
  if (i + 1 < c->argc && command_is(&c->argv[i], "ENTRIESADDED")) {
    if (!command_int(c, arg, &o->added)) return false;
    return o->added >= 0 || stream_option_fail(c, "ERR entries_added must be positive");
  }
  if (i + 1 < c->argc && command_is(&c->argv[i], "MAXDELETEDID")) {
    if (!stream_arg_id(c, arg, &o->deleted)) return false;
    return stream_id_compare(&o->last, &o->deleted) >= 0 ||
           stream_option_fail(
               c, "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
  }
  return stream_option_fail(c, COMMAND_SYNTAX);
}

/* Why the stream cannot be set so; NULL when it can. */
static const char *stream_setid_forbidden(const char *base, const stream *st, const stream_setid *o) {
  if (stream_id_compare(&o->last, &st->deleted) < 0)
    return "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
  if (st->length == 0) return NULL;
  kevy_stream_id top = stream_last_id(base, st);
  if (stream_id_compare(&o->last, &top) < 0)
    return "ERR The ID specified in XSETID is smaller than the target stream top item";
  if (o->added >= 0 && st->length > (uint64_t)o->added)
    return "ERR The entries_added specified in XSETID is smaller than the target stream length";
  return NULL;
}

void cmd_xsetid(command_call *c) {
  stream_setid o = {.added = -1};
  if (!stream_arg_id(c, &c->argv[2], &o.last)) return;
  for (size_t i = 3; i < c->argc; i += 2)
    if (!stream_setid_option(c, i, &o)) return;
  stream *st = NULL;
  kevy_status status = stream_change(c->store, c->argv[1].as.ptr, c->argv[1].len, false, 0, &st);
  const char *forbidden = status == KEVY_OK ? stream_setid_forbidden(c->store->base, st, &o) : NULL;
  if (status < 0) {
    command_error(c, status);
  } else if (status == KEVY_MISSING) {
    command_fail(c, "ERR no such key");
  } else if (forbidden != NULL) {
    command_fail(c, forbidden);
  } else {
    st->last = o.last;
    if (o.added >= 0) st->added = (uint64_t)o.added;
    if (o.deleted.ms != 0 || o.deleted.seq != 0) st->deleted = o.deleted;
    sink_status(c->out, "OK");
  }
}

/* ---- XRANGE and XREVRANGE ---------------------------------------------------------------------- */

/* COUNT, from argument 4 on; UINT64_MAX without one. */
static bool stream_range_options(command_call *c, uint64_t *count) {
  *count = UINT64_MAX;
  for (size_t i = 4; i < c->argc; i += 2) {
    int64_t n;
    if (i + 1 == c->argc || !command_is(&c->argv[i], "COUNT")) return stream_option_fail(c, COMMAND_SYNTAX);
    if (!command_int(c, &c->argv[i + 1], &n)) return false;
    *count = n < 0 ? 0 : (uint64_t)n;
  }
  return true;
}

static void stream_range_command(command_call *c, bool reverse) {
  kevy_stream_id from, to;
  uint64_t count;
  if (!stream_arg_interval(c, &c->argv[reverse ? 3 : 2], &c->argv[reverse ? 2 : 3], &from, &to)) return;
  if (!stream_range_options(c, &count)) return;
  const stream *st = NULL;
  kevy_status status = stream_find(c->store, c->argv[1].as.ptr, c->argv[1].len, &st);
  if (status < 0) {
    command_error(c, status);
  } else if (status == KEVY_MISSING) {
    sink_array(c->out, 0);
  } else if (count == 0) {
    sink_nil_array(c->out);
  } else {
    stream_range r;
    stream_range_open(c->store->base, st, &r, from, to, reverse);
    stream_answer_range(c->out, &r, stream_range_count(&r, count));
  }
}

void cmd_xrange(command_call *c) { stream_range_command(c, false); }
void cmd_xrevrange(command_call *c) { stream_range_command(c, true); }
