"use strict";
// The browser of answers: rows are in JSON blocks, one a set; what is shown is built with textContent alone.
(() => {
  const PAGE = 50, WORDS = 300;
  const RIGHT = 1, UNPARSED = 2, REPAIRED = 4, HIDDEN = 8, DIFFERENT = 16;
  const [UID, INPUT, TEXT, TARGET, ANSWER, FLAGS, SURE, REPAIRS, WORD, GOLD, OTHERS] = Array(11).keys();
  const find = (id) => document.getElementById(id);
  const box = find("browser");
  if (!box) return;
  const set = find("set"), show = find("show"), search = find("search"), order = find("order"), list = find("answers");
  const read = new Map();
  let block, rows, at = 0;

  const is = {
    all: () => true,
    wrong: (row) => !(row[FLAGS] & (RIGHT | HIDDEN)),
    unparsed: (row) => row[FLAGS] & UNPARSED,
    repaired: (row) => row[FLAGS] & REPAIRED,
    different: (row) => row[FLAGS] & DIFFERENT,
    // Of a report OTHERS are what other ways wrote, of a comparison what other runs did and whether it was right.
    "won by another": (row) => !(row[FLAGS] & RIGHT) && row[OTHERS].some((other) => other[1] & RIGHT),
    "lost by another": (row) => row[FLAGS] & RIGHT && row[OTHERS].some((other) => !(other[1] & RIGHT)),
    "wrong in all": (row) => !(row[FLAGS] & RIGHT) && row[OTHERS].every((other) => !(other[1] & RIGHT)),
  };
  const by = {
    given: null,
    uid: (a, b) => a[UID].localeCompare(b[UID], "en", { numeric: true }),
    shortest: (a, b) => a[INPUT].length - b[INPUT].length,
    longest: (a, b) => b[INPUT].length - a[INPUT].length,
    least: (a, b) => a[SURE] - b[SURE],
    most: (a, b) => b[SURE] - a[SURE],
  };

  function make(tag, name, ...inner) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...inner); // strings become text nodes
    return made;
  }

  // Longest common subsequence of words; [" " | "-" | "+", word] from what was said to what was meant.
  function diff(said, meant) {
    const a = said.split(/\s+/).filter(Boolean).slice(0, WORDS), b = meant.split(/\s+/).filter(Boolean).slice(0, WORDS);
    const wide = b.length + 1, best = new Uint16Array((a.length + 1) * wide);
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        best[i * wide + j] = a[i] === b[j] ? best[(i + 1) * wide + j + 1] + 1
          : Math.max(best[(i + 1) * wide + j], best[i * wide + j + 1]);
    const out = [];
    let i = 0, j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) { out.push([" ", a[i]]); i++; j++; }
      else if (j >= b.length || (i < a.length && best[(i + 1) * wide + j] >= best[i * wide + j + 1])) out.push(["-", a[i++]]);
      else out.push(["+", b[j++]]);
    }
    return out;
  }

  function compared(said, meant) {
    const line = make("span");
    for (const [mark, word] of diff(said, meant))
      line.append(mark === " " ? word : make(mark === "-" ? "del" : "ins", "", word), " ");
    return line;
  }

  // Words with their tags: those of one span (B-X I-X …) in one box; what is not as in `other` is marked.
  function tagged(words, tags, other) {
    const line = make("span", "tagged");
    for (let i = 0; i < words.length; ) {
      const tag = tags[i] || "", span = /^B-/.test(tag), kind = tag.replace(/^[BI]-/, "");
      let end = i + 1;
      while (span && tags[end] === `I-${kind}`) end++;
      let off = span && other[end] === `I-${kind}`;
      for (let k = i; k < end; k++) off = off || (other[k] || "") !== (tags[k] || "");
      const text = words.slice(i, end).join(" ");
      const known = block.kinds.indexOf(kind);
      if (tag && tag !== "O")
        line.append(make("span", `tag t${(known < 0 ? 7 : known) % 8}${off ? " off" : ""}`, text, make("small", "", kind)));
      else line.append(off ? make("span", "off", text) : text);
      line.append(" ");
      i = end;
    }
    return line;
  }

  const state = (flags) => flags & UNPARSED ? "unparsed" : flags & HIDDEN ? "unscored" : flags & RIGHT ? "right" : "wrong";
  const item = ([name, said]) => [make("dt", "", name), make("dd", "", said)];

  function abreast(row) {
    const said = [[row[TEXT], row[FLAGS]], ...row[OTHERS]];
    const parts = [["prompt", row[INPUT]], ["gold", row[TARGET]]];
    for (const [i, [text, flags]] of said.entries())
      parts.push([block.runs[i], make("span", "", make("span", `chip ${state(flags)}`, state(flags)), " ", text)]);
    return make("article", "eg unscored", make("header", "", make("code", "", row[UID])), make("dl", "", ...parts.flatMap(item)));
  }

  function answer(row) {
    if (block.runs) return abreast(row);
    const now = state(row[FLAGS]);
    const head = make("header", "", make("span", `chip ${now}`, now), make("code", "", row[UID]));
    if (row[FLAGS] & REPAIRED) head.append(make("span", "chip repaired", `repaired: ${row[REPAIRS]}`));
    if (row[SURE] !== null) head.append(make("span", "", `confidence ${(100 * row[SURE]).toFixed(1)} %`));
    const parts = [["prompt", row[INPUT]], ["raw text", row[TEXT]]];
    if (row[FLAGS] & HIDDEN) {
      if (row[ANSWER] !== null && row[ANSWER] !== row[TEXT]) parts.push(["parsed", String(row[ANSWER])]);
    } else if (row[WORD].length) {
      if (row[ANSWER]) parts.push(["parsed", tagged(row[WORD], row[ANSWER], row[GOLD])]);
      parts.push(["gold", tagged(row[WORD], row[GOLD], row[GOLD])]);
    } else {
      if (row[ANSWER] !== null && row[ANSWER] !== row[TEXT]) parts.push(["parsed", row[ANSWER]]);
      parts.push(["gold", row[TARGET]]);
      if (block.kind === "text" && now !== "right") parts.push(["difference", compared(row[TEXT], row[TARGET])]);
    }
    if (row[FLAGS] & UNPARSED) parts.splice(2, 0, ["parsed", make("em", "", "nothing could be read")]);
    if (row[OTHERS].length) parts.push(["other ways", row[OTHERS].join("; ")]);
    return make("article", `eg ${now}`, head, make("dl", "", ...parts.flatMap(item)));
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    at = Math.min(Math.max(at, 0), pages - 1);
    list.replaceChildren(...rows.slice(at * PAGE, (at + 1) * PAGE).map(answer));
    const some = rows.length ? `${at * PAGE + 1} to ${Math.min((at + 1) * PAGE, rows.length)} of ` : "";
    find("status").textContent = `${some}${rows.length.toLocaleString("en")} answers, page ${at + 1} of ${pages}`;
    for (const one of box.querySelectorAll("[data-step]")) {
      const to = at + Number(one.dataset.step);
      one.disabled = to < 0 || to >= pages;
    }
  }

  function choose() {
    const wanted = search.value.toLowerCase();
    const texts = (row) => [row[UID], row[INPUT], row[TEXT], row[TARGET], ...row[OTHERS].map((other) => (block.runs ? other[0] : other))];
    const has = (row) => texts(row).some((text) => text.toLowerCase().includes(wanted));
    rows = block.rows.filter((row) => is[show.value](row) && (!wanted || has(row)));
    if (by[order.value]) rows.sort(by[order.value]);
    at = 0;
    draw();
  }

  function open() {
    if (!read.has(set.value)) read.set(set.value, JSON.parse(find(`rows-${set.value}`).textContent));
    block = read.get(set.value);
    find("bounds").textContent = block.bounds;
    for (const one of show.options)
      one.textContent = `${one.value} (${block.rows.filter(is[one.value]).length.toLocaleString("en")})`;
    const sure = block.rows.some((row) => row[SURE] !== null);
    for (const one of order.options) one.disabled = !sure && (one.value === "least" || one.value === "most");
    if (order.selectedOptions[0].disabled) order.value = "given";
    choose();
  }

  let wait;
  set.addEventListener("change", open);
  show.addEventListener("change", choose);
  order.addEventListener("change", choose);
  search.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(choose, 150); });
  for (const one of box.querySelectorAll("[data-step]"))
    one.addEventListener("click", () => {
      at += Number(one.dataset.step);
      draw();
      box.scrollIntoView();
    });
  box.hidden = false;
  open();
})();
