"""Which family a model belongs to, by what its files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from t2t.errors import ModelError, UsageError
from t2t.models import FAMILIES, PREFERRED, Options, Place, build, family_of, find
from tests import toy


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ({"is_encoder_decoder": True, "model_type": "t5"}, "seq2seq"),
        ({"model_type": "bert", "architectures": ["BertModel"]}, "encoder"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "encoder"),
        ({"model_type": "roberta", "architectures": ["RobertaForSequenceClassification"]}, "encoder"),
        ({"model_type": "modernbert"}, "encoder"),
        ({"model_type": "xlnet", "architectures": ["XLNetLMHeadModel"]}, "encoder"),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "causal"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "causal"),
        ({"model_type": "qwen2"}, "causal"),
        ({"gguf": "model.gguf"}, "causal"),
        ({"baseline": "tfidf"}, "baseline"),
    ],
)
def test_the_family_is_read_from_the_config(config: dict[str, Any], family: str) -> None:
    assert family_of(config) == family


def test_a_model_of_no_family_is_an_error() -> None:
    with pytest.raises(ModelError, match='type "clip"'):
        family_of({"model_type": "clip"})


def test_saved_heads_say_that_a_folder_is_an_encoders(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}))
    assert find(str(tmp_path)).family == "causal"
    (tmp_path / "t2t_heads.json").write_text("{}")
    assert find(str(tmp_path)).family == "encoder"
    assert find(str(tmp_path), "causal").family == "causal"
    (tmp_path / "t2t_cloze.json").write_text("{}")
    assert find(str(tmp_path)).family == "cloze" and find(str(tmp_path), "encoder").family == "encoder"


def test_a_family_may_be_forced_but_must_exist() -> None:
    assert find("t2t-mini").family == "seq2seq" and find("baseline:tfidf").config == {"baseline": "tfidf"}
    with pytest.raises(UsageError, match='Did you mean "encoder"'):
        find("t2t-mini", "encode")
    assert set(PREFERRED) < set(FAMILIES)


def test_a_folder_with_one_gguf_file_is_a_causal_model(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    assert find(str(tmp_path)) == find(str(tmp_path / "a.gguf")) == (str(tmp_path), {"gguf": "a.gguf"}, "causal")


@pytest.mark.parametrize("family", ["causal", "encoder", "bi_encoder", "cloze"])
def test_beams_are_refused_where_nothing_searches_with_them(family: str) -> None:
    with pytest.raises(UsageError, match="beams"):
        build(Place("none", {}, family), Options(beams=4))


@pytest.mark.parametrize(("kind", "family"), [("t5", "seq2seq"), ("bert", "encoder"), ("gpt2", "causal")])
def test_random_weights_are_fp32_whatever_the_config_says(kind: str, family: str, tmp_path: Path) -> None:
    """transformers makes them in the config's own dtype; weights that are trained are the master copy."""
    AutoTokenizer.from_pretrained(toy.MINI).save_pretrained(tmp_path)
    shape = {"t5": {"d_model": 8, "d_ff": 8, "num_layers": 1}, "bert": {"hidden_size": 12, "num_hidden_layers": 1}}
    how = {"vocab_size": 8128, "pad_token_id": 0, "decoder_start_token_id": 0, **shape.get(kind, {"n_layer": 1})}
    config = AutoConfig.for_model(kind, **how).to_dict()
    (tmp_path / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    net = build(find(str(tmp_path), family), Options(fresh=True)).net
    assert net is not None and {p.dtype for p in net.parameters()} == {torch.float32}
