// Eight 64-bit lanes and the modular operations on them, for the files of this folder only.
// Products are of 52 bits, so that residues below 2^50 have two bits for lazy reduction. @[HEXL21]
//
// Everything here is in an unnamed namespace on purpose: these files are compiled with instruction
// set flags of their own, and a shared inline function compiled with them must not replace the copy
// that other files use.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/api.h"

namespace blindtuner::kernels {
namespace {

using Vec = __m512i;
inline constexpr std::size_t kLanes = 8;

#define BLINDTUNER_INLINE inline __attribute__((always_inline))

BLINDTUNER_INLINE Vec load(const u64* p) { return _mm512_load_si512(p); }
BLINDTUNER_INLINE void store(u64* p, Vec v) { _mm512_store_si512(p, v); }
BLINDTUNER_INLINE Vec splat(u64 x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
BLINDTUNER_INLINE Vec add64(Vec a, Vec b) { return _mm512_add_epi64(a, b); }
BLINDTUNER_INLINE Vec sub64(Vec a, Vec b) { return _mm512_sub_epi64(a, b); }

/// c + (a b mod 2^52) and c + floor(a b / 2^52), of the low 52 bits of a and b.
BLINDTUNER_INLINE Vec mul_lo(Vec c, Vec a, Vec b) { return _mm512_madd52lo_epu64(c, a, b); }
BLINDTUNER_INLINE Vec mul_hi(Vec c, Vec a, Vec b) { return _mm512_madd52hi_epu64(c, a, b); }

/// x - m if x >= m, else x; for x, m < 2^63.
BLINDTUNER_INLINE Vec subtract_once(Vec x, Vec m) { return _mm512_min_epu64(x, sub64(x, m)); }

/// A modulus, spread over the lanes.
struct VecModulus {
  Vec q, q2;    ///< q, 2q
  Vec minus_q;  ///< 2^52 - q: adding k * minus_q modulo 2^52 subtracts k q
  Vec mask;     ///< 2^52 - 1
  Vec zero;

  BLINDTUNER_INLINE explicit VecModulus(const Modulus& m)
      : q(splat(m.q)),
        q2(splat(2 * m.q)),
        minus_q(splat((u64{1} << 52) - m.q)),
        mask(splat((u64{1} << 52) - 1)),
        zero(_mm512_setzero_si512()) {}

  /// [0, 2q) -> [0, q)
  BLINDTUNER_INLINE Vec canonical2(Vec x) const { return subtract_once(x, q); }
  /// [0, 4q) -> [0, q)
  BLINDTUNER_INLINE Vec canonical4(Vec x) const { return subtract_once(subtract_once(x, q2), q); }
  /// w x mod q in [0, 2q) in the low 52 bits, which is all that a multiplication looks at; the bits
  /// above are undefined. x < 2^52, w in [0, q), w_shoup = shoup52(w). @[Har14, Sec. 3]
  BLINDTUNER_INLINE Vec mul_shoup_unmasked(Vec x, Vec w, Vec w_shoup) const {
    return mul_lo(mul_lo(zero, x, w), mul_hi(zero, x, w_shoup), minus_q);
  }
  /// c + w x mod q in c + [0, 2q), provided that this is below 2^52; x < 2^52, w in [0, q),
  /// w_shoup = shoup52(w). More exactly the product is below q (1 + x / 2^52). @[Har14, Sec. 3]
  BLINDTUNER_INLINE Vec mul_shoup_add_lazy(Vec c, Vec x, Vec w, Vec w_shoup) const {
    const Vec quotient = mul_hi(zero, x, w_shoup);
    return _mm512_and_si512(mul_lo(mul_lo(c, x, w), quotient, minus_q), mask);
  }
  /// w x mod q in [0, 2q).
  BLINDTUNER_INLINE Vec mul_shoup_lazy(Vec x, Vec w, Vec w_shoup) const {
    return mul_shoup_add_lazy(zero, x, w, w_shoup);
  }
};

/// A modulus with what the reduction of a sum of products needs.
struct VecReducer : VecModulus {
  Vec one_shoup;           ///< shoup52(1)
  Vec two52, two52_shoup;  ///< 2^52 mod q
  Vec two104, two104_shoup;

  BLINDTUNER_INLINE explicit VecReducer(const Modulus& m)
      : VecModulus(m),
        one_shoup(splat(m.one_shoup)),
        two52(splat(m.two52)),
        two52_shoup(splat(m.two52_shoup)),
        two104(splat(m.two104)),
        two104_shoup(splat(m.two104_shoup)) {}

  /// (hi 2^52 + lo) mod q in [0, q); lo, hi < 2^52.
  /// Both halves are Shoup products, hi * 2^52 and lo * 1, each in [0, 2q).
  BLINDTUNER_INLINE Vec reduce_product(Vec lo, Vec hi) const {
    const Vec quotient = mul_hi(mul_hi(zero, hi, two52_shoup), lo, one_shoup);
    const Vec r = mul_lo(mul_lo(lo, hi, two52), quotient, minus_q);
    return canonical4(_mm512_and_si512(r, mask));
  }
  /// The same for lo < 2^63 with hi + floor(lo / 2^52) < 2^52: sums of up to 16 products of
  /// residues, as 16 (2^50)^2 = 2^104.
  BLINDTUNER_INLINE Vec reduce_few(Vec lo, Vec hi) const {
    return reduce_product(lo, add64(hi, _mm512_srli_epi64(lo, 52)));
  }
  /// The same for lo < 2^63 and hi < 2^62. The top 12 bits of hi count 2^104 each; the two Shoup
  /// products are below 2q and q (1 + 2^-40), so that one subtraction of 2q keeps the total in 4q.
  BLINDTUNER_INLINE Vec reduce_many(Vec lo, Vec hi) const {
    hi = add64(hi, _mm512_srli_epi64(lo, 52));
    const Vec top = _mm512_srli_epi64(hi, 52);
    Vec quotient = mul_hi(mul_hi(zero, hi, two52_shoup), top, two104_shoup);
    Vec r = mul_lo(mul_lo(mul_lo(zero, hi, two52), top, two104), quotient, minus_q);
    r = subtract_once(_mm512_and_si512(r, mask), q2);
    r = mul_lo(add64(r, lo), mul_hi(zero, lo, one_shoup), minus_q);
    return canonical4(_mm512_and_si512(r, mask));
  }
};

/// Terms up to which reduce_few is enough.
inline constexpr std::size_t kFewTerms = 16;

#ifdef BLINDTUNER_VERIFY
inline void verify_below(const u64* x, std::size_t n, u64 bound) {
  for (std::size_t i = 0; i < n; ++i) verify(x[i] < bound, "a lazy value left its range");
}
#else
BLINDTUNER_INLINE void verify_below(const u64*, std::size_t, u64) {}
#endif

}  // namespace

// Defined in the files of this folder; limb_avx512.cpp collects them.
void ntt_forward_avx512(u64* x, const NttTable& table);
void ntt_inverse_avx512(u64* x, const NttTable& table);
void add_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void sub_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void neg_avx512(u64* out, const u64* a, std::size_t n, const Modulus& q);
void mul_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void mul_add_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void mul_scalar_avx512(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q);
void mul_scalar_add_avx512(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q);
void sub_mul_scalar_avx512(u64* out, const u64* a, const u64* b, u64 w, std::size_t n,
                           const Modulus& q);
void gather_avx512(u64* out, const u64* in, const std::uint32_t* index, std::size_t n);
void reduce_avx512(u64* out, const u64* x, std::size_t n, const Modulus& q);
void from_signed_avx512(u64* out, const std::int64_t* x, std::size_t n, const Modulus& q);
void inner_product_avx512(u64* out, const u64* const* a, const u64* const* b, std::size_t count,
                          std::size_t n, const Modulus& q);
void inner_product2_avx512(u64* out0, u64* out1, const u64* const* a, const u64* const* b0,
                           const u64* const* b1, std::size_t count, std::size_t n,
                           const Modulus& q);
void tensor_sum_avx512(u64* out0, u64* out1, u64* out2, const u64* const* a0, const u64* const* a1,
                       const u64* const* b0, const u64* const* b1, std::size_t count, std::size_t n,
                       const Modulus& q);
void base_convert_avx512(u64* const* out, const u64* const* x, std::size_t n,
                         const BaseConversion& conversion, bool streaming);
void block_product_avx512(u64* out, const u64* a, const u64* const* m, std::size_t count,
                          std::size_t width, std::size_t n, const Modulus& q);
void block_products_avx512(u64* const* out, const u64* const* a, std::size_t batch,
                           const u64* const* m, std::size_t count, std::size_t width, std::size_t n,
                           const Modulus& q);

}  // namespace blindtuner::kernels
