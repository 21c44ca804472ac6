"""Where rows come from: a local directory, the Hugging Face cache, the hub, the bundled sample, or a user's own file.

Floor 2, above ``files`` (reads one file) and ``hub`` (cache and network). ``open_rows`` finds the files of one split of
a task, checks them and says in ``Origin`` which place they came from. ``--source auto`` tries, in this order: the
task's own ``files``, the directory ``T2T_HUB``, the cache, the hub, the sample. The first place that has the data set
decides: a split that it lacks is a ``SplitMissing``, never quietly a split from somewhere else.

>>> parse_source("train=a.jsonl,validation=b.csv")
('files', {'train': 'a.jsonl', 'validation': 'b.csv'})
>>> parse_source("sample")
('sample', {})
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from t2t import files, hub, paths
from t2t.errors import DataError, DiskError, HubError, UsageError, did_you_mean, visible
from t2t.types import Task

__all__ = [
    "Origin",
    "Rows",
    "SplitMissing",
    "declared",
    "fetch",
    "kinds",
    "open_rows",
    "parse_source",
    "places",
    "split_files",
    "splits",
    "verify",
]

MANIFEST = "manifest.json"


class SplitMissing(DataError):
    """The data set is there, but not this split. ``splits`` are those there are, in our names (exit 3)."""

    def __init__(self, message: str, *, splits: Sequence[str], where: str = "", fix: str = "") -> None:
        super().__init__(message, where=where, fix=fix, code="D04")
        self.splits = tuple(splits)


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from. ``kind`` is dir, cache, hub, sample or file; ``files`` are (name, sha256).

    ``where`` is a directory, an id and commit, or a file; ``passed`` says why earlier places were not taken.
    """

    kind: str
    where: str
    revision: str | None
    files: tuple[tuple[str, str], ...]
    passed: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The sha256 over the names and digests of the files: the same wherever the same files were found."""
        return hashlib.sha256(json.dumps(sorted(self.files)).encode()).hexdigest()

    def notice(self) -> str:
        """Return one line that says where the rows came from; loud for the sample."""
        if self.kind != "sample":
            kind = {"dir": "directory", "cache": "Hugging Face cache", "hub": "Hugging Face hub"}.get(
                self.kind, self.kind
            )
            return f"data from the {kind}: {self.where}"
        said = f"SAMPLE DATA: {self.where} is the small bundled sample; its scores say nothing about the data set."
        return said + self.why

    @property
    def why(self) -> str:
        """Why earlier places were not taken, as a sentence."""
        return f" Not taken: {'; '.join(self.passed)}." if self.passed else ""


class Rows(Sequence[dict[str, Any]]):
    """The checked rows of one split, from one or more files; each a dict of exactly the task's columns.

    ``places`` maps each column to its place in the files. ``class_names`` maps a class column to the names that the
    parquet files state for it.
    """

    def __init__(self, split: str, origin: Origin, parts: Sequence[files.Part], places: Mapping[str, str]) -> None:
        self.split, self.origin, self._parts, self._places = split, origin, tuple(parts), dict(places)
        self._ends = list(itertools.accumulate(len(part) for part in parts))
        stated = parts[0].class_names if parts else {}
        self.class_names = {column: stated[place] for column, place in places.items() if place in stated}
        for part in parts:
            if part.class_names != stated:
                raise DataError("the classes differ from those of the split's first file", where=part.name,
                                fix="The files are of two versions: get them again.", code="D16")  # fmt: skip
        if not len(self):
            raise DataError(f'the split "{split}" has no rows', where=origin.where, fix="Give other data.", code="D04")

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def _find(self, index: int) -> tuple[files.Part, int]:
        """Return the file that holds a row, and the row's index in it."""
        index = range(len(self))[index]
        at = bisect.bisect_right(self._ends, index)
        return self._parts[at], index - (self._ends[at] - len(self._parts[at]))

    def __getitem__(self, index: Any) -> Any:
        part, at = self._find(index)
        return self._named(part[at])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._named, itertools.chain.from_iterable(self._parts))

    def _named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of a file under the task's names."""
        return {column: row[place] for column, place in self._places.items()}

    def column(self, name: str) -> Iterator[Any]:
        """Return the values of one column, in order."""
        return itertools.chain.from_iterable(part.column(self._places[name]) for part in self._parts)

    def where(self, index: int) -> str:
        """Return the place of a row: ``train.jsonl:17`` or ``train-00000-of-00001.parquet row 17 (1-based)``."""
        part, at = self._find(index)
        return part.where(at)


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """A data set found somewhere: the files of its whole splits (in its own names), and how to get at one."""

    kind: str
    where: str
    revision: str | None
    config: str
    splits: Mapping[str, tuple[str, ...]]
    path: Callable[[str], Path]
    digest: Callable[[str], str] = lambda name: ""
    own: bool = False  # the splits bear our names already
    passed: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """What a message calls the place: the sample's folder has the name of a task."""
        return "the bundled sample" if self.kind == "sample" else self.where


