// Keeps what is typed on the server, sealed, every few seconds and on leaving, until it is saved.
// Without script it is kept when a save meets an expired sign-in.
const PAUSE = 4000;

for (const mark of document.querySelectorAll("input[name=typed_mark][data-keep]")) {
  const form = mark.form;
  const written = () => new URLSearchParams(new FormData(form)).toString();
  let last = written();
  let timer;
  let leaves = false;
  const keep = () => {
    clearTimeout(timer);
    if (leaves || written() === last) return;
    last = written();
    fetch(mark.dataset.keep, { method: "POST", body: new FormData(form), keepalive: last.length < 60000, redirect: "manual" }).catch(() => {
      last = "";
    });
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, PAUSE);
  });
  form.addEventListener("submit", () => {
    leaves = true;
    clearTimeout(timer);
  });
  addEventListener("pageshow", () => {
    leaves = false;
  });
  addEventListener("pagehide", keep);
}
