/* compact: memory that lies scattered is brought together, a slice at a time, so that its pages can go back to the system.
 *
 * Deleting keys at random leaves pages that hold a block or two each. Where such waste passes a share of what is used, upkeep
 * walks the keyspace in the order of hashes and moves what lies in sparse spans (mem.h) to fuller ones: entries and their blobs,
 * roots, directory pages and segments of tables, members of large values and the nodes of their trees. Table slots, trees and
 * deadline wheels refer to these and nothing else does, so a move is a copy and a new ref or two. A pass that empties few spans
 * is followed by more eager ones where much is left, else by none before there is a quarter more waste.
 *
 * Nothing moves while a moment, a transaction or a grave may see it, nor a blob with another owner: a pin, a result. What a call
 * lends stays where it is until the next call that writes, or kevy_tick. */
#ifndef KEVY_COMPACT_H
#define KEVY_COMPACT_H

#include "store.h"

/* Moves some dozen blocks (`items` short ones, fewer long ones), where there is something to be gained. True when there is not, or
 * not now. The clock, deadlines, accounts and limits know nothing of it. */
bool compact_slice(kevy_store *s, uint32_t items);

#endif
