/* session: what a connection of Redis remembers between its commands: the protocol its replies are in, its name, a
 * transaction that is being queued, and watched keys. A session belongs to one store and to one thread at a time; its
 * commands run with the store's lock held, like any other. */
#ifndef KEVY_SESSION_H
#define KEVY_SESSION_H

#include "command.h"
#include "pubsub.h"

#define SESSION_ADDRESS 160

typedef struct session_command session_command;
typedef struct session_watch session_watch;

/* What a session knows of the connection that it is of. */
typedef struct session_line {
  void (*address)(const void *connection, bool local, char text[SESSION_ADDRESS]); /* the other end's, or this end's */
  void (*cut)(void *connection); /* ends it soon; on any thread, with the store's lock held */
  bool file;                     /* of a unix socket */
} session_line;

/* Bytes of a connection's buffers, which its thread writes and others read. */
typedef struct session_figures {
  size_t input, room, output; /* what came and was not run yet; what there is room for beyond; what is not sent */
} session_figures;

typedef enum session_replies { SESSION_ANSWERS, SESSION_SKIPS_NEXT, SESSION_SKIPS, SESSION_SILENT } session_replies;

struct kevy_session {
  kevy_store *store;
  kevy_session *next, *prev; /* of the store's, while it is listed (clients.h) */
  bool listed;
  int64_t id;   /* no other session of this process had it */
  int protocol; /* 2 or 3 */
  uint32_t db;  /* the database that is selected */
  bool over;    /* QUIT was answered, or it was killed */
  bool killed;  /* CLIENT KILL: nothing more is done for it */
  char *name;   /* as CLIENT SETNAME left it; NULL: none */
  char *library[2];       /* its name and version, as CLIENT SETINFO left them */
  session_replies silent; /* CLIENT REPLY */
  int64_t opened, heard;  /* on clients_clock: when it was, when its last command was */
  const command *last_row; /* its last command; NULL: none, or an unknown one */
  const session_line *line; /* NULL: a session of this process */
  void *line_of;
  int fd;                  /* -1 there */
  session_figures figures;
  bool waits;              /* a command of it does */
  bool stays, touches_not; /* CLIENT NO-EVICT and NO-TOUCH */
  bool multi;    /* between MULTI and EXEC */
  bool rejected; /* a command was */
  bool looks;    /* it may look, and not touch (session_restrict) */
  bool writes;   /* something among what is queued does */
  size_t queued;
  session_command *first, *last;
  session_watch *watches;
  bool touched; /* one of them counts as changed, whatever its version tells */
  subscriber listens; /* to channels (pubsub.h) */
};

/* Bytes of what waits for EXEC. The store's lock is held. */
size_t session_queue_bytes(const kevy_session *session);

/* A session that no list has; NULL: no memory. The store need not let in. */
kevy_session *session_new(kevy_store *s);

/* Whether a key that it watches was changed. The store's lock is held. */
bool session_conflicts(const kevy_session *session);

/* A key of the database in use counts as changed to those who watch it, though it may be as it was. */
void session_touch(kevy_store *s, const kevy_value *key);

/* A database is about to be emptied (other: itself) or exchanged for another: what is watched there counts as changed if it was,
 * or is in one of the two. */
void session_settle(kevy_store *s, uint32_t db, uint32_t other);

/* As after kevy_session_open, but for the id: no transaction, nothing watched, no name, database 0, protocol 2, replies to all. */
void session_reset(kevy_session *session);

/* While a script is late: runs a command, which does not wait, beside it; false: none is late. */
bool session_call_late(kevy_session *session, size_t argc, const kevy_value *argv, int encoding, kevy_reply *r, kevy_status *status);

/* The form that flags ask for, in the session's protocol; below 0 where there is none such. */
int session_encoding(const kevy_session *session, uint32_t flags);

/* fn(context) is called for each message that begins to wait for the session, by the thread that publishes and with the store's lock
 * held: it may only signal. NULL: no more. */
void session_on_push(kevy_session *session, void (*fn)(void *context), void *context);

/* Keeps a copy of a word of the session's, which has no zero byte; "" is none. False where memory does not suffice. */
bool session_keep(char **word, const kevy_value *v);

#endif
