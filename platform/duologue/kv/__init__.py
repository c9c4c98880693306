"""Key/value memory: blocks of cells, each cell labelled with its channel and its position."""
