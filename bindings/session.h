/* session: what a connection of Redis remembers between its commands: the protocol its replies are in, its name, a
 * transaction that is being queued, and watched keys. A session belongs to one store and to one thread at a time; its
 * commands run with the store's lock held, like any other. */
#ifndef KEVY_SESSION_H
#define KEVY_SESSION_H

#include "command.h"
#include "pubsub.h"

typedef struct session_command session_command;
typedef struct session_watch session_watch;

typedef enum session_replies { SESSION_ANSWERS, SESSION_SKIPS_NEXT, SESSION_SKIPS, SESSION_SILENT } session_replies;

struct kevy_session {
  kevy_store *store;
  int64_t id;   /* no other session of this process had it */
  int protocol; /* 2 or 3 */
  bool over;    /* QUIT was answered */
  char *name;   /* as CLIENT SETNAME left it; NULL: none */
  char *library[2];       /* its name and version, as CLIENT SETINFO left them */
  session_replies silent; /* CLIENT REPLY */
  int64_t opened;         /* Unix ms */
  bool multi;    /* between MULTI and EXEC */
  bool rejected; /* a command was */
  bool looks;    /* it may look, and not touch (session_restrict) */
  size_t queued;
  session_command *first, *last;
  session_watch *watches;
  subscriber listens; /* to channels (pubsub.h) */
};

/* Answers an error where the command is of no session. */
bool session_missing(command_call *c);

/* As after kevy_session_open, but for the id: no transaction, nothing watched, no name, protocol 2, replies to all. */
void session_reset(kevy_session *session);

/* The form that flags ask for, in the session's protocol; below 0 where there is none such. */
int session_encoding(const kevy_session *session, uint32_t flags);

/* fn(context) is called for each message that begins to wait for the session, by the thread that publishes and with the store's lock
 * held: it may only signal. NULL: no more. */
void session_on_push(kevy_session *session, void (*fn)(void *context), void *context);

/* Keeps a copy of a word of the session's, which has no zero byte; "" is none. False where memory does not suffice. */
bool session_keep(char **word, const kevy_value *v);

#endif
