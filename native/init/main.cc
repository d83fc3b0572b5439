// Entry of glassbox-init. The addon clones a child into its namespaces, and that child does one thing: it executes this
// program from a sealed memfd. argv[1] is the role:
//
//   init PLAN_FD REPORT_FD SYNC_FD   walk the plan's child lane, then become the payload
//   tty  TERMINAL_FD PIPE_FD         put the caller's terminal back when the CLI is gone
//
// No C library, no heap, no threads: what runs between clone and exec in most runtimes (a copy of the caller's process,
// whose allocator another thread may hold) cannot happen here.

#include <new>

#include "init/container.h"

extern "C" {

// The compiler may ask for these even without a C library.
void* memcpy(void* to, const void* from, size_t n) {
  auto* t = static_cast<uint8_t*>(to);
  const auto* f = static_cast<const uint8_t*>(from);
  for (size_t i = 0; i < n; i++) t[i] = f[i];
  return to;
}

void* memset(void* to, int value, size_t n) {
  auto* t = static_cast<uint8_t*>(to);
  for (size_t i = 0; i < n; i++) t[i] = static_cast<uint8_t>(value);
  return to;
}

}  // extern "C"

namespace glassbox {

void leave(int code) {
  for (;;) raw_syscall(SYS_exit_group, code);
}

// One byte from the parent, or end of file when the parent is gone.
long await_parent(Container& c) {
  c.calls.flush();
  uint8_t byte = 0;
  for (;;) {
    const long n = raw_syscall(SYS_read, c.sync_fd, reinterpret_cast<long>(&byte), 1);
    if (n == -4 /* EINTR */) continue;
    if (n == 1) return 0;
    leave(127);
  }
}

namespace {

constexpr long kPrSetDumpable = 4;

// The plan stays mapped until the payload replaces this process.
const uint8_t* map_plan(int fd, size_t& size) {
  const long end = raw_syscall(SYS_lseek, fd, 0, 2 /* SEEK_END */);
  if (end <= 0) return nullptr;
  size = static_cast<size_t>(end);
  const long at = raw_syscall(SYS_mmap, 0, end, 1 /* PROT_READ */, 2 /* MAP_PRIVATE */, fd, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<const uint8_t*>(at);
}

[[noreturn]] void run_plan(int plan_fd, int report_fd, int sync_fd) {
  size_t size = 0;
  const uint8_t* plan = map_plan(plan_fd, size);
  if (plan == nullptr || validate_plan(plan, size) != nullptr) leave(127);
  const auto* header = reinterpret_cast<const PlanHeader*>(plan);

  static uint8_t storage[sizeof(Calls)] __attribute__((aligned(16)));
  Calls& calls = *new (storage) Calls(report_fd, (header->flags & kPlanFlagTrace) != 0);
  Container container{calls, sync_fd};

  bool hidden = false;
  walk_plan(plan, [&](const StepView& step) {
    // Not readable from inside the container while it still holds the host's descriptors (CVE-2016-9962). Only after the
    // release: an unprivileged parent could not write the id maps of a process that is not dumpable.
    if (!hidden && step.op() != Op::AwaitRelease) {
      hidden = true;
      raw_syscall(SYS_prctl, kPrSetDumpable, 0);
    }
    calls.begin_step(step.index());
    if (run_step(container, step) >= 0) return true;
    calls.report_failure();
    // Wakes a parent that waits for the console's descriptor.
    const uint8_t failed = 'f';
    raw_syscall(SYS_sendto, sync_fd, reinterpret_cast<long>(&failed), 1, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
    // The parent may look at the new root (why did exec fail?) before this process and its namespaces go.
    uint8_t byte;
    while (raw_syscall(SYS_read, sync_fd, reinterpret_cast<long>(&byte), 1) == -4) {
    }
    leave(127);
  });
  leave(127);
}

}  // namespace
}  // namespace glassbox

extern "C" [[noreturn]] void glassbox_main(long* stack) {
  using namespace glassbox;
  const long argc = stack[0];
  char** argv = reinterpret_cast<char**>(stack + 1);
  if (argc >= 2) {
    if (argc == 5 && same(argv[1], "init")) run_plan(parse_int(argv[2]), parse_int(argv[3]), parse_int(argv[4]));
    if (argc == 4 && same(argv[1], "tty")) keep_terminal(parse_int(argv[2]), parse_int(argv[3]));
  }
  leave(127);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall glassbox_main\n\tud2\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tb glassbox_main\n");
#endif
