#include "transport/channel.h"

#include <algorithm>

namespace blindtuner::transport {

Channel::Clock::time_point Channel::after(double seconds) {
  const std::chrono::duration<double> time(seconds);
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
}

std::string partly_there(const Channel& channel, const std::string& name) {
  return channel.begun(name) ? ", of which only a part is there" : "";
}

bool is_record_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

}  // namespace blindtuner::transport
