"""A chat model of LangChain, routed: ``python -m examples.langchain_chat``."""

from __future__ import annotations

from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from pydantic import BaseModel

from examples.setting import loopback_executor
from router_ml.integrations.langchain import ChatRouter


@tool  # type: ignore[untyped-decorator]
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"18 degrees and sunny in {city}"


class Capital(BaseModel):
    """A capital and how many people live there."""

    city: str
    inhabitants: int


def main() -> None:
    """A chain, a stream, a class, and a round of a tool that this program calls itself."""
    with loopback_executor() as executor:
        chat = ChatRouter(executor=executor, request={"metadata": {"org": "pilot"}})
        chain = ChatPromptTemplate.from_template("What is the capital of {country}?") | chat | StrOutputParser()
        print(chain.invoke({"country": "France"}))
        print("".join(chunk.text for chunk in chat.stream("What is the capital of Spain?")))
        print(chat.with_structured_output(Capital).invoke("What is the capital of Italy?"))
        question = HumanMessage("What is the weather in Paris?")
        message = chat.bind_tools([get_weather], tool_choice="any").invoke([question])
        results = [get_weather.invoke(call) for call in message.tool_calls]
        answer = chat.invoke([question, message, *results])
        print(answer.text, answer.response_metadata["decision_id"], answer.response_metadata["lane"])


if __name__ == "__main__":
    main()
