// A field that shows the rows of the filterable table with most of the typed words. In the
// table of symptoms the words may also be among WORDS_OF_ROWS: the search words of a row, and its
// cause and fix, where a word counts a third. A word that no row has is dropped, and said. The
// words are in the page's address as ?q=..., so that a link can carry them. Without JavaScript
// there is the whole table.
const SAYS_NOTHING = new Set(`about across all and any are because but can dataloader did does don
  for from get has have how into its just like make not off only out please pytorch really should
  than that the then there they this use used using via was what when where which while why will
  with without would you`.split(/\s+/));
// Endings do not count, and a short word must begin a word: "all" is not in "called".
const matches = (word) => {
  const stem = word.length > 4 ? word.replace(/(ions?|ing|ed|es|s|e)$/u, "") : word;
  return (text) => (stem.length > 3 ? text.includes(stem) : text.includes(` ${stem}`));
};
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
  // "1.9" is one word, and "np.random" has two.
  const split = (text) => text.toLowerCase().split(/(?:[^\p{L}\p{N}_.]|\.(?!\d))+/u);
  const spaced = (text) => ` ${split(text).join(" ")}`;
  const symptoms = rows.map((row, i) =>
    spaced(`${row.textContent} ${ofVersions ? "" : WORDS_OF_ROWS[i][0]}`));
  const causes = rows.map((_, i) => (ofVersions ? "" : spaced(WORDS_OF_ROWS[i][1])));
  const folded = table.closest("details");

  const filter = () => {
    const has = (word) => [...symptoms, ...causes].some(matches(word));
    // An option of another program, such as --persistent_data_workers, counts by its parts.
    const parts = (word) => (word.includes("_") && !has(word) ? word.split("_") : [word]);
    const words = split(field.value).flatMap(parts);
    const typed = [...new Set(words)].filter((word) => word.length > 1 && !SAYS_NOTHING.has(word));
    // The fewer rows have a word, the more it counts.
    const scores = rows.map(() => 0);
    const dropped = typed.filter((word) => {
      const inText = matches(word);
      const having = [...rows.keys()].filter((i) => inText(symptoms[i]) || inText(causes[i]));
      const weight = Math.log(1 + rows.length / (having.length + 2));
      for (const i of having) scores[i] += inText(symptoms[i]) ? weight : weight / 3;
      return !having.length;
    });
    const best = Math.max(...scores);
    const order = [...rows.keys()].sort((one, other) => scores[other] - scores[one]);
    table.tBodies[0].append(...order.map((i) => rows[i]));
    let shown = 0;
    for (const [i, row] of rows.entries()) {
      row.hidden = typed.length > 0 && (best === 0 || scores[i] < 0.6 * best);
      shown += !row.hidden;
    }
    if (folded && typed.length) folded.open = true;
    left.textContent = `${shown} of ${rows.length} ${things}`;
    if (dropped.length) left.append(`, without ${dropped.join(", ")}, which no ${thing} has`);
    if (!typed.length || (ofVersions && shown && !dropped.length)) return;
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
