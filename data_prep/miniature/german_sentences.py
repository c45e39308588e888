"""German sentences: verb second, verb first, verb last, and the order of what stands between."""

from enum import Enum

from data_prep.miniature.german import (
    adverbial,
    closing_verb,
    finite_verb,
    phrase,
    predicate,
    prepositional,
    verbs_at_the_end,
)
from data_prep.miniature.sentence_plan import (
    WHO,
    Clause,
    Complex,
    Contrast,
    Name,
    Pronoun,
    Question,
    Sentence,
    Statement,
    is_new,
)
from data_prep.miniature.words import Case

_LIGHT = (Pronoun, Name)


class _Order(Enum):
    """Where the verb stands."""

    SUBJECT_FIRST = 0  # "Der Mann ruft die Frau an"
    VERB_FIRST = 1  # "(Heute) ruft der Mann die Frau an"
    VERB_LAST = 2  # "(weil) der Mann die Frau anruft"


def sentence(plan: Sentence) -> str:
    """The German sentence, capitalised and with its full stop or question mark."""
    if isinstance(plan, Question):
        words = _question(plan) + "?"
    elif isinstance(plan, Statement):
        words = _statement(plan) + "."
    elif isinstance(plan, Contrast):
        first = _clause(plan.first, _Order.SUBJECT_FIRST)
        words = f"{first}, aber {_clause(plan.second, _Order.SUBJECT_FIRST)}."
    else:
        words = _complex(plan) + "."
    return words[0].upper() + words[1:]


def _statement(plan: Statement) -> str:
    if plan.time_first and plan.clause.time:
        return f"{plan.clause.time.german} {_clause(plan.clause, _Order.VERB_FIRST, time=False)}"
    return _clause(plan.clause, _Order.SUBJECT_FIRST)


def _question(plan: Question) -> str:
    if plan.clause.subject == WHO:
        return _clause(plan.clause, _Order.SUBJECT_FIRST)
    return f"{plan.ask.value[1]} {_clause(plan.clause, _Order.VERB_FIRST)}".strip()


def _complex(plan: Complex) -> str:
    subordinate = f"{plan.conjunction.german} {_clause(plan.subordinate, _Order.VERB_LAST)}"
    if plan.subordinate_first:
        return f"{subordinate}, {_clause(plan.main, _Order.VERB_FIRST)}"
    return f"{_clause(plan.main, _Order.SUBJECT_FIRST)}, {subordinate}"


def _clause(plan: Clause, order: _Order, time: bool = True) -> str:
    subject = phrase(plan.subject, Case.NOMINATIVE)
    middle = _middle(plan, time)
    if order is _Order.VERB_LAST:
        words = [subject, *middle, verbs_at_the_end(plan)]
    elif order is _Order.VERB_FIRST:
        words = [finite_verb(plan), subject, *middle, closing_verb(plan)]
    else:
        words = [subject, finite_verb(plan), *middle, closing_verb(plan)]
    return " ".join(filter(None, words))


def _middle(plan: Clause, time: bool) -> list[str]:
    """Between the verbs: pronouns and names, time, what is known, "nicht", place, what is new."""
    light: list[str] = []
    known: list[str] = []
    new: list[str] = []
    if plan.receiver:
        slot = light if isinstance(plan.receiver, _LIGHT) else known
        slot.append(phrase(plan.receiver, Case.DATIVE))
    says_kein = False
    if plan.object:
        if plan.verb.preposition:
            new.append(prepositional(plan.verb.preposition, plan.object, plan.verb.case))
        else:
            says_kein = plan.negated and is_new(plan.object)
            slot = new if is_new(plan.object) else known
            slot = light if isinstance(plan.object, _LIGHT) else slot
            slot.append(phrase(plan.object, plan.verb.case, negated=says_kein))
    if plan.predicate:
        new.append(predicate(plan.predicate))
    return [
        *light,
        *([plan.time.german] if plan.time and time else []),
        *known,
        *(["nicht"] if plan.negated and not says_kein else []),
        *(adverbial(part) for part in (plan.manner, plan.place) if part),
        *new,
    ]
