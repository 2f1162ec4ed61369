// Counts what is ticked, and narrows a long list of boxes to what is typed; without script the whole list is
// there, and the number is that of the page.

// What finds choices is no answer of the form: it asks for no new preview.
for (const all of document.querySelectorAll("#audience-form > .columns")) {
  all.addEventListener("change", (event) => event.target.type === "search" && event.stopPropagation());
}

for (const group of document.querySelectorAll("details.fields")) {
  const count = group.querySelector("summary .quiet");
  group.addEventListener("change", () => {
    const chosen = group.querySelectorAll("input:checked, select[name^='route-'] option[value]:not([value='']):checked");
    count.textContent = count.textContent.replace(/\d+/, chosen.length);
  });
}

for (const search of document.querySelectorAll("[data-filter]")) {
  const labels = [...search.parentElement.querySelectorAll("label")];
  const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  search.hidden = false;
  search.addEventListener("input", () => {
    const wanted = folded(search.value.trim());
    for (const label of labels) {
      // What is ticked stays in sight: it counts whether or not it is searched for.
      label.hidden = !folded(label.textContent).includes(wanted) && !label.querySelector("input").checked;
    }
  });
  // A search is no answer of the form: it neither sends it nor asks for a new preview.
  search.addEventListener("change", (event) => event.stopPropagation());
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}
