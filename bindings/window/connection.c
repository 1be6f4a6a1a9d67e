/* connection: one client of a window: what came from it, what goes to it, and its session.
 *
 *     socket -> in -> request -> session -> out -> socket
 *
 * A connection takes turns: it runs requests while there are any, and stops
 *   - where the rest of a request is not there yet: a later read goes on with it,
 *   - after TURN_COMMANDS, so that others have theirs,
 *   - where the store is taken by a transaction: both come back through the list of those that are ready,
 *   - where a command waits: its end is an event,
 *   - where it owes more output than OWED_PAUSE: when enough of it was taken.
 * It is read from only while there is nothing left to run, or while it waits, so that its leaving is seen; input so stays within the
 * limit by itself. A connection that is idle owns no buffers.
 *
 * A closed one goes when the loop has let go of it, no list has it, and its session is closed, for which the store must let in. */
#ifdef KEVY_WINDOW

#include "window.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/effect.h"
#include "../../core/store.h"
#include "../session.h"

#define TURN_COMMANDS 256
#define OWED_PAUSE ((size_t)256 * 1024)
#define BUFFER_LEAST ((size_t)256)
#define BUFFER_KEPT ((size_t)1024)        /* bytes that an empty buffer of output keeps */
#define REPLY_KEPT ((size_t)1024 * 1024)  /* ... and the window's reply */
#define READ_LEAST ((size_t)16 * 1024)

typedef struct buffer {
  char *bytes;
  size_t at, len, room; /* what is between at and len is to be used */
} buffer;

/* A command that waits. */
typedef struct waiting {
  uv_poll_t poll;
  uv_timer_t timer;
  kevy_wait *wait;
  kevy_reply *reply;
  connection *c;
  int open; /* handles */
} waiting;

struct connection {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } as;
  kevy_window *w;
  connection *next, *prev;                         /* of all */
  connection *next_answered, *next_ready, *next_gone;
  kevy_session *session; /* NULL: it is refused */
  waiting *wait;         /* the command that waits, or NULL */
  request request;
  buffer in, out, flight; /* flight is being written */
  uv_write_t write;
  int64_t soft_since; /* it owes more than the soft limit of its class since then; 0: it does not */
  int fd;
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } ends[2]; /* the other and this one, of TCP */
  atomic_bool cut; /* CLIENT KILL */
  bool known;    /* said the password, or there is none */
  bool reading, writing;
  bool paused;   /* owes too much */
  bool ending;   /* closes when what it owes is sent */
  bool closing, closed;
  bool answered, ready; /* in these lists */
  atomic_bool signalled; /* in the window's, until the loop has looked at it */
  connection *next_signalled;
};

/* ---- Buffers ------------------------------------------------------------------------------------- */

static size_t buffer_has(const buffer *b) { return b->len - b->at; }

static void buffer_free(buffer *b) {
  free(b->bytes);
  *b = (buffer){NULL, 0, 0, 0};
}

/* Room for n bytes more behind what is there, which moves to the front. */
static bool buffer_reserve(buffer *b, size_t n) {
  if (b->at != 0) {
    memmove(b->bytes, b->bytes + b->at, b->len - b->at);
    b->len -= b->at;
    b->at = 0;
  }
  if (b->room - b->len >= n) return true;
  size_t room = b->room < BUFFER_LEAST ? BUFFER_LEAST : b->room * 2;
  if (room < b->len + n) room = b->len + n;
  char *bytes = realloc(b->bytes, room);
  if (bytes == NULL) return false;
  b->bytes = bytes;
  b->room = room;
  return true;
}

static bool buffer_add(buffer *b, const char *bytes, size_t n) {
  if (b->room - b->len < n && !buffer_reserve(b, n)) return false;
  memcpy(b->bytes + b->len, bytes, n);
  b->len += n;
  return true;
}

/* ---- Lists --------------------------------------------------------------------------------------- */

#define LIST_ADD(list, c, link) \
  do { \
    (c)->link = NULL; \
    *(list)->end = (c); \
    (list)->end = &(c)->link; \
  } while (0)

