/* reply.c: the two encodings of kevy_reply, over one growing block of memory, in protocols 2 and 3.
 *
 * RESP is what Redis would send. The flat form is a sequence of records, each a header and, for
 * strings, their bytes, padded so that the next header is aligned:
 *
 *     | type 4 | kind 4 | n 8: count, length, integer or double | bytes ... | padding to 8 |
 *
 * A bulk string is its bytes there, or, in the typed variant, the scalar that was stored.
 *
 * Once memory has run out nothing more is written, and the caller of the command is told. */
#include "reply.h"

#include <stdlib.h>

#include "entry.h"

#define REPLY_SHRINK ((size_t)1 << 20) /* a block beyond this is given back before the next use */

/* ---- The block ------------------------------------------------------------------------------- */

/* Grows the block so that more bytes fit behind what is written. */
static __attribute__((noinline)) bool reply_grow(kevy_reply *r, size_t more) {
  if (more <= r->capacity - r->len) return true;
  if (more > SIZE_MAX / 2 - r->len) return false;
  size_t wanted = r->len + more;
  size_t capacity = r->capacity > SIZE_MAX / 2 ? wanted : r->capacity * 2;
  if (capacity < wanted) capacity = wanted;
  char *bytes = realloc(r->bytes, capacity);
  if (bytes == NULL) return false;
  r->bytes = bytes;
  r->capacity = capacity;
  return true;
}

/* The place for len more bytes, counted as written; NULL once memory has run out. */
static inline char *reply_take(kevy_reply *r, size_t len) {
  if (UNLIKELY(r->failed || (len > r->capacity - r->len && !reply_grow(r, len)))) {
    r->failed = true;
    return NULL;
  }
  char *place = r->bytes + r->len;
  r->len += len;
  return place;
}

static bool reply_put(kevy_reply *r, const char *bytes, size_t len) {
  char *place = reply_take(r, len);
  if (place == NULL) return false;
  if (len > 0) memcpy(place, bytes, len);
  return true;
}

static kevy_reply *reply_of(sink *k) { return (kevy_reply *)(void *)k; }

/* Both encodings add less than 64 bytes to a string. */
static bool reply_room(sink *k, size_t len) {
  return len <= SIZE_MAX - 64 && reply_grow(reply_of(k), len + 64);
}

/* The encoding of the same form in another protocol. */
static void reply_speak(sink *k, int protocol);

/* ---- RESP2 ----------------------------------------------------------------------------------- */

static void resp_number(kevy_reply *r, char type, int64_t n) {
  char line[1 + NUMBER_INT_MAX + 2];
  line[0] = type;
  size_t len = 1 + number_format_int(n, line + 1);
  line[len++] = '\r';
  line[len++] = '\n';
  reply_put(r, line, len);
}

static void resp_line(kevy_reply *r, char type, const char *text, size_t len) {
  char *place = reply_take(r, len + 3);
  if (place == NULL) return;
  place[0] = type;
  memcpy(place + 1, text, len);
  memcpy(place + 1 + len, "\r\n", 2);
}

static void resp_nil(sink *k) { reply_put(reply_of(k), "$-1\r\n", 5); }
static void resp_nil_array(sink *k) { reply_put(reply_of(k), "*-1\r\n", 5); }
static void resp_integer(sink *k, int64_t i) { resp_number(reply_of(k), ':', i); }
static void resp_boolean(sink *k, bool b) { resp_number(reply_of(k), ':', b ? 1 : 0); }
static void resp_array(sink *k, size_t n) { resp_number(reply_of(k), '*', (int64_t)n); }
static void resp_map(sink *k, size_t n) { resp_number(reply_of(k), '*', (int64_t)n * 2); }

static void resp_string(sink *k, const char *bytes, size_t len) {
  resp_number(reply_of(k), '$', (int64_t)len);
  reply_put(reply_of(k), bytes, len);
  reply_put(reply_of(k), "\r\n", 2);
}

