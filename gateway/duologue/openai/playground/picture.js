// Two lanes on a time axis, and what was judged between them. Time stands still while nothing happens.
const PX_PER_MS = 0.1;
const CHAR_PX = 7.25;
const IDLE_AFTER_MS = 2500;
const GAP_PX = 36;
const MAX_PX = 60000;
const LANES = { axis: 12, user: [32, 47, 62], userBar: 68, judged: [78, 120], said: 138, words: [158, 172, 186] };
const SAID = [{ y: LANES.said, height: 8, class: "said bar" }, "the assistant speaks"];

class Picture {
  constructor(svg, names, scroll) {
    Object.assign(this, { svg, scroll, isFollowing: true });
    // Who has gone back stays there.
    scroll.addEventListener("scroll", () => {
      this.isFollowing = scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 40;
    });
    for (const [text, y] of [["you", 47], ["judged", 108], ["assistant", 171]]) {
      const name = drawn("text", { x: 6, y, class: "lane-name" });
      name.textContent = text;
      names.append(name);
    }
    this.clear();
  }

  clear() {
    this.svg.replaceChildren();
    this.originMs = null;
    this.activeMs = null;
    this.gapMs = 0;
    this.second = 0;
    this.width = 0;
    this.ends = {};
    this.bars = new Map(); // those that still grow, by what they are of
    this.words = new Map(); // the unfinished one of each lane
    this.grow(this.scroll.clientWidth || 300);
  }

  // Where a moment is. What happens then is drawn, so time goes on until then.
  at(ms) {
    if (this.originMs === null) {
      this.originMs = ms;
      this.activeMs = ms;
    }
    if (ms - this.activeMs > IDLE_AFTER_MS) this.skip(ms);
    this.activeMs = Math.max(this.activeMs, ms);
    const x = this.x(ms);
    this.grow(x + 120);
    return x;
  }

  x(ms) {
    return 12 + (ms - this.originMs - this.gapMs) * PX_PER_MS;
  }

  skip(ms) {
    const from = this.x(this.activeMs) + GAP_PX / 2;
    this.gapMs += ms - this.activeMs - GAP_PX / PX_PER_MS;
    this.put("line", { x1: from, x2: from, y1: 0, y2: 190, class: "gap" });
    this.text(from + 3, 28, `${((ms - this.activeMs) / 1000).toFixed(0)} s`, "time");
  }

  grow(width) {
    if (width <= this.width) return;
    this.width = Math.ceil(width);
    this.svg.setAttribute("width", this.width);
    if (this.isFollowing) this.scroll.scrollLeft = this.width;
  }

  put(name, attributes, title) {
    const made = drawn(name, attributes);
    if (title !== undefined) made.append(titled(title));
    this.svg.append(made);
    return made;
  }

  text(x, y, text, kind) {
    const made = this.put("text", { x, y, class: kind });
    made.append(text);
    return made;
  }

  // A word at its time, in the first row where it has room.
  place(rows, ms, text, kind) {
    const x = this.at(ms);
    const row = rows.find((y) => (this.ends[y] ?? 0) <= x) ?? rows.reduce((a, b) => (this.ends[a] <= this.ends[b] ? a : b));
    const start = Math.max(x, this.ends[row] ?? 0);
    const made = this.text(start, row, text, kind);
    this.ends[row] = start + [...text].length * CHAR_PX;
    this.grow(this.ends[row] + 40);
    return { made, row, start };
  }

  // More of a lane's text: a word grows until its end, then the next one begins.
  write(rows, ms, text, kind) {
    for (const piece of text.match(/\s+|\S+/g) ?? []) {
      const word = this.words.get(rows);
      if (/^\s/.test(piece)) {
        if (word !== undefined) this.ends[word.row] += CHAR_PX / 2;
        this.words.delete(rows);
      } else if (word === undefined) {
        this.words.set(rows, this.place(rows, ms, piece, kind));
      } else {
        word.made.append(piece);
        this.ends[word.row] = word.start + [...word.made.textContent].length * CHAR_PX;
        this.grow(this.ends[word.row] + 40);
      }
    }
  }

