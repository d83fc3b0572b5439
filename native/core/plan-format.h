// The plan's child lane as one flat buffer, little endian, written by src/plan/encode.ts:
//
//   header   magic "GBXP", u32 version, u32 flags, u32 step count, u32 total size in bytes, u32 reserved
//   step     u32 opcode, u32 step index in the plan, u32 argument count, u32 size of this step in bytes
//   argument u32 type, u32 length, u64 value or offset of the bytes from the start of the buffer
//
// Steps follow each other without gaps; strings and blobs follow the last step, strings with their NUL (not counted in
// `length`). The buffer is validated before anything is cloned, and walked once, forwards: no loops, no expressions.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace glassbox {

constexpr uint32_t kPlanMagic = 0x50584247;  // "GBXP"
constexpr uint32_t kPlanVersion = 1;

// Record every call, not only the failing one.
constexpr uint32_t kPlanFlagTrace = 1;

enum class Op : uint32_t {
  AwaitRelease = 1,
  AwaitStart = 2,
  NewSession = 3,
  NewKeyring = 4,
  SetParentDeathSignal = 5,
  JoinCgroup = 6,
  JoinNamespace = 7,
  NewCgroupNamespace = 8,
  SetPropagation = 9,
  OpenRoot = 10,
  MountOverlay = 11,
  MountFilesystem = 12,
  BindMount = 13,
  CreateDevice = 14,
  CreateSymlink = 15,
  OpenConsole = 16,
  ChangeRoot = 17,
  SetHostname = 18,
  SetDomainname = 19,
  BringUpLoopback = 20,
  SetSysctl = 21,
  MakeReadonly = 22,
  MaskPath = 23,
  CloseDescriptors = 24,
  SetUmask = 25,
  ChangeDirectory = 26,
  InstallSeccomp = 27,
  BoundCapabilities = 28,
  SetUser = 29,
  SetCapabilities = 30,
  NoNewPrivileges = 31,
  RestoreSignals = 32,
  SetOomScore = 33,
  Execute = 34,
  TakeMount = 35,
};

enum class ArgType : uint32_t { Integer = 1, String = 2, Blob = 3 };

struct PlanHeader {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t step_count;
  uint32_t total_size;
  uint32_t reserved;
};

struct PlanStep {
  uint32_t op;
  uint32_t index;
  uint32_t arg_count;
  uint32_t size;
};

struct PlanArg {
  uint32_t type;
  uint32_t length;
  uint64_t value;
};

static_assert(sizeof(PlanHeader) == 24 && sizeof(PlanStep) == 16 && sizeof(PlanArg) == 16);

// One step with typed access to its arguments; valid only over a validated plan.
class StepView {
 public:
  StepView(const uint8_t* base, const PlanStep* step) : base_(base), step_(step) {}
  Op op() const { return static_cast<Op>(step_->op); }
  uint32_t index() const { return step_->index; }
  uint32_t count() const { return step_->arg_count; }
  int64_t integer(uint32_t i) const { return static_cast<int64_t>(arg(i).value); }
  const char* string(uint32_t i) const { return reinterpret_cast<const char*>(base_ + arg(i).value); }
  const uint8_t* blob(uint32_t i) const { return base_ + arg(i).value; }
  uint32_t length(uint32_t i) const { return arg(i).length; }

 private:
  const PlanArg& arg(uint32_t i) const { return reinterpret_cast<const PlanArg*>(step_ + 1)[i]; }
  const uint8_t* base_;
  const PlanStep* step_;
};

// Checks every offset, type and count. Returns nullptr when sound, else what is wrong (static text).
const char* validate_plan(const uint8_t* bytes, size_t size);

// Calls `visit(StepView)` for each step of a validated plan until it returns false.
template <typename Visit>
void walk_plan(const uint8_t* bytes, Visit visit) {
  const auto* header = reinterpret_cast<const PlanHeader*>(bytes);
  const uint8_t* at = bytes + sizeof(PlanHeader);
  for (uint32_t i = 0; i < header->step_count; i++) {
    const auto* step = reinterpret_cast<const PlanStep*>(at);
    if (!visit(StepView(bytes, step))) return;
    at += step->size;
  }
}

}  // namespace glassbox
