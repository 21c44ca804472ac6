"""The server: a line before each model, a guard before everything, the API, the page, the process.

What needs FastAPI is skipped where the extra is not installed; the page is tried in a browser where there is one.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from transformers import AutoModel, AutoModelForMaskedLM

from t2t import serve as package
from t2t.apply import predict_rows
from t2t.errors import DataError, UsageError
from t2t.serve import Door, check_door, serve
from t2t.serve import app as application
from t2t.serve.app import Api, app
from t2t.serve.guard import Guard
from t2t.serve.line import Busy, Line
from t2t.serve.served import MOST_NAMES, Served, known_task, load
from t2t.train import Watch, train
from tests.test_encoder import write_model as write_encoder
from tests.toy import config, known, write_model, write_tasks

EXTRA = all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn"))
needs_extra = pytest.mark.skipif(not EXTRA, reason='the extra is not installed: pip install "t2t[serve]"')
TOKEN = "0123456789abcdef"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


async def ask(
    app: Any,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Sequence[tuple[str, str]] = (("host", "localhost:8000"),),
    parts: Sequence[bytes] | None = None,
    pause: float = 0.0,
) -> Answer:
    """Send a request into an ASGI application: a body as JSON, or its parts with a pause before each."""
    data = parts if parts is not None else [b"" if body is None else json.dumps(body).encode()]
    path, _, query = path.partition("?")
    own = [("content-type", "application/json")] if parts is None else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in [*headers, *own]],
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": part, "more_body": i < len(data) - 1} for i, part in enumerate(data)]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return waiting.pop(0) if waiting else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    said = b"".join(message.get("body", b"") for message in sent[1:])
    given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], given, json.loads(said) if "json" in given["content-type"] else said.decode())


# -- the line ----------------------------------------------------------------------------------------------------------


class Desk:
    """What a line stands before: says texts in upper case, refuses "bad", and remembers its turns."""

    def __init__(self, **how: Any) -> None:
        self.turns: list[tuple[str, list[str]]] = []
        self.began, self.open = threading.Event(), threading.Event()
        self.open.set()
        self.line: Line[str, str, str] = Line(self.size, self.answer, **{"limit": 10, "budget": 10, **how})

    def size(self, key: str, asked: Sequence[str]) -> list[int]:
        if "nobody" in asked:
            raise DataError("cannot be counted")
        return [len(text) for text in asked]

    def answer(self, key: str, asked: Sequence[str]) -> list[str]:
        assert threading.current_thread().name.startswith("t2t-line")
        self.began.set()
        self.open.wait(60)
        self.turns.append((key, list(asked)))
        if "bad" in asked:
            raise DataError("bad was asked")
        return [text.upper() for text in asked]

    def run(self, work: Callable[[Line[str, str, str]], Awaitable[Any]]) -> Any:
        async def all_() -> Any:
            self.line.start()
            try:
                return await work(self.line)
            finally:
                self.open.set()
                await self.line.stop()

        return asyncio.run(asyncio.wait_for(all_(), 120))


async def at_once(line: Line[str, str, str], *asked: tuple[str, list[str]]) -> list[Any]:
    return await asyncio.gather(*(line.ask(key, texts) for key, texts in asked), return_exceptions=True)


def test_what_is_alike_is_answered_together_in_the_order_it_came() -> None:
    desk = Desk()
    said = desk.run(lambda line: at_once(line, ("a", ["x", "y"]), ("b", ["z"]), ("a", ["w"])))
    assert said == [["X", "Y"], ["Z"], ["W"]]
    assert desk.turns == [("a", ["x", "y", "w"]), ("b", ["z"])]


def test_a_turn_ends_at_its_budget_and_a_long_job_lets_others_pass() -> None:
    desk = Desk(budget=3)
    said = desk.run(lambda line: at_once(line, ("a", ["aa", "bb", "cc", "dd"]), ("b", ["z"])))
    assert said == [["AA", "BB", "CC", "DD"], ["Z"]]
    assert desk.turns == [("a", ["aa", "bb"]), ("b", ["z"]), ("a", ["cc", "dd"])]


def test_one_text_over_the_budget_is_answered_alone() -> None:
    desk = Desk(budget=3)
    assert desk.run(lambda line: at_once(line, ("a", ["long enough", "b"]))) == [["LONG ENOUGH", "B"]]
    assert desk.turns == [("a", ["long enough"]), ("a", ["b"])]


def test_each_job_bears_its_own_faults() -> None:
    desk = Desk()
    said = desk.run(lambda line: at_once(line, ("a", ["x"]), ("a", ["bad"]), ("a", ["nobody"]), ("a", ["y"])))
    assert said[0] == ["X"] and said[3] == ["Y"]
    assert [str(error) for error in said[1:3]] == ["bad was asked", "cannot be counted"]


def test_a_full_line_says_when_to_come_again() -> None:
    desk = Desk(limit=2)
    said = desk.run(lambda line: at_once(line, ("a", ["x"]), ("b", ["y"]), ("c", ["z"])))
    assert said[:2] == [["X"], ["Y"]]
    assert isinstance(said[2], Busy) and said[2].wait >= 1
    assert len(desk.line) == 0


def test_who_has_gone_is_answered_no_more() -> None:
    desk = Desk(budget=1)
    desk.open.clear()

    async def work(line: Line[str, str, str]) -> None:
        long = asyncio.create_task(line.ask("a", ["a", "b", "c"]))
        gone = asyncio.create_task(line.ask("b", ["never"]))
        await asyncio.to_thread(desk.began.wait)
        long.cancel()
        gone.cancel()
        desk.open.set()
        assert await line.ask("c", ["z"]) == ["Z"]

    desk.run(work)
    assert desk.turns == [("a", ["a"]), ("c", ["z"])]


# -- the guard ---------------------------------------------------------------------------------------------------------


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Say the body back."""
    body = (await receive())["body"]
    if body == b"fault":
        raise RuntimeError("a secret\nof the house")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def guarded(path: str = "/api/x", *, notices: list[str] | None = None, **how: Any) -> Answer:
    """Ask through a guard; ``guard_`` values are its own."""
    own = {name.removeprefix("guard_"): how.pop(name) for name in list(how) if name.startswith("guard_")}
    settings = {"hosts": {"localhost", "127.0.0.1", "::1"}, "addresses": False, "token": None, "most_bytes": 10,
                "seconds": 5.0, "notice": (notices if notices is not None else []).append}  # fmt: skip
    return asyncio.run(ask(Guard(plain, **{**settings, **own}), "POST", path, **how))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])
