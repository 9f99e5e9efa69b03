// The contract of the kernels: what every instruction set computes, bit for bit.
//
// The scalar kernels are the specification; each other set must give the same bits for every valid
// input (tests/kernels). Residues are canonical, in [0, q), on the way in and out; lazily reduced
// values never leave a kernel. Arrays are 64-byte aligned; n is a power of two >= 16. Unless a line
// says otherwise, `out` may be the same array as an input but must not overlap it otherwise.
//
// A `LimbKernels` table works on one residue polynomial ("limb") and one thread. device/cpu runs them
// over whole polynomials (all limbs, all threads) and alone includes this file; device/device.h is the
// seam where another device fits in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "math/modulus.h"

namespace blindtuner::kernels {
using namespace math;

/// The least n of a kernel.
inline constexpr std::size_t kShortest = 16;

/// Roots for the negacyclic transform modulo X^n + 1, n = 2^log_n in [16, 2^17], q = 1 mod 2n.
/// psi is the smallest primitive 2n-th root of unity mod q; brv reverses log_n bits.
struct NttTable {
  Modulus modulus;
  int log_n = 0;
  std::size_t n = 0;
  u64 n_inv = 0, n_inv_shoup = 0;
  u64 last_inv = 0, last_inv_shoup = 0;  ///< inv_roots[1] / n: the last level and the factor 1/n
  Buffer roots;                          ///< roots[i] = psi^brv(i), i in [0, n)
  Buffer roots_shoup;                    ///< shoup52 of each
  Buffer inv_roots;                      ///< inv_roots[i] = psi^-brv(i)
  Buffer inv_roots_shoup;                ///< shoup52 of each
  /// The roots of the three lowest levels as products, so that a transform reads a sixth of the
  /// memory. A block of 128 coefficients is node r in [n/128, n/64) of the heap of roots; its roots
  /// at the level of 8, 4 and 2 coefficients are, for c = 16, 32, 64 and k in [0, c),
  ///   roots[c r + k] = roots[c r] * (roots[c + k] / roots[c])
  /// The first factor is in `tail`, 8 words a block: roots[16 r], [32 r], [64 r], their shoup52,
  /// two unused. The second is the same for all blocks and spread over the lanes of vectors of 8
  /// words in `lanes`: for pair p in [0, 8) of vectors and c, root and shoup52, 48 vectors. A
  /// vector holds k = 2p..2p+1 four times each, 4p..4p+3 twice, 8p..8p+7 once. Empty below n = 128.
  Buffer tail, inv_tail;
  Buffer lanes, inv_lanes;
  /// Throws ContractError unless q = 1 mod 2n.
  NttTable(int log_n, u64 q);
  /// The same with a given primitive 2n-th root: psi^w of a larger table transforms its subring in
  /// X^w.
  NttTable(int log_n, u64 q, u64 psi);
};

/// Conversion of a centred integer from residues mod q_1..q_k to residues mod other primes.
/// With Q = prod q_i and x in (-Q/2, Q/2]:
///   y_i = x * inverse_i mod q_i,  inverse_i = (Q/q_i)^-1 mod q_i
///   v   = trunc(0.5 + sum_i y_i * reciprocal_i), summed in double in the order i = 1..k, each
///   product
///         rounded before it is added (no fused multiply-add), starting from 0.5
///   out_t = (sum_i y_i * factor[t][i] + v * minus_q[t]) mod t
/// exact unless |x| is within 2^-40 Q of Q/2, where the result may be off by Q. k <= 32.
struct BaseConversion {
  std::vector<Modulus> from, to;
  std::vector<u64> inverse, inverse_shoup;  ///< k
  std::vector<double> reciprocal;           ///< k, 1.0 / q_i
  std::vector<u64> factor;                  ///< to.size() * k, row t: (Q/q_i) mod t
  std::vector<u64> minus_q;                 ///< to.size(), -Q mod t
  BaseConversion(std::vector<Modulus> from, std::vector<Modulus> to);
};

struct LimbKernels {
  std::string_view name;

  /// In place, x[j] = sum_i a_i psi^((2 brv(j) + 1) i): natural order in, bit-reversed order out.
  void (*ntt_forward)(u64* x, const NttTable& table);
  /// In place, the inverse of ntt_forward (the factor 1/n included).
  void (*ntt_inverse)(u64* x, const NttTable& table);

