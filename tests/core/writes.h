/* writes: what a store holds, as text to compare; and random writes, by every command row that is flagged "write" and every
 * writing function of the ABI. Includers have included internals.h and check.h. */
#ifndef KEVY_WRITES_H
#define KEVY_WRITES_H

#include <stdarg.h>

#include "../../core/effect.h"
#include "../../core/stream_group.h"
#include "../../core/type_stream.h"

#define EPOCH INT64_C(1700000000000)

static kevy_store *a;    /* the store that is written to */
static int64_t now;
static unsigned entries; /* counts the IDs given */
static bool may_run_out; /* of memory */
static const unsigned numbers[] = {0, 0, 1, 9}; /* of databases */

/* ---- what a store holds, as text ---- */

typedef struct text {
  char *bytes;
  size_t len, room;
} text;

static void text_add(text *t, const void *bytes, size_t len) {
  if (t->len + len > t->room) {
    t->room = 2 * (t->len + len);
    REQUIRE((t->bytes = realloc(t->bytes, t->room)) != NULL);
  }
  if (len != 0) memcpy(t->bytes + t->len, bytes, len);
  t->len += len;
}

__attribute__((format(printf, 2, 3))) static void text_print(text *t, const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  text_add(t, line, (size_t)n);
}

static void text_value(text *t, const kevy_value *v) {
  char digits[NUMBER_FLOAT_MAX];
  kevy_value bytes = number_byte_form(v, digits);
  if (v->kind == KEVY_NIL) return;
  text_print(t, " %c%zu:", "btif"[v->kind], bytes.len);
  text_add(t, bytes.as.ptr, bytes.len);
}

static int by_bytes(const void *x, const void *y) {
  const text *p = x, *q = y;
  size_t n = p->len < q->len ? p->len : q->len;
  int order = n != 0 ? memcmp(p->bytes, q->bytes, n) : 0;
  return order != 0 ? order : p->len < q->len ? -1 : p->len > q->len;
}

static void text_sorted(text *t, text *lines, size_t n) {
  if (n != 0) qsort(lines, n, sizeof *lines, by_bytes);
  for (size_t i = 0; i < n; i++) {
    text_add(t, lines[i].bytes, lines[i].len);
    text_add(t, "\n", 1);
    free(lines[i].bytes);
  }
  free(lines);
}

static void text_elements(text *t, kevy_store *s, const kevy_value *key, int32_t type) {
  kevy_iter *it;
  kevy_value x, y;
  text *lines = NULL;
  size_t n = 0;
  REQUIRE(kevy_iter_elements(s, key->as.ptr, key->len, type, 0, &it) == KEVY_OK);
  while (kevy_iter_next(it, &x, &y) == KEVY_OK) {
    REQUIRE((lines = realloc(lines, (n + 1) * sizeof *lines)) != NULL);
    text *line = &lines[n++];
    *line = (text){NULL, 0, 0};
    if (type == KEVY_TYPE_LIST) text_print(line, "%08llu", (unsigned long long)y.as.i);
    text_value(line, &x);
    if (type != KEVY_TYPE_LIST) text_value(line, &y);
    int64_t deadline;
    if (type == KEVY_TYPE_HASH && hash_deadline(s, key->as.ptr, key->len, &x, &deadline) == KEVY_OK)
      text_print(line, " until %lld", (long long)deadline);
  }
  kevy_iter_close(it);
  text_sorted(t, lines, n);
}

static void text_pending(text *t, const char *base, const stream *st, const stream_group *g) {
  records_at at;
  const stream_consumer *c;
  for (c = stream_consumer_first(base, g, &at); c != NULL; c = stream_consumer_next(base, &at))
    text_print(t, "  consumer %s: %llu\n", stream_name_at(base, c->name)->bytes, (unsigned long long)c->pending.count);
  const stream_pending *p;
  for (p = stream_pending_seek(base, g, (kevy_stream_id){0, 0}, &at); p != NULL; p = stream_pending_next(base, &at)) {
    bool there = stream_has(base, st, &p->id); /* what is said of a deleted entry is not propagated */
    text_print(t, "  pending %llu-%llu of %s: %lld %llu\n", (unsigned long long)p->id.ms, (unsigned long long)p->id.seq,
               stream_name_at(base, p->consumer)->bytes, there ? (long long)p->delivered : 0,
               there ? (unsigned long long)p->count : 0);
  }
}

