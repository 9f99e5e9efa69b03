#!/usr/bin/env python3
"""Writes fixtures/: a small WordPiece vocabulary and what Hugging Face's tokenizers makes of texts.

Needs tokenizers (made with 0.23). Random texts keep to characters that its Unicode tables know.
"""
import json
import random
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer, trainers
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

FOLDER = Path(__file__).parent / "fixtures"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = """Play the newest song by the singer I heard yesterday.
What will the weather be like in San Francisco next Tuesday at 5:30 pm?
Book a table for four people at a restaurant that serves crème brûlée.
Add this track to my playlist "Übermorgen & Gestern" (live, 2019)!
How do I say naïve, façade, jalapeño, smörgåsbord and Ångström?
The patient's heart-rate was 72.5 beats/min; temperature: 37.2 °C.
E-mail me at someone@example.org, or see https://example.org/a_b?c=d#e.
Rate this book 4 out of 6 stars... or don't, it's up to you -- really.
Unbelievable misunderstandings characterise internationalisation efforts.
Ελληνικά με τόνους, ΌΛΑ ΚΕΦΑΛΑΊΑ, και τελικό σίγμα: ΟΔΟΣ οδός.
Русский текст с буквами ё и й, ВСЁ ЗАГЛАВНЫМИ.
İstanbul'da ılık bir gün; IĞDIR, Şişli ve Çeşme.
中文字符 mixed with English和标点符号，句号。「引号」
日本語のひらがな、カタカナ、漢字。ﾊﾝｶｸ
한국어 문장과 영어 words.
नमस्ते दुनिया, हिन्दी में।
العربية مع تَشْكِيل، وأرقام ١٢٣.
עברית עם נִקּוּד, שלום.
ไทยภาษา ไม่มีช่องว่าง
Emoji 😀👍🏽👩‍👩‍👧‍👦 and ❤️ in text.
ﬁne ligatures ﬀ ﬃ, ½ ¾ ² ³, №, ™, ®, ℃, Ⅷ, ①
tab\there, newline\nhere, carriage\rreturn, nul\0byte, bell\x07, escape\x1b[0m
zero\u200bwidth, soft\u00adhyphen, bom\ufeff, joiner\u200d, no\u00a0break, thin\u2009space
replacement \ufffd character, private \ue000 use, line\u2028separator, next\u0085line, \x0bvt \x0cff
combining e\u0301 a\u0308 o\u0302\u0323 n\u0303 against é ä ộ ñ, and \u0301 alone
dashes - – — ― − ‐ ‑, quotes “ ” ‘ ’ „ « », bullets • · …, signs ¿ ¡ § ¶
money $5 €6 £7 ¥8 ₹9, math 1+1=2 a<b>c x^y `code` {a|b} ~z \\back
[CLS] inside [SEP] a text [MASK] with [UNK] and [PAD][PAD], [cls] [Sep] [MASK
ALLCAPS lowercase MiXeD CamelCaseWord snake_case_word kebab-case-word 3rd 1st 2nd
ẞtraße STRASSE ﬆ ǅ ǆ Ǆ K Å Ω
\U0001d400\U0001d401 bold letters \U00010400 deseret \U00020000 ideograph \u3400 \u4dbf \u9fff""".split("\n")


def random_texts(count):
    """Words of characters from many scripts."""
    generator = random.Random(7)
    ranges = [(0x20, 0x7f), (0x20, 0x7f), (0x61, 0x7b), (0x61, 0x7b), (0x80, 0x250), (0x300, 0x370),
              (0x370, 0x530), (0x590, 0x700), (0x900, 0xa00), (0xe00, 0xe80), (0x10a0, 0x1100),
              (0x1e00, 0x2000), (0x2000, 0x2070), (0x20a0, 0x2200), (0x2460, 0x2500),
              (0x3000, 0x3100), (0x4e00, 0x4e80), (0xac00, 0xac80), (0xf900, 0xfa00),
              (0xfb00, 0xfb50), (0xff00, 0xfff0), (0x1d400, 0x1d500), (0x1f600, 0x1f640),
              (0x20000, 0x20040), (0x2b740, 0x2b7a0), (0x2b910, 0x2b930)]
    safe = [[chr(c) for c in range(*r) if unicodedata.ucd_3_2_0.category(chr(c)) != "Cn"]
            for r in ranges]
    safe = [part for part in safe if part]
    for _ in range(count):
        text = ""
        for _ in range(generator.randrange(1, 9)):
            part = generator.choice(safe)
            text += "".join(generator.choice(part) for _ in range(generator.randrange(1, 7)))
            text += generator.choice(["", " ", " ", "  ", "-", "\t"])
        yield text


def tokenizer(vocabulary, **options):
    out = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    out.normalizer = BertNormalizer(**options)
    out.pre_tokenizer = BertPreTokenizer()
    out.add_special_tokens(SPECIAL)
    out.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, out.token_to_id(name)) for name in ("[CLS]", "[SEP]")])
    return out


SETTINGS = {
    "uncased": {"lowercase": True},
    "cased": {"lowercase": False},
    "lower_with_accents": {"lowercase": True, "strip_accents": False},
    "no_chinese": {"lowercase": True, "handle_chinese_chars": False},
    "unclean": {"lowercase": True, "clean_text": False},
}


def main():
    FOLDER.mkdir(exist_ok=True)
    texts = SENTENCES + ["", " ", "\t\n", "a" * 100, "a" * 101, "é" * 100, "ab" * 60 + " cd"]
    texts += [word for sentence in SENTENCES[:8] for word in sentence.split()]
    texts += list(random_texts(250))
    vocabularies = []
    for lower in (True, False):
        base = tokenizer({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, lowercase=lower)
        base.train_from_iterator(SENTENCES * 3, trainers.WordPieceTrainer(
            vocab_size=700, special_tokens=SPECIAL, show_progress=False))
        vocabularies.append(base.get_vocab())
    # Lower and upper case side by side: one vocabulary for all settings.
    words = SPECIAL + sorted((set(vocabularies[0]) | set(vocabularies[1])) - set(SPECIAL))
    vocabulary = {word: i for i, word in enumerate(words)}
    cases = []
    for name, options in SETTINGS.items():
        made = tokenizer(vocabulary, **options)
        if name == "uncased":
            made.save(str(FOLDER / "tokenizer.json"))
        for i, text in enumerate(texts):
            if name == "uncased" or i < len(SENTENCES) or i % 4 == 0:
                cases.append({"settings": name, "text": text, "ids": made.encode(text).ids})
    (FOLDER / "vocab.txt").write_text("".join(word + "\n" for word in words), newline="\n")
    with open(FOLDER / "cases.json", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
