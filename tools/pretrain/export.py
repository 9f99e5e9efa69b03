#!/usr/bin/env python3
"""Writes the pretrained backbone as fp16 safetensors, its settings, and activations to test readers with.

    export.py run/last.pt cifar10.tar OUTPUT_FOLDER

Checks that the rounded weights give the trained model's features, and prints what the model card says:
accuracy on the pictures held out all along (test/ of the tar) and the cost of a picture.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pictures import MEAN, STD, centre, normalise, read_tar
from vit import VisionTransformer


def restore(weights):
    """A model of the shapes that its tensors have."""
    patch = weights["patch_embed.proj.weight"].shape
    side = round((weights["pos_embed"].shape[1] - 1) ** 0.5)
    depth = len([name for name in weights if name.endswith("norm1.weight")])
    classes = weights["head.weight"].shape[0]
    model = VisionTransformer(side * patch[2], patch[2], patch[0], depth, classes)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval()


@torch.no_grad()
def run(model, pictures):
    features = torch.cat([model.features(normalise(centre(part))) for part in pictures.split(500)])
    return features, model.head(features)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("tar", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.folder.mkdir(parents=True, exist_ok=True)

    weights = torch.load(args.checkpoint, weights_only=False)["model"]
    trained = restore(weights)
    path = args.folder / "model.safetensors"
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, path, {"format": "pt"})
    rounded = restore(load_file(path))

    pictures, labels = read_tar(args.tar)["test"]
    before, _ = run(trained, pictures)
    after, scores = run(rounded, pictures)
    error = ((after - before).norm() / before.norm()).item()
    assert error < 2e-3, f"rounding to fp16 moved the features by {error}"

    config = {
        "architecture": "vit",
        "num_classes": trained.head.out_features,
        "num_features": trained.width,
        "model_args": {"img_size": trained.size, "patch_size": trained.patch, "embed_dim": trained.width,
                       "depth": trained.depth, "num_heads": trained.width // 64},
        "pretrained_cfg": {"input_size": [3, trained.size, trained.size], "interpolation": "bicubic",
                           "crop_pct": 1.0, "crop_mode": "center", "mean": MEAN, "std": STD,
                           "license": "apache-2.0"},
    }
    (args.folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    # In double precision, from the weights as published: what any reader of the file must get.
    exact = rounded.double()
    with torch.no_grad():
        few = normalise(centre(pictures[:: len(pictures) // 4][:4])).float()
        features = exact.features(few.double())
        np.savez_compressed(args.folder / "expected.npz", input=few.numpy(),
                            features=features.float().numpy(),
                            logits=exact.head(features).float().numpy())

    print(f"parameters          {sum(p.numel() for p in trained.parameters()):,}")
    print(f"bytes               {path.stat().st_size:,}")
    print(f"multiply-adds       {trained.multiply_adds():,} a picture")
    print(f"fp16 against fp32   {error:.1e} relative, in the features")
    print(f"CIFAR-10 test top-1 {(scores.argmax(1) == labels).float().mean():.4f}")


if __name__ == "__main__":
    main()