static void resp_bulk(sink *k, const kevy_value *v) {
  char scratch[NUMBER_FLOAT_MAX];
  kevy_value bytes = number_byte_form(v, scratch);
  resp_string(k, bytes.as.ptr, bytes.len);
}

static void resp_verbatim(sink *k, const char *format, const char *text, size_t len) {
  (void)format;
  resp_string(k, text, len);
}

static void resp_real(sink *k, double d) {
  kevy_value v = kevy_float(d);
  resp_bulk(k, &v);
}

static void resp_status(sink *k, const char *text, size_t len) {
  resp_line(reply_of(k), '+', text, len);
}

static void resp_error(sink *k, const char *text, size_t len) {
  if (reply_of(k)->len == 0) reply_of(k)->error = true;
  resp_line(reply_of(k), '-', text, len);
}

static const sink_ops resp_ops = {
    .nil = resp_nil,
    .nil_array = resp_nil_array,
    .integer = resp_integer,
    .real = resp_real,
    .boolean = resp_boolean,
    .bulk = resp_bulk,
    .status = resp_status,
    .error = resp_error,
    .array = resp_array,
    .map = resp_map,
    .set = resp_array,
    .push = resp_array,
    .verbatim = resp_verbatim,
    .decimal = resp_string,
    .big = resp_string,
    .speak = reply_speak,
    .room = reply_room,
};

/* ---- RESP3: the types that RESP2 lacks --------------------------------------------------------- */

static void resp3_nil(sink *k) { reply_put(reply_of(k), "_\r\n", 3); }
static void resp3_boolean(sink *k, bool b) { reply_put(reply_of(k), b ? "#t\r\n" : "#f\r\n", 4); }
static void resp3_map(sink *k, size_t n) { resp_number(reply_of(k), '%', (int64_t)n); }
static void resp3_set(sink *k, size_t n) { resp_number(reply_of(k), '~', (int64_t)n); }
static void resp3_push(sink *k, size_t n) { resp_number(reply_of(k), '>', (int64_t)n); }
static void resp3_decimal(sink *k, const char *text, size_t len) { resp_line(reply_of(k), ',', text, len); }
static void resp3_big(sink *k, const char *text, size_t len) { resp_line(reply_of(k), '(', text, len); }

static void resp3_real(sink *k, double d) {
  char scratch[NUMBER_FLOAT_MAX];
  kevy_value v = kevy_float(d), bytes = number_byte_form(&v, scratch);
  resp3_decimal(k, bytes.as.ptr, bytes.len);
}

static void resp3_verbatim(sink *k, const char *format, const char *text, size_t len) {
  resp_number(reply_of(k), '=', (int64_t)len + 4);
  reply_put(reply_of(k), format, 3);
  reply_put(reply_of(k), ":", 1);
  reply_put(reply_of(k), text, len);
  reply_put(reply_of(k), "\r\n", 2);
}

static const sink_ops resp3_ops = {
    .resp3 = true,
    .nil = resp3_nil,
    .nil_array = resp3_nil,
    .integer = resp_integer,
    .real = resp3_real,
    .boolean = resp3_boolean,
    .bulk = resp_bulk,
    .status = resp_status,
    .error = resp_error,
    .array = resp_array,
    .map = resp3_map,
    .set = resp3_set,
    .push = resp3_push,
    .verbatim = resp3_verbatim,
    .decimal = resp3_decimal,
    .big = resp3_big,
    .speak = reply_speak,
    .room = reply_room,
};

/* ---- The flat form --------------------------------------------------------------------------- */

typedef struct flat_record {
  int32_t type;  /* KEVY_REPLY_... */
  uint32_t kind; /* of the value; KEVY_NIL for aggregates and nil */
  union {
    uint64_t count; /* items or pairs of an aggregate, bytes of a string */
    int64_t i;
    double d;
  } n;
} flat_record;

static size_t flat_padded(size_t len) { return (len + 7) & ~(size_t)7; }

