/* driver: runs a fuzzer's corpus without libFuzzer, so that what was once found stays a test.
 *
 *     fuzz_NAME FILE|DIRECTORY...
 *
 * Each file is one input, copied to a block of exactly its size, so that a sanitizer sees the last byte read
 * too many. An input that a fuzzer does not like ends the program; none at all is a failure too. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t passed;

static void run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t *data = malloc(size + (size == 0));
  if (data == NULL || fread(data, 1, size, file) != size) exit(1);
  fclose(file);
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  passed++;
}

static void run_path(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) {
    run_file(path);
    return;
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char inside[4096];
    if (entry->d_name[0] == '.') continue;
    snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
    run_file(inside);
  }
  closedir(directory);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) run_path(argv[i]);
  const char *name = strrchr(argv[0], '/');
  printf("%s: %zu passed, 0 failed\n", name != NULL ? name + 1 : argv[0], passed);
  return passed == 0;
}
