/* log_read: see log_read.h. */
#include "log_read.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "../number.h"
#include "file.h"

#define LOG_READ_BUFFER ((size_t)256 << 10)
#define LOG_READ_ARG_MIN 6 /* bytes of the shortest argument: $0 CRLF CRLF */

static bool log_bytes_reserve(log_bytes *b, size_t room) {
  if (room <= b->room) return true;
  char *bytes = realloc(b->bytes, room);
  if (bytes == NULL) return false;
  b->bytes = bytes;
  b->room = room;
  return true;
}

int log_read_open(log_reader *r, int fd) {
  memset(r, 0, sizeof *r);
  r->fd = fd;
  return file_size(fd, &r->size);
}

void log_read_open_bytes(log_reader *r, const char *bytes, size_t len) {
  memset(r, 0, sizeof *r);
  r->fd = -1;
  r->memory = bytes;
  r->size = len;
}

void log_read_close(log_reader *r) {
  free(r->buffer.bytes);
  free(r->argv);
  free(r->kinds.bytes);
  free(r->hidden.bytes);
}

void log_read_seek(log_reader *r, uint64_t offset) {
  if (offset >= r->offset && offset - r->offset <= r->buffer.len) {
    r->at = (size_t)(offset - r->offset);
    return;
  }
  r->offset = offset;
  r->buffer.len = r->at = 0;
  if (r->fd >= 0) (void)lseek(r->fd, (off_t)offset, SEEK_SET);
}

/* ---- bytes ----
 * A parse begins at the record and goes through the buffer by position; more is read as it is needed. */

static uint64_t log_read_left(const log_reader *r, size_t at) { return r->size - (r->offset + at); }

static bool log_read_more(log_reader *r, size_t need) {
  size_t want = need - r->buffer.len < LOG_READ_BUFFER ? LOG_READ_BUFFER : need - r->buffer.len, got = 0;
  uint64_t left = log_read_left(r, r->buffer.len);
  if (want > left) want = (size_t)left;
  if (!log_bytes_reserve(&r->buffer, r->buffer.len + want)) {
    r->error = ENOMEM;
    return false;
  }
  if (r->fd < 0) memcpy(r->buffer.bytes + r->buffer.len, r->memory + r->offset + r->buffer.len, got = want);
  else if ((r->error = file_read(r->fd, r->buffer.bytes + r->buffer.len, want, &got)) != 0) return false;
  if (got < want) r->size = r->offset + r->buffer.len + got;
  r->buffer.len += got;
  return true;
}

/* Makes sure that n bytes from `at` on are there. */
static log_read_result log_read_need(log_reader *r, size_t at, uint64_t n) {
  if (n > log_read_left(r, at)) return LOG_READ_TORN;
  while (r->buffer.len - at < n) {
    if (!log_read_more(r, at + (size_t)n)) return LOG_READ_ERROR;
    if (n > log_read_left(r, at)) return LOG_READ_TORN;
  }
  return LOG_READ_RECORD;
}

static log_read_result log_read_wrong(log_reader *r, const char *what) {
  r->wrong = what;
  return LOG_READ_CORRUPT;
}

/* A line of at most `most` bytes that begins at *at; *at moves behind it. */
static log_read_result log_read_line(log_reader *r, size_t *at, size_t most, size_t *len) {
  for (size_t i = *at;; i++) {
    log_read_result got = log_read_need(r, i, 1);
    if (got != LOG_READ_RECORD) return got;
    if (r->buffer.bytes[i] == '\n') {
      bool whole = i > *at && r->buffer.bytes[i - 1] == '\r';
      if (!whole) return log_read_wrong(r, "a line without CR LF");
      *len = i - 1 - *at;
      *at = i + 1;
      return LOG_READ_RECORD;
    }
    if (i - *at > most) return log_read_wrong(r, "a line that is too long");
  }
}

/* "*3" or "$3" with its number. */
static log_read_result log_read_head(log_reader *r, size_t *at, char sign, int64_t *n) {
  size_t from = *at, len;
  log_read_result got = log_read_need(r, from, 1);
  if (got != LOG_READ_RECORD) return got;
  if (r->buffer.bytes[from] != sign) return log_read_wrong(r, sign == '*' ? "no record" : "no argument");
  if ((got = log_read_line(r, at, NUMBER_INT_MAX + 2, &len)) != LOG_READ_RECORD) return got;
  if (number_parse_int(r->buffer.bytes + from + 1, len - 1, n) && *n >= 0) return LOG_READ_RECORD;
  return log_read_wrong(r, "a length that is no number");
}

