"""PyTorch eager, as a user would write the step: `torch_step.py <folder> <threads>`. Speaks the protocol of contestant.ts."""
import json
import sys
import time

import torch
import transformers

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
with open(f"{folder}/batch.json") as file:
    batch = json.load(file)
ids = torch.tensor(batch["ids"]).reshape(batch["shape"])
targets = torch.tensor(batch["targets"])
model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=batch["learningRate"])

about = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "threads": torch.get_num_threads(),
    "attention": model.config._attn_implementation,
}
print(json.dumps(about), flush=True)
for line in sys.stdin:
    if line.strip() != "step":
        continue
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets)
    loss.backward()
    optimizer.step()
    value = loss.item()
    print(json.dumps({"ms": (time.perf_counter() - start) * 1000, "loss": value}), flush=True)
