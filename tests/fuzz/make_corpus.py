#!/usr/bin/env python3
"""The first files of the corpus: small ones of every kind, with what is at the edge of each.

usage: make_corpus.py FUZZ_READERS

What needs this project's writers comes from the fuzzer itself (FUZZ_SEEDS). Files that fuzzing
found are added by hand, under names that say what they were. tests/fuzz/corpus is what the tests
run; this script need not run again unless a format changes.
"""
import gzip
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
TESTS = HERE.parent


def put(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def npy(kind, shape, data, fortran=False, version=1):
    header = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    header = (header + " " * (-(len(header) + 11) % 64) + "\n").encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def floats(*values, code="f"):
    return struct.pack(f"<{len(values)}{code}", *values)


def npz(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), data)
    return out.getvalue()


def arrays():
    matrix = npy("<f4", (2, 3), floats(1, 2, 3, 4, 5, 6))
    labels = npy("<i4", (2,), floats(0, 1, code="i"))
    words = npy("<U3", (2,), "no\0yes".encode("utf-32-le"))
    put("npy", "matrix", matrix)
    put("npy", "labels", labels)
    put("npy", "words", words)
    put("npy", "fortran", npy("<f8", (2, 2), floats(1, 2, 3, 4, code="d"), fortran=True))
    put("npy", "big_endian", npy(">i8", (3,), struct.pack(">3q", 0, 1, 2), version=2))
    put("npy", "bytes", npy("|u1", (2, 2, 2), bytes(range(8))))
    put("npy", "flags", npy("|b1", (2,), b"\0\1"))
    put("npy", "no_samples", npy("<f4", (0, 3), b""))
    put("npz", "stored", npz({"features": matrix, "labels": labels, "classes": words}))
    put("npz", "deflated", npz({"features": matrix, "labels": labels}, zipfile.ZIP_DEFLATED))
    put("npz", "pictures", npz({"x": npy("|u1", (2, 2, 2), bytes(8)), "y": labels}))
    column = npy("<f8", (2, 1), floats(1, 2, code="d"))
    put("whitening", "map", npz({
        "mean": column, "map": npy("<f8", (2, 2), floats(1, 0, 0, 1, code="d")),
        "eigenvalues": column, "epsilon": npy("<f8", (1, 1), floats(0.01, code="d"))}))
    put("classifier_npz", "model", npz({
        "weights": npy("<f8", (2, 3), floats(1, 2, 3, 4, 5, 6, code="d")), "bias": column}))
    put("scores_npz", "named", npz({
        "scores": npy("<f8", (2, 2), floats(1, 2, 3, 4, code="d")), "classes": words,
        "circuit": npy("<U14", (1,), "default_c3_r16".encode("utf-32-le")),
        "logit_limit": npy("<f8", (1, 1), floats(8, code="d"))}))
    put("partial_scores", "rows", npz({
        "partial_scores": npy("<f8", (2, 2), floats(1, 2, 3, 4, code="d")),
        "owner": npy("<U3", (1,), "lab".encode("utf-32-le")), "model": npy("<U2", (1,), "00".encode("utf-32-le")),
        "rows": npy("<U2", (2,), "0102".encode("utf-32-le")),
        "signature": npy("<U128", (1,), ("0" * 128).encode("utf-32-le"))}))
    put("partial_scores", "made", npz({
        "partial_scores": npy("<f8", (1, 2), floats(1, 2, code="d")), "made": npy("<U20", (1,), "2026-01-31T12:00:00Z".encode("utf-32-le")),
        "owner": npy("<U3", (1,), "lab".encode("utf-32-le")), "model": npy("<U2", (1,), "00".encode("utf-32-le")),
        "signature": npy("<U128", (1,), ("0" * 128).encode("utf-32-le"))}))
    put("classifier_json", "model", json.dumps({
        "classes": 2, "features": 2, "weights": [[1, -0.5], [0, 1e-3]], "bias": [0, 1]}))


