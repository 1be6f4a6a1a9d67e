/* glob_model: pattern matching of another make than core/glob.c, for tests to compare with: each element as
 * the set of bytes it takes, then the table of which prefix of the pattern matches which prefix of the text. */
#ifndef KEVY_GLOB_MODEL_H
#define KEVY_GLOB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define MODEL_LONGEST 64 /* bytes of a pattern and of a text */

typedef struct model_element {
  bool star;
  bool takes[256];
} model_element;

static inline size_t model_class(const char *p, size_t n, size_t i, model_element *e) {
  bool inside[256] = {false}, negated = i < n && p[i] == '^';
  if (negated) i++;
  for (; i < n && p[i] != ']'; i++) {
    if (p[i] == '\\' && i + 1 < n) {
      inside[(unsigned char)p[++i]] = true;
    } else if (i + 2 < n && p[i + 1] == '-') {
      signed char a = (signed char)p[i], b = (signed char)p[i + 2];
      for (int c = a < b ? a : b; c <= (a < b ? b : a); c++) inside[(unsigned char)c] = true;
      i += 2;
    } else {
      inside[(unsigned char)p[i]] = true;
    }
  }
  for (int c = 0; c < 256; c++) e->takes[c] = inside[c] != negated;
  return i < n ? i + 1 : n;
}

static inline size_t model_pattern(const char *p, size_t n, model_element *elements) {
  size_t count = 0;
  for (size_t i = 0; i < n; count++) {
    model_element *e = &elements[count];
    memset(e, 0, sizeof *e);
    char c = p[i++];
    if (c == '*') e->star = true;
    else if (c == '?') memset(e->takes, true, sizeof e->takes);
    else if (c == '[') i = model_class(p, n, i, e);
    else e->takes[(unsigned char)(c == '\\' && i < n ? p[i++] : c)] = true;
  }
  return count;
}

static inline bool model_matches(const char *pattern, size_t plen, const char *text, size_t len) {
  if (len == 0) return plen == 0 || (plen == 1 && *pattern == '*'); /* as in Redis */
  model_element elements[MODEL_LONGEST];
  bool reached[MODEL_LONGEST + 1][MODEL_LONGEST + 1] = {{true}};
  size_t count = model_pattern(pattern, plen, elements);
  for (size_t e = 0; e < count; e++)
    for (size_t t = 0; t <= len; t++) {
      if (elements[e].star)
        reached[e + 1][t] = reached[e][t] || (t > 0 && reached[e + 1][t - 1]);
      else
        reached[e + 1][t] = t > 0 && reached[e][t - 1] && elements[e].takes[(unsigned char)text[t - 1]];
    }
  return reached[count][len];
}

#endif