static connection *list_take(connection_list *list) {
  connection *first = list->first;
  list->first = NULL;
  list->end = &list->first;
  return first;
}

static const session_line connection_lines[2];

/* Gives it a session, unless there are too many. */
static void connection_admit(connection *c) {
  kevy_window *w = c->w;
  uint64_t most = w->maxclients != 0 ? w->maxclients : (uint64_t)config_number(w->store, CONFIG_MAXCLIENTS);
  clients *all = clients_of(w->store);
  if (all == NULL) return;
  all->accepted++;
  kevy_session *session = atomic_load(&w->count) < most ? session_new(w->store) : NULL;
  if (session == NULL) {
    all->refused++;
    return;
  }
  session->looks = !(w->flags & KEVY_WINDOW_WRITE);
  session->line = &connection_lines[w->bound.as.any.sa_family == AF_UNIX];
  session->line_of = c;
  session->fd = c->fd;
  (void)clients_join(session);
  c->session = session;
}

/* The store's lock keeps forks out while the list of all is changed. */
static void connection_link(connection *c) {
  kevy_window *w = c->w;
  bool entered = store_enter_beside(w->store);
  if (entered) connection_admit(c);
  c->prev = NULL;
  c->next = w->all;
  if (c->next != NULL) c->next->prev = c;
  w->all = c;
  if (entered) store_unlock(w->store);
  atomic_fetch_add(&w->count, 1);
}

static void connection_unlink(connection *c) {
  kevy_window *w = c->w;
  bool entered = store_enter_beside(w->store);
  if (c->prev != NULL) c->prev->next = c->next;
  else w->all = c->next;
  if (c->next != NULL) c->next->prev = c->prev;
  if (c->session != NULL) clients_leave(c->session);
  if (entered) store_unlock(w->store);
  atomic_fetch_sub(&w->count, 1);
}

void connections_forked(kevy_window *w) {
  for (connection *c = w->all; c != NULL; c = c->next) {
    if (c->session != NULL) clients_leave(c->session);
    close(c->fd);
  }
  close(w->fd);
  close(uv_backend_fd(&w->loop));
}

/* Its next turn comes without an event. */
static void connection_again(connection *c, bool taken) {
  window_again(c->w, taken);
  if (c->ready) return;
  c->ready = true;
  LIST_ADD(&c->w->ready, c, next_ready);
}

/* ---- Closing ------------------------------------------------------------------------------------- */

static void waiting_on_closed(uv_handle_t *handle) {
  waiting *g = handle->data;
  if (--g->open != 0) return;
  kevy_wait_close(g->wait);
  kevy_reply_free(g->reply);
  free(g);
}

static void waiting_close(waiting *g) {
  (void)kevy_wait_end(g->wait);
  uv_close((uv_handle_t *)&g->poll, waiting_on_closed);
  uv_close((uv_handle_t *)&g->timer, waiting_on_closed);
}

static void connection_on_closed(uv_handle_t *handle) {
  connection *c = handle->data;
  c->closed = true;
  LIST_ADD(&c->w->gone, c, next_gone);
}

void connection_close(connection *c) {
  if (c->closing) return;
  c->closing = true;
  connection_unlink(c);
  if (c->wait != NULL) waiting_close(c->wait);
  c->wait = NULL;
  uv_close(&c->as.handle, connection_on_closed);
}

static void connection_free(connection *c) {
  kevy_session_close(c->session);
  request_free(&c->request);
  buffer_free(&c->in);
  buffer_free(&c->out);
  buffer_free(&c->flight);
  free(c);
}

void connections_bury(kevy_window *w, bool all) {
  if (!all && !window_enter(w)) {
    window_again(w, true);
    return;
  }
  for (connection *c = list_take(&w->gone), *next; c != NULL; c = next) {
    next = c->next_gone;
    if (c->session != NULL) kevy_session_close(c->session); /* nobody signals it from here on */
    c->session = NULL;
    if (all || (!c->answered && !c->ready && !atomic_load(&c->signalled))) connection_free(c);
    else LIST_ADD(&w->gone, c, next_gone);
  }
  if (!all) window_leave(w);
}

