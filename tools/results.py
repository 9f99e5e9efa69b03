#!/usr/bin/env python3
"""The table of docs/RESULTS.md: real data sets, on ciphertexts beside the clear.

    tools/results.py --features DIR --out DIR [--rows mnist,snips] [--settings fast,paper] [--table]

auto, fast, thorough and paper are presets of `blindtuner finetune`: auto, the default, chooses on the
training set alone, paper is HETAL's way; balanced is auto with --balanced, beside scikit-learn's
class_weight="balanced".

--features holds what `blindtuner extract` made, <name>.npz or <name>_train.npz and <name>_test.npz;
rows whose files are absent are listed as skipped. Every run leaves its report.json under --out and
is not repeated when that exists, so the script may be stopped and started again. --table writes the
table into docs/RESULTS.md from the reports that are there.

Needs numpy and scikit-learn (for the converged classifier in the clear).
"""
import argparse
import hashlib
import json
import math
import pathlib
import shutil
import subprocess
import sys

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "RESULTS.md"
BEGIN, END = "<!-- begin table -->", "<!-- end table -->"

# The paper's setting: batch and epochs are HETAL's (ICML 2023, Table 3 and its repository), and so is
# the rate for SNIPS. HETAL's rates for pictures belong to features of ViT-base and diverge on
# DeiT-tiny's, whose squared norm is 400 to 700: the largest of 0.001 .. 0.03 that lowers the loss on
# a tenth of the training set, in the clear.
ROWS = {
    "mnist": dict(title="MNIST", encoder="DeiT-tiny", paper=(1024, 7, 0.03)),
    "cifar10": dict(title="CIFAR-10", encoder="DeiT-tiny", paper=(2048, 9, 0.02)),
    "face_mask": dict(title="Face Mask", encoder="DeiT-tiny", paper=(512, 22, 0.02)),
    "ham10000": dict(title="HAM10000, 28x28", encoder="DeiT-tiny", paper=(1024, 23, 0.02)),
    "snips": dict(title="SNIPS", encoder="MiniLM-L6", paper=(1024, 14, 1.0)),
}


def seeds(name, setting):
    """The paper's setting takes too long for more than one."""
    return 1 if setting == "paper" else 3


def read(path):
    with numpy.load(path, allow_pickle=False) as data:
        return data["features"].astype(numpy.float32), data["labels"].astype(int)


def poolings(folder, name):
    """What `extract` noted of the tokens that became features."""
    for path in (folder / f"{name}_train.npz", folder / f"{name}.npz"):
        if path.exists():
            with numpy.load(path, allow_pickle=False) as data:
                return {k: data[k] for k in ("pooling", "poolings", "pooling_columns") if k in data}
    return {}


def of_pooling(features, noted, pooling):
    """The columns of the one that was chosen, where there are several."""
    if "poolings" not in noted:
        return features
    number = [str(p) for p in noted["poolings"]].index(pooling)
    return numpy.concatenate([features[:, int(first):int(first + count)]
                              for p, first, count in noted["pooling_columns"] if p == number], axis=1)


def split(features, labels, seed, fraction=0.2):
    """A stratified test set for data that come without one."""
    generator = numpy.random.default_rng(seed)
    test = numpy.zeros(len(labels), bool)
    for cls in numpy.unique(labels):
        of_class = generator.permutation(numpy.flatnonzero(labels == cls))
        test[of_class[: max(1, round(fraction * len(of_class)))]] = True
    return (features[~test], labels[~test]), (features[test], labels[test])


def data_of(name, folder, seed):
    train, test = folder / f"{name}_train.npz", folder / f"{name}_test.npz"
    if train.exists() and test.exists():
        x, y = read(train)
        validation = folder / f"{name}_val.npz"
        if validation.exists():  # the programs hold out a validation set of their own
            vx, vy = read(validation)
            x, y = numpy.concatenate([x, vx]), numpy.concatenate([y, vy])
        return (x, y), read(test)
    if (folder / f"{name}.npz").exists():
        return split(*read(folder / f"{name}.npz"), seed)
    return None


def converged(train, test, class_weight, kept):
    """Softmax regression to convergence, scikit-learn's defaults on standardised features: accuracy and macro-F1.

    Once for the same data: `kept` is a folder of what was found before."""
    digest = hashlib.sha256(repr(class_weight).encode())
    for part in (*train, *test):
        digest.update(numpy.ascontiguousarray(part))
    found = kept / f"{digest.hexdigest()}.json"
    if not found.exists():
        scaler = StandardScaler().fit(train[0])
        model = LogisticRegression(max_iter=2000, class_weight=class_weight)
        model.fit(scaler.transform(train[0]), train[1])
        predicted = model.predict(scaler.transform(test[0]))
        kept.mkdir(parents=True, exist_ok=True)
        found.write_text(json.dumps([accuracy_score(test[1], predicted),
                                     f1_score(test[1], predicted, average="macro")]) + "\n")
    return json.loads(found.read_text())


