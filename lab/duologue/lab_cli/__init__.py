"""The commands of the lab: what teaches a model, and what measures an engine."""