/* ---- a record ---- */

static bool log_read_argv(log_reader *r, size_t argc) {
  if (argc <= r->argv_room) return true;
  size_t room = argc > 2 * r->argv_room ? argc : 2 * r->argv_room;
  kevy_value *argv = realloc(r->argv, room * sizeof *argv);
  if (argv == NULL) return false;
  r->argv = argv;
  r->argv_room = room;
  return true;
}

/* An argument's position stands in its `i` until the record is whole and the buffer stays. */
static log_read_result log_read_arg(log_reader *r, size_t *at, kevy_value *arg) {
  int64_t len;
  log_read_result got = log_read_head(r, at, '$', &len);
  if (got != LOG_READ_RECORD) return got;
  if ((uint64_t)len > KEVY_MAX_LEN) return log_read_wrong(r, "an argument that is too long");
  if ((got = log_read_need(r, *at, (uint64_t)len + 2)) != LOG_READ_RECORD) return got;
  const char *end = r->buffer.bytes + *at + len;
  if (end[0] != '\r' || end[1] != '\n') return log_read_wrong(r, "an argument without its end");
  *arg = (kevy_value){KEVY_BYTES, 0, (size_t)len, {.i = (int64_t)*at}};
  *at += (size_t)len + 2;
  return LOG_READ_RECORD;
}

/* Gives an argument the kind that its letter says. */
static bool log_read_kind(kevy_value *arg, char letter) {
  const char *ptr = arg->as.ptr;
  switch (letter) {
    case 'b': return true;
    case 't': arg->kind = KEVY_TEXT; return true;
    case 'i':
      if (!number_parse_int(ptr, arg->len, &arg->as.i)) return false;
      arg->kind = KEVY_INT;
      break;
    case 'f':
      if (!number_parse_float(ptr, arg->len, &arg->as.d)) return false;
      arg->kind = KEVY_FLOAT;
      break;
    default: return false;
  }
  arg->len = 0;
  return true;
}

static log_read_result log_read_finish(log_reader *r) {
  for (size_t i = 0; i < r->argc; i++) {
    r->argv[i].as.ptr = r->buffer.bytes + r->argv[i].as.i;
    if (i < r->kinds.len && !log_read_kind(&r->argv[i], r->kinds.bytes[i]))
      return log_read_wrong(r, "a kind that its argument is not of");
  }
  return LOG_READ_RECORD;
}

static log_read_result log_read_command(log_reader *r, size_t *at) {
  int64_t argc;
  log_read_result got = log_read_head(r, at, '*', &argc);
  if (got != LOG_READ_RECORD) return got;
  if (argc == 0) return log_read_wrong(r, "a record without arguments");
  if ((uint64_t)argc > log_read_left(r, *at) / LOG_READ_ARG_MIN) return LOG_READ_TORN;
  if (!log_read_argv(r, (size_t)argc)) {
    r->error = ENOMEM;
    return LOG_READ_ERROR;
  }
  for (r->argc = 0; r->argc < (size_t)argc; r->argc++)
    if ((got = log_read_arg(r, at, &r->argv[r->argc])) != LOG_READ_RECORD) return got;
  return log_read_finish(r);
}

/* ---- annotations ---- */

static bool log_read_keep(log_bytes *b, const char *bytes, size_t len) {
  if (!log_bytes_reserve(b, b->len + len > 2 * b->room ? b->len + len : b->len + len > b->room ? 2 * b->room : b->room)) return false;
  if (len != 0) memcpy(b->bytes + b->len, bytes, len);
  b->len += len;
  return true;
}

static int log_read_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static log_read_result log_read_unhex(log_reader *r, const char *hex, size_t len) {
  if (len % 2 != 0) return log_read_wrong(r, "an odd number of hex digits");
  for (size_t i = 0; i < len; i += 2) {
    int high = log_read_digit(hex[i]), low = log_read_digit(hex[i + 1]);
    if (high < 0 || low < 0) return log_read_wrong(r, "no hex digit");
    char byte = (char)(high << 4 | low);
    if (log_read_keep(&r->hidden, &byte, 1)) continue;
    r->error = ENOMEM;
    return LOG_READ_ERROR;
  }
  return LOG_READ_RECORD;
}

