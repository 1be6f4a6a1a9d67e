/* Commands from C: the rows, the replies item by item, the kinds that come and go, and what happens when memory
 * runs out in the middle. What each command answers is in tests/conformance. */
#include "internals.h"

#include "failing.h"

#include "check.h"
#include "words.h"

static kevy_store *s;
static kevy_reply *r;

static void begin(void) {
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  r = kevy_reply_new();
  REQUIRE(r != NULL);
}

static void end(void) {
  kevy_reply_free(r);
  kevy_close(s);
}

static kevy_value text(const char *t) { return kevy_text(t, strlen(t)); }

/* Runs a command of words. */
static kevy_status run(const char *line) {
  kevy_value argv[16];
  return kevy_call(s, words(line, argv), argv, r);
}

static kevy_item next(void) {
  kevy_item item;
  kevy_reply_next(r, &item);
  return item;
}

static bool item_is(kevy_item item, int32_t type, const char *bytes) {
  return item.type == type && item.value.kind == KEVY_BYTES && item.value.len == strlen(bytes) &&
         memcmp(item.value.as.ptr, bytes, item.value.len) == 0;
}

/* Whether the command answers this one string, of whatever kind, and nothing else. */
static bool answers(const char *line, int32_t type, const char *bytes) {
  run(line);
  return item_is(next(), type, bytes) && next().type == KEVY_REPLY_END;
}

static bool answers_int(const char *line, int64_t i) {
  run(line);
  kevy_item item = next();
  return item.type == KEVY_REPLY_VALUE && item.value.kind == KEVY_INT && item.value.as.i == i &&
         next().type == KEVY_REPLY_END;
}

/* ---- Rows ---- */

static bool words_are_of(const char *list, const char *known) {
  kevy_value word;
  while (command_word_next(&list, &word)) {
    char wanted[40];
    snprintf(wanted, sizeof wanted, "%.*s", (int)word.len, word.as.ptr);
    if (!command_has_word(known, wanted)) return false;
  }
  return true;
}

static void check_row(const command *row) {
  const kevy_command_row *a = &row->about;
  bool sub = strchr(a->name, '|') != NULL;
  CHECK(row->handler != NULL && a->arity != 0 && a->arity >= -10 && a->arity <= 10);
  CHECK(words_are_of(a->flags, "write readonly denyoom fast loading stale movablekeys blocking noscript allow_busy skip_monitor no_mandatory_keys "
                               "skip_slowlog admin no_auth no_multi no_async_loading pubsub"));
  CHECK(words_are_of(row->categories, "geo admin keyspace dangerous connection bitmap hyperloglog hash list set sortedset scripting stream blocking transaction pubsub"));
  CHECK(words_are_of(a->group, "geo string bitmap hyperloglog generic connection server hash list scripting set sorted-set stream transactions pubsub cluster"));
  CHECK(a->since[1] == '.' && a->summary[strlen(a->summary) - 1] == '.' && row->complexity[0] != '\0');
  bool fixed = strpbrk(row->key_specs, "#@=?") == NULL;
  CHECK((a->first_key == 0) == (a->key_step == 0) && (!fixed || (a->first_key == 0) == (row->key_specs[0] == '\0')));
  CHECK(command_has_word(a->flags, "movablekeys") == !fixed);
  CHECK(a->first_key == 0 || a->first_key == (sub || row->handler == cmd_bitop || row->handler == cmd_pfdebug ? 2 : 1));
  CHECK(a->first_key == 0 || abs(a->arity) > a->first_key || command_has_word(row->key_specs, "not_key")); /* it is there */
  CHECK(!(command_has_word(a->flags, "write") && command_has_word(a->flags, "readonly")));
  CHECK(command_find(a->name, strlen(a->name)) == row);
  CHECK(command_find(command_full_name(row), strlen(a->name)) == row);
}

