/* fuzz_collections: sequences of commands on values of every type, against what must always hold: every packed
 * block, table and tree is whole after every command; an error changed nothing, one for want of memory included;
 * snapshots stay as they were; what is handed out adds up, and comes back when all is deleted.
 *
 * A command is a byte that picks its row, and a byte for each argument: a key, a member, a number, one of the words
 * of the row's own syntax, or a run of many, which makes values large. So a command that is added is fuzzed. */
#include "../core/internals.h"

#include "../core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 6, ARGS = 700, WORD = 320, HELD = 3, COMMANDS = 400 };

static const uint8_t *input, *input_end;

/* A choice below n from the next byte, or the next two; 0 when the input is used up. */
static uint32_t pick(uint32_t n) {
  uint32_t x = 0;
  for (uint32_t most = 1; most < n && input < input_end; most <<= 8) x = x << 8 | *input++;
  return x % n;
}

/* ---- Rows: the collections', and what keys of any type share ---- */

static const command *rows[512];
static size_t row_count;

static bool row_wanted(const command *row) {
  static const char *const groups[] = {"hash", "list", "set", "sorted-set", "stream"};
  static const char *const others[] = {"SET", "GET", "APPEND", "DEL", "RENAME", "COPY", "PEXPIRE", "PERSIST", "TYPE",
                                       "OBJECT|ENCODING", "MEMORY|USAGE"};
  if (row->handler == cmd_container || command_has_word(row->about.flags, "blocking")) return false;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    if (strcmp(row->about.group, groups[i]) == 0) return true;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(row->about.name, others[i]) == 0) return true;
  return false;
}

static void rows_read(void) {
  const command *row;
  for (size_t i = 0; (row = command_at(i)) != NULL; i++)
    if (row_wanted(row) && row_count < sizeof rows / sizeof *rows) rows[row_count++] = row;
}

/* ---- Arguments ---- */

static char words[ARGS][WORD];
static kevy_value args[ARGS];
static size_t arg_count;

static void arg_bytes(const char *bytes, size_t len) {
  if (arg_count == ARGS) return;
  memcpy(words[arg_count], bytes, len);
  args[arg_count] = kevy_bytes(words[arg_count], len);
  args[arg_count].kind = pick(8) == 0 ? KEVY_TEXT : KEVY_BYTES;
  arg_count++;
}
static void arg_text(const char *text) { arg_bytes(text, strlen(text)); }
static void arg_int(int64_t i) {
  char text[32];
  arg_bytes(text, number_format_int(i, text));
}

static void arg_key(void) {
  static const char *const keys[KEYS] = {"a", "b", "c", "k:4", "", "12345"};
  arg_text(keys[pick(KEYS)]);
}

static void arg_member(void) {
  char name[WORD];
  uint32_t which = pick(256);
  memset(name, 'm', sizeof name);
  if (which < 100) arg_int((int64_t)which - 40);
  else if (which < 200) arg_bytes(name, (size_t)snprintf(name, sizeof name, "m%u", which));
  else if (which < 210) arg_bytes(name, 62 + which % 4);
  else if (which < 216) arg_bytes(name, 250 + which % 10);
  else arg_bytes((const char *)&which, which % 2);
}

static void arg_number(void) {
  static const char *const odd[] = {"9223372036854775807", "-9223372036854775808", "1.5", "-0", "inf", "-inf", "nan",
                                    "1e300", "(3", "[m1", "-", "+", "x", "", "*", "$", ">", "5-*", "7-3", "0-1"};
  uint32_t which = pick(256);
  if (which < sizeof odd / sizeof *odd) arg_text(odd[which]);
  else arg_int((int64_t)which - 60);
}

/* One of the words in capitals of the row's syntax. */
static void arg_option(const command *row) {
  const char *syntax = row->about.syntax, *found[32];
  size_t lens[32], n = 0;
  for (const char *at = syntax; *at != '\0' && n < 32;) {
    size_t len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    if (len > 1 && !(len == 5 && memcmp(at, "BLOCK", 5) == 0)) {
      found[n] = at;
      lens[n++] = len;
    }
    at += len != 0 ? len : 1;
  }
  if (n == 0) return;
  size_t which = pick((uint32_t)n);
  arg_bytes(found[which], lens[which]);
}

/* Many: members, or numbers and members by turns. */
static void arg_run(void) {
  uint32_t form = pick(4), from = pick(200), n = 1 + pick(4) * 80;
  char name[32];
  for (uint32_t i = 0; i < n; i++) {
    if (form == 1) arg_int(i * 3);
    arg_bytes(name, (size_t)snprintf(name, sizeof name, form == 3 ? "%u" : "m%u", from + i));
    if (form == 2) arg_int(i);
  }
}

