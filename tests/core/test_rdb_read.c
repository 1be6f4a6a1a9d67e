/* Files and payloads of Redis's format: every old encoding from bytes made by hand, what is refused and where, kinds and
 * deadlines that ride along, and memory that runs out at every step. What servers of today write is compared with them in
 * tests/python/test_load.py. */
#include "internals.h"

#include "failing.h"

#include "persist/crc64.h"
#include "persist/lzf.h"
#include "persist/pack.h"
#include "persist/rdb_read.h"

#include "check.h"

/* ---- Making bytes ---- */

typedef struct bytes {
  size_t len;
  char at[1 << 16];
} bytes;

static void put(bytes *b, const void *p, size_t n) {
  REQUIRE(sizeof b->at - b->len >= n);
  memcpy(b->at + b->len, p, n);
  b->len += n;
}
static void put_byte(bytes *b, unsigned x) {
  char c = (char)x;
  put(b, &c, 1);
}
static void put_little(bytes *b, uint64_t x, size_t n) { put(b, &x, n); }
static void put_big(bytes *b, uint64_t x, size_t n) {
  while (n-- != 0) put_byte(b, (unsigned)(x >> (8 * n)) & 255u);
}
/* A length of the file. */
static void put_length(bytes *b, uint64_t n) {
  if (n < 64) {
    put_byte(b, (unsigned)n);
  } else if (n < 16384) {
    put_big(b, 0x4000 | n, 2);
  } else {
    put_byte(b, 0x80);
    put_big(b, n, 4);
  }
}
static void put_string(bytes *b, const void *p, size_t n) {
  put_length(b, n);
  put(b, p, n);
}
static void put_text(bytes *b, const char *text) { put_string(b, text, strlen(text)); }
static void put_pack(bytes *b, const bytes *list) { put_string(b, list->at, list->len); }

/* A key of this type; its value follows. */
static void put_key(bytes *b, unsigned type, const char *key) {
  put_byte(b, type);
  put_text(b, key);
}

static void file_begin(bytes *b) {
  b->len = 0;
  put(b, "REDIS0012", 9);
}
/* With the checksum, so that every bit counts. */
static void file_end(bytes *b) {
  put_byte(b, RDB_OP_EOF);
  put_little(b, crc64(0, b->at, b->len), 8);
}
static void put_aux(bytes *b, const char *about, size_t n) {
  put_byte(b, RDB_OP_AUX);
  put_text(b, "kevy");
  put_string(b, about, n);
}

static void payload_end(bytes *b, unsigned version) {
  put_little(b, version, 2);
  put_little(b, crc64(0, b->at, b->len), 8);
}

/* ---- Packs ---- */

typedef struct ziplist {
  bytes b;
  size_t last, count;
} ziplist;

static void ziplist_begin(ziplist *z) {
  memset(&z->b, 0, sizeof z->b.len);
  z->b.len = z->last = z->count = 0;
  put_little(&z->b, 0, 8);
  put_little(&z->b, 0, 2);
}
static void ziplist_add(ziplist *z, const char *head, size_t head_len, const void *body, size_t n) {
  size_t before = z->count != 0 ? z->b.len - z->last : 0;
  z->last = z->b.len;
  z->count++;
  if (before < 254) {
    put_byte(&z->b, (unsigned)before);
  } else {
    put_byte(&z->b, 254);
    put_little(&z->b, before, 4);
  }
  put(&z->b, head, head_len);
  put(&z->b, body, n);
}
static void ziplist_text(ziplist *z, const char *text) {
  size_t n = strlen(text);
  char head[5] = {(char)n};
  size_t head_len = 1;
  if (n >= 64 && n < 16384) {
    head[0] = (char)(0x40 | n >> 8);
    head[1] = (char)n;
    head_len = 2;
  } else if (n >= 16384) {
    head[0] = (char)0x80;
    for (int i = 0; i < 4; i++) head[1 + i] = (char)(n >> (24 - 8 * i));
    head_len = 5;
  }
  ziplist_add(z, head, head_len, text, n);
}
static void ziplist_int(ziplist *z, unsigned head, int64_t i, size_t width) {
  char h = (char)head;
  ziplist_add(z, &h, 1, &i, width);
}
static bytes *ziplist_end(ziplist *z) {
  uint32_t tail = (uint32_t)(z->count != 0 ? z->last : z->b.len), len;
  put_byte(&z->b, 255);
  len = (uint32_t)z->b.len;
  memcpy(z->b.at, &len, 4);
  memcpy(z->b.at + 4, &tail, 4);
  memcpy(z->b.at + 8, &z->count, 2);
  return &z->b;
}

typedef struct listpack {
  bytes b;
  size_t count;
} listpack;

static void listpack_begin(listpack *l) {
  l->b.len = l->count = 0;
  put_little(&l->b, 0, 6);
}
static void listpack_add(listpack *l, const void *head, size_t head_len, const void *body, size_t n) {
  size_t len = head_len + n, size = len <= 127 ? 1 : len < 16383 ? 2 : len < 2097151 ? 3 : 4;
  put(&l->b, head, head_len);
  put(&l->b, body, n);
  for (size_t i = size; i-- != 0;) put_byte(&l->b, (unsigned)(len >> (7 * i) & 127) | (i + 1 < size ? 128u : 0));
  l->count++;
}
static void listpack_bytes(listpack *l, const char *text, size_t n) {
  uint8_t head[5] = {(uint8_t)(0x80 | n)};
  size_t head_len = 1;
  if (n >= 64 && n < 4096) {
    head[0] = (uint8_t)(0xe0 | n >> 8);
    head[1] = (uint8_t)n;
    head_len = 2;
  } else if (n >= 4096) {
    head[0] = 0xf0;
    for (int i = 0; i < 4; i++) head[1 + i] = (uint8_t)(n >> (8 * i));
    head_len = 5;
  }
  listpack_add(l, head, head_len, text, n);
}
static void listpack_text(listpack *l, const char *text) { listpack_bytes(l, text, strlen(text)); }
static void listpack_wide(listpack *l, unsigned head, int64_t i, size_t width) {
  uint8_t h = (uint8_t)head;
  listpack_add(l, &h, 1, &i, width);
}
static void listpack_13(listpack *l, int64_t i) {
  uint8_t head[2] = {(uint8_t)(0xc0 | (i >> 8 & 31)), (uint8_t)i};
  listpack_add(l, head, 2, "", 0);
}
static void listpack_int(listpack *l, int64_t i) {
  uint8_t h = (uint8_t)i;
  if (i >= 0 && i < 128) listpack_add(l, &h, 1, "", 0);
  else listpack_wide(l, 0xf4, i, 8);
}
static bytes *listpack_end(listpack *l) {
  put_byte(&l->b, 255);
  uint32_t len = (uint32_t)l->b.len;
  memcpy(l->b.at, &len, 4);
  memcpy(l->b.at + 4, &l->count, 2);
  return &l->b;
}