static void test_rows(void) {
  size_t count = 0;
  for (const command *row; (row = command_at(count)) != NULL; count++) {
    check_row(row);
    CHECK(kevy_command(count) == &row->about);
  }
  CHECK(count != 0 && kevy_command(count) == NULL && kevy_command(SIZE_MAX) == NULL);
}

static bool looks_up(const char *a, const char *b, const char *name) {
  kevy_value argv[2] = {text(a), b != NULL ? text(b) : text("")};
  const command *row = command_lookup(b != NULL ? 2 : 1, argv);
  return name == NULL ? row == NULL : row != NULL && strcmp(row->about.name, name) == 0;
}

static void test_lookup(void) {
  CHECK(looks_up("get", NULL, "GET") && looks_up("GeT", "k", "GET") && looks_up("gett", NULL, NULL));
  CHECK(looks_up("object", "freq", "OBJECT|FREQ") && looks_up("OBJECT", "fReQ", "OBJECT|FREQ"));
  CHECK(looks_up("object", NULL, "OBJECT") && looks_up("object", "nosuch", NULL));
  CHECK(looks_up("object|freq", NULL, NULL) && looks_up("object|freq", "freq", NULL));
  CHECK(looks_up("object", "freq|", NULL) && looks_up("object", "", NULL) && looks_up("", NULL, NULL));
  CHECK(looks_up("command", NULL, "COMMAND") && looks_up("command", "count", "COMMAND|COUNT"));
  CHECK(looks_up("averyveryverylongnamethatnocommandhas", NULL, NULL));
}

/* ---- Replies ---- */

static void test_items(void) {
  begin();
  CHECK(run("SET k v") == KEVY_OK && item_is(next(), KEVY_REPLY_STATUS, "OK") && next().type == KEVY_REPLY_END);
  CHECK(next().type == KEVY_REPLY_END);
  CHECK(answers("GET k", KEVY_REPLY_VALUE, "v") && answers_int("STRLEN k", 1));
  CHECK(run("GET missing") == KEVY_OK && next().type == KEVY_REPLY_NIL && next().type == KEVY_REPLY_END);
  run("MGET k missing k");
  kevy_item array = next();
  CHECK(array.type == KEVY_REPLY_ARRAY && array.count == 3);
  CHECK(item_is(next(), KEVY_REPLY_VALUE, "v") && next().type == KEVY_REPLY_NIL);
  CHECK(item_is(next(), KEVY_REPLY_VALUE, "v") && next().type == KEVY_REPLY_END);
  CHECK(run("NOSUCH") == KEVY_ECOMMAND);
  CHECK(item_is(next(), KEVY_REPLY_ERROR, "ERR unknown command 'NOSUCH', with args beginning with: "));
  CHECK(strcmp(kevy_errmsg(s), "ERR unknown command 'NOSUCH', with args beginning with: ") == 0);
  run("COMMAND DOCS get");
  kevy_item map = next();
  CHECK(map.type == KEVY_REPLY_MAP && map.count == 1 && item_is(next(), KEVY_REPLY_VALUE, "get"));
  CHECK(next().count == 5);
  run("COMMAND LIST FILTERBY PATTERN get");
  CHECK(next().type == KEVY_REPLY_ARRAY);
  run("SMEMBERS missing");
  CHECK(next().type == KEVY_REPLY_SET);
  end();
}

/* What a handler can write, in every encoding. */
static void write_everything(sink *out) {
  kevy_value values[] = {kevy_bytes("a\0b", 3), kevy_text("t", 1), kevy_int(-5), kevy_float(2.5)};
  sink_array(out, 17);
  for (size_t i = 0; i < 4; i++) sink_bulk(out, &values[i]);
  sink_nil(out);
  sink_integer(out, INT64_MIN);
  sink_real(out, 3.0);
  sink_boolean(out, true);
  sink_error(out, "ERR inside", 10);
  sink_map(out, 1);
  sink_bytes(out, "", 0);
  sink_set(out, 0);
  sink_status(out, "OK");
  sink_pairs(out, 1);
  sink_pair(out);
  sink_integer(out, 1);
  sink_integer(out, 2);
  sink_table(out, 1);
  sink_row(out);
  sink_integer(out, 3);
  sink_integer(out, 4);
  sink_push(out, 1);
  sink_text(out, "a b", 3);
  sink_decimal(out, "0.50", 4);
  sink_big(out, "12345678901234567890", 20);
  sink_nil_array(out);
}

