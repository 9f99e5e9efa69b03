#!/usr/bin/env python3
"""Pretrains the backbone on CIFAR-10's pictures (see README.md beside this file).

    train.py cifar10.tar --out run [--minutes 60] [--monitor FOLDER]

Trains for a given wall time: the learning rate follows the share of it that has passed, so a slower or
busier machine makes fewer steps but a whole schedule. Writes run/last.pt after every epoch and
run/log.csv; --resume goes on from run/last.pt.
"""

import argparse
import csv
import math
import pathlib
import time

import torch
import torch.nn.functional as F
from torch import nn

import probe
from descriptors import Descriptors
from pictures import centre, normalise, read_tar, vary
from vit import VisionTransformer

VALIDATION = 2000


def optimisers(model, predict, rate, decay):
    """Muon for the blocks' matrices, which needs about half the steps of AdamW; AdamW for the rest."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    taken = {id(p) for p in matrices}
    rest = [p for module in (model, predict) for p in module.parameters() if id(p) not in taken]
    return [
        torch.optim.Muon(matrices, lr=4 * rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


@torch.no_grad()
def accuracy(model, pictures, labels):
    right = 0
    for x, y in zip(pictures.split(500), labels.split(500)):
        right += (model(normalise(centre(x))).argmax(1) == y).sum().item()
    return right / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tar", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=1e-3, help="of AdamW; Muon has four times as much")
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--weight", type=float, default=4.0, help="of the descriptors' error beside the label's")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--patch", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--monitor", type=pathlib.Path, help="an MNIST-like folder to log a small probe on")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    pictures, labels = read_tar(args.tar)["train"]
    order = torch.randperm(len(labels))
    held = order[:VALIDATION]
    order = order[VALIDATION:]
    if args.resume:
        state = torch.load(args.out / "last.pt", weights_only=False)
        descriptors = state["descriptors"]
    else:
        descriptors = Descriptors(vary(pictures[order[:4000]])[0])
    model = VisionTransformer(patch=args.patch, width=args.width, depth=args.depth)
    predict = nn.Linear(model.width, descriptors.axes.shape[1])
    both = optimisers(model, predict, args.rate, args.decay)
    steps = len(order) // args.batch
    epoch, elapsed = 0, 0.0
    log = args.out / "log.csv"
    if args.resume:
        model.load_state_dict(state["model"])
        predict.load_state_dict(state["predict"])
        for optimiser, saved in zip(both, state["optimisers"]):
            optimiser.load_state_dict(saved)
        epoch, elapsed = state["epoch"], state["elapsed"]
    else:
        with log.open("w", newline="") as file:
            csv.writer(file).writerow(
                ["epoch", "steps", "rate", "label_loss", "descriptor_error", "train_accuracy",
                 "validation_accuracy", "probe_accuracy", "cpu_seconds", "seconds"])
    if args.monitor:
        grey, grey_labels = probe.read_set(args.monitor, "train")
        # From the training part: the test part stays unseen until the end.
        grey, grey_labels = grey[-8000:], grey_labels[-8000:]

    start = time.time() - elapsed
    progress = elapsed / (60 * args.minutes)
    while progress < 1:
        begin, begin_cpu = time.time(), time.process_time()
        order = order[torch.randperm(len(order))]
        sums, made = torch.zeros(4), 0
        for step in range(steps):
            progress = (time.time() - start) / (60 * args.minutes)
            if progress >= 1:
                break
            warm = min(1.0, (epoch * steps + step + 1) / 200)
            share = warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
            for optimiser, factor in zip(both, (4, 1)):
                optimiser.param_groups[0]["lr"] = args.rate * factor * share
            chosen = order[step * args.batch : (step + 1) * args.batch]
            x, cut = vary(pictures[chosen])
            y = labels[chosen]
            with torch.no_grad():
                target = descriptors(x)
            with torch.autocast("cpu", torch.bfloat16):
                features = model.features(normalise(x))
                scores = model.head(features).float()
                guess = predict(features).float()
            # Cut out along a stranger's outline, a picture's label may be gone.
            label_loss = F.cross_entropy(scores[~cut], y[~cut], label_smoothing=0.1)
            error = F.mse_loss(guess, target)
            model.zero_grad()
            predict.zero_grad()
            (label_loss + args.weight * error).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            for optimiser in both:
                optimiser.step()
            right = (scores[~cut].argmax(1) == y[~cut]).float().mean()
            made += 1
            sums += torch.stack([label_loss.detach(), error.detach(), right, target.square().mean()])
        if made == 0:
            break
        epoch += 1
        probed = ""
        if args.monitor:
            f = probe.grey_features(model, grey)
            probed = f"{probe.fit(f[:5000], grey_labels[:5000], f[5000:], grey_labels[5000:], decay=1e-3):.4f}"
        mean = sums / made
        row = [epoch, made, f"{both[1].param_groups[0]['lr']:.2e}", f"{mean[0]:.4f}",
               f"{mean[1] / mean[3]:.4f}", f"{mean[2]:.4f}", f"{accuracy(model, pictures[held], labels[held]):.4f}",
               probed, f"{time.process_time() - begin_cpu:.0f}", f"{time.time() - begin:.0f}"]
        with log.open("a", newline="") as file:
            csv.writer(file).writerow(row)
        print(*row, flush=True)
        state = {"model": model.state_dict(), "predict": predict.state_dict(),
                 "optimisers": [optimiser.state_dict() for optimiser in both], "descriptors": descriptors, "epoch": epoch, "elapsed": time.time() - start}
        torch.save(state, args.out / "last.tmp")
        (args.out / "last.tmp").replace(args.out / "last.pt")


if __name__ == "__main__":
    main()