/* ---- Asking a store ---- */

/* The reply to a line of words, without its line ends. Static. */
static const char *ask(kevy_store *s, const char *line) {
  static char reply[1 << 16];
  char words[512];
  kevy_value argv[32];
  size_t argc = 0, len = 0;
  snprintf(words, sizeof words, "%s", line);
  for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) argv[argc++] = kevy_bytes(word, strlen(word));
  kevy_reply *r = kevy_reply_new();
  const char *text;
  REQUIRE(kevy_call_resp(s, argc, argv, r, &text, &len) == KEVY_OK && len < sizeof reply);
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\n') continue;
    reply[n++] = text[i] == '\r' ? ' ' : text[i];
  }
  reply[n != 0 ? n - 1 : 0] = '\0';
  kevy_reply_free(r);
  return reply;
}

static void answers(kevy_store *s, const char *line, const char *expected, int at) {
  const char *reply = ask(s, line);
  if (strcmp(reply, expected) == 0) {
    check.passed++;
    return;
  }
  check.failed++;
  fprintf(stderr, "%s:%d: %s: %s, not %s\n", __FILE__, at, line, reply, expected);
}
#define ANSWERS(line, expected) answers(s, line, expected, __LINE__)

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && kevy_debug_clock(s, 1000000) == KEVY_OK);
  return s;
}

static kevy_store *loaded(const bytes *file) {
  kevy_store *s = open_store();
  kevy_status status = kevy_load_bytes(s, file->at, file->len, NULL);
  if (!CHECK(status == KEVY_OK)) fprintf(stderr, "%s\n", kevy_errmsg(s));
  return s;
}

/* A file with one key "k". */
static bytes *one(bytes *b, unsigned type, const bytes *value) {
  file_begin(b);
  put_key(b, type, "k");
  put(b, value->at, value->len);
  file_end(b);
  return b;
}
static bytes *one_pack(bytes *b, unsigned type, const bytes *list) {
  static bytes value;
  value.len = 0;
  put_pack(&value, list);
  return one(b, type, &value);
}

static bytes file;

/* ---- The forms of old ---- */

static void test_lzf(void) {
  static const char packed[] = {1, 'a', 'b', 0x20, 1, (char)0xe0, 3, 0};
  char plain[64];
  CHECK(lzf_unpack(packed, 8, plain, 2 + 3 + 12) && memcmp(plain, "ababaaaaaaaaaaaaa", 17) == 0);
  CHECK(!lzf_unpack(packed, 8, plain, 16) && !lzf_unpack(packed, 8, plain, 18));
  for (size_t n = 1; n < 8; n++) CHECK(!lzf_unpack(packed, n, plain, 17));
  static const char before_the_start[] = {0, 'a', 0x20, 1};
  CHECK(!lzf_unpack(before_the_start, 4, plain, 4));
  CHECK(lzf_unpack("", 0, plain, 0) && !lzf_plausible(1, 1000) && lzf_plausible(3, 264));
}

static void test_strings(void) {
  static const char packed[] = {0, 'x', (char)0xe0, 90, 0}; /* 100 times x */
  file_begin(&file);
  put_key(&file, RDB_STRING, "8");
  put(&file, "\xc0\x85", 2);
  put_key(&file, RDB_STRING, "16");
  put(&file, "\xc1\x00\x80", 3);
  put_key(&file, RDB_STRING, "32");
  put(&file, "\xc2\x01\x00\x00\x80", 5);
  put_byte(&file, RDB_STRING);
  put(&file, "\xc0\x07", 2); /* a key that is an integer */
  put_text(&file, "seven");
  put_key(&file, RDB_STRING, "lzf");
  put_byte(&file, RDB_ENC_LZF);
  put_length(&file, sizeof packed);
  put_length(&file, 100);
  put(&file, packed, sizeof packed);
  put_key(&file, RDB_STRING, "wide");
  put_byte(&file, RDB_LEN_64);
  put_big(&file, 3, 8);
  put(&file, "abc", 3);
  file_end(&file);
  kevy_store *s = loaded(&file);
  ANSWERS("MGET 8 16 32 7 wide", "*5 $4 -123 $6 -32768 $11 -2147483647 $5 seven $3 abc");
  ANSWERS("STRLEN lzf", ":100");
  ANSWERS("GETRANGE lzf 97 99", "$3 xxx");
  kevy_close(s);
}

