// Marshalling helpers of the addon: nothing here knows what the calls are for.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace glassbox {

// Throws an Error with `code` ("ENOENT"), `errno` (2), `syscall` and `path`, as Node's own do. Returns undefined for `return`.
Napi::Value throw_errno(Napi::Env env, const char* syscall, int error, const std::string& path = "");

// Symbolic name of an errno, "E123" when unknown.
const char* errno_name(int error);

// ORs the values of kernel constants given by name; throws TypeError and returns false for an unknown one.
bool flags_from_names(Napi::Env env, const Napi::Value& names, unsigned long& flags);

inline std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }
inline int integer(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }
inline Napi::Value descriptor(Napi::Env env, int fd) { return Napi::Number::New(env, fd); }
inline bool is_null(const Napi::Value& value) { return value.IsNull() || value.IsUndefined(); }

struct Span {
  const uint8_t* data;
  size_t size;
};
inline Span span(const Napi::Value& value) {
  auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

// CLOCK_MONOTONIC in nanoseconds.
uint64_t monotonic_ns();

void RegisterProcess(Napi::Env env, Napi::Object exports);
void RegisterDescriptors(Napi::Env env, Napi::Object exports);
void RegisterMounts(Napi::Env env, Napi::Object exports);
void RegisterFiles(Napi::Env env, Napi::Object exports);
void RegisterTerminal(Napi::Env env, Napi::Object exports);
void RegisterRelay(Napi::Env env, Napi::Object exports);
void RegisterBpf(Napi::Env env, Napi::Object exports);

}  // namespace glassbox

void RegisterUnpack(Napi::Env env, Napi::Object exports);
