// Device nodes, links and the console of the container's own /dev.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "init/container.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

namespace glassbox {

namespace {

constexpr long kEexist = -17;

// Directory of `path` (made when missing) and its last component.
long directory_of(Container& c, const char* path, const char*& name) {
  static char parent[4096];
  size_t slash = length_of(path);
  while (slash > 0 && path[slash - 1] != '/') slash--;
  if (slash >= sizeof(parent)) return -36;  // ENAMETOOLONG
  for (size_t i = 0; i < slash; i++) parent[i] = path[i];
  parent[slash] = 0;
  name = path + slash;
  return open_target(c, parent, Create::Directory, 0);
}

long make_node(Container& c, int directory, const char* name, const StepView& step) {
  const long mode = step.integer(2);
  const auto major = static_cast<unsigned long>(step.integer(3));
  const auto minor = static_cast<unsigned long>(step.integer(4));
  const unsigned long device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xffUL) << 12);
  // The caller's umask is still in force: the mode is set explicitly.
  long r = c.calls.call(SYS_mknodat, integer(directory), string(name), integer(mode), integer(static_cast<long>(device)));
  if (r < 0) return r;
  r = c.calls.call(SYS_fchmodat, integer(directory), string(name), integer(mode & 07777));
  if (r < 0 || (step.integer(5) == 0 && step.integer(6) == 0)) return r;
  return c.calls.call(SYS_fchownat, integer(directory), string(name), integer(step.integer(5)), integer(step.integer(6)),
                      integer(AT_SYMLINK_NOFOLLOW));
}

// Where mknod is not allowed (a user namespace) the host's node is shown instead.
long bind_node(Container& c, const char* path) {
  const long source = c.calls.call(SYS_openat, integer(AT_FDCWD), string(path), integer(O_PATH | O_CLOEXEC));
  if (source < 0) return source;
  const long target = open_target(c, path, Create::File, 0);
  if (target < 0) return target;
  const long r = attach_clone(c, static_cast<int>(source), static_cast<int>(target), false, 0, 0);
  close_fd(c, target);
  close_fd(c, source);
  return r;
}

// The descriptor of the pty's master travels to the parent beside one byte.
long send_descriptor(Container& c, int fd) {
  uint8_t byte = 'c';
  struct {
    void* base;
    size_t length;
  } part{&byte, 1};
  alignas(8) uint8_t control[24] = {};  // CMSG_SPACE(sizeof(int))
  *reinterpret_cast<uint64_t*>(control) = 20;
  *reinterpret_cast<int*>(control + 8) = SOL_SOCKET;
  *reinterpret_cast<int*>(control + 12) = SCM_RIGHTS;
  *reinterpret_cast<int*>(control + 16) = fd;
  struct {
    void* name;
    uint32_t name_length;
    void* parts;
    size_t part_count;
    void* control;
    size_t control_length;
    int flags;
  } message{nullptr, 0, &part, 1, control, sizeof control, 0};
  return c.calls.call(SYS_sendmsg, integer(c.sync_fd), bytes(&message, sizeof message), integer(0));
}

}  // namespace

long create_device(Container& c, const StepView& step) {
  const char* path = step.string(1);
  if (step.integer(0) != 0) return bind_node(c, path);
  const char* name = nullptr;
  const long directory = directory_of(c, path, name);
  if (directory < 0) return directory;
  const long r = make_node(c, static_cast<int>(directory), name, step);
  if (r < 0) return r;
  close_fd(c, directory);
  return 0;
}

long create_symlink(Container& c, const StepView& step) {
  const char* name = nullptr;
  const long directory = directory_of(c, step.string(1), name);
  if (directory < 0) return directory;
  const long r = c.calls.call(SYS_symlinkat, string(step.string(0)), integer(directory), string(name));
  if (r < 0 && r != kEexist) return r;
  close_fd(c, directory);
  return 0;
}

// The pty comes from the container's own devpts: its name is true inside, and nothing of the host's devpts is seen.
// TIOCGPTPEER opens the slave without a path (CVE-2025-52565).
long open_console(Container& c, const StepView& step) {
  Calls& calls = c.calls;
  const long master = open_in_root(c, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, kResolveNoSymlinks);
  if (master < 0) return master;
  const int unlock = 0;
  long r = calls.call(SYS_ioctl, integer(master), integer(TIOCSPTLCK), bytes(&unlock, sizeof unlock));
  if (r < 0) return r;
  const long slave = calls.call(SYS_ioctl, integer(master), integer(TIOCGPTPEER), integer(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (slave < 0) return slave;
  const uint16_t size[4] = {static_cast<uint16_t>(step.integer(0)), static_cast<uint16_t>(step.integer(1)), 0, 0};
  r = calls.call(SYS_ioctl, integer(slave), integer(TIOCSWINSZ), bytes(size, sizeof size));
  if (r < 0) return r;
  if (step.integer(2) != 0) {
    r = calls.call(SYS_fchown, integer(slave), integer(step.integer(2)), integer(-1));
    if (r < 0) return r;
  }
  const long target = open_target(c, "/dev/console", Create::File, kResolveNoSymlinks);
  if (target < 0) return target;
  r = attach_clone(c, static_cast<int>(slave), static_cast<int>(target), false, 0, 0);
  if (r < 0) return r;
  close_fd(c, target);
  r = calls.call(SYS_ioctl, integer(slave), integer(TIOCSCTTY), integer(0));
  if (r < 0) return r;
  for (int fd = 0; fd <= 2; fd++) {
    r = calls.call(SYS_dup3, integer(slave), integer(fd), integer(0));
    if (r < 0) return r;
  }
  r = send_descriptor(c, static_cast<int>(master));
  if (r < 0) return r;
  close_fd(c, slave);
  close_fd(c, master);
  return 0;
}

}  // namespace glassbox
