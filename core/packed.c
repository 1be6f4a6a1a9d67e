/* packed: see packed.h. */
#include "packed.h"

#include <math.h>

#include "entry.h"
#include "number.h"

#define PACKED_SHORT 63    /* longest string, and largest int, in a head of its own */
#define PACKED_LONG2 0xc0u /* length in 2 bytes; kind in bits 3 and 4 */
#define PACKED_LONG4 0xc1u
#define PACKED_FLOAT 0xd8u
#define PACKED_INT 0xe0u /* width in bits 0 to 2, kind in bits 3 and 4 */
#define PACKED_INT_END 0xf8u

static_assert(KEVY_BYTES == 0 && KEVY_TEXT == 1 && KEVY_INT == 2, "heads hold kinds as they are numbered");

/* Bytes of an integer by its width code. 6 and 7 are none. */
static const uint8_t packed_widths[8] = {1, 2, 3, 4, 6, 8, 0, 0};

/* ---- Lengths, little endian, of any width; what lies behind them is not read. */

static FLAT uint64_t packed_load(const char *at, uint32_t width) {
  uint64_t word = 0;
  for (uint32_t i = 0; i < width; i++) word |= (uint64_t)(uint8_t)at[i] << (8 * i);
  return word;
}

static FLAT void packed_store(char *to, uint64_t word, uint32_t width) {
  for (uint32_t i = 0; i < width; i++) to[i] = (char)(word >> (8 * i));
}

/* The same as a signed number. */
static FLAT int64_t packed_load_int(const char *at, uint32_t width) {
  uint32_t shift = 64 - 8 * width;
  return (int64_t)(packed_load(at, width) << shift) >> shift;
}

/* ---- The size at an element's end: seven bits a byte, the lowest in the last one, each but the first
 * byte marked, so that it is read from its end. */

static FLAT uint32_t packed_back_width(size_t size) {
  return 1u + (size > 0x7f) + (size > 0x3fff) + (size > 0x1fffff) + (size > 0xfffffff);
}

static FLAT char *packed_put_back(char *to, size_t size) {
  uint32_t width = packed_back_width(size);
  for (uint32_t i = width; i-- > 0; size >>= 7) to[i] = (char)((size & 0x7f) | (i > 0 ? 0x80 : 0));
  return to + width;
}

/* ---- Heads ---------------------------------------------------------------------------------------------- */

static FLAT bool packed_is_string(uint32_t head) {
  return head < 0x80 || (head >= PACKED_LONG2 && head < PACKED_FLOAT);
}
static FLAT bool packed_is_int(uint32_t head) { return (head & 0xc0) == 0x80 || head >= PACKED_INT; }
static FLAT uint32_t packed_kind(uint32_t head) {
  return head < 0xc0 ? head >> 6 : (head >> 3) & 3u;
}

static FLAT int64_t packed_int(const char *at) {
  uint32_t head = (uint8_t)*at;
  if (head < 0xc0) return head & 63;
  return packed_load_int(at + 1, packed_widths[head & 7]);
}

/* The bytes of a string. */
static FLAT const char *packed_string(const char *at, size_t *len) {
  uint32_t head = (uint8_t)*at;
  if (LIKELY(head < 0x80)) {
    *len = head & 63;
    return at + 1;
  }
  uint32_t width = head & 1 ? 4 : 2;
  *len = packed_load(at + 1, width);
  return at + 1 + width;
}

/* ---- Keys ----------------------------------------------------------------------------------------------- */

/* Most strings are no number by their first byte already. */
static FLAT bool packed_parse(const char *s, size_t len, int64_t *out) {
  if (len - 1 > 19) return false;
  uint8_t digit = (uint8_t)(s[0] - '0');
  if (LIKELY(digit > 9 && s[0] != '-')) return false;
  if (s[0] != '-' && len <= 18 && (digit != 0 || len == 1)) {
    uint64_t n = digit;
    for (size_t i = 1; i < len; i++) {
      digit = (uint8_t)(s[i] - '0');
      if (digit > 9) return false;
      n = n * 10 + digit;
    }
    *out = (int64_t)n;
    return true;
  }
  return number_parse_int(s, len, out);
}

