/* request: see request.h. */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_KEPT 64 /* arguments whose memory an idle reader keeps */

#define STRANGER_ARGS 10
#define STRANGER_BYTES (16 * 1024)

void request_reset(request *q) {
  if (q->room > REQUEST_KEPT) {
    free(q->argv);
    q->argv = NULL;
    q->room = 0;
  }
  free(q->line);
  q->line = NULL;
  q->argc = q->at = 0;
  q->left = q->bulk = 0;
  q->headed = false;
}

void request_free(request *q) {
  request_reset(q);
  free(q->argv);
  q->argv = NULL;
  q->room = 0;
}

static request_status request_bad(request *q, const char *why) {
  snprintf(q->error, sizeof q->error, "%s", why);
  return REQUEST_BAD;
}

/* Notes an argument by its place. */
static bool request_add(request *q, size_t place, size_t len) {
  if (q->argc == q->room) {
    size_t room = q->room == 0 ? 8 : q->room * 2;
    kevy_value *argv = realloc(q->argv, room * sizeof *argv);
    if (argv == NULL) return false;
    q->argv = argv;
    q->room = room;
  }
  q->argv[q->argc] = kevy_bytes(NULL, len);
  q->argv[q->argc++].as.i = (int64_t)place;
  return true;
}

static request_status request_whole(request *q, const char *bytes, size_t *used) {
  for (size_t i = 0; i < q->argc; i++) q->argv[i].as.ptr = bytes + q->argv[i].as.i;
  *used = q->at;
  return REQUEST_WHOLE;
}

/* ---- Lines --------------------------------------------------------------------------------------- */

/* The line at `at`: its length without the line end, which is \n or \r\n. False: its end is not there yet. */
static bool request_line(const request *q, const char *bytes, size_t len, size_t *length, size_t *next) {
  const char *line = bytes + q->at, *end = memchr(line, '\n', len - q->at);
  if (end == NULL) return false;
  *next = (size_t)(end - bytes) + 1;
  *length = (size_t)(end - line);
  if (*length > 0 && end[-1] == '\r') --*length;
  return true;
}

/* A decimal number, nothing else on the line. */
static bool request_number(const char *text, size_t len, int64_t *out) {
  bool negative = len > 0 && text[0] == '-';
  int64_t n = 0;
  if (len == negative || len > 18) return false;
  for (size_t i = negative; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    n = n * 10 + (text[i] - '0');
  }
  *out = negative ? -n : n;
  return true;
}

/* The number on an announcing line, behind its first byte. `what` and `range` are what is wrong where it is none, or not within. */
static request_status request_announced(request *q, const char *bytes, size_t len, int64_t most, const char *what, const char *range,
                                        int64_t *out) {
  size_t length, next;
  if (!request_line(q, bytes, len, &length, &next)) return len - q->at > REQUEST_LINE ? request_bad(q, what) : REQUEST_PART;
  if (!request_number(bytes + q->at + 1, length - 1, out) || *out > most) return request_bad(q, range);
  q->at = next;
  return REQUEST_WHOLE;
}

/* ---- Announced strings --------------------------------------------------------------------------- */

static request_status request_head(request *q, const char *bytes, size_t len) {
  int64_t most = q->stranger ? STRANGER_ARGS : REQUEST_ARGS;
  const char *range = q->stranger ? "unauthenticated multibulk length" : "invalid multibulk length";
  request_status status = request_announced(q, bytes, len, most, "too big mbulk count string", range, &q->left);
  q->headed = status == REQUEST_WHOLE;
  return status;
}

static request_status request_length(request *q, const char *bytes, size_t len) {
  if (bytes[q->at] != '$') {
    char why[] = "expected '$', got '?'";
    char got = bytes[q->at];
    why[sizeof why - 3] = got >= ' ' && got < 127 ? got : '?';
    return request_bad(q, why);
  }
  int64_t n = 0, most = q->stranger && q->most > STRANGER_BYTES ? STRANGER_BYTES : q->most;
  const char *range = q->stranger ? "unauthenticated bulk length" : "invalid bulk length";
  request_status status = request_announced(q, bytes, len, most, "too big bulk count string", range, &n);
  if (status != REQUEST_WHOLE) return status;
  if (n < 0) return request_bad(q, range);
  q->bulk = n + 1;
  return REQUEST_WHOLE;
}