def test_it_answers_to_its_own_names(host: str) -> None:
    assert guarded(headers=[("host", host)]).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "evil.example:8000")],
        [("host", "localhost.evil.example")],
        [("host", "192.168.1.5:8000")],
        [("host", "")],
        [],
        [("host", "localhost"), ("host", "evil.example")],
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(headers: list[tuple[str, str]]) -> None:
    said = guarded(headers=headers)
    assert said.status == 403 and "name" in said.body["error"]


def test_an_open_door_answers_to_every_address_but_not_to_every_name() -> None:
    assert guarded(headers=[("host", "192.168.1.5:8000")], guard_addresses=True).status == 200
    assert guarded(headers=[("host", "evil.example")], guard_addresses=True).status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 200),
        ("http://evil.example", 403),
        ("http://localhost:9", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str, status: int) -> None:
    said = guarded(headers=[("host", "localhost:8000"), ("origin", origin)])
    assert said.status == status
    assert not [name for name in said.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"Basic {TOKEN}", 401), ("Bearer " + TOKEN[:-1], 401),
        ("Bearer \xe9", 401), ("Bearer", 401), (None, 401),
    ],
)  # fmt: skip
def test_a_token_guards_the_api_and_not_the_page(given: str | None, status: int) -> None:
    headers = [("host", "localhost"), *([("authorization", given)] if given else [])]
    said = guarded(headers=headers, guard_token=TOKEN)
    assert said.status == status
    assert status == 200 or said.headers["www-authenticate"] == "Bearer"
    assert guarded("/", headers=headers, guard_token=TOKEN).status == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    assert guarded(parts=[b"12345", b"67890"]).body == "1234567890"
    said = guarded(parts=[b"12345", b"67890", b"1"])
    assert (said.status, said.headers["connection"]) == (413, "close")
    for length in ("11", "9" * 30, "-1", "x"):
        said = guarded(headers=[("host", "localhost"), ("content-length", length)], parts=[b""])
        assert said.status == 413, length


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    assert guarded(parts=[b"1", b"2"], pause=0.2, guard_seconds=0.05).status == 408


def test_a_fault_inside_is_one_line_and_tells_nobody_what_it_was() -> None:
    notices: list[str] = []
    said = guarded(parts=[b"fault"], notices=notices)
    assert said.status == 500 and "secret" not in said.body["error"]
    assert len(notices) == 1 and "RuntimeError: a secret\\nof the house" in notices[0]


@pytest.mark.parametrize("parts", [[b"x"], [b"x" * 20], [b"fault"]])
def test_every_answer_has_the_headers(parts: list[bytes]) -> None:
    said = guarded(parts=parts)
    assert said.headers["x-content-type-options"] == "nosniff" and said.headers["cache-control"] == "no-store"
    assert said.headers["cross-origin-resource-policy"] == "same-origin"


