"""A vision transformer with timm's tensor names: pre-LN, class token, exact GELU, heads of 64."""

import torch
import torch.nn.functional as F
from torch import nn

EPS = 1e-6


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.heads = width // 64
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        # Spelt out: for so few tokens faster on a CPU than the fused kernel, backwards above all.
        out = (q @ k.transpose(-2, -1) * 64**-0.5).softmax(-1).to(v.dtype) @ v
        return self.proj(out.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    def __init__(self, size=28, patch=7, width=256, depth=3, classes=10):
        super().__init__()
        self.size, self.patch, self.width, self.depth = size, patch, width, depth
        self.tokens = (size // patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.tokens + 1, width))
        self.patch_embed = PatchEmbed(patch, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, classes)
        self.initialise()

    @torch.no_grad()
    def initialise(self):
        """Queries and keys that tell places apart from the first step on: short training needs it."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)
            if isinstance(module, Attention):
                nn.init.normal_(module.qkv.weight[: 2 * self.width], std=self.width**-0.5)
        nn.init.normal_(self.head.weight, std=0.02)
        side = self.size // self.patch
        place = (torch.arange(side) + 0.5) / side
        waves = torch.exp2(torch.arange(self.width // 4) * (2.5 / (self.width // 4 - 1)))
        angle = torch.pi * place[:, None] * waves
        wave = torch.cat([angle.sin(), angle.cos()], 1)
        rows = wave[:, None].expand(-1, side, -1)
        columns = wave[None].expand(side, -1, -1)
        self.pos_embed[0, 1:] = 0.5 * torch.cat([rows, columns], -1).view(self.tokens, self.width)
        nn.init.normal_(self.cls_token, std=0.5)

    def features(self, x):
        """(n, 3, size, size), normalised -> (n, width): the class token after the last LayerNorm"""
        x = self.patch_embed(x) + self.pos_embed[:, 1:]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = torch.cat([first.to(x.dtype), x], 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x[:, 0])

    def forward(self, x):
        return self.head(self.features(x))

    def multiply_adds(self):
        """Multiply-adds for one picture, biases and element-wise work not counted."""
        n, d = self.tokens + 1, self.width
        return self.depth * (12 * n * d * d + 2 * n * n * d) + self.tokens * 3 * self.patch**2 * d
