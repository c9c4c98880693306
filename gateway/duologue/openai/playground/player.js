// Shows replies at the pace of speech, and reports how much of them was heard: so what is cut off is
// what was not heard yet, as with a voice.
const ACK_EVERY_MS = 200;
const SHOW_EVERY_MS = 40;

class Player {
  constructor(conversation, { shown, report }) {
    this.conversation = conversation;
    this.shown = shown;
    this.report = report;
    this.pace = 15; // characters a second; 0 is at once
    this.timer = null;
  }

  wake() {
    if (this.timer !== null) return;
    this.lastMs = performance.now();
    this.timer = setInterval(() => this.step(performance.now()), SHOW_EVERY_MS);
  }

  step(nowMs) {
    const passedMs = nowMs - this.lastMs;
    this.lastMs = nowMs;
    const turn = this.conversation.speaking;
    if (turn === undefined) {
      clearInterval(this.timer);
      this.timer = null;
      return;
    }
    if (turn.isPaused) return;
    const end = turn.chars.length;
    const before = Math.floor(turn.shown);
    // What was shown stays shown, also where a reply goes on from before it.
    turn.shown = this.pace === 0 ? end : Math.min(end, turn.shown + (passedMs * this.pace) / 1000);
    const now = Math.floor(turn.shown);
    turn.isShown = turn.isOver && now === end;
    if (now !== before || turn.isShown) this.shown(turn, before, now, nowMs);
    const isDue = nowMs - (turn.reportedMs ?? -Infinity) >= ACK_EVERY_MS || now === end;
    if (now !== turn.reported && isDue && turn.itemId) {
      Object.assign(turn, { reported: now, reportedMs: nowMs });
      this.report(turn.itemId, now);
    }
  }
}