static bool wrote(const char *expected, size_t len) {
  write_everything(&r->sink);
  return r->len == len && memcmp(r->bytes, expected, len) == 0 && !r->error;
}

static void test_encodings(void) {
  static const char resp[] =
      "*17\r\n$3\r\na\0b\r\n$1\r\nt\r\n$2\r\n-5\r\n$3\r\n2.5\r\n$-1\r\n:-9223372036854775808\r\n$1\r\n3\r\n:1\r\n"
      "-ERR inside\r\n*2\r\n$0\r\n\r\n*0\r\n+OK\r\n*2\r\n:1\r\n:2\r\n*1\r\n*2\r\n:3\r\n:4\r\n*1\r\n$3\r\na b\r\n"
      "$4\r\n0.50\r\n$20\r\n12345678901234567890\r\n*-1\r\n";
  static const char resp3[] =
      "*17\r\n$3\r\na\0b\r\n$1\r\nt\r\n$2\r\n-5\r\n$3\r\n2.5\r\n_\r\n:-9223372036854775808\r\n,3\r\n#t\r\n"
      "-ERR inside\r\n%1\r\n$0\r\n\r\n~0\r\n+OK\r\n*1\r\n*2\r\n:1\r\n:2\r\n%1\r\n:3\r\n:4\r\n>1\r\n=7\r\ntxt:a b\r\n"
      ",0.50\r\n(12345678901234567890\r\n_\r\n";
  begin();
  reply_start(r, REPLY_RESP);
  CHECK(wrote(resp, sizeof resp - 1));
  reply_start(r, REPLY_RESP + REPLY_3);
  CHECK(wrote(resp3, sizeof resp3 - 1));
  CHECK(next().type == KEVY_REPLY_END); /* bytes are no items */
  reply_start(r, REPLY_FLAT);
  write_everything(&r->sink);
  CHECK(!r->error && next().count == 17);
  kevy_item bytes = next();
  CHECK(bytes.value.len == 3 && memcmp(bytes.value.as.ptr, "a\0b", 3) == 0 && item_is(next(), KEVY_REPLY_VALUE, "t"));
  CHECK(item_is(next(), KEVY_REPLY_VALUE, "-5") && item_is(next(), KEVY_REPLY_VALUE, "2.5"));
  CHECK(next().type == KEVY_REPLY_NIL && next().value.as.i == INT64_MIN);
  kevy_item real = next(), boolean = next();
  CHECK(real.type == KEVY_REPLY_VALUE && real.value.kind == KEVY_FLOAT && real.value.as.d == 3.0);
  CHECK(boolean.type == KEVY_REPLY_BOOL && boolean.value.as.i == 1);
  CHECK(item_is(next(), KEVY_REPLY_ERROR, "ERR inside") && next().count == 1 && item_is(next(), KEVY_REPLY_VALUE, ""));
  kevy_item set = next();
  CHECK(set.type == KEVY_REPLY_SET && set.count == 0 && item_is(next(), KEVY_REPLY_STATUS, "OK"));
  CHECK(next().count == 2 && next().value.as.i == 1 && next().value.as.i == 2);
  CHECK(next().count == 1 && next().count == 2 && next().value.as.i == 3 && next().value.as.i == 4);
  CHECK(next().type == KEVY_REPLY_ARRAY && item_is(next(), KEVY_REPLY_VALUE, "a b") && item_is(next(), KEVY_REPLY_VALUE, "0.50"));
  CHECK(item_is(next(), KEVY_REPLY_VALUE, "12345678901234567890") && next().type == KEVY_REPLY_NIL);
  CHECK(next().type == KEVY_REPLY_END);
  reply_start(r, REPLY_FLAT + REPLY_3);
  write_everything(&r->sink);
  for (int i = 0; i < 14; i++) next();
  CHECK(next().count == 1 && next().count == 2 && next().value.as.i == 1 && next().value.as.i == 2);
  CHECK(next().type == KEVY_REPLY_MAP && next().value.as.i == 3 && next().value.as.i == 4);
  CHECK(next().type == KEVY_REPLY_PUSH && item_is(next(), KEVY_REPLY_VALUE, "a b") && next().value.as.d == 0.5);
  end();
}

