"""The structures of forward.h, field by field."""

from ctypes import POINTER, Structure, c_float, c_int32, c_int64, c_void_p
from typing import Any, ClassVar

from duologue.forward.native.structures import PlanStruct, SlotRowsStruct


class ReachStruct(Structure):
    """`duologue_reach`: which ranks of an update reach a block of outputs."""

    _fields_: ClassVar[Any] = [
        ("first", c_int32 * 2),
        ("count", c_int32),
        ("start", c_int32),
    ]


class LinearStruct(Structure):
    """`duologue_linear`: a packed layer, or several that read the same states."""

    _fields_: ClassVar[Any] = [
        ("weights", c_void_p),
        ("bias", c_void_p),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("down", c_void_p),
        ("up", c_void_p),
        ("reach", c_void_p),
        ("rank", c_int32),
        ("is_int8", c_int32),
    ]


class LayerStruct(Structure):
    """`duologue_layer`: one decoder layer."""

    _fields_: ClassVar[Any] = [
        ("qkv", LinearStruct),
        ("output", LinearStruct),
        ("gate_up", LinearStruct),
        ("down", LinearStruct),
        ("attention_norm", c_void_p),
        ("mlp_norm", c_void_p),
        ("query_norm", c_void_p),
        ("key_norm", c_void_p),
    ]


class ModelStruct(Structure):
    """`duologue_model`: a Llama-like model."""

    _fields_: ClassVar[Any] = [
        ("layers", POINTER(LayerStruct)),
        ("final_norm", c_void_p),
        ("embedding", c_void_p),
        ("head", LinearStruct),
        ("num_layers", c_int32),
        ("hidden", c_int32),
        ("heads", c_int32),
        ("kv_heads", c_int32),
        ("dim", c_int32),
        ("inner", c_int32),
        ("vocabulary", c_int32),
        ("format", c_int32),
        ("rotated", c_int32),
        ("window", c_int32),
        ("eps", c_float),
        ("scale", c_float),
    ]


class RowsStruct(Structure):
    """`duologue_rows`: all rows of a forward, and what is read of them."""

    _fields_: ClassVar[Any] = [
        ("num_rows", c_int64),
        ("tokens", c_void_p),
        ("cosines", c_void_p),
        ("sines", c_void_p),
        ("plan", POINTER(PlanStruct)),
        ("keys", c_void_p),
        ("values", c_void_p),
        ("visible", c_void_p),
        ("num_input_rows", c_int64),
        ("input_rows", c_void_p),
        ("leave_after", c_int32),
        ("num_staying", c_int64),
        ("staying", c_void_p),
        ("num_asked", c_int64),
        ("asked", c_void_p),
        ("num_logits", c_int64),
        ("logit_places", c_void_p),
        ("logits", c_void_p),
        ("num_hidden", c_int64),
        ("hidden_rows", c_void_p),
        ("hidden_places", c_void_p),
        ("num_hidden_layers", c_int64),
        ("hidden_layers", c_void_p),
        ("hidden", c_void_p),
        ("workspace", c_void_p),
        ("threads", c_int32),
    ]


IN_ORDER: tuple[type[Structure], ...] = (
    SlotRowsStruct,
    PlanStruct,
    ReachStruct,
    LinearStruct,
    LayerStruct,
    ModelStruct,
    RowsStruct,
)
"""As duologue_structure_bytes tells their sizes."""
