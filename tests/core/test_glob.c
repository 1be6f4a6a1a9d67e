/* Patterns: Redis's cases one by one, random ones against a matcher of another make, and the time they take. */
#include "../../core/glob.c"

#include <time.h>

#include "check.h"
#include "glob_model.h"

static bool match(const char *pattern, const char *text) {
  return glob_match(pattern, strlen(pattern), text, strlen(text), false);
}

static bool match_nocase(const char *pattern, const char *text) {
  return glob_match(pattern, strlen(pattern), text, strlen(text), true);
}

static void test_plain(void) {
  CHECK(match("", "") && !match("", "a") && !match("a", "") && match("abc", "abc") && !match("abc", "abd"));
  CHECK(!match("abc", "ab") && !match("ab", "abc") && !match("ABC", "abc"));
}

static void test_stars(void) {
  CHECK(match("*", "") && match("*", "a") && !match("**", "") && !match("***", "") && match("***", "abc"));
  CHECK(match("a*", "a") && match("a*", "abc") && match("*c", "abc") && match("a*c", "ac") && match("a*c", "abbbc"));
  CHECK(!match("a*c", "abcd") && match("*a*b*c*", "xaxbxcx") && !match("*a*b*c*", "xaxcxb"));
  CHECK(match("*ab", "aab") && match("*aab", "aaab") && match("a*b*ab", "abab") && !match("a*b*ab", "aab"));
}

static void test_question(void) {
  CHECK(match("?", "a") && !match("?", "") && !match("?", "ab") && match("h?llo", "hello") && match("?*", "a"));
  CHECK(!match("*?", "") && match("*?", "a") && match("??*", "ab") && !match("??*", "a"));
}

static void test_classes(void) {
  CHECK(match("h[ae]llo", "hello") && match("h[ae]llo", "hallo") && !match("h[ae]llo", "hillo"));
  CHECK(match("h[^e]llo", "hallo") && !match("h[^e]llo", "hello") && !match("[^a]", ""));
  CHECK(match("[a-c]", "b") && match("[c-a]", "b") && !match("[a-c]", "d") && match("[a-c0-9]", "5"));
  CHECK(match("[]", "a") == false && match("[^]", "a") && !match("[]a]", "a") && match("[a]]", "a]"));
  CHECK(match("[\\]]", "]") && match("[\\-]", "-") && match("[a\\-z]", "-") && !match("[a\\-z]", "m"));
  CHECK(match("[*]", "*") && !match("[*]", "a") && match("[?]", "?") && match("[[]", "["));
}

/* A class that never closes ends with the pattern. */
static void test_open_classes(void) {
  CHECK(match("[a", "a") && !match("[a", "b") && match("[^a", "b") && match("[^", "x") && !match("[", "["));
  CHECK(match("[a-", "a") && match("[a-", "-") && match("[a-c", "b") && match("[\\", "\\") && match("x[a*", "x*"));
}

static void test_quotes(void) {
  CHECK(match("\\*", "*") && !match("\\*", "a") && match("\\?", "?") && match("\\[a]", "[a]"));
  CHECK(match("a\\\\b", "a\\b") && match("\\a", "a") && match("\\", "\\") && match("a\\", "a\\"));
}

static void test_case(void) {
  CHECK(match_nocase("GET*", "getex") && match_nocase("g[E]t", "GeT") && match_nocase("[a-c]x", "BX"));
  CHECK(match_nocase("[A-C]", "b") && !match_nocase("[a-c]", "D") && !match("[a-c]", "B"));
}

/* Bytes above 127 and zero bytes; ranges compare them as signed. */
static void test_bytes(void) {
  CHECK(glob_match("\0*\0", 3, "\0a\0", 3, false) && !glob_match("\0*\0", 3, "\0a", 2, false));
  CHECK(match("[\x80-\xff]", "\xc0") && !match("[\x80-\xff]", "a") && match("?", "\xff"));
  CHECK(match("[\xff-a]", "A") && !match("[\xff-a]", "\xfe"));
  CHECK(glob_match(NULL, 0, NULL, 0, false) && !glob_match("a", 1, NULL, 0, false));
}

/* ---- Against a matcher of another make ---- */

#define LONGEST 24

static size_t some_of(const char *alphabet, size_t letters, char *out) {
  size_t len = below(LONGEST);
  for (size_t i = 0; i < len; i++) out[i] = alphabet[below(letters)];
  return len;
}

static void test_random(void) {
  static const char pattern_bytes[] = "***??[]^-\\abc\xff", text_bytes[] = "aabbc]-^\\*\xff";
  size_t yes = 0;
  bool same = true;
  for (size_t i = scaled(2000000, 10000); i > 0; i--) {
    char pattern[LONGEST], text[LONGEST];
    size_t plen = some_of(pattern_bytes, sizeof pattern_bytes, pattern);
    size_t len = some_of(text_bytes, sizeof text_bytes, text);
    if (len == 0) continue; /* told apart above */
    bool want = model_matches(pattern, plen, text, len);
    same = same && glob_match(pattern, plen, text, len, false) == want;
    yes += want;
  }
  CHECK(same);
  CHECK(yes > 100);
}

/* What makes a backtracking matcher take forever takes pattern times text steps at most. */
static void test_time(void) {
  static char pattern[2001], text[100001];
  for (size_t i = 0; i < 1000; i++) memcpy(pattern + 2 * i, "a*", 2);
  pattern[2000] = 'b';
  memset(text, 'a', sizeof text);
  clock_t start = clock();
  CHECK(!glob_match(pattern, 2001, text, 100001, false));
  CHECK(!glob_match("*a*a*a*a*a*a*a*a*b", 18, text, 100001, false));
  memset(pattern, '*', sizeof pattern);
  CHECK(glob_match(pattern, sizeof pattern, text, sizeof text, false));
  CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 5);
}

int main(void) {
  check_begin("glob");
  test_plain();
  test_stars();
  test_question();
  test_classes();
  test_open_classes();
  test_quotes();
  test_case();
  test_bytes();
  test_random();
  test_time();
  return check_end();
}
