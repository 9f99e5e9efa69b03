#!/usr/bin/env python3
"""Draws docs/plots/*.svg from bench/results.json.

    pip install matplotlib        into an environment of its own
    bench/plot.py [--results FILE] [--out FOLDER] [--png]

A plot whose rows are missing is left as it is and said so. SVGs are the same for the same rows.
"""
import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
# One colour a meaning, told apart by eyes that confuse red and green; shapes differ too.
BLUE, ORANGE, GREEN, GREY, PURPLE = "#0072b2", "#d55e00", "#009e73", "#8a8a8a", "#aa4499"
CYCLE = [BLUE, ORANGE, GREEN, PURPLE, "#e69f00", "#56b4e9", "#000000"]
MARKERS = "osD^vPX"


class Missing(Exception):
    pass


class Rows:
    def __init__(self, rows):
        self.rows = [r for r in rows if r["value"] is not None]

    def get(self, name, **config):
        found = [r for r in self.rows if r["name"] == name and
                 all(r["config"].get(k) == v for k, v in config.items())]
        if not found:
            raise Missing(name)
        return found

    def curve(self, name, key, **config):
        return sorted(self.get(name, **config), key=lambda r: r["config"][key])


def figure(title, columns=1, height=3.4):
    fig, axes = plt.subplots(1, columns, figsize=(5.2 * columns, height))
    fig.suptitle(title, fontsize=11)
    for ax in (axes if columns > 1 else [axes]):
        ax.grid(True, which="major", color="#e6e6e6")
        ax.set_axisbelow(True)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    return fig, axes


def spread(rows):
    """Distances from the median to the least and the greatest sample."""
    low = [r["value"] - min(r["samples"]) for r in rows]
    high = [max(r["samples"]) - r["value"] for r in rows]
    return [low, high]


def measured_and_forecast(ax, rows, key, what):
    x = [r["config"][key] for r in rows]
    ax.errorbar(x, [r["value"] for r in rows], yerr=spread(rows), color=BLUE, marker="o", ms=4,
                capsize=2, label="measured")
    ax.plot(x, [r["predicted"] for r in rows], color=ORANGE, marker="x", ls="--", label="forecast")
    ax.fill_between(x, [0.8 * r["predicted"] for r in rows], [1.2 * r["predicted"] for r in rows],
                    color=ORANGE, alpha=0.15, lw=0, label="forecast ± 20 %")
    ax.set_xlabel(key)
    ax.set_ylabel(what)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)


def log_axis(ax, values):
    ax.set_xscale("log", base=2)
    ax.set_xticks(values)
    ax.set_xticklabels([f"{v // 1000}k" if v >= 10000 else str(v) for v in values], fontsize=8)
    ax.minorticks_off()


def scaling(key, note):
    def draw(rows):
        steps = rows.curve(f"scaling_{key}_step_s", key)
        fig, (left, middle, right) = figure(f"Against {key} ({note})", 3)
        ticks = [r["config"][key] for r in steps]
        measured_and_forecast(left, steps, key, "seconds a step")
        encryption = rows.curve(f"scaling_{key}_encryption_s", key)
        measured_and_forecast(middle, encryption, key, "seconds of encryption")
        for i, (name, label) in enumerate((("upload", "data"), ("evaluation_keys", "keys"),
                                           ("model", "model"))):
            curve = rows.curve(f"scaling_{key}_{name}_bytes", key)
            right.plot([r["config"][key] for r in curve], [r["value"] / 1e6 for r in curve],
                       color=CYCLE[i], marker=MARKERS[i], ms=4, label=label)
        right.set_yscale("log")
        right.set_ylabel("megabytes")
        right.set_xlabel(key)
        right.legend(frameon=False, fontsize=8)
        for ax in (left, middle, right):
            log_axis(ax, ticks)
        if key == "samples":  # proportional, over two decades
            for ax in (left, middle):
                ax.autoscale(axis="y")
                ax.set_yscale("log")
                ax.yaxis.set_major_formatter("{x:g}")
                ax.yaxis.set_minor_formatter("")
        return fig
    return draw


