/* address: where a window listens: "127.0.0.1:6390", "localhost:6390", "[::1]:6390", "6390", "unix:/tmp/app.sock".
 *
 * Names are not looked up. An address that other machines reach is taken only from who says that they may. The file of a unix
 * socket can be used by its owner's processes alone; one that nobody listens on any more is replaced. */
#ifndef KEVY_ADDRESS_H
#define KEVY_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "kevy.h"

typedef struct address {
  socklen_t len;
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } as;
} address;

#define ADDRESS_ROOM 160

/* Reads an address. NULL, or what is wrong with it. */
const char *address_read(address *a, const char *text);

/* Whether only this machine reaches it. */
bool address_local(const address *a);

/* A socket that is bound to it, not blocking; -1: errno says why. A port of 0 is chosen by the system. */
int address_bind(const address *a);

/* What a client is told to connect to: the address that the socket has. */
void address_write(const address *a, int fd, char text[ADDRESS_ROOM]);

/* Removes the file of a unix socket. */
void address_forget(const address *a);

#endif
