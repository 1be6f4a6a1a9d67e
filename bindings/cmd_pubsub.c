/* cmd_pubsub.c: the handlers of SUBSCRIBE and its relatives, and the doors of a session's messages.
 *
 * Every channel that is named is confirmed by a reply of its own, so SUBSCRIBE a b answers twice. They are replies, written in
 * the command's place; messages wait beside them, for kevy_session_next_push. */
#include "pubsub.h"

#include <poll.h>

#include "../core/glob.h"
#include "session.h"

/* ---- Subscribing -------------------------------------------------------------------------------- */

static const char *const pubsub_subscribed[] = {"subscribe", "psubscribe", "ssubscribe"};
static const char *const pubsub_unsubscribed[] = {"unsubscribe", "punsubscribe", "sunsubscribe"};

/* name: NULL where there was nothing to end. */
static void pubsub_confirm(command_call *c, const char *word, pubsub_kind kind, const kevy_value *name) {
  sink_push(c->out, 3);
  sink_bytes(c->out, word, strlen(word));
  if (name != NULL) sink_bytes(c->out, name->as.ptr, name->len);
  else sink_nil(c->out);
  sink_integer(c->out, (int64_t)subscriber_count(&c->session->listens, kind));
}

/* Who is promised a reply for each command cannot subscribe; MULTI is an exception of old. */
static bool pubsub_refused(command_call *c, pubsub_kind kind) {
  if (session_missing(c)) return true;
  if (!c->inside || kind != PUBSUB_SHARD) return false;
  command_fail(c, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  return true;
}

static void pubsub_subscribe(command_call *c, pubsub_kind kind) {
  if (pubsub_refused(c, kind)) return;
  for (size_t i = 1; i < c->argc; i++) {
    const kevy_value *name = &c->argv[i];
    if (subscriber_add(&c->session->listens, kind, name->as.ptr, name->len) < 0) {
      command_error(c, KEVY_EOOM);
      return;
    }
    pubsub_confirm(c, pubsub_subscribed[kind], kind, name);
  }
}

/* The name is the registry's own until the subscription has ended. */
static void pubsub_unsubscribe_all(command_call *c, pubsub_kind kind) {
  subscriber *u = &c->session->listens;
  kevy_value name;
  bool any = false;
  for (; subscriber_oldest(u, kind, &name); any = true) {
    uint64_t left = subscriber_count(u, kind) - 1;
    sink_push(c->out, 3);
    sink_bytes(c->out, pubsub_unsubscribed[kind], strlen(pubsub_unsubscribed[kind]));
    sink_bytes(c->out, name.as.ptr, name.len);
    sink_integer(c->out, (int64_t)left);
    subscriber_remove(u, kind, name.as.ptr, name.len);
  }
  if (!any) pubsub_confirm(c, pubsub_unsubscribed[kind], kind, NULL);
}

static void pubsub_unsubscribe(command_call *c, pubsub_kind kind) {
  if (session_missing(c)) return;
  if (c->argc == 1) pubsub_unsubscribe_all(c, kind);
  for (size_t i = 1; i < c->argc; i++) {
    subscriber_remove(&c->session->listens, kind, c->argv[i].as.ptr, c->argv[i].len);
    pubsub_confirm(c, pubsub_unsubscribed[kind], kind, &c->argv[i]);
  }
}

void cmd_subscribe(command_call *c) { pubsub_subscribe(c, PUBSUB_CHANNEL); }
void cmd_psubscribe(command_call *c) { pubsub_subscribe(c, PUBSUB_PATTERN); }
void cmd_ssubscribe(command_call *c) { pubsub_subscribe(c, PUBSUB_SHARD); }
void cmd_unsubscribe(command_call *c) { pubsub_unsubscribe(c, PUBSUB_CHANNEL); }
void cmd_punsubscribe(command_call *c) { pubsub_unsubscribe(c, PUBSUB_PATTERN); }
void cmd_sunsubscribe(command_call *c) { pubsub_unsubscribe(c, PUBSUB_SHARD); }

/* ---- Publishing --------------------------------------------------------------------------------- */

static void pubsub_answer_publish(command_call *c, pubsub_kind kind) {
  sink_integer(c->out, (int64_t)pubsub_publish(c->store, kind, &c->argv[1], &c->argv[2]));
}

void cmd_publish(command_call *c) { pubsub_answer_publish(c, PUBSUB_CHANNEL); }
void cmd_spublish(command_call *c) { pubsub_answer_publish(c, PUBSUB_SHARD); }

/* ---- Looking ------------------------------------------------------------------------------------ */

typedef struct pubsub_listing {
  const kevy_value *pattern; /* NULL: all */
  uint64_t count;
  sink *out;                 /* NULL: they are only counted */
} pubsub_listing;

static void pubsub_list(void *context, const kevy_value *name) {
  pubsub_listing *l = context;
  if (l->pattern != NULL && !glob_match(l->pattern->as.ptr, l->pattern->len, name->as.ptr, name->len, false)) return;
  l->count++;
  if (l->out != NULL) sink_bytes(l->out, name->as.ptr, name->len);
}

/* The subcommand takes no more than one argument. */
static bool pubsub_takes_one(command_call *c) {
  if (c->argc <= 3) return true;
  command_text t = {.len = 0};
  command_text_add(&t, "ERR unknown subcommand or wrong number of arguments for '");
  command_text_add_arg(&t, &c->argv[1], 128);
  command_text_add(&t, "'. Try PUBSUB HELP.");
  command_fail_text(c, &t);
  return false;
}

static void pubsub_answer_names(command_call *c, pubsub_kind kind) {
  if (!pubsub_takes_one(c)) return;
  pubsub_listing l = {.pattern = c->argc == 3 ? &c->argv[2] : NULL};
  pubsub_each(c->store, kind, pubsub_list, &l);
  sink_array(c->out, l.count);
  l.out = c->out;
  pubsub_each(c->store, kind, pubsub_list, &l);
}

static void pubsub_answer_counts(command_call *c, pubsub_kind kind) {
  sink_array(c->out, (c->argc - 2) * 2);
  for (size_t i = 2; i < c->argc; i++) {
    sink_bytes(c->out, c->argv[i].as.ptr, c->argv[i].len);
    sink_integer(c->out, (int64_t)pubsub_subscribers(c->store, kind, c->argv[i].as.ptr, c->argv[i].len));
  }
}

void cmd_pubsub_channels(command_call *c) { pubsub_answer_names(c, PUBSUB_CHANNEL); }
void cmd_pubsub_shardchannels(command_call *c) { pubsub_answer_names(c, PUBSUB_SHARD); }
void cmd_pubsub_numsub(command_call *c) { pubsub_answer_counts(c, PUBSUB_CHANNEL); }
void cmd_pubsub_shardnumsub(command_call *c) { pubsub_answer_counts(c, PUBSUB_SHARD); }
void cmd_pubsub_numpat(command_call *c) { sink_integer(c->out, (int64_t)pubsub_topics(c->store, PUBSUB_PATTERN)); }

void cmd_pubsub_help(command_call *c) {
  static const char *const lines[] = {
      "CHANNELS [<pattern>]",
      "    Return the currently active channels matching a <pattern> (default: '*').",
      "NUMPAT",
      "    Return number of subscriptions to patterns.",
      "NUMSUB [<channel> ...]",
      "    Return the number of subscribers for the specified channels, excluding",
      "    pattern subscriptions(default: no channels).",
      "SHARDCHANNELS [<pattern>]",
      "    Return the currently active shard level channels matching a <pattern> (default: '*').",
      "SHARDNUMSUB [<shardchannel> ...]",
      "    Return the number of subscribers for the specified shard level channel(s)",
      "HELP",
      "    Print this help.",
      NULL,
  };
  command_answer_help(c, lines);
}

/* ---- Sessions that listen ----------------------------------------------------------------------- */

/* In protocol 2 nothing tells a message from a reply, so a session that listens is limited to what does not confuse them. */
static bool pubsub_allows(const command *row) {
  static void (*const allowed[])(command_call *) = {cmd_ping,        cmd_subscribe,    cmd_psubscribe,
                                                    cmd_ssubscribe,  cmd_unsubscribe,  cmd_punsubscribe,
                                                    cmd_sunsubscribe, cmd_quit,        cmd_reset};
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (row->handler == allowed[i]) return true;
  return false;
}

bool session_refuses(command_call *c) {
  if (LIKELY(!session_is_deaf(c->session)) || pubsub_allows(c->row)) return false;
  session_rejects(c);
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Can't execute '");
  command_text_add(&t, command_full_name(c->row));
  command_text_add(&t, "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context");
  command_fail_text(c, &t);
  return true;
}

bool session_is_deaf(const kevy_session *session) {
  return session != NULL && session->protocol == 2 && subscriber_listens(&session->listens);
}

/* ---- The ABI ------------------------------------------------------------------------------------ */

KEVY_API kevy_status kevy_session_next_push(kevy_session *session, uint32_t flags, kevy_reply *r) {
  int encoding = session_encoding(session, flags);
  if (encoding < 0) return KEVY_EARG;
  reply_start(r, encoding);
  subscriber *u = &session->listens;
  bool entered = u->store != NULL && store_enter_beside(u->store);
  kevy_status status = subscriber_next(u, &r->sink);
  if (status == KEVY_MISSING && !entered) status = KEVY_ECLOSED;
  if (status == KEVY_OK && r->failed) status = KEVY_EOOM;
  if (entered && u->store->locked) store_unlock(u->store);
  return status;
}

KEVY_API int32_t kevy_session_push_fd(kevy_session *session) {
  subscriber *u = &session->listens;
  bool entered = u->store != NULL && store_enter_beside(u->store);
  int fd = subscriber_fd(u);
  if (entered && u->store->locked) store_unlock(u->store);
  return fd;
}

KEVY_API kevy_status kevy_session_wait_push(kevy_session *session, int64_t timeout_ms) {
  struct pollfd p = {.fd = kevy_session_push_fd(session), .events = POLLIN};
  if (p.fd < 0) return KEVY_EOOM;
  int ms = timeout_ms < 0 ? -1 : timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
  return poll(&p, 1, ms) > 0 ? KEVY_OK : KEVY_UNMET;
}

KEVY_API void kevy_session_wake(kevy_session *session) { subscriber_wake(&session->listens); }

void session_on_push(kevy_session *session, void (*fn)(void *context), void *context) {
  subscriber *u = &session->listens;
  bool entered = u->store != NULL && store_enter_beside(u->store);
  u->told = fn;
  u->context = context;
  if (entered && u->store->locked) store_unlock(u->store);
}

KEVY_API kevy_status kevy_set_push_limit(kevy_store *s, uint64_t hard, uint64_t soft, int64_t soft_seconds) {
  ENTER(s);
  kevy_status status = s->frozen != NULL ? KEVY_EREADONLY : soft_seconds < 0 ? KEVY_EARG : KEVY_OK;
  if (status == KEVY_OK) status = pubsub_set_limit(s, (pubsub_limit){hard, soft, soft_seconds});
  return lending(s, status);
}
