// Sections that several records have, and their names. docs/FORMAT.md has all of them in one place.
//
//   layout    "LAYT" (of a validation set: "LAYV"): layout (io/product_io.h), data id (16)
//   run       "RUN.": run (16), number of the round (4), 0 to kMaxRounds
//
// Ciphertexts of a result stand one after the other. Ring, level and scale of each must be those that the
// trainer gives that kind of result (learn/result_shape.h), which is held before it is read; and the file must
// have room for all of them before memory is asked for.
#pragma once

#include <string>
#include <vector>

#include "learn/result_shape.h"
#include "linalg/encrypted_dataset.h"
#include "records/key_set.h"

namespace blindtuner::records {
using namespace learn;

inline constexpr SectionTag kLayoutSection = section_tag("LAYT"),
                            kBootstrapSection = section_tag("BOOT"),
                            kProductsSection = section_tag("PROD"),
                            kCellsSection = section_tag("CELL"),
                            kFeaturesSection = section_tag("FEAT"),
                            kLabelsSection = section_tag("LABL"),
                            kTrainingSection = section_tag("TRAI"),
                            kTrainedOnSection = section_tag("TRDA"),
                            kWeightsSection = section_tag("WGHT"),
                            kGradientsSection = section_tag("GRAD"),
                            kScoresSection = section_tag("SCOR"), kRunSection = section_tag("RUN."),
                            kValidationLayoutSection = section_tag("LAYV"),
                            kStopSection = section_tag("STOP");

/// Rounds count from 1 to this; 0 in a checkpoint.
inline constexpr int kMaxRounds = 9999;
/// `before`, four digits, `behind`: what a record of a round is called in a channel.
std::string numbered_name(const char* before, int round, const char* behind);

void write_layout(ContainerWriter& out, const ProductLayout& layout, const DataId& data,
                  SectionTag section = kLayoutSection);
/// Enters the section and reads the layout, not what follows it.
ProductLayout read_layout_section(ContainerReader& in, const Parameters& parameters,
                                  SectionTag section = kLayoutSection);
/// The same and the data id.
ProductLayout read_layout_and_id(ContainerReader& in, const Parameters& parameters, DataId& data,
                                 SectionTag section = kLayoutSection);

struct RunRound {
  RunId run{};
  int round = 0;
};
void write_run(ContainerWriter& out, const RunRound& run);
RunRound read_run(ContainerReader& in);

void write_ciphertexts(ContainerWriter& out, const Parameters& parameters,
                       const std::vector<Ciphertext>& all);
/// `what` opens the messages.
std::vector<Ciphertext> read_ciphertexts(ContainerReader& in, const Parameters& parameters,
                                         const CiphertextShape& shape, const char* what);
/// shape.count of them; of the rest of the shape, `accept` decides.
std::vector<Ciphertext> read_ciphertexts(ContainerReader& in, const Parameters& parameters,
                                         const CiphertextShape& shape, const char* what,
                                         const AcceptCiphertext& accept);
/// Fails unless the head is that of a ciphertext of this shape.
void require_fit(const ContainerReader& in, const CiphertextHead& head,
                 const Parameters& parameters, const CiphertextShape& shape, const char* what);

}  // namespace blindtuner::records
