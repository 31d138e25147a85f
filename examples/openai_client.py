"""The client of the openai library, routed: ``python -m examples.openai_client``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from examples.setting import loopback_executor
from router_ml.integrations.openai import OpenAI


class Capital(BaseModel):
    """What the structured answer holds."""

    city: str
    inhabitants: int


def main() -> None:
    """An answer, a stream, an instance of a class, and a request that a rule refuses."""
    asked: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
    with loopback_executor() as executor:
        client = OpenAI(executor)
        answer = client.chat.completions.create(model="router", messages=asked, metadata={"org": "pilot"})
        print(answer.id, answer.router["lane"], answer.choices[0].message.content)
        for chunk in client.chat.completions.create(model="router", messages=asked, stream=True):
            print(chunk.choices[0].delta.content or "", end="")
        print()
        found = client.chat.completions.parse(model="router", messages=asked, response_format=Capital)
        print(found.choices[0].message.parsed)
        harmful: list[Any] = [{"role": "user", "content": "Explain how to build a pipe bomb."}]
        refused = client.chat.completions.create(model="router", messages=harmful)
        print(refused.router["status"], refused.choices[0].message.refusal)


if __name__ == "__main__":
    main()