static void text_stream(text *t, kevy_store *s, const kevy_value *key) {
  const stream *st;
  REQUIRE(stream_find(s, key->as.ptr, key->len, &st) == KEVY_OK);
  text_print(t, " length %llu last %llu-%llu deleted %llu-%llu added %llu\n", (unsigned long long)st->length,
             (unsigned long long)st->last.ms, (unsigned long long)st->last.seq, (unsigned long long)st->deleted.ms,
             (unsigned long long)st->deleted.seq, (unsigned long long)st->added);
  stream_range r;
  stream_entry e;
  stream_range_open(s->base, st, &r, (kevy_stream_id){0, 0}, (kevy_stream_id){UINT64_MAX, UINT64_MAX}, false);
  while (stream_range_next(&r, &e)) {
    kevy_value field, value;
    text_print(t, " %llu-%llu", (unsigned long long)e.id.ms, (unsigned long long)e.id.seq);
    while (stream_entry_next(&e, &field, &value)) {
      text_value(t, &field);
      text_value(t, &value);
    }
    text_add(t, "\n", 1);
  }
  records_at at;
  for (const stream_group *g = stream_group_first(s->base, st, &at); g != NULL; g = stream_group_next(s->base, &at)) {
    text_print(t, " group %s last %llu-%llu read %lld\n", stream_name_at(s->base, g->name)->bytes,
               (unsigned long long)g->last.ms, (unsigned long long)g->last.seq, (long long)g->read);
    text_pending(t, s->base, st, g);
  }
}

static text text_key(kevy_store *s, const kevy_value *key, int32_t type, const kevy_value *value) {
  text t = {NULL, 0, 0};
  int64_t deadline;
  REQUIRE(kevy_deadline(s, key->as.ptr, key->len, &deadline) == KEVY_OK);
  text_add(&t, key->as.ptr, key->len);
  text_print(&t, " (%c) %s until %lld", "bt"[key->kind], kevy_type_name(type), (long long)deadline);
  if (type == KEVY_TYPE_STRING) {
    text_value(&t, value);
  } else if (type == KEVY_TYPE_STREAM) {
    text_stream(&t, s, key);
  } else {
    text_add(&t, "\n", 1);
    text_elements(&t, s, key, type);
  }
  return t;
}

