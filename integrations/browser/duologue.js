// A conversation with Duologue from a browser, over the WebSocket of a gateway's HTTP port.
//
//   import { Conversation } from "./duologue.js";
//   const talk = new Conversation("ws://127.0.0.1:50080/v1", key, { instructions: "Be brief." });
//   talk.on("response.output_text.delta", (event) => { page.append(event.delta); });
//   talk.on("duologue.interrupted", () => { voice.stop(); });
//   field.oninput = () => talk.hear(field.value);           // also while it speaks
//   field.onchange = () => { talk.commit(); field.value = ""; };
//
// Types are in duologue.d.ts. A key in a page is known to whoever opens it: give out short-lived ones.

export class Conversation {
  #socket;
  #handlers = new Map();
  #waiting = [];
  #segment = 0;
  #heard = "";

  constructor(url, key, { model = "default", ...session } = {}) {
    const address = `${url}/realtime?model=${encodeURIComponent(model)}`;
    this.#socket = new WebSocket(address, ["realtime", `openai-insecure-api-key.${key}`]);
    this.#socket.onopen = () => this.#waiting.splice(0).forEach((text) => this.#socket.send(text));
    this.#socket.onmessage = ({ data }) => this.#tell(JSON.parse(data));
    this.#socket.onclose = ({ code, reason }) => this.#tell({ type: "closed", code, reason });
    this.send({ type: "session.update", session: { type: "realtime", ...session } });
  }

  /** Call `handler` with each event of this type; "*" is all of them, "closed" the end. */
  on(type, handler) {
    this.#handlers.set(type, [...(this.#handlers.get(type) ?? []), handler]);
    return this;
  }

  /** What the user has said or typed of this turn so far: all of it, each time it changes. */
  hear(text, isFinal = false) {
    const segment_id = `turn-${this.#segment}`;
    const more = this.#heard ? "revise" : "append";
    this.#heard = text;
    this.send({ type: `duologue.input_text.${more}`, segment_id, text, is_final: isFinal });
  }

  /** The turn is over for sure: Enter was pressed. */
  commit() {
    this.#segment += 1;
    this.#heard = "";
    this.send({ type: "duologue.input_text.commit" });
  }

  /** Fall silent. */
  cancel() {
    this.send({ type: "response.cancel" });
  }

  /** Any other event; before the connection is there, it waits. */
  send(event) {
    const text = JSON.stringify(event);
    if (this.#socket.readyState === WebSocket.CONNECTING) this.#waiting.push(text);
    else this.#socket.send(text);
  }

  close() {
    this.#socket.close(1000);
  }

  #tell(event) {
    for (const type of [event.type, "*"]) this.#handlers.get(type)?.forEach((call) => call(event));
  }
}
