// What the interpreter knows while it walks the plan, and the functions it is made of: one file per idea.
// Every function returns 0 or a negative errno; the failing call is the last one that went through `calls`.
#pragma once

#include "core/plan-format.h"
#include "init/report.h"

namespace glassbox {

struct Container {
  Calls& calls;
  int sync_fd;
  // O_PATH of the root file system; stays valid when it becomes "/".
  int root_fd = -1;
  // Detached copies of mounts that TakeMount made, by slot.
  static constexpr int64_t kSlots = 16;
  int taken[kSlots] = {};
};

// --- rendezvous with the parent (main.cc) ---
long await_parent(Container& c);

// --- interpreter.cc ---
long run_step(Container& c, const StepView& step);

// --- root.cc: paths inside the root, by descriptor ---
constexpr uint64_t kResolveNoXdev = 0x01, kResolveNoMagiclinks = 0x02, kResolveNoSymlinks = 0x04, kResolveBeneath = 0x08,
                   kResolveInRoot = 0x10;
long open_in_root(Container& c, const char* path, long flags, uint64_t extra_resolve = 0);
// Opens a directory inside the root, making what is missing (mode 0755).
long make_directory_in_root(Container& c, const char* path);
// Opens an existing mount target, or makes it ("directory", "file").
enum class Create : int64_t { None = 0, Directory = 1, File = 2 };
long open_target(Container& c, const char* path, Create create, uint64_t extra_resolve);
long open_root(Container& c, const StepView& step);
long change_root(Container& c, const StepView& step);
long change_directory(Container& c, const StepView& step);
void close_fd(Container& c, long fd);

// Is `result` one of the errnos that a step does not mind? Up to four, one byte each.
inline bool is_ignored(long result, int64_t errnos) {
  for (int i = 0; i < 4; i++) {
    const int64_t one = (errnos >> (8 * i)) & 0xff;
    if (one != 0 && result == -one) return true;
  }
  return false;
}

// --- mounts.cc ---
long set_propagation(Container& c, const StepView& step);
long mount_overlay(Container& c, const StepView& step);
long mount_filesystem(Container& c, const StepView& step);
long take_mount(Container& c, const StepView& step);
long bind_mount(Container& c, const StepView& step);
long make_readonly(Container& c, const StepView& step);
long mask_path(Container& c, const StepView& step);
// Puts a detached copy of what `source_fd` names onto `target_fd`.
long attach_clone(Container& c, int source_fd, int target_fd, bool recursive, uint64_t attributes, uint64_t propagation);

// --- devices.cc ---
long create_device(Container& c, const StepView& step);
long create_symlink(Container& c, const StepView& step);
long open_console(Container& c, const StepView& step);

// --- ids.cc ---
long set_user(Container& c, const StepView& step);
long bound_capabilities(Container& c, const StepView& step);
long set_capabilities(Container& c, const StepView& step);

// --- kernel-settings.cc: small settings, one call or two each ---
long set_hostname(Container& c, const StepView& step);
long set_domainname(Container& c, const StepView& step);
long bring_up_loopback(Container& c);
long set_sysctl(Container& c, const StepView& step);
long set_oom_score(Container& c, const StepView& step);
long new_keyring(Container& c, const StepView& step);
long set_parent_death_signal(Container& c, const StepView& step);
long close_descriptors(Container& c);
long restore_signals(Container& c);
long install_seccomp(Container& c, const StepView& step);
long join_cgroup(Container& c, const StepView& step);

// --- exec.cc ---
// Returns only on failure.
long execute(Container& c, const StepView& step);

// --- reaper.cc ---
// PID 1 of `--init`: forwards signals to `child`, reaps everything, leaves with the child's status.
[[noreturn]] void reap_until_exit(int child);

// --- terminal-keeper.cc ---
[[noreturn]] void keep_terminal(int terminal_fd, int pipe_fd);

[[noreturn]] void leave(int code);

}  // namespace glassbox
