"""Protobuf messages declared by hand: the fields that are read, and no others.

A field of message type may be declared as `bytes`: on the wire both are the same, and raw bytes
are a key to what has been learnt of them, where a parsed message would be parsed every time.
Unknown fields are skipped, as protobuf has it.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = tuple[int, str]
"""Number and type: "string", "bytes", "double", "int64", "uint64", "fixed64", "sfixed64", "sint32",
"bool", "uint32", or the name of another message of the file; with "repeated " or "optional " before
it (optional: `HasField` tells 0 from absent)."""

_File = descriptor_pb2.FileDescriptorProto
_Field = descriptor_pb2.FieldDescriptorProto


def declare(package: str, messages: Mapping[str, Mapping[str, Field]]) -> dict[str, Any]:
    r"""Return a protobuf class (upb) for each message, by name.

    >>> classes = declare("example", {"Point": {"x": (1, "repeated double")}})
    >>> list(classes["Point"].FromString(b"\x0a\x08" + bytes(8)).x)
    [0.0]
    """
    file = _File(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add(message, package, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }


def _add(
    message: descriptor_pb2.DescriptorProto, package: str, name: str, number: int, kind: str
) -> None:
    *prefix, type_ = kind.split()
    field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if "repeated" in prefix:
        field.label = _Field.LABEL_REPEATED
    if "optional" in prefix:
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")
    if type_[0].isupper():
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{package}.{type_}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{type_.upper()}")
