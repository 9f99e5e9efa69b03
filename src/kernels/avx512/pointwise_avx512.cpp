// Coefficient-wise kernels. All values are canonical unless a line says otherwise.
#include "kernels/avx512/vec.h"

namespace blindtuner::kernels {

void add_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  for (std::size_t i = 0; i < n; i += kLanes)
    store(out + i, m.canonical2(add64(load(a + i), load(b + i))));
}

void sub_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    // A negative difference is huge as an unsigned number, so the smaller one is the residue.
    const Vec d = sub64(load(a + i), load(b + i));
    store(out + i, _mm512_min_epu64(d, add64(d, m.q)));
  }
}

void neg_avx512(u64* out, const u64* a, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  for (std::size_t i = 0; i < n; i += kLanes) store(out + i, m.canonical2(sub64(m.q, load(a + i))));
}

void mul_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const VecReducer m(q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec x = load(a + i), y = load(b + i);
    store(out + i, m.reduce_product(mul_lo(m.zero, x, y), mul_hi(m.zero, x, y)));
  }
}

void mul_add_avx512(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const VecReducer m(q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec x = load(a + i), y = load(b + i);
    store(out + i, m.reduce_few(mul_lo(load(out + i), x, y), mul_hi(m.zero, x, y)));
  }
}

void mul_scalar_avx512(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  const Vec factor = splat(w), shoup = splat(q.shoup52(w));
  for (std::size_t i = 0; i < n; i += kLanes)
    store(out + i, m.canonical2(m.mul_shoup_lazy(load(a + i), factor, shoup)));
}

void mul_scalar_add_avx512(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  const Vec factor = splat(w), shoup = splat(q.shoup52(w));
  for (std::size_t i = 0; i < n; i += kLanes)  // q + 2q < 4q
    store(out + i, m.canonical4(m.mul_shoup_add_lazy(load(out + i), load(a + i), factor, shoup)));
}

void sub_mul_scalar_avx512(u64* out, const u64* a, const u64* b, u64 w, std::size_t n,
                           const Modulus& q) {
  const VecModulus m(q);
  const Vec factor = splat(w), shoup = splat(q.shoup52(w));
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec difference = sub64(add64(load(a + i), m.q), load(b + i));  // (0, 2q)
    store(out + i, m.canonical2(m.mul_shoup_lazy(difference, factor, shoup)));
  }
}

// An automorphism maps aligned runs of 8 onto aligned runs of 8 (the high bits of a bit-reversed
// place are the low bits of its exponent): one load and one permutation. Other permutations load
// word by word, which is twice as fast as the gather instruction.
void gather_avx512(u64* out, const u64* in, const std::uint32_t* index, std::size_t n) {
  const __m256i lanes = _mm256_set1_epi32(kLanes);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::uint32_t base = index[i] & ~std::uint32_t{kLanes - 1};
    const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index + i));
    const __m256i within = _mm256_xor_si256(at, _mm256_set1_epi32(static_cast<int>(base)));
    if (_mm256_cmplt_epu32_mask(within, lanes) == 0xff) {
      store(out + i, _mm512_permutexvar_epi64(_mm512_cvtepu32_epi64(within), load(in + base)));
    } else {
      for (std::size_t j = i; j < i + kLanes; ++j) out[j] = in[index[j]];
    }
  }
}

void reduce_avx512(u64* out, const u64* x, std::size_t n, const Modulus& q) {
  const VecReducer m(q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec v = load(x + i);
    const Vec r = mul_lo(v, mul_hi(m.zero, v, m.one_shoup), m.minus_q);  // v * 1 in [0, 2q)
    store(out + i, m.canonical2(_mm512_and_si512(r, m.mask)));
  }
}

// The nearest multiple of q by doubles, which are at most 2^11 / q of it off: what is left is in (-q, q).
void from_signed_avx512(u64* out, const std::int64_t* x, std::size_t n, const Modulus& q) {
  const Vec modulus = splat(q.q);
  const __m512d inverse = _mm512_set1_pd(q.inverse);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec v = _mm512_loadu_si512(x + i);
    const Vec multiple = _mm512_cvtpd_epi64(_mm512_mul_pd(_mm512_cvtepi64_pd(v), inverse));
    const Vec r = sub64(v, _mm512_mullo_epi64(multiple, modulus));
    // One that is negative is huge as an unsigned number.
    store(out + i, _mm512_min_epu64(r, add64(r, modulus)));
  }
}

}  // namespace blindtuner::kernels