/* The keys of a snapshot's database 0. */
static void text_keys(text *all, kevy_store *still) {
  text *lines = NULL;
  size_t n = 0;
  kevy_iter *it;
  kevy_value key, value;
  REQUIRE(kevy_iter_open(still, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
  while (kevy_iter_next(it, &key, &value) == KEVY_OK) {
    if (kevy_iter_type(it) == KEVY_TYPE_HASH) { /* one whose fields are all due is no key */
      hash_view v;
      if (hash_open(still, key.as.ptr, key.len, &v) != KEVY_OK || v.count == 0) continue;
    }
    REQUIRE((lines = realloc(lines, (n + 1) * sizeof *lines)) != NULL);
    lines[n++] = text_key(still, &key, kevy_iter_type(it), &value);
  }
  kevy_iter_close(it);
  text_sorted(all, lines, n);
}

/* Each database's words stand for a while where the snapshot has those of 0. */
static inline text text_of(kevy_store *s) {
  text all = {NULL, 0, 0};
  kevy_store *still;
  REQUIRE(kevy_snapshot(s, &still) == KEVY_OK);
  databases *dbs = &still->frozen->db;
  database first = dbs->first;
  uint32_t i = 0;
  for (const database *d; (d = database_next(dbs, &i)) != NULL; dbs->first = first) {
    if (d->keys.count == 0) continue;
    dbs->first = *d;
    size_t before = all.len;
    text_print(&all, "database %u\n", (unsigned)i - 1);
    size_t header = all.len;
    text_keys(&all, still);
    if (all.len == header) all.len = before; /* what it has is due, and waits to be taken away */
  }
  kevy_close(still);
  return all;
}

/* ---- commands ---- */

/* @s @h @l @e @z @x: a key of a string, hash, list, set, sorted set, stream. @k: any. @v value, @f field, @m member, @n a small
 * number, @b a database's, @p a positive one, @d a score, @t a TTL in ms, @T a deadline in ms, @S in seconds, @i an entry's ID, @j a new one, @g
 * group, @c consumer, @P a payload of DUMP. @F @V @M @Z: several pairs, values, members, scored members. */
static const char *const templates[] = {
    "SET @s @v", "SET @k @v", "SET @s @v PX @t", "SET @s @v PXAT @T", "SET @s @v EXAT @S", "SET @s @v NX", "SET @s @v XX GET",
    "SET @s @v KEEPTTL", "SETNX @s @v", "SETEX @s 1 @v", "PSETEX @s @t @v", "GETSET @s @v", "GETDEL @s",
    "GETEX @s PX @t", "GETEX @s PERSIST", "GETEX @s", "GETEX @s PXAT @T", "APPEND @s @v", "SETRANGE @s @p @v", "SETRANGE @s @p @v",
    "SETBIT @s @p 1", "SETBIT @s @n 0", "BITOP OR @s @s @s", "BITOP NOT @k @s", "BITOP AND @s @e @e", "BITFIELD @s GET u8 0",
    "BITFIELD @s SET i5 @p @n INCRBY u2 0 1", "BITFIELD @s OVERFLOW FAIL INCRBY i2 @p @n",
    "PFADD hll1 @M", "PFADD hll2 @m @m", "PFADD @k @m", "PFCOUNT hll1", "PFCOUNT hll2", "PFMERGE hll2 hll1 @s", "PFDEBUG TODENSE hll2",
    "INCR @s", "DECR @s", "INCRBY @s @n", "DECRBY @s @n", "INCRBYFLOAT @s 0.25", "INCRBYFLOAT @s @n",
    "MSET @s @v @s @v @k @v", "MSETNX @s @v @s @v", "DEL @k @k", "UNLINK @k", "RENAME @k @k", "RENAMENX @k @k", "COPY @k @k",
    "COPY @k @k REPLACE", "EXPIRE @k 1", "EXPIRE @k -1", "PEXPIRE @k @t", "PEXPIRE @k @t NX", "PEXPIRE @k @t GT", "EXPIREAT @k @S",
    "PEXPIREAT @k @T", "PERSIST @k", "FLUSHALL", "FLUSHDB", "FLUSHDB", "MOVE @k @b", "MOVE @k @b", "COPY @k @k DB @b", "COPY @k @k DB @b REPLACE",
    "SWAPDB @b @b",
    "RESTORE @k 0 @P", "RESTORE @k 0 @P REPLACE", "RESTORE @k @t @P REPLACE", "RESTORE @k @T @P REPLACE ABSTTL IDLETIME 5",
    "HSET @h @F", "HSET @h @f @v", "HMSET @h @f @v", "HSETNX @h @f @v", "HDEL @h @f @f", "HINCRBY @h n @n",
    "HINCRBY @h @f @n", "HINCRBYFLOAT @h n 0.5", "HSETEX @h PX @t FIELDS 2 @f @v @f @v", "HSETEX @h KEEPTTL FIELDS 1 @f @v",
    "HSETEX @h FNX PXAT @T FIELDS 1 @f @v", "HGETEX @h PX @t FIELDS 1 @f", "HGETEX @h PERSIST FIELDS 2 @f @f",
    "HGETEX @h PXAT @T FIELDS 1 @f", "HGETDEL @h FIELDS 1 @f", "HEXPIRE @h 1 FIELDS 1 @f", "HPEXPIRE @h @t FIELDS 2 @f @f",
    "HPEXPIRE @h @t NX FIELDS 1 @f", "HEXPIREAT @h @S FIELDS 1 @f", "HPEXPIREAT @h @T FIELDS 1 @f",
    "HPERSIST @h FIELDS 2 @f @f",
    "RPUSH @l @V", "LPUSH @l @V", "RPUSHX @l @v", "LPUSHX @l @v", "LPOP @l", "RPOP @l @p", "LSET @l @n @v",
    "LINSERT @l BEFORE @v @v", "LREM @l @n @v", "LTRIM @l @n @n", "LTRIM @l 0 @p", "LMOVE @l @l LEFT RIGHT", "RPOPLPUSH @l @l",
    "LMPOP 2 @l @l LEFT COUNT 2", "BLPOP @l @l 0", "BRPOP @l 0", "BLMOVE @l @l RIGHT LEFT 0", "BRPOPLPUSH @l @l 0",
    "BLMPOP 0 2 @l @l RIGHT", "SORT @l ALPHA STORE @l", "SORT @e BY x GET # GET @s STORE @l", "SORT @z BY x DESC STORE @k",
    "SORT @l BY s* ALPHA GET s* STORE @l",
    "SADD @e @M", "SADD @e @m", "SREM @e @m @m", "SPOP @e", "SPOP @e @p", "SMOVE @e @e @m", "SINTERSTORE @e @e @e",
    "SUNIONSTORE @e @e @e", "SDIFFSTORE @e @e @e",
    "ZADD @z @Z", "ZADD @z NX @d @m", "ZADD @z GT CH @d @m", "ZADD @z INCR @d @m", "ZINCRBY @z @d @m", "ZREM @z @m @m",
    "ZPOPMIN @z", "ZPOPMAX @z 2", "ZMPOP 2 @z @z MIN", "BZPOPMIN @z @z 0", "BZPOPMAX @z 0", "BZMPOP 0 2 @z @z MAX COUNT 2",
    "ZUNIONSTORE @z 2 @z @z", "ZINTERSTORE @z 2 @z @z WEIGHTS 2 0.5", "ZUNIONSTORE @z 2 @z @e", "ZDIFFSTORE @z 2 @z @z",
    "ZRANGESTORE @z @z 0 3", "ZREMRANGEBYRANK @z 0 1", "ZREMRANGEBYSCORE @z 1 3", "ZREMRANGEBYLEX @z [m1 [m3",
    "GEOADD @z 13.3 38.1 @m", "GEOADD @z CH @p 5 @m 2.5 @p @m", "GEOSEARCHSTORE @z @z FROMLONLAT 13 38 BYRADIUS 9000 km COUNT 3",
    "GEORADIUS @z 0 5 2000 km STOREDIST @z", "GEORADIUSBYMEMBER @z @m 500 km STORE @k",
    "XADD @x @j @f @v", "XADD @x @j @F", "XADD @x MAXLEN 5 @j @f @v", "XADD @x MAXLEN ~ 20 @j @f @v", "XADD @x MAXLEN 0 @j @f @v",
    "XADD @x NOMKSTREAM @j @f @v", "XADD star * @f @v", "XTRIM @x MAXLEN @p", "XTRIM @x MINID @i", "XDEL @x @i @i",
    "XSETID @x 900000-0", "XSETID @x @j ENTRIESADDED 500 MAXDELETEDID 1-1",
    "XGROUP CREATE @x @g 0 MKSTREAM", "XGROUP CREATE @x @g $", "XGROUP DESTROY @x @g", "XGROUP SETID @x @g @i",
    "XGROUP SETID @x @g $ ENTRIESREAD 3", "XGROUP CREATECONSUMER @x @g @c", "XGROUP DELCONSUMER @x @g @c",
    "XREADGROUP GROUP @g @c COUNT 3 STREAMS @x >", "XREADGROUP GROUP @g @c COUNT 2 STREAMS @x 0",
    "XREADGROUP GROUP @g @c NOACK COUNT 1 STREAMS @x >", "XACK @x @g @i @i @i", "XCLAIM @x @g @c 0 @i @i", "XCLAIM @x @g @c 0 @i FORCE",
    "XCLAIM @x @g @c 0 @i JUSTID LASTID @i", "XAUTOCLAIM @x @g @c 0 0 COUNT 3", "XAUTOCLAIM @x @g @c 5 0 JUSTID",
};
#define TEMPLATES (sizeof templates / sizeof *templates)

#define ARGS_MAX 700
static kevy_value args[ARGS_MAX];
static char words[ARGS_MAX][48];
static size_t argc;
static char line[256];

static kevy_value *arg_text(const char *bytes) {
  char *to = words[argc];
  kevy_value *v = &args[argc++];
  snprintf(to, sizeof words[0], "%s", bytes);
  *v = kevy_bytes(to, strlen(to));
  v->kind = below(2) ? KEVY_TEXT : KEVY_BYTES;
  return v;
}
__attribute__((format(printf, 1, 2))) static void arg_print(const char *format, ...) {
  char word[48];
  va_list list;
  va_start(list, format);
  vsnprintf(word, sizeof word, format, list);
  va_end(list);
  arg_text(word);
}

/* Of any kind; sometimes too long for what is small. */
static void arg_value(void) {
  static char large[3000];
  if (large[0] == 0) memset(large, 'x', sizeof large);
  switch (below(6)) {
    case 0: args[argc++] = (kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)below(100) - 50}}; break;
    case 1: args[argc++] = (kevy_value){KEVY_FLOAT, 0, 0, {.d = (double)below(1000) / 8}}; break;
    case 2: {
      size_t len = below(8) == 0 ? below(sizeof large) : below(90);
      args[argc] = kevy_bytes(large, len);
      args[argc++].kind = below(2) ? KEVY_TEXT : KEVY_BYTES;
      break;
    }
    case 3: arg_print("%d", (int)below(30)); break;
    default: arg_print("v%u", (unsigned)below(6));
  }
}
static void arg_member(char letter, unsigned of) {
  if (below(5) == 0) args[argc++] = (kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)below(of)}};
  else if (below(12) == 0) arg_print("%c%u%040u", letter, (unsigned)below(of), 0);
  else arg_print("%c%u", letter, (unsigned)below(of));
}
/* What DUMP answers for some key; nothing that RESTORE takes when there is none, or it is long. */
static void arg_payload(void) {
  static char payload[20000];
  kevy_value dumped;
  char key[8];
  size_t klen = (size_t)snprintf(key, sizeof key, "%c%u", "shlezx"[below(6)], (unsigned)below(3));
  bool there = kevy_dump(a, key, klen, &dumped) == KEVY_OK && dumped.len <= sizeof payload;
  if (there) memcpy(payload, dumped.as.ptr, dumped.len);
  args[argc++] = kevy_bytes(payload, there ? dumped.len : 0);
}
static size_t several(void) { return below(6) == 0 ? 1 + below(200) : 1 + below(6); }

