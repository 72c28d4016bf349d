// Listens to the server, and shows how the board does.

import { ms, number, percent } from "./words.js";
import { colour } from "./stalls.js";

const AGAIN = 1000;
const POINTS = 120; // of the curve of rates, four a second
const at = (id) => document.getElementById(id);
const rates = [];

export function listen(tellReady) {
  const url = new URL("live", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    const stats = JSON.parse(data);
    show(stats);
    tellReady(stats.ready);
  };
  socket.onclose = () => {
    showBoard(false, "the server does not answer; trying again");
    tellReady(false);
    setTimeout(() => listen(tellReady), AGAIN);
  };
}

function show(stats) {
  showBoard(stats.ready, stats.ready ? "ready" : stats.reason, stats.met);
  showRates(stats);
  showFaults(stats.faults);
  colour(stats);
}

function showBoard(ready, words, met = 0) {
  const pill = at("board");
  pill.classList.toggle("ready", ready);
  pill.classList.toggle("away", !ready);
  const text = ready ? (met > 1 ? `board ready, met ${met} times` : "board ready") : `no board: ${words}`;
  const span = pill.querySelector("span");
  if (span.textContent !== text) span.textContent = text; // or it would be read out each time
}

function showRates(stats) {
  at("rate").textContent = number(stats.frames_per_second);
  at("in-flight").textContent = stats.in_flight;
  at("waiting").textContent = stats.waiting;
  at("answered").textContent = number(stats.answered);
  if (stats.latency) {
    const { queue, board } = stats.latency;
    at("latency").textContent = ms(queue + board);
    at("latency-split").textContent = `${ms(queue)} queue, ${ms(board)} link and board`;
  } else {
    at("latency").textContent = "\u2013";
    at("latency-split").textContent = "queue, link and board";
  }
  rates.push(stats.frames_per_second);
  if (rates.length > POINTS) rates.shift();
  const most = Math.max(...rates, 1);
  const points = rates.map((rate, index) =>
    `${((120 * (POINTS - rates.length + index)) / (POINTS - 1)).toFixed(1)},${(27 - (25 * rate) / most).toFixed(1)}`);
  document.querySelector(".spark polyline").setAttribute("points", points.join(" "));
}

function showFaults(faults) {
  const found = Object.entries(faults).filter(([, count]) => count);
  at("link").classList.toggle("limits", found.length > 0);
  at("faults").textContent = found.length ? number(found.reduce((sum, [, count]) => sum + count, 0)) : "clean";
  at("fault-list").textContent = found.length
    ? found.map(([name, count]) => `${name}: ${count}`).join(", ") + "; all were sent again"
    : "nothing was lost or damaged";
}
