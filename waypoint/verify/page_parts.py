"""Style and script of the page."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --ink: #1d2125; --soft: #5c646c;
  --line: #d9dcdf; --raised: #fff; --good: #1a7440; --bad: #b3261e; --odd: #8a5a00; --fact: #1f5f99;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #aa3377; --c4: #b58900; --c5: #56a3d9;
  --c6: #7a5195; --c7: #777d83; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181b; --ink: #e6e8ea; --soft: #a2a9b0;
  --line: #363b41; --raised: #1e2125; --good: #5ec98a; --bad: #ff8a80; --odd: #e5b455;
  --fact: #7fb8ea; --c0: #4aa8e0; --c1: #ff8c42; --c2: #3ecfa4; --c3: #e083b8; --c4: #e8c547;
  --c5: #9fd0f5; --c6: #b99ae0; --c7: #9aa1a8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { margin-top: 2.5rem; font-size: 1.25rem; }
h3 { margin-bottom: 0; font-size: 1.05rem; }
small { color: var(--soft); font-weight: normal; font-size: .85em; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: .75rem 2rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--raised); }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { color: var(--soft); font-weight: normal; font-size: .85rem; }
tbody th { font-weight: 600; min-width: 9rem; } tbody th small { display: block; }
.number { text-align: right; } ul, ol { margin: .25rem 0; padding-left: 1.25rem; }
td p { margin: .25rem 0; } code { font-size: .85em; overflow-wrap: anywhere; }
.badge { display: inline-block; white-space: nowrap; padding: 0 .5em; border: 1px solid;
  border-radius: .3em;
  font-size: .8rem; font-weight: 600; letter-spacing: .03em; vertical-align: middle; }
.pass { color: var(--good); } .fail { color: var(--bad); } .skip { color: var(--odd); }
.info { color: var(--fact); }
.legend { display: flex; flex-wrap: wrap; gap: .5rem; margin-bottom: .75rem; }
.legend button { font: inherit; font-size: .9rem; color: inherit; background: var(--raised);
  border: 1px solid var(--line); border-radius: .3em; padding: .2rem .6rem; cursor: pointer; }
.legend button[aria-pressed=false] { opacity: .45; text-decoration: line-through; }
.legend i { display: inline-block; width: .75em; height: .75em; border-radius: 50%;
  margin-right: .4em; }
#picture { width: 100%; height: auto; background: var(--raised); border: 1px solid var(--line); }
circle { opacity: .75; cursor: pointer; outline: none; }
circle:hover, circle:focus { opacity: 1; stroke: var(--ink); stroke-width: 3; }
circle[hidden] { display: none; }
#named { min-height: 1.5em; overflow-wrap: anywhere; }
""" + "".join(
    f".legend .c{n} {{ background: var(--c{n}); }} circle.c{n} {{ fill: var(--c{n}); }}\n"
    for n in range(8)
)

SCRIPT = """
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
"""
