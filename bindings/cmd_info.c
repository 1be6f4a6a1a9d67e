/* cmd_info.c: INFO: one writer for each section of Redis's text.
 *
 * What a lone server says of things that kevy has no use for (replicas, clusters) is said here as well, since tools read
 * it. A figure of kevy's own that Redis has no name for stands in Memory under its own. */
#include "command.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../core/database.h"
#include "../core/persist/directory.h"
#include "blocking.h"
#include "clients.h"
#include "config.h"
#include "evict.h"
#include "persistence.h"
#include "store.h"

typedef struct info_text {
  size_t len;
  char bytes[12 << 10];
} info_text;

__attribute__((format(printf, 2, 3))) static void info_add(info_text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int printed = vsnprintf(t->bytes + t->len, sizeof t->bytes - t->len, format, args);
  va_end(args);
  if (printed > 0 && (size_t)printed < sizeof t->bytes - t->len) t->len += (size_t)printed;
}

static void info_int(info_text *t, const char *name, int64_t number) { info_add(t, "%s:%lld\r\n", name, (long long)number); }

/* ---- Figures of the store --------------------------------------------------------------------------- */

static double info_figure(kevy_store *s, const char *wanted) {
  const char *name;
  kevy_value value;
  for (size_t i = 0; store_info(s, i, &name, &value) == KEVY_OK; i++)
    if (strcmp(name, wanted) == 0) return value.kind == KEVY_FLOAT ? value.as.d : (double)value.as.i;
  return 0;
}

static int64_t info_count(kevy_store *s, const char *wanted) { return (int64_t)info_figure(s, wanted); }

/* Figures that stand elsewhere, under Redis's names. */
static bool info_is_named(const char *figure) {
  static const char *const named[] = {"used_memory", "used_memory_peak", "maxmemory", "hits", "misses", "expired", "evicted",
                                      "work_entries_moved", "work_bytes_copied", "keys", "keys_with_ttl"};
  for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
    if (strcmp(named[i], figure) == 0) return true;
  return false;
}

static void info_own_figures(kevy_store *s, info_text *t) {
  const char *figure;
  kevy_value value;
  char scratch[NUMBER_FLOAT_MAX];
  for (size_t i = 0; store_info(s, i, &figure, &value) == KEVY_OK; i++) {
    if (info_is_named(figure)) continue;
    kevy_value text = number_byte_form(&value, scratch);
    info_add(t, "%s:%.*s\r\n", figure, (int)text.len, text.as.ptr);
  }
}

/* "12.34M", as Redis prints bytes for people. */
static void info_human(info_text *t, const char *name, double bytes) {
  static const char units[] = "BKMGTP";
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 5; unit++) bytes /= 1024;
  if (unit == 0) info_add(t, "%s:%.0fB\r\n", name, bytes);
  else info_add(t, "%s:%.2f%c\r\n", name, bytes, units[unit]);
}

/* ---- The process ------------------------------------------------------------------------------------ */

static pthread_once_t info_once = PTHREAD_ONCE_INIT;
static char info_run_id[41];

static void info_draw_id(void) {
  unsigned char bytes[20] = {0};
  if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) < 0) memcpy(bytes, &(pid_t){getpid()}, sizeof(pid_t));
  for (size_t i = 0; i < sizeof bytes; i++) snprintf(info_run_id + 2 * i, 3, "%02x", bytes[i]);
}

static const char *info_id(void) {
  pthread_once(&info_once, info_draw_id);
  return info_run_id;
}

