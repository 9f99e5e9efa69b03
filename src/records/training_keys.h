// Evaluation keys: the record from the owner to the server, kind 2, that training and prediction compute
// with.
//
//   "LAYT"   layout (io/product_io.h) that the keys of the products were made for; its samples are those of
//            the batch, and the keys serve any number
//   "BOOT"   bootstrapping keys (io/poly_io.h)
//   "PROD"   keys of the matrix products (io/product_io.h), exactly those that the layout needs
#pragma once

#include <filesystem>

#include "io/product_io.h"
#include "linalg/encrypted_dataset.h"
#include "linalg/key_plans.h"
#include "records/key_set.h"

namespace blindtuner::records {

void write_training_keys(ByteSink& sink, const Parameters& parameters, const KeyId& id,
                         const TrainingKeys& keys);
void write_training_keys(const std::filesystem::path& path, const Parameters& parameters,
                         const KeyId& id, const TrainingKeys& keys);

/// Which keys the record has, in its order: relinearisation, then rotations by rising element, then what else there is.
struct TrainingKeyList {
  std::vector<KeyPlan> bootstrap, products;
  std::vector<ComponentMap> pack, unpack;
};
TrainingKeyList training_key_list(const Parameters& parameters, const ProductLayout& layout,
                                  const BootstrapKeyShapes& shapes);

/// Keys that are made one by one, as their owners' shares arrive: the planned one, whole.
struct KeyStream {
  std::function<KeySwitchKey(const KeyPlan& plan)> key;
  std::function<ComponentMapKey(const ComponentMap& map)> map_key;
};
/// The same record of keys of which one is in memory at a time; they are asked for in the record's order.
/// seeded: whether relinearisation keys have seeds, which those of several owners have not. Returns what names the record's
/// contents.
Sha256Digest write_training_keys(ByteSink& sink, const Parameters& parameters, const KeyId& id,
                                 const ProductLayout& layout, const BootstrapKeyShapes& shapes,
                                 bool seeded, const KeyStream& keys);

/// The layout that keys were made for, without the keys: the first record that a server opens.
struct TrainingKeysInfo {
  KeySet set;
  ProductLayout layout;
};
TrainingKeysInfo read_training_keys_info(ByteSource& source, bool allow_insecure);
TrainingKeysInfo read_training_keys_info(const std::filesystem::path& path, bool allow_insecure);
/// The same within a set that is known already.
ProductLayout read_training_keys_layout(ByteSource& source, const KeySet& set);
ProductLayout read_training_keys_layout(const std::filesystem::path& path, const KeySet& set);

/// `contents`, if any, is given ContainerReader::contents().
TrainingKeys read_training_keys(ByteSource& source, const KeySet& set,
                                const FractionCallback& progress = {},
                                Sha256Digest* contents = nullptr);
TrainingKeys read_training_keys(const std::filesystem::path& path, const KeySet& set,
                                const FractionCallback& progress = {});

/// How large the record comes out, to the byte. seeded: as above.
std::uint64_t training_keys_file_bytes(const Parameters& parameters,
                                       const BootstrapKeyShapes& shapes,
                                       const ProductLayout& layout, bool seeded = true);

}  // namespace blindtuner::records