/* ---- Output -------------------------------------------------------------------------------------- */

static size_t connection_owes(const connection *c) { return buffer_has(&c->out) + buffer_has(&c->flight); }

/* Whether it owes more than clients of its class may. */
static bool connection_exceeds(connection *c) {
  kevy_window *w = c->w;
  const pubsub_limit *limit = &w->limits[subscriber_listens(&c->session->listens) ? CONFIG_OF_PUBSUB : CONFIG_OF_NORMAL];
  size_t owes = connection_owes(c);
  int64_t now = (int64_t)uv_now(&w->loop);
  if (limit->soft == 0 || owes <= limit->soft) c->soft_since = 0;
  else if (c->soft_since == 0) c->soft_since = now;
  return owes > w->output_most || (limit->hard != 0 && owes > limit->hard) ||
         (c->soft_since != 0 && now - c->soft_since > limit->seconds * 1000);
}

static void connection_answer(connection *c, const char *bytes, size_t len) {
  if (c->closing) return;
  if (len > c->w->output_most - connection_owes(c) || !buffer_add(&c->out, bytes, len) || connection_exceeds(c)) {
    connection_close(c);
    return;
  }
  if (c->answered) return;
  c->answered = true;
  LIST_ADD(&c->w->answered, c, next_answered);
}

static void connection_say(connection *c, const char *text) { connection_answer(c, text, strlen(text)); }

static void connection_flush(connection *c);

static void connection_on_written(uv_write_t *write, int status) {
  connection *c = write->data;
  c->writing = false;
  buffer_free(&c->flight);
  if (status < 0) connection_close(c);
  else connection_flush(c);
}

/* What the socket did not take is written when it does. */
static void connection_write_rest(connection *c) {
  c->flight = c->out;
  c->out = (buffer){NULL, 0, 0, 0};
  c->writing = true;
  c->write.data = c;
  uv_buf_t buf = uv_buf_init(c->flight.bytes + c->flight.at, (unsigned)buffer_has(&c->flight));
  if (uv_write(&c->write, &c->as.stream, &buf, 1, connection_on_written) == 0) return;
  c->writing = false;
  connection_close(c);
}

/* All is sent. */
static void connection_sent(connection *c) {
  c->soft_since = 0;
  if (c->out.room > BUFFER_KEPT) buffer_free(&c->out);
  else c->out.at = c->out.len = 0;
  if (c->ending) connection_close(c);
}

static void connection_flush(connection *c) {
  if (c->closing || c->writing) return;
  if (buffer_has(&c->out) != 0) {
    uv_buf_t buf = uv_buf_init(c->out.bytes + c->out.at, (unsigned)buffer_has(&c->out));
    int n = uv_try_write(&c->as.stream, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) {
      connection_close(c);
      return;
    }
    if (n > 0) c->out.at += (size_t)n;
  }
  if (buffer_has(&c->out) == 0) connection_sent(c);
  else connection_write_rest(c);
  if (c->session != NULL) __atomic_store_n(&c->session->figures.output, connection_owes(c), __ATOMIC_RELAXED);
  if (c->closing || !c->paused || connection_owes(c) > OWED_PAUSE / 2) return;
  c->paused = false;
  connection_again(c, false);
}

/* Whether what was written in this round is as durable as it should be. */
static bool round_durable(kevy_window *w) {
  uint64_t ticket = w->ticket;
  if (ticket == 0) return true;
  w->ticket = 0;
  return w->store->effects->wait(w->store, ticket, true) == KEVY_OK;
}

/* Where it is not, nobody is told that it was. */
void connections_flush(kevy_window *w) {
  if (w->answered.first == NULL) return;
  bool durable = round_durable(w);
  for (connection *c = list_take(&w->answered), *next; c != NULL; c = next) {
    next = c->next_answered;
    c->answered = false;
    if (durable) connection_flush(c);
    else connection_close(c);
  }
}

/* ---- Waiting ------------------------------------------------------------------------------------- */