packed_key packed_key_of(const kevy_value *v, char digits[PACKED_NUMBER]) {
  packed_key key = {v->as.ptr, v->len, false, 0};
  if (v->kind == KEVY_INT) {
    key.ptr = digits;
    key.len = number_format_int(v->as.i, digits);
    key.is_int = true;
    key.i = v->as.i;
  } else {
    key.is_int = packed_parse(key.ptr, key.len, &key.i);
  }
  return key;
}

FLAT bool packed_is(const char *at, const packed_key *key) {
  uint32_t head = (uint8_t)*at;
  if (key->is_int) return packed_is_int(head) && packed_int(at) == key->i;
  if (key->len <= PACKED_SHORT) return (head & 0xbf) == key->len && bytes_equal(at + 1, key->ptr, key->len);
  if (head < PACKED_LONG2 || !packed_is_string(head)) return false;
  size_t len;
  const char *ptr = packed_string(at, &len);
  return len == key->len && memcmp(ptr, key->ptr, len) == 0;
}

/* ---- Walking -------------------------------------------------------------------------------------------- */

const char *packed_next_wide(const char *at) {
  uint32_t head = (uint8_t)*at;
  if (head >= PACKED_INT) return at + 2 + packed_widths[head & 7];
  if (head == PACKED_FLOAT) return at + 10;
  size_t len;
  const char *end = packed_string(at, &len) + len;
  return end + packed_back_width((size_t)(end - at));
}

const char *packed_prev_wide(const char *at) {
  size_t size = 0;
  uint32_t shift = 0;
  while ((uint8_t)*--at & 0x80) {
    size |= (size_t)((uint8_t)*at & 0x7f) << shift;
    shift += 7;
  }
  size |= (size_t)(uint8_t)*at << shift;
  return at - size;
}

const char *packed_seek(const char *block, size_t len, uint32_t index) {
  uint32_t count = packed_count(block);
  if (index <= count / 2) {
    const char *at = packed_first(block);
    while (index-- > 0) at = packed_next(at);
    return at;
  }
  const char *at = block + len;
  while (count-- > index) at = packed_prev(at);
  return at;
}

void packed_get(const char *at, kevy_value *out, char digits[PACKED_NUMBER]) {
  uint32_t head = (uint8_t)*at;
  out->kind = packed_kind(head);
  out->reserved = 0;
  if (LIKELY(packed_is_string(head))) {
    out->as.ptr = packed_string(at, &out->len);
    return;
  }
  out->len = 0;
  if (head == PACKED_FLOAT) {
    out->as.i = (int64_t)packed_load(at + 1, 8);
    return;
  }
  int64_t i = packed_int(at);
  if (out->kind == KEVY_INT) {
    out->as.i = i;
  } else {
    out->len = number_format_int(i, digits);
    out->as.ptr = digits;
  }
}

/* packed_scan for what nearly every key is: a string whose length its head tells. Keys that lie together are mostly told apart by
 * how they end. */
static FLAT const char *packed_scan_short(const char *at, const char *end, const packed_key *key, uint32_t stride) {
  size_t len = key->len, tail = len >= 8 ? len - 8 : 0;
  uint64_t last = len >= 8 ? load64(key->ptr + tail) : 0;
  while (at < end) {
    if (((uint8_t)*at & 0xbf) == len && (len < 8 || load64(at + 1 + tail) == last) && bytes_equal(at + 1, key->ptr, len))
      return at;
    at = packed_next(at);
    for (uint32_t i = 1; i < stride && at < end; i++) at = packed_next(at);
  }
  return NULL;
}

