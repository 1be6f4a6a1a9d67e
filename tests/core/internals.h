/* internals: everything of the engine and the hub that is not static, for tests that look inside. Tests are linked with
 * the library's own object, where these names are still global. */
#ifndef KEVY_INTERNALS_H
#define KEVY_INTERNALS_H

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "background.h"
#include "blob.h"
#include "clock.h"
#include "collection.h"
#include "database.h"
#include "elements.h"
#include "entry.h"
#include "evict.h"
#include "expire.h"
#include "glob.h"
#include "grow.h"
#include "hashing.h"
#include "keyspace.h"
#include "mem.h"
#include "members.h"
#include "node.h"
#include "number.h"
#include "packed.h"
#include "probe.h"
#include "records.h"
#include "registry.h"
#include "set_algebra.h"
#include "snapshot.h"
#include "space.h"
#include "store.h"
#include "store_open.h"
#include "stream_group.h"
#include "table.h"
#include "timers.h"
#include "persist/crc64.h"
#include "persist/file.h"
#include "persist/rdb_encode.h"
#include "persist/rdb_write.h"
#include "transaction.h"
#include "tree.h"
#include "type_hash.h"
#include "type_list.h"
#include "type_set.h"
#include "type_stream.h"
#include "type_string.h"
#include "type_zset.h"
#include "wheel.h"
#include "kevy.h"
#include "blocking.h"
#include "command.h"
#include "reply.h"

#endif
