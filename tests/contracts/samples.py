"""A sample of any contract: every field set, none to its default, so that nothing is left out of its JSON."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import inspect

MOMENT = datetime(2026, 1, 1, 8, 30, 0, 123000, tzinfo=UTC)
WORDS = ("text", "+8613800000000", "CN", "1", "anna@example.com")


def sample(kind: type[Any]) -> Any:
    """A value of `kind`, always the same."""
    return _value(inspect.type_info(kind), None)


def _value(info: inspect.Type, default: Any) -> Any:
    match info:
        case inspect.StructType():
            fields = {field.name: _value(field.type, field.default) for field in info.fields}
            return info.cls(**fields)
        case inspect.StrType():
            return next(word for word in WORDS if info.pattern is None or re.search(info.pattern, word))
        case inspect.BoolType():
            return default is not True
        case inspect.IntType():
            low = info.ge if info.ge is not None else 7
            return low + 1 if low == default else low
        case inspect.FloatType():
            return 1.5
        case inspect.DateTimeType():
            return MOMENT
        case inspect.EnumType():
            return next(member for member in reversed(list(info.cls)) if member != default)
        case inspect.VarTupleType():
            return (_value(info.item_type, None),)
        case inspect.ListType():
            return [_value(info.item_type, None)]
        case inspect.DictType():
            return {"key": _value(info.value_type, None)}
        case inspect.UnionType():
            return _value(next(each for each in info.types if not isinstance(each, inspect.NoneType)), default)
        case inspect.RawType():
            return msgspec.Raw(b'{"any":1}')
    raise TypeError(f"no sample for {info}; teach tests/contracts/samples.py")
