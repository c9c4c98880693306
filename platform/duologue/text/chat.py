"""How a model's chat template frames a conversation, as pieces of tokens.

The engine never renders a template while it talks: it lays fixed pieces around the texts. Since a
template is a program, the pieces are found once by rendering conversations of sentinel texts and
looking at what stands between them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from duologue.errors import ModelUnavailable
from duologue.speaker import Speaker
from duologue.text.tokenizer import Tokenizer
from duologue.text.tool_markup import ToolMarkup
from duologue.tools import Tool

Messages = list[dict[str, str]]
Render = Callable[[Messages, bool], str]
"""render(messages, add_generation_prompt): a chat template, from messages to markup."""


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """The fixed pieces of tokens around the texts of a conversation.

    A conversation is laid out as `opening(...)`, then for each turn
    `user_header + text + user_end + reply_header + reply + reply_end`. For a derived format this
    equals what the template itself gives, as long as a text does not begin with white space (some
    tokenizers would join that to the line break before it) and the template shows a turn in the
    same way wherever it stands.

    `bare_opening` is what comes before the first turn when there is no system prompt (BOS, or
    nothing); `system_header` includes it. `stop_tokens` end a reply; `stop_strings` do so too, for
    models that know no such token.
    """

    bare_opening: tuple[int, ...]
    system_header: tuple[int, ...]
    system_end: tuple[int, ...]
    user_header: tuple[int, ...]
    user_end: tuple[int, ...]
    reply_header: tuple[int, ...]
    reply_end: tuple[int, ...]
    stop_tokens: frozenset[int]
    supports_system: bool
    stop_strings: tuple[str, ...] = ()
    tools: ToolMarkup | None = None
    """None where the template knows no tools."""

    def opening(
        self, tokenizer: Tokenizer, system_prompt: str, tools: Sequence[Tool] = ()
    ) -> tuple[int, ...]:
        """Tokens before the first user turn; they stay when old turns leave the context.

        An empty prompt means no system turn, also where the template would put in a default of its
        own. A template without a system role gets the prompt as a user turn of its own, which
        nobody answers: so it stays in place whatever happens to the turns behind it. Tools, which
        only a format with markup for them takes, stand where the template has them.
        """
        if tools:
            assert self.tools is not None, "this chat format knows no tools"
            return self.tools.opening(tokenizer, system_prompt, tools)
        if not system_prompt:
            return self.bare_opening
        prompt = tuple(tokenizer.encode(system_prompt))
        if self.supports_system:
            return self.system_header + prompt + self.system_end
        return self.bare_opening + self.user_header + prompt + self.user_end

    def note(self, speaker: Speaker, tokens: Sequence[int]) -> tuple[int, ...]:
        """A whole turn of somebody's, between others; a template without a system role, or whose
        system turn must come first, has the user say what would be there."""
        if speaker is Speaker.ASSISTANT:
            return (*self.reply_header, *tokens, *self.reply_end)
        if speaker is Speaker.TOOL:
            assert self.tools is not None, "this chat format knows no tools"
            return (*self.tools.result_header, *tokens, *self.tools.result_end)
        num_bare = len(self.bare_opening)
        is_system = speaker is Speaker.SYSTEM and self.supports_system
        if is_system and self.system_header[:num_bare] == self.bare_opening:
            return (*self.system_header[num_bare:], *tokens, *self.system_end)
        return (*self.user_header, *tokens, *self.user_end)

    def with_reply_header(self) -> "ChatFormat":
        """The same format with something to compute in the output channel before the first token.

        In some templates the end of the user's turn is all that asks for a reply.
        """
        if self.reply_header:
            return self
        assert self.user_end, "a chat format must mark where a reply begins"
        return replace(self, user_end=self.user_end[:-1], reply_header=self.user_end[-1:])

    def to_json(self) -> str:
        """The format as a JSON object, for storing beside a prepared model."""
        fields = asdict(self)
        fields["stop_tokens"] = sorted(self.stop_tokens)
        if self.tools is None:  # equal formats stay equal texts, also to those of earlier versions
            del fields["tools"]
        return json.dumps(fields)

    @classmethod
    def from_json(cls, serialized: str) -> "ChatFormat":
        """The inverse of `to_json`; raises ModelUnavailable if the text is something else."""
        try:
            fields = json.loads(serialized)
            pieces = {name: tuple(fields[name]) for name in (*_PIECES, "stop_strings")}
            tools = fields.get("tools")
            return cls(
                **pieces,
                stop_tokens=frozenset(fields["stop_tokens"]),
                supports_system=bool(fields["supports_system"]),
                tools=ToolMarkup.from_json(tools) if tools is not None else None,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ModelUnavailable(f"this is not a stored chat format: {error!r}") from error

    @classmethod
    def derive(
        cls, render: Render, tokenizer: Tokenizer, stop_tokens: frozenset[int]
    ) -> "ChatFormat":
        """Find the pieces of a chat template by rendering sentinel texts.

        To `stop_tokens` is added the special token with which the template ends a reply, which
        some models forget to list. Raises ModelUnavailable if the template does not frame turns
        one after the other in a fixed way.
        """
        try:
            pieces = _template_pieces(_Probe(render, tokenizer.encode_markup, tokenizer.encode))
        except ModelUnavailable:
            # Without special tokens between them, neighbouring pieces may share tokens. As text
            # they come apart; a token or two at the seams then differs from the template's.
            as_text = _template_pieces(_Probe(render, _code_points, _code_points))
            pieces = {
                name: tuple(tokenizer.encode_markup("".join(map(chr, piece))))
                for name, piece in as_text.items()
            }
        closing = frozenset(pieces["reply_end"][:1]) & tokenizer.special_tokens
        return cls(
            bare_opening=pieces["bare_opening"],
            system_header=pieces.get("system_header", ()),
            system_end=pieces.get("system_end", ()),
            user_header=pieces["user_header"],
            user_end=pieces["user_end"],
            reply_header=pieces["reply_header"],
            reply_end=pieces["reply_end"],
            stop_tokens=stop_tokens | closing,
            supports_system="system_header" in pieces,
        )

    @classmethod
    def plain(cls, tokenizer: Tokenizer, stop_tokens: frozenset[int]) -> "ChatFormat":
        """A format of labelled paragraphs, for models that come without a chat template."""
        bos = tokenizer.leading_tokens()
        piece = {name: tuple(tokenizer.encode_markup(text)) for name, text in _PLAIN_MARKUP.items()}
        return cls(
            bare_opening=bos,
            system_header=bos,
            system_end=piece["paragraph"],
            user_header=piece["user"],
            user_end=piece["paragraph"],
            reply_header=piece["assistant"],
            reply_end=piece["paragraph"],
            stop_tokens=stop_tokens,
            supports_system=True,
            stop_strings=("\nUser:", "\nAssistant:"),
        )


_PIECES = (
    "bare_opening",
    "system_header",
    "system_end",
    "user_header",
    "user_end",
    "reply_header",
    "reply_end",
)
_PLAIN_MARKUP = {"paragraph": "\n\n", "user": "User:\n", "assistant": "Assistant:\n"}

# Two words each that no template contains, without white space at the ends, which some trim.
_SYSTEM: Mapping[str, str] = {"role": "system", "content": "Zanzibar quartz"}
_USER: Mapping[str, str] = {"role": "user", "content": "Wombat kiosk"}
_REPLY: Mapping[str, str] = {"role": "assistant", "content": "Yonder jigsaw"}
_SECOND_USER: Mapping[str, str] = {"role": "user", "content": "Vortex hymn"}


class _Probe:
    """Renders conversations of sentinels and cuts the markup at the sentinels.

    What is cut are symbols: the tokens of the markup, or its code points. Tokens are taken from
    the markup as a whole, because tokenizers treat the start of a text and the white space around
    special tokens in ways of their own.
    """

    def __init__(self, render: Render, of_markup: "_ToSymbols", of_sentinel: "_ToSymbols") -> None:
        self._render = render
        self._of_markup = of_markup
        self._of_sentinel = of_sentinel

    def pieces(
        self, messages: Sequence[Mapping[str, str]], *, prompt_reply: bool = False
    ) -> list[tuple[int, ...]]:
        """The symbols before, between and behind the messages' texts, in order.

        What stands before a reply includes the reply's first word.
        """
        try:
            markup = self._render([dict(message) for message in messages], prompt_reply)
        except Exception as error:
            # Templates refuse a role or an order by raising what their own engine has for it.
            raise ModelUnavailable(f"the chat template refuses a conversation: {error}") from error
        symbols = list(self._of_markup(markup))
        pieces: list[tuple[int, ...]] = []
        start = 0
        for message in messages:
            sentinel = self._sentinel(message)
            found = _find(symbols, sentinel, start)
            if found is None:
                raise ModelUnavailable(
                    "the chat template does not show the texts of a conversation in their order"
                )
            pieces.append(tuple(symbols[start:found]))
            start = found + len(sentinel)
        return [*pieces, tuple(symbols[start:])]

    def _sentinel(self, message: Mapping[str, str]) -> list[int]:
        """What to look for. Of a reply that is the end only, for its text is never encoded by us:
        the model says it in tokens, so that it does not matter how the template joins it on."""
        content = message["content"]
        symbols = list(self._of_sentinel(content))
        if message["role"] != "assistant":
            return symbols
        return symbols[len(self._of_sentinel(content.split()[0])) :]


_ToSymbols = Callable[[str], Sequence[int]]


def _code_points(text: str) -> list[int]:
    return [ord(character) for character in text]


def _template_pieces(probe: _Probe) -> dict[str, tuple[int, ...]]:
    """Every piece by its name; those of the system turn only if the template has one."""
    user_end = probe.pieces([_USER])[-1]
    prompted = probe.pieces([_USER], prompt_reply=True)[-1]
    reply_header = _strip_prefix(prompted, user_end, "a user turn that asks for a reply")
    reply_end = probe.pieces([_USER, _REPLY])[-1]
    between_turns = probe.pieces([_USER, _REPLY, _SECOND_USER])[2]
    user_header = _strip_prefix(between_turns, reply_end, "a reply that a turn follows")
    bare = _strip_suffix(probe.pieces([_USER])[0], user_header, "the first user turn")
    pieces = {
        "user_header": user_header,
        "user_end": user_end,
        "reply_header": reply_header,
        "reply_end": reply_end,
    }
    try:
        system_header, between, _ = probe.pieces([_SYSTEM, _USER])
        pieces["system_end"] = _strip_suffix(between, user_header, "the system turn")
    except ModelUnavailable:
        # No system role, or one whose text is put inside the user's turn.
        return pieces | {"bare_opening": bare}
    pieces["system_header"] = system_header
    return pieces | {"bare_opening": _without_default_system(bare, system_header, user_header)}


def _without_default_system(
    bare: tuple[int, ...], system_header: tuple[int, ...], user_header: tuple[int, ...]
) -> tuple[int, ...]:
    """What really has to come first, if the template opens with a system turn of its own.

    Such an opening is no prefix of the real system turn's header. What both begin with is BOS and
    the start of the system turn; the latter begins like a user's turn.
    """
    if system_header[: len(bare)] == bare:
        return bare
    turn_start = _find(system_header, user_header[:1], 0)
    return bare if turn_start is None else system_header[:turn_start]


def _strip_prefix(piece: tuple[int, ...], prefix: tuple[int, ...], place: str) -> tuple[int, ...]:
    if piece[: len(prefix)] != prefix:
        raise ModelUnavailable(f"the chat template frames {place} in another way")
    return piece[len(prefix) :]


def _strip_suffix(piece: tuple[int, ...], suffix: tuple[int, ...], place: str) -> tuple[int, ...]:
    cut = len(piece) - len(suffix)
    if cut < 0 or piece[cut:] != suffix:
        raise ModelUnavailable(f"the chat template frames {place} in another way")
    return piece[:cut]


def _find(symbols: Sequence[int], wanted: Sequence[int], start: int) -> int | None:
    """Where `wanted` first occurs in `symbols` at or after `start`."""
    for index in range(start, len(symbols) - len(wanted) + 1):
        if list(symbols[index : index + len(wanted)]) == list(wanted):
            return index
    return None
