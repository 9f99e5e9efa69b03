// An owner's evaluation keys, as a server holds them.
#pragma once

#include <memory>

#include "ckks/bootstrap/bootstrapper.h"
#include "records/training_keys.h"

namespace blindtuner::party {
using namespace records;
using namespace ckks;

/// Shared by all sessions under them: they are gigabytes.
struct ServerKeys {
  KeySet set;
  TrainingKeys keys;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once they were read
};
using ServerKeysPtr = std::shared_ptr<const ServerKeys>;

/// Those of the set that read_training_keys_info() has told. Throws DataError as read_training_keys().
ServerKeysPtr load_keys(ByteSource& source, const KeySet& set,
                        const FractionCallback& progress = {});

/// Every key that bootstrapping by this object needs is there and of the shape that it needs. Throws
/// DataError: others would fail in the midst of the work.
void require_fit(const ServerKeys& keys, const Bootstrapper& bootstrapper);

}  // namespace blindtuner::party
