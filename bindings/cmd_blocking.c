/* cmd_blocking.c: BLPOP and its relatives: the popping commands, and waiting where there is nothing to pop.
 *
 * Each tries like the command it is named after. A timeout is read before the keyspace is looked at, behind all other
 * words, as in Redis. XREAD and XREADGROUP wait in cmd_stream_read.c. */
#include "command.h"

#include "type_list.h"
#include "type_zset.h"

/* ---- Lists --------------------------------------------------------------------------------------- */

/* The key and one element of it; false when there is none, or an error was answered: *failed. */
static bool blocking_pop_item(command_call *c, size_t i, uint32_t flags, bool *failed) {
  kevy_value key = list_name(c, i), v;
  list_iter it;
  uint64_t count;
  *failed = !list_pop_opens(c, &key, flags, 1, &it, &count);
  if (*failed || count == 0) return false;
  sink_array(c->out, 2);
  sink_bulk(c->out, &key);
  list_pop(c->store, key.as.ptr, key.len, flags, &v);
  sink_bulk(c->out, &v);
  return true;
}

static void blocking_pop(command_call *c, uint32_t flags) {
  int64_t timeout;
  size_t keys = c->argc - 2;
  if (!command_timeout(c, &c->argv[c->argc - 1], &timeout)) return;
  for (size_t i = 1; i <= keys; i++) {
    bool failed;
    if (blocking_pop_item(c, i, flags, &failed) || failed) return;
  }
  command_wait(c, 1, keys, timeout);
}

void cmd_blpop(command_call *c) { blocking_pop(c, KEVY_LEFT); }
void cmd_brpop(command_call *c) { blocking_pop(c, 0); }

void cmd_blmpop(command_call *c) {
  int64_t timeout, keys, n;
  uint32_t flags;
  if (!list_read_mpop(c, 2, &keys, &flags, &n) || !command_timeout(c, &c->argv[1], &timeout)) return;
  if (!list_mpop(c, 3, (size_t)keys, flags, (uint64_t)n)) command_wait(c, 3, (size_t)keys, timeout);
}

/* In a call that cannot wait the null is that of a string. */
static void blocking_move(command_call *c, uint32_t from, uint32_t to, const kevy_value *seconds) {
  int64_t timeout;
  if (!command_timeout(c, seconds, &timeout) || list_move_args(c, from, to)) return;
  if (c->may_wait) command_wait(c, 1, 1, timeout);
  else sink_nil(c->out);
}

void cmd_blmove(command_call *c) {
  uint32_t from, to;
  if (list_side_of(c, 3, &from) && list_side_of(c, 4, &to)) blocking_move(c, from, to, &c->argv[5]);
}

void cmd_brpoplpush(command_call *c) { blocking_move(c, 0, KEVY_LEFT, &c->argv[3]); }

/* ---- Sorted sets --------------------------------------------------------------------------------- */

/* The key, a member and its score. */
static bool blocking_pop_member(command_call *c, size_t i, bool max, bool *failed) {
  const kevy_value *key = &c->argv[i];
  probe p;
  zset_view v;
  kevy_status status = zset_open_write(c->store, &p, key->as.ptr, key->len, &v);
  *failed = true;
  if (status < 0) command_error(c, status);
  if (status < 0 || (status == KEVY_OK && !zset_pop_fits(c, &v, 1, max))) return false;
  *failed = false;
  if (status == KEVY_MISSING) return false;
  zset_walk w;
  kevy_value member;
  double score;
  zset_walk_end(&w, &v, 1, max);
  zset_walk_next(&w, &member, &score);
  sink_array(c->out, 3);
  sink_bytes(c->out, key->as.ptr, key->len);
  sink_bulk(c->out, &member);
  sink_real(c->out, score);
  zset_pop_remove(c, &p, &v, 1, max);
  return true;
}

static void blocking_zpop(command_call *c, bool max) {
  int64_t timeout;
  size_t keys = c->argc - 2;
  if (!command_timeout(c, &c->argv[c->argc - 1], &timeout)) return;
  for (size_t i = 1; i <= keys; i++) {
    bool failed;
    if (blocking_pop_member(c, i, max, &failed) || failed) return;
  }
  command_wait(c, 1, keys, timeout);
}

void cmd_bzpopmin(command_call *c) { blocking_zpop(c, false); }
void cmd_bzpopmax(command_call *c) { blocking_zpop(c, true); }

void cmd_bzmpop(command_call *c) {
  int64_t timeout, keys, count;
  bool max;
  if (!zset_read_mpop(c, 2, &keys, &max, &count) || !command_timeout(c, &c->argv[1], &timeout)) return;
  if (!zset_mpop(c, 3, (size_t)keys, (uint64_t)count, max)) command_wait(c, 3, (size_t)keys, timeout);
}
