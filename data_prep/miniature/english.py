"""English sentences: subject, verb, object, place, time, and "do" in questions and denials."""

from data_prep.miniature.sentence_plan import (
    WHO,
    Adverbial,
    Ask,
    Clause,
    Complex,
    Contrast,
    Determiner,
    Name,
    NounPhrase,
    Pair,
    Phrase,
    Predicate,
    Pronoun,
    Question,
    Sentence,
    Statement,
    Tense,
)
from data_prep.miniature.verbs import BE
from data_prep.miniature.words import Expression, Person

_BE = {Person.FIRST: "am", Person.THIRD: "is", Person.PLURAL: "are"}
_WAS = {Person.FIRST: "was", Person.THIRD: "was", Person.PLURAL: "were"}


def phrase(plan: Phrase, as_object: bool) -> str:
    """The words of a phrase; only pronouns differ between subject and object."""
    if isinstance(plan, Name):
        return plan.name
    if isinstance(plan, Pronoun):
        return plan.english[as_object]
    if isinstance(plan, Pair):
        return f"{phrase(plan.first, as_object)} and {phrase(plan.second, as_object)}"
    return _noun_phrase(plan)


def _noun_phrase(plan: NounPhrase) -> str:
    number = plan.number.english if plan.number else ""
    adjective = plan.adjective.english if plan.adjective else ""
    noun = plan.noun.english_plural if plan.plural else plan.noun.english
    words = " ".join(filter(None, (number, adjective, noun)))
    article = plan.determiner.value[0]
    if plan.determiner is Determiner.INDEFINITE and words[0] in "aeiou":
        article = "an"
    return f"{article} {words}".strip()


def adverbial(plan: Adverbial) -> str:
    """A place, a companion or a means of travel."""
    if isinstance(plan, Expression):
        return plan.english
    return f"{plan.preposition.english} {phrase(plan.phrase, as_object=True)}"


def predicate(plan: Predicate) -> str:
    """What follows "is": "tired", "bigger than the cat"."""
    if plan.than is None:
        return plan.adjective.english
    return f"{plan.adjective.english_comparative} than {phrase(plan.than, as_object=False)}"


def sentence(plan: Sentence) -> str:
    """The English sentence, capitalised and with its full stop or question mark."""
    if isinstance(plan, Question):
        words = _question(plan) + "?"
    elif isinstance(plan, Statement):
        words = _statement(plan) + "."
    elif isinstance(plan, Contrast):
        words = f"{_clause(plan.first)}, but {_clause(plan.second)}."
    else:
        words = _complex(plan) + "."
    return words[0].upper() + words[1:]


def _statement(plan: Statement) -> str:
    if plan.time_first and plan.clause.time:
        return f"{plan.clause.time.english} {_clause(plan.clause, time=False)}"
    return _clause(plan.clause)


def _complex(plan: Complex) -> str:
    subordinate = f"{plan.conjunction.english} {_clause(plan.subordinate)}"
    if plan.subordinate_first:
        return f"{subordinate}, {_clause(plan.main)}"
    return f"{_clause(plan.main)} {subordinate}"


def _question(plan: Question) -> str:
    clause = plan.clause
    if clause.subject == WHO:
        return _clause(clause)
    simple_past = clause.time is not None or plan.ask is Ask.WHEN
    auxiliary, main = _verbs(clause, simple_past, needs_do=True)
    subject = phrase(clause.subject, as_object=False)
    words = [plan.ask.value[0], auxiliary, subject, main, *_complements(clause), _time(clause)]
    return " ".join(filter(None, words))


def _clause(plan: Clause, time: bool = True) -> str:
    auxiliary, main = _verbs(plan, simple_past=plan.time is not None, needs_do=plan.negated)
    if plan.negated:
        auxiliary = "cannot" if auxiliary == "can" else f"{auxiliary} not"
    words = [phrase(plan.subject, as_object=False), auxiliary, main, *_complements(plan)]
    return " ".join(filter(None, [*words, _time(plan) if time else ""]))


def _verbs(plan: Clause, simple_past: bool, needs_do: bool) -> tuple[str, str]:
    """The auxiliary, which a question puts first, and the main verb; one may be empty."""
    base, third, past, participle = plan.verb.english
    singular = plan.subject.person is Person.THIRD
    if plan.modal:
        if not plan.modal.needs_do:
            return plan.modal.english[0], base
        base, third = (f"{form} {base}" for form in plan.modal.english)
    if plan.verb is BE:
        return (_BE if plan.tense is Tense.PRESENT else _WAS)[plan.subject.person], ""
    if plan.tense is Tense.PRESENT:
        if needs_do:
            return "does" if singular else "do", base
        return "", third if singular else base
    if not simple_past:
        return "has" if singular else "have", participle
    return ("did", base) if needs_do else ("", past)


def _complements(plan: Clause) -> list[str]:
    """Everything after the verb but the time; a particle lets a pronoun pass: "picks him up"."""
    receiver = [phrase(plan.receiver, as_object=True)] if plan.receiver else []
    objects = [phrase(plan.object, as_object=True)] if plan.object else []
    if isinstance(plan.object, Pronoun):
        objects = [*objects, plan.verb.particle]
    else:
        objects = [plan.verb.particle, *objects]
    places = [adverbial(part) for part in (plan.place, plan.manner) if part]
    state = [predicate(plan.predicate)] if plan.predicate else []
    return [*receiver, plan.verb.link, *objects, *places, *state]


def _time(plan: Clause) -> str:
    return plan.time.english if plan.time else ""
