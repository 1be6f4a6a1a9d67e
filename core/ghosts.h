/* ghosts: what evicted keys had as their past (reuse.h), so that one that comes back is known, and that learning sees what became of it.
 *
 * A table of lines of 16 words, a cache line each, in pages that are made when first used; a key's hash names its line. A word is
 *
 *     14 more bits of the hash | last use, 12 bits of 4 ticks | uses apart, 4 bits of octaves | count, 2 bits
 *
 * In a full line the oldest gives way. One key in eight counts as eight times younger there, so that some are followed for a long
 * time. At most 1/32 of the limit, in the region and counted (space.ghost_bytes); losing ghosts costs hits, nothing else. */
#ifndef KEVY_GHOSTS_H
#define KEVY_GHOSTS_H

#include "reuse.h"
#include "space.h"

/* Notes an evicted key. grow: it may make a page, past the limit if need be. */
void ghosts_add(space *sp, const reuse *r, uint64_t hash, uint32_t past, bool grow);

/* Takes the key's past out. False: it is not known. */
bool ghosts_take(space *sp, uint64_t hash, uint32_t *past);

/* Lets learning see the next few, for each of so many evictions: the ticks that passed since the last call. */
void ghosts_pass(space *sp, reuse *r, double ticks, uint32_t evictions);

/* Forgets all. */
void ghosts_drop(space *sp);

#endif
