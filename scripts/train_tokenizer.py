"""Trains the byte-level BPE vocabulary of the demo (assets/tokenizer/).

Called by scripts/train_tokenizer.mjs, which writes the training text and makes a virtual environment with
the pinned PyPI package `tokenizers`. By hand:

    python scripts/train_tokenizer.py TEXT_FILE OUTPUT_FOLDER --vocab-size 2048
"""

import argparse
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END_OF_TEXT = "<|endoftext|>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=pathlib.Path, help="UTF-8 text to learn from")
    parser.add_argument("output", type=pathlib.Path, help="folder for tokenizer.json")
    parser.add_argument("--vocab-size", type=int, default=2048)
    args = parser.parse_args()

    tokenizer = Tokenizer(models.BPE())
    # No prefix blank and no trimming: decode(encode(x)) must be x, byte for byte.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab_size,
        special_tokens=[END_OF_TEXT],
        # All 256 bytes, so that any text can be encoded, in the corpus or not.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train([str(args.text)], trainer)
    size = tokenizer.get_vocab_size()
    if size != args.vocab_size:
        raise SystemExit(f"The text gave {size} entries, not {args.vocab_size}: too little text.")

    args.output.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.output / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
    }
    (args.output / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    text = args.text.read_text(encoding="utf-8")
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == text, "decode(encode(text)) differs from text"
    print(f"{size} entries, {len(text)} characters -> {len(ids)} tokens")


if __name__ == "__main__":
    main()
