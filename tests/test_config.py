"""The configuration: every field checked, nothing hidden, and the same after a round trip through run.yaml."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any

import pytest

from t2t.config import CHANGEABLE, Config, from_mapping, parse_setting
from t2t.errors import UsageError
from t2t.runs import read_config, write_config

FIELDS = {field.name: field for field in dataclasses.fields(Config)}
HINTS = typing.get_type_hints(Config)
TEXTS = {
    "precision": "bf16", "long_targets": "cut", "by": "both", "rates": "equal", "schedule": "linear", "pooling": "mean",
    "head": "crf", "shots_by": "nearest", "rank_by": "pmi", "chat": "on", "pair_loss": "cosine", "share": "all",
    "adapter": "lora", "engine": "ctranslate2", "objective": "ul2",
}  # fmt: skip


def kinds(name: str) -> tuple[Any, ...]:
    hint = HINTS[name]
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(typing.get_origin(option) or option for option in options)


def other(name: str) -> Any:
    """Return a value that is not the default of the field."""
    kind = kinds(name)[0]
    if name == "track":
        return ("tensorboard", "wandb")
    number = 8.5 if name == "mean_span" else 0.03125
    return {int: 7, float: number, bool: True, str: TEXTS.get(name, "some é: text"), tuple: ("a/b", "c/d")}[kind]


def fault(**settings: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        Config(**settings)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_survives_run_yaml(name: str, tmp_path: Path) -> None:
    config = Config(**{name: other(name)})
    assert getattr(config, name) != FIELDS[name].default
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config


@pytest.mark.parametrize("value", [1e-5, 3e-4, 1e-10, 0.1, 1e3])
def test_small_numbers_survive_run_yaml(value: float, tmp_path: Path) -> None:
    write_config(tmp_path, Config(learning_rate=value))
    assert read_config(tmp_path).learning_rate == value


def test_run_yaml_hides_nothing(tmp_path: Path) -> None:
    write_config(tmp_path, Config())
    lines = (tmp_path / "run.yaml").read_text(encoding="utf-8").splitlines()
    assert [line.split(":")[0] for line in lines] == list(FIELDS) == list(Config().as_dict())


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, True, 3, 0.5, "text", ["a"], {"a": 1}, (1, 2), float("nan"), float("inf")])
def test_a_value_of_another_type_is_refused(name: str, value: Any) -> None:
    wanted = kinds(name)
    fits = type(value) in wanted or (float in wanted and type(value) is int)
    if fits and type(value) is not tuple and value == value and value != float("inf"):
        return
    assert f"{name}: expected" in str(fault(**{name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_tokens", 0),
        ("accumulate", -1),
        ("window", 0),
        ("steps", 0),
        ("epochs", 0.0),
        ("minutes", -1.0),
        ("max_input", 1),
        ("max_target", 1),
        ("learning_rate", -1e-9),
        ("warmup_steps", -1),
        ("weight_decay", -0.1),
        ("clip_norm", -1.0),
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("dropout", -0.1),
        ("dropout", 1.0),
        ("eval_every", -1),
        ("save_every", -1),
        ("keep", 0),
        ("log_every", 0),
        ("patience", -1),
        ("seed", -1),
        ("seed", 2**32),
        ("cap", 0),
        ("temperature", 0.0),
        ("train_limit", 0),
        ("eval_limit", 0),
        ("eval_tokens", 0),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: Any) -> None:
    error = fault(**{name: value})
    assert str(error).startswith(f"{name}: expected at ") and error.code == "C01"


def test_every_number_has_a_bound() -> None:
    numbers = [name for name in FIELDS if int in kinds(name) or float in kinds(name)]
    for name in numbers:
        fault(**{name: -(10**6)})


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("precision", "bf61", "bf16"),
        ("long_targets", "cutt", "cut"),
        ("by", "ranks", "rank"),
        ("rates", "eqal", "equal"),
    ],
)
def test_a_word_that_is_not_allowed_is_met_with_the_closest(name: str, value: str, hint: str) -> None:
    assert f'Did you mean "{hint}"' in str(fault(**{name: value}))


def test_8_bits_are_for_answers() -> None:
    with pytest.raises(UsageError, match="training"):
        Config(mix="glue", steps=1, precision="int8").check_trainable()


def test_fp16_is_refused_with_the_reason() -> None:
    error = fault(precision="fp16")
    assert error.code == "M06" and "65,504" in str(error) and "bf16 or fp32" in str(error)


def test_explicit_rates_are_not_a_setting() -> None:
    assert "rates: expected" in str(fault(rates="explicit"))


def test_inverse_sqrt_needs_a_warm_up() -> None:
    assert "warmup_steps" in str(fault(schedule="inverse_sqrt"))
    assert Config(schedule="inverse_sqrt", warmup_steps=10).warmup_steps == 10


@pytest.mark.parametrize(
    "settings",
    [{"steps": 1}, {"mix": "a", "task": ("b/c",), "steps": 1}, {"mix": "a"}, {"mix": "a", "steps": 1, "epochs": 1.0}],
)
def test_what_to_train_on_and_for_how_long_is_said_once(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="^say "):
        Config(**settings).check_trainable()


def test_patience_without_evaluations_is_refused() -> None:
    with pytest.raises(UsageError, match=r"patience.*--eval-every"):
        Config(mix="glue", steps=9, patience=2).check_trainable()
    assert Config(mix="glue", steps=9, patience=2, eval_every=3).check_trainable().patience == 2


def test_a_config_that_can_be_trained_passes() -> None:
    assert Config(mix="glue", minutes=1.0).check_trainable().mix == "glue"
    assert Config(task=("glue/rte",), epochs=1).check_trainable().epochs == 1


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("batch_tokens=512", "batch_tokens", 512),
        ("batch-tokens=512", "batch_tokens", 512),
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("learning-rate=1e-3", "learning_rate", 0.001),
        ("learning_rate=1", "learning_rate", 1),
        ("dropout=1e-1", "dropout", 0.1),
        ("dropout=null", "dropout", None),
        ("pack=true", "pack", True),
        ("mix=glue", "mix", "glue"),
        ("mix=on", "mix", "on"),
        ("out=2024-05-01", "out", "2024-05-01"),
        ("out=a=b", "out", "a=b"),
        ("model=123", "model", "123"),
        ('model="123"', "model", "123"),
        ("task=glue/rte,glue/cola", "task", ("glue/rte", "glue/cola")),
        ("task=[glue/rte, glue/cola]", "task", ("glue/rte", "glue/cola")),
        (" steps =5", "steps", 5),
    ],
)
def test_a_setting_is_parsed_as_its_field_wants_it(text: str, key: str, value: Any) -> None:
    got = parse_setting(text)
    assert got == (key, value) and type(got[1]) is type(value)
    from_mapping(dict([got]))


@pytest.mark.parametrize(
    "text",
    ["steps", "", "steps=[1", "steps=!!python/name:os.system", "steps=2024-99-99", "steps=" + "[" * 1200, "steps=a\x00",
     "learning_rate=fast", "steps={a: 1, a: 2}"],
)  # fmt: skip
def test_a_setting_that_is_none_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_setting(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text", ["steps=1e3", "steps=2.5", "steps=many", "steps=true", "learning_rate=nan", "task=5", "task=", "pack=1"]
)
def test_a_setting_of_another_type_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        from_mapping(dict([parse_setting(text)]))


def test_an_unknown_setting_is_met_with_the_closest() -> None:
    with pytest.raises(UsageError, match='unknown setting "lerning-rate".*Did you mean "learning_rate"') as caught:
        from_mapping({"lerning-rate": 1}, where="c.yaml")
    assert caught.value.where == "c.yaml" and caught.value.code == "C01"


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_settings_are_names_and_values(data: Any) -> None:
    with pytest.raises(UsageError, match="settings by name"):
        from_mapping(data, where="c.yaml")


def test_a_name_that_is_no_text_is_unknown() -> None:
    with pytest.raises(UsageError, match='unknown setting "1"'):
        from_mapping({1: 2})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("mix: glue\nlerning_rate: 1\n", 2, "Did you mean"),
        ("mix: glue\nsteps: many\n", 2, "steps: expected int"),
        ("mix: glue\n\nseed: -1\n", 3, "at least 0"),
        ("mix: glue\nlearning_rate: fast\n", 2, "expected a number"),
        ("mix: glue\nmix: glue\n", 2, "twice"),
        ("", None, "settings by name"),
    ],
)
def test_a_fault_in_run_yaml_names_its_line(text: str, line: int | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said) as caught:
        read_config(tmp_path)
    file = str(tmp_path / "run.yaml")
    assert caught.value.where == (file if line is None else f"{file}:{line}")


def test_a_file_may_say_1e_3(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("learning-rate: 1e-3\n", encoding="utf-8")
    assert read_config(tmp_path).learning_rate == 0.001


def test_a_folder_without_a_run_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run here"):
        read_config(tmp_path)


def test_what_decides_what_is_learned_cannot_change_on_resuming() -> None:
    assert set(CHANGEABLE) <= set(FIELDS)
    fixed = {"mix", "task", "prompt", "source", "rates", "cap", "temperature", "train_limit", "model", "family", "seed",
             "max_input", "max_target", "long_targets", "dropout", "precision", "pack", "batch_tokens", "accumulate",
             "window", "learning_rate", "schedule", "warmup_steps", "optimizer", "weight_decay", "clip_norm",
             "label_smoothing"}  # fmt: skip
    assert not fixed & set(CHANGEABLE)
