"""The hub, its cache and everything that can go wrong on the way, against a server on loopback."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from t2t import hub, paths, sources
from t2t.errors import HubError, UsageError
from t2t.types import Column, Source, Task
from tests.fake_hub import FakeHub, Repo

COLUMNS = {"sentence": "text", "label": "class"}
CARD = b"""---
configs:
- config_name: cola
  data_files:
  - {split: train, path: cola/train-*}
  - {split: validation, path: cola/validation-*}
---
"""
MODEL = {
    "config.json": b'{"model_type": "t5"}',
    "tokenizer.json": b"{}",
    "model.safetensors": b"weights" * 100,
    "modeling.py": b"raise SystemExit('code of a model was run')",
    "onnx/model.safetensors": b"not this one",
}
SCRIPT = b"raise SystemExit('a data set script was run')"


def parquet(n: int, start: int = 0) -> bytes:
    """Return a parquet file of ``n`` rows."""
    table = pa.table({"sentence": [f"Row {start + i}." for i in range(n)], "label": [i % 2 for i in range(n)]})
    table = table.replace_schema_metadata(
        {"huggingface": '{"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}'}
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def make(hub_id: str = "nyu-mll/glue", config: str = "cola", **more: Any) -> Task:
    """Return a task of that data set."""
    more |= {"sample": (more["sample"],)} if "sample" in more else {}
    source = Source(hub=hub_id, config=(config,), **more)
    return Task("glue/cola", "t", "choice", {name: Column(kind) for name, kind in COLUMNS.items()}, source, {}, ())


TASK = make()
TRAIN = "cola/train-00000-of-00001.parquet"


@pytest.fixture
def world() -> dict[str, Repo]:
    converted = {f"cola/{split}/0000.parquet": parquet(n) for split, n in (("train", 7), ("test", 3))}
    return {
        "nyu-mll/glue": Repo(
            {
                "main": {
                    "README.md": CARD,
                    TRAIN: parquet(40),
                    "cola/validation-00000-of-00001.parquet": parquet(5, 100),
                    "cola/test-00000-of-00001.parquet": parquet(4),
                }
            }
        ),
        "old/script": Repo({"main": {"script.py": SCRIPT}, "refs/convert/parquet": converted}),
        "old/lost": Repo({"main": {"lost.py": SCRIPT}}),
        "some/model": Repo({"main": MODEL}),
        "some/pickle": Repo({"main": {"config.json": b"{}", "pytorch_model.bin": b"pickle"}}),
        "plain/csv": Repo({"main": {"train.csv": b"a,b\n1,2\n"}}),
    }


@pytest.fixture
def fake(world: dict[str, Repo], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    for name in list(os.environ):
        if name.startswith(("HF_", "T2T_", "HUGGINGFACE_", "TRANSFORMERS_", "XDG_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    server = FakeHub(world)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # read when it was imported, perhaps from a real setting
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(hub, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(hub, "READ_SECONDS", 0.3)
    monkeypatch.setattr(hub, "PROBE_SECONDS", 2.0)
    hub.forget()
    with server.running():
        yield server
    hub.forget()


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Task:
    """A task with a bundled sample."""
    folder = tmp_path / "bundled" / "glue" / "cola"
    folder.mkdir(parents=True)
    for split in ("train", "validation"):
        (folder / f"{split}.jsonl").write_text('{"sentence": "A sample.", "label": 1}\n')
    monkeypatch.setattr(paths, "sample_folder", lambda: tmp_path / "bundled")
    return make(sample="glue/cola")


def kept(tmp_path: Path) -> list[str]:
    """Return the files in the cache that hold data: no README, no refs."""
    found = [p for p in (tmp_path / "hf").rglob("*") if p.is_file()]
    return sorted(p.name for p in found if p.suffix in (".parquet", ".incomplete") or len(p.name) == 64)


def refused(work: Callable[[], Any], kind: str) -> HubError:
    with pytest.raises(HubError) as caught:
        work()
    assert caught.value.kind == kind, caught.value
    assert caught.value.exit_code == 8
    assert "\n" not in str(caught.value)
    return caught.value


# --- what works ---


def test_downloads_into_the_cache_and_then_asks_nothing(fake: FakeHub, tmp_path: Path) -> None:
    rows = sources.open_rows(TASK, "train", "hub")
    commit = fake.repos["nyu-mll/glue"].commit("main")
    assert (len(rows), rows[3]) == (40, {"sentence": "Row 3.", "label": 1})
    assert rows.class_names == {"label": ("bad", "good")}
    assert (rows.origin.kind, rows.origin.revision) == ("hub", commit)
    assert rows.origin.where == f"nyu-mll/glue@{commit}"
    assert rows.where(16) == f"{TRAIN} row 17 (1-based)"
    assert [p.rsplit("/", 1)[1] for p in fake.paths()] == [
        "main", f"{commit}?recursive=true&expand=false", "README.md", "train-00000-of-00001.parquet",
    ]  # fmt: skip
    fake.requests.clear()
    hub.forget()
    again = sources.open_rows(TASK, "train")
    assert fake.requests == []
    assert again.origin.kind == "cache"
    assert again.origin.fingerprint == rows.origin.fingerprint
    assert list(again) == list(rows)


def test_the_cache_is_the_one_that_huggingface_hub_reads(fake: FakeHub, tmp_path: Path) -> None:
    from huggingface_hub import try_to_load_from_cache

    sources.open_rows(TASK, "train", "hub")
    found = try_to_load_from_cache("nyu-mll/glue", TRAIN, cache_dir=str(tmp_path / "hf" / "hub"), repo_type="dataset")
    assert isinstance(found, str) and Path(found).read_bytes() == fake.repos["nyu-mll/glue"].files("main")[TRAIN]


def test_a_second_split_comes_from_the_commit_of_the_first(fake: FakeHub) -> None:
    first = sources.open_rows(TASK, "train", "hub").origin.revision
    main = fake.repos["nyu-mll/glue"].revisions
    main["old"] = dict(main["main"])
    main["main"] = {**main["main"], TRAIN: parquet(1)}
    hub.forget()
    assert sources.open_rows(TASK, "validation").origin.revision == first


def test_a_pinned_revision_is_asked_for(fake: FakeHub) -> None:
    pin = str(fake.repos["nyu-mll/glue"].commit("main"))
    sources.open_rows(make(revision=pin), "train", "hub")
    assert fake.paths()[0].endswith(f"/revision/{pin}")
    refused(lambda: sources.open_rows(make(revision="0" * 40), "train", "hub"), "not_found")


def test_a_split_the_readme_does_not_declare_is_missing(fake: FakeHub, sample: Task) -> None:
    with pytest.raises(sources.SplitMissing) as caught:
        sources.open_rows(sample, "test")  # the sample must not step in, nor the file the README leaves out
    assert caught.value.splits == ("train", "validation")
    sources.open_rows(sample, "train")
    fake.requests.clear()
    hub.forget()
    with pytest.raises(sources.SplitMissing):
        sources.open_rows(sample, "test")
    assert fake.requests == []


def test_long_listings_come_in_pages(fake: FakeHub) -> None:
    fake.page = 1
    assert len(sources.open_rows(TASK, "validation", "hub")) == 5
    assert sum("/tree/" in path for path in fake.paths()) == 4


def test_a_script_is_never_run_and_its_parquet_copy_is_used(fake: FakeHub) -> None:
    rows = sources.open_rows(make("old/script"), "train", "hub")
    assert len(rows) == 7
    assert any("/revision/refs%2Fconvert%2Fparquet" in path for path in fake.paths())
    assert not any(path.endswith(".py") for path in fake.paths())
    fake.requests.clear()
    hub.forget()
    assert sources.open_rows(make("old/script"), "train").origin.kind == "cache"
    assert fake.requests == []
    assert "is a script" in str(refused(lambda: sources.open_rows(make("old/lost"), "train", "hub"), "script"))
    assert "no parquet" in str(refused(lambda: sources.open_rows(make("plain/csv"), "train", "hub"), "script"))


def test_a_wrong_config_is_named(fake: FakeHub) -> None:
    with pytest.raises(sources.DataError, match='Did you mean "cola"'):
        sources.open_rows(make(config="colla"), "train", "hub")


# --- faults that pass ---


@pytest.mark.parametrize("path", ["/revision/", "/tree/", "/resolve/.*parquet"])
def test_one_503_is_retried(fake: FakeHub, path: str) -> None:
    fake.fail(path, status=503, times=1)
    assert len(sources.open_rows(TASK, "train", "hub")) == 40
    assert len(fake.paths()) == 5


def test_retry_after_is_obeyed(fake: FakeHub) -> None:
    fake.fail("/resolve/.*parquet", status=429, times=1, headers={"Retry-After": "1"})
    start = time.monotonic()
    assert len(sources.open_rows(TASK, "train", "hub")) == 40
    assert time.monotonic() - start >= 1.0


def test_a_long_retry_after_is_not_waited_for(fake: FakeHub) -> None:
    fake.fail("/revision/", status=429, headers={"Retry-After": "3600"})
    start = time.monotonic()
    assert "3600 s" in str(refused(lambda: sources.open_rows(TASK, "train", "hub"), "unavailable"))
    assert time.monotonic() - start < 6
    assert len(fake.paths()) == 1


def test_a_truncated_file_is_gone_on_with(fake: FakeHub) -> None:
    fake.fail("/resolve/.*parquet", "truncate", times=1)
    assert len(sources.open_rows(TASK, "train", "hub")) == 40
    asked = [headers.get("range") for _, path, headers in fake.requests if path.endswith(".parquet")]
    size = len(fake.repos["nyu-mll/glue"].files("main")[TRAIN])
    assert asked == [None, f"bytes={size // 2}-"]


def test_one_reset_is_recovered_from(fake: FakeHub) -> None:
    fake.fail("/resolve/.*parquet", "reset", times=1)
    assert len(sources.open_rows(TASK, "train", "hub")) == 40


def test_one_corrupt_body_is_loaded_again(fake: FakeHub) -> None:
    fake.fail("/resolve/.*parquet", "corrupt", times=1)
    assert len(sources.open_rows(TASK, "train", "hub")) == 40


# --- faults that stay ---


@pytest.mark.parametrize(
    ("act", "more", "kind", "tries", "says"),
    [
        ("status", {"status": 503}, "unavailable", 4, "503"),
        ("status", {"status": 500}, "unavailable", 4, "tries: 4"),
        ("status", {"status": 429}, "unavailable", 4, "429"),
        ("status", {"status": 502}, "unavailable", 4, "502"),
        ("status", {"status": 504}, "unavailable", 4, "504"),
        ("status", {"status": 408}, "unavailable", 4, "408"),
        ("status", {"status": 418}, "unavailable", 1, "418"),
        ("status", {"status": 404, "headers": {"X-Error-Code": "EntryNotFound"}}, "not_found", 1, "no such file"),
        ("status", {"status": 401}, "gated", 1, "log in"),
        ("status", {"status": 403, "headers": {"X-Error-Code": "GatedRepo"}}, "gated", 1, "gated"),
        ("truncate", {}, "unavailable", 4, ""),
        ("reset", {}, "unavailable", 4, ""),
        ("corrupt", {}, "corrupt", 2, "checksum"),
        ("html", {}, "corrupt", 2, "HTML page"),
        ("silent", {}, "unavailable", 4, "no answer in time"),
    ],
)
def test_a_fault_that_stays_ends_the_download(
    fake: FakeHub, sample: Task, tmp_path: Path, act: str, more: dict[str, Any], kind: str, tries: int, says: str
) -> None:
    fake.fail("/resolve/.*parquet", act, **more)
    start = time.monotonic()
    # Strict, so that a sample cannot hide it.
    error = refused(lambda: sources.open_rows(sample, "train", "hub"), kind)
    assert time.monotonic() - start < 6
    assert says in str(error) and "cola/train" in str(error)
    assert sum(path.endswith(".parquet") for path in fake.paths()) == tries
    assert kept(tmp_path) == []


@pytest.mark.parametrize("act", ["silent", "drip", "drip header"])
def test_the_total_deadline_ends_a_download(
    fake: FakeHub, tmp_path: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "FILE_SECONDS", 0.7)
    monkeypatch.setattr(hub, "SLOWEST", 1e9)
    fake.fail("/resolve/.*parquet", act)
    start = time.monotonic()
    refused(lambda: sources.open_rows(TASK, "train", "hub"), "unavailable")
    assert time.monotonic() - start < 6
    assert kept(tmp_path) == []


def test_the_total_deadline_ends_a_listing(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LISTING_SECONDS", 0.5)
    fake.fail("/revision/", "drip")
    start = time.monotonic()
    refused(lambda: sources.open_rows(TASK, "train", "hub"), "unavailable")
    assert time.monotonic() - start < 6


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        (401, "RepoNotFound", "not_found", "no such data set"),
        (404, "RepoNotFound", "not_found", "no such data set"),
        (404, "RevisionNotFound", "not_found", "no such revision"),
        (403, "GatedRepo", "gated", "hf auth login"),
        (503, "", "unavailable", "Try again later"),
    ],
)
def test_a_listing_that_is_refused(fake: FakeHub, status: int, code: str, kind: str, says: str) -> None:
    fake.fail("/revision/main", status=status, headers={"X-Error-Code": code})
    assert says in str(refused(lambda: sources.open_rows(TASK, "train", "hub"), kind))


def test_a_page_instead_of_a_listing(fake: FakeHub) -> None:
    fake.fail("/revision/", "html")
    assert "login page" in str(refused(lambda: sources.open_rows(TASK, "train", "hub"), "unavailable"))


@pytest.mark.parametrize(
    "name", ["../../../out.parquet", "/etc/out.parquet", "cola\\..\\train.parquet", "cola/../x.parquet"]
)
def test_names_that_leave_the_folder_are_dropped(fake: FakeHub, name: str) -> None:
    fake.repos["nyu-mll/glue"].revisions["main"][name] = parquet(1)
    assert name not in hub.listing("nyu-mll/glue", None).entries
    assert TRAIN in hub.listing("nyu-mll/glue", None).entries


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://example.org/x", "http://10.0.0.1/x", "http://[bad", ""])
def test_redirects_that_are_refused(fake: FakeHub, to: str) -> None:
    fake.fail("/resolve/.*parquet", "redirect", headers={"Location": to})
    assert refused(lambda: sources.open_rows(TASK, "train", "hub"), "unavailable").code == "H03"


@pytest.mark.parametrize(
    "to",
    ["http://hub.example/x", "https://localhost/x", "https://127.0.0.1/x", "https://169.254.169.254/latest/meta-data",
     "https://[::1]/x", "https://192.168.0.1:8080/x", "https://[::ffff:10.0.0.1]/x", "//10.0.0.1/x", "data:,x"],
)  # fmt: skip
def test_redirects_into_the_house_and_out_of_tls_are_refused(to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    asked = "https://hub.example/a"
    assert hub._redirected(asked, "https://files.example/b?sign=1", asked) == "https://files.example/b?sign=1"
    assert refused(lambda: hub._redirected(asked, to, asked), "unavailable").code == "H03"


def test_a_revision_that_moves_is_not_mixed_with_the_one_before(fake: FakeHub, tmp_path: Path) -> None:
    main = fake.repos["nyu-mll/glue"].revisions
    listed = hub.listing("nyu-mll/glue", None)
    main["main"] = {**main["main"], TRAIN: parquet(1)}
    refused(lambda: hub.download(listed, TRAIN), "not_found")
    assert kept(tmp_path) == []


def test_redirects_in_a_ring(fake: FakeHub) -> None:
    fake.fail("/revision/", "redirect", headers={"Location": "/api/datasets/nyu-mll/glue/revision/main"})
    assert "redirects" in str(refused(lambda: sources.open_rows(TASK, "train", "hub"), "unavailable"))
    assert len(fake.paths()) == hub.REDIRECTS + 1


def test_the_token_goes_to_the_endpoint_alone_and_into_no_message(
    fake: FakeHub, world: dict[str, Repo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    other = FakeHub(world)
    with other.running():
        commit = world["nyu-mll/glue"].commit("main")
        to = f"{other.url}/datasets/nyu-mll/glue/resolve/{commit}/{TRAIN}?X-Signature=hf_canary"
        fake.fail("/resolve/.*parquet", "redirect", headers={"Location": to})
        assert len(sources.open_rows(TASK, "train", "hub")) == 40
        assert all(h.get("authorization") == "Bearer hf_canary" for m, _, h in fake.requests if m == "GET")
        assert [h.get("authorization") for _, _, h in other.requests] == [None]
        other.fail(".", status=403)
        error = refused(lambda: sources.open_rows(TASK, "validation", "hub"), "gated")
    assert "canary" not in str(error) and "canary" not in repr(error.__dict__)


# --- out of reach ---


def test_a_silent_hub_is_given_up_after_one_probe(fake: FakeHub, sample: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.3)
    fake.fail(".", "silent")
    start = time.monotonic()
    rows = sources.open_rows(sample, "train")
    sources.open_rows(sample, "validation")
    error = refused(lambda: sources.open_rows(TASK, "train", "hub"), "offline")
    assert time.monotonic() - start < 6
    assert [(method, path) for method, path, _ in fake.requests] == [("HEAD", "/")]
    assert rows.origin.kind == "sample" and rows.origin.notice().startswith("SAMPLE DATA")
    assert "did not answer within 0.3 s" in rows.origin.notice() and "did not answer" in str(error)


def test_either_clock_of_the_probe_says_the_same(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(hub, "_within", lambda seconds, work: work())  # the socket's limit is always the first
    fake.fail(".", "silent")
    assert hub.reachable().endswith("did not answer within 0.3 s")


def test_a_refused_connection_is_offline(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    refused(lambda: sources.open_rows(TASK, "train"), "offline")
    assert time.monotonic() - start < 6


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "T2T_OFFLINE", ""])
def test_offline_asks_nothing(fake: FakeHub, sample: Task, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name:
        monkeypatch.setenv(name, "1")
    rows = sources.open_rows(sample, "train", offline=not name)
    refused(lambda: sources.open_rows(sample, "train", "hub", offline=not name), "offline")
    assert fake.requests == []
    assert (name or "offline") in rows.origin.notice()


def test_half_a_data_set_in_the_cache_is_not_mixed_with_the_sample(fake: FakeHub, sample: Task) -> None:
    sources.open_rows(sample, "train")
    error = refused(lambda: sources.open_rows(sample, "validation", offline=True), "offline")
    assert "holds only train" in str(error)


def test_a_hub_that_fails_half_way_does_not_end_in_the_sample(fake: FakeHub, sample: Task) -> None:
    fake.fail("/tree/", status=503)
    refused(lambda: sources.open_rows(sample, "train"), "unavailable")


def test_a_data_set_that_is_not_on_the_hub_ends_in_the_sample(fake: FakeHub, sample: Task) -> None:
    fake.repos.clear()
    assert "no such data set" in sources.open_rows(sample, "train").origin.notice()


def test_a_damaged_file_in_the_cache_is_removed_and_reported(fake: FakeHub, tmp_path: Path) -> None:
    sources.open_rows(TASK, "train", "hub")
    (blob,) = [p for p in (tmp_path / "hf").rglob("blobs/*") if len(p.name) == 64]
    data = bytearray(blob.read_bytes())
    data[100] ^= 1
    blob.write_bytes(bytes(data))
    assert "removed" in str(refused(lambda: sources.open_rows(TASK, "train"), "corrupt"))
    assert not blob.exists()
    rows = sources.open_rows(TASK, "train")
    assert (rows.origin.kind, len(rows)) == ("hub", 40)


def test_endpoint_and_ids_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "file:///tmp")
    with pytest.raises(UsageError):
        hub.endpoint()
    for bad in ("../x", "a/b/c", "a/..", "", "/a"):
        with pytest.raises(UsageError):
            hub.folder(bad)


# --- fetch ---


def test_fetch_writes_a_layout_that_is_read_back(fake: FakeHub, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    task = make(splits={"train": "train", "validation": "validation", "test": "test"})
    dest = sources.fetch([task], tmp_path / "d", progress=lambda *args: calls.append(args))
    assert calls[-1][1] == calls[-1][2] > 0
    assert len(sources.verify(dest)) == 3  # two files and the README; the README of the hub declares no test
    fake.requests.clear()
    rows = sources.open_rows(task, "train", str(dest))
    assert (rows.origin.kind, len(rows)) == ("dir", 40)
    assert rows.origin.revision == fake.repos["nyu-mll/glue"].commit("main")
    assert sources.splits(task, str(dest)) == ["train", "validation"]
    assert fake.requests == []


def test_fetch_again_fetches_what_is_missing(fake: FakeHub, tmp_path: Path) -> None:
    task = make(splits={"train": "train", "validation": "validation"})
    dest = sources.fetch([task], tmp_path / "d")
    before = (dest / "nyu-mll/glue" / TRAIN).stat().st_mtime_ns
    fake.requests.clear()
    hub.forget()
    sources.fetch([task], dest, offline=True)
    (dest / "nyu-mll/glue/cola/validation-00000-of-00001.parquet").unlink()
    sources.fetch([task], dest)
    assert sources.verify(dest) and (dest / "nyu-mll/glue" / TRAIN).stat().st_mtime_ns == before
    assert fake.requests == []  # the rest came from the cache


def test_fetch_that_breaks_off_leaves_no_partial_file(fake: FakeHub, tmp_path: Path) -> None:
    fake.fail("/resolve/.*validation", status=503)
    task = make(splits={"train": "train", "validation": "validation"})
    refused(lambda: sources.fetch([task], tmp_path / "d"), "unavailable")
    assert len(sources.verify(tmp_path / "d")) == 2
    assert not list((tmp_path / "d").rglob("*.incomplete"))
    fake.faults.clear()
    assert len(sources.verify(sources.fetch([task], tmp_path / "d"))) == 3


def test_a_flipped_bit_is_found(fake: FakeHub, tmp_path: Path) -> None:
    dest = sources.fetch([TASK], tmp_path / "d")
    path = dest / "nyu-mll/glue" / TRAIN
    good = path.read_bytes()
    for at in range(0, len(good), 97):
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        with pytest.raises(sources.DataError, match="train-00000"):
            sources.verify(dest)
        with pytest.raises(sources.DataError, match="train-00000") as caught:
            sources.open_rows(TASK, "train", str(dest))
        assert caught.value.code == "D06"
    sources.fetch([TASK], dest)  # mended
    assert sources.verify(dest)


def test_fetch_refuses_what_is_not_of_the_hub(fake: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        sources.fetch([TASK], tmp_path, source="sample")
    refused(lambda: sources.fetch([make(sample="glue/cola")], tmp_path, offline=True), "offline")


# --- layouts ---


def config(**entry: Any) -> str:
    """Return the front matter of a README with one config ``a``."""
    return json.dumps({"configs": [{"config_name": "a", **entry}]})


@pytest.mark.parametrize(
    ("card", "names", "held"),
    [
        (
            config(data_files=[{"split": "train", "path": ["x/1*", "y/*"]}]),
            ["x/12.parquet", "y/z.parquet", "y/z/1.parquet"],
            {"a": {"train": ("x/12.parquet", "y/z.parquet")}},
        ),
        (
            config(data_files="**/*.parquet"),
            ["x/y/1.parquet", "2.parquet"],
            {"a": {"train": ("2.parquet", "x/y/1.parquet")}},
        ),
        (
            config(data_files=["p.parquet", "q.parquet"]),
            ["p.parquet", "q.parquet", "r.parquet"],
            {"a": {"train": ("p.parquet", "q.parquet")}},
        ),
        (config(data_files={"test": "t.parquet"}), ["t.parquet"], {"a": {"test": ("t.parquet",)}}),
        (config(data_files=[{"split": "test", "path": "no*"}]), ["t.parquet"], {"a": {"test": ()}}),
        (
            config(data_dir="d/e"),
            ["d/e/train-0.parquet", "x/test.parquet"],
            {"a": {"train": ("d/e/train-0.parquet",)}},
        ),
        (
            "license: mit",
            ["a/train-00000-of-00001.parquet", "a/train.csv", "b/test/0000.parquet"],
            {"a": {"train": ("a/train-00000-of-00001.parquet",)}, "b": {"test": ("b/test/0000.parquet",)}},
        ),
        (
            "configs: 3",
            ["data/train-0.parquet", "test.parquet"],
            {"default": {"train": ("data/train-0.parquet",), "test": ("test.parquet",)}},
        ),
        ("configs: [", ["train.parquet"], {"default": {"train": ("train.parquet",)}}),
        ("a: !!python/object/apply:os.system [x]", ["train.parquet"], {"default": {"train": ("train.parquet",)}}),
    ],
)
def test_layouts(card: str, names: list[str], held: dict[str, Any]) -> None:
    assert hub.layout(names, f"---\n{card}\n---\n# x") == held


def test_a_hostile_pattern_costs_no_time() -> None:
    start = time.monotonic()
    card = "---\nconfigs: [{config_name: a, data_files: '" + "*a" * 200 + "/" + "**/" * 31 + "b'}]\n---\n"
    hub.layout(["a" * 200 + "/" + "a/" * 40 + "c.parquet"], card)
    assert time.monotonic() - start < 6


def test_missing_shards() -> None:
    names = ["a/train-00000-of-00003.parquet", "a/train-00002-of-00003.parquet", "a/test-00000-of-00001.parquet"]
    assert hub.missing_shards(names) == ["a/train-00001-of-00003.parquet"]


# --- models ---


def test_a_model_is_fetched_without_its_code_and_then_asked_for_no_more(fake: FakeHub) -> None:
    found = hub.fetch_model("some/model")
    assert sorted(path.name for path in found.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert (found / "model.safetensors").read_bytes() == MODEL["model.safetensors"]
    fake.requests.clear()
    assert hub.fetch_model("some/model") == found
    assert fake.requests == []


def test_a_model_of_sentence_transformers_comes_with_its_pooling(fake: FakeHub, world: dict[str, Repo]) -> None:
    more = {"modules.json": b"[]", "1_Pooling/config.json": b"{}", "1_Pooling/other.json": b"{}"}
    world["some/sentences"] = Repo({"main": {**MODEL, **more}})
    found = hub.fetch_model("some/sentences")
    assert (found / "config.json").is_file() and (found / "modules.json").is_file()
    assert [path.name for path in (found / "1_Pooling").iterdir()] == ["config.json"]


def test_a_model_with_pickled_weights_only_is_refused(fake: FakeHub) -> None:
    assert "safetensors" in str(refused(lambda: hub.fetch_model("some/pickle"), "not_found"))
    assert not [path for path in fake.paths() if path.endswith(".bin")]


def test_a_corrupt_model_is_never_used(fake: FakeHub, tmp_path: Path) -> None:
    fake.fail("model.safetensors", "corrupt")
    refused(lambda: hub.fetch_model("some/model"), "corrupt")
    assert not list((tmp_path / "hf").rglob("model.safetensors"))


def test_a_model_offline_is_refused_at_once(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused(lambda: hub.fetch_model("some/model"), "offline")
    assert fake.requests == []
