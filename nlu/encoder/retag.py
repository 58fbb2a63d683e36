"""Learns the encoder's head of tags anew on the marks of today, with its layers as they are (README.md, A new head of tags).

    python nlu/encoder/retag.py [--out FOLDER]        in an environment of requirements.txt, beside this file

For when marks change and intents do not: minutes, where `tune.py` takes an hour. Every sentence is read once by the layers as they are
served, in eight bits, so that the head learns from what it will get. Sentences for which `unseen` is true, and those whose marks nobody
has set, teach it nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

HOME = Path(__file__).resolve().parent
ROOT = HOME.parent.parent
sys.path.insert(0, str(ROOT))

from nlu.components.unseen import unseen  # noqa: E402
from nlu.components.weights import LAYERS, NAMES, PIECES, Encoder  # noqa: E402
from nlu.encoder.tune import NOTHING, SEED, UNROUNDED, Sentence, digest_of_sentences, sentences, tag_row  # noqa: E402

WALKS, BATCH, RATE, DROPPED = 8, 1024, 3e-3, 0.1


class Layers(Encoder):
    """The encoder as it is served, with what its last layer says of each piece."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        graph = onnx.load(folder / LAYERS)
        (self.last,) = (node.input[0] for node in graph.graph.node if node.output[0] == UNROUNDED)
        graph.graph.output.append(onnx.ValueInfoProto(name=self.last))
        self.layers = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])

    def said(self, text: str) -> tuple[list[Any], np.ndarray[Any, Any]]:
        """The pieces of a message and, a row for each, what the last layer says."""
        pieces, embedded = self.embedded(text)
        (found,) = self.layers.run([self.last], {"embedded": embedded})
        return pieces, found[0][1:-1]


def learn(said: Tensor, true: Tensor, tags: int) -> nn.Linear:
    """A linear map from what the layers say of a piece to its tag; the rate falls to nothing."""
    head = nn.Linear(said.shape[1], tags)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.01)
    steps = WALKS * (len(said) // BATCH + 1)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    for walk in range(WALKS):
        lost = 0.0
        for batch in torch.randperm(len(said)).split(BATCH):
            loss = functional.cross_entropy(head(functional.dropout(said[batch].float(), DROPPED)), true[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
            lost += loss.item() * len(batch)
        print(f"walk {walk + 1} of {WALKS}  lost {lost / len(said):.4f}", flush=True)
    return head


def gathered(layers: Layers, learnt: Sequence[Sentence], tags: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What the layers say of every piece of the sentences, and its true tag."""
    rows, true = [], []
    for one in learnt:
        pieces, said = layers.said(one.text)
        rows.append(said.astype(np.float16))
        true += tag_row(pieces, one.marks, tags)
    return torch.from_numpy(np.concatenate(rows)), torch.tensor(true)


def main() -> int:
    """Reads, learns, writes the head into the layers' file and the sentences' digest into the names'."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HOME, help="folder to write to")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    names = json.loads((HOME / NAMES).read_text(encoding="utf-8"))
    learnt = [one for one in sentences() if one.marks is not None and not unseen(one.text)]
    new = sorted({kind for one in learnt for kind, _, _ in one.marks or ()} - {tag[2:] for tag in names["tags"]})
    tags = [*names["tags"], *(f"{place}-{kind}" for kind in new for place in "BI")]
    assert tags[0] == NOTHING
    print(f"{len(learnt)} marked sentences", flush=True)
    head = learn(*gathered(Layers(HOME), learnt, tags), len(tags))

    options.out.mkdir(parents=True, exist_ok=True)
    graph = onnx.load(HOME / LAYERS)
    for part in graph.graph.initializer:
        if part.name == "tag.w":
            part.CopyFrom(numpy_helper.from_array(head.weight.detach().numpy().T.copy(), part.name))
        if part.name == "tag.b":
            part.CopyFrom(numpy_helper.from_array(head.bias.detach().numpy(), part.name))
    onnx.save(graph, options.out / LAYERS)
    names |= {"tags": tags, "tags_from": digest_of_sentences()}
    (options.out / NAMES).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    if options.out != HOME:
        shutil.copyfile(HOME / PIECES, options.out / PIECES)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
