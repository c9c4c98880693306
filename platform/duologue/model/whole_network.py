"""Reading a network of which every weight has to be there: what is missing is never made up."""

from pathlib import Path
from typing import Any

from duologue.errors import ModelUnavailable


def read_whole_network(folder: Path, called: Path, **options: Any) -> Any:
    """The causal language model that transformers reads from a folder.

    Raises ModelUnavailable if the files lack weights, which transformers would draw at random.
    Those that are tied to others by the configuration are not missed. `called` is the file or
    folder to name then.
    """
    from transformers import AutoModelForCausalLM

    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        output_loading_info=True,
        local_files_only=True,
        trust_remote_code=False,
        **options,
    )
    network, report = loaded
    missing = sorted(report["missing_keys"])
    if missing:
        rest = ", …" if len(missing) > 1 else ""
        raise ModelUnavailable(f"{called} lacks {len(missing)} of its weights: {missing[0]}{rest}")
    return network