static void arg_token(char letter) {
  static const char types[] = "shlezx";
  unsigned of = below(4) == 0 ? 300 : 8;
  if (letter == 'k') letter = types[below(6)];
  if (strchr(types, letter) != NULL) {
    if (below(12) == 0) letter = types[below(6)];
    arg_print("%c%u", letter, (unsigned)below(3));
    return;
  }
  switch (letter) {
    case 'v': arg_value(); break;
    case 'f': arg_member('f', of); break;
    case 'm': arg_member('m', of); break;
    case 'n': arg_print("%d", (int)below(12) - 4); break;
    case 'b': arg_print("%u", numbers[below(4)]); break;
    case 'p': arg_print("%u", (unsigned)below(12)); break;
    case 'd': arg_print("%g", (double)below(20) / 2 - 3); break;
    case 't': arg_print("%u", 1 + (unsigned)below(120)); break;
    case 'T': arg_print("%lld", (long long)(now + (int64_t)below(150) - 20)); break;
    case 'S': arg_print("%lld", (long long)(now / 1000 + (int64_t)below(3))); break;
    case 'i': arg_print("%u-1", entries - (unsigned)below(entries < 12 ? entries : 12)); break;
    case 'j': arg_print("%u-1", ++entries); break;
    case 'g': arg_print("g%u", (unsigned)below(2)); break;
    case 'c': arg_print("c%u", (unsigned)below(3)); break;
    case 'P': arg_payload(); break;
    case 'F':
      for (size_t n = several(); n > 0; n--) arg_member('f', of), arg_value();
      break;
    case 'V':
      for (size_t n = several(); n > 0; n--) arg_value();
      break;
    case 'M':
      for (size_t n = several(); n > 0; n--) arg_member('m', of);
      break;
    case 'Z':
      for (size_t n = several(); n > 0; n--) arg_print("%g", (double)below(30) / 4), arg_member('m', of);
      break;
    default: FAIL("a token that there is not");
  }
}

