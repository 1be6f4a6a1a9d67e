/* wheel: a hierarchical timing wheel through entries: the index of the keyspace's deadlines, and of those of a
 * large hash's fields.
 *
 * Eight levels of 64 lists. Level l sorts deadlines by bits 6l to 6l+5 of their millisecond, relative to
 * `elapsed`, the time up to which the wheel has been turned: an entry hangs on the level of the
 * highest bit in which its deadline differs from `elapsed`. Turning moves lists down a level as their time
 * comes, and what reaches level 0 in the past is due. Adding, removing and finding the next due list
 * are O(1); nothing is sampled. Links are five-byte refs inside the entry (entry.h): 10 bytes each
 * and no slack.
 *
 * Snapshots do not read a wheel; its links are written in entries that snapshots see. An entry is on one wheel at
 * most. Owner's thread only. */
#ifndef KEVY_WHEEL_H
#define KEVY_WHEEL_H

#include "entry.h"
#include "mem.h"

#define WHEEL_LEVELS 8
#define WHEEL_LISTS 64

typedef struct wheel {
  int64_t elapsed;
  uint64_t occupied[WHEEL_LEVELS];
  ref heads[WHEEL_LEVELS][WHEEL_LISTS];
  ref hand;           /* of wheel_turn_hand and wheel_turn_near: the entry that comes next, 0 for the first of the next list */
  uint32_t hand_list; /* which list that is on */
} wheel;

/* A walk from the nearest deadlines on. Begins with zeros; ends where the wheel is written. */
typedef struct wheel_walk {
  uint32_t list; /* that comes next */
  ref block;     /* before it, the rest of the last list; 0 for none */
} wheel_walk;

/* Empties it, turned to the present. */
void wheel_start(wheel *w, int64_t now);

/* Puts an entry that has a deadline on the wheel; takes it off. */
void wheel_add(const char *base, wheel *w, ref block);
void wheel_remove(const char *base, wheel *w, ref block);

/* Marks an entry that is on no wheel, for who does not know, until it is put on one again. */
void wheel_mark_off(const char *base, ref block);
bool wheel_is_off(const char *base, ref block);

/* Gives an entry on the wheel another deadline. */
void wheel_move(const char *base, wheel *w, ref block, int64_t deadline);

/* Turns the wheel to `now` and gives entries that are due, neighbours on one list, which stay on it. How many; 0 when none is: *next
 * is then when to ask again. Moving an entry down a level or giving one takes one of *items; 0, too, when they are used up. A list
 * all of whose time is past is given from where it is, not moved. */
#define WHEEL_SOME 16
uint32_t wheel_due(const char *base, wheel *w, int64_t now, uint32_t *items, int64_t *next, ref out[WHEEL_SOME]);

/* The walk's next entry, 0 at the end. */
ref wheel_next(const char *base, const wheel *w, wheel_walk *at);

/* The entries one by one, round and round, whatever is added and taken off meanwhile. 0 when the wheel is empty. */
ref wheel_turn_hand(const char *base, wheel *w);

/* The same of the nearest list alone. */
ref wheel_turn_near(const char *base, wheel *w);

/* An entry whose deadline is among the earliest, 0 when the wheel is empty. */
ref wheel_earliest(const wheel *w);

#endif
