// Copies a page's diff, or the lines that it leaves: those without a minus.
for (const button of document.querySelectorAll("[data-copies]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const diff = button.closest(".repair").querySelector("pre").textContent;
    const kept = diff.split("\n").filter((line) => !line.startsWith("-"));
    const fix = kept.map((line) => line.slice(1)).join("\n");
    await navigator.clipboard.writeText(button.dataset.copies === "fix" ? fix : diff);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
