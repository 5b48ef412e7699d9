import gzip
import io
import os
import tarfile

import pytest

from llmrouter_integrations.catalog import modelsdev
from llmrouter_integrations.errors import ConfigurationError

MODEL = (
    b'name = "Small 1"\ntool_call = true\n[limit]\ncontext = 1000\noutput = 10\n[cost]\ntiers = 1\n'
)


def archive(path, files, *, links=()):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return path


def tree(path, files):
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


@pytest.mark.parametrize("make", [archive, tree])
@pytest.mark.parametrize("top", ["models/", ""])
def test_models_are_read_from_directories_and_archives(tmp_path, make, top):
    files = {f"{top}acme/small-1.toml": MODEL, f"{top}acme/big/2.toml": MODEL, "README.md": b"#"}
    models = modelsdev.read_models(make(tmp_path / "x", files))
    assert sorted(models) == ["acme/big/2", "acme/small-1"]
    assert models["acme/small-1"].tokens("limit", "context") == 1000


def test_an_entry_lies_over_the_model_it_is_based_on(tmp_path):
    models = modelsdev.read_models(tree(tmp_path / "m", {"acme/small-1.toml": MODEL}))
    entry = (
        b'base_model = "acme/small-1"\nbase_model_omit = ["cost.tiers", "name"]\n'
        b"[limit]\ncontext = 500\n[cost]\ninput = 1\n"
    )
    files = {"host/provider.toml": b'name = "Host"', "host/models/v/small.toml": entry}
    offered = modelsdev.read_providers(tree(tmp_path / "p", files), models)
    read = offered["host", "v/small"]
    assert read.tokens("limit", "context") == 500
    assert read.tokens("limit", "output") == 10
    assert read.data["cost"] == {"input": 1}
    assert read.text("name") is None
    assert models["acme/small-1"].text("name") == "Small 1"


def test_an_unknown_base_is_named(tmp_path):
    models = modelsdev.read_models(tree(tmp_path / "m", {"acme/small-1.toml": MODEL}))
    files = {"host/models/small.toml": b'base_model = "acme/nothing"'}
    with pytest.raises(ConfigurationError, match=r"host/models/small.toml.*'acme/nothing'"):
        modelsdev.read_providers(tree(tmp_path / "p", files), models)


@pytest.mark.parametrize("name", ["../../evil/x.toml", "/etc/evil/x.toml", "acme/../../x.toml"])
def test_paths_out_of_an_archive_are_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="points out of the archive"):
        modelsdev.read_models(archive(tmp_path / "x.tar.gz", {name: MODEL}))


def test_links_in_an_archive_are_refused(tmp_path):
    path = archive(tmp_path / "x.tar.gz", {}, links=[("acme/x.toml", "/etc/passwd")])
    with pytest.raises(ConfigurationError, match=r"acme/x.toml: is a link"):
        modelsdev.read_models(path)


def test_links_out_of_a_directory_are_refused(tmp_path):
    secret = tmp_path / "secret.toml"
    secret.write_bytes(MODEL)
    root = tree(tmp_path / "m", {"acme/small-1.toml": MODEL})
    (root / "acme" / "link.toml").symlink_to(secret)
    with pytest.raises(ConfigurationError, match=r"link.toml: is a link out"):
        modelsdev.read_models(root)


@pytest.mark.parametrize("limit", ["MOST_FILES", "MOST_BYTES", "MOST_BYTES_PER_FILE"])
def test_archives_that_are_too_large_are_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(modelsdev, limit, 1)
    files = {"acme/a.toml": MODEL, "acme/b.toml": MODEL}
    with pytest.raises(ConfigurationError, match="larger than any"):
        modelsdev.read_models(archive(tmp_path / "x.tar.gz", files))


def whole():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("acme/x.toml")
        member.size = 200_000
        tar.addfile(member, io.BytesIO(os.urandom(200_000)))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", gzip.compress(b"not a tar"), whole()[:5000], whole()[:-5000]],
    ids=["empty", "text", "gzip of text", "cut early", "cut late"],
)
def test_broken_archives_are_named(tmp_path, content):
    path = tmp_path / "models.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"models.tar.gz"):
        modelsdev.read_models(path)


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        modelsdev.read_models(tmp_path / "nowhere.tar.gz")


@pytest.mark.parametrize("make", [archive, tree])
def test_an_empty_source_is_named(tmp_path, make):
    source = make(tmp_path / "x", {"README.md": b"#"})
    with pytest.raises(ConfigurationError, match="holds no models"):
        modelsdev.read_models(source)
    with pytest.raises(ConfigurationError, match="holds no providers"):
        modelsdev.read_providers(source, {})


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_what_is_no_toml_is_named(tmp_path, content):
    source = tree(tmp_path / "m", {"acme/small-1.toml": content})
    with pytest.raises(ConfigurationError, match=r"acme/small-1.toml: is not TOML"):
        modelsdev.read_models(source)


@pytest.mark.parametrize(
    ("data", "read", "what"),
    [
        ({"name": 1}, lambda e: e.text("name"), "name must be text"),
        ({"tool_call": "yes"}, lambda e: e.flag("tool_call"), "tool_call must be true or false"),
        ({"limit": 3}, lambda e: e.tokens("limit", "context"), "limit.context lies in 3"),
        ({"limit": {"context": "big"}}, lambda e: e.tokens("limit", "context"), "limit.context"),
        ({"cost": {"input": -1}}, lambda e: e.number("cost", "input"), "at least 0, not -1"),
        ({"cost": {"input": float("nan")}}, lambda e: e.number("cost", "input"), "not nan"),
        ({"cost": {"input": float("inf")}}, lambda e: e.number("cost", "input"), "not inf"),
        ({"cost": {"input": True}}, lambda e: e.number("cost", "input"), "not True"),
        ({"in": ["text", 1]}, lambda e: e.texts("in"), "in must be a list of texts"),
        ({"benchmarks": [1]}, lambda e: e.tables("benchmarks"), "must be a list of tables"),
    ],
)
def test_a_field_of_another_type_is_named(data, read, what):
    entry = modelsdev.Entry("file.toml", data)
    with pytest.raises(ConfigurationError, match=what) as caught:
        read(entry)
    assert str(caught.value).startswith("file.toml: field ")


def test_absent_fields_are_none():
    entry = modelsdev.Entry("file.toml", {"limit": {"output": 0}})
    assert entry.text("name") is entry.flag("x") is entry.number("cost", "input") is None
    assert entry.texts("modalities", "input") is None
    assert entry.tables("benchmarks") == []
    assert entry.tokens("limit", "output") is None
