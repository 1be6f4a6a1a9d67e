/* cmd_encoding.c: the word that Redis has for the form of a value, for OBJECT ENCODING and DEBUG OBJECT.
 *
 * kevy's forms are its own. The word is what Redis 7.2 would say of the same contents under the thresholds of
 * CONFIG; there a collection that was large once keeps its form, here it is judged by what it holds now. So the
 * word costs a walk of as many elements as the threshold allows. */
#include "cmd_encoding.h"

#include "config.h"
#include "elements.h"
#include "probe.h"

#define ENCODING_EMBEDDED 44 /* bytes of the longest string within its object */

static bool encoding_is_int(const kevy_value *v) {
  int64_t i;
  return v->kind == KEVY_INT || (v->kind <= KEVY_TEXT && number_parse_int(v->as.ptr, v->len, &i));
}

static size_t encoding_len(const kevy_value *v) {
  char scratch[NUMBER_FLOAT_MAX];
  return v->kind == KEVY_NIL ? 0 : number_byte_form(v, scratch).len;
}

/* ---- Hashes, sets and sorted sets ---------------------------------------------------------------- */

/* Whether a value has at most `entries` elements, none of them longer than `longest`; the score of a member counts for
 * nothing. */
static bool encoding_is_small(const kevy_store *s, const entry *e, int64_t entries, int64_t longest) {
  elements w;
  kevy_value key, value;
  bool pairs = entry_type(e) == KEVY_TYPE_HASH;
  if (!elements_begin(&w, s->sp, e, store_now(s), false)) return false;
  for (int64_t n = 0; elements_next(&w, &key, &value); n++) {
    if (n == entries || (int64_t)encoding_len(&key) > longest) return false;
    if (pairs && (int64_t)encoding_len(&value) > longest) return false;
  }
  return true;
}

static bool encoding_is_ints(const kevy_store *s, const entry *e, int64_t entries) {
  elements w;
  kevy_value key, value;
  if (!elements_begin(&w, s->sp, e, store_now(s), false)) return false;
  for (int64_t n = 0; elements_next(&w, &key, &value); n++)
    if (n == entries || !encoding_is_int(&key)) return false;
  return true;
}

/* ---- Lists --------------------------------------------------------------------------------------- */

/* The bytes of an integer in a listpack, but for the length behind it. */
static size_t encoding_int_size(int64_t i) {
  if (i >= 0 && i <= 127) return 1;
  if (i >= -4096 && i <= 4095) return 2;
  if (i >= INT16_MIN && i <= INT16_MAX) return 3;
  if (i >= -8388608 && i <= 8388607) return 4;
  return i >= INT32_MIN && i <= INT32_MAX ? 5 : 9;
}

static size_t encoding_packed_size(const kevy_value *v) {
  int64_t i = v->as.i;
  size_t len = encoding_len(v), size;
  if (v->kind == KEVY_INT || (v->kind <= KEVY_TEXT && number_parse_int(v->as.ptr, v->len, &i))) size = encoding_int_size(i);
  else size = len < 64 ? len + 1 : len < 4096 ? len + 2 : len + 5;
  return size + (size <= 127 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : 4);
}

/* A list is one listpack up to a size, where the option is negative, or up to a count and a size. */
static bool encoding_is_short(const kevy_store *s, const entry *e, int64_t option) {
  static const size_t sizes[] = {8192, 4096, 8192, 16384, 32768, 65536};
  size_t most = sizes[option >= 0 ? 0 : option < -5 ? 5 : -option], size = 7;
  uint64_t count = option < 0 ? UINT64_MAX : option == 0 ? 1 : (uint64_t)option;
  elements w;
  kevy_value item, position;
  if (list_entry_len(s->base, e) > count || !elements_begin(&w, s->sp, e, store_now(s), false)) return false;
  while (size <= most && elements_next(&w, &item, &position)) size += encoding_packed_size(&item);
  return size <= most;
}

/* ---- All ----------------------------------------------------------------------------------------- */

static const char *encoding_of_string(const kevy_value *value) {
  if (encoding_is_int(value)) return "int";
  return encoding_len(value) <= ENCODING_EMBEDDED ? "embstr" : "raw";
}

static const char *encoding_of_collection(const kevy_store *s, const entry *e) {
  int32_t type = entry_type(e);
  if (type == KEVY_TYPE_HASH)
    return encoding_is_small(s, e, config_number(s, CONFIG_HASH_MAX_LISTPACK_ENTRIES), config_number(s, CONFIG_HASH_MAX_LISTPACK_VALUE))
               ? "listpack" : "hashtable";
  if (type == KEVY_TYPE_ZSET)
    return encoding_is_small(s, e, config_number(s, CONFIG_ZSET_MAX_LISTPACK_ENTRIES), config_number(s, CONFIG_ZSET_MAX_LISTPACK_VALUE))
               ? "listpack" : "skiplist";
  if (type == KEVY_TYPE_LIST) return encoding_is_short(s, e, config_number(s, CONFIG_LIST_MAX_LISTPACK_SIZE)) ? "listpack" : "quicklist";
  if (type == KEVY_TYPE_STREAM) return "stream";
  if (encoding_is_ints(s, e, config_number(s, CONFIG_SET_MAX_INTSET_ENTRIES))) return "intset";
  return encoding_is_small(s, e, config_number(s, CONFIG_SET_MAX_LISTPACK_ENTRIES), config_number(s, CONFIG_SET_MAX_LISTPACK_VALUE))
             ? "listpack" : "hashtable";
}

const char *encoding_word(kevy_store *s, const kevy_value *key) {
  probe p;
  kevy_value value;
  if (probe_find(s, &p, key->as.ptr, key->len) == NULL) return NULL;
  if (entry_type(p.live) != KEVY_TYPE_STRING) return encoding_of_collection(s, p.live);
  entry_value(s->base, p.live, &value);
  return encoding_of_string(&value);
}
