"""What an index keeps of a document in a store that others can write to, too: plain bytes, checked when read.

Values are MessagePack of one fixed shape, with a checksum over them and the key they are stored under. Nothing is ever
unpickled, and whatever is not as it was written is refused. A checksum finds damage and mix-ups; against somebody who
writes a value with the right checksum it is the shape that is checked, so that what they can forge is an article.
"""

from __future__ import annotations

from typing import Annotated, Self

import msgspec
import xxhash
import zstandard

from dedup.index.segments import Rows, damaged
from dedup.plan import Place

CHECKSUM_BYTES = 16

Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Document(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A document, stored or nearly a duplicate of a stored one.

    Attributes:
        number: Its number.
        keeper: The number of the stored one, its own if it is stored.
        similarity: To the keeper.
        similarity_original: To the keeper, of the texts as they came.
        text_key: Of the text as it came; if it is not stored, the key of its copies (`signature.copy_keys`); uint64.
        id: Its id.
        file: What its file is called.
        record: Which record of that it is.
        source: Its source.
        cut_starts: First byte of each span that it lost.
        cut_ends: The byte behind each.
        frame: The original text, compressed; nothing of one that is not stored.
    """

    number: Count
    keeper: Count
    similarity: Share
    similarity_original: Share
    text_key: Annotated[int, msgspec.Meta(ge=0)]
    id: str
    file: str
    record: Count
    source: str
    cut_starts: list[Count]
    cut_ends: list[Count]
    frame: bytes

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Take the one document of some rows."""
        return cls(
            number=int(rows.numbers[0]),
            keeper=int(rows.keepers[0]),
            similarity=float(rows.similarities[0]),
            similarity_original=float(rows.originals[0]),
            text_key=int(rows.text_keys[0]),
            id=rows.ids[0],
            file=rows.files[0],
            record=int(rows.records[0]),
            source=rows.sources[0],
            cut_starts=rows.cut_starts.tolist(),
            cut_ends=rows.cut_ends.tolist(),
            frame=rows.frames[0],
        )

    @classmethod
    def decode(cls, data: bytes, number: int, name: str) -> Self:
        """Read document `number` of the index `name`; raises StateError if that is not what it is."""
        try:
            document = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise damaged(name, f"document {number} is none ({error})") from None
        if document.number != number:
            raise damaged(name, f"document {number} says that it is document {document.number}")
        return document

    def encode(self) -> bytes:
        """Return what `decode` reads."""
        return msgspec.msgpack.encode(self)

    @property
    def is_stored(self) -> bool:
        """Whether it is stored, and not only known as nearly a duplicate."""
        return self.keeper == self.number

    @property
    def place(self) -> Place:
        """Where it is from."""
        return Place(self.id, self.file, self.record, self.source)

    def original(self, name: str) -> bytes:
        """Return the text as it was read; raises StateError if it is not UTF-8 that the spans lie in."""
        if not self.frame:
            return b""
        try:
            text = zstandard.ZstdDecompressor().decompress(self.frame)
            edges = [edge for span in zip(self.cut_starts, self.cut_ends, strict=True) for edge in span]
            if [0, *edges, len(text)] != sorted([0, *edges, len(text)]):
                raise ValueError("its cuts are out of order")
            for start, end in zip([0, *edges], [*edges, len(text)], strict=True):
                text[start:end].decode()
        except (zstandard.ZstdError, ValueError) as error:
            raise damaged(name, f"the text of document {self.number} was changed ({error})") from None
        return text


def seal(key: bytes, data: bytes) -> bytes:
    """Put a checksum before a value that is stored under a key."""
    return xxhash.xxh3_128_digest(key + data) + data


def unseal(key: bytes, value: bytes, name: str) -> bytes:
    """Return a value without its checksum; raises StateError if it is another one.

    >>> unseal(b"key", seal(b"key", b"value"), "news")
    b'value'
    """
    data = value[CHECKSUM_BYTES:]
    if value[:CHECKSUM_BYTES] != xxhash.xxh3_128_digest(key + data):
        raise damaged(name, f"{key.decode(errors='replace')!r} was changed since it was written")
    return data


def number_in(value: bytes, name: str) -> int:
    """Read the number of a document, or a count; raises StateError if it is none."""
    if not (0 < len(value) <= 18 and value.isdigit()):
        raise damaged(name, f"{value[:40]!r} stands where a number should be")
    return int(value)
