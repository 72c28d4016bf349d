// Colours the network's graph by how long each layer's output waits for the next layer; by how busy
// the plan has it where the board does not count that.

import { percent } from "./words.js";

const FULL = 0.5; // the part of the time that has the strongest colour
const NAMED = 3;
const rows = [...document.querySelectorAll("#graph tbody tr")];
const boxes = rows.map((row) =>
  [...document.querySelectorAll(`.graph a[href="#${row.id}"]`)].map((link) => ({
    frame: link.querySelector(".frame"),
    hint: link.querySelector("title"),
    words: link.querySelector("title").textContent,
  })));
let planned = false;

// The square root, so that small parts can be told apart.
const strength = (part) => 100 * Math.sqrt(Math.min(part / FULL, 1));

export function colour({ layers, frames_per_second: rate }) {
  if (!rows.length) return;
  if (!layers.length) colourPlan();
  else {
    layers.forEach(({ stalled }, index) => paint(index, stalled, `output waits ${percent(stalled)} of the time`));
    tell(layers, rate);
  }
}

function paint(index, part, words) {
  for (const { frame, hint, words: own } of boxes[index]) {
    frame.style.fill = `color-mix(in oklab, var(--heat) ${strength(part).toFixed(0)}%, var(--card))`;
    hint.textContent = `${own}\n${words}`;
  }
  rows[index].querySelector(".stalled").textContent = percent(part);
}

function tell(layers, rate) {
  const words = document.getElementById("graph-words");
  const most = layers.filter(({ stalled }) => stalled >= 0.005).sort((a, b) => b.stalled - a.stalled);
  const named = most.slice(0, NAMED).map(({ name, stalled }) => `${name} ${percent(stalled)}`).join(", ");
  const idle = rate ? "No layer's output waits for the next layer." : "Nothing flows now. Colours show where pixels wait as soon as frames come.";
  words.textContent = most.length ? `Waiting most for the next layer: ${named}.` : idle;
}

function colourPlan() {
  if (planned) return;
  planned = true;
  document.getElementById("graph-words").textContent =
    "This board does not count where pixels wait, so colours show how busy each layer is by plan.";
  document.getElementById("legend-title").textContent = "busy by plan";
  rows.forEach((row, index) => {
    const busy = Number(row.dataset.busy);
    paint(index, busy * FULL, `busy ${percent(busy)} of the time by plan`);
    row.querySelector(".stalled").textContent = "not counted";
  });
  document.querySelector(".ramp b:last-child").textContent = "all of the time";
}
