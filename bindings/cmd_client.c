/* cmd_client.c: what a connection says and asks about itself: HELLO, AUTH, RESET, QUIT, CLIENT.
 *
 * Outside of a session there is nobody to remember it for; what needs no memory is answered there, too. A session
 * answers as the only connection: it sees no other in CLIENT LIST, and CLIENT KILL finds itself alone. */
#include "session.h"

#include <stdio.h>

#include "store.h"

static const char client_no_user[] = "WRONGPASS invalid username-password pair or user is disabled.";

static int64_t client_id(const command_call *c) { return c->session != NULL ? c->session->id : 0; }

/* Whether a name can stand in a list of clients: printable, no spaces. */
static bool client_name_fits(const kevy_value *name) {
  for (size_t i = 0; i < name->len; i++)
    if (name->as.ptr[i] < '!' || name->as.ptr[i] > '~') return false;
  return true;
}

/* Without passwords the one user is whoever says so. */
static bool client_is_user(const kevy_value *user) {
  static const char name[] = "default";
  return user->len == sizeof name - 1 && memcmp(user->as.ptr, name, user->len) == 0;
}

void cmd_auth(command_call *c) {
  if (c->argc > 3) command_fail(c, COMMAND_SYNTAX);
  else if (c->argc == 2)
    command_fail(c, "ERR AUTH <password> called without any password configured for the default user. "
                    "Are you sure your configuration is correct?");
  else if (client_is_user(&c->argv[1])) sink_status(c->out, "OK");
  else command_fail(c, client_no_user);
}

/* ---- HELLO --------------------------------------------------------------------------------------- */

/* The options behind the protocol; false, having answered the error. */
static bool hello_options(command_call *c, const kevy_value **user, const kevy_value **name) {
  for (size_t i = 2; i < c->argc; i++) {
    if (command_is(&c->argv[i], "AUTH") && i + 2 < c->argc) {
      *user = &c->argv[i + 1];
      i += 2;
    } else if (command_is(&c->argv[i], "SETNAME") && i + 1 < c->argc) {
      *name = &c->argv[++i];
      if (client_name_fits(*name)) continue;
      command_fail(c, "ERR Client names cannot contain spaces, newlines or special characters.");
      return false;
    } else {
      command_text t = {.len = 0};
      command_text_add(&t, "ERR Syntax error in HELLO option '");
      command_text_add_arg(&t, &c->argv[i], 128);
      command_text_add(&t, "'");
      command_fail_text(c, &t);
      return false;
    }
  }
  return true;
}

/* The protocol that is asked for, the present one where none is; false, having answered the error. */
static bool hello_protocol(command_call *c, int64_t *protocol) {
  *protocol = c->session != NULL ? c->session->protocol : 2;
  if (c->argc == 1) return true;
  if (!number_parse_int(c->argv[1].as.ptr, c->argv[1].len, protocol))
    command_fail(c, "ERR Protocol version is not an integer or out of range");
  else if (*protocol != 2 && *protocol != 3) command_fail(c, "NOPROTO unsupported protocol version");
  else return true;
  return false;
}

static void hello_word(sink *out, const char *name, const char *word) {
  sink_bytes(out, name, strlen(name));
  sink_bytes(out, word, strlen(word));
}

static void hello_number(sink *out, const char *name, int64_t number) {
  sink_bytes(out, name, strlen(name));
  sink_integer(out, number);
}

static void hello_answer(command_call *c, int64_t protocol) {
  sink_map(c->out, 7);
  hello_word(c->out, "server", "redis");
  hello_word(c->out, "version", COMMAND_REDIS_VERSION);
  hello_number(c->out, "proto", protocol);
  hello_number(c->out, "id", client_id(c));
  hello_word(c->out, "mode", "standalone");
  hello_word(c->out, "role", "master");
  sink_bytes(c->out, "modules", 7);
  sink_array(c->out, 0);
}

void cmd_hello(command_call *c) {
  int64_t protocol;
  const kevy_value *user = NULL, *name = NULL;
  if (!hello_protocol(c, &protocol) || !hello_options(c, &user, &name)) return;
  if (user != NULL && !client_is_user(user)) {
    command_fail(c, client_no_user);
    return;
  }
  if ((name != NULL || protocol == 3) && session_missing(c)) return;
  if (name != NULL && !session_keep(&c->session->name, name)) {
    command_error(c, KEVY_EOOM);
    return;
  }
  if (c->session != NULL) c->session->protocol = (int)protocol;
  sink_speak(c->out, (int)protocol);
  hello_answer(c, protocol);
}

/* ---- The end ------------------------------------------------------------------------------------- */

