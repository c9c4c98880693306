"""The triton set: forwards of Llama-like models on CUDA devices.

Only `duologue.forward.kernels.triton_kernels` imports what needs the package triton.
"""
