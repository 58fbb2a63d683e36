"""Photos residents and staff send: looked at by content, drawn anew, kept under the hash of what was drawn.

What is kept is never the file that came, only its picture encoded anew. So the place and time it was taken, the
telephone's name, comments, a hidden preview and anything hung behind the picture (another file, a page, a program)
are gone, and so is what lay under transparency. It must never keep or hand out a byte it did not encode itself,
believe a file's name or a sender's content type, decode a picture before its size is known, open a path made of
anything but a checked reference, or name in a sentence what the picture or its sender is. It knows a folder and
nothing of the database: who may see a picture is decided before this is asked.

1. Bytes are counted first, then the size in points is read from the header, then one decoder is tried: that of the
   format the first bytes name. No other is ever asked.
2. The decoder sees only what drawing needs. Metadata is taken out beforehand, because metadata is where real files
   are damaged (a photo is worth keeping all the same) and where decoders are attacked.
3. One picture is drawn at a time in a process, so the memory needed is that of one picture, whoever sends however
   many.
4. A file appears whole or not at all, and survives a power cut once `keep` has returned.

A picture sent twice is one file. So a file may belong to several tickets: remove it when the last row that names it
has gone, not before.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

# Imported by name, so that no picture makes Pillow load all its other plugins.
from PIL import GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

MIB: Final = 1024 * 1024
LONGEST_SIDE: Final = 2560
"""Points of the longer side of what is kept: enough to read a meter or a crack, small enough to keep for years."""
QUALITY: Final = 88
MOST_SCANS: Final = 64
"""Passes of a progressive JPEG. Encoders write about ten; each costs a walk over the whole picture, and a pass that
says nothing fits in a hundred bytes, so a small file could otherwise keep a processor busy for hours."""
SIDES: Final = range(16, 1281)
"""Sides a thumbnail may have, in points."""
LEFTOVER_AGE: Final = 3600.0
"""Seconds after which a half-written file is surely nobody's work in progress."""

Size: TypeAlias = tuple[int, int]
"""Width and height in points."""


class NotAPicture(ValueError):
    """These bytes are not a picture that can be kept: another kind of file, cut short, or damaged."""


class TooLarge(ValueError):
    """More bytes or more points than are taken."""


class NoSuchReference(FileNotFoundError, KeyError):
    """Not 64 hexadecimal digits. Nothing is kept under such a name, so whoever handles a missing file handles this."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture as it now lies in the folder. `reference` is the SHA-256 of those bytes; sizes in bytes and points."""

    reference: str
    content_type: str
    size: int
    width: int
    height: int


class _Bare(NamedTuple):
    """A file with only what drawing needs: its format, bytes and size, and how the camera was held (EXIF, 1 to 8)."""

    format: str
    data: bytes
    size: Size
    orientation: int


class _Form(NamedTuple):
    """How a format is kept."""

    format: str
    content_type: str
    suffix: str
    options: dict[str, object]


_JPEG: Final = _Form(
    "JPEG", "image/jpeg", "jpg", {"quality": QUALITY, "progressive": True, "optimize": True}
)
_PNG: Final = _Form("PNG", "image/png", "png", {"optimize": False})
_WEBP: Final = _Form("WEBP", "image/webp", "webp", {"quality": QUALITY, "method": 4})
#: What came → what is kept. Of a moving picture the first frame is kept.
_KEPT_AS: Final = {
    JpegImagePlugin.JpegImageFile.format: _JPEG,
    PngImagePlugin.PngImageFile.format: _PNG,
    WebPImagePlugin.WebPImageFile.format: _WEBP,
    GifImagePlugin.GifImageFile.format: _PNG,
}
_FORMS: Final = (_JPEG, _PNG, _WEBP)
_REFERENCE: Final = re.compile(r"[0-9a-f]{64}")
_DRAWING: Final = threading.Lock()


# ── What came ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _unknown() -> NotAPicture:
    return NotAPicture(
        "文件不是 JPEG、PNG、WebP 或 GIF 图片，未保存。 The file is not a JPEG, PNG, WebP or GIF picture and was not kept."
    )


