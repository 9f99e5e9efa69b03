#include "party/owner/exchange.h"

#include "base/error.h"
#include "base/path.h"
#include "base/quantity.h"
#include "records/round.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::party {
namespace {

void require_unseen(const std::filesystem::path& path, const std::filesystem::path& exchange,
                    const char* what) {
  if (lies_within(path, exchange))
    throw DataError(quoted_path(path) + ": is in the folder that the server sees, " +
                    quoted_path(exchange) + ": it is not to have " + what);
}

}  // namespace

std::shared_ptr<Channel> open_exchange(const std::filesystem::path& folder, const OwnerFolder& keys,
                                       const std::filesystem::path& out) {
  require_unseen(out, folder, "the best model and the record of the rounds");
  require_unseen(keys.folder, folder, "keys");
  return std::make_shared<FolderChannel>(folder, "owner");
}

void await_round(Channel& channel, int round, double timeout, const Channel::Stop& stop) {
  const std::string name = round_name(round);
  bool stopped = false;
  const auto asked = [&] { return stopped = stop && stop(); };
  if (channel.receive(name, Channel::after(timeout), asked) || stopped) return;
  throw DataError("no round " + std::to_string(round) + " within " + duration_text(timeout) +
                  ": expected " + channel.place(name) + " from 'blindtuner-server train'" +
                  partly_there(channel, name));
}

}  // namespace blindtuner::party
