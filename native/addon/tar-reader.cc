#include "addon/tar-reader.h"

#include <cstring>

namespace glassbox {

namespace {

constexpr size_t kBlock = 512;

bool IsPad(uint8_t c) { return c == ' ' || c == 0; }

// Octal as ustar writes it, or base-256 as GNU and star do for what octal cannot hold.
bool ParseNumber(const uint8_t* field, size_t length, int64_t& out) {
  if (field[0] & 0x80) {
    const bool negative = field[0] & 0x40;
    const uint8_t flip = negative ? 0xff : 0;
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
      uint8_t byte = field[i] ^ flip;
      if (i == 0) byte &= 0x7f;
      if (value >> 55) return false;
      value = value << 8 | byte;
    }
    out = negative ? -static_cast<int64_t>(value) - 1 : static_cast<int64_t>(value);
    return true;
  }
  size_t i = 0;
  while (i < length && IsPad(field[i])) i++;
  uint64_t value = 0;
  for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) {
    if (value >> 60) return false;
    value = value << 3 | static_cast<uint64_t>(field[i] - '0');
  }
  for (; i < length && field[i] != 0; i++) {
    if (field[i] != ' ') return false;
  }
  out = static_cast<int64_t>(value);
  return true;
}

bool ParseDecimal(const char* text, size_t length, int64_t& out) {
  if (length == 0 || length > 19) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  if (value > INT64_MAX) return false;
  out = static_cast<int64_t>(value);
  return true;
}

bool ParseDecimal(const std::string& text, int64_t& out) { return ParseDecimal(text.data(), text.size(), out); }

// "-12.25" is -13 s + 750,000,000 ns: a timespec's nanoseconds are never negative.
bool ParsePaxTime(const std::string& text, timespec& out) {
  const bool negative = !text.empty() && text[0] == '-';
  const size_t start = negative ? 1 : 0;
  const size_t dot = text.find('.', start);
  int64_t seconds = 0;
  const size_t end = dot == std::string::npos ? text.size() : dot;
  if (!ParseDecimal(text.data() + start, end - start, seconds)) return false;
  long nanoseconds = 0;
  if (dot != std::string::npos) {
    long scale = 100000000;
    for (size_t i = dot + 1; i < text.size(); i++) {
      if (text[i] < '0' || text[i] > '9') return false;
      nanoseconds += scale * (text[i] - '0');
      scale /= 10;
    }
  }
  if (negative) {
    seconds = -seconds;
    if (nanoseconds > 0) {
      seconds -= 1;
      nanoseconds = 1000000000 - nanoseconds;
    }
  }
  out.tv_sec = seconds;
  out.tv_nsec = nanoseconds;
  return true;
}

std::string Text(const uint8_t* field, size_t length) {
  return {reinterpret_cast<const char*>(field), strnlen(reinterpret_cast<const char*>(field), length)};
}

bool ChecksumHolds(const uint8_t* block) {
  int64_t stated = 0;
  if (!ParseNumber(block + 148, 8, stated)) return false;
  int64_t plain = 0;
  int64_t asSigned = 0;  // what some old tars wrote
  for (size_t i = 0; i < kBlock; i++) {
    const uint8_t byte = i >= 148 && i < 156 ? ' ' : block[i];
    plain += byte;
    asSigned += static_cast<int8_t>(byte);
  }
  return stated == plain || stated == asSigned;
}

bool IsZero(const uint8_t* block) {
  for (size_t i = 0; i < kBlock; i++) {
    if (block[i] != 0) return false;
  }
  return true;
}

// These carry no data whatever their size field says (Go's isHeaderOnlyType).
bool HeaderOnly(char type) { return type >= '1' && type <= '6'; }

bool ValidId(int64_t id) { return id >= 0 && id < 0xffffffffLL; }

}  // namespace

