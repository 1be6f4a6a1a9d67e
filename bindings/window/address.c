/* address: see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS_UNIX "unix:"

static const char *address_read_unix(address *a, const char *path) {
  size_t len = strlen(path);
  if (len == 0 || len >= sizeof a->as.un.sun_path) return "the path of a unix socket has 1 to 107 bytes";
  a->as.un.sun_family = AF_UNIX;
  memcpy(a->as.un.sun_path, path, len + 1);
  a->len = (socklen_t)sizeof a->as.un;
  return NULL;
}

static bool address_port(const char *text, in_port_t *port) {
  char *end;
  if (text[0] < '0' || text[0] > '9') return false;
  unsigned long n = strtoul(text, &end, 10);
  *port = htons((uint16_t)n);
  return *end == '\0' && n <= UINT16_MAX;
}

static const char *address_read_host(address *a, const char *host, in_port_t port) {
  if (strcmp(host, "") == 0 || strcmp(host, "localhost") == 0) host = "127.0.0.1";
  if (inet_pton(AF_INET, host, &a->as.in.sin_addr) == 1) {
    a->as.in.sin_family = AF_INET;
    a->as.in.sin_port = port;
    a->len = (socklen_t)sizeof a->as.in;
    return NULL;
  }
  memset(&a->as, 0, sizeof a->as);
  if (inet_pton(AF_INET6, host, &a->as.in6.sin6_addr) != 1) return "the host is localhost or a number, such as 127.0.0.1 or [::1]";
  a->as.in6.sin6_family = AF_INET6;
  a->as.in6.sin6_port = port;
  a->len = (socklen_t)sizeof a->as.in6;
  return NULL;
}

const char *address_read(address *a, const char *text) {
  memset(a, 0, sizeof *a);
  if (strncmp(text, ADDRESS_UNIX, sizeof ADDRESS_UNIX - 1) == 0) return address_read_unix(a, text + sizeof ADDRESS_UNIX - 1);
  char host[64] = "";
  const char *colon = strrchr(text, ':'), *port_text = colon != NULL ? colon + 1 : text;
  size_t len = colon != NULL ? (size_t)(colon - text) : 0;
  in_port_t port;
  if (!address_port(port_text, &port)) return "an address is HOST:PORT or unix:PATH";
  bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
  if (bracketed) text++, len -= 2;
  if (len >= sizeof host) return "the host is too long";
  memcpy(host, text, len);
  return address_read_host(a, host, port);
}

bool address_local(const address *a) {
  if (a->as.any.sa_family == AF_INET) return ntohl(a->as.in.sin_addr.s_addr) >> 24 == 127;
  return a->as.any.sa_family == AF_UNIX || IN6_IS_ADDR_LOOPBACK(&a->as.in6.sin6_addr);
}

/* ---- Binding ------------------------------------------------------------------------------------- */

static int address_socket(const address *a) {
  int fd = socket(a->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
  if (fd < 0) return -1;
  if (a->as.any.sa_family == AF_UNIX) (void)fchmod(fd, 0600); /* the file it will be bound to has this mode */
  else (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  return fd;
}

/* Whether there is a socket at the path that nobody listens on. */
static bool address_stale(const address *a) {
  struct stat st;
  if (a->as.any.sa_family != AF_UNIX || lstat(a->as.un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) return false;
  int fd = address_socket(a);
  bool refused = fd >= 0 && connect(fd, &a->as.any, a->len) < 0 && errno == ECONNREFUSED;
  if (fd >= 0) close(fd);
  return refused;
}

int address_bind(const address *a) {
  int fd = address_socket(a);
  if (fd < 0 || bind(fd, &a->as.any, a->len) == 0) return fd;
  int error = errno;
  if (error == EADDRINUSE && address_stale(a) && unlink(a->as.un.sun_path) == 0 && bind(fd, &a->as.any, a->len) == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

void address_write(const address *a, int fd, char text[ADDRESS_ROOM]) {
  char host[INET6_ADDRSTRLEN] = "";
  address bound = *a;
  if (a->as.any.sa_family == AF_UNIX) {
    snprintf(text, ADDRESS_ROOM, ADDRESS_UNIX "%s", a->as.un.sun_path);
    return;
  }
  (void)getsockname(fd, &bound.as.any, &bound.len);
  if (a->as.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &bound.as.in.sin_addr, host, sizeof host);
    snprintf(text, ADDRESS_ROOM, "%s:%u", host, ntohs(bound.as.in.sin_port));
  } else {
    inet_ntop(AF_INET6, &bound.as.in6.sin6_addr, host, sizeof host);
    snprintf(text, ADDRESS_ROOM, "[%s]:%u", host, ntohs(bound.as.in6.sin6_port));
  }
}

void address_forget(const address *a) {
  if (a->as.any.sa_family == AF_UNIX) (void)unlink(a->as.un.sun_path);
}
