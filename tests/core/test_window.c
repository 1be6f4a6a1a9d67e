/* A window: requests in pieces, pipelines, commands that wait, limits, the owner at work meanwhile, transactions, forks, closing. */
#include "internals.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}

static kevy_window *open_window(kevy_store *s, kevy_window_options o) {
  kevy_window *w;
  o.size = sizeof o;
  REQUIRE(kevy_serve(s, "127.0.0.1:0", &o, &w) == KEVY_OK);
  return w;
}

static const kevy_window_options writing = {.flags = KEVY_WINDOW_WRITE};

/* ---- A client -------------------------------------------------------------------------------------- */

static int dial(kevy_window *w) {
  const char *colon = strrchr(kevy_window_address(w), ':');
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
  return fd;
}

static void say_bytes(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
    if (n < 0) return;
    bytes += n;
    len -= (size_t)n;
  }
}
static void say(int fd, const char *text) { say_bytes(fd, text, strlen(text)); }

/* Whether exactly this comes next. */
static bool hears(int fd, const char *text) {
  char got[4096];
  size_t want = strlen(text), have = 0;
  REQUIRE(want < sizeof got);
  while (have < want) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 20000) <= 0) break;
    ssize_t n = recv(fd, got + have, want - have, 0);
    if (n <= 0) break;
    have += (size_t)n;
  }
  got[have] = '\0';
  if (have == want && memcmp(got, text, want) == 0) return true;
  fprintf(stderr, "wanted %s\ngot %s\n", text, got);
  return false;
}

/* Whether the window hangs up, whatever it says first. */
static bool hangs_up(int fd) {
  char got[4096];
  for (;;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 20000) <= 0) return false;
    if (recv(fd, got, sizeof got, 0) <= 0) return true;
  }
}

static bool asks(int fd, const char *request, const char *answer) {
  say(fd, request);
  return hears(fd, answer);
}

static void wait_for_connections(kevy_window *w, uint64_t n) {
  for (int i = 0; i < 20000 && kevy_window_connections(w) != n; i++) usleep(1000);
  CHECK(kevy_window_connections(w) == n);
}

/* ---- Tests ------------------------------------------------------------------------------------------ */

