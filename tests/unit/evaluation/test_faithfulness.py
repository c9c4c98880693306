"""Replies under `duo` are the model's own; what is not would be found, named and counted."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from duologue.engine.engine import Engine
from duologue.errors import InvalidInput
from duologue.evaluation.faithfulness.comparison import Comparison, compare
from duologue.evaluation.faithfulness.course import Course, CourseReplies, answer
from duologue.evaluation.faithfulness.prompts import (
    DISTURBANCES,
    NUM_PIECES,
    SHIPPED,
    in_pieces,
    read_prompts,
)
from duologue.evaluation.faithfulness.reference import Reference
from duologue.evaluation.faithfulness.reply import Reply, difference
from duologue.evaluation.faithfulness.report import faithfulness_json, show_faithfulness
from duologue.evaluation.forced import ForcedHead
from duologue.evaluation.metrics import Share
from duologue.evaluation.page import ReportPage
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.model.loading import LoadedModel, load_model
from duologue.runtime.assembly import Assembly
from duologue.session.setup import SessionSetup
from duologue.settings import DecodingSettings
from duologue.states import State

PROMPTS = read_prompts(SHIPPED)


@pytest.fixture(scope="module")
def tiny_reference(assembly: Assembly, tiny_model: Path) -> Reference:
    plain = load_model(tiny_model, device="cpu", dtype="float32", attention="eager")
    return Reference(plain, assembly.setup)


def answered(
    assembly: Assembly, prompts: Sequence[str], course: Course, setup: SessionSetup | None = None
) -> CourseReplies:
    assert assembly.head is not None
    head = ForcedHead(assembly.head)
    engine = Engine(assembly.model, head.as_head)
    answers = answer(engine, head, setup or assembly.setup, prompts, course)
    assert engine.num_sessions == 0
    engine.check_integrity()
    return answers


class TestPrompts:
    def test_two_hundred_different_ones_come_with_it(self) -> None:
        assert len(PROMPTS) == len(set(PROMPTS)) == 200

    def test_comments_and_blank_lines_are_passed_over(self, tmp_path: Path) -> None:
        path = tmp_path / "prompts.txt"
        path.write_text("# one\n\n  why  \nhow #2\n", encoding="utf-8")
        assert read_prompts(path) == ["why", "how #2"]

    @pytest.mark.parametrize("content", ["", "# nothing\n"])
    def test_no_prompts_are_refused(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "prompts.txt"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InvalidInput, match="has none"):
            read_prompts(path)
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_prompts(tmp_path / "nowhere.txt")

    @pytest.mark.parametrize("text", [*DISTURBANCES, "a b", "a b c", "a b c d"])
    def test_pieces_are_the_text(self, text: str) -> None:
        pieces = in_pieces(text)
        assert len(pieces) == NUM_PIECES
        assert "".join(pieces) == text
        assert pieces[-1], "a text ends with its last piece"


class TestDifference:
    REFERENCE = Reply((1, 2, 3), has_stopped=True)

    def test_equal(self) -> None:
        assert difference(Reply((1, 2, 3), True), self.REFERENCE) is None

    @pytest.mark.parametrize(
        ("tokens", "has_stopped", "place"),
        [((1, 9, 3), True, 1), ((1, 2), True, 2), ((1, 2, 3, 4), True, 3), ((1, 2, 3), False, 3)],
    )
    def test_departure(self, tokens: tuple[int, ...], has_stopped: bool, place: int) -> None:
        assert difference(Reply(tokens, has_stopped), self.REFERENCE) == place

    def test_interrupted_reply_is_compared_as_far_as_it_went(self) -> None:
        assert difference(Reply((1, 2), False, is_interrupted=True), self.REFERENCE) is None
        assert difference(Reply((1, 9), False, is_interrupted=True), self.REFERENCE) == 1
        longer = Reply((1, 2, 3, 4), False, is_interrupted=True)
        assert difference(longer, self.REFERENCE) == 3


class TestReference:
    def test_its_own_template_and_the_lane_agree(
        self, assembly: Assembly, tiny_reference: Reference
    ) -> None:
        setup, chat = assembly.setup, assembly.setup.chat
        words = setup.tokenizer.encode("why is it so")
        laid_out = [*setup.opening, *chat.user_header, *words, *chat.user_end, *chat.reply_header]
        assert tiny_reference.prompt_tokens("why is it so") == laid_out

    def test_prompts_do_not_depend_on_each_other(self, tiny_reference: Reference) -> None:
        prompts = PROMPTS[:6]
        together = tiny_reference.replies(prompts, 12)
        alone = [tiny_reference.replies([prompt], 12)[0] for prompt in prompts]
        assert together == alone

    def test_margin_is_that_of_the_next_token(self, tiny_reference: Reference) -> None:
        assert tiny_reference.margin("why", []) > 0


@pytest.mark.parametrize("course", [Course.QUIET, Course.FORCED])
def test_a_tiny_model_says_what_it_says_alone(
    assembly: Assembly, tiny_reference: Reference, course: Course
) -> None:
    prompts = PROMPTS[:30]  # more than one wave
    max_tokens = assembly.setup.decoding.max_reply_tokens
    expected = tiny_reference.replies(prompts, max_tokens)
    found = compare(tiny_reference, prompts, expected, answered(assembly, prompts, course))
    assert found.departures == []
    assert found.whole == Share(30, 30)
    assert found.num_tokens == sum(len(reply.tokens) for reply in expected)
    decisions = found.answers.decisions
    if course is Course.FORCED:
        assert set(decisions) == {State.NON_QUERY}
        assert decisions.total() > 20, "most replies are long enough to be disturbed"
    else:
        assert not decisions


def test_what_cuts_a_reply_off_is_counted(assembly: Assembly) -> None:
    """The random head takes some disturbances for queries."""
    answers = answered(assembly, PROMPTS[:12], Course.JUDGED)
    cut = [reply for reply in answers.replies if reply.is_interrupted]
    assert cut
    assert answers.decisions[State.QUERY] + answers.decisions[State.HOLD] >= len(cut)
    quiet = answered(assembly, PROMPTS[:12], Course.QUIET)
    for reply, whole in zip(answers.replies, quiet.replies, strict=True):
        assert difference(reply, whole) is None


def test_a_departure_is_found_and_named(assembly: Assembly, tiny_reference: Reference) -> None:
    """Answers at another temperature are not the model's greedy ones."""
    prompts = PROMPTS[:4]
    warm = replace(assembly.setup, sampling=replace(assembly.setup.sampling, temperature=2.0))
    max_tokens = assembly.setup.decoding.max_reply_tokens
    expected = tiny_reference.replies(prompts, max_tokens)
    answers = answered(assembly, prompts, Course.QUIET, warm)
    found = compare(tiny_reference, prompts, expected, answers)
    assert found.departures
    first = found.departures[0]
    assert first.prompt in prompts
    assert first.said != first.expected
    assert found.equal.hits == 4 - len(found.departures)
    report = json.loads(json.dumps(faithfulness_json([found], expected, max_tokens)))
    assert report["courses"]["quiet"]["departures"][0]["place"] == first.place
    page = ReportPage("t")
    show_faithfulness(page, [found], prompts, expected, assembly.model.tokenizer)
    assert "missed" in page.render()


