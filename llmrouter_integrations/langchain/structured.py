"""``with_structured_output``: the answer as an object of the caller's own type."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import orjson
import pydantic.v1
from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.json import parse_json_markdown, parse_partial_json

from llmrouter_integrations.errors import InvalidRequestError
from llmrouter_integrations.langchain.tools import tools_kwarg

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable

__all__ = ["Method", "SchemaError", "StructuredOutputParser", "structured", "structured_kwargs"]

Method = Literal["json_schema", "function_calling", "json_mode"]


class SchemaError(InvalidRequestError, ValueError):
    """What cannot be asked for by ``with_structured_output``; a ValueError, as LangChain's are."""


def structured_kwargs(
    schema: dict[str, Any] | type | None, method: str, *, strict: bool | None
) -> tuple[dict[str, Any], StructuredOutputParser]:
    """Give the call kwargs that ask for such an answer, and what reads it.

    Raises:
        SchemaError: The method does not exist, or the schema cannot be used with it.
    """
    try:
        return _kwargs(schema, method, strict=strict)
    except (ValueError, TypeError, InvalidRequestError) as error:
        raise SchemaError(f"with_structured_output: {error}", sent=False) from None


def _kwargs(
    schema: Any, method: str, *, strict: bool | None
) -> tuple[dict[str, Any], StructuredOutputParser]:
    if not (schema is None or isinstance(schema, dict) or callable(schema)):
        raise TypeError(
            "schema must be a pydantic class, a TypedDict class or a JSON schema, "
            f"not {type(schema).__name__}"
        )
    cls = schema if isinstance(schema, type) and _is_pydantic(schema) else None
    if method == "json_mode":
        if strict is not None:
            raise ValueError("strict has no meaning for method='json_mode'")
        kwargs: dict[str, Any] = {"response_format": {"type": "json_object"}}
        parser = StructuredOutputParser(cls=cls)
    elif method not in ("json_schema", "function_calling"):
        raise ValueError(
            f"method must be json_schema, function_calling or json_mode, not {method!r}"
        )
    elif schema is None:
        raise ValueError(f"method={method!r} needs a schema")
    else:
        if isinstance(schema, dict) and not schema.keys() & {"title", "name", "function"}:
            schema = {"title": "output", **schema}
        if method == "json_schema":
            kwargs = {"response_format": _response_format(schema, strict=strict)}
            parser = StructuredOutputParser(cls=cls)
        else:
            (tool,) = tools_kwarg([schema], strict=strict)
            name = tool["function"]["name"]
            kwargs = {"tools": [tool], "tool_choice": name, "parallel_tool_calls": False}
            parser = StructuredOutputParser(cls=cls, tool_name=name)
    kwargs["ls_structured_output_format"] = {
        "kwargs": {"method": method, "strict": strict},
        "schema": schema,
    }
    return kwargs, parser


def _response_format(schema: dict[str, Any] | type, *, strict: bool | None) -> dict[str, Any]:
    function = convert_to_openai_tool(schema)["function"]
    if isinstance(schema, type) and issubclass(schema, pydantic.BaseModel):
        json_schema = schema.model_json_schema()  # keeps what refers to itself
    else:
        json_schema = convert_to_json_schema(schema)
    said = {
        "name": function["name"],
        "description": function.get("description"),
        "schema": json_schema,
        "strict": strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {key: value for key, value in said.items() if value is not None},
    }


def structured(
    llm: Runnable[LanguageModelInput, Any], parser: StructuredOutputParser, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Put the parser behind the model; with ``include_raw``, in LangChain's three-key form."""
    if not include_raw:
        return llm | parser
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=llm) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")


def _is_pydantic(cls: type) -> bool:
    return issubclass(cls, pydantic.BaseModel | pydantic.v1.BaseModel)


class StructuredOutputParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads an answer that was asked for by schema, whole or streamed.

    Streamed, dicts grow as they come; an instance of a class comes once, when it is whole.

    Attributes:
        cls: The pydantic class (of version 1 or 2) to make; None for a dict.
        tool_name: The function whose arguments the answer is; None where it is the text.
    """

    cls: Any = None
    tool_name: str | None = None

    @property
    def OutputType(self) -> Any:  # noqa: N802  (LangChain's name)
        """What comes out."""
        return self.cls or dict[str, Any]

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Read an answer.

        Args:
            result: The answer, or what has come of it.
            partial: Whether more may come.

        Raises:
            OutputParserException: It is whole, and not what was asked for; also when the model
                refused, or the answer was cut off by its limit of tokens.
        """
        generation = result[0]
        message = generation.message if isinstance(generation, ChatGeneration) else None
        # a stream's last chunk says so; a message that came whole says nothing
        unfinished = partial and getattr(message, "chunk_position", "last") != "last"
        if unfinished and self.cls is not None:
            return None
        try:
            value = self._value(generation.text, message, unfinished=unfinished)
            if self.cls is not None:
                return _make(self.cls, value)
            if isinstance(value, dict) or unfinished:
                return value
            raise ValueError("it is no JSON object")  # noqa: TRY301  (handled below, with all other faults)
        except ValueError as error:
            if unfinished:
                return None
            raise OutputParserException(
                f"{_why(message)}: {error}", llm_output=generation.text
            ) from error

    def parse(self, text: str) -> Any:
        """Read an answer that is text; as :meth:`parse_result`."""
        return self.parse_result([Generation(text=text)])

    def _value(self, text: str, message: BaseMessage | None, *, unfinished: bool) -> Any:
        if self.tool_name is None:
            # LangChain's own parser mends what is cut off, which is right only for what grows
            parser = parse_partial_json if unfinished else orjson.loads
            return parse_json_markdown(text.strip(), parser=parser)
        for call in getattr(message, "tool_calls", ()):
            if call["name"] == self.tool_name:
                return call["args"]
        raise ValueError(f"the model did not call {self.tool_name}")


def _make(cls: Any, value: Any) -> Any:
    if issubclass(cls, pydantic.BaseModel):
        return cls.model_validate(value)
    return cls.parse_obj(value)


def _why(message: BaseMessage | None) -> str:
    if message is not None:
        if refusal := message.additional_kwargs.get("refusal"):
            return f"the model refused ({refusal})"
        if message.response_metadata.get("finish_reason") == "length":
            return "the answer was cut off by its limit of tokens"
    return "the answer is not what was asked for"
