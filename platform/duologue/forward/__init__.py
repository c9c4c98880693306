"""The merged forward: rows of every session's both channels in one pass through the model."""
