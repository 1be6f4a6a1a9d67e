/* rdb_restore: see rdb_restore.h. */
#include "rdb_restore.h"

#include "../effect.h"
#include "../keyspace.h"
#include "../probe.h"
#include "../type_string.h"
#include "crc64.h"
#include "rdb_value.h"

#define RDB_FOOTER 10

/* Whether a payload is whole and of a version that is known. */
static bool rdb_payload_valid(const char *payload, size_t len, bool *valkey) {
  if (len < RDB_FOOTER + 2) return false;
  const uint8_t *version = (const uint8_t *)payload + len - RDB_FOOTER;
  uint32_t number = pack_u16(version);
  *valkey = number == RDB_VALKEY_VERSION;
  if (number > RDB_VERSION_MAX && !*valkey) return false;
  return crc64(0, payload, len - 8) == load64(payload + len - 8);
}

static kevy_status rdb_restore_string(rdb_reader *r, const char *key, size_t klen, int64_t deadline, uint32_t flags) {
  char digits[24];
  kevy_value v;
  kevy_status status = rdb_string_value(r, digits, &v);
  if (status == KEVY_OK && r->in.at != r->in.end) status = rdb_corrupt(&r->in, "more than a value");
  return status == KEVY_OK ? string_set(r->store, key, klen, &v, deadline, flags & KEVY_TEXT_KEY, NULL) : status;
}

#define RDB_ASIDE 32

/* A name that no key has. */
static void rdb_aside(kevy_store *s, char name[RDB_ASIDE]) {
  probe p;
  do {
    for (size_t i = 0; i < RDB_ASIDE; i += 8) store64(name + i, store_random(s));
    probe_find(s, &p, name, RDB_ASIDE);
  } while (p.slot != NULL);
}

static kevy_status rdb_restore_renamed(rdb_reader *r, uint8_t type, const char *key, size_t klen, int64_t deadline,
                                       uint32_t flags) {
  kevy_store *s = r->store;
  char aside[RDB_ASIDE];
  rdb_aside(s, aside);
  kevy_status status = rdb_value_read(r, type, aside, RDB_ASIDE, 0);
  if (status == KEVY_MISSING) status = rdb_corrupt(&r->in, "an empty value");
  if (status == KEVY_OK && r->in.at != r->in.end) status = rdb_corrupt(&r->in, "more than a value");
  if (status == KEVY_OK && deadline != KEVY_NO_TTL) status = keyspace_expire(s, aside, RDB_ASIDE, deadline, 0);
  if (status >= 0) status = keyspace_rename(s, aside, RDB_ASIDE, key, klen, flags & KEVY_TEXT_KEY);
  if (status < 0) (void)keyspace_delete(s, aside, RDB_ASIDE);
  return status;
}

/* A collection is made under a name of its own first, so that there is nothing to undo at the place it is for. The call is one
 * effect, and not those of what happens meanwhile. */
static kevy_status rdb_restore_aside(rdb_reader *r, uint8_t type, const char *key, size_t klen, int64_t deadline,
                                     uint32_t flags) {
  effects *kept = r->store->effects;
  r->store->effects = NULL;
  kevy_status status = rdb_restore_renamed(r, type, key, klen, deadline, flags);
  r->store->effects = kept;
  if (status != KEVY_MISSING) return status;
  (void)keyspace_delete(r->store, key, klen); /* all of it had expired */
  return KEVY_OK;
}

static kevy_status rdb_restore_value(rdb_reader *r, const char *key, size_t klen, int64_t deadline, uint32_t flags) {
  uint8_t type = 0;
  kevy_status status = rdb_byte(&r->in, &type);
  if (status != KEVY_OK) return status;
  return type == RDB_STRING ? rdb_restore_string(r, key, klen, deadline, flags)
                            : rdb_restore_aside(r, type, key, klen, deadline, flags);
}

kevy_status rdb_restore(kevy_store *s, const char *key, size_t klen, const char *payload, size_t len, int64_t deadline,
                        uint32_t flags) {
  kevy_status status = store_write(s);
  bool valkey;
  if (status != KEVY_OK) return status;
  if (klen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  if (!(flags & KEVY_REPLACE) && keyspace_exists(s, key, klen) == KEVY_OK) return KEVY_UNMET;
  if (!rdb_payload_valid(payload, len, &valkey)) return KEVY_EARG;
  rdb_reader *r = rdb_reader_new(s);
  if (r == NULL) return KEVY_EOOM;
  r->valkey = valkey;
  rdb_source_memory(&r->in, payload, len - RDB_FOOTER);
  status = rdb_restore_value(r, key, klen, deadline, flags);
  if (status == KEVY_ECORRUPT) store_fail(s, status, "%s", r->in.why);
  rdb_reader_free(r);
  return status;
}
