"""A pause is long or short by the speaker's own pace, and by what was said before it."""

import pytest

from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.session.silence import Silence
from duologue.session.terms import Terms

TEXT = "the blue one"
TERMS = Terms(
    floor=FloorSettings(
        confirm_word_gaps=2.0,
        confirm_after_ms=600,
        confirm_final_scale=0.5,
        confirm_slow_ms=1_500,
        confirm_first_word_ms=1_000,
    ),
    listening=ListeningSettings(open_after_ms=1200, dictation_after_ms=2200),
)


def heard(silence: Silence, now_ms: float, text: str = TEXT) -> None:
    silence.heard(text, now_ms, is_final=False)


def test_a_pause_is_measured_in_the_gaps_between_the_speakers_words() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000)
    assert silence.confirms_at_ms(TEXT, TERMS) == 1400


def test_the_pause_has_a_longest_length() -> None:
    silence = Silence(word_gap_ms=900)
    heard(silence, 1000)
    assert silence.confirms_at_ms(TEXT, TERMS) == 2500


def test_what_is_hardly_a_query_waits_longer_and_never_less_than_the_pace_asks_for() -> None:
    unlikely = TERMS.floor.confirm_soon_above / 2
    for gap_ms, at_ms in ((200, 1600), (400, 1800)):
        silence = Silence(word_gap_ms=gap_ms)
        heard(silence, 1000)
        assert silence.confirms_at_ms(TEXT, TERMS, unlikely) == at_ms


def test_the_last_gap_counts_where_it_is_longer_than_the_average() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "one")
    heard(silence, 1700, "one two")
    assert silence.word_gap_ms < 700
    assert silence.confirms_at_ms(TEXT, TERMS) == 1700 + 1400
    silence.decided(has_rest=False)
    assert silence.confirms_at_ms(TEXT, TERMS) == 1700 + 1400, "a decision waits as long"
    heard(silence, 4000)
    assert silence.confirms_at_ms(TEXT, TERMS) < 4000 + 1400, "the next utterance begins anew"


def test_a_single_word_is_waited_behind_until_the_speakers_pace_is_known() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "yes")
    assert silence.confirms_at_ms("yes", TERMS) == 2000
    heard(silence, 1200, "yes please")
    assert silence.confirms_at_ms("yes please", TERMS) == 1600
    silence.decided(has_rest=False)
    heard(silence, 9000, "why")
    assert silence.confirms_at_ms("why", TERMS) == 9400, "the pace was heard before"


def test_a_mark_behind_the_first_word_tells_nothing_of_the_pace() -> None:
    """ "Price. Thirty eight quid a month is a joke." """
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "Price.")
    assert silence.confirms_at_ms("Price.", TERMS) == 2000


def test_the_gap_behind_what_was_decided_counts_where_the_utterance_goes_on() -> None:
    """Each word of a slow speaker may be decided before the next one comes."""
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "it")
    silence.decided(has_rest=False)
    heard(silence, 1900, "is")
    silence.went_on("it is", "it", 1000)
    assert silence.word_gap_ms == 200 + 0.4 * 700
    assert silence.confirms_at_ms("it is", TERMS) == 1900 + 1500
    heard(silence, 2800, "it is freezing")
    assert silence.last_gap_ms == 900


def test_segments_that_follow_each_other_fast_say_nothing_about_the_pace() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "a table")
    silence.decided(has_rest=False)
    heard(silence, 1080, "for two")
    silence.went_on("a table for two", "a table", 1000)
    assert (silence.word_gap_ms, silence.num_words) == (200, 4)


def test_a_pause_behind_what_was_decided_says_nothing_about_the_pace() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "it")
    silence.decided(has_rest=False)
    heard(silence, 4000, "is")
    silence.went_on("it is", "it", 1000)
    assert silence.word_gap_ms == 200


def test_several_words_at_once_need_no_pace() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000)
    assert silence.confirms_at_ms(TEXT, TERMS) == 1400


def test_the_end_of_a_segment_shortens_the_pause() -> None:
    silence = Silence(word_gap_ms=200)
    silence.heard(TEXT, 1000, is_final=True)
    assert silence.confirms_at_ms(TEXT, TERMS) == 1200
    heard(silence, 1100)
    silence.segment_ended()
    assert silence.confirms_at_ms(TEXT, TERMS) == 1300, "the end alone adds no time"


@pytest.mark.parametrize(
    ("text", "pause_ms"), [("I'd like to, um", 1200), ("it is 0 1 7 2", 2200), ("is it?", 400)]
)
def test_the_pause_is_longer_where_more_is_to_come(text: str, pause_ms: float) -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, text)
    assert silence.confirms_at_ms(text, TERMS) == 1000 + pause_ms


def test_the_pace_is_learned_word_by_word() -> None:
    slow, fast = Silence(), Silence()
    for number in range(1, 9):
        heard(slow, 700 * number, "word " * number)
        heard(fast, 150 * number, "word " * number)
    assert fast.word_gap_ms < 200 < 600 < slow.word_gap_ms


def test_several_words_at_once_share_their_gap() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "one")
    heard(silence, 1600, "one two three four")
    assert silence.word_gap_ms == 200


@pytest.mark.parametrize("later_ms", [5000, 100_000])
def test_a_pause_says_nothing_about_the_pace(later_ms: float) -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "one")
    heard(silence, 1000 + later_ms, "one two")
    assert silence.word_gap_ms == 200


def test_the_first_word_of_an_utterance_has_no_gap_before_it() -> None:
    silence = Silence(word_gap_ms=200)
    heard(silence, 1000, "one")
    silence.decided(has_rest=False)
    heard(silence, 1100, "so")
    assert silence.word_gap_ms == 200
