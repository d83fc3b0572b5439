// Paths inside the root. Whatever an image or a container can influence is resolved by openat2(2) with RESOLVE_IN_ROOT below the
// root's descriptor: a symlink, "..", or an absolute path ends inside, also while somebody swaps path components.

#include <fcntl.h>
#include <sys/stat.h>

#include "init/container.h"

namespace glassbox {

namespace {

struct OpenHow {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

constexpr long kEnoent = -2, kEexist = -17, kEnotdir = -20;

long openat2_in(Container& c, int directory, const char* path, long flags, uint64_t mode, uint64_t resolve) {
  const OpenHow how{static_cast<uint64_t>(flags | O_CLOEXEC), mode, resolve};
  for (;;) {
    const long fd = c.calls.call(SYS_openat2, integer(directory), string(path), bytes(&how, sizeof how), integer(sizeof how));
    // EAGAIN: a rename raced with the walk of "..", the kernel asks to try again.
    if (fd != -11) return fd;
  }
}

// Splits "/a/b/c" at the next component; false at the end. Components longer than NAME_MAX are left to the kernel's ENAMETOOLONG.
bool next_component(const char*& at, char (&out)[256]) {
  while (*at == '/') at++;
  if (*at == 0) return false;
  size_t n = 0;
  while (*at != 0 && *at != '/') {
    if (n < sizeof(out) - 1) out[n++] = *at;
    at++;
  }
  out[n] = 0;
  return true;
}

// Opens "." + one more component at a time below the root, making directories that are missing.
long walk_making(Container& c, const char* path, uint64_t extra_resolve) {
  long current = openat2_in(c, c.root_fd, ".", O_PATH | O_DIRECTORY, 0, kResolveInRoot);
  if (current < 0) return current;
  // The prefix that is known to exist is resolved as a whole from the root, so that symlinks in it stay inside.
  static char prefix[4096];
  size_t used = 0;
  char component[256];
  const char* at = path;
  while (next_component(at, component)) {
    const size_t n = length_of(component);
    if (used + n + 2 > sizeof(prefix)) {
      close_fd(c, current);
      return -36;  // ENAMETOOLONG
    }
    prefix[used++] = '/';
    for (size_t i = 0; i < n; i++) prefix[used++] = component[i];
    prefix[used] = 0;
    long next = openat2_in(c, c.root_fd, prefix, O_PATH | O_DIRECTORY, 0, kResolveInRoot | kResolveNoMagiclinks | extra_resolve);
    if (next == kEnoent) {
      const long made = c.calls.call(SYS_mkdirat, integer(current), string(component), integer(0755));
      if (made < 0 && made != kEexist) {
        close_fd(c, current);
        return made;
      }
      next = openat2_in(c, static_cast<int>(current), component, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                        kResolveBeneath | kResolveNoMagiclinks);
    }
    close_fd(c, current);
    if (next < 0) return next;
    current = next;
  }
  return current;
}

// Parent directory of `path` opened (made when missing), and its last component copied out.
long open_parent(Container& c, const char* path, char (&name)[256], uint64_t extra_resolve) {
  static char parent[4096];
  size_t n = length_of(path);
  while (n > 1 && path[n - 1] == '/') n--;
  size_t slash = n;
  while (slash > 0 && path[slash - 1] != '/') slash--;
  if (n - slash >= sizeof(name) || slash >= sizeof(parent)) return -36;
  for (size_t i = 0; i < n - slash; i++) name[i] = path[slash + i];
  name[n - slash] = 0;
  for (size_t i = 0; i < slash; i++) parent[i] = path[i];
  parent[slash] = 0;
  return walk_making(c, parent, extra_resolve);
}

}  // namespace

void close_fd(Container& c, long fd) {
  if (fd >= 0) c.calls.call(SYS_close, integer(fd));
}

long open_in_root(Container& c, const char* path, long flags, uint64_t extra_resolve) {
  return openat2_in(c, c.root_fd, path, flags, 0, kResolveInRoot | kResolveNoMagiclinks | extra_resolve);
}

long make_directory_in_root(Container& c, const char* path) { return walk_making(c, path, 0); }

long open_target(Container& c, const char* path, Create create, uint64_t extra_resolve) {
  const long found = open_in_root(c, path, O_PATH, extra_resolve);
  if (found != kEnoent || create == Create::None) return found;
  if (create == Create::Directory) return walk_making(c, path, extra_resolve);
  char name[256];
  const long parent = open_parent(c, path, name, extra_resolve);
  if (parent < 0) return parent;
  const long file = openat2_in(c, static_cast<int>(parent), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644,
                               kResolveBeneath | kResolveNoMagiclinks);
  if (file >= 0) close_fd(c, file);
  const long result = file < 0 && file != kEexist ? file
                                                  : openat2_in(c, static_cast<int>(parent), name, O_PATH | O_NOFOLLOW, 0,
                                                               kResolveBeneath | kResolveNoMagiclinks);
  close_fd(c, parent);
  return result;
}

long open_root(Container& c, const StepView& step) {
  const long fd = c.calls.call(SYS_openat, integer(AT_FDCWD), string(step.string(0)), integer(O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd;
  c.root_fd = static_cast<int>(fd);
  return 0;
}

// pivot_root(".", ".") stacks the old root on the new one, so no directory for it is needed in the image; it is then made a
// slave (nothing propagates back to the host) and detached with all below it. pivot_root(2), "pivot_root(".", ".")".
long change_root(Container& c, const StepView& step) {
  Calls& calls = c.calls;
  if (step.integer(0) == 1) {
    long r = calls.call(SYS_fchdir, integer(c.root_fd));
    if (r < 0) return r;
    r = calls.call(SYS_chroot, string("."));
    return r < 0 ? r : calls.call(SYS_chdir, string("/"));
  }
  const long old_root = calls.call(SYS_openat, integer(AT_FDCWD), string("/"), integer(O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (old_root < 0) return old_root;
  long r = calls.call(SYS_fchdir, integer(c.root_fd));
  if (r < 0) return r;
  r = calls.call(SYS_pivot_root, string("."), string("."));
  if (r < 0) return r;
  r = calls.call(SYS_fchdir, integer(old_root));
  if (r < 0) return r;
  constexpr long kMsRec = 0x4000, kMsSlave = 1 << 19;
  r = calls.call(SYS_mount, null(), string("."), null(), integer(kMsRec | kMsSlave), null());
  if (r < 0) return r;
  constexpr long kMntDetach = 2;
  r = calls.call(SYS_umount2, string("."), integer(kMntDetach));
  if (r < 0) return r;
  r = calls.call(SYS_chdir, string("/"));
  if (r < 0) return r;
  close_fd(c, old_root);
  return 0;
}

long change_directory(Container& c, const StepView& step) {
  const char* path = step.string(0);
  long fd = open_in_root(c, path, O_PATH | O_DIRECTORY);
  if (fd == kEnoent && step.integer(1) != 0) fd = make_directory_in_root(c, path);
  if (fd < 0) return is_ignored(fd, step.integer(2)) ? 0 : fd;
  const long moved = c.calls.call(SYS_fchdir, integer(fd));
  close_fd(c, fd);
  if (moved < 0) return is_ignored(moved, step.integer(2)) ? 0 : moved;
  // A directory outside the root shows as "(unreachable)/…" (CVE-2024-21626).
  static char where[4096];
  const long n = c.calls.call(SYS_getcwd, bytes(where, sizeof where), integer(sizeof where));
  if (n < 0) return n;
  return where[0] == '/' ? 0 : kEnotdir;
}

}  // namespace glassbox
