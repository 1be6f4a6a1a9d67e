/* manifest: see manifest.h. */
#include "manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"

#define MANIFEST_BYTES ((size_t)64 << 10)

void manifest_path(const char *dir, const char *name, char path[MANIFEST_PATH]) {
  int len = snprintf(path, MANIFEST_PATH, "%s/" MANIFEST_DIR "/%s", dir, name);
  if (len < 0 || len >= MANIFEST_PATH) path[0] = '\0';
}

/* ---- reading ---- */

/* A name that stays in the directory. */
static bool manifest_name_fits(const char *name) {
  return name[0] != '\0' && strlen(name) < MANIFEST_FILE_NAME && strchr(name, '/') == NULL;
}

static bool manifest_add(manifest *m, const char *name, uint64_t seq, char type) {
  if (!manifest_name_fits(name)) return false;
  manifest_file f = {.seq = seq};
  snprintf(f.name, sizeof f.name, "%s", name);
  if (type == 'h') return true;
  if (type == 'b' && !m->based) {
    m->based = true;
    m->base = f;
    return true;
  }
  if (type != 'i' || m->count == MANIFEST_FILES) return false;
  if (m->count != 0 && m->incr[m->count - 1].seq >= seq) return false;
  m->incr[m->count++] = f;
  return true;
}

/* "file NAME seq N type T"; the name perhaps between quotes. */
static bool manifest_line(manifest *m, char *line) {
  char name[MANIFEST_FILE_NAME + 2], type;
  uint64_t seq;
  if (line[0] == '#' || line[0] == '\0') return true;
  if (sscanf(line, "file %97s seq %" SCNu64 " type %c", name, &seq, &type) != 3) return false;
  size_t len = strlen(name);
  if (len > 2 && name[0] == '"' && name[len - 1] == '"') {
    name[len - 1] = '\0';
    return manifest_add(m, name + 1, seq, type);
  }
  return manifest_add(m, name, seq, type);
}

static bool manifest_parse(manifest *m, char *text) {
  char *save;
  for (char *line = strtok_r(text, "\r\n", &save); line != NULL; line = strtok_r(NULL, "\r\n", &save))
    if (!manifest_line(m, line)) return false;
  return true;
}

int manifest_read(const char *dir, manifest *m) {
  char path[MANIFEST_PATH], *text;
  int fd, error;
  size_t len;
  memset(m, 0, sizeof *m);
  manifest_path(dir, MANIFEST_NAME ".manifest", path);
  if ((error = file_open(path, O_RDONLY, 0, &fd)) != 0) return error;
  if ((text = malloc(MANIFEST_BYTES + 1)) == NULL) error = ENOMEM;
  if (error == 0) error = file_read(fd, text, MANIFEST_BYTES, &len);
  (void)file_close(fd);
  if (error == 0) {
    text[len] = '\0';
    if (len == MANIFEST_BYTES || strlen(text) != len || !manifest_parse(m, text)) error = EINVAL;
  }
  free(text);
  return error;
}

/* ---- writing ---- */

static int manifest_put(const char *temporary, const char *text, size_t len) {
  int fd, error = file_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666, &fd);
  if (error != 0) return error;
  error = file_write(fd, text, len);
  if (error == 0) error = file_sync(fd);
  int closed = file_close(fd);
  return error != 0 ? error : closed;
}

static size_t manifest_print(char *to, size_t room, const manifest_file *f, char type) {
  return (size_t)snprintf(to, room, "file %s seq %" PRIu64 " type %c\n", f->name, f->seq, type);
}

int manifest_write(const char *dir, const manifest *m, bool *placed) {
  char path[MANIFEST_PATH], temporary[MANIFEST_PATH], text[(MANIFEST_FILES + 1) * (MANIFEST_FILE_NAME + 40)];
  size_t len = 0;
  if (m->based) len += manifest_print(text, sizeof text, &m->base, 'b');
  for (size_t i = 0; i < m->count; i++) len += manifest_print(text + len, sizeof text - len, &m->incr[i], 'i');
  manifest_path(dir, MANIFEST_NAME ".manifest", path);
  manifest_path(dir, "temp-" MANIFEST_NAME ".manifest", temporary);
  int error = manifest_put(temporary, text, len);
  if (error == 0) error = file_rename(temporary, path);
  if (placed != NULL) *placed = error == 0;
  return error == 0 ? file_sync_directory(path) : error;
}

/* ---- names ---- */

manifest_file manifest_next_base(const manifest *m) {
  manifest_file f = {.seq = m->based ? m->base.seq + 1 : 1};
  snprintf(f.name, sizeof f.name, MANIFEST_NAME ".%" PRIu64 ".base.rdb", f.seq);
  return f;
}

manifest_file manifest_next_incr(const manifest *m) {
  manifest_file f = {.seq = m->count != 0 ? m->incr[m->count - 1].seq + 1 : 1};
  snprintf(f.name, sizeof f.name, MANIFEST_NAME ".%" PRIu64 ".incr.aof", f.seq);
  return f;
}
