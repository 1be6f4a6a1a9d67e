/* cmd_script.c: the handlers of EVAL and its relatives, and of SCRIPT. */
#include "scripting.h"

#define NOSCRIPT "NOSCRIPT No matching script. Please use EVAL."

/* ---- EVAL and EVALSHA ---- */

/* Makes a script known; false, having answered the error. */
static bool script_remember(command_call *c, scripting *s, const kevy_value *body, const char *sha, uint32_t *flags) {
  if (s->engine->find(s->state, sha, flags)) return true;
  size_t skip;
  char why[SCRIPT_MESSAGE];
  if (!scripting_shebang(c, body, flags, &skip)) return false;
  if (s->engine->compile(s->state, sha, body->as.ptr + skip, body->len - skip, *flags, why)) return true;
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Error compiling script (new function): ");
  command_text_add(&t, why);
  command_fail_text(c, &t);
  return false;
}

static void script_eval(command_call *c, bool read_only) {
  scripting *s = scripting_of(c);
  char sha[SCRIPT_SHA + 1];
  uint32_t flags;
  int64_t keys = s != NULL ? scripting_keys(c, 2) : -1;
  if (keys < 0) return;
  s->engine->sha1(c->argv[1].as.ptr, c->argv[1].len, sha);
  if (script_remember(c, s, &c->argv[1], sha, &flags)) scripting_run(c, s, sha, flags, read_only, 3, keys);
}

/* A digest in lower case; false where the argument is none. */
static bool script_digest(const kevy_value *arg, char sha[SCRIPT_SHA + 1]) {
  if (arg->len != SCRIPT_SHA) return false;
  for (size_t i = 0; i < SCRIPT_SHA; i++) {
    char ch = arg->as.ptr[i];
    sha[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch + ('a' - 'A')) : ch;
  }
  sha[SCRIPT_SHA] = '\0';
  return strlen(sha) == SCRIPT_SHA;
}

static void script_evalsha(command_call *c, bool read_only) {
  char sha[SCRIPT_SHA + 1];
  uint32_t flags;
  if (!script_digest(&c->argv[1], sha)) {
    command_fail(c, NOSCRIPT);
    return;
  }
  scripting *s = scripting_of(c);
  int64_t keys = s != NULL ? scripting_keys(c, 2) : -1;
  if (keys < 0) return;
  if (s->engine->find(s->state, sha, &flags)) scripting_run(c, s, sha, flags, read_only, 3, keys);
  else command_fail(c, NOSCRIPT);
}

void cmd_eval(command_call *c) { script_eval(c, false); }
void cmd_eval_ro(command_call *c) { script_eval(c, true); }
void cmd_evalsha(command_call *c) { script_evalsha(c, false); }
void cmd_evalsha_ro(command_call *c) { script_evalsha(c, true); }

/* ---- SCRIPT ---- */

void cmd_script_load(command_call *c) {
  scripting *s = scripting_of(c);
  char sha[SCRIPT_SHA + 1];
  uint32_t flags;
  if (s == NULL) return;
  s->engine->sha1(c->argv[2].as.ptr, c->argv[2].len, sha);
  if (script_remember(c, s, &c->argv[2], sha, &flags)) sink_bytes(c->out, sha, SCRIPT_SHA);
}

void cmd_script_exists(command_call *c) {
  scripting *s = scripting_of(c);
  if (s == NULL) return;
  sink_array(c->out, c->argc - 2);
  for (size_t i = 2; i < c->argc; i++) {
    char sha[SCRIPT_SHA + 1];
    uint32_t flags;
    sink_integer(c->out, script_digest(&c->argv[i], sha) && s->engine->find(s->state, sha, &flags));
  }
}

void cmd_script_flush(command_call *c) {
  bool known = c->argc == 2 || (c->argc == 3 && (command_is(&c->argv[2], "SYNC") || command_is(&c->argv[2], "ASYNC")));
  if (!known) {
    command_fail(c, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    return;
  }
  scripting_flush(c->store);
  sink_status(c->out, "OK");
}

/* Who asks before a script is late waits until it is, or over. */
static void script_kill(command_call *c, bool function) {
  static const char *const wrote =
      "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or "
      "kill the server in a hard way using the SHUTDOWN NOSAVE command.";
  scripting_late running = {.name = NULL};
  if (c->late) running = scripting_that_is_late(c->store);
  if (!c->late) command_fail(c, "NOTBUSY No scripts in execution right now.");
  else if (running.wrote) command_fail(c, wrote);
  else if (running.function != function) command_fail(c, scripting_busy(c->store));
  else {
    scripting_kill(c->store);
    sink_status(c->out, "OK");
  }
}

void cmd_script_kill(command_call *c) { script_kill(c, false); }
void cmd_function_kill(command_call *c) { script_kill(c, true); }

/* There is no debugger: no mode but the one without. */
void cmd_script_debug(command_call *c) {
  const kevy_value *mode = &c->argv[2];
  if (command_is(mode, "NO")) sink_status(c->out, "OK");
  else if (command_is(mode, "YES") || command_is(mode, "SYNC")) command_fail(c, "ERR scripts are not debugged here");
  else command_fail(c, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
}

void cmd_script_help(command_call *c) {
  static const char *const lines[] = {
      "DEBUG (YES|SYNC|NO)",
      "    Set the debug mode for subsequent scripts executed.",
      "EXISTS <sha1> [<sha1> ...]",
      "    Return information about the existence of the scripts in the script cache.",
      "FLUSH [ASYNC|SYNC]",
      "    Flush the Lua scripts cache. Very dangerous on replicas.",
      "    When called without the optional mode argument, the behavior is determined by the",
      "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
      "    * ASYNC: Asynchronously flush the scripts cache.",
      "    * SYNC: Synchronously flush the scripts cache.",
      "KILL",
      "    Kill the currently executing Lua script.",
      "LOAD <script>",
      "    Load a script into the scripts cache without executing it.",
      "HELP",
      "    Prints this help.",
      NULL,
  };
  command_answer_help(c, lines);
}
