/* evict: which keys go where a write would take the store beyond its limit.
 *
 * An operation that needs more than is free is not stopped: while eviction can give back at least as much as the operation
 * goes beyond the limit (evict_grant, asked by the allocator), it goes on, and what it went beyond is given back before the
 * call leaves the store (evict_settle). So a call happens whole or not at all, nothing it refers to goes meanwhile, and after
 * every call the limit holds. Where eviction could not give enough back the allocation fails: the operation changed
 * nothing, and nothing is evicted.
 *
 *     what could go = used - (table, wheel, timers, pinned and lent blobs, the large value being written)     allkeys-*
 *                   = keys that have a deadline, and what waits to be freed                                   volatile-*
 *                   = nothing, while a snapshot, an iterator or a transaction sees the keys
 *
 * The allocator asks a little below the limit: what is free there pays for what comes in pieces, a split of the table above all, and
 * calls bring it back some keys at a time (PACE). So no short write has much to evict.
 *
 * Evicting goes a little further down, so that up to sixteen keys go at a time: the best of three times as many, which are met at places
 * of the table that a sequence leads to evenly; each of them is named by its slot, which tells enough to take it out. Everything that is looked at is
 * loaded one batch ahead: buckets, then entries; then, when they are chosen, what their going touches. Where few keys have
 * deadlines, volatile policies walk the wheel instead.
 *
 * An entry's 24 access bits: for LRU a tick that counts thousandths of a turnover of the keys (writes and evictions
 * move it on, so reads of one tick write an entry once); for LFU, as Redis has it, 16 bits of the minute it was last counted in and a
 * logarithmic counter of 8, which loses one for each minute without a read; for allkeys-adaptive the key's past (reuse.h).
 *
 * Owner's thread, with the store's lock. */
#ifndef KEVY_EVICT_H
#define KEVY_EVICT_H

#include "store.h"

/* Policies: an order, and EVICT_VOLATILE where only keys with a deadline may go. */
#define EVICT_LRU 1u
#define EVICT_LFU 2u
#define EVICT_RANDOM 3u
#define EVICT_TTL 4u
#define EVICT_ADAPTIVE 5u
#define EVICT_ORDER 7u
#define EVICT_VOLATILE 8u

#define EVICT_NOEVICTION 0u
#define EVICT_ALLKEYS_LRU EVICT_LRU
#define EVICT_ALLKEYS_LFU EVICT_LFU
#define EVICT_ALLKEYS_RANDOM EVICT_RANDOM
#define EVICT_ALLKEYS_ADAPTIVE EVICT_ADAPTIVE
#define EVICT_VOLATILE_LRU (EVICT_LRU | EVICT_VOLATILE)
#define EVICT_VOLATILE_LFU (EVICT_LFU | EVICT_VOLATILE)
#define EVICT_VOLATILE_RANDOM (EVICT_RANDOM | EVICT_VOLATILE)
#define EVICT_VOLATILE_TTL (EVICT_TTL | EVICT_VOLATILE)

/* Chooses the store's policy; access bits that another one left are read as they stand. False: no memory, and nothing
 * changed. */
bool evict_choose(kevy_store *s, uint32_t policy);
uint32_t evict_policy(const kevy_store *s);
void evict_free(struct evictor *v);

/* Tells the region under the store its limit, and whom to ask for more. */
void evict_attach(kevy_store *s);

/* Gives the store another limit (0: none) and evicts down to it. KEVY_EOOM where what could go does not suffice; nothing
 * changed then. */
kevy_status evict_limit(kevy_store *s, uint64_t maxmemory);

/* The store has another's keys now: where both have the same policy their clock of accesses goes with them. */
void evict_adopt(kevy_store *s, const kevy_store *from);

/* Whether the limit will hold when the call at hand leaves: nothing is beyond it, or as much could go. What drew on the reserve was
 * not asked. */
bool evict_could(const kevy_store *s);

/* Evicts until the limit holds. */
void evict_settle(kevy_store *s);

/* Before a transaction, inside which nothing can be evicted: makes room for some writes, where the limit is no small one. */
void evict_ahead(kevy_store *s);

/* The clock of access bits moves on by so many writes, and looks at the time. */
void evict_tick(kevy_store *s, uint32_t writes);

/* Writes until the next slice of upkeep, of `most`: few keys turn over sooner. */
int32_t evict_pace(const kevy_store *s, int32_t most);

/* The rest of probe_note_access: an access to be counted. And what an entry that takes another's place has of it. */
void evict_counted(const kevy_store *s, entry *e);
void evict_inherit(const kevy_store *s, entry *e, const entry *before);

/* The same for a key that is new, where accesses are counted. */
void evict_arrived(kevy_store *s, uint64_t hash, entry *e);

/* OBJECT IDLETIME, in seconds, and FREQ; KEVY_MISSING, KEVY_EUNSUPPORTED: not what the policy keeps. They touch nothing. */
kevy_status evict_idle(kevy_store *s, const char *key, size_t klen, int64_t *seconds);
kevy_status evict_frequency(kevy_store *s, const char *key, size_t klen, int64_t *counter);

/* RESTORE's IDLETIME and FREQ, -1 where not given: what the policy keeps is kept. */
void evict_recall(kevy_store *s, const char *key, size_t klen, int64_t idle, int64_t frequency);
void evict_recall_entry(kevy_store *s, entry *e, int64_t idle, int64_t frequency);

#endif
