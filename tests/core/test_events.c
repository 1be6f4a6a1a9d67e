/* Events: what is noted of keys that go by themselves, in which order, how much of it, and what transactions make of it. */
#include "internals.h"

#include "events.h"

#include "check.h"

static kevy_store *open_store(uint32_t wanted, uint64_t room) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && kevy_debug_clock(s, 1000) == KEVY_OK);
  REQUIRE(kevy_listen(s, wanted, room) == KEVY_OK);
  return s;
}

static kevy_status set_until(kevy_store *s, const char *key, int64_t number, int64_t deadline) {
  kevy_value v = kevy_int(number);
  return kevy_set(s, key, strlen(key), &v, deadline, KEVY_AT, NULL);
}

static void pass(kevy_store *s, int64_t now) {
  kevy_debug_clock(s, now);
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* Whether the next event is this one. */
static bool next_is(kevy_store *s, const char *key, int64_t number) {
  int32_t event, type;
  kevy_value k, v;
  if (kevy_next_event(s, &event, &type, &k, &v) != KEVY_OK) return false;
  return event == KEVY_EVENT_EXPIRED && type == KEVY_TYPE_STRING && k.len == strlen(key) &&
         memcmp(k.as.ptr, key, k.len) == 0 && v.kind == KEVY_INT && v.as.i == number;
}
static bool none_waits(kevy_store *s) {
  int32_t event, type;
  kevy_value k;
  return kevy_next_event(s, &event, &type, &k, NULL) == KEVY_MISSING;
}

static void events_in_order(void) {
  kevy_store *s = open_store(KEVY_EVENT_EXPIRED | KEVY_EVENT_VALUES, 0);
  set_until(s, "later", 1, 3000);
  set_until(s, "sooner", 2, 2000);
  set_until(s, "replaced", 3, 2500);
  pass(s, 2100);
  kevy_debug_clock(s, 2600);
  set_until(s, "replaced", 4, 9000);
  pass(s, 3100);
  CHECK(next_is(s, "sooner", 2) && next_is(s, "replaced", 3) && next_is(s, "later", 1) && none_waits(s));
  pass(s, 9000);
  kevy_listen(s, 0, 0);
  CHECK(none_waits(s));
  kevy_close(s);
}

static void events_bounded(void) {
  kevy_store *s = open_store(KEVY_EVENT_EXPIRED, 100 * 1024);
  char key[8192];
  uint64_t waiting, missed, bytes;
  memset(key, 'k', sizeof key);
  kevy_value v = kevy_int(1);
  for (int i = 0; i < 50; i++) {
    size_t klen = 4000 + (size_t)i;
    CHECK(kevy_set(s, key, klen, &v, 2000, KEVY_AT, NULL) == KEVY_OK);
  }
  pass(s, 2000);
  CHECK(kevy_events_waiting(s, &waiting, &missed, &bytes) == KEVY_OK);
  CHECK(waiting + missed == 50 && waiting >= 20 && missed >= 20 && bytes <= 100 * 1024);
  int32_t event, type;
  kevy_value k;
  for (uint64_t i = 0; i < waiting; i++) CHECK(kevy_next_event(s, &event, &type, &k, NULL) == KEVY_OK && k.len >= 4000);
  CHECK(none_waits(s) && kevy_events_waiting(s, &waiting, NULL, &bytes) == KEVY_OK && waiting == 0 && bytes == 0);
  kevy_close(s);
}

static void events_of_transactions(void) {
  kevy_store *s = open_store(KEVY_EVENT_EXPIRED | KEVY_EVENT_VALUES, 0);
  for (int round = 0; round < 300; round++) {
    char key[600];
    memset(key, 'a', sizeof key);
    key[599] = '\0';
    set_until(s, "before", 1, 1500 + round * 1000);
    pass(s, 1600 + round * 1000);
    set_until(s, key, 2, 1700 + round * 1000);
    kevy_debug_clock(s, 1800 + round * 1000);
    CHECK(kevy_begin(s) == KEVY_OK && none_waits(s) && kevy_listen(s, 0, 0) == KEVY_ETRANSACTION);
    set_until(s, key, 3, 1000000000);
    kevy_delete(s, key, 599);
    CHECK(none_waits(s));
    if (round % 2 == 0) {
      CHECK(kevy_commit(s) == KEVY_OK);
    } else {
      CHECK(kevy_rollback(s) == KEVY_OK);
      pass(s, 1800 + round * 1000);
    }
    if (round % 3 == 0) continue; /* let some wait */
    uint64_t waiting;
    kevy_events_waiting(s, &waiting, NULL, NULL);
    for (; waiting > 0; waiting -= 2) CHECK(next_is(s, "before", 1) && next_is(s, key, 2));
    CHECK(none_waits(s));
  }
  kevy_close(s);
}

static void events_of_nobody(void) {
  kevy_store *s, *then;
  uint64_t waiting = 9;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && kevy_snapshot(s, &then) == KEVY_OK);
  CHECK(none_waits(s) && kevy_events_waiting(s, &waiting, NULL, NULL) == KEVY_OK && waiting == 0);
  CHECK(kevy_listen(then, KEVY_EVENT_EXPIRED, 0) == KEVY_EREADONLY && none_waits(then));
  CHECK(kevy_listen(s, 64, 0) == KEVY_EARG && kevy_listen(s, 0, 0) == KEVY_OK);
  kevy_close(then);
  kevy_close(s);
}

int main(void) {
  check_begin("events");
  events_in_order();
  events_bounded();
  events_of_transactions();
  events_of_nobody();
  return check_end();
}
