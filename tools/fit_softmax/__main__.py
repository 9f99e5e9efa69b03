"""Fits the softmax circuits that BlindTuner ships (docs/SOFTMAX.md has the mathematics).

A circuit turns a row of centred logits z_1..z_c into probabilities by

    y = sin(2 pi rho x) / (2 pi rho),  x = z / B     what the bootstrapping's eval_mod hands over
    v = E(y)                                         Chebyshev polynomial of degree 7
    n:  v <- v * (a + b S)                           S = sum of v over the row
    q:  v <- g v^2

The fit of one circuit, given its step string:
  1. E by weighted least squares on exp(z / 2^q), flattened beyond `sat` * R;
  2. each run of n steps by the roots that make max/min of the row's next sum least;
  3. all constants together by L-BFGS on the 4-norm of the error, then by sequential linear
     programming on its maximum (each LP minimises the largest linearised error in a trust region).
     Rows in (R, B] count with a weight that falls to `outer`, so that they stay bounded;
  4. scales moved between neighbours until max |v| = 1 after every step.

Wide circuits whose entry in PLAN has root factors are constructed instead, without optimisation:
E by linear programming, every root from the ends of S (Fit.construct).

A row is stored as up to eight distinct logits with multiplicities: the cost of a fit does not depend
on the number of classes. A fit follows the rounding of the linear algebra library into one of many
near minima, so --all starts from the constants that ship and replaces them only by clearly better
ones; --scratch starts from the beginning.

    python3 tools/fit_softmax --classes 10 --range 12 --steps nqnqnnqnnn          one circuit, printed
    python3 tools/fit_softmax --classes 10 --range 12 --depth 13                  search for the step string
    python3 tools/fit_softmax --all [--jobs 2] [--only default] [--scratch]       everything that ships
    python3 tools/fit_softmax --check                                             re-measure what ships
    python3 tools/fit_softmax --restate                                           write new figures of it
    python3 tools/fit_softmax --table                                             rewrite the tables in docs

Needs numpy, and scipy for fits.
"""
import argparse
import multiprocessing
import os
import re
import sys

# One thread: sums in another order round differently, and a fit follows the rounding.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

try:
    import numpy as np
except ImportError:
    print("fit_softmax: needs numpy", file=sys.stderr)
    sys.exit(77)

from check import check
from circuits import Circuit, PLAN, circuit_name, domain_key, read_generated, write_generated
from measure import measure
from rows import Domain, MARGIN
from tables import write_tables


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--classes", type=int, help="most classes of a row")
    parser.add_argument("--min-classes", type=int, help="fewest classes (default: by the grid)")
    parser.add_argument("--range", type=float, help="R: logits in [-R, R]")
    parser.add_argument("--factor", type=float, default=MARGIN, help="B / R")
    parser.add_argument("--steps", help="step string, such as nqnqnnqnnn")
    parser.add_argument("--depth", type=int, help="search the step strings of this depth instead")
    parser.add_argument("--variant", type=int, default=0, help="start of the fit, 0 to 19")
    parser.add_argument("--all", action="store_true", help="regenerate everything that ships")
    parser.add_argument("--only", help="with --all: keep what ships but circuits so named")
    parser.add_argument("--scratch", action="store_true", help="with --all: not from what ships")
    parser.add_argument("--check", action="store_true", help="re-measure everything that ships")
    parser.add_argument("--restate", action="store_true", help="measure anew, constants kept")
    parser.add_argument("--table", action="store_true", help="rewrite the table in docs/SOFTMAX.md")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()

    if args.check:
        return 1 if check() else 0
    if args.table:
        return write_tables()
    from fit import THOROUGH  # what needs scipy
    from make import make_circuit, restate
    from search import attempt, search

    with multiprocessing.Pool(args.jobs) as pool:
        if args.all:
            kept = {(c.family, c.classes, c.reach): c for c in read_generated()}
            wanted = [
                (item, None if args.scratch else kept.get(item[0]))
                for item in PLAN.items()
                if item[0] not in kept or re.search(args.only or "", circuit_name(*item[0]))
            ]
            for made in pool.imap(make_circuit, wanted):
                kept[made.family, made.classes, made.reach] = made
                write_generated([kept[k] for k in PLAN if k in kept])
        elif args.restate:
            write_generated(pool.map(restate, read_generated(), chunksize=1))
        elif args.classes and args.range and (args.steps or args.depth):
            key = domain_key("fitted", args.classes, args.range, args.min_classes)
            bound = args.factor * args.range
            steps, variant = args.steps, args.variant
            if not steps:
                ranked = search(key, bound, args.depth, pool)
                for top, s, v in ranked[:12]:
                    print(f"{s} variant {v} weighted error {top:.4g}")
                _, steps, variant = ranked[0]
            options = dict(n=4000, variant=variant)
            _, _, _, chain = attempt((steps, key, bound, options, THOROUGH))
            with np.errstate(all="ignore"):
                stated = measure(chain, Domain(*key))
            print(Circuit("fitted", args.classes, args.range, chain, key, stated).text())
        else:
            parser.error("give --all, --check, --table, or --classes, --range and --steps or --depth")
    return 0


if __name__ == "__main__":
    sys.exit(main())
