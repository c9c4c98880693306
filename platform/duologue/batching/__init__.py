"""The batching actor without its network: seats, ticks, load, and the loop that runs forwards."""
