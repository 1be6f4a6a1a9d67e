/* window: see window.h. Here are the loop's thread, and the ABI. */
#ifdef KEVY_WINDOW

#include "window.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../core/effect.h"
#include "../blocking.h"
#include "../../core/registry.h"
#include "../../core/store.h"

#define WINDOW_BYTES ((size_t)64 << 20)
#define WINDOW_BYTES_MOST (UINT64_C(1) << 30)
#define WINDOW_BACKLOG 511
#define WINDOW_TICK_MS 100
#define WINDOW_LOOK 10 /* ticks between looks for idle clients */
#define WINDOW_TICKS 8 /* slices of upkeep, one after the other */

/* ---- The store ----------------------------------------------------------------------------------- */

bool window_enter(kevy_window *w) {
  kevy_store *s = w->store;
  if (kevy_try_lock(s) != KEVY_OK) return false;
  if (effect_kept(s)) s->effects->deferred = &w->ticket;
  return true;
}

void window_leave(kevy_window *w) {
  kevy_store *s = w->store;
  struct kevy_wait *served = s->served;
  if (effect_kept(s)) s->effects->deferred = NULL;
  s->served = NULL;
  kevy_unlock(s);
  if (UNLIKELY(served != NULL)) blocking_tell(served, w->ticket != 0 ? s->effects->wait(s, w->ticket, true) : KEVY_OK);
  store_offer(s);
}

static kevy_store *window_registered(void *context) { return context; }

/* Whether the store has a lock for other reasons. */
static bool window_guest(const kevy_store *s) { return (s->flags & KEVY_THREADS) != 0; }

static void window_forked(kevy_store *s) {
  for (kevy_window *w = s->windows; w != NULL; w = w->next) connections_forked(w);
}

/* What CONFIG SET may have changed. */
static void window_options(kevy_window *w) {
  w->keepalive = config_number(w->store, CONFIG_TCP_KEEPALIVE);
  w->timeout = config_number(w->store, CONFIG_TIMEOUT);
  for (int i = 0; i < CONFIG_CLASSES; i++) w->limits[i] = config_limit(w->store, (config_class)i);
}

/* Puts the window into the store, which has a lock from now on, and is whole across forks. */
static kevy_status window_hang(kevy_store *s, kevy_window *w) {
  if (!s->registered && registry_open(NULL, window_registered, s) == NULL) return KEVY_EOOM;
  if (!s->locked) s->lock = (store_lock){0};
  s->locked = true;
  (void)store_enter_beside(s);
  w->store = s;
  window_options(w);
  w->next = s->windows;
  s->windows = w;
  s->forked = window_forked;
  store_unlock(s);
  return KEVY_OK;
}

/* And takes it out. */
static void window_unhang(kevy_window *w) {
  kevy_store *s = w->store;
  kevy_window **link = &s->windows;
  w->store = NULL;
  (void)store_enter_beside(s);
  while (*link != w) link = &(*link)->next;
  *link = w->next;
  store_unlock(s);
  if (s->windows != NULL || window_guest(s)) return;
  s->locked = false;
  if (effect_kept(s) || !s->registered) return; /* a directory's is registered anyway; one that closes is not any more */
  (void)registry_close(s);
  s->registered = false;
  s->opens = 1;
}

/* ---- The loop ------------------------------------------------------------------------------------ */

static void window_on_client(uv_stream_t *listener, int status) {
  if (status == 0) connection_accept(listener->data);
}

static void window_on_again(uv_idle_t *again) {
  kevy_window *w = again->data;
  uv_idle_stop(again);
  connections_run(w);
}

static void window_on_retry(uv_timer_t *retry) { connections_run(retry->data); }

void window_again(kevy_window *w, bool taken) {
  if (!taken) uv_idle_start(&w->again, window_on_again);
  else if (!uv_is_active((uv_handle_t *)&w->retry)) uv_timer_start(&w->retry, window_on_retry, 1, 0);
}

static void window_on_round(uv_prepare_t *round) {
  kevy_window *w = round->data;
  connections_flush(w);
  if (w->gone.first != NULL) connections_bury(w, false);
}

/* Expired keys and dead memory go also while nobody calls. */
static void window_on_tick(uv_timer_t *tick) {
  kevy_window *w = tick->data;
  for (int i = 0; i < WINDOW_TICKS && window_enter(w); i++) {
    if (i == 0) window_options(w);
    kevy_status status = kevy_tick(w->store, 0, NULL);
    window_leave(w);
    if (status != KEVY_UNMET) break;
  }
  if (w->timeout != 0 && ++w->ticks % WINDOW_LOOK == 0) connections_expire(w);
}

