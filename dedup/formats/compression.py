"""Compressed files as plain bytes, in both directions: gzip, bzip2, xz and Zstandard."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import math
import os
import zlib
from collections.abc import Iterator
from typing import IO, Any, Protocol, cast

from dedup.errors import InputError
from dedup.sizes import shown

CHUNK_BYTES = 1 << 20
# A Zstandard decompressor returns all that a piece of input expands to, up to 32,768 times its size (blocks of 4 bytes
# that stand for 128 KB), so the pieces are small: this one is 128 MB at most.
ZSTD_CHUNK_BYTES = 1 << 12

MAX_EXPANSION = 200.0
"""How many times as large as its compressed bytes a file may be. Chosen: news compress to a third or a tenth, server
logs to a fiftieth; gzip reaches 1,032 times, Zstandard 32,768, on nothing but repetitions."""

ALWAYS_ALLOWED_BYTES = 1 << 30
"""So many plain bytes hurt nobody, however small they were."""

# Chosen for speed. That of gzip is the usual one of the command line tool.
GZIP_LEVEL = 6
ZSTD_LEVEL = 1
ZSTD_TABLES = {"window_log": 21, "hash_log": 17}
"""Level 1 that looks as far back as level 3, the usual one, and remembers as much. Measured on the benchmark's corpus,
news, terms of service and laws: two thirds to five sixths of the time of level 3, for files that are 1 to 4 % larger;
level 1 as it is would make them 13 to 26 % larger."""


class Sink(Protocol):
    """Something bytes can be written to."""

    def write(self, data: Any, /) -> Any:
        """Take bytes."""


class _Compressor(Sink, Protocol):
    """A sink that is closed at the end."""

    def close(self) -> None:
        """Write what is held back, and end."""


def decompressed(file: IO[bytes], compression: str, name: str, max_expansion: float = math.inf) -> Iterator[bytes]:
    """Yield the plain bytes of an open file, whatever number of members or frames it has; as they are if there is none.

    Args:
        file: The file, of which the size can be told.
        compression: The name of the compression; empty for none.
        name: How messages call the file.
        max_expansion: How many times its size may come out of it, if that is more than `ALWAYS_ALLOWED_BYTES`.

    Raises:
        InputError: The file is not what `compression` says, is damaged, ends too early or expands too much.
    """
    most = most_plain_bytes(file, max_expansion) if compression else math.inf
    size = 0
    for chunk in _plain(file, compression, name):
        size += len(chunk)
        if size > most:
            raise bomb(name, max_expansion)
        yield chunk


def most_plain_bytes(file: IO[bytes], max_expansion: float) -> float:
    """Return how many plain bytes an open file may hold."""
    return max(ALWAYS_ALLOWED_BYTES, max_expansion * os.fstat(file.fileno()).st_size)


def bomb(name: str, max_expansion: float) -> InputError:
    """Say that more comes out of a file than may."""
    return InputError(
        f"holds more than {max_expansion:g} times its size in plain bytes, and more than {shown(ALWAYS_ALLOWED_BYTES)}",
        file=name,
        hint="If it is no decompression bomb, raise --max-expansion.",
    )


def _plain(file: IO[bytes], compression: str, name: str) -> Iterator[bytes]:
    try:
        if not compression:
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")
            return
        if compression == "zstd":
            yield from _zstd_chunks(file)
            return
        # GzipFile and its siblings are context managers that leave `file` open.
        with _reader(file, compression) as plain:
            while chunk := plain.read(CHUNK_BYTES):
                yield chunk
    except EOFError:
        raise InputError(
            f"the {compression} data end too early", file=name, hint="The file is incomplete: fetch it again."
        ) from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, _BadZstdError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(
            f"is not valid {compression} data ({_reason(error)})",
            file=name,
            hint="Fetch it again, or rename it if it is not compressed.",
        ) from None


class _BadZstdError(Exception):
    """What zstandard.ZstdError says, without importing zstandard before it is needed."""


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _reader(file: IO[bytes], compression: str) -> IO[bytes]:
    if compression == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if compression == "bzip2":
        return cast(IO[bytes], bz2.BZ2File(file))
    if compression == "xz":
        return cast(IO[bytes], lzma.LZMAFile(file))
    raise ValueError(f"no compression is called {compression!r}")


def _zstd_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Decompress frame by frame: the stream reader of `zstandard` takes a cut frame for a finished one."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    frame = decompressor.decompressobj()
    is_open = True
    while data := file.read(ZSTD_CHUNK_BYTES):
        while data:
            if frame.eof:
                frame = decompressor.decompressobj()
            try:
                plain = frame.decompress(data)
            except zstandard.ZstdError as error:
                raise _BadZstdError(error) from None
            if plain:
                yield plain
            data = frame.unused_data if frame.eof else b""
        is_open = not frame.eof
    if is_open:
        raise EOFError


@contextlib.contextmanager
def compressing(file: IO[bytes], compression: str, workers: int = 1) -> Iterator[Sink]:
    """Open a sink that compresses into `file` and leaves it open; equal input gives equal bytes each time.

    Args:
        file: Takes the compressed bytes.
        compression: The name of the compression; empty for none.
        workers: Threads that compress, where the format allows for more than one: Zstandard.
    """
    sink = _writer(file, compression, workers)
    try:
        yield sink
    finally:
        if sink is not file:
            sink.close()


def _writer(file: IO[bytes], compression: str, workers: int) -> _Compressor:
    if not compression:
        return file
    if compression == "gzip":
        # No name and no time in the header, for they would differ from run to run.
        return gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=file, mtime=0)
    if compression == "bzip2":
        return bz2.BZ2File(file, "wb")
    if compression == "xz":
        return lzma.LZMAFile(file, "wb")
    if compression == "zstd":
        import zstandard

        # Even one thread is asked for: what any number of them writes differs from what is written without.
        settings = zstandard.ZstdCompressionParameters.from_level(ZSTD_LEVEL, threads=workers, **ZSTD_TABLES)
        compressor = zstandard.ZstdCompressor(compression_params=settings)
        return cast(_Compressor, compressor.stream_writer(file, closefd=False))
    raise ValueError(f"no compression is called {compression!r}")
