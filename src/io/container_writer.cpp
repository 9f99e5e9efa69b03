#include "io/container_writer.h"

#include <algorithm>
#include <cstring>

#include "base/buffer.h"
#include "base/error.h"
#include "base/parallel.h"

namespace blindtuner::io {
ContainerWriter::ContainerWriter(ByteSink& sink, const FileHeader& header)
    : sink_(sink), version_(header.version), secret_(header.kind == FileKind::kSecretKey) {
  const HeaderBytes bytes = encode_header(header);
  std::copy_n(bytes.end() - kDigestBytes, kDigestBytes, header_digest_.begin());
  sink_.write(bytes);
  buffer_.resize(kBatchFrames * kFullFrameBytes);
  if (header.written_parameters.empty()) return;
  begin_section(kParametersTag);
  text(header.written_parameters);
}

ContainerWriter::~ContainerWriter() {
  if (secret_) wipe(buffer_.data(), buffer_.size());
}

void ContainerWriter::open_frame() {
  if (buffer_.size() - used_ < kFullFrameBytes) flush();
  frames_.push_back({used_, 0});
  used_ += kFramePrefixBytes;
}

void ContainerWriter::close_frame() {
  Frame& frame = frames_.back();
  frame.payload = used_ - frame.offset - kFramePrefixBytes;
  const auto length = static_cast<std::uint32_t>(frame.payload);
  std::memcpy(&buffer_[frame.offset], &length, 4);
  std::memcpy(&buffer_[frame.offset + 4], &tag_, 4);
  used_ += kDigestBytes;
}

void ContainerWriter::flush() {
  auto seal = [&](std::size_t i) {
    const Frame& frame = frames_[i];
    const std::size_t bytes = kFramePrefixBytes + frame.payload;
    const FrameDigest digest =
        frame_digest(header_digest_.data(), next_number_ + i, &buffer_[frame.offset], bytes);
    std::copy(digest.begin(), digest.end(), &buffer_[frame.offset + bytes]);
  };
  if (used_ >= kParallelBytes)
    parallel_for(frames_.size(), seal);
  else
    for (std::size_t i = 0; i < frames_.size(); ++i) seal(i);
  for (const Frame& frame : frames_)
    digests_.add(&buffer_[frame.offset + kFramePrefixBytes + frame.payload], kDigestBytes);
  sink_.write({buffer_.data(), used_});
  next_number_ += frames_.size();
  frames_.clear();
  used_ = 0;
}

void ContainerWriter::begin_section(SectionTag tag) {
  require(tag != kEndTag, "the section 'END.' is the format's own");
  require(!in_section_ || tag != tag_, "neighbouring sections need different names");
  if (in_section_) close_frame();
  tag_ = tag;
  in_section_ = true;
  open_frame();
}

void ContainerWriter::bytes(std::span<const std::uint8_t> data) {
  require(in_section_, "everything is written inside a section");
  size_ += data.size();
  while (!data.empty()) {
    std::size_t room = kFrameBytes - (used_ - frames_.back().offset - kFramePrefixBytes);
    if (room == 0) {
      close_frame();
      open_frame();
      room = kFrameBytes;
    }
    const std::size_t part = std::min(room, data.size());
    std::memcpy(&buffer_[used_], data.data(), part);
    used_ += part;
    data = data.subspan(part);
  }
}

void ContainerWriter::text(std::string_view value) {
  number(static_cast<std::uint32_t>(value.size()));
  bytes({reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
}

void ContainerWriter::doubles(std::span<const double> values) {
  number(static_cast<std::uint64_t>(values.size()));
  bytes({reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

void ContainerWriter::finish() {
  if (in_section_) close_frame();
  tag_ = kEndTag;
  open_frame();
  close_frame();
  in_section_ = false;
  flush();
}

void ContainerWriter::complete() {
  finish();
  sink_.flush();
  contents_ = digests_.finish();
  complete_ = true;
}

void ContainerWriter::commit() {
  if (!complete_) {
    finish();
    contents_ = digests_.finish();
  }
  sink_.commit();
}

}  // namespace blindtuner::io
