#include "app/owner/told.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/common/config_file.h"
#include "app/common/options.h"
#include "base/error.h"
#include "base/path.h"
#include "party/owner/data_sets.h"
#include "records/dataset.h"

namespace blindtuner::app {

void add_told_options(Command& command, ToldOptions& told) {
  command.add_option("--config", told.config,
                     "the training configuration that the server was given (the default one): "
                     "results of another are refused");
  add_head_options(command, told.head);
  command.add_option("--trained-on", told.trained_on,
                     "the training set that the server was given, as 'encrypt' wrote it, or its "
                     "identity as 'ledger' shows it: results of another are refused");
}

DataId own_data_set(const std::string& said, const OwnerFolder& keys, bool unrecorded_data) {
  std::vector<RecordedDataSet> all = recorded_data_sets(keys);
  std::erase_if(all, [&](const RecordedDataSet& set) {
    return said.size() < 8 || !to_string(set.id).starts_with(said);
  });
  if (!path_exists(said)) {
    if (all.size() == 1) return all[0].id;
    throw DataError("'" + said + "': neither the file of a data set nor the identity of one that " +
                    quoted_path(data_sets_path(keys)) + " knows, 8 digits or more");
  }
  const DataId id = identity_of_own_set(said, keys, unrecorded_data);
  if (!all.empty() && all[0].id != id)
    throw DataError("'" + said +
                    "': the identity of one data set and the file of another; write './" + said +
                    "' for the file, or more digits");
  return id;
}

ExpectedRun expected_run(const ToldOptions& told, const OwnerFolder& keys, bool unrecorded_data,
                         bool leaves) {
  ExpectedRun expected;
  expected.unrecorded_data = unrecorded_data;
  expected.ways_to_say = " with --trained-on and, of scores, --data";
  if (!told.trained_on.empty())
    expected.data = own_data_set(told.trained_on, keys, unrecorded_data);
  if (!leaves && !told.given()) return expected;
  const int classes = static_cast<int>(keys.layout().classes);
  expected.config = read_training_config(told.config, classes, told.head.head);
  expected.circuit = find_circuit(told.head.choice(expected.config->head), classes).name;
  if (told.config.empty())
    expected.advice = " (the default; --config says what the server was to train with)";
  return expected;
}

void tell_data(const OwnerFolder& keys, const DataId& id, const std::string& said,
               const std::string& use, const std::string& option, nlohmann::json& report,
               std::ostringstream& text, const char* member) {
  report[member] = !said.empty();
  const auto known = recorded_data_set(keys, id);
  if (said.empty() && known && (known->use != use || recorded_for(keys, use) > 1))
    text << "NOTE: of " << quoted_path(known->file) << ", as the server says; " << option
         << " holds that against yours\n";
}

std::string new_ledger_text(const Disclosure& door) {
  if (!door.began_ledger()) return "";
  return "a ledger of what these keys give away begins here, " + quoted_path(door.ledger().path()) +
         "; what was decrypted with them before is not in it\n";
}

}  // namespace blindtuner::app
