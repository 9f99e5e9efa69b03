// How records pass between two parties while both of them work: under names, whole or not at all.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/byte_stream.h"

namespace blindtuner::transport {
using namespace io;

/// Seconds that a party waits for the other.
inline constexpr double kMaxTimeout = 1e7;

/// One party's end of what it shares with one other. What either has sent is there for both, under its name,
/// until a record of the same name takes its place: a party that was interrupted finds again what it had sent
/// and what it had been sent. Neither end tells who sent a record; its reader holds it to what it must be.
///
/// Names are is_record_name(): every function throws ContractError for others. One thread an end.
class Channel {
 public:
  using Clock = std::chrono::steady_clock;
  /// Writes a record. It commits the sink, or nothing is sent.
  using Writer = std::function<void(ByteSink&)>;
  /// Whether to wait no longer; may throw, too.
  using Stop = std::function<bool()>;
  /// The time so many seconds from now: 0 to 1e9.
  static Clock::time_point after(double seconds);

  Channel() = default;
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// What messages call the record, whether it is there or not; in a folder, its file's path in quotes.
  virtual std::string place(const std::string& name) const = 0;
  /// Whether anything of the record is there, be it a part. Throws DataError where that cannot be told.
  virtual bool begun(const std::string& name) const = 0;
  /// Calls `write` once. What it commits appears whole, in the place of a record of this name; what it
  /// does not commit, or throws amid, leaves all as it was. Throws DataError when it cannot be sent.
  virtual void send(const std::string& name, const Writer& write) = 0;
  /// The record, once all of it is there, from its first byte on; its name is place(). Null when it is not
  /// by `deadline`, or when `stop`, if there is one, says so: that is asked several times a second, and
  /// neither before it was looked once. Throws DataError, and what throw_if_interrupted() throws.
  virtual std::unique_ptr<ByteSource> receive(const std::string& name, Clock::time_point deadline,
                                              const Stop& stop) = 0;

  /// The same of what is there now.
  std::unique_ptr<ByteSource> find(const std::string& name) {
    return receive(name, Clock::time_point::min(), {});
  }
};

/// What the message of a wait that ended without a record ends with.
std::string partly_there(const Channel& channel, const std::string& name);

/// 1 to 64 of a to z, 0 to 9, '-' and '.', of which the first is no '.': names of files in every file system,
/// of none that is hidden, and parts of an address as they are.
bool is_record_name(std::string_view name);

}  // namespace blindtuner::transport
