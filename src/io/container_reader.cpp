#include "io/container_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"
#include "rlwe/written_parameters.h"

namespace blindtuner::io {
namespace {

// Read at a time: memory grows with what has arrived.
constexpr std::size_t kDoubles = std::size_t{1} << 16;

// As many bytes as there are, at most out.size().
std::size_t read_all_of(ByteSource& source, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t got = source.read_some(out.subspan(done));
    if (got == 0) break;
    done += got;
  }
  return done;
}

}  // namespace

ContainerReader::ContainerReader(ByteSource& source) : source_(source), file_bytes_(source.size()) {
  HeaderBytes bytes{};
  const std::size_t got = read_all_of(source_, bytes);
  if (got >= kMagic.size() && got < bytes.size() &&
      std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0)
    fail("truncated: " + std::to_string(got) + " bytes, the header alone has " +
         std::to_string(kHeaderBytes));
  header_ = decode_header(bytes, name());
  std::copy_n(bytes.end() - kDigestBytes, kDigestBytes, header_digest_.begin());
  secret_ = header_.kind == FileKind::kSecretKey;
  position_ = kHeaderBytes;
}

ContainerReader::ContainerReader(ByteSource& source, FileKind expected) : ContainerReader(source) {
  if (header_.kind != expected)
    fail("is " + describe(header_.kind) + ", expected " + describe(expected));
}

ContainerReader::~ContainerReader() {
  if (secret_) wipe(buffer_.data(), buffer_.size());
}

void ContainerReader::fail(const std::string& what) const { throw DataError(name() + ": " + what); }

// The end of the frames before, which were taken, makes room for `wanted` bytes from there on, or as many
// as there are.
void ContainerReader::fill(std::size_t wanted) {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
  filled_ -= used_;
  used_ = 0;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  filled_ += read_all_of(source_, {buffer_.data() + filled_, wanted - filled_});
}

void ContainerReader::load() {
  frames_.clear();
  current_ = taken_ = 0;
  // No more than the file holds: small files get small buffers.
  std::size_t wanted = kBatchFrames * kFullFrameBytes;
  if (file_bytes_) {
    const std::uint64_t left = *file_bytes_ > position_ ? *file_bytes_ - position_ : 0;
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, wanted));
  } else if (next_number_ == 0 && !secret_) {
    wanted = kFullFrameBytes;
  }
  fill(wanted);
  bool last = false;
  while (!last && filled_ - used_ >= kFramePrefixBytes + kDigestBytes) {
    std::uint32_t length = 0;
    SectionTag tag = 0;
    std::memcpy(&length, &buffer_[used_], 4);
    std::memcpy(&tag, &buffer_[used_ + 4], 4);
    if (length > kFrameBytes)
      fail("damaged: a frame of " + std::to_string(length) + " bytes at byte " +
           std::to_string(position_ + used_) + ", expected at most " + std::to_string(kFrameBytes));
    const std::size_t whole = kFramePrefixBytes + length + kDigestBytes;
    if (filled_ - used_ < whole) break;
    frames_.push_back({tag, used_ + kFramePrefixBytes, length});
    used_ += whole;
    last = tag == kEndTag;
  }
  if (frames_.empty())
    fail("truncated: it ends at byte " + std::to_string(file_bytes_.value_or(position_ + filled_)) +
         " in the middle of a frame");
  std::vector<char> good(frames_.size());
  auto check = [&](std::size_t i) {
    const std::uint8_t* frame = &buffer_[frames_[i].offset - kFramePrefixBytes];
    const std::size_t bytes = kFramePrefixBytes + frames_[i].payload;
    const FrameDigest digest = frame_digest(header_digest_.data(), next_number_ + i, frame, bytes);
    good[i] = std::memcmp(digest.data(), frame + bytes, kDigestBytes) == 0;
  };
  if (used_ >= kParallelBytes)
    parallel_for(frames_.size(), check);
  else
    for (std::size_t i = 0; i < frames_.size(); ++i) check(i);
  for (std::size_t i = 0; i < good.size(); ++i)
    if (!good[i])
      fail("damaged: the checksum of the frame at byte " +
           std::to_string(position_ + frames_[i].offset - kFramePrefixBytes) + " is wrong");
  for (const Frame& frame : frames_)
    digests_.add(&buffer_[frame.offset + frame.payload], kDigestBytes);
  position_ += used_;
  next_number_ += frames_.size();
  if (last) {
    contents_ = digests_.finish();
    if (frames_.back().payload != 0) fail("damaged: the last frame is not empty");
    if (file_bytes_ && position_ != *file_bytes_)
      fail(std::to_string(*file_bytes_ - position_) + " bytes follow the end, expected none");
    std::uint8_t more = 0;
    if (!file_bytes_ && (used_ < filled_ || source_.read_some({&more, 1}) > 0))
      fail("bytes follow the end, expected none");
  }
  if (progress_) progress_(position_);
}

// The parameters, where the file carries them, belong to no kind's own sections.
// NOLINTNEXTLINE(misc-no-recursion): once, as the first frame is loaded
void ContainerReader::begin_sections() {
  load();
  if (frames_.front().tag != kParametersTag) return;
  enter_section(kParametersTag);
  header_.written_parameters = text(rlwe::kMaxParametersBytes, "the parameters");
}

