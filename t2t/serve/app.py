"""The playground's page and its API, as an application of FastAPI.

Floor 7. FastAPI is an extra: it is imported when the application is made. Bodies are plain records, which it checks.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from t2t.apply import asked_columns
from t2t.errors import DataError, T2TError, UsageError, did_you_mean, visible
from t2t.lookup import find
from t2t.serve.line import Busy, Line
from t2t.serve.served import WAYS, Asked, Served, known_task
from t2t.sources import open_rows
from t2t.tasks import task, tasks
from t2t.types import Task
from t2t.version import VERSION

__all__ = ["Api", "Predict", "Render", "app"]

SAMPLE_ROWS = 5  # that /api/tasks shows of a task
LONGEST_QUERY = 200  # characters


@dataclass
class Render:
    """A row of a task, or a text, to be put into words and tokens."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    task: str | None = None
    prompt: str | None = None
    row: dict[str, Any] | None = None
    text: str | None = None
    model: str | None = None


@dataclass
class Predict:
    """Rows of a task, or texts, to be answered."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    task: str | None = None
    prompt: str | None = None
    rows: list[dict[str, Any]] | None = None
    texts: list[str] | None = None
    by: str = "write"
    model: str | None = None


class Api:
    """What is asked for by path. ``own`` are the tasks that runs name; ``seconds`` is the time of a request."""

    def __init__(self, served: Sequence[Served], own: set[str], *, queue: int, seconds: float, token: bool) -> None:
        self.served = {one.name: one for one in served}
        self.own, self.queue, self.seconds, self.token = own, queue, seconds, token
        self.lines: dict[str, Line[Asked, Any, dict[str, Any]]] = {}

    @contextlib.asynccontextmanager
    async def life(self, _: Any = None) -> AsyncIterator[None]:
        """Have a line before each model while the application lives."""
        self.lines = {name: Line(one.sizes, one.answers, limit=self.queue) for name, one in self.served.items()}
        for line in self.lines.values():
            line.start()
        try:
            yield
        finally:
            for line in self.lines.values():
                await line.stop()

    async def health(self) -> dict[str, Any]:
        """Say that the server answers, and how many requests wait."""
        return {"status": "ok", "t2t": VERSION, "waiting": sum(map(len, self.lines.values())), "queue": self.queue}

    async def models(self) -> list[dict[str, Any]]:
        """Return what is served; the first is asked where a request names none."""
        return [one.about() for one in self.served.values()]

    async def tasks(self, q: str = "") -> dict[str, Any]:
        """Return every task; with ``q`` the one of that name with rows of its sample, or those that words describe."""
        return await asyncio.to_thread(self._tasks, q.strip())

    def _tasks(self, query: str) -> dict[str, Any]:
        if len(query) > LONGEST_QUERY:
            raise UsageError(f"expected at most {LONGEST_QUERY} characters, got {len(query)}", where="q")
        bare = query.partition(":")[0]
        if query in self.own or bare in tasks():
            found = known_task(query, self.own)
            return {"tasks": [{**_about(found), "rows": _sample(found)}], "notes": []}
        if query:
            hits = find(query, 20)
            return {"tasks": _shown(hit.task for hit in hits.hits), "notes": list(hits.notes)}
        return {"tasks": _shown([*tasks(), *sorted(self.own - set(tasks()))]), "notes": []}

    async def render(self, body: Render) -> dict[str, Any]:
        """Return a row, or a text, as the model reads it: words, ids and pieces."""
        rows, texts = [body.row] if body.row is not None else None, [body.text] if body.text is not None else None
        said = await self._ask(Predict(body.task, body.prompt, rows, texts, "tokens", body.model))
        (read,) = said.pop("answers")
        del said["by"]
        return {**said, **read}

    async def predict(self, body: Predict) -> dict[str, Any]:
        """Answer rows of a task, or texts."""
        if body.by not in WAYS:
            raise UsageError(f'expected {", ".join(WAYS)}, got "{visible(body.by)}"', where="by")
        return await self._ask(body)

    async def _ask(self, body: Predict) -> dict[str, Any]:
        began = time.monotonic()
        async with asyncio.timeout(self.seconds):
            served = self._model(body.model)
            asked, egs = await asyncio.to_thread(self._asked, served, body)
            answers = await self.lines[served.name].ask(asked, egs)
        prompt = task(asked.task).prompts[asked.prompt] if asked.task else None
        return {
            "model": served.name,
            "task": asked.task or None,
            "prompt": prompt.name if prompt else None,
            "hash": prompt.hash if prompt else None,
            "by": asked.by,
            "seconds": round(time.monotonic() - began, 3),
            "answers": answers,
        }

    def _model(self, name: str | None) -> Served:
        if name is None:
            return next(iter(self.served.values()))
        if name not in self.served:
            raise UsageError(f'"{visible(name)}" is not served', where="model",
                             fix=f"Served: {', '.join(self.served)}.{did_you_mean(name, self.served)}")  # fmt: skip
        return self.served[name]

    def _asked(self, served: Served, body: Predict) -> tuple[Asked, Any]:
        if (body.rows is None) == (body.texts is None):
            raise UsageError("say what to answer: rows of a task, or texts")
        if body.texts is not None:
            if body.task or body.prompt:
                raise UsageError("texts are of no task", fix="Give rows, or leave task and prompt out.")
            return served.texts(body.texts, body.by)
        if not body.task:
            raise UsageError("rows need a task", fix="See /api/tasks.")
        known_task(body.task, self.own)
        return served.rows(body.task, body.prompt, body.rows or [], body.by)


def _shown(names: Any) -> list[dict[str, Any]]:
    """Return tasks that can be asked: one with an objective has no answers."""
    return [_about(one) for one in map(task, names) if not one.objective]


def _about(one: Task) -> dict[str, Any]:
    """Return what a page needs to know of a task."""
    return {
        "name": one.name,
        "title": one.title,
        "about": one.about,
        "answer": one.answer,
        "words": one.words,
        "columns": {name: {"kind": column.kind, "names": column.names} for name, column in one.columns.items()},
        "prompts": [
            {
                "name": prompt.name,
                "hash": prompt.hash,
                "text": prompt.input or prompt.cloze,
                "target": prompt.target,
                "choices": prompt.choices,
                "columns": asked_columns(one, prompt),
                "source": prompt.source,
            }
            for prompt in one.prompts.values()
        ],
    }


def _sample(one: Task) -> list[dict[str, Any]]:
    """Return the first rows of a task's bundled sample; none where it has none."""
    for split in ("validation", "train", "test"):
        with contextlib.suppress(T2TError):
            rows = open_rows(one, split, "sample", offline=True)
            return [dict(rows[i]) for i in range(min(len(rows), SAMPLE_ROWS))]
    return []


