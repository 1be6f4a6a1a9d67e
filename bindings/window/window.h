/* window: Redis's protocol on a socket, for a store that lives inside this process.
 *
 * A window has a thread of its own with an event loop (libuv), and clients whose commands it runs on the store. Three rules
 * keep the owner of the store free of it:
 *   - The store's lock is held for one command, never while a client is read from or written to, and after each
 *     command who waits for the lock gets it (store_offer).
 *   - The loop waits for nobody. While a transaction of another thread is open, clients wait in the loop, which looks again
 *     every millisecond; a command that blocks is a state of its connection; output that a client does not take stays in a buffer, and
 *     the client is read from no more until it does.
 *   - Nothing of the host runs in the thread, so stopping it waits for one command at most.
 *
 * What clients are answered leaves at the beginning of the loop's next round, all clients' together, once it is as durable as the
 * store promises: with a log that is synced always one sync serves a round, however many clients wrote in it.
 *
 * While a client's script is late (scripting.h) the loop stands still in it. The script then has connections_meanwhile look at the
 * sockets, by what libuv allows within a callback.
 *
 * The loop's structures belong to its thread. The list of connections is changed under the store's lock as well, so that the child of
 * a fork finds it whole: it closes its copies of the sockets and has no part in them. Closing sets the store's lock back to
 * what it was (window_hang, window_unhang). */
#ifndef KEVY_WINDOW_H
#define KEVY_WINDOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "address.h"
#include "../clients.h"
#include "../config.h"
#include "command.h"
#include "request.h"

#define WINDOW_ROOM ((size_t)64 * 1024) /* bytes read at once */

typedef struct connection connection;

/* Connections that something is to be done for, oldest first. */
typedef struct connection_list {
  connection *first, **end;
} connection_list;

struct kevy_window {
  kevy_store *store; /* NULL once that is closed */
  kevy_window *next; /* of the store's */
  pid_t pid;
  address bound;
  char text[ADDRESS_ROOM];
  char *password; /* NULL: none */
  uint32_t flags;
  uint32_t maxclients; /* 0: as the option of the store says */
  int64_t keepalive;   /* seconds between probes of TCP; 0: none */
  int64_t timeout;     /* seconds that a client may say nothing; 0: any */
  pubsub_limit limits[CONFIG_CLASSES]; /* client-output-buffer-limit, as it was at the last tick */
  int ticks;           /* until idle clients are looked for */
  size_t query_most, output_most;
  pthread_t thread;
  bool running;
  atomic_bool stopping;
  atomic_uint_least64_t count; /* clients */
  _Atomic(connection *) signalled; /* connections that have messages, newest first */
  uv_loop_t loop;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } listener;
  int fd; /* the listener's */
  uv_async_t async;
  uv_prepare_t round;
  uv_idle_t again;  /* runs while some of `ready` wait for their next turn */
  uv_timer_t retry; /* while they wait for the store */
  uv_timer_t tick;
  kevy_reply *reply;
  kevy_reply *aside;      /* of what is called while a script is late */
  connection *serving;    /* whose command runs; NULL: none's */
  int64_t looked;         /* when connections_meanwhile was here last */
  char *room;             /* what is read, while it is looked at */
  connection *all;
  connection_list answered, ready, gone;
  uint64_t ticket;        /* what was written in this round and may not be durable yet; 0: nothing */
};

/* Enters the store without waiting for another thread's transaction: false where one is open, or the store is closed. */
bool window_enter(kevy_window *w);
void window_leave(kevy_window *w);

/* Something is to be done for a connection that has no event for it: at once, or as soon as the store lets in. */
void window_again(kevy_window *w, bool taken);

/* ---- Connections (connection.c), all on the loop's thread ---------------------------------------- */

/* The client that waits at the listener; refused where there are too many. */
void connection_accept(kevy_window *w);

/* Ends it now; its memory goes when the loop and the store are done with it. */
void connection_close(connection *c);

/* The next turn of those that are ready; sends what is answered. */
void connections_run(kevy_window *w);
void connections_flush(kevy_window *w);

/* Ends those that said nothing for too long. */
void connections_expire(kevy_window *w);

/* Reads from clients and answers them while the command of one of them, a script, goes on; lets those in that wait. */
void connections_meanwhile(kevy_window *w);

/* Sends what was published for those that were signalled. */
void connections_tell(kevy_window *w);

/* Frees those that are closed, as far as the store lets in; all: without asking, once the loop's thread is over. */
void connections_bury(kevy_window *w, bool all);

/* In the child of a fork: its copies of their sockets. */
void connections_forked(kevy_window *w);

#endif
