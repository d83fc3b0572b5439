// Who the payload is: capabilities bounded first (needs CAP_SETPCAP), then groups, gid, uid, then the exact capability sets.
// Order and reasons: capabilities(7), "Capabilities and execution of programs by root"; credentials(7).

#include "init/container.h"

namespace glassbox {

namespace {
constexpr long kPrSetKeepcaps = 8, kPrCapbsetDrop = 24, kPrCapAmbient = 47, kPrCapAmbientRaise = 2, kPrCapAmbientClearAll = 4;
constexpr uint32_t kCapabilityVersion3 = 0x20080522;
}  // namespace

long bound_capabilities(Container& c, const StepView& step) {
  const auto keep = static_cast<uint64_t>(step.integer(0));
  for (long cap = 0; cap <= step.integer(1); cap++) {
    if ((keep >> cap & 1) != 0) continue;
    const long r = c.calls.call(SYS_prctl, integer(kPrCapbsetDrop), integer(cap), integer(0), integer(0), integer(0));
    if (r < 0) return r;
  }
  return 0;
}

long set_user(Container& c, const StepView& step) {
  Calls& calls = c.calls;
  long r;
  if (step.integer(4) != 0) {
    r = calls.call(SYS_prctl, integer(kPrSetKeepcaps), integer(1), integer(0), integer(0), integer(0));
    if (r < 0) return r;
  }
  if (step.integer(3) != 0) {
    r = calls.call(SYS_setgroups, integer(step.length(2) / 4), bytes(step.blob(2), step.length(2)));
    if (r < 0) return r;
  }
  const long gid = step.integer(1), uid = step.integer(0);
  r = calls.call(SYS_setresgid, integer(gid), integer(gid), integer(gid));
  if (r < 0) return r;
  return calls.call(SYS_setresuid, integer(uid), integer(uid), integer(uid));
}

long set_capabilities(Container& c, const StepView& step) {
  const auto effective = static_cast<uint64_t>(step.integer(0));
  const auto permitted = static_cast<uint64_t>(step.integer(1));
  const auto inheritable = static_cast<uint64_t>(step.integer(2));
  const auto ambient = static_cast<uint64_t>(step.integer(3));
  struct {
    uint32_t version;
    int pid;
  } header{kCapabilityVersion3, 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } data[2] = {{static_cast<uint32_t>(effective), static_cast<uint32_t>(permitted), static_cast<uint32_t>(inheritable)},
               {static_cast<uint32_t>(effective >> 32), static_cast<uint32_t>(permitted >> 32),
                static_cast<uint32_t>(inheritable >> 32)}};
  long r = c.calls.call(SYS_capset, bytes(&header, sizeof header), bytes(data, sizeof data));
  if (r < 0) return r;
  r = c.calls.call(SYS_prctl, integer(kPrCapAmbient), integer(kPrCapAmbientClearAll), integer(0), integer(0), integer(0));
  if (r < 0) return r;
  for (long cap = 0; cap < 64; cap++) {
    if ((ambient >> cap & 1) == 0) continue;
    r = c.calls.call(SYS_prctl, integer(kPrCapAmbient), integer(kPrCapAmbientRaise), integer(cap), integer(0), integer(0));
    if (r < 0) return r;
  }
  return 0;
}

}  // namespace glassbox