static void arg_some(const command *row) {
  uint32_t which = pick(32);
  if (which < 12) arg_member();
  else if (which < 19) arg_number();
  else if (which < 26) arg_option(row);
  else if (which < 29) arg_key();
  else arg_run();
}

static const command *choose_command(void) {
  const command *row = rows[pick((uint32_t)row_count)];
  const char *name = row->about.name, *bar = strchr(name, '|');
  arg_count = 0;
  arg_bytes(name, bar != NULL ? (size_t)(bar - name) : strlen(name));
  if (bar != NULL) arg_text(bar + 1);
  size_t least = (size_t)abs(row->about.arity), more = pick(6);
  if (row->about.arity > 0) more = 0;
  while (arg_count < least + more && arg_count < ARGS) {
    if ((int32_t)arg_count == row->about.first_key) arg_key();
    else arg_some(row);
    if (input == input_end && arg_count < least) arg_text("1");
  }
  return row;
}

/* ---- What a store holds, as one number ---- */

static kevy_reply *reply;

static uint64_t digest_of(kevy_store *s, size_t n, const char *const *line, uint64_t sum) {
  kevy_value argv[5];
  const char *bytes;
  size_t len;
  for (size_t i = 0; i < n; i++) argv[i] = kevy_bytes(line[i], strlen(line[i]));
  REQUIRE(kevy_call_resp(s, n, argv, reply, &bytes, &len) == KEVY_OK);
  for (size_t i = 0; i < len; i++) sum = (sum ^ (uint8_t)bytes[i]) * UINT64_C(1099511628211);
  return sum;
}

static uint64_t digest_value(kevy_store *s, const char *key, int32_t type, uint64_t sum) {
  switch (type) {
    case KEVY_TYPE_STRING: return digest_of(s, 2, (const char *[]){"GET", key}, sum);
    case KEVY_TYPE_HASH: return digest_of(s, 2, (const char *[]){"HGETALL", key}, sum);
    case KEVY_TYPE_LIST: return digest_of(s, 4, (const char *[]){"LRANGE", key, "0", "-1"}, sum);
    case KEVY_TYPE_SET: return digest_of(s, 2, (const char *[]){"SMEMBERS", key}, sum);
    case KEVY_TYPE_ZSET: return digest_of(s, 5, (const char *[]){"ZRANGE", key, "0", "-1", "WITHSCORES"}, sum);
    default: return digest_of(s, 4, (const char *[]){"XRANGE", key, "-", "+"}, sum);
  }
}

typedef struct key_name {
  char text[WORD];
  int32_t type;
} key_name;

typedef struct key_names {
  key_name at[64];
  size_t count;
} key_names;

static void note_key(void *context, const kevy_value *key, int32_t type) {
  key_names *names = context;
  if (key->len >= WORD || memchr(key->as.ptr, 0, key->len) != NULL || names->count == 64) return;
  key_name *name = &names->at[names->count++];
  memcpy(name->text, key->as.ptr, key->len);
  name->text[key->len] = '\0';
  name->type = type;
}

/* In the order of names, since a split moves nothing but a rename does. */
static int by_name(const void *a, const void *b) {
  return strcmp(((const key_name *)a)->text, ((const key_name *)b)->text);
}

/* Order inside a value counts as well: that of what did not change stays. */
static uint64_t digest(kevy_store *s) {
  static key_names names;
  uint64_t cursor = 0, sum = UINT64_C(14695981039346656037);
  names.count = 0;
  do keyspace_scan(s, &cursor, UINT64_MAX, note_key, &names);
  while (cursor != 0);
  qsort(names.at, names.count, sizeof *names.at, by_name);
  for (size_t i = 0; i < names.count; i++) {
    int64_t deadline = 0;
    const char *key = names.at[i].text;
    if (kevy_deadline(s, key, strlen(key), &deadline) != KEVY_OK) continue;
    sum = digest_value(s, key, names.at[i].type, (sum ^ (uint64_t)deadline) * UINT64_C(1099511628211));
  }
  return sum;
}

/* ---- What always holds ---- */

static bool value_whole(const space *sp, const entry *e) {
  const char *base = sp->mem.base;
  int32_t type = entry_type(e);
  if (type == KEVY_TYPE_STRING) return true;
  if (type == KEVY_TYPE_SET) {
    set_view v = set_view_of(sp, e);
    return v.count != 0 && set_check(&v);
  }
  if (!entry_is_large(e))
    return type == KEVY_TYPE_STREAM || (packed_count(small_block(e)) != 0 && packed_check(small_block(e), small_len(e)));
  const collection *c = collection_at(base, e);
  if (c->type != type) return false;
  if (type == KEVY_TYPE_HASH || type == KEVY_TYPE_ZSET) {
    const table *members = &((const keyed *)c)->members;
    return members->count != 0 && table_check(base, members);
  }
  return true;
}

