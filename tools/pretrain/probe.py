"""Softmax regression on features, to convergence: how good they are, without touching them."""

import gzip
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from pictures import SIZE, normalise


def read_idx(path):
    data = gzip.decompress(pathlib.Path(path).read_bytes())
    dimensions = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dimensions).copy())


def read_set(folder, split):
    """Pictures (n, 28, 28) uint8 and labels of an MNIST-like folder; split is "train" or "t10k"."""
    folder = pathlib.Path(folder)
    return (
        read_idx(folder / f"{split}-images-idx3-ubyte.gz"),
        read_idx(folder / f"{split}-labels-idx1-ubyte.gz").long(),
    )


@torch.no_grad()
def grey_features(model, pictures, batch=500):
    out = []
    for part in pictures.split(batch):
        x = (part.float() / 255)[:, None].expand(-1, 3, SIZE, SIZE)
        out.append(model.features(normalise(x)).float())
    return torch.cat(out)


def fit(train, labels, test, test_labels, whiten=True, decay=0.0, iterations=300):
    """Accuracy on the test set of softmax regression fitted by L-BFGS."""
    mean = train.mean(0)
    train, test = train - mean, test - mean
    if whiten:
        values, vectors = torch.linalg.eigh(torch.cov(train.T))
        turn = vectors / (values + 1e-6 * values.max()).sqrt()
        train, test = train @ turn, test @ turn
    train, test = (F.pad(x, (0, 1), value=1.0) for x in (train, test))
    w = torch.zeros(train.shape[1], int(labels.max()) + 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([w], max_iter=iterations, history_size=20, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = F.cross_entropy(train @ w, labels) + decay * w.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        return ((test @ w).argmax(1) == test_labels).float().mean().item()
