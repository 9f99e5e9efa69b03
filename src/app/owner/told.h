// What an owner says of a run on the command line: what results are held against.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <sstream>
#include <string>

#include "app/common/command_line.h"
#include "app/common/head_options.h"
#include "party/owner/opening.h"

namespace blindtuner::app {
using namespace party;

/// --config, --head, --softmax and --range: what the server was told to train with; --trained-on: what on.
struct ToldOptions {
  std::string config;  ///< empty: the default
  HeadOptions head;
  std::string trained_on;  ///< empty: not said

  bool given() const { return !config.empty() || head.given(); }
};
void add_told_options(Command& command, ToldOptions& told);

/// The run that these options tell of; without any, only something that `leaves` is held against the
/// default. Throws DataError.
ExpectedRun expected_run(const ToldOptions& told, const OwnerFolder& keys, bool unrecorded_data,
                         bool leaves);
/// The data set that an owner names, by its encrypted file as these keys have written it, or by the
/// beginning of its identity as `ledger` shows it. Throws DataError.
DataId own_data_set(const std::string& said, const OwnerFolder& keys, bool unrecorded_data);

/// Says of a result whose data set nobody `said` that its file does, where these keys have several for
/// `use`, or it is of another use; `option` says it. Whether somebody did is the report's `member`.
void tell_data(const OwnerFolder& keys, const DataId& id, const std::string& said,
               const std::string& use, const std::string& option, nlohmann::json& report,
               std::ostringstream& text, const char* member = "data_checked");

/// A line that says so, where the door found no ledger and began one; empty otherwise.
std::string new_ledger_text(const Disclosure& door);

}  // namespace blindtuner::app