static void test_ziplist(void) {
  static ziplist z;
  static char longer[20001];
  memset(longer, 'q', 20000);
  ziplist_begin(&z);
  ziplist_text(&z, "text");
  ziplist_int(&z, 0xfe, -128, 1);
  ziplist_int(&z, 0xc0, -32768, 2);
  ziplist_int(&z, 0xf0, -8388608, 3);
  ziplist_int(&z, 0xd0, INT32_MIN, 4);
  ziplist_int(&z, 0xe0, INT64_MIN, 8);
  ziplist_int(&z, 0xf1, 0, 0);
  ziplist_int(&z, 0xfd, 0, 0);
  longer[300] = '\0';
  ziplist_text(&z, longer);
  longer[300] = 'q';
  ziplist_text(&z, longer);
  ziplist_text(&z, "");
  ziplist_end(&z);
  kevy_store *s = loaded(one_pack(&file, RDB_LIST_ZIPLIST, &z.b));
  ANSWERS("LRANGE k 0 7", "*8 $4 text $4 -128 $6 -32768 $8 -8388608 $11 -2147483648 $20 -9223372036854775808 $1 0 $2 12");
  ANSWERS("LLEN k", ":11");
  kevy_close(s);
  static ziplist pairs;
  ziplist_begin(&pairs);
  ziplist_text(&pairs, "a");
  ziplist_text(&pairs, "1.5");
  ziplist_text(&pairs, "b");
  ziplist_int(&pairs, 0xf3, 0, 0);
  ziplist_end(&pairs);
  s = loaded(one_pack(&file, RDB_ZSET_ZIPLIST, &pairs.b));
  ANSWERS("ZRANGE k 0 -1 WITHSCORES", "*4 $1 a $3 1.5 $1 b $1 2");
  kevy_close(s);
  s = loaded(one_pack(&file, RDB_HASH_ZIPLIST, &pairs.b));
  ANSWERS("HGETALL k", "*4 $1 a $3 1.5 $1 b $1 2");
  kevy_close(s);
  static bytes nodes;
  nodes.len = 0;
  put_length(&nodes, 2);
  put_pack(&nodes, &pairs.b);
  put_pack(&nodes, &pairs.b);
  s = loaded(one(&file, RDB_LIST_QUICKLIST, &nodes));
  ANSWERS("LRANGE k 0 -1", "*8 $1 a $3 1.5 $1 b $1 2 $1 a $3 1.5 $1 b $1 2");
  kevy_close(s);
}

static void test_zipmap(void) {
  static bytes z;
  z.len = 0;
  put(&z, "\x03\x01" "a\x02\x00" "xy\x02" "bc\x00\x03" "...\x01" "c\x01\x01" "1.\xff", 22);
  kevy_store *s = loaded(one_pack(&file, RDB_HASH_ZIPMAP, &z));
  ANSWERS("HMGET k a bc c", "*3 $2 xy $0  $1 1");
  ANSWERS("HLEN k", ":3");
  kevy_close(s);
  static char longer[300];
  memset(longer, 'v', sizeof longer);
  z.len = 0;
  put(&z, "\xfe\x01" "a\xfe", 4);
  put_little(&z, 300, 4);
  put(&z, "\0", 1);
  put(&z, longer, 300);
  put_byte(&z, 255);
  s = loaded(one_pack(&file, RDB_HASH_ZIPMAP, &z));
  ANSWERS("HSTRLEN k a", ":300");
  kevy_close(s);
}

static void test_intset(void) {
  static bytes z;
  for (unsigned width = 2; width <= 8; width *= 2) {
    z.len = 0;
    put_little(&z, width, 4);
    put_little(&z, 3, 4);
    put_little(&z, (uint64_t)-5, width);
    put_little(&z, 7, width);
    put_little(&z, 3000, width);
    kevy_store *s = loaded(one_pack(&file, RDB_SET_INTSET, &z));
    ANSWERS("SMEMBERS k", "*3 $2 -5 $1 7 $4 3000");
    kevy_close(s);
  }
}

static void test_listpack(void) {
  static listpack l;
  static char longer[5001];
  memset(longer, 'q', 5000);
  listpack_begin(&l);
  listpack_int(&l, 127);
  listpack_13(&l, 4095);
  listpack_13(&l, -4096);
  listpack_wide(&l, 0xf1, -32768, 2);
  listpack_wide(&l, 0xf2, -8388608, 3);
  listpack_wide(&l, 0xf3, INT32_MIN, 4);
  listpack_wide(&l, 0xf4, INT64_MIN, 8);
  listpack_text(&l, "");
  longer[63] = '\0';
  listpack_text(&l, longer);
  longer[63] = 'q';
  listpack_bytes(&l, longer, 4000);
  listpack_bytes(&l, longer, 5000);
  listpack_end(&l);
  static bytes nodes;
  nodes.len = 0;
  put_length(&nodes, 2);
  put_length(&nodes, RDB_NODE_PLAIN);
  put_text(&nodes, "plain");
  put_length(&nodes, RDB_NODE_PACKED);
  put_pack(&nodes, &l.b);
  kevy_store *s = loaded(one(&file, RDB_LIST_QUICKLIST_2, &nodes));
  ANSWERS("LRANGE k 0 8", "*9 $5 plain $3 127 $4 4095 $5 -4096 $6 -32768 $8 -8388608 $11 -2147483648 $20 -9223372036854775808 $0 ");
  ANSWERS("LLEN k", ":12");
  kevy_close(s);
  s = loaded(one_pack(&file, RDB_SET_LISTPACK, &l.b));
  ANSWERS("SCARD k", ":11");
  kevy_close(s);
}

static void test_linked(void) {
  static bytes v;
  v.len = 0;
  put_length(&v, 2);
  put_text(&v, "a");
  put(&v, "\xc0\x05", 2);
  kevy_store *s = loaded(one(&file, RDB_LIST, &v));
  ANSWERS("LRANGE k 0 -1", "*2 $1 a $1 5");
  kevy_close(s);
  s = loaded(one(&file, RDB_SET, &v));
  ANSWERS("SMISMEMBER k a 5 6", "*3 :1 :1 :0");
  kevy_close(s);
  v.len = 0;
  put_length(&v, 1);
  put_text(&v, "a");
  put_text(&v, "b");
  s = loaded(one(&file, RDB_HASH, &v));
  ANSWERS("HGETALL k", "*2 $1 a $1 b");
  kevy_close(s);
  v.len = 0;
  put_length(&v, 4);
  put_text(&v, "a");
  put_text(&v, "1.5");
  put_text(&v, "b");
  put_byte(&v, 254);
  put_text(&v, "c");
  put_byte(&v, 255);
  put_text(&v, "d");
  put_text(&v, "-2e5");
  s = loaded(one(&file, RDB_ZSET, &v));
  ANSWERS("ZRANGE k 0 -1 WITHSCORES", "*8 $1 c $4 -inf $1 d $7 -200000 $1 a $3 1.5 $1 b $3 inf");
  kevy_close(s);
  double score = 0.25;
  v.len = 0;
  put_length(&v, 1);
  put_text(&v, "a");
  put(&v, &score, 8);
  s = loaded(one(&file, RDB_ZSET_2, &v));
  ANSWERS("ZSCORE k a", "$4 0.25");
  kevy_close(s);
}

/* ---- Hashes with deadlines: the present is 1,000,000 ms ---- */

