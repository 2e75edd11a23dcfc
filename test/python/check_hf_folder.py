"""Checks by hand that `transformers` loads a folder that `saveLlama` wrote, and computes the same logits.

    node --import tsx test/python/write_hf_folder.ts FOLDER      # writes FOLDER/<case> and FOLDER/<case>/expected.json
    python test/python/check_hf_folder.py FOLDER                 # needs torch and transformers

Not part of `npm test`: it needs two gigabytes of Python packages.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


def check(folder: Path) -> float:
    """Largest difference of logits, relative to the largest logit."""
    expected = json.loads((folder / "expected.json").read_text())
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    problems = {key: value for key, value in info.items() if value}
    assert not problems, f"{folder}: {problems}"
    with torch.no_grad():
        logits = model(torch.tensor(expected["ids"])).logits
    want = torch.tensor(expected["logits"]).reshape(logits.shape)
    return ((logits - want).abs().max() / want.abs().max()).item()


def main() -> None:
    folders = sorted(path.parent for path in Path(sys.argv[1]).glob("*/expected.json"))
    assert folders, f"no */expected.json below {sys.argv[1]}"
    worst = 0.0
    for folder in folders:
        error = check(folder)
        worst = max(worst, error)
        print(f"{folder.name:24s} largest relative error {error:.1e}")
    assert worst < 1e-4, f"logits differ by {worst}"


if __name__ == "__main__":
    main()
