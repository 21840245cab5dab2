// Marks the fields of a connection's form while they are edited. The server judges; without this
// script the same marks come with the page and with the answer to a save.
"use strict";

(() => {
  const PAUSE = 350; // milliseconds without a change before the server is asked

  function start() {
    const panel = document.getElementById("as2-compliance");
    const form = panel?.closest("form");
    if (!form || !panel.dataset.url) {
      return;
    }
    let timer;
    let asking;
    const ask = async () => {
      asking?.abort();
      asking = new AbortController();
      try {
        const answer = await fetch(panel.dataset.url, {
          method: "POST",
          body: settings(form),
          headers: { Accept: "application/json" },
          signal: asking.signal,
        });
        if (answer.ok) {
          show(form, panel, await answer.json());
        }
      } catch (error) {
        if (error.name !== "AbortError") {
          panel.dataset.failed = error.message;
        }
      }
    };
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    };
    form.addEventListener("input", later);
    form.addEventListener("change", later);
    panel.dataset.live = "true";
    if ([...form.elements].some(isChanged)) {
      later(); // somebody was faster than this script
    }
  }

  function isChanged(control) {
    if (control instanceof HTMLSelectElement) {
      return [...control.options].some((option) => option.selected !== option.defaultSelected);
    }
    if (control.type === "checkbox" || control.type === "radio") {
      return control.checked !== control.defaultChecked;
    }
    return control.defaultValue !== undefined && control.value !== control.defaultValue;
  }

  // Files stay here until they are saved.
  function settings(form) {
    const data = new FormData(form);
    for (const [name, value] of [...data]) {
      if (value instanceof File) {
        data.delete(name);
      }
    }
    return data;
  }

  function show(form, panel, found) {
    panel.innerHTML = found.summary;
    for (const mark of form.querySelectorAll(".as2-mark")) {
      if (!panel.contains(mark)) {
        mark.remove();
      }
    }
    for (const [name, marks] of Object.entries(found.fields)) {
      const control = form.elements.namedItem(name);
      const place = control instanceof RadioNodeList ? control[0] : control;
      cellOf(place)?.insertAdjacentHTML("beforeend", marks);
    }
  }

  // The widest frame around a control that does not hold its label as well.
  function cellOf(place) {
    let cell = place?.parentElement;
    while (cell?.parentElement && !cell.parentElement.querySelector(`label[for="${place.id}"]`)) {
      cell = cell.parentElement;
    }
    return cell;
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
