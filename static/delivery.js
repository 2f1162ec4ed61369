// A run's page asks for itself anew when the run stands still. Not while one of its forms waits for an answer:
// that would break off the way to the answer, and what it says would never be read.
let isLeaving = false;
document.addEventListener("submit", (event) => {
  isLeaving = !event.defaultPrevented;
});
addEventListener("pageshow", () => {
  isLeaving = false;
});
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (isLeaving) event.preventDefault();
});
