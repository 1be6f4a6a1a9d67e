/* pywire: what kevy.redis's connections are made of: a session that takes commands as redis-py has their arguments
 * and answers with the objects its parsers would make, with no protocol text on the way.
 *
 * Commands are run when they are sent; their replies wait in a queue, undecoded, until they are read. A command that
 * blocks is the last in the queue, and what is sent behind it waits until it is over, as on a socket. A descriptor, made
 * when somebody asks for it or waits, is readable as long as there is something to read. */
#ifndef KEVY_PY_WIRE_H
#define KEVY_PY_WIRE_H

#include "pyreply.h"

PyTypeObject *pywire_type(PyObject *module);

#endif
