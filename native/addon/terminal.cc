// Terminals: window size and the kernel's termios, kept as opaque bytes so that what was saved is what is put back.

#include <asm/termbits.h>
#include <errno.h>
#include <sys/ioctl.h>

#include "addon/support.h"

// <termios.h> and <asm/termbits.h> both define struct termios; the kernel's is the one the ioctls take.

namespace glassbox {

namespace {

Napi::Value GetWindowSize(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  winsize size{};
  if (ioctl(integer(info[0]), TIOCGWINSZ, &size) != 0) return throw_errno(env, "ioctl", errno);
  auto result = Napi::Object::New(env);
  result.Set("rows", Napi::Number::New(env, size.ws_row));
  result.Set("columns", Napi::Number::New(env, size.ws_col));
  return result;
}

Napi::Value SetWindowSize(const Napi::CallbackInfo& info) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(integer(info[1]));
  size.ws_col = static_cast<unsigned short>(integer(info[2]));
  if (ioctl(integer(info[0]), TIOCSWINSZ, &size) != 0) return throw_errno(info.Env(), "ioctl", errno);
  return info.Env().Undefined();
}

Napi::Value GetTermios(const Napi::CallbackInfo& info) {
  termios settings{};
  if (ioctl(integer(info[0]), TCGETS, &settings) != 0) return throw_errno(info.Env(), "ioctl", errno);
  return Napi::Buffer<uint8_t>::Copy(info.Env(), reinterpret_cast<uint8_t*>(&settings), sizeof settings);
}

Napi::Value SetTermios(const Napi::CallbackInfo& info) {
  const Span bytes = span(info[1]);
  termios settings{};
  if (bytes.size < sizeof settings) return throw_errno(info.Env(), "ioctl", EINVAL);
  __builtin_memcpy(&settings, bytes.data, sizeof settings);
  if (ioctl(integer(info[0]), TCSETSW, &settings) != 0) return throw_errno(info.Env(), "ioctl", errno);
  return info.Env().Undefined();
}

// cfmakeraw(3), on the kernel's structure.
Napi::Value MakeRaw(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const int fd = integer(info[0]);
  termios before{};
  if (ioctl(fd, TCGETS, &before) != 0) return throw_errno(env, "ioctl", errno);
  termios raw = before;
  raw.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (ioctl(fd, TCSETSW, &raw) != 0) return throw_errno(env, "ioctl", errno);
  return Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<uint8_t*>(&before), sizeof before);
}

}  // namespace

void RegisterTerminal(Napi::Env env, Napi::Object exports) {
  exports.Set("getWindowSize", Napi::Function::New(env, GetWindowSize));
  exports.Set("setWindowSize", Napi::Function::New(env, SetWindowSize));
  exports.Set("getTermios", Napi::Function::New(env, GetTermios));
  exports.Set("setTermios", Napi::Function::New(env, SetTermios));
  exports.Set("makeRaw", Napi::Function::New(env, MakeRaw));
}

}  // namespace glassbox
