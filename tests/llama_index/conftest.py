from __future__ import annotations

import pytest

from tests.scripted import ScriptedRouter


@pytest.fixture
def scripted():
    return ScriptedRouter
