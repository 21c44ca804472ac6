"""The words of the house: frozen records without I/O.

Floor 0. A row becomes an ``Example``; a model answers it with a ``Prediction``; predictions become ``Score``s and
a ``Report``. Nothing here reads a file or imports torch.

>>> pieces = (Piece("rte sentence1: "), Piece("It rained.", "sentence1"))
>>> eg = Example("glue/rte:validation:0", "glue/rte", "t5", pieces,
...              target="entailment", choices=("entailment", "not_entailment"), gold=0)
>>> eg.input
'rte sentence1: It rained.'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Batch",
    "Column",
    "Example",
    "Mixture",
    "Piece",
    "Prediction",
    "Prompt",
    "Reading",
    "Report",
    "Score",
    "Source",
    "Task",
]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a rendered template: wording (``column`` is None) or the text of a column.

    Only column text may ever be shortened.
    """

    text: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One way to put a task into words.

    Either ``input`` (text in, text out) or ``cloze`` (a pattern with ``{mask}``) is given. ``choices`` are texts, or
    templates filled in for each row. ``format`` is how the answer form writes and reads (its usual way, if empty),
    ``gold`` the column of the answer where the target's is not. ``intro``, ``shot`` and ``between`` lay out examples
    shown before the input. ``hash`` is the first twelve hexadecimal digits of the sha256 of all that reaches the model.
    """

    name: str
    target: str
    input: str | None = None
    cloze: str | None = None
    choices: tuple[str, ...] = ()
    source: str = ""
    hash: str = ""
    format: str = ""
    gold: str | None = None
    intro: str = ""
    shot: str = ""
    between: str = "\n\n"

    @property
    def per_row(self) -> bool:
        """Whether the choices are templates, different for each row."""
        return any("{" in choice for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: its kind (text, class, number, tags, list), its place in the data where that has another
    name (``origin``; a dot leads into a struct), and the names that integers stand for.
    """

    kind: str
    origin: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a task's rows come from: a parquet data set on the hub, and the bundled sample that stands in for it.

    ``config`` and ``sample`` are alternatives: the first that is there is taken. ``splits`` maps our split names to
    those of the data set. ``files`` maps splits to a user's own files.
    """

    hub: str | None = None
    config: tuple[str, ...] = ()
    revision: str | None = None
    splits: Mapping[str, str] = field(default_factory=dict)
    sample: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """A task as data: columns, source, prompts and metrics; read from one YAML file.

    ``answer`` is one of choice, number, spans, tags, text. ``range`` (low, high) bounds the answers of a ``number``
    task; ``words`` names the column of words that ``spans`` and ``tags`` stand for. Rows with the same values in the
    columns of ``group`` are one question. ``keep`` and ``expand`` say by split (``*``: every one) which values of a
    column are kept, and which list gives one example an item. ``objective`` is what its texts are pretrained on: such a
    task has no answers to score. ``file`` is where it was read.
    """

    name: str
    title: str
    answer: str
    columns: Mapping[str, Column]
    source: Source
    prompts: Mapping[str, Prompt]
    metrics: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    words: str | None = None
    group: tuple[str, ...] = ()
    keep: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    expand: Mapping[str, str] = field(default_factory=dict)
    objective: str = ""
    about: str = ""
    file: str = ""

    @property
    def prompt(self) -> Prompt:
        """The default prompt: the first of the file."""
        return next(iter(self.prompts.values()))


@dataclass(frozen=True, slots=True)
class Example:
    """One row, rendered: the text that goes in and the text that should come out.

    ``uid`` is ``task:split:row``, with ``.item`` behind it where a row gives several examples. ``gold`` is the answer
    in the answer form's own terms (index of a choice, number, tags, texts); None where the row's label is hidden.
    ``range`` bounds a number; ``words`` are what tags stand for; ``format`` is how the answer is written, and
    ``spans`` whether the tags make spans; ``group`` names the question that the row belongs to; ``taught`` are a
    teacher's scores of the choices in nats, where these are to be learned; ``row`` is a digest of the row's columns,
    the same under every prompt and from every copy of the data. ``visit`` is the step at which it is drawn, where what
    is learned of it is drawn anew (`t2t.stretches`). ``file`` is the file and the row in it, where it has one.
    """

    uid: str
    task: str
    prompt: str
    pieces: tuple[Piece, ...]
    target: str
    choices: tuple[str, ...] = ()
    gold: Any = None
    range: tuple[float, float] | None = None
    words: tuple[str, ...] = ()
    format: str = ""
    spans: bool = False
    group: str = ""
    taught: tuple[float, ...] = ()
    row: str = ""
    visit: int = 0
    file: str = field(default="", compare=False)

    @property
    def where(self) -> str:
        """The place that an error names."""
        return self.file or self.uid

    @property
    def sentinels(self) -> bool:
        """Whether ``<extra_id_N>`` in its texts are sentinel tokens: the format that numbers the words."""
        return self.format == "sentinels"

    @property
    def input(self) -> str:
        """The full input text, before any shortening."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a text: the answer (None: unparsed), and how many repairs of each kind it took."""

    answer: Any
    repairs: Mapping[str, int] = field(default_factory=dict)

    @property
    def unparsed(self) -> bool:
        """Whether nothing could be read."""
        return self.answer is None


@dataclass(frozen=True, slots=True)
class Mixture:
    """Tasks and their rates. A rate of 0 means: evaluate only. ``source`` says where the mix was defined.

    Rates are relative; they are normalised when drawn from.
    """

    name: str
    rates: Mapping[str, float]
    source: str = ""

    @property
    def trained(self) -> tuple[str, ...]:
        """The tasks that are drawn from."""
        return tuple(name for name, rate in self.rates.items() if rate > 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors by name, with the examples they came from.

    ``units`` is the number of target units (tokens, for a text-to-text model) that the loss sums over.
    """

    tensors: Mapping[str, Any]
    egs: tuple[Example, ...]
    units: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered to one example.

    ``text`` is what it wrote; ``answer`` what was read from it (None: unparsed); ``choice_nats`` the log-likelihood
    of each choice, in nats; ``repairs`` how many repairs of each kind the reader made; ``prompt``, ``group``, ``row``
    and ``words`` are the example's.
    """

    uid: str
    input: str
    target: str
    text: str
    answer: Any
    unparsed: bool
    gold: Any = None
    choice_nats: tuple[float, ...] | None = None
    repairs: Mapping[str, int] = field(default_factory=dict)
    prompt: str = ""
    group: str = ""
    row: str = ""
    words: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """The name of its task, which its uid begins with."""
        return self.uid.rsplit(":", 2)[0]


@dataclass(frozen=True, slots=True)
class Score:
    """A number that carries how it was made.

    ``value``, ``low`` and ``high`` (95 % bootstrap interval) are in ``unit``; ``unparsed`` is a share in percent.
    """

    task: str
    metric: str
    value: float
    unit: str
    low: float
    high: float
    n: int
    unparsed: float
    by: str
    prompt: str
    prompt_hash: str
    signature: str


@dataclass(frozen=True, slots=True)
class Report:
    """All scores of one evaluation of one run. ``cost`` holds parameters, seconds, tokens and memory; ``folder`` is
    where it was written.
    """

    run: str
    source: str
    split: str
    signature: str
    rows: tuple[Score, ...]
    average: Mapping[str, Any]
    cost: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    folder: str = ""
