"use strict";
// Follows a run: asks its server whether the page has changed, and puts what is new in the place of what was there.
(() => {
  const EVERY = 2000;
  const root = document.documentElement;
  const said = document.querySelector(".following");
  const focusable = "a, button, input, summary, [tabindex]";

  // A name for an element that its successor in the next page has, too: its place below the nearest one with an id.
  const nameOf = (element, selector) => {
    const within = element.closest("[id]") === element ? element : element.parentElement.closest("[id]");
    return { id: within.id, place: within === element ? -1 : [...within.querySelectorAll(selector)].indexOf(element) };
  };
  const named = ({ id, place }, selector) => {
    const within = document.getElementById(id);
    return within && (place < 0 ? within : within.querySelectorAll(selector)[place]);
  };

  // What stands at the top of the window, and how far below it: that stays where it is.
  const held = () => {
    const seen = [...document.querySelectorAll("main [id]")].filter((one) => one.getBoundingClientRect().top <= 1);
    const last = seen.filter((one) => one.getBoundingClientRect().bottom > 0).pop();
    return last && { id: last.id, top: last.getBoundingClientRect().top };
  };

  const swap = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    const opened = [...document.querySelectorAll("main details[open]")].map((one) => nameOf(one, "details"));
    const scrolled = [...document.querySelectorAll("main .wide")].filter((one) => one.scrollLeft)
      .map((one) => [nameOf(one, ".wide"), one.scrollLeft]);
    const active = document.activeElement;
    const focused = document.querySelector("main").contains(active) ? nameOf(active, focusable) : null;
    const place = window.scrollY && held();

    document.title = next.title;
    for (const part of ["h1", ".contents", "main"]) {
      document.querySelector(part).replaceChildren(...next.querySelector(part).childNodes);
    }
    document.getElementById("report-data").textContent = next.getElementById("report-data").textContent;
    root.dataset.version = next.documentElement.dataset.version;
    document.dispatchEvent(new Event("ganetic:swapped"));

    opened.forEach((one) => { const details = named(one, "details"); if (details) details.open = true; });
    scrolled.forEach(([one, left]) => { const wide = named(one, ".wide"); if (wide) wide.scrollLeft = left; });
    const again = focused && named(focused, focusable);
    if (again) again.focus({ preventScroll: true });
    const now = place && document.getElementById(place.id);
    if (now) window.scrollBy({ top: now.getBoundingClientRect().top - place.top, behavior: "instant" });
  };

  const say = (text) => { if (said.textContent !== text) said.textContent = text; };

  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch("version", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      if (await answer.text() === root.dataset.version) return say("Live: this page follows the run.");
      if (!window.getSelection().isCollapsed) return say("Live: there is news, which waits while text is selected.");
      const page = await fetch("./", { cache: "no-store" });
      if (!page.ok) throw new Error(page.status);
      swap(await page.text());
      say("Live: this page follows the run.");
    } catch {
      say("No longer live: the server has ended. The page stays as it was.");
    }
  };

  const follow = async () => {
    await look();
    setTimeout(follow, EVERY);
  };
  document.addEventListener("visibilitychange", look);
  follow();
})();
