"""A stage in a process of its own, so that its work is not the client's: :class:`RemoteStage`."""

from __future__ import annotations

import subprocess
import sys
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import orjson

from llmrouter_integrations.drill.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RemoteStage"]

_STOP_S = 5.0


class RemoteStage:
    """As :class:`~.stage.Stage`, whose methods it calls over a pipe, one JSON line each."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def start(self) -> Self:
        """Start the process, and the providers in it."""
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(  # noqa: S603  (this very module)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def stop(self) -> None:
        """End the process: it stops when nobody speaks to it any more."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def url(self, provider: str, place: str = "") -> str:
        """Give the base URL of a provider, or that of a place where it is not."""
        url: str = self._told("url", provider, place)
        return url

    def play(self, fault: str, faulty: Iterable[int], way: int | None = None) -> int:
        """Say what happens from now on, and count calls anew; gives the number of this play."""
        play: int = self._told("play", fault, list(faulty), way)
        return play

    def calls(self) -> dict[int, int]:
        """Count the calls that each target received."""
        return {int(target): count for target, count in self._told("calls").items()}

    def connections(self) -> int:
        """Count the connections that are open."""
        count: int = self._told("connections")
        return count

    def _told(self, method: str, *arguments: Any) -> Any:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("start the stage first")
        with self._lock:
            process.stdin.write(orjson.dumps([method, *arguments]) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated providers' process has ended")
        return orjson.loads(line)


def _serve() -> None:
    with Stage() as stage:
        for line in sys.stdin.buffer:
            method, *arguments = orjson.loads(line)
            told = getattr(stage, method)(*arguments)
            answer = orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS)
            sys.stdout.buffer.write(answer + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
