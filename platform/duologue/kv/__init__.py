"""Key/value memory: slots of cells, each labelled with its channel and its position."""
