// The conversation in words and figures.
const MAX_ROWS = 200;

class View {
  constructor() {
    this.rows = new Map(); // by turn
    this.meters = new Map();
    for (const state of STATES) {
      const meter = element("meter", { min: 0, max: 1, value: 0, "aria-label": NAMES[state] });
      const value = element("dd", {}, "–");
      byId("meters").append(element("dt", {}, NAMES[state]), meter, value);
      this.meters.set(state, { meter, value });
    }
  }

  clear() {
    this.rows.clear();
    byId("turns").replaceChildren();
    byId("judgements").replaceChildren();
    byId("state").textContent = "–";
    byId("notice").textContent = "";
  }

  status(state, told) {
    byId("status").dataset.link = state;
    byId("status").textContent = told;
    byId("entry").hidden = ["live", "connecting", "waiting"].includes(state);
  }

  notice(text, isWrong = false) {
    byId("notice").textContent = text;
    byId("notice").classList.toggle("wrong", isWrong);
  }

  turn(turn) {
    const list = byId("turns");
    const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 30;
    let row = this.rows.get(turn);
    if (row === undefined) {
      row = element("li");
      this.rows.set(turn, row);
      list.append(row);
      while (list.children.length > MAX_ROWS) list.firstChild.remove();
    }
    const isUser = turn.role === "user";
    row.className = isUser ? `user${turn.state === "query" ? "" : " ignored"}` : "assistant";
    const parts = isUser ? [turn.text] : this.reply(turn);
    const note = isUser ? this.outcome(turn) : this.manner(turn);
    const text = element("span", { class: "text" }, ...parts);
    if (note !== "") text.append(" ", element("span", { class: "note" }, note));
    row.replaceChildren(element("span", { class: "who" }, isUser ? "You" : "It"), text);
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }

  // What was shown, what is still to be, and what will not be any more.
  reply(turn) {
    const end = turn.cutAt ?? Math.floor(turn.shown);
    const parts = [turn.chars.slice(0, end).join("")];
    const rest = turn.chars.slice(end).join("");
    if (rest !== "") parts.push(element("span", { class: turn.cutAt === null ? "unheard" : "lost" }, rest));
    return parts;
  }

  outcome(turn) {
    if (turn.state === "query") return "";
    if (turn.state === "hold") return "(it keeps silent)";
    return turn.reason === "echo" ? "(its own words)" : "(needs no answer)";
  }

  manner(turn) {
    const notes = [];
    if (turn.goesOn) notes.push("goes on");
    if (turn.cutAt !== null) notes.push("cut off");
    else if (turn.isPaused) notes.push("silent");
    if (turn.waitMs !== undefined) notes.push(`${Math.round(turn.waitMs)} ms`);
    return notes.length > 0 ? `(${notes.join(", ")})` : "";
  }

  remove(turn) {
    this.rows.get(turn)?.remove();
    this.rows.delete(turn);
  }

  judged(event, waitMs) {
    const surest = event.probabilities[event.state];
    byId("state").textContent = `${NAMES[event.state] ?? event.state}${surest === undefined ? ` (${event.reason})` : ""}`;
    for (const [state, { meter, value }] of this.meters) {
      const p = event.probabilities[state];
      meter.value = p ?? 0;
      value.textContent = p === undefined ? "–" : p.toFixed(2);
    }
    const cells = STATES.map((state) => event.probabilities[state]?.toFixed(2) ?? "–");
    const told = [event.text, NAMES[event.state] ?? event.state, ...cells, waitMs === null ? "–" : `${Math.round(waitMs)} ms`];
    const row = element("tr", {}, ...told.map((text) => element("td", {}, text)));
    byId("judgements").prepend(row);
    if (byId("judgements").children.length > MAX_ROWS) byId("judgements").lastChild.remove();
  }

  figures(conversation) {
    const { waits, counts } = conversation;
    for (const [name, values] of [["latency", waits.text], ["yielding", waits.silence], ["judging", waits.judgement]]) {
      if (values.length === 0) continue;
      byId(name).textContent = `${Math.round(values.at(-1))} ms (median ${Math.round(median(values))} ms)`;
    }
    byId("counts").textContent = `${counts.cut}, ${counts.resumed}, ${counts.withdrawn}`;
  }

  async session(sessionId) {
    byId("session").textContent = sessionId;
    byId("command").textContent = `duologue trace ${sessionId} --html page.html`;
    if (crypto.subtle === undefined) return; // only where the connection is private
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sessionId)));
    byId("trace-id").textContent = [...digest.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}
