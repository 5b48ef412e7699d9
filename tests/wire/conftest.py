"""The tally of the recorded traffic, told at the end of a run."""

from collections import Counter
from dataclasses import dataclass, field

import pytest


@dataclass
class Tally:
    """What became of the recordings: each a set of files and a count of interactions."""

    files: set[str] = field(default_factory=set)
    decoded_files: set[str] = field(default_factory=set)
    decoded: Counter[tuple[str, str]] = field(default_factory=Counter)
    not_built: Counter[str] = field(default_factory=Counter)
    not_built_only: set[str] = field(default_factory=set)


TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session")
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash.setdefault(TALLY, Tally())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash.get(TALLY, None)
    if found is None or not found.files:
        return
    say = terminalreporter.write_line
    terminalreporter.section("recorded provider traffic")
    say(
        f"{len(found.decoded_files)} of {len(found.files)} files decoded, "
        f"{sum(found.decoded.values())} interactions:"
    )
    for protocol in sorted({protocol for protocol, _ in found.decoded}):
        kinds = {kind: n for (of, kind), n in found.decoded.items() if of == protocol}
        told = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        say(f"  {protocol}: {sum(kinds.values())} ({told})")
    if found.not_built:
        say(f"not built, hence not decoded: {sum(found.not_built.values())} interactions:")
        for what, n in sorted(found.not_built.items()):
            say(f"  {what}: {n}")
        for name in sorted(found.not_built_only):
            say(f"  nothing but these in {name}")
