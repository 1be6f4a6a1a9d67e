/* glob.c: Redis's pattern matching.
 *
 * A pattern is a sequence of elements, each of which takes exactly one byte of text, with stars
 * between. Matching is greedy with one way back: when an element fails, only the latest star takes
 * a byte more, since whatever an earlier star could still reach the latest one reaches too. So the
 * text is walked at most once per pattern byte.
 *
 * Bytes compare as signed chars inside ranges, as in Redis on the machines it mostly runs on. A
 * class that never closes ends with the pattern. The empty text is matched by "" and "*" alone: Redis looks at
 * neither further. */
#include "glob.h"

static int glob_lower(int c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

static bool glob_same(char a, char b, bool nocase) {
  return a == b || (nocase && glob_lower(a) == glob_lower(b));
}

static bool glob_in_range(char first, char last, char c, bool nocase) {
  int lo = (signed char)first;
  int hi = (signed char)last;
  int at = (signed char)c;
  if (lo > hi) {
    int swap = lo;
    lo = hi;
    hi = swap;
  }
  if (nocase) {
    lo = glob_lower(lo);
    hi = glob_lower(hi);
    at = glob_lower(at);
  }
  return at >= lo && at <= hi;
}

/* The class whose '[' is at p; returns the position after it. */
static size_t glob_class(const char *pattern, size_t plen, size_t p, char c, bool nocase,
                         bool *matches) {
  p++;
  bool negated = p < plen && pattern[p] == '^';
  if (negated) p++;
  bool found = false;
  while (p < plen && pattern[p] != ']') {
    if (pattern[p] == '\\' && p + 1 < plen) {
      found |= pattern[p + 1] == c;
      p += 2;
    } else if (p + 2 < plen && pattern[p + 1] == '-') {
      found |= glob_in_range(pattern[p], pattern[p + 2], c, nocase);
      p += 3;
    } else {
      found |= glob_same(pattern[p], c, nocase);
      p++;
    }
  }
  *matches = found != negated;
  return p < plen ? p + 1 : plen;
}

/* Whether the element at p, which is not a star, takes c; *next is the element after it. */
static bool glob_element(const char *pattern, size_t plen, size_t p, char c, bool nocase,
                         size_t *next) {
  bool matches = true;
  if (pattern[p] == '[') {
    *next = glob_class(pattern, plen, p, c, nocase, &matches);
    return matches;
  }
  if (pattern[p] == '?') {
    *next = p + 1;
    return true;
  }
  if (pattern[p] == '\\' && p + 1 < plen) p++;
  *next = p + 1;
  return glob_same(pattern[p], c, nocase);
}

bool glob_match(const char *pattern, size_t plen, const char *text, size_t len, bool nocase) {
  if (len == 0) return plen == 0 || (plen == 1 && pattern[0] == '*');
  size_t p = 0;
  size_t t = 0;
  bool starred = false;
  size_t star_p = 0; /* the element after the latest star */
  size_t star_t = 0; /* where the text for it begins */
  while (t < len) {
    if (p < plen && pattern[p] == '*') {
      starred = true;
      star_p = ++p;
      star_t = t;
    } else if (p < plen && glob_element(pattern, plen, p, text[t], nocase, &p)) {
      t++;
    } else if (starred) {
      p = star_p;
      t = ++star_t;
    } else {
      return false;
    }
  }
  while (p < plen && pattern[p] == '*') p++;
  return p == plen;
}