static void window_on_signal(uv_async_t *async) {
  kevy_window *w = async->data;
  connections_tell(w);
  if (!atomic_load(&w->stopping)) return;
  uv_handle_t *const own[] = {&w->listener.handle, (uv_handle_t *)async, (uv_handle_t *)&w->round, (uv_handle_t *)&w->again,
                              (uv_handle_t *)&w->retry, (uv_handle_t *)&w->tick};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) uv_close(own[i], NULL);
  while (w->all != NULL) connection_close(w->all);
}

static void *window_main(void *context) {
  kevy_window *w = context;
  uv_run(&w->loop, UV_RUN_DEFAULT);
  return NULL;
}

static bool window_spawn(kevy_window *w) {
  sigset_t all, before; /* the host's signals are the host's threads' business; of a broken pipe the loop is told */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  w->running = pthread_create(&w->thread, NULL, window_main, w) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return w->running;
}

/* ---- Opening ------------------------------------------------------------------------------------- */

static void window_free(kevy_window *w) {
  if (w->password != NULL) memset(w->password, 0, strlen(w->password));
  free(w->password);
  free(w->room);
  kevy_reply_free(w->reply);
  kevy_reply_free(w->aside);
  free(w);
}

static kevy_window *window_new(const kevy_window_options *o) {
  kevy_window *w = calloc(1, sizeof *w);
  if (w == NULL) return NULL;
  w->pid = getpid();
  w->flags = o->flags;
  w->maxclients = o->maxclients;
  w->query_most = o->query_buffer != 0 ? (size_t)o->query_buffer : WINDOW_BYTES;
  w->output_most = o->output_buffer != 0 ? (size_t)o->output_buffer : WINDOW_BYTES;
  w->answered.end = &w->answered.first;
  w->ready.end = &w->ready.first;
  w->gone.end = &w->gone.first;
  w->reply = kevy_reply_new();
  w->aside = kevy_reply_new();
  w->room = malloc(WINDOW_ROOM);
  if (o->password != NULL) w->password = strdup(o->password);
  if (w->reply != NULL && w->aside != NULL && w->room != NULL && (o->password == NULL || w->password != NULL)) return w;
  window_free(w);
  return NULL;
}

/* Puts a bound socket into the loop. */
static int window_listen(kevy_window *w) {
  int error = w->bound.as.any.sa_family == AF_UNIX
                  ? uv_pipe_init(&w->loop, &w->listener.pipe, 0) ?: uv_pipe_open(&w->listener.pipe, w->fd)
                  : uv_tcp_init(&w->loop, &w->listener.tcp) ?: uv_tcp_open(&w->listener.tcp, w->fd);
  if (error == 0) w->listener.handle.data = w;
  return error != 0 ? error : uv_listen(&w->listener.stream, WINDOW_BACKLOG, window_on_client);
}

static void window_furnish(kevy_window *w) {
  uv_prepare_init(&w->loop, &w->round);
  uv_idle_init(&w->loop, &w->again);
  uv_timer_init(&w->loop, &w->retry);
  uv_timer_init(&w->loop, &w->tick);
  w->round.data = w->again.data = w->retry.data = w->tick.data = w->async.data = w;
  uv_prepare_start(&w->round, window_on_round);
  uv_timer_start(&w->tick, window_on_tick, WINDOW_TICK_MS, WINDOW_TICK_MS);
}

/* Lets everything in the loop go that was put there, and the loop. */
static void window_clear_one(uv_handle_t *handle, void *unused) {
  (void)unused;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}
static void window_clear(kevy_window *w) {
  uv_walk(&w->loop, window_clear_one, NULL);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  uv_loop_close(&w->loop);
}

/* The loop with all that is in it, ready to run; an error of libuv's. */
static int window_build(kevy_window *w) {
  int error = uv_loop_init(&w->loop);
  if (error != 0) {
    close(w->fd);
    return error;
  }
  error = uv_async_init(&w->loop, &w->async, window_on_signal);
  if (error == 0) {
    window_furnish(w);
    error = window_listen(w);
  } else {
    close(w->fd);
  }
  if (error != 0) window_clear(w);
  return error;
}

static kevy_status window_refused(kevy_store *s, const char *text, int error) {
  errno = error;
  return store_fail(s, KEVY_EIO, "cannot listen at %s: %s", text, strerror(error));
}

