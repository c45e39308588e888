"""Scores are sacreBLEU's, on its scales, with the signatures that say how they were made."""

import importlib.metadata

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.errors import ConfigError
from seq2seq.scoring.by_length import bleu_by_length
from seq2seq.scoring.comparison import compare, measure
from seq2seq.scoring.scores import corpus_bleu, corpus_scores

REFERENCES = ["The dog runs in the park.", "A cat, two cats sleep!", "Nobody is here today ."]
TRANSLATIONS = ["The dog walks in the park.", "Two cats sleep.", ""]
WORDS = st.lists(st.sampled_from(["A", "dog", "runs", "the", "in", "."]), min_size=4, max_size=9)
LINES = st.lists(WORDS.map(" ".join), min_size=1, max_size=4)
TEXT_PAIRS = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=4)


@settings(deadline=None)
@given(LINES)
def test_identical_text_has_perfect_scores(lines):
    scores = corpus_scores(lines, list(lines))
    assert (scores.bleu, scores.chrf, scores.ter) == (100, 100, 0)
    assert corpus_bleu(lines, list(lines)) == pytest.approx(100)


@settings(deadline=None)
@given(LINES)
def test_one_other_word_costs_every_score(lines):
    other = [lines[0] + " elsewhere", *lines[1:]]
    scores = corpus_scores(other, lines)
    assert scores.bleu < 100
    assert scores.chrf < 100
    assert scores.ter > 0


def test_bleu_of_hand_counted_ngrams():
    """Of 5, 4, 3 and 2 n-grams 4, 3, 2 and 1 are right: (4/5 * 3/4 * 2/3 * 1/2) ** (1/4)."""
    assert corpus_bleu(["a b c d e"], ["a b c d x"]) == pytest.approx(100 * 0.2**0.25)
    assert corpus_scores(["a b c d e"], ["a b c d x"]).bleu == round(100 * 0.2**0.25, 2)


def test_bleu_counts_over_the_corpus_not_by_line():
    """N-grams right: 12 of 13, 10 of 11, 8 of 9, 6 of 7 over both lines."""
    translations, references = ["a b c d e", "f g h i j k l m"], ["a b c d x", "f g h i j k l m"]
    expected = 100 * (12 / 13 * 10 / 11 * 8 / 9 * 6 / 7) ** 0.25
    assert corpus_bleu(translations, references) == pytest.approx(expected)


def test_ter_is_edits_for_each_reference_word():
    assert corpus_scores(["a b x d"], ["a b c d"]).ter == 25
    assert corpus_scores(["a b c d e f"], ["a"]).ter == 500  # lower is better, and no upper limit


def test_scores_equal_those_of_sacrebleu():
    scores = corpus_scores(TRANSLATIONS, REFERENCES)
    own = (
        sacrebleu.corpus_bleu(TRANSLATIONS, [REFERENCES], force=True),
        sacrebleu.corpus_chrf(TRANSLATIONS, [REFERENCES]),
        sacrebleu.corpus_ter(TRANSLATIONS, [REFERENCES]),
    )
    assert [scores.bleu, scores.chrf, scores.ter] == [round(score.score, 2) for score in own]
    assert all(0 < score.score < 100 for score in own)
    assert corpus_bleu(TRANSLATIONS, REFERENCES) == own[0].score


def test_signatures_name_the_version_and_the_tokenizer():
    scores = corpus_scores(TRANSLATIONS, REFERENCES)
    version = f"version:{importlib.metadata.version('sacrebleu')}"
    assert {"tok:13a", "case:mixed", "nrefs:1", version} <= set(scores.bleu_signature.split("|"))
    assert {"nc:6", "nw:0", version} <= set(scores.chrf_signature.split("|"))
    assert {"tok:tercom", version} <= set(scores.ter_signature.split("|"))


def test_scores_are_listed_by_name():
    listed = corpus_scores(TRANSLATIONS, REFERENCES).as_dict()
    metrics = ("bleu", "chrf", "ter")
    assert list(listed) == [*metrics, *(f"{metric}_signature" for metric in metrics)]


