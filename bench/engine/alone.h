/* alone: what the drivers that measure kevy alone share: the store at hand, and its figures. Included by exactly one file of a program. */
#ifndef BENCH_ALONE_H
#define BENCH_ALONE_H

#include "measure.h"

#include "kevy.h"

static kevy_store *store;

static void check(kevy_status status) {
  if (status < 0) fail(kevy_errmsg(store));
}

static uint64_t figure(const char *wanted) {
  const char *name;
  kevy_value v;
  for (size_t i = 0; kevy_info(store, i, &name, &v) == KEVY_OK; i++)
    if (strcmp(name, wanted) == 0) return (uint64_t)v.as.i;
  fail(wanted);
  return 0;
}

#endif