/* A reply serves any number of calls, and gives a huge answer's memory back before the next. */
static void test_reuse(void) {
  begin();
  static char big[3 << 20];
  memset(big, 'x', sizeof big);
  kevy_value set[] = {text("SET"), text("k"), kevy_bytes(big, sizeof big)};
  CHECK(kevy_call(s, 3, set, r) == KEVY_OK);
  for (int i = 0; i < 3; i++) {
    CHECK(run("GET k") == KEVY_OK && r->capacity >= sizeof big);
    kevy_item item = next();
    CHECK(item.value.len == sizeof big && memcmp(item.value.as.ptr, big, sizeof big) == 0);
    CHECK(answers_int("STRLEN k", sizeof big) && r->capacity == REPLY_ROOM);
  }
  kevy_reply_free(NULL);
  end();
}

static void test_resp(void) {
  begin();
  const char *bytes = NULL;
  size_t len = 0;
  kevy_value ping = text("PING"), wrong[] = {text("GET"), text("a"), text("b")};
  CHECK(kevy_call_resp(s, 1, &ping, r, &bytes, &len) == KEVY_OK && len == 7 && memcmp(bytes, "+PONG\r\n", 7) == 0);
  CHECK(kevy_call_resp(s, 3, wrong, r, &bytes, &len) == KEVY_OK);
  CHECK(len == 50 && memcmp(bytes, "-ERR wrong number of arguments for 'get' command\r\n", 50) == 0);
  end();
}

/* ---- Kinds ---- */

static kevy_value stored(const char *key) {
  kevy_value v = kevy_int(0);
  if (kevy_get(s, key, strlen(key), &v) != KEVY_OK) v.kind = KEVY_NIL;
  return v;
}

static bool stored_bytes(const char *key, const char *bytes) {
  kevy_value v = stored(key);
  return v.kind == KEVY_BYTES && v.len == strlen(bytes) && memcmp(v.as.ptr, bytes, v.len) == 0;
}

/* Arguments of every kind count as their byte form, and that is what is stored. */
static void test_kinds_in(void) {
  begin();
  kevy_value set[] = {text("SET"), text("k"), kevy_int(-42)};
  CHECK(kevy_call(s, 3, set, r) == KEVY_OK && stored_bytes("k", "-42"));
  set[2] = kevy_float(3.0);
  CHECK(kevy_call(s, 3, set, r) == KEVY_OK && stored_bytes("k", "3"));
  set[2] = kevy_float(0.1);
  CHECK(kevy_call(s, 3, set, r) == KEVY_OK && stored_bytes("k", "0.1"));
  set[2] = text("caf\xc3\xa9");
  CHECK(kevy_call(s, 3, set, r) == KEVY_OK && stored_bytes("k", "caf\xc3\xa9"));
  set[1] = kevy_int(7);
  CHECK(kevy_call(s, 3, set, r) == KEVY_OK && stored_bytes("7", "caf\xc3\xa9"));
  kevy_value key;
  run("DEL k");
  CHECK(kevy_random_key(s, &key) == KEVY_OK && key.kind == KEVY_BYTES && key.len == 1);
  kevy_value incr[] = {text("INCRBY"), text("n"), kevy_int(5)};
  CHECK(kevy_call(s, 3, incr, r) == KEVY_OK && stored("n").kind == KEVY_INT && stored("n").as.i == 5);
  kevy_value more[] = {text("INCRBYFLOAT"), text("n"), kevy_float(0.5)};
  CHECK(kevy_call(s, 3, more, r) == KEVY_OK && stored_bytes("n", "5.5"));
  end();
}

