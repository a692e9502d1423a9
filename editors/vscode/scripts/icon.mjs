// Draws media/icon.png from icon.svg, with the browser of the end-to-end tests.
import { readFileSync } from 'node:fs';
import { launchBrowser } from '../test/e2e/browser.mjs';

const browser = await launchBrowser();
const page = await browser.newPage({ viewport: { width: 128, height: 128 } });
await page.setContent(`<style>body{margin:0}</style>${readFileSync(new URL('icon.svg', import.meta.url), 'utf8')}`);
await page.screenshot({ path: 'media/icon.png', omitBackground: true });
await browser.close();
