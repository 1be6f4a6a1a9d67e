/* cmd_client.c: what a connection says and asks about itself: HELLO, AUTH, RESET, QUIT, CLIENT.
 *
 * Outside of a session there is nobody to remember it for; what needs no memory is answered there, too. What connections see of each
 * other, and do to each other, is in cmd_clients.c. */
#include "clients.h"

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
bool client_is_user(const kevy_value *user) {
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

/* ---- CLIENT: switches -------------------------------------------------------------------------------- */

/* ON or OFF of something that CLIENT LIST shows, and nothing else. */
static void client_switch(command_call *c, bool *flag) {
  bool on = command_is(&c->argv[2], "ON");
  if (!on && !command_is(&c->argv[2], "OFF")) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (flag != NULL) *flag = on;
  sink_status(c->out, "OK");
}

void cmd_client_no_evict(command_call *c) { client_switch(c, c->session != NULL ? &c->session->stays : NULL); }
void cmd_client_no_touch(command_call *c) { client_switch(c, c->session != NULL ? &c->session->touches_not : NULL); }

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
