/* clients: the sessions of a store, as CLIENT shows them to each other: connections of its windows, and sessions of this process.
 *
 * A session is listed from its opening to its closing, a connection until it is cut off; ids grow along the list. What others read of
 * a session is changed with the store's lock held, or, what its thread counts meanwhile (session_figures), atomically.
 * Everything here is called with the store's lock held. */
#ifndef KEVY_CLIENTS_H
#define KEVY_CLIENTS_H

#include "../core/store.h"
#include "session.h"

typedef struct clients {
  kevy_session *first, *last;  /* oldest first */
  uint64_t count;
  uint64_t watching;           /* those that watch keys */
  uint64_t accepted, refused;  /* connections so far */
  int64_t paused_until;        /* CLIENT PAUSE: on clients_clock; 0: not paused */
  bool paused_all;             /* not only what writes */
} clients;

/* Those of the store, which are made; NULL: no memory. */
clients *clients_of(kevy_store *s);

/* Puts a session into the list and gives it its id; false: no memory. */
bool clients_join(kevy_session *session);
void clients_leave(kevy_session *session);

/* The store closes: its sessions know it no more. */
void clients_close(kevy_store *s);

/* How many there are; who asks is one where there is no other. */
uint64_t clients_count(const kevy_store *s);

/* Ends a session: a connection soon, another one at once. One that waits waits no more. */
void clients_cut(kevy_session *session);

/* Whether a connection's command has to wait for the end of a pause. */
bool clients_hold(const kevy_session *session, size_t argc, const kevy_value *argv);

/* Whether a name is the one user's. */
bool client_is_user(const kevy_value *user);

/* Milliseconds on a clock of no fixed origin, some milliseconds late. */
static inline int64_t clients_clock(void) { return clock_read_ms(CLOCK_MONOTONIC_COARSE); }

#endif
