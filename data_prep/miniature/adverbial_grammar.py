"""Random places, companions, vehicles and times."""

from collections.abc import Sequence

from data_prep.miniature.lexicon import (
    ANIMALS,
    BESIDE,
    CITIES,
    DESTINATIONS,
    FAMILY,
    FIRST_YEAR,
    FUTURE_TIMES,
    HOMES,
    HOURS,
    IN,
    INSIDES,
    LANDMARKS,
    LAST_YEAR,
    MONTHS,
    PAST_TIMES,
    PRESENT_TIMES,
    TO,
    VEHICLES,
    WITH,
)
from data_prep.miniature.phrase_grammar import PhraseGrammar
from data_prep.miniature.sentence_plan import (
    Adverbial,
    Determiner,
    NounPhrase,
    Phrase,
    PrepositionalPhrase,
)
from data_prep.miniature.stable_random import StableRandom
from data_prep.miniature.words import Expression, Noun, Verb, Where


class AdverbialGrammar:
    """A source of random adverbials of place, manner and time."""

    def __init__(self, random: StableRandom, phrases: PhraseGrammar):
        """Draws from `random`, with nouns from `phrases`."""
        self.random = random
        self.phrases = phrases

    def place(self, verb: Verb) -> Adverbial | None:
        """A place that fits what the verb says about places, or none."""
        if verb.where is Where.NOWHERE:
            return None
        if verb.where is Where.CITY or (verb.where is Where.HOME and self.random.chance(0.6)):
            return self._city("in", "in")
        if verb.where is Where.HOME:
            return PrepositionalPhrase(IN, self._location(HOMES))
        if verb.where is Where.DESTINATION:
            if verb.vehicle or (not verb.animals and self.random.chance(0.2)):
                return self._city("to", "nach")
            return PrepositionalPhrase(TO, self._location(DESTINATIONS))
        if self.random.chance(0.6):
            return None
        if self.random.chance(0.15):
            return self._city("in", "in")
        if self.random.chance(0.5):
            return PrepositionalPhrase(IN, self._location(INSIDES))
        return PrepositionalPhrase(self.random.pick(BESIDE), self._location(LANDMARKS))

    def _city(self, english: str, german: str) -> Expression:
        city = self.random.pick(CITIES)
        return Expression(f"{english} {city.english}", f"{german} {city.german}")

    def _location(self, nouns: Sequence[Noun]) -> NounPhrase:
        noun = self.random.pick(nouns)
        determiner = self.random.pick_weighted(
            ((8, Determiner.DEFINITE), (2, Determiner.INDEFINITE))
        )
        adjective = self.phrases.adjective(noun) if self.random.chance(0.3) else None
        return NounPhrase(noun, determiner, adjective)

    def manner(self, verb: Verb, subject: Phrase) -> Adverbial | None:
        """A companion or a vehicle where the verb takes one."""
        if verb.vehicle and self.random.chance(0.6):
            vehicle = self.random.pick(VEHICLES)
            return Expression(f"by {vehicle.english}", f"mit dem {vehicle.german}")
        if verb.company and self.random.chance(0.4):
            companions = (*FAMILY, *ANIMALS)
            return PrepositionalPhrase(WITH, self.phrases.other(subject, companions))
        return None

    def present_time(self) -> Expression:
        """A habit or an hour: "every day", "at three o'clock"."""
        if self.random.chance(0.3):
            hour = self.random.pick(HOURS)
            return Expression(f"at {hour.english} o'clock", f"um {hour.german} Uhr")
        return self.random.pick(PRESENT_TIMES)

    def future_time(self) -> Expression:
        """A time for "will", "can" and the like: "tomorrow"."""
        return self.random.pick(FUTURE_TIMES)

    def past_time(self) -> Expression:
        """A time that is over: "yesterday", or a date."""
        if self.random.chance(0.5):
            return self.random.pick(PAST_TIMES)
        day = 1 + self.random.pick(range(28))
        month = self.random.pick(MONTHS)
        if self.random.chance(0.5):
            return Expression(f"on {month.english} {day}", f"am {day}. {month.german}")
        year = self.random.pick(range(FIRST_YEAR, LAST_YEAR + 1))
        return Expression(f"on {day} {month.english} {year}", f"am {day}. {month.german} {year}")
