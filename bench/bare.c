/*
 * The floor: one container start in plain C, with the calls that a glassbox start makes and nothing else. Root only.
 *
 *   gcc -O2 -static -o bare bench/bare.c && ./bare LOWER_DIRECTORY COUNT
 *
 * LOWER_DIRECTORY holds a root file system with /bin/busybox (static). Prints one duration in microseconds per start: from before the first
 * mkdir to after the last rmdir.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void check(long result, const char *what) {
  if (result < 0) {
    perror(what);
    _exit(111);
  }
}

static void put(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(fd, path);
  check(write(fd, value, strlen(value)), path);
  close(fd);
}

static const char *controllers[] = {"memory", "pids", "devices"};
static char directory[4096], merged[4200], options[16384], cgroup[3][256];
static int tasks[3];

/* As many instructions as the default profile runs in the worst case would be unfair here: allow everything. */
static struct sock_filter filter[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};

static int child(void *unused) {
  (void)unused;
  static const struct { const char *name; int major, minor; } nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7},
                                                                          {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
  check(setsid(), "setsid");
  for (int i = 0; i < 3; i++) check(write(tasks[i], "0", 1), "tasks");
  check(unshare(CLONE_NEWCGROUP), "unshare");
  check(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "propagation");
  check(chdir(merged), "chdir");
  check(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
  check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=65536k"), "dev");
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    char path[32];
    snprintf(path, sizeof path, "dev/%s", nodes[i].name);
    check(mknod(path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), path);
  }
  check(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "mkdir");
  check(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"), "devpts");
  check(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=65536k"), "shm");
  check(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mqueue");
  check(mount("sysfs", "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "sysfs");
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(umount2(".", MNT_DETACH), "umount2");
  check(chdir("/"), "chdir");
  check(sethostname("bare", 4), "sethostname");
  for (const char *const *path = (const char *[]){"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", NULL}; *path != NULL; path++) {
    if (mount(*path, *path, NULL, MS_BIND | MS_REC, NULL) == 0) check(mount(NULL, *path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), *path);
  }
  for (const char *const *path = (const char *[]){"/proc/keys", "/proc/interrupts", "/proc/timer_list", NULL}; *path != NULL; path++)
    mount("/dev/null", *path, NULL, MS_BIND, NULL);
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "seccomp");
  for (int cap = 0; cap <= 40; cap++) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
  execve("/bin/busybox", argv, envp);
  check(-1, "execve");
  return 111;
}

static void start_once(const char *lower, int number) {
  char path[4300];
  snprintf(directory, sizeof directory, "/tmp/glassbox-bare-%d-%d", getpid(), number);
  check(mkdir(directory, 0700), directory);
  for (const char *const *name = (const char *[]){"upper", "work", "merged", NULL}; *name != NULL; name++) {
    snprintf(path, sizeof path, "%s/%s", directory, *name);
    check(mkdir(path, 0755), path);
  }
  snprintf(merged, sizeof merged, "%s/merged", directory);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work,volatile", lower, directory, directory);
  check(mount("overlay", merged, "overlay", 0, options), "overlay");
  for (const char *const *name = (const char *[]){"proc", "dev", "sys", NULL}; *name != NULL; name++) {
    snprintf(path, sizeof path, "%s/%s", merged, *name);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) check(-1, path);
  }
  for (int i = 0; i < 3; i++) {
    snprintf(cgroup[i], sizeof cgroup[i], "/sys/fs/cgroup/%s/glassbox-bare-%d-%d", controllers[i], getpid(), number);
    check(mkdir(cgroup[i], 0755), cgroup[i]);
    snprintf(path, sizeof path, "%s/tasks", cgroup[i]);
    check(tasks[i] = open(path, O_WRONLY | O_CLOEXEC), path);
  }
  snprintf(path, sizeof path, "%s/pids.max", cgroup[1]);
  put(path, "2048");
  snprintf(path, sizeof path, "%s/devices.deny", cgroup[2]);
  put(path, "a");
  snprintf(path, sizeof path, "%s/devices.allow", cgroup[2]);
  put(path, "c *:* m");
  put(path, "c 1:3 rwm");

  static char stack[64 * 1024] __attribute__((aligned(16)));
  const int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
  const pid_t pid = clone(child, stack + sizeof stack, flags | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
  check(pid, "clone");
  int status = 0;
  check(waitpid(pid, &status, 0), "waitpid");
  if (status != 0) fprintf(stderr, "child ended with status %d\n", status);

  for (int i = 0; i < 3; i++) {
    close(tasks[i]);
    check(rmdir(cgroup[i]), cgroup[i]);
  }
  check(umount2(merged, MNT_DETACH), "umount2");
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: bare LOWER_DIRECTORY COUNT\n");
    return 2;
  }
  for (int i = 0; i < atoi(argv[2]); i++) {
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    start_once(argv[1], i);
    clock_gettime(CLOCK_MONOTONIC, &after);
    printf("%ld\n", (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000);
    char command[4200];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0) return 1;
  }
  return 0;
}