/* Values that the native API stored come as bytes too. */
static void test_kinds_out(void) {
  begin();
  kevy_value values[] = {kevy_int(12), kevy_float(1e100), text("t"), kevy_bytes("b", 1)};
  static const char *const forms[] = {"12", "1e+100", "t", "b"};
  for (size_t i = 0; i < 4; i++) {
    CHECK(kevy_set(s, "k", 1, &values[i], KEVY_NO_TTL, KEVY_TEXT_KEY, NULL) == KEVY_OK);
    CHECK(answers("GET k", KEVY_REPLY_VALUE, forms[i]));
    CHECK(answers("GETRANGE k 0 -1", KEVY_REPLY_VALUE, forms[i]) && answers_int("STRLEN k", (int64_t)strlen(forms[i])));
    CHECK(answers("RANDOMKEY", KEVY_REPLY_VALUE, "k") && answers("GETDEL k", KEVY_REPLY_VALUE, forms[i]));
  }
  end();
}

/* More numbers than fit the frame of a call. */
static void test_many_numbers(void) {
  begin();
  kevy_value mset[201], mget[101];
  mset[0] = text("MSET");
  mget[0] = text("MGET");
  for (int i = 0; i < 100; i++) {
    mget[1 + i] = mset[1 + 2 * i] = kevy_int(i);
    mset[2 + 2 * i] = kevy_float(i / 4.0);
  }
  CHECK(kevy_call(s, 201, mset, r) == KEVY_OK && kevy_call(s, 101, mget, r) == KEVY_OK && next().count == 100);
  CHECK(item_is(next(), KEVY_REPLY_VALUE, "0") && item_is(next(), KEVY_REPLY_VALUE, "0.25"));
  CHECK(stored_bytes("99", "24.75"));
  end();
}

/* ---- Misuse ---- */

static void test_misuse(void) {
  begin();
  kevy_value nil[] = {text("SET"), text("k"), kevy_int(0)};
  nil[2].kind = KEVY_NIL;
  CHECK(kevy_call(s, 0, NULL, r) == KEVY_EARG && next().type == KEVY_REPLY_END);
  CHECK(kevy_call(s, 3, nil, r) == KEVY_EARG && next().type == KEVY_REPLY_END);
  nil[2].kind = 77;
  CHECK(kevy_call(s, 3, nil, r) == KEVY_EARG && stored("k").kind == KEVY_NIL);
  kevy_value empty[] = {text("SET"), kevy_bytes(NULL, 0), kevy_bytes(NULL, 0)};
  CHECK(kevy_call(s, 3, empty, r) == KEVY_OK && answers_int("DBSIZE", 1) && answers("RANDOMKEY", KEVY_REPLY_VALUE, ""));
  kevy_value nothing = kevy_bytes(NULL, 0), getrange[] = {text("GETRANGE"), empty[1], empty[1], empty[1]};
  CHECK(kevy_call(s, 1, &nothing, r) == KEVY_ECOMMAND && kevy_call(s, 4, getrange, r) == KEVY_ECOMMAND);
  kevy_value float_incr[] = {text("INCRBYFLOAT"), text("n"), empty[1]};
  CHECK(kevy_call(s, 3, float_incr, r) == KEVY_ECOMMAND);
  end();
}

