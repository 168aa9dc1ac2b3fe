// A figure as a file of its own: its drawing with the page's present colours in place of their names.
for (const saver of document.querySelectorAll("button.svg")) {
  saver.hidden = false;
  saver.addEventListener("click", () => {
    const figure = saver.closest("figure");
    const probe = document.createElement("span");
    document.body.append(probe);
    const named = (match, name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const drawing = figure.querySelector("svg").cloneNode(true);
    drawing.style.background = getComputedStyle(document.body).backgroundColor;
    const text = new XMLSerializer().serializeToString(drawing).replace(/var\((--[a-z]+)\)/g, named);
    probe.remove();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    link.download = figure.querySelector("a[download]").download.replace(/\.png$/, ".svg");
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

// The page follows the system's light or dark; the button steps to a choice of one's own.
const button = document.getElementById("theme");
const themes = ["light dark", "light", "dark"];
const names = { "light dark": "as the system", light: "light", dark: "dark" };
let theme = 0;
button.hidden = false;
button.addEventListener("click", () => {
  theme = (theme + 1) % themes.length;
  document.documentElement.style.colorScheme = themes[theme];
  button.textContent = `Colours: ${names[themes[theme]]}`;
});
