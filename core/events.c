/* events: see events.h. */
#include "events.h"

#include <stdlib.h>

#include "probe.h"

#define CHUNK_ROOM 16384

/* A value's bytes follow the key's; a number stands here. */
typedef struct event_head {
  uint8_t event, type, key_kind, value_kind;
  uint32_t klen, vlen, reserved;
  int64_t number;
} event_head;
static_assert(sizeof(event_head) == 24, "the head of an event keeps what follows it aligned");

static void events_drop(events *q, events_chunk *c) {
  while (c != NULL) {
    events_chunk *next = c->next;
    q->bytes -= c->room;
    free(c);
    c = next;
  }
}

static bool events_begin(kevy_store *s) {
  if (s->events == NULL) s->events = calloc(1, sizeof *s->events);
  return s->events != NULL;
}

/* Nothing is noted any more, and what waits is forgotten; without anybody to tell, nothing is kept. */
static void events_end(kevy_store *s) {
  events *q = s->events;
  if (q == NULL) return;
  events_drop(q, q->first);
  *q = (events){.tell = q->tell};
  if (q->tell != NULL) return;
  free(q);
  s->events = NULL;
}

bool events_tell(kevy_store *s, void (*tell)(kevy_store *s, const entry *e, uint32_t event)) {
  if (tell == NULL && s->events == NULL) return true;
  if (!events_begin(s)) return false;
  s->events->tell = tell;
  if (s->events->wanted == 0) events_end(s);
  return true;
}

bool events_listen(kevy_store *s, uint32_t wanted, uint64_t limit) {
  if (wanted == 0) {
    events_end(s);
    return true;
  }
  if (!events_begin(s)) return false;
  s->events->wanted = wanted;
  s->events->limit = limit;
  return true;
}

void events_free(events *q) {
  if (q == NULL) return;
  events_drop(q, q->first);
  free(q);
}

/* ---- noting ---- */

static bool events_grow(events *q, size_t more) {
  uint64_t left = q->limit > q->bytes ? q->limit - q->bytes : 0;
  size_t room = more > CHUNK_ROOM || left < CHUNK_ROOM ? more : CHUNK_ROOM;
  if (room > left) return false;
  events_chunk *c = malloc(sizeof *c + room);
  if (c == NULL) return false;
  *c = (events_chunk){.room = room};
  if (q->last != NULL) q->last->next = c;
  else q->first = c;
  q->last = c;
  q->bytes += room;
  return true;
}

/* Memory for a record at the queue's end. NULL: no room. */
static char *events_room(events *q, size_t size) {
  if ((q->last == NULL || q->last->room - q->last->used < size) && !events_grow(q, size)) return NULL;
  char *at = q->last->bytes + q->last->used;
  q->last->used += size;
  return at;
}

static size_t events_size(const event_head *h) {
  return (sizeof *h + h->klen + h->vlen + 7) & ~(size_t)7;
}

/* The entry's value where it is wanted and short enough, else nil. */
static kevy_value events_value(const kevy_store *s, const entry *e) {
  kevy_value v = {.kind = KEVY_NIL};
  if (s->events->wanted & KEVY_EVENT_VALUES) entry_value(s->base, e, &v);
  if (v.kind <= KEVY_TEXT && v.len > EVENTS_MOST) v = (kevy_value){.kind = KEVY_NIL};
  return v;
}

void events_add(kevy_store *s, const entry *e, uint32_t event) {
  events *q = s->events;
  if (q->tell != NULL) q->tell(s, e, event);
  if (!(q->wanted & event)) return;
  size_t klen = entry_klen(e);
  char *at = NULL;
  if (klen <= EVENTS_MOST) {
    kevy_value v = events_value(s, e);
    bool bytes = v.kind <= KEVY_TEXT;
    event_head h = {(uint8_t)event, (uint8_t)entry_type(e), (uint8_t)entry_key_kind(e), (uint8_t)v.kind,
                    (uint32_t)klen, bytes ? (uint32_t)v.len : 0, 0, bytes ? 0 : v.as.i};
    at = events_room(q, events_size(&h));
    if (at != NULL) {
      memcpy(at, &h, sizeof h);
      if (klen != 0) memcpy(at + sizeof h, entry_key(e), klen);
      if (h.vlen != 0) memcpy(at + sizeof h + klen, v.as.ptr, h.vlen);
    }
  }
  if (at != NULL) q->waiting++;
  else q->missed++;
}

/* ---- giving ---- */

/* Where the oldest record begins, NULL for none. What was read whole is let go of. */
static char *events_first(events *q) {
  while (q->first != NULL && q->taken == q->first->used) {
    events_chunk *read = q->first;
    q->first = read->next;
    if (q->first == NULL) q->last = NULL;
    q->taken = 0;
    q->bytes -= read->room;
    free(read);
  }
  return q->first != NULL ? q->first->bytes + q->taken : NULL;
}

bool events_take(kevy_store *s, int32_t *event, int32_t *type, kevy_value *key, kevy_value *value) {
  events *q = s->events;
  if (q == NULL || s->transaction != NULL) return false;
  char *at = events_first(q);
  if (at == NULL) return false;
  event_head h;
  memcpy(&h, at, sizeof h);
  *event = h.event;
  *type = h.type;
  *key = (kevy_value){h.key_kind, 0, h.klen, {.ptr = at + sizeof h}};
  *value = (kevy_value){h.value_kind, 0, h.vlen, {.i = h.number}};
  if (h.value_kind <= KEVY_TEXT) value->as.ptr = at + sizeof h + h.klen;
  q->taken += events_size(&h);
  q->waiting--;
  return true;
}

/* ---- transactions ---- */

events_mark events_here(const kevy_store *s) {
  const events *q = s->events;
  if (q == NULL) return (events_mark){0};
  return (events_mark){q->last, q->last != NULL ? q->last->used : 0, q->waiting, q->missed};
}

void events_back(kevy_store *s, events_mark mark) {
  events *q = s->events;
  if (q == NULL) return;
  q->waiting = mark.waiting;
  q->missed = mark.missed;
  q->last = mark.chunk;
  if (mark.chunk == NULL) {
    events_drop(q, q->first);
    q->first = NULL;
    q->taken = 0;
    return;
  }
  events_drop(q, mark.chunk->next);
  mark.chunk->next = NULL;
  mark.chunk->used = mark.used;
}
