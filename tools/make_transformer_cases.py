#!/usr/bin/env python3
"""Writes tests/features/transformer/cases/: tiny random encoders and what they must compute. Needs numpy.

Every case is a folder with model.safetensors, the settings that belong beside it, and expected.npz, whose
arrays are the input (pictures, or tokens and lengths), features and, where there is a head, logits.
Computed here in double precision, from the formulae and not from any library, with the weights as the
file holds them. Run from the repository's root; the output is the same on every run.
"""
import json
import math
import struct
from pathlib import Path

import numpy as np

WIDTH, HEADS, DEPTH, HIDDEN = 12, 3, 2, 20


# ---- files

def bfloat16_bits(x):
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def rounded(x, kind):
    """x as a file of this kind holds it, in double precision."""
    if kind == "F16":
        return x.astype(np.float16).astype(np.float64)
    if kind == "BF16":
        return (bfloat16_bits(x).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return x.astype(np.float32).astype(np.float64)


def write_safetensors(path, tensors, kind="F32"):
    header, data = {}, b""
    for name, x in tensors.items():
        raw = {"F32": lambda: x.astype("<f4").tobytes(), "F16": lambda: x.astype("<f2").tobytes(),
               "BF16": lambda: bfloat16_bits(x).astype("<u2").tobytes()}[kind]()
        header[name] = {"dtype": kind, "shape": list(x.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_case(folder, tensors, settings, expected, kind="F32"):
    """settings: file name -> JSON object; expected: array name -> array."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", tensors, kind)
    for name, value in settings.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(value, indent=1) + "\n")
    write_expected(folder, expected)


def write_expected(folder, expected):
    np.savez(folder / "expected.npz", **{
        k: v.astype(np.int32 if v.dtype.kind == "i" else np.float32) for k, v in expected.items()})


# ---- formulae

def norm(x, weight, bias, epsilon):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * weight + bias


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def attention(x, w, b, heads, bias=None):
    """x: tokens x width; w, b: of queries, keys and values; bias: heads x tokens x tokens."""
    tokens, width = x.shape
    q, k, v = ((x @ w[i].T + b[i]).reshape(tokens, heads, -1).transpose(1, 0, 2) for i in range(3))
    s = q @ k.transpose(0, 2, 1) / math.sqrt(width // heads)
    if bias is not None:
        s = s + bias
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return (p @ v).transpose(1, 0, 2).reshape(tokens, width)


class Weights:
    """Random weights by name, drawn when first asked for and rounded as the file will hold them."""

    def __init__(self, seed, kind="F32"):
        self.random, self.kind, self.tensors = np.random.default_rng(seed), kind, {}

    def __call__(self, name, *shape, scale=0.4, about=0.0):
        if name not in self.tensors:
            self.tensors[name] = rounded(about + scale * self.random.standard_normal(shape), self.kind)
        return self.tensors[name]

    def linear(self, name, x, out):
        return x @ self(name + ".weight", out, x.shape[-1]).T + self(name + ".bias", out)

    def norm(self, name, x, epsilon):
        width = x.shape[-1]
        return norm(x, self(name + ".weight", width, scale=0.2, about=1),
                    self(name + ".bias", width), epsilon)


# ---- vision

NAMES = {
    "timm": dict(cls="cls_token", dist="dist_token", pos="pos_embed", patches="patch_embed.proj",
                 block="blocks.{}.", norm1="norm1", norm2="norm2", out="attn.proj", fc1="mlp.fc1",
                 fc2="mlp.fc2", last="norm", heads=("head", "head_dist"), head="head"),
    "hf": dict(cls="embeddings.cls_token", dist="embeddings.distillation_token",
               pos="embeddings.position_embeddings",
               patches="embeddings.patch_embeddings.projection", block="encoder.layer.{}.",
               norm1="layernorm_before", norm2="layernorm_after", out="attention.output.dense",
               fc1="intermediate.dense", fc2="output.dense", last="layernorm",
               heads=("cls_classifier", "distillation_classifier"), head="classifier"),
}


def vision(seed, naming, prefix="", distilled=False, classes=5, kind="F32", patch=4, grid=2,
           qkv_bias=True, epsilon=1e-6, single_head=False):
    w, n = Weights(seed, kind), NAMES[naming]
    size, extra = patch * grid, 2 if distilled else 1
    pictures = rounded(w.random.standard_normal((3, 3, size, size)), "F32")
    features, logits = [], []
    for picture in pictures:
        kernel = w(prefix + n["patches"] + ".weight", WIDTH, 3, patch, patch, scale=0.2)
        x = [w(prefix + n["cls"], 1, 1, WIDTH)[0, 0]]
        if distilled:
            x.append(w(prefix + n["dist"], 1, 1, WIDTH)[0, 0])
        for row in range(grid):
            for column in range(grid):
                window = picture[:, row * patch:(row + 1) * patch, column * patch:(column + 1) * patch]
                x.append((kernel * window).sum((1, 2, 3)) + w(prefix + n["patches"] + ".bias", WIDTH))
        x = np.stack(x) + w(prefix + n["pos"], 1, grid * grid + extra, WIDTH)[0]
        for i in range(DEPTH):
            block = prefix + n["block"].format(i)
            zeros = np.zeros(3 * WIDTH)
            if naming == "timm":
                qkv = w(block + "attn.qkv.weight", 3 * WIDTH, WIDTH).reshape(3, WIDTH, WIDTH)
                b = w(block + "attn.qkv.bias", 3 * WIDTH) if qkv_bias else zeros
            else:
                names = [block + f"attention.attention.{p}" for p in ("query", "key", "value")]
                qkv = [w(p + ".weight", WIDTH, WIDTH) for p in names]
                b = np.concatenate([w(p + ".bias", WIDTH) for p in names]) if qkv_bias else zeros
            y = attention(w.norm(block + n["norm1"], x, epsilon), qkv, b.reshape(3, WIDTH), HEADS)
            x = x + w.linear(block + n["out"], y, WIDTH)
            y = w.norm(block + n["norm2"], x, epsilon)
            x = x + w.linear(block + n["fc2"], gelu(w.linear(block + n["fc1"], y, HIDDEN)), WIDTH)
        x = w.norm(prefix + n["last"], x, epsilon)
        two = distilled and not single_head
        features.append((x[0] + x[1]) / 2 if two else x[0])
        if classes and two:
            logits.append((w.linear(n["heads"][0], x[0], classes) +
                           w.linear(n["heads"][1], x[1], classes)) / 2)
        elif classes:
            logits.append(w.linear(n["head"], x[0], classes))
    expected = {"input": pictures, "features": np.stack(features)}
    if classes:
        expected["logits"] = np.stack(logits)
    config = {"num_attention_heads": HEADS, "hidden_size": WIDTH, "layer_norm_eps": epsilon}
    return w.tensors, {"config.json": config}, expected, kind


# ---- text

def bucket(distance):
    """MPNet's, of 32, for the distance from query to key."""
    n, side = abs(distance), 16 if distance > 0 else 0
    return side + (n if n < 8 else min(15, 8 + int(math.log(n / 8) / math.log(16) * 8 + 1e-6)))


def text(seed, mpnet=False, prefix="", pooling="mean", normalised=True, epsilon=1e-12):
    vocabulary, positions = 40, 32
    w = Weights(seed)
    random = np.random.default_rng(seed + 1)
    lengths = np.array([5, 1, 24, 3], np.int64)
    tokens = random.integers(0, vocabulary, lengths.sum())
    first, features = 0, []
    for length in lengths:
        ids = tokens[first:first + length]
        first += length
        at = np.arange(length) + (2 if mpnet else 0)
        x = w(prefix + "embeddings.word_embeddings.weight", vocabulary, WIDTH)[ids]
        x = x + w(prefix + "embeddings.position_embeddings.weight", positions, WIDTH)[at]
        if not mpnet:
            x = x + w(prefix + "embeddings.token_type_embeddings.weight", 2, WIDTH)[0]
        x = w.norm(prefix + "embeddings.LayerNorm", x, epsilon)
        bias = None
        if mpnet:
            table = w(prefix + "encoder.relative_attention_bias.weight", 32, HEADS, scale=1)
            bias = np.array([[table[bucket(j - i)] for j in range(length)] for i in range(length)])
            bias = bias.transpose(2, 0, 1)
        for i in range(DEPTH):
            block = prefix + f"encoder.layer.{i}."
            a = block + "attention."
            names = [a + p for p in (("attn.q", "attn.k", "attn.v") if mpnet else
                                     ("self.query", "self.key", "self.value"))]
            y = attention(x, [w(p + ".weight", WIDTH, WIDTH) for p in names],
                          [w(p + ".bias", WIDTH) for p in names], HEADS, bias)
            y = w.linear(a + ("attn.o" if mpnet else "output.dense"), y, WIDTH)
            x = w.norm(a + ("LayerNorm" if mpnet else "output.LayerNorm"), x + y, epsilon)
            y = w.linear(block + "output.dense", gelu(w.linear(block + "intermediate.dense", x, HIDDEN)),
                         WIDTH)
            x = w.norm(block + "output.LayerNorm", x + y, epsilon)
        pooled = x.mean(0) if pooling == "mean" else x[0]
        features.append(pooled / np.linalg.norm(pooled) if normalised else pooled)
    w("pooler.dense.weight" if not prefix else prefix + "pooler.dense.weight", 2, 2)  # not used
    settings = {"config.json": {"model_type": "mpnet" if mpnet else "bert", "hidden_act": "gelu",
                                "num_attention_heads": HEADS, "layer_norm_eps": epsilon,
                                "pad_token_id": 1 if mpnet else 0},
                "sentence_bert_config.json": {"max_seq_length": 24}}
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"},
               {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    if normalised:
        modules.append({"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})
    settings["modules.json"] = modules
    settings["1_Pooling/config.json"] = {"pooling_mode_cls_token": pooling == "cls",
                                         "pooling_mode_mean_tokens": pooling == "mean"}
    return w.tensors, settings, {"tokens": tokens, "lengths": lengths,
                                 "features": np.stack(features)}


CASES = {
    "timm": lambda: vision(1, "timm"),
    "timm_distilled": lambda: vision(2, "timm", distilled=True),
    "timm_half": lambda: vision(3, "timm", kind="F16", patch=2, grid=3),
    "timm_without_head": lambda: vision(4, "timm", classes=0, qkv_bias=False, patch=2),
    "hugging_face": lambda: vision(5, "hf", prefix="vit.", epsilon=1e-12),
    "hugging_face_distilled": lambda: vision(6, "hf", prefix="deit.", distilled=True),
    "hugging_face_one_head": lambda: vision(7, "hf", prefix="deit.", distilled=True, patch=2,
                                            single_head=True),
    "hugging_face_bfloat16": lambda: vision(8, "hf", kind="BF16", patch=2),
    "bert": lambda: text(9),
    "bert_first_token": lambda: text(10, prefix="bert.", pooling="cls", normalised=False),
    "mpnet": lambda: text(11, mpnet=True),
}


def main():
    for name, make in CASES.items():
        write_case(Path("tests/features/transformer/cases") / name, *make())


if __name__ == "__main__":
    main()
