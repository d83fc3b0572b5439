// Descriptors: memfds, pipes, sockets, paths resolved inside a root, locks. Everything is O_CLOEXEC.

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "addon/support.h"
#include "core/plan-format.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace glassbox {

namespace {

bool write_all(int fd, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

Napi::Value SealedMemfd(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string name = text(info[0]);
  const Span content = span(info[1]);
  const bool executable = info[2].As<Napi::Boolean>();
  constexpr unsigned kBase = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = memfd_create(name.c_str(), kBase | (executable ? MFD_EXEC : 0));
  // MFD_EXEC is younger (6.3) than memfd_create: older kernels always make executable ones.
  if (fd < 0 && errno == EINVAL) fd = memfd_create(name.c_str(), kBase);
  if (fd < 0) return throw_errno(env, "memfd_create", errno, name);
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (!write_all(fd, content.data, content.size) || fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    const int error = errno;
    close(fd);
    return throw_errno(env, "memfd_create", error, name);
  }
  return descriptor(env, fd);
}

// A plan is looked at in full before it becomes a descriptor that a child will trust.
Napi::Value ValidatePlan(const Napi::CallbackInfo& info) {
  const Span plan = span(info[0]);
  const char* problem = validate_plan(plan.data, plan.size);
  return problem == nullptr ? info.Env().Undefined() : Napi::String::New(info.Env(), problem).As<Napi::Value>();
}

Napi::Value pair_of(Napi::Env env, const int fds[2]) {
  auto pair = Napi::Array::New(env, 2);
  pair.Set(0u, Napi::Number::New(env, fds[0]));
  pair.Set(1u, Napi::Number::New(env, fds[1]));
  return pair;
}

Napi::Value Pipe(const Napi::CallbackInfo& info) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return throw_errno(info.Env(), "pipe2", errno);
  return pair_of(info.Env(), fds);
}

Napi::Value Socketpair(const Napi::CallbackInfo& info) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return throw_errno(info.Env(), "socketpair", errno);
  return pair_of(info.Env(), fds);
}

Napi::Value ReceiveDescriptor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint8_t byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do {
    n = recvmsg(integer(info[0]), &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return throw_errno(env, "recvmsg", errno);
  if (n == 0) return env.Undefined();
  auto result = Napi::Object::New(env);
  result.Set("byte", Napi::Number::New(env, byte));
  int fd = -1;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(header), sizeof fd);
  result.Set("fd", Napi::Number::New(env, fd));
  return result;
}

Napi::Value SendByte(const Napi::CallbackInfo& info) {
  const auto byte = static_cast<uint8_t>(integer(info[1]));
  if (!write_all(integer(info[0]), &byte, 1)) return throw_errno(info.Env(), "write", errno);
  return info.Env().Undefined();
}

Napi::Value ReadSome(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto max = static_cast<size_t>(integer(info[1]));
  auto buffer = Napi::Buffer<uint8_t>::New(env, max);
  ssize_t n;
  do {
    n = read(integer(info[0]), buffer.Data(), max);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return throw_errno(env, "read", errno);
  if (static_cast<size_t>(n) == max) return buffer;
  return Napi::Buffer<uint8_t>::Copy(env, buffer.Data(), static_cast<size_t>(n));
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[0]);
  unsigned long flags = 0;
  if (!flags_from_names(env, info[1], flags)) return env.Undefined();
  const int mode = is_null(info[2]) ? 0 : integer(info[2]);
  const int fd = open(path.c_str(), static_cast<int>(flags) | O_CLOEXEC, mode);
  return fd < 0 ? throw_errno(env, "open", errno, path) : descriptor(env, fd);
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  if (close(integer(info[0])) != 0) return throw_errno(info.Env(), "close", errno);
  return info.Env().Undefined();
}

Napi::Value OpenInRoot(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[1]);
  unsigned long flags = 0;
  if (!flags_from_names(env, info[2], flags)) return env.Undefined();
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (info[3].IsObject()) {
    auto options = info[3].As<Napi::Object>();
    if (options.Get("noSymlinks").ToBoolean()) how.resolve |= RESOLVE_NO_SYMLINKS;
    if (!is_null(options.Get("mode"))) how.mode = static_cast<uint64_t>(integer(options.Get("mode")));
  }
  long fd;
  do {
    fd = syscall(SYS_openat2, integer(info[0]), path.c_str(), &how, sizeof how);
  } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
  return fd < 0 ? throw_errno(env, "openat2", errno, path) : descriptor(env, static_cast<int>(fd));
}

