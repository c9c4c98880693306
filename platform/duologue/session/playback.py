"""Heard truth: what the player reports of a reply, also of one that was cut."""

from dataclasses import replace

from duologue.session.response import Response
from duologue.session.state import SessionState
from duologue.session.transcript import Role


def report(state: SessionState, response_id: int, heard_chars: int, now_ms: float) -> None:
    """The user has heard so much of a response that was shown; the client reports from now on."""
    _reports(state)
    for response in (state.response, state.cut, *state.waiting):
        if response is not None and response.response_id == response_id:
            acknowledge(state, response, heard_chars, now_ms)


def acknowledge(state: SessionState, response: Response, heard_chars: int, now_ms: float) -> None:
    """The same of a response at hand."""
    _reports(state)
    if response is state.response and response.place is not None:
        return  # it counted as heard before anybody reported anything
    response.acknowledge(heard_chars, now_ms)
    if response is state.cut:
        amend(state, now_ms)


def _reports(state: SessionState) -> None:
    if not state.terms.reports_playback:
        state.terms = replace(state.terms, reports_playback=True)


def amend(state: SessionState, now_ms: float) -> None:
    """The last report for a reply that was cut counts if it was on its way when that happened."""
    decision, cut = state.decision, state.cut
    if decision is None or cut is None or (cut.acked_chars is None and not cut.is_told):
        return
    heard_chars = cut.reported_chars(state.terms.floor)
    is_late = now_ms - decision.at_ms > state.terms.floor.late_ack_ms
    if (is_late and decision.is_confirmed) or heard_chars == decision.cut_heard_chars:
        return
    decision.cut_heard_chars = heard_chars
    state.amends = state.terms.decoding.promotion == "rebase"  # `branch` keeps nothing of it
    if decision.place is not None:
        cut.cut_chars = heard_chars
        state.rewrite(decision.place, Role.ASSISTANT, cut.text[:heard_chars])
