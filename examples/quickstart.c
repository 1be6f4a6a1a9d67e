/* The first things to do with kevy from C. Build it against an installed kevy:
 *
 *     cc quickstart.c -o quickstart $(pkg-config --cflags --libs kevy) && ./quickstart
 */
#include <kevy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every status below 0 is an error; kevy_errmsg says what was wrong. */
static void check(kevy_store *s, kevy_status status) {
  if (status >= 0) return;
  fprintf(stderr, "kevy: %s\n", kevy_errmsg(s));
  exit(1);
}

/* A value in any of the four scalar kinds. */
static void print_value(const kevy_value *v) {
  switch (v->kind) {
    case KEVY_INT: printf("%lld", (long long)v->as.i); break;
    case KEVY_FLOAT: printf("%g", v->as.d); break;
    case KEVY_NIL: printf("nothing"); break;
    default: printf("%.*s", (int)v->len, v->as.ptr);
  }
}

static void set_text(kevy_store *s, const char *key, const char *text, int64_t ttl) {
  kevy_value v = kevy_text(text, strlen(text));
  check(s, kevy_set(s, key, strlen(key), &v, ttl, KEVY_TEXT_KEY, NULL));
}

/* Everything that a store or a snapshot holds under keys of this pattern. */
static void list(kevy_store *s, const char *pattern) {
  kevy_iter *it;
  kevy_value key, value;
  check(s, kevy_iter_open(s, pattern, strlen(pattern), KEVY_TYPE_NONE, &it));
  while (kevy_iter_next(it, &key, &value) == KEVY_OK) {
    printf("  ");
    print_value(&key);
    printf(" = ");
    print_value(&value);
    printf("\n");
  }
  kevy_iter_close(it);
}

/* A Redis command, and the values of its reply. */
static void run_command(kevy_store *s, size_t argc, const kevy_value *argv) {
  kevy_reply *reply = kevy_reply_new();
  kevy_item item;
  check(s, kevy_call(s, argc, argv, reply));
  print_value(&argv[0]);
  printf(":");
  for (kevy_reply_next(reply, &item); item.type != KEVY_REPLY_END; kevy_reply_next(reply, &item)) {
    if (item.type != KEVY_REPLY_VALUE) continue;
    printf(" ");
    print_value(&item.value);
  }
  printf("\n");
  kevy_reply_free(reply);
}

/* A hash: fields and values of any scalar kind under one key. */
static void use_hash(kevy_store *s) {
  kevy_value fields[] = {kevy_text("name", 4), kevy_text("logins", 6)};
  kevy_value values[] = {kevy_text("carol", 5), kevy_int(1)};
  kevy_value name;
  int64_t logins;
  check(s, kevy_hset(s, "profile", 7, 2, fields, values, KEVY_TEXT_KEY, NULL));
  check(s, kevy_hincr(s, "profile", 7, &fields[1], 1, 0, &logins));
  check(s, kevy_hget(s, "profile", 7, &fields[0], &name)); /* borrowed until the next call */
  print_value(&name);
  printf(" logged in %lld times\n", (long long)logins);
}

/* A sorted set: members by their score. */
static void use_zset(kevy_store *s) {
  kevy_value members[] = {kevy_text("ann", 3), kevy_text("bob", 3), kevy_text("cid", 3)};
  double scores[] = {10, 30, 20}, score;
  uint64_t rank;
  check(s, kevy_zadd(s, "board", 5, 3, members, scores, KEVY_TEXT_KEY, NULL));
  check(s, kevy_zincr(s, "board", 5, &members[0], 15, 0, NULL));
  check(s, kevy_zrank(s, "board", 5, &members[0], KEVY_REV, &rank, &score));
  printf("ann has %g and rank %llu\n", score, (unsigned long long)rank);
}

int main(void) {
  kevy_options options = KEVY_OPTIONS_INIT;
  options.maxmemory = 64 << 20; /* a write beyond it fails and changes nothing */
  kevy_store *s, *then;
  check(NULL, kevy_open(&options, &s));

  set_text(s, "user:1", "alice", KEVY_NO_TTL);
  set_text(s, "user:2", "bob", 60000); /* milliseconds */
  int64_t visits, ttl;
  check(s, kevy_incr(s, "visits", 6, 42, KEVY_TEXT_KEY, &visits));
  check(s, kevy_ttl(s, "user:2", 6, &ttl));
  printf("visits %lld, user:2 has %lld s left\n", (long long)visits, (long long)(ttl + 500) / 1000);

  check(s, kevy_snapshot(s, &then)); /* this instant, however large the store is */
  check(s, kevy_delete(s, "user:1", 6));
  run_command(s, 3, (kevy_value[]){kevy_text("INCRBY", 6), kevy_text("visits", 6), kevy_int(58)});
  use_hash(s);
  use_zset(s);
  run_command(s, 4, (kevy_value[]){kevy_text("ZREVRANGE", 9), kevy_text("board", 5), kevy_int(0), kevy_int(1)});

  printf("now:\n");
  list(s, "user:*");
  printf("in the snapshot:\n");
  list(then, "user:*");
  if (kevy_incr(s, "user:2", 6, 1, 0, &visits) < 0) printf("an error: %s\n", kevy_errmsg(s));
  printf("%llu bytes\n", (unsigned long long)kevy_used_memory(s));

  kevy_close(then);
  kevy_close(s);
  return 0;
}
