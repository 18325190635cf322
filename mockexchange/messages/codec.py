"""Encoders and decoders, made once: building them costs more than using them."""

from __future__ import annotations

from typing import Final

import msgspec

from mockexchange.candles import Candle
from mockexchange.messages.channel import BookAnswer, BookRequest, Delivery, DeliveryAnswer
from mockexchange.messages.commands import ShardAnswer, ShardRequest
from mockexchange.messages.directory import DirectoryAnswer, DirectoryRequest
from mockexchange.messages.events import (
    SCHEMA_VERSION,
    BookRecord,
    OrderReserved,
    RegistryRecord,
    ShardRecord,
)
from mockexchange.messages.market import CandlesWanted, FeedMessage, FeedPrints, FeedTicker
from mockexchange.messages.subjects import REGISTRY, shard_of_subject, symbol_of_subject

Record = RegistryRecord | ShardRecord | BookRecord

encode: Final = msgspec.msgpack.Encoder().encode

decode_shard_record: Final = msgspec.msgpack.Decoder(ShardRecord).decode
decode_book_record: Final = msgspec.msgpack.Decoder(BookRecord).decode
decode_registry_record: Final = msgspec.msgpack.Decoder(RegistryRecord).decode
decode_reserved: Final = msgspec.msgpack.Decoder(OrderReserved).decode
decode_requests: Final = msgspec.msgpack.Decoder(list[ShardRequest]).decode
decode_answers: Final = msgspec.msgpack.Decoder(list[ShardAnswer]).decode
decode_delivery: Final = msgspec.msgpack.Decoder(Delivery).decode
decode_delivery_answer: Final = msgspec.msgpack.Decoder(DeliveryAnswer).decode
decode_book_request: Final = msgspec.msgpack.Decoder(BookRequest).decode
decode_book_answer: Final = msgspec.msgpack.Decoder(BookAnswer).decode
decode_directory_request: Final = msgspec.msgpack.Decoder(DirectoryRequest).decode
decode_directory_answer: Final = msgspec.msgpack.Decoder(DirectoryAnswer).decode
decode_feed_message: Final = msgspec.msgpack.Decoder(FeedMessage).decode
decode_feed_ticker: Final = msgspec.msgpack.Decoder(FeedTicker).decode

decode_candles_wanted: Final = msgspec.msgpack.Decoder(CandlesWanted).decode

# JSON, since a quote volume may not fit into the 64 bits that msgpack has for an integer.
encode_feed_prints: Final = msgspec.json.Encoder().encode
encode_feed_candles: Final = encode_feed_prints
decode_feed_candles: Final = msgspec.json.Decoder(list[Candle] | None).decode
decode_feed_prints: Final = msgspec.json.Decoder(FeedPrints).decode


class RawShardRecord(msgspec.Struct, array_like=True, frozen=True):
    """A `ShardRecord` whose events are encoded already, so that each is encoded once."""

    version: int
    previous: int
    time_ns: int
    events: list[msgspec.Raw]


class UnknownSchema(Exception):
    """A record of a schema version this program does not know."""


def decode_record(subject: str, payload: bytes) -> Record:
    """Decode a record by the subject it stands on. Raises UnknownSchema for a newer version."""
    record: Record
    if subject == REGISTRY:
        record = decode_registry_record(payload)
    elif symbol_of_subject(subject) is not None:
        record = decode_book_record(payload)
    elif shard_of_subject(subject) is not None:
        record = decode_shard_record(payload)
    else:
        raise UnknownSchema(f"{subject} is no journal subject")
    if record.version > SCHEMA_VERSION:
        raise UnknownSchema(f"{subject} holds a record of schema {record.version}, newer than {SCHEMA_VERSION}")
    return record
