"""The questions of the decision tree on a terminal, and what is recommended in words."""

from collections.abc import Callable, Iterator, Mapping

from django.utils.translation import gettext as _

from orchestrator.workflow.advice.advising import Advice
from orchestrator.workflow.advice.options import Option
from orchestrator.workflow.advice.questions import Question, missing

Ask = Callable[[str], str]


def answered(given: Mapping[str, str], ask: Ask) -> dict[str, str]:
    """Return all answers: those given, and the rest asked one by one until each is one."""
    answers = dict(given)
    while left := missing(answers):
        question = left[0]
        said = ask(_asked(question)).strip()
        number = int(said) if said.isdecimal() else 0
        if 1 <= number <= len(question.choices):
            answers[question.name] = question.choices[number - 1].value
    return answers


def told(advice: Advice) -> Iterator[str]:
    """Yield what is recommended as lines of a YAML comment, before the file itself."""
    for option in (advice.approach, advice.pattern, advice.topology):
        if option is not None:
            yield from _option(option)


def _asked(question: Question) -> str:
    lines = ["", _(question.text), _(question.hint)]
    lines += [f"  {n}. {_(choice.label)}" for n, choice in enumerate(question.choices, start=1)]
    return "\n".join([*lines, "> "])


def _option(option: Option) -> Iterator[str]:
    yield f"# {_(option.title)}: {_(option.summary)}"
    yield from (f"#   + {_(gain)}" for gain in option.gains)
    yield from (f"#   - {_(cost)}" for cost in option.costs)
