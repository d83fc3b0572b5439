#include "addon/support.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#include <unordered_map>

namespace glassbox {

namespace {

// Kernel constants by their own names: TypeScript never repeats a number.
const std::unordered_map<std::string, unsigned long>& constants() {
  static const std::unordered_map<std::string, unsigned long> table = {
      {"CLONE_NEWNS", 0x00020000},     {"CLONE_NEWCGROUP", 0x02000000}, {"CLONE_NEWUTS", 0x04000000},
      {"CLONE_NEWIPC", 0x08000000},    {"CLONE_NEWUSER", 0x10000000},   {"CLONE_NEWPID", 0x20000000},
      {"CLONE_NEWNET", 0x40000000},    {"MS_RDONLY", MS_RDONLY},        {"MS_NOSUID", MS_NOSUID},
      {"MS_NODEV", MS_NODEV},          {"MS_NOEXEC", MS_NOEXEC},        {"MS_SYNCHRONOUS", MS_SYNCHRONOUS},
      {"MS_REMOUNT", MS_REMOUNT},      {"MS_MANDLOCK", MS_MANDLOCK},    {"MS_DIRSYNC", MS_DIRSYNC},
      {"MS_NOATIME", MS_NOATIME},      {"MS_NODIRATIME", MS_NODIRATIME}, {"MS_BIND", MS_BIND},
      {"MS_MOVE", MS_MOVE},            {"MS_REC", MS_REC},              {"MS_SILENT", MS_SILENT},
      {"MS_UNBINDABLE", MS_UNBINDABLE}, {"MS_PRIVATE", MS_PRIVATE},     {"MS_SLAVE", MS_SLAVE},
      {"MS_SHARED", MS_SHARED},        {"MS_RELATIME", MS_RELATIME},    {"MS_STRICTATIME", MS_STRICTATIME},
      {"MNT_FORCE", MNT_FORCE},        {"MNT_DETACH", MNT_DETACH},      {"MNT_EXPIRE", MNT_EXPIRE},
      {"UMOUNT_NOFOLLOW", UMOUNT_NOFOLLOW},
      {"O_RDONLY", O_RDONLY},          {"O_WRONLY", O_WRONLY},          {"O_RDWR", O_RDWR},
      {"O_CREAT", O_CREAT},            {"O_EXCL", O_EXCL},              {"O_TRUNC", O_TRUNC},
      {"O_APPEND", O_APPEND},          {"O_NONBLOCK", O_NONBLOCK},      {"O_NOFOLLOW", O_NOFOLLOW},
      {"O_DIRECTORY", O_DIRECTORY},    {"O_PATH", O_PATH},              {"O_NOCTTY", O_NOCTTY},
      {"O_CLOEXEC", O_CLOEXEC},        {"O_TMPFILE", O_TMPFILE},
  };
  return table;
}

}  // namespace

const char* errno_name(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? "EUNKNOWN" : name;
}

Napi::Value throw_errno(Napi::Env env, const char* syscall, int error, const std::string& path) {
  std::string message = std::string(errno_name(error)) + ": " + strerror(error) + ", " + syscall;
  if (!path.empty()) message += " '" + path + "'";
  Napi::Error failure = Napi::Error::New(env, message);
  failure.Set("errno", Napi::Number::New(env, error));
  failure.Set("code", Napi::String::New(env, errno_name(error)));
  failure.Set("syscall", Napi::String::New(env, syscall));
  failure.Set("reason", Napi::String::New(env, strerror(error)));
  if (!path.empty()) failure.Set("path", Napi::String::New(env, path));
  failure.ThrowAsJavaScriptException();
  return env.Undefined();
}

bool flags_from_names(Napi::Env env, const Napi::Value& names, unsigned long& flags) {
  auto list = names.As<Napi::Array>();
  flags = 0;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const std::string name = text(list.Get(i));
    const auto found = constants().find(name);
    if (found == constants().end()) {
      Napi::TypeError::New(env, "unknown kernel constant " + name).ThrowAsJavaScriptException();
      return false;
    }
    flags |= found->second;
  }
  return true;
}

uint64_t monotonic_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace glassbox
