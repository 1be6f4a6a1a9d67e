/* entry: the leaf format: one key and its value in one exactly-sized block.
 *
 *      0        3     4      5     6      8
 *     +--------+-----+------+-----+------+----------------+---------------+-----+---------+
 *     | access |flags| kinds| klen| vlen | [deadline tail]| [wide lengths]| key | content |
 *     +--------+-----+------+-----+------+----------------+---------------+-----+---------+
 *      24 bits                            18 bytes if TTL  8 if WIDE
 *
 *     deadline tail:  deadline (8, Unix ms) | next (5) | prev (5)     links of the deadline wheel
 *     wide lengths:   klen (4) | vlen (4)                             when klen > 255 or vlen > 65535
 *     content:        RAW  the bytes, of a collection its packed block; NUM  8 bytes, an int64 or a double;
 *                     BLOB  8 bytes, a ref; NODE  8 bytes, the ref of a large collection
 *
 * `access` (LRU/LFU bits) is written in place with relaxed stores even in entries that snapshots see,
 * and so are the wheel's links; snapshots read neither. All else is constant from the moment
 * a snapshot may see the entry. Fields behind the header are unaligned: read them with the functions
 * below. An entry's address changes when it is replaced; only table slots and the wheel refer to it. */
#ifndef KEVY_ENTRY_H
#define KEVY_ENTRY_H

#include "base.h"
#include "kevy_types.h"

typedef struct entry {
  uint32_t access_flags; /* relaxed atomic: 24 bits of access time or frequency, 8 bits of flags */
  uint8_t kinds;         /* value's KEVY_ kind in bits 0-2, key's in bits 4-5 */
  uint8_t klen;
  uint16_t vlen;
} entry;

static_assert(sizeof(entry) == 8, "the header is one word");

#define ENTRY_ACCESS 0x00ffffffu
#define ENTRY_TYPE_SHIFT 24
#define ENTRY_TYPE (7u << ENTRY_TYPE_SHIFT) /* KEVY_TYPE_ */
#define ENTRY_TTL (1u << 27)
#define ENTRY_WIDE (1u << 28)
#define ENTRY_CONTENT (3u << 29)
#define ENTRY_RAW (0u << 29)
#define ENTRY_NUM (1u << 29)
#define ENTRY_BLOB (2u << 29)
#define ENTRY_NODE (3u << 29)

/* The flags of the commonest entry: a string of bytes with narrow lengths and no deadline. */
#define ENTRY_PLAIN (((uint32_t)KEVY_TYPE_STRING << ENTRY_TYPE_SHIFT) | ENTRY_RAW)

#define ENTRY_TTL_BYTES 18
#define ENTRY_WIDE_BYTES 8

static inline uint32_t entry_flags(const entry *e) {
  return __atomic_load_n(&e->access_flags, __ATOMIC_RELAXED);
}
static inline int32_t entry_type(const entry *e) {
  return (int32_t)((entry_flags(e) & ENTRY_TYPE) >> ENTRY_TYPE_SHIFT);
}
static inline uint32_t entry_value_kind(const entry *e) { return e->kinds & 7u; }
static inline uint32_t entry_key_kind(const entry *e) { return (e->kinds >> 4) & 3u; }

/* The kind of a value and its reserved word, in one store. */
static FLAT void value_begin(kevy_value *out, uint32_t kind) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  store64(out, kind);
#else
  out->kind = kind;
  out->reserved = 0;
#endif
}

/* The byte behind the header and the optional parts: where the key begins. */
static inline size_t entry_head(uint32_t flags) {
  return sizeof(entry) + ((flags & ENTRY_TTL) ? ENTRY_TTL_BYTES : 0) +
         ((flags & ENTRY_WIDE) ? ENTRY_WIDE_BYTES : 0);
}
static inline const char *entry_key(const entry *e) {
  return (const char *)e + entry_head(entry_flags(e));
}
static inline size_t entry_klen(const entry *e) {
  uint32_t flags = entry_flags(e);
  if (LIKELY(!(flags & ENTRY_WIDE))) return e->klen;
  return load32((const char *)e + entry_head(flags) - 8);
}
/* Bytes of content: of a RAW value its length, else 8. */
static inline size_t entry_vlen(const entry *e) {
  uint32_t flags = entry_flags(e);
  if (LIKELY(!(flags & ENTRY_WIDE))) return e->vlen;
  return load32((const char *)e + entry_head(flags) - 4);
}
static inline char *entry_content(const entry *e) {
  return (char *)(uintptr_t)(entry_key(e) + entry_klen(e));
}
static inline size_t entry_size(const entry *e) {
  return entry_head(entry_flags(e)) + entry_klen(e) + entry_vlen(e);
}

static inline bool entry_has_deadline(const entry *e) { return entry_flags(e) & ENTRY_TTL; }
/* KEVY_NO_TTL without one. */
static inline int64_t entry_deadline(const entry *e) {
  return entry_has_deadline(e) ? (int64_t)load64(e + 1) : KEVY_NO_TTL;
}

