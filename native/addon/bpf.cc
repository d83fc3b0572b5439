// cgroup v2 has no devices.allow: a small eBPF program on the cgroup decides instead. bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE.

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon/support.h"

namespace glassbox {

namespace {

long bpf(int command, bpf_attr& attributes) { return syscall(SYS_bpf, command, &attributes, sizeof attributes); }

Napi::Value AttachDeviceProgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::string path = text(info[0]);
  const Span program = span(info[1]);
  static const char kLicence[] = "MIT";
  bpf_attr load;
  memset(&load, 0, sizeof load);
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uint64_t>(program.data);
  load.insn_cnt = static_cast<uint32_t>(program.size / 8);
  load.license = reinterpret_cast<uint64_t>(kLicence);
  const long loaded = bpf(BPF_PROG_LOAD, load);
  if (loaded < 0) return throw_errno(env, "bpf", errno, path);
  const int cgroup = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = cgroup < 0 ? errno : 0;
  if (error == 0) {
    bpf_attr attach;
    memset(&attach, 0, sizeof attach);
    attach.target_fd = static_cast<uint32_t>(cgroup);
    attach.attach_bpf_fd = static_cast<uint32_t>(loaded);
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, attach) != 0) error = errno;
    close(cgroup);
  }
  close(static_cast<int>(loaded));
  return error == 0 ? env.Undefined() : throw_errno(env, "bpf", error, path);
}

}  // namespace

void RegisterBpf(Napi::Env env, Napi::Object exports) {
  exports.Set("attachDeviceProgram", Napi::Function::New(env, AttachDeviceProgram));
}

}  // namespace glassbox
