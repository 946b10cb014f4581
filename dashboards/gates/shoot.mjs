// usage: node shoot.mjs FRAMES OUTPUT CHROMIUM: a picture of each dashboard at 1600 and 390 pixels
import { chromium } from 'playwright-core';
import { pathToFileURL } from 'node:url';
import fs from 'node:fs';
import path from 'node:path';
const [frames, output, executablePath] = process.argv.slice(2);
const boards = fs.readFileSync(frames, 'utf8');
fs.writeFileSync('boards.js', 'window.BOARDS = ' + boards + ';');
fs.writeFileSync('index.html', '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="bundle.css"><body style="margin:0"><div id="root"></div>' +
  '<script>window.grafanaBootData={settings:{featureToggles:{},dateFormats:{}},user:{},navTree:[]}</script>' +
  '<script src="boards.js"></script><script src="bundle.js"></script>');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--allow-file-access-from-files'] });
let failed = 0;
for (const uid of Object.keys(JSON.parse(boards))) {
  for (const [width, height] of [[1600, 2300], [390, 5600]]) {
    const page = await browser.newPage({ viewport: { width, height }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' });
    page.on('console', (message) => { if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) { failed++; console.log(uid, width, message.text().slice(0, 300)); } });
    // fonts and icons that Grafana's server would give
    page.on('requestfailed', (request) => { if (!request.url().includes('/public/')) { failed++; console.log(uid, width, request.url()); } });
    page.on('pageerror', (problem) => { failed++; console.log(uid, width, String(problem.stack).slice(0, 600)); });
    await page.goto(pathToFileURL(path.resolve('index.html')).href + '?board=' + uid, { timeout: 60000 });
    await page.waitForTimeout(2500);
    // a window as tall as the board, for a table draws only the rows that are in sight
    const tall = await page.evaluate(() => document.getElementById('root').offsetHeight);
    await page.screenshot({ path: path.join(output, `${uid}-${width}.png`), clip: { x: 0, y: 0, width, height: Math.min(tall, height) } });
    await page.close();
  }
}
await browser.close();
console.log(failed ? `${failed} messages` : 'gate D: no errors on any page');
