"""Trains the language model, if what it is made from has changed.

    nlu/.venv/bin/python nlu/train.py [--force] [--verbose]
    python3 nlu/train.py --print-name        any Python 3.11; imports nothing but the standard library
    nlu/.venv/bin/python nlu/train.py --trial FILE [--config FILE] [--share 0.25] [--language zh]

A model's name is a digest of everything that shapes it, so a model with the right name is the right
model. It must never leave half a model under that name, send anything anywhere, or train on anything
but the files named here.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import io
import logging
import os
import shutil
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent
ROOT = HOME.parent
SENTENCES = ROOT / "data" / "nlu"
DOMAIN = ROOT / "domain.yml"
MODELS = HOME / "models"
PARTS_OF_DOMAIN = ("intents", "entities")
COMPONENTS_OF_PIPELINE = 5
WEIGHTS = ("layers.onnx", "names.json", "pieces.npz")
_PACKED = 3
"""How hard gzip packs a model, of 1 to 9."""


class CannotTrain(Exception):
    """One sentence for the person at the terminal."""


def parts_of_domain() -> str:
    """The blocks of domain.yml that shape a model: a dialogue text may change without a new one."""
    kept: list[str] = []
    inside = False
    for line in DOMAIN.read_text(encoding="utf-8").splitlines():
        bare = line.split(" #")[0].rstrip()
        if not bare or bare.startswith("#"):
            continue
        if not bare[0].isspace() and not bare.startswith("-"):
            inside = bare.split(":")[0] in PARTS_OF_DOMAIN
        if inside:
            kept.append(bare)
    return "\n".join(kept) + "\n"


def inputs() -> Iterator[tuple[str, bytes]]:
    """Name and content of everything that shapes the model, in a fixed order."""
    files = [HOME / "config.yml", HOME / "requirements.txt", HOME / "patterns.yml"]
    files += sorted((HOME / "components").glob("*.py"))
    files += [HOME / "encoder" / name for name in WEIGHTS]
    files += sorted(path for path in (HOME / "dictionary").iterdir() if path.is_file())
    files += sorted(path for path in SENTENCES.rglob("*.yml") if path.is_file())
    for path in files:
        yield path.relative_to(ROOT).as_posix(), path.read_bytes()
    yield "domain.yml", parts_of_domain().encode()


def model_file() -> Path:
    """Where the model made from the present inputs is, or will be."""
    digest = hashlib.sha256()
    for name, content in inputs():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return MODELS / f"{digest.hexdigest()[:16]}.tar.gz"


class _Progress(logging.Handler):
    """Turns Rasa's log of finished components into lines for a person."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._begun = time.monotonic()
        self._done = 0
        self._out = sys.stdout

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith("Finished training component"):
            self._done += 1
            component = message.split("'")[1]
            spent = time.monotonic() - self._begun
            print(
                f"  {self._done} of {COMPONENTS_OF_PIPELINE}  {component}  ({spent:.0f} s)",
                file=self._out,
                flush=True,
            )


def _quiet() -> None:
    os.environ |= {
        "RASA_TELEMETRY_ENABLED": "false",
        "RASA_MAX_CACHE_SIZE": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "LOG_LEVEL": "WARNING",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }


def _pack_quickly() -> None:
    """Rasa packs a model as hard as gzip can, a tenth of the whole training; half as hard makes it two hundredths larger."""
    name, fileobj, _ = tarfile.TarFile.gzopen.__func__.__defaults__  # type: ignore[attr-defined]
    tarfile.TarFile.gzopen.__func__.__defaults__ = (name, fileobj, _PACKED)  # type: ignore[attr-defined]


def _read_once() -> None:
    """Rasa reads all sentences to see whether there are any, and again to learn from them, because it asks in the name of two languages;
    in YAML nothing hangs on the language, and asked alike it remembers (a tenth of the whole training)."""
    from rasa.shared.importers.importer import NluDataImporter

    read = NluDataImporter.get_nlu_data
    NluDataImporter.get_nlu_data = lambda self, language="": read(self)


def copy_sentences(into: Path, share: float, language: str) -> None:
    """The sentences, or for a trial some of them: a share that is the same at every call, or one language."""
    shutil.copytree(SENTENCES, into, ignore=lambda folder, names: _other(folder, names, language))
    if share >= 1:
        return
    for path in into.rglob("*.yml"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(x for x in lines if not x.startswith("    - ") or _lot(x) < share), encoding="utf-8")


def _other(folder: str, names: list[str], language: str) -> list[str]:
    return [name for name in names if language and Path(folder) == SENTENCES and name != language]


def _lot(line: str) -> float:
    """A number from 0 to 1 that belongs to a sentence for good."""
    return int(hashlib.sha256(line.encode()).hexdigest()[:8], 16) / 2**32