void cmd_reset(command_call *c) {
  if (c->session != NULL) {
    session_reset(c->session);
    subscriber_remove_all(&c->session->listens);
  }
  sink_speak(c->out, 2);
  sink_status(c->out, "RESET");
}

void cmd_quit(command_call *c) {
  if (c->session != NULL) c->session->over = true;
  sink_status(c->out, "OK");
}

/* ---- CLIENT: names -------------------------------------------------------------------------------- */

void cmd_client_id(command_call *c) { sink_integer(c->out, client_id(c)); }

void cmd_client_getname(command_call *c) {
  const char *name = c->session != NULL ? c->session->name : NULL;
  if (name != NULL) sink_bytes(c->out, name, strlen(name));
  else sink_nil(c->out);
}

/* Keeps a word of the session's; answers. */
static void client_keep(command_call *c, char **word, const kevy_value *v) {
  if (session_keep(word, v)) sink_status(c->out, "OK");
  else command_error(c, KEVY_EOOM);
}

void cmd_client_setname(command_call *c) {
  if (!client_name_fits(&c->argv[2])) command_fail(c, "ERR Client names cannot contain spaces, newlines or special characters.");
  else if (!session_missing(c)) client_keep(c, &c->session->name, &c->argv[2]);
}

void cmd_client_setinfo(command_call *c) {
  static const char *const names[] = {"LIB-NAME", "LIB-VER"};
  static const char *const wrong[] = {"ERR lib-name cannot contain spaces, newlines or special characters.",
                                      "ERR lib-ver cannot contain spaces, newlines or special characters."};
  for (int i = 0; i < 2; i++) {
    if (!command_is(&c->argv[2], names[i])) continue;
    if (!client_name_fits(&c->argv[3])) command_fail(c, wrong[i]);
    else if (c->session == NULL) sink_status(c->out, "OK");
    else client_keep(c, &c->session->library[i], &c->argv[3]);
    return;
  }
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unrecognized option '");
  command_text_add_arg(&t, &c->argv[2], 128);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
}

/* ---- CLIENT: the line of a connection -------------------------------------------------------------- */

typedef struct client_line {
  char bytes[REPLY_ROOM];
  size_t len;
} client_line;

static const char *client_word(const char *word) { return word != NULL ? word : ""; }

static void client_print(const command_call *c, client_line *line) {
  static const kevy_session nobody = {.protocol = 2};
  const kevy_session *session = c->session != NULL ? c->session : &nobody;
  int64_t now = store_now(c->store), age = c->session != NULL && now > session->opened ? (now - session->opened) / 1000 : 0;
  int printed = snprintf(
      line->bytes, sizeof line->bytes,
      "id=%lld addr= laddr= fd=-1 name=%.200s age=%lld idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=%lld qbuf=0 qbuf-free=0 "
      "argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=%s user=default redir=-1 resp=%d "
      "lib-name=%.100s lib-ver=%.100s\n",
      (long long)session->id, client_word(session->name), (long long)age, session->multi ? (long long)session->queued : -1LL,
      command_full_name(c->row), session->protocol, client_word(session->library[0]), client_word(session->library[1]));
  line->len = printed > 0 ? (size_t)printed : 0;
}

static void client_answer_line(command_call *c, bool listed) {
  client_line line = {.len = 0};
  if (listed) client_print(c, &line);
  sink_text(c->out, line.bytes, line.len);
}

void cmd_client_info(command_call *c) { client_answer_line(c, true); }

/* Whether a type of connections is one; answers the error. */
static bool client_type(command_call *c, const kevy_value *arg, bool *normal) {
  static const char *const types[] = {"NORMAL", "SLAVE", "REPLICA", "PUBSUB", "MASTER"};
  *normal = command_is(arg, types[0]);
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (command_is(arg, types[i])) return true;
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unknown client type '");
  command_text_add_arg(&t, arg, 128);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
  return false;
}

/* Whether the session is among the IDs; false, having answered the error, where one is none. */
static bool client_among(command_call *c, bool *among) {
  for (size_t i = 3; i < c->argc; i++) {
    int64_t id;
    if (!number_parse_int(c->argv[i].as.ptr, c->argv[i].len, &id)) {
      command_fail(c, "ERR Invalid client ID");
      return false;
    }
    *among |= id == client_id(c);
  }
  return true;
}

void cmd_client_list(command_call *c) {
  bool listed = c->argc == 2;
  if (c->argc == 4 && command_is(&c->argv[2], "TYPE")) {
    if (!client_type(c, &c->argv[3], &listed)) return;
  } else if (c->argc > 3 && command_is(&c->argv[2], "ID")) {
    if (!client_among(c, &listed)) return;
  } else if (!listed) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  client_answer_line(c, listed);
}

/* ---- CLIENT: switches -------------------------------------------------------------------------------- */

