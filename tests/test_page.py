"""The page: right numbers, inert text, nothing loaded from anywhere, and a browser of answers that works."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from t2t import page, report
from t2t.predict import read_predictions, write_predictions
from t2t.types import Prediction
from tests.test_report import EVIL, write

WORDS = ("Rick", "met", "Morty")


MADE = {"t2t": "0.1.0", "python": "3.11.9", "cpus": 2, "device": "cpu", "packages": {"torch": "2.13.0"}}


class Seen(HTMLParser):
    """Note tags, attributes and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.raw: list[tuple[dict[str, str], str]] = []
        self._open: dict[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            self.raw.append(({"tag": tag, **{name: value or "" for name, value in attrs}}, ""))
            self._open = self.raw[-1][0]

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.raw[-1] = (self._open, self.raw[-1][1] + data)


def rendered(folder: Path) -> tuple[str, Seen, list[dict[str, Any]]]:
    """Return the page, what a parser sees of it, and the blocks of rows."""
    report.render(folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    seen = Seen(text)
    return text, seen, [json.loads(body) for said, body in seen.raw if said.get("type") == "application/json"]


def several(folder: Path, n: int = 120) -> Path:
    """Write a run with a choice, a text and a tagging set, some of whose answers are wrong, unparsed or repaired."""
    tables = [{"set": "a/choice", "by": "rank", "n": n, "unparsed": 0, "repaired": 0, "labels": ["no", "yes"],
               "confusion": [[40, 20, 0], [11, 49, 0]], "calibration": {"n": n, "ece": 7.25, "brier": 0.375,
               "curve": [[60, 0.62, 0.5], [60, 0.97, 0.9]]}}]  # fmt: skip
    lengths = {"a/choice": {"edges": [0.0, 10.0, 20.0], "counts": [30, 10], "limit": 16}}
    write(folder, answered=tables, lengths=lengths, leaked={}, labels={}, texts={"a/choice": {"examples": 40,
          "inputs_cut": 10}})  # fmt: skip
    shutil.rmtree(folder / "eval")
    score = folder / "eval" / "validation"
    choices = [
        Prediction(f"a/choice:validation:{i}", f"say {i} {'x' * (i % 7)}", ("no", "yes")[i % 2], "yes", 1, False,
                   gold=i % 2, choice_nats=(-1.0 - i / 100, -0.5))
        for i in range(n)
    ]  # fmt: skip
    write_predictions(score / "a-choice.rank.predictions.jsonl", choices)
    texts = [
        Prediction("a/text:validation:0", "tell", "the cat sat down", "the dog sat", "the dog sat", False,
                   gold=["the cat sat down"]),
        Prediction("a/text:validation:1", "tell", "one", "two", "two", False, gold=["one", "two"]),
    ]  # fmt: skip
    write_predictions(score / "a-text.predictions.jsonl", texts)
    tags = [
        Prediction("a/tags:validation:0", "tag: Rick met Morty", "PER: Rick; PER: Morty", "PER: Rick",
                   ("B-PER", "O", "O"), False, gold=("B-PER", "O", "B-PER"), repairs={"missing": 1}, words=WORDS),
        Prediction("a/tags:validation:1", "tag: Rick met Morty", "PER: Rick met", "?", None, True,
                   gold=("B-PER", "I-PER", "O"), words=WORDS),
    ]  # fmt: skip
    write_predictions(score / "a-tags.predictions.jsonl", tags)
    return folder


def test_the_page_shows_the_numbers(tmp_path: Path) -> None:
    page, _, _ = rendered(write(tmp_path / "r"))
    for shown in ("61.25", "[55.0, 67.0]", "52.70", "277", "1.5 %", "SAMPLE DATA", "4,907,520"):
        assert shown in page


def test_hostile_text_is_inert_and_nothing_is_loaded(tmp_path: Path) -> None:
    evil = EVIL + "</script><script>alert(3)</script><!-- \u2028 \u2066 \ud800"
    folder = write(tmp_path / "r", run=evil, notes=[evil], texts={evil: {"examples": 1, "targets_cut": 1}})
    pred = Prediction(f"glue/rte:validation:{evil}", evil, evil, evil, None, True, gold=0, repairs={evil: 1},
                      words=(evil,), prompt=evil)  # fmt: skip
    path = folder / "eval" / "validation" / "glue-rte.predictions.jsonl"
    path.write_text(json.dumps({**vars_of(pred), "gold": [evil]}) + "\n")
    page, seen, (block,) = rendered(folder)
    assert seen.tags.count("script") == 2 and not {"iframe", "img", "link", "object", "base", "form"} & set(seen.tags)
    assert not [name for _, name, _ in seen.attributes if name.startswith("on") or name in ("src", "style")]
    assert all(value.startswith("#") for _, name, value in seen.attributes if name == "href")
    assert not {"\u202e", "\x1b", "\u2028", "\u2066", "\ud800"} & set(page)
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" in block["rows"][0][1] and "\\u202e" in block["rows"][0][1]


def vars_of(pred: Prediction) -> dict[str, Any]:
    return {name: getattr(pred, name) for name in Prediction.__slots__ if name != "choice_nats"}


def test_the_policy_allows_this_script_and_style_alone(tmp_path: Path) -> None:
    _, seen, _ = rendered(write(tmp_path / "r"))
    (policy,) = (value for tag, name, value in seen.attributes if tag == "meta" and "default-src" in value)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for kind in ("script", "style"):
        (text,) = (body for said, body in seen.raw if said["tag"] == kind and "type" not in said)
        assert len(text) > 1000
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert rules.keys() == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def test_every_answer_is_there_with_what_was_read(tmp_path: Path) -> None:
    page, _, blocks = rendered(several(tmp_path / "r"))
    choice, tags, text = blocks
    assert [block["kind"] for block in blocks] == ["choice", "tags", "text"] and len(choice["rows"]) == 120
    assert choice["by"] == "rank" and choice["rows"][0][4:7] == ["yes", 0, 0.6225] and choice["rows"][1][5] == 1
    assert [row[5] for row in tags["rows"]] == [4, 2] and tags["kinds"] == ["PER"]
    assert tags["rows"][0][7:10] == ["missing 1", list(WORDS), ["B-PER", "O", "B-PER"]]
    assert [row[5] for row in text["rows"]] == [0, 1]  # the second is one of the references
    assert "ECE 7.2 %, Brier 0.375" in page and '<td class="s5 hit">40</td>' in page
    assert "up to 19 tokens, the limit is 16; 10 were shortened" in page and 'class="mark"' in page


def test_rows_that_ways_answer_differently_say_what_the_others_said(tmp_path: Path) -> None:
    folder = several(tmp_path / "r")
    (ranked,) = (folder / "eval" / "validation").glob("*.rank.*")
    preds = [replace(pred, answer=i % 2, text=("no", EVIL)[i % 2], choice_nats=None)
             for i, pred in enumerate(read_predictions(ranked))]  # fmt: skip
    write_predictions(ranked.with_name("a-choice.predictions.jsonl"), preds)
    _, _, (written, scored, *others) = rendered(folder)
    assert [block["by"] for block in (written, scored)] == ["write", "rank"]
    assert [row[5] & 16 for row in written["rows"]] == [row[5] & 16 for row in scored["rows"]] == [16, 0] * 60
    assert (
        written["rows"][0][10] == ["rank: yes"]
        and scored["rows"][0][10] == ["write: no"]
        and written["rows"][1][10] == []
    )
    assert all(row[5] & 16 == 0 and row[10] == [] for block in others for row in block["rows"])


def test_no_more_is_read_and_shown_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_ROWS", 50)
    folder = several(tmp_path / "r")
    file = folder / "eval" / "validation" / "a-choice.rank.predictions.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:51]) + "not JSON: a reader that goes on fails here\n")
    _, _, (choice, _, text) = rendered(folder)
    assert len(choice["rows"]) == 50 and choice["bounds"] == "The first 50 answers of more are here."
    assert text["bounds"] == ""
    monkeypatch.setattr(page, "MOST_CHARS", 3000)
    _, _, (choice, _, _) = rendered(folder)
    assert 10 < len(choice["rows"]) < 50 and "answers of more" in choice["bounds"]


def test_long_texts_are_cut_and_it_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    long = [Prediction("a/b:validation:0", "x" * 9000, "y", "z" * 9000, "z" * 9000, False, gold=["y"])]
    write_predictions(folder / "eval" / "validation" / "glue-rte.predictions.jsonl", long)
    _, _, (block,) = rendered(folder)
    assert len(block["rows"][0][1]) == 2001 and len(block["rows"][0][2]) == 1001
    assert block["bounds"].startswith("Longer texts are cut in 1 of them")


def test_a_report_of_old_has_its_answers_counted_where_they_are_shown_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "r", source="dir")
    preds = [
        Prediction(f"glue/rte:validation:{i}", "x", "entailment", "entailment", 0, False, gold=i % 2, prompt="t5",
                   choice_nats=(-0.1, -3.0))
        for i in range(4)
    ]  # fmt: skip
    write_predictions(folder / "eval" / "validation" / "glue-rte.predictions.jsonl", preds)
    text, _, _ = rendered(folder)
    assert "not_entailment, the gold answer of 2 of 4" in text and "Brier" in text
    monkeypatch.setattr(page, "MOST_ROWS", 3)
    text, _, _ = rendered(folder)
    assert "the gold answer of" not in text and "Brier" not in text and "choices that are never answered" in text


def test_curves_are_of_every_step_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [{"step": s, "loss": float(s)} for s in range(1, 2001)]
    lines[1000:1000] = [{"step": s, "average": 1.0, "scores": {"a/b.accuracy": s / 10},
                         "held_out": {"c": {"nats_per_token": 2.0}}} for s in (500, 1000)]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 2001, "lo')
    found = page.read_metrics(path)
    assert found["a/b.accuracy"] == [(500, 50.0), (1000, 100.0)] and found["c, nats a token"][0] == (500, 2.0)
    steps, losses = zip(*found["loss"], strict=True)
    assert 200 < len(steps) <= 400 and steps[-1] == 2000 and list(steps) == sorted(set(steps))
    width = steps[0]
    assert losses[0] == (1 + width) / 2 and losses[10] == pytest.approx(steps[10] - (width - 1) / 2)
    assert page.read_metrics(tmp_path / "none.jsonl") == {}


def test_the_command_is_that_of_the_run_or_of_the_evaluation(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", command=["/somewhere/bin/t2t", "eval", "a run"])
    assert "t2t eval &#39;a run&#39;" in rendered(folder)[0]
    (folder / "env.json").write_text(json.dumps(MADE | {"command": ["/x/t2t/cli.py", "train"]}))
    text = rendered(folder)[0]
    assert "<code>t2t train</code>" in text and "3.11.9" in text and "somewhere" not in text


def test_deliberate_faults_of_a_run_stand_first(still: Path, tmp_path: Path) -> None:
    from t2t.train import train
    from tests.toy import config, known, write_rows, write_tasks

    folder = write_tasks(tmp_path / "tasks")
    rows = [json.loads(line) for line in (folder / "toy" / "vowel.train.jsonl").read_text().splitlines()]
    consonants = [row for row in rows if row["label"] == 0]
    write_rows(folder / "toy" / "vowel.train.jsonl", consonants)
    score = [json.loads(line) for line in (folder / "toy" / "vowel.validation.jsonl").read_text().splitlines()]
    write_rows(folder / "toy" / "vowel.validation.jsonl", [*score, *consonants[:3]])
    write_rows(folder / "toy" / "copy.train.jsonl", [{"text": "a b", "out": "long " * 40}, {"text": "c", "out": "c"}])
    with known(folder):
        train(config(tmp_path / "r", model=str(still), task=("toy/copy", "toy/vowel"), long_targets="cut", max_input=8))
    text, _, _ = rendered(tmp_path / "r")
    first = text[text.index('<section class="faults"') : text.index("</section>")]
    for title, place in {
        "Answers that could not be read": "toy/vowel (write, plain): 14 of 14 (100.0 %)",
        "Rows to score that are training rows too": "toy/vowel: 3 of 14 (21.4 %)",
        "Choices that no training row has": "toy/vowel: yes",
        "Training targets cut to the limit": "toy/copy: 1 of",
        "Inputs shortened to the limit": "toy/",
    }.items():
        assert re.search(f"<b>{title}</b>: [^<]*{re.escape(place)}", first), title


# -- in a browser ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium that Playwright drives: the one of the machine."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: the page is not tried")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium: the page is not tried")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """The page of a run opened from disk; afterwards nothing was said on the console or asked for but the page."""
    folder = several(tmp_path / "r")
    evil = Prediction("a/evil:validation:0", EVIL + "</script><b id=bad>", EVIL, EVIL, EVIL, False, gold=["x"])
    write_predictions(folder / "eval" / "validation" / "b-evil.predictions.jsonl", [evil])
    report.render(folder)
    tab = chromium.new_page(viewport={"width": 390, "height": 800})
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((folder / "report.html").as_uri())
    yield tab
    assert said == [] and asked == [(folder / "report.html").as_uri()]
    tab.close()


def uids(tab: Any) -> list[int]:
    return [int(uid.rpartition(":")[2]) for uid in tab.locator("#answers article header code").all_text_contents()]


def test_answers_are_paged_filtered_searched_and_sorted(opened: Any) -> None:
    assert uids(opened) == list(range(50)) and "page 1 of 3" in opened.locator("#status").text_content()
    opened.locator("[data-step='1']").first.click()
    opened.locator("[data-step='1']").first.click()
    assert uids(opened) == list(range(100, 120)) and opened.locator("[data-step='1']").first.is_disabled()
    assert opened.locator("#show option").all_text_contents()[1] == "wrong (60)"
    opened.select_option("#show", "wrong")
    assert uids(opened) == list(range(0, 100, 2))
    opened.select_option("#order", "most")
    assert uids(opened)[:3] == [118, 116, 114]
    opened.select_option("#order", "longest")
    assert uids(opened)[:2] == [104, 118]
    opened.fill("#search", "SAY 11")
    opened.locator("#answers article").nth(5).wait_for(state="detached")
    assert sorted(uids(opened)) == [110, 112, 114, 116, 118]
    opened.fill("#search", "nowhere")
    opened.locator("#answers article").first.wait_for(state="detached")
    assert "0 answers, page 1 of 1" in opened.locator("#status").text_content()


def test_rows_that_ways_answer_differently_are_browsed(chromium: Any, tmp_path: Path) -> None:
    folder = several(tmp_path / "r")
    (ranked,) = (folder / "eval" / "validation").glob("*.rank.*")
    preds = [replace(pred, answer=0, text=f"{EVIL} {i}", choice_nats=None) if i in (3, 70) else pred
             for i, pred in enumerate(read_predictions(ranked))]  # fmt: skip
    write_predictions(ranked.with_name("a-choice.predictions.jsonl"), preds)
    report.render(folder)
    tab = chromium.new_page()
    tab.goto((folder / "report.html").as_uri())
    tab.select_option("#set", label="a/choice (rank)")
    tab.select_option("#show", "different")
    assert uids(tab) == [3, 70] and "write: <script>alert(1)" in tab.locator("#answers").text_content()
    assert tab.locator("#answers script").count() == 0
    tab.close()


def test_texts_are_compared_word_by_word_and_spans_are_coloured(opened: Any) -> None:
    opened.select_option("#set", label="a/text (write)")
    first = opened.locator("#answers article").first
    assert first.locator("del").all_text_contents() == ["dog"]
    assert first.locator("ins").all_text_contents() == ["cat", "down"]
    assert opened.locator("#order option[value=most]").is_disabled()
    opened.select_option("#set", label="a/tags (write)")
    opened.select_option("#show", "repaired")
    lines = opened.locator("#answers article .tagged")
    assert lines.nth(0).locator(".tag").all_text_contents() == ["RickPER"]
    assert lines.nth(0).locator(".off").all_text_contents() == ["Morty"]
    assert lines.nth(1).locator(".tag").all_text_contents() == ["RickPER", "MortyPER"]
    opened.select_option("#show", "unparsed")
    assert opened.locator("#answers .tag").all_text_contents() == ["Rick metPER"]
    assert "nothing could be read" in opened.locator("#answers").text_content()


def test_hostile_answers_stay_text_on_a_phone(opened: Any) -> None:
    opened.select_option("#set", label="a/evil (write)")
    assert "<script>alert(1)</script>" in opened.locator("#answers").text_content()
    assert opened.locator("#answers script, #bad").count() == 0
    assert opened.evaluate("document.documentElement.scrollWidth") == 390


def test_ten_thousand_answers_are_browsed(chromium: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "r")
    preds = (Prediction(f"a/b:validation:{i}", f"say {i} " + "word " * 60, "x", "y", "y", False, gold=["x"])
             for i in range(10_001))  # fmt: skip
    write_predictions(folder / "eval" / "validation" / "glue-rte.predictions.jsonl", preds)
    report.render(folder)
    tab = chromium.new_page()
    tab.goto((folder / "report.html").as_uri())
    assert "1 to 50 of 10,000 answers" in tab.locator("#status").text_content()
    assert tab.locator("#answers article").count() == 50
    assert re.search("first 10,000 answers of more", tab.locator("#bounds").text_content())
    tab.close()