static void test_requests(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  int fd = dial(w);
  CHECK(asks(fd, "PING\r\n", "+PONG\r\n"));
  CHECK(asks(fd, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\0", ""));
  static const char rest[] = "\0v\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  say_bytes(fd, rest, sizeof rest - 1);
  CHECK(hears(fd, "+OK\r\n$2\r\n"));
  char value[4];
  CHECK(recv(fd, value, 4, MSG_WAITALL) == 4 && memcmp(value, "\0v\r\n", 4) == 0);
  CHECK(asks(fd, "\r\n*0\r\n*-1\r\nset 'a b' \"\\x41\\n\" \nget \"a b\"\r\n", "+OK\r\n$2\r\nA\n\r\n"));
  for (const char *p = "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n"; *p != '\0'; p++) say_bytes(fd, p, 1);
  CHECK(hears(fd, "$5\r\nhello\r\n"));
  CHECK(asks(fd, "NOSUCH x\r\n", "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n"));
  CHECK(asks(fd, "MULTI\r\nINCR n\r\nEXEC\r\nQUIT\r\n", "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n+OK\r\n"));
  CHECK(hangs_up(fd));
  close(fd);
  kevy_window_close(w);
  kevy_close(s);
}

/* A session's protocol is its connection's. */
static void test_protocols(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, (kevy_window_options){.flags = KEVY_WINDOW_WRITE, .password = "pw"});
  int fd = dial(w), other = dial(w);
  char answer[512];
  CHECK(asks(fd, "HELLO 3\r\n", "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> "
                               "AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version "
                               "at the same time\r\n"));
  say(fd, "HELLO 3 SETNAME auth AUTH default pw\r\n");
  CHECK(recv(fd, answer, sizeof answer, 0) > 4 && memcmp(answer, "%7\r\n", 4) == 0);
  CHECK(asks(fd, "HSET h f v\r\nHGETALL h\r\nGET missing\r\n", ":1\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n"));
  say(fd, "BLPOP q 0\r\n");
  CHECK(asks(other, "AUTH pw\r\nHGETALL h\r\nRPUSH q x\r\n", "+OK\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n:1\r\n"));
  CHECK(hears(fd, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n"));
  CHECK(asks(fd, "RESET\r\n", "+RESET\r\n") && asks(fd, "GET k\r\n", "-NOAUTH Authentication required.\r\n"));
  CHECK(asks(fd, "AUTH pw\r\nGET missing\r\n", "+OK\r\n$-1\r\n"));
  close(fd);
  close(other);
  kevy_window_close(w);
  kevy_close(s);
}

static void test_messages(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  kevy_reply *r = kevy_reply_new();
  kevy_value words[] = {kevy_text("PUBLISH", 7), kevy_text("c", 1), kevy_text("from the owner", 14)};
  int fd = dial(w), other = dial(w);
  CHECK(asks(fd, "SUBSCRIBE c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
  CHECK(asks(other, "PUBLISH c hello\r\n", ":1\r\n"));
  CHECK(hears(fd, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n"));
  CHECK(kevy_call(s, 3, words, r) == KEVY_OK);
  CHECK(hears(fd, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$14\r\nfrom the owner\r\n"));
  REQUIRE(kevy_begin(s) == KEVY_OK);
  CHECK(kevy_call(s, 3, words, r) == KEVY_OK);
  REQUIRE(kevy_commit(s) == KEVY_OK);
  CHECK(hears(fd, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$14\r\nfrom the owner\r\n"));
  close(fd);
  wait_for_connections(w, 1);
  CHECK(asks(other, "PUBLISH c hello\r\nPING\r\n", ":0\r\n+PONG\r\n"));
  CHECK(asks(other, "SUBSCRIBE c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
  CHECK(kevy_call(s, 3, words, r) == KEVY_OK);
  kevy_window_close(w); /* while somebody listens */
  close(other);
  kevy_reply_free(r);
  kevy_close(s);
}

static void test_malformed(void) {
  static const char *const cases[][2] = {
      {"*1000000000\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
      {"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
      {"*1\r\nGET\r\n", "-ERR Protocol error: expected '$', got 'G'\r\n"},
      {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"*1\r\n$99999999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"*1\r\n$99999999999999999999999\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
      {"get \"x\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
      {"PING\r\nget 'a'b\r\n", "+PONG\r\n-ERR Protocol error: unbalanced quotes in request\r\n"},
  };
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int fd = dial(w);
    CHECK(asks(fd, cases[i][0], cases[i][1]));
    CHECK(hangs_up(fd));
    close(fd);
  }
  char *line = malloc(70000);
  memset(line, 'x', 70000);
  int fd = dial(w);
  say_bytes(fd, line, 70000);
  CHECK(hears(fd, "-ERR Protocol error: too big inline request\r\n") && hangs_up(fd));
  close(fd);
  free(line);
  wait_for_connections(w, 0);
  kevy_window_close(w);
  kevy_close(s);
}

static void test_waiting(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  int first = dial(w), second = dial(w), third = dial(w);
  say(first, "BLPOP q 0\r\nPING\r\n");
  say(second, "BLPOP q 0.05\r\n");
  CHECK(hears(second, "*-1\r\n"));
  say(third, "BLPOP other 0\r\n");
  kevy_value v = kevy_text("x", 1);
  uint64_t length;
  CHECK(asks(second, "PING\r\n", "+PONG\r\n"));
  CHECK(kevy_push(s, "q", 1, 1, &v, 0, &length) == KEVY_OK); /* the owner serves it */
  CHECK(hears(first, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n+PONG\r\n"));
  close(third); /* who left gets nothing */
  for (int i = 0; i < 20000 && kevy_window_connections(w) != 2; i++) usleep(1000);
  CHECK(asks(second, "RPUSH other y\r\nLLEN other\r\n", ":1\r\n:1\r\n"));
  say(first, "BLPOP q 0\r\n");
  CHECK(asks(second, "RPUSH q z\r\n", ":1\r\n"));
  CHECK(hears(first, "*2\r\n$1\r\nq\r\n$1\r\nz\r\n"));
  say(first, "BLPOP q 0\r\n");
  CHECK(asks(second, "PING\r\n", "+PONG\r\n"));
  kevy_window_close(w); /* while one waits */
  CHECK(hangs_up(first));
  close(first);
  close(second);
  kevy_close(s);
}

static void test_reading_only(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, (kevy_window_options){.flags = 0});
  static const char refused[] = "-READONLY You can't write against a read only window.\r\n";
  int fd = dial(w);
  kevy_value v = kevy_text("x", 1);
  REQUIRE(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(asks(fd, "GET k\r\n", "$1\r\nx\r\n"));
  CHECK(asks(fd, "SET k y\r\n", refused));
  CHECK(asks(fd, "FLUSHALL\r\n", refused));
  CHECK(asks(fd, "MULTI\r\nDEL k\r\n", "+OK\r\n") && hears(fd, refused));
  CHECK(asks(fd, "EXEC\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n"));
  CHECK(asks(fd, "BLPOP k 0\r\n", refused));
  CHECK(asks(fd, "GET k\r\n", "$1\r\nx\r\n"));
  close(fd);
  kevy_window_close(w);
  kevy_close(s);
}

static void test_password(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, (kevy_window_options){.flags = KEVY_WINDOW_WRITE, .password = "open sesame"});
  int fd = dial(w);
  CHECK(asks(fd, "GET k\r\n", "-NOAUTH Authentication required.\r\n"));
  CHECK(asks(fd, "AUTH wrong\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
  CHECK(asks(fd, "AUTH ''\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
  CHECK(asks(fd, "AUTH somebody \"open sesame\"\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
  CHECK(asks(fd, "HELLO 2 AUTH default wrong\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"));
  CHECK(asks(fd, "AUTH default \"open sesame\"\r\n", "+OK\r\n"));
  CHECK(asks(fd, "GET k\r\n", "$-1\r\n"));
  close(fd);
  fd = dial(w);
  CHECK(asks(fd, "*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n") && hangs_up(fd));
  close(fd);
  fd = dial(w);
  CHECK(asks(fd, "*1\r\n$20000\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n") && hangs_up(fd));
  close(fd);
  kevy_window_close(w);
  kevy_close(s);
}

static void test_limits(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, (kevy_window_options){.flags = KEVY_WINDOW_WRITE, .maxclients = 2, .query_buffer = 100000, .output_buffer = 1000000});
  int first = dial(w), second = dial(w), third;
  CHECK(asks(first, "PING\r\n", "+PONG\r\n") && asks(second, "PING\r\n", "+PONG\r\n"));
  third = dial(w);
  CHECK(hears(third, "-ERR max number of clients reached\r\n") && hangs_up(third));
  close(third);
  CHECK(asks(first, "*2\r\n$4\r\nECHO\r\n$100001\r\n", "-ERR Protocol error: invalid bulk length\r\n") && hangs_up(first));
  close(first);
  wait_for_connections(w, 1);
  first = dial(w); /* many arguments that are too much together */
  char piece[90016];
  int head = snprintf(piece, sizeof piece, "$90000\r\n");
  memset(piece + head, 'x', 90000);
  memcpy(piece + head + 90000, "\r\n", 2);
  say(first, "*100\r\n$4\r\nMSET\r\n");
  for (int i = 0; i < 5; i++) say_bytes(first, piece, (size_t)head + 90002);
  CHECK(hangs_up(first));
  close(first);
  kevy_value v = kevy_text(piece, 90000); /* an answer that is too long */
  for (int i = 0; i < 12; i++) REQUIRE(kevy_push(s, "l", 1, 1, &v, 0, &(uint64_t){0}) == KEVY_OK);
  CHECK(asks(second, "LLEN l\r\n", ":12\r\n"));
  say(second, "LRANGE l 0 -1\r\n");
  CHECK(hangs_up(second));
  close(second);
  wait_for_connections(w, 0);
  kevy_window_close(w);
  kevy_close(s);
}

/* Who asks for more than it takes is served as far as it takes, others meanwhile, and then to the end. */
static void test_slow_reader(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  static char value[100000];
  memset(value, 'v', sizeof value);
  kevy_value v = kevy_text(value, sizeof value);
  REQUIRE(kevy_set(s, "big", 3, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  int slow = dial(w), other = dial(w), n = 500;
  CHECK(asks(slow, "PING\r\n", "+PONG\r\n"));
  for (int i = 0; i < n; i++) say(slow, "GET big\r\n");
  CHECK(asks(other, "PING\r\n", "+PONG\r\n"));
  size_t want = (size_t)n * (sizeof value + 11), have = 0;
  char *got = malloc(want);
  while (have < want) {
    ssize_t r = recv(slow, got + have, want - have, 0);
    if (r <= 0) break;
    have += (size_t)r;
  }
  CHECK(have == want && memcmp(got + want - 4, "vv\r\n", 4) == 0);
  free(got);
  close(slow);
  close(other);
  kevy_window_close(w);
  kevy_close(s);
}

static void *pipeline(void *context) {
  int fd = *(int *)context;
  for (int round = 0; round < (int)scaled(20, 2); round++) {
    for (int i = 0; i < 100; i++) say(fd, "INCR n\r\nPING\r\n");
    for (int i = 0; i < 100; i++) {
      char line[64];
      int at = 0, lines = 0;
      while (lines < 2 && recv(fd, line + at, 1, 0) == 1) lines += line[at++ % 63] == '\n';
    }
  }
  close(fd);
  return NULL;
}

static void test_owner_works(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  pthread_t clients[3];
  int fds[3];
  int64_t n = 0, all = 3 * 100 * (int64_t)scaled(20, 2);
  for (int i = 0; i < 3; i++) fds[i] = dial(w);
  for (int i = 0; i < 3; i++) pthread_create(&clients[i], NULL, pipeline, &fds[i]);
  for (int i = 0; i < 1000; i++) REQUIRE(kevy_incr(s, "n", 1, 1, 0, &n) == KEVY_OK);
  for (int i = 0; i < 3; i++) pthread_join(clients[i], NULL);
  CHECK(kevy_incr(s, "n", 1, 0, 0, &n) == KEVY_OK && n == all + 1000);
  kevy_window_close(w);
  CHECK(kevy_incr(s, "n", 1, 1, 0, &n) == KEVY_OK);
  kevy_close(s);
}

/* Clients wait for its end; the window can be stopped inside. */
static void test_transaction(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  int64_t n;
  int fd = dial(w);
  CHECK(asks(fd, "INCR n\r\n", ":1\r\n"));
  REQUIRE(kevy_begin(s) == KEVY_OK);
  kevy_window *another;
  CHECK(kevy_serve(s, "127.0.0.1:0", NULL, &another) == KEVY_ETRANSACTION);
  CHECK(kevy_incr(s, "n", 1, 1, 0, &n) == KEVY_OK);
  say(fd, "INCR n\r\nget 'n'\r\n");
  usleep(5000);
  struct pollfd p = {.fd = fd, .events = POLLIN};
  CHECK(poll(&p, 1, 0) == 0);
  REQUIRE(kevy_rollback(s) == KEVY_OK);
  CHECK(hears(fd, ":2\r\n$1\r\n2\r\n"));
  REQUIRE(kevy_begin(s) == KEVY_OK);
  say(fd, "INCR n\r\n");
  kevy_window_close(w);
  REQUIRE(kevy_commit(s) == KEVY_OK);
  close(fd);
  kevy_close(s);
}

static void test_closing(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing), *v = open_window(s, writing);
  int fd = dial(w), other = dial(v);
  CHECK(asks(fd, "SET k v\r\n", "+OK\r\n") && asks(other, "GET k\r\n", "$1\r\nv\r\n"));
  kevy_window_stop(w);
  CHECK(hangs_up(fd));
  kevy_window_stop(w);
  kevy_window_close(w);
  CHECK(asks(other, "GET k\r\n", "$1\r\nv\r\n"));
  kevy_close(s); /* with a window open */
  CHECK(hangs_up(other));
  kevy_window_close(v);
  kevy_window_close(NULL);
  close(fd);
  close(other);
}

static void test_addresses(void) {
  static const char *const wrong[] = {"", "x", ":", "1.2.3.4", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", "nowhere.example:1",
                                      "[::1:1", "unix:", "0.0.0.0:0", "8.8.8.8:0", "[::]:0"};
  kevy_store *s = open_store(), *frozen;
  kevy_window *w;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CHECK(kevy_serve(s, wrong[i], NULL, &w) == KEVY_EARG);
  kevy_window_options o = KEVY_WINDOW_OPTIONS_INIT;
  o.flags = KEVY_WINDOW_PUBLIC;
  CHECK(kevy_serve(s, "0.0.0.0:0", &o, &w) == KEVY_OK);
  kevy_window_close(w);
  o.flags = 1u << 20;
  CHECK(kevy_serve(s, "0", &o, &w) == KEVY_EARG);
  CHECK(kevy_serve(s, "localhost:0", NULL, &w) == KEVY_OK);
  kevy_window *twice;
  CHECK(kevy_serve(s, kevy_window_address(w), NULL, &twice) == KEVY_EIO);
  kevy_window_close(w);
  REQUIRE(kevy_snapshot(s, &frozen) == KEVY_OK);
  CHECK(kevy_serve(frozen, "0", NULL, &w) == KEVY_EREADONLY);
  kevy_close(frozen);
  kevy_close(s);
}

static void test_unix(void) {
  kevy_store *s = open_store();
  char text[64];
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(text, sizeof text, "unix:/tmp/kevy-window-%d.sock", (int)getpid());
  snprintf(a.sun_path, sizeof a.sun_path, "%s", text + 5);
  kevy_window *w, *twice;
  int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(bind(stale, (struct sockaddr *)&a, sizeof a) == 0); /* nobody listens there any more */
  close(stale);
  REQUIRE(kevy_serve(s, text, NULL, &w) == KEVY_OK);
  CHECK(strcmp(kevy_window_address(w), text) == 0);
  CHECK(kevy_serve(s, text, NULL, &twice) == KEVY_EIO);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
  CHECK(asks(fd, "PING\r\n", "+PONG\r\n"));
  kevy_window_close(w);
  CHECK(access(a.sun_path, F_OK) != 0);
  close(fd);
  kevy_close(s);
}

/* The child has the store, and none of the sockets. */
static void test_fork(void) {
  kevy_store *s = open_store();
  kevy_window *w = open_window(s, writing);
  int fd = dial(w);
  CHECK(asks(fd, "SET k v\r\n", "+OK\r\n"));
  pid_t child = fork();
  if (child == 0) {
    kevy_value v;
    bool fine = kevy_get(s, "k", 1, &v) == KEVY_OK && kevy_window_connections(w) == 0;
    kevy_window_close(w);
    fine = fine && kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK;
    _exit(fine ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(asks(fd, "GET k\r\n", "$1\r\nv\r\n"));
  kevy_window_close(w);
  CHECK(hangs_up(fd));
  close(fd);
  kevy_close(s);
}

int main(void) {
  check_begin("window");
  test_requests();
  test_protocols();
  test_messages();
  test_malformed();
  test_waiting();
  test_reading_only();
  test_password();
  test_limits();
  test_slow_reader();
  test_owner_works();
  test_transaction();
  test_closing();
  test_addresses();
  test_unix();
  test_fork();
  return check_end();
}