static void check_timed(bytes *value, unsigned type, bool valkey) {
  one(&file, type, value);
  if (valkey) {
    memcpy(file.at, "VALKEY080", 9);
    file.len -= 9;
    file_end(&file);
  }
  kevy_store *s = loaded(&file);
  ANSWERS("HMGET k stays until gone", "*3 $1 1 $1 2 $-1");
  ANSWERS("HPEXPIRETIME k FIELDS 2 stays until", "*2 :-1 :5000000");
  ANSWERS("HLEN k", ":2");
  kevy_debug_clock(s, 5000001);
  ANSWERS("HLEN k", ":1");
  kevy_close(s);
}

static void test_timed(void) {
  static bytes v;
  static listpack l;
  for (int ga = 0; ga < 2; ga++) {
    uint64_t since = ga ? 900000 - 1 : 0;
    v.len = 0;
    if (ga) put_little(&v, 900000, 8);
    put_length(&v, 3);
    put_length(&v, 0);
    put_text(&v, "stays");
    put_text(&v, "1");
    put_length(&v, 5000000 - since);
    put_text(&v, "until");
    put_text(&v, "2");
    put_length(&v, 900000 - since);
    put_text(&v, "gone");
    put_text(&v, "3");
    check_timed(&v, ga ? RDB_HASH_METADATA : RDB_HASH_METADATA_PRE_GA, false);
    listpack_begin(&l);
    listpack_text(&l, "gone");
    listpack_int(&l, 3);
    listpack_int(&l, 900000);
    listpack_text(&l, "until");
    listpack_int(&l, 2);
    listpack_int(&l, 5000000);
    listpack_text(&l, "stays");
    listpack_int(&l, 1);
    listpack_int(&l, 0);
    listpack_end(&l);
    v.len = 0;
    if (ga) put_little(&v, 900000, 8);
    put_pack(&v, &l.b);
    check_timed(&v, ga ? RDB_HASH_LISTPACK_EX : RDB_HASH_LISTPACK_EX_PRE_GA, false);
  }
  v.len = 0;
  put_length(&v, 3);
  put_text(&v, "stays");
  put_text(&v, "1");
  put_little(&v, UINT64_MAX, 8);
  put_text(&v, "until");
  put_text(&v, "2");
  put_little(&v, 5000000, 8);
  put_text(&v, "gone");
  put_text(&v, "3");
  put_little(&v, 900000, 8);
  check_timed(&v, RDB_HASH_METADATA_PRE_GA, true);
}

/* ---- Streams ---- */

static void stream_entry_head(listpack *l, int flags, int64_t ms, int64_t seq) {
  listpack_int(l, flags);
  listpack_int(l, ms);
  listpack_int(l, seq);
}

/* Three entries, one of them deleted and one with other fields, and a group; in the form of this type. */
static bytes *stream_value(unsigned type) {
  static bytes v;
  static listpack l;
  listpack_begin(&l);
  listpack_int(&l, 2);
  listpack_int(&l, 1);
  listpack_int(&l, 1);
  listpack_text(&l, "name");
  listpack_int(&l, 0);
  stream_entry_head(&l, RDB_STREAM_SAME_FIELDS, 0, 0);
  listpack_text(&l, "alice");
  listpack_int(&l, 4);
  stream_entry_head(&l, RDB_STREAM_DELETED | RDB_STREAM_SAME_FIELDS, 0, 1);
  listpack_text(&l, "gone");
  listpack_int(&l, 4);
  stream_entry_head(&l, 0, 2, -1);
  listpack_int(&l, 2);
  listpack_text(&l, "name");
  listpack_text(&l, "bob");
  listpack_text(&l, "age");
  listpack_int(&l, 7);
  listpack_int(&l, 8);
  listpack_end(&l);
  v.len = 0;
  put_length(&v, 1);
  put_length(&v, 16);
  put_big(&v, 5, 8);
  put_big(&v, 1, 8);
  put_pack(&v, &l.b);
  put_length(&v, 2); /* entries; last ID */
  put_length(&v, 9);
  put_length(&v, 0);
  if (type != RDB_STREAM_LISTPACKS) {
    put_length(&v, 5); /* first, deleted, ever */
    put_length(&v, 1);
    put_length(&v, 5);
    put_length(&v, 2);
    put_length(&v, 3);
  }
  put_length(&v, 1); /* a group */
  put_text(&v, "g");
  put_length(&v, 7);
  put_length(&v, 0);
  if (type != RDB_STREAM_LISTPACKS) put_length(&v, 3);
  put_length(&v, 1);
  put_big(&v, 7, 8);
  put_big(&v, 0, 8);
  put_little(&v, 900000, 8);
  put_length(&v, 4);
  put_length(&v, 1); /* its consumer */
  put_text(&v, "me");
  put_little(&v, 900000, 8);
  if (type == RDB_STREAM_LISTPACKS_3) put_little(&v, 800000, 8);
  put_length(&v, 1);
  put_big(&v, 7, 8);
  put_big(&v, 0, 8);
  return &v;
}

static void test_streams(void) {
  static const unsigned types[] = {RDB_STREAM_LISTPACKS, RDB_STREAM_LISTPACKS_2, RDB_STREAM_LISTPACKS_3};
  for (int i = 0; i < 3; i++) {
    kevy_store *s = loaded(one(&file, types[i], stream_value(types[i])));
    ANSWERS("XRANGE k - +", "*2 *2 $3 5-1 *2 $4 name $5 alice *2 $3 7-0 *4 $4 name $3 bob $3 age $1 7");
    ANSWERS("XPENDING k g", "*4 :1 $3 7-0 $3 7-0 *1 *2 $2 me $1 1");
    ANSWERS("XPENDING k g - + 5", "*1 *4 $3 7-0 $2 me :100000 :4");
    ANSWERS("XINFO CONSUMERS k g", i < 2 ? "*1 *8 $4 name $2 me $7 pending :1 $4 idle :100000 $8 inactive :100000"
                                         : "*1 *8 $4 name $2 me $7 pending :1 $4 idle :100000 $8 inactive :200000");
    ANSWERS("XADD k 8-0 a b", "-ERR The ID specified in XADD is equal or smaller than the target stream top item");
    ANSWERS("XADD k 10-0 a b", "$4 10-0");
    const stream *st;
    CHECK(stream_find(s, "k", 1, &st) == KEVY_OK && stream_check(s->base, st) && st->added == (i == 0 ? 3 : 4));
    kevy_close(s);
  }
}

