"""Checkpoints by name and by directory, the file of their families, and tasks by description."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from t2t import lookup, strict_yaml
from t2t.cli import cli
from t2t.errors import ModelError, UsageError
from t2t.lookup import checkpoint, choose, example, families, find, same_wording
from t2t.paths import bundled
from t2t.tasks import read_task, task, tasks
from t2t.template import parse

# -- names -----------------------------------------------------------------------------------------------------------

NAMES = {
    "t5-small": "t5",
    "google-t5/t5-11b": "t5",
    "T5": "t5",
    "google/t5-v1_1-base": "t5-v1.1",
    "T5 v1.1": "t5-v1.1",
    "google/t5-small-lm-adapt": "t5-lm-adapted",
    "google/t5-efficient-tiny": "t5-efficient",
    "google/flan-t5-xxl": "flan-t5",
    "flan-t5": "flan-t5",
    "someone/flan-t5-base-samsum": "flan-t5",
    "someone/t5-base-finetuned-xsum": "t5",
    "someone/mt5-base-finetuned": "mt5",
    "google/mt5-small": "mt5",
    "bigscience/mt0-large": "mt0",
    "google/byt5-small": "byt5",
    "google/ul2": "ul2",
    "google/flan-ul2": "flan-ul2",
    "bigscience/T0pp": "t0",
    "bigscience/T0_3B": "t0",
    "google/long-t5-tglobal-base": "longt5",
    "google/t5gemma-2b-2b-prefixlm": "t5gemma",
    "google/t5gemma-s-s-ul2-it": "t5gemma-it",
    "google/t5gemma-2-270m-270m": "t5gemma-2",
    "facebook/bart-base": "bart",
    "facebook/bart-large-cnn": "bart-summaries",
    "philschmid/bart-large-cnn-samsum": "bart-summaries",
    "facebook/bart-large-mnli": "bart-mnli",
    "facebook/mbart-large-cc25": "mbart",
    "facebook/mbart-large-50-one-to-many-mmt": "mbart-50",
    "google/pegasus-xsum": "pegasus",
    "Helsinki-NLP/opus-mt-en-ROMANCE": "marian",
    "facebook/m2m100_418M": "m2m-100",
    "facebook/nllb-200-distilled-600M": "nllb",
    "gpt2": "gpt-2",
    "openai-community/gpt2-xl": "gpt-2",
    "meta-llama/Llama-3.2-1B": "gpt-2",
    "meta-llama/Llama-3.2-1B-Instruct": "chat",
    "Qwen/Qwen2.5-0.5B-Instruct": "chat",
    "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4": "chat",
    "Qwen/Qwen2.5-0.5B": "gpt-2",
    "meta-llama/Meta-Llama-3-8B-Instruct": "chat",
    "mistralai/Mistral-7B-Instruct-v0.2": "chat",
    "mistralai/Mistral-7B-v0.1": "gpt-2",
    "Qwen/Qwen3-0.6B-Base": "gpt-2",
    "HuggingFaceTB/SmolLM2-135M-Instruct": "chat",
    "google/gemma-3-1b-it": "chat",
    "bert-base-uncased": "bert",
    "FacebookAI/roberta-large": "bert",
    "answerdotai/ModernBERT-base": "bert",
    "t2t-mini": "t2t-mini",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_of_its_family(name: str) -> None:
    assert [family.name for family in checkpoint(name).families] == [NAMES[name]]


def test_every_family_has_a_name_in_the_list() -> None:
    assert set(NAMES.values()) == set(families())


def test_a_copy_is_judged_by_its_name_and_says_so() -> None:
    assert any("name alone" in note for note in checkpoint("someone/flan-t5-base-samsum").notes)
    assert checkpoint("google/flan-t5-base").notes == ()


@pytest.mark.parametrize(
    "name", ["nonsense", "codet5-base", "t5-nonsense", "sentence-transformers/all-MiniLM-L6-v2", "umt5-small", ""]
)
def test_nothing_is_invented_for_a_name_that_means_nothing(name: str) -> None:
    with pytest.raises(UsageError, match="nothing is known of"):
        checkpoint(name)


def test_a_near_miss_is_told_the_nearest_names() -> None:
    with pytest.raises(UsageError, match="Did you mean .*flan-t5"):
        checkpoint("flan-t6")


@pytest.mark.parametrize("name", ["./nothere", "/no/such/model", "~/model"])
def test_a_path_that_is_not_there_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected a directory with a config\.json"):
        checkpoint(name)


def test_a_file_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("")
    with pytest.raises(UsageError, match="expected a directory"):
        checkpoint(str(tmp_path / "model.bin"))


# -- directories -----------------------------------------------------------------------------------------------------

T5 = {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "vocab_size": 32128, "pad_token_id": 0}
GATED = {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
MADE_FOR = {"task_specific_params": {"summarization": {"prefix": "summarize: "}}}
BART = {"model_type": "bart", "d_model": 1024, "vocab_size": 50265}
NLI = {"id2label": {"0": "contradiction", "1": "neutral", "2": "entailment"}}
CHAT = {"chat_template": "{% for message in messages %}{% endfor %}"}
CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "t5-small": ({**T5, "d_model": 512, "num_layers": 6}, {}, ["t5"]),
    "t5-base, as saved later": ({**T5, "d_model": 768, "feed_forward_proj": "relu"}, {}, ["t5"]),
    "t5-v1_1-base": ({**GATED, "d_model": 768}, {}, ["t5-v1.1", "t5-lm-adapted", "flan-t5"]),
    "flan-t5-base": ({**GATED, **MADE_FOR, "d_model": 768}, {}, ["t5-v1.1", "t5-lm-adapted", "flan-t5"]),
    "T0_3B": ({**GATED, "d_model": 2048}, {}, ["t5-v1.1", "t5-lm-adapted", "flan-t5", "t0"]),
    "byt5-small": ({**GATED, "d_model": 1472, "vocab_size": 384}, {"tokenizer_class": "ByT5Tokenizer"}, ["byt5"]),
    "ul2": ({**T5, "feed_forward_proj": "gated-silu", "d_model": 4096}, {}, ["ul2", "flan-ul2"]),
    "mt5-small": ({**GATED, "model_type": "mt5", "vocab_size": 250112}, {}, ["mt5", "mt0"]),
    "long-t5-tglobal-base": ({**GATED, "model_type": "longt5"}, {}, ["longt5"]),
    "t5gemma-2b-2b-ul2": ({"model_type": "t5gemma"}, {}, ["t5gemma"]),
    "t5gemma-2b-2b-ul2-it": ({"model_type": "t5gemma"}, CHAT, ["t5gemma-it"]),
    "t5gemma-2-270m-270m": ({"model_type": "t5gemma2"}, {}, ["t5gemma-2"]),
    "bart-large": ({**BART, "architectures": ["BartModel"]}, {}, ["bart"]),
    "bart-large-cnn": (
        {**BART, "architectures": ["BartForConditionalGeneration"], "num_beams": 4, "max_length": 142},
        {},
        ["bart", "bart-summaries"],
    ),
    "bart-large-mnli": ({**BART, **NLI, "architectures": ["BartForSequenceClassification"]}, {}, ["bart-mnli"]),
    "mbart-large-cc25": ({"model_type": "mbart", "vocab_size": 250027}, {}, ["mbart"]),
    "mbart-large-50": ({"model_type": "mbart", "vocab_size": 250054}, {}, ["mbart-50"]),
    "pegasus-xsum": ({"model_type": "pegasus", "vocab_size": 96103}, {}, ["pegasus"]),
    "opus-mt-en-de": ({"model_type": "marian", "vocab_size": 58101}, {}, ["marian"]),
    "m2m100_418M": ({"model_type": "m2m_100", "vocab_size": 128112}, {}, ["m2m-100"]),
    "nllb-200-distilled-600M": (
        {"model_type": "m2m_100", "vocab_size": 256206, "tokenizer_class": "NllbTokenizer"}, {}, ["nllb"],
    ),
    "gpt2": ({"model_type": "gpt2", "vocab_size": 50257}, {}, ["gpt-2"]),
    "Llama-3.2-1B": ({"model_type": "llama", "vocab_size": 128256}, {}, ["gpt-2"]),
    "SmolLM2-135M-Instruct": ({"model_type": "llama", "vocab_size": 49152}, CHAT, ["chat"]),
    "bert-base-uncased": ({"model_type": "bert", "vocab_size": 30522}, {}, ["bert"]),
    "roberta-base": ({"model_type": "roberta", "vocab_size": 50265}, {}, ["bert"]),
    "t2t-mini": ({**T5, "feed_forward_proj": "relu", "vocab_size": 8128, "d_model": 256}, {}, ["t2t-mini"]),
}  # fmt: skip


def directory(path: Path, **files: Any) -> Path:
    """Write a model directory: ``config={...}`` becomes config.json."""
    path.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (path / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", CONFIGS)
def test_a_directory_is_judged_by_its_configuration(name: str, tmp_path: Path) -> None:
    config, tokenizer, wanted = CONFIGS[name]
    found = checkpoint(str(directory(tmp_path / "model", config=config, tokenizer_config=tokenizer)))
    assert [family.name for family in found.families] == wanted
    assert any("cannot tell" in note for note in found.notes) == (len(wanted) > 1)


def test_every_family_that_a_configuration_can_show_is_in_the_list() -> None:
    shown = {name for _, _, wanted in CONFIGS.values() for name in wanted}
    assert shown == {family.name for family in families().values() if family.config}


def test_what_speaks_for_flan_t5_is_called_a_hint(tmp_path: Path) -> None:
    plain = checkpoint(str(directory(tmp_path / "a", config={**GATED, "d_model": 768})))
    hinted = checkpoint(str(directory(tmp_path / "b", config={**GATED, **MADE_FOR, "d_model": 768})))
    assert not any("hint" in note for note in plain.notes)
    assert any("a hint, no proof" in note for note in hinted.notes)


def test_an_unknown_configuration_is_unknown_and_says_what_is_nearest(tmp_path: Path) -> None:
    found = checkpoint(str(directory(tmp_path / "m", config={**T5, "vocab_size": 5000})))
    assert not found.known
    assert any(note == "nearest: T5 v1.0, but vocab_size is 5000" for note in found.notes)
    strange = checkpoint(str(directory(tmp_path / "s", config={"model_type": "whisper"})))
    assert not strange.known and "whisper" in strange.notes[0]


def test_a_directory_without_a_configuration_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "spiece.model").write_bytes(b"")
    found = checkpoint(str(tmp_path / "m"))
    assert not found.known and "no config.json" in found.notes[0]


@pytest.mark.parametrize("text", ["{", "[1]", "\xff"])
def test_a_damaged_configuration_is_an_error_with_its_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"config\.json"):
        checkpoint(str(tmp_path))


def test_the_base_model_that_the_files_state_is_taken(tmp_path: Path) -> None:
    stated = checkpoint(
        str(directory(tmp_path / "a", config={**GATED, "d_model": 768, "_name_or_path": "google/flan-t5-base"}))
    )
    assert [f.name for f in stated.families] == ["flan-t5"] and "config.json" in stated.how
    card = directory(tmp_path / "b", config={**GATED, "d_model": 768})
    (card / "README.md").write_text("---\nbase_model: google/t5-v1_1-base\n---\n# Mine\n", encoding="utf-8")
    assert [f.name for f in checkpoint(str(card)).families] == ["t5-v1.1"]
    adapter = directory(tmp_path / "c", adapter_config={"base_model_name_or_path": "google/mt5-small"})
    assert [f.name for f in checkpoint(str(adapter)).families] == ["mt5"]


def test_a_base_model_that_the_shape_denies_is_not_believed(tmp_path: Path) -> None:
    found = checkpoint(str(directory(tmp_path / "a", config={**T5, "_name_or_path": "facebook/bart-large"})))
    assert [f.name for f in found.families] == ["t5"]
    assert any("another shape" in note for note in found.notes)


def test_a_base_model_on_someones_disk_is_passed_over(tmp_path: Path) -> None:
    found = checkpoint(str(directory(tmp_path / "a", config={**T5, "_name_or_path": "/home/someone/flan-t5-base"})))
    assert [f.name for f in found.families] == ["t5"]


@pytest.mark.parametrize("text", ["---\n: [\n---\n", "no metadata", "---\nbase_model: [3]\n---\n", "---\n- a\n---\n"])
def test_a_strange_model_card_does_no_harm(text: str, tmp_path: Path) -> None:
    card = directory(tmp_path / "m", config=T5)
    (card / "README.md").write_text(text, encoding="utf-8")
    assert [f.name for f in checkpoint(str(card)).families] == ["t5"]


def test_a_model_trained_by_t2t_wants_the_prompt_it_was_trained_on(tmp_path: Path) -> None:
    prompts = {"glue/rte": {"t5": task("glue/rte").prompt.hash}, "superglue/cb": {"plain": "0123456789ab", "gone": "x"}}
    model = directory(
        tmp_path / "run" / "model", config={"model_type": "whisper"}, t2t={"t2t": "0", "prompts": prompts}
    )
    (tmp_path / "run" / "run.yaml").write_text("steps: 1\n", encoding="utf-8")
    for place in (model, tmp_path / "run"):
        found = checkpoint(str(place))
        assert found.known and found.trained["glue/rte"] == prompts["glue/rte"]
        chosen = choose(found, task("superglue/cb"))
        assert (chosen.prompt.name, chosen.fits) == ("plain", True) and "trained" in chosen.why
    said = " ".join(found.notes)
    assert "superglue/cb: trained on plain @0123456789ab, which is now" in said
    assert "the prompt gone it was trained on is not there now" in said
    assert "glue/rte" not in said


# -- choosing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted", "why"),
    [
        ("t5", "t5", "was trained on this very prompt"),
        ("t5-11b", "t5", "was trained on this very prompt"),
        ("flan-t5", "flan", "templates like this one"),
        ("t5-v1.1", "plain", "has seen no task"),
        ("mt5", "plain", "has seen no task"),
        ("bart", "plain", "has seen no task"),
        ("gpt2", "gpt", "give it shots"),
        ("bert", "pet-1", "fills in masked words"),
        ("opus-mt", "plain", "takes its input as it is"),
        ("chat", "flan", "follows instructions"),
    ],
)
def test_the_prompt_of_a_task_that_fits_a_family(name: str, wanted: str, why: str) -> None:
    chosen = choose(checkpoint(name), task("superglue/rte"))
    assert (chosen.prompt.name, chosen.fits) == (wanted, True)
    assert why in chosen.why


def test_a_wording_outside_the_mix_is_said_to_be_so() -> None:
    assert "not in its mix" in choose(checkpoint("t5"), task("topics/ag_news")).why
    assert (
        "knows this wording from translation/wmt_en_de" in choose(checkpoint("t5"), task("translation/pairs:en:de")).why
    )
    assert "not in its mix" in choose(checkpoint("t5"), task("translation/pairs:de:en")).why


def test_where_no_prompt_fits_the_default_is_taken_and_said_to_be_the_default(tmp_path: Path) -> None:
    chosen = choose(checkpoint("bart-large-mnli"), task("glue/rte"))
    assert (chosen.prompt, chosen.fits) == (task("glue/rte").prompt, False) and "default" in chosen.why
    unknown = checkpoint(str(directory(tmp_path / "m", config={"model_type": "whisper"})))
    assert not choose(unknown, task("glue/rte")).fits


# -- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", families())
def test_every_family_says_what_it_was_trained_on_and_where_that_is_from(name: str) -> None:
    family = families()[name]
    assert "trained on" in {fact.about for fact in family.facts}
    for stated in (*family.facts, *family.formats):
        assert stated.source and stated.evidence in lookup.EVIDENCE
    assert family.prompts or family.kind == "classifier"


STATED = [(family, one) for family in families().values() for one in family.formats if one.task]


@pytest.mark.parametrize(("family", "one"), STATED, ids=[f"{f.name} {one.task}" for f, one in STATED])
def test_a_format_that_names_a_prompt_of_ours_is_that_prompt(family: lookup.Family, one: lookup.Format) -> None:
    ours = task(one.task).prompts[one.prompt]
    assert same_wording(one.input, ours.input or ours.cloze or "")
    if ours.choices and not ours.per_row and family.name == "t5" and ours.format == "label":
        assert one.targets == ours.choices


def test_t5_is_stated_for_every_t5_prompt_of_glue_and_superglue() -> None:
    stated = {one.task for one in families()["t5"].formats}
    left_out = {"glue/wnli"}  # T5 never trained on it; wnli_wsc is what it was asked
    named = {name for name in tasks() if name.split("/")[0] in ("glue", "superglue") and "t5" in task(name).prompts}
    assert named - stated == left_out


def test_every_source_is_used() -> None:
    data = strict_yaml.read(bundled("task_prompts") / lookup.FILE).data
    used = {one["source"] for f in data["families"].values() for one in [*f.get("formats", []), *f["facts"]]}
    assert used == set(data["sources"])


GOOD = """
sources: {card: a card}
families:
  mine:
    title: Mine
    kind: text-to-text
    supervised: none
    aliases: [my own]
    hub: [me/mine-*]
    config: {model_type: [t5], vocab_size: [777]}
    prompts: [plain]
    formats:
      - kind: any
        input: "say: {text}"
        targets: [a text]
        source: card
        evidence: verified
    facts:
      - about: trained on
        says: my texts
        source: card
        evidence: inferred
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a user's own file of families."""
    monkeypatch.setenv("T2T_TASKS", str(tmp_path))
    return tmp_path / "checkpoints.yaml"


