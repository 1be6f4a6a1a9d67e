/* cmd_server.c: the handlers of the commands about the store and its values: PING, ECHO, TIME,
 * MEMORY USAGE and OBJECT. */
#include "command.h"

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
  server_answer_use(c, status, seconds, "ERR An LFU maxmemory policy is selected, idle time not tracked. "
                    "Please note that when switching between policies at runtime LRU and LFU data "
                    "will take some time to adjust.");
}
