"""Tiny random models of published implementations, as cases: tests/features/transformer/published/.

Every folder holds what the implementation itself writes (weights, config.json), the settings that belong
beside it, and expected.npz: the input, what the implementation made of it in double precision, and the
same for other poolings under their names. Used by check_against_torch.py, which says what is needed.
"""
import contextlib
import json
import shutil

import numpy as np
import safetensors.torch
import timm
import torch
import transformers

from make_transformer_cases import write_case, write_expected

WIDTH, HEADS, DEPTH, HIDDEN, PATCH = 16, 2, 3, 32, 4
VISION = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
              intermediate_size=HIDDEN, patch_size=PATCH)


def randomise(model, seed):
    """Weights as large as trained ones, so that attention attends; the same on every run."""
    generator = torch.Generator().manual_seed(seed)
    for name, x in model.named_parameters():
        # A norm's weight is about 1, a matrix keeps the size of what it multiplies.
        scale = 1.5 / x[0].numel() ** 0.5 if x.dim() > 1 and "embed" not in name else 0.2
        norm = ("norm" in name.lower() or "layrnorm" in name) and name.endswith("weight")
        scaled = "gamma" in name or "lambda" in name
        about = 1.0 if norm or scaled else 0.0
        x.data = about + scale * torch.randn(x.shape, generator=generator)
    return model.eval()


def pictures(size, count=3):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(2))


def poolings(states, norm, first_patch, normed_last=None):
    """states: hidden states after every block; norm: the last one."""
    last = norm(states[-1]) if normed_last is None else normed_last
    return {"class": last[:, 0], "mean": last[:, first_patch:].mean(1),
            "class+mean": torch.cat([last[:, 0], last[:, first_patch:].mean(1)], 1),
            "last2": torch.cat([norm(states[-2])[:, 0], last[:, 0]], 1)}


def finish(folder, x, features, more):
    arrays = {"input": x, "features": features, **more}
    write_expected(folder, {name: value.detach().numpy() for name, value in arrays.items()})


# ---- timm

