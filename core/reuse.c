/* reuse: see reuse.h. */
#include "reuse.h"

#define HALF_LIFE 100.0 /* turnovers */
#define ASSUMED 0.25f   /* uses that are assumed at each age, before any were seen */
#define ROUNDS 8       /* in which all classes are worked out, a turnover */

/* How many uses each value of the 3 bits stands for. */
static const uint8_t reuse_counts[8] = {1, 2, 3, 4, 6, 8, 12, 16};

static inline uint32_t reuse_stamp(const reuse *r) { return ((uint32_t)(uint64_t)r->now & 0x3fff) << 10; }

/* log2 of ticks, in steps of 1 / 2^bits. */
static inline uint32_t reuse_log2(uint32_t ticks, uint32_t bits) {
  if (ticks <= 1) return 0;
  uint32_t octave = 31 - (uint32_t)__builtin_clz(ticks);
  uint32_t rest = octave >= bits ? ticks >> (octave - bits) : ticks << (bits - octave);
  return octave << bits | (rest & ((1u << bits) - 1));
}

/* Ages 0 to 3 are ticks, then there are four to an octave. */
static inline uint32_t reuse_step(uint32_t age) { return age < 4 ? age : reuse_log2(age, 2) - 4; }
static inline uint32_t reuse_step_begins(uint32_t step) { return step < 4 ? step : (4 + step % 4) << (step / 4 - 1); }

static inline uint32_t reuse_class(uint32_t past) {
  uint32_t count = past & 7, octave = (past >> 6) & 15;
  if (count == 0) return 0;
  if (octave >= REUSE_OCTAVES) octave = REUSE_OCTAVES - 1;
  return 1 + count / 2 * REUSE_OCTAVES + octave;
}

static uint64_t reuse_random(reuse *r) {
  r->random ^= r->random << 13;
  r->random ^= r->random >> 7;
  return r->random ^= r->random << 17;
}

uint32_t reuse_first(reuse *r) {
  r->now += r->per_use;
  return reuse_stamp(r);
}

/* One use more: exact up to 4, then by chance. */
static uint32_t reuse_count_up(reuse *r, uint32_t count) {
  if (count == 7) return 7;
  uint32_t gap = (uint32_t)reuse_counts[count + 1] - reuse_counts[count];
  return gap == 1 || reuse_random(r) % gap == 0 ? count + 1 : count;
}

uint32_t reuse_again(reuse *r, uint32_t past) {
  r->now += r->per_use;
  uint32_t age = reuse_age(r, past), count = past & 7;
  if (r->learning) r->wanted[reuse_class(past)][reuse_step(age)] += 1;
  int32_t apart = (int32_t)reuse_log2(age, 3), before = (int32_t)(past >> 3) & 127, n = reuse_counts[count];
  if (count != 0) apart = before + (apart - before + (apart > before ? n / 2 : -(n / 2))) / n;
  return reuse_stamp(r) | (uint32_t)apart << 3 | reuse_count_up(r, count);
}

uint32_t reuse_worth(const reuse *r, uint32_t past) {
  union {
    float f;
    uint32_t order; /* of positive floats, the same */
  } worth = {r->worth[reuse_class(past)][reuse_step(reuse_age(r, past))]};
  return worth.order;
}

void reuse_expect(reuse *r, double keys) {
  if (!r->learning) r->per_use = REUSE_TURNOVER / (keys + 1);
}

double reuse_share(reuse *r, uint64_t keys) {
  r->per_use = (double)REUSE_TURNOVER / (double)(keys + 1);
  if (!r->learning) {
    r->learning = true;
    r->began = r->paid = r->now;
    for (uint32_t c = 0; c < REUSE_CLASSES; c++) r->halved[c] = r->now;
  }
  double ticks = r->now - r->paid;
  r->paid = r->now;
  return ticks;
}

void reuse_passed(reuse *r, uint32_t past, double ticks) {
  r->passed[reuse_class(past)][reuse_step(reuse_age(r, past))] += (float)ticks;
}

/* What was seen counts for less as time goes on. */
static void reuse_fade(reuse *r, uint32_t class) {
  double life = (r->now - r->began) / REUSE_TURNOVER / 2, turnovers = (r->now - r->halved[class]) / REUSE_TURNOVER;
  if (life > HALF_LIFE) life = HALF_LIFE;
  float kept = turnovers < life ? (float)(1 - 0.5 * turnovers / life) : 0.5f;
  r->halved[class] = r->now;
  for (uint32_t step = 0; step < REUSE_AGES; step++) {
    r->wanted[class][step] *= kept;
    r->passed[class][step] *= kept;
  }
}

/* The chance of a use a tick at one age. Where little was seen it is taken to fall as a key's uses lie apart and as it ages. */
static float reuse_chance(const reuse *r, uint32_t class, uint32_t step) {
  uint32_t begins = reuse_step_begins(step), ends = reuse_step_begins(step + 1);
  uint32_t octave = class == 0 ? 6 : (class - 1) % REUSE_OCTAVES;
  float assumed = (float)(begins + ends) / 2 + 1.4f * (float)(1u << octave);
  return (r->wanted[class][step] + ASSUMED) / (r->passed[class][step] + ASSUMED * assumed);
}

/* A stretch of ages: the uses to expect in it, the ticks until then, and the chance that none comes. */
typedef struct stretch {
  float uses, ticks, none;
} stretch;

/* From the oldest age down: a stretch takes in the one behind it where that brings more uses a tick, since then it pays to wait. */
static void reuse_work_out(reuse *r, uint32_t class) {
  stretch behind[REUSE_AGES];
  uint32_t n = 0;
  for (uint32_t step = REUSE_AGES; step-- > 0;) {
    float chance = reuse_chance(r, class, step);
    float most = chance * (float)(reuse_step_begins(step + 1) - reuse_step_begins(step));
    float uses = most / (1 + most);
    stretch at = {uses, uses / chance, 1 - uses};
    while (n > 0 && behind[n - 1].uses * at.ticks > at.uses * behind[n - 1].ticks) {
      n--;
      at.uses += at.none * behind[n].uses;
      at.ticks += at.none * behind[n].ticks;
      at.none *= behind[n].none;
    }
    r->worth[class][step] = at.uses / at.ticks;
    behind[n++] = at;
  }
}

void reuse_work(reuse *r) {
  if (r->now - r->worked_out < (double)REUSE_TURNOVER / ROUNDS / REUSE_CLASSES) return;
  r->worked_out = r->now;
  reuse_fade(r, r->next);
  reuse_work_out(r, r->next);
  r->next = (r->next + 1) % REUSE_CLASSES;
}

void reuse_begin(reuse *r, uint64_t random) {
  *r = (reuse){.random = random | 1};
  for (uint32_t c = 0; c < REUSE_CLASSES; c++) reuse_work_out(r, c);
}