static void info_server(kevy_store *s, info_text *t) {
  struct utsname system = {0};
  (void)uname(&system);
  int64_t now = store_now(s), up = now > s->opened ? (now - s->opened) / 1000 : 0;
  info_add(t, "redis_version:" COMMAND_REDIS_VERSION "\r\nredis_git_sha1:00000000\r\nredis_git_dirty:0\r\n");
  info_add(t, "redis_build_id:0\r\nredis_mode:standalone\r\nkevy_version:" KEVY_VERSION "\r\n");
  info_add(t, "os:%s %s %s\r\narch_bits:%zu\r\n", system.sysname, system.release, system.machine, 8 * sizeof(void *));
  info_add(t, "process_id:%ld\r\nprocess_supervised:no\r\nrun_id:%s\r\ntcp_port:0\r\n", (long)getpid(), info_id());
  info_int(t, "server_time_usec", now * 1000);
  info_int(t, "uptime_in_seconds", up);
  info_int(t, "uptime_in_days", up / 86400);
  info_int(t, "hz", config_number(s, CONFIG_HZ));
  info_int(t, "configured_hz", config_number(s, CONFIG_HZ));
  info_int(t, "lru_clock", now / 1000 & 0xffffff);
  info_add(t, "executable:\r\nconfig_file:\r\n");
}

static void info_cpu(kevy_store *s, info_text *t) {
  (void)s;
  struct rusage self = {0}, children = {0};
  (void)getrusage(RUSAGE_SELF, &self);
  (void)getrusage(RUSAGE_CHILDREN, &children);
  info_add(t, "used_cpu_sys:%lld.%06ld\r\nused_cpu_user:%lld.%06ld\r\n", (long long)self.ru_stime.tv_sec,
           (long)self.ru_stime.tv_usec, (long long)self.ru_utime.tv_sec, (long)self.ru_utime.tv_usec);
  info_add(t, "used_cpu_sys_children:%lld.%06ld\r\nused_cpu_user_children:%lld.%06ld\r\n", (long long)children.ru_stime.tv_sec,
           (long)children.ru_stime.tv_usec, (long long)children.ru_utime.tv_sec, (long)children.ru_utime.tv_usec);
}

/* ---- The store -------------------------------------------------------------------------------------- */

static void info_clients(kevy_store *s, info_text *t) {
  info_int(t, "connected_clients", (int64_t)clients_count(s));
  info_add(t, "cluster_connections:0\r\n");
  info_int(t, "maxclients", config_number(s, CONFIG_MAXCLIENTS));
  info_add(t, "client_recent_max_input_buffer:0\r\nclient_recent_max_output_buffer:0\r\n");
  info_int(t, "blocked_clients", (int64_t)blocking_count(s));
  info_add(t, "tracking_clients:0\r\nclients_in_timeout_table:0\r\n");
}

static void info_memory(kevy_store *s, info_text *t) {
  double used = info_figure(s, "used_memory"), peak = info_figure(s, "used_memory_peak"), most = info_figure(s, "maxmemory");
  double overhead = info_figure(s, "overhead_bytes"), resident = info_figure(s, "resident_bytes");
  kevy_value policy;
  char line[64];
  policy = config_text(s, CONFIG_MAXMEMORY_POLICY, line);
  info_int(t, "used_memory", (int64_t)used);
  info_human(t, "used_memory_human", used);
  info_int(t, "used_memory_rss", (int64_t)resident);
  info_human(t, "used_memory_rss_human", resident);
  info_int(t, "used_memory_peak", (int64_t)peak);
  info_human(t, "used_memory_peak_human", peak);
  info_add(t, "used_memory_peak_perc:%.2f%%\r\n", peak > 0 ? used * 100 / peak : 100);
  info_int(t, "used_memory_overhead", (int64_t)overhead);
  info_add(t, "used_memory_startup:0\r\n");
  info_int(t, "used_memory_dataset", (int64_t)(used - overhead));
  info_add(t, "used_memory_dataset_perc:%.2f%%\r\n", used > 0 ? (used - overhead) * 100 / used : 100);
  info_int(t, "maxmemory", (int64_t)most);
  info_human(t, "maxmemory_human", most);
  info_add(t, "maxmemory_policy:%.*s\r\n", (int)policy.len, policy.as.ptr);
  info_add(t, "mem_fragmentation_ratio:%.2f\r\nmem_allocator:kevy\r\nlazyfree_pending_objects:0\r\n", info_figure(s, "fragmentation"));
  info_own_figures(s, t);
}

