from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "catalog"


@pytest.fixture(scope="session")
def snapshots() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the snapshots the table was built from (../shared/catalog) are not here")
    return SHARED
