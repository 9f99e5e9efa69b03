#!/usr/bin/env python3
"""The operations of docs/BENCHMARKS.md by OpenFHE's CKKS, for comparison in the same run.

    pip install openfhe            into an environment of its own
    OMP_NUM_THREADS=1 PYTHON bench/peer_openfhe.py      (bench/run.py --peer-openfhe PYTHON)

N = 2^16, three key-switching digits, 128 bits (unless --quick: N = 2^12, insecure). Prints a JSON list
of {name, samples, unit, config}; times are of operations at 25, 15 and 5 limbs of 50 bits. A rotation
and a rescaling are one call each; hoisted rotations share one precomputation, whose time is divided by
their number.
"""
import argparse
import json
import sys
import time


def timed(f, runs):
    f()
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        samples.append(1000 * (time.perf_counter() - start))
    return samples


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    import openfhe as fhe

    parameters = fhe.CCParamsCKKSRNS()
    parameters.SetMultiplicativeDepth(25)
    parameters.SetScalingModSize(50)
    parameters.SetFirstModSize(55)
    parameters.SetScalingTechnique(fhe.ScalingTechnique.FIXEDMANUAL)
    parameters.SetKeySwitchTechnique(fhe.KeySwitchTechnique.HYBRID)
    parameters.SetNumLargeDigits(3)
    # Its own special primes and a margin take it beyond what it allows at this dimension; the time
    # of an operation does not depend on that.
    parameters.SetSecurityLevel(fhe.SecurityLevel.HEStd_NotSet)
    parameters.SetRingDim(1 << (12 if options.quick else 16))
    context = fhe.GenCryptoContext(parameters)
    for feature in (fhe.PKESchemeFeature.PKE, fhe.PKESchemeFeature.KEYSWITCH,
                    fhe.PKESchemeFeature.LEVELEDSHE, fhe.PKESchemeFeature.ADVANCEDSHE):
        context.Enable(feature)
    keys = context.KeyGen()
    context.EvalMultKeyGen(keys.secretKey)
    steps = list(range(1, 8))
    context.EvalRotateKeyGen(keys.secretKey, steps)
    n = context.GetRingDimension()
    values = [0.001 * (i % 1000) for i in range(n // 2)]

    version = getattr(fhe, "__version__", "")
    if not version:
        import importlib.metadata
        version = importlib.metadata.version("openfhe")
    config = {"openfhe": version, "log_n": n.bit_length() - 1, "digits": 3, "threads": 1}
    out = []

    def row(name, samples):
        out.append({"name": name, "samples": samples, "unit": "ms", "config": config})
        print(f"{name}: {sorted(samples)[len(samples) // 2]:.1f} ms", file=sys.stderr)

    # 26 limbs at the top: a ciphertext of l limbs is 26 - l levels down.
    for limbs in (25, 15, 5):
        plain = context.MakeCKKSPackedPlaintext(values, 1, 26 - limbs)
        a = context.Encrypt(keys.publicKey, plain)
        b = context.Encrypt(keys.publicKey, plain)
        row(f"mul_relin_rescale_l{limbs}_ms",
            timed(lambda: context.Rescale(context.EvalMult(a, b)), options.runs))
        row(f"rotate_l{limbs}_ms", timed(lambda: context.EvalRotate(a, 1), options.runs))

        def hoisted():
            digits = context.EvalFastRotationPrecompute(a)
            for step in steps:
                context.EvalFastRotation(a, step, 2 * n, digits)

        row(f"hoisted_rotate_l{limbs}_ms",
            [s / len(steps) for s in timed(hoisted, options.runs)])
        row(f"mul_plain_l{limbs}_ms", timed(lambda: context.EvalMult(a, plain), options.runs))
    json.dump(out, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
