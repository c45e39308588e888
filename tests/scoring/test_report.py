"""An evaluation as one page."""

from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config.languages import Languages
from seq2seq.scoring.comparison import compare, measure
from seq2seq.scoring.report import LISTED, EvaluationReport, System

SOURCES = ["The dog sleeps.", "The cat reads <b>.", "It is late & dark here."]
REFERENCES = ["Der Hund schläft.", "Die Katze liest <b>.", "Es ist spät & dunkel hier."]
OURS = ["Der Hund schläft.", "Die Katze <script>", "Es ist spät & dunkel hier."]
THEIRS = ["", "Die Katze liest <b>.", "It is late & dark here."]
TEXTS = st.lists(st.tuples(*[st.text(max_size=15)] * 4), min_size=1, max_size=4)
PLAIN = EvaluationReport(
    files="test.en, compared with test.de",
    system=System("runs/ours", OURS),
    baseline=None,
    sources=SOURCES,
    references=REFERENCES,
    measured=measure(OURS, REFERENCES),
    by_length=b"<svg/>",
)
BESIDE = replace(
    PLAIN, baseline=System("runs/theirs", THEIRS), measured=compare(OURS, THEIRS, REFERENCES)
)


class Read(HTMLParser):
    """Rows of cells under the heading before them, and all tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: dict[str, list[list[str]]] = {"": []}
        self.tags: list[tuple[str, dict]] = []
        self._place = "", ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        rows = list(self.sections.values())[-1]
        if tag == "tr":
            rows.append([])
        if tag in ("td", "th"):
            rows[-1].append("")
        self._place = tag

    def handle_endtag(self, tag):
        self._place = ""

    def handle_data(self, text):
        if self._place == "h2":
            self.sections[text] = []
        elif self._place in ("td", "th"):
            list(self.sections.values())[-1][-1][-1] += text


def test_the_page_holds_scores_and_the_worst_sentence_first():
    read = Read(PLAIN.html())
    scores = read.sections[""]
    assert [row[0] for row in scores[1:4]] == ["BLEU", "chrF", "TER"]
    assert scores[1][1] == f"{PLAIN.measured[0].score:.2f} ± {PLAIN.measured[0].interval:.2f}"
    worst = read.sections["Furthest from their references"]
    assert worst[0] == ["line", "whose", "chrF", "text"]
    assert worst[1:] == [
        ["2", "source", "", SOURCES[1]],
        ["", "reference", "", REFERENCES[1]],
        ["", "translation", worst[3][2], OURS[1]],
    ]  # and none of the lines that are as their references
    assert 0 < float(worst[3][2]) < 100
    further = replace(PLAIN, system=System("runs/ours", [*OURS[:2], "Es"]))
    assert Read(further.html()).sections["Furthest from their references"][1][0] == "3"


def test_beside_a_baseline_lines_are_listed_by_who_did_them_better():
    read = Read(BESIDE.html())
    better, worse = (read.sections[f"{word} than runs/theirs"] for word in ("Better", "Worse"))
    assert [row[0] for row in better if row[0].isdigit()] == ["1", "3"]
    assert [row[0] for row in worse if row[0].isdigit()] == ["2"]
    assert better[4][1:] == ["baseline", "0.0", ""]
    gain = BESIDE.measured[0].gain
    assert f"{gain:+.2f}" in read.sections[""][1]
    said = "p is how often lines drawn by chance would show so large a difference"
    assert said in BESIDE.html() and said not in PLAIN.html()


def test_what_looks_like_no_translation_is_counted():
    rows = {row[0]: row[1:] for row in Read(BESIDE.html()).sections[""]}
    assert rows["runs/ours"] == ["0", "0", "0", "0"]
    assert rows["runs/theirs"] == ["1", "1", "1", "0"]


def test_lengths_are_of_characters_where_no_spaces_part_the_words():
    fields = {
        "references": ["这本书很好看", "狗睡了", "天黑了"],
        "system": System("runs/ours", ["好看", "狗睡了", "现在这里的天已经很黑了"]),
        "languages": Languages("en", "zh"),
    }
    told = replace(PLAIN, **fields)
    untold = replace(told, languages=Languages("th", None))  # the control
    for report, counts in ((told, ["1", "1"]), (untold, ["0", "0"])):
        rows = {row[0]: row[1:] for row in Read(report.html()).sections[""]}
        assert rows["runs/ours"][2:] == counts
    assert "lengths in characters, beside" in told.html()
    assert "lengths in words, beside" in untold.html()
    assert "BLEU by length of the source in words" in Read(told.html()).sections
    assert "BLEU by length of the source in characters" in Read(untold.html()).sections


def test_a_line_is_judged_by_all_its_references():
    others = [["", OURS[1], "Es ist spät."], [" ", "", "Spät ist es & dunkel."]]
    short = [*OURS[:2], "Es ist"]
    both = replace(PLAIN, others=others, system=System("runs/ours", short))
    alone = replace(both, others=())  # the control
    all_of, first_of = (Read(each.html()).sections for each in (both, alone))
    worst, by_first = (each["Furthest from their references"][1:] for each in (all_of, first_of))
    assert [row[1] for row in worst] == ["source", *["reference"] * 3, "translation"]
    assert [row[3] for row in worst[1:4]] == [REFERENCES[2], others[0][2], others[1][2]]
    assert [row[0] for row in by_first if row[0]] == ["3", "2"]
    assert float(worst[-1][2]) > float(by_first[2][2])
    too_short = [{row[0]: row[3:4] for row in each[""]} for each in (all_of, first_of)]
    assert [each["runs/ours"] for each in too_short] == [["0"], ["1"]]
    assert "beside every reference of the line" in both.html()
    assert "beside the reference<" in PLAIN.html() and "All references" not in PLAIN.html()


def test_long_lists_end():
    page = replace(
        PLAIN,
        sources=["a"] * 200,
        references=["b"] * 200,
        system=System("runs/ours", ["c"] * 200),
    ).html()
    assert page.count("<td dir") == 3 * LISTED


@settings(deadline=None, max_examples=20)
@given(TEXTS)
def test_any_text_is_shown_as_it_is(rows):
    sources, references, ours, theirs = map(list, zip(*rows, strict=True))
    page = EvaluationReport(
        files="files",
        system=System("ours", ours),
        baseline=System("theirs", theirs),
        sources=sources,
        references=references,
        measured=compare(ours, theirs, references),
        by_length=b"",
    ).html()
    read = Read(page.replace("\r", " "))
    allowed = set("html head meta title style body h1 h2 p table caption tr th td".split())
    assert {tag for tag, _ in read.tags} <= allowed
    listed = {row[3] for row in read.sections["Furthest from their references"][1:]}
    missed = [row for row in zip(sources, references, ours, strict=True) if row[1] != row[2]]
    assert {text.replace("\r", " ").replace("\0", "\ufffd") for row in missed for text in row} <= {
        text.replace("\0", "\ufffd") for text in listed
    }


def test_the_page_needs_nothing_beside_it():
    tags = Read(PLAIN.html()).tags
    links = [value for _, each in tags for name, value in each.items() if name in ("src", "href")]
    assert len(links) == 1 and links[0].startswith("data:image/svg+xml;base64,")


def test_browsers_are_told_which_language_a_text_is_in():
    def tags(report):
        cells = [dict(found) for tag, found in Read(report.html()).tags if tag == "td"]
        return [cell.get("lang") for cell in cells if cell.get("dir") == "auto"]

    told = tags(replace(PLAIN, languages=Languages("he", "zh-Hant")))
    assert told == ["he", "zh-Hant", "zh-Hant"]
    assert set(tags(PLAIN)) == {None}  # where nothing says it, nothing is said
