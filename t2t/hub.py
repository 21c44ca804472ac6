"""Data sets as the Hugging Face hub keeps them: what a repository holds, its cache on disk, and bounded downloads.

Floor 2, below ``sources``. Nothing here waits longer than the constants say. ``huggingface_hub`` brings the HTTP client
(proxies, certificates), the token and the cache's layout, which other tools share; its own downloads are not used,
because they retry a silent server for minutes, give up on one 503 and keep a corrupt body of the right size. Every
file is checked against the checksum in the hub's listing before it is put in place.

>>> layout(["rte/train-00000-of-00001.parquet", "rte/test-00000-of-00001.parquet"])["rte"]["train"]
('rte/train-00000-of-00001.parquet',)
>>> card = "---\\nconfigs:\\n- config_name: a\\n  data_files:\\n  - {split: train, path: x/tr*}\\n---"
>>> layout(["x/train.parquet", "x/test.parquet"], card)
{'a': {'train': ('x/train.parquet',)}}
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import functools
import io
import ipaddress
import json
import os
import queue
import re
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from t2t import files
from t2t.errors import DiskError, HubError, UsageError, visible

__all__ = [
    "CONVERTED",
    "Entry",
    "Listing",
    "OFFLINE_FIX",
    "Progress",
    "cached",
    "declares",
    "discard",
    "download",
    "endpoint",
    "fetch_model",
    "folder",
    "forget",
    "known_digest",
    "layout",
    "listing",
    "missing_shards",
    "offline",
    "reachable",
    "safe",
]

# The limits, in seconds unless said otherwise.
PROBE_SECONDS = 3.0  # the one probe of a process, name lookup included
READ_SECONDS = 10.0  # connecting, and every wait for more bytes
LISTING_SECONDS = 30.0  # one listing, all tries and pauses included
FILE_SECONDS = 60.0  # one file, all tries and pauses included, and on top of it ...
SLOWEST = 50_000  # ... its size over this many bytes a second
PAUSE_SECONDS = 1.0  # the first pause; doubled for every further try
TRIES = 4
REDIRECTS = 5
PAGES = 50  # of a listing, 1,000 files each
LISTING_BYTES = 64_000_000

CONVERTED = "refs/convert/parquet"  # where the hub keeps parquet made from other formats and from scripts
MODEL_FILES = (".safetensors", ".json", ".txt", ".model")
POOLING = "1_Pooling/config.json"  # of a sentence-transformers directory: the one file of a folder within that is read
RETRIED = (408, 429, 500, 502, 503, 504)

Progress = Callable[[str, int, int], None]  # file, bytes there, bytes in all
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A file of a repository. ``digest`` is its sha256 (64 digits) or git blob id (40); ``size`` in bytes."""

    size: int
    digest: str


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository at one commit; ``kind`` is datasets or models."""

    repo: str
    revision: str
    commit: str
    entries: Mapping[str, Entry]
    kind: str = "datasets"


# --- what a repository holds ----------------------------------------------------------------------------------------


def layout(names: Sequence[str], card: str | None = None) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return config → split → parquet files, from the file names of a repository and its README.

    The README's ``configs:`` decide; a split declared there without files is kept, empty. Without them the usual
    layouts do: ``{config}/{split}-*.parquet``, ``{config}/{split}/*.parquet``, ``data/{split}-*.parquet`` and
    ``{split}-*.parquet`` (the last two are the config ``default``).
    """
    parquet = sorted(name for name in names if name.endswith(".parquet"))
    declared = {str(c["config_name"]): c for c in _configs(card or "")}
    if not declared:
        return _usual(parquet)
    held = {}
    for config, entry in declared.items():
        if entry.get("data_files") is None:
            top = str(entry["data_dir"]).strip("./") + "/" if entry.get("data_dir") else ""
            inner = _usual([name.removeprefix(top) for name in parquet if name.startswith(top)])
            splits = inner.get("default" if top else config, {})
            held[config] = {split: tuple(top + name for name in kept) for split, kept in splits.items()}
        else:
            patterns = _patterns(entry["data_files"]).items()
            held[config] = {split: tuple(n for n in parquet if any(_glob(n, p) for p in ps)) for split, ps in patterns}
    return held


def declares(card: str) -> bool:
    """Tell whether a README lists the data set's configs with their files."""
    return any(config.get("data_files") is not None for config in _configs(card))