def test_a_users_own_families_come_first(own: Path, tmp_path: Path) -> None:
    own.write_text(GOOD, encoding="utf-8")
    assert next(iter(families())) == "mine" and "t5" in families()
    assert checkpoint("me/mine-small").families[0].facts[0].source == "a card"
    made = directory(tmp_path / "m", config={"model_type": "t5", "vocab_size": 777})
    assert [f.name for f in checkpoint(str(made)).families] == ["mine"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("source: card\n        evidence: inferred", "evidence: inferred", r":\d+: source: expected a text"),
        ("        evidence: inferred\n", "", r":\d+: evidence: expected a text"),
        ("evidence: inferred", "evidence: sure", r'checkpoints.yaml:22: evidence: "sure" is not known'),
        ("says: my texts\n        source: card", "says: my texts\n        source: cart", r':21: source: "cart"'),
        ("about: trained on", "about: training", r':19: about: "training" is not known'),
        ("    kind: text-to-text\n", "    kind: texts\n", r':6: kind: "texts" is not known'),
        ("supervised: none", "supervised: maybe", r":7: supervised"),
        ("prompts: [plain]", "prompts: plain", r":11: prompts: expected a list of texts"),
        ("targets: [a text]", "targets: [1]", r":15: targets: expected a list of texts"),
        ('input: "say: {text}"', 'input: "say: {text"', r":14: stray"),
        ("- kind: any\n        input", "- input", r":12: a format is for a task or for a kind of task"),
        ("title: Mine", "titel: Mine", r':5: unknown key "titel".*"title"'),
        ("    hub: [me/mine-*]", "    hub: [me/mine-*]\n    over: [t6]", r":10: over: there is no family"),
        ("    facts:\n", "    facts: []\n  other:\n    facts:\n", "a family needs at least one fact"),
    ],
)  # fmt: skip
def test_faults_of_the_file_are_named_with_their_line(own: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    own.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        families()


def test_two_families_cannot_have_one_name(own: Path) -> None:
    body = GOOD[GOOD.index("  mine:") :]
    own.write_text(GOOD + body.replace("  mine:", "  other:"), encoding="utf-8")
    with pytest.raises(UsageError, match='"myown" already names mine'):
        families()


# -- descriptions ----------------------------------------------------------------------------------------------------

INFERENCE = ("nli/", "glue/rte", "glue/mnli", "glue/ax", "superglue/cb", "superglue/rte")
SENTIMENT = ("sentiment/", "glue/sst2")
NAMED = ("tagging/conll2003", "tagging/wikiann")
QUERIES: dict[str, tuple[str, ...]] = {
    "is this review positive?": SENTIMENT,
    "sentiment of movie reviews": SENTIMENT,
    "sentimnt of a reveiw": SENTIMENT,
    "did the customer like the restaurant": ("sentiment/yelp",),
    "how many stars did the reviewer give": ("sentiment/yelp",),
    "does the second sentence follow from the first": INFERENCE,
    "natural language inference": INFERENCE,
    "premise and hypothesis: entailment, neutral or contradiction": INFERENCE,
    "can we conclude this from the text": INFERENCE,
    "find the people and places": NAMED,
    "named entity recognition": NAMED,
    "part of speech tagging": ("tagging/ud_pos",),
    "label nouns and verbs": ("tagging/ud_pos",),
    "noun phrase chunking": ("tagging/conll2000",),
    "shorten this article": ("summarization/",),
    "summarise a scientific paper in one sentence": ("summarization/scitldr",),
    "summary of a conversation": ("summarization/samsum", "summarization/dialogsum"),
    "write a headline": ("summarization/gigaword",),
    "are these two questions the same": ("glue/qqp",),
    "duplicate questions on quora": ("glue/qqp",),
    "paraphrase detection": ("glue/mrpc", "paraphrase/"),
    "do two sentences say the same thing": ("glue/mrpc", "paraphrase/"),
    "how similar are two sentences": ("glue/stsb", "similarity/"),
    "is this sentence grammatical": ("glue/cola",),
    "translate English to German": ("translation/wmt_en_de", "translation/pairs"),
    "translate into French": ("translation/wmt_en_fr",),
    "which word does the pronoun refer to": ("superglue/wsc", "superglue/dpr"),
    "what does 'it' stand for in this sentence": ("superglue/wsc", "superglue/dpr"),
    "yes or no question about a passage": ("superglue/boolq",),
    "answer a question from a paragraph": ("qa/squad", "superglue/multirc"),
    "find the answer to a question in a text": ("qa/squad",),
    "answer a question without a text, from memory": ("qa/squad_closed_book",),
    "does the sentence contain the answer to the question": ("glue/qnli",),
    "does a word have the same meaning in two sentences": ("superglue/wic",),
    "what is the cause of this event": ("superglue/copa",),
    "what is this news article about": ("topics/ag_news",),
    "sort questions into topics": ("topics/yahoo",),
    "what kind of thing does a question ask for": ("topics/trec",),
    "fill the gap with a name from a news text": ("superglue/record",),
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_description_finds_its_task(query: str) -> None:
    found = find(query, limit=3)
    assert any(hit.task.startswith(QUERIES[query]) for hit in found.hits), [hit.task for hit in found.hits]


def test_the_queries_of_the_page_find_their_task_first() -> None:
    for query in ("is this review positive?", "find the people and places", "shorten this article"):
        assert find(query).hits[0].task.startswith(QUERIES[query]), query


def test_hits_are_ranked_and_one_a_task() -> None:
    found = find("sentence", limit=100).hits
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert len({hit.task for hit in found}) == len(found) > 10
    assert all(hit.prompt in task(hit.task).prompts and hit.title == task(hit.task).title for hit in found)
    assert find("sentence", limit=2).hits == found[:2]


def test_a_misspelt_word_is_taken_for_the_nearest_and_that_is_said() -> None:
    assert find("sentimnt").notes == ('nothing has "sentimnt"; searched for "sentiment"',)
    assert find("sentiment").notes == ()


def test_a_description_of_nothing_finds_nothing() -> None:
    assert find("xyzzy plugh").hits == () and find("xyzzy plugh").notes == ()


@pytest.mark.parametrize("query", ["", "  \n"])
def test_an_empty_description_is_an_error(query: str) -> None:
    with pytest.raises(UsageError, match="say what to look for"):
        find(query)


def test_a_limit_below_one_is_an_error() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        find("sentiment", limit=0)


def test_a_hit_is_shown_on_the_first_row_of_the_sample() -> None:
    hit = next(hit for hit in find("are these two questions the same").hits if hit.task == "glue/qqp")
    shown = example(hit)
    assert shown and hit.prompt == "flan" and shown["input"].endswith("- no\n- yes") and shown["target"] == "yes"


def test_the_words_of_an_own_task_are_found(own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "bread.yaml"
    file.write_text(
        "task: mine/bread\ntitle: Is the sourdough baked?\nanswer: choice\ncolumns: {text: text, label: class}\n"
        "source: {files: {train: a.jsonl}}\n"
        'prompts: {plain: {input: "{text}", target: "{label|choice}", choices: [raw, baked]}}\nmetrics: [accuracy]\n',
        encoding="utf-8",
    )
    index = lookup._index([read_task(file), task("glue/rte")])
    assert index.score(["sourdough"], 0) > 0 == index.score(["sourdough"], 1)


def test_same_wording_leaves_filters_aside_and_nothing_else() -> None:
    assert same_wording("a {b|lower} c", "a {b} c")
    assert not same_wording("a {b} c", "a {b}  c")
    assert not same_wording("a {b} c", "a {d} c")
    assert parse("a {b} c").columns == ("b",)


# -- the command line ------------------------------------------------------------------------------------------------


def t2t(*words: str) -> Result:
    return CliRunner().invoke(cli, ["prompt", *words])


def said(*words: str) -> Any:
    done = t2t(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


ROW = ("--row", '{"sentence1": "It rained.", "sentence2": "It was dry.", "label": 1}')


def test_for_prints_facts_with_evidence_and_a_list_of_sources() -> None:
    done = t2t("for", "google/flan-t5-base", "--task", "superglue/rte")
    assert done.exit_code == 0
    assert "[verified, 1]" in done.output and "Chung et al. 2022" in done.output
    assert f"flan @{task('superglue/rte').prompts['flan'].hash}" in done.output


def test_for_as_json_has_everything() -> None:
    data = said("for", "t5-small", "--task", "glue/rte")
    assert data["known"] is True and data["choice"]["prompt"]["hash"] == task("glue/rte").prompt.hash
    (family,) = data["families"]
    assert len(family["formats"]) == len(families()["t5"].formats)
    assert all(fact["source"] and fact["evidence"] for fact in family["facts"])


def test_for_an_unknown_name_is_a_usage_error_and_for_an_unknown_directory_an_answer(tmp_path: Path) -> None:
    done = t2t("for", "nonsense")
    assert isinstance(done.exception, UsageError) and done.exception.exit_code == 2
    data = said("for", str(directory(tmp_path / "m", config={"model_type": "whisper"})))
    assert (data["known"], data["families"]) == (False, [])
    assert "unknown" in t2t("for", str(tmp_path / "m")).output


def test_find_prints_hits_and_json() -> None:
    data = said("find", "are these two questions the same", "--limit", "1")
    assert [hit["task"] for hit in data["hits"]] == ["glue/qqp"]
    assert data["hits"][0]["example"]["target"]
    assert "glue/qqp · flan" in t2t("find", "are these two questions the same").output
    assert said("find", "xyzzy plugh")["hits"] == []
    assert "nothing fits" in t2t("find", "xyzzy plugh").output


def test_show_has_every_part_of_a_prompt() -> None:
    data = said("show", "superglue/rte")
    assert [p["name"] for p in data["prompts"]] == list(task("superglue/rte").prompts)
    assert {"intro", "shot", "between", "format", "gold", "hash"} <= set(data["prompts"][0])
    assert [p["name"] for p in said("show", "superglue/rte", "--prompt", "gpt")["prompts"]] == ["gpt"]
    assert "cloze" in t2t("show", "superglue/rte", "--prompt", "pet-1").output
    assert "gold    label" in t2t("show", "superglue/wsc", "--prompt", "t5").output


def test_render_of_values_needs_no_model() -> None:
    data = said("render", "glue/rte", *ROW)
    assert data["input"] == "rte sentence1: It rained. sentence2: It was dry."
    assert (data["target"], data["hash"]) == ("not_entailment", task("glue/rte").prompt.hash)
    given = said("render", "glue/rte", *ROW, "--set", "sentence1=It snowed.")
    assert given["input"] == "rte sentence1: It snowed. sentence2: It was dry."


@pytest.mark.parametrize("row", ["-1", "1.5", "[1]", "{", "one"])
def test_a_row_is_a_number_or_an_object(row: str) -> None:
    done = t2t("render", "glue/rte", f"--row={row}")
    assert isinstance(done.exception, UsageError) and "--row" in str(done.exception)


def test_set_needs_a_column_and_a_text() -> None:
    done = t2t("render", "glue/rte", "--set", "sentence1")
    assert isinstance(done.exception, UsageError) and "COLUMN=TEXT" in str(done.exception)


@pytest.mark.parametrize(("option", "number"), [("--shots", "-1"), ("--max-input", "0")])
def test_numbers_that_cannot_be_are_usage_errors(option: str, number: str) -> None:
    done = t2t("render", "glue/rte", *ROW, option, number)
    assert done.exit_code == 2 and option in done.output


def test_render_puts_shots_before_the_row() -> None:
    plain = said("render", "glue/rte", "--source", "sample")
    shown = said("render", "glue/rte", "--source", "sample", "--shots", "2")
    assert shown["input"].endswith(plain["input"]) and shown["input"].count("rte sentence1: ") == 3


def test_render_for_a_model_chooses_the_prompt_and_counts_its_tokens() -> None:
    data = said("render", "superglue/rte", "--set", "premise=It rained.", "--set", "hypothesis=It was dry.", "--set",
                "label=1", "--model", "t2t-mini")  # fmt: skip
    assert data["prompt"] == "t5" and data["unknown"] == [] and data["cut"] == []
    assert 10 < data["input_tokens"] < 60 and data["target_tokens"] > 1
    assert [one["survives"] for one in data["targets"]] == [True, True]
    other = said("render", "superglue/rte", "--set", "premise=a", "--set", "hypothesis=b", "--model", "t2t-mini",
                 "--prompt", "plain")  # fmt: skip
    assert other["prompt"] == "plain" and "--prompt" in other["why"] and other["target_tokens"] == 0


def test_render_says_what_is_cut_and_keeps_the_wording() -> None:
    words = ("--set", f"sentence1={'rain ' * 200}", "--set", "sentence2=It was dry.", "--model", "t2t-mini")
    data = said("render", "glue/rte", *words, "--max-input", "40")
    (cut,) = data["cut"]
    assert cut["column"] == "sentence1" and cut["kept"] < cut["tokens"] and data["input_tokens"] > 200
    assert data["seen"].startswith("rte sentence1: ") and data["seen"].endswith("sentence2: It was dry.")
    assert "cut     sentence1" in t2t("render", "glue/rte", *words, "--max-input", "40").output
    narrow = said("render", "glue/rte", *words, "--max-input", "3")
    assert "wording alone" in narrow["note"]


@pytest.fixture(scope="module")
def t5_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a spiece.model like T5's (no braces, no "<", but ">") and nothing else."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("vocabulary")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["rte sentence1: a b> c d e sentence2: entailment not_entailment"] * 9),
        model_prefix=str(folder / "spiece"), vocab_size=40, hard_vocab_limit=False,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    (folder / "spiece.vocab").unlink()
    return folder


def test_render_names_what_a_vocabulary_cannot_say(t5_vocabulary: Path) -> None:
    words = ("--set", "sentence1=a <b> {c}\nd", "--set", "sentence2=e", "--set", "label=0")
    data = said("render", "glue/rte", *words, "--model", str(t5_vocabulary))
    assert sorted(data["unknown"]) == ["<", "{", "}"] and data["unknown_input_tokens"] == 3
    assert "⟨<⟩" in t2t("render", "glue/rte", *words, "--model", str(t5_vocabulary)).output
    assert all(one["survives"] for one in data["targets"])


def test_render_without_the_tokenizer_still_shows_prompt_and_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    data = said("render", "glue/rte", *ROW, "--model", "google/t5-v1_1-base")
    assert data["prompt"] == "plain" and data["input"].startswith("sentence1: ") and data["tokenizer"] is None
    assert "not counted" in data["note"] and "hf download" in data["note"]
    done = t2t("render", "glue/rte", *ROW, "--model", "google/t5-v1_1-base")
    assert done.exit_code == 0 and "not counted" in done.output


def test_a_tokenizer_without_padding_is_said_and_not_fatal(tmp_path: Path) -> None:
    model = directory(tmp_path / "m", config={"model_type": "gpt2"}, tokenizer_config={}, tokenizer={})
    data = said("render", "glue/rte", *ROW, "--model", str(model))
    assert data["tokenizer"] is None and "not counted" in data["note"]


@pytest.mark.parametrize(
    "words",
    [
        ("for", "t5-small", "--task", "glue/rte"),
        ("find", "is this review positive?"),
        ("show", "glue/rte"),
        ("render", "glue/rte", *ROW),
        ("render", "glue/rte", "--source", "sample"),
    ],
)
def test_looking_up_imports_neither_torch_nor_transformers(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom t2t.cli import cli\n"
        f"cli.main({['prompt', *words]!r}, standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    environment = {**os.environ, "T2T_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
