// Writes the entries of a layer below one directory descriptor, in overlayfs's form.
//
// Nothing here forms a host path from an archive: parents are opened with openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), and the
// last component is created with O_EXCL or replaced, never followed.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "addon/tar-reader.h"

namespace glassbox {

struct ExtractOptions {
  // user.overlay.* instead of trusted.overlay.*: what an overlay mounted without privilege reads.
  bool userxattr = false;
  // Owners that cannot be set and device nodes that cannot be made are left out, and counted.
  bool rootless = false;
  uint64_t maxEntries = 5000000;
  // Of all files together, as they will be once unpacked: a sparse file counts with its holes.
  uint64_t maxBytes = 64ULL << 30;
  // diff directories of the layers below, top-most first: a directory that this layer only passes through keeps its looks.
  std::vector<int> lowerFds;
};

struct ExtractStats {
  uint64_t entries = 0;
  uint64_t fileBytes = 0;
  uint64_t skippedDevices = 0;
  uint64_t skippedXattrs = 0;
  uint64_t skippedOwners = 0;
};

class Extractor final : public TarSink {
 public:
  // Takes over rootFd and options.lowerFds.
  Extractor(int rootFd, ExtractOptions options) : root_(rootFd), options_(std::move(options)) {}
  ~Extractor() override;

  bool Begin(const TarEntry& entry, TarError& error) override;
  bool Data(uint64_t offset, const uint8_t* bytes, size_t length, TarError& error) override;
  bool End(TarError& error) override;
  // Directory times, which creating children had moved.
  bool Finish(TarError& error);

  const ExtractStats& stats() const { return stats_; }

 private:
  struct DirectoryNote {
    std::string path;
    uint64_t inode;
    timespec mtime;
    uint32_t mode;
  };

  bool Parent(const std::string& directory, int& fd, TarError& error);
  bool MakeParents(const std::string& directory, TarError& error);
  bool ImpliedDirectory(int parent, const char* name, const std::string& path, bool opaque, TarError& error);
  bool Clear(int parent, const char* name, bool wantDirectory, bool& wasWhiteout, bool& isDirectory, TarError& error);
  bool Whiteout(int parent, const std::string& name, TarError& error);
  bool OpaqueRoot(TarError& error);
  bool SetOpaque(int directoryFd, TarError& error);
  bool Directory(const TarEntry& entry, int parent, const char* name, const std::string& path, TarError& error);
  bool RootDirectory(const TarEntry& entry, TarError& error);
  bool HardLink(const TarEntry& entry, int parent, const char* name, TarError& error);
  bool Special(const TarEntry& entry, int parent, const char* name, TarError& error);
  bool OwnAndMark(const TarEntry& entry, int fd, int parent, const char* name, TarError& error);
  void Forget();
  bool System(TarError& error, const char* syscall, int errnum, const std::string& what);

  int root_;
  ExtractOptions options_;
  ExtractStats stats_;
  std::string cachedPath_;
  int cachedFd_ = -1;
  int file_ = -1;
  TarEntry current_;
  std::vector<DirectoryNote> directories_;
  bool opaqueRoot_ = false;
};

}  // namespace glassbox
