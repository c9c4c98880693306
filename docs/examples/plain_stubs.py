"""A conversation with the generated stubs alone: what a client in any language has to do.

Takes the platform from DUOLOGUE_ADDRESS and DUOLOGUE_API_KEY. Breaks its connection off in the
middle of the reply and resumes, to show that nothing is lost and nothing comes twice.
"""

import os
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import grpc

from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.v1.conversation_pb2_grpc import ConversationServiceStub

QUESTION = "Tell me about the sea."
METADATA = (("authorization", f"Bearer {os.environ['DUOLOGUE_API_KEY']}"),)


class Sender:
    """What goes to the platform: requests from a queue, until None."""

    def __init__(self, first: pb.ConverseRequest) -> None:
        self._requests: SimpleQueue[pb.ConverseRequest | None] = SimpleQueue()
        self._requests.put(first)
        self.is_ready = False
        """Whether `session_ready` has come: what is sent then says so."""

    def send(self, event: events_pb2.ClientEvent) -> None:
        self._requests.put(pb.ConverseRequest(event=event, ready_received=self.is_ready))

    def end(self) -> None:
        self._requests.put(None)

    def __iter__(self) -> Iterator[pb.ConverseRequest]:
        return iter(self._requests.get, None)


def main() -> None:
    said = [
        events_pb2.ClientEvent(
            client_seq=1,
            input_append=events_pb2.InputAppend(segment_id="a", text=QUESTION, is_final=True),
        ),
        events_pb2.ClientEvent(client_seq=2, input_commit=events_pb2.InputCommit()),
    ]
    with grpc.insecure_channel(os.environ["DUOLOGUE_ADDRESS"]) as channel:
        service = ConversationServiceStub(channel)  # type: ignore[arg-type]  # typed for asyncio
        ready, last_server_seq = ask(service, said)
        last_server_seq = listen_to_the_end(service, said, ready, last_server_seq)
    print(f"[closed behind event {last_server_seq}]")


def ask(service: Any, said: list[events_pb2.ClientEvent]) -> tuple[events_pb2.SessionReady, int]:
    """Begin a session, and break off at the first text of the reply."""
    config = events_pb2.SessionConfig(temperature=0.0, max_reply_tokens=40)
    sender = Sender(pb.ConverseRequest(start=pb.SessionStart(config=config)))
    for event in said:
        sender.send(event)
    call = service.Converse(iter(sender), metadata=METADATA)
    ready, last_server_seq = events_pb2.SessionReady(), 0
    for response in call:
        event = response.event
        last_server_seq = max(last_server_seq, event.server_seq)
        if event.HasField("session_ready"):
            ready = event.session_ready
            print(f"[{ready.session_id} is ready]")
        elif event.HasField("response_delta"):
            print(event.response_delta.text, end="", flush=True)
            break  # as if the network had gone
    call.cancel()
    sender.end()
    return ready, last_server_seq


def listen_to_the_end(
    service: Any,
    said: list[events_pb2.ClientEvent],
    ready: events_pb2.SessionReady,
    last_server_seq: int,
) -> int:
    """Resume, hear the rest, and close; returns the number of the last event."""
    resume = pb.SessionResume(
        session_id=ready.session_id,
        resume_token=ready.resume_token,
        last_server_seq=last_server_seq,
    )
    sender = Sender(pb.ConverseRequest(resume=resume))
    for response in service.Converse(iter(sender), metadata=METADATA):
        event = response.event
        if event.server_seq:
            assert event.server_seq == last_server_seq + 1, "an event is missing"
            last_server_seq = event.server_seq
        if event.HasField("session_ready"):
            print("\n[resumed]")
            sender.is_ready = True
            for each in said[event.session_ready.last_client_seq :]:
                sender.send(each)  # what the session has not taken yet
        elif event.HasField("response_delta"):
            print(event.response_delta.text, end="", flush=True)
        elif event.HasField("response_done"):
            print()
            close = events_pb2.SessionClose()
            sender.send(events_pb2.ClientEvent(client_seq=3, session_close=close))
    sender.end()
    return last_server_seq


if __name__ == "__main__":
    main()
