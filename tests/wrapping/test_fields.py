"""A request's settings are set on copies of a model that share its connections."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, PrivateAttr

from llmrouter_integrations import Request
from llmrouter_integrations.messages import Adjustment, Message, TextPart
from llmrouter_integrations.wrapping.fields import OwnFields

SAID = (Message("user", (TextPart("hi"),)),)


class Lazy(BaseModel):
    """Makes its SDK's client when it is first asked, as LlamaIndex's OpenAI does."""

    max_tokens: int | None = None
    seed: int | None = None
    _client: Any = PrivateAttr(default=None)

    def client(self):
        if self._client is None:
            self._client = object()
        return self._client


@pytest.mark.parametrize("asked_before", [True, False])
def test_copies_share_the_client_that_any_of_them_makes(asked_before):
    model = Lazy()
    if asked_before:
        model.client()
    fields = OwnFields(model, {})
    copies = [fields.set(Request(SAID, max_tokens=n), {}, []) for n in range(1, 31)]
    assert [copy.max_tokens for copy in copies] == list(range(1, 31))
    assert len({id(copy.client()) for copy in [*copies, model]}) == 1


def test_what_a_request_cannot_have_is_told_and_not_set():
    changed = []
    request = Request(SAID, max_tokens=3, seed=1)
    copy = OwnFields(Lazy(), {}).set(request, {}, changed, lacking={"seed": "not here"})
    assert (copy.max_tokens, copy.seed) == (3, None)
    assert changed == [Adjustment("seed", "dropped", "not here")]
