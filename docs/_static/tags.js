// The gallery's tags are buttons for the keyboard and for screen readers, too.
// sphinx-gallery makes them, before this runs, of elements that only a mouse can press.
document.addEventListener("DOMContentLoaded", () => {
  const tags = document.querySelectorAll(".sphx-glr-tag, #sphx-glr-tag-clear");
  const tell = () => {
    for (const tag of tags) tag.setAttribute("aria-pressed", tag.matches(".active"));
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
});
