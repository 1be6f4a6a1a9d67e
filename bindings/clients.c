/* clients.c: see clients.h. */
#include "clients.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "blocking.h"

clients *clients_of(kevy_store *s) {
  if (s->clients == NULL) s->clients = calloc(1, sizeof *s->clients);
  return s->clients;
}

bool clients_join(kevy_session *session) {
  static _Atomic int64_t last_id;
  clients *all = clients_of(session->store);
  if (all == NULL) return false;
  session->id = atomic_fetch_add(&last_id, 1) + 1;
  session->prev = all->last;
  session->next = NULL;
  if (all->last != NULL) all->last->next = session;
  else all->first = session;
  all->last = session;
  all->count++;
  session->listed = true;
  return true;
}

void clients_leave(kevy_session *session) {
  if (!session->listed) return;
  clients *all = session->store->clients;
  if (session->prev != NULL) session->prev->next = session->next;
  else all->first = session->next;
  if (session->next != NULL) session->next->prev = session->prev;
  else all->last = session->prev;
  all->count--;
  if (session->watches != NULL) all->watching--;
  session->listed = false;
}

void clients_close(kevy_store *s) {
  if (s->clients == NULL) return;
  while (s->clients->first != NULL) clients_leave(s->clients->first);
  free(s->clients);
  s->clients = NULL;
}

uint64_t clients_count(const kevy_store *s) { return s->clients != NULL && s->clients->count != 0 ? s->clients->count : 1; }

void clients_cut(kevy_session *session) {
  session->killed = true;
  __atomic_store_n(&session->over, true, __ATOMIC_RELAXED);
  if (session->line != NULL) session->line->cut(session->line_of);
  else if (session->waits) (void)blocking_unblock(session, "ERR the session was killed");
}

/* EXEC does what was queued. */
static bool clients_changes(const kevy_session *session, const command *row) {
  return row->handler == cmd_exec ? session->writes : session_changes(row);
}

bool clients_hold(const kevy_session *session, size_t argc, const kevy_value *argv) {
  clients *all = session->store->clients;
  if (LIKELY(all == NULL || all->paused_until == 0)) return false;
  if (clients_clock() >= all->paused_until) {
    all->paused_until = 0;
    return false;
  }
  if (all->paused_all) return true;
  const command *row = argc != 0 ? command_lookup(argc, argv) : NULL;
  return row != NULL && clients_changes(session, row);
}
