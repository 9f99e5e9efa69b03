// Data sets in the clear become files for a server, and lines of the owner's record.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "features/data/feature_table.h"
#include "features/samples/dataset.h"
#include "party/owner/data_sets.h"
#include "party/owner/key_folder.h"
#include "records/dataset.h"

namespace blindtuner::party {
using namespace features;
using namespace records;

/// Throws DataError when the features cannot be encrypted under these keys: another width, or
/// values beyond kMaxFeature, the first of which is named as the set's file has it. `name` opens the message; `whitened`: the
/// features are no columns of that file any more.
void check_features(const Dataset& set, const OwnerFolder& keys, const std::string& name,
                    bool whitened);

/// What the owner's record of data sets (party/owner/data_sets.h), and nobody else, is told of one.
struct DataSetUse {
  std::string use;                  ///< "training", "validation", "prediction"
  std::string seed;                 ///< OrderSeed::text()
  std::optional<std::string> map;   ///< map_name(); none: only who has the features knows
  std::filesystem::path kept_as{};  ///< where it will lie in the end; empty: where it is written
  bool held_out = false;            ///< of the training set with that seed
  std::vector<NamedColumn> identifiers{};  ///< a field a sample
  RowOrder rows = RowOrder::kUnknown;
  std::string split{};  ///< as RecordedDataSet has it; fresh_split() before a part is held out
};

/// Another one each time.
std::string fresh_split();

/// Without labels: a set to be predicted. Its names go to that record too. Returns the data set's
/// identity.
DataId encrypt_to(const std::filesystem::path& out, const OwnerFolder& keys, const Dataset& set,
                  const DataSetUse& use, const Listener& listener = {});

}  // namespace blindtuner::party
