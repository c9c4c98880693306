// The connection to the platform: it is made again when it is lost, and told why where it is refused.
const FIRST_WAIT_MS = 300;
const MAX_WAIT_MS = 8000;
const REFUSED = [400, 401, 403, 404];
const CLOSED_FOR_GOOD = [1000, 1008, 1009];

class Link {
  constructor({ status, models, opened, told, lost }) {
    Object.assign(this, { status, models, opened, told, lost });
    this.socket = null;
    this.timer = null;
    this.tries = 0;
    this.isLive = false;
    window.addEventListener("online", () => this.timer !== null && this.connect());
  }

  start(key, model) {
    this.stop();
    Object.assign(this, { key, model, tries: 0 });
    this.connect();
  }

  stop(state = "off", told = "not connected") {
    clearTimeout(this.timer);
    this.timer = null;
    this.attempt = Symbol("none");
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    if (this.isLive) this.lost();
    this.isLive = false;
    this.status(state, told);
  }

  send(event) {
    if (this.isLive) this.socket.send(JSON.stringify(event));
  }

  async connect() {
    clearTimeout(this.timer);
    this.timer = null;
    const attempt = (this.attempt = Symbol("attempt"));
    this.status("connecting", this.tries > 0 ? "connecting again" : "connecting");
    // A browser does not tell why a WebSocket was refused, so the key is tried here first.
    let answer;
    try {
      answer = await fetch(new URL("v1/models", location.href), { headers: { Authorization: `Bearer ${this.key}` } });
      const body = await answer.json();
      if (attempt !== this.attempt) return;
      if (REFUSED.includes(answer.status)) return this.stop("refused", body.error.message);
      if (!answer.ok) return this.later(body.error.message, 1000 * Number(answer.headers.get("Retry-After") ?? 0));
      this.models(body.data.map((model) => model.id));
    } catch (error) {
      if (attempt === this.attempt) this.later("the gateway is not reached");
      return;
    }
    this.open();
  }

  open() {
    const url = new URL("v1/realtime", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("model", this.model);
    let socket;
    try {
      socket = new WebSocket(url, ["realtime", `openai-insecure-api-key.${this.key}`]);
    } catch (error) {
      return this.stop("refused", "the key has characters that no key has");
    }
    this.socket = socket;
    let error = null;
    socket.addEventListener("message", (message) => {
      if (socket !== this.socket) return;
      const event = JSON.parse(message.data);
      if (event.type === "session.created") {
        this.isLive = true;
        this.tries = 0;
        this.status("live", "connected");
        this.opened();
      }
      if (event.type === "error") error = event.error;
      this.told(event);
    });
    socket.addEventListener("close", (close) => socket === this.socket && this.closed(close.code, error));
  }

  closed(code, error) {
    this.socket = null;
    if (this.isLive) this.lost();
    this.isLive = false;
    if (error?.code === "deadline_exceeded") this.status("off", "nothing was said for long; type to connect again");
    else if (CLOSED_FOR_GOOD.includes(code)) this.status("refused", error?.message ?? "the conversation is over");
    else this.later("connection lost");
  }

  later(why, atLeastMs = 0) {
    const waitMs = Math.max(atLeastMs, Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** this.tries) * (0.5 + Math.random()));
    this.tries += 1;
    this.status("waiting", `${why}; trying again`);
    this.timer = setTimeout(() => this.connect(), waitMs);
  }
}
