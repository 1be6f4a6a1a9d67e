/* cmd_debug.c: DEBUG: what test suites of clients rely on. What would need Redis's own inside is refused by name. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../core/persist/payload.h"
#include "cmd_encoding.h"
#include "keyspace.h"
#include "store.h"

static void debug_sleep(command_call *c) {
  char text[64] = "";
  const kevy_value *arg = &c->argv[2];
  if (arg->len < sizeof text) memcpy(text, arg->as.ptr, arg->len);
  double seconds = strtod(text, NULL);
  if (c->store->clock.fixed != KEVY_NO_TTL) seconds = 0; /* a test's clock stands still */
  if (seconds > 0 && seconds < 1e9) {
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0) continue;
  }
  sink_status(c->out, "OK");
}

static void debug_object(command_call *c) {
  const kevy_value *key = &c->argv[2];
  kevy_value payload;
  const char *word = encoding_word(c->store, key);
  kevy_status status = word != NULL ? payload_dump(c->store, key->as.ptr, key->len, &payload) : KEVY_MISSING;
  if (status == KEVY_MISSING) command_fail(c, "ERR no such key");
  else if (status != KEVY_OK) command_error(c, status);
  if (status != KEVY_OK) return;
  char line[160];
  /* Of the payload, one byte is the type and ten are version and checksum. */
  snprintf(line, sizeof line, "Value at:0x0 refcount:1 encoding:%s serializedlength:%zu lru:0 lru_seconds_idle:0", word,
           payload.len - 11);
  sink_status(c->out, line);
}

/* ---- DEBUG PROTOCOL -------------------------------------------------------------------------------------- */

static void debug_string(sink *out) { sink_bytes(out, "Hello World", 11); }
static void debug_integer(sink *out) { sink_integer(out, 12345); }
static void debug_double(sink *out) { sink_real(out, 3.141); }
static void debug_null(sink *out) { sink_nil(out); }
static void debug_true(sink *out) { sink_boolean(out, true); }
static void debug_false(sink *out) { sink_boolean(out, false); }
static void debug_big(sink *out) { sink_big(out, "1234567999999999999999999999999999999", 37); }
static void debug_text(sink *out) { sink_text(out, "This is a verbatim\nstring", 25); }

static void debug_array(sink *out) {
  sink_array(out, 3);
  for (int64_t i = 0; i < 3; i++) sink_integer(out, i);
}

static void debug_set(sink *out) {
  sink_set(out, 3);
  for (int64_t i = 0; i < 3; i++) sink_integer(out, i);
}

static void debug_map(sink *out) {
  sink_map(out, 3);
  for (int64_t i = 0; i < 3; i++) {
    sink_integer(out, i);
    sink_boolean(out, i == 1);
  }
}

static void debug_push(sink *out) {
  sink_push(out, 2);
  sink_bytes(out, "server-cpu-usage", 16);
  sink_integer(out, 42);
}

static void debug_protocol(command_call *c) {
  static const struct {
    const char *name;
    void (*write)(sink *out);
  } kinds[] = {{"STRING", debug_string}, {"INTEGER", debug_integer}, {"DOUBLE", debug_double}, {"NULL", debug_null},
               {"ARRAY", debug_array}, {"SET", debug_set}, {"MAP", debug_map}, {"PUSH", debug_push},
               {"VERBATIM", debug_text}, {"TRUE", debug_true}, {"FALSE", debug_false}, {"BIGNUM", debug_big}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (command_is(&c->argv[2], kinds[i].name)) {
      kinds[i].write(c->out);
      return;
    }
  command_fail(c, "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|"
                  "attrib|push|verbatim|true|false");
}

/* ---- DEBUG ----------------------------------------------------------------------------------------------- */

/* What is due is taken away a little with every write, whatever is said; it is never seen. */
static void debug_ok(command_call *c) { sink_status(c->out, "OK"); }

static void debug_help(command_call *c) {
  static const char *const lines[] = {
      "OBJECT <key>", "    Show low level info about `key` and associated value.",
      "PROTOCOL <type>", "    Reply with a test value of the specified type.",
      "SET-ACTIVE-EXPIRE <0|1>", "    Accepted: expired keys are never seen.",
      "SLEEP <seconds>", "    Stop the calling thread for <seconds>. Decimals allowed.",
      "HELP", "    Print this help.", NULL,
  };
  command_answer_help(c, lines);
}

void cmd_debug(command_call *c) {
  static const struct {
    const char *name;
    size_t argc;
    void (*run)(command_call *c);
  } subs[] = {{"SLEEP", 3, debug_sleep}, {"OBJECT", 3, debug_object}, {"SET-ACTIVE-EXPIRE", 3, debug_ok},
              {"QUICKLIST-PACKED-THRESHOLD", 3, debug_ok}, {"PROTOCOL", 3, debug_protocol}, {"HELP", 2, debug_help}};
  for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++)
    if (command_is(&c->argv[1], subs[i].name) && c->argc == subs[i].argc) {
      subs[i].run(c);
      return;
    }
  command_text t = {.len = 0};
  command_text_add(&t, "ERR unknown subcommand or wrong number of arguments for '");
  command_text_add_arg(&t, &c->argv[1], 128);
  command_text_add(&t, "'. Try DEBUG HELP.");
  command_fail_text(c, &t);
}