/* ---- What rides along in AUX ops ---- */

static void test_kinds(void) {
  uint16_t state = KEVY_TEXT | KEVY_TEXT << 2 | KEVY_TEXT << 4 | KEVY_INT << 6 | KEVY_TEXT << 8 | KEVY_INT << 10 |
                   KEVY_FLOAT << 12;
  char kinds[3] = {'k', (char)state, (char)(state >> 8)};
  file_begin(&file);
  put_byte(&file, RDB_OP_AUX);
  put_text(&file, "redis-ver");
  put_text(&file, "7.0.0");
  put_aux(&file, kinds, 3);
  put_aux(&file, "?unknown", 8);
  put_key(&file, RDB_STRING, "text");
  put_text(&file, "words");
  put_key(&file, RDB_STRING, "int");
  put(&file, "\xc0\x05", 2);
  put_key(&file, RDB_STRING, "float");
  put_text(&file, "2.5");
  put_aux(&file, "e\x04", 2); /* two of bytes, in two parts: one int, one text */
  put_aux(&file, "e\x02\x01", 3);
  put_key(&file, RDB_LIST, "list");
  put_length(&file, 4);
  put_text(&file, "a");
  put_text(&file, "1");
  put_text(&file, "12");
  put_text(&file, "b");
  put_aux(&file, "t\x01", 2); /* one field without, then one until 2,000,000 */
  put_aux(&file, "t\x80\x92\xf4\x01", 5);
  put_key(&file, RDB_HASH, "hash");
  put_length(&file, 3);
  for (int i = 0; i < 3; i++) {
    put(&file, "\xc0", 1);
    put_byte(&file, (unsigned)i);
    put_text(&file, "v");
  }
  file_end(&file);
  kevy_store *s = loaded(&file);
  kevy_value v;
  CHECK(kevy_get(s, "text", 4, &v) == KEVY_OK && v.kind == KEVY_TEXT);
  CHECK(kevy_get(s, "int", 3, &v) == KEVY_OK && v.kind == KEVY_INT && v.as.i == 5);
  CHECK(kevy_get(s, "float", 5, &v) == KEVY_OK && v.kind == KEVY_FLOAT && v.as.d == 2.5);
  static const uint32_t expected[] = {KEVY_BYTES, KEVY_BYTES, KEVY_INT, KEVY_TEXT};
  for (int i = 0; i < 4; i++) CHECK(kevy_lindex(s, "list", 4, i, &v) == KEVY_OK && v.kind == expected[i]);
  ANSWERS("HPEXPIRETIME hash FIELDS 3 0 1 2", "*3 :-1 :2000000 :-1");
  kevy_iter *it;
  CHECK(kevy_iter_open(s, "text", 4, KEVY_TYPE_NONE, &it) == KEVY_OK);
  CHECK(kevy_iter_next(it, &v, NULL) == KEVY_OK && v.kind == KEVY_TEXT);
  kevy_iter_close(it);
  kevy_close(s);
  static const struct {
    const char *about;
    size_t n;
  } wrong[] = {{"e\x04\x00", 3}, {"e\x00", 2}, {"e\x06", 2}, {"e\x80", 2}, {"k\x01", 2}, {"t\x05\x01", 3}, {"t\x01", 2}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    file_begin(&file);
    put_aux(&file, wrong[i].about, wrong[i].n);
    put_key(&file, RDB_SET, "k");
    put_length(&file, 2);
    put_text(&file, "a");
    put_text(&file, "b");
    if (wrong[i].n == 3 && wrong[i].about[0] == 'e') put_key(&file, RDB_SET, "l"), put_length(&file, 0);
    file_end(&file);
    s = open_store();
    bool fits = wrong[i].about[0] == 'e' && wrong[i].about[1] == 4; /* two, and one more */
    CHECK(kevy_load_bytes(s, file.at, file.len, NULL) == KEVY_ECORRUPT || !fits);
    kevy_close(s);
  }
}

/* ---- What is passed over ---- */

static void test_passed_over(void) {
  file_begin(&file);
  put_byte(&file, RDB_OP_FUNCTION2);
  put_text(&file, "#!lua name=lib\n");
  put_byte(&file, RDB_OP_MODULE_AUX);
  put_length(&file, 12345);
  put_length(&file, 2);
  put_length(&file, 1);
  put_length(&file, 5);
  put_text(&file, "module data");
  put_length(&file, 4);
  put_little(&file, 0, 8);
  put_length(&file, 3);
  put_little(&file, 0, 4);
  put_length(&file, 1);
  put_length(&file, 77);
  put_length(&file, 0);
  put_byte(&file, RDB_OP_SELECTDB);
  put_length(&file, 0);
  put_byte(&file, RDB_OP_RESIZEDB);
  put_length(&file, 2);
  put_length(&file, 0);
  put_byte(&file, RDB_OP_SLOT_INFO);
  for (int i = 0; i < 3; i++) put_length(&file, 1);
  put_byte(&file, RDB_OP_IDLE);
  put_length(&file, 1000);
  put_byte(&file, RDB_OP_FREQ);
  put_byte(&file, 200);
  put_key(&file, RDB_STRING, "k");
  put_text(&file, "v");
  put_key(&file, RDB_SET, "empty");
  put_length(&file, 0);
  file_end(&file);
  kevy_store *s = loaded(&file);
  ANSWERS("KEYS *", "*1 $1 k");
  kevy_close(s);
}

/* ---- What is refused ---- */

/* The load fails, says so with this text, and has changed nothing. */
static void refused(const bytes *b, const char *why, int line) {
  kevy_store *s = open_store();
  ask(s, "SET here before");
  uint64_t used = kevy_used_memory(s);
  kevy_status status = kevy_load_bytes(s, b->at, b->len, NULL);
  const char *said = kevy_errmsg(s);
  if (status == KEVY_ECORRUPT && strstr(said, why) != NULL) check.passed++;
  else check.failed++, fprintf(stderr, "line %d: %d %s, not %s\n", line, (int)status, said, why);
  ANSWERS("GET here", "$6 before");
  ANSWERS("DBSIZE", ":1");
  CHECK(kevy_used_memory(s) == used);
  kevy_close(s);
}
#define REFUSED(why) refused(&file, why, __LINE__)