def test_equal_replies_make_a_page_without_departures(assembly: Assembly) -> None:
    quiet = answered(assembly, PROMPTS[:2], Course.QUIET)
    page = ReportPage("t")
    expected = list(quiet.replies)
    show_faithfulness(
        page, [Comparison(quiet, [])], PROMPTS[:2], expected, assembly.model.tokenizer
    )
    assert "Departures" not in page.render()


def test_the_bundled_model_says_what_it_says_alone(bundled_float32: LoadedModel) -> None:
    """The claim itself, on a few prompts, while others talk; the report has all 200."""
    prompts, max_tokens = PROMPTS[::50], 10
    labels = tuple(State)
    card = AdapterCard(bundled_float32.geometry.hidden_size, labels, {State.QUERY: 0.5})
    unused = (torch.zeros(len(labels), card.input_size), torch.zeros(len(labels)))
    head = ForcedHead(StateHead(card, [unused]))
    setup = SessionSetup(
        tokenizer=bundled_float32.tokenizer,
        chat=bundled_float32.chat,
        max_positions=bundled_float32.geometry.max_positions,
        decoding=DecodingSettings(max_reply_tokens=max_tokens, reply_tokens_per_slice=2),
    )
    plain = load_model("bundled", device="cpu", dtype="float32", attention="eager")
    reference = Reference(plain, setup)
    expected = reference.replies(prompts, max_tokens)
    engine = Engine(bundled_float32, head.as_head)
    answers = answer(engine, head, setup, prompts, Course.FORCED)
    assert compare(reference, prompts, expected, answers).departures == []
    assert answers.decisions.total() >= len(prompts)
    assert len({reply.tokens for reply in expected}) == len(prompts), "real, different replies"
