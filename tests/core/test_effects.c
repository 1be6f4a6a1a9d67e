/* Effects: whatever writes to a store leaves records that make another store the same: every command row that is flagged
 * "write" and every writing function of the ABI, at random, with deadlines that come meanwhile. A row without a template here
 * fails the test. */
#include "internals.h"

#include "../../core/persist/log_read.h"
#include "replay.h"

#include "check.h"
#include "writes.h"

static kevy_store *b; /* made from a's effects */

/* ---- the way from a to b ---- */

/* What was published since the two were last seen alike, to be told of when they are not. */
static char told[2000];
static void tell(const char *bytes, size_t len) {
  size_t have = strlen(told);
  for (size_t i = 0; i < len && have + 2 < sizeof told; i++) {
    if (bytes[i] == '\r') continue;
    told[have++] = bytes[i] == '\n' || bytes[i] == '\0' ? ' ' : bytes[i];
  }
  told[have] = '\0';
}

static void replay_all(const char *bytes, size_t len) {
  log_reader r;
  char message[160];
  log_read_open_bytes(&r, bytes, len);
  log_read_result got;
  while ((got = log_read_next(&r)) == LOG_READ_RECORD)
    if (!CHECK(replay_record(b, r.argc, r.argv, message, sizeof message)))
      fprintf(stderr, "replay: %s: %.*s\n", message, (int)(len < 200 ? len : 200), bytes);
  CHECK(got == LOG_READ_END);
  log_read_close(&r);
}

static kevy_status publish(kevy_store *s, uint64_t *ticket) {
  effects *e = s->effects;
  CHECK(!e->lost && e->staged == e->len);
  b->clock.fixed = now;
  tell(e->bytes, e->len);
  replay_all(e->bytes, e->len);
  e->len = e->staged = 0;
  e->records = 0;
  s->noted = false;
  *ticket = 0;
  return KEVY_OK;
}

static bool same(const char *after) {
  b->clock.fixed = now;
  text x = text_of(a), y = text_of(b);
  bool alike = x.len == y.len && (x.len == 0 || memcmp(x.bytes, y.bytes, x.len) == 0);
  if (alike) told[0] = '\0';
  if (!CHECK(alike)) {
    fprintf(stderr, "published: %s\n", told);
    size_t at = 0;
    while (at < x.len && at < y.len && x.bytes[at] == y.bytes[at]) at++;
    size_t from = at > 150 ? at - 150 : 0;
    fprintf(stderr, "after %s\n--- written\n%.*s\n--- replayed\n%.*s\n", after, (int)(x.len - from < 400 ? x.len - from : 400),
            x.bytes + from, (int)(y.len - from < 400 ? y.len - from : 400), y.bytes + from);
  }
  free(x.bytes);
  free(y.bytes);
  return alike;
}

/* ---- the test ---- */

static void test_all_rows(void) {
  char name[64];
  for (size_t i = 0;; i++) {
    const kevy_command_row *row = kevy_command(i);
    if (row == NULL) break;
    if (strncmp(row->flags, "write", 5) != 0 || strcmp(row->group, "scripting") == 0) continue; /* libraries are no values */
    snprintf(name, sizeof name, "%s ", row->name);
    for (char *c = name; *c != '\0'; c++) *c = *c == '|' ? ' ' : *c;
    bool found = false;
    for (size_t t = 0; t < TEMPLATES && !found; t++)
      found = strncmp(templates[t], name, strlen(name)) == 0 ||
              (strlen(templates[t]) == strlen(name) - 1 && strncmp(templates[t], name, strlen(name) - 1) == 0);
    if (!CHECK(found)) fprintf(stderr, "no template for %s\n", row->name);
  }
}

static void open_both(void) {
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK && kevy_open(NULL, &b) == KEVY_OK);
  now = EPOCH;
  REQUIRE((a->effects = effect_new()) != NULL);
  a->effects->publish = publish;
  a->effects->until_pay = 64;
  a->until_pay = 1;
  replay_begin(b);
  kevy_debug_clock(a, now);
}

static void close_both(void) {
  effect_free(a->effects);
  a->effects = NULL;
  kevy_close(a);
  kevy_close(b);
}

static void test_random(void) {
  open_both();
  entries = 1;
  size_t often = getenv("KEVY_TEST_OFTEN") != NULL ? 1 : 8;
  size_t steps = scaled(30000, 1000);
  for (size_t i = 0; i < steps; i++) {
    if (below(4) == 0) kevy_debug_clock(a, now += (int64_t)below(12));
    if (below(100) == 0) kevy_tick(a, 100, NULL);
    if (below(3) == 0) {
      run_function();
    } else {
      const char *template = templates[below(TEMPLATES)];
      if (strncmp(template, "FLUSH", 5) == 0 && below(20) != 0) continue;
      run_command(template);
    }
    if ((i % often == 0 || below(20) == 0) && !same(line)) break;
  }
  close_both();
}

/* A call that changes nothing says nothing. */
static void test_quiet(void) {
  open_both();
  kevy_value v = kevy_bytes("v", 1);
  kevy_set(a, "k", 1, &v, KEVY_NO_TTL, 0, NULL);
  kevy_set(a, "k", 1, &v, KEVY_NO_TTL, KEVY_NX, NULL);
  kevy_delete(a, "none", 4);
  kevy_pop(a, "none", 4, 0, &v);
  kevy_get(a, "k", 1, &v);
  CHECK(a->effects->len == 0 && !a->noted);
  effect_mark mark = effect_here(a);
  effect_hold(a);
  v = kevy_bytes("w", 1);
  kevy_set(a, "k", 1, &v, KEVY_NO_TTL, 0, NULL);
  CHECK(a->effects->records == 1);
  effect_back(a, mark);
  effect_release(a);
  CHECK(a->effects->records == 0);
  close_both();
}

int main(void) {
  check_begin("effects");
  test_all_rows();
  test_quiet();
  test_random();
  return check_end();
}
