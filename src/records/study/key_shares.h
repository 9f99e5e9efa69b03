// One owner's shares of a study's keys, kind 9, and the way-in keys that the server makes of them, kind 10. Their
// identity is that of the keys of all.
//
//   key shares
//   "LAYT"   layout (io/product_io.h) that the keys are for
//   "OWNR"   the owner's place (2), from 0, and how many owners there are (2)
//   then one of
//   "LINW"   of the way-in keys, by owner: residues of b_0, b_1, ..
//   "LINS"   of all other keys in the order of the record of evaluation keys, but for relinearisation: likewise
//   "REL1"   first round of relinearisation, of the big ring's key and then of the small ring's: residues of h0_0,
//            h0_1, .., then of h1_0, h1_1, ..
//   "REL2"   second round, of the same keys: residues of r_0, r_1, ..
//
//   way-in keys
//   "LAYT"   the same layout
//   "WAYS"   number of owners (2), and for each its key (io/poly_io.h)
//
// All shapes follow from parameters, layout and number of owners, so that a record holds nothing beside the residues, and is
// read and written key by key. The record of a study's finished keys is that of any (records/training_keys.h).
#pragma once

#include "records/study/session.h"
#include "records/training_keys.h"

namespace blindtuner::records {

/// Which keys a study makes in one session: all that owners and server have to agree on.
struct StudyKeyList {
  StudyKeyList(ParametersPtr parameters, const ProductLayout& layout, std::size_t owners,
               const Seed& session, const KeyId& id);
  StudyKeyList(const StudyManifest& manifest, const StudySession& made)
      : StudyKeyList(manifest.parameters, manifest.draft.key_layout(*manifest.parameters),
                     manifest.owners.size(), made.seed, made.joint) {}

  ParametersPtr parameters;
  ProductLayout layout;
  std::size_t owners;
  Seed session;
  KeyId id;
  BootstrapKeyShapes shapes;
  TrainingKeyList training;
  std::vector<KeyPlan> way_in;

  const Ring& ring(const KeyPlan& plan) const {
    return plan.small ? parameters->small_ring() : parameters->ring();
  }
  /// Those of one kind of share, in the record's order; maps follow the linear ones. Way-in keys are their own kind.
  std::vector<KeyPlan> linear() const, relinearisation() const;
  std::vector<ComponentMap> maps() const;
  /// The seed of a key's uniform halves.
  Seed seed(const std::string& key) const;
  std::vector<Poly> uniform(const KeyPlan& plan) const;
  std::vector<Poly> uniform(const ComponentMap& map) const;
};

enum class ShareKind { kWayIn, kLinear, kFirstRound, kSecondRound };
/// How the record is called in the exchange: "ways", "shares", "relin1", "relin2".
std::string share_record(ShareKind kind);

/// Writes one owner's shares of one kind, key by key in the record's order. The list must outlive it, and the sink.
class ShareWriter {
 public:
  ShareWriter(ByteSink& sink, const StudyKeyList& list, ShareKind kind, std::size_t owner);
  ~ShareWriter();
  /// The next ones; of the first round twice, h0 and then h1. Throws ContractError for shares of another key.
  void put(const std::string& key, const KeyShare& share);
  /// All are there. Commits the sink; returns what names the record's contents.
  Sha256Digest commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads them. Both must outlive it. Throws DataError where the record is of another study, session, owner or kind, or a
/// polynomial is none of its ring.
class ShareReader {
 public:
  ShareReader(ByteSource& source, const StudyKeyList& list, ShareKind kind, std::size_t owner);
  ~ShareReader();
  ShareReader(ShareReader&&) noexcept;
  /// The next ones, as ShareWriter::put() took them.
  KeyShare next(const std::string& key);
  /// All were read, and nothing follows: what names the record's contents.
  Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Of a whole record whose shares do not matter; throws what ShareReader throws.
Sha256Digest share_contents(ByteSource& source, const StudyKeyList& list, ShareKind kind,
                            std::size_t owner);

/// Returns what names the record's contents.
Sha256Digest write_way_in_keys(ByteSink& sink, const StudyKeyList& list,
                               const std::function<KeySwitchKey(const KeyPlan& plan)>& key);
/// Of so many owners, expanded, and of the layout that `set`'s keys are for. Throws DataError.
std::vector<KeySwitchKey> read_way_in_keys(ByteSource& source, const KeySet& set,
                                           std::size_t owners);

/// How large the records come out, to the byte.
std::uint64_t key_shares_bytes(const StudyKeyList& list, ShareKind kind);
std::uint64_t way_in_keys_bytes(const StudyKeyList& list);

/// A key-shares record's layout and whose it is, for who looks at a file.
struct KeySharesInfo {
  ProductLayout layout;
  std::size_t owner = 0, owners = 0;
};
KeySharesInfo read_key_shares_info(ContainerReader& in, const Parameters& parameters);

}  // namespace blindtuner::records