static void connection_over(connection *c) {
  waiting *g = c->wait;
  const char *bytes;
  size_t len;
  c->wait = NULL;
  if (kevy_wait_end(g->wait) == KEVY_OK) {
    kevy_reply_bytes(g->reply, &bytes, &len);
    connection_answer(c, bytes, len);
    connection_again(c, false);
  } else {
    connection_close(c);
  }
  waiting_close(g);
}

static void waiting_on_served(uv_poll_t *poll, int status, int what) {
  (void)status, (void)what;
  connection_over(((waiting *)poll->data)->c);
}
static void waiting_on_timeout(uv_timer_t *timer) { connection_over(((waiting *)timer->data)->c); }

/* From here on the window's reply is the command's, and the window has another. */
static bool connection_wait(connection *c, kevy_wait *wait) {
  kevy_window *w = c->w;
  waiting *g = calloc(1, sizeof *g);
  kevy_reply *fresh = kevy_reply_new();
  if (g == NULL || fresh == NULL || uv_poll_init(&w->loop, &g->poll, kevy_wait_fd(wait)) != 0) {
    kevy_wait_close(wait);
    kevy_reply_free(fresh);
    free(g);
    return false;
  }
  uv_timer_init(&w->loop, &g->timer);
  *g = (waiting){.poll = g->poll, .timer = g->timer, .wait = wait, .reply = w->reply, .c = c, .open = 2};
  g->poll.data = g->timer.data = g;
  w->reply = fresh;
  c->wait = g;
  uv_poll_start(&g->poll, UV_READABLE, waiting_on_served);
  int64_t left = kevy_wait_left(wait);
  uv_update_time(&w->loop);
  if (left != KEVY_NO_TTL) uv_timer_start(&g->timer, waiting_on_timeout, (uint64_t)left + 1, 0);
  return true;
}

/* ---- Commands ------------------------------------------------------------------------------------ */

#define SAY_NOAUTH "-NOAUTH Authentication required.\r\n"
#define SAY_HELLO \
  "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option " \
  "can be used to authenticate the client and select the RESP protocol version at the same time\r\n"
#define SAY_WRONG "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
#define SAY_NO_PASSWORD \
  "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is " \
  "correct?\r\n"
#define SAY_ARITY "-ERR wrong number of arguments for 'auth' command\r\n"
#define SAY_MEMORY "-ERR out of memory\r\n"

/* Takes as long whatever is wrong with it. */
static bool password_fits(const char *password, const kevy_value *said) {
  size_t len = strlen(password);
  volatile unsigned char differs = said->len != len;
  for (size_t i = 0; i < said->len; i++) differs |= (unsigned char)(said->as.ptr[i] ^ password[len != 0 ? i % len : 0]);
  return differs == 0;
}

/* There is one user, of Redis's name. */
static bool connection_login(connection *c, const kevy_value *user, const kevy_value *said) {
  const char *password = c->w->password;
  if (user != NULL && !(user->len == 7 && memcmp(user->as.ptr, "default", 7) == 0)) return false;
  if (password != NULL && !password_fits(password, said)) return false;
  c->known = true;
  c->request.stranger = false;
  return true;
}

static void connection_auth(connection *c) {
  const request *q = &c->request;
  if (q->argc < 2 || q->argc > 3) connection_say(c, SAY_ARITY);
  else if (q->argc == 2 && c->w->password == NULL) connection_say(c, SAY_NO_PASSWORD);
  else if (connection_login(c, q->argc == 3 ? &q->argv[1] : NULL, &q->argv[q->argc - 1])) connection_say(c, "+OK\r\n");
  else connection_say(c, SAY_WRONG);
}

/* HELLO's own AUTH, which the session does not get to see. False: it was refused. */
static bool connection_hello(connection *c) {
  request *q = &c->request;
  for (size_t i = 2; i + 2 < q->argc; i++) {
    if (command_is(&q->argv[i], "SETNAME")) {
      i++;
      continue;
    }
    if (!command_is(&q->argv[i], "AUTH")) continue;
    if (!connection_login(c, &q->argv[i + 1], &q->argv[i + 2])) {
      connection_say(c, SAY_WRONG);
      return false;
    }
    q->argc -= 3;
    memmove(&q->argv[i], &q->argv[i + 3], (q->argc - i) * sizeof *q->argv);
    break;
  }
  if (!c->known) connection_say(c, SAY_HELLO);
  return c->known;
}