static void test_snapshot(void) {
  begin();
  run("SET k v");
  kevy_store *live = s, *frozen;
  REQUIRE(kevy_snapshot(s, &frozen) == KEVY_OK);
  run("SET k w");
  s = frozen;
  static const char *const writes[] = {"SET k x", "DEL k", "INCR n", "MSET a 1 b 2", "APPEND k x", "SETRANGE k 0 x",
                                       "RENAME k l", "COPY k l", "EXPIRE k 10", "PERSIST k", "FLUSHALL", "GETSET k x",
                                       "GETDEL k", "GETEX k EX 10", "INCRBYFLOAT n 1", "SETNX n 1"};
  for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++)
    CHECK(answers(writes[i], KEVY_REPLY_ERROR, "READONLY You can't write against a read only snapshot."));
  CHECK(answers("GET k", KEVY_REPLY_VALUE, "v") && answers_int("DBSIZE", 1) && answers("TYPE k", KEVY_REPLY_STATUS, "string"));
  CHECK(run("KEYS *") == KEVY_OK && run("SCAN 0") == KEVY_OK && run("INFO") == KEVY_OK && run("TIME") == KEVY_OK);
  s = live;
  CHECK(answers("GET k", KEVY_REPLY_VALUE, "w"));
  kevy_close(frozen);
  end();
}

/* ---- SCAN ---- */

typedef struct scanned {
  bool seen[5000];
  size_t calls;
} scanned;

/* One SCAN; returns the next cursor. */
static uint64_t scan_once(scanned *sc, uint64_t cursor, int64_t count) {
  char number[24];
  snprintf(number, sizeof number, "%llu", (unsigned long long)cursor);
  kevy_value argv[] = {text("SCAN"), text(number), text("COUNT"), kevy_int(count)};
  REQUIRE(kevy_call(s, 4, argv, r) == KEVY_OK && next().count == 2);
  kevy_item at = next();
  char digits[24];
  snprintf(digits, sizeof digits, "%.*s", (int)at.value.len, at.value.as.ptr);
  for (uint64_t left = next().count; left > 0; left--) {
    kevy_item key = next();
    char name[24];
    snprintf(name, sizeof name, "%.*s", (int)key.value.len, key.value.as.ptr);
    size_t i = strtoul(name + 1, NULL, 10);
    if (name[0] == 'k' && i < 5000) sc->seen[i] = true;
  }
  sc->calls++;
  return strtoull(digits, NULL, 10);
}

static void put_number_key(char first, size_t i) {
  char name[24];
  snprintf(name, sizeof name, "%c%zu", first, i);
  kevy_value v = kevy_int((int64_t)i);
  REQUIRE(kevy_set(s, name, strlen(name), &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
}

/* Deletes every other one of the keys that come and go. */
static void thin_out(size_t count) {
  for (size_t i = 0; i < count; i += 2) {
    char name[24];
    snprintf(name, sizeof name, "x%zu", i);
    kevy_delete(s, name, strlen(name));
  }
}

/* Keys that are there all the time are met, whatever comes and goes between the calls. */
static void test_scan_with(int64_t count, size_t keys) {
  begin();
  for (size_t i = 0; i < keys; i++) put_number_key('k', i);
  scanned sc = {{false}, 0};
  uint64_t cursor = 0;
  size_t other = 0;
  do {
    cursor = scan_once(&sc, cursor, count);
    for (size_t i = 0; i < 20 && other < 8 * keys; i++) put_number_key('x', other++);
    if (one_in(100)) thin_out(other);
  } while (cursor != 0 && sc.calls < 100000);
  bool all = cursor == 0;
  for (size_t i = 0; i < keys; i++) all = all && sc.seen[i];
  CHECK(all);
  end();
}

static void test_scan(void) {
  size_t keys = scaled(5000, 500);
  if (keys > 5000) keys = 5000;
  test_scan_with(1, keys);
  test_scan_with(10, keys);
  test_scan_with(1000, keys);
  test_scan_with(1000000, keys);
}

/* ---- Memory that runs out ---- */

static char big[200000];

static void put_big(void) {
  memset(big, 'v', sizeof big);
  kevy_value set[] = {text("SET"), text("k"), kevy_bytes(big, sizeof big)};
  REQUIRE(kevy_call(s, 3, set, r) == KEVY_OK);
}

/* Reading fails cleanly where the answer finds no memory. */
static void test_no_memory_for_an_answer(void) {
  begin();
  put_big();
  for (int i = 0; i < 1000; i++) put_number_key('y', (size_t)i);
  static const char *const reads[] = {"GET k", "GETRANGE k 0 -1", "MGET k", "MGET y1 k y2", "GETEX k"};
  for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
    kevy_reply_free(r);
    r = kevy_reply_new(); /* what a reply has grown to it keeps */
    fail_realloc_from = 2000;
    kevy_status status = run(reads[i]);
    fail_realloc_from = 0;
    kevy_item item = next();
    CHECK(status == KEVY_EOOM ? item.type == KEVY_REPLY_END
                              : status == KEVY_ECOMMAND && memcmp(item.value.as.ptr, "OOM", 3) == 0);
    CHECK(run(reads[i]) == KEVY_OK);
  }
  static const char *const lists[] = {"KEYS *", "SCAN 0 COUNT 10000"};
  for (size_t i = 0; i < 2; i++) {
    fail_realloc_from = 2000;
    kevy_status status = run(lists[i]);
    fail_realloc_from = 0;
    CHECK(status == KEVY_ECOMMAND && memcmp(next().value.as.ptr, "OOM", 3) == 0);
  }
  end();
}

/* A command that would take the value away answers first or does nothing. */
static void test_no_memory_and_nothing_done(void) {
  static const char *const takes[] = {"GETDEL k", "GETSET k new", "SET k new GET", "GETEX k EX 100", "SET k new XX GET"};
  for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
    begin();
    put_big();
    fail_realloc_from = 2000;
    CHECK(run(takes[i]) == KEVY_ECOMMAND && memcmp(next().value.as.ptr, "OOM", 3) == 0);
    fail_realloc_from = 0;
    CHECK(answers_int("STRLEN k", sizeof big) && answers_int("TTL k", -1));
    CHECK(run(takes[i]) == KEVY_OK && next().value.len == sizeof big);
    end();
  }
}

