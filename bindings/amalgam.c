/* amalgam: the engine and its ABI as one translation unit, the only one that the library and the Python
 * extension compile. One unit gives the compiler every static function to inline across files, and
 * leaves nothing to export but kevy.h. The order is that of the layers: a file comes after those whose
 * static functions it calls. */
#include "../core/number.c"
#include "../core/glob.c"
#include "../core/grow.c"
#include "../core/mem.c"
#include "../core/table.c"
#include "../core/node.c"
#include "../core/space.c"
#include "../core/snapshot.c"
#include "../core/probe.c"
#include "../core/expire.c"
#include "../core/background.c"
#include "../core/store.c"
#include "../core/registry.c"
#include "../core/type_string.c"
#include "../core/keyspace.c"
#include "abi.c"
#include "reply.c"
#include "command.c"
