"""The table of policy tests of some answers: what the rules have to do, said once more and apart from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from router_ml.cli.starter.answers import Answers

_HEAD = """\
# What the rules of router.yaml have to do: router-ml policy test policy_tests.yaml --config router.yaml
# "facts" are judged by the rules alone, a "request" by the whole router; what an example does not expect is not asked.
# Add a line for every rule that somebody relies on: a change that breaks it then says so before it is in force.
"""
_PERSON = "{action: human_review}"
_HARD = """
- name: disallowed content is refused
  facts: {risk: [harmful]}
  expect: {action: refuse}
- name: an injection gets no tools and a plain answer
  facts: {risk: [prompt_injection]}
  expect: {tools: [], output_contract: strict, explore: false}
- name: decisions about employment are made by people
  facts: {risk: [employment_decision], domain: hr}
  expect: {action: human_review, queue: hr-review}
- name: a change without a tool goes to a person
  facts: {risk: [state_change]}
  expect: {action: human_review, queue: operations}
"""
_OF_TOOLS = """\
- name: a change with its tool is approved first
  facts: {risk: [state_change], tool: [refund]}
  expect: {tools: [refund], approval: true, explore: false}
- name: a refund that nobody may make goes to a person
  request: {text: "Refund my order 8812, please.", channel: web}
  expect: {action: human_review, queue: operations}
"""


def policy_tests(answers: Answers) -> str:
    """The text of ``policy_tests.yaml``."""
    private = _lanes(answers.private) if answers.private else _PERSON
    parts = [_HEAD, *_destinations(answers, private), _HARD, _OF_TOOLS if answers.tools else ""]
    parts.append("\n# The whole router\n")
    plain = "{action: route}" if answers.open_to_all else _PERSON
    parts.append(_example("a plain question", "request: What is the capital of Portugal?", plain))
    text = "request: Write a kind reply to jane.doe@gmail.com about her parcel."
    return "".join([*parts, _example("an address in the text", text, private)])


def _destinations(answers: Answers, private: str) -> Iterator[str]:
    """Where requests may go."""
    facts, where = "facts: {domain: general, channel: web}", "stays on our machines" if answers.private else "waits"
    if answers.users == "eu":
        yield _example("any request stays in the EU", facts, _lanes(answers.european))
    else:
        yield _example("an ordinary request may go anywhere", facts, _lanes(answers.lanes))
    yield _example(f"personal data {where}", "facts: {risk: [pii], finding: [email]}", private)
    yield _example(f"a credential {where}", "facts: {risk: [secrets]}", private)
    yield _example(f"what could not be scanned {where}", "facts: {guard_state: unknown}", private)
    if answers.users == "both":
        yield _example("requests of EU users stay in the EU", "facts: {region: eu}", _lanes(answers.european))


def _example(name: str, given: str, expected: str) -> str:
    return f"- name: {name}\n  {given}\n  expect: {expected}\n"


def _lanes(lanes: Sequence[str]) -> str:
    return f"{{action: route, lanes: [{', '.join(lanes)}]}}" if lanes else _PERSON