static void info_persistence(kevy_store *s, info_text *t) {
  const struct directory *d = directory_of(s);
  saving_report saved = saving_reported(s);
  info_add(t, "loading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:0\r\n");
  info_int(t, "rdb_bgsave_in_progress", saved.running);
  info_int(t, "rdb_last_save_time", saved.last);
  info_add(t, "rdb_last_bgsave_status:%s\r\nrdb_last_bgsave_time_sec:-1\r\nrdb_current_bgsave_time_sec:-1\r\n", saved.failed ? "err" : "ok");
  info_int(t, "aof_enabled", d != NULL);
  info_int(t, "aof_rewrite_in_progress", saved.rewriting);
  info_add(t, "aof_rewrite_scheduled:0\r\naof_last_rewrite_time_sec:-1\r\naof_current_rewrite_time_sec:-1\r\n");
  info_add(t, "aof_last_bgrewrite_status:ok\r\naof_last_write_status:%s\r\n", store_writable(s) == KEVY_EREFUSED ? "err" : "ok");
  if (d != NULL) info_int(t, "aof_current_size", info_count(s, "log_bytes"));
}

static void info_stats(kevy_store *s, info_text *t) {
  info_int(t, "total_connections_received", s->clients != NULL ? (int64_t)s->clients->accepted : 0);
  info_int(t, "rejected_connections", s->clients != NULL ? (int64_t)s->clients->refused : 0);
  info_add(t, "sync_full:0\r\nsync_partial_ok:0\r\nsync_partial_err:0\r\n");
  info_int(t, "expired_keys", info_count(s, "expired"));
  info_add(t, "expired_stale_perc:0.00\r\nexpired_time_cap_reached_count:0\r\n");
  info_int(t, "evicted_keys", info_count(s, "evicted"));
  info_add(t, "evicted_clients:0\r\n");
  info_int(t, "keyspace_hits", info_count(s, "hits"));
  info_int(t, "keyspace_misses", info_count(s, "misses"));
  info_add(t, "latest_fork_usec:0\r\ntotal_forks:0\r\nmigrate_cached_sockets:0\r\nslave_expires_tracked_keys:0\r\n");
  info_add(t, "tracking_total_keys:0\r\ntracking_total_items:0\r\ntracking_total_prefixes:0\r\n");
  info_int(t, "work_entries_moved", info_count(s, "work_entries_moved"));
  info_int(t, "work_bytes_copied", info_count(s, "work_bytes_copied"));
}

static void info_replication(kevy_store *s, info_text *t) {
  (void)s;
  info_add(t, "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:%s\r\n", info_id());
  info_add(t, "master_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\nsecond_repl_offset:-1\r\n");
  info_add(t, "repl_backlog_active:0\r\nrepl_backlog_size:1048576\r\nrepl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n");
}

static void info_nothing(kevy_store *s, info_text *t) { (void)s, (void)t; }

static void info_cluster(kevy_store *s, info_text *t) {
  (void)s;
  info_add(t, "cluster_enabled:0\r\n");
}

#define INFO_SAMPLES 64

/* The time that keys with a deadline have left, in ms, on average of some of them. */
static int64_t info_average_ttl(kevy_store *s, const database *d) {
  int64_t now = store_now(s), sum = 0, n = 0;
  for (uint32_t i = 0; i < INFO_SAMPLES && d->with_ttl != 0; i++) {
    const entry *e = mem_ptr(s->base, table_random(s->base, &d->keys, store_random, s));
    if (!entry_has_deadline(e) || entry_deadline(e) <= now) continue;
    sum += (entry_deadline(e) - now) / INFO_SAMPLES; /* a deadline may be any number */
    n++;
  }
  return n != 0 ? (int64_t)((double)sum * INFO_SAMPLES / (double)n) : 0;
}

