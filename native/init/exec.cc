// The last step: the payload replaces this process, or (--init) becomes its child.

#include <fcntl.h>

#include "init/container.h"

namespace glassbox {

namespace {

constexpr long kEnoent = -2, kEacces = -13, kEnotdir = -20;

long try_candidates(Container& c, const StepView& step, uint32_t candidates, char** argv, char** envp) {
  long denied = 0, last = kEnoent;
  const char* denied_path = nullptr;
  for (uint32_t i = 0; i < candidates; i++) {
    const char* path = step.string(4 + i);
    last = c.calls.call(SYS_execve, string(path), bytes(argv, 8), bytes(envp, 8));
    if (last == kEacces && denied == 0) {
      denied = last;
      denied_path = path;
    }
    // As execvp(3): not there, or not for us, means to look further; anything else is the answer.
    if (last != kEnoent && last != kEnotdir && last != kEacces) return last;
  }
  if (denied == 0 || last == kEacces) return last;
  return c.calls.call(SYS_execve, string(denied_path), bytes(argv, 8), bytes(envp, 8));
}

}  // namespace

long execute(Container& c, const StepView& step) {
  const auto candidates = static_cast<uint32_t>(step.integer(0));
  const auto argc = static_cast<uint32_t>(step.integer(1));
  const auto envc = static_cast<uint32_t>(step.integer(2));
  const size_t size = (argc + envc + 2) * sizeof(char*);
  const long at = raw_syscall(SYS_mmap, 0, static_cast<long>(size), 3 /* READ|WRITE */, 0x22 /* PRIVATE|ANONYMOUS */, -1, 0);
  if (at < 0 && at > -4096) return at;
  char** argv = reinterpret_cast<char**>(at);
  char** envp = argv + argc + 1;
  for (uint32_t i = 0; i < argc; i++) argv[i] = const_cast<char*>(step.string(4 + candidates + i));
  for (uint32_t i = 0; i < envc; i++) envp[i] = const_cast<char*>(step.string(4 + candidates + argc + i));

  if (step.integer(3) != 0) {
    constexpr long kSigchld = 17;
    const long child = c.calls.call(SYS_clone, integer(kSigchld), integer(0), integer(0), integer(0), integer(0));
    if (child < 0) return child;
    if (child > 0) {
      c.calls.flush();
      raw_syscall(SYS_close, c.sync_fd);
      raw_syscall(SYS_close, c.calls.report_fd());
      reap_until_exit(static_cast<int>(child));
    }
    // An own process group in the foreground, so that Ctrl-C reaches the payload and not PID 1.
    raw_syscall(SYS_setpgid, 0, 0);
    const int group = static_cast<int>(raw_syscall(SYS_getpid));
    constexpr long kTiocspgrp = 0x5410;
    const uint64_t ttou = 1u << 21;
    raw_syscall(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, reinterpret_cast<long>(&ttou), 0, 8);
    raw_syscall(SYS_ioctl, 0, kTiocspgrp, reinterpret_cast<long>(&group));
    const uint64_t none = 0;
    raw_syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, reinterpret_cast<long>(&none), 0, 8);
  }
  c.calls.flush();
  return try_candidates(c, step, candidates, argv, envp);
}

}  // namespace glassbox