/* What ends a string is skipped, not looked at, as in Redis. */
static request_status request_string(request *q, const char *bytes, size_t len) {
  if (len == q->at) return REQUEST_PART;
  if (q->bulk == 0) {
    request_status status = request_length(q, bytes, len);
    if (status != REQUEST_WHOLE) return status;
  }
  size_t n = (size_t)q->bulk - 1;
  if (len - q->at < n + 2) return REQUEST_PART;
  if (!request_add(q, q->at, n)) return request_bad(q, "out of memory");
  q->at += n + 2;
  q->bulk = 0;
  q->left--;
  return REQUEST_WHOLE;
}

static request_status request_strings(request *q, const char *bytes, size_t len, size_t *used) {
  request_status status = q->headed ? REQUEST_WHOLE : request_head(q, bytes, len);
  while (status == REQUEST_WHOLE && q->left > 0) status = request_string(q, bytes, len);
  return status == REQUEST_WHOLE ? request_whole(q, bytes, used) : status;
}

/* ---- Typed lines --------------------------------------------------------------------------------- */

static bool request_space(char ch) { return ch == ' ' || (ch >= '\t' && ch <= '\r') || ch == '\0'; }

static int request_hex(char ch) {
  if (ch >= '0' && ch <= '9') return ch - '0';
  if (ch >= 'a' && ch <= 'f') return ch - 'a' + 10;
  if (ch >= 'A' && ch <= 'F') return ch - 'A' + 10;
  return -1;
}

/* One character behind a backslash; how many bytes that were, the backslash included. */
static size_t request_escape(const char *p, const char *end, char *out) {
  static const char names[] = "nrtba", codes[] = "\n\r\t\b\a";
  if (end - p >= 4 && p[1] == 'x' && request_hex(p[2]) >= 0 && request_hex(p[3]) >= 0) {
    *out = (char)(request_hex(p[2]) * 16 + request_hex(p[3]));
    return 4;
  }
  const char *name = p[1] != '\0' ? strchr(names, p[1]) : NULL;
  *out = name != NULL ? codes[name - names] : p[1];
  return 2;
}

/* The quoted part that begins at *at; what it says goes to *to. False where it does not end, or something follows. */
static bool request_quoted(char **at, const char *end, char **to) {
  char *p = *at, quote = *p++;
  for (;; (*to)++) {
    if (p >= end) return false;
    if (*p == quote) break;
    if (quote == '"' && *p == '\\' && end - p >= 2) {
      p += request_escape(p, end, *to);
    } else if (quote == '\'' && *p == '\\' && end - p >= 2 && p[1] == '\'') {
      **to = '\'';
      p += 2;
    } else {
      **to = *p++;
    }
  }
  *at = ++p;
  return p == end || request_space(*p);
}

/* One word: it is unquoted where it stands, in a copy. */
static bool request_word(request *q, char *line, char **at, const char *end) {
  char *p = *at, *to = p, *begin = p;
  while (p < end && !request_space(*p)) {
    if (*p != '"' && *p != '\'') *to++ = *p++;
    else if (!request_quoted(&p, end, &to)) return false;
    else break;
  }
  *at = p;
  return request_add(q, (size_t)(begin - line), (size_t)(to - begin));
}

static request_status request_words(request *q, char *line, size_t length) {
  for (char *at = line, *end = line + length; true;) {
    while (at < end && request_space(*at)) at++;
    if (at == end) return REQUEST_WHOLE;
    if (!request_word(q, line, &at, end)) return request_bad(q, "unbalanced quotes in request");
  }
}

static request_status request_typed(request *q, const char *bytes, size_t len, size_t *used) {
  size_t length, next;
  if (!request_line(q, bytes, len, &length, &next)) return len > REQUEST_LINE ? request_bad(q, "too big inline request") : REQUEST_PART;
  if (length > REQUEST_LINE) return request_bad(q, "too big inline request");
  q->line = malloc(length + 1);
  if (q->line == NULL) return request_bad(q, "out of memory");
  memcpy(q->line, bytes, length);
  request_status status = request_words(q, q->line, length);
  q->at = next;
  return status == REQUEST_WHOLE ? request_whole(q, q->line, used) : status;
}

request_status request_read(request *q, const char *bytes, size_t len, size_t *used) {
  if (len == 0) return REQUEST_PART;
  return bytes[0] == '*' ? request_strings(q, bytes, len, used) : request_typed(q, bytes, len, used);
}
