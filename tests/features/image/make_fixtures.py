#!/usr/bin/env python3
"""Writes the small pictures in fixtures/ and what Pillow makes of them.

Needs numpy and Pillow (made with 11.3; from 13 on it resizes the height first where that shrinks much
more than the width, which no preset here does). fixtures/decoded.npz holds, a member for
every file, ImageOps.exif_transpose(Image.open(file)).convert("RGB"); fixtures/resized.npz a picture
"picture" and its resizes, named FILTER_WIDTHxHEIGHT.
"""
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent / "fixtures"
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def picture(width, height, channels, seed, noise=40):
    """A slanted gradient with noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (3 + c) + y * (7 - 2 * c)) * 255 / (10 * (width + height)) + 60 * c
              for c in range(channels)]
    values = np.stack(planes, -1) + generator.uniform(-noise, noise, (height, width, channels))
    return np.clip(values, 0, 255).astype(np.uint8)


def png(width, height, depth, colour, rows, interlaced=False, extra=b""):
    """A PNG file of unfiltered rows: what Pillow cannot write."""
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) +
            chunk(b"IEND", b""))


def adam7(pixels):
    """Rows of the seven passes."""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)):
        part = pixels[y0::dy, x0::dx]
        if part.size:
            yield from (row.tobytes() for row in part)


def write_pictures():
    rgb, grey = Image.fromarray(picture(23, 17, 3, 1)), Image.fromarray(picture(23, 17, 1, 2)[..., 0])
    rgba = Image.fromarray(picture(23, 17, 4, 3))
    palette = rgb.quantize(13)

    def save(name, image, **options):
        image.save(FOLDER / name, **options)

    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        save(f"rgb_{name}.jpg", rgb, quality=90, subsampling=subsampling)
    save("progressive.jpg", rgb, quality=80, progressive=True)
    save("grey.jpg", grey, quality=85)
    save("cmyk.jpg", Image.fromarray(picture(23, 17, 4, 4), "CMYK"), quality=90)
    save("large.jpg", Image.fromarray(picture(61, 90, 3, 5)), quality=70)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(f"turned_{orientation}.jpg", rgb, quality=75, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("turned.png", rgb, exif=exif)
    save("turned.webp", rgb, exif=exif, lossless=True)

    save("rgb.png", rgb)
    save("rgba.png", rgba)
    save("grey.png", grey)
    save("grey_alpha.png", Image.merge("LA", (grey, grey.transpose(Image.Transpose.ROTATE_180))))
    save("bits.png", grey.convert("1"))
    save("palette.png", palette)
    save("palette_transparent.png", palette, transparency=3)
    values = np.asarray(rgb).astype(">u2") * 256 + np.arange(23)[None, :, None]
    (FOLDER / "rgb_16.png").write_bytes(
        png(23, 17, 16, 2, [row.astype(">u2").tobytes() for row in values]))
    (FOLDER / "grey_2.png").write_bytes(
        png(24, 17, 2, 0, [np.asarray(grey)[i, :6].tobytes() for i in range(17)]))
    (FOLDER / "interlaced.png").write_bytes(
        png(23, 17, 8, 2, adam7(np.asarray(rgb)), interlaced=True))
    gamma = struct.pack(">I", 4) + b"gAMA" + struct.pack(">I", 100000)
    gamma += struct.pack(">I", zlib.crc32(gamma[4:]))
    (FOLDER / "gamma.png").write_bytes(
        png(23, 17, 8, 2, [row.tobytes() for row in np.asarray(rgb)], extra=gamma))

    save("rgb.bmp", rgb)
    save("grey.bmp", grey)
    save("bits.bmp", grey.convert("1"))
    save("palette.bmp", palette)
    save("rgba.bmp", rgba)
    flipped = bytearray((FOLDER / "rgb.bmp").read_bytes())
    flipped[22:26] = struct.pack("<i", -17)
    (FOLDER / "from_the_top.bmp").write_bytes(flipped)

    save("lossy.webp", rgb, quality=70)
    save("lossless.webp", rgb, lossless=True)
    save("alpha.webp", rgba, lossless=True, exact=True)
    save("lossy_alpha.webp", rgba, quality=80)


def write_expected():
    decoded = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix == ".npz":
            continue
        with Image.open(path) as image:
            decoded[path.name] = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    np.savez_compressed(FOLDER / "decoded.npz", **decoded)

    source = picture(53, 37, 3, 6, noise=120)
    # Hard edges: the filter's lobes reach beyond 0 and 255.
    source[10:20, 10:30] = 255
    source[15:30, 25:45] = 0
    resized = {"picture": source}
    for name, resample in FILTERS.items():
        for size in ((53, 37), (24, 16), (64, 45), (7, 5), (53, 20), (20, 37), (1, 1), (106, 11)):
            image = Image.fromarray(source).resize(size, resample)
            resized[f"{name}_{size[0]}x{size[1]}"] = np.asarray(image)
    np.savez_compressed(FOLDER / "resized.npz", **resized)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_pictures()
    write_expected()
