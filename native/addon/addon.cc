// Registration only: one Register… per file, one file per concern.

#include "addon/support.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  glassbox::RegisterProcess(env, exports);
  glassbox::RegisterDescriptors(env, exports);
  glassbox::RegisterMounts(env, exports);
  glassbox::RegisterFiles(env, exports);
  glassbox::RegisterTerminal(env, exports);
  glassbox::RegisterRelay(env, exports);
  glassbox::RegisterBpf(env, exports);
  RegisterUnpack(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(glassbox, Init)
