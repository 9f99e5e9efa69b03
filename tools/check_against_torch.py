#!/usr/bin/env python3
"""Compares the encoders with timm, transformers and sentence-transformers. Needs those three and torch.

    tools/check_against_torch.py build/release/tests/features/transformer/transformer_test [FOLDER]
    tools/check_against_torch.py --write tests/features/transformer/published

Makes models of the published shapes with random weights, runs them in torch in double precision, writes
each as a case (tools/make_transformer_cases.py) and has the test program run them all. FOLDER, if given, is
a sentence-transformers model to compare as well. With --write, the tiny models that are kept in the
repository are made anew (published_cases.py). Skips, and says so, where the packages are missing.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import numpy as np
    import timm
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
except ImportError as missing:
    print(f"SKIPPED: {missing}")
    sys.exit(0)

from make_transformer_cases import write_case, write_expected
import published_cases
from published_cases import randomise


@torch.no_grad()
def timm_case(folder, name, batch=2, **options):
    model = randomise(timm.create_model(name, pretrained=False, **options), 1)
    size = model.patch_embed.img_size[0]
    x = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(2))
    weights = {k: v.numpy() for k, v in model.state_dict().items()}
    model = model.double()
    hidden = model.forward_features(x.double())
    expected = {"input": x.numpy(), "features": model.forward_head(hidden, pre_logits=True).numpy()}
    if model.num_classes:
        expected["logits"] = model(x.double()).numpy()
    config = {"architecture": name, "pretrained_cfg": {
        k: list(v) if isinstance(v, tuple) else v for k, v in model.pretrained_cfg.items()
        if k in ("input_size", "interpolation", "crop_pct", "crop_mode", "mean", "std")}}
    write_case(folder, weights, {"config.json": config}, expected)


@torch.no_grad()
def vision_case(folder, kind, features_of, batch=2, **options):
    """features_of: the last hidden state, normalised -> features."""
    config_name = kind.replace("ForImageClassification", "").replace("WithTeacher", "") + "Config"
    config = getattr(transformers, config_name)(**options)
    model = randomise(getattr(transformers, kind)(config), 3)
    model.save_pretrained(folder)
    x = torch.randn(batch, 3, config.image_size, config.image_size,
                    generator=torch.Generator().manual_seed(4))
    model = model.double()
    body = getattr(model, model.base_model_prefix)
    hidden = body(pixel_values=x.double()).last_hidden_state
    write_expected(folder, {"input": x.numpy(), "features": features_of(hidden).numpy(),
                            "logits": model(pixel_values=x.double()).logits.numpy()})


def token_batches(vocabulary, longest, seed):
    random = np.random.default_rng(seed)
    lengths = np.array([7, 30, longest, 1, 12], np.int64)
    return random.integers(5, vocabulary, lengths.sum()), lengths


@torch.no_grad()
def text_case(folder, kind, longest, **options):
    config = getattr(transformers, kind + "Config")(vocab_size=1000, **options)
    model = randomise(getattr(transformers, kind + "Model")(config, add_pooling_layer=False), 5)
    model.save_pretrained(folder)
    model = model.double()
    tokens, lengths = token_batches(1000, longest, 6)
    features, first = [], 0
    for length in lengths:
        ids = torch.tensor(tokens[first:first + length])[None]
        features.append(model(input_ids=ids).last_hidden_state[0].mean(0).numpy())
        first += length
    write_expected(folder, {"tokens": tokens, "lengths": lengths, "features": np.stack(features)})


@torch.no_grad()
def sentence_case(folder, source):
    """A whole published model, its own files linked into the case."""
    model = SentenceTransformer(str(source), device="cpu").double()
    texts = ["play some jazz", "", "What will the weather be like in Oslo tomorrow at noon?",
             "book a table for two at a quiet place " * 60, "add this to my list", "naïve café 東京"]
    encoded = [model.preprocess([text])["input_ids"][0].numpy() for text in texts]
    folder.mkdir()
    for path in Path(source).resolve().iterdir():
        (folder / path.name).symlink_to(path)
    write_expected(folder, {"tokens": np.concatenate(encoded),
                            "lengths": np.array([len(x) for x in encoded]),
                            "features": model.encode(texts)})


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(f"torch {torch.__version__}, timm {timm.__version__}, "
          f"transformers {transformers.__version__}")
    cls = lambda hidden: hidden[:, 0]
    mean = lambda hidden: (hidden[:, 0] + hidden[:, 1]) / 2
    cases = {
        "timm_deit_tiny": lambda f: timm_case(f, "deit_tiny_patch16_224"),
        "timm_deit_small": lambda f: timm_case(f, "deit_small_patch16_224"),
        "timm_deit_base": lambda f: timm_case(f, "deit_base_patch16_224"),
        "timm_deit_tiny_distilled": lambda f: timm_case(f, "deit_tiny_distilled_patch16_224"),
        "timm_deit_base_distilled_384":
            lambda f: timm_case(f, "deit_base_distilled_patch16_384", batch=1),
        "timm_vit_tiny_384": lambda f: timm_case(f, "vit_tiny_patch16_384", batch=1),
        "timm_vit_small_patch32": lambda f: timm_case(f, "vit_small_patch32_224", num_classes=0),
        "hf_vit_base": lambda f: vision_case(f, "ViTForImageClassification", cls, num_labels=1000),
        "hf_vit_narrow": lambda f: vision_case(
            f, "ViTForImageClassification", cls, num_labels=10, hidden_size=96, num_hidden_layers=5,
            num_attention_heads=6, intermediate_size=200, image_size=32, patch_size=4, batch=9),
        "hf_deit_tiny_distilled": lambda f: vision_case(
            f, "DeiTForImageClassificationWithTeacher", mean, num_labels=1000, hidden_size=192,
            num_attention_heads=3, intermediate_size=768),
        "hf_deit_one_head": lambda f: vision_case(
            f, "DeiTForImageClassification", cls, num_labels=7, hidden_size=192,
            num_attention_heads=3, intermediate_size=768),
        "hf_minilm": lambda f: text_case(
            f, "Bert", 200, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
            intermediate_size=1536),
        "hf_mpnet": lambda f: text_case(f, "MPNet", 400, num_hidden_layers=6),
    }
    if sys.argv[1] == "--write":
        published_cases.write(Path(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        published_cases.write(Path(folder))
        for name, make in cases.items():
            make(Path(folder) / name)
        if len(sys.argv) == 3:
            sentence_case(Path(folder) / "sentence_transformers", sys.argv[2])
        environment = dict(os.environ, BLINDTUNER_TRANSFORMER_CASES=folder)
        return subprocess.call([sys.argv[1], "--gtest_filter=Encoders.EqualPublished*"],
                               env=environment)


if __name__ == "__main__":
    sys.exit(main())
