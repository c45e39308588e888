"""Random sentence plans: one method per construction that the corpus teaches."""

from collections.abc import Callable
from dataclasses import replace

from data_prep.miniature.clause_grammar import NOT_PAST, PRESENT, ClauseGrammar
from data_prep.miniature.lexicon import ALTHOUGH, BECAUSE, THAT, TODAY, WHEN
from data_prep.miniature.sentence_plan import (
    IT,
    WHO,
    Ask,
    Clause,
    Complex,
    Contrast,
    Question,
    Sentence,
    Statement,
    Tense,
)
from data_prep.miniature.stable_random import StableRandom
from data_prep.miniature.verbs import ACTIONS, BE, RAIN, REPORTING, SNOW
from data_prep.miniature.words import Case, Kind, Where

_WHAT_VERBS = tuple(
    verb
    for verb in ACTIONS
    if verb.objects and verb.case is Case.ACCUSATIVE and verb.objects[0].kind is not Kind.PERSON
)
_WHERE_VERBS = tuple(verb for verb in ACTIONS if verb.where is not Where.NOWHERE)
_WHEN_VERBS = tuple(verb for verb in ACTIONS if not verb.stative)


class Grammar:
    """Draws sentence plans; the same seed draws the same plans on every version of Python."""

    def __init__(self, seed: int):
        """Starts the sequence that belongs to `seed`."""
        self.random = StableRandom(seed)
        self.clauses = ClauseGrammar(self.random)

    def sentence(self) -> Sentence:
        """A plan of any construction."""
        weighted: tuple[tuple[int, Callable[[], Sentence]], ...] = (
            (22, self.plain_statement),
            (22, self.statement_with_time),
            (8, self.state),
            (12, self.reason),
            (6, self.condition),
            (10, self.report),
            (5, self.contrast),
            (8, self.yes_no_question),
            (12, self.word_question),
        )
        return self.random.pick_weighted(weighted)()

    def plain_statement(self) -> Statement:
        """As in "The man calls the woman.", "Anna has not read the book."."""
        return Statement(self.clauses.action(denial=0.45))

    def statement_with_time(self) -> Statement:
        """As in "Today she reads the letter.", "On May 3 the boy bought a red bike."."""
        return Statement(
            self.clauses.timed(self.clauses.action(denial=0.15)),
            time_first=self.random.chance(0.65),
        )

    def state(self) -> Statement:
        """As in "The small dog is tired.", "Yesterday he was happy.", "Paul is older than Max."."""
        draw = self.random.pick_weighted(((4, "plain"), (4, "comparison"), (3, "time")))
        if draw == "comparison":
            return Statement(self.clauses.comparison())
        if draw == "plain":
            return Statement(replace(self.clauses.state(), negated=self.random.chance(0.3)))
        clause = self.clauses.mood(self.clauses.phrases.subject(animals=False))
        if self.random.chance(0.3):
            timed = replace(clause, time=TODAY)
        else:
            timed = replace(clause, tense=Tense.PAST, time=self.clauses.adverbials.past_time())
        return Statement(timed, time_first=self.random.chance(0.65))

    def reason(self) -> Complex:
        """As in "Paul sleeps because he is tired.", "Although it rains, we go to the station."."""
        main = self.clauses.action()
        subordinate = self.clauses.about(main.subject)
        if main.tense is Tense.PRESENT and self.random.chance(0.2):
            subordinate = Clause(IT, self.random.pick((RAIN, SNOW)))
        conjunction = self.random.pick((BECAUSE, BECAUSE, ALTHOUGH))
        return Complex(main, conjunction, subordinate, self.random.chance(0.35))

    def condition(self) -> Complex:
        """As in "When it rains, I sleep."; never in the past, where "when" is "als"."""
        main = self.clauses.action(moods=NOT_PAST)
        if self.random.chance(0.3):
            subordinate = Clause(IT, self.random.pick((RAIN, SNOW)))
        else:
            subordinate = self.clauses.about(main.subject, moods=(PRESENT,), passing=True)
        return Complex(main, WHEN, subordinate, self.random.chance(0.6))

    def report(self) -> Complex:
        """As in "Anna says that her uncle called the queen yesterday."."""
        speaker = Clause(self.clauses.phrases.subject(animals=False), self.random.pick(REPORTING))
        content = self.clauses.about(speaker.subject, action=0.75)
        if content.verb is not BE and self.random.chance(0.25):
            content = self.clauses.timed(content)
        return Complex(speaker, THAT, content)

    def contrast(self) -> Contrast:
        """As in "The man sings, but the child sleeps."."""
        first = self.clauses.action(denial=0.4)
        return Contrast(first, self.clauses.about(first.subject, action=0.8))

    def yes_no_question(self) -> Question:
        """As in "Does the man call the woman?", "Is the dog tired?"."""
        if self.random.chance(0.15):
            return Question(self.clauses.state())
        clause = self.clauses.action()
        return Question(self.clauses.timed(clause) if self.random.chance(0.3) else clause)

    def word_question(self) -> Question:
        """Questions with who, what, where, when and why."""
        ask = self.random.pick(("who", Ask.WHAT, Ask.WHERE, Ask.WHEN, Ask.WHY))
        if ask == "who":
            clause = self.clauses.action(subject=WHO)
            return Question(self.clauses.timed(clause) if self.random.chance(0.4) else clause)
        if ask is Ask.WHAT:
            return Question(replace(self.clauses.action(verbs=_WHAT_VERBS), object=None), ask)
        if ask is Ask.WHERE:
            clause = replace(self.clauses.action(verbs=_WHERE_VERBS), place=None)
            moves = clause.verb.where is Where.DESTINATION
            return Question(clause, Ask.WHERE_TO if moves else Ask.WHERE)
        if ask is Ask.WHEN:
            return Question(self.clauses.action(verbs=_WHEN_VERBS), ask)
        return Question(self.clauses.action(), Ask.WHY)