Napi::Value Fstat(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  struct stat st;
  if (fstat(integer(info[0]), &st) != 0) return throw_errno(env, "fstat", errno);
  auto result = Napi::Object::New(env);
  result.Set("mode", Napi::Number::New(env, st.st_mode));
  result.Set("uid", Napi::Number::New(env, st.st_uid));
  result.Set("gid", Napi::Number::New(env, st.st_gid));
  result.Set("size", Napi::Number::New(env, static_cast<double>(st.st_size)));
  result.Set("dev", Napi::BigInt::New(env, static_cast<uint64_t>(st.st_dev)));
  result.Set("ino", Napi::BigInt::New(env, static_cast<uint64_t>(st.st_ino)));
  result.Set("nlink", Napi::Number::New(env, static_cast<double>(st.st_nlink)));
  result.Set("rdevMajor", Napi::Number::New(env, major(st.st_rdev)));
  result.Set("rdevMinor", Napi::Number::New(env, minor(st.st_rdev)));
  result.Set("mtimeNs", Napi::BigInt::New(env, static_cast<int64_t>(st.st_mtim.tv_sec) * 1000000000 + st.st_mtim.tv_nsec));
  return result;
}

Napi::Value ReadlinkFd(const Napi::CallbackInfo& info) {
  char target[4096];
  const ssize_t n = readlinkat(integer(info[0]), "", target, sizeof target);
  if (n < 0) return throw_errno(info.Env(), "readlinkat", errno);
  return Napi::String::New(info.Env(), target, static_cast<size_t>(n));
}

Napi::Value Dup(const Napi::CallbackInfo& info) {
  const int fd = fcntl(integer(info[0]), F_DUPFD_CLOEXEC, 3);
  return fd < 0 ? throw_errno(info.Env(), "fcntl", errno) : descriptor(info.Env(), fd);
}

Napi::Value Isatty(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), isatty(integer(info[0])) == 1); }

Napi::Value Flock(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string mode = text(info[1]);
  int operation = mode == "shared" ? LOCK_SH : mode == "exclusive" ? LOCK_EX : LOCK_UN;
  if (info[2].ToBoolean()) operation |= LOCK_NB;
  int r;
  do {
    r = flock(integer(info[0]), operation);
  } while (r != 0 && errno == EINTR);
  if (r == 0) return Napi::Boolean::New(env, true);
  return errno == EWOULDBLOCK ? Napi::Boolean::New(env, false).As<Napi::Value>() : throw_errno(env, "flock", errno);
}

Napi::Value Syncfs(const Napi::CallbackInfo& info) {
  if (syncfs(integer(info[0])) != 0) return throw_errno(info.Env(), "syncfs", errno);
  return info.Env().Undefined();
}

}  // namespace

void RegisterDescriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("sealedMemfd", Napi::Function::New(env, SealedMemfd));
  exports.Set("validatePlan", Napi::Function::New(env, ValidatePlan));
  exports.Set("pipe", Napi::Function::New(env, Pipe));
  exports.Set("socketpair", Napi::Function::New(env, Socketpair));
  exports.Set("receiveDescriptor", Napi::Function::New(env, ReceiveDescriptor));
  exports.Set("sendByte", Napi::Function::New(env, SendByte));
  exports.Set("readSome", Napi::Function::New(env, ReadSome));
  exports.Set("open", Napi::Function::New(env, Open));
  exports.Set("close", Napi::Function::New(env, Close));
  exports.Set("openInRoot", Napi::Function::New(env, OpenInRoot));
  exports.Set("fstat", Napi::Function::New(env, Fstat));
  exports.Set("readlinkFd", Napi::Function::New(env, ReadlinkFd));
  exports.Set("dup", Napi::Function::New(env, Dup));
  exports.Set("isatty", Napi::Function::New(env, Isatty));
  exports.Set("flock", Napi::Function::New(env, Flock));
  exports.Set("syncfs", Napi::Function::New(env, Syncfs));
}

}  // namespace glassbox
