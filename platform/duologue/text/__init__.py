"""Text in and out of the engine: tokens, chat markup, streaming both ways; free of torch."""
