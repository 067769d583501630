// Opens HTML pages in Chromium and says what keeps somebody from reading them. Run by check-pages.sh.
//
//   NODE_PATH=... node pages.cjs PAGE.html...
//
// Each page is opened 1280 and 380 pixels wide, in light and in dark colours. Found are: what axe calls a
// violation (WCAG 2.2 A and AA, and its best practices), a page that is wider than its window, text of a
// drawing that is less than 9 pixels high, errors of the browser's console, and anything that the page
// fetches. PAGE-WIDTH-COLOURS.png beside the page is a picture of it. The exit code is 1 if anything is found.
"use strict";

const path = require("node:path");
const { pathToFileURL } = require("node:url");
const puppeteer = require("puppeteer-core");

const WIDTHS = [1280, 380];
const COLOURS = ["light", "dark"];
/** Pixels: below it digits of an axis run into each other on a phone. */
const LEAST_TEXT = 9;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Runs in the page: what is wider than the window, and texts of drawings that are too small. */
function layout(least) {
    const found = [];
    const wide = document.scrollingElement.scrollWidth;
    if (wide > window.innerWidth) found.push(`the page is ${wide} pixels wide`);
    const small = [...document.querySelectorAll("svg text")]
        .filter((text) => text.getClientRects().length > 0)
        .map((text) => ({
            text: text.textContent.trim(),
            pixels: parseFloat(getComputedStyle(text).fontSize) * Math.abs(text.getScreenCTM().d || text.getScreenCTM().b),
        }))
        .filter(({ text, pixels }) => text && pixels < least);
    if (small.length > 0) {
        const { text, pixels } = small.reduce((a, b) => (a.pixels < b.pixels ? a : b));
        found.push(`${small.length} texts of drawings are below ${least} pixels, the least "${text}" with ${pixels.toFixed(1)}`);
    }
    return found;
}

async function look(browser, file, width, colours) {
    const page = await browser.newPage();
    const found = [];
    const address = pathToFileURL(path.resolve(file)).href;
    page.on("console", (message) => {
        if (message.type() === "error") found.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => found.push(`script: ${error.message}`));
    page.on("request", (request) => {
        if (request.url() !== address && !request.url().startsWith("data:")) found.push(`fetches ${request.url()}`);
    });
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: colours }]);
    await page.goto(address);
    // What is folded is looked at as well.
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    found.push(...(await page.evaluate(layout, LEAST_TEXT)));
    await page.screenshot({ path: file.replace(/\.html$/, `-${width}-${colours}.png`), fullPage: true });
    await page.addScriptTag({ path: require.resolve("axe-core/axe.min.js") });
    const { violations } = await page.evaluate((values) => axe.run({ runOnly: { type: "tag", values } }), RULES);
    for (const { id, help, nodes } of violations) {
        found.push(`axe ${id}: ${help}: ${nodes.length} times, first ${nodes[0].html.slice(0, 160)}`);
    }
    await page.close();
    return found;
}

async function main(files) {
    const browser = await puppeteer.launch({
        executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
        args: ["--no-sandbox", "--disable-gpu"],
    });
    let faults = 0;
    for (const file of files) {
        for (const width of WIDTHS) {
            for (const colours of COLOURS) {
                const found = await look(browser, file, width, colours);
                faults += found.length;
                console.log(`${path.basename(file)} ${width} ${colours}: ${found.length === 0 ? "good" : ""}`);
                for (const fault of found) console.log(`    ${fault}`);
            }
        }
    }
    await browser.close();
    console.log(`${files.length} pages, ${faults} faults`);
    return faults === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error) => {
        console.error(error);
        process.exit(2);
    },
);
