// A field that shows the rows of the filterable table with most of the typed words. In the
// table of symptoms the words may also be among WORDS_OF_ROWS: what a row does not say. A word that no row has is
// dropped, and said. The words are in the page's address as ?q=..., so that a link can carry them.
// Without JavaScript there is the whole table.
for (const table of document.querySelectorAll("table.filterable")) {
  const ofVersions = table.classList.contains("versions");
  const things = ofVersions ? "behaviours" : "symptoms";
  const thing = things.slice(0, -1);
  const field = document.createElement("input");
  field.type = "search";
  field.className = "form-control filter";
  field.placeholder = `Filter, for example: ${ofVersions ? "persistent" : "same crop"}`;
  field.setAttribute("aria-label", `Show only ${things} with these words`);
  const left = document.createElement("p");
  left.setAttribute("role", "status");
  const rows = [...table.tBodies[0].rows];
  const texts = rows.map((row, i) => `${row.textContent.toLowerCase()} ${ofVersions ? "" : WORDS_OF_ROWS[i]}`);
  const folded = table.closest("details");

  const filter = () => {
    const trimmed = (word) => word.replace(/^[^\p{L}\p{N}_]+|[^\p{L}\p{N}_]+$/gu, "");
    const typed = field.value.toLowerCase().split(/\s+/).map(trimmed).filter((word) => word);
    // The fewer rows have a word, the more it counts.
    const scores = rows.map(() => 0);
    const dropped = typed.filter((word) => {
      const having = [...rows.keys()].filter((i) => texts[i].includes(word));
      for (const i of having) scores[i] += Math.log(1 + rows.length / having.length);
      return !having.length;
    });
    const best = Math.max(...scores);
    const order = [...rows.keys()].sort((one, other) => scores[other] - scores[one]);
    table.tBodies[0].append(...order.map((i) => rows[i]));
    let shown = 0;
    for (const [i, row] of rows.entries()) {
      row.hidden = typed.length > 0 && (best === 0 || scores[i] < 0.75 * best);
      shown += !row.hidden;
    }
    if (folded && typed.length) folded.open = true;
    left.textContent = `${shown} of ${rows.length} ${things}`;
    if (dropped.length) left.append(`, without ${dropped.join(", ")}, which no ${thing} has`);
    if (shown && !dropped.length) return;
    const everywhere = document.createElement("a");
    const root = document.documentElement.dataset.content_root;
    everywhere.href = `${root}search.html?q=${encodeURIComponent(field.value)}`;
    everywhere.textContent = "Search all pages for these words";
    left.append(". ", everywhere);
  };

  const words = new URLSearchParams(location.search).get("q");
  const room = document.querySelector(".filter-room");
  if (room) room.append(field, left);
  else table.before(field, left);
  left.textContent = `${rows.length} ${things}`;
  if (words) {
    field.value = words;
    filter();
  }
  field.addEventListener("input", () => {
    filter();
    const address = new URL(location);
    if (field.value) address.searchParams.set("q", field.value);
    else address.searchParams.delete("q");
    history.replaceState(null, "", address);
  });
}
