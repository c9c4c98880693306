"""Which device a model runs on and in which number format."""

from pathlib import Path

import torch

from duologue.errors import InvalidSetting

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DEVICE_KINDS = ("cpu", "cuda", "mps")

# Flags by which Linux reports that a processor multiplies bfloat16 matrices itself (x86 and Arm).
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes CUDA where it is present and the CPU otherwise.

    Raises InvalidSetting for a name that is unknown or a device that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in DEVICE_KINDS or (index and not index.isdecimal()):
        raise InvalidSetting(
            f"is '{name}'; allowed are auto, {', '.join(DEVICE_KINDS)},"
            " and a numbered one such as cuda:0",
            field="model.device",
        )
    if not _is_present(kind, int(index or 0)):
        raise InvalidSetting(
            f"is '{name}', but this machine has no such device", field="model.device"
        )
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number format of that name; "auto" takes bfloat16 where the device computes in it.

    Raises InvalidSetting for an unknown name.
    """
    if name == "auto":
        return torch.bfloat16 if computes_in_bfloat16(device) else torch.float32
    if name not in DTYPES:
        raise InvalidSetting(
            f"is '{name}'; allowed are auto, {', '.join(DTYPES)}", field="model.dtype"
        )
    return DTYPES[name]


def computes_in_bfloat16(device: torch.device, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether bfloat16 is computed by the device itself rather than emulated.

    Where the processor does not say (no /proc/cpuinfo), the answer is no: emulation is slow, and
    float32 is right everywhere.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    lines = (line.partition(":") for line in text.splitlines())
    flags = next((value for key, _, value in lines if key.strip() in ("flags", "Features")), "")
    return not _BFLOAT16_FLAGS.isdisjoint(flags.split())


def _is_present(kind: str, index: int) -> bool:
    if kind == "cuda":
        return index < torch.cuda.device_count()
    if kind == "mps":
        return index == 0 and torch.backends.mps.is_available()
    return index == 0
