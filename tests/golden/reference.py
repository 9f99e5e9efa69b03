#!/usr/bin/env python3
"""The scheme once more, in plain Python integers, from the descriptions alone: known answers that
owe nothing to the C++ code.

Nothing here is fast: transforms are sums over all coefficients, products are schoolbook, residues are
put together to whole integers. Used by
  reference.py            writes vectors.json: secrets, a ciphertext, a key, a key switch, a file, from
                          fixed seeds
  reference.py --check    the same, compared with the vectors.json that is there
and, as a module, by files_test.py, which opens files that the programs wrote.

Random streams (base/random.h): AES-256 in counter mode [FIPS 197], 8-byte little-endian words. Samplers:
docs/SECURITY.md, "Randomness". Files: io/format.h, io/poly_io.h.
"""
import hashlib
import json
import struct
import sys
from decimal import Decimal, getcontext
from pathlib import Path

VECTORS = Path(__file__).resolve().parent / "vectors.json"


# --- AES-256, byte by byte -----------------------------------------------------------------------

def _times_two(x):
    return (x << 1 ^ (0x11B if x & 0x80 else 0)) & 0xFF


def _sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p ^= _times_two(p)           # p runs through the powers of 3, q through their inverses
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        q ^= 0x09 if q & 0x80 else 0
        x = q
        for shift in (1, 2, 3, 4):
            x ^= (q << shift | q >> 8 - shift) & 0xFF
        box[p] = x ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = _sbox()


class Aes256:
    def __init__(self, key):
        words, constant = [list(key[4 * i:4 * i + 4]) for i in range(8)], 1
        for i in range(8, 60):
            word = list(words[i - 1])
            if i % 8 == 0:
                word = [SBOX[b] for b in word[1:] + word[:1]]
                word[0] ^= constant
                constant = _times_two(constant)
            elif i % 8 == 4:
                word = [SBOX[b] for b in word]
            words.append([a ^ b for a, b in zip(word, words[i - 8])])
        self.round_keys = [sum(words[4 * r:4 * r + 4], []) for r in range(15)]

    def encrypt(self, block):
        state = [b ^ k for b, k in zip(block, self.round_keys[0])]
        for r in range(1, 15):
            state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]  # and the rows shifted
            if r != 14:
                mixed = []
                for c in range(0, 16, 4):
                    column = state[c:c + 4]
                    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
                    mixed += [column[i] ^ whole ^ _times_two(column[i] ^ column[(i + 1) % 4])
                              for i in range(4)]
                state = mixed
            state = [b ^ k for b, k in zip(state, self.round_keys[r])]
        return bytes(state)


def test_aes():
    """FIPS 197, C.3."""
    key, plain = bytes(range(32)), bytes(17 * i for i in range(16))
    if Aes256(key).encrypt(plain).hex() != "8ea2b7ca516745bfeafc49904b496089":
        raise SystemExit("reference: AES-256 is wrong")


class Stream:
    """Words of the key stream; `stream` is the upper half of the counter block."""

    def __init__(self, seed, stream=0):
        self.aes, self.stream, self.block, self.words = Aes256(seed), stream, 0, []

    def word(self):
        if not self.words:
            data = self.aes.encrypt(struct.pack(">QQ", self.stream, self.block))
            self.block += 1
            self.words = list(struct.unpack("<QQ", data))
        return self.words.pop(0)


# --- Rings ---------------------------------------------------------------------------------------

def is_prime(n):
    if n < 2 or any(n % p == 0 for p in (2, 3, 5, 7, 11, 13)):
        return n in (2, 3, 5, 7, 11, 13)
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(base, odd, n)
        if x not in (1, n - 1) and all((x := x * x % n) != n - 1 for _ in range(twos - 1)):
            return False
    return True


def chain_primes(log_n, bits):
    """For each size the largest prime = 1 mod 2N below 2^size that is not yet taken."""
    primes, step = [], 2 << log_n
    for size in bits:
        p = ((1 << size) - 2) // step * step + 1
        while not is_prime(p) or p in primes:
            p -= step
        primes.append(p)
    return primes


