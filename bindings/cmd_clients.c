/* cmd_clients.c: what connections see of each other, and do to each other: CLIENT LIST, INFO, KILL, PAUSE, UNPAUSE, UNBLOCK.
 *
 * They see the sessions of their store, whichever window they came through, and those of this process, which have no address. A call
 * of no session is a client that nobody but itself sees. */
#include "clients.h"

#include <stdio.h>
#include <stdlib.h>

#include "blocking.h"

/* ---- Lines ------------------------------------------------------------------------------------------- */

#define CLIENT_LINE 2048

/* Text of any length. */
typedef struct client_text {
  char *bytes;
  size_t len, room;
  bool failed; /* for lack of memory */
} client_text;

static bool client_reserve(client_text *t, size_t n) {
  if (t->room - t->len >= n) return true;
  size_t room = t->room * 2 > t->len + n ? t->room * 2 : t->len + n;
  char *bytes = t->failed ? NULL : realloc(t->bytes, room);
  t->failed = bytes == NULL;
  if (t->failed) return false;
  t->bytes = bytes;
  t->room = room;
  return true;
}

static const char *client_word(const char *word) { return word != NULL ? word : ""; }

static void client_address(const kevy_session *session, bool local, char text[SESSION_ADDRESS]) {
  text[0] = '\0';
  if (session->line != NULL) session->line->address(session->line_of, local, text);
}

static void client_flags(const kevy_session *session, char flags[16]) {
  const struct {
    bool set;
    char letter;
  } all[] = {{subscriber_listens(&session->listens), 'P'}, {session->multi, 'x'}, {session->waits, 'b'}, {session_conflicts(session), 'd'},
             {session->over, 'c'}, {session->line != NULL && session->line->file, 'U'}, {session->looks, 'r'}, {session->stays, 'e'},
             {session->touches_not, 'T'}};
  size_t len = 0;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i].set) flags[len++] = all[i].letter;
  if (len == 0) flags[len++] = 'N';
  flags[len] = '\0';
}

static size_t client_bytes(size_t argc, const kevy_value *argv) {
  size_t bytes = 0;
  for (size_t i = 0; i < argc; i++) bytes += argv[i].kind <= KEVY_TEXT ? argv[i].len : 0;
  return bytes;
}

static session_figures client_figures(const kevy_session *session) {
  const session_figures *f = &session->figures;
  return (session_figures){__atomic_load_n(&f->input, __ATOMIC_RELAXED), __atomic_load_n(&f->room, __ATOMIC_RELAXED),
                           __atomic_load_n(&f->output, __ATOMIC_RELAXED)};
}

static void client_print(const command_call *c, const kevy_session *session, client_text *t) {
  char addr[SESSION_ADDRESS], local[SESSION_ADDRESS], flags[16];
  int64_t now = clients_clock(), age = (now - session->opened) / 1000, idle = (now - session->heard) / 1000;
  session_figures f = client_figures(session);
  size_t args = session == c->session ? client_bytes(c->argc, c->given) : 0, queue = session_queue_bytes(session);
  client_address(session, false, addr);
  client_address(session, true, local);
  client_flags(session, flags);
  if (!client_reserve(t, CLIENT_LINE)) return;
  int printed = snprintf(
      t->bytes + t->len, CLIENT_LINE,
      "id=%lld addr=%s laddr=%s fd=%d name=%.500s age=%lld idle=%lld flags=%s db=%u sub=%llu psub=%llu ssub=%llu multi=%lld qbuf=%zu "
      "qbuf-free=%zu argv-mem=%zu multi-mem=%zu rbs=0 rbp=0 obl=%zu oll=0 omem=%zu tot-mem=%zu events=%s cmd=%s user=default redir=-1 "
      "resp=%d lib-name=%.100s lib-ver=%.100s\n",
      (long long)session->id, addr, local, session->fd, client_word(session->name), (long long)age, (long long)idle, flags, (unsigned)session->db,
      (unsigned long long)session->listens.kinds[PUBSUB_CHANNEL].count, (unsigned long long)session->listens.kinds[PUBSUB_PATTERN].count,
      (unsigned long long)session->listens.kinds[PUBSUB_SHARD].count, session->multi ? (long long)session->queued : -1LL, f.input, f.room,
      args, queue, f.output, f.output, sizeof *session + args + queue + f.input + f.room + f.output, f.output != 0 ? "rw" : "r",
      session->last_row != NULL ? command_full_name(session->last_row) : "NULL", session->protocol, client_word(session->library[0]),
      client_word(session->library[1]));
  if (printed > 0) t->len += (size_t)printed < CLIENT_LINE ? (size_t)printed : CLIENT_LINE - 1;
}

