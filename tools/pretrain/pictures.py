"""CIFAR-10's pictures from a tar of train/CLASS/*.jpg and test/CLASS/*.jpg, and how they are varied."""

import io
import pathlib
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
SIZE = 28


def read_tar(path):
    """{"train": (pictures uint8 (n, 3, 32, 32), labels int64), "test": ...}"""
    found = {"train": ([], []), "test": ([], [])}
    with tarfile.open(path) as tar:
        for member in tar:
            parts = pathlib.PurePath(member.name).parts
            if member.isfile() and member.name.endswith(".jpg"):
                picture = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
                pictures, labels = found[parts[-3]]
                pictures.append(np.asarray(picture))
                labels.append(CLASSES.index(parts[-2]))
    return {
        split: (torch.from_numpy(np.stack(p)).permute(0, 3, 1, 2).contiguous(), torch.tensor(y))
        for split, (p, y) in found.items()
    }


def normalise(x):
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def centre(pictures):
    """uint8 (n, 3, 32, 32) -> [0, 1] (n, 3, 28, 28)"""
    border = (pictures.shape[-1] - SIZE) // 2
    return pictures[..., border : border + SIZE, border : border + SIZE].float() / 255


def chance(n, p):
    return (torch.rand(n) < p).view(n, 1, 1, 1)


def vary(pictures):
    """uint8 (n, 3, 32, 32) -> pictures in [0, 1] (n, 3, 28, 28), and which of them were cut out.

    Crop, mirror, contrast, brightness; grey for half and inverted for a quarter; a third are cut out
    along the outline of another picture and put before black, as goods are photographed: without
    that no picture of CIFAR-10 has an empty background.
    """
    n = len(pictures)
    x = pictures.float() / 255
    room = x.shape[-1] - SIZE + 1
    rows = torch.randint(room, (n, 1)) + torch.arange(SIZE)
    columns = torch.randint(room, (n, 1)) + torch.arange(SIZE)
    columns = torch.where(torch.rand(n, 1) < 0.5, columns, columns.flip(1))
    x = x[torch.arange(n).view(n, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1), rows.view(n, 1, SIZE, 1), columns.view(n, 1, 1, SIZE)]

    grey = x.mean(1, keepdim=True)
    outline = F.avg_pool2d(grey.roll(1, 0), 5, 1, 2, count_include_pad=False)
    x = torch.where(chance(n, 0.5), grey, x)
    x = torch.where(chance(n, 0.25), 1 - x, x)
    middle = x.mean((1, 2, 3), keepdim=True)
    x = middle + (x - middle) * (0.6 + 0.9 * torch.rand(n, 1, 1, 1)) + 0.4 * (torch.rand(n, 1, 1, 1) - 0.5)
    x = x.clamp(0, 1)

    share = 0.3 + 0.4 * torch.rand(n)
    threshold = outline.flatten(1).sort(1)[0].gather(1, (share * SIZE * SIZE).long()[:, None])
    outside = outline < threshold.view(n, 1, 1, 1)
    outside = torch.where(chance(n, 0.5), outside, ~outside)
    cut = chance(n, 1 / 3)
    return x.masked_fill(cut & outside, 0), cut.view(n)
