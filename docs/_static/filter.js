// A field above each filterable table that hides the rows without the typed words, which
// may also be among WORDS_OF_ROWS: what a row does not say. The words are in the page's
// address as ?q=..., so that a link can carry them.
// Without JavaScript there is the whole table.
for (const table of document.querySelectorAll("table.filterable")) {
  const field = document.createElement("input");
  field.type = "search";
  field.className = "form-control filter";
  field.placeholder = "Filter, for example: same crop";
  field.setAttribute("aria-label", "Show only symptoms with these words");
  const left = document.createElement("p");
  left.setAttribute("role", "status");

  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    const rows = [...table.tBodies[0].rows];
    let shown = 0;
    for (const [i, row] of rows.entries()) {
      const text = `${row.textContent.toLowerCase()} ${WORDS_OF_ROWS[i]}`;
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    left.textContent = `${shown} of ${rows.length} symptoms`;
    if (shown) return;
    const everywhere = document.createElement("a");
    const root = document.documentElement.dataset.content_root;
    everywhere.href = `${root}search.html?q=${encodeURIComponent(field.value)}`;
    everywhere.textContent = "Search all pages for these words";
    left.append(". ", everywhere);
  };

  const words = new URLSearchParams(location.search).get("q");
  (table.closest(".pst-scrollable-table-container") ?? table).before(field, left);
  if (words) {
    field.value = words;
    filter();
    if (!location.hash) field.scrollIntoView();
  }
  field.addEventListener("input", () => {
    filter();
    const address = new URL(location);
    if (field.value) address.searchParams.set("q", field.value);
    else address.searchParams.delete("q");
    history.replaceState(null, "", address);
  });
}
