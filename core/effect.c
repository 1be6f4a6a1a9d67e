/* effect: see effect.h. */
#include "effect.h"

#include <stdlib.h>

#include "number.h"

effects *effect_new(void) { return calloc(1, sizeof(effects)); }

void effect_free(effects *e) {
  if (e == NULL) return;
  free(e->bytes);
  free(e->argv);
  free(e);
}

/* ---- the buffer ---- */

static bool effect_room(effects *e, size_t more) {
  if (LIKELY(more <= e->room - e->len)) return true;
  size_t room = e->room * 2 > 512 ? e->room * 2 : 512;
  while (room - e->len < more) room *= 2;
  char *bytes = realloc(e->bytes, room);
  if (bytes == NULL) {
    e->lost = true;
    return false;
  }
  e->bytes = bytes;
  e->room = room;
  return true;
}

/* ---- encoding ---- */

static char *effect_put_head(char *to, char sign, size_t n) {
  *to++ = sign;
  if (LIKELY(n < 100)) {
    if (n > 9) *to++ = (char)('0' + n / 10);
    *to++ = (char)('0' + n % 10);
  } else {
    to += number_format_int((int64_t)n, to);
  }
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

static char *effect_put_bytes(char *to, const char *ptr, size_t len) {
  to = effect_put_head(to, '$', len);
  if (len != 0) memcpy(to, ptr, len);
  to += len;
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

static char *effect_put_value(char *to, const kevy_value *v) {
  if (LIKELY(v->kind <= KEVY_TEXT)) return effect_put_bytes(to, v->as.ptr, v->len);
  char digits[NUMBER_FLOAT_MAX];
  size_t len = v->kind == KEVY_FLOAT ? number_format_float(v->as.d, digits) : number_format_int(v->as.i, digits);
  return effect_put_bytes(to, digits, len);
}

/* Arguments up to the last that is not bytes. */
static size_t effect_kinds(const effects *e, size_t argc, const kevy_value *argv) {
  if (e->plain) return 0;
  while (argc > 0 && (argv[argc - 1].kind == KEVY_BYTES || argv[argc - 1].kind == EFFECT_NUMBER)) argc--;
  return argc;
}

static char *effect_put_kinds(char *to, size_t n, const kevy_value *argv) {
  static const char letters[] = "btifb";
  for (size_t i = 0; i < n;) {
    memcpy(to, "#K:", 3);
    to += 3;
    size_t end = n - i < EFFECT_LINE ? n : i + EFFECT_LINE;
    while (i < end) *to++ = letters[argv[i++].kind];
    *to++ = '\r';
    *to++ = '\n';
  }
  return to;
}

#define EFFECT_HEAD (NUMBER_INT_MAX + 3)

/* Bytes that the record takes at most. */
static size_t effect_size(size_t argc, const kevy_value *argv, size_t kinds) {
  size_t size = EFFECT_HEAD + kinds + (kinds / EFFECT_LINE + 1) * 5;
  for (size_t i = 0; i < argc; i++)
    size += EFFECT_HEAD + 2 + (argv[i].kind <= KEVY_TEXT ? argv[i].len : NUMBER_FLOAT_MAX);
  return size;
}

/* Appends a record. False: no memory. */
static bool effect_encode(effects *e, size_t argc, const kevy_value *argv) {
  size_t kinds = effect_kinds(e, argc, argv);
  if (!effect_room(e, effect_size(argc, argv, kinds))) return false;
  char *to = effect_put_kinds(e->bytes + e->len, kinds, argv);
  to = effect_put_head(to, '*', argc);
  for (size_t i = 0; i < argc; i++) to = effect_put_value(to, &argv[i]);
  e->len = (size_t)(to - e->bytes);
  return true;
}

/* Appends the bytes from `from` on as lines of hex in their own place. */
static bool effect_hide(effects *e, size_t from) {
  static const char digits[] = "0123456789abcdef";
  size_t len = e->len - from, half = EFFECT_LINE / 2, lines = (len + half - 1) / half;
  char *plain = malloc(len);
  if (plain == NULL) {
    e->lost = true;
    return false;
  }
  memcpy(plain, e->bytes + from, len);
  e->len = from;
  bool done = effect_room(e, 2 * len + lines * 5);
  char *to = e->bytes + from;
  for (size_t i = 0; done && i < len;) {
    size_t end = len - i < half ? len : i + half;
    memcpy(to, end == len ? "#C." : "#C+", 3);
    to += 3;
    for (; i < end; i++) {
      *to++ = digits[(unsigned char)plain[i] >> 4];
      *to++ = digits[(unsigned char)plain[i] & 15];
    }
    *to++ = '\r';
    *to++ = '\n';
  }
  if (done) e->len = (size_t)(to - e->bytes);
  free(plain);
  return done;
}

/* ---- a call ---- */

void effect_begin(kevy_store *s) {
  effects *e = s->effects;
  e->staged = e->len;
  e->staged_records = 0;
  e->staged_db = e->db;
  s->touched = false;
  if (UNLIKELY(s->sp->wheel != 0)) effect_stop_time(s);
}

void effect_stop_time(kevy_store *s) {
  if (s->clock.fixed != KEVY_NO_TTL) return;
  s->clock.fixed = clock_now(&s->clock);
  s->effects->stopped = true;
}

static bool effect_select(effects *e, uint32_t db) {
  kevy_value argv[] = {effect_word("SELECT"), effect_number((int64_t)db)};
  return effect_encode(e, 2, argv);
}

void effect_selected(kevy_store *s, uint32_t db) { s->effects->db = s->effects->staged_db = db; }

static void effect_stage_record(kevy_store *s, size_t argc, const kevy_value *argv, bool hidden) {
  effects *e = s->effects;
  if (UNLIKELY(e->staged_db != s->index) && effect_select(e, s->index)) e->staged_db = s->index;
  size_t from = e->len;
  if (effect_encode(e, argc, argv) && (!hidden || effect_hide(e, from))) e->staged_records++;
}

void effect_stage(kevy_store *s, size_t argc, const kevy_value *argv) { effect_stage_record(s, argc, argv, false); }
void effect_stage_hidden(kevy_store *s, size_t argc, const kevy_value *argv) {
  effect_stage_record(s, argc, argv, true);
}

bool effect_describe(kevy_store *s, effect_after after, size_t argc, const kevy_value *argv) {
  effects *e = s->effects;
  size_t bytes = argc * sizeof *argv; /* plain ones are all strings */
  for (size_t i = 0; i < argc; i++) bytes += argv[i].kind <= KEVY_TEXT ? argv[i].len : 0;
  kevy_value *copy = malloc(bytes != 0 ? bytes : 1);
  if (copy == NULL) {
    effect_end(s, KEVY_EOOM);
    return false;
  }
  char *to = (char *)(copy + argc);
  for (size_t i = 0; i < argc; i++) {
    copy[i] = argv[i];
    if (e->plain) copy[i].kind = KEVY_BYTES;
    if (argv[i].kind > KEVY_TEXT) continue;
    copy[i].as.ptr = to;
    if (argv[i].len != 0) memcpy(to, argv[i].as.ptr, argv[i].len);
    to += argv[i].len;
  }
  free(e->argv);
  e->after = after;
  e->argc = argc;
  e->argv = copy;
  return true;
}

static void effect_settled(kevy_store *s) {
  effects *e = s->effects;
  if (e->len != 0 || e->lost || store_writable(s) != KEVY_OK) s->noted = true;
}

void effect_end(kevy_store *s, kevy_status status) {
  effects *e = s->effects;
  bool stands = status == KEVY_OK && s->touched;
  e->said |= stands;
  s->touched = false;
  effect_after after = e->after;
  e->after = NULL;
  if (!stands) e->len = e->staged;
  else e->records += e->staged_records;
  if (stands) e->db = e->staged_db;
  else e->staged_db = e->db;
  e->staged = e->len;
  e->staged_records = 0;
  if (after != NULL && stands) {
    uint64_t hits = s->hits, misses = s->misses;
    after(s, e->argc, e->argv);
    s->hits = hits;
    s->misses = misses;
  }
  free(e->argv);
  e->argv = NULL;
  if (e->stopped) s->clock.fixed = KEVY_NO_TTL;
  e->stopped = false;
  effect_settled(s);
}

/* Moves what was appended last, from `from` on, before what is staged. */
static void effect_pull(effects *e, size_t from) {
  size_t more = e->len - from, staged = from - e->staged;
  if (staged != 0 && effect_room(e, more)) {
    memmove(e->bytes + e->staged + more, e->bytes + e->staged, staged + more);
    memcpy(e->bytes + e->staged, e->bytes + from + more, more);
  }
  e->staged += more;
}

static void effect_add_record(kevy_store *s, size_t argc, const kevy_value *argv, bool hidden) {
  effects *e = s->effects;
  size_t from = e->len, record;
  bool foreign = UNLIKELY(e->db != s->index), alone = e->staged == from;
  bool fine = !foreign || effect_select(e, s->index);
  record = e->len;
  fine = fine && effect_encode(e, argc, argv) && (!hidden || effect_hide(e, record));
  fine = fine && (!foreign || alone || e->db == EFFECT_ANY_DB || effect_select(e, e->db)); /* what is staged goes on where it began */
  if (!fine) {
    e->len = from;
    return;
  }
  if (alone) e->db = e->staged_db = s->index;
  e->records++;
  effect_pull(e, from);
  s->noted = true;
}

void effect_add(kevy_store *s, size_t argc, const kevy_value *argv) { effect_add_record(s, argc, argv, false); }
void effect_add_hidden(kevy_store *s, size_t argc, const kevy_value *argv) { effect_add_record(s, argc, argv, true); }

/* ---- removals ---- */

void effect_removed(kevy_store *s, const char *key, size_t klen) {
  if (LIKELY(!effect_kept(s))) return;
  kevy_value argv[] = {effect_word("DEL"), effect_bytes(key, klen)};
  effect_add(s, 2, argv);
}

void effect_taken(kevy_store *s, const char *key, size_t klen) {
  if (effect_kept(s) && s->effects->staged == s->effects->len) effect_removed(s, key, klen);
}

void effect_shed(kevy_store *s, const char *key, size_t klen, const kevy_value *field) {
  if (LIKELY(!effect_kept(s))) return;
  kevy_value argv[] = {effect_word("HDEL"), effect_bytes(key, klen), *field};
  effect_add(s, 3, argv);
}

void effect_cleared(kevy_store *s) {
  if (LIKELY(!effect_kept(s))) return;
  kevy_value argv[] = {effect_word("FLUSHALL")};
  effect_add(s, 1, argv);
}

void effect_flushed(kevy_store *s) {
  if (LIKELY(!effect_kept(s))) return;
  kevy_value argv[] = {effect_word("FLUSHDB")};
  effect_add(s, 1, argv);
}

/* ---- transactions ---- */

void effect_hold(kevy_store *s) { s->effects->held++; }

void effect_release(kevy_store *s) {
  s->effects->held--;
  effect_settled(s);
}

effect_mark effect_here(const kevy_store *s) {
  return (effect_mark){s->effects->staged, s->effects->records, s->effects->db};
}

void effect_back(kevy_store *s, effect_mark mark) {
  effects *e = s->effects;
  e->len = e->staged = mark.len;
  e->records = mark.records;
  e->db = e->staged_db = mark.db;
}
