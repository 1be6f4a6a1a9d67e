/* cmd_server.c: the handlers of the commands about the store and its values: PING, ECHO, TIME, INFO,
 * MEMORY and OBJECT. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>

#include "cmd_encoding.h"
#include "evict.h"
#include "keyspace.h"
#include "store.h"
#include "type_set.h"
#include "type_string.h"

/* Where a message would be an array. */
static void server_answer_ping(command_call *c) {
  sink_array(c->out, 2);
  sink_bytes(c->out, "pong", 4);
  if (c->argc == 2) sink_bulk(c->out, &c->argv[1]);
  else sink_bytes(c->out, "", 0);
}

void cmd_ping(command_call *c) {
  if (c->argc <= 2 && UNLIKELY(session_is_deaf(c->session))) server_answer_ping(c);
  else if (c->argc == 1) sink_status(c->out, "PONG");
  else if (c->argc == 2) sink_bulk(c->out, &c->argv[1]);
  else command_fail_arity(c);
}

void cmd_echo(command_call *c) { sink_bulk(c->out, &c->argv[1]); }

/* Seconds and microseconds of the store's clock, which counts milliseconds. */
void cmd_time(command_call *c) {
  int64_t now = keyspace_now(c->store);
  kevy_value seconds = kevy_int(now / 1000);
  kevy_value micros = kevy_int(now % 1000 * 1000);
  sink_array(c->out, 2);
  sink_bulk(c->out, &seconds);
  sink_bulk(c->out, &micros);
}

/* ---- INFO -------------------------------------------------------------------------------------- */

/* Where a figure of info.def goes, and what Redis calls it. Others go to Memory under their own name. */
typedef struct info_place {
  const char *figure;
  const char *section;
  const char *name;
} info_place;

static const info_place info_places[] = {
    {"hits", "Stats", "keyspace_hits"},
    {"misses", "Stats", "keyspace_misses"},
    {"expired", "Stats", "expired_keys"},
    {"evicted", "Stats", "evicted_keys"},
    {"work_entries_moved", "Stats", "work_entries_moved"},
    {"work_bytes_copied", "Stats", "work_bytes_copied"},
    {"keys", "Keyspace", NULL}, /* both are part of the line of db0 */
    {"keys_with_ttl", "Keyspace", NULL},
};

typedef struct info_text {
  size_t len;
  char bytes[4096];
} info_text;

__attribute__((format(printf, 2, 3))) static void info_add(info_text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int printed = vsnprintf(t->bytes + t->len, sizeof t->bytes - t->len, format, args);
  va_end(args);
  if (printed > 0 && (size_t)printed < sizeof t->bytes - t->len) t->len += (size_t)printed;
}

static info_place info_find(const char *figure) {
  for (size_t i = 0; i < sizeof info_places / sizeof info_places[0]; i++)
    if (strcmp(info_places[i].figure, figure) == 0) return info_places[i];
  return (info_place){figure, "Memory", figure};
}

static int64_t info_figure(kevy_store *s, const char *wanted) {
  const char *name;
  kevy_value value;
  for (size_t i = 0; store_info(s, i, &name, &value) == KEVY_OK; i++)
    if (strcmp(name, wanted) == 0) return value.as.i;
  return 0;
}

static void info_figures(kevy_store *s, const char *section, info_text *t) {
  const char *figure;
  kevy_value value;
  char scratch[NUMBER_FLOAT_MAX];
  for (size_t i = 0; store_info(s, i, &figure, &value) == KEVY_OK; i++) {
    info_place place = info_find(figure);
    if (place.name == NULL || strcmp(place.section, section) != 0) continue;
    kevy_value text = number_byte_form(&value, scratch);
    info_add(t, "%s:%.*s\r\n", place.name, (int)text.len, text.as.ptr);
  }
}

static void info_section(kevy_store *s, const char *section, info_text *t) {
  info_add(t, "%s# %s\r\n", t->len > 0 ? "\r\n" : "", section);
  info_figures(s, section, t);
  if (strcmp(section, "Server") == 0)
    info_add(t, "redis_version:%s\r\nredis_mode:standalone\r\nkevy_version:%s\r\n",
             COMMAND_REDIS_VERSION, KEVY_VERSION);
  int64_t keys = info_figure(s, "keys");
  if (strcmp(section, "Keyspace") == 0 && keys > 0)
    info_add(t, "db0:keys=%lld,expires=%lld,avg_ttl=0\r\n", (long long)keys,
             (long long)info_figure(s, "keys_with_ttl"));
}

static bool info_wants(const command_call *c, const char *section) {
  if (c->argc == 1) return true;
  for (size_t i = 1; i < c->argc; i++)
    if (command_is(&c->argv[i], section) || command_is(&c->argv[i], "default") ||
        command_is(&c->argv[i], "all") || command_is(&c->argv[i], "everything"))
      return true;
  return false;
}

void cmd_info(command_call *c) {
  static const char *const sections[] = {"Server", "Memory", "Stats", "Keyspace"};
  info_text text;
  text.len = 0;
  for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
    if (info_wants(c, sections[i])) info_section(c->store, sections[i], &text);
  sink_text(c->out, text.bytes, text.len);
}

/* ---- MEMORY and OBJECT ------------------------------------------------------------------------- */

/* SAMPLES is checked and has no say: the count is exact. */
void cmd_memory_usage(command_call *c) {
  for (size_t i = 3; i < c->argc; i += 2) {
    int64_t samples = -1;
    bool given = command_is(&c->argv[i], "SAMPLES") && i + 1 < c->argc;
    if (given && !command_int(c, &c->argv[i + 1], &samples)) return;
    if (samples >= 0) continue;
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  uint64_t bytes;
  if (keyspace_memory_usage(c->store, c->argv[2].as.ptr, c->argv[2].len, &bytes) == KEVY_OK)
    sink_integer(c->out, (int64_t)bytes);
  else sink_nil(c->out);
}

void cmd_object_encoding(command_call *c) {
  const char *word = encoding_word(c->store, &c->argv[2]);
  if (word != NULL) sink_bytes(c->out, word, strlen(word));
  else sink_nil(c->out);
}

/* Every value has one owner: its key. */
void cmd_object_refcount(command_call *c) {
  if (keyspace_exists(c->store, c->argv[2].as.ptr, c->argv[2].len) == KEVY_OK)
    sink_integer(c->out, 1);
  else sink_nil(c->out);
}

/* What the policy keeps of a key's use, or that it does not. */
static void server_answer_use(command_call *c, kevy_status status, int64_t number, const char *otherwise) {
  if (status == KEVY_OK) sink_integer(c->out, number);
  else if (status == KEVY_MISSING) sink_nil(c->out);
  else command_fail(c, otherwise);
}

void cmd_object_freq(command_call *c) {
  int64_t counter = 0;
  kevy_status status = evict_frequency(c->store, c->argv[2].as.ptr, c->argv[2].len, &counter);
  server_answer_use(c, status, counter,
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                    "Please note that when switching between policies at runtime LRU and LFU data "
                    "will take some time to adjust.");
}

void cmd_object_idletime(command_call *c) {
  int64_t seconds = 0;
  kevy_status status = evict_idle(c->store, c->argv[2].as.ptr, c->argv[2].len, &seconds);
  server_answer_use(c, status, seconds, "ERR An LRU maxmemory policy is not selected, idle time not tracked.");
}
