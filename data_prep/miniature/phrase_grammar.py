"""Random phrases that make sense: who acts, and on what."""

from collections.abc import Sequence

from data_prep.miniature.lexicon import (
    ADJECTIVES,
    AGES,
    ANIMALS,
    FAMILY,
    MEN,
    NUMBERS,
    PEOPLE,
    STRANGERS,
    WOMEN,
    YOUNGSTERS,
)
from data_prep.miniature.sentence_plan import (
    HE,
    SHE,
    THEY,
    WE,
    Determiner,
    I,
    Name,
    NounPhrase,
    Pair,
    Phrase,
    Pronoun,
    parts_of,
)
from data_prep.miniature.stable_random import StableRandom
from data_prep.miniature.words import Adjective, Gender, Kind, Noun

_POSSESSIVES = (Determiner.MY, Determiner.HIS, Determiner.HER)
_ARTICLES = (Determiner.DEFINITE, Determiner.INDEFINITE)
_NAMES = (
    *(Name(name, Gender.FEMININE) for name in WOMEN),
    *(Name(name, Gender.MASCULINE) for name in MEN),
)


class PhraseGrammar:
    """A source of random phrases."""

    def __init__(self, random: StableRandom):
        """Draws from `random`."""
        self.random = random

    def noun_phrase(self, nouns: Sequence[Noun], bare: bool = False) -> NounPhrase:
        """One of the nouns with a determiner, and perhaps an adjective, a plural and a number.

        `bare` allows a plural with neither article nor number ("letters").
        """
        noun = self.random.pick(nouns)
        adjective = self.adjective(noun) if self.random.chance(0.4) else None
        plural = noun.german_plural != "-" and self.random.chance(0.25)
        determiner = self._determiner(noun, plural)
        number = None
        if plural and determiner is Determiner.BARE:
            number = None if bare and self.random.chance(0.3) else self.random.pick(NUMBERS)
        elif plural and determiner is Determiner.DEFINITE and self.random.chance(0.3):
            number = self.random.pick(NUMBERS)
        return NounPhrase(noun, determiner, adjective, number, plural)

    def _determiner(self, noun: Noun, plural: bool) -> Determiner:
        if plural:
            choices = [Determiner.DEFINITE, Determiner.BARE]
            choices += [] if noun in STRANGERS else [self.random.pick(_POSSESSIVES)]
            return self.random.pick(choices)
        if noun in FAMILY:
            return self.random.pick((Determiner.DEFINITE, self.random.pick(_POSSESSIVES)))
        if noun in STRANGERS or self.random.chance(0.75):
            return self.random.pick(_ARTICLES)
        return self.random.pick(_POSSESSIVES)

    def adjective(self, noun: Noun) -> Adjective:
        """An adjective that fits; no "young boy" ("junger Junge") and no "old girl"."""
        fitting = [each for each in ADJECTIVES if noun.kind in each.kinds]
        if noun in YOUNGSTERS:
            fitting = [each for each in fitting if each not in AGES]
        return self.random.pick(fitting)

    def subject(self, animals: bool) -> Phrase:
        """A subject: people, and animals where the verb allows."""
        draw = self.random.pick_weighted(((50, "noun"), (28, "pronoun"), (14, "name"), (8, "pair")))
        if draw == "pronoun":
            return self.random.pick((I, I, HE, SHE, WE, THEY))
        if draw == "name":
            return self.name()
        if draw == "pair":
            return self.pair()
        if animals and self.random.chance(0.4):
            return self.noun_phrase(ANIMALS)
        return self.noun_phrase(PEOPLE)

    def name(self) -> Name:
        """A person by name."""
        return self.random.pick(_NAMES)

    def pair(self) -> Pair:
        """Two different names, or two different people: "the boy and my sister"."""
        if self.random.chance(0.5):
            first, second = self.name(), self.name()
            return self.pair() if first == second else Pair(first, second)
        one, other = self.random.pick(PEOPLE), self.random.pick(PEOPLE)
        if one == other:
            return self.pair()
        return Pair(self._plain(one), self._plain(other))

    def _plain(self, noun: Noun) -> NounPhrase:
        owned = noun in FAMILY and self.random.chance(0.5)
        return NounPhrase(noun, self.random.pick(_POSSESSIVES) if owned else Determiner.DEFINITE)

    def other(self, subject: Phrase, nouns: Sequence[Noun], bare: bool = False) -> Phrase:
        """An object or receiver that cannot be mistaken for the subject.

        Args:
            subject: of the same clause.
            nouns: to choose from.
            bare: whether a plural may have neither article nor number ("letters").
        """
        if nouns[0].kind is Kind.PERSON:
            draw = self.random.pick_weighted(((65, "noun"), (20, "pronoun"), (15, "name")))
            if draw == "pronoun":
                return self.random.pick(_others(subject))
            if draw == "name":
                name = self.name()
                return name if name not in parts_of(subject) else self.random.pick(_others(subject))
        taken = [part.noun for part in parts_of(subject) if isinstance(part, NounPhrase)]
        return self.noun_phrase([noun for noun in nouns if noun not in taken], bare)


def _others(subject: Phrase) -> tuple[Pronoun, ...]:
    """Object pronouns that cannot mean the subject itself."""
    if subject in (I, WE):
        return (HE, SHE)
    if subject in (SHE, THEY):
        return (I, HE, WE)
    if subject == HE:
        return (I, SHE, WE)
    return (I, HE, SHE, WE)