# --- finding --------------------------------------------------------------------------------------------------------


def parse_source(source: str) -> tuple[str, dict[str, str]]:
    """Return what a ``--source`` asks for: (auto | hub | sample | dir | files, splits and files).

    One file for any split has the split ``*``; a directory stands under it, too. Raise ``UsageError``.
    """
    if source in ("auto", "hub", "sample"):
        return source, {}
    if os.path.isdir(source):
        return "dir", {"*": source}
    if os.path.isfile(source):
        return "files", {"*": source}
    pairs = [pair.split("=", 1) for pair in source.split(",")]
    if all(len(pair) == 2 and re.fullmatch(r"\w[\w.-]*", pair[0]) and pair[1] for pair in pairs):
        if len({split for split, _ in pairs}) != len(pairs):
            raise UsageError(
                f'"{visible(source)}" names a split twice', where="--source", fix="Give each split one file."
            )
        return "files", dict(pairs)
    raise UsageError(
        f'"{visible(source)}" is no source and no such file or directory is there.'
        f"{did_you_mean(source, ('auto', 'hub', 'sample'))}",
        where="--source",
        fix="Use auto, hub, sample, a directory laid out like the hub, a file, or SPLIT=FILE,SPLIT=FILE.",
    )


def _locate(task: Task, source: str, split: str | None, off: bool, progress: hub.Progress | None = None) -> _Place:
    """Return the place that ``source`` asks for, in the order of ``auto``. ``split`` is wanted, in our name."""
    kind, given = parse_source(source)
    if kind == "files" or (kind == "auto" and task.source.files):
        return _own_files(given or task.source.files)
    if kind == "auto":
        return _auto(task, split, off, progress)
    if kind == "hub":
        cached, pins, _ = _cached(task, split)
        return cached if isinstance(cached, _Place) else _on_hub(task, pins, off, progress)
    found = _directory(task, Path(given["*"])) if kind == "dir" else _sample(task)
    if isinstance(found, str):
        raise DataError(found, where=task.name, fix="Give another --source; auto takes the first place that has it.")
    return found


def _auto(task: Task, split: str | None, off: bool, progress: hub.Progress | None) -> _Place:
    """Try the local directory, the cache, the hub and the sample."""
    passed: list[str] = []
    found: _Place | str
    if not task.source.hub:
        passed.append("the task names no data set on the hub")
    else:
        top = os.environ.get("T2T_HUB", "")
        found = _directory(task, Path(top)) if top else "T2T_HUB is not set"
        if isinstance(found, _Place):
            return found
        passed.append(found)
        found, pins, held = _cached(task, split)
        if isinstance(found, _Place):
            return found
        passed.append(found)
        try:
            return _on_hub(task, pins, off, progress)
        except HubError as error:
            # A hub that fails half-way, or half a data set in the cache, is no reason to go on with other data.
            if held or not task.source.sample or error.kind in ("unavailable", "corrupt"):
                message = "; ".join([error.message, *passed])
                raise HubError(message, kind=error.kind, where=error.where, fix=error.fix, code=error.code) from None
            passed.append(str(error).rstrip("."))
    found = _sample(task)
    if isinstance(found, _Place):
        return dataclasses.replace(found, passed=tuple(passed))
    raise DataError(f"no place has its data: {'; '.join([*passed, found])}", where=task.name,
                    fix="Give --source DIRECTORY or FILE, or connect to the hub.")  # fmt: skip