def threads(rows):
    steps = rows.curve("scaling_threads_step_s", "threads")
    fig, ax = figure("A step of 4096 samples, 768 features, 10 classes")
    measured_and_forecast(ax, steps, "threads", "seconds a step")
    ax.set_xticks([r["config"]["threads"] for r in steps])
    return fig


def layout(rows):
    widths = [r for r in rows.curve("ablation_layout_matmul_s", "width")
              if not r["config"].get("planned")]
    planned = rows.get("ablation_layout_matmul_s", planned=True)[0]["config"]["width"]
    fig, ax = figure("Matrix products of a step, by features in a ciphertext")
    measured_and_forecast(ax, widths, "width", "seconds")
    log_axis(ax, [r["config"]["width"] for r in widths])
    ax.axvline(planned, color=GREY, lw=1, ls=":")
    ax.annotate("chosen", (planned, ax.get_ylim()[1]), fontsize=8, color=GREY, ha="left",
                va="top", xytext=(3, 0), textcoords="offset points")
    return fig


def softmax(rows):
    times = rows.get("ablation_softmax_step_s")
    fig, (left, right) = figure("Softmax circuits: 4096 samples, 768 features, 10 classes", 2)
    names = [r["config"]["family"] for r in times]
    left.bar(names, [r["value"] for r in times], color=BLUE, width=0.6, yerr=spread(times),
             capsize=2)
    left.plot(names, [r["predicted"] for r in times], color=ORANGE, marker="x", ls="none",
              label="forecast")
    left.set_ylabel("seconds a step")
    left.legend(frameon=False, fontsize=8)
    accuracy = rows.get("ablation_softmax_accuracy")
    names = [r["config"]["family"] for r in accuracy]
    values = [r["value"] for r in accuracy]
    error = [[v - r["least"] for v, r in zip(values, accuracy)],
             [r["most"] - v for v, r in zip(values, accuracy)]]
    right.errorbar(names, values, yerr=error, color=BLUE, marker="o", ls="none", capsize=3)
    right.set_ylabel("test accuracy, % (in the clear)")
    return fig


def shade(ax, curve, x, color, label, marker):
    ax.plot(x, [r["value"] for r in curve], color=color, marker=marker, ms=4, label=label)
    ax.fill_between(x, [r["least"] for r in curve], [r["most"] for r in curve], color=color,
                    alpha=0.15, lw=0)


def whitening(rows):
    fig, ax = figure("Accuracy against steps, batches of 4096 (in the clear)")
    for i, (whitened, label) in enumerate(((True, "whitened"), (False, "raw, Nesterov"))):
        curve = rows.curve("ablation_whitening_accuracy", "steps", whitened=whitened)
        shade(ax, curve, [r["config"]["steps"] for r in curve], CYCLE[i], label, MARKERS[i])
    log_axis(ax, [r["config"]["steps"] for r in curve])
    ax.set_xlabel("steps")
    ax.set_ylabel("test accuracy, %")
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    return fig


def batch(rows):
    accuracy = rows.get("ablation_batch_accuracy")
    fig, ax = figure("Accuracy (in the clear) against seconds of training (forecast), "
                     "60,000 x 768 x 10", height=4)
    ax.figure.set_figwidth(7)
    by_batch = defaultdict(list)
    for r in accuracy:
        try:
            time = rows.get("ablation_batch_training_s", batch=r["config"]["batch"],
                            steps=r["config"]["steps"])[0]["value"]
        except Missing:  # not whole blocks
            continue
        by_batch[r["config"]["batch"]].append((time, r["value"], r["config"]["steps"]))
    for i, (size, points) in enumerate(sorted(by_batch.items())):
        points.sort()
        ax.plot([p[0] for p in points], [p[1] for p in points], color=CYCLE[i % len(CYCLE)],
                marker=MARKERS[i % len(MARKERS)], ms=4, lw=1, label=f"batch {size}")
    best = max(v for points in by_batch.values() for _, v, _ in points)
    ax.axhline(best - 0.3, color=GREY, lw=1, ls=":")
    ax.annotate("best - 0.3", (ax.get_xlim()[1], best - 0.3), fontsize=8, color=GREY, ha="right",
                va="bottom")
    ax.set_xscale("log")
    ax.set_ylim(best - 4, best + 0.3)
    ax.set_xlabel("seconds of training")
    ax.set_ylabel("test accuracy, %")
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    return fig


