#include "records/study/key_shares.h"

#include <algorithm>
#include <array>
#include <set>

#include "io/file_size.h"
#include "io/residues.h"
#include "records/sections.h"

namespace blindtuner::records {
/// One key's polynomials.
struct ShareItem {
  std::string key;
  const Ring* ring;
  std::size_t q_count, p_count, count;
};

namespace {

constexpr SectionTag kOwnerSection = section_tag("OWNR"), kWayInSection = section_tag("LINW"),
                     kLinearSection = section_tag("LINS"), kFirstSection = section_tag("REL1"),
                     kSecondSection = section_tag("REL2"), kWaysSection = section_tag("WAYS");
constexpr std::uint64_t kCountBytes = 2, kOwnerBytes = 2 * kCountBytes;

SectionTag section_of(ShareKind kind) {
  switch (kind) {
    case ShareKind::kWayIn:
      return kWayInSection;
    case ShareKind::kLinear:
      return kLinearSection;
    case ShareKind::kFirstRound:
      return kFirstSection;
    case ShareKind::kSecondRound:
      return kSecondSection;
  }
  throw ContractError("no such kind of share");
}

std::vector<ShareItem> items_of(const StudyKeyList& list, ShareKind kind) {
  std::vector<ShareItem> out;
  const auto add = [&](const KeyPlan& plan) {
    out.push_back({plan.name(), &list.ring(plan), plan.shape.q_count, plan.shape.p_count,
                   plan.shape.digits()});
  };
  if (kind == ShareKind::kWayIn) {
    for (const KeyPlan& plan : list.way_in) add(plan);
    return out;
  }
  if (kind == ShareKind::kLinear) {
    for (const KeyPlan& plan : list.linear()) add(plan);
    const Parameters& p = *list.parameters;
    for (const ComponentMap& map : list.maps())
      out.push_back({key_name(map), &p.small_ring(), 2, p.small_special(), map.width});
    return out;
  }
  for (const KeyPlan& plan : list.relinearisation()) {
    add(plan);
    if (kind == ShareKind::kFirstRound) add(plan);
  }
  return out;
}

/// Bootstrapper::rotations(), without the matrices' values, which would take most of the memory here.
std::vector<std::size_t> bootstrap_rotations(const Parameters& p) {
  const Encoder encoder(p.literal().log_n);
  std::set<std::size_t> steps;
  for (const TransformShape& stage : coeff_to_slot_shapes(p, BootstrapShape::standard(p), encoder))
    for (const std::size_t step : stage.rotations()) steps.insert(step);
  return {steps.begin(), steps.end()};
}

BootstrapKeyShapes key_shapes(const Parameters& p, const ProductLayout& layout) {
  return {p, bootstrap_rotations(p), class_sum_rotations(p, layout.class_stride),
          p.circuit_start()};
}

}  // namespace

StudyKeyList::StudyKeyList(ParametersPtr p, const ProductLayout& l, std::size_t count,
                           const Seed& seed, const KeyId& key_id)
    : parameters(std::move(p)),
      layout(l),
      owners(count),
      session(seed),
      id(key_id),
      shapes(key_shapes(*parameters, layout)),
      training(training_key_list(*parameters, layout, shapes)),
      way_in(way_in_plans(*parameters, owners)) {}

std::vector<KeyPlan> StudyKeyList::linear() const {
  std::vector<KeyPlan> out;
  for (const auto* plans : {&training.bootstrap, &training.products})
    std::ranges::copy_if(*plans, std::back_inserter(out), [](const KeyPlan& plan) {
      return plan.kind != KeyPlan::Kind::kRelinearisation;
    });
  return out;
}

std::vector<KeyPlan> StudyKeyList::relinearisation() const {
  return {training.bootstrap.front(), training.products.front()};
}

std::vector<ComponentMap> StudyKeyList::maps() const {
  std::vector<ComponentMap> out = training.pack;
  out.insert(out.end(), training.unpack.begin(), training.unpack.end());
  return out;
}

// A reference of its own each time: every party expands a key's halves as often as it needs them, and the list
// has no key twice.
Seed StudyKeyList::seed(const std::string& key) const { return CommonReference(session).seed(key); }

std::vector<Poly> StudyKeyList::uniform(const KeyPlan& plan) const {
  return uniform_halves(ring(plan), plan.shape.q_count, plan.shape.p_count, plan.shape.digits(),
                        seed(plan.name()));
}

std::vector<Poly> StudyKeyList::uniform(const ComponentMap& map) const {
  return uniform_halves(parameters->small_ring(), 2, parameters->small_special(), map.width,
                        seed(key_name(map)));
}

std::string share_record(ShareKind kind) {
  switch (kind) {
    case ShareKind::kWayIn:
      return "ways";
    case ShareKind::kLinear:
      return "shares";
    case ShareKind::kFirstRound:
      return "relin1";
    case ShareKind::kSecondRound:
      return "relin2";
  }
  throw ContractError("no such kind of share");
}

struct ShareWriter::State {
  State(ByteSink& sink, const StudyKeyList& list, ShareKind kind)
      : items(items_of(list, kind)),
        out(sink, make_header(FileKind::kKeyShares, *list.parameters, list.id)) {}
  std::vector<ShareItem> items;
  std::size_t next = 0;
  ContainerWriter out;
};

ShareWriter::ShareWriter(ByteSink& sink, const StudyKeyList& list, ShareKind kind,
                         std::size_t owner)
    : state_(std::make_unique<State>(sink, list, kind)) {
  require(owner < list.owners, "an owner of the study");
  ContainerWriter& out = state_->out;
  out.begin_section(kLayoutSection);
  write(out, list.layout);
  out.begin_section(kOwnerSection);
  out.number(static_cast<std::uint16_t>(owner));
  out.number(static_cast<std::uint16_t>(list.owners));
  out.begin_section(section_of(kind));
}

ShareWriter::~ShareWriter() = default;

void ShareWriter::put(const std::string& key, const KeyShare& share) {
  State& s = *state_;
  require(s.next < s.items.size() && s.items[s.next].key == key, "shares in the record's order");
  const ShareItem& item = s.items[s.next++];
  require(share.size() == item.count, "a share has the key's polynomials");
  for (const Poly& x : share) {
    require(&x.ring() == item.ring && x.q_count() == item.q_count && x.p_count() == item.p_count,
            "a share has the key's shape");
    write_residues(s.out, x);
  }
}

Sha256Digest ShareWriter::commit() {
  require(state_->next == state_->items.size(), "a share of every key");
  state_->out.commit();
  return state_->out.contents();
}

struct ShareReader::State {
  State(ByteSource& source, const StudyKeyList& list, ShareKind kind)
      : items(items_of(list, kind)), in(source, FileKind::kKeyShares) {}
  std::vector<ShareItem> items;
  std::size_t next = 0;
  ContainerReader in;
};

ShareReader::ShareReader(ByteSource& source, const StudyKeyList& list, ShareKind kind,
                         std::size_t owner)
    : state_(std::make_unique<State>(source, list, kind)) {
  ContainerReader& in = state_->in;
  require_same_keys(in, make_header(FileKind::kKeyShares, *list.parameters, list.id),
                    "this session's are");
  const KeySharesInfo info = read_key_shares_info(in, *list.parameters);
  if (info.layout != list.layout) in.fail("shares of keys for another layout than the study's");
  if (info.owners != list.owners) in.fail("shares of keys of another number of owners");
  if (info.owner != owner)
    in.fail("the shares of owner " + std::to_string(info.owner + 1) + ", expected those of owner " +
            std::to_string(owner + 1));
  in.enter_section(section_of(kind));
}

ShareReader::~ShareReader() = default;
ShareReader::ShareReader(ShareReader&&) noexcept = default;

KeyShare ShareReader::next(const std::string& key) {
  State& s = *state_;
  require(s.next < s.items.size() && s.items[s.next].key == key, "shares in the record's order");
  const ShareItem& item = s.items[s.next++];
  KeyShare out;
  for (std::size_t i = 0; i < item.count; ++i)
    out.push_back(read_residues(s.in, *item.ring, item.q_count, item.p_count));
  return out;
}

Sha256Digest ShareReader::finish() {
  require(state_->next == state_->items.size(), "all shares are read");
  state_->in.finish();
  return state_->in.contents();
}

Sha256Digest share_contents(ByteSource& source, const StudyKeyList& list, ShareKind kind,
                            std::size_t owner) {
  ShareReader in(source, list, kind, owner);
  for (const ShareItem& item : items_of(list, kind)) (void)in.next(item.key);
  return in.finish();
}

Sha256Digest write_way_in_keys(ByteSink& sink, const StudyKeyList& list,
                               const std::function<KeySwitchKey(const KeyPlan& plan)>& key) {
  ContainerWriter out(sink, make_header(FileKind::kWayInKeys, *list.parameters, list.id));
  out.begin_section(kLayoutSection);
  write(out, list.layout);
  out.begin_section(kWaysSection);
  out.number(static_cast<std::uint16_t>(list.owners));
  for (const KeyPlan& plan : list.way_in) write(out, *list.parameters, key(plan));
  out.commit();
  return out.contents();
}

std::vector<KeySwitchKey> read_way_in_keys(ByteSource& source, const KeySet& set,
                                           std::size_t owners) {
  ContainerReader in(source, FileKind::kWayInKeys);
  require_key_set(in, set);
  const Parameters& p = *set.parameters;
  (void)read_layout_section(in, p);
  in.enter_section(kWaysSection);
  in.number_in(in.number<std::uint16_t>(), owners, owners, "the number of way-in keys");
  std::vector<KeySwitchKey> out;
  for (const KeyPlan& plan : way_in_plans(p, owners)) {
    out.push_back(read_key_switch_key(in, p));
    if (&out.back().ring() != &p.small_ring() || out.back().shape != plan.shape)
      in.fail("a way-in key is of another shape than these parameters have it");
  }
  in.finish();
  return out;
}

std::uint64_t key_shares_bytes(const StudyKeyList& list, ShareKind kind) {
  std::uint64_t residues = 0;
  for (const ShareItem& item : items_of(list, kind))
    residues += item.count * residues_bytes(*item.ring, item.q_count, item.p_count);
  return file_size(*list.parameters, std::array{kLayoutBytes, kOwnerBytes, residues});
}

std::uint64_t way_in_keys_bytes(const StudyKeyList& list) {
  std::uint64_t keys = kCountBytes;
  for (const KeyPlan& plan : list.way_in) keys += key_bytes(list.ring(plan), plan.shape);
  return file_size(*list.parameters, std::array{kLayoutBytes, keys});
}

KeySharesInfo read_key_shares_info(ContainerReader& in, const Parameters& parameters) {
  KeySharesInfo out;
  out.layout = read_layout_section(in, parameters);
  in.enter_section(kOwnerSection);
  out.owner = static_cast<std::size_t>(
      in.number_in(in.number<std::uint16_t>(), 0, kMostOwners - 1, "an owner's place"));
  out.owners = static_cast<std::size_t>(in.number_in(in.number<std::uint16_t>(),
                                                     std::max(kLeastOwners, out.owner + 1),
                                                     kMostOwners, "the number of owners"));
  return out;
}

}  // namespace blindtuner::records