/* memcmp for short keys, without the call: overlapping words from both ends. */
static FLAT bool bytes_equal(const char *a, const char *b, size_t n) {
  if (LIKELY(n >= 8)) {
    if (load64(a) != load64(b)) return false;
    for (size_t i = 8; i + 8 < n; i += 8)
      if (load64(a + i) != load64(b + i)) return false;
    return load64(a + n - 8) == load64(b + n - 8);
  }
  if (n >= 4) return load32(a) == load32(b) && load32(a + n - 4) == load32(b + n - 4);
  return n == 0 || (a[0] == b[0] && a[n - 1] == b[n - 1] && a[n >> 1] == b[n >> 1]);
}

/* memmove for less than 8 bytes: overlapping halves, or first, middle and last. */
static FLAT void bytes_move_few(char *to, const char *from, size_t n) {
  if (n >= 4) {
    uint32_t first = load32(from), last = load32(from + n - 4);
    store32(to, first);
    store32(to + n - 4, last);
  } else if (n != 0) {
    char first = from[0], middle = from[n >> 1], last = from[n - 1];
    to[0] = first;
    to[n >> 1] = middle;
    to[n - 1] = last;
  }
}

/* memmove for short values, without the call: two overlapping words, or four. */
static FLAT void bytes_move(char *to, const char *from, size_t n) {
  if (LIKELY(n >= 8 && n <= 16)) {
    uint64_t first = load64(from), last = load64(from + n - 8);
    store64(to, first);
    store64(to + n - 8, last);
  } else if (n > 16 && n <= 32) {
    uint64_t a = load64(from), b = load64(from + 8);
    uint64_t c = load64(from + n - 16), d = load64(from + n - 8);
    store64(to, a);
    store64(to + 8, b);
    store64(to + n - 16, c);
    store64(to + n - 8, d);
  } else if (n < 8) {
    bytes_move_few(to, from, n);
  } else {
    memmove(to, from, n);
  }
}

static FLAT bool entry_is(const entry *e, const char *key, size_t klen) {
  uint32_t flags = entry_flags(e);
  if (LIKELY(!(flags & ENTRY_WIDE)))
    return e->klen == klen &&
           bytes_equal((const char *)(e + 1) + ((flags & ENTRY_TTL) ? ENTRY_TTL_BYTES : 0), key,
                       klen);
  return entry_klen(e) == klen && memcmp(entry_key(e), key, klen) == 0;
}

/* What an entry is made from. */
typedef struct content {
  uint32_t form; /* ENTRY_RAW, ENTRY_NUM, ENTRY_BLOB or ENTRY_NODE */
  uint32_t kind; /* the scalar kind */
  size_t len;    /* RAW */
  union {
    const char *ptr; /* RAW */
    uint64_t word;   /* NUM: the bits; BLOB, NODE: its ref */
  } as;
} content;

static inline size_t entry_size_for(size_t klen, int64_t deadline, const content *c) {
  size_t vlen = c->form == ENTRY_RAW ? c->len : 8;
  return sizeof(entry) + (deadline != KEVY_NO_TTL ? ENTRY_TTL_BYTES : 0) +
         (klen > UINT8_MAX || vlen > UINT16_MAX ? ENTRY_WIDE_BYTES : 0) + klen + vlen;
}

/* Writes the content of e, whose size and form fit. */
static inline void entry_set_content(entry *e, const content *c) {
  if (c->form == ENTRY_RAW) {
    bytes_move(entry_content(e), c->as.ptr, c->len);
  } else {
    store64(entry_content(e), c->as.word);
  }
  e->kinds = (uint8_t)((e->kinds & 0x30u) | c->kind);
}

/* Fills a block of entry_size_for bytes. The wheel's links are left for expire.c. */
static inline void entry_init(entry *e, int32_t type, const char *key, size_t klen,
                              uint32_t key_kind, int64_t deadline, const content *c) {
  size_t vlen = c->form == ENTRY_RAW ? c->len : 8;
  uint32_t flags = ((uint32_t)type << ENTRY_TYPE_SHIFT) | c->form;
  if (deadline != KEVY_NO_TTL) flags |= ENTRY_TTL;
  if (klen > UINT8_MAX || vlen > UINT16_MAX) flags |= ENTRY_WIDE;
  e->access_flags = flags;
  e->kinds = (uint8_t)(key_kind << 4 | c->kind);
  e->klen = (uint8_t)klen;
  e->vlen = (uint16_t)vlen;
  char *p = (char *)e + entry_head(flags);
  if (flags & ENTRY_TTL) store64(e + 1, (uint64_t)deadline);
  if (flags & ENTRY_WIDE) {
    store32(p - 8, (uint32_t)klen);
    store32(p - 4, (uint32_t)vlen);
  }
  bytes_move(p, key, klen);
  p += klen;
  if (c->form == ENTRY_RAW) bytes_move(p, c->as.ptr, c->len);
  else store64(p, c->as.word);
}

#endif
