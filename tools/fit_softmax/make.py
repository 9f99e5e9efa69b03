"""Makes the circuits that ship."""
import math
import sys
import time

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import linprog

from chain import Chain
from circuits import Circuit, circuit_name, domain_key
from fit import KEEP, START, THOROUGH
from measure import measure, measure_sigmoid
from rows import Domain, MARGIN, fold
from search import attempt


def sigmoid_chain(bound=32, degree=31):
    """1 / (1 + exp(-z)) on |z| <= B, minimax by linear programming. Only odd terms beside 1/2."""
    z = np.linspace(0, 1.01 * bound, 4000)
    v = chebyshev.chebvander(fold(z / bound), degree)[:, 1::2]
    target = 1 / (1 + np.exp(-z)) - 0.5
    n = v.shape[1]
    a = np.block([[v, -np.ones((len(z), 1))], [-v, -np.ones((len(z), 1))]])
    cost = np.append(np.zeros(n), 1)
    limits = [(None, None)] * n + [(0, None)]
    found = linprog(cost, A_ub=a, b_ub=np.append(target, -target), bounds=limits, method="highs")
    p = np.zeros(degree + 1)
    p[0], p[1::2] = 0.5, found.x[:n]
    return Chain("", float(bound), p, degree)


def make_circuit(job):
    """One entry of PLAN, made and measured. job = (entry, what ships of it or None)."""
    ((family, classes, reach), (steps, variant)), shipped = job
    started = time.time()
    name = circuit_name(family, classes, reach)
    if family == "sigmoid":
        chain = sigmoid_chain(reach)
        return Circuit(family, 0, reach, chain, None, measure_sigmoid(chain))
    key = domain_key(family, classes, reach)
    bound = key[2] if family == "wide" else MARGIN * reach
    options, note = dict(n=4000), ""
    if isinstance(variant, dict):
        top, _, _, chain = attempt((steps, key, bound, options, dict(START, factors=variant)))
    elif shipped and shipped.chain.steps == steps:
        effort = dict(THOROUGH, recorded=shipped.chain.p)
        top, _, _, chain = attempt((steps, key, bound, options, effort))
    elif variant == "constructed":
        effort = dict(THOROUGH, smoothing=0, factors={})
        top, _, _, chain = attempt((steps, key, bound, options, effort))
    else:
        top, _, _, chain = attempt((steps, key, bound, dict(options, variant=variant), THOROUGH))
    if not math.isfinite(top):
        raise RuntimeError(f"{name} {steps} {variant}: no fit")
    if hasattr(chain, "refit"):
        note = f"  refit {chain.refit:.3f} of the recorded error"
        if chain.refit > KEEP:
            chain = shipped.chain
    with np.errstate(all="ignore"):
        stated = measure(chain, Domain(*key))
    done = Circuit(family, classes, reach, chain, key, stated)
    print(
        f"{name:20s} {steps:32s} depth {chain.depth():2d}  max "
        f"{stated['max_error']:.2g} mean {stated['mean_error']:.2g}  stable to "
        f"{stated['stable_range']:.4g} (error {stated['bound_error']:.2g})  noise x "
        f"{stated['noise_gain']:.1f}  {time.time() - started:.0f} s{note}",
        file=sys.stderr,
        flush=True,
    )
    return done


def restate(circuit):
    """The same constants, measured anew."""
    with np.errstate(all="ignore"):
        if circuit.key:
            circuit.stated = measure(circuit.chain, Domain(*circuit.key))
        else:
            circuit.stated = measure_sigmoid(circuit.chain)
    return circuit