static bool all_whole(kevy_store *s) {
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, s->keys, &walk)) != 0;)
    if (!value_whole(s->sp, mem_ptr(s->base, r))) return false;
  return table_check(s->base, s->keys);
}

static uint64_t figure(kevy_store *s, const char *name) {
  const char *at;
  kevy_value v;
  for (size_t i = 0; kevy_info(s, i, &at, &v) == KEVY_OK; i++)
    if (strcmp(at, name) == 0) return (uint64_t)v.as.i;
  return 0;
}

static void come_to_rest(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* Blobs of members count with their value and among the blobs: sums are taken where there are none. */
static bool adds_up(kevy_store *s) {
  come_to_rest(s);
  uint64_t bytes = figure(s, "table_bytes") + figure(s, "wheel_bytes") + figure(s, "retained_bytes");
  if (figure(s, "blob_bytes") != 0) return true;
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, s->keys, &walk)) != 0;) {
    const entry *e = mem_ptr(s->base, r);
    bytes += mem_round(entry_size(e)) + collection_bytes(s->base, e);
  }
  return figure(s, "snapshots") != 0 || bytes == kevy_used_memory(s);
}

/* ---- One input ---- */

typedef struct held {
  kevy_store *snapshot;
  uint64_t digest;
} held;

static void held_toggle(held *h, kevy_store *s) {
  if (h->snapshot == NULL) {
    REQUIRE(kevy_snapshot(s, &h->snapshot) == KEVY_OK);
    h->digest = digest(h->snapshot);
  } else {
    CHECK(digest(h->snapshot) == h->digest && all_whole(h->snapshot));
    kevy_close(h->snapshot);
    h->snapshot = NULL;
  }
}

/* Runs a command, of which the fail-th allocation fails. */
static void run_command(kevy_store *s, bool watch, uint32_t fail) {
  const command *row = choose_command();
  const char *bytes;
  size_t len;
  bool reads = command_has_word(row->about.flags, "readonly");
  uint64_t before = watch || fail != 0 || reads ? digest(s) : 0;
  if (fail != 0) kevy_debug_fail_alloc(s, fail);
  kevy_status status = kevy_call_resp(s, arg_count, args, reply, &bytes, &len);
  kevy_debug_fail_alloc(s, 0);
  bool failed = status != KEVY_OK || bytes[0] == '-';
  if (!CHECK(all_whole(s) && (!failed && !reads ? true : before == 0 || digest(s) == before))) {
    for (size_t i = 0; i < arg_count && i < 20; i++) fprintf(stderr, "%.*s ", (int)args[i].len, args[i].as.ptr);
    fprintf(stderr, "(%zu arguments, allocation %u failed): status %d\n", arg_count, fail, status);
  }
}

static void step(kevy_store *s, held *all, int64_t *now) {
  uint32_t what = pick(32);
  if (what < 24) {
    run_command(s, what < 6, 0);
  } else if (what < 28) {
    run_command(s, true, 1 + pick(12));
  } else if (what == 28) {
    *now += pick(4) == 0 ? 1000000 : 50;
    CHECK(kevy_debug_clock(s, *now) == KEVY_OK);
  } else if (what == 29) {
    CHECK(adds_up(s));
  } else {
    held_toggle(&all[pick(HELD)], s);
  }
}

static void empty(kevy_store *s) {
  kevy_value key;
  while (kevy_random_key(s, &key) == KEVY_OK) {
    char name[WORD];
    size_t len = key.len < WORD ? key.len : WORD;
    memcpy(name, key.as.ptr, len);
    REQUIRE(kevy_delete(s, name, len) == KEVY_OK);
  }
  come_to_rest(s);
  CHECK(figure(s, "retained_bytes") == 0 && figure(s, "blob_bytes") == 0);
  CHECK(figure(s, "keys") != 0 || kevy_used_memory(s) == figure(s, "table_bytes") + figure(s, "wheel_bytes"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (check.name == NULL) {
    check_begin("fuzz_collections");
    rows_read();
  }
  input = data;
  input_end = data + size;
  kevy_store *s;
  held all[HELD] = {{NULL, 0}};
  int64_t now = INT64_C(1700000000000);
  reply = kevy_reply_new();
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && reply != NULL);
  CHECK(kevy_debug_clock(s, now) == KEVY_OK);
  for (int i = 0; i < COMMANDS && input < input_end; i++) step(s, all, &now);
  for (int i = 0; i < HELD; i++)
    if (all[i].snapshot != NULL) held_toggle(&all[i], s);
  CHECK(adds_up(s));
  empty(s);
  kevy_close(s);
  kevy_reply_free(reply);
  if (check.failed != 0) abort();
  return 0;
}
