"""A chat completion with OpenAI's official client, as it is said.

Needs `pip install openai`, and DUOLOGUE_HTTP (such as http://127.0.0.1:50080/v1) and
DUOLOGUE_API_KEY.
"""

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ["DUOLOGUE_HTTP"], api_key=os.environ["DUOLOGUE_API_KEY"])
print("models:", [model.id for model in client.models.list()])
stream = client.chat.completions.create(
    model="default",
    messages=[{"role": "user", "content": "What is the sea made of?"}],
    max_completion_tokens=40,
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
