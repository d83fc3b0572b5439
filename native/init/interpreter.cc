// One loop over the plan, one case per opcode: the order was decided by src/plan/compile.ts and is not questioned here.

#include "init/container.h"

namespace glassbox {

namespace {
constexpr long kCloneNewCgroup = 0x02000000;
constexpr long kPrSetNoNewPrivs = 38;
}  // namespace

long run_step(Container& c, const StepView& step) {
  Calls& calls = c.calls;
  switch (step.op()) {
    case Op::AwaitRelease:
      return await_parent(c);
    case Op::AwaitStart:
      calls.report_ready();
      return await_parent(c);
    case Op::NewSession:
      return calls.call(SYS_setsid);
    case Op::NewKeyring:
      return new_keyring(c, step);
    case Op::SetParentDeathSignal:
      return set_parent_death_signal(c, step);
    case Op::JoinCgroup:
      return join_cgroup(c, step);
    case Op::JoinNamespace:
      return calls.call(SYS_setns, integer(step.integer(0)), integer(step.integer(1)));
    case Op::NewCgroupNamespace:
      return calls.call(SYS_unshare, integer(kCloneNewCgroup));
    case Op::SetPropagation:
      return set_propagation(c, step);
    case Op::OpenRoot:
      return open_root(c, step);
    case Op::MountOverlay:
      return mount_overlay(c, step);
    case Op::MountFilesystem:
      return mount_filesystem(c, step);
    case Op::TakeMount:
      return take_mount(c, step);
    case Op::BindMount:
      return bind_mount(c, step);
    case Op::CreateDevice:
      return create_device(c, step);
    case Op::CreateSymlink:
      return create_symlink(c, step);
    case Op::OpenConsole:
      return open_console(c, step);
    case Op::ChangeRoot:
      return change_root(c, step);
    case Op::SetHostname:
      return set_hostname(c, step);
    case Op::SetDomainname:
      return set_domainname(c, step);
    case Op::BringUpLoopback:
      return bring_up_loopback(c);
    case Op::SetSysctl:
      return set_sysctl(c, step);
    case Op::MakeReadonly:
      return make_readonly(c, step);
    case Op::MaskPath:
      return mask_path(c, step);
    case Op::CloseDescriptors:
      return close_descriptors(c);
    case Op::SetUmask:
      return calls.call(SYS_umask, integer(step.integer(0)));
    case Op::ChangeDirectory:
      return change_directory(c, step);
    case Op::InstallSeccomp:
      return install_seccomp(c, step);
    case Op::BoundCapabilities:
      return bound_capabilities(c, step);
    case Op::SetUser:
      return set_user(c, step);
    case Op::SetCapabilities:
      return set_capabilities(c, step);
    case Op::NoNewPrivileges:
      return calls.call(SYS_prctl, integer(kPrSetNoNewPrivs), integer(1), integer(0), integer(0), integer(0));
    case Op::RestoreSignals:
      return restore_signals(c);
    case Op::SetOomScore:
      return set_oom_score(c, step);
    case Op::Execute:
      return execute(c, step);
  }
  return -38;  // ENOSYS: validation lets no other opcode through
}

}  // namespace glassbox
