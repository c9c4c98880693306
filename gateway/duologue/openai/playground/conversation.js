// What was said and decided, as it follows from the events; it draws nothing, and sends nothing.
const MAX_TURNS = 200;
const HISTORY_TURNS = 24;
const HISTORY_CHARS = 4000;

class Conversation {
  constructor(watcher) {
    this.watcher = watcher; // is told of turns and moments, by name
    this.turns = [];
    this.responses = new Map(); // by the id of the response
    this.sessionId = null;
    this.held = null; // the query of whose reply nothing was shown yet
    this.lastKeyMs = null;
    this.counts = { cut: 0, resumed: 0, withdrawn: 0 };
    this.waits = { text: [], silence: [], judgement: [] };
  }

  typed(nowMs) {
    this.lastKeyMs = nowMs;
  }

  // Follow an event of the platform's.
  told(event, nowMs) {
    const turn = this.responses.get(event.response_id);
    switch (event.type) {
      case "duologue.session_ready":
        this.sessionId = event.session_id;
        return this.watcher.ready(event.session_id);
      case "duologue.input_state":
        return this.judged(event, nowMs);
      case "response.created":
        return this.begin(event.response, nowMs);
      case "response.output_text.delta":
        return turn && this.more(turn, event);
      case "response.done":
        return this.done(event.response, nowMs);
      case "duologue.response_paused":
        return turn && this.pause(turn, nowMs);
      case "duologue.response_resumed":
        return turn && this.resume(turn, event.from_chars, nowMs);
      case "duologue.interrupted":
        return turn && this.cut(turn, event.heard_chars, nowMs);
      case "duologue.context_trimmed":
        return this.watcher.notice(`the ${event.dropped_turns} oldest turns were forgotten`);
      case "duologue.queued":
        return this.watcher.notice(`no room yet: ${event.position} before you`);
      case "duologue.session_moved":
        return this.watcher.notice("another process has the session now; nothing was lost");
      case "duologue.go_away":
        return this.watcher.notice("the gateway stops; the conversation will go on at another one");
      case "rate_limits.updated":
        return this.watcher.notice("the reply waits: its tenant has used up what it may for now");
      case "error":
        return this.watcher.notice(event.error.message, true);
      default:
        return undefined;
    }
  }

  judged(event, nowMs) {
    const waitMs = this.lastKeyMs === null ? null : nowMs - this.lastKeyMs;
    if (waitMs !== null) this.waits.judgement.push(waitMs);
    this.watcher.judged(event, waitMs, nowMs);
    const text = event.text.trim();
    if (this.held !== null && event.state === "query" && text === this.held.text) return;
    if (this.held !== null && text.startsWith(this.held.text)) this.withdraw(nowMs);
    if (event.state === "incomplete" || text === "") return;
    this.replace(text, event.segment_ids);
    const turn = this.add({
      role: "user", text, state: event.state, reason: event.reason, segmentIds: event.segment_ids,
    });
    if (event.state === "query") {
      this.held = turn;
      this.watcher.held(turn, nowMs);
    }
  }

  // What was decided too early went on: the same words and more are one turn.
  replace(text, segmentIds) {
    const last = this.turns.at(-1);
    if (last?.role !== "user" || !text.startsWith(last.text)) return;
    if (!last.segmentIds.some((each) => segmentIds.includes(each))) return;
    this.turns.pop();
    this.watcher.replaced(last);
  }

  // The reply that was held is taken back: nobody has seen it.
  withdraw(nowMs) {
    const turn = this.held;
    this.held = null;
    this.counts.withdrawn += 1;
    this.turns = this.turns.filter((each) => each !== turn);
    this.watcher.withdrawn(turn, nowMs);
  }

