"use strict";

// Tables can be sorted by a click on a heading and searched; without scripts they are plain tables.

function textOf(cell) {
  // What is folded away is an example, and not what the cell says.
  return (cell.querySelector("summary") || cell).textContent.trim();
}

function valueOf(row, column) {
  const cell = row.cells[column];
  return "value" in cell.dataset ? Number(cell.dataset.value) : textOf(cell);
}

function sort(table, column, direction) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  rows.sort((one, other) => {
    const a = valueOf(one, column);
    const b = valueOf(other, column);
    return direction * (typeof a === "number" ? a - b : a.localeCompare(b));
  });
  body.append(...rows);
}

function makeSortable(table) {
  const headings = Array.from(table.tHead.rows[0].cells);
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = heading.classList.contains("text") ? "ascending" : "descending";
      const second = first === "ascending" ? "descending" : "ascending";
      const order = heading.getAttribute("aria-sort") === first ? second : first;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      sort(table, column, order === "ascending" ? 1 : -1);
    });
  });
}

function makeSearchable(table) {
  const rows = Array.from(table.tBodies[0].rows);
  const label = document.createElement("label");
  const input = document.createElement("input");
  const found = document.createElement("output");
  input.type = "search";
  label.append(`Search ${table.parentElement.getAttribute("aria-label").toLowerCase()} `, input);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    rows.forEach((row) => {
      row.hidden = !Array.from(row.cells).some((cell) => textOf(cell).toLowerCase().includes(wanted));
    });
    const shown = rows.filter((row) => !row.hidden).length;
    found.textContent = wanted ? `${shown} of ${rows.length}` : "";
  });
  const line = document.createElement("div");
  line.className = "search";
  line.append(label, found);
  table.parentElement.before(line);
}

document.querySelectorAll("table.sortable").forEach((table) => {
  makeSortable(table);
  makeSearchable(table);
});
