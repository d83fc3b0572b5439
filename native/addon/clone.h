// clone3(2) with a function for the child, as posix_spawn does it: CLONE_VM|CLONE_VFORK, so nothing is copied and the calling
// thread waits until the child has executed something else or is gone.
#pragma once

#include <stdint.h>

namespace glassbox {

struct CloneArgs {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

// Returns the child's pid or a negative errno. `run(argument)` must not return and may only make system calls.
long clone_into(const CloneArgs& args, void (*run)(void*), void* argument);

}  // namespace glassbox