/* What is said to the window itself. True: it is answered. */
static bool connection_hears(connection *c) {
  const kevy_value *name = &c->request.argv[0];
  if (LIKELY(c->known && (name->len < 4 || name->len > 5))) return false;
  if (command_is(name, "AUTH")) {
    connection_auth(c);
    return true;
  }
  if (command_is(name, "HELLO")) return !connection_hello(c);
  if (command_is(name, "QUIT")) {
    connection_say(c, "+OK\r\n");
    c->ending = true;
    return true;
  }
  if (c->known) {
    if (command_is(name, "RESET")) c->known = c->w->password == NULL;
    return false;
  }
  if (command_is(name, "RESET")) return false;
  connection_say(c, SAY_NOAUTH);
  return true;
}

/* ---- Messages ------------------------------------------------------------------------------------ */

/* On the publisher's thread, with the store's lock held. */
static void connection_on_push(void *context) {
  connection *c = context;
  kevy_window *w = c->w;
  if (atomic_exchange(&c->signalled, true)) return;
  c->next_signalled = atomic_load(&w->signalled);
  while (!atomic_compare_exchange_weak(&w->signalled, &c->next_signalled, c)) continue;
  uv_async_send(&w->async);
}

/* One that was dropped from ends as in Redis: what it missed it cannot know. */
static void connection_tell(connection *c) {
  kevy_window *w = c->w;
  const char *bytes;
  size_t len;
  kevy_status status = KEVY_OK;
  while (!c->closing && (status = kevy_session_next_push(c->session, KEVY_RESP, w->reply)) == KEVY_OK) {
    kevy_reply_bytes(w->reply, &bytes, &len);
    connection_answer(c, bytes, len);
  }
  if (status != KEVY_MISSING) connection_close(c);
}

void connections_tell(kevy_window *w) {
  for (connection *c = atomic_exchange(&w->signalled, NULL), *next; c != NULL; c = next) {
    next = c->next_signalled;
    atomic_store(&c->signalled, false);
    if (c->closing || c->session == NULL) continue;
    if (atomic_load(&c->cut)) {
      connection_close(c);
    } else if (window_enter(w)) {
      connection_tell(c);
      window_leave(w);
    } else {
      connection_again(c, true);
    }
  }
}

/* ---- What its session knows of it ------------------------------------------------------------------ */

static void connection_address(const void *context, bool local, char text[SESSION_ADDRESS]) {
  const connection *c = context;
  char host[INET6_ADDRSTRLEN] = "";
  if (c->w->bound.as.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &c->ends[local].in.sin_addr, host, sizeof host);
    snprintf(text, SESSION_ADDRESS, "%s:%u", host, ntohs(c->ends[local].in.sin_port));
  } else if (c->w->bound.as.any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &c->ends[local].in6.sin6_addr, host, sizeof host);
    snprintf(text, SESSION_ADDRESS, "[%s]:%u", host, ntohs(c->ends[local].in6.sin6_port));
  } else {
    snprintf(text, SESSION_ADDRESS, "%.107s:0", c->w->bound.as.un.sun_path);
  }
}

static void connection_cut(void *context) {
  connection *c = context;
  atomic_store(&c->cut, true);
  connection_on_push(c);
}

static const session_line connection_lines[2] = {{connection_address, connection_cut, false}, {connection_address, connection_cut, true}};

/* Bytes that came and are not run yet, and what else its buffer has room for. */
static void connection_count(const connection *c) {
  session_figures *f = &c->session->figures;
  __atomic_store_n(&f->input, buffer_has(&c->in), __ATOMIC_RELAXED);
  __atomic_store_n(&f->room, c->in.room - buffer_has(&c->in), __ATOMIC_RELAXED);
}

