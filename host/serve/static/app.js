// Puts the parts of the page together.

import { listen } from "./live.js";
import { Player } from "./player.js";
import { openCamera, gather, isPicture } from "./sources.js";

const at = (id) => document.getElementById(id);
const player = new Player();

function play(files) {
  const pictures = files.filter(isPicture);
  if (pictures.length) player.playFiles(pictures);
  else if (files.length) player.complain("There is no picture among these files.");
}

for (const [button, input] of [["choose", "files"], ["folder", "directory"]]) {
  at(button).addEventListener("click", () => at(input).click());
  at(input).addEventListener("change", (event) => {
    play([...event.target.files]);
    event.target.value = "";
  });
}

at("camera").addEventListener("click", async () => {
  try {
    player.playVideo(await openCamera(at("video")));
  } catch (error) {
    player.complain(error.message);
  }
});
at("stop").addEventListener("click", () => player.stop());

document.addEventListener("paste", (event) => play([...event.clipboardData.files]));

// All of the page takes what is dropped, so that a near miss does not open the picture in its place.
let depth = 0;
const over = (change) => at("stage").classList.toggle("over", (depth += change) > 0);
document.addEventListener("dragenter", () => over(1));
document.addEventListener("dragleave", () => over(-1));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  over(-depth);
  play(await gather(event.dataTransfer));
});

document.querySelector("#curl span").textContent = new URL(".", location.href).href;
listen((ready) => player.resume(ready));
