// What a payload can do with the descriptors that it was started with. Reports on standard error, as standard output may be under test.
// usage: descriptors scan | descriptors stdio | descriptors change FD…
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_secret(int fd, const char *name) {
  char text[256];
  int file = openat(fd, name, O_RDONLY);
  if (file < 0) return;
  ssize_t n = read(file, text, sizeof text - 1);
  if (n > 0) {
    text[n] = 0;
    fprintf(stderr, "read %d/%s %s\n", fd, name, text);
  }
  close(file);
}

static void scan(void) {
  for (int fd = 0; fd < 70000; fd++) {
    struct stat st;
    if (fcntl(fd, F_GETFD) < 0) continue;
    fstat(fd, &st);
    fprintf(stderr, "open %d %o\n", fd, st.st_mode & S_IFMT);
    if (S_ISDIR(st.st_mode)) read_secret(fd, "secret");
  }
  // The first process too: with --init it is not the payload.
  for (int fd = 0; fd < 5000; fd++) {
    char path[64], to[256];
    snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
    ssize_t n = readlink(path, to, sizeof to - 1);
    if (n < 0) continue;
    to[n] = 0;
    fprintf(stderr, "first %d %s\n", fd, to);
  }
}

static void try_stdio(int fd) {
  struct stat st;
  char path[64], text[256];
  if (fstat(fd, &st) < 0) return;
  fprintf(stderr, "type %d %o tty %d\n", fd, st.st_mode & S_IFMT, isatty(fd));
  if (S_ISDIR(st.st_mode)) read_secret(fd, "secret");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
  if (again < 0) {
    fprintf(stderr, "reopen %d %s\n", fd, strerror(errno));
    return;
  }
  fprintf(stderr, "reopen %d rw\n", fd);
  if (!S_ISREG(st.st_mode)) return;
  ssize_t n = pread(again, text, sizeof text - 1, 0);
  if (n > 0) {
    text[n] = 0;
    fprintf(stderr, "read %d %s\n", fd, text);
  }
  if (pwrite(again, "OVERWRITTEN", 11, 0) == 11) fprintf(stderr, "wrote %d\n", fd);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "scan";
  if (strcmp(what, "scan") == 0) scan();
  for (int fd = 0; fd <= 1 && strcmp(what, "stdio") == 0; fd++) try_stdio(fd);
  // Only those that are named: where nothing protects, another descriptor may be the host's own /dev/null.
  for (int i = 2; i < argc && strcmp(what, "change") == 0; i++) {
    char path[64];
    int fd = atoi(argv[i]);
    fchmod(fd, 0640);
    fchown(fd, 4321, 4321);
    // Also by path: that works where fd is open for one direction only.
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    chmod(path, 0640);
    chown(path, 4321, 4321);
  }
  fprintf(stderr, "done\n");
  return 0;
}
