// Where pictures come from: files, folders that are dropped, a camera.

const { uploadBytes, resize, formats } = document.body.dataset;
const taken = new Set(formats.toLowerCase().split(" ").map((name) => `image/${name}`));
const QUALITY = 0.92;
const LONGEST = 2048;

export const isPicture = (file) => file.type.startsWith("image/");

// All files that are dropped, those in folders too, in the order of their names.
export async function gather(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = entries.length ? (await Promise.all(entries.map(filesOf))).flat() : [...dropped.files];
  return files;
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return (await Promise.all(found.map(filesOf))).flat();
}

export async function openCamera(video) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers give their camera to pages on this machine, or behind HTTPS, alone. " +
      "Forward the port (ssh -L), and open it on localhost.");
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    throw new Error(`The camera cannot be had: ${error.message || error.name}.`);
  }
  await video.play();
  return video;
}

export function closeCamera(video) {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
}

// The file as it is if the server takes it, or else smaller, and as JPEG.
export async function prepared(file) {
  if (file.size <= Number(uploadBytes) && taken.has(file.type)) return file;
  const image = await createImageBitmap(file);
  const factor = Math.min(1, LONGEST / Math.max(image.width, image.height));
  return drawn(image, image.width * factor, image.height * factor);
}

// What the camera shows, no larger than the network can use.
export function frameOf(video) {
  const { videoWidth: width, videoHeight: height } = video;
  const factor = Math.min(1, (2 * Number(resize)) / Math.min(width, height));
  return drawn(video, width * factor, height * factor);
}

async function drawn(image, width, height) {
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}
