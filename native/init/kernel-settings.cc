// Small settings of the container's kernel view: names, loopback, sysctls, keyring, descriptors, signals, seccomp.

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "init/container.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace glassbox {

namespace {

constexpr long kProcSuperMagic = 0x9fa0;
constexpr long kEnodev = -19, kEpermKeyring = -1, kEnosys = -38;

// A descriptor of the container's /proc that is known to be procfs: an image's or a volume's look-alike would take our writes
// elsewhere (CVE-2025-52881).
long open_proc(Container& c, const char* path, long flags) {
  const long proc = open_in_root(c, "/proc", O_PATH | O_DIRECTORY, kResolveNoSymlinks);
  if (proc < 0) return proc;
  struct statfs fs;
  long r = c.calls.call(SYS_fstatfs, integer(proc), bytes(&fs, sizeof fs));
  if (r >= 0 && fs.f_type != kProcSuperMagic) r = kEnodev;
  if (r < 0) return r;
  const struct {
    uint64_t flags, mode, resolve;
  } how{static_cast<uint64_t>(flags | O_CLOEXEC), 0, kResolveBeneath | kResolveNoXdev | kResolveNoSymlinks | kResolveNoMagiclinks};
  r = c.calls.call(SYS_openat2, integer(proc), string(path), bytes(&how, sizeof how), integer(sizeof how));
  close_fd(c, proc);
  return r;
}

long write_all(Container& c, long fd, const char* text) {
  const auto n = static_cast<long>(length_of(text));
  const long r = c.calls.call(SYS_write, integer(fd), string(text), integer(n));
  if (r < 0) return r;
  close_fd(c, fd);
  return r == n ? 0 : -5;
}

}  // namespace

long set_hostname(Container& c, const StepView& step) {
  return c.calls.call(SYS_sethostname, string(step.string(0)), integer(step.length(0)));
}

long set_domainname(Container& c, const StepView& step) {
  return c.calls.call(SYS_setdomainname, string(step.string(0)), integer(step.length(0)));
}

// netdevice(7): flags of "lo" or-ed with IFF_UP; the kernel adds 127.0.0.1 and ::1 by itself.
long bring_up_loopback(Container& c) {
  const long fd = c.calls.call(SYS_socket, integer(AF_INET), integer(SOCK_DGRAM | SOCK_CLOEXEC), integer(0));
  if (fd < 0) return fd;
  struct ifreq request = {};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  const long r = c.calls.call(SYS_ioctl, integer(fd), integer(SIOCSIFFLAGS), bytes(&request, sizeof request));
  if (r < 0) return r;
  close_fd(c, fd);
  return 0;
}

long set_sysctl(Container& c, const StepView& step) {
  const long fd = open_proc(c, step.string(0), O_WRONLY);
  if (fd < 0) return fd;
  return write_all(c, fd, step.string(1));
}

long set_oom_score(Container& c, const StepView& step) {
  // This process's own file; the host's /proc is still the one seen, because this runs before the root changes.
  char text[24];
  const int64_t value = step.integer(0);
  text[0] = '-';
  format_unsigned(static_cast<uint64_t>(value < 0 ? -value : value), value < 0 ? text + 1 : text);
  const long fd = c.calls.call(SYS_openat, integer(AT_FDCWD), string("/proc/self/oom_score_adj"), integer(O_WRONLY | O_CLOEXEC));
  if (fd < 0) return fd;
  return write_all(c, fd, text);
}

// Without an own session keyring the container would possess the caller's keys. A kernel without keys (ENOSYS) or with the
// user's key quota used up is no reason not to start.
long new_keyring(Container& c, const StepView& step) {
  constexpr long kKeyctlJoinSessionKeyring = 1, kEdquot = -122;
  const long r = c.calls.call(SYS_keyctl, integer(kKeyctlJoinSessionKeyring), string(step.string(0)));
  return r == kEnosys || r == kEdquot || r == kEpermKeyring ? 0 : r;
}

// The signal comes only for a death after this call: a parent that was faster shows as a hang-up on the sync socket.
long set_parent_death_signal(Container& c, const StepView& step) {
  constexpr long kPrSetPdeathsig = 1;
  const long r = c.calls.call(SYS_prctl, integer(kPrSetPdeathsig), integer(step.integer(0)));
  if (r < 0) return r;
  struct {
    int fd;
    short events, revents;
  } parent{c.sync_fd, 0, 0};
  const int64_t at_once[2] = {};
  constexpr short kPollHup = 0x10;
  if (raw_syscall(SYS_ppoll, reinterpret_cast<long>(&parent), 1, reinterpret_cast<long>(at_once), 0, 8) > 0 && (parent.revents & kPollHup) != 0)
    leave(127);
  return 0;
}

// A /dev/null handed in is the host's node: its owner and mode could be changed through the descriptor. Ours takes its place.
static long replace_null_device(Container& c, int fd) {
  struct stat st;
  long r = c.calls.call(SYS_fstat, integer(fd), bytes(&st, sizeof st));
  if (r < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != ((1 << 8) | 3)) return 0;
  const long own = open_in_root(c, "/dev/null", O_RDWR, kResolveNoSymlinks);
  if (own < 0) return own;
  r = c.calls.call(SYS_dup3, integer(own), integer(fd), integer(0));
  close_fd(c, own);
  return r < 0 ? r : 0;
}

// Everything above 2 goes at exec, also what the caller of the CLI left open (CVE-2024-21626). O_NONBLOCK is shared with whoever
// else holds the same open file: a payload must not find it set.
long close_descriptors(Container& c) {
  constexpr long kCloseRangeCloexec = 4;
  const long r = c.calls.call(SYS_close_range, integer(3), integer(0x7fffffff), integer(kCloseRangeCloexec));
  if (r < 0) return r;
  for (int fd = 0; fd <= 2; fd++) {
    const long replaced = replace_null_device(c, fd);
    if (replaced < 0) return replaced;
    const long flags = c.calls.call(SYS_fcntl, integer(fd), integer(F_GETFL), integer(0));
    if (flags >= 0 && (flags & O_NONBLOCK) != 0) {
      c.calls.call(SYS_fcntl, integer(fd), integer(F_SETFL), integer(flags & ~O_NONBLOCK));
    }
  }
  return 0;
}

// Ignored signals survive exec: Node ignores SIGPIPE, nohup ignores SIGHUP. SIGKILL (9) and SIGSTOP (19) cannot be set.
long restore_signals(Container& c) {
  const uint64_t action[4] = {};  // SIG_DFL, no flags, no restorer, empty mask
  for (long signal = 1; signal <= 64; signal++) {
    if (signal == 9 || signal == 19) continue;
    const long r = c.calls.call(SYS_rt_sigaction, integer(signal), bytes(action, sizeof action), null(), integer(8));
    if (r < 0) return r;
  }
  const uint64_t none = 0;
  constexpr long kSigSetmask = 2;
  return c.calls.call(SYS_rt_sigprocmask, integer(kSigSetmask), bytes(&none, sizeof none), null(), integer(8));
}

long install_seccomp(Container& c, const StepView& step) {
  const struct {
    uint16_t length;
    const void* filter;
  } program{static_cast<uint16_t>(step.length(0) / 8), step.blob(0)};
  constexpr long kSetModeFilter = 1;
  return c.calls.call(SYS_seccomp, integer(kSetModeFilter), integer(0), bytes(&program, sizeof program));
}

// "0" is the writer itself. `tasks` moves one thread and needs no grace period, unlike cgroup.procs.
long join_cgroup(Container& c, const StepView& step) {
  return write_all(c, step.integer(0), "0");
}

}  // namespace glassbox
