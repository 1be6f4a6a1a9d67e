/* pywait: commands that wait (BLPOP, XREAD BLOCK), for threads and for event loops.
 *
 * A thread waits without the GIL and without the store's lock, in a poll that a signal ends. An event loop watches the
 * wait's descriptor: kevy.waiting. Either way the command is served by whoever writes what it waits for. */
#ifndef KEVY_PY_WAIT_H
#define KEVY_PY_WAIT_H

#include "pyreply.h"

/* Waits until a command is over and ends the wait: *status is the command's. False with an exception when a
 * signal handler raised one; the command was given up then. Runs outside of a turn. */
bool pywait_until_over(kevy_wait *wait, kevy_status *status);

/* The arguments of a command; false with an exception. */
bool pycommand_arguments(Batch *batch, PyObject *const *args, Py_ssize_t nargs);

/* Raises what the status of a reply says, or builds it; gives the reply back. */
PyObject *pywait_answer(Store *store, kevy_reply *reply, kevy_status status);

/* What Store._wait returns for a command that waits; takes over wait and reply. */
PyObject *pywait_new(Store *store, kevy_wait *wait, kevy_reply *reply);

PyTypeObject *pywait_type(PyObject *module);

#endif