static void info_keyspace(kevy_store *s, info_text *t) {
  uint32_t i = 0;
  for (const database *d; (d = database_next(database_all(s), &i)) != NULL;)
    if (d->keys.count != 0)
      info_add(t, "db%u:keys=%llu,expires=%llu,avg_ttl=%lld\r\n", (unsigned)i - 1, (unsigned long long)d->keys.count,
               (unsigned long long)d->with_ttl, (long long)info_average_ttl(s, d));
}

/* ---- INFO ------------------------------------------------------------------------------------------- */

static const struct info_section {
  const char *name;
  void (*write)(kevy_store *s, info_text *t);
  bool more; /* only where everything is asked for */
} info_sections[] = {
    {"Server", info_server, false}, {"Clients", info_clients, false}, {"Memory", info_memory, false},
    {"Persistence", info_persistence, false}, {"Stats", info_stats, false}, {"Replication", info_replication, false},
    {"CPU", info_cpu, false}, {"Modules", info_nothing, false}, {"Commandstats", info_nothing, true},
    {"Errorstats", info_nothing, false}, {"Latencystats", info_nothing, true}, {"Cluster", info_cluster, false},
    {"Keyspace", info_keyspace, false},
};

static bool info_wants(const command_call *c, const struct info_section *section) {
  if (c->argc == 1) return !section->more;
  for (size_t i = 1; i < c->argc; i++)
    if (command_is(&c->argv[i], section->name) || (command_is(&c->argv[i], "default") && !section->more) ||
        command_is(&c->argv[i], "all") || command_is(&c->argv[i], "everything"))
      return true;
  return false;
}

void cmd_info(command_call *c) {
  info_text text;
  text.len = 0;
  for (size_t i = 0; i < sizeof info_sections / sizeof info_sections[0]; i++) {
    if (!info_wants(c, &info_sections[i])) continue;
    info_add(&text, "%s# %s\r\n", text.len > 0 ? "\r\n" : "", info_sections[i].name);
    info_sections[i].write(c->store, &text);
  }
  sink_text(c->out, text.bytes, text.len);
}

/* ---- MEMORY STATS ----------------------------------------------------------------------------------- */

static void info_answer_int(sink *out, const char *name, double number) {
  sink_bytes(out, name, strlen(name));
  sink_integer(out, (int64_t)number);
}

static void info_answer_real(sink *out, const char *name, double number) {
  sink_bytes(out, name, strlen(name));
  sink_real(out, number);
}

void cmd_memory_stats(command_call *c) {
  kevy_store *s = c->store;
  double used = info_figure(s, "used_memory"), peak = info_figure(s, "used_memory_peak"), keys = info_figure(s, "keys");
  double overhead = info_figure(s, "overhead_bytes"), resident = info_figure(s, "resident_bytes"), data = used - overhead;
  sink_map(c->out, 19);
  info_answer_int(c->out, "peak.allocated", peak);
  info_answer_int(c->out, "total.allocated", used);
  info_answer_int(c->out, "startup.allocated", 0);
  info_answer_int(c->out, "replication.backlog", 0);
  info_answer_int(c->out, "clients.slaves", 0);
  info_answer_int(c->out, "clients.normal", 0);
  info_answer_int(c->out, "cluster.links", 0);
  info_answer_int(c->out, "aof.buffer", 0);
  info_answer_int(c->out, "overhead.total", overhead);
  info_answer_int(c->out, "keys.count", keys);
  info_answer_int(c->out, "keys.bytes-per-key", keys > 0 ? used / keys : 0);
  info_answer_int(c->out, "dataset.bytes", data);
  info_answer_real(c->out, "dataset.percentage", used > 0 ? data * 100 / used : 100);
  info_answer_real(c->out, "peak.percentage", peak > 0 ? used * 100 / peak : 100);
  info_answer_int(c->out, "allocator.allocated", used);
  info_answer_int(c->out, "allocator.active", resident);
  info_answer_int(c->out, "allocator.resident", resident);
  info_answer_real(c->out, "fragmentation", info_figure(s, "fragmentation"));
  info_answer_int(c->out, "fragmentation.bytes", resident > used ? resident - used : 0);
}