@torch.no_grad()
def timm_case(folder, name, size=16, native=None, by_mean=False, **options):
    arguments = dict(img_size=native or size, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH,
                     num_heads=HEADS, **options)
    model = randomise(timm.create_model(name, pretrained=False, **arguments), 1)
    weights = {k: v.numpy() for k, v in model.state_dict().items()
               if k != "relative_position_index" and not k.endswith(".relative_position_index")}
    if native:  # the same weights in a model for other pictures, as timm loads them
        other = timm.create_model(name, pretrained=False, **{**arguments, "img_size": size}).eval()
        state = dict(model.state_dict())
        state["pos_embed"] = timm.layers.resample_abs_pos_embed(
            state["pos_embed"], new_size=[size // PATCH] * 2,
            num_prefix_tokens=0 if model.no_embed_class else model.num_prefix_tokens)
        other.load_state_dict(state)
        model = other
    model = model.double()
    x = pictures(size)
    states = []
    for block in model.blocks:
        block.register_forward_hook(lambda _, __, out: states.append(out))
    hidden = model.forward_features(x.double())
    features = model.forward_head(hidden, pre_logits=True)
    more = {}
    if not by_mean:
        more = poolings(states, model.norm, model.num_prefix_tokens, hidden)
    if model.num_classes:
        more["logits"] = model(x.double())
    config = {"architecture": name, "model_args": {"num_heads": HEADS},
              "global_pool": model.global_pool,
              "pretrained_cfg": {"input_size": [3, native or size, native or size],
                                 "mean": model.pretrained_cfg["mean"],
                                 "std": model.pretrained_cfg["std"]}}
    write_case(folder, weights, {"config.json": config}, {})
    finish(folder, x, features, more)


# ---- transformers, pictures

@torch.no_grad()
def vision_case(folder, model, own, norm, body=None, size=16, preprocessor=None, first_patch=1,
                sharded=False, kind=torch.float32):
    """own: the outputs of the body -> features."""
    model = randomise(model, 3).to(kind)
    model.save_pretrained(folder, **({"max_shard_size": "8KB"} if sharded else {}))
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    model = model.double()
    body = body(model) if body else model
    x = pictures(size)
    out = body(pixel_values=x.double(), output_hidden_states=True)
    states = out.hidden_states
    finish(folder, x, own(model, out), poolings(states, norm(model), first_patch))


def dinov2(folder, registers):
    kind = "Dinov2WithRegisters" if registers else "Dinov2"
    options = {k: v for k, v in VISION.items() if k != "intermediate_size"}
    config = getattr(transformers, kind + "Config")(image_size=24, mlp_ratio=2, **options)
    model = getattr(transformers, kind + "Model")(config)
    crop = {"size": {"shortest_edge": 18}, "do_center_crop": True,
            "crop_size": {"height": 16, "width": 16}, "resample": 3,
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    vision_case(folder, model, lambda m, out: out.pooler_output, lambda m: m.layernorm,
                preprocessor=crop, first_patch=5 if registers else 1)


def mae(folder):
    config = transformers.ViTMAEConfig(image_size=16, mask_ratio=0.0, decoder_num_hidden_layers=1,
                                       decoder_hidden_size=8, decoder_num_attention_heads=2,
                                       decoder_intermediate_size=8, **VISION)
    vision_case(folder, transformers.ViTMAEForPreTraining(config),
                lambda m, out: out.last_hidden_state[:, 0], lambda m: m.vit.layernorm,
                body=lambda m: m.vit)


def vit(folder, kind, sharded=False):
    model = transformers.ViTModel(transformers.ViTConfig(image_size=16, **VISION),
                                  add_pooling_layer=False)
    vision_case(folder, model, lambda m, out: out.last_hidden_state[:, 0],
                lambda m: m.layernorm, sharded=sharded, kind=kind)


@torch.no_grad()
def beit(folder):
    config = transformers.BeitConfig(image_size=16, use_relative_position_bias=True,
                                     num_labels=3, **VISION)
    model = randomise(transformers.BeitForImageClassification(config), 3)
    model.save_pretrained(folder)
    model = model.double()
    x = pictures(16)
    out = model.beit(pixel_values=x.double())
    finish(folder, x, out.pooler_output, {"logits": model(pixel_values=x.double()).logits})


CLIP_TEXT = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
                 vocab_size=60, max_position_embeddings=20, bos_token_id=58, eos_token_id=59)


def clip_model():
    config = transformers.CLIPConfig(text_config=CLIP_TEXT,
                                     vision_config=dict(image_size=16, **VISION), projection_dim=10)
    return transformers.CLIPModel(config)


def clip_vision(folder):
    vision_case(folder, clip_model(), lambda m, out: m.visual_projection(out.pooler_output),
                lambda m: m.vision_model.post_layernorm, body=lambda m: m.vision_model)


# ---- texts

def token_batches(vocabulary, longest, seed, opening=None, closing=None):
    random = np.random.default_rng(seed)
    lengths = np.array([7, 3, longest, 2, 12], np.int64)
    tokens = random.integers(5, vocabulary - 2, lengths.sum())
    ends = np.cumsum(lengths)
    if closing is not None:
        tokens[ends - lengths], tokens[ends - 1] = opening, closing
    return tokens, lengths


@contextlib.contextmanager
def double_by_default():
    """transformers makes the masks of a double model of its smallest number, which torch's default type may not hold."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@torch.no_grad()
@double_by_default()
def run_texts(folder, model, tokens, lengths, own, norm=lambda x: x, at=lambda n: 0):
    """own(hidden, ids): the features; at(length): the class token's place."""
    rows, first = {}, 0
    for length in lengths:
        ids = torch.tensor(tokens[first:first + length])[None]
        first += length
        states = [norm(x)[0] for x in
                  model(input_ids=ids, output_hidden_states=True).hidden_states]
        last, place = states[-1], at(length)
        here = {"features": own(last), "class": last[place], "mean": last.mean(0),
                "class+mean": torch.cat([last[place], last.mean(0)]),
                "last2": torch.cat([states[-2][place], last[place]])}
        for name, value in here.items():
            rows.setdefault(name, []).append(value.numpy())
    write_expected(folder, {"tokens": tokens, "lengths": lengths,
                            **{name: np.stack(value) for name, value in rows.items()}})


TEXT = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
            intermediate_size=HIDDEN, vocab_size=60)