def _theirs(task: Task, split: str) -> str | None:
    """Return what the data set calls our ``split``; None where the task says it has none."""
    return task.source.splits.get(split) if task.source.splits else split


def _ours(task: Task, place: _Place) -> list[str]:
    """Return the splits of a place in our names."""
    if place.own or not task.source.splits:
        return list(place.splits)
    return [ours for ours, theirs in task.source.splits.items() if theirs in place.splits]


def _config(task: Task, held: Mapping[str, Mapping[str, tuple[str, ...]]]) -> str | None:
    """Return the name of the task's config among those held: the first named, the only one, or ``default``."""
    wanted = task.source.config or ((next(iter(held)) if len(held) == 1 else "default"),)
    return next((name for name in wanted if name in held), None)


def _no_config(task: Task, held: Collection[str]) -> str:
    """Say that a data set has no such config."""
    listed = ", ".join(list(held)[:12]) or "none with parquet files"
    names = task.source.config or ("default",)
    said = " or ".join(f'"{name}"' for name in names)
    return f"{task.source.hub} has no config {said} (it has: {listed}){did_you_mean(names[0], held).rstrip('?')}"


def _own_files(given: Mapping[str, str]) -> _Place:
    """Return a user's own files as a place; one file under ``*`` serves any split."""
    held = {split: (path,) for split, path in given.items()}
    for (path,) in held.values():
        if not os.path.isfile(path):
            raise DataError("there is no such file", where=path, fix="Check the path.", code="D05")
    return _Place("file", ", ".join(path for (path,) in held.values()), None, "", held, Path, own=True)


def _directory(task: Task, top: Path) -> _Place | str:
    """Look into a directory laid out like the hub; return why it cannot be used where it lacks data set or config."""
    if not top.is_dir():
        raise UsageError("there is no such directory", where=str(top), fix="Correct T2T_HUB or --source.")
    if not task.source.hub:
        return "the task names no data set on the hub"
    hub.folder(task.source.hub)  # refuses an id that leaves the directory
    root = top / task.source.hub
    if not root.is_dir():
        return f"{top} has no {task.source.hub}"
    held = hub.layout(_names(root), _card(root))
    config = _config(task, held)
    if config is None:
        return f"{root}: {_no_config(task, held)}"
    manifest, prefix = _manifest(top), f"{task.source.hub}/"
    digests = {name.removeprefix(prefix): entry for name, entry in manifest.items() if name.startswith(prefix)}
    kept = {split: names for split, names in held[config].items() if names}
    revision = next((entry["revision"] for entry in digests.values() if entry["revision"]), None)
    return _Place(
        "dir", str(root), revision, config, kept, _under(root), lambda name: digests.get(name, _NONE)["sha256"]
    )


_NONE: Mapping[str, Any] = {"sha256": ""}


def _under(root: Path) -> Callable[[str], Path]:
    """Return the function from a file's name to its path under ``root``."""
    return lambda name: root / name


def _known(root: Path) -> Callable[[str], str]:
    """Return the function from a file's name to the checksum that the cache keeps it under."""
    return lambda name: hub.known_digest(root / name)