static void begin_refused(unsigned type) {
  file_begin(&file);
  put_key(&file, type, "k");
}

static void test_refused(void) {
  file.len = 0;
  REFUSED("offset 0");
  put(&file, "REDIS0013", 9);
  REFUSED("RDB version 13");
  memcpy(file.at, "VALKEY081", 9);
  REFUSED("RDB version 81");
  memcpy(file.at, "REDUS0001", 9);
  REFUSED("not an RDB file");
  file_begin(&file);
  put_byte(&file, 100);
  REFUSED("offset 9: a value of unknown type 100");
  file_begin(&file);
  put_byte(&file, RDB_OP_FUNCTION_PRE_GA);
  REFUSED("offset 9: functions");
  file_begin(&file);
  put_byte(&file, RDB_OP_SLOT_IMPORT);
  REFUSED("operation 243");
  begin_refused(RDB_STRING);
  put_text(&file, "v");
  put_key(&file, RDB_STRING, "k");
  put_text(&file, "w");
  file_end(&file);
  REFUSED("a key twice");
  begin_refused(RDB_SET);
  put_length(&file, 2);
  put_text(&file, "a");
  put_text(&file, "a");
  file_end(&file);
  REFUSED("an element twice");
  begin_refused(RDB_ZSET);
  put_length(&file, 1);
  put_text(&file, "a");
  put_byte(&file, 253);
  file_end(&file);
  REFUSED("not a number");
  begin_refused(RDB_STRING);
  put_byte(&file, RDB_LEN_64);
  put_big(&file, UINT64_MAX, 8);
  REFUSED("a string of 18446744073709551615 bytes");
  begin_refused(RDB_STRING);
  put_byte(&file, RDB_LEN_32);
  put_big(&file, 400 << 20, 4);
  REFUSED("ends in the middle");
  begin_refused(RDB_STRING);
  put_byte(&file, RDB_ENC_LZF);
  put_length(&file, 4);
  put_byte(&file, RDB_LEN_32);
  put_big(&file, 400 << 20, 4);
  put(&file, "\0xyz", 4);
  REFUSED("cannot be so long");
  begin_refused(RDB_MODULE_2);
  put_byte(&file, RDB_LEN_64);
  put_big(&file, UINT64_C(0x3f4f85a7b1a4b) << 10, 8);
  REFUSED("module type \"");
  file_begin(&file);
  put_byte(&file, RDB_OP_SELECTDB);
  put_length(&file, 16);
  put_key(&file, RDB_STRING, "k");
  put_text(&file, "v");
  file_end(&file);
  REFUSED("offset 11: a key of database 16");
  begin_refused(RDB_STRING);
  put_text(&file, "v");
  file_end(&file);
  file.at[file.len - 1] ^= 1;
  REFUSED("checksum");
  file.at[file.len - 1] ^= 1;
  put(&file, "*1", 2);
  REFUSED("offset 23: commands");
  file.at[file.len - 2] = 'f'; /* as from the mark of a replication stream */
  kevy_close(loaded(&file));
}

/* Every small file, cut at every byte and with every bit flipped: refused with an offset, or loaded whole. */
static void damaged(bytes *b, size_t *loads) {
  kevy_store *s = open_store();
  memset(b->at + b->len - 8, 0, 8); /* no checksum: nothing but the bytes can tell */
  for (size_t n = 0; n < b->len; n++) {
    CHECK(kevy_load_bytes(s, b->at, n, NULL) == KEVY_ECORRUPT && strstr(kevy_errmsg(s), "offset") != NULL);
    unsigned char bit = (unsigned char)(1u << below(8));
    b->at[n] ^= (char)bit;
    kevy_status status = kevy_load_bytes(s, b->at, b->len, NULL);
    if (status == KEVY_OK) {
      ++*loads;
      ask(s, "KEYS *");
    } else {
      CHECK(status == KEVY_ECORRUPT && strstr(kevy_errmsg(s), "offset") != NULL);
    }
    b->at[n] ^= (char)bit;
  }
  kevy_close(s);
}

/* A file with a key of every form. */
static void everything(bytes *b) {
  static ziplist z;
  static listpack l;
  static bytes v;
  file_begin(b);
  put_byte(b, RDB_OP_EXPIRETIME_MS);
  put_little(b, 2000000, 8);
  put_key(b, RDB_STRING, "string");
  put_text(b, "value");
  put_key(b, RDB_LIST, "list");
  put_length(b, 2);
  put_text(b, "a");
  put_text(b, "b");
  ziplist_begin(&z);
  ziplist_text(&z, "a");
  ziplist_int(&z, 0xfe, 100, 1);
  ziplist_end(&z);
  put_key(b, RDB_ZSET_ZIPLIST, "zset");
  put_pack(b, &z.b);
  put_byte(b, RDB_OP_EXPIRETIME_MS);
  put_little(b, 2000000, 8);
  put_key(b, RDB_HASH_ZIPLIST, "hash");
  put_pack(b, &z.b);
  v.len = 0;
  put_little(&v, 2, 4);
  put_little(&v, 1, 4);
  put_little(&v, 9, 2);
  put_key(b, RDB_SET_INTSET, "set");
  put_pack(b, &v);
  listpack_begin(&l);
  listpack_text(&l, "f");
  listpack_text(&l, "v");
  listpack_int(&l, 2000000);
  listpack_end(&l);
  put_key(b, RDB_HASH_LISTPACK_EX_PRE_GA, "timed");
  put_pack(b, &l.b);
  put_key(b, RDB_STREAM_LISTPACKS_3, "stream");
  const bytes *st = stream_value(RDB_STREAM_LISTPACKS_3);
  put(b, st->at, st->len);
  file_end(b);
}

static void test_damaged(void) {
  static bytes b;
  size_t loads = 0;
  everything(&b);
  damaged(&b, &loads);
  CHECK(loads != 0);
}

/* ---- Memory that runs out ---- */

