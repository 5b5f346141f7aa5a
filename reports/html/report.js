"use strict";
// Nothing in the report needs this: it only narrows the tables on screen, and unfolds everything for paper.
(() => {
  const MOST_UNFOLDED = 300;
  const box = document.getElementById("filter");
  const input = box.querySelector("input");
  const told = box.querySelector("output");
  const rows = [...document.querySelectorAll(".records tbody tr")];
  const parts = [...document.querySelectorAll(".requirement, .records")];
  let texts = null;
  let unfoldedByFilter = [];
  let unfoldedForPaper = [];
  let waiting = 0;

  function narrow(words) {
    // Read once, and only when somebody searches: reading 10,000 rows takes longer than finding among them.
    if (words !== "") texts ??= rows.map((row) => row.textContent.toLowerCase());
    const holding = new Set();
    let left = 0;
    rows.forEach((row, number) => {
      const hide = words !== "" && !texts[number].includes(words);
      if (row.hidden !== hide) row.hidden = hide;
      if (hide) return;
      left += 1;
      holding.add(row.closest(".records")).add(row.closest(".requirement"));
    });
    for (const part of parts) part.hidden = words !== "" && !holding.has(part);
    unfoldedByFilter.forEach((one) => { one.open = false; });
    unfoldedByFilter = [];
    if (words !== "" && left <= MOST_UNFOLDED) {
      for (const part of holding) unfoldedByFilter.push(...closed(part));
      unfoldedByFilter.forEach((one) => { one.open = true; });
    }
    told.textContent = words === "" ? "" : `${left} of ${rows.length} rows`;
  }

  function closed(part) {
    // A table may lie in a fold of its own within the fold of its requirement.
    const folds = [part, part.closest("details"), part.closest(".requirement")];
    return folds.filter((one) => one.tagName === "DETAILS" && !one.open);
  }

  function unfold() {
    narrow("");
    unfoldedForPaper = [...document.querySelectorAll("details:not([open])")];
    unfoldedForPaper.forEach((one) => { one.open = true; });
  }

  function fold() {
    unfoldedForPaper.forEach((one) => { one.open = false; });
    unfoldedForPaper = [];
    narrow(input.value.trim().toLowerCase());
  }

  function reveal() {
    let one = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
    for (; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => narrow(input.value.trim().toLowerCase()), 80);
  });
  addEventListener("beforeprint", unfold);
  addEventListener("afterprint", fold);
  addEventListener("hashchange", reveal);
  reveal();
  box.hidden = rows.length === 0;
})();
