"use strict";
for (const table of document.querySelectorAll("table.filtered")) {
  const box = document.createElement("input");
  box.type = "search";
  box.placeholder = "Show rows with …";
  box.setAttribute("aria-label", "Show rows with these words");
  box.className = "filter";
  table.before(box);
  let words = null;
  box.addEventListener("input", () => {
    const rows = table.tBodies[0].rows;
    words ??= Array.from(rows, (row) => row.textContent.toLowerCase());
    const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    words.forEach((text, at) => { rows[at].hidden = !wanted.every((word) => text.includes(word)); });
  });
}
const unfold = () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();
let folded = [];
addEventListener("beforeprint", () => {
  folded = Array.from(document.querySelectorAll("details:not([open])"));
  folded.forEach((one) => { one.open = true; });
});
addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));
