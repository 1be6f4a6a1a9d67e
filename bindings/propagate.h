/* propagate: what a write leaves in the log, as Redis calls it: for each command and each writing function of the ABI the
 * effect (core/effect.h) that does it again, whenever and in whatever program.
 *
 * The rule is that a command is its own effect. What depends on the time, on chance or on fields that have expired is
 * described by what came of it instead: the rows of one table in propagate.c, and few handlers that say it themselves. A new
 * command that writes is propagated as it is given, so that none is forgotten. */
#ifndef KEVY_PROPAGATE_H
#define KEVY_PROPAGATE_H

#include "../core/effect.h"
#include "../core/stream_group.h"
#include "command.h"

/* Runs a writing row's handler on a store that keeps effects. */
void propagate_command(command_call *c);

/* ---- what handlers say themselves ---- */

/* SREM of members that are about to be taken out; what: "SREM". */
void propagate_members(command_call *c, const char *what, size_t n, kevy_value (*member)(void *context, size_t i, char *digits),
                       void *context);

/* What XREADGROUP, XCLAIM and XAUTOCLAIM did to a group: the entries whose state was noted for undoing;
 * created: the consumer is new; moved: the group's last ID or count is. */
void propagate_pending(command_call *c, const kevy_value *key, const kevy_value *group, const kevy_value *consumer,
                       const stream_undo *undo, bool created, bool moved);

/* ---- what the ABI's functions stage ---- */

/* One record of these words. */
void propagate_words(kevy_store *s, size_t argc, const kevy_value *argv);

/* word key a[0] b[0] a[1] b[1] ...; b may be NULL. KEVY_REPLACE among the flags: the key goes first. */
void propagate_many(kevy_store *s, const char *word, const char *key, size_t klen, uint32_t flags, size_t k,
                    const kevy_value *a, const kevy_value *b);

void propagate_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value, int64_t deadline, uint32_t flags);
void propagate_expire(kevy_store *s, const char *key, size_t klen, int64_t deadline);
void propagate_mset(kevy_store *s, size_t k, const kevy_value *keys, const kevy_value *values, int64_t deadline);
void propagate_zadd(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                    const double *scores, uint32_t flags, bool incr);
void propagate_splice(kevy_store *s, const char *key, size_t klen, int64_t position, uint64_t removed, size_t k,
                      const kevy_value *items, uint32_t flags);

/* Described after it: by the key's value, by the states of its fields, by its last entry. False: no memory. */
bool propagate_string(kevy_store *s, const char *key, size_t klen);
bool propagate_field(kevy_store *s, const char *key, size_t klen, const kevy_value *field, uint32_t flags, bool expire);
bool propagate_xadd(kevy_store *s, const char *key, size_t klen, uint32_t flags);

/* A deadline as RESTORE's ABSTTL takes it: 0 is none there. */
static inline int64_t propagate_ttl(int64_t deadline) {
  return deadline == KEVY_NO_TTL ? 0 : deadline == 0 ? 1 : deadline;
}

static inline uint32_t propagate_kind(uint32_t flags) { return flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES; }

#endif
