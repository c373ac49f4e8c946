// The gallery's tags are buttons for the keyboard and for screen readers, too, and their
// label needs no font with emoji. sphinx-gallery makes them, before this runs, of elements
// that only a mouse can press.
document.addEventListener("DOMContentLoaded", () => {
  const clear = document.querySelector("#sphx-glr-tag-clear");
  const tags = document.querySelectorAll(".sphx-glr-tag, #sphx-glr-tag-clear");
  const tell = () => {
    for (const tag of tags)
      if (tag !== clear) tag.setAttribute("aria-pressed", tag.matches(".active"));
  };
  for (const tag of tags) {
    tag.role = "button";
    tag.tabIndex = 0;
    tag.addEventListener("click", tell);
    tag.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        tag.click();
      }
    });
  }
  tell();
  const label = document.querySelector(".sphx-glr-tag-label");
  if (label) label.textContent = "Show only:";
});
