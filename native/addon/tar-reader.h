// A streaming reader of tar archives: bytes in, entries out. Knows nothing of files.
//
// Formats: v7, ustar, star, GNU (long names, base-256 numbers, old sparse), pax (sparse 0.0, 0.1, 1.0, SCHILY.xattr).
// Where readers differ it follows Go's archive/tar, because that is what wrote and what checks nearly every image layer.

#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace glassbox {

// What went wrong, where. `code` is stable; `errnum` is set when the kernel said no.
struct TarError {
  const char* code = "tar-corrupt";
  std::string message;
  std::string entry;
  uint64_t offset = 0;
  const char* syscall = nullptr;
  int errnum = 0;
};

enum class TarKind : uint8_t { Regular, HardLink, Symlink, CharDevice, BlockDevice, Directory, Fifo };

struct TarSegment {
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct TarEntry {
  std::string path;
  std::string link;
  TarKind kind = TarKind::Regular;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Size of the file once unpacked; `stored` is what the archive holds of it.
  uint64_t size = 0;
  uint64_t stored = 0;
  timespec mtime{};
  uint32_t devMajor = 0;
  uint32_t devMinor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
  bool sparse = false;
  std::vector<TarSegment> segments;
  // Where its first header starts.
  uint64_t offset = 0;
};

class TarSink {
 public:
  virtual ~TarSink() = default;
  virtual bool Begin(const TarEntry& entry, TarError& error) = 0;
  virtual bool Data(uint64_t offset, const uint8_t* bytes, size_t length, TarError& error) = 0;
  virtual bool End(TarError& error) = 0;
};

struct TarLimits {
  uint64_t headerBytes = 1 << 20;
  uint64_t sparseSegments = 1 << 20;
  uint64_t metaHeaders = 64;
};

class TarReader {
 public:
  TarReader(TarSink& sink, const TarLimits& limits) : sink_(sink), limits_(limits) {}

  bool Feed(const uint8_t* bytes, size_t length, TarError& error);
  // The stream has ended: is that allowed here?
  bool Finish(TarError& error);

 private:
  enum class State : uint8_t { Header, Meta, SparseBlocks, SparseMap, Data, Padding, Ended };

  struct Pax {
    std::string path, link;
    bool hasPath = false, hasLink = false, hasSize = false, hasUid = false, hasGid = false, hasMtime = false;
    int64_t size = 0, uid = 0, gid = 0;
    timespec mtime{};
    std::vector<std::pair<std::string, std::string>> xattrs;
    std::string sparseName, sparseMap;
    bool hasSparseSize = false, hasSparseMap = false, sparseOne = false;
    int64_t sparseSize = 0;
    std::vector<int64_t> sparseNumbers;
  };

  bool Block(const uint8_t* block, TarError& error);
  bool Header(const uint8_t* block, TarError& error);
  bool MetaDone(TarError& error);
  bool ParsePax(TarError& error);
  bool PaxRecord(const std::string& key, std::string value, TarError& error);
  bool Fill(const uint8_t* block, char type, int64_t size, TarError& error);
  bool OldSparse(const uint8_t* block, TarError& error);
  bool PaxSparse(TarError& error);
  bool SparseMapBlock(const uint8_t* block, TarError& error);
  bool AddSegment(int64_t offset, int64_t length, TarError& error);
  bool StartData(TarError& error);
  bool Deliver(const uint8_t* bytes, size_t length, TarError& error);
  bool EndEntry(TarError& error);
  bool Fail(TarError& error, const char* code, std::string message);

  TarSink& sink_;
  TarLimits limits_;
  State state_ = State::Header;
  uint8_t block_[512];
  size_t have_ = 0;
  uint64_t position_ = 0;
  bool zeroSeen_ = false;

  char metaType_ = 0;
  uint64_t metaLeft_ = 0;
  std::string meta_;
  uint64_t metaCount_ = 0;
  uint64_t entryOffset_ = 0;

  Pax pax_;
  std::string longName_, longLink_;
  bool hasLongName_ = false, hasLongLink_ = false;

  TarEntry entry_;
  uint64_t dataLeft_ = 0;
  uint64_t padding_ = 0;
  size_t segment_ = 0;
  uint64_t segmentDone_ = 0;
  std::string mapText_;
};

// A name for people: control bytes and broken UTF-8 appear as \xNN, so that an archive cannot drive a terminal.
std::string QuoteName(const std::string& name);

}  // namespace glassbox
