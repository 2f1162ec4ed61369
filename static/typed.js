// Keeps what is typed on the server, sealed, every few seconds and on leaving, until it is saved.
// Without script it is kept when a save meets an expired sign-in.
const PAUSE = 4000;

for (const mark of document.querySelectorAll("input[name=typed_mark][data-keep]")) {
  const form = mark.form;
  const written = () => new URLSearchParams(new FormData(form)).toString();
  const line = document.createElement("p");
  line.className = "small";
  line.setAttribute("role", "status");
  mark.after(line);
  let last = written();
  let timer;
  let leaves = false;
  let under = new AbortController();
  const tell = (isKept) => {
    line.textContent = isKept ? "" : mark.dataset.lost;
    if (!isKept) last = "";
  };
  const keep = () => {
    clearTimeout(timer);
    if (leaves || written() === last) return;
    last = written();
    // A redirect leads to the sign-in: it has status 0 here, and is no answer that says "kept".
    fetch(mark.dataset.keep, { method: "POST", body: new FormData(form), keepalive: last.length < 60000, redirect: "manual", signal: under.signal })
      .then((answer) => tell(answer.ok))
      .catch(() => leaves || tell(false));
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, PAUSE);
  });
  form.addEventListener("submit", () => {
    leaves = true;
    clearTimeout(timer);
    // What is on its way would come back as a draft after the save.
    under.abort();
    under = new AbortController();
  });
  addEventListener("pageshow", () => {
    leaves = false;
  });
  addEventListener("pagehide", keep);
}
