// Filters the cases of each gate, and opens the case that a link points to. All content is there without it.
"use strict";
(() => {
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", open);

  for (const bar of document.querySelectorAll(".filters")) {
    const list = bar.parentElement;
    const cases = [...list.querySelectorAll(".case")];
    const texts = cases.map((one) => one.textContent.toLowerCase());
    const [text, tag, criterion, state] = bar.querySelectorAll("input, select");
    const has = (one, name, number) => {
      const found = (one.dataset[name] || "").split(" ");
      return number === "" ? found[0] !== "" : found.includes(number);
    };
    const states = ["worse", "better", "broken", "unstable"];
    const filter = () => {
      const words = text.value.toLowerCase().trim();
      let count = 0;
      cases.forEach((one, place) => {
        const chosen = state.value ? [state.value] : states;
        const fits =
          texts[place].includes(words) &&
          (tag.value === "" || has(one, "tags", tag.value)) &&
          ((criterion.value === "" && !state.value) || chosen.some((name) => has(one, name, criterion.value)));
        one.hidden = !fits;
        count += fits;
      });
      for (const group of list.querySelectorAll(".group")) {
        group.hidden = !group.querySelector(".case:not([hidden])");
        if (count < cases.length && group.tagName === "DETAILS") group.open = true;
      }
      bar.querySelector(".found").textContent = `${count} of ${cases.length}`;
    };
    bar.addEventListener("input", filter);
    bar.hidden = false;
    filter();
  }
  // a link to a case that the filters hide shows it all the same
  addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    const one = target && target.closest(".case");
    if (!one) return;
    one.hidden = false;
    one.closest(".group").hidden = false;
    if (location.hash === link.getAttribute("href")) open();
  });
  open();
})();
