// Mounts. A target is always opened inside the root first and then mounted on by descriptor ("." after fchdir, or move_mount), so that
// no path is walked twice.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "init/container.h"

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

namespace glassbox {

namespace {

constexpr long kAtEmptyPath = 0x1000, kAtRecursive = 0x8000;
constexpr long kOpenTreeClone = 1, kOpenTreeCloexec = O_CLOEXEC;
constexpr long kMoveMountFEmptyPath = 0x4, kMoveMountTEmptyPath = 0x40;
constexpr uint64_t kMountAttrRdonly = 0x1;
constexpr long kEnoent = -2, kEperm = -1;

struct MountAttr {
  uint64_t attr_set;
  uint64_t attr_clr;
  uint64_t propagation;
  uint64_t userns_fd;
};

long set_attributes(Container& c, int fd, bool recursive, uint64_t attributes, uint64_t propagation) {
  // An atime mode is a field, not a flag: setting one needs the field cleared first.
  constexpr uint64_t kAtimeMask = 0x70;
  const MountAttr attr{attributes, (attributes & kAtimeMask) != 0 ? kAtimeMask : 0, propagation, 0};
  return c.calls.call(SYS_mount_setattr, integer(fd), string(""), integer(kAtEmptyPath | (recursive ? kAtRecursive : 0)),
                      bytes(&attr, sizeof attr), integer(sizeof attr));
}

// 1 when the descriptor is the root of a mount: statx(2), STATX_ATTR_MOUNT_ROOT.
long is_mount_root(Container& c, int fd) {
  constexpr uint64_t kStatxAttrMountRoot = 0x2000;
  // struct statx; of its 256 bytes only the attributes (offset 8) are read.
  alignas(8) uint8_t info[256] = {};
  const long r = c.calls.call(SYS_statx, integer(fd), string(""), integer(kAtEmptyPath), integer(0), bytes(info, sizeof info));
  if (r < 0) return r;
  return (*reinterpret_cast<uint64_t*>(info + 8) & kStatxAttrMountRoot) != 0 ? 1 : 0;
}

long move_onto(Container& c, int tree, int target) {
  return c.calls.call(SYS_move_mount, integer(tree), string(""), integer(target), string(""),
                      integer(kMoveMountFEmptyPath | kMoveMountTEmptyPath));
}

// A target that the user named may lead, through a symlink of the image or of a volume, to the container's own /proc, /sys or /dev: the
// settings, masks and nodes that belong there would then go to a look-alike (CVE-2019-16884). The kernel tells what lies there; names do not.
long refuse_own_filesystems(Container& c, int target) {
  constexpr long kProc = 0x9fa0, kSysfs = 0x62656572, kCgroup = 0x27e0eb, kCgroup2 = 0x63677270;
  struct statfs fs;
  long r = c.calls.call(SYS_fstatfs, integer(target), bytes(&fs, sizeof fs));
  if (r < 0) return r;
  if (fs.f_type == kProc || fs.f_type == kSysfs || fs.f_type == kCgroup || fs.f_type == kCgroup2) return kEperm;
  const long dev = open_in_root(c, "/dev", O_PATH, kResolveNoSymlinks);
  if (dev < 0) return dev == kEnoent ? 0 : dev;
  struct stat there, here;
  r = c.calls.call(SYS_fstat, integer(dev), bytes(&there, sizeof there));
  close_fd(c, dev);
  if (r >= 0) r = c.calls.call(SYS_fstat, integer(target), bytes(&here, sizeof here));
  if (r < 0) return r;
  return there.st_dev == here.st_dev && there.st_ino == here.st_ino ? kEperm : 0;
}

bool is_dev(const char* path) { return path[0] == '/' && path[1] == 'd' && path[2] == 'e' && path[3] == 'v' && path[4] == 0; }

// mount(2) on ".", which is the target's descriptor: nothing between opening and mounting can be swapped.
long mount_here(Container& c, int target, const char* source, const char* fstype, long flags, const char* data) {
  const long moved = c.calls.call(SYS_fchdir, integer(target));
  if (moved < 0) return moved;
  return c.calls.call(SYS_mount, string(source), string("."), string(fstype), integer(flags), string(data[0] == 0 ? nullptr : data));
}

}  // namespace

long attach_clone(Container& c, int source_fd, int target_fd, bool recursive, uint64_t attributes, uint64_t propagation) {
  const long tree = c.calls.call(SYS_open_tree, integer(source_fd), string(""),
                                 integer(kOpenTreeClone | kOpenTreeCloexec | kAtEmptyPath | (recursive ? kAtRecursive : 0)));
  if (tree < 0) return tree;
  long r = 0;
  if (attributes != 0 || propagation != 0) r = set_attributes(c, static_cast<int>(tree), recursive, attributes, propagation);
  if (r >= 0) r = move_onto(c, static_cast<int>(tree), target_fd);
  if (r < 0) return r;
  close_fd(c, tree);
  return 0;
}

long set_propagation(Container& c, const StepView& step) {
  return c.calls.call(SYS_mount, null(), string(step.string(0)), null(), integer(step.integer(1)), null());
}

// Only where the parent may not mount on the host (no root): relative layer paths need the working directory.
long mount_overlay(Container& c, const StepView& step) {
  const long r = c.calls.call(SYS_chdir, string(step.string(2)));
  if (r < 0) return r;
  return c.calls.call(SYS_mount, string("overlay"), string(step.string(1)), string("overlay"), integer(0), string(step.string(0)));
}

long mount_filesystem(Container& c, const StepView& step) {
  const auto create = step.integer(5) != 0 ? Create::Directory : Create::None;
  const uint64_t resolve = step.integer(6) != 0 ? kResolveNoSymlinks : 0;
  const long target = open_target(c, step.string(2), create, resolve);
  if (target < 0) return target;
  // The runtime's own targets are opened without symlinks, and have to be in those places.
  long r = resolve == 0 ? refuse_own_filesystems(c, static_cast<int>(target)) : 0;
  if (r < 0) return r;
  r = mount_here(c, static_cast<int>(target), step.string(1), step.string(0), step.integer(3), step.string(4));
  if (r < 0) return is_ignored(r, step.integer(7)) ? 0 : r;
  close_fd(c, target);
  return 0;
}

// A detached copy of the mounts at a path of the host.
static long copy_tree(Container& c, const char* path, bool recursive) {
  return c.calls.call(SYS_open_tree, integer(AT_FDCWD), string(path),
                      integer(kOpenTreeClone | kOpenTreeCloexec | (recursive ? kAtRecursive : 0)));
}

// A copy of shared mounts is a peer of theirs only while they are shared: before "/" becomes a slave.
long take_mount(Container& c, const StepView& step) {
  const int64_t slot = step.integer(2);
  if (slot < 0 || slot >= Container::kSlots) return -22;  // EINVAL
  const long tree = copy_tree(c, step.string(0), step.integer(1) != 0);
  if (tree < 0) return tree;
  c.taken[slot] = static_cast<int>(tree);
  return 0;
}

// The source is taken once, as a detached copy of its tree; attributes apply to all of it (a plain "remount,bind,ro" leaves
// sub-mounts writable); only then does it appear in the container.
long bind_mount(Container& c, const StepView& step) {
  const bool recursive = step.integer(2) != 0, on_top = step.integer(2) == 2;
  const auto attributes = static_cast<uint64_t>(step.integer(3));
  const int64_t slot = step.integer(6);
  const long tree = slot >= 0 && slot < Container::kSlots ? c.taken[slot] : copy_tree(c, step.string(0), recursive);
  if (tree < 0) return tree;
  long r = set_attributes(c, static_cast<int>(tree), recursive, on_top ? 0 : attributes, static_cast<uint64_t>(step.integer(4)));
  if (r >= 0 && on_top) r = set_attributes(c, static_cast<int>(tree), false, attributes, 0);
  if (r < 0) return r;
  const long target = open_target(c, step.string(1), static_cast<Create>(step.integer(5)), 0);
  if (target < 0) return target;
  // "/dev" itself is refused to users before; what arrives here is the runtime's own (the host's /dev on demand).
  if (!is_dev(step.string(1))) r = refuse_own_filesystems(c, static_cast<int>(target));
  if (r < 0) return r;
  r = move_onto(c, static_cast<int>(tree), static_cast<int>(target));
  if (r < 0) return r;
  close_fd(c, target);
  close_fd(c, tree);
  return 0;
}

// "/" is the root file system's own mount, without what is mounted below it. Elsewhere a mount becomes read-only with all below it, and
// a plain directory gets a read-only copy of itself on top. Missing paths are fine: not every kernel has every file.
long make_readonly(Container& c, const StepView& step) {
  const char* path = step.string(0);
  if (path[0] == '/' && path[1] == 0) return set_attributes(c, c.root_fd, false, kMountAttrRdonly, 0);
  const long target = open_in_root(c, path, O_PATH, kResolveNoSymlinks);
  if (target == kEnoent) return 0;
  if (target < 0) return target;
  const long is_mount = is_mount_root(c, static_cast<int>(target));
  if (is_mount < 0) return is_mount;
  const long r = is_mount == 1 ? set_attributes(c, static_cast<int>(target), true, kMountAttrRdonly, 0)
                               : attach_clone(c, static_cast<int>(target), static_cast<int>(target), true, kMountAttrRdonly, 0);
  if (r < 0) return r;
  close_fd(c, target);
  return 0;
}

// The cover is our own /dev/null, looked at by descriptor before it is trusted (CVE-2025-31133).
long mask_path(Container& c, const StepView& step) {
  const long target = open_in_root(c, step.string(0), O_PATH, kResolveNoSymlinks);
  if (target == kEnoent) return 0;
  if (target < 0) return target;
  struct stat st;
  long r = c.calls.call(SYS_fstat, integer(target), bytes(&st, sizeof st));
  if (r < 0) return r;
  if (S_ISDIR(st.st_mode)) {
    constexpr long kMsRdonly = 1;
    r = mount_here(c, static_cast<int>(target), "tmpfs", "tmpfs", kMsRdonly, "size=0k,nr_inodes=2");
  } else {
    const long null_fd = open_in_root(c, "/dev/null", O_PATH, kResolveNoSymlinks);
    if (null_fd < 0) return null_fd;
    r = c.calls.call(SYS_fstat, integer(null_fd), bytes(&st, sizeof st));
    if (r < 0) return r;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != ((1 << 8) | 3)) return -19;  // ENODEV: not the null device
    r = attach_clone(c, static_cast<int>(null_fd), static_cast<int>(target), false, 0, 0);
    close_fd(c, null_fd);
  }
  if (r < 0) return r;
  close_fd(c, target);
  return 0;
}

}  // namespace glassbox
