// Randomness, from a cryptographic generator only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace blindtuner {

/// 256 bits of seed. Public for the uniform halves of ciphertexts and keys, secret elsewhere.
using Seed = std::array<std::uint8_t, 32>;

/// A fresh seed from the operating system's generator (through OpenSSL's RAND_bytes).
/// Throws CryptographyUnavailable (base/cryptography.h).
Seed fresh_seed();

/// AES-256 in counter mode under `seed`, with `stream` as the upper half of the counter block: a
/// deterministic stream of bytes, the same on every machine; distinct streams of one seed are
/// independent. Not thread-safe; one object a thread. The key schedule is wiped on destruction.
class Prng {
 public:
  explicit Prng(const Seed& seed, std::uint64_t stream = 0);
  ~Prng();
  Prng(Prng&&) noexcept;
  Prng& operator=(Prng&&) noexcept;
  /// A generator for secrets and errors: freshly seeded, and the seed wiped.
  static Prng for_secrets();

  /// The next `out.size()` bytes of the stream.
  void fill(std::span<std::uint8_t> out);
  void fill(std::span<std::uint64_t> out);
  std::uint64_t next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Two independent standard normal numbers (Box-Muller on 53-bit uniforms), each rounded to a
/// multiple of 2^-20, so that the last bit of a system's log or cos does not matter.
struct NormalPair {
  double first, second;
};
NormalPair normal_pair(Prng& prng);

}  // namespace blindtuner