static void connection_replied(connection *c, kevy_status status, kevy_reply *reply) {
  kevy_window *w = c->w;
  const char *bytes;
  size_t len;
  if (status == KEVY_ECLOSED) {
    connection_close(c);
    return;
  }
  if (status < 0) {
    connection_say(c, SAY_MEMORY);
    return;
  }
  kevy_reply_bytes(reply, &bytes, &len);
  connection_answer(c, bytes, len);
  if (LIKELY(len <= REPLY_KEPT) || reply != w->reply) return;
  kevy_reply *fresh = kevy_reply_new();
  if (fresh == NULL) return;
  kevy_reply_free(w->reply);
  w->reply = fresh;
}

/* While a script is late; false: none is. */
static bool connection_command_late(connection *c) {
  const request *q = &c->request;
  kevy_reply *aside = c->w->aside;
  kevy_status status;
  if (!session_call_late(c->session, q->argc, q->argv, session_encoding(c->session, KEVY_RESP), aside, &status)) return false;
  if (c->session->over) c->ending = true;
  connection_replied(c, status, aside);
  return true;
}

/* Runs the request that was read. False: the store is taken, and it was not run. */
static bool connection_command(connection *c) {
  kevy_window *w = c->w;
  const request *q = &c->request;
  kevy_wait *wait = NULL;
  if (connection_hears(c)) return true;
  if (UNLIKELY(store_late(w->store)) && connection_command_late(c)) return true;
  if (!window_enter(w)) return false;
  if (UNLIKELY(clients_hold(c->session, q->argc, q->argv))) {
    window_leave(w);
    return false;
  }
  w->serving = c;
  kevy_status status = kevy_session_wait(c->session, q->argc, q->argv, KEVY_RESP, w->reply, &wait);
  w->serving = NULL;
  if (UNLIKELY(c->session->over)) c->ending = true;
  window_leave(w);
  if (wait == NULL) connection_replied(c, status, w->reply);
  else if (!connection_wait(c, wait)) connection_say(c, SAY_MEMORY);
  return true;
}

/* ---- Turns --------------------------------------------------------------------------------------- */

typedef enum turn_end { TURN_HUNGRY, TURN_SPENT, TURN_TAKEN, TURN_HELD } turn_end;

static void connection_protest(connection *c) {
  char text[128];
  snprintf(text, sizeof text, "-ERR Protocol error: %s\r\n", c->request.error);
  connection_say(c, text);
  c->ending = true;
}

/* One request, if it is there. */
static turn_end connection_step(connection *c) {
  size_t used;
  switch (request_read(&c->request, c->in.bytes + c->in.at, buffer_has(&c->in), &used)) {
    case REQUEST_PART: return TURN_HUNGRY;
    case REQUEST_BAD: connection_protest(c); return TURN_HELD;
    default: break;
  }
  bool ran = c->request.argc == 0 || connection_command(c);
  request_reset(&c->request);
  if (!ran) return TURN_TAKEN;
  c->in.at += used;
  return TURN_SPENT;
}

static bool connection_held(connection *c) {
  if (connection_owes(c) > OWED_PAUSE) c->paused = true;
  return c->paused || c->closing || c->ending || c->wait != NULL;
}

static turn_end connection_steps(connection *c) {
  if (store_taken(c->w->store) && !store_late(c->w->store)) return TURN_TAKEN;
  for (int i = 0; i < TURN_COMMANDS; i++) {
    if (connection_held(c)) return TURN_HELD;
    if (buffer_has(&c->in) == 0) return TURN_HUNGRY;
    turn_end end = connection_step(c);
    if (end != TURN_SPENT) return end;
  }
  return connection_held(c) ? TURN_HELD : buffer_has(&c->in) == 0 ? TURN_HUNGRY : TURN_SPENT;
}

static void connection_on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void connection_on_read(uv_stream_t *from, ssize_t n, const uv_buf_t *buf);

static void connection_read(connection *c, bool wanted) {
  if (c->closing || c->reading == wanted) return;
  c->reading = wanted;
  if (!wanted) uv_read_stop(&c->as.stream);
  else if (uv_read_start(&c->as.stream, connection_on_room, connection_on_read) != 0) connection_close(c);
}

