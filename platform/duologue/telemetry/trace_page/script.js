"use strict";
// The picture is whole without this: it tells of what has the focus, and lets keys go about.
(() => {
  const told = document.getElementById("told");
  const scroll = document.getElementById("scroll");
  const drawings = [...document.querySelectorAll(".stage svg")];
  const items = [...document.querySelectorAll("#picture .item")];
  const lanes = [".user, .heard", ".state", ".held, .withdrawn, .assistant", ".slice", ".tick, .late", ".session"]
    .map((kinds) => items.filter((item) => item.matches(kinds)).sort((a, b) => left(a) - left(b)))
    .filter((lane) => lane.length > 0);
  const errors = items.filter((item) => !lanes.some((lane) => lane.includes(item)));
  if (errors.length > 0) lanes.push(errors);
  let size = 1;

  function left(item) {
    return item.getBBox().x;
  }

  function tell(item) {
    told.textContent = item.querySelector("title").textContent;
  }

  function go(item) {
    item.focus({ preventScroll: true });
    const middle = left(item) * size - scroll.clientWidth / 2;
    if (Math.abs(middle - scroll.scrollLeft) > scroll.clientWidth / 2 - 60) scroll.scrollLeft = middle;
  }

  function resize(wanted) {
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / size;
    size = Math.min(4, Math.max(0.25, wanted));
    for (const drawing of drawings) {
      drawing.style.width = drawing.viewBox.baseVal.width * size + "px";
      drawing.style.height = drawing.viewBox.baseVal.height * size + "px";
    }
    scroll.scrollLeft = middle * size - scroll.clientWidth / 2;
  }

  function nearest(lane, x) {
    return lane.reduce((best, item) => (Math.abs(left(item) - x) < Math.abs(left(best) - x) ? item : best));
  }

  function step(key, item) {
    const at = lanes.findIndex((lane) => lane.includes(item));
    if (at < 0) return key.startsWith("Arrow") && lanes.length > 0 ? lanes[0][0] : null;
    const place = lanes[at].indexOf(item);
    const last = lanes[at].length - 1;
    switch (key) {
      case "ArrowLeft": return lanes[at][Math.max(0, place - 1)];
      case "ArrowRight": return lanes[at][Math.min(last, place + 1)];
      case "ArrowUp": return nearest(lanes[Math.max(0, at - 1)], left(item));
      case "ArrowDown": return nearest(lanes[Math.min(lanes.length - 1, at + 1)], left(item));
      case "Home": return lanes[at][0];
      case "End": return lanes[at][last];
      default: return null;
    }
  }

  scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") resize(size * 1.25);
    else if (event.key === "-") resize(size / 1.25);
    else if (event.key === "0") resize(1);
    else {
      const next = step(event.key, document.activeElement);
      if (next === null) return;
      go(next);
    }
    event.preventDefault();
  });
  for (const item of items) {
    item.addEventListener("focus", () => tell(item));
    item.addEventListener("pointerenter", () => tell(item));
  }
  window.addEventListener("hashchange", () => {
    const there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (items.includes(there)) go(there);
  });
  document.documentElement.classList.add("with-script");
})();
