"""Random clauses that make sense: actions, states and comparisons."""

from dataclasses import replace

from data_prep.miniature.adverbial_grammar import AdverbialGrammar
from data_prep.miniature.lexicon import (
    ADJECTIVES,
    ANIMALS,
    CLOTHES,
    COMPARABLE,
    GOODS,
    MOODS,
    PEOPLE,
    TODAY,
)
from data_prep.miniature.phrase_grammar import PhraseGrammar
from data_prep.miniature.sentence_plan import (
    Clause,
    Determiner,
    Name,
    NounPhrase,
    Phrase,
    Predicate,
    Tense,
    is_new,
    parts_of,
    pronoun_for,
)
from data_prep.miniature.stable_random import StableRandom
from data_prep.miniature.verbs import ACTIONS, BE, CAN, MODALS
from data_prep.miniature.words import Case, Kind, Modal, Verb

Mood = tuple[Tense, bool]  # the second says whether a modal is there
PRESENT: Mood = (Tense.PRESENT, False)
PAST: Mood = (Tense.PAST, False)
MODAL: Mood = (Tense.PRESENT, True)
ANY_MOOD = (PRESENT, PRESENT, PAST, MODAL)
NOT_PAST = (PRESENT, PRESENT, MODAL)


class ClauseGrammar:
    """Draws one clause at a time."""

    def __init__(self, random: StableRandom):
        """Draws from `random`."""
        self.random = random
        self.phrases = PhraseGrammar(random)
        self.adverbials = AdverbialGrammar(random, self.phrases)

    def action(
        self,
        subject: Phrase | None = None,
        verbs: tuple[Verb, ...] = ACTIONS,
        moods: tuple[Mood, ...] = ANY_MOOD,
        denial: float = 0.0,
    ) -> Clause:
        """A clause in which someone does something.

        Args:
            subject: who; None: anybody.
            verbs: to choose from.
            moods: to choose from.
            denial: the chance that they do not do it.
        """
        verb = self.random.pick(verbs)
        subject = subject or self.phrases.subject(verb.animals)
        tense, has_modal = self.random.pick(moods)
        modal = self._modal(verb) if has_modal else None
        if verb.stative:
            tense = Tense.PRESENT
        receiver = self.phrases.other(subject, PEOPLE) if verb.receiver else None
        bare = not verb.receiver
        thing = self.phrases.other(subject, verb.objects, bare) if verb.objects else None
        manner = self.adverbials.manner(verb, subject)
        place = self.adverbials.place(verb)
        clause = Clause(subject, verb, tense, modal, False, receiver, thing, manner, place)
        return replace(clause, negated=self.random.chance(denial) and _deniable(clause))

    def _modal(self, verb: Verb) -> Modal:
        return CAN if verb.stative else self.random.pick(MODALS)

    def about(
        self,
        person: Phrase,
        action: float = 0.5,
        moods: tuple[Mood, ...] = (PRESENT, PAST),
        passing: bool = False,
    ) -> Clause:
        """A second clause, about the same person where a pronoun can say so, or somebody else.

        Args:
            person: whom the first clause is about.
            action: the chance that somebody does something.
            moods: of an action.
            passing: whether a state has to be one that passes, such as being tired.
        """
        pronoun = pronoun_for(person)
        same = pronoun if not is_new(person) and self.random.chance(0.5) else None
        if self.random.chance(action):
            clause = self.action(same, moods=moods)
            names_itself = same and {clause.object, clause.receiver} & {*parts_of(person)}
            return self.about(person, action, moods, passing) if names_itself else clause
        if passing or same:
            return self.mood(same or self.phrases.subject(animals=False))
        return self.state()

    def timed(self, clause: Clause) -> Clause:
        """The clause with a time that suits its tense."""
        if clause.tense is Tense.PAST:
            return replace(clause, time=self.adverbials.past_time())
        if clause.modal:
            return replace(clause, time=self.adverbials.future_time())
        if clause.verb.stative or clause.negated:  # "not every day" is not "jeden Tag nicht"
            return replace(clause, time=TODAY)
        return replace(clause, time=self.adverbials.present_time())

    def state(self) -> Clause:
        """A clause in which somebody or something is old, small, red."""
        things = self.random.chance(0.4)
        nouns = (*ANIMALS, *GOODS, *CLOTHES)
        subject = self.phrases.noun_phrase(nouns) if things else self.phrases.subject(animals=True)
        if isinstance(subject, NounPhrase) and subject.determiner is Determiner.INDEFINITE:
            subject = replace(subject, determiner=Determiner.DEFINITE)
        return Clause(subject, BE, predicate=self._predicate(subject))

    def mood(self, person: Phrase) -> Clause:
        """A clause in which somebody is happy, tired or friendly, and was not called so already."""
        said = person.adjective if isinstance(person, NounPhrase) else None
        moods = [mood for mood in MOODS if mood != said]
        return Clause(person, BE, predicate=Predicate(self.random.pick(moods)))

    def _predicate(self, subject: Phrase) -> Predicate:
        kind, said = Kind.PERSON, None
        if isinstance(subject, NounPhrase):
            kind, said = subject.noun.kind, subject.adjective
        return Predicate(
            self.random.pick([each for each in ADJECTIVES if kind in each.kinds and each != said])
        )

    def comparison(self) -> Clause:
        """A comparison of two of a kind: "a red car is older than two chairs"."""
        if self.random.chance(0.3):
            one: Phrase = self.phrases.name()
            other: Phrase = self.phrases.name()
            kind = Kind.PERSON
        else:
            nouns = self.random.pick((PEOPLE, ANIMALS, GOODS))
            one, other = self.phrases.noun_phrase(nouns), self.phrases.noun_phrase(nouns)
            kind = nouns[0].kind
        if _same(one, other):
            return self.comparison()
        said = [each.adjective for each in (one, other) if isinstance(each, NounPhrase)]
        fitting = [each for each in COMPARABLE if kind in each.kinds and each not in said]
        return Clause(one, BE, predicate=Predicate(self.random.pick(fitting), other))


def _same(one: Phrase, other: Phrase) -> bool:
    if isinstance(one, NounPhrase) and isinstance(other, NounPhrase):
        return one.noun == other.noun
    return isinstance(one, Name) and one == other


def _deniable(clause: Clause) -> bool:
    """True where German has one plain way to deny: no "kein" beside a number or a second "ein"."""
    if clause.modal and not clause.modal.negatable:
        return False
    if clause.receiver and is_new(clause.receiver):
        return False
    if clause.object is None or not is_new(clause.object):
        return True
    numbered = isinstance(clause.object, NounPhrase) and clause.object.number is not None
    dative = clause.verb.case is Case.DATIVE
    return not (numbered or dative or clause.verb.preposition or is_new(clause.subject))
