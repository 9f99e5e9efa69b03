#include "base/random.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cmath>
#include <cstring>
#include <numbers>

#include "base/buffer.h"
#include "base/cryptography.h"

namespace blindtuner {

Seed fresh_seed() {
  Seed seed;
  if (RAND_bytes(seed.data(), static_cast<int>(seed.size())) != 1)
    throw CryptographyUnavailable("random numbers");
  return seed;
}

struct Prng::State {
  EVP_CIPHER_CTX* context = nullptr;
  std::array<std::uint8_t, 4096> block{};
  std::size_t used = 4096;
  ~State() {
    EVP_CIPHER_CTX_free(context);  // wipes the key schedule
    wipe(block.data(), block.size());
  }
  void generate(std::uint8_t* out, std::size_t bytes) {
    // Counter mode of zeros is the key stream itself.
    std::memset(out, 0, bytes);
    while (bytes > 0) {
      const int step = static_cast<int>(bytes < (1u << 30) ? bytes : (1u << 30));
      int written = 0;
      if (EVP_EncryptUpdate(context, out, &written, out, step) != 1 || written != step)
        throw CryptographyUnavailable("AES-256-CTR");
      out += step;
      bytes -= static_cast<std::size_t>(step);
    }
  }
};

Prng::Prng(const Seed& seed, std::uint64_t stream) : state_(std::make_unique<State>()) {
  std::uint8_t iv[16] = {};
  for (int i = 0; i < 8; ++i) iv[i] = static_cast<std::uint8_t>(stream >> (8 * (7 - i)));
  state_->context = EVP_CIPHER_CTX_new();
  if (state_->context == nullptr ||
      EVP_EncryptInit_ex(state_->context, EVP_aes_256_ctr(), nullptr, seed.data(), iv) != 1)
    throw CryptographyUnavailable("AES-256-CTR");
}
Prng Prng::for_secrets() {
  Seed seed = fresh_seed();
  Prng prng(seed);
  wipe(seed.data(), seed.size());
  return prng;
}

Prng::~Prng() = default;
Prng::Prng(Prng&&) noexcept = default;
Prng& Prng::operator=(Prng&&) noexcept = default;

void Prng::fill(std::span<std::uint8_t> out) {
  State& s = *state_;
  std::size_t done = 0;
  while (done < out.size()) {
    if (s.used == s.block.size()) {
      const std::size_t whole = (out.size() - done) / s.block.size() * s.block.size();
      if (whole > 0) {  // straight to the destination
        s.generate(out.data() + done, whole);
        done += whole;
        continue;
      }
      s.generate(s.block.data(), s.block.size());
      s.used = 0;
    }
    const std::size_t take = std::min(out.size() - done, s.block.size() - s.used);
    std::memcpy(out.data() + done, s.block.data() + s.used, take);
    wipe(s.block.data() + s.used, take);
    s.used += take;
    done += take;
  }
}

void Prng::fill(std::span<std::uint64_t> out) {
  fill({reinterpret_cast<std::uint8_t*>(out.data()), out.size() * sizeof(std::uint64_t)});
}

std::uint64_t Prng::next() {
  std::uint64_t word = 0;
  fill(std::span<std::uint64_t>(&word, 1));
  return word;
}

NormalPair normal_pair(Prng& prng) {
  // u in (0, 1], so that the logarithm is finite.
  const double u = static_cast<double>((prng.next() >> 11) + 1) * 0x1p-53;
  const double v = static_cast<double>(prng.next() >> 11) * 0x1p-53;
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle = 2.0 * std::numbers::pi * v;
  const auto rounded = [](double x) { return std::nearbyint(x * 0x1p20) * 0x1p-20; };
  return {rounded(radius * std::cos(angle)), rounded(radius * std::sin(angle))};
}

}  // namespace blindtuner
