#include "addon/clone.h"

#include <sys/syscall.h>

namespace glassbox {

// The child starts on its own stack, so the return address of this frame means nothing to it: it goes from the system call
// straight into `run`. Registers that survive a system call carry the function and its argument across.
#if defined(__x86_64__)
long clone_into(const CloneArgs& args, void (*run)(void*), void* argument) {
  long result;
  register void (*function)(void*) __asm__("r12") = run;
  register void* parameter __asm__("r13") = argument;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "ud2\n"
      "1:\n\t"
      : "=a"(result)
      : "a"(SYS_clone3), "D"(&args), "S"(sizeof args), "r"(function), "r"(parameter)
      : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
long clone_into(const CloneArgs& args, void (*run)(void*), void* argument) {
  register long x8 __asm__("x8") = SYS_clone3;
  register long x0 __asm__("x0") = reinterpret_cast<long>(&args);
  register long x1 __asm__("x1") = sizeof args;
  register void (*function)(void*) __asm__("x19") = run;
  register void* parameter __asm__("x20") = argument;
  __asm__ volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x0, x20\n\t"
      "blr x19\n\t"
      "brk #1\n"
      "1:\n\t"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(function), "r"(parameter)
      : "memory", "x30");
  return x0;
}
#endif

}  // namespace glassbox
