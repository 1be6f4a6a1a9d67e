/* words: the words of a command line, at single spaces, as arguments that borrow from it. */
#ifndef KEVY_WORDS_H
#define KEVY_WORDS_H

#include <string.h>

static size_t words(const char *line, kevy_value *argv) {
  size_t n = 0;
  for (const char *p = line; *p != '\0'; p += *p == ' ') {
    size_t len = strcspn(p, " ");
    argv[n++] = kevy_bytes(p, len);
    p += len;
  }
  return n;
}

#endif
