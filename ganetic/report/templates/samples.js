"use strict";
// Shows the samples of one checkpoint at a time, and where it stands in the drawing of fd. Without it, all are shown.
(() => {
  const chosen = new Map(); // steps by their slider; none of one that follows the last checkpoint

  const enliven = (samples) => {
    const slider = samples.querySelector("input[type=range]");
    if (!slider) return;
    const frames = [...samples.querySelectorAll(".frame")];
    const said = samples.querySelector("output");
    const here = samples.closest(".chapter").querySelector(".here");

    const show = () => {
      const frame = frames[Number(slider.value)];
      frames.forEach((one) => one.classList.toggle("picked", one === frame));
      said.textContent = frame.dataset.said;
      slider.setAttribute("aria-valuetext", frame.dataset.said);
      if (!here) return;
      here.classList.toggle("shown", "x" in frame.dataset);
      here.setAttribute("x1", frame.dataset.x || 0);
      here.setAttribute("x2", frame.dataset.x || 0);
    };

    slider.addEventListener("input", () => {
      const place = Number(slider.value);
      if (place === frames.length - 1) chosen.delete(slider.id);
      else chosen.set(slider.id, frames[place].dataset.step);
      show();
    });
    const place = frames.findIndex((frame) => frame.dataset.step === chosen.get(slider.id));
    if (place >= 0) slider.value = place;
    show();
  };

  const all = () => document.querySelectorAll(".samples").forEach(enliven);
  document.addEventListener("ganetic:swapped", all);
  all();
})();
