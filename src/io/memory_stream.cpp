#include "io/memory_stream.h"

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"

namespace blindtuner::io {

std::size_t MemorySource::read_some(std::span<std::uint8_t> out) {
  throw_if_interrupted();
  const std::size_t got = std::min(out.size(), left_.size());
  std::copy_n(left_.begin(), got, out.begin());
  left_ = left_.subspan(got);
  return got;
}

void MemorySink::write(std::span<const std::uint8_t> bytes) {
  throw_if_interrupted();
  require(!whole_, "MemorySink: written after commit");
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void MemorySink::commit() {
  require(!whole_, "MemorySink: committed twice");
  whole_ = true;
}

const std::vector<std::uint8_t>& MemorySink::bytes() const {
  require(whole_, "MemorySink: nothing is to be seen before commit");
  return bytes_;
}

}  // namespace blindtuner::io
