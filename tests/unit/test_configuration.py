"""Settings: ranges, sources and their order, origins, and refusals that name what is wrong."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any, get_args

import pytest

from duologue import configuration
from duologue.configuration import (
    environment_variable,
    read_configuration,
    setting_names,
    with_models_beside,
)
from duologue.errors import InvalidSetting
from duologue.model.device import DTYPES
from duologue.settings import (
    DecodingSettings,
    DtypeName,
    ForwardSettings,
    KVSettings,
    ModelSettings,
    ReplySamplingSettings,
    Settings,
)


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in setting_names():
        monkeypatch.delenv(environment_variable(setting), raising=False)
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "duologue.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_without_any_source() -> None:
    read = read_configuration()
    assert read.settings == Settings()
    assert read.origins == {}


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().kv.memory_mib = 1  # type: ignore[misc]


def test_every_section_is_read() -> None:
    reader_sections = set(configuration._Reader.model_fields)
    assert reader_sections == {section.name for section in fields(Settings)}


def test_stronger_sources_win_setting_by_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        "[decoding]\ntick_ms = 100\nlook_ahead_tokens = 1\nmax_reply_tokens = 11\n"
        "[kv]\nmemory_mib = 7\n"
    )
    monkeypatch.setenv("DUOLOGUE_DECODING__TICK_MS", "200")
    monkeypatch.setenv("DUOLOGUE_DECODING__LOOK_AHEAD_TOKENS", "2")
    read = read_configuration(flags=["decoding.tick_ms=300"], named_flags={"model.device": "cpu"})
    decoding = read.settings.decoding
    assert decoding.tick_ms == 300
    assert decoding.look_ahead_tokens == 2
    assert decoding.max_reply_tokens == 11
    assert read.settings.kv.memory_mib == 7
    assert read.settings.model.device == "cpu"
    assert read.origins == {
        "decoding.tick_ms": "--set",
        "decoding.look_ahead_tokens": "DUOLOGUE_DECODING__LOOK_AHEAD_TOKENS",
        "decoding.max_reply_tokens": "duologue.toml",
        "kv.memory_mib": "duologue.toml",
        "model.device": "a flag",
    }


def test_texts_become_what_the_setting_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_SAMPLING__STOP_STRINGS", '["a", "[b]"]')
    monkeypatch.setenv("DUOLOGUE_DECODING__CONTEXT_LIMIT_TOKENS", "none")
    read = read_configuration(
        flags=["sampling.temperature=0.7", "model.adapter=none", "decoding.system_prompt=a = b"]
    )
    assert read.settings.sampling.stop_strings == ("a", "[b]")
    assert read.settings.sampling.temperature == 0.7
    assert read.settings.decoding.context_limit_tokens is None
    assert read.settings.model.adapter is None
    assert read.settings.decoding.system_prompt == "a = b"


def test_unused_flags_do_not_count() -> None:
    assert read_configuration(named_flags={"model.source": None}).origins == {}


def test_the_named_file_is_read_instead_of_the_usual_one() -> None:
    write("[kv]\nmemory_mib = 1")
    other = write("[kv]\nmemory_mib = 2", "other.toml")
    assert read_configuration(other).settings.kv.memory_mib == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[decoding]\ntik_ms = 1", "unknown setting 'decoding.tik_ms' .*mean 'decoding.tick_ms'"),
        ("[decodin]\ntick_ms = 1", "unknown setting 'decodin.tick_ms' .*'decoding.tick_ms'"),
        ("tick_ms = 1", "unknown setting 'tick_ms' .*mean 'decoding.tick_ms'"),
        ("decoding = 1", "'decoding' in duologue.toml must be a section"),
        ("[decoding", "cannot read duologue.toml"),
        ("[decoding]\ntick_ms = 'x'", "decoding.tick_ms must be a whole number, not 'x'"),
        ("[decoding]\ntick_ms = 1.5", "decoding.tick_ms must be a whole number, not 1.5"),
        ("[decoding]\ntick_ms = 9", "must be a whole number from 10 to 10000, not 9"),
        ("[decoding]\nstrategy = 'x'", "must be 'duo', 'tdm', 'turn' or 'listen', not 'x'"),
        ("[sampling]\nstop_strings = 'x'", "sampling.stop_strings must be a list of texts"),
        ("[sampling]\ntop_p = 2.0", "sampling.top_p must be"),
    ],
)
def test_a_bad_file_is_refused_by_name(text: str, message: str) -> None:
    write(text)
    with pytest.raises(InvalidSetting, match=message) as raised:
        read_configuration()
    assert "duologue.toml" in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DUOLOGUE_KV__MEMRY_MIB", "1", "unknown setting 'kv.memry_mib' .*did you mean 'kv.memory"),
        ("DUOLOGUE_KV__MEMORY_MIB", "lots", "kv.memory_mib must be a whole number, not 'lots'"),
        ("DUOLOGUE_KV__MEMORY_MIB", "0", "kv.memory_mib must be a whole number from 1"),
        ("DUOLOGUE_KV", "3", "'kv' in DUOLOGUE_KV must be a section"),
        ("DUOLOGUE_KV", "{", "cannot read the environment"),
    ],
)
def test_a_bad_variable_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting, match=message):
        read_configuration()


def test_variables_of_the_cluster_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_GATEWAY_PORT", "tcp://10.0.0.1:50051")
    monkeypatch.setenv("DUOLOGUE_CACHE", "somewhere")
    assert read_configuration().settings == Settings()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("tick_ms=1", "must have the form section.name=value"),
        ("decoding.tick_ms", "must have the form section.name=value"),
        ("decoding.strateg=duo", "did you mean 'decoding.strategy'"),
        ("kv.memory_mib=-1", r"from 1 to \d+, not -1 \(from --set\)"),
    ],
)
def test_a_bad_flag_is_refused_by_name(flag: str, message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        read_configuration(flags=[flag])


def test_a_missing_named_file_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"no configuration file nowhere\.toml"):
        read_configuration(Path("nowhere.toml"))


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (ModelSettings, {"source": ""}),
        (ModelSettings, {"device": ""}),
        (ModelSettings, {"dtype": "int8"}),
        (ModelSettings, {"adapter": ""}),
        (KVSettings, {"memory_mib": 0}),
        (KVSettings, {"memory_mib": True}),
        (ForwardSettings, {"max_rows": 0}),
        (ForwardSettings, {"max_rows": 64}),  # fewer than the default chunk
        (ForwardSettings, {"prefill_chunk_rows": 513}),
        (DecodingSettings, {"strategy": "half"}),
        (DecodingSettings, {"promotion": "merge"}),
        (DecodingSettings, {"tick_ms": 9}),
        (DecodingSettings, {"look_ahead_tokens": -1}),
        (DecodingSettings, {"reply_tokens_per_slice": 0}),
        (DecodingSettings, {"reply_tokens_per_second": -1.0}),
        (DecodingSettings, {"reply_tokens_per_second": 1e-9}),
        (DecodingSettings, {"reply_tokens_per_second": float("inf")}),
        (DecodingSettings, {"reply_ahead_tokens": 0}),
        (DecodingSettings, {"reconsider_after_ms": 2000}),  # after the decision
        (DecodingSettings, {"reconsider_scale": 1.5}),
        (DecodingSettings, {"reconsider_scale": float("nan")}),
        (DecodingSettings, {"context_limit_tokens": 31}),
        (DecodingSettings, {"max_reply_tokens": 0}),
        (ReplySamplingSettings, {"temperature": -1.0}),
        (ReplySamplingSettings, {"stop_strings": ("",)}),
        (ReplySamplingSettings, {"stop_strings": ("x",) * 17}),
    ],
)
def test_out_of_range(section: Any, values: dict[str, object]) -> None:
    with pytest.raises(InvalidSetting, match=r"^(model|kv|forward|decoding|sampling)\.\w+ must be"):
        section(**values)


def test_dtype_names_are_those_that_loading_knows() -> None:
    assert set(get_args(DtypeName)) == {"auto", *DTYPES}


def test_reply_sampling_is_what_the_sampler_takes() -> None:
    settings = ReplySamplingSettings(temperature=0.5, stop_strings=("User:",))
    assert not settings.is_greedy
    assert settings.stop_strings == ("User:",)


def settings_with(*files: str, name: str | None = "first") -> Settings:
    return Settings(
        model=ModelSettings(name=name, adapter="mine", beside=files), kv=KVSettings(memory_mib=7)
    )


def test_a_model_beside_has_its_own_and_shares_the_rest() -> None:
    write("[model]\nname = 'second'\nsource = 'x'\n[batching]\nnum_batchers = 2", "b.toml")
    first, second = with_models_beside(settings_with("b.toml"))
    assert first == settings_with("b.toml")
    assert second.model == ModelSettings(name="second", source="x")  # and not the other's adapter
    assert (second.batching.num_batchers, second.kv.memory_mib) == (2, 7)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("[model]\nsource = 'x'", "first", "model.name must be set for each of several models"),
        ("[model]\nname = 'second'", None, "model.name must be set for each of several models"),
        ("[model]\nname = 'first'", "first", "must be different for each model, not 'first'"),
        ("[model]\nname = 'a b'", "first", "model.name must be 1 to 63 letters.*from .*b.toml"),
        ("[store]\nurl = 'redis://x'", "first", "b.toml must hold only .* not of store"),
        ("[model]\nbeside = ['c.toml']", "first", "b.toml must not name further models"),
        ("[model]\nsorce = 'x'", "first", "unknown setting 'model.sorce' .*b.toml"),
    ],
)
def test_a_bad_model_beside_is_refused_by_name(text: str, name: str | None, message: str) -> None:
    write(text, "b.toml")
    with pytest.raises(InvalidSetting, match=message):
        with_models_beside(settings_with("b.toml", name=name))
