// Where an owner of a study keeps what is its own, and where the others are.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "transport/channel.h"

namespace blindtuner::party {

/// Who an owner is: in its folder, study.json.
struct StudyPlace {
  std::filesystem::path folder, exchange;
  std::string name;
};
/// Throws DataError where the folder is another owner's, or of another exchange; or would lie in the exchange.
void write_study_place(const StudyPlace& place);
/// Throws DataError where the exchange is no folder: one that is made here would be nobody else's.
void require_exchange_folder(const StudyPlace& place);
StudyPlace read_study_place(const std::filesystem::path& folder);
/// The exchange, for this owner's programs: for one that works there, or for any that only looks. Makes no folder.
std::shared_ptr<transport::Channel> study_channel(const StudyPlace& place, bool changes);

/// refused.txt: why the owner's last run or step ended, for whoever asks later why nothing happens. Empty: it was not refused.
void write_refusal(const std::filesystem::path& folder, std::string_view why);
std::string last_refusal(const std::filesystem::path& folder);

}  // namespace blindtuner::party
