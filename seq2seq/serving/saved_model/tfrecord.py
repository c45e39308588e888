"""TFRecord: byte strings one after another, each with its length and masked CRC-32C checksums.

The format is TensorFlow's, https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

import struct
from collections.abc import Iterable, Iterator

CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, lowest bit first
MASK_DELTA = 0xA282EAD8
LENGTH, CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")


def _table() -> Iterator[int]:
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (CASTAGNOLI if value & 1 else 0)
        yield value


TABLE = tuple(_table())


def masked_crc32c(data: bytes) -> int:
    """CRC-32C, rotated and shifted so that a checksum of data holding checksums stays apart."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def encode_records(records: Iterable[bytes]) -> bytes:
    """Contents of a TFRecord file."""
    parts = []
    for record in records:
        length = LENGTH.pack(len(record))
        parts += [length, CHECKSUM.pack(masked_crc32c(length))]
        parts += [record, CHECKSUM.pack(masked_crc32c(record))]
    return b"".join(parts)


def decode_records(data: bytes) -> list[bytes]:
    """Records of a TFRecord file.

    Raises:
        ValueError: a record is cut short or differs from its checksum.
    """
    records: list[bytes] = []
    position = 0
    while position < len(data):
        number = len(records) + 1
        length = data[position : position + LENGTH.size]
        position = _check(length, data, position, LENGTH.size, number)
        (size,) = LENGTH.unpack(length)
        record = data[position : position + size]
        position = _check(record, data, position, size, number)
        records.append(record)
    return records


def _check(part: bytes, data: bytes, position: int, size: int, number: int) -> int:
    """Compares one part with the checksum behind it; returns where the next part starts."""
    end = position + size + CHECKSUM.size
    if end > len(data):
        raise ValueError(f"TFRecord {number} is cut short: {len(data)} of at least {end} bytes")
    if CHECKSUM.unpack(data[end - CHECKSUM.size : end])[0] != masked_crc32c(part):
        raise ValueError(f"TFRecord {number} differs from its checksum")
    return end
