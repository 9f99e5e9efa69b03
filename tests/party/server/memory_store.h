// Where a run keeps its state in a test.
#pragma once

#include <optional>
#include <vector>

#include "io/memory_stream.h"
#include "party/server/checkpoint_store.h"

namespace blindtuner::testing_support {
using namespace party;

class MemoryStore final : public CheckpointStore {
 public:
  std::unique_ptr<ByteSource> last() override {
    if (!bytes) return nullptr;
    return std::make_unique<MemorySource>(*bytes, "'checkpoint'");
  }
  void keep(const std::function<void(ByteSink&)>& write) override {
    MemorySink sink;
    write(sink);
    bytes = sink.bytes();
    ++kept;
  }

  std::optional<std::vector<std::uint8_t>> bytes;
  int kept = 0;
};

}  // namespace blindtuner::testing_support
