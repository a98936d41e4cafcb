// Looks at pages in headless Chromium and prints what it finds as JSON: browser.cjs CHROMIUM quick|full PAGE...
"use strict";
const fs = require("fs");
const { chromium } = require("playwright-core");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [executablePath, extent, ...paths] = process.argv.slice(2);
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1100, height: 900 };
const SCREENS = [{ ...PHONE, colorScheme: "dark" }];
if (extent === "full") SCREENS.push({ ...DESK, colorScheme: "light" }, { ...DESK, colorScheme: "dark" });

async function look(browser, path, { width, height, colorScheme }) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  const errors = [];
  page.on("console", (message) => errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => request.url().startsWith("file:") || errors.push(request.url()));
  await page.goto(`file://${path}`);
  await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run());
  await page.close();
  return { errors, wider, violations: violations.map((one) => `${one.id}: ${one.nodes[0].html}`) };
}

// What a reader does: filter, click a bar, open a case by the keyboard.
async function use(browser, path) {
  const page = await browser.newPage();
  await page.goto(`file://${path}`);
  const seen = async () => page.locator(".case:visible").count();
  const found = { all: await page.locator(".case").count(), shown: await seen() };
  await page.locator(".filters select").last().selectOption("worse");
  found.worse = await seen();
  await page.locator(".filters input").fill("no case has these words");
  found.none = await seen();
  const bar = page.locator(".move-plot a").first();
  if (await bar.count()) {
    const target = (await bar.getAttribute("href")).slice(1);
    await bar.locator("rect").first().click();
    found.clicked = await page.locator(`#${target}`).isVisible();
  }
  await page.goto("about:blank");
  await page.goto(`file://${path}`);
  await page.locator(".case > summary").first().focus();
  await page.keyboard.press("Enter");
  found.byKeyboard = await page.locator(".case .inside").first().isVisible();
  await page.close();
  return found;
}

// Without script a link still opens its case, and the filters do not show.
async function useWithoutScript(browser, path) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`file://${path}`);
  const found = { filters: await page.locator(".filters").first().isVisible() };
  await page.locator(".brief a").first().click();
  found.opened = await page.locator(".case .inside").first().isVisible();
  await context.close();
  return found;
}

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
  const result = { looks: {} };
  for (const path of paths) {
    result.looks[path] = [];
    for (const screen of SCREENS) result.looks[path].push(await look(browser, path, screen));
  }
  result.use = await use(browser, paths[0]);
  result.useWithoutScript = await useWithoutScript(browser, paths[0]);
  console.log(JSON.stringify(result));
  await browser.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
