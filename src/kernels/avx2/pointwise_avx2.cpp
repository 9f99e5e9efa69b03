// Coefficient-wise kernels. All values are canonical unless a line says otherwise.
#include "kernels/avx2/vec.h"

namespace blindtuner::kernels {

void add_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const Words m = splat_word(q.q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Words s = _mm256_sub_epi64(_mm256_add_epi64(load_words(a + i), load_words(b + i)), m);
    const Words below = _mm256_cmpgt_epi64(_mm256_setzero_si256(), s);
    store_words(out + i, _mm256_add_epi64(s, _mm256_and_si256(below, m)));
  }
}

void sub_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const Words m = splat_word(q.q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Words d = _mm256_sub_epi64(load_words(a + i), load_words(b + i));
    const Words below = _mm256_cmpgt_epi64(_mm256_setzero_si256(), d);
    store_words(out + i, _mm256_add_epi64(d, _mm256_and_si256(below, m)));
  }
}

void neg_avx2(u64* out, const u64* a, std::size_t n, const Modulus& q) {
  const Words m = splat_word(q.q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Words x = load_words(a + i);
    const Words zero = _mm256_cmpeq_epi64(x, _mm256_setzero_si256());
    store_words(out + i, _mm256_andnot_si256(zero, _mm256_sub_epi64(m, x)));
  }
}

void mul_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  for (std::size_t i = 0; i < n; i += kLanes)
    store(out + i, m.canonical(m.mul_lazy(load(a + i), load(b + i))));
}

void mul_add_avx2(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec sum = _mm256_add_pd(load(out + i), m.mul_lazy(load(a + i), load(b + i)));
    store(out + i, m.canonical(m.centred(sum)));
  }
}

void mul_scalar_avx2(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  const Vec factor = splat(static_cast<double>(w)), ratio = m.ratio(factor);
  for (std::size_t i = 0; i < n; i += kLanes)
    store(out + i, m.canonical(m.mul_ratio_lazy(load(a + i), factor, ratio)));
}

void mul_scalar_add_avx2(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  const Vec factor = splat(static_cast<double>(w)), ratio = m.ratio(factor);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec product = m.mul_ratio_lazy(load(a + i), factor, ratio);
    store(out + i, m.canonical(m.centred(_mm256_add_pd(load(out + i), product))));
  }
}

void sub_mul_scalar_avx2(u64* out, const u64* a, const u64* b, u64 w, std::size_t n,
                         const Modulus& q) {
  const VecModulus m(q);
  const Vec factor = splat(static_cast<double>(w)), ratio = m.ratio(factor);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Vec difference = _mm256_sub_pd(load(a + i), load(b + i));
    store(out + i, m.canonical(m.mul_ratio_lazy(difference, factor, ratio)));
  }
}

// The gather instruction takes twice as long as loads of single words.
void gather_avx2(u64* out, const u64* in, const std::uint32_t* index, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = in[index[i]];
}

void reduce_avx2(u64* out, const u64* x, std::size_t n, const Modulus& q) {
  const VecModulus m(q);
  for (std::size_t i = 0; i < n; i += kLanes) store(out + i, m.canonical(m.centred(load(x + i))));
}

}  // namespace blindtuner::kernels
