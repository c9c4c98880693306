"""The one place where settings are read, and where each of them came from.

From the weakest source to the strongest: defaults; a TOML file (`duologue.toml` in the working
directory, or the one that is named); environment variables `DUOLOGUE_SECTION__NAME`; flags.
A name that no section has is refused wherever it stands: a slip must not pass for a default.
"""

import difflib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from duologue.cluster_settings import ClusterSettings
from duologue.errors import InvalidSetting
from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.jwt_settings import JwtSettings
from duologue.service_settings import (
    BatchingSettings,
    GatewaySettings,
    SessionSettings,
    StoreSettings,
    TelemetrySettings,
)
from duologue.settings import (
    DecodingSettings,
    ForwardSettings,
    KVSettings,
    ModelSettings,
    ReplySamplingSettings,
    Settings,
)

DEFAULT_FILE = "duologue.toml"
ENVIRONMENT_PREFIX = "DUOLOGUE_"
OF_A_MODEL = ("model", "kv", "forward", "batching")
"""Sections of which each model may have its own; all models share the others."""

_Sections = dict[str, Any]  # by section, and in it by name
_OriginOf = Callable[[str], str]
_Source = tuple[_Sections, _OriginOf]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings in force, and for each that is not a default the source that set it."""

    settings: Settings
    origins: Mapping[str, str]
    """By `section.name`, in words: a file, an environment variable, or a flag."""


class _Reader(BaseSettings):
    """Turns texts into numbers and lists; the sections check their own ranges."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="none",
        protected_namespaces=(),
    )

    model: ModelSettings = ModelSettings()
    kv: KVSettings = KVSettings()
    forward: ForwardSettings = ForwardSettings()
    decoding: DecodingSettings = DecodingSettings()
    floor: FloorSettings = FloorSettings()
    listening: ListeningSettings = ListeningSettings()
    sampling: ReplySamplingSettings = ReplySamplingSettings()
    store: StoreSettings = StoreSettings()
    batching: BatchingSettings = BatchingSettings()
    sessions: SessionSettings = SessionSettings()
    gateway: GatewaySettings = GatewaySettings()
    cluster: ClusterSettings = ClusterSettings()
    jwt: JwtSettings = JwtSettings()
    telemetry: TelemetrySettings = TelemetrySettings()


def read_configuration(
    file: Path | None = None,
    flags: Sequence[str] = (),
    named_flags: Mapping[str, object] | None = None,
) -> Configuration:
    """Read all sources; `duologue.toml` is optional, a file that is named must exist.

    `flags` are texts "section.name=value"; `named_flags` are values by "section.name", as flags
    of their own give them; a value of None there means that the flag was not used.

    Raises InvalidSetting naming the setting, what is allowed, and the source.
    """
    sources = (_from_file(file), _from_environment(), _from_flags(flags), _named(named_flags or {}))
    merged: _Sections = {}
    origins: dict[str, str] = {}
    for values, origin_of in sources:
        for section, name, value in _entries(values, origin_of):
            merged.setdefault(section, {})[name] = value
            origins[f"{section}.{name}"] = origin_of(f"{section}.{name}")
    return Configuration(_validated(merged, origins), origins)


def with_models_beside(settings: Settings) -> tuple[Settings, ...]:
    """These settings, and for each file of `model.beside` those of the model that it describes.

    Raises InvalidSetting naming the file, also where two models have the same name, or one of
    several has none.
    """
    found = [settings]
    for path in settings.model.beside:
        found.append(_laid_over(settings, Path(path)))
    named = [each.model.name for each in found]
    if len(found) > 1 and None in named:
        raise InvalidSetting(
            "must be set for each of several models, so that sessions can ask for it",
            field="model.name",
        )
    for name in named:
        if named.count(name) > 1:
            raise InvalidSetting(
                f"must be different for each model, not {name!r} twice", field="model.name"
            )
    return tuple(found)


def _laid_over(settings: Settings, path: Path) -> Settings:
    """The settings of the model that a file describes."""
    values, origin_of = _from_file(path)
    given = list(_entries(values, origin_of))
    if others := {section for section, _, _ in given}.difference(OF_A_MODEL):
        raise InvalidSetting(
            f"{path} must hold only settings of a model, in {', '.join(OF_A_MODEL)}, "
            f"not of {', '.join(sorted(others))}"
        )
    if any((section, name) == ("model", "beside") for section, name, _ in given):
        raise InvalidSetting(f"{path} must not name further models itself")
    merged: _Sections = {
        section.name: asdict(getattr(settings, section.name))
        for section in fields(Settings)
        if section.name != "model"
    }
    for section, name, value in given:
        merged.setdefault(section, {})[name] = value
    return _validated(merged, {f"{s}.{n}": str(path) for s, n, _ in given})