static kevy_status read_failing(const bytes *b, uint64_t nth) {
  rdb_load load = {RDB_ANY_DB, false};
  kevy_store *s = store_new(0, 0);
  store_set_clock(s, 1000000);
  rdb_file *f = rdb_file_new(s, &load);
  rdb_source_memory(rdb_file_source(f), b->at, b->len);
  s->sp->mem.fail_in = nth;
  kevy_status status = rdb_file_step(f, UINT64_MAX);
  CHECK(status == KEVY_OK ? table_check(s->base, s->keys) : rdb_file_source(f)->why[0] != '\0');
  rdb_file_free(f);
  store_free(s);
  return status;
}

static void test_no_memory(void) {
  static bytes b;
  everything(&b);
  uint64_t n = 1;
  for (kevy_status status; (status = read_failing(&b, n)) != KEVY_OK; n++) {
    CHECK(status == KEVY_EOOM);
    if (n > 10000) break;
  }
  CHECK(n > 20 && n < 10000);
}

/* ... and the process's, which reading takes. */
static void test_no_malloc(void) {
  static const char packed[] = {0, 'x', (char)0xe0, 90, 0};
  static bytes b;
  everything(&b);
  b.len -= 9;
  put_key(&b, RDB_STRING, "lzf");
  put_byte(&b, RDB_ENC_LZF);
  put_length(&b, sizeof packed);
  put_length(&b, 100);
  put(&b, packed, sizeof packed);
  put_aux(&b, "e\x00", 2);
  put_key(&b, RDB_STRING, "a text");
  put_text(&b, "v");
  file_end(&b);
  char path[] = "/tmp/kevy-rdb-XXXXXX";
  int fd = mkstemp(path);
  REQUIRE(fd >= 0 && write(fd, b.at, b.len) == (ssize_t)b.len && close(fd) == 0);
  unsigned n = 1;
  for (bool fired = true; fired && n < 1000; n++) {
    kevy_store *s = open_store();
    ask(s, "SET here before");
    fail_malloc_in = n;
    kevy_status status = kevy_load(s, path, NULL);
    fired = fail_malloc_in == 0;
    fail_malloc_in = 0;
    CHECK(status == (fired ? KEVY_EOOM : KEVY_OK));
    ANSWERS("DBSIZE", fired ? ":1" : ":9");
    kevy_close(s);
  }
  CHECK(n > 10 && n < 1000);
  remove(path);
}

/* ---- RESTORE ---- */

static void restore_payload(bytes *b, unsigned type, const bytes *value, unsigned version) {
  b->len = 0;
  put_byte(b, type);
  put(b, value->at, value->len);
  payload_end(b, version);
}

static void test_restore(void) {
  static bytes b, value;
  kevy_store *s = open_store();
  value.len = 0;
  put_text(&value, "v");
  restore_payload(&b, RDB_STRING, &value, 10);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_OK);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_UNMET);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, 5000, KEVY_REPLACE) == KEVY_OK);
  ANSWERS("PTTL k", ":5000");
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, 5, KEVY_REPLACE | KEVY_AT) == KEVY_OK);
  ANSWERS("EXISTS k", ":0");
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, 0, 0) == KEVY_EEXPIRE);
  for (size_t n = 0; n < b.len; n++) CHECK(kevy_restore(s, "k", 1, b.at, n, KEVY_NO_TTL, 0) == KEVY_ECORRUPT);
  restore_payload(&b, RDB_STRING, &value, 13);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_ECORRUPT);
  put_byte(&value, 0);
  restore_payload(&b, RDB_STRING, &value, 10);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_ECORRUPT);
  value.len = 0;
  put_length(&value, 0);
  restore_payload(&b, RDB_SET, &value, 10);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_ECORRUPT);
  ANSWERS("DBSIZE", ":0");
  const bytes *st = stream_value(RDB_STREAM_LISTPACKS_2);
  restore_payload(&b, RDB_STREAM_LISTPACKS_2, st, 10);
  CHECK(kevy_restore(s, "k", 1, b.at, b.len, 9000000, KEVY_AT | KEVY_TEXT_KEY) == KEVY_OK);
  ANSWERS("XLEN k", ":2");
  ANSWERS("PEXPIRETIME k", ":9000000");
  kevy_value key;
  CHECK(kevy_random_key(s, &key) == KEVY_OK && key.kind == KEVY_TEXT);
  kevy_store *frozen;
  CHECK(kevy_snapshot(s, &frozen) == KEVY_OK);
  CHECK(kevy_restore(frozen, "l", 1, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_EREADONLY);
  CHECK(kevy_load_bytes(frozen, "", 0, NULL) == KEVY_EREADONLY);
  kevy_close(s);
  s = frozen;
  ANSWERS("XLEN k", ":2");
  kevy_close(s);
}

/* A payload over a key that is there: on any failure the old value stays, and the memory comes back. */
static void test_restore_no_memory(void) {
  static bytes b, value;
  value.len = 0;
  put_length(&value, 300);
  char name[24];
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "member %d", i);
    put_text(&value, name);
  }
  restore_payload(&b, RDB_SET, &value, 10);
  uint64_t n = 1;
  for (;; n++) {
    kevy_store *s = open_store();
    ask(s, "RPUSH k before");
    uint64_t used = kevy_used_memory(s);
    kevy_debug_fail_alloc(s, n);
    kevy_status status = kevy_restore(s, "k", 1, b.at, b.len, 7777777, KEVY_AT | KEVY_REPLACE);
    kevy_debug_fail_alloc(s, 0);
    if (status == KEVY_OK) ANSWERS("SCARD k", ":300");
    else ANSWERS("LRANGE k 0 -1", "*1 $6 before");
    ANSWERS("DBSIZE", ":1");
    while (kevy_tick(s, 1000, NULL) == KEVY_UNMET) continue;
    if (status != KEVY_OK) CHECK(kevy_used_memory(s) <= used + expire_bytes() + 64);
    CHECK(table_check(s->base, s->keys));
    kevy_close(s);
    if (status == KEVY_OK || n > 5000) break;
    CHECK(status == KEVY_EOOM);
  }
  CHECK(n > 100 && n < 5000);
}