def _damaged() -> NotAPicture:
    return NotAPicture(
        "图片不完整或已损坏，未保存。 The picture is incomplete or damaged and was not kept."
    )


def _too_many(most_pixels: int) -> TooLarge:
    most = most_pixels / 1_000_000
    return TooLarge(
        f"图片超过 {most:g} 百万像素，未保存。 The picture has more than {most:g} megapixels and was not kept."
    )


def _check_points(size: Size, most_pixels: int) -> None:
    if size[0] * size[1] > most_pixels:
        raise _too_many(most_pixels)


def _orientation(exif: bytes) -> int:
    """How the camera was held, 1 to 8 (EXIF 2.32, 4.6.4, tag 274); 1 when the EXIF block is absent or cannot be read."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, first)
        for entry in range(entries):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * entry)
            if tag == 0x0112 and kind == 3:
                return int(value)
    except struct.error:
        pass
    return 1


_APP0, _APP1, _APP14, _SOS, _EOI = 0xE0, 0xE1, 0xEE, 0xDA, 0xD9
#: Start of frame: carries the size. C4, C8 and CC lie in the row and mean other things.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Frames, tables and restart interval; the two application blocks tell in which colours the picture is coded.
_DRAWN_JPEG: Final = _FRAMES | {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, _APP0, _APP14}
#: Markers without a body: stuffing, TEM, restarts and another start.
_ALONE: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
#: Where a scan ends: a marker that is neither stuffing nor a restart.
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _bare_jpeg(data: bytes) -> _Bare:
    """Up to its end marker, which is where a second file would hang (ITU-T T.81, annex B)."""
    parts, size, exif, scans, at = [data[:2]], None, b"", 0, 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise _damaged()
        code = data[at + 1]
        if code == 0xFF:
            at += 1
            continue
        if code in _ALONE:
            at += 2
            continue
        if code == _EOI:
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not at + 4 <= end <= len(data):
            raise _damaged()
        if code == _SOS:
            scans += 1
            following = _AFTER_SCAN.search(data, end)
            if following is None or scans > MOST_SCANS:
                raise _damaged()
            end = following.start()
            parts.append(data[at:end])
        elif code in _DRAWN_JPEG:
            if code in _FRAMES:
                if size is not None or end < at + 9:
                    raise _damaged()
                height, width = struct.unpack_from(">HH", data, at + 5)
                size = (width, height)
            parts.append(data[at:end])
        elif code == _APP1 and data.startswith(b"Exif\0", at + 4):
            exif = exif or data[at + 4 : end]
        at = end
    if size is None or not scans:
        raise _damaged()
    return _Bare("JPEG", b"".join([*parts, b"\xff\xd9"]), size, _orientation(exif))


def _bare_png(data: bytes) -> _Bare:
    """Up to its end chunk; of a moving one the picture for those who cannot show it (PNG, third edition, 5)."""
    parts, size, orientation, at = [data[:8]], None, 1, 8
    while True:
        if at + 12 > len(data):
            raise _damaged()
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data) or (name == b"IHDR") != (size is None):
            raise _damaged()
        if name == b"IHDR":
            if length != 13:
                raise _damaged()
            size = struct.unpack_from(">II", data, at + 8)
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            parts.append(data[at:end])
        elif name == b"eXIf":
            orientation = _orientation(data[at + 8 : end - 4])
        at = end
        if name == b"IEND":
            break
    if size is None:
        raise _damaged()
    return _Bare("PNG", b"".join(parts), size, orientation)


def _bare_webp(data: bytes) -> _Bare:
    """As long as its header says (RFC 9649). Its metadata stays in: the decoder does not read it."""
    data = data[: 8 + int.from_bytes(data[4:8], "little")]
    first = data[12:16]
    if len(data) < 30:
        raise _damaged()
    if first == b"VP8X":
        size = (int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    elif first == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        size = (width & 0x3FFF, height & 0x3FFF)
    elif first == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    else:
        raise _damaged()
    orientation, at = 1, 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"EXIF":
            orientation = _orientation(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return _Bare("WEBP", data, size, orientation)


def _bare_gif(data: bytes) -> _Bare:
    """The screen, or the first frame where that reaches beyond it (GIF89a, 18 to 20)."""
    if len(data) < 13:
        raise _damaged()
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (2 << (flags & 7)) * 3 * (flags >> 7)
    while data[at : at + 1] != b",":
        if at >= len(data):
            raise _damaged()
        if data[at] == 0x21:
            # an extension: blocks, each with its length, up to one of none
            at += 2
            while length := int.from_bytes(data[at : at + 1]):
                at += 1 + length
        at += 1
    if at + 9 > len(data):
        raise _damaged()
    left, top, across, down = struct.unpack_from("<HHHH", data, at + 1)
    return _Bare("GIF", data, (max(width, left + across), max(height, top + down)), 1)


def _bare(data: bytes) -> _Bare:
    """What the first bytes say it is. Nothing else is believed, neither a name nor a content type."""
    if data.startswith(b"\xff\xd8\xff"):
        return _bare_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _bare_png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _bare_webp(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _bare_gif(data)
    raise _unknown()


# ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _fitted(size: Size, side: int) -> Size:
    """The size with its longer side at most `side`, in proportion; never enlarged, never nothing."""
    longer = max(size)
    if longer <= side:
        return size
    width, height = (max(1, round(length * side / longer)) for length in size)
    return width, height


def _draw(bare: _Bare, side: int, most_pixels: int) -> Image.Image:
    """The picture upright, on white where it was transparent, grey or in colour, its longer side at most `side`.

    Colours are taken as sRGB: a colour profile is a small program of the sender's, and a stain looks like one
    without it.
    """
    picture: Image.Image
    with Image.open(BytesIO(bare.data), formats=(bare.format,)) as picture:
        # Once more, lest the decoder has read another size than we did.
        _check_points(picture.size, most_pixels)
        size = _fitted(picture.size, side)
        # A JPEG is decoded at a half, a quarter or an eighth where that is enough; the others ignore this.
        picture.draft(None, size)
        picture.load()
    if picture.mode.startswith("I"):
        # 16 bits of grey: converting would cut them off above 255 instead of scaling them
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
        picture.info.clear()
    mode = "RGBA" if picture.has_transparency_data else "L" if picture.mode in ("1", "L") else "RGB"
    if picture.mode != mode:
        # Only then, because it is a copy: some 200 MB for the largest picture.
        picture = picture.convert(mode)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        paper = Image.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    turn = _TURNS.get(bare.orientation)
    if turn is not None:
        picture = picture.transpose(turn)
    # Encoders carry some of this over into what they write.
    picture.info.clear()
    return picture


def _encode(picture: Image.Image, form: _Form) -> bytes:
    out = BytesIO()
    picture.save(out, form.format, **form.options)
    return out.getvalue()


def _drawn_anew(data: bytes, side: int, most_pixels: int, form: _Form | None = None) -> tuple[bytes, Size, _Form]:
    """The picture in `data`, encoded as `form`, or as its own format is kept."""
    bare = _bare(data)
    _check_points(bare.size, most_pixels)
    form = form or _KEPT_AS[bare.format]
    with _DRAWING:
        try:
            picture = _draw(bare, side, most_pixels)
        except (TooLarge, MemoryError):
            # Too little memory is this machine's trouble, not the picture's: it is worth another try.
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_many(most_pixels) from None
        except Exception as error:
            # A decoder given hostile bytes raises whatever its author did not think of.
            raise _damaged() from error
        return _encode(picture, form), picture.size, form


# ── The folder ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _settle(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(target: Path, data: bytes) -> None:
    """Write the whole file or none of it. Readable by the desk's own account only: these are people's homes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    for folder in target.parents[:3]:
        _settle(folder)


