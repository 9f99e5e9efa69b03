// The one interface through which residues are worked on: memory, operations on whole polynomials,
// and those that are fast only because several of them are one (docs/decisions/device-seam.md).
//
// What lies above (ring, rlwe, ckks, linalg) is mathematics on polynomials: it checks rings, levels and
// domains, decides what is computed, and hands views to an `Arithmetic`. What lies below one, how limbs are
// cut, which threads or cores work on them, which tables are kept, is the device's own business
// (cpu/ alone includes kernels/). Every device gives the same bits: tests/device holds them to the formulas
// here.
//
// Conventions
// - Residues are canonical, in [0, q), on the way in and out.
// - NTT domain: value j of a limb is the polynomial at psi^(2 brv(j) + 1), psi the smallest primitive
//   2n-th root of unity modulo the limb's prime, brv reversing log_n bits.
// - A view's address is one in the device's memory. Nothing above follows it: residues are read and
//   written by map_for_reading and map_for_writing (encoding, sampling, files), signed numbers by
//   from_signed.
// - Operations take effect in the order that the program gives them: one after the other on a thread, and
//   across threads where one waits for another. On several threads at once none may write what another uses.
//   They need not be done when they return, except those that map.
// - Views are trusted: what callers can get wrong is checked above. `out` may be an operand itself where
//   a line says so, and overlaps none otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "device/component_map.h"
#include "math/modulus.h"

namespace blindtuner::device {

enum class Domain { kCoefficient, kNtt };

/// A device's memory for residues, not initialised; given back with the object. Secrets' is overwritten
/// with zeros before.
class Memory {
 public:
  virtual ~Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  u64* address() const { return address_; }

 protected:
  explicit Memory(u64* address) : address_(address) {}

 private:
  u64* address_;
};

/// A polynomial's residues modulo the ring's first q_count q primes, then its first p_count special
/// primes, one limb of n after the other. n is the ring's, or where a line says so a smaller power of
/// two: a polynomial in X^(N/n), N the ring's, of whose transform each value stands for a block of N/n.
struct View {
  u64* data = nullptr;
  std::size_t n = 0, q_count = 0, p_count = 0;
  std::size_t limbs() const { return q_count + p_count; }
};
struct ConstView {
  const u64* data = nullptr;
  std::size_t n = 0, q_count = 0, p_count = 0;
  ConstView() = default;
  ConstView(const u64* data_, std::size_t n_, std::size_t q_count_, std::size_t p_count_)
      : data(data_), n(n_), q_count(q_count_), p_count(p_count_) {}
  ConstView(const View& x) : data(x.data), n(x.n), q_count(x.q_count), p_count(x.p_count) {}
  std::size_t limbs() const { return q_count + p_count; }
  /// No polynomial: zero, where an operation takes it.
  bool empty() const { return data == nullptr; }
};

/// Two polynomials of the same limbs: a ciphertext, or one modulo QP.
struct Pair {
  View c0, c1;
};
struct ConstPair {
  ConstView c0, c1;
};

/// A key-switching key: for digit d, which ends before limb digit_ends[d], the pair (b[d], a[d]) modulo
/// q limbs and p_count special ones. More limbs than an operation needs are passed over.
struct Key {
  std::vector<ConstView> b, a;
  std::span<const std::size_t> digit_ends;
  std::size_t p_count = 0;
};

/// <c, key> = sum_d digit_d(c) * (b_d, a_d) modulo QP, digit_d(c) the centred value of c modulo the
/// digit's primes (the last digit cut to c's), P the product of the key's special primes. At most 32
/// digits of at most 32 primes.
///
/// For every target: (c0, c1) = round((<c, key> + P (add0, add1)) / D)(X^g), D the product of P and the
/// q primes of c beyond those of c0. c is decomposed once.
struct KeySwitch {
  struct Target {
    const Key* key;
    u64 g;     ///< odd; 1: as it is
    Pair out;  ///< q limbs only, one number of them for all targets
  };
  ConstView c;                      ///< q limbs
  ConstView add0, add1;             ///< at least c's limbs; may be empty
  std::span<const Target> targets;  ///< with keys of the same digits and special primes
};

/// For every sum: out = sum over its terms of plain * R_rotation, modulo QP, where
/// R_t = (<c1, key_t> + (P c0, 0))(X^g_t), or P (c0, c1) where there is no key. c1 is decomposed once.
struct HoistedSums {
  struct Rotation {
    const Key* key;  ///< may be null
    u64 g;
  };
  struct Term {
    std::size_t rotation;
    ConstView plain;  ///< out's limbs, of n or fewer values (see View)
  };
  struct Sum {
    Pair out;                 ///< c's q limbs, and p_count special ones
    std::vector<Term> terms;  ///< 1 to 512
  };
  ConstPair c;  ///< q limbs
  std::span<const Rotation> rotations;
  std::span<const Sum> sums;
};

/// out = ((c0, 0) + <c1, key>)(X^g), or where `add` is set out + that; modulo QP.
struct RotationModQP {
  ConstView c0;  ///< q and special limbs
  ConstView c1;  ///< q limbs
  const Key* key;
  u64 g;
  Pair out;
  bool add;
};

/// (c0, c1, c2) += sum_t (a0 b0, a0 b1 + a1 b0, a1 b1) of left and right operand t.
struct TensorSum {
  View c0, c1, c2;
  std::vector<ConstPair> left, right;  ///< at least c0's limbs
};

/// L(c) of every input c, for L as in component_map.h, coefficient domain in and out:
///   out = round(sum_j y_j(Y^g) * (b_j, a_j) / P) + (L(c0), 0),  c1 = sum_j y_j(Y) X^j, j < width,
/// the coefficients of y_j(Y^g) centred integers modulo all of c's primes, (b_j, a_j) an encryption of
/// P L(X^j s).
struct ComponentMaps {
  ComponentMap map;
  const Key* key;  ///< map.width pairs; no digit_ends
  std::span<const ConstPair> in;
  std::span<const Pair> out;  ///< in's limbs
};
/// Inputs that share one read of a key, where there are as many: what costs are counted by (plan/).
inline constexpr std::size_t kComponentMapBatch = 4;

/// One ring on a device: Z[X]/(X^n + 1) modulo q_0, q_1, .. and special primes p_0, p_1, .., with the
/// tables that its operations need.
class Arithmetic {
 public:
  virtual ~Arithmetic() = default;

