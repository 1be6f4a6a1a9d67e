/* fuzz_command: lines of commands on a store of their own. Every reply is read to its end, as RESP bytes or
 * item by item, and has to be whole.
 *
 *     SET k v            words, separated by spaces
 *     SET k\ k \         a backslash takes the next byte as it is: here a space and a line end
 *     INCRBY n #5        an argument of kind int
 *     SET n %2.5         of kind float
 *     @1500              1.5 seconds pass; @-1500: backwards
 *
 * Odd lines go through kevy_call_resp, even ones through kevy_call. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kevy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ARGS 64
#define MEMORY (16u << 20)

static void require(bool holds) {
  if (!holds) abort();
}

/* ---- Replies: one whole item, and nothing behind it ---- */

static const char *skip_line(const char *p, const char *end) {
  const char *line = memchr(p, '\r', (size_t)(end - p));
  require(line != NULL && line + 1 < end && line[1] == '\n');
  return line + 2;
}

static const char *skip_resp(const char *p, const char *end) {
  require(p < end);
  char type = *p++;
  const char *after = skip_line(p, end);
  if (type == '+' || type == '-' || type == ':') return after;
  long long n = strtoll(p, NULL, 10);
  require(n >= -1);
  if (type == '*') {
    for (; n > 0; n--) after = skip_resp(after, end);
    return after;
  }
  require(type == '$');
  if (n < 0) return after;
  require(end - after >= n + 2 && memcmp(after + n, "\r\n", 2) == 0);
  return after + n + 2;
}

static void skip_item(kevy_reply *r) {
  kevy_item item;
  kevy_reply_next(r, &item);
  require(item.type != KEVY_REPLY_END);
  if (item.value.kind == KEVY_BYTES && item.value.len > 0) {
    volatile char last = item.value.as.ptr[item.value.len - 1];
    (void)last;
  }
  uint64_t count = item.type == KEVY_REPLY_MAP ? item.count * 2 : item.count;
  for (; count > 0; count--) skip_item(r);
}

static void run(kevy_store *s, kevy_reply *r, const kevy_value *argv, size_t argc, bool resp) {
  if (resp) {
    const char *bytes;
    size_t len;
    kevy_status status = kevy_call_resp(s, argc, argv, r, &bytes, &len);
    require(status == KEVY_OK || status == KEVY_EOOM);
    if (status == KEVY_OK) require(skip_resp(bytes, bytes + len) == bytes + len);
    return;
  }
  kevy_status status = kevy_call(s, argc, argv, r);
  require(status == KEVY_OK || status == KEVY_ECOMMAND || status == KEVY_EOOM);
  if (status != KEVY_EOOM) skip_item(r);
  kevy_item item;
  kevy_reply_next(r, &item);
  require(item.type == KEVY_REPLY_END);
}

/* ---- Lines ---- */

typedef struct line {
  kevy_value argv[MAX_ARGS];
  size_t argc;
} line;

static kevy_value word_value(const char *word, size_t len) {
  if (len > 1 && word[0] == '#') return kevy_int(strtoll(word + 1, NULL, 10));
  if (len > 1 && word[0] == '%') return kevy_float(strtod(word + 1, NULL));
  return kevy_bytes(word, len);
}

/* Reads a line's words into words, terminated each; returns where the next line begins. */
static const uint8_t *read_line(const uint8_t *p, const uint8_t *end, char *words, line *l) {
  l->argc = 0;
  while (p < end && *p != '\n' && l->argc < MAX_ARGS) {
    char *word = words;
    for (; p < end && *p != ' ' && *p != '\n'; p++) {
      if (*p == '\\' && p + 1 < end) p++;
      *words++ = (char)*p;
    }
    l->argv[l->argc++] = word_value(word, (size_t)(words - word));
    *words++ = '\0';
    if (p < end && *p == ' ') p++;
  }
  while (p < end && *p != '\n') p++;
  return p < end ? p + 1 : end;
}

static bool is_clock(const line *l) {
  return l->argc == 1 && l->argv[0].kind == KEVY_BYTES && l->argv[0].len > 1 &&
         l->argv[0].as.ptr[0] == '@';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kevy_options options = KEVY_OPTIONS_INIT;
  options.maxmemory = MEMORY;
  kevy_store *s = NULL;
  char *words = malloc(size * 2 + MAX_ARGS);
  kevy_reply *r = kevy_reply_new();
  require(words != NULL && r != NULL && kevy_open(&options, &s) == KEVY_OK);
  int64_t now = 1700000000000;
  kevy_debug_clock(s, now);
  bool resp = true;
  for (const uint8_t *p = data, *end = data + size; p < end; resp = !resp) {
    line l;
    p = read_line(p, end, words, &l);
    if (is_clock(&l)) {
      now += strtoll(l.argv[0].as.ptr + 1, NULL, 10) % 100000000;
      kevy_debug_clock(s, now < 0 ? 0 : now);
    } else if (l.argc > 0) {
      run(s, r, l.argv, l.argc, resp);
    }
  }
  require(kevy_used_memory(s) <= MEMORY);
  kevy_close(s);
  kevy_reply_free(r);
  free(words);
  return 0;
}
