// Processes: spawn into namespaces, wait by pidfd on a thread of its own, signal, limit.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "addon/clone.h"
#include "addon/support.h"
#include "core/syscall.h"

namespace glassbox {

namespace {

constexpr uint64_t kCloneVm = 0x100, kCloneVfork = 0x4000, kClonePidfd = 0x1000, kCloneClearSighand = 0x100000000ull,
                   kCloneIntoCgroup = 0x200000000ull;

struct Child {
  int init_fd;
  char** argv;
  int stdio[3];
  const int* keep;
  size_t keep_count;
  bool new_user_namespace;
  // Shared with the parent (CLONE_VM): what went wrong before exec.
  volatile int error;
  const char* volatile failed;
};

// The first process of a user namespace has every capability there, but its uid is not mapped yet, so execve would take them all:
// ambient ones survive. set-capabilities clears them again. capabilities(7), "Transformation of capabilities during execve()".
void keep_capabilities() {
  struct {
    uint32_t version;
    int pid;
  } header{0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } sets[2] = {};
  if (raw_syscall(SYS_capget, reinterpret_cast<long>(&header), reinterpret_cast<long>(sets)) < 0) return;
  for (auto& set : sets) set.inheritable = set.permitted;
  if (raw_syscall(SYS_capset, reinterpret_cast<long>(&header), reinterpret_cast<long>(sets)) < 0) return;
  constexpr long kPrCapAmbient = 47, kPrCapAmbientRaise = 2;
  for (long cap = 0; cap < 64; cap++) {
    if ((sets[cap / 32].permitted >> (cap % 32) & 1) != 0) raw_syscall(SYS_prctl, kPrCapAmbient, kPrCapAmbientRaise, cap, 0, 0);
  }
}

// Runs in the parent's memory on its own stack while the calling thread waits: raw system calls only, no errno, no return.
void become_init(void* argument) {
  auto& child = *static_cast<Child*>(argument);
  auto fail = [&](const char* what, long error) {
    child.failed = what;
    child.error = static_cast<int>(-error);
    for (;;) raw_syscall(SYS_exit, 127);
  };
  // Sources may themselves be 0, 1 or 2: move them out of the way first.
  int source[3];
  for (int i = 0; i < 3; i++) {
    const long fd = raw_syscall(SYS_fcntl, child.stdio[i], F_DUPFD_CLOEXEC, 3);
    if (fd < 0) fail("fcntl", fd);
    source[i] = static_cast<int>(fd);
  }
  for (int i = 0; i < 3; i++) {
    const long r = raw_syscall(SYS_dup3, source[i], i, 0);
    if (r < 0) fail("dup3", r);
  }
  if (child.new_user_namespace) keep_capabilities();
  for (size_t i = 0; i < child.keep_count; i++) {
    const long r = raw_syscall(SYS_fcntl, child.keep[i], F_SETFD, 0);
    if (r < 0) fail("fcntl", r);
  }
  char* const environment[] = {nullptr};
  const long r = raw_syscall(SYS_execveat, child.init_fd, reinterpret_cast<long>(""), reinterpret_cast<long>(child.argv),
                             reinterpret_cast<long>(environment), AT_EMPTY_PATH);
  fail("execveat", r);
}

Napi::Value Spawn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto request = info[0].As<Napi::Object>();
  unsigned long flags = 0;
  if (!flags_from_names(env, request.Get("flags"), flags)) return env.Undefined();

  std::vector<std::string> words;
  auto argv_list = request.Get("argv").As<Napi::Array>();
  for (uint32_t i = 0; i < argv_list.Length(); i++) words.push_back(text(argv_list.Get(i)));
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<int> keep;
  auto keep_list = request.Get("keep").As<Napi::Array>();
  for (uint32_t i = 0; i < keep_list.Length(); i++) keep.push_back(integer(keep_list.Get(i)));
  auto stdio = request.Get("stdio").As<Napi::Array>();

  Child child{integer(request.Get("initFd")), argv.data(), {}, keep.data(), keep.size(),
              (flags & 0x10000000 /* CLONE_NEWUSER */) != 0, 0, nullptr};
  for (uint32_t i = 0; i < 3; i++) child.stdio[i] = integer(stdio.Get(i));

  constexpr size_t kStack = 64 * 1024;
  void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return throw_errno(env, "mmap", errno);