def _malformed(fault: Mapping[str, Any]) -> str:
    """Return what is wrong with a body, from pydantic's words for it."""
    where = ".".join(str(part) for part in fault["loc"][1:])
    if fault["type"] == "json_invalid":
        return f"the body is not JSON: {fault['ctx']['error']} (character {where})"
    if not where:
        return "the body: expected a JSON object, sent as Content-Type: application/json"
    if fault["type"] == "unexpected_keyword_argument":
        return f'there is no field "{where}". See /api/openapi.json.'
    return f"{where}: {fault['msg']}"


def app(api: Api) -> Any:
    """Return the application: the page at /, /health, and the API with its description at /api/openapi.json."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import HTMLResponse, JSONResponse
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from starlette.exceptions import HTTPException

    page = Environment(loader=PackageLoader("t2t.serve", "."), autoescape=True, undefined=StrictUndefined).get_template(
        "page.html.jinja"
    )

    async def playground() -> Any:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        text = page.render(nonce=nonce, version=VERSION, token=api.token)
        return HTMLResponse(text, headers={"content-security-policy": policy})

    def say(status: int, said: str, code: str = "", **headers: str) -> Any:
        body = {"error": " ".join(said.split()), **({"code": code} if code else {})}
        return JSONResponse(body, status, headers=headers)

    async def fault(_: Any, error: Exception) -> Any:
        if isinstance(error, Busy):
            return say(503, str(error), **{"retry-after": str(error.wait)})
        if isinstance(error, (UsageError, DataError)):
            return say(422, str(error), error.code)
        return say(500, str(error), getattr(error, "code", ""))

    async def late(_: Any, __: Exception) -> Any:
        return say(504, f"no answer after {api.seconds:g} s. Ask for less at once, or raise --timeout.")

    async def internal(_: Any, __: Exception) -> Any:
        return say(500, "internal: the server's own fault, see what it printed")  # the guard prints it

    async def malformed(_: Any, error: Any) -> Any:
        return say(422, visible(_malformed(error.errors()[0]), 500))

    async def other(_: Any, error: Any) -> Any:
        return say(error.status_code, visible(error.detail, 500))

    made = FastAPI(
        title="t2t serve", version=VERSION, lifespan=api.life, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json",
    )  # fmt: skip
    made.add_api_route("/", playground, methods=["GET"], include_in_schema=False)
    for path, answer, method in (
        ("/health", api.health, "GET"),
        ("/api/models", api.models, "GET"),
        ("/api/tasks", api.tasks, "GET"),
        ("/api/render", api.render, "POST"),
        ("/api/predict", api.predict, "POST"),
    ):
        made.add_api_route(path, answer, methods=[method])
    handlers: tuple[tuple[type[Exception], Any], ...] = (
        (T2TError, fault), (TimeoutError, late), (RequestValidationError, malformed), (HTTPException, other),
        (Exception, internal),
    )  # fmt: skip
    for kind, handler in handlers:
        made.add_exception_handler(kind, handler)
    return made
