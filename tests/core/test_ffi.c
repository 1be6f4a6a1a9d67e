/* The libffi caller against direct calls: every row of the table is there and right, calls by name give
 * what C gives, and closures can be called by C that knows nothing of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bindings/ffi/caller.c"
#include "../../bindings/ffi/closure.c"
#include "../../bindings/ffi/types.c"

static int passed, failed;

#define CHECK(condition)                                                                           \
  ((condition) ? (void)passed++                                                                    \
               : (void)(failed++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition)))

static abi_slot pointer(const void *p) {
  abi_slot slot = {.p = (void *)(uintptr_t)p};
  return slot;
}
static abi_slot integer(int64_t i) {
  abi_slot slot = {.i = i};
  return slot;
}
static abi_slot real(double d) {
  abi_slot slot = {.d = d};
  return slot;
}

/* A call that must reach the function; its result. */
static abi_slot must(const char *name, const abi_slot *arguments, size_t count) {
  abi_slot result = {0};
  CHECK(abi_call_by_name(name, arguments, count, &result));
  return result;
}
#define CALL(name, ...)                                                                            \
  must(name, (abi_slot[]){__VA_ARGS__}, sizeof((abi_slot[]){__VA_ARGS__}) / sizeof(abi_slot))

static void test_table(void) {
  size_t count;
  const abi_function *f = abi_functions(&count);
  CHECK(count > 40);
  for (size_t i = 0; i < count; i++) {
    CHECK(abi_find(f[i].name) == &f[i]);
    CHECK(f[i].address != NULL);
    CHECK(f[i].count <= ABI_MOST_PARAMS);
    for (size_t p = 0; p < f[i].count; p++) {
      abi_role role = f[i].params[p].role;
      bool described = role == ABI_ROLE_STRUCT || role == ABI_ROLE_STRUCT_OUT || role == ABI_ROLE_STRUCT_BOTH;
      CHECK(!described || abi_find_struct(f[i].params[p].of));
    }
  }
  CHECK(abi_find("kevy_nonesuch") == NULL);
  CHECK(abi_find("") == NULL);
  CHECK(abi_find_struct("kevy_options")->size == sizeof(kevy_options));
}

static void test_opaques(void) {
  size_t count;
  const abi_opaque *o = abi_opaques(&count);
  CHECK(count >= 4);
  for (size_t i = 0; i < count; i++) {
    const abi_function *release = abi_find(o[i].release);
    CHECK(release && release->releases && release->count == 1);
    CHECK(release && strcmp(release->params[0].of, o[i].name) == 0);
  }
}

static void test_refusals(void) {
  abi_slot result = {.i = 77};
  CHECK(!abi_call_by_name("kevy_nonesuch", NULL, 0, &result));
  CHECK(!abi_call_by_name("kevy_abi", (abi_slot[]){{0}}, 1, &result));
  CHECK(!abi_call_by_name("kevy_get", NULL, 0, &result));
  CHECK(result.i == 77);
}

static void test_results(void) {
  CHECK(must("kevy_abi", NULL, 0).i == KEVY_ABI);
  CHECK(strcmp(must("kevy_version", NULL, 0).p, kevy_version()) == 0);
  CHECK(CALL("kevy_strerror", integer(KEVY_ENOTINT)).p == kevy_strerror(KEVY_ENOTINT));
  CHECK(CALL("kevy_type_name", integer(KEVY_TYPE_ZSET)).p == kevy_type_name(KEVY_TYPE_ZSET));
  CHECK(CALL("kevy_command", integer(0)).p == kevy_command(0));
  CHECK(CALL("kevy_command", integer(1 << 20)).p == NULL);
}

static kevy_store *open_store(void) {
  kevy_store *s = NULL;
  CHECK(CALL("kevy_open", pointer(NULL), pointer(&s)).i == KEVY_OK);
  return s;
}

static void test_strings(void) {
  kevy_store *s = open_store();
  kevy_value in = kevy_text("alice", 5), out = {0};
  CHECK(CALL("kevy_set", pointer(s), pointer("user:1"), integer(6), pointer(&in), integer(60000),
             integer(KEVY_NX), pointer(NULL)).i == KEVY_OK);
  CHECK(CALL("kevy_set", pointer(s), pointer("user:1"), integer(6), pointer(&in), integer(-1),
             integer(KEVY_NX), pointer(NULL)).i == KEVY_UNMET);
  CHECK(CALL("kevy_get", pointer(s), pointer("user:1"), integer(6), pointer(&out)).i == KEVY_OK);
  CHECK(out.kind == KEVY_TEXT && out.len == 5 && memcmp(out.as.ptr, "alice", 5) == 0);
  CHECK(CALL("kevy_get", pointer(s), pointer("nobody"), integer(6), pointer(&out)).i == KEVY_MISSING);
  int64_t ttl = 0;
  CHECK(kevy_ttl(s, "user:1", 6, &ttl) == KEVY_OK && ttl > 0 && ttl <= 60000);
  CHECK(CALL("kevy_getrange", pointer(s), pointer("user:1"), integer(6), integer(-2), integer(-1),
             pointer(&out)).i == KEVY_OK);
  CHECK(out.len == 2 && memcmp(out.as.ptr, "ce", 2) == 0);
  CALL("kevy_close", pointer(s));
}