std::string QuoteName(const std::string& name) {
  std::string out;
  const size_t limit = name.size() > 300 ? 300 : name.size();
  for (size_t i = 0; i < limit;) {
    const uint8_t c = static_cast<uint8_t>(name[i]);
    size_t length = 1;
    bool good = c >= 0x20 && c < 0x7f;
    if (c >= 0xc3 && c < 0xf5) {  // 0xc2 starts the C1 control characters
      length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
      good = i + length <= name.size();
      for (size_t k = 1; good && k < length; k++) good = (static_cast<uint8_t>(name[i + k]) & 0xc0) == 0x80;
      if (c == 0xe2 && good && static_cast<uint8_t>(name[i + 1]) == 0x80) good = false;  // bidirectional marks
      if (!good) length = 1;
    }
    if (good) {
      out.append(name, i, length);
    } else {
      static const char kHex[] = "0123456789abcdef";
      out += "\\x";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
    i += length;
  }
  if (limit < name.size()) out += "…";
  return out;
}

bool TarReader::Fail(TarError& error, const char* code, std::string message) {
  error.code = code;
  error.message = std::move(message);
  error.offset = entryOffset_;
  if (error.entry.empty()) error.entry = entry_.path;
  return false;
}

bool TarReader::Feed(const uint8_t* bytes, size_t length, TarError& error) {
  while (length > 0) {
    if (state_ == State::Ended) {
      position_ += length;
      return true;
    }
    if (state_ == State::Data || state_ == State::Meta || state_ == State::Padding) {
      uint64_t& left = state_ == State::Data ? dataLeft_ : state_ == State::Meta ? metaLeft_ : padding_;
      const size_t take = left < length ? static_cast<size_t>(left) : length;
      position_ += take;
      left -= take;
      if (state_ == State::Data) {
        if (!Deliver(bytes, take, error)) return false;
        if (left == 0 && !EndEntry(error)) return false;
      } else if (state_ == State::Meta) {
        meta_.append(reinterpret_cast<const char*>(bytes), take);
        if (left == 0 && !MetaDone(error)) return false;
      } else if (left == 0) {
        state_ = State::Header;
      }
      bytes += take;
      length -= take;
      continue;
    }
    if (have_ == 0 && length >= kBlock) {
      position_ += kBlock;
      if (!Block(bytes, error)) return false;
      bytes += kBlock;
      length -= kBlock;
      continue;
    }
    const size_t take = kBlock - have_ < length ? kBlock - have_ : length;
    memcpy(block_ + have_, bytes, take);
    have_ += take;
    position_ += take;
    bytes += take;
    length -= take;
    if (have_ == kBlock) {
      have_ = 0;
      if (!Block(block_, error)) return false;
    }
  }
  return true;
}

bool TarReader::Finish(TarError& error) {
  if (state_ == State::Ended) return true;
  // Tars without their two closing zero blocks are common; one cut inside an entry is not a tar.
  if (state_ == State::Header && have_ == 0 && metaCount_ == 0) return true;
  entryOffset_ = position_;
  return Fail(error, "tar-truncated", "the archive ends in the middle of an entry");
}

bool TarReader::Block(const uint8_t* block, TarError& error) {
  switch (state_) {
    case State::SparseBlocks:
      return OldSparse(block, error);
    case State::SparseMap:
      return SparseMapBlock(block, error);
    default:
      return Header(block, error);
  }
}

bool TarReader::Header(const uint8_t* block, TarError& error) {
  if (metaCount_ == 0) {
    entryOffset_ = position_ - kBlock;
    entry_ = TarEntry{};
  }
  if (IsZero(block)) {
    if (metaCount_ > 0) return Fail(error, "tar-corrupt", "the archive ends after a header that describes a further entry");
    if (zeroSeen_) state_ = State::Ended;
    zeroSeen_ = true;
    return true;
  }
  if (zeroSeen_) return Fail(error, "tar-corrupt", "an entry follows a block of zeros, which ends an archive");
  if (!ChecksumHolds(block)) {
    return Fail(error, "tar-corrupt", position_ == kBlock ? "not a tar archive: the first header's checksum is wrong" : "the header's checksum is wrong");
  }
  const char type = static_cast<char>(block[156]);
  int64_t size = 0;
  if (!ParseNumber(block + 124, 12, size)) return Fail(error, "tar-corrupt", "the size field is not a number");
  if (size < 0) return Fail(error, "tar-corrupt", "the size is negative");
  if (type == 'x' || type == 'g' || type == 'L' || type == 'K' || type == 'X') {
    if (static_cast<uint64_t>(size) > limits_.headerBytes) {
      return Fail(error, "tar-limit", "an extended header of " + std::to_string(size) + " bytes is above the limit of " + std::to_string(limits_.headerBytes));
    }
    if (++metaCount_ > limits_.metaHeaders) return Fail(error, "tar-limit", "too many extended headers before one entry");
    metaType_ = type;
    metaLeft_ = static_cast<uint64_t>(size);
    meta_.clear();
    state_ = State::Meta;
    return size > 0 || MetaDone(error);
  }
  return Fill(block, type, size, error);
}

bool TarReader::MetaDone(TarError& error) {
  padding_ = (kBlock - meta_.size() % kBlock) % kBlock;
  state_ = padding_ > 0 ? State::Padding : State::Header;
  if (metaType_ == 'x') {
    pax_ = Pax{};
    return ParsePax(error);
  }
  if (metaType_ == 'L' || metaType_ == 'K') {
    const std::string text(meta_.c_str());
    (metaType_ == 'L' ? longName_ : longLink_) = text;
    (metaType_ == 'L' ? hasLongName_ : hasLongLink_) = true;
  }
  // Global headers carry comments (git archive); Go does not apply them, so no image depends on them. They stand alone.
  if (metaType_ == 'g' || metaType_ == 'X') metaCount_ -= 1;
  return true;
}

bool TarReader::ParsePax(TarError& error) {
  size_t at = 0;
  while (at < meta_.size()) {
    const size_t space = meta_.find(' ', at);
    int64_t length = 0;
    if (space == std::string::npos || !ParseDecimal(meta_.data() + at, space - at, length) || length < 5 ||
        static_cast<uint64_t>(length) > meta_.size() - at) {
      return Fail(error, "tar-corrupt", "a pax record has a bad length");
    }
    const size_t end = at + static_cast<size_t>(length) - 1;
    const size_t equals = meta_.find('=', space);
    if (end <= space || meta_[end] != '\n' || equals == std::string::npos || equals >= end || equals == space + 1) {
      return Fail(error, "tar-corrupt", "a pax record is malformed");
    }
    if (!PaxRecord(meta_.substr(space + 1, equals - space - 1), meta_.substr(equals + 1, end - equals - 1), error)) return false;
    at = end + 1;
  }
  return true;
}

bool TarReader::PaxRecord(const std::string& key, std::string value, TarError& error) {
  const auto bad = [&] { return Fail(error, "tar-corrupt", "the pax record \"" + QuoteName(key) + "\" has a bad value"); };
  if (key.compare(0, 13, "SCHILY.xattr.") == 0) {
    if (key.size() == 13 || key.size() > 13 + 255 || key.find('\0') != std::string::npos) return bad();
    pax_.xattrs.emplace_back(key.substr(13), std::move(value));
    return true;
  }
  if (key == "path" || key == "linkpath") {
    if (value.find('\0') != std::string::npos) return bad();
    if (value.empty()) return true;
    (key == "path" ? pax_.path : pax_.link) = std::move(value);
    (key == "path" ? pax_.hasPath : pax_.hasLink) = true;
    return true;
  }
  if (key == "mtime") {
    if (value.empty()) return true;
    pax_.hasMtime = ParsePaxTime(value, pax_.mtime);
    return pax_.hasMtime || bad();
  }
  if (key == "size" || key == "uid" || key == "gid") {
    if (value.empty()) return true;
    int64_t number = 0;
    if (!ParseDecimal(value, number)) return bad();
    if (key == "size") pax_.size = number, pax_.hasSize = true;
    if (key == "uid") pax_.uid = number, pax_.hasUid = true;
    if (key == "gid") pax_.gid = number, pax_.hasGid = true;
    return true;
  }
  if (key.compare(0, 11, "GNU.sparse.") != 0) return true;
  const std::string field = key.substr(11);
  if (field == "name") {
    if (value.find('\0') != std::string::npos) return bad();
    pax_.sparseName = std::move(value);
    return true;
  }
  if (field == "map") {
    pax_.sparseMap = std::move(value);
    pax_.hasSparseMap = true;
    return true;
  }
  int64_t number = 0;
  if (!ParseDecimal(value, number)) return bad();
  if (field == "size" || field == "realsize") pax_.sparseSize = number, pax_.hasSparseSize = true;
  if (field == "major") pax_.sparseOne = number == 1;
  if (field == "offset" || field == "numbytes") {
    // 0.0 repeats the two keys in turn.
    if ((pax_.sparseNumbers.size() % 2 == 0) != (field == "offset")) return bad();
    if (pax_.sparseNumbers.size() / 2 > limits_.sparseSegments) return bad();
    pax_.sparseNumbers.push_back(number);
    pax_.hasSparseMap = true;
  }
  return true;
}

bool TarReader::Fill(const uint8_t* block, char type, int64_t size, TarError& error) {
  entry_.offset = entryOffset_;
  std::string name = Text(block, 100);
  const bool posix = memcmp(block + 257, "ustar\0", 6) == 0;
  if (posix && block[345] != 0) {
    const size_t width = memcmp(block + 508, "tar\0", 4) == 0 ? 131 : 155;
    name = Text(block + 345, width) + "/" + name;
  }
  entry_.path = hasLongName_ ? longName_ : pax_.hasPath ? pax_.path : name;
  if (!pax_.sparseName.empty()) entry_.path = pax_.sparseName;
  entry_.link = hasLongLink_ ? longLink_ : pax_.hasLink ? pax_.link : Text(block + 157, 100);

  int64_t mode = 0, uid = 0, gid = 0, mtime = 0, major = 0, minor = 0;
  if (!ParseNumber(block + 100, 8, mode) || !ParseNumber(block + 108, 8, uid) || !ParseNumber(block + 116, 8, gid) ||
      !ParseNumber(block + 136, 12, mtime)) {
    return Fail(error, "tar-corrupt", "a header field is not a number");
  }
  if (type == '3' || type == '4') {
    if (!ParseNumber(block + 329, 8, major) || !ParseNumber(block + 337, 8, minor) || major < 0 || minor < 0 || major > 0xfff || minor > 0xfffff) {
      return Fail(error, "tar-corrupt", "the device number is out of range");
    }
  }
  if (pax_.hasUid) uid = pax_.uid;
  if (pax_.hasGid) gid = pax_.gid;
  if (!ValidId(uid) || !ValidId(gid)) return Fail(error, "tar-corrupt", "the owner is out of range");
  if (pax_.hasSize) size = pax_.size;
  entry_.mode = static_cast<uint32_t>(mode) & 07777;
  entry_.uid = static_cast<uint32_t>(uid);
  entry_.gid = static_cast<uint32_t>(gid);
  entry_.mtime = pax_.hasMtime ? pax_.mtime : timespec{mtime, 0};
  entry_.devMajor = static_cast<uint32_t>(major);
  entry_.devMinor = static_cast<uint32_t>(minor);
  entry_.xattrs = std::move(pax_.xattrs);
  entry_.stored = HeaderOnly(type) ? 0 : static_cast<uint64_t>(size);
  entry_.size = entry_.stored;

  switch (type) {
    case '\0':
      entry_.kind = !entry_.path.empty() && entry_.path.back() == '/' ? TarKind::Directory : TarKind::Regular;
      break;
    case '0':
    case '7':
    case 'S':
      entry_.kind = TarKind::Regular;
      break;
    case '1':
      entry_.kind = TarKind::HardLink;
      break;
    case '2':
      entry_.kind = TarKind::Symlink;
      break;
    case '3':
      entry_.kind = TarKind::CharDevice;
      break;
    case '4':
      entry_.kind = TarKind::BlockDevice;
      break;
    case '5':
      entry_.kind = TarKind::Directory;
      break;
    case '6':
      entry_.kind = TarKind::Fifo;
      break;
    default:
      return Fail(error, "tar-unsupported", "entry type \"" + QuoteName(std::string(1, type)) + "\" is not one that an image layer can hold");
  }
  dataLeft_ = entry_.stored;
  if (type == 'S') {
    int64_t real = 0;
    if (!ParseNumber(block + 483, 12, real) || real < 0) return Fail(error, "tar-corrupt", "the sparse file's size is not a number");
    entry_.sparse = true;
    entry_.size = static_cast<uint64_t>(real);
    for (size_t i = 0; i < 4; i++) {
      const uint8_t* field = block + 386 + i * 24;
      if (field[0] == 0) break;
      int64_t offset = 0, length = 0;
      if (!ParseNumber(field, 12, offset) || !ParseNumber(field + 12, 12, length)) return Fail(error, "tar-corrupt", "the sparse map is not made of numbers");
      if (!AddSegment(offset, length, error)) return false;
    }
    if (block[482] != 0) {
      state_ = State::SparseBlocks;
      return true;
    }
  } else if (entry_.kind == TarKind::Regular && (pax_.sparseOne || pax_.hasSparseMap)) {
    return PaxSparse(error);
  }
  return StartData(error);
}

bool TarReader::AddSegment(int64_t offset, int64_t length, TarError& error) {
  if (offset < 0 || length < 0) return Fail(error, "tar-corrupt", "the sparse map has a negative number");
  const uint64_t start = static_cast<uint64_t>(offset);
  const uint64_t end = start + static_cast<uint64_t>(length);
  const uint64_t before = entry_.segments.empty() ? 0 : entry_.segments.back().offset + entry_.segments.back().length;
  if (start < before || end > entry_.size) return Fail(error, "tar-corrupt", "the sparse map is out of order or leaves the file");
  if (entry_.segments.size() >= limits_.sparseSegments) return Fail(error, "tar-limit", "the sparse map has too many pieces");
  entry_.segments.push_back({start, static_cast<uint64_t>(length)});
  return true;
}

bool TarReader::OldSparse(const uint8_t* block, TarError& error) {
  for (size_t i = 0; i < 21; i++) {
    const uint8_t* field = block + i * 24;
    if (field[0] == 0) break;
    int64_t offset = 0, length = 0;
    if (!ParseNumber(field, 12, offset) || !ParseNumber(field + 12, 12, length)) return Fail(error, "tar-corrupt", "the sparse map is not made of numbers");
    if (!AddSegment(offset, length, error)) return false;
  }
  return block[504] != 0 || StartData(error);
}

bool TarReader::PaxSparse(TarError& error) {
  if (!pax_.hasSparseSize) return Fail(error, "tar-corrupt", "a sparse file does not say its size");
  entry_.sparse = true;
  entry_.size = static_cast<uint64_t>(pax_.sparseSize);
  if (pax_.sparseOne) {
    if (dataLeft_ < kBlock) return Fail(error, "tar-corrupt", "a sparse file has no room for its map");
    mapText_.clear();
    state_ = State::SparseMap;
    return true;
  }
  std::vector<int64_t> numbers = std::move(pax_.sparseNumbers);
  if (!pax_.sparseMap.empty()) {
    numbers.clear();
    size_t at = 0;
    while (at <= pax_.sparseMap.size()) {
      size_t comma = pax_.sparseMap.find(',', at);
      if (comma == std::string::npos) comma = pax_.sparseMap.size();
      int64_t number = 0;
      if (!ParseDecimal(pax_.sparseMap.data() + at, comma - at, number)) return Fail(error, "tar-corrupt", "the sparse map is not made of numbers");
      numbers.push_back(number);
      at = comma + 1;
    }
  }
  if (numbers.size() % 2 != 0) return Fail(error, "tar-corrupt", "the sparse map lacks a length");
  for (size_t i = 0; i < numbers.size(); i += 2) {
    if (!AddSegment(numbers[i], numbers[i + 1], error)) return false;
  }
  return StartData(error);
}

// pax 1.0: the map is text at the start of the data, in whole blocks: count, then offset and length in turn, a line each.
bool TarReader::SparseMapBlock(const uint8_t* block, TarError& error) {
  if (dataLeft_ < kBlock) return Fail(error, "tar-corrupt", "the sparse map is longer than the file's data");
  dataLeft_ -= kBlock;
  mapText_.append(reinterpret_cast<const char*>(block), kBlock);
  if (mapText_.size() > 44 * limits_.sparseSegments + kBlock) return Fail(error, "tar-limit", "the sparse map has too many pieces");
  const size_t first = mapText_.find('\n');
  int64_t count = 0;
  if (first == std::string::npos) return mapText_.size() < 64 || Fail(error, "tar-corrupt", "the sparse map has no count");
  if (!ParseDecimal(mapText_.data(), first, count) || static_cast<uint64_t>(count) > limits_.sparseSegments) {
    return Fail(error, "tar-corrupt", "the sparse map's count is bad");
  }
  // Only the tail of a long map is new; counting newlines in each block keeps this linear.
  size_t newlines = 0;
  for (size_t i = mapText_.size() - kBlock; i < mapText_.size(); i++) newlines += mapText_[i] == '\n';
  segmentDone_ += newlines;
  if (segmentDone_ < 1 + 2 * static_cast<uint64_t>(count)) return true;
  segmentDone_ = 0;
  size_t at = first + 1;
  for (int64_t i = 0; i < count; i++) {
    int64_t pair[2];
    for (int64_t& number : pair) {
      const size_t end = mapText_.find('\n', at);
      if (end == std::string::npos || !ParseDecimal(mapText_.data() + at, end - at, number)) {
        return Fail(error, "tar-corrupt", "the sparse map is not made of numbers");
      }
      at = end + 1;
    }
    if (!AddSegment(pair[0], pair[1], error)) return false;
  }
  mapText_.clear();
  return StartData(error);
}

bool TarReader::StartData(TarError& error) {
  if (entry_.sparse) {
    uint64_t total = 0;
    for (const TarSegment& segment : entry_.segments) total += segment.length;
    if (total != dataLeft_) return Fail(error, "tar-corrupt", "the sparse map does not add up to the data");
  }
  pax_ = Pax{};
  hasLongName_ = hasLongLink_ = false;
  metaCount_ = 0;
  segment_ = 0;
  segmentDone_ = 0;
  // What the map took came in whole blocks, so the padding follows from what is left.
  padding_ = (kBlock - dataLeft_ % kBlock) % kBlock;
  if (!sink_.Begin(entry_, error)) {
    error.offset = entryOffset_;
    if (error.entry.empty()) error.entry = entry_.path;
    return false;
  }
  if (dataLeft_ == 0) return EndEntry(error);
  state_ = State::Data;
  return true;
}

bool TarReader::Deliver(const uint8_t* bytes, size_t length, TarError& error) {
  const auto give = [&](uint64_t offset, size_t count) {
    if (sink_.Data(offset, bytes, count, error)) return true;
    error.offset = entryOffset_;
    if (error.entry.empty()) error.entry = entry_.path;
    return false;
  };
  if (!entry_.sparse) {
    const uint64_t offset = segmentDone_;
    segmentDone_ += length;
    return give(offset, length);
  }
  while (length > 0) {
    const TarSegment& segment = entry_.segments[segment_];
    const uint64_t left = segment.length - segmentDone_;
    if (left == 0) {
      segment_++;
      segmentDone_ = 0;
      continue;
    }
    const size_t take = left < length ? static_cast<size_t>(left) : length;
    if (!give(segment.offset + segmentDone_, take)) return false;
    segmentDone_ += take;
    bytes += take;
    length -= take;
  }
  return true;
}

bool TarReader::EndEntry(TarError& error) {
  segmentDone_ = 0;
  state_ = padding_ > 0 ? State::Padding : State::Header;
  if (sink_.End(error)) return true;
  error.offset = entryOffset_;
  if (error.entry.empty()) error.entry = entry_.path;
  return false;
}

}  // namespace glassbox
