"""What the bodies of requests have in common: names, metadata, tools and their resources, formats.

Knows the shapes of Assistants spec 3.1 and 3.4 and the limits of 7.4; every optional key may also
be null. Refuses to know which body has which of them (`shim.core.bodies`), what they mean, and how
a refusal is worded: what pydantic finds, and the errors raised here, are left to
`shim.core.refusals`. What only a validator of ours decides is said in JSON Schema beside it, for
the published document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Instructions",
    "Metadata",
    "NewResources",
    "Object",
    "Resources",
    "ResponseFormat",
    "Schema",
    "Tool",
    "ToolChoice",
    "Variant",
    "by_kind",
]

_NAME_LIMIT = 64
_KIND_TAGS: dict[type, str] = {str: "[string]", list: "[array]", dict: "[object]"}


def _kind(value: object) -> str:
    """The tag of a value whose JSON type decides between two shapes."""
    return _KIND_TAGS.get(type(value), "[other]")


def by_kind(expected: str) -> Discriminator:
    """What chooses between shapes of different JSON types; `expected` is said when none fits."""
    # The words travel as the message: a context would make the annotation unhashable.
    return Discriminator(_kind, custom_error_type="no_kind", custom_error_message=expected)


def _short_name(name: str) -> str:
    if len(name) > _NAME_LIMIT:
        raise PydanticCustomError("name_too_long", "name too long", {"max_length": _NAME_LIMIT})
    return name


Schema = dict[str, Any]
"""JSON Schema, or a part of one."""
_Name = Annotated[str, Field(min_length=1, max_length=64, pattern="^[a-zA-Z0-9_-]+$")]
Instructions = Annotated[str, Field(max_length=256_000)] | None
Metadata = (
    Annotated[
        dict[
            Annotated[str, AfterValidator(_short_name)],
            Annotated[str, Field(max_length=512)],
        ],
        Field(max_length=16, json_schema_extra={"propertyNames": {"maxLength": _NAME_LIMIT}}),
    ]
    | None
)


class Object(BaseModel):
    """A JSON object of a request: only the keys it is known to have, each of its own type."""

    # Built when first used: a program that only reads should not wait for every validator.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Variant(Object):
    """An object whose `type` says which of its other keys it has: the one of that name, if any."""

    needed: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Schema:
        """One shape for each `type`."""
        made = handler(core_schema)
        whole = handler.resolve_ref_schema(made)
        kinds = whole["properties"]["type"]["enum"]
        whole["oneOf"] = [cls._shape(kind, whole) for kind in kinds]
        for key in ("type", "properties", "required", "additionalProperties"):
            del whole[key]
        return made

    @classmethod
    def _shape(cls, kind: str, whole: Schema) -> Schema:
        """What the validator below lets through where `type` is this kind."""
        shapes: Schema = {}
        for key, shape in whole["properties"].items():
            if key == "type":
                shapes[key] = {"type": "string", "const": kind}
            elif key != kind:
                shapes[key] = {"type": "null"}
            else:
                shapes[key] = shape["anyOf"][0] if kind in cls.needed else shape
        needed = ["type", kind] if kind in cls.needed else ["type"]
        kept = {key: whole[key] for key in ("type", "additionalProperties")}
        return {**kept, "properties": shapes, "required": needed}

    @model_validator(mode="after")
    def _has_its_own_key(self) -> Self:
        values = vars(self)
        kind = values["type"]
        if kind in self.needed and values[kind] is None:
            raise PydanticCustomError("missing_key", "missing", {"key": kind})
        for key, value in values.items():
            if key not in ("type", kind) and value is not None:
                raise PydanticCustomError("unknown_key", "unknown", {"key": key})
        return self


class _Function(Object):
    name: _Name
    description: str | None = None
    parameters: dict[Any, Any] | None = None
    strict: bool | None = None


class _RankingOptions(Object):
    ranker: Literal["auto", "default_2024_08_21"] | None = None
    score_threshold: Annotated[float, Field(ge=0.0, le=1.0)]
    hybrid_search: Any = None


class _FileSearch(Object):
    max_num_results: Annotated[int, Field(ge=1, le=50)] | None = None
    ranking_options: _RankingOptions | None = None


class Tool(Variant):
    """A tool an assistant or a run has."""

    needed = ("function",)

    type: Literal["code_interpreter", "file_search", "function"]
    file_search: _FileSearch | None = None
    function: _Function | None = None


class _FunctionName(Object):
    name: _Name


class _NamedTool(Variant):
    needed = ("function",)

    type: Literal["function", "code_interpreter", "file_search"]
    function: _FunctionName | None = None


class _JsonSchema(Object):
    name: _Name
    description: str | None = None
    schema_: dict[Any, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class _Format(Variant):
    needed = ("json_schema",)

    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


ToolChoice = (
    Annotated[
        Annotated[Literal["none", "auto", "required"], Tag("[string]")]
        | Annotated[_NamedTool, Tag("[object]")],
        by_kind("one of one of 'none', 'auto', or 'required' or object"),
    ]
    | None
)
ResponseFormat = (
    Annotated[
        Annotated[Literal["auto"], Tag("[string]")] | Annotated[_Format, Tag("[object]")],
        by_kind("one of 'auto' or object"),
    ]
    | None
)


class _Files(Object):
    file_ids: Annotated[list[str], Field(max_length=20)] | None = None


class _StaticChunks(Object):
    max_chunk_size_tokens: Annotated[int, Field(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Field(ge=0)]


class _Chunking(Variant):
    needed = ("static",)

    type: Literal["auto", "static"]
    static: _StaticChunks | None = None


class _NewStore(Object):
    file_ids: list[str] | None = None
    chunking_strategy: _Chunking | None = None
    metadata: Metadata = None


_BOTH: Schema = {
    "required": ["vector_store_ids", "vector_stores"],
    "properties": {"vector_store_ids": {"type": "array"}, "vector_stores": {"type": "array"}},
}


class _Stores(Object):
    vector_store_ids: Annotated[list[str], Field(max_length=1)] | None = None


class _StoresOrNew(_Stores):
    model_config = ConfigDict(json_schema_extra={"not": _BOTH})

    vector_stores: Annotated[list[_NewStore], Field(max_length=1)] | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.vector_store_ids is not None and self.vector_stores is not None:
            keys = {"keys": "vector_store_ids vector_stores"}
            raise PydanticCustomError("exclusive", "mutually exclusive", keys)
        return self


class Resources(Object):
    """Files and stores for the tools, named by id."""

    code_interpreter: _Files | None = None
    file_search: _Stores | None = None


class NewResources(Resources):
    """The same, or what to make a store of."""

    file_search: _StoresOrNew | None = None
