#!/usr/bin/env python3
"""Makes tests/golden/own/tokenizers: small tokenizers, trained here, with what Hugging Face's library
and SentencePiece make of texts. Run by hand, also alone (PyPI tokenizers and sentencepiece):

    python3 tests/golden/make_tokenizers.py

<name>/tokenizer.json and <name>.golden.json with encode, pairs, decode_ids and stream;
<name>/tokenizer.model and <name>.sentencepiece.golden.json with encode, where the text of a control
token is plain text.
"""

import io
import json
import random
import re
import shutil
import tempfile
from pathlib import Path

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.decoders import DecodeStream

OWN = Path(__file__).parent / "own"

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and then it rests under an old tree.",
    "A tokenizer turns text into numbers; a detokenizer turns the numbers back into text.",
    "for (int i = 0; i < 10; ++i) { total += values[i]; }  // a loop in C++",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "Don't worry: we'll see what they've done, she'd said. It's 3.14 or 2,718 or 1000000.",
    "Les élèves étaient très contents d'aller à l'école près de la forêt.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "The rain in Spain stays mainly in the plain, and the train remains in the station.",
    "何よりも大切なことは、毎日少しずつ続けることです。",
]

TEXTS = CORPUS + [
    "", " ", "  ", "\n", "\n\n\n", "\t\tx", "a", "A", "é", "e\u0301", "ﬁ", "Å", "\u212b",
    "hello world", " hello  world ", "Hello, World!", "HELLO'S DON'T WE'LL I'D", "don’t “smart” quotes",
    "1", "12", "123", "1234567", "3.14159", "１２３", "٣٤", "²³¹", "x² + y² = z²",
    "trailing space ", "  leading", "a  b   c    d", "a\nb", "a \n b", "a\r\nb", "  \n  \n  x",
    "don't_stop", "snake_case_name", "camelCaseName", "a.b.c", "...", "!!!???", "$100 %50 #1 @x",
    "<|endoftext|>", "a<|im_start|>user\nhi<|im_end|>\n", "<|im_start|><|im_end|>", "<|im_start", "<|",
    "<think>\nso\n</think>", "x<think>y", " <|im_end|> ",
    "日本語のテキスト", "中文，没有空格", "한국어 문장", "عربي نص", "שלום", "ไทย", "हिन्दी",
    "😀", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "a😀b", "e\u0301\u0301", "\u200b", "a\u00a0b", "\u2028x", "\ufeffbom",
    "\x00", "a\x00b", "\x7f", "\x1b[31mred\x1b[0m", "https://example.org/a?b=c&d=e#f", "C:\\path\\file",
    "{\"key\": [1, 2.5, null, true]}", "𝒳𝓎𝓏", "ΑΒΓ αβγ", "ﷺ", "\U0010ffff",
]


def bytes_alphabet(size, special):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False,
                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def gpt2_style():
    """Everything by the ByteLevel pre-tokenizer; a first token added by the post-processor."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(CORPUS, bytes_alphabet(384, special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", pair="<|endoftext|> $A $B:1", special_tokens=[("<|endoftext|>", 0)])
    return tokenizer


def qwen_style():
    """NFC, a Split by a regular expression of Qwen's kind, and added tokens that are not special."""
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
               r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(CORPUS, bytes_alphabet(360, []))
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


