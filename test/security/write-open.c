// Every file below the given directories that can be opened for writing. Nothing is written, nothing is created or cut.
// usage: write-open DIRECTORY…
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

static unsigned long seen, opened;

// Opening these does something by itself: a watchdog starts to count, a snapshot freezes the swap, a trace pipe eats.
static int has_effect(const char *name) {
  return strncmp(name, "watchdog", 8) == 0 || strcmp(name, "snapshot") == 0 || strncmp(name, "trace_pipe", 10) == 0 || strcmp(name, "nvram") == 0;
}

static int is_process(const char *path, const char *name) {
  return strcmp(path, "/proc") == 0 && (strspn(name, "0123456789") == strlen(name) || strcmp(name, "self") == 0 || strcmp(name, "thread-self") == 0);
}

static void look(const char *path, const char *name);

static void walk(const char *path) {
  DIR *directory = opendir(path);
  struct dirent *entry;
  char below[4096];
  while (directory != NULL && (entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || is_process(path, entry->d_name)) continue;
    snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
    look(below, entry->d_name);
  }
  if (directory != NULL) closedir(directory);
}

static void look(const char *path, const char *name) {
  struct stat st;
  if (lstat(path, &st) < 0 || S_ISLNK(st.st_mode)) return;
  if (S_ISDIR(st.st_mode)) {
    walk(path);
    return;
  }
  // Closing a disk that was open for writing makes the kernel look at its partitions again.
  if (S_ISBLK(st.st_mode) || has_effect(name)) return;
  seen++;
  int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  opened++;
  close(fd);
  if (S_ISCHR(st.st_mode)) printf("%s c %u:%u\n", path, major(st.st_rdev), minor(st.st_rdev));
  else printf("%s %o\n", path, st.st_mode & 07777);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) walk(argv[i]);
  printf("seen %lu opened %lu\n", seen, opened);
  return 0;
}
