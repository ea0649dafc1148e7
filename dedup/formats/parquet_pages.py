"""How much comes out of the pages of a Parquet file, told by their headers, before any of it is decoded.

A few bytes can stand for many: a page that names one long entry of a dictionary in every row, strings that begin as the
one before them, a page of zeros. What the footer says of sizes need not be true. Arrow goes by the header of each page
(https://parquet.apache.org/docs/file-format/data-pages/), and so does this.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# The fields of a page's header that matter here, the kinds of pages and the encodings, as parquet.thrift numbers them.
KIND, PLAIN_SIZE, PACKED_SIZE = 1, 2, 3
DATA, DICTIONARY, DATA_V2 = 0, 2, 3
DETAILS = {DATA: 5, DATA_V2: 8}
VALUES, ENCODING = 1, {DATA: 2, DATA_V2: 4}
BY_DICTIONARY, BY_PREFIX = (2, 8), 7

# The types of Thrift's compact protocol that headers are made of.
STOP, TRUE, FALSE, BYTE, INT16, INT32, INT64, DOUBLE, BINARY, STRUCTURE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 12

DEEPEST = 8
"""Structures in one another; a header has three."""

LARGEST_BINARY = 0xFFFFFFFF
"""Sizes of binary values have 32 bits; as Arrow does, this looks at no more of them."""

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 8}
LONG_DECIMAL_DIGITS = 38
"""Digits of the longest decimal number that Arrow holds in 16 bytes."""

STRING_BYTES = 8
"""What Arrow holds of a string beside its bytes, at most."""

OLD_HEADERS_BYTES = 100
"""Some old writers forgot a header when they noted the size of a column; Arrow reads so many bytes more for them."""

AT_ONCE_BYTES = 1 << 30
"""What may be decoded at once."""

ROWS_AT_ONCE = 50_000


class Weight(NamedTuple):
    """What comes out of a column, or of its part in a row group.

    Attributes:
        least: Bytes, at least: what is not held by a dictionary, or by what it begins with.
        most: Bytes, at most.
        longest: Bytes of one value, at most, of those that are not held by a dictionary.
        entry: Bytes of one of those that are, at most.
        by_prefix: Whether there are strings that are held by what they begin with.
        unclear: So many rows from the first on, the row group at most, have to be counted to know the bytes of all.
        clear: Bytes of the rows behind those, at most.
    """

    least: int
    most: int
    longest: int
    entry: int = 0
    by_prefix: bool = False
    unclear: int = 0
    clear: int = 0


class Weights(NamedTuple):
    """What comes out of a file.

    Attributes:
        groups: The weights of all columns, by row group.
        paths: How these columns are called, `.` between the names of structures and fields.
    """

    groups: list[list[Weight]]
    paths: list[str]

    def rows_at_once(self, group: int, columns: Collection[str]) -> int:
        """Return how many rows of some columns, named by the first parts of their paths, may be decoded at once."""
        found = [
            weight
            for weight, path in zip(self.groups[group], self.paths, strict=True)
            if path.partition(".")[0] in columns and weight.most > AT_ONCE_BYTES
        ]
        return min((_rows(max(weight.longest, weight.entry)) for weight in found), default=ROWS_AT_ONCE)

    def exceed(self, most_bytes: float, file: IO[bytes]) -> bool:
        """Tell whether more comes out of the file than `most_bytes`.

        Where headers tell only what it is at most, values are counted, but not spelt out.
        """
        if sum(part.least for group in self.groups for part in group) > most_bytes:
            return True
        columns = [(path, [group[place] for group in self.groups]) for place, path in enumerate(self.paths)]
        columns.sort(key=lambda column: _most(column[1]), reverse=True)
        whole = sum(_most(parts) for _, parts in columns)
        for path, parts in columns:
            if whole > most_bytes and any(part.most > part.least for part in parts):
                whole += _counted(file, path, parts, most_bytes) - _most(parts)
        return whole > most_bytes


def weigh(file: IO[bytes], metadata: pq.FileMetaData) -> Weights:
    """Read the headers of all pages of a file; raises ArrowInvalid for what is none."""
    schema = metadata.schema
    columns = [schema.column(place) for place in range(len(schema))]
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return Weights(
        [[_weight(file, group.column(place), column) for place, column in enumerate(columns)] for group in groups],
        [column.path for column in columns],
    )


def start_of(chunk: pq.ColumnChunkMetaData) -> int:
    """Return where the first page of a column of a row group is said to be."""
    start: int = chunk.data_page_offset
    return min(start, chunk.dictionary_page_offset) if chunk.has_dictionary_page else start


def _weight(file: IO[bytes], chunk: pq.ColumnChunkMetaData, column: pq.ColumnSchema) -> Weight:
    width = _width(column)
    at = start_of(chunk)
    behind = at + chunk.total_compressed_size + OLD_HEADERS_BYTES
    plain = repeated = seen = indices = entry = longest = largest = unclear = clear = 0
    # As long as Arrow reads.
    while seen < chunk.num_values and at < behind:
        file.seek(at)
        header = _structure(file)
        kind, size = _number(header, KIND), _number(header, PLAIN_SIZE)
        largest = max(largest, size)
        at = file.tell() + _number(header, PACKED_SIZE)
        if kind == DICTIONARY:
            entry = max(entry, size)
        if kind not in DETAILS:
            continue
        values, encoding = (_number(header.get(DETAILS[kind]), name) for name in (VALUES, ENCODING[kind]))
        seen += values
        if encoding in BY_DICTIONARY:
            indices += values
            unclear, clear = seen, 0
            continue
        longest = max(longest, size)
        if encoding == BY_PREFIX:
            repeated += values * size
            unclear, clear = seen, 0
        else:
            plain += size
            clear += size + values * STRING_BYTES
    if width:
        least = max(seen * width, largest)
        return Weight(least, least, width)
    least = max(plain, largest)
    most = least + repeated + indices * entry + seen * STRING_BYTES
    if column.max_repetition_level:
        # The row of a value that is in a list is not told by how many values there are before it.
        unclear, clear = seen, 0
    return Weight(least, most, longest, entry, repeated > 0, unclear, clear)


def _width(column: pq.ColumnSchema) -> int:
    """Return how many bytes Arrow holds of each value of a column; 0 if that depends on the value."""
    if column.logical_type.type == "DECIMAL":
        return 16 if column.precision <= LONG_DECIMAL_DIGITS else 32
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return max(int(column.length), 1)
    return WIDTHS.get(column.physical_type, 0)


def _rows(longest: int) -> int:
    return max(1, min(ROWS_AT_ONCE, AT_ONCE_BYTES // max(longest, 1)))


def _most(parts: Sequence[Weight]) -> int:
    return sum(part.most for part in parts)


def _counted(file: IO[bytes], path: str, parts: Sequence[Weight], most_bytes: float) -> int:
    """Count the bytes of all values of a column of strings, as far as they are no more than `most_bytes`.

    Entries of a dictionary stay such; of what is not held by one, so few values are decoded at once that they fit.

    Args:
        file: The file.
        path: The column.
        parts: Its weight in each row group.
        most_bytes: How many are enough.
    """
    is_spelt_out = any(part.by_prefix for part in parts)
    source = pq.ParquetFile(file, read_dictionary=[] if is_spelt_out else [path])
    found = sum(part.clear for part in parts)
    # Group by group, since Arrow cannot put the dictionaries of two groups into one list.
    for group, part in enumerate(parts):
        left = part.unclear
        if not left:
            continue
        # Every batch has its dictionary decoded anew.
        fits = (part.most if is_spelt_out else part.least) <= AT_ONCE_BYTES
        rows = min(ROWS_AT_ONCE if fits else _rows(part.longest), left)
        for batch in source.iter_batches(rows, row_groups=[group], columns=[path], use_threads=False):
            found += sum(map(_spelt_out, batch.slice(0, left).columns))
            if found > most_bytes:
                return found
            left -= rows
            if left <= 0:
                break
    return found


def _spelt_out(array: pa.Array) -> int:
    """Return how many bytes an array would take without dictionaries."""
    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary).cast(pa.int64()).take(array.indices)
        return (pc.sum(lengths).as_py() or 0) + STRING_BYTES * len(array)
    if pa.types.is_struct(array.type):
        return sum(map(_spelt_out, array.flatten()))
    if pa.types.is_map(array.type):
        return _spelt_out(array.keys) + _spelt_out(array.items)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type):
        return _spelt_out(array.flatten())
    return int(array.nbytes)


def _number(structure: Any, name: int) -> int:
    """Return a field of a structure that is a number, and not less than zero."""
    number = structure.get(name) if isinstance(structure, dict) else None
    if not isinstance(number, int) or number < 0:
        raise pa.ArrowInvalid("the header of a page is damaged")
    return number


def _structure(file: IO[bytes], depth: int = 0) -> dict[int, Any]:
    """Read a structure in Thrift's compact protocol: 32-bit numbers and structures, by field, and None for all else."""
    found: dict[int, Any] = {}
    field = 0
    while (head := _byte(file)) & 0x0F != STOP:
        field = field + (head >> 4) if head >> 4 else _signed(file)
        found[field] = _value(file, head & 0x0F, depth)
    return found


def _value(file: IO[bytes], kind: int, depth: int) -> int | dict[int, Any] | None:
    if kind in (INT16, INT32, INT64):
        number = _signed(file)
        # Arrow passes over a number that is of another size than the format says.
        return number if kind == INT32 else None
    if kind == STRUCTURE and depth < DEEPEST:
        return _structure(file, depth + 1)
    if kind == BINARY:
        file.seek(_varint(file) & LARGEST_BINARY, 1)
    elif kind in (BYTE, DOUBLE):
        file.seek(1 if kind == BYTE else 8, 1)
    elif kind not in (TRUE, FALSE):
        raise pa.ArrowInvalid("the header of a page is damaged")
    return None


def _signed(file: IO[bytes]) -> int:
    number = _varint(file)
    return number >> 1 ^ -(number & 1)


def _varint(file: IO[bytes]) -> int:
    number = shift = 0
    while (byte := _byte(file)) & 0x80:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise pa.ArrowInvalid("the header of a page is damaged")
    return number | byte << shift


def _byte(file: IO[bytes]) -> int:
    data = file.read(1)
    if not data:
        raise pa.ArrowInvalid("the header of a page is cut short")
    return data[0]
