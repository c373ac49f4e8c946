// A field above each filterable table that hides the rows without the typed words. The
// words are in the page's address as ?q=..., so that they can be sent to somebody.
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
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    left.textContent = `${shown} of ${table.tBodies[0].rows.length} symptoms`;
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
