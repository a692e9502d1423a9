/**
 * A picture that moves, `docs/images/vscode_search.svg`: a search by meaning and one for a symbol, as somebody types them.
 * Screenshots in one SVG, shown one after the other by CSS: no player, nothing loaded. LOWTIDE_TREE names the folder shown.
 */
import { writeFileSync } from 'node:fs';
import { openEditor } from './editor.mjs';

const size = { width: 1000, height: 620 };
const target = new URL('../../../../docs/images/vscode_search.svg', import.meta.url).pathname;
const editor = await openEditor({ theme: 'Default Dark Modern', size, settings: { 'lowtide.budget': '256MiB' } });
const { page } = editor;
/** What is shown, and for how many seconds. */
const frames = [];
const take = async (seconds) => {
  const image = await page.screenshot({ type: 'jpeg', quality: 55 });
  frames.push({ data: image.toString('base64'), seconds });
};
/** Types `text` in pieces, and takes a picture after each. */
const type = async (text, piece) => {
  for (let at = 0; at < text.length; at += piece) {
    await page.keyboard.type(text.slice(at, at + piece), { delay: 15 });
    await take(0.25);
  }
};
try {
  await editor.toast(/has indexed [\d.,]+ files/).waitFor({ timeout: 300_000 });
  await page.keyboard.press('Escape');
  await editor.run('Notifications: Clear All Notifications');
  await page.waitForTimeout(1_000);
  await take(1);
  await editor.run('Lowtide: Search by Meaning');
  await editor.input.waitFor();
  await type('throw away a cookie', 4);
  await editor.rows.first().waitFor();
  await page.waitForTimeout(2_000);
  await take(1.8);
  for (let row = 0; row < 2; row += 1) {
    await page.keyboard.press('ArrowDown');
    await page.waitForTimeout(900);
    await take(1.2);
  }
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+t');
  await editor.input.waitFor();
  await type('HtRe', 2);
  await page.waitForTimeout(2_000);
  await take(2);
  await page.keyboard.press('Enter');
  await page.waitForTimeout(1_500);
  await take(2.5);
} finally {
  await editor.close();
}
const whole = frames.reduce((sum, { seconds }) => sum + seconds, 0);
let now = 0;
const percent = (moment) => `${((100 * moment) / whole).toFixed(2)}%`;
const rules = frames.map(({ seconds }, number) => {
  const [from, to] = [now, now + seconds];
  now = to;
  const before = from > 0 ? `0%,${percent(from - 0.001)}{visibility:hidden}` : '';
  const after = to < whole ? `${percent(to + 0.001)},100%{visibility:hidden}` : '';
  const name = `f${number}`;
  return (
    `@keyframes ${name}{${before}${percent(from)},${percent(to)}{visibility:visible}${after}}` +
    `.${name}{animation:${name} ${whole.toFixed(2)}s step-end infinite}`
  );
});
const images = frames.map(
  ({ data }, number) =>
    `<image class="f${number}" width="${size.width}" height="${size.height}" href="data:image/jpeg;base64,${data}"/>`,
);
const still = '@media (prefers-reduced-motion){*{animation:none!important}}';
writeFileSync(
  target,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}">\n<title>Lowtide in VS Code</title>\n` +
    `<style>${rules.join('')}${still}</style>\n${images.join('\n')}\n</svg>\n`,
);
console.log(`${target}: ${frames.length} pictures, ${whole.toFixed(0)} s`);