/* ON or OFF of something that has no meaning here. */
void cmd_client_switch(command_call *c) {
  if (command_is(&c->argv[2], "ON") || command_is(&c->argv[2], "OFF")) sink_status(c->out, "OK");
  else command_fail(c, COMMAND_SYNTAX);
}

void cmd_client_reply(command_call *c) {
  bool on = command_is(&c->argv[2], "ON"), off = command_is(&c->argv[2], "OFF"), skip = command_is(&c->argv[2], "SKIP");
  if (!on && !off && !skip) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (session_missing(c)) return;
  if (skip && c->session->silent == SESSION_ANSWERS) c->session->silent = SESSION_SKIPS_NEXT;
  if (off) c->session->silent = SESSION_SILENT;
  if (on) c->session->silent = SESSION_ANSWERS;
  if (on) sink_status(c->out, "OK");
}

void cmd_client_caching(command_call *c) {
  command_fail(c, "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
}

void cmd_client_tracking(command_call *c) {
  if (command_is(&c->argv[2], "OFF") && c->argc == 3) sink_status(c->out, "OK");
  else if (command_is(&c->argv[2], "ON")) command_fail(c, "ERR CLIENT TRACKING is not supported");
  else command_fail(c, COMMAND_SYNTAX);
}

void cmd_client_trackinginfo(command_call *c) {
  sink_map(c->out, 3);
  sink_bytes(c->out, "flags", 5);
  sink_set(c->out, 1);
  sink_bytes(c->out, "off", 3);
  hello_number(c->out, "redirect", -1);
  sink_bytes(c->out, "prefixes", 8);
  sink_array(c->out, 0);
}

void cmd_client_getredir(command_call *c) { sink_integer(c->out, -1); }

/* ---- CLIENT: other connections -------------------------------------------------------------------------- */

void cmd_client_pause(command_call *c) {
  int64_t ms;
  bool mode = c->argc == 3 || (c->argc == 4 && (command_is(&c->argv[3], "WRITE") || command_is(&c->argv[3], "ALL")));
  if (!mode) command_fail(c, "ERR CLIENT PAUSE mode must be WRITE or ALL");
  else if (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &ms)) command_fail(c, "ERR timeout is not an integer or out of range");
  else if (ms < 0) command_fail(c, "ERR timeout is negative");
  else if (ms == 0) sink_status(c->out, "OK");
  else command_fail(c, "ERR CLIENT PAUSE is for a server: the calls of a program do not stop");
}

void cmd_client_unpause(command_call *c) { sink_status(c->out, "OK"); }

void cmd_client_unblock(command_call *c) {
  int64_t id;
  if (c->argc == 4 && !command_is(&c->argv[3], "TIMEOUT") && !command_is(&c->argv[3], "ERROR"))
    command_fail(c, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  else if (command_int(c, &c->argv[2], &id)) sink_integer(c->out, 0);
}

/* One filter of CLIENT KILL: whether the session passes; false, having answered the error. */
static bool client_filter(command_call *c, const kevy_value *name, const kevy_value *value, bool *passes, bool *skip) {
  int64_t id;
  bool normal = true;
  if (command_is(name, "ID")) {
    if (!number_parse_int(value->as.ptr, value->len, &id) || id < 1) {
      command_fail(c, "ERR client-id should be greater than 0");
      return false;
    }
    *passes &= id == client_id(c);
  } else if (command_is(name, "TYPE")) {
    if (!client_type(c, value, &normal)) return false;
    *passes &= normal;
  } else if (command_is(name, "ADDR") || command_is(name, "LADDR")) {
    *passes = false;
  } else if (command_is(name, "USER") && !client_is_user(value)) {
    command_text t = {.len = 0};
    command_text_add(&t, "ERR No such user '");
    command_text_add_arg(&t, value, 128);
    command_text_add(&t, "'");
    command_fail_text(c, &t);
    return false;
  } else if (command_is(name, "SKIPME") && (command_is(value, "YES") || command_is(value, "NO"))) {
    *skip = command_is(value, "YES");
  } else if (!command_is(name, "USER")) {
    command_fail(c, COMMAND_SYNTAX);
    return false;
  }
  return true;
}

void cmd_client_kill(command_call *c) {
  bool passes = true, skip = true;
  if (c->argc == 3) {
    command_fail(c, "ERR No such client");
    return;
  }
  if (c->argc % 2 != 0) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  for (size_t i = 2; i < c->argc; i += 2)
    if (!client_filter(c, &c->argv[i], &c->argv[i + 1], &passes, &skip)) return;
  bool kills = passes && !skip && c->session != NULL;
  if (kills) c->session->over = true;
  sink_integer(c->out, kills);
}