# -- the door ----------------------------------------------------------------------------------------------------------


def test_only_a_token_opens_the_door_to_other_machines() -> None:
    assert check_door(Door()) and check_door(Door(host="localhost")) and check_door(Door(token=TOKEN))
    for host in ("0.0.0.0", "::", "", "192.0.2.1"):
        with pytest.raises(UsageError, match="--token"):
            check_door(Door(host=host))
        assert not check_door(Door(host=host, token=TOKEN))


@pytest.mark.parametrize(
    ("door", "said"),
    [
        (Door(token="short"), "16 characters"),
        (Door(token="ü" * 20), "ASCII"),
        (Door(queue=0), "--queue"),
        (Door(timeout=math.inf), "--timeout"),
        (Door(max_body=-1), "--max-body"),
        (Door(host="no such host"), "is no address"),
    ],
)
def test_doors_that_cannot_be(door: Door, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_door(door)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"t2t\[serve\]"):
        serve(["t2t-mini"], Door(), watch=Watch(), ready=print)


@needs_extra
def test_the_same_model_twice_and_a_port_that_is_taken() -> None:
    with pytest.raises(UsageError, match="twice"):
        serve(["t2t-mini", "t2t-mini"], Door(port=0), watch=Watch(), ready=print)
    with package._listen(Door(port=0)) as taken, pytest.raises(UsageError, match="cannot listen"):
        serve(["t2t-mini"], Door(port=taken.getsockname()[1]), watch=Watch(), ready=print)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_help_waits_for_neither_torch_nor_the_extra() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom t2t.cli import cli\n"
        "for words in (['--help'], ['serve', '--help']):\n"
        "    assert CliRunner().invoke(cli, words).exit_code == 0\n"
        "assert not {'torch', 'transformers', 'fastapi', 'uvicorn', 'starlette'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- what is asked and said --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with known(write_tasks(tmp_path_factory.mktemp("tasks"))) as tasks:
        yield tasks


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny", dropout=0.0)


@pytest.fixture(scope="module")
def served(model: Path, folder: Path) -> Served:
    return load(str(model), None, {"precision": "fp32", "max_target": 8})[0]


def made(*served: Any, **how: Any) -> Api:
    return Api(served, how.pop("own", set()), **{"queue": 8, "seconds": 60.0, "token": False, **how})


def talk(api: Api, *requests: tuple[Any, ...], path: str = "/api/predict") -> list[Answer]:
    """Send requests at once: a body each, or a path alone."""

    async def all_() -> list[Answer]:
        inside = app(api)
        async with api.life():
            return await asyncio.gather(
                *(ask(inside, "GET", r) if isinstance(r, str) else ask(inside, "POST", path, r) for r in requests)
            )

    return asyncio.run(all_())


ROWS = [{"text": "a b c"}, {"text": "b"}, {"text": "e f"}]