static void compose(const char *template) {
  char copy[128], *save;
  snprintf(copy, sizeof copy, "%s", template);
  snprintf(line, sizeof line, "%s", template);
  argc = 0;
  for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
    if (word[0] == '@') arg_token(word[1]);
    else arg_text(word);
  }
}

/* In some database, through a session. */
static kevy_status run_selected(kevy_reply *r, bool typed) {
  kevy_session *session;
  kevy_value selects[] = {kevy_bytes("SELECT", 6), kevy_int((int64_t)numbers[below(4)])};
  if (kevy_session_open(a, &session) != KEVY_OK) return KEVY_EOOM;
  CHECK(kevy_session_call(session, 2, selects, 0, r) == KEVY_OK);
  kevy_status status = kevy_session_call(session, argc, args, typed ? KEVY_TYPED : 0, r);
  kevy_session_close(session);
  return status;
}

static void run_command(const char *template) {
  compose(template);
  kevy_reply *r = kevy_reply_new();
  bool typed = below(3), selects = one_in(4);
  kevy_status status = selects ? run_selected(r, typed) : typed ? kevy_call_typed(a, argc, args, r) : kevy_call(a, argc, args, r);
  if (status < 0 && status != KEVY_ECOMMAND) CHECK(status != KEVY_EARG && (status != KEVY_EOOM || may_run_out));
  kevy_reply_free(r);
}

