"""What langchain-core 1.8 has in ``langchain_core.decisions``, as far as this package uses it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

from langchain_core.runnables import RunnableSerializable
from pydantic import BaseModel, Field


class Choice(BaseModel):
    type: Literal["choice"] = "choice"
    criteria: dict[str, Any] = Field(min_length=1)
    instructions: Any


class Noul(BaseModel):
    type: Literal["noul"] = "noul"
    instructions: Any


class ChoiceAnswer(BaseModel):
    type: Literal["choice"]
    choice: str
    probabilities: dict[str, float]
    confidence: float = Field(ge=0.0, le=1.0)


class ClassifierResponse(BaseModel):
    model: str
    answers: dict[str, ChoiceAnswer]

    @property
    def choices(self):
        return self.answers


class BaseDecisionModel(RunnableSerializable[dict, ClassifierResponse], ABC):
    model: str

    @property
    @abstractmethod
    def _provider(self): ...

    @abstractmethod
    def _classify(self, state, questions): ...

    async def _aclassify(self, state, questions):
        return self._classify(state, questions)

    def invoke(
        self,
        input,  # noqa: A002  (as there)
        config=None,
        **_,
    ):
        return self._call_with_config(
            lambda asked: self._classify(asked["state"], dict(asked["questions"])), input, config
        )

    async def ainvoke(
        self,
        input,  # noqa: A002  (as there)
        config=None,
        **_,
    ):
        async def answer(asked):
            return await self._aclassify(asked["state"], dict(asked["questions"]))

        return await self._acall_with_config(answer, input, config)
