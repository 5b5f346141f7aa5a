"use strict";
// Nothing in the report needs this: it only narrows the tables on screen, and unfolds everything for paper.
(() => {
  const box = document.getElementById("filter");
  const input = box.querySelector("input");
  const told = box.querySelector("output");
  const rows = [...document.querySelectorAll(".records tbody tr")];
  let unfolded = [];
  let waiting = 0;

  function narrow(words) {
    let left = 0;
    for (const row of rows) {
      row.hidden = words !== "" && !row.textContent.toLowerCase().includes(words);
      if (!row.hidden) left += 1;
    }
    for (const part of document.querySelectorAll(".requirement")) {
      part.hidden = words !== "" && !part.querySelector(".records tbody tr:not([hidden])");
      if (words !== "" && !part.hidden) part.querySelectorAll("details").forEach((one) => { one.open = true; });
    }
    told.textContent = words === "" ? "" : `${left} of ${rows.length} rows`;
  }

  function unfold() {
    narrow("");
    unfolded = [...document.querySelectorAll("details:not([open])")];
    unfolded.forEach((one) => { one.open = true; });
  }

  function fold() {
    unfolded.forEach((one) => { one.open = false; });
    unfolded = [];
    narrow(input.value.trim().toLowerCase());
  }

  function reveal() {
    let one = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
    for (; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => narrow(input.value.trim().toLowerCase()), 150);
  });
  addEventListener("beforeprint", unfold);
  addEventListener("afterprint", fold);
  addEventListener("hashchange", reveal);
  reveal();
  box.hidden = rows.length === 0;
})();