/* Everything there is to see in a small store. */
static size_t picture(char *out, size_t size) {
  static const char *const looks[] = {"GET a", "GET b", "GET c", "STRLEN d", "PEXPIRETIME a", "PEXPIRETIME b", "DBSIZE"};
  size_t len = 0;
  for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
    run(looks[i]);
    kevy_item item = next();
    int printed = item.value.kind == KEVY_BYTES
                      ? snprintf(out + len, size - len, "%.*s;", (int)item.value.len, item.value.as.ptr)
                      : snprintf(out + len, size - len, "%lld;", (long long)item.value.as.i);
    len += (size_t)printed;
  }
  return len;
}

static void put_few(void) {
  begin();
  kevy_debug_clock(s, 1000000);
  run("MSET a 1 b two c 3.5");
  kevy_value d[] = {text("SET"), text("d"), kevy_bytes(big, 5000)};
  kevy_call(s, 3, d, r);
  run("EXPIRE b 100");
}

/* Whichever allocation fails, a command is done or not begun. */
static void test_every_allocation_fails(void) {
  static const char *const writes[] = {
      "SET a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "SET fresh 1 EX 10", "SET a 5 EX 10",
      "MSET a 9 x 8 y 7 b 6", "MSETNX x 8 y 7", "APPEND b tail", "APPEND d tail", "SETRANGE b 9000 x", "INCR n", "INCR a",
      "INCRBYFLOAT c 1", "GETSET b other", "GETDEL d", "GETEX a EX 50", "RENAME d e", "COPY d e", "COPY d b REPLACE",
      "EXPIRE a 10", "PERSIST b", "DEL a b c d", "FLUSHALL"};
  for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
    kevy_status status = KEVY_EOOM;
    for (uint64_t n = 1; n < 50 && status != KEVY_OK; n++) {
      char before[1000], after[1000];
      put_few();
      size_t len = picture(before, sizeof before);
      kevy_debug_fail_alloc(s, n);
      status = run(writes[i]);
      kevy_item item = next();
      bool oom = item.type == KEVY_REPLY_ERROR && memcmp(item.value.as.ptr, "OOM", 3) == 0;
      kevy_debug_fail_alloc(s, 0);
      CHECK(status == KEVY_OK || (oom && picture(after, sizeof after) == len && memcmp(before, after, len) == 0));
      end();
    }
    CHECK(status == KEVY_OK);
  }
}