class MediaStore:
    """Pictures in a folder, each under its hash: `ab/cd/abcd….jpg`, a thumbnail beside it as `abcd….t320.jpg`.

    Its methods block, and `keep` and a first `thumbnail` compute (up to a few seconds for the largest picture): call
    them in a thread (`asyncio.to_thread`). One store may be used from many threads, one folder by many processes.
    `largest` is in bytes, `most_pixels` in points of what is sent.
    """

    def __init__(self, folder: Path, *, largest: int = 10 * MIB, most_pixels: int = 50_000_000) -> None:
        self._folder = folder
        self.largest = largest
        self._most_pixels = most_pixels

    def keep(self, data: bytes) -> Kept:
        """Draw the picture anew and keep it. The same picture again is the same file.

        Raises NotAPicture or TooLarge for good: another try ends the same. An OSError (the disk) or a MemoryError
        may pass; nothing is kept then, and another try is worth while.
        """
        if len(data) > self.largest:
            raise TooLarge(
                f"图片超过 {self.largest / MIB:g} MB，未保存。"
                f" The file has more than {self.largest / MIB:g} MB and was not kept."
            )
        clean, (width, height), form = _drawn_anew(data, LONGEST_SIDE, self._most_pixels)
        reference = hashlib.sha256(clean).hexdigest()
        # Written even if it is there: what lies there may have been damaged, and its age now tells it is wanted.
        _write(self._path(reference, form.suffix), clean)
        return Kept(reference, form.content_type, len(clean), width, height)

    def open(self, reference: str) -> tuple[bytes, str]:
        """The picture and its content type. Raises FileNotFoundError; NoSuchReference, which is one, if malformed."""
        path, form = self._find(reference)
        return path.read_bytes(), form.content_type

    def holds(self, reference: str) -> bool:
        """Whether a picture is kept under this reference. A malformed one names none."""
        try:
            self._find(reference)
        except FileNotFoundError:
            return False
        return True

    def remove(self, reference: str) -> None:
        """Remove the picture and its thumbnails; nothing happens if it is not there. Raises NoSuchReference."""
        # The picture first: a thumbnail drawn meanwhile is then found here, or finds the picture gone.
        for form in _FORMS:
            self._path(reference, form.suffix).unlink(missing_ok=True)
        folder = self._path(reference, "*").parent
        for thumbnail in folder.glob(f"{reference}.t*.jpg"):
            thumbnail.unlink(missing_ok=True)
        if folder.is_dir():
            _settle(folder)

    def thumbnail(self, reference: str, side: int = 320) -> bytes:
        """A JPEG of the picture, its longer side at most `side` points; drawn once, then kept beside it.

        `side` is the page's choice, never a request's: each one is a file. Raises FileNotFoundError as `open` does.
        """
        if side not in SIDES:
            raise ValueError(f"a thumbnail has {SIDES[0]} to {SIDES[-1]} points")
        path, _ = self._find(reference)
        target = self._path(reference, f"t{side}.jpg")
        with suppress(FileNotFoundError):
            return target.read_bytes()
        small, _, _ = _drawn_anew(path.read_bytes(), side, self._most_pixels, _JPEG)
        _write(target, small)
        if not self.holds(reference):
            target.unlink(missing_ok=True)
            raise FileNotFoundError("the picture was removed meanwhile")
        return small

    def sweep(self, older_than: float = LEFTOVER_AGE) -> int:
        """Remove what a crash left half written, if older than so many seconds. How many there were."""
        removed = 0
        for leftover in self._folder.glob("??/??/.*.part"):
            with suppress(FileNotFoundError):
                if leftover.stat().st_mtime < time.time() - older_than:
                    leftover.unlink()
                    removed += 1
        return removed

    def drop_others(self, named: frozenset[str], older_than: float = LEFTOVER_AGE) -> int:
        """Remove every picture that is not in `named` and older than so many seconds (a younger one may be about to be named).
        How many there were."""
        dropped = 0
        for path in self._folder.glob("??/??/*"):
            reference = path.name.partition(".")[0]
            if path.name.startswith(".") or ".t" in path.name or reference in named:
                continue
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - older_than:
                    self.remove(reference)
                    dropped += 1
        return dropped

    def _find(self, reference: str) -> tuple[Path, _Form]:
        for form in _FORMS:
            path = self._path(reference, form.suffix)
            if path.is_file():
                return path, form
        raise FileNotFoundError("no picture is kept under this reference")

    def _path(self, reference: str, suffix: str) -> Path:
        if not _REFERENCE.fullmatch(reference):
            raise NoSuchReference("a reference has 64 hexadecimal digits")
        return self._folder / reference[:2] / reference[2:4] / f"{reference}.{suffix}"
