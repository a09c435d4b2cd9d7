// Copyright (c) 2026 The opslot authors
// Distributed under the Boost Software License, Version 1.0.

// Opens each page of the site in a browser, as wide as a phone and as a desk,
// light and dark. There must be nothing on the console, no request that fails
// or leaves the site, nothing that is wider than the window, and no text that
// is hard to read. Pages to read are photographed.
//
//   node browser_test.mjs <site> <directory of the screenshots> <chromium>

import { createServer } from 'node:http';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const [site, screenshots, executablePath] = process.argv.slice(2);
const widths = { phone: { width: 360, height: 740 }, desk: { width: 1280, height: 900 } };
const schemes = ['light', 'dark'];
const least_contrast = 4.5; // WCAG 2.1, 1.4.3

// Has everything that is looked for, so that the search is known to find it.
const defects = `<!DOCTYPE html><html lang="en"><body style="background: #fff">
<p style="color: #bbb">pale</p><div style="width: 3000px">wide</div>
<script>console.error("oh"); nowhere();</script><img src="missing.png"></body></html>`;

const types = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.svg': 'image/svg+xml', '.js': 'text/javascript', '.png': 'image/png' };
const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://site').pathname);
    try {
        const body = path === '/defects.html' ? defects : readFileSync(join(site, path));
        response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
        response.writeHead(404).end();
    }
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;

// Runs in the page: what cannot be read well, or does not fit.
function look(least) {
    const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (color) => {
        const [r, g, b] = channels(color).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const color = getComputedStyle(e).backgroundColor;
            if (channels(color)[3] !== 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    const problems = new Set();
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) problems.add(`is ${wide} wide in a window of ${innerWidth}`);
    for (const element of document.body.querySelectorAll('*')) {
        const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!text || !element.checkVisibility() || element.closest('script, style, svg')) continue;
        const [a, b] = [luminance(getComputedStyle(element).color), luminance(background(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < least) problems.add(`contrast ${contrast.toFixed(2)}: <${element.tagName.toLowerCase()} class="${element.className}"> ${element.textContent.trim().slice(0, 30)}`);
    }
    return { problems: [...problems], is_dark: luminance(background(document.body)) < 0.1 };
}

async function problems_of(page, path, width, picture) {
    const problems = [];
    const note = (kind) => (what) => problems.push(`${kind}: ${what}`);
    const listeners = {
        console: (message) => ['error', 'warning'].includes(message.type()) && note('console')(message.text()),
        pageerror: note('error'),
        requestfailed: (request) => note('request')(request.url()),
        request: (request) => request.url().startsWith(origin) || request.url().startsWith('data:') || note('leaves the site')(request.url()),
    };
    for (const [event, listener] of Object.entries(listeners)) page.on(event, listener);
    await page.setViewportSize(widths[width]);
    const response = await page.goto(`${origin}/${path}`, { waitUntil: 'load' });
    if (!response.ok()) problems.push(`status ${response.status()}`);
    for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme });
        const seen = await page.evaluate(look, least_contrast);
        problems.push(...seen.problems.map((p) => `${colorScheme}: ${p}`));
        if (seen.is_dark !== (colorScheme === 'dark')) problems.push(`${colorScheme}: the background is not`);
        if (picture) await page.screenshot({ path: `${picture}-${width}-${colorScheme}.png`, fullPage: true });
    }
    for (const [event, listener] of Object.entries(listeners)) page.off(event, listener);
    return problems;
}

rmSync(screenshots, { recursive: true, force: true });
mkdirSync(screenshots, { recursive: true });
const pages = readdirSync(site, { recursive: true }).filter((path) => path.endsWith('.html')).sort();
// Root has no sandbox, and these are our own pages.
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
let failures = 0;
try {
    const page = await browser.newPage();
    const found = (await problems_of(page, 'defects.html', 'phone')).join('\n');
    for (const kind of ['console: oh', 'error: ', '404', 'wide in a window', 'contrast', 'dark: the background']) {
        if (!found.includes(kind)) {
            failures += 1;
            console.log(`the search does not find "${kind}"`);
        }
    }
    for (const path of pages) {
        const is_text = !/^(source|reference)\//.test(path) || path === 'reference/index.html';
        const picture = is_text && join(screenshots, path.replace(/\.html$/, '').replaceAll('/', '-'));
        for (const width of Object.keys(widths)) {
            for (const problem of await problems_of(page, path, width, picture)) {
                failures += 1;
                console.log(`${path}, ${width}: ${problem}`);
            }
        }
    }
} finally {
    await browser.close();
    server.close();
}
console.log(`${pages.length} pages at ${Object.keys(widths).length} widths, ${failures} problems; screenshots in ${screenshots}`);
process.exit(failures || pages.length < 2 ? 1 : 0);
