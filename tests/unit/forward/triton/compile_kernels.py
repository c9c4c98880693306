"""Compiles the kernels for a device that need not be there: `python -m ... CAPABILITY FORMAT`.

A process of its own: in those of the tests, kernels are played by the interpreter.
"""

import sys
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from duologue.forward.triton import attention_kernels, layer_kernels

HEADS = {"KV_HEADS": 8, "GROUP": 4, "DIM": 80, "DIM_TILE": 128}


def main(capability: int, kind: str) -> None:
    def types(names: str, *floats: str, **others: str) -> dict[str, str]:
        return dict.fromkeys(names.split(), f"*{kind}") | dict.fromkeys(floats, "*fp32") | others

    plan = {"items": "*i32", "plan": "*i32", "scale": "fp32", "num_rows": "i32"}
    whole = types("queries keys values results maxima sums", **plan)
    parts = types("queries keys values", "results", "maxima", "sums", **plan)
    attend, target = attention_kernels.attend_blocks, GPUTarget("cuda", capability, 32)

    def build(kernel: Any, arguments: dict[str, str], sizes: dict[str, Any], **how: int) -> None:
        names = kernel.arg_names
        source = ASTSource(
            fn=kernel,
            signature={name: arguments.get(name, "constexpr") for name in names},
            constexprs={(names.index(name),): size for name, size in sizes.items()},
        )
        built = triton.compile(source, target=target, options=how)
        print(kernel.fn.__name__, len(built.asm["cubin"]), built.metadata.shared)

    build(attend, whole, {**HEADS, "TILE": 16, "PARTS": 1}, num_warps=4, num_stages=3)
    build(attend, parts, {**HEADS, "TILE": 64, "PARTS": 4}, num_warps=4, num_stages=2)
    build(
        attention_kernels.combine_parts,
        types("results", "mixed", "maxima", "sums", cells="*i32", num_rows="i32"),
        {"HEADS": 32, "DIM": 80, "DIM_TILE": 128, "PARTS": 4},
        num_warps=2,
    )
    for adds in (True, False):
        build(
            layer_kernels.add_and_norm,
            types("change normed", "states", "weights", eps="fp32"),
            {"ADDS": adds, "WIDTH": 2560, "WIDTH_TILE": 4096},
            num_warps=8,
        )
    rotated = types("fused queries keys values", "cosines", "sines", "query_norm", "key_norm")
    for norms in (True, False):
        build(
            layer_kernels.rotate_and_write,
            rotated | {"cells": "*i32", "eps": "fp32"},
            {**HEADS, "GROUP_TILE": 8, "HALF": 40, "NORMS": norms},
            num_warps=1,
        )
    build(layer_kernels.gate, types("both results"), {"INNER": 8000, "TILE": 1024})
    build(
        layer_kernels.add_update,
        types("lowered up results", inputs="*i32", num_rows="i32"),
        {"OUTPUTS": 4000, "RANK": 48, "RANK_TILE": 16, "ROW_TILE": 16, "OUTPUT_TILE": 128},
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