  // Memory.

  virtual std::unique_ptr<Memory> allocate(std::size_t words, bool wiped) const = 0;
  virtual void zero(View x) const = 0;
  /// out's limbs, of x, which has at least as many of either kind.
  virtual void copy(View out, ConstView x) const = 0;
  /// The residues of x where the program can read them: those themselves, or a copy in `space`, to which
  /// the device gives what it needs, wiped memory where `wiped` (a secret's).
  virtual const u64* map_for_reading(ConstView x, Buffer& space, bool wiped) const = 0;
  /// Where the program can write all residues of x; they are x's after unmap.
  virtual u64* map_for_writing(View x, Buffer& space, bool wiped) const = 0;
  virtual void unmap(View x, const Buffer& space) const = 0;

  // Whole polynomials, limb by limb. A second operand may have more q limbs than out.

  virtual void forward_ntt(View x) const = 0;
  virtual void inverse_ntt(View x) const = 0;
  /// out = a + b, and so on; out may be a or b.
  virtual void add(View out, ConstView a, ConstView b) const = 0;
  virtual void sub(View out, ConstView a, ConstView b) const = 0;
  virtual void neg(View out, ConstView a) const = 0;
  virtual void mul(View out, ConstView a, ConstView b) const = 0;
  /// out += a * b
  virtual void mul_add(View out, ConstView a, ConstView b) const = 0;
  /// Limb i of out = w[i] * that of a; out may be a. w is public, in [0, q_i).
  virtual void mul_scalars(View out, ConstView a, std::span<const u64> w) const = 0;
  /// out += the same; no time is spent on limbs with w[i] = 0.
  virtual void mul_scalars_add(View out, ConstView a, std::span<const u64> w) const = 0;
  /// x += w[i] X^0 in limb i.
  virtual void add_constants(View x, std::span<const u64> w, Domain domain) const = 0;
  /// x *= X^(n/2), a square root of -1. NTT domain.
  virtual void mul_i(View x) const = 0;
  /// x *= X^k, coefficient domain.
  virtual void mul_monomial(View x, std::size_t k) const = 0;
  /// out = a(X^g), NTT domain, g odd and taken modulo 2n.
  virtual void automorphism(View out, ConstView a, u64 g) const = 0;
  /// out = sum_j x_j X^(j N/n), NTT domain, j < n = out.n (see View): any signed numbers, without a branch
  /// or an address that depends on them.
  virtual void from_signed(View out, std::span<const std::int64_t> x) const = 0;
  /// Coefficient domain: limbs [begin, end) of out are those of x, the others the same centred
  /// integer, in (-D/2, D/2) for D the product of these limbs' primes, modulo theirs. It is exact
  /// unless the integer is within 2^-40 D of D/2, where it may be off by D, as in
  ///   y_i = x_i (D/q_i)^-1 mod q_i,  v = trunc(0.5 + sum_i y_i / q_i),  sum_i y_i D/q_i - v D,
  /// the sum in double, in this order from 0.5 on, each y_i * (1 / q_i) rounded before it is added.
  virtual void mod_up(View out, ConstView x, std::size_t begin, std::size_t end) const = 0;
  /// out = round(x / D), NTT domain, D the product of the primes of x's limbs that out lacks: (x - r) / D
  /// for the centred r that mod_up makes of these. out has q limbs only; x is spoilt.
  virtual void scale_down(View out, View x) const = 0;

  // Between rings: coefficient domain, the same number of q limbs on both sides.

  /// Coefficient ratio k + r of out is coefficient k of small[r], ratio = N / n; polynomials that are not
  /// there are zero.
  virtual void interleave(View out, std::span<const ConstView> small) const = 0;
  /// The inverse: `ratio` polynomials.
  virtual void split(std::span<const View> small, ConstView x) const = 0;

  // What is one operation because its parts would be bound by memory.

  /// (c0, c1, c2) = (a0 b0, a0 b1 + a1 b0, a1 b1)
  virtual void tensor(View c0, View c1, View c2, ConstPair a, ConstPair b) const = 0;
  virtual void tensor_sums(std::span<const TensorSum> sums) const = 0;
  virtual void key_switch(const KeySwitch& x) const = 0;
  virtual void hoisted_sums(const HoistedSums& x) const = 0;
  virtual void rotate_mod_qp(const RotationModQP& x) const = 0;
  virtual void component_maps(const ComponentMaps& x) const = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  /// "cpu-avx2", say.
  virtual std::string_view name() const = 0;
  /// n = 2^log_n in [16, 2^17]; all primes distinct, below 2^50, = 1 mod 2n. Throws ContractError.
  virtual std::unique_ptr<Arithmetic> make_arithmetic(int log_n, std::span<const u64> q_primes,
                                                      std::span<const u64> p_primes) const = 0;
};

/// Every device here: the CPU with each instruction set that it has, the slowest first.
std::vector<const Device*> available_devices();
/// The fastest of them, or the CPU with the instruction set that BLINDTUNER_KERNELS names in the
/// environment. Chosen once. Throws DataError when that name is unknown or the processor lacks it.
const Device& active_device();

}  // namespace blindtuner::device
