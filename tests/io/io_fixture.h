// Small files, and ways to damage them.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "io/poly_io.h"
#include "ring/sampling.h"

namespace blindtuner::testing_support {
using namespace io;

using Bytes = std::vector<std::uint8_t>;

/// A set small enough that a whole file of keys has a few kilobytes.
inline ParametersPtr tiny_parameters() {
  static const ParametersPtr parameters = [] {
    ParametersLiteral p = find_parameters("InsecureTest12");
    p.name = "InsecureTiny";
    p.log_n = 10;
    p.log_small_n = 7;
    p.circuit_bits = {30};
    p.eval_mod_bits = {30};
    p.coeff_to_slot_bits = {30};
    p.slot_to_coeff_bits = {30};
    p.special_bits = {30, 31};
    p.digit_ends = {3, 6};
    return Parameters::create(p);
  }();
  return parameters;
}

/// The header of a file under it that does not carry it: what is tested lies at the file's beginning.
inline FileHeader tiny_header(FileKind kind, const KeyId& id = {}) {
  FileHeader header = make_header(kind, *tiny_parameters(), id);
  header.written_parameters.clear();
  return header;
}

/// A folder that goes away with the test.
class IoTest : public ::testing::Test {
 protected:
  IoTest() {
    set_max_threads(1);  // thousands of tiny files
    std::string name = ::testing::TempDir() + "blindtuner-io-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~IoTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path path(const std::string& name = "file") const { return folder_ / name; }

  static Bytes load(const std::filesystem::path& from) {
    std::ifstream in(from, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
  }
  static void store(const std::filesystem::path& to, const Bytes& bytes) {
    std::ofstream out(to, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  /// The message of the DataError that f throws; "" when it throws none.
  static std::string message_of(const std::function<void()>& f) {
    try {
      f();
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

/// Gives every frame of a (possibly damaged) file the checksum its bytes should have, so that
/// damage reaches the readers behind the checksums. Frames that make no sense are left alone.
inline void reseal(Bytes& file) {
  if (file.size() < kHeaderBytes) return;
  std::size_t at = kHeaderBytes;
  for (std::uint64_t number = 0; at + 8 + kDigestBytes <= file.size(); ++number) {
    std::uint32_t length = 0;
    std::memcpy(&length, &file[at], 4);
    if (length > file.size() || at + 8 + length + kDigestBytes > file.size()) return;
    const FrameDigest digest =
        frame_digest(&file[kHeaderBytes - kDigestBytes], number, &file[at], 8 + length);
    std::copy(digest.begin(), digest.end(), &file[at + 8 + length]);
    at += 8 + length + kDigestBytes;
  }
}

inline bool equal(const Poly& a, const Poly& b) {
  if (&a.ring() != &b.ring() || a.q_count() != b.q_count() || a.p_count() != b.p_count() ||
      a.domain() != b.domain())
    return false;
  for (std::size_t i = 0; i < a.limbs(); ++i)
    if (!std::ranges::equal(Residues(a)[i], Residues(b)[i])) return false;
  return true;
}

inline Poly random_poly(const Ring& ring, std::size_t q_count, std::size_t p_count, u64 stream) {
  Seed seed{};
  seed[0] = 7;
  return sample_uniform(ring, q_count, p_count, seed, stream);
}

inline KeySwitchKey random_key(const Ring& ring, std::size_t q_count, std::size_t p_count,
                               std::vector<std::size_t> digit_ends, u64 stream) {
  KeySwitchKey key;
  key.shape = {q_count, p_count, std::move(digit_ends)};
  key.seed[1] = static_cast<std::uint8_t>(stream);
  for (std::size_t d = 0; d < key.shape.digits(); ++d)
    key.b.push_back(random_poly(ring, q_count, p_count, 100 * stream + d));
  key.expand();
  return key;
}

inline bool equal(const KeySwitchKey& a, const KeySwitchKey& b) {
  if (a.shape != b.shape || a.seed != b.seed || a.seeded != b.seeded || a.b.size() != b.b.size() ||
      a.a.size() != b.a.size())
    return false;
  for (std::size_t d = 0; d < a.b.size(); ++d)
    if (!equal(a.b[d], b.b[d]) || !equal(a.a[d], b.a[d])) return false;
  return true;
}

}  // namespace blindtuner::testing_support
