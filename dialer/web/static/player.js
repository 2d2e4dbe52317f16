// The player: two sides of a call, its questions as marks, keys. The sound comes by ranges, checked each time.
"use strict";

const box = document.getElementById("player");
const call = box.dataset.call;
const query = "?play=" + encodeURIComponent(box.dataset.play);
const audio = document.getElementById("audio");
const { answers: markers, agents } = JSON.parse(document.getElementById("markers").textContent);
const rows = [...box.querySelectorAll(".answers tbody tr")];
const fault = document.getElementById("fault");
const clock = (s) => Math.floor(s / 60) + ":" + String(Math.floor(s % 60)).padStart(2, "0");

function jump(seconds) {
  audio.currentTime = Math.max(0, Math.min(seconds, audio.duration || seconds));
}

function question(step) {
  const now = audio.currentTime;
  const starts = markers.map((one) => one.at);
  const next = step > 0 ? starts.find((at) => at > now + 0.05) : starts.filter((at) => at < now - 1).pop();
  if (next !== undefined) jump(next);
}

function toggle() {
  if (audio.paused) audio.play().catch(() => { fault.hidden = false; });
  else audio.pause();
}

audio.src = `/calls/${call}/audio${query}`;
audio.addEventListener("error", () => { fault.hidden = false; });
audio.addEventListener("timeupdate", () => {
  document.getElementById("time").textContent = `${clock(audio.currentTime)} / ${clock(audio.duration || 0)}`;
  rows.forEach((row, n) => {
    const until = n + 1 < markers.length ? markers[n + 1].at : Infinity;
    row.classList.toggle("now", audio.currentTime >= markers[n].at && audio.currentTime < until);
  });
});

[...rows, ...box.querySelectorAll(".agents tbody tr[data-at]")].forEach((row) => {
  row.addEventListener("click", () => jump(Number(row.dataset.at)));
  row.addEventListener("keydown", (event) => { if (event.key === "Enter") jump(Number(row.dataset.at)); });
});
document.getElementById("toggle").addEventListener("click", toggle);
document.getElementById("back").addEventListener("click", () => jump(audio.currentTime - 5));
document.getElementById("forward").addEventListener("click", () => jump(audio.currentTime + 5));
document.getElementById("previous").addEventListener("click", () => question(-1));
document.getElementById("next").addEventListener("click", () => question(1));
document.getElementById("speed").addEventListener("change", (event) => {
  audio.playbackRate = Number(event.target.value);
});
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, button, textarea, a") || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    " ": toggle,
    ArrowLeft: () => jump(audio.currentTime - 5),
    ArrowRight: () => jump(audio.currentTime + 5),
    ArrowUp: () => question(-1),
    ArrowDown: () => question(1),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});

fetch(`/calls/${call}/peaks${query}`).then((answer) => {
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}).then(({ seconds, sides }) => {
  const regions = WaveSurfer.Regions.create();
  const wave = WaveSurfer.create({
    container: "#wave",
    media: audio,
    peaks: sides,
    duration: seconds,
    height: 70,
    barWidth: 2,
    barGap: 1,
    cspNonce: box.dataset.nonce,
    splitChannels: [
      { waveColor: "#a9b8c6", progressColor: "#5f7387" },
      { waveColor: "#e7b08f", progressColor: "#c2571a" },
    ],
    plugins: [regions],
  });
  wave.on("ready", () => {
    markers.forEach((one) => {
      const label = document.createElement("span");
      label.textContent = one.class;
      label.title = `${one.question}: ${one.words} (${one.class})`;
      label.style.cssText = "font-size: 11px; padding: 0 2px; background: #fffc;";
      regions.addRegion({ start: one.at, content: label, color: "#1b5e8c" });
    });
    agents.forEach((one) => {
      const label = document.createElement("span");
      label.textContent = one.agent;
      label.style.cssText = "font-size: 11px; padding: 0 2px;";
      regions.addRegion({ start: one.start, end: one.end, content: label, color: "#1b5e8c22", drag: false, resize: false });
      one.held.forEach(([start, end]) => {
        regions.addRegion({ start, end, color: "#8a8a8a44", drag: false, resize: false });
      });
    });
    box.dataset.ready = "yes";
  });
  regions.on("region-clicked", (region, event) => { event.stopPropagation(); jump(region.start); });
}).catch(() => { fault.hidden = false; });
