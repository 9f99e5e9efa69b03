"""The circuits that ship: which there are, and the generated file that holds them."""
import math
import pathlib
import re

import numpy as np

from chain import Chain
from rows import RHO


ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATED = ROOT / "src/learn/heads/softmax_circuits.gen.cpp"
SIGMOID = ROOT / "src/learn/heads/sigmoid.gen.cpp"


GRID = {  # class counts that have a circuit of their own
    "default": (3, 5, 7, 10, 16, 26, 50, 100),
    "guaranteed": (3, 5, 10, 20, 50, 100),
    "wide": (3, 7, 10, 16, 26, 50, 100),
}


def domain_key(family, classes, reach, lo=None):
    """Arguments of Domain for a shipped circuit: it serves the class counts above the next smaller
    one of its family's grid."""
    smaller = [c for c in GRID.get(family, GRID["default"]) if c < classes]
    lo = lo or (smaller[-1] + 1 if smaller else 2)
    if family == "wide":
        return lo, classes, 2 * reach * (classes - 1) / classes, float(reach), None
    crowd = 1.65 + 2 * math.e**3 / classes if family == "default" and classes > 10 else None
    return lo, classes, float(reach), None, crowd


# What ships: (family, classes, R) -> step string and start of the fit, both found by --depth searches
# (wide step strings: by design()). Instead of a start: the root factors of a chain that is constructed
# and not fitted, or "constructed" where the fit starts from such a chain.
PLAN = {
    ("default", 50, 8): ("nqnnnqnnnn", 2),
    ("default", 100, 8): ("nqnnqnnnnn", 2),
    ("default", 3, 12): ("nnqnqnnn", 0),
    ("default", 5, 12): ("nnqnnqnnn", 0),
    ("default", 7, 12): ("nnnqnnqnnn", 0),
    ("default", 10, 12): ("nnnqnnqnnn", 2),
    ("default", 16, 12): ("nnqnnqnnnn", 2),
    ("default", 26, 12): ("nnqnnqnnnn", 2),
    ("default", 50, 12): ("nqnnnqnnnnn", 2),
    ("default", 100, 12): ("nqnnnqnnnnn", 2),
    ("default", 3, 16): ("nnnqnqnnn", 0),
    ("default", 5, 16): ("nnqnqnnqnnn", 2),
    ("default", 7, 16): ("nnqnnqnqnnn", 0),
    ("default", 10, 16): ("nqnnqnnqnnn", 0),
    ("guaranteed", 3, 8): ("nqnqnnn", 0),
    ("guaranteed", 5, 8): ("nqnnqnnn", 0),
    ("guaranteed", 10, 8): ("nqnnqnnnn", 0),
    ("guaranteed", 20, 8): ("nqnnqnnnnn", 0),
    ("guaranteed", 50, 8): ("nqnnnqnnnn", 2),
    ("guaranteed", 100, 8): ("nqnnnqnnnnn", 2),
    ("guaranteed", 3, 12): ("nnqnqnnn", 0),
    ("guaranteed", 5, 12): ("nnnqnnqnnn", 2),
    ("guaranteed", 10, 12): ("nqnqnnqnnnn", 2),
    ("guaranteed", 20, 12): ("nnnqnnqnnnn", 2),
    ("guaranteed", 50, 12): ("nqnnqnnnqnnnnn", 2),
    ("guaranteed", 100, 12): ("nqnnqnnnqnnnnn", 2),
    ("guaranteed", 3, 16): ("nqnqnqnnnn", 0),
    ("guaranteed", 5, 16): ("nqnnqnnqnnnn", 2),
    ("guaranteed", 10, 16): ("nnqnnqnnqnnnn", 0),
    ("guaranteed", 20, 16): ("nqnnqnnnqnnnnn", 2),
    ("guaranteed", 50, 16): ("nqnnnqnnnqnnnnn", 2),
    ("guaranteed", 100, 16): ("nqnnnqnnnqnnnnnn", 2),
    ("wide", 3, 128): ("nqnnqnqnnqnqnnqnnn", {}),
    ("wide", 7, 128): ("nnqnnqnnqnnqnnqnnqnnn", 0),
    ("wide", 10, 128): ("nnqnnqnnqnnqnnqnnqnnnn", 0),
    ("wide", 16, 128): ("nnqnnqnnnqnnqnnnqnnnqnnnn", "constructed"),
    ("wide", 26, 128): ("nnqnnqnnnnqnnnqnnnqnnnqnnnnn", {}),
    ("wide", 50, 128): ("nnqnnnqnnnnqnnnnqnnnqnnnqnnnnnn", {}),
    ("wide", 100, 128): ("nnqnnnqnnnnqnnnnqnnnnqnnnnqnnnnnn", {2: 0.83, 3: 0.83}),
    ("sigmoid", 0, 32): ("", 0),
}


def circuit_name(family, classes, reach):
    return f"{family}_c{classes}_r{reach:g}" if classes else f"{family}_r{reach:g}"


