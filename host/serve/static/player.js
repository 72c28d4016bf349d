// Sends pictures, several ahead, and shows their answers in the order of the pictures.

import { closeCamera, frameOf, prepared } from "./sources.js";
import { remember, showAnswer } from "./answer.js";

const AHEAD = 4;
const AHEAD_IF_SLOW = 2;
const SLOW = 400; // milliseconds for an answer
const LONGEST_PAUSE = 5;
const at = (id) => document.getElementById(id);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

export class Player {
  #round = 0; // of what plays now; what belongs to an earlier one is dropped
  #ready = true;
  #waiting = [];

  async playFiles(files) {
    const round = this.#begin();
    at("video").hidden = true;
    const many = files.length > 1;
    at("stop").hidden = !many;
    do {
      await this.#inOrder(round, filesInTurn(files), (index, shown) => {
        at("player").hidden = !many;
        this.#tell(`${index + 1} of ${files.length}: ${shown.name}`);
      });
    } while (many && at("again").checked && round === this.#round);
    if (round === this.#round) at("stop").hidden = true;
  }

  async playVideo(video) {
    const round = this.#begin(video);
    at("shown").hidden = true;
    video.hidden = at("stop").hidden = false;
    document.getElementById("stage").classList.add("full");
    const alive = () => round === this.#round;
    await this.#inOrder(round, framesOf(video, alive), () => {});
  }

  stop() {
    this.#begin();
    at("video").hidden = at("stop").hidden = true;
    if (!at("shown").getAttribute("src")) at("stage").classList.remove("full");
    else at("shown").hidden = false;
  }

  // Called with whether there is a board: what waits for one goes on.
  resume(ready) {
    this.#ready = ready;
    if (ready) for (const go of this.#waiting.splice(0)) go();
  }

  complain(text) {
    const trouble = at("trouble");
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  #begin(video = null) {
    this.complain("");
    at("player").hidden = true;
    if (!video) closeCamera(at("video"));
    return ++this.#round;
  }

  #tell(text) {
    at("playing").textContent = text;
  }

  // Some pictures are under way; the first of them is shown as soon as it is answered.
  async #inOrder(round, pictures, tell) {
    const underWay = [];
    let index = 0;
    let ahead = AHEAD;
    const show = async () => {
      const { picture, answer } = await underWay.shift();
      if (round !== this.#round) return;
      if (answer.error) this.complain(`${picture.name ? `${picture.name}: ` : ""}${answer.error}`);
      else {
        this.complain("");
        ahead = answer.elapsed > SLOW ? AHEAD_IF_SLOW : AHEAD;
        await showAnswer(picture, answer);
        remember(picture, answer);
      }
      tell(index++, picture);
    };
    for await (const picture of pictures) {
      if (round !== this.#round) return;
      underWay.push(this.#ask(round, picture).then((answer) => ({ picture, answer })));
      while (underWay.length >= ahead) await show();
    }
    while (underWay.length) await show();
  }

  // Asks until there is an answer, or an error that will not go away by itself.
  async #ask(round, picture) {
    let body;
    try {
      body = await picture.body();
    } catch {
      return { error: "not a picture that this browser can read" };
    }
    const start = performance.now();
    for (let tries = 0; round === this.#round; tries++) {
      let answer;
      try {
        answer = await fetch("classify", { method: "POST", body, headers: { "Content-Type": body.type } });
      } catch {
        await this.#until(tries);
        continue;
      }
      if (answer.ok) return { ...(await answer.json()), elapsed: performance.now() - start };
      if (answer.status !== 429 && answer.status !== 503) {
        const { detail } = await answer.json().catch(() => ({ detail: answer.statusText }));
        return { error: detail };
      }
      if (answer.status === 503) this.#ready = false;
      await this.#until(tries);
    }
    return { error: "stopped" };
  }

  // Wait for a board, or a little.
  async #until(tries) {
    const short = pause(Math.min(0.25 * 2 ** tries, LONGEST_PAUSE));
    if (this.#ready) await short;
    else await Promise.race([new Promise((go) => this.#waiting.push(go)), pause(LONGEST_PAUSE)]);
  }
}

function* filesInTurn(files) {
  for (const file of files) yield { name: file.name, file, body: () => prepared(file) };
}

async function* framesOf(video, alive) {
  while (alive()) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
    const frame = await frameOf(video);
    yield { name: "", video, body: () => frame };
  }
}
