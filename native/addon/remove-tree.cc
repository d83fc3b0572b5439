#include "addon/remove-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace glassbox {

namespace {

// Each level holds a descriptor and some stack, and an archive can nest without end: what lies deeper than this is moved up
// to the top directory and removed from there.
constexpr int kDepth = 48;

struct Walk {
  int topFd;
  unsigned hoisted = 0;
};

int Empty(Walk& walk, int fd, int depth);

int RemoveEntry(Walk& walk, int parentFd, const char* name, int depth) {
  if (unlinkat(parentFd, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  if (unlinkat(parentFd, name, AT_REMOVEDIR) == 0) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) return errno;
  if (depth >= kDepth) {
    char fresh[32];
    for (;;) {
      snprintf(fresh, sizeof fresh, ".hoisted-%u", walk.hoisted++);
      if (renameat2(parentFd, name, walk.topFd, fresh, 1 /* RENAME_NOREPLACE */) == 0) return 0;
      if (errno != EEXIST) return errno;
    }
  }
  // Without root, a directory of mode 0 cannot be read even by its owner.
  int fd = openat(parentFd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == EACCES && fchmodat(parentFd, name, 0700, 0) == 0) {
    fd = openat(parentFd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0) return errno;
  const int failed = Empty(walk, fd, depth + 1);
  if (failed != 0) return failed;
  return unlinkat(parentFd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

// Takes over `fd`.
int Empty(Walk& walk, int fd, int depth) {
  struct stat status;
  if (fstat(fd, &status) == 0 && (status.st_mode & 0700) != 0700 && geteuid() != 0) fchmod(fd, 0700);
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    const int failed = errno;
    close(fd);
    return failed;
  }
  int failed = 0;
  // Removing while reading may skip names on some file systems, so go round until a pass finds none.
  for (bool again = true; again && failed == 0;) {
    again = false;
    rewinddir(directory);
    while (failed == 0) {
      errno = 0;
      const dirent* entry = readdir(directory);
      if (entry == nullptr) {
        failed = errno;
        break;
      }
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      again = true;
      failed = RemoveEntry(walk, fd, entry->d_name, depth);
    }
  }
  closedir(directory);
  return failed;
}

}  // namespace

int RemoveTree(int parentFd, const char* name) {
  if (unlinkat(parentFd, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  if (unlinkat(parentFd, name, AT_REMOVEDIR) == 0) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST && errno != EACCES) return errno;
  int top = openat(parentFd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (top < 0 && errno == EACCES && fchmodat(parentFd, name, 0700, 0) == 0) {
    top = openat(parentFd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  }
  if (top < 0) return errno;
  Walk walk{top};
  const int own = fcntl(top, F_DUPFD_CLOEXEC, 0);
  const int failed = own < 0 ? errno : Empty(walk, own, 0);
  close(top);
  if (failed != 0) return failed;
  return unlinkat(parentFd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace glassbox
