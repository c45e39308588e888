"""German words and phrases: declension of articles, adjectives and nouns; verb forms."""

from data_prep.miniature.sentence_plan import (
    Adverbial,
    Clause,
    Determiner,
    Name,
    NounPhrase,
    Pair,
    Phrase,
    Predicate,
    Pronoun,
    Tense,
)
from data_prep.miniature.verbs import BE, KNOW
from data_prep.miniature.words import Case, Expression, Gender, Person

# Rows: der, die, das, plural; columns: nominative, accusative, dative.
_THE = {
    Gender.MASCULINE: ("der", "den", "dem"),
    Gender.FEMININE: ("die", "die", "der"),
    Gender.NEUTER: ("das", "das", "dem"),
    None: ("die", "die", "den"),
}
_AFTER_THE = {
    Gender.MASCULINE: ("e", "en", "en"),
    Gender.FEMININE: ("e", "e", "en"),
    Gender.NEUTER: ("e", "e", "en"),
    None: ("en", "en", "en"),
}
_OF_A = {
    Gender.MASCULINE: ("", "en", "em"),
    Gender.FEMININE: ("e", "e", "er"),
    Gender.NEUTER: ("", "", "em"),
    None: ("e", "e", "en"),
}
_AFTER_A = {
    Gender.MASCULINE: ("er", "en", "en"),
    Gender.FEMININE: ("e", "e", "en"),
    Gender.NEUTER: ("es", "es", "en"),
    None: ("en", "en", "en"),
}
_WITHOUT_ARTICLE = ("e", "e", "en")  # plural only: "drei rote Äpfel"
_CONTRACTIONS = {"in dem": "im", "zu dem": "zum", "zu der": "zur", "von dem": "vom"}

_BE = {Person.FIRST: "bin", Person.THIRD: "ist", Person.PLURAL: "sind"}
_WAS = {Person.FIRST: "war", Person.THIRD: "war", Person.PLURAL: "waren"}
_HAVE = {Person.FIRST: "habe", Person.THIRD: "hat", Person.PLURAL: "haben"}


def phrase(plan: Phrase, case: Case, negated: bool = False) -> str:
    """The words of a phrase in one case.

    Args:
        plan: the phrase.
        case: in which nouns, articles and adjectives stand.
        negated: whether "ein" turns into "kein".
    """
    if isinstance(plan, Name):
        return plan.name
    if isinstance(plan, Pronoun):
        return plan.german[case.value]
    if isinstance(plan, Pair):
        return f"{phrase(plan.first, case)} und {phrase(plan.second, case)}"
    return _noun_phrase(plan, case, negated)


def _noun_phrase(plan: NounPhrase, case: Case, negated: bool) -> str:
    gender = None if plan.plural else plan.noun.gender
    if plan.determiner is Determiner.BARE and not negated:
        article, ending = "", _WITHOUT_ARTICLE[case.value]
    elif plan.determiner is Determiner.DEFINITE:
        article, ending = _THE[gender][case.value], _AFTER_THE[gender][case.value]
    else:
        stem = "kein" if negated else plan.determiner.value[1]
        article, ending = stem + _OF_A[gender][case.value], _AFTER_A[gender][case.value]
    number = plan.number.german if plan.number else ""
    adjective = plan.adjective.stem + ending if plan.adjective else ""
    return " ".join(filter(None, (article, number, adjective, _noun(plan, case))))


def _noun(plan: NounPhrase, case: Case) -> str:
    """The noun alone: -n in the dative plural, and in the singular of weak nouns."""
    if not plan.plural:
        weak = plan.noun.weak and case is not Case.NOMINATIVE
        return plan.noun.german + ("n" if weak else "")
    adds_n = case is Case.DATIVE and plan.noun.german_plural[-1] not in "ns"
    return plan.noun.german_plural + ("n" if adds_n else "")


def prepositional(preposition: str, plan: Phrase, case: Case) -> str:
    """A preposition and its phrase, contracted where German does so: "im Garten", "zur Schule".

    Args:
        preposition: in German.
        plan: the phrase.
        case: that the preposition takes.
    """
    words = f"{preposition} {phrase(plan, case)}".split(" ")
    start = _CONTRACTIONS.get(" ".join(words[:2]))
    return " ".join([start, *words[2:]]) if start else " ".join(words)


def adverbial(plan: Adverbial) -> str:
    """A place, a companion or a means of travel."""
    if isinstance(plan, Expression):
        return plan.german
    return prepositional(plan.preposition.german, plan.phrase, Case.DATIVE)


def predicate(plan: Predicate) -> str:
    """An adjective after "ist", which takes no ending: "müde", "größer als die Katze"."""
    if plan.than is None:
        return plan.adjective.german
    return f"{plan.adjective.german_comparative} als {phrase(plan.than, Case.NOMINATIVE)}"


def finite_verb(clause: Clause) -> str:
    """The verb that agrees with the subject: a modal, "hat" or "ist", or the verb itself."""
    person = clause.subject.person
    if clause.modal:
        return clause.modal.german[person.value]
    if clause.verb is BE:
        return (_BE if clause.tense is Tense.PRESENT else _WAS)[person]
    if clause.tense is Tense.PAST:
        return (_BE if clause.verb.moves else _HAVE)[person]
    infinitive, third, _ = clause.verb.german
    if person is Person.PLURAL:
        return infinitive
    if person is Person.THIRD or clause.verb is KNOW:
        return third
    return infinitive.removesuffix("n")


def closing_verb(clause: Clause) -> str:
    """The end of a main clause: infinitive, participle, separable prefix, or nothing."""
    infinitive, _, participle = clause.verb.german
    if clause.modal:
        return clause.verb.prefix + infinitive
    if clause.verb is BE:
        return ""
    return participle if clause.tense is Tense.PAST else clause.verb.prefix


def verbs_at_the_end(clause: Clause) -> str:
    """All verbs of a subordinate clause: "anruft", "anrufen kann", "angerufen hat"."""
    closing, finite = closing_verb(clause), finite_verb(clause)
    if closing and closing == clause.verb.prefix:
        return closing + finite
    return f"{closing} {finite}".strip()
