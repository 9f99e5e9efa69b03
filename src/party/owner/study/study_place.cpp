#include "party/owner/study/study_place.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "records/study/message.h"
#include "transport/folder/folder_channel.h"

namespace blindtuner::party {
using namespace records;

namespace fs = std::filesystem;

void write_study_place(const StudyPlace& place) {
  if (!is_party_name(place.name))
    throw DataError("'" + place.name +
                    "' is no owner's name: 1 to 16 of a to z, 0 to 9 and '-', the first a letter");
  if (lies_within(place.folder, place.exchange))
    throw DataError(quoted_path(place.folder) + ": is in the folder that all others see, " +
                    quoted_path(place.exchange) + ": they are not to have this owner's secrets");
  const fs::path file = place.folder / "study.json";
  std::error_code error;
  const std::string exchange = fs::absolute(place.exchange, error).lexically_normal().string();
  if (error)
    throw DataError("cannot tell where " + quoted_path(place.exchange) + " is: " + error.message());
  if (path_exists(file)) {
    const StudyPlace there = read_study_place(place.folder);
    if (there.name != place.name || there.exchange != exchange)
      throw DataError(quoted_path(file) + ": the folder is that of '" + there.name + "', in " +
                      quoted_path(there.exchange));
    return;
  }
  make_private_folder(place.folder);
  nlohmann::json json = {{"study", 1}, {"owner", place.name}};
  // A name of a file need not be UTF-8, and a text is.
  if (decode_utf8(exchange))
    json["exchange"] = exchange;
  else
    json["exchange_bytes"] =
        to_hex({reinterpret_cast<const std::uint8_t*>(exchange.data()), exchange.size()});
  write_file_atomically(file, json_text(json, 2) + "\n", kForTheOwner);
}

void require_exchange_folder(const StudyPlace& place) {
  require_folder(
      place.exchange,
      "the exchange is the one that 'study create' was given, as this machine reaches it "
      "('--exchange' where it was moved)");
}

namespace {

StudyPlace study_place_of(std::string_view text, const fs::path& folder, const std::string& name) {
  const nlohmann::json json = parse_json(text, name);
  const JsonIn in(json, name);
  const bool bytes = in.has("exchange_bytes");
  require_members(in, {"study", "owner", bytes ? "exchange_bytes" : "exchange"});
  (void)in.at("study").whole(1, 1);
  std::string exchange = in.at(bytes ? "exchange_bytes" : "exchange").as<std::string>();
  if (bytes) {
    std::vector<std::uint8_t> path(exchange.size() / 2);
    if (!from_hex(exchange, path)) in.at("exchange_bytes").refuse("hexadecimal digits");
    exchange.assign(path.begin(), path.end());
  }
  StudyPlace out{folder, exchange, in.at("owner").as<std::string>()};
  if (!is_party_name(out.name)) in.at("owner").refuse("an owner's name");
  return out;
}

}  // namespace

StudyPlace read_study_place(const fs::path& folder) {
  const fs::path file = folder / "study.json";
  if (!path_exists(file))
    throw DataError(quoted_path(folder) +
                    ": is no owner's folder of a study, as 'study create' and 'study join' make");
  const std::vector<std::uint8_t> bytes = read_file(file, 1 << 16);
  try {
    return study_place_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, folder,
                          quoted_path(file));
  } catch (const DataError& error) {
    throw DataError(
        error.what() +
        std::string("; set it aside, and 'study join' with this folder, the exchange and "
                    "the owner's name writes it again"));
  }
}

std::shared_ptr<transport::Channel> study_channel(const StudyPlace& place, bool changes) {
  if (!changes) return std::make_shared<transport::FolderChannel>(place.exchange);
  return std::make_shared<transport::FolderChannel>(place.exchange, "owner-" + place.name,
                                                    /*make=*/false);
}

void write_refusal(const fs::path& folder, std::string_view why) {
  const fs::path file = folder / "refused.txt";
  std::error_code ignored;
  if (why.empty()) {
    fs::remove(file, ignored);
    return;
  }
  try {
    write_file_atomically(file, why, kForTheOwner);
  } catch (const DataError&) {
    // What it says, the caller tells besides; that a disk is full must not stand in its way.
  }
}

std::string last_refusal(const fs::path& folder) {
  const fs::path file = folder / "refused.txt";
  if (!path_exists(file)) return {};
  const std::vector<std::uint8_t> text = read_file(file, 1 << 16);
  return printable(std::string(text.begin(), text.end()));
}

}  // namespace blindtuner::party
