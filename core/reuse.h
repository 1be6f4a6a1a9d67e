/* reuse: how soon keys are wanted again, learned from how soon they were: what allkeys-adaptive ranks by.
 *
 * Time is counted in uses of keys: a tick is 1/64 of a turnover (as many uses as there are keys). A key's past is 24 bits:
 *
 *     when it was last used, 14 bits of ticks | how far its uses lie apart, 7 bits: log2 of ticks, in eighths, smoothed | how many, 3 bits
 *
 * The last two make its class. For each class and age (ticks since the last use, four steps an octave) two sums are kept: `wanted`, how often a key
 * of this class was used at this age, and `passed`, the ticks that keys spent there. Keys that were evicted go on counting
 * while their ghosts (ghosts.h) last, so what is learned is how the keys are used, not what was evicted before. wanted / passed is the chance a
 * tick of being used; from it follows what a key is worth: the most uses per tick that it can be expected to bring, over the
 * best time to wait for them (its Gittins index). Of a loop the young ones are worth least, of a working set that moves on the
 * old ones, of a steady choice the rare ones.
 *
 * Sums halve in 100 turnovers, or in half of the time since learning began. Process-side, 20 KB; the owner's thread, with the
 * store's lock. */
#ifndef KEVY_REUSE_H
#define KEVY_REUSE_H

#include "base.h"

#define REUSE_AGES 52
#define REUSE_COUNTS 4   /* groups of how many uses are known: 2; 3 or 4; 6 or 8; more */
#define REUSE_OCTAVES 14 /* of how far apart they lie */
#define REUSE_CLASSES (1 + REUSE_COUNTS * REUSE_OCTAVES) /* the first: used once */
#define REUSE_TURNOVER 64 /* ticks */

typedef struct reuse {
  double now;     /* ticks, ever */
  double per_use; /* ticks a use takes */
  double paid;    /* up to when time was shared out */
  double began;   /* learning: with the first eviction */
  bool learning;
  uint32_t next;      /* class whose worth is to be worked out next */
  double worked_out;  /* when the last one was */
  uint64_t random;
  float wanted[REUSE_CLASSES][REUSE_AGES];
  float passed[REUSE_CLASSES][REUSE_AGES];
  float worth[REUSE_CLASSES][REUSE_AGES];
  double halved[REUSE_CLASSES]; /* when the sums of a class were last reduced */
} reuse;

void reuse_begin(reuse *r, uint64_t random);

/* A key is used: time passes. What it has then; of one whose past is known, that use is learned from. */
uint32_t reuse_first(reuse *r);
uint32_t reuse_again(reuse *r, uint32_t past);

/* What a key with this past is worth now, in an order: more stays. */
uint32_t reuse_worth(const reuse *r, uint32_t past);

/* So many keys there will be, before the first eviction. */
void reuse_expect(reuse *r, double keys);

/* An eviction: keys says how many there are. Begins to share out the ticks since the last one; returns them. */
double reuse_share(reuse *r, uint64_t keys);

/* One of those that are sampled spent so many ticks at its age, itself and for those that are not. */
void reuse_passed(reuse *r, uint32_t past, double ticks);

/* Works out what a class is worth, when that is due. About a microsecond. */
void reuse_work(reuse *r);

static inline uint32_t reuse_age(const reuse *r, uint32_t past) {
  return ((uint32_t)(uint64_t)r->now - (past >> 10)) & 0x3fff;
}

#endif
