// A terminal left raw is a broken shell. The CLI restores it, but a killed CLI cannot: so this small process holds the terminal and
// a pipe. The first 64 bytes in the pipe are the terminal's settings (struct termios of the kernel, padded); then one byte means "all is
// well", and end of file without it means that the CLI died.

#include <sys/ioctl.h>

#include "init/container.h"

namespace glassbox {

void keep_terminal(int terminal_fd, int pipe_fd) {
  // In a session of its own: it must outlive the process group, and tcsetattr from there is not stopped by SIGTTOU.
  raw_syscall(SYS_setsid);
  constexpr long kPrSetName = 15;
  raw_syscall(SYS_prctl, kPrSetName, reinterpret_cast<long>("glassbox-tty"));
  uint64_t all = ~0ull;
  raw_syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, reinterpret_cast<long>(&all), 0, 8);
  static uint8_t settings[64];
  size_t have = 0;
  for (;;) {
    uint8_t byte = 0;
    const bool header = have < sizeof settings;
    const long n = header ? raw_syscall(SYS_read, pipe_fd, reinterpret_cast<long>(settings + have), static_cast<long>(sizeof settings - have))
                          : raw_syscall(SYS_read, pipe_fd, reinterpret_cast<long>(&byte), 1);
    if (n == -4 /* EINTR */) continue;
    if (n > 0 && header) {
      have += static_cast<size_t>(n);
      continue;
    }
    if (n <= 0 && !header) raw_syscall(SYS_ioctl, terminal_fd, TCSETSW, reinterpret_cast<long>(settings));
    leave(0);
  }
}

}  // namespace glassbox
