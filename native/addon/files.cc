// Files: what Node's fs module lacks.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "addon/support.h"

namespace glassbox {

namespace {

// One write(2): cgroup and proc files take a value in one piece. Without O_CREAT a missing file reads as ENOENT, with it as EACCES.
Napi::Value WriteKernelFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[0]), value = text(info[1]);
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return throw_errno(env, "open", errno, path);
  const ssize_t n = write(fd, value.data(), value.size());
  const int error = errno;
  close(fd);
  if (n != static_cast<ssize_t>(value.size())) return throw_errno(env, "write", n < 0 ? error : EIO, path);
  return env.Undefined();
}

Napi::Value Mknod(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[0]), type = text(info[1]);
  const mode_t kind = type == "c" ? S_IFCHR : type == "b" ? S_IFBLK : type == "p" ? S_IFIFO : S_IFSOCK;
  const auto mode = static_cast<mode_t>(integer(info[2]));
  if (mknod(path.c_str(), kind | mode, makedev(static_cast<unsigned>(integer(info[3])), static_cast<unsigned>(integer(info[4])))) != 0)
    return throw_errno(env, "mknod", errno, path);
  return env.Undefined();
}

Napi::Value Lchown(const Napi::CallbackInfo& info) {
  const std::string path = text(info[0]);
  if (lchown(path.c_str(), info[1].As<Napi::Number>().Uint32Value(), info[2].As<Napi::Number>().Uint32Value()) != 0)
    return throw_errno(info.Env(), "lchown", errno, path);
  return info.Env().Undefined();
}

Napi::Value Llistxattr(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[0]);
  std::vector<char> names(65536);
  const ssize_t n = llistxattr(path.c_str(), names.data(), names.size());
  if (n < 0 && errno != ENOTSUP) return throw_errno(env, "llistxattr", errno, path);
  auto list = Napi::Array::New(env);
  uint32_t count = 0;
  for (ssize_t at = 0; at < n;) {
    const std::string name(names.data() + at);
    list.Set(count++, Napi::String::New(env, name));
    at += static_cast<ssize_t>(name.size()) + 1;
  }
  return list;
}

Napi::Value Lgetxattr(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[0]), name = text(info[1]);
  std::vector<uint8_t> value(65536);
  const ssize_t n = lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (n >= 0) return Napi::Buffer<uint8_t>::Copy(env, value.data(), static_cast<size_t>(n));
  if (errno == ENODATA || errno == ENOTSUP) return env.Undefined();
  return throw_errno(env, "lgetxattr", errno, path);
}

Napi::Value Lsetxattr(const Napi::CallbackInfo& info) {
  const std::string path = text(info[0]), name = text(info[1]);
  const Span value = span(info[2]);
  if (lsetxattr(path.c_str(), name.c_str(), value.data, value.size, 0) != 0) return throw_errno(info.Env(), "lsetxattr", errno, path);
  return info.Env().Undefined();
}

// Node's crypto module takes two milliseconds to load.
Napi::Value RandomBytes(const Napi::CallbackInfo& info) {
  auto bytes = Napi::Buffer<uint8_t>::New(info.Env(), static_cast<size_t>(integer(info[0])));
  if (getrandom(bytes.Data(), bytes.Length(), 0) != static_cast<ssize_t>(bytes.Length())) return throw_errno(info.Env(), "getrandom", errno);
  return bytes;
}

}  // namespace

void RegisterFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("writeKernelFile", Napi::Function::New(env, WriteKernelFile));
  exports.Set("randomBytes", Napi::Function::New(env, RandomBytes));
  exports.Set("mknod", Napi::Function::New(env, Mknod));
  exports.Set("lchown", Napi::Function::New(env, Lchown));
  exports.Set("llistxattr", Napi::Function::New(env, Llistxattr));
  exports.Set("lgetxattr", Napi::Function::New(env, Lgetxattr));
  exports.Set("lsetxattr", Napi::Function::New(env, Lsetxattr));
}

}  // namespace glassbox
