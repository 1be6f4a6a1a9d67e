/* run_c: the conformance cases (README.md has the format) through kevy.h, each twice: replies read item
 * by item (kevy_call), and as RESP2 bytes (kevy_call_resp).
 *
 *     conformance_c [-u] DIRECTORY|FILE...
 *
 * -u: whatever comes in an array may come in any order, as it does of what has none where small values are not kept in that
 * of their making.
 *
 * Both the expected and the given reply are lists of items, depth first; an array says how many items
 * follow it. What a case needs of memory comes from one arena, emptied before the next case. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kevy.h"

#define EPOCH INT64_C(1700000000000)
#define MAX_ARGS 1024
#define MAX_ITEMS 65536

typedef enum { BULK, INT, STATUS, ERROR, NIL, ARRAY, ANY, ANY_BULK, REAL } kind;

typedef struct item {
  kind kind;
  bool ordered;      /* arrays */
  size_t count;      /* arrays: items that follow; strings: bytes */
  const char *bytes; /* strings */
  int64_t low, high; /* integers */
  double real;
} item;

typedef struct items {
  size_t n;
  item at[MAX_ITEMS];
} items;

static items expected, given;
static int passed, failed;
static bool any_order;

static _Noreturn void stop(const char *what, const char *detail) {
  fprintf(stderr, "conformance: %s: %s\n", what, detail);
  exit(2);
}

/* ---- The arena ------------------------------------------------------------------------------- */

static void *blocks[MAX_ITEMS];
static size_t block_count;

static char *arena_take(size_t len) {
  char *p = malloc(len + 1);
  if (p == NULL || block_count == MAX_ITEMS) stop("no memory", "");
  blocks[block_count++] = p;
  return p;
}

static void arena_empty(void) {
  while (block_count > 0) free(blocks[--block_count]);
}

/* ---- Reading a case -------------------------------------------------------------------------- */

