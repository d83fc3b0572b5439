#include "core/plan-format.h"

namespace glassbox {

namespace {

// Argument types by opcode: i integer, s string, b blob; "*" repeats the character before it.
const char* signature_of(uint32_t op) {
  switch (static_cast<Op>(op)) {
    case Op::AwaitRelease:
    case Op::AwaitStart:
    case Op::NewSession:
    case Op::NewCgroupNamespace:
    case Op::BringUpLoopback:
    case Op::CloseDescriptors:
    case Op::NoNewPrivileges:
    case Op::RestoreSignals:
      return "";
    case Op::NewKeyring:
    case Op::OpenRoot:
    case Op::SetHostname:
    case Op::SetDomainname:
    case Op::MakeReadonly:
    case Op::MaskPath:
      return "s";
    case Op::SetParentDeathSignal:
    case Op::JoinCgroup:
    case Op::SetUmask:
    case Op::SetOomScore:
      return "i";
    case Op::JoinNamespace:
      return "ii";
    case Op::SetPropagation:
      return "si";
    case Op::MountOverlay:
      return "sss";
    case Op::MountFilesystem:
      return "sssisiii";
    case Op::BindMount:
      return "ssiiiii";
    case Op::TakeMount:
      return "sii";
    case Op::CreateDevice:
      return "isiiiii";
    case Op::CreateSymlink:
    case Op::SetSysctl:
      return "ss";
    case Op::OpenConsole:
      return "iii";
    case Op::ChangeRoot:
      return "is";
    case Op::ChangeDirectory:
      return "sii";
    case Op::InstallSeccomp:
      return "b";
    case Op::BoundCapabilities:
      return "ii";
    case Op::SetUser:
      return "iibii";
    case Op::SetCapabilities:
      return "iiii";
    case Op::Execute:
      return "iiiis*";
  }
  return nullptr;
}

bool type_matches(char want, uint32_t type) {
  if (want == 'i') return type == static_cast<uint32_t>(ArgType::Integer);
  if (want == 's') return type == static_cast<uint32_t>(ArgType::String);
  return type == static_cast<uint32_t>(ArgType::Blob);
}

const char* validate_args(const uint8_t* bytes, size_t size, const PlanStep* step) {
  const char* signature = signature_of(step->op);
  if (signature == nullptr) return "unknown opcode";
  const auto* args = reinterpret_cast<const PlanArg*>(step + 1);
  for (uint32_t i = 0; i < step->arg_count; i++) {
    if (*signature == 0) return "too many arguments";
    if (!type_matches(*signature, args[i].type)) return "argument of the wrong type";
    if (signature[1] == '*') {
      // stays on the repeating type
    } else {
      signature++;
    }
    if (args[i].type == static_cast<uint32_t>(ArgType::Integer)) continue;
    const uint64_t tail = args[i].type == static_cast<uint32_t>(ArgType::String) ? 1 : 0;
    if (args[i].value > size || args[i].length + tail > size - args[i].value) return "bytes outside the plan";
    if (tail == 1) {
      const uint8_t* text = bytes + args[i].value;
      for (uint32_t k = 0; k < args[i].length; k++) {
        if (text[k] == 0) return "NUL inside a string";
      }
      if (text[args[i].length] != 0) return "string without NUL";
    }
  }
  if (*signature != 0 && signature[1] != '*') return "too few arguments";
  if (step->op == static_cast<uint32_t>(Op::Execute)) {
    if (step->arg_count < 4) return "too few arguments";
    uint64_t strings = 0;
    for (uint32_t i = 0; i < 3; i++) {
      if (args[i].value > step->arg_count) return "execute counts do not add up";
      strings += args[i].value;
    }
    if (strings + 4 != step->arg_count || args[0].value == 0 || args[1].value == 0) return "execute counts do not add up";
  }
  return nullptr;
}

}  // namespace

const char* validate_plan(const uint8_t* bytes, size_t size) {
  if (size < sizeof(PlanHeader) || size > 64u * 1024 * 1024) return "size out of range";
  const auto* header = reinterpret_cast<const PlanHeader*>(bytes);
  if (header->magic != kPlanMagic) return "not a plan";
  if (header->version != kPlanVersion) return "plan of another version";
  if (header->total_size != size) return "size does not match the header";
  size_t at = sizeof(PlanHeader);
  for (uint32_t i = 0; i < header->step_count; i++) {
    if (size - at < sizeof(PlanStep)) return "step outside the plan";
    const auto* step = reinterpret_cast<const PlanStep*>(bytes + at);
    const uint64_t want = sizeof(PlanStep) + static_cast<uint64_t>(step->arg_count) * sizeof(PlanArg);
    if (step->size != want || want > size - at) return "step of the wrong size";
    if (const char* problem = validate_args(bytes, size, step)) return problem;
    at += want;
  }
  return nullptr;
}

}  // namespace glassbox
