// Puts a placeholder where the cursor is; without script the codes are typed.
for (const picker of document.querySelectorAll("[data-picker]")) {
  const field = document.getElementById(picker.dataset.picker);
  if (!field) continue;
  for (const code of picker.querySelectorAll("code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.append(code.cloneNode(true));
    code.replaceWith(button);
    button.addEventListener("click", () => {
      field.setRangeText(code.textContent, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}
