// Makes elements. What is said becomes text and nothing else.
const STATES = ["query", "non_query", "incomplete", "hold"];
const NAMES = { query: "query", non_query: "non-query", incomplete: "incomplete", hold: "hold" };

const byId = (id) => document.getElementById(id);

function built(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

function element(name, attributes = {}, ...children) {
  return built(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return built(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function titled(text) {
  const title = drawn("title");
  title.textContent = text;
  return title;
}

function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.ceil(ordered.length / 2) - 1];
}