def _names(root: Path) -> list[str]:
    """Return the files under a folder by relative name, hidden ones left out."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith(".") and "/." not in name)


def _card(root: Path) -> str | None:
    """Return a data set's README, where it has one."""
    try:
        return (root / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _repo(task: Task) -> str:
    """Return the id of the task's data set."""
    if not task.source.hub:
        raise DataError("the task names no data set on the hub", where=task.name, fix="Give another --source.")
    return task.source.hub


def _revisions(task: Task) -> list[str]:
    """Return the revisions to look at: the task's own, and where the hub keeps parquet made from other formats."""
    return list(dict.fromkeys([task.source.revision or "main", hub.CONVERTED]))


def _cached(task: Task, split: str | None) -> tuple[_Place | str, dict[str, str], bool]:
    """Look into the Hugging Face cache, without a request.

    Return the place, or why it is not taken; the commits there, to stay with; and whether part of the config is there.
    """
    repo = _repo(task)
    wanted = None if split is None else _theirs(task, split)
    pins: dict[str, str] = {}
    for revision in _revisions(task):
        root = hub.cached(repo, revision)
        if root is None:
            continue
        pins[revision] = root.name
        card = None if revision == hub.CONVERTED else _card(root)
        held = hub.layout(_names(root), card)
        config = _config(task, held)
        whole = [s for s, names in held.get(config or "", {}).items() if names and not hub.missing_shards(names)]
        if config is None or not whole:
            continue
        # Without a README only the hub knows that a split does not exist; it may just not have been loaded yet.
        absent = wanted is None or (wanted not in held[config] and hub.declares(card or ""))
        if wanted in whole or absent:
            there = dict(held[config])
            return (
                _Place("cache", f"{repo}@{root.name}", root.name, config, there, _under(root), _known(root)),
                pins,
                True,
            )
        return f"the Hugging Face cache holds only {', '.join(whole)} of {repo}", pins, True
    return f"{repo} is not in the Hugging Face cache", pins, False


def _on_hub(task: Task, pins: Mapping[str, str], off: bool, progress: hub.Progress | None) -> _Place:
    """Ask the hub, staying with the commits that the cache already holds. Raise ``HubError``."""
    repo, others, scripts = _repo(task), [], False
    why = hub.offline() or ("offline was asked for" if off else hub.reachable())
    if why:
        raise HubError(f"{repo} is not (or not whole) in the cache, and {why}", kind="offline", where=task.name,
                       fix=hub.OFFLINE_FIX, code="H04")  # fmt: skip
    for revision in _revisions(task):
        try:
            listed = hub.listing(repo, pins.get(revision, revision))
        except HubError as error:
            if revision == hub.CONVERTED != task.source.revision and error.kind == "not_found":
                break
            raise
        held = hub.layout(list(listed.entries), None if revision == hub.CONVERTED else _hub_card(listed))
        config = _config(task, held)
        whole = {split: names for split, names in held.get(config or "", {}).items() if names}
        if config is not None and whole:
            return _hub_place(listed, config, whole, progress)
        others += [config for config, kept in held.items() if any(kept.values())]
        scripts = scripts or any(name.endswith(".py") and "/" not in name for name in listed.entries)
    if others:
        raise DataError(_no_config(task, others), where=task.name, fix="Correct the task's source: config.", code="D16")
    reason = "is a script, which is never run" if scripts else "holds no parquet files"
    raise HubError(f"{repo} {reason}, and the hub has not converted it to parquet", kind="script", where=task.name,
                   fix="Name a parquet copy of it in the task's source: hub, or give a file.")  # fmt: skip


def _hub_place(
    listed: hub.Listing, config: str, held: Mapping[str, tuple[str, ...]], progress: hub.Progress | None
) -> _Place:
    """Return a listing on the hub as a place, whose files are downloaded when asked for."""

    def path(name: str) -> Path:
        return hub.download(listed, name, progress)

    def digest(name: str) -> str:
        return listed.entries[name].digest

    return _Place("hub", f"{listed.repo}@{listed.commit}", listed.commit, config, held, path, digest)


def _hub_card(listed: hub.Listing) -> str | None:
    """Return the README of a repository on the hub."""
    entry = listed.entries.get("README.md")
    if entry is None or entry.size > 10_000_000:
        return None
    return hub.download(listed, "README.md").read_text(encoding="utf-8", errors="replace")


def _sample(task: Task) -> _Place | str:
    """Return the bundled sample as a place, or why there is none."""
    if not task.source.sample:
        return "it has no bundled sample"
    top = paths.sample_folder().resolve()
    for sample in task.source.sample:
        root = (top / sample).resolve()
        held = {path.stem: (f"{sample}/{path.name}",) for path in sorted(root.glob("*.jsonl"))}
        if held and root.is_relative_to(top):
            return _Place("sample", sample, None, "", held, lambda name: top / name)
    return f"the bundled sample {visible(' or '.join(task.source.sample))} is not there"


# --- opening --------------------------------------------------------------------------------------------------------


def splits(task: Task, source: str = "auto", *, offline: bool = False) -> list[str]:
    """Return the splits of the place that ``source`` asks for, in our names; ``*`` is a file that serves any."""
    return _ours(task, _locate(task, source, None, offline))


def declared(task: Task, source: str = "auto") -> list[str]:
    """Return the splits that there should be, without a look: those of a user's own files, else the task's own.

    ``*`` is one file that serves any; there are none where nothing is said.
    """
    kind, given = parse_source(source)
    own = given if kind == "files" else task.source.files if kind == "auto" else {}
    return list(own or task.source.splits)


def open_rows(
    task: Task,
    split: str,
    source: str = "auto",
    *,
    offline: bool = False,
    optional: Collection[str] = (),
    progress: hub.Progress | None = None,
) -> Rows:
    """Return the checked rows of one split.

    ``source``: auto, hub (its cache included), sample, a directory laid out like the hub, a file, or
    ``split=file,split=file``. ``offline`` allows no request. The columns in ``optional`` (a hidden label) may be
    missing or null: None. ``progress(file, bytes, bytes in all)`` is called during downloads, in another thread.

    Raise ``SplitMissing`` where the data set is there without this split, ``DataError`` (3), ``HubError`` (8),
    ``DiskError`` (5), ``UsageError`` (2).
    """
    place = _locate(task, source, split, offline, progress)
    parts = [_read(place, name, kinds(task, optional)) for name in _chosen(task, place, split)]
    digests = tuple((os.path.basename(part.name) if place.own else part.name, part.sha256) for part in parts)
    where = ", ".join(part.name for part in parts) if place.own else place.where
    origin = Origin(place.kind, where, place.revision, digests, place.passed)
    return Rows(split, origin, parts, places(task))


def split_files(
    task: Task, split: str, source: str = "auto", *, offline: bool = False, progress: hub.Progress | None = None
) -> tuple[Origin, tuple[Path, ...]]:
    """Return where one split is and its files on disk, unread and unchecked, for what reads them as a stream.

    The arguments and the errors are those of ``open_rows``; the origin has no digests.
    """
    place = _locate(task, source, split, offline, progress)
    names = _chosen(task, place, split)
    origin = Origin(place.kind, place.where, place.revision, tuple((name, "") for name in names), place.passed)
    return origin, tuple(place.path(name) for name in names)


def places(task: Task) -> dict[str, str]:
    """Return the place in the data of each column of ``task``."""
    return {name: column.origin or name for name, column in task.columns.items()}


def kinds(task: Task, optional: Collection[str] = ()) -> dict[str, str]:
    """Return the kind at each place of the data that a column of ``task`` is read from; ``kind?`` if it may miss."""
    where = places(task)
    return {where[name]: f"{c.kind}?" if name in optional else c.kind for name, c in task.columns.items()}


def _chosen(task: Task, place: _Place, split: str) -> tuple[str, ...]:
    """Return the files of one of our splits. Raise ``SplitMissing``, or ``DataError`` where a file of it is missing."""
    theirs = split if place.own else _theirs(task, split) or ""
    names = place.splits.get(theirs) or (place.splits.get("*", ()) if place.own else ())
    if not names:
        there = _ours(task, place)
        raise SplitMissing(
            f'{place.called} has no split "{visible(split)}": it has {", ".join(there) or "none of its splits"}.'
            f"{did_you_mean(split, there)}",
            splits=there,
            where=task.name,
            fix="Ask for one of those, or give another --source." if there else "Give another --source.",
        )
    for missing in hub.missing_shards(names):
        raise DataError("the file is missing", where=f"{place.where} {missing}", fix="Get it again.", code="D06")
    return names


def _read(place: _Place, name: str, columns: Mapping[str, str]) -> files.Part:
    """Read one file of a place, checked against its checksum where one is known."""
    path, fix = place.path(name), "It has changed since it was fetched: get it again (t2t fetch)."
    try:
        return files.read(path, columns, name=name, digest=place.digest(name), fix=fix)
    except files.ChecksumError:
        if place.kind == "dir":
            raise
        _damaged(path, name)


def _damaged(path: Path, name: str) -> NoReturn:
    """Remove a file of the Hugging Face cache that is not what it should be, and say so."""
    hub.discard(path)
    raise HubError("the copy in the Hugging Face cache is damaged; it was removed", kind="corrupt", where=name,
                   fix="Run again with the hub in reach: it is loaded anew.", code="H02")  # fmt: skip


# --- fetching -------------------------------------------------------------------------------------------------------


def fetch(
    tasks: Sequence[Task],
    dest: Path | str,
    *,
    source: str = "auto",
    offline: bool = False,
    progress: hub.Progress | None = None,
) -> Path:
    """Write the parquet files of tasks into ``dest``, laid out like the hub, with ``manifest.json``; return ``dest``.

    What is there already and has the right checksum is not fetched again. Every file appears whole or not at all.
    """
    if parse_source(source)[0] in ("sample", "files"):
        raise UsageError("only data sets of the hub are fetched", where="--source", fix="Use auto, hub or a directory.")
    top = Path(dest)
    with _disk(top):
        top.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        if not task.source.hub:
            raise DataError("the task names no data set on the hub", where=task.name, fix="There is nothing to fetch.")
        bare = dataclasses.replace(task, source=dataclasses.replace(task.source, files={}, sample=()))
        missing: SplitMissing | None = None
        wanted = list(task.source.splits) or splits(bare, source, offline=offline)
        for split in wanted:
            try:
                _fetch_split(bare, split, top, source, offline, progress)
            except SplitMissing as error:
                missing = error
                wanted = [other for other in wanted if other != split]
        if missing and not wanted:
            raise missing
    return top


def _fetch_split(task: Task, split: str, top: Path, source: str, off: bool, progress: hub.Progress | None) -> None:
    """Fetch one split of one task, unless it is there."""
    if _is_there(task, split, top):
        return
    place = _locate(task, source, split, off, progress)
    names, repo = _chosen(task, place, split), _repo(task)
    root, manifest = top / repo, _manifest(top)
    for name in names:
        digest, size = _copy(place, name, root / name)
        manifest[f"{repo}/{name}"] = {"sha256": digest, "size": size, "revision": place.revision}
        if progress:
            progress(name, size, size)
    card = _card_text(repo, place, root, str(_theirs(task, split)), names).encode()
    _write(root / "README.md", card)
    manifest[f"{repo}/README.md"] = {"sha256": hashlib.sha256(card).hexdigest(), "size": len(card), "revision": None}
    text = json.dumps({"t2t_manifest": 1, "files": dict(sorted(manifest.items()))}, indent=1)
    _write(top / MANIFEST, text.encode() + b"\n")


def _is_there(task: Task, split: str, top: Path) -> bool:
    """Tell whether a split is in ``top`` already, whole and of the wanted revision."""
    try:
        place, manifest = _directory(task, top), _manifest(top)
        names = _chosen(task, place, split) if isinstance(place, _Place) else ()
        for name in names:
            entry = manifest[f"{task.source.hub}/{name}"]
            pin = task.source.revision or ""
            if len(pin) == 40 and entry["revision"] not in (pin, None):
                return False
            _check_file(top / _repo(task) / name, entry)
    except (DataError, KeyError):
        return False
    return bool(names)


def _copy(place: _Place, name: str, target: Path) -> tuple[str, int]:
    """Copy one file of a place to ``target``, whole or not at all; return its sha256 and size in bytes."""
    path, digest = place.path(name), place.digest(name)
    with _disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        number, kept = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".incomplete")
        try:
            with os.fdopen(number, "w+b") as new, path.open("rb") as old:
                shutil.copyfileobj(old, new, 1 << 20)
                if digest and not files.matches(new, digest):
                    if place.kind != "dir":
                        _damaged(path, name)
                    raise files.ChecksumError("is not the file of its manifest", where=str(path), fix="Get it again.")
                new.seek(0)
                sha256 = hashlib.file_digest(new, "sha256").hexdigest()
                size = new.tell()
                os.fsync(new.fileno())
            os.chmod(kept, 0o644)
            os.replace(kept, target)
            return sha256, size
        finally:
            with contextlib.suppress(OSError):
                os.unlink(kept)