static FLAT void flat_put(sink *k, const flat_record *record, const char *bytes, size_t len) {
  size_t padded = flat_padded(len);
  char *place = reply_take(reply_of(k), sizeof *record + padded);
  if (UNLIKELY(place == NULL)) return;
  memcpy(place, record, sizeof *record);
  if (len == 0) return;
  store64(place + sizeof *record + padded - 8, 0); /* the padding is within the last word */
  bytes_move(place + sizeof *record, bytes, len);
}

static FLAT void flat_string(sink *k, int32_t type, uint32_t kind, const char *bytes, size_t len) {
  flat_record record = {.type = type, .kind = kind, .n.count = len};
  flat_put(k, &record, bytes, len);
}

static void flat_aggregate(sink *k, int32_t type, size_t n) {
  flat_record record = {.type = type, .kind = KEVY_NIL, .n.count = n};
  flat_put(k, &record, NULL, 0);
}

static void flat_int(sink *k, int32_t type, int64_t i) {
  flat_record record = {.type = type, .kind = KEVY_INT, .n.i = i};
  flat_put(k, &record, NULL, 0);
}

static void flat_nil(sink *k) { flat_aggregate(k, KEVY_REPLY_NIL, 0); }
static void flat_integer(sink *k, int64_t i) { flat_int(k, KEVY_REPLY_VALUE, i); }
static void flat_boolean(sink *k, bool b) { flat_int(k, KEVY_REPLY_BOOL, b ? 1 : 0); }
static void flat_array(sink *k, size_t n) { flat_aggregate(k, KEVY_REPLY_ARRAY, n); }
static void flat_map(sink *k, size_t n) { flat_aggregate(k, KEVY_REPLY_MAP, n); }
static void flat_set(sink *k, size_t n) { flat_aggregate(k, KEVY_REPLY_SET, n); }
static void flat_push(sink *k, size_t n) { flat_aggregate(k, KEVY_REPLY_PUSH, n); }

static void flat_real(sink *k, double d) {
  flat_record record = {.type = KEVY_REPLY_VALUE, .kind = KEVY_FLOAT, .n.d = d};
  flat_put(k, &record, NULL, 0);
}

static void flat_bulk(sink *k, const kevy_value *v) {
  char scratch[NUMBER_FLOAT_MAX];
  kevy_value bytes = number_byte_form(v, scratch);
  flat_string(k, KEVY_REPLY_VALUE, KEVY_BYTES, bytes.as.ptr, bytes.len);
}

static void flat_text(sink *k, const char *text, size_t len) {
  flat_string(k, KEVY_REPLY_VALUE, KEVY_BYTES, text, len);
}

static void flat_verbatim(sink *k, const char *format, const char *text, size_t len) {
  (void)format;
  flat_text(k, text, len);
}

static void flat3_decimal(sink *k, const char *text, size_t len) {
  double d;
  if (number_parse_float(text, len, &d)) flat_real(k, d);
  else flat_text(k, text, len);
}

/* What a value is, and not only its bytes: numbers are numbers, text is text. */
static void typed_bulk(sink *k, const kevy_value *v) {
  if (v->kind == KEVY_INT) flat_integer(k, v->as.i);
  else if (v->kind == KEVY_FLOAT) flat_real(k, v->as.d);
  else flat_string(k, KEVY_REPLY_VALUE, v->kind, v->as.ptr, v->len);
}

static void flat_status(sink *k, const char *text, size_t len) {
  flat_string(k, KEVY_REPLY_STATUS, KEVY_BYTES, text, len);
}

static void flat_error(sink *k, const char *text, size_t len) {
  if (reply_of(k)->len == 0) reply_of(k)->error = true;
  flat_string(k, KEVY_REPLY_ERROR, KEVY_BYTES, text, len);
}

