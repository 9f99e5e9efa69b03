// A channel in memory: two ends of one share the records.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "io/memory_stream.h"
#include "transport/channel.h"

namespace blindtuner::testing_support {
using namespace io;
using namespace transport;

class MemoryChannel final : public Channel {
 public:
  using Records = std::map<std::string, std::vector<std::uint8_t>>;
  explicit MemoryChannel(std::shared_ptr<Records> records = std::make_shared<Records>())
      : records_(std::move(records)) {}

  /// Told of every record once it was sent: where a test plays the other party.
  std::function<void(const std::string& name)> sent;
  Records& records() { return *records_; }

  std::string place(const std::string& name) const override {
    require(is_record_name(name), "a name of a record");
    return "'" + name + "' in memory";
  }
  bool begun(const std::string& name) const override {
    require(is_record_name(name), "a name of a record");
    return records_->contains(name);
  }
  void send(const std::string& name, const Writer& write) override {
    require(is_record_name(name), "a name of a record");
    Sink sink;
    write(sink);
    if (!sink.whole) return;
    (*records_)[name] = sink.memory.bytes();
    if (sent) sent(name);
  }
  std::unique_ptr<ByteSource> receive(const std::string& name, Clock::time_point deadline,
                                      const Stop& stop) override {
    while (!begun(name)) {
      if (Clock::now() >= deadline || (stop && stop())) return nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return std::make_unique<Source>(records_->at(name), place(name));
  }

 private:
  struct Sink final : ByteSink {
    void write(std::span<const std::uint8_t> bytes) override { memory.write(bytes); }
    void flush() override { memory.flush(); }
    void commit() override {
      memory.commit();
      whole = true;
    }
    MemorySink memory;
    bool whole = false;
  };
  /// Of bytes of its own: a record may be replaced while it is read.
  struct Source final : ByteSource {
    Source(std::vector<std::uint8_t> all, std::string name)
        : bytes(std::move(all)), memory(bytes, std::move(name)) {}
    const std::string& name() const override { return memory.name(); }
    std::optional<std::uint64_t> size() const override { return memory.size(); }
    std::size_t read_some(std::span<std::uint8_t> out) override { return memory.read_some(out); }
    std::vector<std::uint8_t> bytes;
    MemorySource memory;
  };

  std::shared_ptr<Records> records_;
};

}  // namespace blindtuner::testing_support
