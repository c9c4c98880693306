// Types of duologue.js, and of the events that a page sends and is told most often.
// docs/openai.md tells all of them.

export type State = "query" | "non_query" | "incomplete" | "hold";

export interface SessionSettings {
  /** A name that the platform serves; "default" is its own choice. */
  model?: string;
  /** The system prompt; fixed once the conversation has begun. */
  instructions?: string;
  max_output_tokens?: number | "inf";
  temperature?: number;
  /** Functions that the model may call, if it can; fixed once the conversation has begun. */
  tools?: { name: string; type: "function"; description?: string; parameters?: Record<string, unknown> }[];
  /** Fields of a session's config that OpenAI's API has no word for. */
  duologue?: {
    strategy?: "duo" | "listen" | "tdm" | "turn";
    temperature?: number;
    top_p?: number;
    top_k?: number;
    seed?: number;
    repetition_penalty?: number;
    stop_strings?: string[];
    floor?: string;
    reports_playback?: boolean;
    reply_tokens_per_slice?: number;
    reply_tokens_per_second?: number;
    look_ahead_tokens?: number;
    labels?: Record<string, string>;
  };
}

export type ClientEvent =
  | { type: "session.update"; session: Record<string, unknown> }
  | { type: "duologue.input_text.append"; text: string; segment_id?: string; is_final?: boolean }
  | { type: "duologue.input_text.revise"; segment_id: string; text: string; is_final?: boolean }
  | { type: "duologue.input_text.commit" }
  | { type: "duologue.playback_ack"; item_id: string; heard_chars: number }
  | { type: "duologue.assistant_said"; text?: string; response_id?: string; is_end?: boolean; heard_chars?: number }
  | { type: "conversation.item.create"; item: Record<string, unknown> }
  | { type: "conversation.item.truncate"; item_id: string; content_index: 0; audio_end_ms: number; heard_chars?: number }
  | { type: "response.create"; response?: Record<string, unknown> }
  | { type: "response.cancel"; response_id?: string };

export interface ServerEvents {
  "session.created": { session: { id: string } };
  "session.updated": { session: Record<string, unknown> };
  "response.created": { response: { id: string; status: "in_progress" } };
  "response.output_text.delta": { response_id: string; item_id: string; delta: string };
  "response.output_text.done": { response_id: string; item_id: string; text: string };
  "response.function_call_arguments.done": {
    response_id: string;
    item_id: string;
    call_id: string;
    name: string;
    arguments: string;
  };
  "response.done": {
    response: { id: string; status: "completed" | "cancelled" | "incomplete" | "failed" };
  };
  "duologue.session_ready": { session_id: string };
  "duologue.input_state": {
    state: State;
    probabilities: Record<State, number>;
    text: string;
    segment_ids: string[];
    reason: string;
    look_ahead_tokens: number;
    is_foreign: boolean;
  };
  "duologue.interrupted": { response_id: string; item_id: string; heard_chars: number };
  "duologue.response_paused": { response_id: string; item_id: string };
  "duologue.response_resumed": { response_id: string; item_id: string; from_chars: number };
  error: { error: { type: string; code: string; message: string; param: string | null } };
  /** The connection has ended; no event of the platform's. */
  closed: { code: number; reason: string };
}

export type Handler<T> = (event: T) => void;

export class Conversation {
  constructor(url: string, key: string, settings?: SessionSettings);
  on<K extends keyof ServerEvents>(type: K, handler: Handler<{ type: K } & ServerEvents[K]>): this;
  on(type: "*" | string, handler: Handler<{ type: string; [field: string]: unknown }>): this;
  hear(text: string, isFinal?: boolean): void;
  commit(): void;
  cancel(): void;
  send(event: ClientEvent): void;
  close(): void;
}