def precision(rows):
    fig, ax = figure("Accuracy against precision (in the clear)")
    labels = {"features": "features rounded to 2^-b", "probabilities": "noise of 2^-b on softmax",
              "updates": "coefficients rounded to 2^-(b+10)"}
    for i, (what, label) in enumerate(labels.items()):
        curve = rows.curve("ablation_precision_accuracy", "bits", what=what)
        offset = 10 if what == "updates" else 0
        shade(ax, curve, [r["config"]["bits"] - offset for r in curve], CYCLE[i], label,
              MARKERS[i])
    ax.set_xlabel("bits b")
    ax.set_ylabel("test accuracy, %")
    top = ax.get_ylim()[1]
    ax.set_ylim(max(ax.get_ylim()[0], top - 12), top)
    ax.legend(frameon=False, fontsize=8)
    return fig


def operations(rows):
    names = [f"{op}_l{l}_ms" for op in ("mul_relin_rescale", "rotate", "hoisted_rotate", "mul_plain")
             for l in (25, 15, 5)]
    ours, peer = [], []
    for name in names:
        ours.append(rows.get(name)[0]["value"])
        try:
            peer.append(rows.get("peer_openfhe_" + name)[0]["value"])
        except Missing:
            peer.append(0)
    fig, ax = figure("Operations of the big ring (N = 65536), one thread", height=4)
    ax.figure.set_figwidth(8)
    place = range(len(names))
    ax.bar([p - 0.2 for p in place], ours, width=0.38, color=BLUE, label="BlindTuner")
    if any(peer):
        ax.bar([p + 0.2 for p in place], peer, width=0.38, color=GREY, label="OpenFHE, same run")
    ax.set_yscale("log")
    ax.set_ylabel("milliseconds")
    ax.set_xticks(list(place))
    short = {"mul_relin_rescale": "product", "rotate": "rotation", "hoisted_rotate": "hoisted",
             "mul_plain": "plaintext"}
    ax.set_xticklabels([f"{short[op]}\n{limbs} limbs" for op, limbs in
                        (n[:-3].rsplit("_l", 1) for n in names)], fontsize=7)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.legend(frameon=False, fontsize=8)
    return fig


PLOTS = {
    "operations": operations,
    "scaling_samples": scaling("samples", "768 features, 10 classes, all samples in one batch"),
    "scaling_features": scaling("features", "4096 samples, 10 classes"),
    "scaling_classes": scaling("classes", "4096 samples, 256 features"),
    "scaling_threads": threads,
    "ablation_layout": layout,
    "ablation_softmax": softmax,
    "ablation_whitening": whitening,
    "ablation_batch": batch,
    "ablation_precision": precision,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "plots")
    parser.add_argument("--png", action="store_true", help="PNGs too, to look at")
    options = parser.parse_args()
    rows = Rows(json.loads(options.results.read_text()))
    options.out.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"svg.hashsalt": "blindtuner", "font.size": 9})
    missing, page = 0, ["# Plots", "", "Drawn by `bench/plot.py` from `bench/results.json`; "
                        "[BENCHMARKS.md](../BENCHMARKS.md) explains them.", ""]
    for name, draw in PLOTS.items():
        try:
            fig = draw(rows)
        except Missing as error:
            print(f"{name}: no rows '{error}'", file=sys.stderr)
            missing += 1
            continue
        fig.tight_layout()
        fig.savefig(options.out / f"{name}.svg", metadata={"Date": None})
        if options.png:
            fig.savefig(options.out / f"{name}.png", dpi=110)
        plt.close(fig)
        print(f"{options.out / name}.svg")
        page += [f"![{name.replace('_', ' ')}]({name}.svg)", ""]
    if missing < len(PLOTS):
        (options.out / "README.md").write_text("\n".join(page))
    return 1 if missing == len(PLOTS) else 0


if __name__ == "__main__":
    sys.exit(main())