def _configs(card: str) -> list[dict[str, Any]]:
    """Return the ``configs`` of a README's YAML front matter; none where there is none that can be read."""
    front = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)^---", card, re.DOTALL | re.MULTILINE)
    if not front:
        return []
    import yaml

    try:
        loaded = yaml.safe_load(front.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    listed = loaded.get("configs") if isinstance(loaded, dict) else None
    return [{"config_name": "default", **c} for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []


def _patterns(data_files: Any) -> dict[str, list[str]]:
    """Return split → patterns from any form of ``data_files``; a bare pattern is the training split."""
    if isinstance(data_files, dict):
        data_files = [{"split": split, "path": path} for split, path in data_files.items()]
    found: dict[str, list[str]] = {}
    for item in data_files if isinstance(data_files, list) else [data_files]:
        split, path = (str(item.get("split", "train")), item.get("path")) if isinstance(item, dict) else ("train", item)
        paths = path if isinstance(path, list) else [path]
        found.setdefault(split, []).extend(p.removeprefix("./") for p in paths if isinstance(p, str))
    return found


def _glob(name: str, pattern: str) -> bool:
    """Tell whether a relative name matches a pattern, in which ``*`` stays within a folder and ``**`` does not."""

    @functools.cache
    def match(i: int, j: int) -> bool:
        if j == len(wanted):
            return i == len(parts)
        if wanted[j] == "**":
            return match(i, j + 1) or (i < len(parts) and match(i + 1, j))
        return i < len(parts) and fnmatch.fnmatchcase(parts[i], wanted[j]) and match(i + 1, j + 1)

    parts, wanted = name.split("/"), pattern.split("/")
    return name == pattern or (len(wanted) <= 32 and match(0, 0))


def _usual(parquet: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return config → split → files for a repository without ``configs``."""
    held: dict[str, dict[str, list[str]]] = {}
    for name in parquet:
        parts = name.split("/")
        stem = parts[-1].removesuffix(".parquet").split("-")[0]
        if len(parts) == 1:
            config, split = "default", stem
        elif len(parts) == 2:
            config, split = ("default" if parts[0] == "data" else parts[0]), stem
        elif len(parts) == 3:
            config, split = parts[0], parts[1]
        else:
            continue
        held.setdefault(config, {}).setdefault(split, []).append(name)
    return {config: {split: tuple(kept) for split, kept in splits.items()} for config, splits in held.items()}


def missing_shards(names: Sequence[str]) -> list[str]:
    """Return the files that ``…-00000-of-00003.parquet`` says there must be and that are not among ``names``.

    >>> missing_shards(["a/train-00000-of-00002.parquet"])
    ['a/train-00001-of-00002.parquet']
    """
    missing = []
    for stem, total in {(m[1], m[2]) for m in map(re.compile(r"(.*-)\d{5}-of-(\d{5})\.parquet").fullmatch, names) if m}:
        wanted = (f"{stem}{i:05}-of-{total}.parquet" for i in range(int(total)))
        missing += [name for name in wanted if name not in set(names)]
    return sorted(missing)


# --- where the hub and its cache are --------------------------------------------------------------------------------


def endpoint() -> str:
    """Return the hub's address (``HF_ENDPOINT``). Raise ``UsageError`` unless it is http or https."""
    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    scheme, host, _ = _origin(address)
    if scheme not in ("http", "https") or not host:
        raise UsageError("HF_ENDPOINT is not an http or https address", fix="For example https://huggingface.co.")
    return address.rstrip("/")


def offline() -> str:
    """Return why the network is not to be used: the variable that says so, or the empty string."""
    for name in ("T2T_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE"):
            return f"{name} is set"
    return ""


def _cache() -> Path:
    """Return the Hugging Face hub cache, from the same variables as ``huggingface_hub`` (without importing it)."""
    env = os.environ
    home = env.get("HF_HOME") or os.path.join(env.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    named = env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expandvars(os.path.expanduser(named)))


def folder(repo: str, kind: str = "datasets") -> Path:
    """Return a repository's folder in the cache. Raise ``UsageError`` for an id that is none."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9_][\w.-]{0,95})?", repo) or ".." in repo:
        raise UsageError(f'"{visible(repo)}" is not a hub id', fix="It has the form OWNER/NAME, as nyu-mll/glue.")
    return _cache() / f"{kind}--{repo.replace('/', '--')}"


def safe(name: str) -> bool:
    """Tell whether a name from outside stays within its folder, on every system."""
    return not re.search(r"[\\:\x00-\x1f]", name) and all(part not in ("", ".", "..") for part in name.split("/"))


def cached(repo: str, revision: str | None, kind: str = "datasets") -> Path | None:
    """Return the snapshot folder of a revision in the cache, or None; its name is the commit."""
    top, wanted = folder(repo, kind), revision or "main"
    if not safe(wanted):
        return None
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named = (top / "refs" / wanted).read_text().strip()
        wanted = named if re.fullmatch(r"[0-9A-Za-z]{1,64}", named) else wanted
    found = top / "snapshots" / wanted
    return found if "/" not in wanted and found.is_dir() else None


def known_digest(path: Path) -> str:
    """Return the checksum that the cache keeps a snapshot's file under (the name of its blob), or the empty string."""
    blob = path.resolve()
    in_blobs = blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob.name)
    return blob.name if in_blobs else ""


def discard(path: Path) -> None:
    """Remove a damaged file of a snapshot from the cache, its blob as well."""
    blob = path.resolve() if known_digest(path) else path
    for each in (path, blob):
        with contextlib.suppress(OSError):
            each.unlink()


# --- requests -------------------------------------------------------------------------------------------------------


class _Again(Exception):
    """A fault that may pass: worth another try, after ``pause`` seconds where the hub says so."""

    def __init__(self, reason: str, *, pause: float | None = None, kind: str = "unavailable") -> None:
        super().__init__(reason)
        self.pause, self.kind = pause, kind


class _Silent(_Again):
    """The socket's own limit ran out: what ``_within`` calls ``TimeoutError``, whichever of the two clocks is first."""

    def __init__(self) -> None:
        super().__init__("no answer in time")


_reached: dict[str, str] = {}
_listed: dict[tuple[str, str, str, str], Listing] = {}


def forget() -> None:
    """Forget the probe and the listings of this process."""
    _reached.clear()
    _listed.clear()


def reachable() -> str:
    """Return why the hub cannot be reached, or the empty string; asked once a process, for ``PROBE_SECONDS``."""
    import huggingface_hub  # noqa: F401  (loading it must not use up the probe's seconds)

    address = endpoint()
    if address not in _reached:

        def probe() -> None:
            with _request("HEAD", address + "/", time.monotonic() + PROBE_SECONDS, token=False):
                pass

        try:
            _within(PROBE_SECONDS, probe)
            _reached[address] = ""
        except (TimeoutError, _Silent):
            _reached[address] = f"{_shown(address)} did not answer within {PROBE_SECONDS:g} s"
        except _Again as error:
            _reached[address] = f"{_shown(address)} cannot be reached ({error})"
        except HubError:
            _reached[address] = ""  # it answers, if not kindly
    return _reached[address]


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, or raise ``TimeoutError`` after so many seconds.

    In a thread of its own: name lookup and a dripping header are bounded by no timeout of a socket.
    """
    box: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put((True, work()))
        except BaseException as error:
            box.put((False, error))

    threading.Thread(target=run, daemon=True, name="t2t-hub").start()
    try:
        done, value = box.get(timeout=max(seconds, 0.01))
    except queue.Empty:
        raise TimeoutError from None
    if not done:
        raise value
    return value  # type: ignore[no-any-return]


def _tried(url: str, seconds: float, attempt: Callable[[float], T]) -> T:
    """Call ``attempt(deadline)`` until it succeeds; at most ``TRIES`` times and ``seconds`` in all."""
    deadline = time.monotonic() + seconds
    where, tries = _shown(url), 0

    def loop() -> T:
        nonlocal tries
        while True:
            tries += 1
            try:
                return attempt(deadline)
            except _Again as error:
                pause = PAUSE_SECONDS * 2 ** (tries - 1) if error.pause is None else error.pause
                late = time.monotonic() + pause >= deadline
                if tries >= (2 if error.kind == "corrupt" else TRIES) or late:
                    wait = f"; it asks to wait {pause:.0f} s" if error.pause is not None else ""
                    raise HubError(
                        f"{error}{wait} (tries: {tries})",
                        kind=error.kind,
                        where=where,
                        fix=_FIX[error.kind],
                        code=_CODE[error.kind],
                    ) from None
            time.sleep(pause)

    try:
        return _within(seconds, loop)
    except TimeoutError:
        message = f"no complete answer within {seconds:g} s (tries: {tries})"
        raise HubError(message, kind="unavailable", where=where, fix=_FIX["unavailable"], code="H01") from None


_CODE = {"offline": "H04", "unavailable": "H01", "corrupt": "H02"}
OFFLINE_FIX = "Give --source sample or a directory, or fetch the data where there is a network (t2t fetch)."
_FIX = {
    "unavailable": "Try again later, or give --source sample or a directory.",
    "corrupt": "Nothing of it was kept. Try again later; a proxy or login page in between may be the cause.",
    "offline": OFFLINE_FIX,
}


@contextlib.contextmanager
def _request(
    method: str, url: str, deadline: float, headers: Mapping[str, str] | None = None, *, token: bool = True
) -> Iterator[Any]:
    """Open a streamed request, following redirects that are safe; the token goes to the endpoint alone."""
    import httpx2
    from huggingface_hub import get_session, get_token

    asked, secret = url, get_token() if token else None
    try:
        for _ in range(REDIRECTS + 1):
            sent = {"user-agent": "t2t", "accept-encoding": "identity", **(headers or {})}
            if secret and _origin(url) == _origin(endpoint()):
                sent["authorization"] = f"Bearer {secret}"
            limit = max(min(READ_SECONDS, deadline - time.monotonic()), 0.01)
            with get_session().stream(method, url, headers=sent, timeout=limit, follow_redirects=False) as response:
                if response.status_code not in (301, 302, 303, 307, 308):
                    _raise_for(response, asked)
                    yield response
                    return
                url = _redirected(url, response.headers.get("location", ""), asked)
        raise HubError(
            f"more than {REDIRECTS} redirects", kind="unavailable", where=_shown(asked), fix="Check HF_ENDPOINT."
        )
    except httpx2.TimeoutException:
        raise _Silent from None
    except httpx2.TransportError as error:
        raise _Again(f"the connection failed ({visible(type(error).__name__)})") from None
    except ConnectionError:  # huggingface_hub was loaded with HF_HUB_OFFLINE and refuses
        raise HubError(
            "offline mode is on", kind="offline", where=_shown(asked), fix=_FIX["offline"], code="H04"
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise HubError(f"the answer cannot be used ({type(error).__name__})", kind="unavailable", where=_shown(asked),
                       fix="Check HF_ENDPOINT.") from None  # fmt: skip


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address."""
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # no number for a port, a bracket left open
        return "", None, None


def _shown(url: str) -> str:
    """Return an address for a message: without user, password and query, which may hold secrets."""
    scheme, host, port = _origin(url)
    if not scheme:
        return "an address that is none"
    shown = "" if port in (None, 80, 443) else f":{port}"
    return visible(urllib.parse.unquote(f"{scheme}://{host or ''}{shown}{urllib.parse.urlsplit(url).path}"))


def _joined(url: str, reference: str) -> str:
    """Return the address that a reference in an answer means; the empty string for one that is none."""
    try:
        return urllib.parse.urljoin(url, reference)
    except ValueError:
        return ""


def _redirected(url: str, location: str, asked: str) -> str:
    """Return the address a redirect leads to. Refuse other schemes, a fall back to http, and inner addresses."""
    target = _joined(url, location)
    scheme, host, _ = _origin(target)
    inner = host == "localhost"
    with contextlib.suppress(ValueError):
        inner = not ipaddress.ip_address(host or "").is_global
    refused = scheme not in ("http", "https") or (scheme == "http" and url.startswith("https:"))
    if not location or not host or refused or (inner and host != _origin(endpoint())[1]):
        raise HubError(f"a redirect to {_shown(target)} was refused", kind="unavailable", where=_shown(asked),
                       fix="Check HF_ENDPOINT and the network's proxy.", code="H03")  # fmt: skip
    return target


def _raise_for(response: Any, url: str) -> None:
    """Raise for an answer that is none: ``_Again`` where another try may help, else ``HubError``."""
    status, code = response.status_code, response.headers.get("x-error-code", "")
    if status in (200, 206):
        return
    where = _shown(url)
    if status in RETRIED:
        after = response.headers.get("retry-after", "")
        raise _Again(f"the hub answered {status}", pause=float(after) if re.fullmatch(r"[0-9]{1,6}", after) else None)
    if code == "GatedRepo" or status == 403 or (status == 401 and code != "RepoNotFound"):
        raise HubError(f"the data set is gated or private ({status})", kind="gated", where=where,
                       fix="Ask for access on its page and log in (hf auth login, or HF_TOKEN).")  # fmt: skip
    if status in (401, 404, 410):
        what = {"RevisionNotFound": "revision", "EntryNotFound": "file"}.get(code, "data set")
        login = "" if what != "data set" else " If it is private, log in (hf auth login)."
        raise HubError(
            f"there is no such {what} ({status})", kind="not_found", where=where, fix=f"Check the name.{login}"
        )
    raise HubError(f"the hub answered {status}", kind="unavailable", where=where, fix=_FIX["unavailable"], code="H01")


# --- listing and downloading ----------------------------------------------------------------------------------------


def _json(url: str) -> tuple[Any, str]:
    """Return a JSON answer and the address of the next page, where there is one."""

    def attempt(deadline: float) -> tuple[bytes, str]:
        body = bytearray()
        with _request("GET", url, deadline) as response:
            for block in response.iter_raw():
                body += block
                if len(body) > LISTING_BYTES or time.monotonic() > deadline:
                    raise HubError("the answer does not end", kind="unavailable", where=_shown(url),
                                   fix=_FIX["unavailable"], code="H01")  # fmt: skip
            return bytes(body), response.headers.get("link", "")

    body, link = _tried(url, LISTING_SECONDS, attempt)
    further = re.search(r'<([^<>]+)>;\s*rel="next"', link)
    try:
        return json.loads(body), _joined(url, further.group(1)) if further else ""
    except (ValueError, RecursionError):
        raise HubError("the answer is no JSON: a login page in between?", kind="unavailable",
                       where=_shown(url), fix="Check HF_ENDPOINT and the proxy.", code="H02") from None  # fmt: skip


def listing(repo: str, revision: str | None, kind: str = "datasets") -> Listing:
    """Return the files of a repository at a revision (``main`` by default); asked once. Raise ``HubError``."""
    folder(repo)
    wanted = revision or "main"
    key = (endpoint(), kind, repo, wanted)
    if key not in _listed:
        api = f"{endpoint()}/api/{kind}/{repo}"
        about, _ = _json(f"{api}/revision/{urllib.parse.quote(wanted, safe='')}")
        commit = about.get("sha") if isinstance(about, dict) else None
        if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise HubError(
                "the answer names no commit: not a hub", kind="unavailable", where=_shown(api), fix="Check HF_ENDPOINT."
            )
        entries: dict[str, Entry] = {}
        url = f"{api}/tree/{commit}?recursive=true&expand=false"
        for _ in range(PAGES):
            page, url = _json(url)
            entries.update(_entries(page))
            if not url or _origin(url) != _origin(endpoint()):
                break
        _listed[key] = Listing(repo, wanted, commit, entries, kind)
    return _listed[key]


def _entries(page: Any) -> Iterator[tuple[str, Entry]]:
    """Yield the files of one page of a listing; those without a checksum or with an unsafe name are dropped."""
    for item in page if isinstance(page, list) else ():
        if not isinstance(item, dict) or item.get("type") != "file":
            continue
        lfs: dict[str, Any] = item["lfs"] if isinstance(item.get("lfs"), dict) else {}
        name, size, digest = item.get("path"), item.get("size"), lfs.get("oid") or item.get("oid")
        known = isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest)
        if isinstance(name, str) and safe(name) and isinstance(size, int) and size >= 0 and known:
            yield name, Entry(size, str(digest))


def download(listed: Listing, name: str, progress: Progress | None = None) -> Path:
    """Return a file of the listing in the Hugging Face cache, downloading it if it is not there whole.

    Raise ``HubError``; ``DiskError`` where it cannot be written. It is put in place only when its checksum is right.
    """
    entry, top = listed.entries[name], folder(listed.repo, listed.kind)
    link, blob = top / "snapshots" / listed.commit / name, top / "blobs" / entry.digest
    try:
        for path in (link, blob):
            if path.is_file() and not _whole(path, entry):
                discard(path)
        if not link.is_file():
            blob.parent.mkdir(parents=True, exist_ok=True)
            if not blob.is_file():
                _fetch(listed, name, blob, progress)
            _place(blob, link)
        _write_ref(top, listed)
    except OSError as error:
        raise DiskError(
            f"cannot be written: {error.strerror or error}", where=str(link), fix="Make room, or set HF_HOME."
        ) from None
    return link


def fetch_model(repo: str, progress: Progress | None = None) -> Path:
    """Return the folder of a model in the Hugging Face cache, downloading config, tokenizer and safetensors if need be.

    No request is made if it is there. Code and pickled weights are never downloaded. Raise ``HubError``.
    """
    found = cached(repo, None, "models")
    if found and (found / "config.json").is_file() and any(found.glob("*.safetensors")):
        return found
    why = offline() or reachable()
    if why:
        raise HubError(f"the model {repo} is not in the cache and {why}", kind="offline",
                       fix="Give a model directory, or t2t-mini.", code="H04")  # fmt: skip
    listed = listing(repo, None, "models")
    wanted = [name for name in listed.entries if ("/" not in name and name.endswith(MODEL_FILES)) or name == POOLING]
    if "config.json" not in wanted or not any(name.endswith(".safetensors") for name in wanted):
        raise HubError("it has no config.json with safetensors", kind="not_found", where=repo,
                       fix="Use another model; pickled weights are never read.")  # fmt: skip
    return {name: download(listed, name, progress) for name in wanted}["config.json"].parent


def _whole(path: Path, entry: Entry) -> bool:
    """Tell whether a file on disk is the one listed."""
    with path.open("rb") as handle:
        return path.stat().st_size == entry.size and files.matches(handle, entry.digest)


def _fetch(listed: Listing, name: str, blob: Path, progress: Progress | None) -> None:
    """Download one file beside its blob, check it, and rename it into place."""
    quoted = urllib.parse.quote(name)
    start = f"{endpoint()}/datasets" if listed.kind == "datasets" else endpoint()
    url = f"{start}/{listed.repo}/resolve/{listed.commit}/{quoted}"
    entry = listed.entries[name]
    number, kept = tempfile.mkstemp(dir=blob.parent, prefix=blob.name[:16], suffix=".incomplete")
    try:
        with os.fdopen(number, "w+b") as handle:
            _tried(url, FILE_SECONDS + entry.size / SLOWEST, lambda end: _body(url, handle, name, entry, end, progress))
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(kept, blob)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(kept)


def _body(
    url: str, handle: io.BufferedIOBase, name: str, entry: Entry, deadline: float, progress: Progress | None
) -> None:
    """Read the rest of a file into ``handle`` and check the whole; where a try broke off, the next goes on."""
    size = handle.seek(0, os.SEEK_END)
    with _request("GET", url, deadline, {"range": f"bytes={size}-"} if size else {}) as response:
        if size and not response.headers.get("content-range", "").startswith(f"bytes {size}-"):
            size = handle.seek(0)
            handle.truncate()
        page = response.headers.get("content-type", "").startswith("text/html")
        for block in response.iter_raw():
            size += handle.write(block)
            if time.monotonic() > deadline:
                raise _Again(f"too slow: {size:,} of {entry.size:,} bytes came")
            if size > entry.size:
                break
            if progress:
                progress(name, size, entry.size)
    handle.flush()
    if size < entry.size and not page:
        raise _Again(f"broke off after {size:,} of {entry.size:,} bytes")
    if size != entry.size or not files.matches(handle, entry.digest):
        handle.seek(0)
        handle.truncate()
        what = "an HTML page came instead of the file" if page else "the bytes that came are not those of its checksum"
        raise _Again(what, kind="corrupt")


def _place(blob: Path, link: Path) -> None:
    """Put a blob into a snapshot: as a link, or where the system has none by moving it there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        link.unlink()  # a link to a blob that is gone
    try:
        link.symlink_to(os.path.relpath(blob, link.parent))
    except FileExistsError:  # another process was faster
        return
    except OSError:
        os.replace(blob, link)


def _write_ref(top: Path, listed: Listing) -> None:
    """Note which commit a branch is at, as ``huggingface_hub`` does."""
    ref = top / "refs" / listed.revision
    if listed.revision != listed.commit and safe(listed.revision):
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(listed.commit)