def _write(target: Path, data: bytes) -> None:
    """Write a small file, whole or not at all."""
    kept = target.with_name(f".{target.name}.{os.getpid()}.incomplete")
    with _disk(target):
        try:
            with kept.open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(kept, target)
        finally:
            kept.unlink(missing_ok=True)


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Turn a fault of the disk into a ``DiskError``."""
    try:
        yield
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise DiskError(reason, where=str(path), fix="Make room, or choose another folder.") from None


def _card_text(repo: str, place: _Place, root: Path, split: str, names: Sequence[str]) -> str:
    """Return the README of a fetched data set: the configs there are, one split added."""
    import yaml

    held = hub.layout(_names(root), _card(root)) if (root / "README.md").is_file() else {}
    held.setdefault(place.config, {})[split] = tuple(names)
    configs = [
        {
            "config_name": config,
            "data_files": [{"split": s, "path": list(kept)} for s, kept in kept_splits.items() if kept],
        }
        for config, kept_splits in held.items()
    ]
    front = yaml.safe_dump({"configs": configs}, sort_keys=False)
    return (
        f"---\n{front}---\n\n# {repo}\n\nFetched by t2t. The card, the licence and the rest of the data set:\n"
        f"https://huggingface.co/datasets/{repo}\n"
    )


def _manifest(top: Path) -> dict[str, dict[str, Any]]:
    """Return the files of a fetched directory: name → sha256, size and revision; empty where there is no manifest."""
    path = top / MANIFEST
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["files"]
        for name, entry in listed.items():
            if not hub.safe(name) or len(entry["sha256"]) != 64 or not isinstance(entry["size"], int):
                raise ValueError(name)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError("is not a manifest that t2t wrote", where=str(path), fix="Fetch again.", code="D06") from None
    return {name: {"revision": None, **entry} for name, entry in listed.items()}


def _check_file(path: Path, entry: Mapping[str, Any]) -> None:
    """Raise ``DataError`` unless a file is the one of its manifest entry."""
    try:
        with path.open("rb") as handle:
            same = path.stat().st_size == entry["size"] and files.matches(handle, entry["sha256"])
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror or error}", where=str(path), fix="Fetch again.", code="D06"
        ) from None
    if not same:
        raise files.ChecksumError("the bytes are not those of the manifest", where=str(path), fix="Fetch again.")


def verify(dest: Path | str) -> tuple[str, ...]:
    """Check every file of a fetched directory against its manifest; return their names. Raise ``DataError`` (D06)."""
    top = Path(dest)
    manifest = _manifest(top)
    if not manifest:
        raise DataError(f"there is no {MANIFEST}", where=str(top), fix="Only a directory made by t2t fetch has one.")
    for name, entry in manifest.items():
        _check_file(top / name, entry)
    return tuple(manifest)