static FLAT const char *packed_scan(const char *at, const char *end, const packed_key *key, uint32_t stride) {
  while (at < end) {
    if (packed_is(at, key)) return at;
    at = packed_next(at);
    for (uint32_t i = 1; i < stride && at < end; i++) at = packed_next(at);
  }
  return NULL;
}

const char *packed_find(const char *block, size_t len, const packed_key *key, uint32_t stride) {
  const char *at = packed_first(block), *end = block + len;
  packed_key k = *key; /* a copy that the compiler sees unchanged through the loop */
  if (LIKELY(!k.is_int && k.len <= PACKED_SHORT))
    return stride == 2 ? packed_scan_short(at, end, &k, 2) : packed_scan_short(at, end, &k, stride);
  return packed_scan(at, end, &k, stride);
}

FLAT bool packed_is_quick(const kevy_value *key) {
  if (key->kind > KEVY_TEXT || key->len - 1 >= PACKED_SHORT) return false;
  char first = key->as.ptr[0];
  return (uint8_t)(first - '0') > 9 && first != '-';
}

FLAT const char *packed_find_quick(const char *block, size_t len, const kevy_value *key, uint32_t stride) {
  packed_key k = {key->as.ptr, key->len, false, 0};
  return packed_scan_short(packed_first(block), block + len, &k, stride);
}

/* ---- Writing -------------------------------------------------------------------------------------------- */

static FLAT uint32_t packed_width_code(int64_t i) {
  uint64_t bits = (uint64_t)(i < 0 ? ~i : i);
  return 0u + (bits > 0x7f) + (bits > 0x7fff) + (bits > 0x7fffff) + (bits > 0x7fffffff) +
         (bits > UINT64_C(0x7fffffffffff));
}

static FLAT packed_plan packed_plan_int(int64_t i, uint32_t kind) {
  packed_plan p = {NULL, 0, (uint64_t)i, 0, 0, 2};
  if (kind == KEVY_INT && i >= 0 && i <= PACKED_SHORT) {
    p.head = (uint8_t)(0x80 | i);
    return p;
  }
  uint32_t code = packed_width_code(i);
  p.head = (uint8_t)(PACKED_INT | kind << 3 | code);
  p.width = packed_widths[code];
  p.size += p.width;
  return p;
}

static inline packed_plan packed_plan_long(const kevy_value *v) {
  packed_plan p = {v->as.ptr, v->len, v->len, v->len > UINT16_MAX ? 4 : 2, 0, 0};
  p.head = (uint8_t)((p.width == 4 ? PACKED_LONG4 : PACKED_LONG2) | v->kind << 3);
  p.size = 1 + p.width + p.len;
  p.size += packed_back_width(p.size);
  return p;
}

FLAT packed_plan packed_plan_of(const kevy_value *v) {
  int64_t i;
  if (LIKELY(v->kind <= KEVY_TEXT)) {
    if (UNLIKELY(v->len > PACKED_SHORT)) return packed_plan_long(v);
    if (packed_parse(v->as.ptr, v->len, &i)) return packed_plan_int(i, v->kind);
    return (packed_plan){v->as.ptr, v->len, 0, 0, (uint8_t)(v->kind << 6 | v->len), v->len + 2};
  }
  if (v->kind == KEVY_INT) return packed_plan_int(v->as.i, KEVY_INT);
  return (packed_plan){NULL, 0, (uint64_t)v->as.i, 8, PACKED_FLOAT, 10};
}

FLAT char *packed_write(char *to, const packed_plan *p) {
  *to++ = (char)p->head;
  if (p->width != 0) packed_store(to, p->word, p->width);
  to += p->width;
  bytes_move(to, p->ptr, p->len);
  return packed_put_back(to + p->len, 1 + p->width + p->len);
}

size_t packed_size(const kevy_value *v) { return packed_plan_of(v).size; }

size_t packed_span(const char *at, uint32_t n) {
  const char *end = at;
  while (n-- > 0) end = packed_next(end);
  return (size_t)(end - at);
}

