/* rdb: Redis's file format, as far as writer and reader share it.
 *
 *     file:    "REDIS" | version, 4 digits | op | op | ... | EOF | CRC-64 of all before, 8 bytes
 *     op:      AUX string string | SELECTDB length | RESIZEDB length length | key
 *     key:     [EXPIRETIME_MS 8 bytes] | [FREQ 1] | [IDLE length] | type | key, a string | value
 *     length:  00LLLLLL                       string:  length | bytes
 *              01LLLLLL 8 bits more                    11000000 an int of 1 byte, little-endian
 *              10000000 4 bytes, big-endian            11000001 of 2     11000010 of 4
 *              10000001 8 bytes, big-endian            11000011 compressed | length of it | of the text | LZF
 *     payload of DUMP:  type | value | version, 2 bytes | CRC-64 of all before
 *
 * The version written is RDB_VERSION, with nothing but what redis-server 7.0 knows. What Redis has no place for
 * rides in AUX ops under the name RDB_AUX: Redis passes over names it does not know, wherever they stand, and whoever
 * reads the file with other software gets everything else.
 *
 *     AUX "kevy" 'k' state, 2 bytes   kinds from here on (rdb_kinds)
 *     AUX "kevy" 'e' run run ...      kinds of every element of the next key, in the order of the file. run: a varint,
 *                                     kind | (how many - 1) << 2
 *     AUX "kevy" 't' gap time ...     deadlines of the fields of the next key, a hash. Varints: how many fields before
 *                                     it (after the last one told of) have none; then, zigzag, how many ms it is
 *                                     later than the last deadline told (at first: than 0, Unix time)
 *     AUX "kevy" 'a' time ...         when each consumer of the next key, a stream, was last given something, in the
 *                                     order of the file: varints, zigzag, -1 for never (Redis 7.0 has no field for it)
 *
 * 'e', 't' and 'a' stand between the key before and this one; where one is long it comes in parts, to be read as one,
 * and parts of different letters may take turns. No varint straddles two parts. Elements are: items; members; fields and values by turns;
 * in a stream, entry by entry, its fields and values by turns. A varint has seven bits a byte, the lowest first. Zigzag: 0, -1,
 * 1, -2 ... as 0, 1, 2, 3 ... */
#ifndef KEVY_RDB_H
#define KEVY_RDB_H

#include "../base.h"
#include "../kevy_types.h"

#define RDB_VERSION 10      /* written */
#define RDB_VERSION_MAX 12  /* read, of REDIS */
#define RDB_VALKEY_VERSION 80

#define RDB_AUX "kevy"
#define RDB_AUX_KINDS 'k'
#define RDB_AUX_ELEMENTS 'e'
#define RDB_AUX_DEADLINES 't'
#define RDB_AUX_ACTIVE 'a'
#define RDB_AUX_PART 16384 /* bytes of one AUX value that we write, at most */

enum rdb_op {
  RDB_OP_SLOT_IMPORT = 243, /* Valkey */
  RDB_OP_SLOT_INFO = 244,
  RDB_OP_FUNCTION2 = 245,
  RDB_OP_FUNCTION_PRE_GA = 246,
  RDB_OP_MODULE_AUX = 247,
  RDB_OP_IDLE = 248,
  RDB_OP_FREQ = 249,
  RDB_OP_AUX = 250,
  RDB_OP_RESIZEDB = 251,
  RDB_OP_EXPIRETIME_MS = 252,
  RDB_OP_EXPIRETIME = 253,
  RDB_OP_SELECTDB = 254,
  RDB_OP_EOF = 255
};

enum rdb_type {
  RDB_STRING = 0,
  RDB_LIST = 1,
  RDB_SET = 2,
  RDB_ZSET = 3, /* scores as text */
  RDB_HASH = 4,
  RDB_ZSET_2 = 5, /* scores as doubles */
  RDB_MODULE_PRE_GA = 6,
  RDB_MODULE_2 = 7,
  RDB_HASH_ZIPMAP = 9,
  RDB_LIST_ZIPLIST = 10,
  RDB_SET_INTSET = 11,
  RDB_ZSET_ZIPLIST = 12,
  RDB_HASH_ZIPLIST = 13,
  RDB_LIST_QUICKLIST = 14,
  RDB_STREAM_LISTPACKS = 15,
  RDB_HASH_LISTPACK = 16,
  RDB_ZSET_LISTPACK = 17,
  RDB_LIST_QUICKLIST_2 = 18,
  RDB_STREAM_LISTPACKS_2 = 19,
  /* Beyond redis-server 7.0: read, never written. */
  RDB_SET_LISTPACK = 20,
  RDB_STREAM_LISTPACKS_3 = 21,
  RDB_HASH_METADATA_PRE_GA = 22,
  RDB_HASH_LISTPACK_EX_PRE_GA = 23,
  RDB_HASH_METADATA = 24,    /* Redis; in VALKEY files type 22 is a hash with field deadlines of its own form */
  RDB_HASH_LISTPACK_EX = 25
};

