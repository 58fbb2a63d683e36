"""Photos: whatever a telephone, a browser or an attacker sends, what is kept is a harmless picture or nothing."""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from bot import media
from bot.media import Kept, MediaStore, NoSuchReference, NotAPicture, TooLarge

ROOT = Path(__file__).parents[2]
RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 160, 60), (20, 40, 200), (255, 255, 255)
SECRET = b"SECRET-31.2304N-121.4737E"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


# ── Pictures to send ────────────────────────────────────────────────────────────────────────────────────────────────


def encoded(picture: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def leak(width: int = 64, height: int = 48) -> Image.Image:
    """A green wall whose left half is red: enough to see which way it stands."""
    picture = Image.new("RGB", (width, height), GREEN)
    picture.paste(RED, (0, 0, width // 2, height))
    return picture


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(7).randbytes(width * height * 3))


def photo(form: str = "JPEG", width: int = 64, height: int = 48, **options: Any) -> bytes:
    return encoded(leak(width, height), form, **options)


def exif(orientation: int = 1) -> Image.Exif:
    """What a telephone writes: how it was held, its name, and where it was."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    block[0x0110] = "SECRET-Phone 15"
    block[0x8825] = {1: "N", 2: (31.0, 13.0, 49.0), 3: "E", 4: (121.0, 28.0, 25.0), 29: "2026:01:02"}
    return block


def segment(code: int, body: bytes) -> bytes:
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def after_start(jpeg: bytes, inserted: bytes) -> bytes:
    return jpeg[:2] + inserted + jpeg[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def zipped(name: str = "payload.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), SECRET)
    return out.getvalue()


HTML = b"<!doctype html><script>alert(1)</script>" + SECRET


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path / "media")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def seen(store: MediaStore, kept: Kept) -> Image.Image:
    picture = Image.open(io.BytesIO(store.open(kept.reference)[0]))
    picture.load()
    return picture


def close_to(colour: Any, wanted: tuple[int, int, int], by: int = 14) -> bool:
    return all(abs(a - b) <= by for a, b in zip(colour, wanted, strict=True))


# ── What is kept ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "content_type", "suffix"),
    [
        ("JPEG", "image/jpeg", "jpg"),
        ("PNG", "image/png", "png"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/png", "png"),
    ],
)
def test_a_photo_is_kept_under_the_hash_of_its_clean_bytes(
    store: MediaStore, tmp_path: Path, sent: str, content_type: str, suffix: str
) -> None:
    kept = store.keep(photo(sent))

    data, served_as = store.open(kept.reference)
    assert (kept.content_type, served_as) == (content_type, content_type)
    assert (kept.width, kept.height, kept.size) == (64, 48, len(data))
    assert kept.reference == hashlib.sha256(data).hexdigest()
    ref = kept.reference
    assert files(tmp_path / "media") == [f"{ref[:2]}/{ref[2:4]}/{ref}.{suffix}"]
    assert store.holds(ref)
    picture = seen(store, kept)
    assert close_to(picture.convert("RGB").getpixel((5, 5)), RED)
    assert close_to(picture.convert("RGB").getpixel((60, 40)), GREEN)


def test_a_kept_photo_is_readable_by_the_desk_alone(store: MediaStore, tmp_path: Path) -> None:
    store.keep(photo())
    (name,) = files(tmp_path / "media")
    assert (tmp_path / "media" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_picture_twice_is_one_file(store: MediaStore, tmp_path: Path, form: str) -> None:
    assert store.keep(photo(form)) == store.keep(photo(form))
    assert len(files(tmp_path / "media")) == 1


def test_another_desk_gives_the_same_picture_the_same_name(store: MediaStore, tmp_path: Path) -> None:
    assert MediaStore(tmp_path / "other").keep(photo()).reference == store.keep(photo()).reference


def test_two_pictures_that_differ_in_metadata_only_are_one(store: MediaStore, tmp_path: Path) -> None:
    """The hash is of what is kept, so a second copy forwarded through another app is not a second file."""
    assert store.keep(photo(exif=exif())).reference == store.keep(photo(comment="other")).reference
    assert len(files(tmp_path / "media")) == 1


def test_different_pictures_have_different_names(store: MediaStore) -> None:
    assert store.keep(photo()).reference != store.keep(photo(width=65)).reference


def test_a_jpeg_is_written_progressive(store: MediaStore) -> None:
    assert seen(store, store.keep(photo())).info["progressive"] == 1


def test_a_damaged_file_heals_when_the_picture_comes_again(store: MediaStore, tmp_path: Path) -> None:
    kept = store.keep(photo())
    (name,) = files(tmp_path / "media")
    (tmp_path / "media" / name).write_bytes(b"")
    assert store.keep(photo()) == kept
    assert len(store.open(kept.reference)[0]) == kept.size


@pytest.mark.parametrize(
    ("sent", "kept_as"),
    [((4000, 3000), (2560, 1920)), ((3000, 4000), (1920, 2560)), ((6000, 10), (2560, 4)), ((2560, 2560), (2560, 2560))],
)
def test_a_large_photo_is_reduced(store: MediaStore, sent: tuple[int, int], kept_as: tuple[int, int]) -> None:
    kept = store.keep(photo(width=sent[0], height=sent[1]))
    assert (kept.width, kept.height) == kept_as == seen(store, kept).size


def test_a_very_large_jpeg_is_reduced_in_two_steps(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a photo is decoded at half its size, which spares memory, and must end as large as any other."""
    decoded: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def noted(picture: Image.Image, *given: Any, **named: Any) -> Image.Image:
        decoded.append(picture.size)
        return resize(picture, *given, **named)

    monkeypatch.setattr(Image.Image, "resize", noted)
    kept = store.keep(photo(width=5400, height=2700))
    assert decoded == [(2700, 1350)]
    assert (kept.width, kept.height) == (2560, 1280)
    assert close_to(seen(store, kept).getpixel((100, 100)), RED)


def test_a_thread_of_a_picture_keeps_one_point(store: MediaStore) -> None:
    kept = store.keep(encoded(Image.new("L", (1, 9000), 128), "PNG"))
    assert (kept.width, kept.height) == (1, 2560)


def test_a_small_picture_is_not_enlarged(store: MediaStore) -> None:
    assert store.keep(photo(width=1, height=1)).width == 1


def test_a_photo_that_is_all_noise_is_encoded_too(store: MediaStore) -> None:
    """Encoders reckon a buffer from the size of the picture; noise is what overflows it."""
    kept = store.keep(encoded(noise(900, 700), quality=95))
    assert (kept.width, kept.height) == (900, 700)


# ── Colours ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("RGB", "JPEG"),
        ("CMYK", "JPEG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("RGB", "WEBP"),
        ("RGBA", "WEBP"),
    ],
)
def test_colours_survive_whatever_they_were_coded_as(store: MediaStore, mode: str, form: str) -> None:
    wall = leak().quantize(4) if mode == "P" else leak().convert(mode)
    picture = seen(store, store.keep(encoded(wall, form)))
    assert picture.mode == "RGB"
    assert close_to(picture.getpixel((5, 5)), RED) and close_to(picture.getpixel((60, 40)), GREEN)


def test_a_jpeg_that_codes_red_green_and_blue_says_so_in_a_block_that_is_heeded(store: MediaStore) -> None:
    """Adobe's block is the only application block that changes what is drawn."""
    sent = bytearray(photo(keep_rgb=True))
    frame, scan = sent.index(b"\xff\xc0"), sent.index(b"\xff\xda")
    for component in range(3):
        sent[frame + 10 + 3 * component] = sent[scan + 5 + 2 * component] = component + 1
    assert b"Adobe" in sent
    assert close_to(seen(store, store.keep(bytes(sent))).getpixel((5, 5)), RED)


@pytest.mark.parametrize(("mode", "form"), [("L", "JPEG"), ("L", "PNG"), ("1", "PNG")])
def test_a_scanned_page_stays_grey(store: MediaStore, mode: str, form: str) -> None:
    page = Image.new("L", (40, 40), 255)
    page.paste(0, (0, 0, 20, 40))
    picture = seen(store, store.keep(encoded(page.convert(mode), form)))
    assert picture.mode == "L"
    assert picture.getpixel((4, 4)) == 0 and picture.getpixel((36, 4)) == 255


def test_sixteen_bits_of_grey_become_eight(store: MediaStore) -> None:
    picture = seen(store, store.keep(encoded(Image.new("I;16", (8, 8), 0x8000), "PNG")))
    assert (picture.mode, picture.getpixel((0, 0))) == ("L", 128)


def test_sixteen_bits_of_grey_with_a_transparent_value(store: MediaStore) -> None:
    rows = b"".join(b"\0" + struct.pack(">H", 0x8000) * 4 for _ in range(4))
    sent = png(4, 4, chunk(b"tRNS", struct.pack(">H", 0x80)), chunk(b"IDAT", zlib.compress(rows)), depth=16)
    assert seen(store, store.keep(sent)).getpixel((0, 0)) == 128


def test_sixteen_bits_of_colour_become_eight(store: MediaStore) -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 200 << 8, 30 << 8, 30 << 8) * 4 for _ in range(4))
    sent = png(4, 4, chunk(b"IDAT", zlib.compress(rows)), depth=16, colour=2)
    assert close_to(seen(store, store.keep(sent)).getpixel((0, 0)), RED, by=1)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("side", [48, 2600])
