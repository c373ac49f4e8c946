// A field above each filterable table that hides the rows without the typed words.
// Without JavaScript there is the whole table.
for (const table of document.querySelectorAll("table.filterable")) {
  const field = document.createElement("input");
  field.type = "search";
  field.className = "form-control filter";
  field.placeholder = "Filter, for example: same crop";
  field.setAttribute("aria-label", "Show only symptoms with these words");
  const left = document.createElement("p");
  left.setAttribute("role", "status");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    left.textContent = `${shown} of ${table.tBodies[0].rows.length} symptoms`;
  });
  (table.closest(".pst-scrollable-table-container") ?? table).before(field, left);
}