def metaspace_style():
    """As Llama 2: SentencePiece's blanks by normalizers, bytes for characters without a token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")  # for the training only
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, show_progress=False))
    definition = json.loads(tokenizer.to_str())
    definition["pre_tokenizer"] = None
    definition["added_tokens"] = definition["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                           decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def unigram_style():
    """As XLM-RoBERTa: SentencePiece's table of replacements, then pieces by score."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(
        vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False))
    tokenizer.add_special_tokens([tokenizers.AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    return tokenizer


def wordpiece_style():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(
        vocab_size=400, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


# Small rules instead of nmt_nfkc, whose table alone has 240 kB.
RULES = [("\ufb01", "fi"), ("\u212b", "\u00c5"), ("A\u030a", "\u00c5"), ("e\u0301", "\u00e9"),
         ("E", "e"), ("\t", " "), ("\n", " "), ("\r", " "), ("\u3000", " "), ("\u00a0", " "),
         ("\uff11", "1"), ("\uff12", "2"), ("\uff13", "3"), ("\u00b2", "2"), ("\u2116", "No"),
         ("\u200b", " "), ("\ufdfa", "a b"), ("\ufeff", "")]


def train(**options):
    """A SentencePiece model over CORPUS, as bytes."""
    written = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"
        hexadecimal = [(" ".join(f"{ord(c):X}" for c in a), " ".join(f"{ord(c):X}" for c in b))
                       for a, b in RULES]
        rules.write_text("".join(f"{a}\t{b}\n" for a, b in hexadecimal))
        if options.pop("has_rules", False):
            options["normalization_rule_tsv"] = str(rules)
        else:
            options["normalization_rule_name"] = "identity"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS), model_writer=written, minloglevel=2,
            hard_vocab_limit=False, **options)
    return written.getvalue()


def charsmap():
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(train(model_type="bpe", vocab_size=200, has_rules=True))
    return model.normalizer_spec.precompiled_charsmap


SENTENCEPIECE = {
    "sp-bpe-bytes": dict(model_type="bpe", vocab_size=600, byte_fallback=True,
                         remove_extra_whitespaces=False),
    "sp-bpe-rules": dict(model_type="bpe", vocab_size=300, has_rules=True,
                         user_defined_symbols=["<think>", "▁▁", "ing"], add_dummy_prefix=False),
    "sp-unigram-rules": dict(model_type="unigram", vocab_size=300, has_rules=True,
                             user_defined_symbols=["<think>", "tion"]),
    "sp-unigram-bytes": dict(model_type="unigram", vocab_size=500, byte_fallback=True),
}


def make_sentencepiece(name, options):
    folder = OWN / "tokenizers" / name
    folder.mkdir(parents=True)
    model = train(**options)
    (folder / "tokenizer.model").write_bytes(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    write_json(OWN / "tokenizers" / f"{name}.sentencepiece.golden.json", {
        "tokenizer": name, "note": "trained for this set",
        "library": f"sentencepiece {sentencepiece.__version__}",
        "encode": [{"text": text, "ids": processor.encode(text)} for text in TEXTS]})


PAIRS = [("first text", "second text"), ("a", ""), ("", "b"), ("Don't worry: we'll see", "été 😀")]


def pair_entry(tokenizer, a, b):
    encoding = tokenizer.encode(a, b)
    return {"a": a, "b": b, "ids": encoding.ids, "type_ids": encoding.type_ids}


def encode_entry(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    entry = {"text": text, "ids": ids}
    with_special = tokenizer.encode(text, add_special_tokens=True).ids
    if with_special != ids:
        entry["ids_with_special"] = with_special
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    entry["decoded"] = "=" if decoded == text else decoded
    skipped = tokenizer.decode(ids, skip_special_tokens=True)
    if skipped != decoded:
        entry["decoded_skip_special"] = skipped
    return entry


def stream_entry(tokenizer, ids):
    stream = DecodeStream(skip_special_tokens=False)
    increments = [stream.step(tokenizer, token) for token in ids]
    return {"ids": ids, "increments": increments,
            "full": tokenizer.decode(ids, skip_special_tokens=False)}


def make_tokenizer(name, tokenizer, rng):
    folder = OWN / "tokenizers" / name
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    vocab = tokenizer.get_vocab_size()
    random_ids = [[rng.randrange(vocab) for _ in range(rng.randint(1, 12))] for _ in range(30)]
    golden = {
        "tokenizer": name, "note": "trained for this set", "library": f"tokenizers {tokenizers.__version__}",
        "vocab_size": vocab,
        "encode": [encode_entry(tokenizer, text) for text in TEXTS],
        "pairs": [pair_entry(tokenizer, a, b) for a, b in PAIRS],
        "decode_ids": [{"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                        "decoded_skip_special": tokenizer.decode(ids)} for ids in random_ids],
        "stream": [stream_entry(tokenizer, tokenizer.encode(text, add_special_tokens=False).ids)
                   for text in TEXTS[5:9] + TEXTS[-40:] if text],
    }
    write_json(OWN / "tokenizers" / f"{name}.golden.json", golden)


def write_json(path, value):
    """An entry of the outermost lists and objects per line: small files, readable differences."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    text = re.sub(r"\n {3,}", " ", text)  # deeper levels are joined
    text = re.sub(r"\n {2}(?=[\]}])", " ", text)
    path.write_text(text + "\n")


def main():
    shutil.rmtree(OWN / "tokenizers", ignore_errors=True)
    rng = random.Random(4)
    make_tokenizer("bpe-gpt2-style", gpt2_style(), rng)
    make_tokenizer("bpe-qwen-style", qwen_style(), rng)
    make_tokenizer("bpe-metaspace-style", metaspace_style(), rng)
    make_tokenizer("unigram-style", unigram_style(), rng)
    make_tokenizer("wordpiece-style", wordpiece_style(), rng)
    for name, options in SENTENCEPIECE.items():
        make_sentencepiece(name, options)


if __name__ == "__main__":
    main()
