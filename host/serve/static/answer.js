// Shows a picture, what it is, and where the time went.

import { ms, percent } from "./words.js";

const THUMBNAILS = 12;
const THUMBNAIL = 72;
const BETWEEN = 700; // milliseconds between two thumbnails of a camera
const at = (id) => document.getElementById(id);
let last = 0;

export async function showAnswer(picture, answer) {
  if (picture.file) await showPicture(picture);
  [...at("top").children].forEach((row, place) => {
    const guess = answer.top[place];
    row.querySelector(".label").textContent = guess.label;
    row.querySelector(".label").title = guess.label;
    row.querySelector(".bar i").style.width = percent(guess.probability);
    row.querySelector(".share").textContent = percent(guess.probability);
  });
  at("top").classList.add("known");
  showSplit(answer);
}

async function showPicture(picture) {
  const image = at("shown");
  const url = URL.createObjectURL(picture.file);
  const old = image.src;
  image.src = url;
  image.alt = `The picture ${picture.name}`;
  await image.decode().catch(() => {});
  image.hidden = false;
  at("stage").classList.add("full");
  if (old) URL.revokeObjectURL(old);
}

function showSplit({ milliseconds, elapsed }) {
  const { decode, queue, board, accelerator } = milliseconds;
  const parts = { decode, queue, board };
  const sum = decode + queue + board;
  for (const [name, value] of Object.entries(parts)) {
    document.querySelector(`.stack .${name}`).style.width = percent(value / sum);
  }
  at("decode").textContent = ms(decode);
  at("queue").textContent = ms(queue);
  at("on-board").textContent = ms(board);
  at("accelerator").textContent = ms(accelerator);
  at("total").textContent = `${ms(elapsed)} for the browser`;
}

// A row of what was seen before: every file, and the camera now and then.
export async function remember(picture, answer) {
  const now = performance.now();
  if (picture.video && now - last < BETWEEN) return;
  last = now;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMBNAIL;
  const source = picture.video ?? (await createImageBitmap(picture.file).catch(() => null));
  if (!source) return;
  const width = source.videoWidth ?? source.width, height = source.videoHeight ?? source.height;
  const side = Math.min(width, height);
  canvas.getContext("2d")
    .drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  const item = document.createElement("li");
  const words = document.createElement("span");
  words.textContent = answer.top[0].label;
  const share = document.createElement("small");
  share.textContent = percent(answer.top[0].probability);
  item.append(canvas, words, share);
  item.title = picture.name;
  const list = document.querySelector(".recent");
  list.prepend(item);
  while (list.children.length > THUMBNAILS) list.lastChild.remove();
  at("recent").hidden = false;
}
