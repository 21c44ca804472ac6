"""The command `t2t vocab`: train a vocabulary on corpora, and audit any tokenizer.

Floor 7.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from t2t.cli_options import JSON
from t2t.cli_prompt import folder_tokenizer, tokenizer_folder
from t2t.errors import DataError, DiskError, ModelError, UsageError, visible
from t2t.screen import show, show_json
from t2t.version import VERSION

if TYPE_CHECKING:
    from t2t.corpora import Corpus
    from t2t.vocabulary import Audit

__all__ = ["vocab"]

RECORD = "vocabulary.json"  # beside the tokenizer: what it was trained on


@click.command()
@click.option("--corpus", "names", multiple=True, required=True, metavar="WHAT",
              help="A file, a directory, a glob or OWNER/NAME[:CONFIG] of the hub; repeatable.")  # fmt: skip
@click.option("--out", type=Path, metavar="DIR", help="Train, and write the tokenizer here.")
@click.option(
    "--audit", "audited", metavar="MODEL", help="Train nothing: measure a bundled name, a directory or a run."
)
@click.option("--size", type=click.IntRange(1, 4_000_000), default=8000, show_default=True,
              help="Entries: specials, bytes, characters and what is learnt; 100 sentinels come on top.")  # fmt: skip
@click.option("--type", "kind", type=click.Choice(["unigram", "bpe"]), default="unigram", show_default=True)
@click.option("--characters", type=click.IntRange(1), default=30_000_000, show_default=True,
              help="Draw lines of so many characters from the corpora.")  # fmt: skip
@click.option("--coverage", type=float, default=0.9995, show_default=True,
              help="Share of the text's characters that get a piece; the rest is spelt in bytes.")  # fmt: skip
@click.option("--modes", is_flag=True, help="Add the mode tokens [R], [S] and [X] of UL2.")
@click.option("--column", default="text", show_default=True, help="Column of parquet files, key of JSON lines.")
@click.option("--split", default="train", show_default=True, help="Of data sets of the hub.")
@click.option("--source", default="auto", show_default=True, help="Where data sets are: auto | hub | sample | DIR.")
@click.option("--seed", type=int, default=42, show_default=True, help="Of the lines drawn.")
@JSON
@click.pass_context
def vocab(
    context: click.Context, /, names: tuple[str, ...], out: Path | None, audited: str | None, as_json: bool, **how: Any
) -> None:
    """Train a SentencePiece vocabulary with sentinels and byte fallback, or measure a tokenizer.

    Example: t2t vocab --corpus texts/ --out my-vocabulary --size 8000
    """
    _check(context, out, audited)
    from t2t.corpora import corpus

    notice = context.obj["screen"].notice
    corpora = [corpus(n, split=how["split"], source=how["source"], column=how["column"]) for n in names]
    for one in corpora:
        if one.origin:
            notice(one.origin.notice())
    if out is None:
        _audit(str(audited), corpora, how, as_json)
    else:
        _train(out, corpora, how, notice, as_json)


def _check(context: click.Context, out: Path | None, audited: str | None) -> None:
    """Raise ``UsageError`` for options that do not go together and for a folder that is taken."""
    from click.core import ParameterSource

    if (out is None) == (audited is None):
        raise UsageError("give either --out DIR, to train, or --audit MODEL, to measure one", code="C01")
    training = ("size", "kind", "coverage", "modes")
    given = [name for name in training if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if audited is not None and given:
        option = given[0].replace("kind", "type")
        raise UsageError(f"--{option} is of training, --audit trains nothing", fix="Leave it out.", code="C01")
    if out is not None and out.exists():
        from t2t.vocabulary import FILES

        held = [name for name in FILES if (out / name).exists()]
        if held or not out.is_dir():
            what = f"there is a tokenizer already ({held[0]})" if held else "is a file"
            raise UsageError(what, where=str(out), fix="Name another --out.", code="C01")


def _train(out: Path, corpora: Sequence[Corpus], how: dict[str, Any], notice: Any, as_json: bool) -> None:
    """Draw, train, write and audit."""
    from t2t import vocabulary

    drawn = _draw(corpora, how["characters"], how["seed"])
    learnt, held = vocabulary.hold_out(drawn)
    amount = f"{len(learnt):,} lines, {sum(map(len, learnt)):,} characters"
    notice(f"learning {how['size']:,} entries ({how['kind']}) from {amount}")
    start = time.monotonic()
    model = vocabulary.train(learnt, size=how["size"], kind=how["kind"], coverage=how["coverage"])
    notice(f"trained in {time.monotonic() - start:.0f} s")
    vocabulary.write_tokenizer(out, model, modes=how["modes"])
    record = _record(corpora, how, learnt)
    try:
        (out / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot be written: {error.strerror or error}", where=str(out / RECORD)) from None
    found = vocabulary.audit(folder_tokenizer(out), held)
    where = "lines that were not learnt from" if held[-1:] != learnt[-1:] else "the line learnt from"
    _show(f"{out} · {where}", found, as_json, {"out": str(out), **record})
    notice(f"vocabulary: {out}")


def _record(corpora: Sequence[Corpus], how: dict[str, Any], learnt: Sequence[str]) -> dict[str, Any]:
    """Return what a vocabulary was trained on and with."""
    from importlib.metadata import version

    return {
        "t2t": VERSION,
        **{name: version(name) for name in ("sentencepiece", "tokenizers")},
        "type": how["kind"],
        **{name: how[name] for name in ("size", "coverage", "modes", "seed")},
        "lines": len(learnt),
        "characters": sum(map(len, learnt)),
        "corpora": [
            {"corpus": one.name, "column": one.column, "bytes": one.size(), "sha256": one.digest()} for one in corpora
        ],
    }


def _audit(model: str, corpora: Sequence[Corpus], how: dict[str, Any], as_json: bool) -> None:
    """Measure a tokenizer on lines of the corpora."""
    from t2t import vocabulary

    folder = tokenizer_folder(model)
    if folder is None:
        fix = f"Give a bundled name or a directory; `hf download {visible(model)}` fetches one of the hub."
        raise ModelError("no tokenizer is here", where=visible(model), fix=fix, code="M05")
    found = vocabulary.audit(
        folder_tokenizer(folder), _draw(corpora, min(how["characters"], vocabulary.HELD_OUT), how["seed"])
    )
    _show(model, found, as_json, {"tokenizer": str(folder)})


def _draw(corpora: Sequence[Corpus], characters: int, seed: int) -> list[str]:
    """Draw lines. Raise ``DataError`` where even one is too much."""
    from t2t import vocabulary

    drawn = vocabulary.sample(vocabulary.lines(corpora), characters, seed)
    if not drawn:
        raise DataError(f"no line has as few as {characters:,} characters", fix="Raise --characters.", code="D04")
    return drawn


def _show(title: str, found: Audit, as_json: bool, more: dict[str, Any]) -> None:
    """Print an audit."""
    if as_json:
        show_json({**more, "audit": found.asdict()})
        return
    rows = {
        "entries": f"{found.entries:,}",
        "sentinels, each one token": found.sentinels,
        "mode tokens": found.modes,
        "audited on": f"{found.lines:,} lines, {found.words:,} words",
        "tokens a word": f"{found.tokens_per_word:.3f}",
        "characters a token": f"{found.characters_per_token:.3f}",
        "bytes a token": f"{found.bytes_per_token:.3f}",
        "unknown tokens": f"{found.unknown:.4f} %",
        "tokens that are bytes": f"{found.byte_tokens:.4f} %",
        "lines that come back": f"{found.comes_back:.2f} %",
        "text mistaken for control": ", ".join(found.control[:5]) or "none",
    }
    show(title, [{"what": name, "is": value} for name, value in rows.items()], right=("is",))
    if found.changed:
        click.echo(f'first change: "{visible(found.changed[0])}" comes back as "{visible(found.changed[1])}"')
