"""A fitted predictor comes back from its file as it was, and no other file is taken for one."""

from __future__ import annotations

import io
import pickle
import stat
import zipfile

import numpy as np
import orjson
import pytest

from llmrouter_integrations.errors import ConfigurationError, FittedFileError
from llmrouter_integrations.evaluation.fit import fit
from llmrouter_integrations.routing import fitted_file
from llmrouter_integrations.routing.fitted_file import load, save
from tests.evaluation.labels import trade_prompts, trades

ASKED = ("", "something else entirely", "\u65e5\u672c\u8a9e", *trade_prompts(20, seed=7)[0])


@pytest.fixture(scope="module")
def predictor():
    return fit(trades(120, tasks=True)[0])


@pytest.fixture
def path(tmp_path, predictor):
    found = tmp_path / "fitted.npz"
    save(predictor, found)
    return found


def changed(path, **arrays):
    """Write the file again, with some of its arrays changed; None leaves one out."""
    with np.load(path) as found:
        kept = {name: found[name] for name in found.files} | arrays
    with path.open("wb") as opened:
        np.savez(opened, **{name: each for name, each in kept.items() if each is not None})


def about(path, **told):
    with np.load(path) as found:
        was = orjson.loads(found["about"].tobytes())
    changed(path, about=np.frombuffer(orjson.dumps(was | told), np.uint8))


def test_it_comes_back_as_it_was(path, predictor):
    found = load(path)
    assert (found.models, found.notes) == (predictor.models, predictor.notes)
    for tasks in (None, ["gems"] * len(ASKED)):
        assert (found.predict(ASKED, tasks) == predictor.predict(ASKED, tasks)).all()
    assert path.stat().st_size < 200_000
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_stands_there_is_replaced_whole_or_not_at_all(path, predictor, monkeypatch):
    before = path.read_bytes()

    def fill(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fill)
    with pytest.raises(FittedFileError, match="cannot be written: No space left"):
        save(predictor, path)
    assert path.read_bytes() == before


def test_others_may_read_it(path):
    assert path.stat().st_mode & stat.S_IRUSR


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def scratched(path):
    whole = bytearray(path.read_bytes())
    for place in range(len(whole) // 3, len(whole) // 3 + 40):
        whole[place] ^= 0xFF
    path.write_bytes(bytes(whole))


def foreign(path):
    with path.open("wb") as opened:
        np.savez(opened, weights=np.ones(3))


def pickled(path):
    path.write_bytes(pickle.dumps({"models": ["a"]}))


def objects(path):
    opened = io.BytesIO()
    np.save(opened, np.array([{"a": 1}], object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("extra.npy", opened.getvalue())


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        scratched,
        foreign,
        pickled,
        objects,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("prompt,s,w\n"),
        lambda path: about(path, format="something else"),
        lambda path: about(path, models="none"),
        lambda path: about(path, told=["a", "b", "c", "d"]),
        lambda path: about(path, inferred=[1.0]),
        lambda path: changed(path, about=np.frombuffer(b"{", np.uint8)),
        lambda path: changed(path, level=None),
        lambda path: changed(path, level=np.ones(7)),
        lambda path: changed(path, level=np.array(["a", "b", "c"])),
        lambda path: changed(path, level=np.array([0.5, np.nan, 0.5])),
        lambda path: changed(path, learned=np.array([0, 1, 9])),
        lambda path: changed(path, spread=np.zeros(32)),
        lambda path: changed(path, strange=np.zeros(2)),
    ],
)
def test_what_is_damaged_or_foreign_is_refused(path, damage):
    damage(path)
    with pytest.raises(FittedFileError, match=r"fitted\.npz: is damaged, or no fitted predictor"):
        load(path)


def test_a_newer_one_is_refused_with_what_to_do(path):
    about(path, version=fitted_file.VERSION + 1)
    with pytest.raises(FittedFileError, match=r"of version 2, and this release reads version 1"):
        load(path)


def test_one_that_would_fill_the_memory_is_refused(path, monkeypatch):
    monkeypatch.setattr(fitted_file, "MAX_BYTES", 1000)
    with pytest.raises(FittedFileError, match="holds more than"):
        load(path)


def test_one_that_is_not_there_is_an_error_of_the_set_up(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no such file; llmrouter fit writes one"):
        load(tmp_path / "none.npz")
    with pytest.raises(FittedFileError, match="cannot be read"):
        load(tmp_path)