/* The two flat forms differ in what a bulk string is. */
#define FLAT_OPS(protocol3, bulk_form, push_form, decimal_form)                                       \
  {                                                                                                \
      .resp3 = protocol3, .nil = flat_nil, .nil_array = flat_nil, .integer = flat_integer,         \
      .real = flat_real, .boolean = flat_boolean, .bulk = bulk_form, .status = flat_status,        \
      .error = flat_error, .array = flat_array, .map = flat_map, .set = flat_set,                  \
      .push = push_form, .verbatim = flat_verbatim, .decimal = decimal_form, .big = flat_text,     \
      .speak = reply_speak, .room = reply_room,                                                    \
  }
static const sink_ops flat_ops = FLAT_OPS(false, flat_bulk, flat_array, flat_text);
static const sink_ops typed_ops = FLAT_OPS(false, typed_bulk, flat_array, flat_text);
static const sink_ops flat3_ops = FLAT_OPS(true, flat_bulk, flat_push, flat3_decimal);
static const sink_ops typed3_ops = FLAT_OPS(true, typed_bulk, flat_push, flat3_decimal);

static const sink_ops *const reply_ops[] = {&flat_ops, &typed_ops, &resp_ops, &flat3_ops, &typed3_ops, &resp3_ops};

static void reply_speak(sink *k, int protocol) {
  kevy_reply *r = reply_of(k);
  r->encoding = reply_encoded(reply_form(r->encoding), protocol);
  r->sink.ops = reply_ops[r->encoding];
}

static kevy_value flat_value(const flat_record *record, const char *bytes) {
  if (record->kind == KEVY_BYTES) return kevy_bytes(bytes, (size_t)record->n.count);
  if (record->kind == KEVY_TEXT) return kevy_text(bytes, (size_t)record->n.count);
  if (record->kind == KEVY_INT) return kevy_int(record->n.i);
  if (record->kind == KEVY_FLOAT) return kevy_float(record->n.d);
  kevy_value nil = kevy_int(0);
  nil.kind = KEVY_NIL;
  return nil;
}

/* ---- Replies --------------------------------------------------------------------------------- */

KEVY_API kevy_reply *kevy_reply_new(void) {
  kevy_reply *r = calloc(1, sizeof *r);
  if (r == NULL) return NULL;
  r->bytes = malloc(REPLY_ROOM);
  r->capacity = REPLY_ROOM;
  r->sink.ops = &flat_ops; /* encoding 0 */
  if (r->bytes != NULL) return r;
  free(r);
  return NULL;
}

KEVY_API void kevy_reply_free(kevy_reply *r) {
  if (r == NULL) return;
  free(r->bytes);
  free(r);
}

void reply_start(kevy_reply *r, int encoding) {
  r->encoding = encoding;
  r->sink.ops = reply_ops[encoding];
  r->len = 0;
  r->at = 0;
  r->failed = false;
  r->error = false;
  if (r->capacity <= REPLY_SHRINK) return;
  char *bytes = realloc(r->bytes, REPLY_ROOM);
  if (bytes == NULL) return;
  r->bytes = bytes;
  r->capacity = REPLY_ROOM;
}

/* A reply that was filled as RESP bytes, or not to its end, has no items to give. */
KEVY_API int32_t kevy_reply_more(kevy_reply *r) {
  return reply_form(r->encoding) != REPLY_RESP && !r->failed && r->at != r->len;
}

KEVY_API void kevy_reply_next(kevy_reply *r, kevy_item *item) {
  memset(item, 0, sizeof *item);
  item->value.kind = KEVY_NIL;
  item->type = KEVY_REPLY_END;
  if (!kevy_reply_more(r)) return;
  flat_record record;
  memcpy(&record, r->bytes + r->at, sizeof record);
  r->at += sizeof record;
  item->type = record.type;
  item->value = flat_value(&record, r->bytes + r->at);
  if (record.kind == KEVY_NIL) item->count = record.n.count;
  if (record.kind <= KEVY_TEXT) r->at += flat_padded((size_t)record.n.count);
}
