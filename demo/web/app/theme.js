/**
 * Light, dark, or as the system says. A classic script, so that the first paint has the right colours already. Others hear of a change by
 * the event `themechange` of the document.
 */
(() => {
  const CHOICES = ['automatic', 'light', 'dark'];
  const KEY = 'theme';
  const system = matchMedia('(prefers-color-scheme: dark)');

  /** Storage may be forbidden. */
  const remembered = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  let choice = remembered() ?? CHOICES[0];
  if (!CHOICES.includes(choice)) choice = CHOICES[0];

  const apply = () => {
    const isDark = choice === 'dark' || (choice === 'automatic' && system.matches);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
    document.dispatchEvent(new Event('themechange'));
  };
  apply();
  system.addEventListener('change', apply);

  addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const label = () => (button.textContent = `Theme: ${choice}`);
    label();
    button.addEventListener('click', () => {
      choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
      try {
        localStorage.setItem(KEY, choice);
      } catch {}
      label();
      apply();
    });
  });
})();
