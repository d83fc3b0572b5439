/*
 * Payload of the guest's containers: one small question to the kernel each, answers as lines of text.
 *   probe open r:/dev/kmsg w:/dev/null …     PATH ok|ERRNO
 *   probe node c:1:11:r …                    makes the node in /dev, opens it: c:1:11 mknod=ok open=EPERM
 *   probe hog MIB                            touches that much memory
 *   probe fork N                             N children that wait: forked=K errno=EAGAIN
 *   probe spin MILLISECONDS                  of wall time: cpu=MS wall=MS
 *   probe syscall NUMBER …                   with six zero arguments: NUMBER ok|ERRNO
 *   probe mount FSTYPE PATH
 *   probe umount PATH
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *name(int error) { return error == 0 ? "ok" : strerrorname_np(error); }

static int try_open(const char *path, char mode) {
  int fd = open(path, (mode == 'w' ? O_WRONLY : O_RDONLY) | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

static void try_node(const char *text, int index) {
  char type, mode, path[64];
  unsigned major, minor;
  if (sscanf(text, "%c:%u:%u:%c", &type, &major, &minor, &mode) != 4) exit(2);
  snprintf(path, sizeof path, "/dev/probe-%d", index);
  int made = mknod(path, (type == 'c' ? S_IFCHR : S_IFBLK) | 0600, makedev(major, minor)) ? errno : 0;
  int opened = made ? made : try_open(path, mode);
  printf("%c:%u:%u mknod=%s open=%s\n", type, major, minor, name(made), name(opened));
  unlink(path);
}

static int hog(size_t bytes) {
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  for (size_t at = 0; at < bytes; at += 4096) memory[at] = 1;
  puts("touched");
  return 0;
}

static int spawn_many(int wanted) {
  int made = 0, error = 0;
  pid_t *children = calloc((size_t)wanted, sizeof *children);
  for (; made < wanted; made++) {
    children[made] = fork();
    if (children[made] == 0) {
      pause();
      _exit(0);
    }
    if (children[made] < 0) {
      error = errno;
      break;
    }
  }
  printf("forked=%d errno=%s\n", made, name(error));
  for (int i = 0; i < made; i++) kill(children[i], SIGKILL);
  while (wait(NULL) > 0) continue;
  return 0;
}

static long now_ms(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void spin(long wall) {
  long start = now_ms(CLOCK_MONOTONIC);
  while (now_ms(CLOCK_MONOTONIC) - start < wall) continue;
  printf("cpu=%ld wall=%ld\n", now_ms(CLOCK_PROCESS_CPUTIME_ID), now_ms(CLOCK_MONOTONIC) - start);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *what = argv[1];
  if (!strcmp(what, "hog")) return hog(strtoul(argv[2], NULL, 10) << 20);
  if (!strcmp(what, "fork")) return spawn_many(atoi(argv[2]));
  if (!strcmp(what, "mount") && argc == 4) return printf("%s\n", name(mount("none", argv[3], argv[2], 0, NULL) ? errno : 0)), 0;
  if (!strcmp(what, "umount")) return printf("%s\n", name(umount2(argv[2], 0) ? errno : 0)), 0;
  if (!strcmp(what, "spin")) return spin(atol(argv[2])), 0;
  for (int i = 2; i < argc; i++) {
    if (!strcmp(what, "open")) printf("%s %s\n", argv[i], name(try_open(argv[i] + 2, argv[i][0])));
    else if (!strcmp(what, "node")) try_node(argv[i], i);
    else if (!strcmp(what, "syscall")) printf("%s %s\n", argv[i], name(syscall(atol(argv[i]), 0, 0, 0, 0, 0, 0) < 0 ? errno : 0));
    else return 2;
  }
  return 0;
}
