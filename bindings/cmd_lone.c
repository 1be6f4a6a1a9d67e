/* cmd_lone.c: what a lone and idle Redis answers to questions about replicas, clusters, users, modules, slow commands and
 * latencies: there are none. What would change that is refused. */
#include "command.h"
#include "config.h"
#include "scripting.h"

static void lone_answer_word(sink *out, const char *word) { sink_bytes(out, word, strlen(word)); }

/* ---- Replicas and clusters --------------------------------------------------------------------------- */

void cmd_role(command_call *c) {
  sink_array(c->out, 3);
  lone_answer_word(c->out, "master");
  sink_integer(c->out, 0);
  sink_array(c->out, 0);
}

void cmd_replicaof(command_call *c) {
  int64_t port;
  if (command_is(&c->argv[1], "NO") && command_is(&c->argv[2], "ONE")) sink_status(c->out, "OK");
  else if (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &port) || port < 0 || port > 65535)
    command_fail(c, "ERR Invalid master port");
  else command_fail(c, "ERR REPLICAOF is for a server: a store replicates nothing");
}

void cmd_cluster_disabled(command_call *c) { command_fail(c, "ERR This instance has cluster support disabled"); }

/* ---- Users ------------------------------------------------------------------------------------------- */

void cmd_acl_whoami(command_call *c) { lone_answer_word(c->out, "default"); }

void cmd_acl_users(command_call *c) {
  sink_array(c->out, 1);
  lone_answer_word(c->out, "default");
}

void cmd_acl_list(command_call *c) {
  sink_array(c->out, 1);
  lone_answer_word(c->out, "user default on nopass sanitize-payload ~* &* +@all");
}

void cmd_acl_getuser(command_call *c) {
  if (c->argv[2].len != 7 || memcmp(c->argv[2].as.ptr, "default", 7) != 0) {
    sink_nil(c->out);
    return;
  }
  sink_map(c->out, 6);
  lone_answer_word(c->out, "flags");
  sink_set(c->out, 3);
  lone_answer_word(c->out, "on");
  lone_answer_word(c->out, "nopass");
  lone_answer_word(c->out, "sanitize-payload");
  lone_answer_word(c->out, "passwords");
  sink_array(c->out, 0);
  static const char *const rules[][2] = {{"commands", "+@all"}, {"keys", "~*"}, {"channels", "&*"}};
  for (size_t i = 0; i < 3; i++) {
    lone_answer_word(c->out, rules[i][0]);
    lone_answer_word(c->out, rules[i][1]);
  }
  lone_answer_word(c->out, "selectors");
  sink_array(c->out, 0);
}

/* ---- Modules, slow commands, latencies ----------------------------------------------------------------- */

void cmd_module_list(command_call *c) { sink_array(c->out, 0); }

void cmd_slowlog_get(command_call *c) {
  int64_t count = 0;
  if (c->argc > 3) {
    command_fail(c, "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.");
  } else if (c->argc == 3 && (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &count) || count < -1)) {
    command_fail(c, "ERR count should be greater than or equal to -1");
  } else {
    sink_array(c->out, 0);
  }
}

void cmd_slowlog_len(command_call *c) { sink_integer(c->out, 0); }
void cmd_slowlog_reset(command_call *c) { sink_status(c->out, "OK"); }

void cmd_latency_none(command_call *c) { sink_array(c->out, 0); }
void cmd_latency_reset(command_call *c) { sink_integer(c->out, 0); }
void cmd_latency_histogram(command_call *c) { sink_map(c->out, 0); }

void cmd_latency_graph(command_call *c) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR No samples available for event '");
  command_text_add_arg(&t, &c->argv[2], 128);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
}

void cmd_latency_doctor(command_call *c) {
  static const char text[] =
      "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET "
      "latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to "
      "take a look at https://redis.io/topics/latency-monitor.\n";
  sink_text(c->out, text, sizeof text - 1);
}

/* ---- Memory ---------------------------------------------------------------------------------------------- */

void cmd_memory_doctor(command_call *c) {
  static const char text[] =
      "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these conditions. "
      "Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming "
      "as soon as I finished rebooting.\n";
  static const char well[] =
      "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n";
  bool little = c->store->sp->mem.root->used < 5 << 20;
  sink_text(c->out, little ? text : well, little ? sizeof text - 1 : sizeof well - 1);
}

void cmd_memory_purge(command_call *c) {
  while (mem_trim(&c->store->sp->mem)) continue;
  sink_status(c->out, "OK");
}

void cmd_memory_malloc_stats(command_call *c) { lone_answer_word(c->out, "Stats not supported for the current allocator"); }

/* ---- The rest ---------------------------------------------------------------------------------------------- */

void cmd_lolwut(command_call *c) {
  static const char text[] = "Redis ver. " COMMAND_REDIS_VERSION "\n";
  int64_t version;
  if (c->argc >= 3 && command_is(&c->argv[1], "VERSION") && !command_int(c, &c->argv[2], &version)) return;
  sink_text(c->out, text, sizeof text - 1);
}

void cmd_shutdown(command_call *c) {
  bool abort = false, other = false, nosave = false;
  for (size_t i = 1; i < c->argc; i++) {
    const kevy_value *arg = &c->argv[i];
    if (command_is(arg, "ABORT")) abort = true;
    else if (command_is(arg, "NOSAVE")) other = nosave = true;
    else if (command_is(arg, "SAVE") || command_is(arg, "NOW") || command_is(arg, "FORCE")) other = true;
    else {
      command_fail(c, COMMAND_SYNTAX);
      return;
    }
  }
  if (abort && other) command_fail(c, COMMAND_SYNTAX);
  else if (abort) command_fail(c, "ERR No shutdown in progress.");
  else if (c->late && !nosave) command_fail(c, scripting_busy(c->store));
  else if (c->late) {
    scripting_kill(c->store);
    command_fail(c, "ERR the script is ended; the store is closed by the program it is part of");
  } else command_fail(c, "ERR SHUTDOWN is for a server: a store is closed by the program it is part of");
}
