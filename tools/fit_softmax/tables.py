"""The tables of docs/SOFTMAX.md."""
import numpy as np

from circuits import ROOT, circuit_name, read_generated
from measure import fresh_rows
from rows import Domain, LEVELS_LEFT


DOCUMENT = ROOT / "docs/SOFTMAX.md"


def textbook(classes, reach, goal=0.01):
    """Depth and products of exp (degree 7, squared three times), Goldschmidt's inverse of the sum
    and a product, with the fewest iterations that keep max error <= goal for |z| <= R; the start
    2 / (min S + max S) is for that range alone. Exact arithmetic."""
    domain = Domain(2 if classes == 2 else classes, classes, reach)
    rows = fresh_rows(domain, 1)
    e = np.exp(rows.z) * (rows.m > 0)
    s = (e * rows.m).sum(1, keepdims=True)
    a, y = s * 2 / (s.min() + s.max()), 2 / (s.min() + s.max())
    for count in range(1, 100):
        y, a = y * (2 - a), a * (2 - a)
        if np.abs(e * y - rows.softmax()).max() <= goal:
            break
    return 3 + 3 + count + 1, 4 + 3 + 2 * count + 1


def table():
    """Markdown of everything that ships, from the generated file."""
    lines = [
        "| circuit | classes | R | B | steps | depth | bootstraps | products | max error "
        "| mean error | stable to | max error there | noise gain | worst row |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for c in read_generated():
        m = c.stated
        products = (4 if c.chain.degree == 7 else 8) + len(c.chain.steps)
        classes = f"{m['min_classes']}-{c.classes}" if c.classes else "any"
        lines.append(
            f"| `{circuit_name(c.family, c.classes, c.reach)}` | {classes} | {c.reach:g} "
            f"| {c.chain.bound:.4g} | `{c.chain.steps or '-'}` | {c.chain.depth()} "
            f"| {(c.chain.depth() - 1) // LEVELS_LEFT} | {products} "
            f"| {m['max_error']:.2g} | {m['mean_error']:.2g} | {m['stable_range']:.4g} "
            f"| {m['bound_error']:.2g} | {m['noise_gain']:.3g} | {m['worst_noise_gain']:.0f} |"
        )
    return "\n".join(lines)


def comparison():
    """Markdown: the guaranteed circuits beside the textbook's for the same classes and range."""
    lines = [
        "| classes | R | ours, depth / products | textbook, depth / products |",
        "| --- | --- | --- | --- |",
    ]
    for c in read_generated():
        if c.family == "guaranteed":
            depth, products = textbook(c.classes, c.reach)
            lines.append(
                f"| {c.classes} | {c.reach:g} | {c.chain.depth()} / {4 + len(c.chain.steps)} "
                f"| {depth} / {products} |"
            )
    return "\n".join(lines)


def write_tables():
    text = DOCUMENT.read_text()
    for name, make in (("table", table), ("comparison", comparison)):
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        head, rest = text.split(begin)
        text = head + begin + "\n" + make() + "\n" + end + rest.split(end)[1]
    DOCUMENT.write_text(text)
