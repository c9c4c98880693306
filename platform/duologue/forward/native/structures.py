"""The structures of attention.h, field by field."""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p
from typing import Any, ClassVar

import torch

DIM_BLOCK = 16
MAX_DIM = 256

TYPES = {torch.bfloat16: 0, torch.float32: 1}
"""The numbers of the types that kernels know."""


class SlotRowsStruct(ctypes.Structure):
    """`duologue_slot_rows`: the rows of one forward that lie in one slot."""

    _fields_: ClassVar[Any] = [
        ("table", c_void_p),
        ("owners", c_void_p),
        ("positions", c_void_p),
        ("num_entries", c_int32),
        ("first_row", c_int32),
        ("num_rows", c_int32),
    ]


class PlanStruct(ctypes.Structure):
    """`duologue_attention_plan`: what all layers of a forward share."""

    _fields_: ClassVar[Any] = [
        ("kv_heads", c_int32),
        ("group", c_int32),
        ("dim", c_int32),
        ("cell_type", c_int32),
        ("num_slot_rows", c_int64),
        ("slot_rows", POINTER(SlotRowsStruct)),
        ("row_channels", c_void_p),
        ("row_positions", c_void_p),
        ("row_cells", c_void_p),
    ]


class AttentionLayerStruct(ctypes.Structure):
    """`duologue_attention_layer`: what one layer brings."""

    _fields_: ClassVar[Any] = [
        ("keys", c_void_p),
        ("values", c_void_p),
        ("visible", c_void_p),
        ("queries", c_void_p),
        ("new_keys", c_void_p),
        ("new_values", c_void_p),
        ("row_stride", c_int64),
        ("input_type", c_int32),
        ("rotated", c_int32),
        ("cosines", c_void_p),
        ("sines", c_void_p),
        ("scale", c_float),
        ("result_type", c_int32),
        ("results", c_void_p),
        ("result_stride", c_int64),
        ("task_step", c_int32),
    ]


def declare(library: ctypes.CDLL) -> None:
    """Tell ctypes what the functions of attention.h take and give."""
    plan, layer = POINTER(PlanStruct), POINTER(AttentionLayerStruct)
    functions: dict[str, tuple[list[Any], Any]] = {
        "duologue_visible_words": ([plan], c_int64),
        "duologue_see": ([plan, c_int32, c_void_p], None),
        "duologue_attention_tasks": ([plan], c_int64),
        "duologue_attend": ([plan, layer, c_int64, c_int64], None),
        "duologue_exponentials": ([c_void_p, c_void_p, c_int64], None),
    }
    for name, (takes, gives) in functions.items():
        function = getattr(library, name)
        function.argtypes, function.restype = takes, gives