def smallest_root(q, order):
    """The smallest primitive order-th root of unity, order a power of two."""
    g = 2
    while pow(g, (q - 1) // 2, q) == 1:
        g += 1
    root = pow(g, (q - 1) // order, q)
    square, power, least = root * root % q, root, root
    for _ in range(order // 2 - 1):
        power = power * square % q
        least = min(least, power)
    return least


def reverse(i, bits):
    return int(format(i, f"0{bits}b")[::-1], 2)


class Limb:
    """Z_q[X]/(X^n + 1). Evaluations are in the order of the files: at psi^(2 reverse(j) + 1)."""

    def __init__(self, log_n, q):
        self.log_n, self.n, self.q = log_n, 1 << log_n, q
        psi = smallest_root(q, 2 * self.n)
        self.powers = [1]
        for _ in range(2 * self.n - 1):
            self.powers.append(self.powers[-1] * psi % q)
        self.points = [2 * reverse(j, log_n) + 1 for j in range(self.n)]

    def evaluate(self, coefficients):
        n, powers = self.n, self.powers
        return [sum(a * powers[e * i % (2 * n)] for i, a in enumerate(coefficients)) % self.q
                for e in self.points]

    def coefficients(self, values):
        n, powers, inverse = self.n, self.powers, pow(self.n, -1, self.q)
        return [inverse * sum(x * powers[-e * i % (2 * n)] for e, x in zip(self.points, values)) % self.q
                for i in range(n)]


def multiply(a, b):
    """In Z[X]/(X^n + 1)."""
    n, out = len(a), [0] * len(a)
    for i, x in enumerate(a):
        if x == 0:
            continue
        for j, y in enumerate(b):
            if i + j < n:
                out[i + j] += x * y
            else:
                out[i + j - n] -= x * y
    return out


def centred(x, q):
    x %= q
    return x - q if x > q // 2 else x


def combine(residues, moduli):
    """Integers modulo the product from one list of residues a modulus."""
    product = 1
    for q in moduli:
        product *= q
    weights = [product // q * pow(product // q, -1, q) for q in moduli]
    return [sum(r * w for r, w in zip(row, weights)) % product for row in zip(*residues)]


# --- Sampling ------------------------------------------------------------------------------------

def ternary(n, stream):
    return [(stream.word() * 3 >> 64) - 1 for _ in range(n)]


def gaussian_table(sigma="3.2", tail=30):
    getcontext().prec = 60
    mass = [(-Decimal(x * x) / (2 * Decimal(sigma) ** 2)).exp() * (1 if x == 0 else 2)
            for x in range(tail + 1)]
    total, table, so_far = sum(mass), [], Decimal(0)
    for x in range(tail):
        so_far += mass[x]
        table.append(int(so_far / total * 2 ** 63))
    return table


GAUSSIAN = gaussian_table()


def gaussian(n, stream):
    out = []
    for _ in range(n):
        word = stream.word()
        magnitude = sum(1 for bound in GAUSSIAN if word >> 1 >= bound)
        out.append(-magnitude if word & 1 else magnitude)
    return out


def uniform(n, q, place, seed, stream):
    """Evaluations, below q by rejection. place: of the prime, 0x8000 + i for special primes."""
    words, mask, out = Stream(seed, stream << 32 | place), (1 << q.bit_length()) - 1, []
    while len(out) < n:
        x = words.word() & mask
        if x < q:
            out.append(x)
    return out


# --- Parameters, ciphertexts, keys ---------------------------------------------------------------

class Parameters:
    """What rlwe/parameters.h says, for the sections' sizes in bits."""

    def __init__(self, name, log_n, log_small_n, stages, special, small_special=2, sparse_special=1,
                 weight=32, modulus_range=16, digit_ends=(11, 22, 30)):
        # stages: q_0 and q_1, slot_to_coeff, circuit, eval_mod, coeff_to_slot
        self.name, self.log_n, self.log_small_n = name, log_n, log_small_n
        bits = [size for stage in stages for size in stage]
        primes = chain_primes(log_n, bits + special)
        self.q, self.p = primes[:len(bits)], primes[len(bits):]
        text = " ".join(map(str, [name, log_n, log_small_n, small_special, sparse_special, weight,
                                  modulus_range] + [len(stage) for stage in stages[1:]]))
        text += "".join(f" d{end}" for end in digit_ends) + "".join(f" {prime}" for prime in primes)
        self.digest = hashlib.sha256(text.encode()).digest()
        # As a file carries a set that is not one of the program's own.
        named = zip(("slot_to_coeff_bits", "circuit_bits", "eval_mod_bits", "coeff_to_slot_bits"), stages[1:])
        self.written = json.dumps({
            "name": name, "log_n": log_n, "log_small_n": log_small_n, "q0_bits": stages[0][0],
            "q1_bits": stages[0][1], **dict(named), "special_bits": special, "small_special": small_special,
            "sparse_special": sparse_special, "sparse_weight": weight, "modulus_range": modulus_range,
            "digit_ends": list(digit_ends)}, sort_keys=True, separators=(",", ":")).encode()
        self.limbs = {}

    def limb(self, log_n, prime):
        if (log_n, prime) not in self.limbs:
            self.limbs[log_n, prime] = Limb(log_n, prime)
        return self.limbs[log_n, prime]

    def moduli(self, q_count, p_count):
        """(prime, its place in the streams)"""
        return ([(self.q[i], i) for i in range(q_count)] +
                [(self.p[i], 0x8000 + i) for i in range(p_count)])


def integers(parameters, log_n, moduli, limbs):
    """Integer coefficients from evaluations in every limb."""
    return combine([parameters.limb(log_n, q).coefficients(x) for (q, _), x in zip(moduli, limbs)],
                   [q for q, _ in moduli])


def evaluations(parameters, log_n, moduli, coefficients):
    return [parameters.limb(log_n, q).evaluate([c % q for c in coefficients]) for q, _ in moduli]


def uniform_integers(parameters, log_n, moduli, seed, stream):
    return integers(parameters, log_n, moduli,
                    [uniform(1 << log_n, q, place, seed, stream) for q, place in moduli])


def product_of(moduli):
    product = 1
    for q, _ in moduli:
        product *= q
    return product


def encrypt(parameters, log_n, q_count, message, error, secret, seed, stream):
    """c_0 = -a s + e + m."""
    moduli = parameters.moduli(q_count, 0)
    a = uniform_integers(parameters, log_n, moduli, seed, stream)
    return [(m + e - x) % product_of(moduli) for m, e, x in zip(message, error, multiply(a, secret))]


def gadget(parameters, shape, digit):
    """P g_d modulo the key's whole modulus: g_d = 1 modulo the digit's primes, 0 modulo the others."""
    q_count, p_count, ends = shape
    moduli = parameters.moduli(q_count, p_count)
    begin = ends[digit - 1] if digit else 0
    special = product_of(moduli[q_count:])
    residues = [[special % q if begin <= i < ends[digit] else 0] for i, (q, _) in enumerate(moduli)]
    return combine(residues, [q for q, _ in moduli])[0]


def switch_key(parameters, log_n, shape, c0, c1, b, a):
    """(c_0, 0) + (sum_d digit_d (b_d, a_d)) / P, rounded, modulo Q."""
    q_count, p_count, ends = shape
    moduli = parameters.moduli(q_count, p_count)
    whole, special = product_of(moduli), product_of(moduli[q_count:])
    q = product_of(moduli[:q_count])
    sums = [[special * x for x in c0], [0] * (1 << log_n)]
    for d, end in enumerate(ends):
        digit_modulus = product_of(moduli[ends[d - 1] if d else 0:end])
        digit = [centred(x, digit_modulus) for x in c1]
        for total, half in zip(sums, (b[d], a[d])):
            for i, x in enumerate(multiply(digit, half)):
                total[i] += x
    out = []
    for total in sums:
        total = [x % whole for x in total]
        out.append([(x - centred(x, special)) // special % q for x in total])
    return out


# --- Files ---------------------------------------------------------------------------------------

def pack(values, bits):
    whole = 0
    for i, value in enumerate(values):
        whole |= value << (bits * i)
    return whole.to_bytes(len(values) * bits // 8, "little")


def unpack(data, count, bits):
    whole = int.from_bytes(data, "little")
    return [whole >> (bits * i) & ((1 << bits) - 1) for i in range(count)]


def container(kind, parameters, key_id, sections):
    """A whole file of sections [(four characters, bytes)]."""
    header = struct.pack("<8sII32s32s16s64x", b"BLNDTUNR", 1, kind, parameters.digest,
                         parameters.name.encode(), key_id)
    header_digest = hashlib.sha256(header).digest()
    out, number = header + header_digest, 0
    for tag, payload in [*sections, ("END.", b"")]:
        pieces = [payload[i:i + (1 << 20)] for i in range(0, len(payload), 1 << 20)] or [b""]
        for piece in pieces:
            frame = struct.pack("<I4s", len(piece), tag.encode()) + piece
            digest = hashlib.sha256(header_digest + struct.pack("<Q", number) + frame).digest()
            out += frame + digest
            number += 1
    return out


def open_container(data):
    """{kind, name, digest, key id} and the sections of a file, all checksums verified."""
    magic, version, kind, digest, name, key_id = struct.unpack_from("<8sII32s32s16s", data)
    header_digest = hashlib.sha256(data[:160]).digest()
    if (magic, version) != (b"BLNDTUNR", 1) or any(data[96:160]) or header_digest != data[160:192]:
        raise ValueError("not a whole header")
    sections, at, number = {}, 192, 0
    while True:
        length, tag = struct.unpack_from("<I4s", data, at)
        end = at + 8 + length
        digest_here = hashlib.sha256(header_digest + struct.pack("<Q", number) + data[at:end]).digest()
        if digest_here != data[end:end + 32]:
            raise ValueError(f"frame {number}: wrong checksum")
        if tag == b"END.":
            if length != 0 or end + 32 != len(data):
                raise ValueError("something behind the end")
            break
        sections[tag.decode()] = sections.get(tag.decode(), b"") + data[at + 8:end]
        at, number = end + 32, number + 1
    header = {"kind": kind, "name": name.rstrip(b"\0").decode(), "digest": digest, "key_id": key_id}
    return header, sections


class Reader:
    """Numbers and polynomials of a section, one after the other."""

    def __init__(self, data, parameters):
        self.data, self.parameters, self.at = data, parameters, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("the section ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def numbers(self, layout):
        values = struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))
        return values[0] if len(values) == 1 else values

    def end(self):
        if self.at != len(self.data):
            raise ValueError("the section goes on")

    def log_n(self):
        return self.parameters.log_n if self.numbers("B") else self.parameters.log_small_n

    def residues(self, log_n, moduli):
        out = []
        for q, _ in moduli:
            limb = unpack(self.take((1 << log_n) // 8 * q.bit_length()), 1 << log_n, q.bit_length())
            if max(limb) >= q:
                raise ValueError("a residue is not below its prime")
            out.append(limb)
        return out

    def seeded(self):
        """(log_n, moduli, scale, stream, seed, c_0 as evaluations)"""
        log_n = self.log_n()
        moduli = self.parameters.moduli(self.numbers("H"), 0)
        scale, stream, seed = self.numbers("dQ32s")
        return log_n, moduli, scale, stream, seed, self.residues(log_n, moduli)

    def key(self):
        """(log_n, shape, seed, b_d as evaluations)"""
        log_n = self.log_n()
        q_count, p_count, digits = self.numbers("HHH")
        ends = [self.numbers("H") for _ in range(digits)]
        seed = self.take(32)
        moduli = self.parameters.moduli(q_count, p_count)
        return log_n, (q_count, p_count, ends), seed, [self.residues(log_n, moduli) for _ in ends]


def pack_residues(limbs, moduli):
    return b"".join(pack(limb, q.bit_length()) for limb, (q, _) in zip(limbs, moduli))


# --- Vectors -------------------------------------------------------------------------------------

def secret_seed(k):
    """What the k-th generator of secrets is seeded with in golden_test.cpp."""
    return hashlib.sha256(b"secrets %d" % k).digest()


def public_seed(k):
    return hashlib.sha256(b"seeds %d" % k).digest()


def vectors():
    parameters = Parameters("InsecureGolden", 10, 5, [[50, 49], [40], [41], [45], [46]], [50, 50],
                            digit_ends=(3, 6))
    log_n, n, shape = 5, 32, (2, 2, [1, 2])
    q_moduli, moduli = parameters.moduli(2, 0), parameters.moduli(2, 2)
    q, whole = product_of(q_moduli), product_of(moduli)

    stream = Stream(secret_seed(0))
    secret, other = ternary(n, stream), ternary(n, stream)
    message = [(-1) ** i * (i * i + 3) << 20 for i in range(n)]
    c0 = encrypt(parameters, log_n, 2, message, gaussian(n, Stream(secret_seed(1))), other,
                 public_seed(0), 7)
    c1 = uniform_integers(parameters, log_n, q_moduli, public_seed(0), 7)

    errors = Stream(secret_seed(2))
    b, a = [], []
    for d in range(2):
        error = gaussian(n, errors)
        a.append(uniform_integers(parameters, log_n, moduli, public_seed(1), d))
        factor = gadget(parameters, shape, d)
        b.append([(e - x + factor * y) % whole
                  for e, x, y in zip(error, multiply(a[d], secret), other)])
    switched = switch_key(parameters, log_n, shape, c0, c1, b, a)
    # What the key switch is for: the message again, under the other secret, up to small errors.
    opened = [centred(x + y, q) for x, y in zip(switched[0], multiply(switched[1], secret))]
    worst = max(abs(x - m) for x, m in zip(opened, message))
    if worst > 1 << 12:
        raise SystemExit(f"reference: a key switch is off by {worst}")

    c0_values = evaluations(parameters, log_n, q_moduli, c0)
    b_values = [evaluations(parameters, log_n, moduli, x) for x in b]
    ciphertext = (struct.pack("<BHdQ32s", 0, 2, 2.0 ** 20, 7, public_seed(0)) +
                  pack_residues(c0_values, q_moduli))
    key = (struct.pack("<BHHHHH32s", 0, 2, 2, 2, 1, 2, public_seed(1)) +
           b"".join(pack_residues(x, moduli) for x in b_values))
    written = struct.pack("<I", len(parameters.written)) + parameters.written
    file = container(2, parameters, bytes(range(16)), [("PARM", written), ("CIPH", ciphertext), ("KEY.", key)])
    return {
        "primes": [str(x) for x in parameters.q + parameters.p],
        "digest": parameters.digest.hex(),
        "secret": secret, "other": other, "message": [str(x) for x in message],
        "ciphertext": [[str(x) for x in limb] for limb in c0_values],
        "key": [[[str(x) for x in limb] for limb in limbs] for limbs in b_values],
        "switched": [[[str(x) for x in limb]
                      for limb in evaluations(parameters, log_n, q_moduli, half)] for half in switched],
        "file": file.hex(),
    }


def main():
    test_aes()
    text = "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}"
                              for name, value in vectors().items()) + "\n}\n"
    if sys.argv[1:] == ["--check"]:
        if VECTORS.read_text() != text:
            sys.exit("vectors.json is not what reference.py makes")
    else:
        VECTORS.write_text(text)


if __name__ == "__main__":
    main()