static void connection_turn(connection *c) {
  connection_count(c);
  turn_end end = connection_steps(c);
  connection_read(c, end == TURN_HUNGRY || c->wait != NULL);
  if (end == TURN_SPENT || end == TURN_TAKEN) connection_again(c, end == TURN_TAKEN);
  if (end == TURN_HELD && c->ending && !c->closing && connection_owes(c) == 0) connection_close(c);
}

void connections_run(kevy_window *w) {
  for (connection *c = list_take(&w->ready), *next; c != NULL; c = next) {
    next = c->next_ready;
    c->ready = false;
    if (!c->closing && c->session != NULL) connection_on_push(c); /* messages may have been kept back, too */
    if (!c->closing) connection_turn(c);
    if (c->closing) continue;
    if (buffer_has(&c->in) == 0) buffer_free(&c->in);
    connection_count(c);
  }
}

void connections_expire(kevy_window *w) {
  int64_t now = clients_clock();
  for (connection *c = w->all, *next; c != NULL; c = next) {
    next = c->next;
    bool listens = c->session != NULL && subscriber_listens(&c->session->listens);
    if (c->session == NULL || c->wait != NULL || listens) continue;
    if (now - c->session->heard > w->timeout * 1000) connection_close(c);
  }
}

/* ---- Input --------------------------------------------------------------------------------------- */

/* Whoever has nothing left over from before reads into the window's room. */
static void connection_on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  connection *c = handle->data;
  *buf = uv_buf_init(c->w->room, WINDOW_ROOM);
  if (buffer_has(&c->in) == 0) return;
  size_t most = c->w->query_most + REQUEST_LINE, has = buffer_has(&c->in);
  if (has >= most || !buffer_reserve(&c->in, READ_LEAST)) *buf = uv_buf_init(NULL, 0);
  else *buf = uv_buf_init(c->in.bytes + c->in.len, (unsigned)(c->in.room - c->in.len < most - has ? c->in.room - c->in.len : most - has));
}

/* Input that is not the connection's own yet is its own afterwards, or used up. */
static void connection_borrow(connection *c, char *bytes, size_t n) {
  c->in = (buffer){bytes, 0, n, n};
  if (c->wait == NULL) connection_turn(c);
  buffer left = c->in;
  c->in = (buffer){NULL, 0, 0, 0};
  if (c->closing || buffer_has(&left) == 0) return;
  if (!buffer_add(&c->in, left.bytes + left.at, buffer_has(&left))) connection_close(c);
}

/* What is left over is counted; what is run is counted while it is. */
static void connection_came(connection *c, char *bytes, size_t n) {
  if (bytes == c->w->room) {
    connection_borrow(c, bytes, n);
  } else {
    c->in.len += n;
    if (c->wait == NULL) connection_turn(c);
    if (buffer_has(&c->in) == 0) buffer_free(&c->in);
  }
  if (!c->closing) connection_count(c);
}

static void connection_on_read(uv_stream_t *from, ssize_t n, const uv_buf_t *buf) {
  connection *c = from->data;
  if (n == 0 || c->closing) return;
  if (n < 0) { /* it left, or sent more than it may */
    connection_flush(c);
    connection_close(c);
  } else {
    connection_came(c, buf->base, (size_t)n);
  }
}

/* ---- Opening ------------------------------------------------------------------------------------- */

/* The client that waits at the listener, or the one behind a socket. */
static int connection_take(connection *c, int fd) {
  kevy_window *w = c->w;
  bool file = w->bound.as.any.sa_family == AF_UNIX;
  int error = file ? uv_pipe_init(&w->loop, &c->as.pipe, 0) : uv_tcp_init(&w->loop, &c->as.tcp);
  if (error != 0) return error;
  c->as.handle.data = c;
  error = fd < 0 ? uv_accept(&w->listener.stream, &c->as.stream) : file ? uv_pipe_open(&c->as.pipe, fd) : uv_tcp_open(&c->as.tcp, fd);
  if (error == 0) error = uv_fileno(&c->as.handle, &c->fd);
  if (error == 0 && !file) {
    socklen_t peer = sizeof c->ends[0], local = sizeof c->ends[1];
    uv_tcp_nodelay(&c->as.tcp, 1);
    (void)getpeername(c->fd, &c->ends[0].any, &peer);
    (void)getsockname(c->fd, &c->ends[1].any, &local);
  }
  return error;
}

