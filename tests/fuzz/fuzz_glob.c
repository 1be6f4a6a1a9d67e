/* fuzz_glob: a pattern, a line end, a text: the answer is that of a matcher of another make. */
#include "../../core/glob.c"

#include <stdint.h>
#include <stdlib.h>

#include "../core/glob_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *pattern = (const char *)data;
  const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
  size_t plen = end != NULL ? (size_t)(end - data) : size;
  const char *text = pattern + (end != NULL ? plen + 1 : plen);
  size_t len = size - (size_t)(text - pattern);
  bool plain = glob_match(pattern, plen, text, len, false);
  bool nocase = glob_match(pattern, plen, text, len, true);
  bool negates = plen > 0 && memchr(pattern, '^', plen) != NULL;
  bool ranges = plen > 0 && memchr(pattern, '-', plen) != NULL;
  if (plain && !nocase && !negates && !ranges) abort(); /* letters in any case take no less */
  if (plen <= MODEL_LONGEST && len <= MODEL_LONGEST &&
      plain != model_matches(pattern, plen, text, len))
    abort();
  return 0;
}