class Circuit:
    """A chain with its place in the table and its measurements."""

    def __init__(self, family, classes, reach, chain, key, stated):
        self.family, self.classes, self.reach = family, classes, reach
        self.chain, self.key, self.stated = chain, key, stated

    def text(self):
        """The C++ initialiser, in the order of SoftmaxCircuit's members; SigmoidFit's without classes."""

        def number(x):
            return np.format_float_scientific(x, trim="-", precision=16, unique=True)

        def up(x):  # measured figures are rounded up to three digits
            if x <= 0:
                return "0"
            e = math.floor(math.log10(x)) - 2
            return f"{math.ceil(round(x / 10**e, 6)) * 10.0**e:.4g}"

        m, (coefficients, ab) = self.stated, self.chain.split(self.chain.p)
        lines = [
            f'{{.name = "{circuit_name(self.family, self.classes, self.reach)}",',
            f' .family = "{self.family}",',
            f" .classes = {self.classes},",
            f" .min_classes = {m['min_classes']},",
            f" .range = {self.reach:g},",
            f" .bound = {number(self.chain.bound)},",
            f" .rho = {RHO:g},",
            f" .exp_chebyshev = {{{', '.join(map(number, coefficients))}}},",
        ]
        if not self.classes:
            errors = [f".{field} = {up(m[field])}" for field in ("max_error", "mean_error")]
            polynomial = lines[-1].replace("exp_chebyshev", "chebyshev")
            kept = [line for line in lines[:-1] if not re.match(r" \.(family|classes|min_classes)", line)]
            return "\n".join([*kept, polynomial, f" {errors[0]},", f" {errors[1]}}};"])
        steps, i = [], 0
        for step, (max_v, max_s) in zip(self.chain.steps, m["peaks"][1:]):
            a, b, g = (*ab[i], 0) if step == "n" else (0, 0, 1)
            i += step == "n"
            steps.append(
                f"{{.kind = '{step}', .a = {number(a)}, .b = {number(b)}, .g = {g}, "
                f".max_v = {up(max_v)}, .max_s = {up(max_s)}}}"
            )
        lines.append(f" .steps = {{{', '.join(steps)}}},")
        for field in ("max_error", "mean_error"):
            lines.append(f" .{field} = {up(m[field])},")
        lines.append(f" .max_v_after_exp = {up(m['peaks'][0][0])},")
        lines.append(f" .max_s_after_exp = {up(m['peaks'][0][1])},")
        lines.append(f" .stable_range = {number(m['stable_range'])},")
        lines.append(f" .bound_error = {up(m['bound_error'])},")
        lines.append(f" .noise_gain = {up(m['noise_gain'])},")
        lines.append(f" .worst_noise_gain = {up(m['worst_noise_gain'])},")
        lines.append(f" .crowd = {(self.key and self.key[4]) or 0:.17g}}},")
        return "\n".join(lines)


HEADER = """// Generated by tools/fit_softmax --all; do not edit. docs/SOFTMAX.md tells what the figures mean.
#include "learn/heads/softmax_circuit.h"

// clang-format off
namespace blindtuner::learn {

std::span<const SoftmaxCircuit> softmax_circuits() {
  static const std::vector<SoftmaxCircuit> circuits = {
"""
FOOTER = """  };
  return circuits;
}

}  // namespace blindtuner::learn
// clang-format on
"""


SIGMOID_HEADER = """// Generated by tools/fit_softmax --all; do not edit. docs/SOFTMAX.md tells what the figures mean.
#include "learn/heads/sigmoid.h"

// clang-format off
namespace blindtuner::learn {

const SigmoidFit& sigmoid_fit() {
  static const SigmoidFit fit =
"""
SIGMOID_FOOTER = """  return fit;
}

}  // namespace blindtuner::learn
// clang-format on
"""


def write_generated(circuits):
    text = HEADER + "\n".join(c.text() for c in circuits if c.classes) + "\n" + FOOTER
    GENERATED.write_text(text)
    for c in circuits:
        if not c.classes:
            SIGMOID.write_text(SIGMOID_HEADER + c.text() + "\n" + SIGMOID_FOOTER)


def read_sigmoid():
    text = SIGMOID.read_text()

    def value(field):
        return re.search(rf"\.{field} = ([^,}}\n]+)", text).group(1)

    p = [float(x) for x in re.search(r"chebyshev = \{([^}]*)\}", text).group(1).split(",")]
    bound, error = float(value("bound")), float(value("max_error"))
    stated = dict(max_error=error, mean_error=float(value("mean_error")), noise_gain=1.0, worst_noise_gain=1.0,
                  min_classes=0, stable_range=bound, bound_error=error, peaks=[(1.02, 1.02)])
    return Circuit("sigmoid", 0, float(value("range")), Chain("", bound, np.array(p), len(p) - 1), None, stated)


def read_generated():
    """The circuits in the generated files: what ships, independent of what a fit would give now."""
    out = []
    for block in re.findall(r"\{\.name = .*?\.crowd = [^}]*\}", GENERATED.read_text(), re.S):

        def value(field, where=block):
            return re.search(rf"\.{field} = ([^,}}\n]+)", where).group(1)

        family, classes, reach = value("family").strip('"'), int(value("classes")), float(value("range"))
        coefficients = re.search(r"exp_chebyshev = \{([^}]*)\}", block).group(1)
        p = [float(x) for x in coefficients.split(",")]
        degree, steps = len(p) - 1, ""
        peaks = [(float(value("max_v_after_exp")), float(value("max_s_after_exp")))]
        for step in re.findall(r"\{\.kind = [^}]*\}", block):
            steps += value("kind", step).strip("'")
            if steps[-1] == "n":
                p += [float(value("a", step)), float(value("b", step))]
            peaks.append((float(value("max_v", step)), float(value("max_s", step))))
        chain = Chain(steps, float(value("bound")), np.array(p), degree)
        key = domain_key(family, classes, reach)
        fields = ("max_error", "mean_error", "stable_range", "bound_error", "noise_gain")
        fields += ("worst_noise_gain",)
        stated = {f: float(value(f)) for f in fields}
        stated["min_classes"], stated["peaks"] = int(value("min_classes")), peaks
        out.append(Circuit(family, classes, reach, chain, key, stated))
    return [*out, read_sigmoid()]
