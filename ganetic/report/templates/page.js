"use strict";
// Links a search's drawing of its front, its tables and what is said of each loss. Without it, links lead to the same.
(() => {
  document.documentElement.classList.add("live");

  const link = (chapter, signal) => {
    const losses = new Map([...chapter.querySelectorAll("article.loss")].map((loss) => [loss.id, loss]));
    const links = [...chapter.querySelectorAll("a[data-loss]")].filter((one) => losses.has(one.dataset.loss));
    const drawing = chapter.querySelector(".front-drawing");
    const said = chapter.querySelector(".selected");
    const points = links.filter((one) => drawing && drawing.contains(one));
    if (!losses.size) return;

    // A link leads to its place; where that is seen already, nothing moves.
    const show = (loss) => {
      const top = loss.getBoundingClientRect().top;
      if (top < 0 || top > window.innerHeight * 0.75) loss.scrollIntoView({ block: "start" });
    };

    const select = (id, byHand) => {
      losses.forEach((loss) => loss.classList.toggle("picked", loss.id === id));
      links.forEach((one) => {
        const own = one.dataset.loss === id;
        if (own) one.setAttribute("aria-current", "true");
        else one.removeAttribute("aria-current");
        const row = one.closest("tr");
        if (row) row.classList.toggle("picked", own);
      });
      const loss = losses.get(id);
      const ancestry = drawing && drawing.querySelector(".ancestry");
      if (ancestry) ancestry.setAttribute("points", loss.dataset.line || "");
      if (!byHand) return;
      said.textContent = "Selected: " + loss.querySelector("h4").textContent;
      history.replaceState(null, "", "#" + id);
    };

    links.forEach((one) => one.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      select(one.dataset.loss, true);
      show(losses.get(one.dataset.loss));
    }));

    if (drawing) {
      drawing.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const place = points.indexOf(document.activeElement);
        if (!step || place < 0) return;
        event.preventDefault();
        const next = points[(place + step + points.length) % points.length];
        next.focus();
        select(next.dataset.loss, true);
      });
    }

    const named = () => losses.has(location.hash.slice(1)) ? location.hash.slice(1) : null;
    window.addEventListener("hashchange", () => named() && select(named(), false), { signal });
    const pick = chapter.querySelector("a.point.pick");
    select(named() || (pick && pick.dataset.loss) || losses.keys().next().value, false);
  };

  let swapped = new AbortController(); // lets go of chapters in whose place others have come
  const all = () => {
    swapped.abort();
    swapped = new AbortController();
    document.querySelectorAll(".chapter").forEach((chapter) => link(chapter, swapped.signal));
  };
  document.addEventListener("ganetic:swapped", all);
  all();
  const open = () => document.querySelectorAll("details").forEach((one) => { one.open = true; });
  window.addEventListener("beforeprint", open);
})();