  void (*add)(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
  void (*sub)(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
  void (*neg)(u64* out, const u64* a, std::size_t n, const Modulus& q);
  /// out = a * b
  void (*mul)(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
  /// out = out + a * b; a and b do not alias out
  void (*mul_add)(u64* out, const u64* a, const u64* b, std::size_t n, const Modulus& q);
  /// out = a * w for a scalar w in [0, q)
  void (*mul_scalar)(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q);
  /// out = out + a * w for a scalar w in [0, q)
  void (*mul_scalar_add)(u64* out, const u64* a, u64 w, std::size_t n, const Modulus& q);
  /// out = (a - b) * w for a scalar w in [0, q)
  void (*sub_mul_scalar)(u64* out, const u64* a, const u64* b, u64 w, std::size_t n,
                         const Modulus& q);
  /// out = sum_k a[k] * b[k], 1 <= count <= 512 terms with one reduction at the end; out aliases
  /// none.
  void (*inner_product)(u64* out, const u64* const* a, const u64* const* b, std::size_t count,
                        std::size_t n, const Modulus& q);
  /// out0 = sum_k a[k] * b0[k], out1 = sum_k a[k] * b1[k]: both halves of a key in one pass over a.
  void (*inner_product2)(u64* out0, u64* out1, const u64* const* a, const u64* const* b0,
                         const u64* const* b1, std::size_t count, std::size_t n, const Modulus& q);
  /// (out0, out1, out2) += (a0 b0, a0 b1 + a1 b0, a1 b1) summed over count pairs of ciphertexts,
  /// with one reduction at the end: the lazily accumulated tensor product. count <= 256.
  void (*tensor_sum)(u64* out0, u64* out1, u64* out2, const u64* const* a0, const u64* const* a1,
                     const u64* const* b0, const u64* const* b1, std::size_t count, std::size_t n,
                     const Modulus& q);
  /// out[i] = in[index[i]], index a permutation; out does not alias in.
  void (*gather)(u64* out, const u64* in, const std::uint32_t* index, std::size_t n);
  /// out[i] = x[i] mod q for x[i] < 2^52 (a residue of another prime, say).
  void (*reduce)(u64* out, const u64* x, std::size_t n, const Modulus& q);
  /// out[i] = x[i] mod q for signed x[i], aligned to 8 bytes; q > 2^13. In constant time: secrets come through here.
  void (*from_signed)(u64* out, const std::int64_t* x, std::size_t n, const Modulus& q);
  /// BaseConversion of coefficients [0, n): x[i] is limb i of the source (k arrays), out[t] limb t
  /// of the target. n a multiple of 16. Sources and targets do not alias. streaming: past the
  /// caches, for targets that would not stay there; they must be aligned to 64 bytes.
  void (*base_convert)(u64* const* out, const u64* const* x, std::size_t n,
                       const BaseConversion& conversion, bool streaming);
  /// Block product for linear maps over a subring (linalg): for blocks b of width `width` (a power
  /// of two >= 4), term j and coefficient i:  out[b*width + i] = sum_j a[j*blocks + b] *
  /// m[j][b*width + i] with j in [0, count), count <= 512, blocks = n / width. a holds canonical
  /// residues; out aliases none.
  void (*block_product)(u64* out, const u64* a, const u64* const* m, std::size_t count,
                        std::size_t width, std::size_t n, const Modulus& q);
  /// block_product of `batch` inputs with the same m: out[s] from a[s], s in [0, batch). m, most of
  /// the traffic, is read from memory once.
  void (*block_products)(u64* const* out, const u64* const* a, std::size_t batch,
                         const u64* const* m, std::size_t count, std::size_t width, std::size_t n,
                         const Modulus& q);
};

/// The table of an instruction set, or nullptr when this processor lacks it.
/// Names: "scalar", "avx2", "avx512ifma".
const LimbKernels* find_kernels(std::string_view name);

/// Every table that this processor can run, the reference first.
std::vector<const LimbKernels*> available_kernels();

/// The fastest table here, or the one that BLINDTUNER_KERNELS names in the environment. Chosen
/// once. Throws DataError when that name is unknown or the processor lacks it.
const LimbKernels& active_kernels();

}  // namespace blindtuner::kernels
