"""Duologue in a LiveKit agent: a language model that listens while it speaks, and a turn detector.

model = LLM(base_url="http://127.0.0.1:50080/v1", api_key=key)
session = AgentSession(stt=stt, llm=model, tts=tts, turn_handling=TURN_HANDLING)
model.hear(session)
"""

from duologue_livekit.duplex import TURN_HANDLING
from duologue_livekit.model import LLM, LLMSettings
from duologue_livekit.playback import Playback
from duologue_livekit.turn_detector import TurnDetector

__all__ = ["LLM", "TURN_HANDLING", "LLMSettings", "Playback", "TurnDetector"]
