"""A request's tools as a wrapped LLM is offered them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.tools.types import BaseTool, ToolMetadata, ToolOutput
from pydantic import BaseModel

if TYPE_CHECKING:
    from llmrouter_integrations.messages import Tool

__all__ = ["OfferedTool"]


class OfferedTool(BaseTool):
    """A tool to be offered, not to be called: whoever asked calls it."""

    def __init__(self, tool: Tool) -> None:
        self._metadata = _Described(tool)

    @property
    def metadata(self) -> ToolMetadata:
        """What the model is told of it."""
        return self._metadata

    def __call__(self, input: Any) -> ToolOutput:  # noqa: A002  (LlamaIndex's name)
        """Refuse to be called."""
        raise NotImplementedError(f"{self._metadata.name} is called by whoever asked for it")


class _Described(ToolMetadata):
    """A tool's metadata that has a JSON schema where others have a class."""

    def __init__(self, tool: Tool) -> None:
        schema = {"type": "object", "properties": {}, **tool.parameters}
        super().__init__(tool.description, tool.name, _schema_class(tool.name, schema))
        self._schema = schema

    def get_parameters_dict(self) -> dict[str, Any]:
        """Give the schema, as it was given."""
        return self._schema


def _schema_class(name: str, schema: dict[str, Any]) -> type[BaseModel]:
    def model_json_schema(cls: type[BaseModel], *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ARG001  (a class method's)
        return schema

    return type(name, (BaseModel,), {"model_json_schema": classmethod(model_json_schema)})