def records():
    put("json", "kinds", '{"a":[1,-2.5e-3,18446744073709551615,true,null,"\u00e9\\n\\u00e9"],"b":{}}')
    put("json", "cut", '{"a":[1,')
    put("json", "deep", "[" * 31 + "]" * 31)
    put("passphrase", "line", "four words of it\nand more\n")
    put("passphrase", "no_newline", "four words of it")
    put("server_report", "plain", json.dumps({
        "steps": 2, "seconds": {"total": 1.5}, "seconds_per_step": [{"scores": 0.5}, {}],
        "peak_memory_bytes": 1e9}))
    put("study_message", "nonce", json.dumps({"kind": "nonce", "from": "clinic-a", "session": 2, "study": "0" * 64,
                                              "body": {"nonce": "00"}}))
    put("study_message", "envelope", json.dumps({"message": "{}", "signature": "0" * 128}))
    # Of the key whose secret is 32 zero bytes.
    server = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    put("transcript", "plain", json.dumps({
        "circuit": "default_c10_r12", "config": {"classes": 3, "steps": 2, "batch_size": 64, "learning_rate": 1},
        "data": "1" * 64, "data_id": "2" * 32, "key_set": "3" * 32, "keys": "4" * 64, "model": "5" * 64,
        "parameters": "6" * 64, "server": server, "steps": ["7" * 64, "8" * 64]}))
    draft = {"name": "Three sites", "owners": ["a", "b"], "coordinator": "a", "classes": ["no", "yes"], "layout": "rows",
             "columns": [2], "column_names": ["x", "y"], "parameters": "InsecureJoint4", "training": {"classes": 2},
             "circuit": "default_c3_r12", "whitening": "none", "encoder": "", "threshold": 2, "results": 1}
    put("study_draft", "rows", json.dumps(draft))
    put("study_draft", "columns", json.dumps({
        **draft, "layout": "columns", "columns": [3, 1], "column_names": [], "labels": "b", "whitening": "pooled",
        "encoder": "0" * 64}))
    put("signing_key", "plain", "blindtuner signing key 1: " + "0123456789abcdef" * 4 + "\n")
    put("run_list", "plain", json.dumps({"blindtuner": "results of a run", "files": {
        "model.npz": {"bytes": 1024, "sha256": "00"}, "rounds/round-0001.enc":
        {"bytes": 3, "sha256": ""}}, "replaces": {"test-features.npz": {"bytes": 0, "sha256": ""}}}))
    put("lock_file", "two", "1 'blindtuner train' (process 1, since 2026-11-26 20:01:26)\n-7 x\n")


