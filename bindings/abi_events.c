/* abi_events: the functions of kevy.h on keys that went by themselves; see abi.c. */
#include "../core/events.h"
#include "reply.h"

kevy_status kevy_listen(kevy_store *s, uint32_t wanted, uint64_t room) {
  ENTER(s);
  kevy_status status = KEVY_OK;
  if (s->frozen != NULL) status = KEVY_EREADONLY;
  else if (wanted & ~(KEVY_EVENT_EXPIRED | KEVY_EVENT_EVICTED | KEVY_EVENT_VALUES)) status = KEVY_EARG;
  else if (s->transaction != NULL) status = KEVY_ETRANSACTION;
  else if (!events_listen(s, wanted, room != 0 ? room : EVENTS_ROOM)) status = KEVY_EOOM;
  return lending(s, status);
}

kevy_status kevy_next_event(kevy_store *s, int32_t *event, int32_t *type, kevy_value *key, kevy_value *value) {
  kevy_value unasked;
  ENTER(s);
  bool there = events_take(s, event, type, key, value != NULL ? value : &unasked);
  return lending(s, there ? KEVY_OK : KEVY_MISSING);
}

kevy_status kevy_next_event_into(kevy_store *s, int32_t *event, int32_t *type, kevy_reply *r) {
  kevy_value key, value;
  reply_start(r, REPLY_TYPED);
  ENTER(s);
  bool there = events_take(s, event, type, &key, &value);
  if (there) sink_bulk(&r->sink, &key);
  if (there && value.kind == KEVY_NIL) sink_nil(&r->sink);
  else if (there) sink_bulk(&r->sink, &value);
  return lending(s, r->failed ? KEVY_EOOM : there ? KEVY_OK : KEVY_MISSING);
}

kevy_status kevy_events_waiting(kevy_store *s, uint64_t *waiting, uint64_t *missed, uint64_t *bytes) {
  ENTER(s);
  const events none = {0}, *q = s->events != NULL ? s->events : &none;
  *waiting = q->waiting;
  if (missed != NULL) *missed = q->missed;
  if (bytes != NULL) *bytes = q->bytes;
  return lending(s, KEVY_OK);
}