size_t packed_append(char *block, size_t len, const kevy_value *add, size_t k) {
  char *to = block + len;
  for (size_t i = 0; i < k; i++) {
    packed_plan p = packed_plan_of(&add[i]);
    to = packed_write(to, &p);
  }
  packed_set_count(block, packed_count(block) + (uint32_t)k);
  return (size_t)(to - block);
}

FLAT size_t packed_append_quick(char *block, size_t len, const kevy_value *v) {
  char *to = block + len;
  if (v->len - 1 >= PACKED_SHORT) __builtin_unreachable();
  to[0] = (char)(v->kind << 6 | v->len);
  bytes_move(to + 1, v->as.ptr, v->len);
  to[1 + v->len] = (char)(1 + v->len);
  packed_set_count(block, packed_count(block) + 1);
  return len + 2 + v->len;
}

size_t packed_splice(char *block, size_t len, const char *at, uint32_t removed, const kevy_value *add,
                     size_t k) {
  if (removed == 0 && at == block + len) return packed_append(block, len, add, k);
  char *to = block + (at - block);
  size_t old = packed_span(at, removed), size = 0;
  packed_plan p = {0};
  for (size_t i = 0; i < k; i++) {
    p = packed_plan_of(&add[i]);
    size += p.size;
  }
  if (old != size) memmove(to + size, at + old, (size_t)(block + len - at) - old);
  for (size_t i = 0; i < k; i++) {
    if (k > 1) p = packed_plan_of(&add[i]);
    to = packed_write(to, &p);
  }
  packed_set_count(block, packed_count(block) - removed + (uint32_t)k);
  return len - old + size;
}

/* ---- Bytes from outside --------------------------------------------------------------------------------- */

/* Bytes of head, number or length, and string, where all are inside `room` and in their shortest form; 0 else. */
static size_t packed_check_string(const char *at, size_t room, uint32_t head) {
  size_t len = head & 63, before = 1;
  if (head >= PACKED_LONG2) {
    if ((head & 0xf6) != PACKED_LONG2) return 0; /* bits 1 and 2 are no length's; nor is int a string's kind */
    uint32_t width = head & 1 ? 4 : 2;
    if (room <= width) return 0;
    len = packed_load(at + 1, width);
    if (len <= (width == 4 ? UINT16_MAX : PACKED_SHORT) || len > KEVY_MAX_LEN) return 0;
    before += width;
  }
  int64_t i;
  if (len > room - before || packed_parse(at + before, len, &i)) return 0;
  return before + len;
}

static size_t packed_check_number(const char *at, size_t room, uint32_t head) {
  if (head < 0xc0) return 1;
  uint32_t width = head == PACKED_FLOAT ? 8 : packed_widths[head & 7];
  if ((head != PACKED_FLOAT && (head < PACKED_INT || head >= PACKED_INT_END)) || width == 0 || room <= width)
    return 0;
  uint64_t word = packed_load(at + 1, width);
  if (head == PACKED_FLOAT) {
    double d;
    memcpy(&d, &word, sizeof d);
    return isnan(d) ? 0 : 9;
  }
  return packed_plan_int(packed_int(at), packed_kind(head)).head == head ? 1 + width : 0;
}

bool packed_check(const char *block, size_t len) {
  if (len < PACKED_HEAD) return false;
  const char *at = packed_first(block), *end = block + len;
  uint32_t count = 0;
  for (; at < end && count < PACKED_COUNT_MAX; count++) {
    uint32_t head = (uint8_t)*at;
    size_t room = (size_t)(end - at);
    size_t size = packed_is_string(head) ? packed_check_string(at, room, head) : packed_check_number(at, room, head);
    if (size == 0 || packed_back_width(size) > room - size) return false;
    char back[5];
    size_t width = (size_t)(packed_put_back(back, size) - back);
    if (memcmp(at + size, back, width) != 0) return false;
    at += size + width;
  }
  return at == end && count == packed_count(block);
}