def test_transparent_parts_become_white_paper_and_hide_nothing(store: MediaStore, form: str, side: int) -> None:
    """Somebody rubbed a name out of a screenshot; beneath the transparency its colours are still in the file."""
    rubbed_out = leak(side, side).convert("RGBA")
    rubbed_out.paste((*BLUE, 0), (0, 0, side // 2, side))
    sent = encoded(rubbed_out, form, **({"exact": True, "lossless": True} if form == "WEBP" else {}))
    with Image.open(io.BytesIO(sent)) as there:
        assert there.getpixel((4, 4)) == (*BLUE, 0)

    picture = seen(store, store.keep(sent))

    assert picture.mode == "RGB"
    assert close_to(picture.getpixel((4, 4)), WHITE, by=2)
    assert close_to(picture.getpixel((picture.width - 4, 4)), GREEN)


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_becomes_white(store: MediaStore, form: str) -> None:
    drawing = Image.new("P", (8, 8), 0)
    drawing.putpalette([*BLUE, *RED])
    drawing.paste(1, (4, 0, 8, 8))
    picture = seen(store, store.keep(encoded(drawing, form, transparency=0)))
    assert picture.getpixel((1, 1)) == WHITE and picture.getpixel((6, 1)) == RED


def test_a_sheer_colour_is_mixed_with_white(store: MediaStore) -> None:
    picture = seen(store, store.keep(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG")))
    assert close_to(picture.getpixel((0, 0)), (127, 127, 127), by=1)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_a_moving_picture_the_first_frame_is_kept(store: MediaStore, form: str) -> None:
    moving = encoded(
        Image.new("RGB", (16, 16), RED),
        form,
        save_all=True,
        append_images=[Image.new("RGB", (16, 16), BLUE)],
        duration=50,
    )
    picture = seen(store, store.keep(moving))
    assert getattr(picture, "n_frames", 1) == 1
    assert close_to(picture.getpixel((8, 8)), RED)


# ── Held upright ────────────────────────────────────────────────────────────────────────────────────────────────────

_HELD = {
    1: lambda p: p,
    2: lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda p: p.transpose(Image.Transpose.ROTATE_180),
    4: lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
    6: lambda p: p.transpose(Image.Transpose.ROTATE_90),
    7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
    8: lambda p: p.transpose(Image.Transpose.ROTATE_270),
}


def flag() -> Image.Image:
    """Red top left, blue top right, green below: no turn or mirroring leaves it as it was."""
    picture = Image.new("RGB", (60, 40), GREEN)
    picture.paste(RED, (0, 0, 30, 20))
    picture.paste(BLUE, (30, 0, 60, 20))
    return picture


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_taken_sideways_stands_upright(store: MediaStore, orientation: int, form: str) -> None:
    as_the_sensor_saw_it = _HELD[orientation](flag())
    kept = store.keep(encoded(as_the_sensor_saw_it, form, exif=exif(orientation)))
    picture = seen(store, kept)
    assert (kept.width, kept.height) == picture.size == (60, 40)
    assert close_to(picture.getpixel((7, 7)), RED, by=25)
    assert close_to(picture.getpixel((52, 7)), BLUE, by=25)
    assert close_to(picture.getpixel((30, 32)), GREEN, by=25)
    assert not picture.getexif()


def test_orientation_six_turns_a_wide_photo_into_a_tall_one(store: MediaStore) -> None:
    kept = store.keep(photo(width=3000, height=2000, exif=exif(6)))
    assert (kept.width, kept.height) == (1707, 2560)
    assert close_to(seen(store, kept).getpixel((800, 100)), RED), "the left edge is on top now"


def _tiff(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(
        struct.pack(f"{order}HHI", tag, kind, n) + (struct.pack(f"{order}HH", value, 0)) for tag, kind, n, value in entries
    )
    return mark + struct.pack(f"{order}IH", 8, len(entries)) + body


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_exif_are_read(store: MediaStore, order: str) -> None:
    block = b"Exif\0\0" + _tiff(order, (0x0100, 3, 1, 9), (0x0112, 3, 1, 8))
    kept = store.keep(after_start(photo(), segment(0xE1, block)))
    assert (kept.width, kept.height) == (48, 64)


def test_the_first_exif_block_counts(store: MediaStore) -> None:
    upright, sideways = (segment(0xE1, b"Exif\0\0" + _tiff("<", (0x0112, 3, 1, held))) for held in (1, 6))
    assert store.keep(after_start(photo(), upright + sideways)).width == 64
    assert store.keep(after_start(photo(), sideways + upright)).width == 48


def test_exif_behind_the_end_of_a_webp_does_not_count(store: MediaStore) -> None:
    block = _tiff("<", (0x0112, 3, 1, 6))
    sent = photo("WEBP") + b"EXIF" + struct.pack("<I", len(block)) + block
    assert store.keep(sent).width == 64


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*" + struct.pack(">IH", 8, 65535),
        b"II*\0" + struct.pack("<IH", 8, 3) + b"\0" * 5,
        _tiff("<", (0x0112, 3, 1, 0)),
        _tiff("<", (0x0112, 3, 1, 9)),
        _tiff("<", (0x0112, 2, 1, 6)),
        b"XX" + SECRET,
    ],
)
def test_a_damaged_exif_block_does_not_cost_the_photo(store: MediaStore, block: bytes) -> None:
    kept = store.keep(after_start(photo(), segment(0xE1, b"Exif\0\0" + block)))
    assert (kept.width, kept.height) == (64, 48)


# ── What must be gone ───────────────────────────────────────────────────────────────────────────────────────────────


def gone(store: MediaStore, sent: bytes) -> Kept:
    """Keep what carries the secret, and see that the bytes kept do not, nor anything that could."""
    assert SECRET in sent, "the test must send what it looks for"
    kept = store.keep(sent)
    data, _ = store.open(kept.reference)
    for trace in (SECRET, SECRET[:12], b"Exif", b"eXIf", b"EXIF", b"xmp", b"XMP", b"ICC", b"iCCP", b"GPS", b"tEXt", b"PK\x03\x04"):
        assert trace not in data
    return kept


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_place_and_the_phone_are_gone(store: MediaStore, form: str) -> None:
    sent = photo(form, exif=exif())
    with Image.open(io.BytesIO(sent)) as as_sent:
        assert as_sent.getexif().get_ifd(0x8825)[2] == (31.0, 13.0, 49.0), "the photo did say where it was taken"
    assert b"SECRET-Phone" in sent

    kept = gone(store, sent)

    picture = seen(store, kept)
    assert not picture.getexif() and "exif" not in picture.info
    assert b"2026:01:02" not in store.open(kept.reference)[0]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_xmp_is_gone(store: MediaStore, form: str) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        gone(store, photo("PNG", pnginfo=text))
    else:
        gone(store, photo(form, xmp=xmp))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_colour_profile_is_gone(store: MediaStore, form: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + SECRET
    sent = png(2, 2, chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)), chunk(b"IDAT", zlib.compress(b"\0ab\0cd")))
    if form == "PNG":
        assert "icc_profile" not in seen(store, store.keep(sent)).info
    else:
        kept = gone(store, photo(form, icc_profile=profile))
        assert "icc_profile" not in seen(store, kept).info


@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_comments_are_gone(store: MediaStore, form: str) -> None:
    kept = gone(store, photo(form, comment=SECRET))
    assert "comment" not in seen(store, kept).info


def test_text_in_a_png_is_gone(store: MediaStore) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", SECRET.decode())
    text.add(b"prVt", SECRET, after_idat=True)
    gone(store, photo("PNG", pnginfo=text))


def test_maker_notes_and_unknown_blocks_of_a_jpeg_are_gone(store: MediaStore) -> None:
    blocks = b"".join(segment(code, SECRET) for code in (*range(0xE0, 0xF0), 0xF0, 0xFE))
    gone(store, after_start(photo(), blocks))


def test_a_preview_of_the_uncropped_photo_is_gone(store: MediaStore) -> None:
    gone(store, after_start(photo(), segment(0xE1, b"Exif\0\0" + photo(comment=SECRET))))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "behind",
    [zipped(), HTML, b"%PDF-1.7\n" + SECRET, photo(comment=SECRET), b"\0" * 2000 + SECRET],
    ids=["archive", "page", "pdf", "another picture", "an old crop"],
)
def test_what_hangs_behind_a_picture_is_gone(store: MediaStore, form: str, behind: bytes) -> None:
    """A picture that is also an archive or a page; also what an old crop left behind the end of a screenshot."""
    kept = gone(store, photo(form) + behind)
    assert kept == store.keep(photo(form))
    assert not zipfile.is_zipfile(io.BytesIO(store.open(kept.reference)[0]))


def test_a_page_inside_a_comment_is_gone(store: MediaStore) -> None:
    kept = gone(store, after_start(photo(), segment(0xFE, HTML)))
    assert b"<script" not in store.open(kept.reference)[0]


def test_nothing_is_carried_over_even_if_it_reached_the_decoder(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two locks: encoders copy some of what the decoder read."""
    monkeypatch.setattr(media, "_bare", lambda data: media._Bare("JPEG", data, (64, 48), 1))
    gone(store, photo(comment=SECRET, exif=exif()))


def test_a_burst_of_two_pictures_in_one_jpeg_is_one_photo(store: MediaStore) -> None:
    """Telephones hang a second exposure or a depth map behind the first picture, with an index in APP2."""
    both = encoded(leak(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48), BLUE)])
    assert both.count(b"\xff\xd8\xff") == 2
    kept = store.keep(both)
    assert kept.content_type == "image/jpeg"
    assert store.open(kept.reference)[0].count(b"\xff\xd8\xff") == 1
    assert close_to(seen(store, kept).getpixel((5, 5)), RED)


def test_a_damaged_index_of_two_pictures_does_not_cost_the_photo(store: MediaStore) -> None:
    assert store.keep(after_start(photo(), segment(0xE2, b"MPF\0" + SECRET))).width == 64


# ── What is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBP",
        b"\x89PNG\r\n\x1a\n",
        "厨房漏水".encode(),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        HTML,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"MZ\x90\0",
        b"\x7fELF",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"RIFF\x24\0\0\0WAVEfmt ",
        zipped("a.docx"),
        encoded(leak(), "BMP"),
        encoded(leak(), "TIFF"),
        encoded(leak(), "PPM"),
        encoded(leak(), "ICO"),
        encoded(leak(), "JPEG2000"),
        encoded(leak(), "PDF"),
        encoded(leak(), "EPS"),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_anything_else_is_no_picture(store: MediaStore, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(NotAPicture):
        store.keep(data)
    assert not (tmp_path / "media").exists()


@pytest.mark.parametrize("before", [b"%PDF-1.7\n", b"<html>", b"\n", b"PK\x03\x04", b"\xff\xd8<!--"])
def test_a_picture_behind_another_file_is_no_picture(store: MediaStore, before: bytes) -> None:
    with pytest.raises(NotAPicture):
        store.keep(before + photo())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_a_photo_cut_short_is_refused(store: MediaStore, tmp_path: Path, form: str, part: float) -> None:
    whole = encoded(noise(120, 90), form)
    with pytest.raises(NotAPicture):
        store.keep(whole[: int(len(whole) * part)])
    assert not (tmp_path / "media").exists()


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_photo_without_its_last_bytes_is_refused(store: MediaStore, form: str) -> None:
    with pytest.raises(NotAPicture):
        store.keep(photo(form)[:-2])


def test_a_progressive_photo_cut_short_is_refused(store: MediaStore) -> None:
    whole = encoded(noise(3000, 40), progressive=True)
    with pytest.raises(NotAPicture):
        store.keep(whole[: len(whole) // 2])


def test_a_png_whose_bytes_were_changed_is_refused(store: MediaStore) -> None:
    whole = bytearray(photo("PNG"))
    whole[whole.index(b"IDAT") + 12] ^= 0xFF
    with pytest.raises(NotAPicture):
        store.keep(bytes(whole))


def test_bytes_are_counted_before_anything_is_looked_at(tmp_path: Path) -> None:
    small = MediaStore(tmp_path, largest=1000)
    with pytest.raises(TooLarge, match="MB"):
        small.keep(b"\0" * 1001)
    with pytest.raises(NotAPicture):
        small.keep(b"\0" * 1000)


def test_points_are_counted_in_the_header_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MediaStore(tmp_path, most_pixels=64 * 48 - 1)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was asked"))
    for form in FORMATS:
        with pytest.raises(TooLarge, match="megapixels"):
            store.keep(photo(form))


@pytest.mark.parametrize("form", FORMATS)
def test_exactly_as_many_points_as_allowed_are_taken(tmp_path: Path, form: str) -> None:
    assert MediaStore(tmp_path, most_pixels=64 * 48).keep(photo(form)).width == 64


@pytest.mark.parametrize("side", [7100, 9500, 14000, 60_000])
def test_a_small_png_that_unfolds_to_gigabytes_is_refused(store: MediaStore, side: int) -> None:
    """Below and above where Pillow itself would warn (89 million points) or refuse (twice that)."""
    bomb = png(side, side, chunk(b"IDAT", zlib.compress(b"\0" * 100_000)))
    began = time.monotonic()
    with pytest.raises(TooLarge):
        store.keep(bomb)
    assert time.monotonic() - began < 5


def test_a_jpeg_whose_header_claims_the_largest_size_is_refused(store: MediaStore) -> None:
    sent = bytearray(photo())
    frame = sent.index(b"\xff\xc0")
    sent[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(TooLarge):
        store.keep(bytes(sent))


def test_a_jpeg_with_two_sizes_is_refused(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder may believe the other one, so it is not asked."""
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was asked"))
    sent = photo()
    at = sent.index(b"\xff\xc0")
    frame = sent[at : at + 2 + int.from_bytes(sent[at + 2 : at + 4], "big")]
    with pytest.raises(NotAPicture):
        store.keep(sent[:at] + frame + sent[at:])


def test_a_webp_that_claims_a_huge_canvas_is_refused(store: MediaStore) -> None:
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xfe\xff\xff" * 2
    with pytest.raises(TooLarge):
        store.keep(b"RIFF" + struct.pack("<I", len(body)) + body)


def test_a_gif_whose_frame_is_larger_than_its_screen_is_refused(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header says one point by one; the frame says four thousand million."""
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was asked"))
    comment = b"!\xfe\x03,,,\x02!,\0"
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + comment
    for side in (7200, 9600, 65535):
        frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\0;"
        with pytest.raises(TooLarge):
            store.keep(screen + frame)


def test_a_decoder_that_reads_another_size_is_not_trusted(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """If our reading of a header and the decoder's ever differ, the larger one decides, and it is not a crash."""
    for side in (8000, 9500, 60_000):
        bomb = png(side, side, chunk(b"IDAT", zlib.compress(b"\0" * 1000)))
        monkeypatch.setattr(media, "_bare", lambda _, bomb=bomb: media._Bare("PNG", bomb, (1, 1), 1))
        with pytest.raises(TooLarge):
            store.keep(photo())


def test_a_progressive_jpeg_of_countless_passes_is_refused(store: MediaStore) -> None:
    """Each pass walks over the whole picture; real encoders write about ten."""
    sent = encoded(Image.new("L", (64, 48)), progressive=True)
    last = sent[sent.rindex(b"\xff\xda") : -2]
    with pytest.raises(NotAPicture):
        store.keep(sent[:-2] + last * 5000 + b"\xff\xd9")


def test_a_text_chunk_that_unfolds_is_not_unfolded(store: MediaStore) -> None:
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 80_000_000, 9))
    assert store.keep(png(1, 1, bomb, chunk(b"IDAT", zlib.compress(b"\0\0")))).width == 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_of_no_size_is_refused(store: MediaStore, form: str) -> None:
    sent = bytearray(photo(form, **({"lossless": True} if form == "WEBP" else {})))
    match form:
        case "JPEG":
            at = sent.index(b"\xff\xc0") + 5
            sent[at : at + 4] = bytes(4)
        case "PNG":
            sent[:33] = png(0, 0)[:33]
        case "GIF":
            at = sent.index(b",") + 5
            sent[6:10] = sent[at : at + 4] = bytes(4)
        case "WEBP":
            sent[20:25] = bytes(5)
    with pytest.raises(NotAPicture):
        store.keep(bytes(sent))


def test_no_sentence_tells_what_was_sent(store: MediaStore) -> None:
    for sent in (HTML, photo(comment=SECRET)[:-20], png(60_000, 60_000, chunk(b"tEXt", SECRET))):
        with pytest.raises((NotAPicture, TooLarge)) as refused:
            store.keep(sent)
        sentence = str(refused.value)
        assert "SECRET" not in sentence and re.search("未保存。 The .* not kept", sentence)


def test_too_little_memory_is_not_the_pictures_fault(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that fetches a photo tries again after this, and gives up after NotAPicture."""

    def full(*_: object, **__: object) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(Image, "open", full)
    with pytest.raises(MemoryError):
        store.keep(photo())


# ── Anything at all ─────────────────────────────────────────────────────────────────────────────────────────────────

_SAMPLES = [
    encoded(noise(24, 18), exif=exif(6), comment="c"),
    encoded(noise(24, 18), "PNG", exif=exif(6)),
    encoded(noise(24, 18), "WEBP", exif=exif(6)),
    encoded(noise(24, 18), "GIF", comment="c"),
    encoded(noise(24, 18), progressive=True),
    encoded(noise(24, 18).convert("CMYK")),
    encoded(noise(24, 18), "WEBP", lossless=True),
    encoded(leak(24, 18).convert("P"), "PNG", transparency=0),
    encoded(leak(24, 18), "GIF", save_all=True, append_images=[Image.new("RGB", (24, 18), BLUE)]),
    encoded(leak(24, 18), "WEBP", save_all=True, append_images=[Image.new("RGB", (24, 18), BLUE)]),
]
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\xff\0\0WEBPVP8X", b"RIFF\xff\xff\0\0WEBPVP8L", b"")


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A real picture, some of whose bytes were changed, taken out or put in."""
    data = bytearray(draw(st.sampled_from(_SAMPLES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        change = draw(st.integers(0, 3))
        if change == 0:
            data[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif change == 1:
            data[at : at + draw(st.integers(1, 40))] = b""
        elif change == 2:
            data[at:at] = draw(st.binary(max_size=20))
        else:
            data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def kept_or_refused(store: MediaStore, data: bytes) -> None:
    try:
        kept = store.keep(data)
    except (NotAPicture, TooLarge):
        return
    assert seen(store, kept).size == (kept.width, kept.height)
    assert max(kept.width, kept.height) <= media.LONGEST_SIDE


@pytest.fixture(scope="module")
def bin_of_pictures(tmp_path_factory: pytest.TempPathFactory) -> MediaStore:
    """With a low limit of points, so that a spoilt size costs no time."""
    return MediaStore(tmp_path_factory.mktemp("media"), most_pixels=200_000)


_ANYTHING = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_ANYTHING
@given(magic=st.sampled_from(_MAGIC), rest=st.binary(max_size=300))
@example(magic=b"\xff\xd8\xff", rest=b"\xff" * 50)
@example(magic=b"\xff\xd8\xff", rest=b"\xda\x00\x02\xff\xd9")
@example(magic=b"GIF89a", rest=b"\0" * 40)
def test_random_bytes_are_kept_or_refused_and_nothing_else(
    bin_of_pictures: MediaStore, magic: bytes, rest: bytes
) -> None:
    kept_or_refused(bin_of_pictures, magic + rest)


@_ANYTHING
@given(data=spoilt())
def test_spoilt_pictures_are_kept_or_refused_and_nothing_else(bin_of_pictures: MediaStore, data: bytes) -> None:
    kept_or_refused(bin_of_pictures, data)


@_ANYTHING
@given(block=st.binary(max_size=80), order=st.sampled_from((b"II*\0", b"MM\0*", b"")))
def test_no_exif_block_costs_a_photo(bin_of_pictures: MediaStore, block: bytes, order: bytes) -> None:
    kept = bin_of_pictures.keep(after_start(_SAMPLES[4], segment(0xE1, b"Exif\0\0" + order + block)))
    assert {kept.width, kept.height} == {24, 18}


@_ANYTHING
@given(reference=st.text(max_size=80))
def test_no_text_but_a_reference_names_a_file(bin_of_pictures: MediaStore, reference: str) -> None:
    assert not bin_of_pictures.holds(reference)
    with pytest.raises(FileNotFoundError):
        bin_of_pictures.open(reference)


# ── References ──────────────────────────────────────────────────────────────────────────────────────────────────────

_HEX = "ab" * 32
_MALFORMED = [
    "",
    "ab",
    _HEX[:-1],
    _HEX + "a",
    _HEX + "\n",
    _HEX.upper(),
    _HEX[:-1] + "g",
    _HEX[:-1] + "１",
    "../" * 10 + "etc/passwd",
    "/etc/passwd".rjust(64, "/"),
    ("../" * 30)[:64],
    _HEX[:32] + "/" + _HEX[:31],
    _HEX[:60] + "\0abc",
    "*" * 64,
    "?" * 64,
    _HEX[:60] + ".jpg",
]


@pytest.mark.parametrize("reference", _MALFORMED)
def test_a_malformed_reference_reaches_no_file(store: MediaStore, reference: str) -> None:
    store.keep(photo())
    assert not store.holds(reference)
    for ask in (store.open, store.remove, store.thumbnail):
        with pytest.raises(NoSuchReference):
            ask(reference)
    assert issubclass(NoSuchReference, FileNotFoundError) and issubclass(NoSuchReference, KeyError)


def test_a_file_outside_cannot_be_reached(store: MediaStore, tmp_path: Path) -> None:
    (tmp_path / "desk.db.jpg").write_bytes(b"residents")
    store.keep(photo())
    for reference in ("../../desk.db", "ab/../../../desk.db", str(tmp_path / "desk.db")):
        with pytest.raises(FileNotFoundError):
            store.open(reference)


def test_an_unknown_reference_is_a_missing_file(store: MediaStore) -> None:
    assert not store.holds(_HEX)
    for ask in (store.open, store.thumbnail):
        with pytest.raises(FileNotFoundError) as missing:
            ask(_HEX)
        assert not isinstance(missing.value, NoSuchReference)
    store.remove(_HEX)


# ── Thumbnails ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", FORMATS)
def test_a_thumbnail_is_a_small_jpeg_kept_beside(store: MediaStore, tmp_path: Path, form: str) -> None:
    kept = store.keep(photo(form, 1200, 600))
    small = store.thumbnail(kept.reference)
    with Image.open(io.BytesIO(small)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (320, 160))
        assert close_to(picture.convert("RGB").getpixel((40, 80)), RED)
    assert [n for n in files(tmp_path / "media") if n.endswith(f"/{kept.reference}.t320.jpg")]
    assert store.open(kept.reference)[1] == kept.content_type, "the thumbnail is not taken for the picture"


def test_a_thumbnail_is_drawn_once(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store.keep(photo(width=800))
    first = store.thumbnail(kept.reference)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was drawn again"))
    assert store.thumbnail(kept.reference) == first


def test_a_thumbnail_of_another_side_is_another_file(store: MediaStore, tmp_path: Path) -> None:
    kept = store.keep(photo(width=800, height=800))
    sizes = set()
    for side in (160, 320):
        with Image.open(io.BytesIO(store.thumbnail(kept.reference, side))) as picture:
            sizes.add(picture.size)
    assert sizes == {(160, 160), (320, 320)}
    assert len(files(tmp_path / "media")) == 3


@pytest.mark.parametrize("side", [-1, 0, 15, 1281, 100_000])
def test_a_thumbnail_of_any_side_is_not_drawn(store: MediaStore, side: int) -> None:
    kept = store.keep(photo())
    with pytest.raises(ValueError, match="16 to 1280"):
        store.thumbnail(kept.reference, side)


def test_a_small_picture_is_its_own_thumbnail_in_size(store: MediaStore) -> None:
    kept = store.keep(photo())
    with Image.open(io.BytesIO(store.thumbnail(kept.reference))) as picture:
        assert picture.size == (64, 48)


# ── Removing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_removed_picture_leaves_nothing(store: MediaStore, tmp_path: Path) -> None:
    gone_soon, stays = store.keep(photo()), store.keep(photo(width=65))
    for side in (160, 320):
        store.thumbnail(gone_soon.reference, side)
    store.remove(gone_soon.reference)
    assert not store.holds(gone_soon.reference)
    with pytest.raises(FileNotFoundError):
        store.open(gone_soon.reference)
    with pytest.raises(FileNotFoundError):
        store.thumbnail(gone_soon.reference)
    assert len(files(tmp_path / "media")) == 1 and store.holds(stays.reference)
    store.remove(gone_soon.reference)


def test_a_removed_picture_may_be_sent_again(store: MediaStore) -> None:
    kept = store.keep(photo())
    store.remove(kept.reference)
    assert store.keep(photo()) == kept and store.holds(kept.reference)


def test_a_picture_removed_while_its_thumbnail_is_drawn_leaves_none(
    store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.keep(photo())
    write = media._write

    def removed_just_before(target: Path, data: bytes) -> None:
        store.remove(kept.reference)
        write(target, data)

    monkeypatch.setattr(media, "_write", removed_just_before)
    with pytest.raises(FileNotFoundError):
        store.thumbnail(kept.reference)
    assert files(tmp_path / "media") == []


# ── Threads, crashes and full disks ─────────────────────────────────────────────────────────────────────────────────


def test_two_threads_may_keep_the_same_picture(store: MediaStore, tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def send(_: int) -> list[Kept]:
        together.wait(timeout=10)
        return [store.keep(photo()) for _ in range(5)]

    with ThreadPoolExecutor(4) as threads:
        kept = {one for many in threads.map(send, range(4)) for one in many}
    assert len(kept) == 1
    assert len(files(tmp_path / "media")) == 1


def test_a_reader_never_sees_half_a_picture(store: MediaStore) -> None:
    """Somebody looks at a photo while the same photo comes in again and again."""
    data = encoded(noise(300, 300), quality=95)
    kept = store.keep(data)
    stop = threading.Event()

    def look() -> set[int]:
        sizes = set()
        while not stop.is_set():
            sizes.add(len(store.open(kept.reference)[0]))
        return sizes

    with ThreadPoolExecutor(1) as threads:
        looked = threads.submit(look)
        for _ in range(10):
            store.keep(data)
        stop.set()
        assert looked.result(timeout=10) <= {kept.size}


def test_one_picture_is_drawn_at_a_time(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resident who sends nine photos at once must not take nine photos' memory."""
    draw, drawing, most = media._draw, 0, 0

    def counted(*given: Any) -> Image.Image:
        nonlocal drawing, most
        drawing += 1
        most = max(most, drawing)
        time.sleep(0.01)
        drawing -= 1
        return draw(*given)

    monkeypatch.setattr(media, "_draw", counted)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(store.keep, [photo(width=64 + n) for n in range(6)]))
    assert most == 1


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_crash_before_the_file_is_in_place_leaves_nothing_to_see(store: MediaStore, tmp_path: Path, when: str) -> None:
    """A process that dies while it writes; the desk that starts afterwards finds no half photo."""
    (tmp_path / "sent").write_bytes(photo())
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom bot.media import MediaStore\n"
        f"os.{when} = lambda *_: os._exit(9)\n"
        "MediaStore(Path(sys.argv[1])).keep(Path(sys.argv[2]).read_bytes())\n"
    )
    folder = tmp_path / "media"
    died = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "sent")], cwd=ROOT, timeout=60, check=False
    )
    assert died.returncode == 9

    (leftover,) = files(folder)
    assert leftover.endswith(".part")
    kept = store.keep(photo())
    store.remove(kept.reference)
    assert files(folder) == [leftover] and not store.holds(kept.reference)

    assert store.sweep() == 0, "it may be somebody's work in progress"
    hours_ago = time.time() - 2 * 3600
    os.utime(folder / leftover, (hours_ago, hours_ago))
    kept = store.keep(photo())
    assert store.sweep() == 1
    assert len(files(folder)) == 1 and store.holds(kept.reference)


def test_sweeping_a_folder_that_is_not_there_finds_nothing(store: MediaStore) -> None:
    assert store.sweep() == 0


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_full_disk_is_told_and_leaves_nothing(
    store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, what, full)
        with pytest.raises(OSError, match="No space"):
            store.keep(photo())
    assert files(tmp_path / "media") == []
    assert store.holds(store.keep(photo()).reference), "another try is worth while"


def test_a_file_is_durable_before_it_is_named_and_its_name_before_keep_returns(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any) -> Any:
            steps.append(name)
            return real(*given)

        return step

    monkeypatch.setattr(os, "fsync", noted("sync", os.fsync))
    monkeypatch.setattr(os, "replace", noted("replace", os.replace))
    store.keep(photo())
    assert steps == ["sync", "replace", "sync", "sync", "sync"]
