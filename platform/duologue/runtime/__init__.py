"""Everything in one process: the engine, its sessions and a clock."""
