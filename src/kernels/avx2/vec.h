// Four lanes of doubles and the modular operations on them, for the files of this folder only.
//
// Residues below 2^50 are integers that doubles hold exactly, signed and lazily reduced: a
// product's rounded value h and its error fma(a, b, -h) are together exact, and so is h - c q for a
// quotient c that is at most a few off. A bound |x| <= B q is written B below; everything stays
// exact for B <= 4, as 8q < 2^53. The rounding mode is to nearest. @[Knu97, Sec. 4.2.2] @[HLS16]
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

using Vec = __m256d;
using Words = __m256i;
inline constexpr std::size_t kLanes = 4;

#define BLINDTUNER_INLINE inline __attribute__((always_inline))

BLINDTUNER_INLINE Words load_words(const u64* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}
BLINDTUNER_INLINE void store_words(u64* p, Words v) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(p), v);
}
BLINDTUNER_INLINE Words splat_word(u64 x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }
BLINDTUNER_INLINE Vec splat(double x) { return _mm256_set1_pd(x); }

/// The numbers x in [0, 2^52): under the exponent of 2^52 the low bits count ones.
BLINDTUNER_INLINE Vec to_double(Words x) {
  const Vec two52 = splat(0x1p52);
  return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(x, _mm256_castpd_si256(two52))), two52);
}
/// Integers in [0, 2^52), back.
BLINDTUNER_INLINE Words to_words(Vec x) {
  const Vec two52 = splat(0x1p52);
  return _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(x, two52)), _mm256_castpd_si256(two52));
}
/// Integers in [-2^51, 2^51) as signed words.
BLINDTUNER_INLINE Words to_signed_words(Vec x) {
  const Vec magic = splat(0x1.8p52);
  return _mm256_sub_epi64(_mm256_castpd_si256(_mm256_add_pd(x, magic)), _mm256_castpd_si256(magic));
}
BLINDTUNER_INLINE Vec load(const u64* p) { return to_double(load_words(p)); }
BLINDTUNER_INLINE void store(u64* p, Vec x) { store_words(p, to_words(x)); }

BLINDTUNER_INLINE Vec nearest(Vec x) {
  return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

struct VecModulus {
  Vec q, inverse;  ///< q, and 1/q rounded

  BLINDTUNER_INLINE explicit VecModulus(const Modulus& m)
      : q(splat(static_cast<double>(m.q))), inverse(splat(m.inverse)) {}

  /// a b mod q in q (-1/2 - B 3/8, 1/2 + B 3/8), with `ratio` about b / q. |a| <= B q and |b| < q.
  /// The quotient c = round(a ratio) suffers from at most three relative errors of 2^-53 in a
  /// number up to B q < B 2^50.
  BLINDTUNER_INLINE Vec mul_ratio_lazy(Vec a, Vec b, Vec ratio) const {
    const Vec c = nearest(_mm256_mul_pd(a, ratio));
    const Vec h = _mm256_mul_pd(a, b);
    const Vec error = _mm256_fmsub_pd(a, b, h);
    return _mm256_add_pd(_mm256_fnmadd_pd(c, q, h), error);
  }
  /// b / q for mul_ratio_lazy.
  BLINDTUNER_INLINE Vec ratio(Vec b) const { return _mm256_mul_pd(b, inverse); }
  /// a b mod q in (-q, q); a, b in [0, q).
  BLINDTUNER_INLINE Vec mul_lazy(Vec a, Vec b) const {
    const Vec h = _mm256_mul_pd(a, b);
    const Vec c = nearest(_mm256_mul_pd(h, inverse));
    const Vec error = _mm256_fmsub_pd(a, b, h);
    return _mm256_add_pd(_mm256_fnmadd_pd(c, q, h), error);
  }
  /// x mod q, of magnitude at most q (1/2 + |x| / q 2^-52); x an integer, |x| < 2^53.
  BLINDTUNER_INLINE Vec centred(Vec x) const {
    return _mm256_fnmadd_pd(nearest(_mm256_mul_pd(x, inverse)), q, x);
  }
  /// (-q, q) -> [0, q)
  BLINDTUNER_INLINE Vec canonical(Vec x) const {
    const Vec negative = _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_LT_OQ);
    return _mm256_add_pd(x, _mm256_and_pd(negative, q));
  }
};

/// Sums of products of integers below 2^50, as hi 2^49 + lo.
/// A fused h = a b + 2^101 is a b rounded to a multiple of 2^49, whose count is in the low bits of
/// h; the rest a b - (h - 2^101) is within 2^48. hi takes the words of h, with the exponents' bits
/// as they are until the end, and lo takes up to 8 rests before it must be flushed to words.
/// @[EZW18] do this with truncation.
struct Accumulator {
  Words hi, lo_words;
  Vec lo;