static kevy_status window_open(kevy_store *s, kevy_window *w, const char *text) {
  w->fd = address_bind(&w->bound);
  if (w->fd < 0) return window_refused(s, text, errno);
  int error = window_build(w);
  if (error != 0) {
    address_forget(&w->bound);
    return window_refused(s, text, -error);
  }
  address_write(&w->bound, w->fd, w->text);
  kevy_status status = window_hang(s, w);
  if (status == KEVY_OK && !window_spawn(w)) {
    window_unhang(w);
    status = KEVY_EOOM;
  }
  if (status == KEVY_OK) return KEVY_OK;
  window_clear(w);
  address_forget(&w->bound);
  return status;
}

static kevy_status window_check(kevy_store *s, const char *text, const kevy_window_options *o, address *a) {
  if (s->frozen != NULL) return KEVY_EREADONLY;
  if (s->transaction != NULL) return KEVY_ETRANSACTION;
  if (o->size < sizeof *o || o->flags & ~(KEVY_WINDOW_WRITE | KEVY_WINDOW_PUBLIC)) return KEVY_EARG;
  if (o->query_buffer > WINDOW_BYTES_MOST || o->output_buffer > WINDOW_BYTES_MOST)
    return store_fail(s, KEVY_EARG, "%s", "a buffer's limit is at most 1 GiB");
  const char *wrong = address_read(a, text);
  if (wrong == NULL && !address_local(a) && !(o->flags & KEVY_WINDOW_PUBLIC))
    wrong = "other machines reach this address: say that they may (public), or listen on 127.0.0.1";
  return wrong != NULL ? store_fail(s, KEVY_EARG, "%s", wrong) : KEVY_OK;
}

KEVY_API kevy_status kevy_serve(kevy_store *s, const char *text, const kevy_window_options *options, kevy_window **out) {
  const kevy_window_options defaults = KEVY_WINDOW_OPTIONS_INIT;
  const kevy_window_options *o = options != NULL ? options : &defaults;
  address a;
  if (!store_enter(s)) return KEVY_ECLOSED;
  kevy_status status = window_check(s, text, o, &a);
  status = store_noted(s, status);
  store_leave(s);
  if (status != KEVY_OK) return status;
  kevy_window *w = window_new(o);
  if (w == NULL) return store_noted(s, KEVY_EOOM);
  w->bound = a;
  status = store_noted(s, window_open(s, w, text));
  if (status == KEVY_OK) *out = w;
  else window_free(w);
  return status;
}

/* ---- Closing ------------------------------------------------------------------------------------- */

KEVY_API void kevy_window_stop(kevy_window *w) {
  if (!w->running || w->pid != getpid()) return;
  atomic_store(&w->stopping, true);
  uv_async_send(&w->async);
  pthread_join(w->thread, NULL);
  w->running = false;
  address_forget(&w->bound);
  connections_bury(w, true);
  uv_loop_close(&w->loop);
}

KEVY_API void kevy_window_close(kevy_window *w) {
  if (w == NULL) return;
  kevy_window_stop(w);
  if (w->store != NULL) window_unhang(w);
  window_free(w);
}

/* Of a store that closes. */
static void windows_close(kevy_store *s) {
  for (kevy_window *w = s->windows, *next; w != NULL; w = next) {
    next = w->next;
    kevy_window_stop(w);
    window_unhang(w);
  }
}

/* A script that is late runs; on this thread, if it is of one of the store's windows: then its clients are answered here. False: the
 * window is to stop. */
static bool windows_meanwhile(kevy_store *s) {
  for (kevy_window *w = s->windows; w != NULL; w = w->next) {
    if (w->serving == NULL || !w->running || !pthread_equal(w->thread, pthread_self())) continue;
    if (atomic_load(&w->stopping)) return false;
    connections_meanwhile(w);
  }
  return true;
}

KEVY_API const char *kevy_window_address(kevy_window *w) { return w->text; }

KEVY_API uint64_t kevy_window_connections(kevy_window *w) { return w->pid == getpid() ? atomic_load(&w->count) : 0; }

#else

#include "../../core/store.h"

KEVY_API kevy_status kevy_serve(kevy_store *s, const char *text, const kevy_window_options *options, kevy_window **out) {
  (void)text, (void)options, (void)out;
  return store_fail(s, KEVY_EUNSUPPORTED, "this build has no window: libuv was missing");
}

KEVY_API void kevy_window_stop(kevy_window *w) { (void)w; }
KEVY_API void kevy_window_close(kevy_window *w) { (void)w; }
KEVY_API const char *kevy_window_address(kevy_window *w) {
  (void)w;
  return "";
}
KEVY_API uint64_t kevy_window_connections(kevy_window *w) {
  (void)w;
  return 0;
}

static void windows_close(kevy_store *s) { (void)s; }
static bool windows_meanwhile(kevy_store *s) {
  (void)s;
  return true;
}

#endif
