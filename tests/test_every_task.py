"""Every task file there is: its columns, its sample, and that the gold answer, written and read back, scores 100."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from t2t.answers import form
from t2t.examples import Examples
from t2t.masking import ENCODER_OBJECTIVES
from t2t.metrics import measure
from t2t.mixtures import mix, mixes
from t2t.paths import sample_folder
from t2t.sources import SplitMissing, open_rows, splits
from t2t.tasks import task, tasks
from t2t.types import Task

ONLY_SCORED = {"glue/ax", "glue/mnli_mismatched", "nli/multi_nli_mismatched", "glue/wnli_wsc"}
ONLY_SCORED |= {"superglue/axb", "superglue/axg"}
DEGREES = ("pearson", "spearman")


def scored_split(found: Task) -> str:
    """The split of the sample that has labels to score."""
    for split in ("validation", "test"):
        if split in splits(found, "sample"):
            return split
    raise AssertionError(f"{found.name} has no sample to score")


@pytest.fixture(params=tasks())
def found(request: pytest.FixtureRequest) -> Task:
    return task(request.param)


def test_a_task_says_where_it_is_from(found: Task) -> None:
    assert found.title and found.title == found.title.strip()
    assert {"paper", "licence"} <= set(found.provenance) and all(map(str, found.provenance.values()))
    assert found.source.hub and found.source.hub.count("/") == 1 and found.source.splits
    assert found.source.sample and bool(found.metrics) != bool(found.objective)
    assert all(prompt.source for prompt in found.prompts.values())


def test_the_prompts_of_a_task_are_different(found: Task) -> None:
    hashes = [prompt.hash for prompt in found.prompts.values()]
    assert len(set(hashes)) == len(hashes)
    wordings = [(p.intro, p.shot, p.input, p.cloze, p.choices) for p in found.prompts.values()]
    assert len(set(wordings)) == len(wordings)
    assert found.prompt.input is not None


def test_a_task_has_a_sample_of_its_own(found: Task) -> None:
    scored = Examples(found, open_rows(found, scored_split(found), "sample"), split=scored_split(found))
    assert len(scored) >= 20 or found.name == "glue/ax"
    if found.name in ONLY_SCORED:
        with pytest.raises(SplitMissing):
            open_rows(found, "train", "sample")
        return
    train = Examples(found, open_rows(found, "train", "sample"), split="train")
    assert train.size >= 40
    seen = {eg.input for eg in train}
    shared = [eg.input for eg in scored if eg.input in seen]
    # a question may be asked of one paragraph in several ways, a paragraph is on one side
    assert shared == []


def test_every_prompt_writes_what_is_read_back_as_gold_and_scores_100(found: Task) -> None:
    split = scored_split(found)
    rows = open_rows(found, split, "sample")
    for prompt in found.prompts.values():
        egs = Examples(found, rows, split=split, prompts=[prompt], labelled=found.name != "glue/ax")
        golds, answers = [], []
        for eg in egs:
            if eg.gold is None:
                continue
            said = eg.target
            if prompt.format == "referent" and eg.gold == 0:
                said = "somebody else entirely"
            reading = form(found).read(said, eg)
            assert not reading.unparsed and not reading.repairs, (eg.uid, prompt.name, said)
            golds.append(eg.gold)
            answers.append(reading.answer)
        if not golds:
            continue
        groups = [eg.group for eg in egs] if found.group else None
        for name in found.metrics:
            value = measure(name, golds, answers, groups=groups, resamples=1).value
            assert value == pytest.approx(100, abs=0.7 if name in DEGREES else 1e-6), (prompt.name, name)


def test_what_must_not_be_cut_is_no_column_text(found: Task) -> None:
    split = scored_split(found)
    rows = open_rows(found, split, "sample")
    for prompt in found.prompts.values():
        eg = Examples(found, rows, split=split, prompts=[prompt], labelled=False)[0]
        wording = "".join(piece.text for piece in eg.pieces if piece.column is None)
        for literal in ("OPTIONS:", "{mask}"):
            assert wording.count(literal) == eg.input.count(literal)
        assert "${" not in eg.input and {piece.column for piece in eg.pieces} <= {None, *found.columns}


def test_hashes_cover_all_that_reaches_the_model(found: Task, tmp_path: Path) -> None:
    for prompt in found.prompts.values():
        given = {key: getattr(prompt, key) for key in ("format", "gold", "intro", "shot", "between")}
        text = Path(found.file).read_text(encoding="utf-8")
        layout = {key: value for key, value in given.items() if value and f"{key}: " in text}
        plain = [prompt.input, prompt.cloze, prompt.target, list(prompt.choices)]
        digests = set()
        for chosen in ([*plain], [*plain, layout]):
            digests.add(hashlib.sha256(json.dumps(chosen, ensure_ascii=False).encode()).hexdigest()[:12])
        assert len(prompt.hash) == 12 and (len(layout) > 0 or prompt.hash in digests)


def test_every_sample_folder_belongs_to_a_task() -> None:
    used = {sample for name in tasks() for sample in task(name).source.sample}
    others = ["translation/pairs:fr:en", "translation/pairs:ro:en", "tagging/wikiann:de", "tagging/ud_pos:de_gsd"]
    used |= {sample for name in [*others, "nli/anli:2", "nli/anli:3"] for sample in task(name).source.sample}
    there = {path.parent.relative_to(sample_folder()).as_posix() for path in sample_folder().rglob("*.jsonl")}
    assert there - used == set()


def test_every_mix_can_be_trained_on_the_sample() -> None:
    for name in mixes():
        found = mix(name)
        assert found.source and set(found.scored) & set(found.tasks)
        for one in found.tasks:
            assert one not in ONLY_SCORED
            assert len(open_rows(task(one), "train", "sample"))


def test_the_mix_of_all_has_every_task_that_can_be_trained_on() -> None:
    pretrained = {name for name in tasks() if task(name).objective}
    assert pretrained == {f"pretraining/{name}" for name in (*ENCODER_OBJECTIVES, "text")}
    left_out = ONLY_SCORED | {"glue/wnli", "superglue/wsc_choice"} | pretrained
    assert set(mix("all").tasks) == set(tasks()) - left_out
    assert set(mix("all").trained_only) == set(mix("t5").trained_only) == {"superglue/dpr"}


def test_the_form_of_a_task_is_not_changed_by_its_prompts(found: Task) -> None:
    assert {replace(prompt, name="", source="", hash="").format for prompt in found.prompts.values()} <= set(
        form(found).formats
    )