  BLINDTUNER_INLINE void clear() {
    hi = lo_words = _mm256_setzero_si256();
    lo = _mm256_setzero_pd();
  }
  BLINDTUNER_INLINE void add_product(Vec a, Vec b) {
    const Vec two101 = splat(0x1p101);
    const Vec h = _mm256_fmadd_pd(a, b, two101);
    hi = _mm256_add_epi64(hi, _mm256_castpd_si256(h));
    lo = _mm256_add_pd(lo, _mm256_fmadd_pd(a, b, _mm256_sub_pd(two101, h)));
  }
  BLINDTUNER_INLINE void flush() {
    lo_words = _mm256_add_epi64(lo_words, to_signed_words(lo));
    lo = _mm256_setzero_pd();
  }
};
inline constexpr std::size_t kTermsPerFlush = 8;

/// What reduces an Accumulator: hi < 2^60 and lo + 2^57 < 2^59 are taken in digits of 30 bits.
struct VecReducer : VecModulus {
  Vec two30, two30_ratio, two49, two49_ratio, two79, two79_ratio, minus_two57;

  BLINDTUNER_INLINE explicit VecReducer(const Modulus& m)
      : VecModulus(m),
        two30(power(m, 30)),
        two30_ratio(ratio(two30)),
        two49(power(m, 49)),
        two49_ratio(ratio(two49)),
        two79(power(m, 79)),
        two79_ratio(ratio(two79)),
        minus_two57(_mm256_sub_pd(q, power(m, 57))) {}
  static BLINDTUNER_INLINE Vec power(const Modulus& m, int exponent) {
    return splat(static_cast<double>(static_cast<u64>((u128{1} << exponent) % m.q)));
  }
  /// The residue in [0, q) of `products` <= 512 products, flushed, plus `start` in [0, q).
  BLINDTUNER_INLINE Words reduce(const Accumulator& acc, u64 products, Words start) const {
    const Words mask = splat_word((u64{1} << 30) - 1);
    const u64 exponent = u64{1023 + 101} << 52;
    const Words hi = _mm256_sub_epi64(acc.hi, splat_word(products * exponent));
    const Words lo =  // |acc.lo_words| <= 512 * 2^48
        _mm256_add_epi64(_mm256_add_epi64(acc.lo_words, start), splat_word(u64{1} << 57));
    const Vec h0 = to_double(_mm256_and_si256(hi, mask));
    const Vec h1 = to_double(_mm256_srli_epi64(hi, 30));
    const Vec l0 = to_double(_mm256_and_si256(lo, mask));
    const Vec l1 = to_double(_mm256_srli_epi64(lo, 30));
    // Quotients are below 2^30 here, so each is within one half of the true one, and a little.
    const Vec high = _mm256_add_pd(mul_ratio_lazy(h0, two49, two49_ratio),
                                   mul_ratio_lazy(h1, two79, two79_ratio));
    const Vec low = _mm256_add_pd(centred(l0), mul_ratio_lazy(l1, two30, two30_ratio));
    const Vec sum = _mm256_add_pd(_mm256_add_pd(high, low), minus_two57);  // below 4q
    return to_words(canonical(centred(sum)));
  }
};

#ifdef BLINDTUNER_VERIFY
inline void verify_within(const u64* x, std::size_t n, double bound) {
  for (std::size_t i = 0; i < n; ++i) {
    double value;
    __builtin_memcpy(&value, x + i, sizeof value);
    verify(value <= bound && value >= -bound, "a lazy value left its range");
  }
}
#else
BLINDTUNER_INLINE void verify_within(const u64*, std::size_t, double) {}
#endif

}  // namespace

// Defined in the files of this folder; limb_avx2.cpp collects them.
void ntt_forward_avx2(u64* x, const NttTable& table);
void ntt_inverse_avx2(u64* x, const NttTable& table);
void add_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void sub_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void neg_avx2(u64* out, const u64* a, std::size_t n, const Modulus& q);
void mul_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void mul_add_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
void mul_scalar_avx2(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q);
void mul_scalar_add_avx2(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q);
void sub_mul_scalar_avx2(u64* out, const u64* a, const u64* b, u64 w, std::size_t n,
                         const Modulus& q);
void gather_avx2(u64* out, const u64* in, const std::uint32_t* index, std::size_t n);
void reduce_avx2(u64* out, const u64* x, std::size_t n, const Modulus& q);
void inner_product_avx2(u64* out, const u64* const* a, const u64* const* b, std::size_t count,
                        std::size_t n, const Modulus& q);
void inner_product2_avx2(u64* out0, u64* out1, const u64* const* a, const u64* const* b0,
                         const u64* const* b1, std::size_t count, std::size_t n, const Modulus& q);
void tensor_sum_avx2(u64* out0, u64* out1, u64* out2, const u64* const* a0, const u64* const* a1,
                     const u64* const* b0, const u64* const* b1, std::size_t count, std::size_t n,
                     const Modulus& q);
void base_convert_avx2(u64* const* out, const u64* const* x, std::size_t n,
                       const BaseConversion& conversion, bool streaming);
void block_product_avx2(u64* out, const u64* a, const u64* const* m, std::size_t count,
                        std::size_t width, std::size_t n, const Modulus& q);
void block_products_avx2(u64* const* out, const u64* const* a, std::size_t batch,
                         const u64* const* m, std::size_t count, std::size_t width, std::size_t n,
                         const Modulus& q);

}  // namespace blindtuner::kernels