def bert_like(folder, kind, **options):
    config = getattr(transformers, kind + "Config")(**options)
    more = {} if kind == "DistilBert" else {"add_pooling_layer": False}
    model = randomise(getattr(transformers, kind + "Model")(config, **more), 5)
    model.save_pretrained(folder)
    run_texts(folder, model.double(), *token_batches(60, 20, 6), own=lambda x: x.mean(0))


@torch.no_grad()
def clip_text(folder):
    model = randomise(clip_model(), 7)
    model.save_pretrained(folder)
    model = model.double()
    tokens, lengths = token_batches(60, 20, 6, 58, 59)
    run_texts(folder, model.text_model, tokens, lengths, at=lambda n: n - 1,
              own=lambda x: model.text_projection(x[-1]),
              norm=model.text_model.final_layer_norm)


@torch.no_grad()
def sentences(folder):
    """Two poolings side by side, a product with tanh, length 1."""
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
    config = transformers.BertConfig(max_position_embeddings=24, **TEXT)
    model = randomise(transformers.BertModel(config, add_pooling_layer=False), 8)
    pooling = Pooling(WIDTH, ("cls", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", "max"))
    dense = randomise(Dense(5 * WIDTH, 12), 9)
    model.save_pretrained(folder)
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"}]
    for number, module in enumerate((pooling, dense, Normalize()), 1):
        name = f"{number}_{type(module).__name__}"
        (folder / name).mkdir()
        module.save(str(folder / name))
        modules.append({"path": name, "type": "sentence_transformers.models." + name[2:]})
    (folder / "modules.json").write_text(json.dumps(modules))

    def own(hidden):
        out = pooling({"token_embeddings": hidden[None],
                       "attention_mask": torch.ones(1, len(hidden), dtype=torch.int64)})
        out = dense.double()(out)
        return torch.nn.functional.normalize(out["sentence_embedding"], dim=-1)[0]
    run_texts(folder, model.double(), *token_batches(60, 20, 6), own=own)


CASES = {
    "timm_dinov2": lambda f: timm_case(f, "vit_small_patch14_dinov2", native=24, num_classes=0,
                                       mlp_ratio=2),
    "timm_dinov2_registers": lambda f: timm_case(
        f, "vit_small_patch14_reg4_dinov2", native=24, num_classes=0, mlp_ratio=2),
    "timm_mean": lambda f: timm_case(f, "vit_small_patch16_224", global_pool="avg", num_classes=3,
                                     by_mean=True),
    "timm_clip": lambda f: timm_case(f, "vit_base_patch16_clip_quickgelu_224", num_classes=5),
    "timm_beit": lambda f: timm_case(f, "beit_base_patch16_224", num_classes=3, by_mean=True),
    "timm_deit3": lambda f: timm_case(f, "deit3_small_patch16_224", num_classes=3),
    "dinov2": lambda f: dinov2(f, False),
    "dinov2_registers": lambda f: dinov2(f, True),
    "mae": mae,
    "beit": beit,
    "vit_half": lambda f: vit(f, torch.float16),
    "vit_bfloat16_sharded": lambda f: vit(f, torch.bfloat16, sharded=True),
    "clip_vision": clip_vision,
    "clip_text": clip_text,
    "distilbert": lambda f: bert_like(
        f, "DistilBert", dim=WIDTH, n_layers=DEPTH, n_heads=HEADS, hidden_dim=HIDDEN, vocab_size=60,
        max_position_embeddings=20),
    "roberta": lambda f: bert_like(f, "Roberta", max_position_embeddings=24, type_vocab_size=1,
                                   layer_norm_eps=1e-5, **TEXT),
    "sentences": sentences,
}


def write(folder):
    """All of them, anew."""
    for name, make in CASES.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
        make(folder / name)
        # What implementations write and nobody reads.
        for path in (folder / name).rglob("*"):
            if path.name in ("README.md", "generation_config.json"):
                path.unlink()
