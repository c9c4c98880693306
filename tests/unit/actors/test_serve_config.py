"""The Serve config file says all that the applications need, in a form that Serve takes."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ray.serve.schema import ServeDeploySchema
from typer.testing import CliRunner

from duologue.actors.serve_config import given_settings, serve_config
from duologue.actors.serving import ModelArguments, NodesArguments, app
from duologue.cli.main import app as command
from duologue.service_settings import BatchingSettings, StoreSettings
from duologue.settings import (
    DecodingSettings,
    KVSettings,
    ModelSettings,
    ReplySamplingSettings,
    Settings,
)

SETTINGS = st.builds(
    Settings,
    model=st.builds(
        ModelSettings, name=st.sampled_from(["a", None]), adapter=st.sampled_from(["here", None])
    ),
    kv=st.builds(KVSettings, memory_mib=st.integers(1, 100)),
    decoding=st.builds(
        DecodingSettings,
        context_limit_tokens=st.none() | st.integers(256, 999),
        system_prompt=st.sampled_from(["none", '["a"]', "", "=x"]) | st.text(max_size=9),
    ),
    sampling=st.builds(
        ReplySamplingSettings,
        temperature=st.floats(0.01, 2),
        stop_strings=st.lists(st.text("ab", min_size=1), max_size=2).map(tuple),
    ),
)


@given(SETTINGS)
def test_what_it_says_is_read_back_as_it_was(settings: Settings) -> None:
    said = json.loads(json.dumps(given_settings(settings)))
    assert ModelArguments(settings=said).read() == settings


def test_secrets_and_gateways_are_left_out() -> None:
    settings = Settings(store=StoreSettings(url="redis://:secret@x", lease_ms=999))
    document = serve_config(settings)
    assert "secret" not in json.dumps(document)
    assert document["applications"][0]["args"]["settings"]["store.lease_ms"] == 999


def test_serve_takes_it() -> None:
    settings = Settings(model=ModelSettings(name="small"))
    document = serve_config(settings, num_gpus=1, device_resource="duologue_device")
    read = ServeDeploySchema.model_validate(document)
    assert [each.name for each in read.applications] == ["model-small", "nodes"]
    model, nodes = (each.args for each in read.applications)
    arguments = ModelArguments.model_validate(model)
    assert (arguments.num_gpus, arguments.resources) == (1, {"duologue_device": 1})
    assert NodesArguments.model_validate(nodes).resource == "duologue_node"


def test_a_number_that_follows_the_load() -> None:
    settings = {"batching.num_batchers": 2, "batching.max_batchers": 5, "batching.drain_ms": 9_000}
    deployment = app(ModelArguments(settings=settings))._bound_deployment
    options = deployment._deployment_config
    scaling = options.autoscaling_config
    assert scaling is not None
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 5)
    assert options.graceful_shutdown_timeout_s > BatchingSettings(drain_ms=9_000).drain_ms / 1e3


def test_an_argument_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="num_gpu\n"):
        ModelArguments.model_validate({"num_gpu": 1})


def test_the_command_prints_it() -> None:
    flags = ("-s", "model.name=small", "--gpus", "1", "--node-resource", "there")
    result = CliRunner().invoke(command, ["config", "serve", *flags])
    assert result.exit_code == 0
    document = yaml.safe_load(result.stdout)
    settings = Settings(model=ModelSettings(name="small"))
    assert document == serve_config(settings, num_gpus=1, node_resource="there")
