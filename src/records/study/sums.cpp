#include "records/study/sums.h"

#include "io/file_size.h"
#include "records/sections.h"

namespace blindtuner::records {
namespace {

constexpr SectionTag kStatisticsSection = section_tag("STAT"), kOwnSection = section_tag("SUMS");

// What a reader expects.
void hold_to(ContainerReader& in, const KeySet& keys, const DataId& data, const SumsShape& shape,
             std::size_t owner) {
  require_key_set(in, keys);
  in.enter_section(kStatisticsSection);
  DataId is{};
  in.bytes(is);
  if (is != data) in.fail("sums of another study or session");
  const auto hold = [&](std::uint64_t found, std::uint64_t expected, const char* what) {
    if (found != expected)
      in.fail(std::string(what) + ": " + std::to_string(found) + ", expected " +
              std::to_string(expected));
  };
  hold(in.number<std::uint64_t>(), shape.rows, "rows");
  hold(in.number<std::uint32_t>(), shape.numbers, "numbers");
  hold(in.number<std::uint16_t>(), owner, "the owner's number");
}

}  // namespace

Sha256Digest write_owner_sums(ByteSink& sink, const KeySet& keys, const DataId& data,
                              std::size_t owner, const SumsShape& shape,
                              const std::vector<SeededCiphertext>& packs) {
  require(packs.size() == shape.packs(*keys.parameters), "sums of their shape");
  ContainerWriter out(sink, header_for(FileKind::kSums, keys));
  out.begin_section(kStatisticsSection);
  out.bytes(data);
  out.number(shape.rows);
  out.number(static_cast<std::uint32_t>(shape.numbers));
  out.number(static_cast<std::uint16_t>(owner));
  out.begin_section(kOwnSection);
  for (const SeededCiphertext& c : packs) write(out, *keys.parameters, c);
  out.commit();
  return out.contents();
}

std::uint64_t owner_sums_bytes(const Parameters& parameters, const SumsShape& shape) {
  const std::uint64_t sections[] = {
      sizeof(DataId) + 8 + 4 + 2,
      shape.packs(parameters) * seeded_ciphertext_bytes(parameters.small_ring(), 2)};
  return file_size(parameters, sections);
}

std::vector<SeededCiphertext> read_owner_sums(ByteSource& source, const KeySet& keys,
                                              const DataId& data, std::size_t owner,
                                              const SumsShape& shape, Sha256Digest& contents) {
  const Parameters& p = *keys.parameters;
  ContainerReader in(source, FileKind::kSums);
  hold_to(in, keys, data, shape, owner);
  in.enter_section(kOwnSection);
  const CiphertextShape each{shape.packs(p), 2, shape.scale(p)};
  in.require_available(each.count, seeded_ciphertext_bytes(p.small_ring(), 2), "sums");
  std::vector<SeededCiphertext> out;
  for (std::size_t i = 0; i < each.count; ++i)
    out.push_back(read_seeded_ciphertext(
        in, p, [&](const CiphertextHead& head) { require_fit(in, head, p, each, "sums"); }));
  in.finish();
  contents = in.contents();
  return out;
}

}  // namespace blindtuner::records