/* The caller, who may be of no session. */
static void client_print_self(const command_call *c, client_text *t) {
  kevy_session nobody = {.store = c->store, .protocol = 2, .fd = -1, .last_row = c->row};
  nobody.opened = nobody.heard = clients_clock();
  client_print(c, c->session != NULL ? c->session : &nobody, t);
}

static void client_answer(command_call *c, client_text *t) {
  if (t->failed) command_error(c, KEVY_EOOM);
  else sink_text(c->out, t->len != 0 ? t->bytes : "", t->len);
  free(t->bytes);
}

void cmd_client_info(command_call *c) {
  client_text t = {.len = 0};
  client_print_self(c, &t);
  client_answer(c, &t);
}

/* ---- Filters ----------------------------------------------------------------------------------------- */

typedef enum client_kind { CLIENT_ANY, CLIENT_NORMAL, CLIENT_PUBSUB, CLIENT_OTHER } client_kind;

/* A type of connections; false, having answered the error, where it is none. */
static bool client_type(command_call *c, const kevy_value *arg, client_kind *kind) {
  static const struct {
    const char *word;
    client_kind kind;
  } types[] = {{"NORMAL", CLIENT_NORMAL}, {"PUBSUB", CLIENT_PUBSUB}, {"SLAVE", CLIENT_OTHER}, {"REPLICA", CLIENT_OTHER}, {"MASTER", CLIENT_OTHER}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    *kind = types[i].kind;
    if (command_is(arg, types[i].word)) return true;
  }
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unknown client type '");
  command_text_add_arg(&t, arg, 128);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
  return false;
}

static bool client_is_of(const kevy_session *session, client_kind kind) {
  return kind == CLIENT_ANY || kind == (subscriber_listens(&session->listens) ? CLIENT_PUBSUB : CLIENT_NORMAL);
}

static bool client_is_at(const kevy_session *session, bool local, const kevy_value *wanted) {
  char text[SESSION_ADDRESS];
  if (wanted == NULL) return true;
  client_address(session, local, text);
  return text[0] != '\0' && strlen(text) == wanted->len && memcmp(text, wanted->as.ptr, wanted->len) == 0;
}

/* ---- CLIENT LIST ------------------------------------------------------------------------------------- */

static kevy_session *client_first(const command_call *c) { return c->store->clients != NULL ? c->store->clients->first : NULL; }

static void client_list_type(const command_call *c, client_kind kind, client_text *t) {
  if (c->session == NULL && (kind == CLIENT_ANY || kind == CLIENT_NORMAL)) client_print_self(c, t);
  for (const kevy_session *session = client_first(c); session != NULL; session = session->next)
    if (client_is_of(session, kind)) client_print(c, session, t);
}

static int client_order(const void *id, const void *session) {
  int64_t a = *(const int64_t *)id, b = (*(kevy_session *const *)session)->id;
  return a < b ? -1 : a > b;
}

/* Those with the ids that are given, in that order; answers the error where one is none. */
static bool client_list_ids(command_call *c, client_text *t) {
  size_t n = c->store->clients != NULL ? c->store->clients->count : 0;
  kevy_session **all = n != 0 ? malloc(n * sizeof *all) : NULL, *session = client_first(c);
  t->failed = n != 0 && all == NULL;
  for (size_t i = 0; all != NULL && i < n; i++, session = session->next) all[i] = session;
  bool right = true;
  for (size_t i = 3; i < c->argc && right; i++) {
    int64_t id;
    right = number_parse_int(c->argv[i].as.ptr, c->argv[i].len, &id);
    kevy_session *const *found = right && all != NULL ? bsearch(&id, all, n, sizeof *all, client_order) : NULL;
    if (found != NULL) client_print(c, *found, t);
  }
  free(all);
  if (!right) command_fail(c, "ERR Invalid client ID");
  return right;
}

void cmd_client_list(command_call *c) {
  client_text t = {.len = 0};
  client_kind kind = CLIENT_ANY;
  bool typed = c->argc == 4 && command_is(&c->argv[2], "TYPE"), named = !typed && c->argc > 3 && command_is(&c->argv[2], "ID");
  bool right = true;
  if (c->argc != 2 && !typed && !named) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (typed) right = client_type(c, &c->argv[3], &kind);
  if (named) right = client_list_ids(c, &t);
  else if (right) client_list_type(c, kind, &t);
  if (right) client_answer(c, &t);
  else free(t.bytes);
}

/* ---- CLIENT KILL ------------------------------------------------------------------------------------- */