static void test_restore_no_malloc(void) {
  static bytes b;
  restore_payload(&b, RDB_STREAM_LISTPACKS_3, stream_value(RDB_STREAM_LISTPACKS_3), 12);
  unsigned n = 1;
  for (bool fired = true; fired && n < 1000; n++) {
    kevy_store *s = open_store();
    fail_malloc_in = n;
    kevy_status status = kevy_restore(s, "k", 1, b.at, b.len, KEVY_NO_TTL, 0);
    fired = fail_malloc_in == 0;
    fail_malloc_in = 0;
    CHECK(status == (fired ? KEVY_EOOM : KEVY_OK));
    ANSWERS("DBSIZE", fired ? ":0" : ":1");
    kevy_close(s);
  }
  CHECK(n > 4 && n < 1000);
}

/* ---- Loading over what is there ---- */

static void test_load_replaces(void) {
  file_begin(&file);
  put_key(&file, RDB_STRING, "new");
  put_text(&file, "1");
  file_end(&file);
  kevy_store *s = open_store(), *frozen;
  ask(s, "SET old 1");
  kevy_value v;
  CHECK(kevy_get(s, "old", 3, &v) == KEVY_OK);
  CHECK(kevy_snapshot(s, &frozen) == KEVY_OK);
  CHECK(kevy_load_bytes(s, file.at, file.len, NULL) == KEVY_OK);
  ANSWERS("KEYS *", "*1 $3 new");
  int64_t now;
  CHECK(kevy_now(s, &now) == KEVY_OK && now == 1000000);
  CHECK(kevy_get(frozen, "old", 3, &v) == KEVY_OK);
  kevy_close(frozen);
  kevy_load_options bad = {0, -1, 0}, flag = {sizeof flag, -1, 64}, db = {sizeof db, -2, 0};
  CHECK(kevy_load_bytes(s, file.at, file.len, &bad) == KEVY_EARG);
  CHECK(kevy_load_bytes(s, file.at, file.len, &flag) == KEVY_EARG);
  CHECK(kevy_load_bytes(s, file.at, file.len, &db) == KEVY_EARG);
  CHECK(kevy_load(s, NULL, NULL) == KEVY_EARG && kevy_load(s, "/nonexistent/file", NULL) == KEVY_EIO);
  CHECK(kevy_load(s, "/", NULL) == KEVY_EIO && kevy_load(s, "/dev/null", NULL) == KEVY_ECORRUPT);
  ANSWERS("KEYS *", "*1 $3 new");
  kevy_close(s);
}

/* Over a store in a directory: it is there when the directory is opened again, and so is what is written next. */
static void test_load_directory(void) {
  char path[] = "/tmp/kevy-load-XXXXXX", url[64], line[96];
  REQUIRE(mkdtemp(path) != NULL);
  snprintf(url, sizeof url, "file://%s", path);
  kevy_options o = KEVY_OPTIONS_INIT;
  o.url = url;
  kevy_store *s;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  ask(s, "SET old 1");
  file_begin(&file);
  put_key(&file, RDB_STRING, "new");
  put_text(&file, "1");
  file_end(&file);
  CHECK(kevy_load_bytes(s, file.at, file.len, NULL) == KEVY_OK);
  ANSWERS("SET after 1", "+OK");
  static bytes b;
  const bytes *st = stream_value(RDB_STREAM_LISTPACKS_2);
  restore_payload(&b, RDB_STREAM_LISTPACKS_2, st, 10);
  CHECK(kevy_restore(s, "stream", 6, b.at, b.len, KEVY_NO_TTL, 0) == KEVY_OK);
  kevy_close(s);
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  ANSWERS("MGET old new after", "*3 $-1 $1 1 $1 1");
  ANSWERS("XLEN stream", ":2");
  ANSWERS("DBSIZE", ":3");
  kevy_close(s);
  snprintf(line, sizeof line, "rm -r %s", path);
  CHECK(system(line) == 0);
}

/* A load in steps, of a file that comes through a pipe; the last one wakes who waits for a key of it. */
static void test_steps(void) {
  static bytes b;
  static char value[1000];
  memset(value, 'v', sizeof value);
  file_begin(&b);
  for (int i = 0; i < 50; i++) {
    char name[16];
    snprintf(name, sizeof name, "key:%d", i);
    put_key(&b, RDB_STRING, name);
    put_string(&b, value, sizeof value);
  }
  put_key(&b, RDB_LIST, "queue");
  put_length(&b, 1);
  put_text(&b, "item");
  file_end(&b);
  int ends[2];
  char path[32];
  REQUIRE(pipe(ends) == 0 && write(ends[1], b.at, b.len) == (ssize_t)b.len);
  close(ends[1]);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  kevy_store *s = open_store();
  kevy_value line[] = {kevy_bytes("BLPOP", 5), kevy_bytes("queue", 5), kevy_bytes("0", 1)};
  kevy_reply *r = kevy_reply_new();
  kevy_wait *w;
  CHECK(kevy_wait_call(s, 3, line, KEVY_RESP, r, &w) == KEVY_UNMET);
  kevy_loading *l;
  REQUIRE(kevy_load_start(s, path, NULL, &l) == KEVY_OK);
  uint64_t done, total, keys, steps = 0;
  kevy_status status;
  while ((status = kevy_load_step(l, 5000)) == KEVY_UNMET) {
    steps++;
    ANSWERS("DBSIZE", ":0");
  }
  CHECK(status == KEVY_OK && steps >= 8 && kevy_load_step(l, 1) == KEVY_OK);
  kevy_load_progress(l, &done, &total, &keys);
  CHECK(done == b.len && total == 0 && keys == 51);
  kevy_load_close(l);
  CHECK(kevy_wait_poll(w, 0) == KEVY_OK && kevy_wait_end(w) == KEVY_OK);
  kevy_wait_close(w);
  kevy_reply_free(r);
  ANSWERS("DBSIZE", ":50");
  close(ends[0]);
  kevy_close(s);
}

int main(void) {
  check_begin("rdb_read");
  test_lzf();
  test_strings();
  test_ziplist();
  test_zipmap();
  test_intset();
  test_listpack();
  test_linked();
  test_timed();
  test_streams();
  test_kinds();
  test_passed_over();
  test_refused();
  test_damaged();
  test_no_memory();
  test_no_malloc();
  test_restore();
  test_restore_no_memory();
  test_restore_no_malloc();
  test_load_replaces();
  test_load_directory();
  test_steps();
  return check_end();
}
