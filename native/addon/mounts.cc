// Mounts that the parent makes on the host: the overlay at `merged`.

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <thread>

#include "addon/support.h"

namespace glassbox {

namespace {

struct MountCall {
  std::string source, target, fstype, data, cwd;
  bool has_fstype, has_data;
  unsigned long flags;
  int error = 0;
  const char* failed = "mount";

  void run() {
    if (mount(source.c_str(), target.c_str(), has_fstype ? fstype.c_str() : nullptr, flags, has_data ? data.c_str() : nullptr) != 0)
      error = errno;
  }

  // Relative layer paths keep the options of a deep stack within their one page. The working directory belongs to the process, so a
  // thread that has stopped sharing it does the work.
  void run_in_cwd() {
    if (unshare(CLONE_FS) != 0) {
      error = errno;
      failed = "unshare";
    } else if (chdir(cwd.c_str()) != 0) {
      error = errno;
      failed = "chdir";
    } else {
      run();
    }
  }
};

Napi::Value Mount(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  MountCall call;
  call.source = text(info[0]);
  call.target = text(info[1]);
  call.has_fstype = !is_null(info[2]);
  if (call.has_fstype) call.fstype = text(info[2]);
  if (!flags_from_names(env, info[3], call.flags)) return env.Undefined();
  call.has_data = !is_null(info[4]);
  if (call.has_data) call.data = text(info[4]);
  if (is_null(info[5])) {
    call.run();
  } else {
    call.cwd = text(info[5]);
    std::thread([&call] { call.run_in_cwd(); }).join();
  }
  if (call.error != 0) return throw_errno(env, call.failed, call.error, call.target);
  return env.Undefined();
}

Napi::Value Umount(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string target = text(info[0]);
  unsigned long flags = 0;
  if (!flags_from_names(env, info[1], flags)) return env.Undefined();
  if (umount2(target.c_str(), static_cast<int>(flags)) != 0) return throw_errno(env, "umount2", errno, target);
  return env.Undefined();
}

}  // namespace

void RegisterMounts(Napi::Env env, Napi::Object exports) {
  exports.Set("mount", Napi::Function::New(env, Mount));
  exports.Set("umount", Napi::Function::New(env, Umount));
}

}  // namespace glassbox