typedef struct client_filter {
  int64_t id; /* 0: any */
  client_kind kind;
  const kevy_value *addr, *local;
  bool spares; /* the caller */
} client_filter;

static bool client_fail_user(command_call *c, const kevy_value *user) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR No such user '");
  command_text_add_arg(&t, user, 128);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
  return false;
}

/* One of them; false, having answered the error. There is one user, so that all are theirs. */
static bool client_filter_read(command_call *c, const kevy_value *name, const kevy_value *value, client_filter *f) {
  if (command_is(name, "ID")) {
    if (number_parse_int(value->as.ptr, value->len, &f->id) && f->id > 0) return true;
    command_fail(c, "ERR client-id should be greater than 0");
    return false;
  }
  if (command_is(name, "TYPE")) return client_type(c, value, &f->kind);
  if (command_is(name, "USER")) return client_is_user(value) || client_fail_user(c, value);
  if (command_is(name, "SKIPME") && (command_is(value, "YES") || command_is(value, "NO"))) f->spares = command_is(value, "YES");
  else if (command_is(name, "ADDR")) f->addr = value;
  else if (command_is(name, "LADDR")) f->local = value;
  else {
    command_fail(c, COMMAND_SYNTAX);
    return false;
  }
  return true;
}

/* Ends those that pass; how many. The caller hears the answer before. */
static int64_t client_kill_all(command_call *c, const client_filter *f) {
  int64_t killed = 0;
  for (kevy_session *session = client_first(c); session != NULL; session = session->next) {
    bool self = session == c->session;
    if (session->over || (self && f->spares) || (f->id != 0 && f->id != session->id) || !client_is_of(session, f->kind)) continue;
    if (!client_is_at(session, false, f->addr) || !client_is_at(session, true, f->local)) continue;
    if (self) session->over = session->killed = true;
    else clients_cut(session);
    killed++;
  }
  return killed;
}

/* CLIENT KILL address, the old form. */
static void client_kill_one(command_call *c) {
  client_filter f = {.addr = &c->argv[2]};
  if (client_kill_all(c, &f) != 0) sink_status(c->out, "OK");
  else command_fail(c, "ERR No such client");
}

void cmd_client_kill(command_call *c) {
  client_filter f = {.spares = true};
  if (c->argc == 3) {
    client_kill_one(c);
    return;
  }
  if (c->argc % 2 != 0) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  for (size_t i = 2; i < c->argc; i += 2)
    if (!client_filter_read(c, &c->argv[i], &c->argv[i + 1], &f)) return;
  sink_integer(c->out, client_kill_all(c, &f));
}

/* ---- CLIENT PAUSE and UNBLOCK ------------------------------------------------------------------------ */

/* The clients of windows wait; what the process itself calls goes on. */
static void client_pause(command_call *c, int64_t ms, bool all) {
  clients *them = clients_of(c->store);
  if (them == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  int64_t now = clients_clock(), until = ms > INT64_MAX - now ? INT64_MAX : now + ms;
  bool pausing = them->paused_until > now;
  them->paused_all = all || (pausing && them->paused_all);
  if (!pausing || until > them->paused_until) them->paused_until = until;
  sink_status(c->out, "OK");
}

void cmd_client_pause(command_call *c) {
  int64_t ms;
  bool writes = c->argc == 4 && command_is(&c->argv[3], "WRITE"), all = c->argc == 3 || (c->argc == 4 && command_is(&c->argv[3], "ALL"));
  if (!writes && !all) command_fail(c, "ERR CLIENT PAUSE mode must be WRITE or ALL");
  else if (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &ms)) command_fail(c, "ERR timeout is not an integer or out of range");
  else if (ms < 0) command_fail(c, "ERR timeout is negative");
  else client_pause(c, ms, all);
}

void cmd_client_unpause(command_call *c) {
  if (c->store->clients != NULL) c->store->clients->paused_until = 0;
  sink_status(c->out, "OK");
}

void cmd_client_unblock(command_call *c) {
  int64_t id;
  bool error = c->argc == 4 && command_is(&c->argv[3], "ERROR");
  if (c->argc == 4 && !error && !command_is(&c->argv[3], "TIMEOUT")) {
    command_fail(c, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  if (!command_int(c, &c->argv[2], &id)) return;
  kevy_session *session = client_first(c);
  while (session != NULL && session->id != id) session = session->next;
  bool over = session != NULL && session->waits &&
              blocking_unblock(session, error ? "UNBLOCKED client unblocked via CLIENT UNBLOCK" : NULL);
  sink_integer(c->out, over);
}