def tables():
    put("csv", "plain", "1,2,0\n3,4,1\n")
    put("csv", "header", '"a", b ,label\r\n1.5e3,-2,0\r\n.5,+4,1\r\n\r\n')
    put("csv", "labels", "0\n1\n2\n")
    put("text_table", "comma", 'text,label\n"play ""it"", please",music\nbook\u00e9,other\n')
    put("text_table", "tab", "\ufeffplay it\tmusic\r\n\r\nbook\tother\r\n")
    put("picture_table", "relative", "path,label\npictures/1.png,a\n2.png,b\n")
    put("picture_table", "elsewhere", "/etc/passwd\ta\n../../x.png\tb\n./a/../b.png\tb\n")
    put("class_names", "lines", "red\ngreen\nblue\n")
    pixels = struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 2, 2) + bytes(range(8))
    put("idx", "pictures", pixels)
    put("idx", "packed", gzip.compress(pixels, mtime=0))
    put("idx", "labels", struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([0, 1, 2]))
    put("training_config", "plain", json.dumps({
        "steps": 20, "batch_size": 4096, "learning_rate": 4.0, "method": "nesterov",
        "momentum": 0.4}))
    put("training_config", "all", json.dumps({
        "classes": 3, "epochs": 2, "steps": 0, "batch_size": 64, "first_batch_full": False,
        "drop_short_batch": True, "learning_rate": 1, "schedule": "list", "rate_list": [1, 0.5],
        "rate_floor": 0.1, "rate_factor": 0.5, "rate_period": 2, "rate_decay": 0.1, "l2": 0.001,
        "method": "momentum", "momentum": 0.9, "averaging_start": 3, "validation_every": 2}))


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pictures():
    for name, colour, channels in (("grey_16", 0, 1), ("rgb_16", 2, 3)):
        row = b"\0" + struct.pack(f">{2 * channels}H", *[4095 - 100 * i for i in range(2 * channels)])
        put("png", name, b"\x89PNG\r\n\x1a\n" +
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, colour, 0, 0, 0)) +
            png_chunk(b"IDAT", zlib.compress(row + row)) + png_chunk(b"IEND", b""))
    kinds = {".jpg": "jpeg", ".png": "png", ".bmp": "bmp", ".webp": "webp"}
    for path in sorted((TESTS / "image" / "fixtures").iterdir()):
        if path.suffix in kinds and path.stat().st_size <= 1500:
            put(kinds[path.suffix], path.stem, path.read_bytes())
            if path.stem.startswith(("grey", "turned")) and path.stem[-1] not in "2345678":
                put("picture", path.name, path.read_bytes())
    turned = (TESTS / "image" / "fixtures" / "turned_6.jpg").read_bytes()
    at = turned.index(b"Exif\0\0") + 6
    put("exif", "turned", turned[at:at + 60])
    put("exif", "big_endian", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")


def encoders():
    cases = [case for folder in ("cases", "published")
             for case in sorted((TESTS / "transformer" / folder).iterdir())]
    for case in cases:
        if not (case / "model.safetensors").exists():
            continue
        model = (case / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", model[:8])[0]
        # One block is enough, and offsets are made to fit again.
        tensors, end = {}, 0
        for name, entry in json.loads(model[8:8 + length]).items():
            if name == "__metadata__" or ".1." in name:
                continue
            count = entry["data_offsets"][1] - entry["data_offsets"][0]
            tensors[name] = {**entry, "data_offsets": [end, end + count]}
            end += count
        header = json.dumps(tensors, separators=(",", ":")).encode()

        def settings(name, case=case):
            path = case / name
            return json.dumps(json.loads(path.read_text())).encode() if path.exists() else b""
        if "word_embeddings" in str(model[:8 + length]) or case.name == "clip_text":
            parts = [settings(name) for name in ("config.json", "sentence_bert_config.json",
                                                 "modules.json", "1_Pooling/config.json")]
            put("sentences", case.name, b"\0".join([*parts, header]))
        else:
            parts = [settings("config.json"), settings("preprocessor_config.json")]
            put("vision", case.name, b"\0".join([*parts, header]))
    entry = {"a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
             "b": {"dtype": "BF16", "shape": [], "data_offsets": [8, 10]}}
    header = json.dumps(entry).encode()
    put("safetensors", "two", struct.pack("<Q", len(header)) + header + bytes(10))
    empty = {"a": {"dtype": "F32", "shape": [0, 4], "data_offsets": [0, 0]}}
    header = json.dumps(empty).encode()
    put("safetensors", "empty", struct.pack("<Q", len(header)) + header)
    tokenizer = json.loads((TESTS / "text" / "fixtures" / "tokenizer.json").read_text())
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "play", "##s", "book", "\u00e9"]
    tokenizer["model"]["vocab"] = {word: i for i, word in enumerate(words)}
    put("tokenizer", "word_piece", json.dumps(tokenizer).encode() + b"\0plays the b\xc3\xa9book")
    put("vocabulary", "words", "\0".join([
        "\n".join(words) + "\n", json.dumps({"do_lower_case": True, "strip_accents": None}),
        json.dumps({"cls_token": "[CLS]", "unk_token": {"content": "[UNK]"}}),
        "Plays [MASK] \u4e2d b\u0065\u0301"]))
    put("vocabulary", "plain", "\n".join(words))
    pairs = TESTS / "text" / "fixtures" / "byte_pairs"
    for kind in ("roberta", "clip"):
        all_of = json.loads((pairs / f"{kind}.json").read_text())
        model = all_of["model"]
        model["merges"] = [[a, b] for a, b in model["merges"][:8]]
        tokens = dict.fromkeys([token["content"] for token in all_of["added_tokens"]])
        tokens |= dict.fromkeys([end + mark for end in "abceinorst\u0120" for mark in ("", "</w>")])
        tokens |= dict.fromkeys(x for a, b in model["merges"] for x in (a, b, a + b))
        model["vocab"] = {token: i for i, token in enumerate(tokens)}
        put("tokenizer", kind, json.dumps(all_of).encode() + b"\0a <mask> bacon's   tin 12")
        put("byte_pairs", kind, "\0".join([
            json.dumps(model["vocab"] | {"<unk>": 900}),
            "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in model["merges"]) + "\n",
            json.dumps({"add_prefix_space": kind == "roberta"}), "a bacon's  tin\u0130"]))
    put("model_index", "two", json.dumps({"metadata": {"total_size": 16}, "weight_map": {
        "a": "a.safetensors", "b": "b.safetensors"}}))
    put("model_index", "elsewhere", json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    dense = {"linear.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
             "linear.bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]}}
    modules = [{"type": f"sentence_transformers.models.{name}", "path": path}
               for name, path in (("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"),
                                  ("Normalize", "3"))]
    put("sentence_modules", "all", "\0".join(json.dumps(part) for part in (
        modules, {"pooling_mode": ["cls", "mean"]},
        {"activation_function": "torch.nn.modules.activation.Tanh", "bias": True},
        {"prompts": {"query": "query: "}, "default_prompt_name": "query"},
        {"max_seq_length": 12, "do_lower_case": True}, dense)))


def own(program):
    names = subprocess.run([program], capture_output=True, text=True, check=True,
                           env={k: v for k, v in os.environ.items() if k != "FUZZ_TARGET"})
    for name in names.stdout.split():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        subprocess.run([program], check=True, env={**os.environ, "FUZZ_TARGET": name,
                                                   "FUZZ_SEEDS": str(CORPUS / name)})
    # Changes to keys: a number in a head, a byte, an end that is cut.
    for name in ("evaluation_keys", "product_keys", "key_shares", "way_in_keys"):
        put(name, "none", bytes(1))
        put(name, "head", bytes([0, 2, 0, 0, 2, 0xff, 0xff]))
        put(name, "later", bytes([1, 9, 2, 0, 1, 7, 0, 0, 0, 0, 1, 3]))
        put(name, "longer", bytes([0, 0, 0, 0, 0x20, 1, 1]))


if __name__ == "__main__":
    shutil.rmtree(CORPUS, ignore_errors=True)
    own(sys.argv[1])
    records()
    arrays()
    tables()
    pictures()
    encoders()
