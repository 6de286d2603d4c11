(() => {
  const picture = document.getElementById('picture');
  if (!picture) return;
  const named = document.getElementById('named');
  const points = [...picture.querySelectorAll('circle')];
  const shown = () => points.filter(point => !point.hasAttribute('hidden'));
  const name = point => { named.textContent = point.getAttribute('aria-label'); };
  const focus = point => {
    points.forEach(other => other.setAttribute('tabindex', -1));
    point.setAttribute('tabindex', 0);
    point.focus();
  };
  picture.addEventListener('mouseover', event => {
    if (event.target.matches('circle')) name(event.target);
  });
  picture.addEventListener('focusin', event => {
    if (event.target.matches('circle')) name(event.target);
  });
  picture.addEventListener('keydown', event => {
    const visible = shown(), last = visible.length - 1;
    const here = visible.indexOf(document.activeElement);
    if (here < 0) return;
    const next = {
      ArrowRight: Math.min(last, here + 1), ArrowDown: Math.min(last, here + 1),
      ArrowLeft: Math.max(0, here - 1), ArrowUp: Math.max(0, here - 1), Home: 0, End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    focus(visible[next]);
  });
  document.querySelectorAll('.legend button').forEach(button => {
    button.addEventListener('click', () => {
      const show = button.getAttribute('aria-pressed') === 'false';
      button.setAttribute('aria-pressed', show);
      points.filter(point => point.dataset.category === button.dataset.category)
        .forEach(point => point.toggleAttribute('hidden', !show));
      const visible = shown();
      points.forEach(point => point.setAttribute('tabindex', -1));
      if (visible.length) visible[0].setAttribute('tabindex', 0);
    });
  });
})();
