"""Duologue in a Pipecat pipeline: a language model that listens while it speaks.

llm = DuologueLLMService(base_url="http://127.0.0.1:50080/v1", api_key=key)
pipeline = Pipeline([transport.input(), stt, llm, tts, transport.output(), llm.playback()])
"""

from duologue_pipecat.frames import Reply, ReplyStartFrame
from duologue_pipecat.playback import DuologuePlayback
from duologue_pipecat.service import DuologueLLMService, DuologueLLMSettings
from duologue_pipecat.turns import DuologueTurns

__all__ = [
    "DuologueLLMService",
    "DuologueLLMSettings",
    "DuologuePlayback",
    "DuologueTurns",
    "Reply",
    "ReplyStartFrame",
]
