#!/usr/bin/env python3
"""Converged softmax regression on the published backbone's features of MNIST-like sets.

    evaluate.py MODEL_FOLDER SET_FOLDER...

All training pictures, accuracy on the test part; beside it the same on the pixels and on random
features relu(W x + b), 768 of them, W ~ N(0, 0.12^2), b ~ N(0, 0.5^2).
"""

import argparse
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import probe
from export import restore


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("sets", type=pathlib.Path, nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = restore(load_file(args.model / "model.safetensors"))
    weights, biases = 0.12 * torch.randn(784, 768), 0.5 * torch.randn(768)
    kinds = {
        f"transformer, {model.width}, whitened": (lambda x: probe.grey_features(model, x), True),
        f"transformer, {model.width}, as they are": (lambda x: probe.grey_features(model, x), False),
        "random, 768, whitened": (lambda x: F.relu(x.flatten(1) / 255 @ weights + biases), True),
        "pixels, 784, as they are": (lambda x: x.flatten(1) / 255, False),
    }
    for folder in args.sets:
        (train, labels), (test, test_labels) = (probe.read_set(folder, s) for s in ("train", "t10k"))
        for name, (features, whiten) in kinds.items():
            right = probe.fit(features(train), labels, features(test), test_labels, whiten, decay=1e-6)
            print(f"{folder.name:15} {name:32} {right:.4f}", flush=True)


if __name__ == "__main__":
    main()
