// What makes the hosted pages nicer. Every page works whole without it; nothing here decides anything.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Times: the server writes UTC and says so; here they are the reader's own.
  const local = (root) => {
    const { lang } = document.documentElement;
    const own = navigator.languages.find((language) => language.startsWith(lang)) ?? lang;
    const format = new Intl.DateTimeFormat(own, { dateStyle: "medium", timeStyle: "short" });
    for (const time of all("time[data-local]", root)) time.textContent = format.format(new Date(time.dateTime));
  };
  local(document);

  // A notice belongs to the moment, not to the address: reloading must not say it again.
  const here = new URL(location.href);
  if (here.searchParams.has("notice")) {
    here.searchParams.delete("notice");
    history.replaceState(null, "", here);
  }
  document.querySelector("[data-focus]")?.focus();

  // A form is sent once; coming back to the page gives the button back.
  const sent = new Set();
  document.addEventListener("submit", (event) => {
    const button = event.submitter ?? event.target.querySelector("button[data-busy]");
    if (sent.has(event.target)) return event.preventDefault();
    sent.add(event.target);
    if (!button?.dataset.busy) return;
    button.setAttribute("aria-disabled", "true");
    button.dataset.said = button.textContent;
    button.textContent = button.dataset.busy;
  });
  addEventListener("pageshow", () => {
    sent.clear();
    for (const button of all("button[data-said]")) {
      button.textContent = button.dataset.said;
      button.removeAttribute("aria-disabled");
      delete button.dataset.said;
    }
  });

  // The code: digits only, and off it goes with the sixth.
  for (const field of all("input[data-code]")) {
    field.addEventListener("input", () => {
      const digits = field.value.replace(/\D/g, "").slice(0, 6);
      if (field.value !== digits) field.value = digits;
      if (digits.length === 6) field.form.requestSubmit();
    });
  }

  // A new password can be looked at while it is typed; it is sent, and remembered, as a password.
  for (const button of all("button[data-reveals]")) {
    const field = document.getElementById(button.dataset.reveals);
    const said = button.textContent;
    const show = (shown) => {
      field.type = shown ? "text" : "password";
      button.textContent = shown ? button.dataset.hide : said;
    };
    button.hidden = false;
    button.addEventListener("click", () => show(field.type === "password"));
    field.form.addEventListener("submit", () => show(false));
  }

  // Another code: a pause that is seen counting and said once when it is over.
  for (const button of all("button[data-wait]")) {
    const said = button.textContent;
    const over = Date.now() + 1000 * Number(button.dataset.wait);
    const tick = () => {
      const left = Math.ceil((over - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.waitText.replace("{seconds}", left) : said;
      if (left > 0) return setTimeout(tick, 1000 - ((over - Date.now()) % 1 || 0));
      const status = document.querySelector("[data-wait-over]");
      if (status) status.textContent = status.dataset.waitOver;
    };
    if (Number(button.dataset.wait) > 0) tick();
  }

  const reveal = (root) => {
    if (navigator.clipboard) for (const button of all("button[data-copy]", root)) button.hidden = false;
  };
  reveal(document);
  if (navigator.clipboard) {
    document.addEventListener("click", async (event) => {
      const button = event.target.closest("button[data-copy]");
      if (!button) return;
      await navigator.clipboard.writeText(button.dataset.copy);
      const label = button.querySelector("span");
      const said = label.textContent;
      label.textContent = button.dataset.copied;
      setTimeout(() => (label.textContent = said), 2000);
    });
  }

  // A picture that is too large is told before it is sent; the server says the same afterwards.
  for (const field of all("input[data-bytes-max]")) {
    field.addEventListener("change", () => {
      const large = (field.files[0]?.size ?? 0) > Number(field.dataset.bytesMax);
      field.setCustomValidity(large ? field.dataset.tooLarge : "");
      field.reportValidity();
    });
  }

  // The order's page stays true by itself: ask often while something happens, ever less while nothing
  // does, not at all while nobody looks. What changed comes as the server renders it, inert.
  const poll = document.body.dataset.poll;
  if (!poll) return;
  const SOONEST = 5000, LATEST = 60000;
  let pause = SOONEST, timer = 0, known = document.body.dataset.mark;
  const mark = ({ data }) => `${data.status} ${data.paymentStatus} ${data.hasProof} ${data.messages.length}`;
  const refresh = async () => {
    const answer = await fetch(location.pathname, { credentials: "same-origin" });
    if (!answer.ok) return;
    const text = await answer.text();
    // Without the head: its styles are under another page's policy.
    const fresh = new DOMParser().parseFromString(text.slice(text.indexOf("<body")), "text/html");
    for (const part of all("[data-live]")) {
      const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      const busy = part.contains(document.activeElement) || all("input[type=file]", part).some((field) => field.value);
      if (!other || busy) continue;
      local(other);
      reveal(other);
      if (part.innerHTML !== other.innerHTML) part.replaceChildren(...document.adoptNode(other).childNodes);
    }
  };
  const look = async () => {
    pause = Math.min(pause * 1.5, LATEST);
    try {
      const answer = await fetch(poll, { credentials: "omit" });
      if (answer.status === 404) return;
      if (answer.ok) {
        const now = mark(await answer.json());
        if (known !== now) {
          await refresh();
          pause = SOONEST;
        }
        known = now;
      } else {
        pause = Math.max(LATEST, 1000 * Number(answer.headers.get("Retry-After") ?? 0));
      }
    } catch {
      pause = LATEST;
    }
    again();
  };
  const again = () => {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, pause);
  };
  document.addEventListener("visibilitychange", () => {
    pause = SOONEST;
    again();
  });
  again();
})();