  int pidfd = -1;
  CloneArgs args{};
  args.flags = flags | kCloneVm | kCloneVfork | kClonePidfd | kCloneClearSighand;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<uint64_t>(stack);
  args.stack_size = kStack;
  const Napi::Value cgroup = request.Get("cgroupFd");
  if (!is_null(cgroup)) {
    args.flags |= kCloneIntoCgroup;
    args.cgroup = static_cast<uint64_t>(integer(cgroup));
  }

  // No handler of Node's may run in the child while it shares our memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const uint64_t start = monotonic_ns();
  const long pid = clone_into(args, become_init, &child);
  const uint64_t duration = monotonic_ns() - start;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  munmap(stack, kStack);

  if (pid < 0) return throw_errno(env, "clone3", static_cast<int>(-pid));
  if (child.error != 0) {
    siginfo_t ignored;
    waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &ignored, WEXITED);
    close(pidfd);
    return throw_errno(env, child.failed, child.error);
  }
  auto result = Napi::Object::New(env);
  result.Set("pid", Napi::Number::New(env, static_cast<double>(pid)));
  result.Set("pidfd", Napi::Number::New(env, pidfd));
  result.Set("flags", Napi::BigInt::New(env, static_cast<uint64_t>(args.flags)));
  result.Set("startNs", Napi::BigInt::New(env, start));
  result.Set("durationNs", Napi::BigInt::New(env, duration));
  return result;
}

// A thread of its own: the pool of four that Node shares with file and DNS work must not be held for a container's life.
Napi::Value Wait(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const int pidfd = integer(info[0]);
  auto done = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "glassbox-wait", 0, 1);
  std::thread([pidfd, done]() mutable {
    siginfo_t status;
    memset(&status, 0, sizeof status);
    int r;
    do {
      r = waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &status, WEXITED);
    } while (r != 0 && errno == EINTR);
    const int error = r == 0 ? 0 : errno;
    done.BlockingCall([status, error](Napi::Env env, Napi::Function callback) {
      const bool exited = status.si_code == CLD_EXITED;
      callback.Call({Napi::Number::New(env, error), Napi::Number::New(env, exited ? status.si_status : 0),
                     Napi::Number::New(env, exited ? 0 : status.si_status)});
    });
    done.Release();
  }).detach();
  return env.Undefined();
}

Napi::Value PidfdOpen(const Napi::CallbackInfo& info) {
  const long fd = syscall(SYS_pidfd_open, integer(info[0]), 0);
  return fd < 0 ? throw_errno(info.Env(), "pidfd_open", errno) : descriptor(info.Env(), static_cast<int>(fd));
}

Napi::Value PidfdSendSignal(const Napi::CallbackInfo& info) {
  if (syscall(SYS_pidfd_send_signal, integer(info[0]), integer(info[1]), nullptr, 0) != 0)
    return throw_errno(info.Env(), "pidfd_send_signal", errno);
  return info.Env().Undefined();
}

struct ResourceName {
  const char* name;
  __rlimit_resource resource;
};
constexpr ResourceName kResources[] = {
    {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},       {"RLIMIT_FSIZE", RLIMIT_FSIZE},       {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},   {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},     {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

Napi::Value Prlimit(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string name = text(info[1]);
  for (const auto& entry : kResources) {
    if (name != entry.name) continue;
    const int64_t soft = info[2].As<Napi::Number>().Int64Value(), hard = info[3].As<Napi::Number>().Int64Value();
    const rlimit limit{soft < 0 ? RLIM_INFINITY : static_cast<rlim_t>(soft), hard < 0 ? RLIM_INFINITY : static_cast<rlim_t>(hard)};
    if (prlimit(integer(info[0]), entry.resource, &limit, nullptr) != 0) return throw_errno(env, "prlimit64", errno, name);
    return env.Undefined();
  }
  Napi::TypeError::New(env, "unknown resource " + name).ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value ErrnoName(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), errno_name(integer(info[0])));
}

}  // namespace

void RegisterProcess(Napi::Env env, Napi::Object exports) {
  exports.Set("spawn", Napi::Function::New(env, Spawn));
  exports.Set("waitPidfd", Napi::Function::New(env, Wait));
  exports.Set("pidfdOpen", Napi::Function::New(env, PidfdOpen));
  exports.Set("pidfdSendSignal", Napi::Function::New(env, PidfdSendSignal));
  exports.Set("prlimit", Napi::Function::New(env, Prlimit));
  exports.Set("errnoName", Napi::Function::New(env, ErrnoName));
}

}  // namespace glassbox
