"""JSON bodies as structs: numbers as decimals exactly as they were written, and errors that name the field."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from gateway.failures import InvalidInput

T = TypeVar("T")

_AT: Final = re.compile(r"^(?P<message>.*) - at `\$\.?(?P<path>[^`]*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]*)`")


class ExactBody(AbstractDTO[Any]):
    """Reads JSON bodies into structs, numbers as decimals as they were written: none ever passes through a float."""

    _decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}

    def decode_bytes(self, value: bytes) -> Any:
        """Decode a body as the handler's `data`. Raises InvalidInput."""
        field = self.asgi_connection.route_handler.parsed_data_field
        assert field is not None
        decoder = self._decoders.get(field.annotation)
        if decoder is None:
            decoder = self._decoders[field.annotation] = msgspec.json.Decoder(field.annotation)
        return decode_body(decoder, value)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003
        """Support whatever msgspec does."""
        return True

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Need no transfer model."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003
        schema_creator: Any,
    ) -> Reference | Schema:
        """Describe the body as the struct it is."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:  # noqa: ARG003
        """Need no field definitions."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003
        """Need no nested fields."""
        return False


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Decode JSON. Raises InvalidInput, which names the field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unreadable(bytes(body)) from error


def _named(text: str) -> InvalidInput:
    at = _AT.match(text)
    message, path = (at["message"], at["path"]) if at else (text, "")
    missing = _MISSING.match(message)
    if missing:
        return InvalidInput(".".join(filter(None, (path, missing["field"]))), "is required")
    return InvalidInput(path or "body", message[:1].lower() + message[1:])


def _unreadable(body: bytes) -> InvalidInput:
    """Say what is wrong with text that is no JSON; NaN and Infinity, which some clients write, name their field."""
    try:
        value = json.loads(body, parse_constant=Decimal, parse_float=Decimal)
    except (ValueError, RecursionError):
        return InvalidInput("body", "is not valid JSON")
    fields = value.items() if isinstance(value, dict) else ()
    for field, given in fields:
        if isinstance(given, Decimal) and not given.is_finite():
            return InvalidInput(str(field), "must be a finite number")
    return InvalidInput("body", "is not valid JSON")