  begin(response, nowMs) {
    const turn = {
      role: "assistant", chars: [], shown: 0, isOver: false, isPaused: false, cutAt: null, beginsMs: nowMs,
    };
    const resumes = this.responses.get(response.metadata?.["duologue.resumes"]);
    if (resumes) {
      turn.goesOn = true;
      this.counts.resumed += 1;
    } else if (this.held !== null && this.lastKeyMs !== null) {
      turn.waitMs = nowMs - this.lastKeyMs;
      turn.askedMs = this.lastKeyMs;
      this.waits.text.push(turn.waitMs);
    }
    turn.answers = this.held;
    this.held = null;
    this.responses.set(response.id, this.add(turn));
    this.watcher.began(turn, nowMs);
  }

  more(turn, { delta, item_id: itemId }) {
    turn.itemId = itemId;
    turn.chars.push(...delta); // code points, as the platform counts
    this.watcher.changed(turn);
  }

  done(response, nowMs) {
    const turn = this.responses.get(response.id);
    if (!turn) return;
    turn.isOver = true;
    if (turn.chars.length === 0) this.drop(turn, nowMs);
    else if (response.status === "cancelled" && turn.cutAt === null) this.stop(turn, nowMs);
    this.watcher.changed(turn);
  }

  // A response that was asked for, and that says nothing.
  drop(turn, nowMs) {
    this.turns = this.turns.filter((each) => each !== turn);
    this.watcher.dropped(turn, nowMs);
  }

  pause(turn, nowMs) {
    turn.isPaused = true;
    this.fellSilent(turn, nowMs);
    this.watcher.paused(turn, nowMs);
  }

  resume(turn, fromChars, nowMs) {
    Object.assign(turn, { isPaused: false, cutAt: null });
    turn.chars.length = Math.min(turn.chars.length, fromChars);
    turn.shown = Math.min(turn.shown, turn.chars.length);
    this.counts.resumed += 1;
    turn.silentMs = undefined;
    this.watcher.resumed(turn, nowMs);
  }

  // The user has cut in, and so much of it was heard.
  cut(turn, heardChars, nowMs) {
    turn.cutAt = Math.min(heardChars, turn.chars.length);
    turn.isPaused = false;
    this.counts.cut += 1;
    this.fellSilent(turn, nowMs);
    this.watcher.cut(turn, nowMs);
  }

  // It was stopped, by a button.
  stop(turn, nowMs) {
    turn.cutAt = Math.floor(turn.shown);
    turn.isPaused = false;
    this.watcher.cut(turn, nowMs);
  }

  fellSilent(turn, nowMs) {
    if (turn.silentMs !== undefined || this.lastKeyMs === null) return;
    turn.silentMs = nowMs - this.lastKeyMs;
    this.waits.silence.push(turn.silentMs);
  }

  add(turn) {
    this.turns.push(turn);
    if (this.turns.length > MAX_TURNS) this.turns.shift();
    this.watcher.changed(turn);
    return turn;
  }

  // The one that is being spoken, or is to be.
  get speaking() {
    return this.turns.find((turn) => turn.role === "assistant" && turn.cutAt === null && !turn.isShown);
  }

  // What another session is to know of this one: messages, the last ones.
  get history() {
    const messages = [];
    let left = HISTORY_CHARS;
    for (const turn of [...this.turns].reverse()) {
      const isUser = turn.role === "user";
      if (isUser && turn.state !== "query") continue;
      const text = (isUser ? turn.text : turn.chars.slice(0, turn.cutAt ?? Math.floor(turn.shown)).join("")).trim();
      left -= text.length;
      if (left < 0 || messages.length >= HISTORY_TURNS) break;
      if (text !== "") messages.unshift({ role: turn.role, text });
    }
    return messages;
  }

  // The session is gone: what it would have said will not come.
  lost(nowMs) {
    this.sessionId = null;
    this.held = null;
    for (const turn of this.responses.values()) {
      if (turn.cutAt === null && !turn.isShown) this.stop(turn, nowMs);
      turn.isOver = true;
    }
    this.responses.clear();
  }
}
