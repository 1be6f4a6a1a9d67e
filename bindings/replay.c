/* replay: see replay.h. */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "../core/store.h"
#include "command.h"

void replay_begin(kevy_store *s) {
  s->clock.fixed = clock_now(&s->clock);
  s->clock.still = true;
}

void replay_end(kevy_store *s) {
  s->clock.fixed = KEVY_NO_TTL;
  s->clock.still = false;
}

/* A sink that keeps the error alone. */
typedef struct replay_sink {
  sink sink;
  bool failed;
  char *message;
  size_t room;
} replay_sink;

static void replay_nil(sink *k) { (void)k; }
static void replay_integer(sink *k, int64_t i) { (void)k, (void)i; }
static void replay_real(sink *k, double d) { (void)k, (void)d; }
static void replay_boolean(sink *k, bool b) { (void)k, (void)b; }
static void replay_bulk(sink *k, const kevy_value *v) { (void)k, (void)v; }
static void replay_status(sink *k, const char *text, size_t len) { (void)k, (void)text, (void)len; }
static void replay_verbatim(sink *k, const char *format, const char *text, size_t len) {
  (void)k, (void)format, (void)text, (void)len;
}
static void replay_speak(sink *k, int protocol) { (void)k, (void)protocol; }
static void replay_count(sink *k, size_t n) { (void)k, (void)n; }
static bool replay_room(sink *k, size_t len) { return (void)k, (void)len, true; }
static void replay_error(sink *k, const char *text, size_t len) {
  replay_sink *r = (replay_sink *)(void *)k;
  r->failed = true;
  snprintf(r->message, r->room, "%.*s", (int)len, text);
}

static const sink_ops replay_ops = {
    .nil = replay_nil, .nil_array = replay_nil, .integer = replay_integer, .real = replay_real,
    .boolean = replay_boolean, .bulk = replay_bulk, .status = replay_status, .error = replay_error,
    .array = replay_count, .map = replay_count, .set = replay_count, .push = replay_count,
    .verbatim = replay_verbatim, .decimal = replay_status, .big = replay_status, .speak = replay_speak,
    .room = replay_room};

bool replay_record(kevy_store *s, size_t argc, const kevy_value *argv, char *message, size_t room) {
  replay_sink out = {{&replay_ops}, false, message, room};
  command_call c;
  command_begin(&c, s, argc, argv, &out.sink);
  c.db = &s->replayed;
  c.kinds = true;
  kevy_status status = command_run_call(&c);
  free(c.waits.argv);
  if (status == KEVY_OK) return !out.failed;
  snprintf(message, room, "%s", kevy_strerror(status));
  return false;
}
