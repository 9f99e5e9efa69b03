#!/usr/bin/env python3
"""Writes fixtures/byte_pairs/: small byte-level vocabularies and what tokenizers makes of texts.

Needs tokenizers (made with 0.23). roberta.json and clip.json are tokenizer.json files of the two kinds,
cases.json holds the ids of texts.
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from tokenizers.processors import RobertaProcessing

from make_fixtures import SENTENCES, random_texts

FOLDER = Path(__file__).parent / "fixtures" / "byte_pairs"
CLIP_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
HARD = ["", " ", "  ", "\n", " a", "a ", "a  b", "a   b  ", "\t\ta\n\n b", "I'm it's we'll they'd 'S I'M ''s",
        "12345 1 22", "x'", "'", "a\u00a0b", "a\u3000 b", "e\u0301 \u1e9b\u0323 \u212b", "\ufffd\U0001f600",
        "<mask>", "a <mask> b", "a   <mask>b", "<s>a</s>", "<|endoftext|> a <|startoftext|>",
        "\u0130stanbul \u03a3\u0391\u03a3", "a" * 300, "ab" * 200, "!?!?!?" * 40]


def roberta():
    out = Tokenizer(BPE(unk_token=None))
    out.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    out.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    out.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    out.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return out


def clip():
    out = Tokenizer(BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    out.normalizer = normalizers.Sequence([
        normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    out.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CLIP_WORDS), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False)])
    special = ["<|startoftext|>", "<|endoftext|>"]
    out.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(
        vocab_size=700, special_tokens=special, show_progress=False, end_of_word_suffix="</w>",
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    out.post_processor = RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0),
                                           trim_offsets=False, add_prefix_space=False)
    return out


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = []
    for name, make in (("roberta", roberta), ("clip", clip)):
        made = make()
        made.save(str(FOLDER / f"{name}.json"), pretty=False)
        for text in SENTENCES + HARD + list(random_texts(80)):
            cases.append({"settings": name, "text": text, "ids": made.encode(text).ids})
    with open(FOLDER / "cases.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