def run(name, setting, seed, options):
    out = options.out / f"{name}-{setting}-{seed}"
    if (out / "result.json").exists():
        return
    data = data_of(name, options.features, seed)
    if data is None:
        print(f"{name}: skipped, no features in {options.features}", file=sys.stderr)
        return
    out.mkdir(parents=True, exist_ok=True)
    train, test = data
    noted = poolings(options.features, name)
    numpy.savez(out / "train.npz", features=train[0], labels=train[1], **noted)
    numpy.savez(out / "test.npz", features=test[0], labels=test[1], **noted)
    command = [options.program, "finetune", "--features", out / "train.npz", "--test-features",
               out / "test.npz", "--preset", "auto" if setting == "balanced" else setting, "--seed",
               str(seed), "--out", out, "--json"]
    if setting == "balanced":
        command += ["--balanced"]
    if setting == "paper":
        batch, epochs, rate = ROWS[name]["paper"]
        command += ["--batch", str(batch), "--epochs", str(epochs), "--learning-rate", str(rate)]
    print(f"{name}, {setting}, seed {seed}", file=sys.stderr)
    report = json.loads(subprocess.run([str(c) for c in command], check=True,
                                       stdout=subprocess.PIPE).stdout)
    report.setdefault("pooling", "not noted")
    accuracy, macro_f1 = converged(*((of_pooling(x, noted, report["pooling"]), y)
                                     for x, y in (train, test)),
                                   class_weight="balanced" if setting == "balanced" else None,
                                   kept=options.out / "converged")
    report["accuracy_converged"], report["macro_f1_converged"] = accuracy, macro_f1
    (out / "result.json").write_text(json.dumps(report, indent=1) + "\n")
    for part in out.iterdir():  # gigabytes of keys and ciphertexts
        if part.is_dir():
            shutil.rmtree(part)
        elif part.suffix not in (".json", ".html"):
            part.unlink()


def percent(values):
    mean = 100 * sum(values) / len(values)
    return f"{mean:.2f}" if len(values) == 1 else \
        f"{mean:.2f} ({100 * min(values):.2f} - {100 * max(values):.2f})"


def mean(values):
    return sum(values) / len(values)


def way(setting, reports):
    """What `auto` chose, of every seed."""
    chosen = [r["choice"]["way"] for r in reports if r.get("choice")]
    return f"{setting}: {'; '.join(sorted(set(chosen)))}" if chosen else setting


def taken(reports):
    """The poolings, of every seed."""
    return "; ".join(sorted({r["pooling"] for r in reports}))


def line(name, setting, reports):
    row, first = ROWS[name], reports[0]
    steps = mean([r["steps_done"] for r in reports])
    encrypted, plain = [r["accuracy_encrypted"] for r in reports], [r["accuracy_converged"] for r in reports]
    error = 100 * math.sqrt(mean(plain) * (1 - mean(plain)) / first["test_samples"])
    upload = first["bytes"]["upload"] + first["bytes"].get("upload_validation", 0)
    return "| " + " | ".join([
        f"{row['title']}, {len(reports)} seed{'s' * (len(reports) > 1)}", f"{row['encoder']}, {taken(reports)}", way(setting, reports), f"{first['samples']} + {first['test_samples']}",
        f"{first['features']}", f"{first['classes']}", f"{first['batch']}", f"{steps:.0f}",
        percent(plain), percent([r["accuracy_plain"] for r in reports]), percent(encrypted),
        f"{100 * (mean(encrypted) - mean(plain)):+.2f} (s.e. {error:.2f})",
        f"{100 * mean([r['macro_f1'] for r in reports]):.1f} / "
        f"{100 * mean([r['macro_f1_converged'] for r in reports]):.1f}",
        f"{mean([r['seconds_server']['training'] for r in reports]):.0f}",
        f"{mean([r['seconds']['total'] for r in reports]):.0f}",
        f"{upload / 1e6:.0f}", f"{first['peak_memory_bytes']['server'] / 1e9:.1f}",
        f"{max(r['max_logit'] for r in reports):.1f}"]) + " |"


def table(options):
    lines = [
        "| data | encoder | setting | samples + test | features | classes | batch | steps | clear, "
        "converged, % | clear, same steps, % | **on ciphertexts, %** | difference to converged | macro-F1 "
        "on ciphertexts / converged | training, s | all, s | upload, MB | server, GB | largest logit |",
        "|" + " --- |" * 18]
    for setting in options.settings:
        for name in options.rows:
            reports = [json.loads(p.read_text()) for p in
                       sorted(options.out.glob(f"{name}-{setting}-*/result.json"))]
            if reports:
                lines.append(line(name, setting, reports))
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--features", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--program", default=ROOT / "build" / "release" / "bin" / "blindtuner")
    parser.add_argument("--rows", type=lambda s: s.split(","), default=list(ROWS))
    parser.add_argument("--settings", type=lambda s: s.split(","),
                        default=["auto", "paper"])
    parser.add_argument("--table", action="store_true", help="only write the table")
    options = parser.parse_args()
    if not options.table:
        for setting in options.settings:
            for name in options.rows:
                for seed in range(1, seeds(name, setting) + 1):
                    run(name, setting, seed, options)
    table(options)


if __name__ == "__main__":
    main()