@needs_extra
def test_answers_are_those_of_the_command_line(served: Served, model: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for by in ("write", "rank", "constrained"):
        settings = {"precision": "fp32", "max_target": 8}
        source = str(tmp_path / "rows.jsonl")
        rows = list(predict_rows(str(model), "toy/vowel", source, by=by, settings=settings, watch=Watch()))
        (said,) = talk(made(served), {"task": "toy/vowel", "rows": ROWS, "by": by})
        assert said.status == 200 and (said.body["task"], said.body["prompt"]) == ("toy/vowel", "plain")
        for key in ("uid", "input", "text", "answer", "unparsed"):
            assert [one[key] for one in said.body["answers"]] == [row[key] for row in rows], (by, key)
        for one, row in zip(said.body["answers"], rows, strict=True):
            nats = row.get("choice_nats", [])
            assert [choice["nats"] for choice in one["choices"]] == pytest.approx(nats, abs=1e-4)
            odds = [math.exp(n) / sum(map(math.exp, nats)) for n in nats]
            assert [choice["probability"] for choice in one["choices"]] == pytest.approx(odds, abs=1e-4)


@needs_extra
def test_both_is_written_and_ranked(served: Served) -> None:
    written, both = talk(made(served), *({"task": "toy/vowel", "rows": ROWS, "by": by} for by in ("write", "both")))
    assert [one["text"] for one in both.body["answers"]] == [one["text"] for one in written.body["answers"]]
    assert all(len(one["choices"]) == 2 for one in both.body["answers"])
    (text,) = talk(made(served), {"task": "toy/copy", "rows": [{"text": "a"}], "by": "both"})
    assert text.body["by"] == "write" and text.body["answers"][0]["choices"] == []


@needs_extra
def test_a_row_is_shown_as_the_model_reads_it(served: Served) -> None:
    api, row = made(served), {"text": "a </s> b", "label": 1}
    (said,) = talk(api, {"task": "toy/vowel", "row": row}, path="/api/render")
    assert said.body["input"] == "vowel: a </s> b" and said.body["target"] == "yes"
    assert said.body["pieces"] == [{"text": "vowel: ", "column": None}, {"text": "a </s> b", "column": "text"}]
    (tokens,) = said.body["tokens"]
    assert tokens["ids"] == served.model.tokens.ids(["vowel: a </s> b"])[0].tolist()
    assert tokens["pieces"][-1] == "</s>" and tokens["ids"].count(1) == 1, "the text's own </s> is no end"
    (free,) = talk(api, {"text": "two\nlines"}, path="/api/render")
    assert free.body["input"] == "two\nlines" and free.body["task"] is None


@needs_extra
def test_texts_are_answered_as_they_are(served: Served) -> None:
    texts = ["one\nand the same", "", "<b>{text}</b> \u202e\u0000", "x" * 5000]
    (said,) = talk(made(served), {"texts": texts})
    assert said.status == 200 and [one["input"] for one in said.body["answers"]] == texts
    assert said.body["answers"][3]["tokens"] <= served.model.tokens.max_input
    assert [one["cut"] for one in said.body["answers"]] == [False, False, False, True], "S04: a cut input is said"


@needs_extra
def test_requests_that_are_alike_are_one_batch(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    write = type(served.model).write
    monkeypatch.setattr(type(served.model), "write", lambda self, egs: batches.append(len(egs)) or write(self, egs))
    bodies = [{"task": "toy/copy", "rows": [{"text": text}]} for text in ("a", "b c", "a")]
    said = talk(made(served), *bodies)
    assert [one.body["answers"][0]["input"] for one in said] == ["copy: a", "copy: b c", "copy: a"]
    assert sum(batches) == 3 and len(batches) < 3


@needs_extra
def test_nothing_of_a_request_stays_in_memory(served: Served) -> None:
    talk(made(served), {"task": "toy/copy", "rows": ROWS})
    assert len(served.model.tokens._memo) == 0


FAULTS = [
    ({}, "say what to answer"),
    ({"rows": ROWS, "texts": ["a"]}, "say what to answer"),
    ({"rows": ROWS}, "rows need a task"),
    ({"texts": ["a"], "task": "toy/copy"}, "texts are of no task"),
    ({"texts": ["a"], "by": "rank"}, "texts without a task are written"),
    ({"texts": []}, "expected 1 to 1,000, got 0"),
    ({"texts": ["a"] * 1001}, "got 1,001"),
    ({"texts": ["\ud800"]}, "texts[0]: holds half of a surrogate pair"),
    ({"texts": "a"}, "texts: "),
    ({"texts": ["a"], "by": "guessing"}, "by: expected write"),
    ({"texts": ["a"], "model": "other"}, 'model: "other" is not served. Served: '),
    ({"task": "toy/copi", "rows": ROWS}, 'Did you mean "toy/copy"?'),
    ({"task": "toy/copy:x", "rows": ROWS}, "parameters"),
    ({"task": "glue/rte", "rows": [{"sentence1": "a"}]}, 'rows.jsonl:1 field "sentence2": is missing'),
    ({"task": "toy/copy", "rows": [{"text": "a"}, {"text": 7}]}, 'rows.jsonl:2 field "text"'),
    ({"task": "toy/copy", "rows": [{"text": math.nan}]}, "NaN is not a JSON number"),
    ({"task": "toy/copy", "rows": [{"text": "\udfff"}]}, "surrogate"),
    ({"task": "toy/copy", "rows": ["a"]}, "rows.0: "),
    ({"task": "toy/copy", "rows": ROWS, "prompt": "plane"}, 'Did you mean "plain"?'),
    ({"task": "toy/copy", "rows": ROWS, "prompt": "all,plain"}, "has no prompt"),
    ({"texts": ["a"], "max_target": 1_000_000}, 'there is no field "max_target"'),
    ({"task": "toy/copy", "rowz": ROWS}, 'there is no field "rowz"'),
    ([], "expected a JSON object"),
]


@needs_extra
@pytest.mark.parametrize(("body", "said"), FAULTS, ids=[said[:24] for _, said in FAULTS])
def test_faults_are_one_line_as_on_the_command_line(served: Served, body: Any, said: str) -> None:
    (answer,) = talk(made(served), body)
    assert answer.status == 422
    assert said in answer.body["error"] and "\n" not in answer.body["error"]


@needs_extra
@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"texts": ["a"]', b"[" * 100_000, b"\xff\xfe", b'{"texts": [' + b"9" * 5000 + b"]}"]
)
def test_bodies_that_are_no_json(served: Served, data: bytes) -> None:
    async def one() -> Answer:
        api = made(served)
        async with api.life():
            headers = [("host", "localhost"), ("content-type", "application/json")]
            return await ask(app(api), "POST", "/api/predict", headers=headers, parts=[data])

    said = asyncio.run(one())
    assert said.status in (400, 422) and said.body["error"] and "\n" not in said.body["error"]


@needs_extra
def test_a_form_of_another_page_is_no_request(served: Served) -> None:
    async def one() -> Answer:
        api = made(served)
        async with api.life():
            headers = [("host", "localhost"), ("content-type", "text/plain")]
            return await ask(app(api), "POST", "/api/predict", headers=headers, parts=[b'{"texts": ["a"]}'])

    assert asyncio.run(one()).status == 422


def test_no_file_is_opened_that_no_run_names(folder: Path) -> None:
    file = str(folder / "toy" / "copy.yaml")
    for name in (file, f"{file}:x", "../toy/copy.yaml", "/etc/passwd", "toy/copy.yaml"):
        with pytest.raises(UsageError, match="there is no task"):
            known_task(name, set())
    assert known_task(file, {file}).name == "toy/copy"


def test_names_with_parameters_are_not_collected_without_end(folder: Path) -> None:
    own: set[str] = set()
    assert known_task("translation/pairs:de:en", own).name and own == {"translation/pairs:de:en"}
    own |= {f"translation/pairs:x{i}" for i in range(MOST_NAMES)}
    with pytest.raises(UsageError):
        known_task("translation/pairs:fr:en", own)
    with pytest.raises(UsageError, match=r'^task: "\.\./x" is not a value'):
        known_task("translation/pairs:../x:en", set())
    assert known_task("translation/pairs:de:en", own).name


@needs_extra
def test_tasks_are_listed_found_and_shown_with_rows(served: Served) -> None:
    every, one, found, none, long = talk(
        made(served), "/api/tasks", "/api/tasks?q=glue/rte", "/api/tasks?q=is+this+review+positive",
        "/api/tasks?q=zzzzqqqq", "/api/tasks?q=" + "a" * 201,
    )  # fmt: skip
    names = [task["name"] for task in every.body["tasks"]]
    assert {"toy/copy", "glue/rte"} <= set(names) and not [name for name in names if name.startswith("pretraining/")]
    (rte,) = one.body["tasks"]
    assert rte["prompts"][0]["columns"] == ["sentence1", "sentence2"] and rte["columns"]["sentence1"]["kind"] == "text"
    assert 1 <= len(rte["rows"]) <= application.SAMPLE_ROWS and isinstance(rte["rows"][0]["sentence1"], str)
    assert any("sst2" in task["name"] for task in found.body["tasks"])
    assert none.body["tasks"] == [] and long.status == 422


@needs_extra
def test_columns_have_the_tasks_names_whatever_they_are_called_in_the_data(served: Served) -> None:
    (task,) = talk(made(served), "/api/tasks?q=translation/pairs:de:en")[0].body["tasks"]
    assert task["columns"] and not any("." in name for name in task["columns"])
    row = dict.fromkeys(task["prompts"][0]["columns"], "Hallo.")
    (said,) = talk(made(served), {"task": "translation/pairs:de:en", "row": row}, path="/api/render")
    assert said.status == 200 and "Hallo." in said.body["input"]


@needs_extra
def test_health_models_and_the_description(served: Served) -> None:
    health, models, spec, nothing = talk(made(served), "/health", "/api/models", "/api/openapi.json", "/nothing")
    assert health.body["status"] == "ok" and health.body["queue"] == 8
    (about,) = models.body
    assert about["name"] == served.name and about["family"] == "seq2seq" and about["parameters"] > 1000
    assert about["ways"] == ["write", "rank", "constrained", "both"]
    assert {"/api/predict", "/api/render", "/api/tasks", "/api/models", "/health"} == set(spec.body["paths"])
    assert nothing.status == 404 and nothing.body == {"error": "Not Found"}


class Slow:
    """Stands where a model does: answers when it is told to, with the texts that it is given to say."""

    name = "slow"

    def __init__(self, *texts: str) -> None:
        self.open, self.says = threading.Event(), texts or ("answered",)

    def about(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "family": "seq2seq",
            "parameters": 0,
            "ways": ["write", "rank", "both"],
            "trained": {},
        }

    def choices(self) -> list[dict[str, Any]]:
        return [{"text": text, "nats": -float(i), "probability": 0.5} for i, text in enumerate(self.says)]

    def rows(self, name: str, prompt: Any, rows: Sequence[Any], by: str) -> Any:
        from t2t.serve.served import Asked

        return Asked(name, "plain", by), list(rows)

    def texts(self, texts: Sequence[str], by: str) -> Any:
        return self.rows("", None, texts, by)

    def sizes(self, asked: Any, egs: Sequence[Any]) -> list[int]:
        return [1] * len(egs)

    def answers(self, asked: Any, egs: Sequence[Any]) -> list[dict[str, Any]]:
        assert self.open.wait(120)
        if self.says[0] == "fault":
            raise RuntimeError("a secret of the house")
        text = self.says[0]
        if asked.by == "tokens":
            pieces = [{"text": "copy: ", "column": None}, {"text": text, "column": "text"}]
            return [{"uid": "u", "input": text, "pieces": pieces, "target": "", "choices": [],
                     "tokens": [{"ids": [5], "pieces": [text]}]}]  # fmt: skip
        one = {"uid": "u", "input": text, "text": text, "answer": None, "unparsed": True, "choices": self.choices(),
               "tokens": 1}  # fmt: skip
        return [one for _ in egs]


BODY = {"task": "toy/copy", "rows": [{"text": "a"}]}


@needs_extra
def test_a_full_queue_says_when_to_come_again(folder: Path) -> None:
    slow = Slow()

    async def all_() -> list[Answer]:
        api = made(slow, queue=2)
        async with api.life():
            asked = [asyncio.create_task(ask(app(api), "POST", "/api/predict", BODY)) for _ in range(4)]
            while sum(one.done() for one in asked) < 2:
                await asyncio.sleep(0.01)
            slow.open.set()
            return await asyncio.gather(*asked)

    said = asyncio.run(all_())
    assert sorted(one.status for one in said) == [200, 200, 503, 503]
    for one in said:
        if one.status == 503:
            assert int(one.headers["retry-after"]) >= 1 and "2 requests wait" in one.body["error"]


@needs_extra
def test_after_a_late_answer_the_next_request_is_answered(folder: Path) -> None:
    slow = Slow()

    async def both() -> tuple[Answer, Answer]:
        api = made(slow, seconds=0.3)
        async with api.life():
            late = await ask(app(api), "POST", "/api/predict", BODY)
            slow.open.set()
            api.seconds = 60.0
            return late, await ask(app(api), "POST", "/api/predict", BODY)

    late, next_ = asyncio.run(both())
    assert (late.status, next_.status) == (504, 200) and "no answer after 0.3 s" in late.body["error"]


@needs_extra
def test_a_fault_of_the_model_is_one_line_and_the_server_goes_on(folder: Path) -> None:
    slow, notices = Slow("fault"), list[str]()
    slow.open.set()

    async def one() -> list[Answer]:
        api = made(slow)
        outside = Guard(app(api), {"localhost"}, False, None, 10_000, 5.0, notices.append)
        async with api.life():
            faulty = await ask(outside, "POST", "/api/predict", BODY)
            slow.says = ("well",)
            return [faulty, await ask(outside, "POST", "/api/predict", BODY)]

    faulty, well = asyncio.run(one())
    assert (faulty.status, well.status) == (500, 200) and "secret" not in faulty.body["error"]
    assert len(notices) == 1 and "a secret of the house" in notices[0]


@needs_extra
def test_a_run_answers_under_the_prompt_that_it_learned(tmp_path: Path) -> None:
    """A baseline, which does not write: it ranks, and reads words."""
    tasks = write_tasks(tmp_path / "tasks")
    file = tasks / "toy" / "vowel.yaml"
    other = "  other:\n    input: 'other {text}'\n    target: '{label|choice}'\n    choices: [no, yes]\n"
    file.write_text(file.read_text().replace("metrics:", f"{other}metrics:").replace("[no, yes]", '["no", "yes"]'))
    with known(tasks):
        train(config(tmp_path / "run", task=("toy/vowel",), model="baseline:tfidf", prompt="other"))
        run = load(str(tmp_path / "run"), None, {})[0]
        (said,) = talk(made(run), {"task": "toy/vowel", "rows": ROWS, "by": "write"})
        assert (said.body["prompt"], said.body["by"]) == ("other", "rank")
        for one in said.body["answers"]:
            assert one["text"] == max(one["choices"], key=lambda choice: choice["nats"])["text"]
        (seen,) = talk(made(run), {"task": "toy/vowel", "row": ROWS[0]}, path="/api/render")
        assert seen.body["tokens"] == [{"ids": [], "pieces": ["other", "a", "b", "c"]}]
        refused, free = talk(made(run), {"task": "toy/copy", "rows": ROWS}, {"texts": ["a"]})
        assert refused.status == free.status == 422 and "not texts as they are" in free.body["error"]


@needs_extra
@pytest.mark.parametrize(("family", "body"), [("encoder", AutoModel), ("cloze", AutoModelForMaskedLM)])
def test_other_families_show_what_they_read(tmp_path: Path, folder: Path, family: str, body: Any) -> None:
    model = write_encoder(tmp_path / "model", auto=body)
    train(config(tmp_path / "run", task=("glue/sst2",), model=str(model), family=family, source="sample", steps=1,
                 train_limit=20, eval_limit=4))  # fmt: skip
    run = load(str(tmp_path / "run"), None, {})[0]
    row = {"sentence": "a fine film"}
    (said,) = talk(made(run), {"task": "glue/sst2", "rows": [row], "by": "both"})
    assert said.status == 200 and said.body["by"] == "rank"
    (one,) = said.body["answers"]
    assert sum(choice["probability"] for choice in one["choices"]) == pytest.approx(1)
    (seen,) = talk(made(run), {"task": "glue/sst2", "row": row}, path="/api/render")
    assert seen.body["tokens"] and sum(len(row["ids"]) for row in seen.body["tokens"]) == one["tokens"]
    rows = [row, {"sentence": "a fine film " * 2000}]
    (said,) = talk(made(run), {"task": "glue/sst2", "rows": rows})
    assert [one["cut"] for one in said.body["answers"]] == [False, True] and not one["cut"] and not seen.body["cut"]


# -- the page ----------------------------------------------------------------------------------------------------------


@needs_extra
def test_the_page_asks_nobody_else_and_runs_nothing_else(served: Served) -> None:
    one, other = talk(made(served), "/", "/")
    policy, page = one.headers["content-security-policy"], one.body
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce and nonce[1] not in other.body and policy.startswith("default-src 'none'")
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "form-action 'none'" in policy
    assert page.count("<script") == page.count("<style") == 1 and page.count(f'nonce="{nonce[1]}"') == 2
    assert not re.search(r"https?://|\bsrc=|@import|url\(", page)
    assert not re.search(r"\son\w+=|\sstyle=|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)
    labelled = set(re.findall(r'<label[^>]* for="(\w+)"', page))
    assert set(re.findall(r'<(?:input|select|textarea) id="(\w+)"', page)) == labelled
    assert 'aria-live="polite"' in page


# -- the process -------------------------------------------------------------------------------------------------------


class Process:
    """`t2t serve` as a user starts it."""

    def __init__(self, *words: str, **environment: str) -> None:
        command = [sys.executable, "-m", "t2t.cli", "serve", *words, "--port", "0"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.running = subprocess.Popen(command, env={**os.environ, **environment}, **pipes)
        assert self.running.stdout
        self.address = self.running.stdout.readline().strip()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.kill()
        self.running.communicate()

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(self.address + path, data, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)


@needs_extra
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_what_was_asked_is_answered(model: Path, folder: Path, number: signal.Signals) -> None:
    with Process(str(model), "--precision", "fp32") as server, ThreadPoolExecutor() as pool:
        assert server.address.startswith("http://127.0.0.1:")
        assert server.ask("/api/models")[0]["name"] == str(model)
        asked = pool.submit(server.ask, "/api/predict", {"texts": ["a b c " * 60] * 40})
        while not server.ask("/health")["waiting"]:
            assert not asked.done(), "it was answered before it could be seen to wait"
        server.running.send_signal(number)
        assert len(asked.result()["answers"]) == 40
        _, said = server.running.communicate(timeout=120)
        assert server.running.returncode == 128 + number
        assert f"stopped by {number.name}" in said and "Traceback" not in said


@needs_extra
def test_the_token_may_stand_in_the_environment(model: Path) -> None:
    with Process(str(model), T2T_CLI_SERVE_TOKEN=TOKEN) as server:
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            server.ask("/api/models")
        refused.value.close()
        assert server.ask("/api/models", authorization=f"Bearer {TOKEN}")


# -- in a browser ------------------------------------------------------------------------------------------------------

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202e{{7*7}}'


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of headless Chromium; every error of its console fails the test."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_api.sync_playwright() as playwright:
        if not binary and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium is installed")
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        errors: list[str] = []
        page = browser.new_page()
        page.set_default_timeout(180_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.errors = errors
        yield page
        browser.close()


class Serving:
    """An application that is served by a thread."""

    def __init__(self, api: Api, token: str | None = None) -> None:
        import uvicorn

        from t2t.serve.patience import patient

        outside = Guard(app(api), {"127.0.0.1"}, False, token, 10_000, 5.0, print)
        self.socket = package._listen(Door(port=0))
        config = uvicorn.Config(outside, http=patient(), log_config=None, lifespan="on", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"

    def __enter__(self) -> Serving:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()


@needs_extra
def test_a_head_that_only_drips_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2t.serve.patience.SECONDS", 0.5)
    with Serving(made(Slow())) as server:
        place = server.socket.getsockname()
        silent, dripping, again = (socket.create_connection(place, timeout=60) for _ in range(3))
        dripping.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: a")
        again.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert again.recv(1 << 16).startswith(b"HTTP/1.1 200")
        again.sendall(b"GET /health HTTP/1.1\r\nX-")
        for one in (silent, dripping, again):
            while one.recv(1 << 16):  # what is left of an answer; then it is closed
                pass
            one.close()


@needs_extra
def test_no_more_connections_are_held_open_than_may_be(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("t2t.serve.patience.MOST", 3)
    with Serving(made(Slow())) as server:
        place = server.socket.getsockname()
        held = [socket.create_connection(place, timeout=60) for _ in range(3)]
        with socket.create_connection(place, timeout=60) as late:
            said = b"".join(iter(lambda: late.recv(1 << 16), b""))
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503") and b"retry-after" in head
        assert f"content-length: {len(body)}".encode() in head and "too many" in json.loads(body)["error"]
        held[1].sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")  # is still served
        assert b"".join(iter(lambda: held[1].recv(1 << 16), b"")).startswith(b"HTTP/1.1 200")
        with urllib.request.urlopen(server.address + "health", timeout=60) as answer:  # its place is free again
            assert json.load(answer)["status"] == "ok"
        for one in held:
            one.close()


@needs_extra
def test_a_crowd_that_says_nothing_keeps_nobody_out(folder: Path) -> None:
    with Serving(made(Slow())) as server:
        crowd = [socket.create_connection(server.socket.getsockname(), timeout=60) for _ in range(200)]
        with urllib.request.urlopen(server.address + "health", timeout=60) as answer:
            assert json.load(answer)["status"] == "ok"
        for one in crowd:
            one.close()


@needs_extra
def test_what_a_model_writes_is_text_in_the_page(page: Any, folder: Path) -> None:
    slow = Slow(HOSTILE, "second")
    slow.open.set()
    with Serving(made(slow)) as server:
        page.goto(server.address)
        page.select_option("#task", "toy/copy")
        page.fill("textarea[name=text]", HOSTILE)
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#go:not([disabled])")
        shown = page.inner_text("#said .answer")
        assert "<img src=x" in shown and "U+202E" in shown and "\u202e" not in shown and "{{7*7}}" in shown
        assert "unparsed" in page.inner_text("#said")
        assert page.inner_text("#said .choices li:nth-child(2)").startswith("second")
        page.click("#said summary")
        page.wait_for_selector(".tokens li")
        assert "U+202E" in page.inner_text(".tokens")
        assert page.inner_text("#said mark").startswith("<img")
        assert page.locator("#said img, #said script").count() == 0
        assert page.evaluate("() => window.hacked") is None
        assert page.errors == []


@needs_extra
def test_the_page_fits_a_phone_and_says_what_is_wrong(page: Any, served: Served) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    with Serving(made(served)) as server:
        page.goto(server.address)
        page.select_option("#task", "glue/rte")
        page.wait_for_selector("textarea[name=sentence1]")
        page.click("#go")
        page.wait_for_selector("#said .warn")
        assert "is missing" in page.inner_text("#said .warn")
        page.click("#sample")
        page.click("#go")
        page.wait_for_selector("#said .answer")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
        page.check("input[value=texts]")
        page.fill("#texts", "one\n\ntwo")
        page.click("#go")
        page.wait_for_selector("#said .line")
        assert page.locator("#said .answer").count() == 2
        assert page.errors == []


@needs_extra
def test_the_page_asks_for_the_token_and_keeps_it_for_the_session(page: Any, folder: Path) -> None:
    slow = Slow()
    with Serving(made(slow, token=True), TOKEN) as server:
        page.goto(server.address)
        assert not page.is_visible("#main")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#refused:not([hidden])")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector("#main")
        assert page.evaluate("() => sessionStorage.getItem('t2t-token')") == TOKEN
        assert page.evaluate("() => localStorage.length + document.cookie.length") == 0
        page.reload()
        page.wait_for_selector("#main")
        assert page.errors == []