static char unescape(const char **p) {
  char c = *++*p;
  ++*p;
  if (c == 'x') {
    char digits[3] = {(*p)[0], (*p)[1], '\0'};
    *p += 2;
    return (char)strtol(digits, NULL, 16);
  }
  return c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

/* A string in quotes, repeated where "*N" follows. */
static kevy_value read_quoted(const char **p) {
  char *once = arena_take(strlen(*p));
  size_t len = 0;
  for (++*p; **p != '"';) {
    if (**p == '\0') stop("a string that does not end", once);
    once[len++] = **p == '\\' ? unescape(p) : *(*p)++;
  }
  ++*p;
  if (**p != '*') return kevy_bytes(once, len);
  char *end;
  size_t times = strtoul(*p + 1, &end, 10);
  *p = end;
  char *all = arena_take(len * times);
  for (size_t i = 0; i < times; i++) memcpy(all + i * len, once, len);
  return kevy_bytes(all, len * times);
}

static size_t read_words(const char *p, kevy_value *argv) {
  size_t argc = 0;
  while (*(p += strspn(p, " ")) != '\0') {
    if (argc == MAX_ARGS) stop("too many arguments", p);
    if (*p == '"') {
      argv[argc++] = read_quoted(&p);
      continue;
    }
    size_t len = strcspn(p, " ");
    argv[argc++] = kevy_bytes(p, len);
    p += len;
  }
  return argc;
}

static item *add(items *list, kind k) {
  if (list->n == MAX_ITEMS) stop("too many items", "");
  item *it = &list->at[list->n++];
  memset(it, 0, sizeof *it);
  it->kind = k;
  it->ordered = true;
  return it;
}

static void add_string(items *list, kind k, const char *bytes, size_t len) {
  item *it = add(list, k);
  char *copy = arena_take(len);
  if (len > 0) memcpy(copy, bytes, len);
  it->bytes = copy;
  it->count = len;
}

static void read_item(const char *p, bool ordered) {
  if (*p == '"') {
    kevy_value v = read_quoted(&p);
    add_string(&expected, BULK, v.as.ptr, v.len);
  } else if (*p == '-') {
    add_string(&expected, ERROR, p + 1, strlen(p + 1));
  } else if (*p == '+') {
    add_string(&expected, STATUS, p + 1, strlen(p + 1));
  } else if (*p == ':') {
    char *end;
    item *it = add(&expected, INT);
    it->low = it->high = strtoll(p + 1, &end, 10);
    if (strncmp(end, "..", 2) == 0) it->high = strtoll(end + 2, NULL, 10);
  } else if (*p == '*') {
    item *it = add(&expected, ARRAY);
    it->count = strtoul(p + 1, NULL, 10);
    it->ordered = ordered && !any_order;
  } else if (strcmp(p, "(nil)") == 0) {
    add(&expected, NIL);
  } else if (strcmp(p, "(any)") == 0) {
    add(&expected, ANY);
  } else if (strcmp(p, "(bulk)") == 0) {
    add(&expected, ANY_BULK);
  } else {
    stop("not an item", p);
  }
}

/* ---- Replies as items ------------------------------------------------------------------------ */

static void give_flat(kevy_reply *r) {
  kevy_item it;
  for (kevy_reply_next(r, &it); it.type != KEVY_REPLY_END; kevy_reply_next(r, &it)) {
    const kevy_value *v = &it.value;
    if (it.type == KEVY_REPLY_NIL) {
      add(&given, NIL);
    } else if (v->kind == KEVY_BYTES) {
      kind k = it.type == KEVY_REPLY_STATUS ? STATUS : it.type == KEVY_REPLY_ERROR ? ERROR : BULK;
      add_string(&given, k, v->as.ptr, v->len);
    } else if (v->kind == KEVY_INT) {
      item *got = add(&given, INT);
      got->low = v->as.i;
    } else if (v->kind == KEVY_FLOAT) {
      add(&given, REAL)->real = v->as.d;
    } else {
      add(&given, ARRAY)->count = (size_t)it.count * (it.type == KEVY_REPLY_MAP ? 2 : 1);
    }
  }
}

static void give_resp(const char *p, size_t len) {
  for (const char *end = p + len; p < end;) {
    char type = *p++;
    const char *line = memchr(p, '\r', (size_t)(end - p));
    if (line == NULL || line[1] != '\n') stop("a reply without line end", "");
    int64_t n = strtoll(p, NULL, 10);
    if (type == '+' || type == '-')
      add_string(&given, type == '+' ? STATUS : ERROR, p, (size_t)(line - p));
    else if (type == ':') add(&given, INT)->low = n;
    else if ((type == '$' || type == '*') && n == -1) add(&given, NIL);
    else if (type == '*') add(&given, ARRAY)->count = (size_t)n;
    else if (type == '$') add_string(&given, BULK, line + 2, (size_t)n);
    else stop("an unknown reply type", p - 1);
    p = line + 2;
    if (type == '$' && n >= 0) p += n + 2;
  }
}

/* ---- Comparing ------------------------------------------------------------------------------- */

/* The index after the item at i and all that belongs to it. */
static size_t after(const items *list, size_t i) {
  size_t count = list->at[i].kind == ARRAY ? list->at[i].count : 0;
  for (i++; count > 0 && i < list->n; count--) i = after(list, i);
  return i;
}

static bool same(size_t e, size_t g);

static bool same_ordered(size_t e, size_t g, size_t count) {
  for (e++, g++; count > 0; count--, e = after(&expected, e), g = after(&given, g))
    if (!same(e, g)) return false;
  return true;
}

/* Each expected item takes the first given one that suits and is still free. */
static bool same_unordered(size_t e, size_t g, size_t count) {
  bool *taken = (bool *)arena_take(count);
  memset(taken, 0, count);
  e++;
  for (size_t i = 0; i < count; i++, e = after(&expected, e)) {
    size_t at = g + 1, j = 0;
    for (; j < count && (taken[j] || !same(e, at)); j++) at = after(&given, at);
    if (j == count) return false;
    taken[j] = true;
  }
  return true;
}

/* A double answers for the bulk string that reads back as it. */
static bool same_real(const item *want, const item *got) {
  char text[64];
  if (want->kind != BULK || want->count >= sizeof text) return false;
  memcpy(text, want->bytes, want->count);
  text[want->count] = '\0';
  return strtod(text, NULL) == got->real;
}

static bool same(size_t e, size_t g) {
  if (e >= expected.n || g >= given.n) return false;
  const item *want = &expected.at[e], *got = &given.at[g];
  if (want->kind == ANY) return true;
  if (got->kind == REAL) return want->kind == ANY_BULK || same_real(want, got);
  if (want->kind == ANY_BULK) return got->kind == BULK;
  if (want->kind != got->kind) return false;
  if (want->kind == INT) return got->low >= want->low && got->low <= want->high;
  if (want->kind == NIL) return true;
  if (want->count != got->count) return false;
  if (want->kind == ARRAY)
    return want->ordered ? same_ordered(e, g, want->count) : same_unordered(e, g, want->count);
  return memcmp(want->bytes, got->bytes, want->count) == 0;
}

static void print(const char *title, const items *list) {
  fprintf(stderr, "%s\n", title);
  for (size_t i = 0; i < list->n && i < 20; i++) {
    const item *it = &list->at[i];
    if (it->bytes != NULL) fprintf(stderr, "  %d %.*s\n", (int)it->kind, (int)it->count, it->bytes);
    else fprintf(stderr, "  %d %lld %zu\n", (int)it->kind, (long long)it->low, it->count);
  }
}

/* ---- Running --------------------------------------------------------------------------------- */

typedef struct runner {
  kevy_store *store;
  kevy_session *session; /* NULL: the case is not run in one */
  kevy_reply *reply;
  bool resp; /* which of the two calls */
  int64_t now;
  const char *file;
  int line;
  char name[200]; /* of the case, "" before the first */
  bool good;      /* so far */
} runner;

static void runner_end(runner *r) {
  if (r->name[0] != '\0') *(r->good ? &passed : &failed) += 1;
  kevy_session_close(r->session);
  r->session = NULL;
  kevy_close(r->store);
  r->store = NULL;
  r->name[0] = '\0';
  arena_empty();
}

static void runner_clock(runner *r, int64_t milliseconds) {
  r->now += milliseconds;
  if (kevy_debug_clock(r->store, r->now) != KEVY_OK) stop("kevy_debug_clock", kevy_errmsg(r->store));
}

static void runner_begin(runner *r, const char *name) {
  runner_end(r);
  snprintf(r->name, sizeof r->name, "%s", name);
  r->good = true;
  r->now = EPOCH;
  if (kevy_open(NULL, &r->store) != KEVY_OK) stop("kevy_open", kevy_errmsg(NULL));
  runner_clock(r, 0);
}

static void runner_session(runner *r) {
  if (kevy_session_open(r->store, &r->session) != KEVY_OK) stop("kevy_session_open", kevy_errmsg(r->store));
}

static kevy_status call_resp(runner *r, size_t argc, const kevy_value *argv, const char **bytes, size_t *len) {
  if (r->session == NULL) return kevy_call_resp(r->store, argc, argv, r->reply, bytes, len);
  kevy_status status = kevy_session_call(r->session, argc, argv, KEVY_RESP, r->reply);
  kevy_reply_bytes(r->reply, bytes, len);
  return status;
}

static kevy_status call_items(runner *r, size_t argc, const kevy_value *argv) {
  if (r->session == NULL) return kevy_call(r->store, argc, argv, r->reply);
  return kevy_session_call(r->session, argc, argv, 0, r->reply);
}

/* Runs a command; its items are in given. */
static void runner_call(runner *r, const char *line) {
  kevy_value argv[MAX_ARGS];
  size_t argc = read_words(line, argv);
  given.n = 0;
  if (r->resp) {
    const char *bytes;
    size_t len;
    if (call_resp(r, argc, argv, &bytes, &len) != KEVY_OK)
      stop("kevy_call_resp", kevy_errmsg(r->store));
    give_resp(bytes, len);
    return;
  }
  kevy_status status = call_items(r, argc, argv);
  give_flat(r->reply);
  bool error = given.n > 0 && given.at[0].kind == ERROR;
  if (status != (error ? KEVY_ECOMMAND : KEVY_OK)) stop("kevy_call", kevy_errmsg(r->store));
}

static void runner_compare(runner *r, const char *command, int line) {
  bool whole = given.n > 0 && after(&given, 0) == given.n;
  if (whole && same(0, 0) && after(&expected, 0) == expected.n) return;
  r->good = false;
  fprintf(stderr, "%s:%d %s (%s)\n> %.200s\n", r->file, line, r->name, r->resp ? "RESP" : "items",
          command);
  print("expected", &expected);
  print("got", &given);
}

static bool is_reply(const char *line) { return line[0] == '<' || line[0] == '!'; }

static void read_reply(const char *line) {
  if (line[0] == '!') add_string(&expected, ERROR, line + 2, strlen(line + 2));
  else if (line[1] == '~') read_item(line + 3, false);
  else read_item(line + 2, true);
}

/* Runs the cases of one file: text is its lines, terminated each. */
static void run_lines(runner *r, char **lines, int count) {
  for (int i = 0; i < count; i++) {
    const char *line = lines[i];
    if (strncmp(line, "## ", 3) == 0) runner_begin(r, line + 3);
    else if (strncmp(line, "@ clock ", 8) == 0) runner_clock(r, strtoll(line + 8, NULL, 10));
    else if (strcmp(line, "@ session") == 0) runner_session(r);
    else if (strncmp(line, "> ", 2) == 0) {
      int at = i + 1;
      runner_call(r, line + 2);
      expected.n = 0;
      while (i + 1 < count && is_reply(lines[i + 1])) read_reply(lines[++i]);
      runner_compare(r, line + 2, at);
    }
  }
  runner_end(r);
}

static void run_file(const char *path) {
  static char text[4 << 20];
  static char *lines[100000];
  FILE *file = fopen(path, "rb");
  if (file == NULL) stop("cannot open", path);
  size_t len = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[len] = '\0';
  int count = 0;
  for (char *p = text, *end; *p != '\0' && count < 100000; p = end + 1) {
    lines[count++] = p;
    end = strchr(p, '\n');
    if (end == NULL) break;
    *end = '\0';
  }
  runner r = {.file = path, .reply = kevy_reply_new()};
  if (r.reply == NULL) stop("no memory", path);
  for (int resp = 0; resp < 2; resp++) {
    r.resp = resp != 0;
    run_lines(&r, lines, count);
  }
  kevy_reply_free(r.reply);
}

static int is_cases(const struct dirent *entry) {
  size_t len = strlen(entry->d_name);
  return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0 &&
         strcmp(entry->d_name, "differences.txt") != 0;
}

static void run_directory(const char *path) {
  struct dirent **names;
  int n = scandir(path, &names, is_cases, alphasort);
  if (n < 0) {
    run_file(path);
    return;
  }
  for (int i = 0; i < n; i++) {
    char file[4096];
    snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
    run_file(file);
    free(names[i]);
  }
  free(names);
}

int main(int argc, char **argv) {
  any_order = argc > 1 && strcmp(argv[1], "-u") == 0;
  for (int i = any_order ? 2 : 1; i < argc; i++) run_directory(argv[i]);
  printf("C: %d passed, %d failed\n", passed, failed);
  return failed != 0 || passed == 0;
}
