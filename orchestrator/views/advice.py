"""The page that asks the questions of the decision tree and recommends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from governance.views.answering import page
from governance.views.forms import PlainForm
from orchestrator.workflow.advice.advising import Advice, advise
from orchestrator.workflow.advice.options import Option
from orchestrator.workflow.advice.questions import QUESTIONS, Question, missing

ICONS = ("compass", "workflow", "network")


class AdviceForm(PlainForm):
    """One choice for each question; the answers live in the address."""

    use_required_attribute = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for question in QUESTIONS:
            self.fields[question.name] = _field(question)


@dataclass(frozen=True, slots=True)
class ShownOption:
    """What is recommended, in the reader's language."""

    name: str
    icon: str
    kind: str
    title: str
    summary: str
    gains: Sequence[str]
    costs: Sequence[str]


@page
@require_safe
def workflow_advice(request: HttpRequest) -> HttpResponse:
    """Ask what the task is like; answered, recommend and show a file to start from."""
    answers = {one.name: request.GET.get(one.name, "") for one in QUESTIONS}
    form = AdviceForm(request.GET if any(answers.values()) else None)
    advice = advise(answers) if form.is_bound and not missing(answers) else None
    context = {
        "form": form,
        "advice": advice,
        "options": _shown(advice) if advice else (),
        "open": form.is_bound and advice is None,
    }
    return render(request, "orchestrator/advice.html", context)


def _field(question: Question) -> forms.Field:
    # Every answer can be read without opening anything: comparing them is what the page is for.
    return forms.ChoiceField(
        label=_(question.text),
        help_text=_(question.hint),
        choices=[(choice.value, _(choice.label)) for choice in question.choices],
        required=False,
        widget=forms.RadioSelect,
    )


def _shown(advice: Advice) -> list[ShownOption]:
    kinds = (_("Approach"), _("Pattern"), _("Topology"))
    found = (advice.approach, advice.pattern, advice.topology)
    rows = zip(ICONS, kinds, found, strict=True)
    return [_option(option, icon, kind) for icon, kind, option in rows if option is not None]


def _option(option: Option, icon: str, kind: str) -> ShownOption:
    return ShownOption(
        name=option.name,
        icon=icon,
        kind=kind,
        title=_(option.title),
        summary=_(option.summary),
        gains=[_(gain) for gain in option.gains],
        costs=[_(cost) for cost in option.costs],
    )
