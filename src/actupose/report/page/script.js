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
