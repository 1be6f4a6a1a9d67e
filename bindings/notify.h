/* notify: keyspace notifications: what happens to keys, told to who listens to channels named after them.
 *
 * With K among the events of a store (CONFIG SET notify-keyspace-events), what happened to a key is published on
 * __keyspace@0__:key; with E, on __keyevent@0__:event, each with the other as the payload. The other letters say of what is
 * told. A store that tells nobody pays nothing: `told`, a word of the guard that every quick way looks at, is false.
 *
 * Events have Redis's names, and its order: what a command did is told at its end, keys that came, expired or were evicted
 * meanwhile before that. A write is staged before it is done, since its key may lie in what it replaces, with the condition
 * under which it is told:
 *
 *     call:  begin | stage(lpop, something changed) stage(del, the key is gone) | the write | end: told, or not
 *
 * Commands are rows of one table (notify.c); functions of the ABI stage what the command of the same name would. Loading
 * tells nothing. */
#ifndef KEVY_NOTIFY_H
#define KEVY_NOTIFY_H

#include "command.h"
#include "config.h"
#include "store.h"

/* Has it tell of these events (CONFIG_EVENTS_...; 0: of none); KEVY_EOOM. */
kevy_status notify_set(kevy_store *s, uint32_t flags);

/* The store closes. */
void notify_close(kevy_store *s);

/* ---- a write: only where s->told ---- */

/* When it is told, of a call that did not fail. */
typedef enum notify_when {
  NOTIFY_FINE,    /* always */
  NOTIFY_DID,     /* something changed, and there is such a key */
  NOTIFY_CHANGED, /* something changed */
  NOTIFY_ABSENT,  /* there is no such key: the deadline that it was given had come */
  NOTIFY_ARRIVED, /* and was not there before */
  NOTIFY_GREW,    /* it has more elements */
  NOTIFY_TAKEN,   /* it has fewer, or there is none of its name any more */
  NOTIFY_GONE,    /* there was such a key, and is none */
  NOTIFY_TRIMMED, /* the stream did not become longer by one */
} notify_when;

void notify_begin(kevy_store *s);
void notify_stage(kevy_store *s, uint32_t class, const char *event, notify_when when, const char *key, size_t klen);
/* The same of a key in another database. */
void notify_stage_in(kevy_store *s, uint32_t db, uint32_t class, const char *event, notify_when when, const char *key, size_t klen);
void notify_end(kevy_store *s, bool fine);

/* For a function of the ABI: begins, and stages what it does. */
void notify_fine(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen);
void notify_did(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen);
void notify_grows(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen);

/* What takes elements away, and with the last one the key. */
void notify_takes(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen);

/* A deadline, which may have come, or its end: "expire", "persist" or "del". */
void notify_deadline(kevy_store *s, const char *key, size_t klen, bool persist);

/* A string, perhaps with a deadline, that is put where KEVY_NX or KEVY_XX allows it; several of them, surely or where a condition is met; fields' deadlines; a part of a list that gives way to another ("lrem",
 * "linsert"); a key that goes; one that is renamed or copied. */
void notify_string(kevy_store *s, const char *key, size_t klen, uint32_t flags, bool deadline);
void notify_strings(kevy_store *s, size_t k, const kevy_value *keys, bool surely, bool deadline);
void notify_hexpire(kevy_store *s, const char *key, size_t klen, bool persist);
void notify_splice(kevy_store *s, const char *key, size_t klen, bool removes, bool inserts);
void notify_gone(kevy_store *s, const char *key, size_t klen);
void notify_renamed(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen);
void notify_copied(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen);

/* ---- commands ---- */

/* Runs the row's handler, on a store that tells. */
void notify_command(command_call *c);

/* What handlers say themselves: a group that goes, a consumer that comes or goes; DEL's next key. */
void notify_group(kevy_store *s, const char *event, const kevy_value *key);
void notify_deleting(kevy_store *s, const char *key, size_t klen);

/* A write that was staged and leaves everything as it was, by Redis's count. */
void notify_nothing(kevy_store *s);

#endif
