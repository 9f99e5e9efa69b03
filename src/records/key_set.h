// What every record between owner and server says first: under which parameters and keys it was made.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "io/poly_io.h"

namespace blindtuner::records {
using namespace io;

/// Told the fraction of the file that was read or written; may throw to give up.
using FractionCallback = std::function<void(double)>;
/// Sees all that a record says before its ciphertexts, and throws DataError for what is not wanted: they
/// are not read then.
template <typename Record>
using AcceptFile = std::function<void(const Record&)>;
/// What tells one encrypted data set from every other. Random.
using DataId = std::array<std::uint8_t, 16>;
/// What tells one run of the training program, with its resumptions, from every other. Random.
using RunId = std::array<std::uint8_t, 16>;

/// Which parameters and keys records must share, taken from the first one that is read.
struct KeySet {
  ParametersPtr parameters;
  FileHeader header;  ///< of the record that defined it
  std::string name;   ///< that record's name, in quotes
};

/// Refuses any record made under other parameters or keys.
void require_key_set(ContainerReader& reader, const KeySet& keys);
/// The header for a record of this kind of the set.
FileHeader header_for(FileKind kind, const KeySet& keys);
/// Tells `progress`, if there is one, how much of a source that knows its size was read. Both must outlive
/// the reading.
void show_progress(ContainerReader& in, const FractionCallback& progress);

}  // namespace blindtuner::records
