// Buttons that copy a text. Without this script, or without the right to copy, the text is selected.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-copies]:not([data-ready])")) {
    const text = document.getElementById(button.dataset.copies);
    const word = button.querySelector("[data-word]");
    button.dataset.ready = "yes";
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        word.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        word.textContent = "Selected: press Ctrl+C";
      }
    });
  }
});
