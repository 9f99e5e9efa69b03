// The owner's end of the folder in which it and a server that trains exchange rounds and answers.
#pragma once

#include <filesystem>
#include <memory>

#include "party/owner/key_folder.h"
#include "transport/channel.h"

namespace blindtuner::party {
using namespace transport;

/// The channel for a run whose best model goes to `out`. The server sees all of the folder: throws DataError
/// when the keys or `out` would lie in it, and as FolderChannel.
std::shared_ptr<Channel> open_exchange(const std::filesystem::path& folder, const OwnerFolder& keys,
                                       const std::filesystem::path& out);

/// Returns once the round is there, or `stop` says so. Throws DataError when it is not within so many seconds.
void await_round(Channel& channel, int round, double timeout, const Channel::Stop& stop = {});

}  // namespace blindtuner::party