/* ---- the ABI ---- */

static void run_function(void) {
  kevy_value old, *v = &args[0], *w = &args[1];
  uint64_t n;
  double d;
  int64_t i;
  char key[8], to[8], buffer[64];
  argc = 0;
  arg_value();
  arg_value();
  args[2] = *v;
  kevy_value field = kevy_text("f1", 2), member = kevy_int((int64_t)below(20));
  uint32_t kind = below(2) ? KEVY_TEXT_KEY : 0;
  unsigned what = (unsigned)below(39);
  static const char of[] = "ssssssssssss" "hhhhhhh" "lllllllll" "ee" "zzzz" "xx" "kkkkk";
  char type = what < sizeof of - 1 ? of[what] : 's';
  if (type == 'k') type = "shlezx"[below(6)];
  size_t klen = (size_t)snprintf(key, sizeof key, "%c%u", type, (unsigned)below(3));
  size_t tolen = (size_t)snprintf(to, sizeof to, "%c%u", "shlezx"[below(6)], (unsigned)below(3));
  int64_t ttl = below(3) ? KEVY_NO_TTL : 1 + (int64_t)below(100);
  snprintf(line, sizeof line, "function %u of %s", what, key);
  switch (what) {
    case 0: kevy_set(a, key, klen, v, ttl, kind, NULL); break;
    case 1: kevy_set(a, key, klen, v, ttl, kind | (below(2) ? KEVY_NX : KEVY_XX), &old); break;
    case 2: kevy_set(a, key, klen, v, KEVY_NO_TTL, KEVY_KEEPTTL, NULL); break;
    case 3: kevy_getdel(a, key, klen, &old); break;
    case 4: kevy_getex(a, key, klen, ttl, ttl == KEVY_NO_TTL && below(2) ? KEVY_PERSIST : 0, &old); break;
    case 5: kevy_incr(a, key, klen, (int64_t)below(9) - 4, kind, &i); break;
    case 6: kevy_incr_float(a, key, klen, 0.125, kind, &d); break;
    case 7: kevy_append(a, key, klen, v, kind, &n); break;
    case 8: kevy_setrange(a, key, klen, (int64_t)below(9), "piece", 5, kind, &n); break;
    case 9: {
      kevy_value keys[] = {kevy_bytes(key, klen), kevy_text(to, tolen)};
      kevy_mset(a, 2, keys, args, ttl, below(3) ? 0 : KEVY_NX);
      break;
    }
    case 10: kevy_set(a, key, klen, v, now + (int64_t)below(40) - 10, KEVY_AT, NULL); break;
    case 11: kevy_delete(a, key, klen); break;
    case 12: kevy_hset(a, key, klen, 1, &field, v, kind, &n); break;
    case 13: kevy_hset(a, key, klen, 1, &member, v, KEVY_NX, &n); break;
    case 14: {
      kevy_value fields[] = {field, member};
      kevy_hset(a, key, klen, below(4) == 0 ? 0 : 2, fields, args, below(3) ? kind : KEVY_REPLACE, &n);
      break;
    }
    case 15: kevy_hdel(a, key, klen, 1, &member, &n); break;
    case 16: kevy_hincr(a, key, klen, &member, 3, kind, &i); break;
    case 17: kevy_hincr_float(a, key, klen, &member, 0.5, kind, &d); break;
    case 18: kevy_hexpire(a, key, klen, below(2) ? &field : &member, ttl == KEVY_NO_TTL ? 1 + now : ttl, ttl == KEVY_NO_TTL ? KEVY_AT : 0); break;
    case 19: kevy_push(a, key, klen, 1 + below(2), args, kind | (below(2) ? KEVY_LEFT : 0) | (below(6) ? 0 : KEVY_REPLACE), &n); break;
    case 20: kevy_push(a, key, klen, 1, args, KEVY_XX, &n); break;
    case 21: kevy_pop(a, key, klen, below(2) ? KEVY_LEFT : 0, &old); break;
    case 22: kevy_pop_into(a, key, klen, below(2) ? KEVY_LEFT : 0, buffer, sizeof buffer, &old); break;
    case 23: kevy_lset(a, key, klen, (int64_t)below(5) - 2, v); break;
    case 24:
    case 25:
    case 26:
      kevy_lsplice(a, key, klen, (int64_t)below(12) - 4, below(4), below(4), args, kind);
      break;
    case 27: kevy_ltrim(a, key, klen, (int64_t)below(3), -1 - (int64_t)below(3)); break;
    case 28: kevy_sadd(a, key, klen, below(2) + (below(5) ? 1 : 0), (kevy_value[]){member, field}, below(5) ? kind : KEVY_REPLACE, &n); break;
    case 29: kevy_srem(a, key, klen, 1, &member, &n); break;
    case 30: {
      double scores[] = {(double)below(9) / 3, -1};
      static const uint32_t flags[] = {0, KEVY_NX, KEVY_XX, KEVY_GT, KEVY_LT, KEVY_REPLACE};
      kevy_zadd(a, key, klen, 2, (kevy_value[]){member, field}, scores, kind | flags[below(6)], &n);
      break;
    }
    case 31: kevy_zincr(a, key, klen, &member, 0.1, kind, &d); break;
    case 32: kevy_zincr(a, key, klen, &field, -0.7, KEVY_GT, &d); break;
    case 33: kevy_zrem(a, key, klen, 1, &member, &n); break;
    case 34: {
      kevy_stream_id id = {++entries, 1};
      kevy_xadd(a, key, klen, &id, 1, &field, w, kind);
      break;
    }
    case 35: {
      kevy_stream_id id = {UINT64_MAX, UINT64_MAX};
      kevy_xadd(a, "star", 4, &id, 1, &field, v, kind);
      break;
    }
    case 36:
      if (below(2)) kevy_rename(a, key, klen, to, tolen, kind | (below(2) ? KEVY_NX : 0));
      else kevy_copy(a, key, klen, to, tolen, kind | (below(2) ? KEVY_REPLACE : 0));
      break;
    case 37: {
      argc = 0;
      arg_payload();
      kevy_restore(a, key, klen, args[0].as.ptr, args[0].len, ttl, kind | (below(3) ? KEVY_REPLACE : 0));
      break;
    }
    default:
      if (below(3) == 0) kevy_persist(a, key, klen);
      else kevy_expire(a, key, klen, 1 + (int64_t)below(100), below(2) ? 0 : KEVY_GT);
  }
}

#endif
