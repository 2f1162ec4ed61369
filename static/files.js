// A file may take a minute to be read: say so, and hand it in once. Without script the browser shows that it waits.
for (const form of document.querySelectorAll("form[data-reading]")) {
  const note = document.createElement("p");
  note.className = "quiet";
  note.setAttribute("role", "status");
  form.append(note);
  const tell = (isReading) => {
    note.textContent = isReading ? form.dataset.reading : "";
    for (const button of form.querySelectorAll("button")) button.disabled = isReading;
  };
  // Once the form has gone: a button that is disabled says nothing, and one may say what is to be done.
  form.addEventListener("submit", () => setTimeout(tell, 0, true));
  // Back from another page it may be handed in anew.
  addEventListener("pageshow", () => tell(false));
}