// NOLINTNEXTLINE(misc-no-recursion): likewise
SectionTag ContainerReader::next_section() {
  if (next_number_ == 0) begin_sections();
  require_section_finished();
  return frames_[current_].tag;
}

void ContainerReader::require_section_finished() {
  if (!in_section_) return;
  // Frames that belong to the section still but are empty, or only the end of one, are its end.
  while (true) {
    if (current_ < frames_.size()) {
      if (frames_[current_].tag != tag_) break;
      if (taken_ < frames_[current_].payload)
        fail("the section '" + to_string(tag_) + "' is longer than its contents");
      ++current_;
      taken_ = 0;
    } else {
      load();
    }
  }
  in_section_ = false;
}

// NOLINTNEXTLINE(misc-no-recursion): likewise
void ContainerReader::enter_section(SectionTag tag) {
  const SectionTag found = next_section();
  if (found != tag)
    fail("the section '" + to_string(found) + "' where '" + to_string(tag) + "' was expected");
  tag_ = tag;
  in_section_ = true;
  taken_ = 0;
}

void ContainerReader::bytes(std::span<std::uint8_t> out) {
  require(in_section_, "everything is read inside a section");
  while (!out.empty()) {
    if (current_ == frames_.size()) load();
    const Frame& frame = frames_[current_];
    if (frame.tag != tag_)
      fail("the section '" + to_string(tag_) + "' is shorter than its contents");
    const std::size_t part = std::min(frame.payload - taken_, out.size());
    std::memcpy(out.data(), &buffer_[frame.offset + taken_], part);
    taken_ += part;
    out = out.subspan(part);
    if (taken_ == frame.payload) {
      ++current_;
      taken_ = 0;
    }
  }
}

std::uint64_t ContainerReader::skip_section() {
  require(in_section_, "nothing to skip outside a section");
  std::uint64_t skipped = 0;
  while (true) {
    if (current_ == frames_.size()) load();
    if (frames_[current_].tag != tag_) break;
    skipped += frames_[current_].payload - taken_;
    ++current_;
    taken_ = 0;
  }
  in_section_ = false;
  return skipped;
}

std::uint64_t ContainerReader::number_in(std::uint64_t value, std::uint64_t least,
                                         std::uint64_t most, const char* what) const {
  if (value < least || value > most)
    fail(std::string(what) + " is " + std::to_string(value) + ", expected " +
         std::to_string(least) + " to " + std::to_string(most));
  return value;
}

double ContainerReader::finite(const char* what) {
  const double value = number<double>();
  if (!std::isfinite(value)) fail(std::string(what) + " is not a finite number");
  return value;
}

std::string ContainerReader::text(std::size_t most, const char* what) {
  const auto length = static_cast<std::size_t>(
      number_in(number<std::uint32_t>(), 0, most, (std::string("the length of ") + what).c_str()));
  require_available(length, 1, what);
  std::string value(length, '\0');
  bytes({reinterpret_cast<std::uint8_t*>(value.data()), length});
  for (const char c : value)
    if ((c >= 0 && c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 127)
      fail(std::string(what) + " is not text");
  return value;
}

std::vector<double> ContainerReader::doubles(std::size_t most, const char* what) {
  const std::uint64_t count =
      number_in(number<std::uint64_t>(), 0, most, (std::string("the length of ") + what).c_str());
  require_available(count, sizeof(double), what);
  std::vector<double> values;
  while (values.size() < count) {
    const std::size_t done = values.size();
    values.resize(done + static_cast<std::size_t>(std::min<std::uint64_t>(count - done, kDoubles)));
    const std::span<double> next = std::span(values).subspan(done);
    bytes({reinterpret_cast<std::uint8_t*>(next.data()), next.size_bytes()});
  }
  for (const double value : values)
    if (!std::isfinite(value)) fail(std::string(what) + " holds a number that is not finite");
  return values;
}

void ContainerReader::require_available(std::uint64_t count, std::uint64_t item_bytes,
                                        const char* what) const {
  if (!file_bytes_) return;
  // What was loaded but not taken, and what was not loaded.
  std::uint64_t left = *file_bytes_ - position_;
  for (std::size_t i = current_; i < frames_.size(); ++i) left += frames_[i].payload;
  left -= current_ < frames_.size() ? taken_ : 0;
  if (item_bytes != 0 && count > left / item_bytes)
    fail(std::to_string(count) + " items of " + what + ", but only " + std::to_string(left) +
         " bytes are left");
}

void ContainerReader::finish() {
  const SectionTag found = next_section();
  if (found != kEndTag) fail("the section '" + to_string(found) + "' where the end was expected");
}

std::vector<SectionSize> scan_sections(ContainerReader& reader) {
  std::vector<SectionSize> sections;
  while (true) {
    const SectionTag tag = reader.next_section();
    if (tag == kEndTag) break;
    if (sections.size() == kMostSections)
      reader.fail("more than " + std::to_string(kMostSections) + " sections");
    reader.enter_section(tag);
    sections.push_back({to_string(tag), reader.skip_section()});
  }
  reader.finish();
  return sections;
}

}  // namespace blindtuner::io
