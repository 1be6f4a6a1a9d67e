/* fuzz_packed: any bytes as a packed block. What packed_check accepts is walked from both ends to the same
 * places, and its values, written again, make the same bytes. */
#include "../../core/number.c"
#include "../../core/packed.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *block = (const char *)data;
  if (!packed_check(block, size)) return 0;
  char digits[PACKED_NUMBER], *again = malloc(size);
  if (again == NULL) return 0;
  packed_clear(again);
  size_t len = PACKED_HEAD;
  uint32_t count = packed_count(block);
  const char *at = packed_first(block);
  for (uint32_t i = 0; i < count; i++, at = packed_next(at)) {
    kevy_value v;
    packed_get(at, &v, digits);
    require(packed_prev(packed_next(at)) == at && len + packed_size(&v) <= size);
    if (v.kind != KEVY_FLOAT) {
      char key_digits[PACKED_NUMBER];
      packed_key key = packed_key_of(&v, key_digits);
      require(packed_is(at, &key) && packed_find(block, size, &key, 1) <= at);
    }
    len = packed_append(again, len, &v, 1);
  }
  require(at == block + size && len == size && memcmp(again, block, size) == 0);
  free(again);
  return 0;
}
