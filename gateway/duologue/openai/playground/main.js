// Wires the parts together.
const STEP_MS = 100;
const KEY = "duologue.key";

const now = () => performance.now();
const view = new View();
const picture = new Picture(byId("picture"), byId("lane-names"), byId("scroll"));
const field = byId("line");
let line = new Line();
let conversation;
let player;
let isComposing = false;
let isApplying = false;

const watcher = {
  ready: (sessionId) => view.session(sessionId),
  notice: (text, isWrong) => view.notice(text, isWrong),
  changed: (turn) => {
    view.turn(turn);
    if (turn.role === "assistant") player.wake();
  },
  judged: (event, waitMs, ms) => {
    view.judged(event, waitMs);
    picture.judged(event, ms);
    if (event.state !== "incomplete") line.decided(event.segment_ids);
  },
  replaced: (turn) => view.remove(turn),
  held: (turn, ms) => picture.held(ms),
  withdrawn: (turn, ms) => {
    view.remove(turn);
    picture.withdrawn(ms);
  },
  began: (turn, ms) => picture.began(turn, ms),
  dropped: (turn, ms) => {
    view.remove(turn);
    picture.end(turn, ms);
  },
  paused: (turn, ms) => {
    view.turn(turn);
    picture.paused(turn, ms);
  },
  resumed: (turn, ms) => {
    view.turn(turn);
    picture.resumed(turn, ms);
    player.wake();
  },
  cut: (turn, ms) => {
    view.turn(turn);
    picture.cut(turn, ms);
  },
};

const link = new Link({
  status: (state, told) => view.status(state, told),
  models: (names) => {
    const chosen = byId("model").value;
    const options = ["default", ...names.filter((name) => name !== "default")];
    byId("model").replaceChildren(
      ...options.map((name) => element("option", { value: name }, name === "default" ? "the platform's own" : name)),
    );
    byId("model").value = options.includes(chosen) ? chosen : "default";
  },
  opened: () => {
    const wanted = settings();
    if (wanted !== null) link.send({ type: "session.update", session: wanted });
    const history = conversation.history;
    for (const { role, text } of history) {
      const content = [{ type: role === "user" ? "input_text" : "output_text", text }];
      link.send({ type: "conversation.item.create", item: { type: "message", role, content } });
    }
    if (history.at(-1)?.role === "user") link.send({ type: "response.create" });
    line.forget();
    written();
  },
  told: (event) => {
    conversation.told(event, now());
    if (event.type === "session.updated" && isApplying) {
      view.notice("applied; what is fixed holds from the next conversation on");
    }
    if (["session.updated", "error"].includes(event.type)) isApplying = false;
    view.figures(conversation);
  },
  lost: () => conversation.lost(now()),
});

const dictation = new Dictation((text) => {
  field.value = text.trimStart();
  written();
});

function begin() {
  conversation = new Conversation(watcher);
  player = new Player(conversation, {
    shown: (turn, from, to, ms) => {
      view.turn(turn);
      picture.shown(turn, turn.chars.slice(from, to).join(""), ms);
    },
    report: (itemId, chars) => link.send({ type: "duologue.playback_ack", item_id: itemId, heard_chars: chars }),
  });
  player.pace = Number(byId("pace").value);
  view.clear();
  picture.clear();
}

// What the form says, as the platform takes it; empty fields leave what is in force.
function settings() {
  const number = (id) => (byId(id).value === "" ? undefined : Number(byId(id).value));
  const duologue = {
    strategy: byId("strategy").value || undefined,
    floor: byId("floor").value || undefined,
    look_ahead_tokens: number("look-ahead"),
    temperature: number("temperature"),
    reports_playback: true,
  };
  const instructions = byId("instructions").value || undefined;
  return { type: "realtime", instructions, max_output_tokens: number("max-tokens"), duologue };
}

// The field was changed. Word by word, an unfinished word waits for its end.
function written(isWhole = false) {
  if (!link.isLive) {
    if (field.value !== "" && byId("status").dataset.link === "off" && link.key) start();
    return;
  }
  const isByWords = byId("pieces").value === "words" && !isWhole;
  const text = isByWords ? field.value.replace(/[^\s.,;:?!…]+$/u, "") : field.value;
  const before = line.sent;
  const ms = now();
  for (const event of line.change(text, ms)) {
    link.send(event);
    conversation.typed(ms);
    picture.typed(before, line.sent, ms);
  }
}

function newLine() {
  field.value = "";
  line.forget();
  picture.newLine();
  dictation.newLine();
}

function finish() {
  if (!link.isLive || field.value.trim() === "") return;
  written(true);
  link.send({ type: "duologue.input_text.commit" });
  newLine();
}

function stop() {
  const turn = conversation.speaking;
  if (turn === undefined) return;
  if (!turn.isOver) link.send({ type: "response.cancel" });
  else conversation.stop(turn, now());
}

function start() {
  const key = byId("key").value.trim() || link.key;
  if (!key) return;
  sessionStorage.setItem(KEY, key);
  link.start(key, byId("model").value);
}

byId("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
  field.focus();
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  player.pace = Number(byId("pace").value);
  const { instructions, duologue, ...changes } = settings();
  const { strategy, ...own } = duologue;
  const hasBegun = conversation.sessionId !== null;
  const session = hasBegun ? { ...changes, duologue: own } : settings();
  link.send({ type: "session.update", session });
  isApplying = link.isLive;
});
field.addEventListener("compositionstart", () => (isComposing = true));
field.addEventListener("compositionend", () => {
  isComposing = false;
  written();
});
field.addEventListener("input", () => isComposing || written());
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    finish();
  }
});
document.addEventListener("keydown", (event) => event.key === "Escape" && stop());
byId("send").addEventListener("click", finish);
byId("stop").addEventListener("click", stop);
byId("first").addEventListener("click", () => link.send({ type: "response.create" }));
byId("anew").addEventListener("click", () => {
  link.stop();
  newLine();
  begin();
  start();
  field.focus();
});
byId("dictate").hidden = dictation.recogniser === null;
byId("dictate").addEventListener("click", () => dictation.toggle());
dictation.changed = (isOn) => byId("dictate").setAttribute("aria-pressed", String(isOn));
dictation.refused = (why) => view.notice(why, true);
setInterval(() => {
  if (!isComposing && field.value.trimStart() === line.sent && line.isTaken(now())) newLine();
  picture.step(now());
}, STEP_MS);

begin();
const kept = sessionStorage.getItem(KEY);
if (kept !== null) {
  byId("key").value = kept;
  start();
}
