// PID 1 of `--init`. The kernel gives orphans to PID 1 and delivers to it only signals that it handles: a program that was not
// written for this leaves zombies and ignores SIGTERM. So this process takes every signal and passes it on, and waits for everybody.

#include "init/container.h"

namespace glassbox {

namespace {

constexpr int kSigchld = 17, kSigkill = 9, kSigstop = 19, kSigttin = 21, kSigttou = 22, kSigcont = 18;

// Linux' wait status as a shell reports it.
int exit_code(int status) {
  const int signal = status & 0x7f;
  return signal == 0 ? (status >> 8) & 0xff : 128 + signal;
}

}  // namespace

void reap_until_exit(int child) {
  constexpr long kPrSetName = 15;
  raw_syscall(SYS_prctl, kPrSetName, reinterpret_cast<long>("glassbox-init"));
  uint64_t all = ~0ull;
  raw_syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, reinterpret_cast<long>(&all), 0, 8);
  for (;;) {
    // Before the first wait, too: the payload may already be gone.
    for (;;) {
      int status = 0;
      const long pid = raw_syscall(SYS_wait4, -1, reinterpret_cast<long>(&status), 1 /* WNOHANG */, 0);
      if (pid <= 0) break;
      if (pid == child) leave(exit_code(status));
    }
    const long signal = raw_syscall(SYS_rt_sigtimedwait, reinterpret_cast<long>(&all), 0, 0, 8);
    if (signal <= 0 || signal == kSigchld || signal == kSigkill || signal == kSigstop) continue;
    if (signal == kSigttin || signal == kSigttou || signal == kSigcont) continue;
    raw_syscall(SYS_kill, child, signal);
  }
}

}  // namespace glassbox