static void test_maxmemory(void) {
  kevy_options o = KEVY_OPTIONS_INIT;
  o.maxmemory = 4 << 20;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  r = kevy_reply_new();
  REQUIRE(r != NULL);
  kevy_status status = KEVY_OK;
  for (size_t i = 0; i < 100 && status == KEVY_OK; i++) {
    kevy_value set[] = {text("SET"), kevy_int((int64_t)i), kevy_bytes(big, sizeof big)};
    status = kevy_call(s, 3, set, r);
  }
  CHECK(status == KEVY_ECOMMAND);
  CHECK(item_is(next(), KEVY_REPLY_ERROR, "OOM command not allowed when used memory > 'maxmemory'."));
  CHECK(kevy_used_memory(s) <= o.maxmemory);
  CHECK(answers_int("DEL 1", 1) && answers("SET small 1", KEVY_REPLY_STATUS, "OK"));
  end();
}

/* ---- INFO ---- */

static void test_info(void) {
  begin();
  run("MSET a 1 b 2");
  run("GET a");
  run("GET missing");
  run("EXPIRE a 100");
  REQUIRE(run("INFO") == KEVY_OK);
  kevy_item item = next();
  static char info[12289];
  REQUIRE(item.value.len < sizeof info);
  memcpy(info, item.value.as.ptr, item.value.len);
  static const char *const lines[] = {"# Server\r\n", "\r\n\r\n# Memory\r\n", "\r\nused_memory:", "\r\nkeyspace_hits:1\r\n",
                                      "\r\nkeyspace_misses:1\r\n", "# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=",
                                      "kevy_version:" KEVY_VERSION "\r\n"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) CHECK(strstr(info, lines[i]) != NULL);
  CHECK(item.value.len < 8000); /* far from where it would be cut */
  end();
}

/* A typed call stores scalars as they are given, answers them so, and returns the status behind an error. */
static void test_typed(void) {
  begin();
  kevy_value v, given[] = {kevy_int(42), kevy_float(2.5), kevy_text("t", 1), kevy_bytes("b", 1)};
  kevy_item item;
  for (size_t i = 0; i < 4; i++) {
    kevy_value set[] = {text("SET"), text("k"), given[i]}, get[] = {text("GET"), text("k")};
    CHECK(kevy_call_typed(s, 3, set, r) == KEVY_OK);
    CHECK(kevy_get(s, "k", 1, &v) == KEVY_OK && v.kind == given[i].kind);
    CHECK(kevy_call_typed(s, 2, get, r) == KEVY_OK);
    kevy_reply_next(r, &item);
    CHECK(item.type == KEVY_REPLY_VALUE && item.value.kind == given[i].kind);
    CHECK(kevy_call(s, 3, set, r) == KEVY_OK); /* and an untyped one bytes */
    CHECK(kevy_get(s, "k", 1, &v) == KEVY_OK && v.kind == KEVY_BYTES);
  }
  kevy_value push[] = {text("RPUSH"), text("k"), kevy_int(1)};
  CHECK(kevy_call_typed(s, 3, push, r) == KEVY_EWRONGTYPE);
  CHECK(kevy_call(s, 3, push, r) == KEVY_ECOMMAND);
  end();
}

int main(void) {
  check_begin("command");
  test_typed();
  test_rows();
  test_lookup();
  test_items();
  test_encodings();
  test_reuse();
  test_resp();
  test_kinds_in();
  test_kinds_out();
  test_many_numbers();
  test_misuse();
  test_snapshot();
  test_scan();
  test_no_memory_for_an_answer();
  test_no_memory_and_nothing_done();
  test_every_allocation_fails();
  test_maxmemory();
  test_info();
  return check_end();
}