def _train_into(
    work: Path, name: str, verbose: bool, config: Path = HOME / "config.yml", share: float = 1, language: str = ""
) -> Path:
    """Trains in a folder that is thrown away; returns the finished archive inside it."""
    # Rasa keeps a cache where it stands and reads the dictionary relative to it.
    os.environ["RASA_CACHE_DIRECTORY"] = str(work / "cache")
    shutil.copytree(HOME / "dictionary", work / "dictionary")
    copy_sentences(work / "sentences", share, language)
    shutil.copyfile(HOME / "patterns.yml", work / "sentences" / "patterns.yml")
    (work / "domain.yml").write_text('version: "3.1"\n' + parts_of_domain(), encoding="utf-8")
    # Rasa writes a generated assistant id into a config it thinks lacks one: give it a copy.
    shutil.copyfile(config, work / "config.yml")
    sys.path.insert(0, str(ROOT))
    os.chdir(work)

    misaligned = 0

    def heard(message: Warning | str, category: Any, *_: Any, **__: Any) -> None:
        nonlocal misaligned
        misaligned += "Misaligned" in str(message)
        if verbose:
            print(f"  note: {' '.join(str(message).split())}", file=sys.stderr, flush=True)

    warnings.simplefilter("ignore")
    import jieba
    import rasa.model_training
    from rasa.engine.exceptions import GraphComponentException
    from rasa.shared.exceptions import RasaException

    jieba.setLogLevel(logging.WARNING)
    _pack_quickly()
    _read_once()
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = heard
    hooks = logging.getLogger("rasa.engine.training.hooks")
    hooks.setLevel(logging.INFO)
    hooks.propagate = False
    hooks.addHandler(_Progress())
    try:
        # Rasa prints a path that is about to move.
        with contextlib.redirect_stdout(io.StringIO()):
            made = rasa.model_training.train_nlu(
                "config.yml", "sentences", str(work / "made"), fixed_model_name=name, domain="domain.yml"
            )
    except (RasaException, GraphComponentException) as error:
        # Rasa wraps a component's own error; the cause says what is wrong.
        cause = error.__cause__ or error
        said = (
            " ".join(f"{type(cause).__name__}: {cause}".split())
            .replace(f"{work}/", "")
            .replace("sentences/", "data/nlu/")
        )
        raise CannotTrain(f"Rasa cannot learn from what it was given: {said[:600]}") from error
    if made is None:
        raise CannotTrain("data/nlu holds no training sentences.")
    if misaligned:
        print(f"  {misaligned} entity marks do not fall on word borders; --verbose lists them", flush=True)
    return Path(made)


def train(force: bool, verbose: bool) -> None:
    """Makes the model unless it is there; prints what it does.

    Raises:
        CannotTrain: with a sentence that says what is wrong and where.
    """
    wanted = model_file()
    name = wanted.name.removesuffix(".tar.gz")
    if wanted.exists() and not force:
        print(f"model {name} is up to date")
        return
    if not any(SENTENCES.rglob("*.yml")):
        raise CannotTrain("data/nlu holds no training sentences.")
    _quiet()
    begun = time.monotonic()
    print(f"training model {name} …", flush=True)
    MODELS.mkdir(exist_ok=True)
    here = Path.cwd()
    try:
        with tempfile.TemporaryDirectory(prefix=".training-", dir=MODELS) as folder:
            made = _train_into(Path(folder), wanted.name, verbose)
            os.replace(made, wanted)
            os.chdir(here)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CannotTrain(
                "the disk is full: a training needs about 200 MB free in nlu/models."
            ) from error
        raise CannotTrain(f"a file could not be read or written: {error}") from error
    print(f"model {name} ready, {wanted.stat().st_size / 1e6:.1f} MB, {time.monotonic() - begun:.0f} s")


def trial(out: Path, config: Path, share: float, language: str) -> None:
    """Trains a model that is not the desk's, for a comparison (`nlu/report.py`), into the file `out`.

    Raises:
        CannotTrain: with a sentence that says what is wrong and where.
    """
    out, config = out.resolve(), config.resolve()
    _quiet()
    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=out.parent) as folder:
        made = _train_into(Path(folder), out.name, False, config, share, language)
        os.replace(made, out)
        os.chdir(here)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Train the desk's language model if its inputs have changed."
    )
    parser.add_argument("--force", action="store_true", help="train even if the model is there")
    parser.add_argument("--print-name", action="store_true", help="only print the model's path")
    parser.add_argument("--verbose", action="store_true", help="show Rasa's notes on the training sentences")
    parser.add_argument("--trial", type=Path, metavar="FILE", help="train another model, for a comparison, into FILE")
    parser.add_argument("--config", type=Path, default=HOME / "config.yml", help="pipeline of the trial")
    parser.add_argument("--share", type=float, default=1.0, help="share of the sentences the trial learns from")
    parser.add_argument("--language", choices=("zh", "en"), default="", help="the trial's only language")
    options = parser.parse_args()
    try:
        if options.print_name:
            print(model_file().relative_to(ROOT))
        elif options.trial:
            trial(options.trial, options.config, options.share, options.language)
        else:
            train(options.force, options.verbose)
    except (CannotTrain, FileNotFoundError) as error:
        print(f"training failed: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"training failed: {error.name} is not installed here; run `make setup`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