enum rdb_length { RDB_LEN_6 = 0, RDB_LEN_14 = 1, RDB_LEN_32 = 0x80, RDB_LEN_64 = 0x81 };
enum rdb_string { RDB_ENC_INT8 = 0xc0, RDB_ENC_INT16 = 0xc1, RDB_ENC_INT32 = 0xc2, RDB_ENC_LZF = 0xc3 };

/* Nodes of RDB_LIST_QUICKLIST_2. */
#define RDB_NODE_PLAIN 1
#define RDB_NODE_PACKED 2

/* Entries of a stream's listpacks. */
#define RDB_STREAM_DELETED 1
#define RDB_STREAM_SAME_FIELDS 2

/* ---- Kinds ----
 * A string of the file reads as bytes, unless the state in force says otherwise. A state says the kind by the string's
 * role and its class, so that the usual mixture of text and numbers needs one state for a whole file:
 *
 *     bits 0-1  a key                     2-3  a key that is an integer
 *          4-5  a field or member         6-7  one that is an integer
 *          8-9  any other value          10-11 one that is an integer     12-13 one that is a float
 *
 * Values are KEVY_BYTES ... KEVY_FLOAT. A string is an integer when it is the canonical decimal of an int64, and a float
 * when it is not and is what number_format_float prints for some double (roles other than values have no floats: it is an
 * "other" there). 0, the state at the beginning of every file: everything is bytes. */

typedef enum rdb_role { RDB_KEY, RDB_NAME, RDB_VALUE } rdb_role;
typedef enum rdb_class { RDB_OTHER, RDB_INTEGER, RDB_FLOAT } rdb_class;
typedef uint16_t rdb_kinds;

/* Where in a state a role and a class have their two bits. */
static inline unsigned rdb_kinds_shift(rdb_role role, rdb_class class) {
  return 4 * (unsigned)role + 2 * (unsigned)class;
}
static inline uint32_t rdb_kind_in(rdb_kinds state, rdb_role role, rdb_class class) {
  return (uint32_t)state >> rdb_kinds_shift(role, class) & 3u;
}

/* Whether number_format_float prints these bytes for some double. */
bool rdb_is_float(const char *ptr, size_t len, double *d);

/* The class of a string of this role; what it is as a number. */
rdb_class rdb_class_of(rdb_role role, const char *ptr, size_t len, int64_t *i, double *d);

/* A string as the state has it; borrows ptr. */
kevy_value rdb_kinds_read(rdb_kinds state, rdb_role role, const char *ptr, size_t len);

/* The same for a string that the file keeps as an integer; digits is where its bytes go when it is not KEVY_INT. */
kevy_value rdb_kinds_read_int(rdb_kinds state, rdb_role role, int64_t i, char digits[24]);

/* A string as a value of this kind. False: it is none (an int that is not canonical). */
bool rdb_kind_apply(uint32_t kind, const char *ptr, size_t len, kevy_value *out);

/* ---- Varints ---- */

#define RDB_VARINT_MAX 10

static inline size_t rdb_varint_put(char *to, uint64_t n) {
  size_t len = 0;
  for (; n >= 0x80; n >>= 7) to[len++] = (char)(n | 0x80);
  to[len++] = (char)n;
  return len;
}
/* Reads one that ends before `end`. NULL: it does not, or has more than 64 bits. */
static inline const char *rdb_varint_take(const char *at, const char *end, uint64_t *n) {
  uint64_t sum = 0;
  for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
    uint64_t byte = (unsigned char)*at++;
    if (shift == 63 && byte > 1) return NULL;
    sum |= (byte & 0x7f) << shift;
    if (byte < 0x80) return *n = sum, at;
  }
  return NULL;
}
static inline uint64_t rdb_zigzag(int64_t i) { return (uint64_t)i << 1 ^ (uint64_t)(i >> 63); }
static inline int64_t rdb_unzigzag(uint64_t n) { return (int64_t)(n >> 1 ^ (0 - (n & 1))); }

#endif