  typed(before, now, ms) {
    this.extend("line", ms, { y: LANES.userBar, height: 5, class: "user bar" }, "the user types");
    if (now.startsWith(before)) this.write(LANES.user, ms, now.slice(before.length), "user");
    else {
      this.words.delete(LANES.user);
      this.write(LANES.user, ms, `⌫${now.split(/\s+/).at(-1)}`, "user");
    }
  }

  newLine() {
    this.end("line");
    this.words.delete(LANES.user);
  }

  judged(event, ms) {
    const x = this.at(ms);
    const [top, bottom] = LANES.judged;
    const told = Object.entries(event.probabilities).map(([state, p]) => `${NAMES[state] ?? state} ${p.toFixed(2)}`);
    const group = drawn("g", { class: "judged" }, titled(`${event.text}: ${event.state}\n${told.join("\n") || event.reason}`));
    let y = bottom;
    for (const state of STATES) {
      const height = (event.probabilities[state] ?? 0) * (bottom - top);
      y -= height;
      if (height > 0.4) group.append(drawn("rect", { x, y, width: 5, height, class: `column ${state}` }));
    }
    if (told.length === 0) group.append(drawn("circle", { cx: x, cy: bottom - 5, r: 4, class: `column ${event.state}` }));
    this.svg.append(group);
  }

  // A bar that grows until it is ended.
  begin(key, ms, attributes, title) {
    this.end(key);
    const bar = this.put("rect", { x: this.at(ms), width: 2, ...attributes }, title);
    this.bars.set(key, { bar, x: this.x(ms), gapMs: this.gapMs });
    return bar;
  }

  extend(key, ms, attributes, title) {
    if (!this.bars.has(key)) this.begin(key, ms, attributes, title);
    const { bar, x } = this.bars.get(key);
    bar.setAttribute("width", Math.max(2, this.at(ms) - x));
    return bar;
  }

  end(key, ms, kind) {
    const found = this.bars.get(key);
    if (found === undefined) return;
    this.bars.delete(key);
    if (ms !== undefined) found.bar.setAttribute("width", Math.max(2, this.at(ms) - found.x));
    if (kind !== undefined) found.bar.setAttribute("class", kind);
  }

  held(ms) {
    this.begin("held", ms, { y: LANES.said, height: 8, class: "held bar" }, "a reply that is computed and held");
  }

  withdrawn(ms) {
    this.end("held", ms, "withdrawn bar");
  }

  began(turn, ms) {
    this.end("held", ms);
    this.words.delete(LANES.words);
    this.begin(turn, ms, ...SAID);
    if (turn.waitMs === undefined) return;
    const [from, to] = [this.x(turn.askedMs), this.x(ms)];
    this.put("line", { x1: from, x2: to, y1: 133, y2: 133, class: "wait" });
    this.text((from + to) / 2 - 18, 131, `${Math.round(turn.waitMs)} ms`, "wait-name");
  }

  shown(turn, text, ms) {
    this.extend(turn, ms, ...SAID);
    this.write(LANES.words, ms, text, "said");
    if (turn.isShown) this.end(turn, ms);
  }

  paused(turn, ms) {
    if (!this.bars.has(turn)) return;
    this.begin("paused", ms, { y: LANES.said - 2, height: 12, class: "paused bar" }, "silent, for now");
  }

  resumed(turn, ms) {
    this.end("paused", ms);
  }

  cut(turn, ms) {
    this.end("paused", ms);
    this.end(turn, ms);
    this.words.delete(LANES.words);
    const x = this.at(ms);
    this.put("line", { x1: x, x2: x, y1: 132, y2: 190, class: "cut-line" });
    this.text(x + 4, 131, "✕ cut off", "cut-name");
  }

  // Time goes on while somebody speaks, or something is held.
  step(ms) {
    for (const key of this.bars.keys()) if (key !== "line") this.extend(key, ms);
    if (this.originMs === null) return;
    const end = this.activeMs - this.originMs - this.gapMs;
    for (; this.second * 1000 <= end; this.second += 1) {
      const x = 12 + this.second * 1000 * PX_PER_MS;
      this.svg.prepend(drawn("line", { x1: x, x2: x, y1: 14, y2: 190, class: "grid" }));
      this.text(x + 2, LANES.axis, `${this.second} s`, "time");
    }
    if (this.width > MAX_PX) this.clear();
  }
}
