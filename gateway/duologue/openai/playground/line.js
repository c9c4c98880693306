// What stands in the field, as the platform knows it: each line is a segment, and each change of it
// is sent as it is made.
const CONTINUES_WITHIN_MS = 1200;

class Line {
  constructor() {
    this.number = 1;
    this.sent = "";
    this.changedMs = 0;
    this.isDecided = false;
  }

  get segmentId() {
    return `line-${this.number}`;
  }

  // The field holds this now. Returns what is to be sent, none where it is known already.
  change(text, nowMs) {
    const before = this.sent;
    const now = text.trimStart();
    if (now === before) return [];
    this.sent = now;
    this.changedMs = nowMs;
    this.isDecided = false;
    const segment = { segment_id: this.segmentId };
    if (now.startsWith(before)) {
      return [{ type: "duologue.input_text.append", text: now.slice(before.length), ...segment }];
    }
    return [{ type: "duologue.input_text.revise", text: now, ...segment }];
  }

  // Nothing of it is known to the platform any more: it is another session.
  forget() {
    const number = this.number + 1;
    Object.assign(this, new Line(), { number });
  }

  // An utterance was decided, of these segments.
  decided(segmentIds) {
    if (segmentIds.includes(this.segmentId)) this.isDecided = true;
  }

  // Whether it was decided, and nobody goes on with it: the next words are another line.
  isTaken(nowMs) {
    return this.isDecided && nowMs - this.changedMs >= CONTINUES_WITHIN_MS;
  }
}
