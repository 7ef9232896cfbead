// What axe-core misses in these pages: levels of the menu's headings, and a way to scroll without a mouse.
document.querySelectorAll(".caption[role=heading]").forEach(e => e.setAttribute("aria-level", "2"));
const sizes = new ResizeObserver(all => {
  for (const { target: e } of all) {
    if (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight) e.tabIndex = 0;
    else e.removeAttribute("tabindex");
  }
});
document.querySelectorAll("pre, .table-wrapper").forEach(e => sizes.observe(e));