@pytest.mark.parametrize("counts", [(1, 2), (2, 1), (0, 1), (1, 0), (0, 0)])
def test_counts_that_differ_and_nothing_to_score_are_refused(counts):
    message = f"{counts[0]} translations for {counts[1]} references"
    with pytest.raises(ValueError, match=message):
        corpus_scores(["a b c d"] * counts[0], ["a b c d"] * counts[1])


def test_case_matters_to_bleu_and_chrf():
    line, lower = "The Dog Runs Here Today", "the dog runs here today"
    assert corpus_scores([line], [lower]).bleu == 0
    assert corpus_scores([line], [lower]).chrf < 100
    assert corpus_scores([line], [line]).bleu == corpus_scores([line], [line]).chrf == 100


@settings(deadline=None)
@given(TEXT_PAIRS)
def test_any_text_has_scores_on_their_scales(pairs):
    scores = corpus_scores(*map(list, zip(*pairs, strict=True)))
    assert 0 <= scores.bleu <= 100
    assert 0 <= scores.chrf <= 100
    assert scores.ter >= 0


NEARLY = {  # a sentence and one that differs in the last word
    "zh": ("我今天在家里看了一本书。", "我今天在家里看了一本画。"),
    "ja": ("私は今日家で本を読みました。", "私は今日家で絵を読みました。"),
    "ko": ("저는 오늘 집에서 책을 읽었습니다.", "저는 오늘 집에서 책만 읽었습니다."),
    "th": ("วันนี้ฉันอ่านหนังสือที่บ้าน", "วันนี้ฉันอ่านหนังสือที่สวน"),
}


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [("zh-Hans", "zh"), ("ja", "ja-mecab-0.996-IPA"), ("ko", "ko-mecab"), ("th", "char")],
)
def test_bleu_finds_words_as_the_language_has_them(language, tokenizer):
    if language in ("ja", "ko"):
        pytest.importorskip({"ja": "MeCab", "ko": "mecab_ko"}[language])
    reference, translation = NEARLY[language[:2]]
    scores = corpus_scores([translation], [reference], language)
    assert f"tok:{tokenizer}" in scores.bleu_signature
    assert 30 < scores.bleu < 100
    assert scores.bleu == pytest.approx(corpus_bleu([translation], [reference], language), abs=0.01)
    # Control: with the rules for Western text no four words in a row are right.
    assert corpus_bleu([translation], [reference]) < 1e-6 or language == "ko"


def test_ter_counts_characters_where_there_are_no_words():
    reference, translation = NEARLY["zh"]
    assert 0 < corpus_scores([translation], [reference], "zh").ter < 15
    assert corpus_scores([translation], [reference]).ter == 100  # one word, and it is wrong


def test_every_score_of_a_language_is_counted_alike():
    reference, translation = NEARLY["zh"]
    bleu = corpus_bleu([translation], [reference], "zh")
    assert measure([translation], [reference], "zh")[0].score == pytest.approx(bleu)
    compared = compare([translation], [reference], [reference], "zh")[0]
    assert (compared.score, compared.baseline) == (pytest.approx(bleu), pytest.approx(100))
    by_length = bleu_by_length(["a book"], {"ours": [translation]}, [reference], language="zh")
    assert by_length.scores["ours"][0] == pytest.approx(bleu)


def test_western_and_unknown_languages_count_as_ever():
    plain = corpus_scores(TRANSLATIONS, REFERENCES)
    assert corpus_scores(TRANSLATIONS, REFERENCES, "de") == plain
    assert corpus_scores(TRANSLATIONS, REFERENCES, "und") == plain


@pytest.mark.parametrize(
    ("language", "module"), [("ja", "tokenizer_ja_mecab"), ("ko", "tokenizer_ko_mecab")]
)
def test_a_missing_extra_is_named(monkeypatch, language, module):
    monkeypatch.setattr(f"sacrebleu.tokenizers.{module}.MeCab", None)
    with pytest.raises(ConfigError, match=rf"pip install 'seq2seq-keras\[{language}\]'"):
        corpus_bleu(["a"], ["a"], language)
    assert corpus_bleu(["a b c d"], ["a b c d"], "und") == pytest.approx(100)