/* The record that stood in hidden lines. */
static log_read_result log_read_hidden(log_reader *r) {
  log_reader inner;
  log_read_open_bytes(&inner, r->hidden.bytes, r->hidden.len);
  log_read_result got = log_read_next(&inner);
  bool all = log_read_at(&inner) == r->hidden.len && inner.hidden.len == 0;
  if (got == LOG_READ_RECORD && all) {
    free(r->argv);
    r->argv = inner.argv; /* its strings lie in the inner buffer, which `hidden` takes over */
    r->argv_room = inner.argv_room;
    r->argc = inner.argc;
    free(r->hidden.bytes);
    r->hidden = inner.buffer;
    r->hidden.len = 0;
    inner.argv = NULL;
    inner.buffer.bytes = NULL;
  } else if (got != LOG_READ_ERROR) {
    got = log_read_wrong(r, "hidden lines that are no record");
  } else {
    r->error = inner.error;
  }
  log_read_close(&inner);
  return got;
}

#define LOG_READ_LINE 1024

/* Takes in one annotation; *hidden: it ended a hidden record. */
static log_read_result log_read_annotation(log_reader *r, size_t *at, bool *hidden) {
  size_t from = *at, len;
  log_read_result got = log_read_line(r, at, LOG_READ_LINE, &len);
  if (got != LOG_READ_RECORD || len < 3) return got;
  const char *line = r->buffer.bytes + from;
  if (memcmp(line, "#K:", 3) == 0) {
    if (log_read_keep(&r->kinds, line + 3, len - 3)) return LOG_READ_RECORD;
    r->error = ENOMEM;
    return LOG_READ_ERROR;
  }
  if (memcmp(line, "#C+", 3) != 0 && memcmp(line, "#C.", 3) != 0) return LOG_READ_RECORD;
  *hidden = line[2] == '.';
  return log_read_unhex(r, line + 3, len - 3);
}

static log_read_result log_read_parse(log_reader *r, size_t *at) {
  for (;;) {
    log_read_result got = log_read_need(r, *at, 1);
    bool hidden = false;
    if (got != LOG_READ_RECORD) return got;
    if (r->buffer.bytes[*at] != '#') break;
    if ((got = log_read_annotation(r, at, &hidden)) != LOG_READ_RECORD) return got;
    if (hidden) return log_read_hidden(r);
  }
  return log_read_command(r, at);
}

/* Whether nothing but zeros follows, after what is left of a line. */
static bool log_read_only_zeros(log_reader *r, size_t at) {
  size_t line = at + LOG_READ_LINE;
  bool zeros = false;
  for (; log_read_left(r, at) != 0; at++) {
    if (log_read_need(r, at, 1) != LOG_READ_RECORD) return false;
    if (r->buffer.bytes[at] == '\0') zeros = true;
    else if (zeros || at >= line) return false;
  }
  return zeros;
}

/* Lets go of what was read, where much of the buffer has been. */
static void log_read_shift(log_reader *r) {
  if (r->at < r->buffer.len && r->at < LOG_READ_BUFFER / 2) return;
  memmove(r->buffer.bytes, r->buffer.bytes + r->at, r->buffer.len - r->at);
  r->buffer.len -= r->at;
  r->offset += r->at;
  r->at = 0;
}

log_read_result log_read_next(log_reader *r) {
  if (r->at != 0) log_read_shift(r);
  r->record = log_read_at(r);
  r->kinds.len = r->hidden.len = 0;
  if (log_read_left(r, r->at) == 0) return LOG_READ_END;
  size_t at = r->at;
  log_read_result got = log_read_parse(r, &at);
  if (got == LOG_READ_RECORD) r->at = at;
  else if (got == LOG_READ_CORRUPT && log_read_only_zeros(r, at)) got = LOG_READ_TORN;
  return got;
}

bool log_read_is(const log_reader *r, const char *word) {
  return r->argc == 1 && r->argv[0].kind <= KEVY_TEXT && r->argv[0].len == strlen(word) &&
         strncasecmp(r->argv[0].as.ptr, word, r->argv[0].len) == 0;
}
