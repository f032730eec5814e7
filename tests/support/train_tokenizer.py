"""Trains a small tokenizer in the manner of real models: `train_tokenizer.py KIND FILE`.

KIND is `byte-level` (as Llama 3 and Qwen: a pattern parts the text into words, bytes are merged) or
`sentencepiece` (as Llama 2 and Mistral: spaces are letters, unknown bytes have tokens of their own).
The special tokens are those of our synthetic models, whose chat template needs them.
"""

import pydoc
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import trainers

SPECIAL = ["<|unk|>", "<|bos|>", "<|pad|>", "<|turn|>", "<|done|>"]
# As many ids as the model has: the server fails on one without a text.
VOCABULARY = 2048
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def corpus():
    """English that every Python brings along; its words at the start of lines too."""
    names = ["json", "os", "re", "socket", "subprocess", "threading", "typing", "decimal", "logging"]
    text = "\n".join(pydoc.plain(pydoc.render_doc(__import__(name))) for name in names)
    return text.splitlines() + [word for word in text.split() if word.isalpha()]


def main():
    kind, file = sys.argv[1:]
    if kind == "byte-level":
        tokenizer = Tokenizer(models.BPE())
        split = pre_tokenizers.Split(Regex(PATTERN), "isolated")
        bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_])
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, initial_alphabet=alphabet, special_tokens=SPECIAL
        )
        tokenizer.train_from_iterator(corpus(), trainer)
    else:
        fallback = [f"<0x{byte:02X}>" for byte in range(256)]
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<|unk|>"))
        # Words apart while it learns, as SentencePiece does; afterwards the whole text is one.
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL + fallback)
        tokenizer.train_from_iterator(corpus(), trainer)
        tokenizer.pre_tokenizer = None
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL])
    tokenizer.save(file)


main()
