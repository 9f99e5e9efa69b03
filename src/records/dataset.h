// An encrypted data set: the record from the owner to the server, kind 3.
//
//   "LAYT"   layout, data id (16), 1 if labelled, else 0 (1), text: empty (the name of the features' file in
//            those of earlier programs), at most 4096 bytes
//   "FEAT"   blocks * groups seeded ciphertexts of the small ring, 2 primes, scale kFeatureScale
//   "LABL"   if labelled: supers * ratio of them, scale kErrorScale
#pragma once

#include <filesystem>
#include <string>

#include "io/product_io.h"
#include "linalg/encrypted_dataset.h"
#include "records/key_set.h"

namespace blindtuner::records {

struct DatasetInfo {
  ProductLayout layout;
  DataId id{};
  bool labelled = false;
  std::string source;  ///< read, never written: it is the owner's affair
};
struct DatasetFile {
  DatasetInfo info;
  EncryptedDataset data;
  Sha256Digest contents{};  ///< ContainerReader::contents(), once it was read
};

/// `info` but for the id follows from the data. Returns ContainerWriter::contents(). Once all of it was written and
/// flushed, `keep` is told that digest; it appears if `keep` then returns true.
Sha256Digest write_dataset(ByteSink& sink, const KeySet& keys, const DatasetFile& file,
                           const FractionCallback& progress = {},
                           const std::function<bool(const Sha256Digest&)>& keep = {});
Sha256Digest write_dataset(const std::filesystem::path& path, const KeySet& keys,
                           const DatasetFile& file, const FractionCallback& progress = {},
                           const std::function<bool(const Sha256Digest&)>& keep = {});

DatasetFile read_dataset(ByteSource& source, const KeySet& keys,
                         const FractionCallback& progress = {},
                         const AcceptFile<DatasetFile>& accept = {});
DatasetFile read_dataset(const std::filesystem::path& path, const KeySet& keys,
                         const FractionCallback& progress = {},
                         const AcceptFile<DatasetFile>& accept = {});
/// The same without the data: what it is, and its contents' digest.
DatasetFile scan_dataset(ByteSource& source, const KeySet& keys);
DatasetFile scan_dataset(const std::filesystem::path& path, const KeySet& keys);

/// Its first section.
DatasetInfo read_dataset_info(ContainerReader& in, const Parameters& parameters);

/// How large the record comes out, to the byte.
std::uint64_t dataset_file_bytes(const Parameters& parameters, const ProductLayout& layout,
                                 bool labelled);

}  // namespace blindtuner::records
