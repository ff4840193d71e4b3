"""Compressed documents within the bytes of a file, as anybody can read them."""

import ctypes
import pathlib

DICTIONARY = pathlib.Path(__file__).parents[3] / "runtime/storage/documents_1.zdict"
BEGIN = b"\x28\xb5\x2f\xfd"
MOST = 1 << 24


def told_by(file: pathlib.Path) -> bytes:
    """What is in a file, as it stands there and expanded."""
    data = file.read_bytes()
    return data + b"\n" + expanded(data)


def expanded(data: bytes) -> bytes:
    """The texts of all whole frames."""
    if BEGIN not in data:
        return b""
    zstd = ctypes.CDLL("libzstd.so.1")
    for name in ("createDCtx", "findFrameCompressedSize", "decompress_usingDict"):
        getattr(zstd, f"ZSTD_{name}").restype = ctypes.c_size_t
    dictionary = DICTIONARY.read_bytes()
    context = ctypes.c_void_p(zstd.ZSTD_createDCtx())
    text = ctypes.create_string_buffer(MOST)
    found = []
    at = data.find(BEGIN)
    while at >= 0:
        rest = data[at:at + MOST]
        size = zstd.ZSTD_findFrameCompressedSize(rest, ctypes.c_size_t(len(rest)))
        if size <= len(rest):  # an error is a number greater than any size
            length = zstd.ZSTD_decompress_usingDict(
                context, text, ctypes.c_size_t(MOST), rest, ctypes.c_size_t(size), dictionary,
                ctypes.c_size_t(len(dictionary)))
            if length <= MOST:
                found.append(ctypes.string_at(text, length))
        at = data.find(BEGIN, at + 1)
    zstd.ZSTD_freeDCtx(context)
    return b"\n".join(found)