/* What it does without asking, once it is admitted. */
static void connection_settle(connection *c) {
  kevy_window *w = c->w;
  session_on_push(c->session, connection_on_push, c);
  if (w->bound.as.any.sa_family != AF_UNIX && w->keepalive != 0) uv_tcp_keepalive(&c->as.tcp, 1, (unsigned)w->keepalive);
  connection_read(c, true);
}

static void connection_open(kevy_window *w, int fd) {
  static const char full[] = "-ERR max number of clients reached\r\n";
  connection *c = calloc(1, sizeof *c);
  if (c == NULL) {
    if (fd >= 0) close(fd);
    return;
  }
  c->w = w;
  c->fd = -1;
  c->request.most = (int64_t)w->query_most;
  c->request.stranger = w->password != NULL;
  c->known = w->password == NULL;
  int error = connection_take(c, fd);
  connection_link(c);
  bool refused = c->session == NULL;
  if (error == 0 && refused && write(c->fd, full, sizeof full - 1) < 0) error = UV_EAGAIN;
  if (error != 0 || refused) connection_close(c);
  else connection_settle(c);
}

void connection_accept(kevy_window *w) { connection_open(w, -1); }

/* ---- While a script is late ------------------------------------------------------------------------ */

#define MEANWHILE_MS 10 /* between two looks */

/* Whether it may be read from: the one whose script it is has its input elsewhere. */
static bool connection_listens(const connection *c) {
  return c != c->w->serving && c->session != NULL && !c->closing && !c->ending && !c->paused && c->wait == NULL;
}

/* Takes what came; false: nothing, or its end. */
static bool connection_receive(connection *c) {
  size_t most = c->w->query_most + REQUEST_LINE, has = buffer_has(&c->in);
  if (has >= most || !buffer_reserve(&c->in, READ_LEAST)) {
    connection_close(c);
    return false;
  }
  ssize_t n = recv(c->fd, c->in.bytes + c->in.len, READ_LEAST, MSG_DONTWAIT);
  if (n > 0) c->in.len += (size_t)n;
  else if (n == 0 || (errno != EAGAIN && errno != EINTR)) connection_close(c);
  return n > 0;
}

/* Its requests are answered. */
static void connection_meanwhile(connection *c, bool came) {
  if (came && !connection_receive(c)) return;
  for (int i = 0; i < TURN_COMMANDS && connection_listens(c) && buffer_has(&c->in) != 0; i++)
    if (connection_step(c) != TURN_SPENT) break;
  connection_count(c);
}

static void connections_arrive(kevy_window *w) {
  int fd;
  while ((fd = accept(w->fd, NULL, NULL)) >= 0) {
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    connection_open(w, fd);
  }
}

void connections_meanwhile(kevy_window *w) {
  int64_t now = clients_clock();
  if (now - w->looked < MEANWHILE_MS) return;
  w->looked = now;
  connections_arrive(w);
  size_t n = 0, most = (size_t)atomic_load(&w->count);
  struct pollfd *polls = malloc((most + 1) * sizeof *polls);
  if (polls == NULL) return;
  for (const connection *c = w->all; c != NULL && n < most; c = c->next) polls[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
  (void)poll(polls, (nfds_t)n, 0);
  size_t i = 0;
  for (connection *c = w->all, *next; c != NULL && i < n; c = next, i++) {
    next = c->next;
    bool came = polls[i].revents != 0;
    if (connection_listens(c) && (came || buffer_has(&c->in) != 0)) connection_meanwhile(c, came);
  }
  free(polls);
  connections_flush(w);
}

#endif
