#include "records/sections.h"

#include "base/error.h"
#include "io/file_size.h"
#include "io/product_io.h"

namespace blindtuner::records {

std::string numbered_name(const char* before, int round, const char* behind) {
  require(1 <= round && round <= kMaxRounds, "rounds count from 1");
  const std::string digits = std::to_string(round);
  return before + std::string(4 - digits.size(), '0') + digits + behind;
}

void write_layout(ContainerWriter& out, const ProductLayout& layout, const DataId& data,
                  SectionTag section) {
  out.begin_section(section);
  write(out, layout);
  out.bytes(data);
}

ProductLayout read_layout_section(ContainerReader& in, const Parameters& parameters,
                                  SectionTag section) {
  in.enter_section(section);
  return read_layout(in, parameters);
}

ProductLayout read_layout_and_id(ContainerReader& in, const Parameters& parameters, DataId& data,
                                 SectionTag section) {
  const ProductLayout layout = read_layout_section(in, parameters, section);
  in.bytes(data);
  return layout;
}

void write_run(ContainerWriter& out, const RunRound& run) {
  out.begin_section(kRunSection);
  out.bytes(run.run);
  out.number(static_cast<std::uint32_t>(run.round));
}

RunRound read_run(ContainerReader& in) {
  RunRound out;
  in.enter_section(kRunSection);
  in.bytes(out.run);
  out.round = static_cast<int>(
      in.number_in(in.number<std::uint32_t>(), 0, kMaxRounds, "the number of the round"));
  return out;
}

void write_ciphertexts(ContainerWriter& out, const Parameters& parameters,
                       const std::vector<Ciphertext>& all) {
  for (const Ciphertext& c : all) write(out, parameters, c);
}

std::vector<Ciphertext> read_ciphertexts(ContainerReader& in, const Parameters& parameters,
                                         const CiphertextShape& shape, const char* what,
                                         const AcceptCiphertext& accept) {
  std::vector<Ciphertext> out;
  const auto accept_all = [&](const CiphertextHead& head) {
    accept(head);
    // The first one's head has been taken.
    if (out.empty())
      in.require_available(shape.count - 1,
                           ciphertext_bytes(parameters.small_ring(), shape.q_count), what);
  };
  for (std::size_t i = 0; i < shape.count; ++i)
    out.push_back(read_ciphertext(in, parameters, accept_all));
  return out;
}

void require_fit(const ContainerReader& in, const CiphertextHead& head,
                 const Parameters& parameters, const CiphertextShape& shape, const char* what) {
  const std::string wrong = mismatch(*head.ring, head.q_count, head.scale, parameters, shape);
  if (!wrong.empty()) in.fail(std::string(what) + ": " + wrong);
}

std::vector<Ciphertext> read_ciphertexts(ContainerReader& in, const Parameters& parameters,
                                         const CiphertextShape& shape, const char* what) {
  return read_ciphertexts(in, parameters, shape, what, [&](const CiphertextHead& head) {
    require_fit(in, head, parameters, shape, what);
  });
}

}  // namespace blindtuner::records