/* Negative statuses, doubles and 64-bit integers pass through unharmed. */
static void test_numbers(void) {
  kevy_store *s = open_store();
  int64_t i = 0;
  double d = 0;
  CHECK(CALL("kevy_incr", pointer(s), pointer("n"), integer(1), integer(INT64_MIN), integer(0),
             pointer(&i)).i == KEVY_OK);
  CHECK(i == INT64_MIN);
  CHECK(CALL("kevy_incr", pointer(s), pointer("n"), integer(1), integer(-1), integer(0),
             pointer(&i)).i == KEVY_EOVERFLOW);
  CHECK(CALL("kevy_incr_float", pointer(s), pointer("f"), integer(1), real(0.25), integer(0),
             pointer(&d)).i == KEVY_OK);
  CHECK(d == 0.25);
  CHECK(CALL("kevy_used_memory", pointer(s)).u == kevy_used_memory(s));
  CALL("kevy_close", pointer(s));
}

static void test_commands(void) {
  kevy_store *s = open_store();
  kevy_reply *r = must("kevy_reply_new", NULL, 0).p;
  kevy_value set[] = {kevy_text("SET", 3), kevy_text("k", 1), kevy_int(7)};
  const char *bytes = NULL;
  size_t len = 0;
  CHECK(CALL("kevy_call_resp", pointer(s), integer(3), pointer(set), pointer(r), pointer(&bytes),
             pointer(&len)).i == KEVY_OK);
  CHECK(len == 5 && memcmp(bytes, "+OK\r\n", 5) == 0);
  kevy_value incr[] = {kevy_text("INCR", 4), kevy_text("k", 1)};
  kevy_item item = {0};
  CHECK(CALL("kevy_call", pointer(s), integer(2), pointer(incr), pointer(r)).i == KEVY_OK);
  CALL("kevy_reply_next", pointer(r), pointer(&item));
  CHECK(item.type == KEVY_REPLY_VALUE && item.value.kind == KEVY_INT && item.value.as.i == 8);
  CALL("kevy_reply_free", pointer(r));
  CALL("kevy_close", pointer(s));
}

/* ---- Closures --------------------------------------------------------------------------------- */

/* Compares two int32_t, downwards when the context says so, and counts. */
typedef struct order {
  int down;
  int calls;
} order;

static void compare(void *context, const abi_slot *arguments, size_t count, abi_slot *result) {
  order *o = context;
  const int32_t *a = arguments[0].p, *b = arguments[1].p;
  CHECK(count == 2);
  o->calls++;
  result->i = (*a > *b) - (*a < *b);
  if (o->down) result->i = -result->i;
}

static void test_comparator(void) {
  int32_t numbers[] = {5, -3, 9, 0, -3};
  order up = {0, 0}, down = {1, 0};
  abi_closure *a = abi_closure_new("i(pp)", compare, &up);
  abi_closure *b = abi_closure_new("i(pp)", compare, &down);
  CHECK(a && b);
  qsort(numbers, 5, sizeof numbers[0], (int (*)(const void *, const void *))abi_closure_code(a));
  CHECK(numbers[0] == -3 && numbers[1] == -3 && numbers[2] == 0 && numbers[4] == 9);
  qsort(numbers, 5, sizeof numbers[0], (int (*)(const void *, const void *))abi_closure_code(b));
  CHECK(numbers[0] == 9 && numbers[4] == -3);
  CHECK(up.calls > 0 && down.calls > 0);
  abi_closure_free(a);
  abi_closure_free(b);
}

/* Folds every kind of argument into the result, so that a mixed-up one shows. */
static void fold(void *context, const abi_slot *a, size_t count, abi_slot *result) {
  CHECK(count == 6);
  CHECK(a[0].i == -1 && a[1].u == UINT32_MAX && a[2].i == INT64_MIN && a[3].u == SIZE_MAX);
  CHECK(a[4].d == 0.5 && a[5].p == context);
  result->d = a[4].d * 3;
}

static void sink(void *context, const abi_slot *arguments, size_t count, abi_slot *result) {
  (void)arguments;
  (void)result;
  *(size_t *)context += count + 1;
}

static void minus_one(void *context, const abi_slot *arguments, size_t count, abi_slot *result) {
  (void)context;
  (void)arguments;
  (void)count;
  result->i = -1;
}

static void test_kinds(void) {
  size_t calls = 0;
  abi_closure *f = abi_closure_new("d(iulzdp)", fold, &calls);
  double (*folded)(int32_t, uint32_t, int64_t, size_t, double, void *) =
      (double (*)(int32_t, uint32_t, int64_t, size_t, double, void *))abi_closure_code(f);
  CHECK(folded(-1, UINT32_MAX, INT64_MIN, SIZE_MAX, 0.5, &calls) == 1.5);
  abi_closure *v = abi_closure_new("v()", sink, &calls);
  abi_closure_code(v)();
  CHECK(calls == 1);
  abi_closure *i = abi_closure_new("i()", minus_one, NULL);
  abi_closure *u = abi_closure_new("u()", minus_one, NULL);
  abi_closure *l = abi_closure_new("l()", minus_one, NULL);
  CHECK(((int32_t(*)(void))abi_closure_code(i))() == -1);
  CHECK(((uint32_t(*)(void))abi_closure_code(u))() == UINT32_MAX);
  CHECK(((int64_t(*)(void))abi_closure_code(l))() == -1);
  abi_closure_free(f);
  abi_closure_free(v);
  abi_closure_free(i);
  abi_closure_free(u);
  abi_closure_free(l);
}

static void test_bad_signatures(void) {
  static const char *const bad[] = {"", "i", "i(", "i(p", "(p)", "x(p)", "i(v)", "i(p)p", "i(?)",
                                    "i(pppppppppppppppppppp)"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(abi_closure_new(bad[i], sink, NULL) == NULL);
  abi_closure_free(NULL);
}

int main(void) {
  test_table();
  test_opaques();
  test_refusals();
  test_results();
  test_strings();
  test_numbers();
  test_commands();
  test_comparator();
  test_kinds();
  test_bad_signatures();
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
