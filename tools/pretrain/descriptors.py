"""What a picture is made of, without labels: how much of each of 256 small patterns lies where.

Patterns are found by spherical k-means on whitened 5 x 5 grey patches (@[CN12]); their responses are
averaged over 4 x 4 cells of the picture and projected to the directions of largest variance. The transformer learns to predict this beside the label,
so that its features keep more than what tells ten classes apart.
"""

import torch
import torch.nn.functional as F

PATCH, STRIDE, PATTERNS = 5, 2, 256
SOFT, THRESHOLD = 0.3, 0.5


class Descriptors:
    def __init__(self, pictures, dimensions=256):
        """pictures: (n, 3, 28, 28) in [0, 1], varied as for training; n a few thousand."""
        grey = pictures.mean(1, keepdim=True)
        patches = F.unfold(grey, PATCH, stride=3).transpose(1, 2).reshape(-1, PATCH * PATCH)
        patches = patches[torch.randperm(len(patches))[:100_000]]
        patches = patches - patches.mean(1, keepdim=True)
        patches = patches / (patches.norm(dim=1, keepdim=True) + SOFT)
        patches = patches[patches.norm(dim=1) > 0.2]
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        whiten = vectors @ torch.diag((values + 0.003).rsqrt()) @ vectors.T
        mean = patches.mean(0)
        z = (patches - mean) @ whiten
        patterns = F.normalize(z[torch.randperm(len(z))[:PATTERNS]])
        for _ in range(8):
            score = z @ patterns.T
            nearest = score.argmax(1)
            weighted = z * score.gather(1, nearest[:, None])
            patterns = F.normalize(torch.zeros_like(patterns).index_add_(0, nearest, weighted))
        weights = whiten @ patterns.T
        self.offset = (mean @ weights + THRESHOLD).view(1, -1, 1, 1)
        # A patch's mean is taken away by the filter itself.
        weights = (weights - weights.mean(0)).T
        self.filters = weights.reshape(PATTERNS, 1, PATCH, PATCH).contiguous()

        raw = torch.cat([self._raw(part) for part in grey.split(32)])
        self.centre = raw.mean(0)
        _, spread, self.axes = torch.pca_lowrank(raw - self.centre, dimensions, niter=2)
        # Between plain and whitened: fine structure counts, but less than coarse.
        self.axes = self.axes / spread.sqrt()
        self.axes = self.axes / ((raw - self.centre) @ self.axes).std()

    def _raw(self, grey):
        mean = F.avg_pool2d(grey, PATCH, STRIDE, PATCH // 2)
        square = F.avg_pool2d(grey.square(), PATCH, STRIDE, PATCH // 2)
        norm = (PATCH**2 * (square - mean.square()).clamp_min(0)).sqrt()
        response = F.conv2d(grey, self.filters, stride=STRIDE, padding=PATCH // 2)
        response = response.div_(norm + SOFT).sub_(self.offset).relu_()
        return F.avg_pool2d(response, 5, 3).flatten(1)  # 14 x 14 to 4 x 4 cells

    def __call__(self, pictures):
        """(n, 3, 28, 28) in [0, 1] -> (n, dimensions), mean 0, mean variance 1"""
        grey = pictures.mean(1, keepdim=True)
        raw = torch.cat([self._raw(part) for part in grey.split(32)])
        return (raw - self.centre) @ self.axes