def _validated(merged: _Sections, origins: Mapping[str, str]) -> Settings:
    try:
        read = _Reader.model_validate(merged)
    except ValidationError as error:
        raise _with_origin(_first_problem(error), origins) from None
    except InvalidSetting as error:
        raise _with_origin(error, origins) from None
    return Settings(**{field.name: getattr(read, field.name) for field in fields(Settings)})


def setting_names() -> tuple[str, ...]:
    """Every setting as `section.name`, in the order in which the sections define them."""
    sections = fields(Settings)
    return tuple(
        f"{section.name}.{entry.name}"
        for section in sections
        for entry in fields(getattr(Settings(), section.name))
    )


def environment_variable(setting: str) -> str:
    """The variable that sets `section.name`."""
    return ENVIRONMENT_PREFIX + setting.replace(".", "__").upper()


def _from_file(file: Path | None) -> _Source:
    path = file if file is not None else Path(DEFAULT_FILE)
    if file is not None and not path.is_file():
        raise InvalidSetting(f"there is no configuration file {path}")
    try:
        values = TomlConfigSettingsSource(_Reader, toml_file=path)()
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise InvalidSetting(f"cannot read {path}: {error}") from error
    return values, lambda _setting: str(path)


def _from_environment() -> _Source:
    # Only names with a double underscore are ours to judge: clusters put variables such as
    # DUOLOGUE_GATEWAY_PORT into every process.
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(ENVIRONMENT_PREFIX)
        if name != variable.upper() and "__" in name:
            _require_known(name.replace("__", ".", 1).lower(), variable)
    try:
        values: _Sections = EnvSettingsSource(_Reader)()
    except SettingsError as error:
        raise InvalidSetting(f"cannot read the environment: {error}") from error
    for section in filter(_is_section, values.values()):
        section.update({name: _value_of_text(text) for name, text in section.items()})
    return values, environment_variable


def _from_flags(flags: Sequence[str]) -> _Source:
    values: _Sections = {}
    for flag in flags:
        setting, equals, text = flag.partition("=")
        section, dot, name = setting.strip().partition(".")
        if not (equals and dot):
            raise InvalidSetting(f"'{flag}' must have the form section.name=value")
        values.setdefault(section, {})[name] = _value_of_text(text)
    return values, lambda _setting: "--set"


def _named(values: Mapping[str, object]) -> _Source:
    sections: _Sections = {}
    for setting, value in values.items():
        if value is not None:
            section, _, name = setting.partition(".")
            sections.setdefault(section, {})[name] = value
    return sections, lambda _setting: "a flag"


def _value_of_text(text: object) -> object:
    """ "none" and JSON lists as what they mean; numbers are recognised later, by their setting."""
    if not isinstance(text, str) or not text.startswith("["):
        return None if text == "none" else text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _entries(values: _Sections, origin_of: _OriginOf) -> Iterator[tuple[str, str, Any]]:
    for section, content in values.items():
        if not _is_section(content):
            _require_known(section, origin_of(section))
            raise InvalidSetting(f"'{section}' in {origin_of(section)} must be a section")
        for name, value in content.items():
            _require_known(f"{section}.{name}", origin_of(f"{section}.{name}"))
            yield section, name, value


def _is_section(content: object) -> bool:
    return isinstance(content, dict)


def _require_known(setting: str, origin: str) -> None:
    known = setting_names()
    if setting in known or setting in {name.partition(".")[0] for name in known}:
        return
    near = difflib.get_close_matches(setting, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"allowed are {', '.join(known)}"
    raise InvalidSetting(f"unknown setting '{setting}' (from {origin}); {hint}")


# In place of pydantic's words, which presume a reader of Python.
_ALLOWED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "float_parsing": "a number",
    "string_type": "a text",
    "tuple_type": "a list of texts",
}


def _first_problem(error: ValidationError) -> InvalidSetting:
    problem = error.errors(include_url=False)[0]
    section, name = (*map(str, problem["loc"]), "")[:2]
    allowed = _ALLOWED.get(problem["type"]) or problem["msg"].removeprefix("Input should be ")
    return InvalidSetting(f"must be {allowed}, not {problem['input']!r}", field=f"{section}.{name}")


def _with_origin(error: InvalidSetting, origins: Mapping[str, str]) -> InvalidSetting:
    """The same, saying where the value comes from."""
    origin = origins.get(error.field)
    if origin is None:
        return error
    return InvalidSetting(f"{error.problem} (from {origin})", field=error.field)
