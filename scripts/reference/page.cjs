// Uses the page of `electra serve` in Chromium and says what is wrong. Run by check-page.sh.
//
//   NODE_PATH=... node page.cjs all|tagger|token ADDRESS OUT
//
// `all` has a tagger under two names and a detector; `tagger` has no detector; `token` asks for one, which
// ELECTRA_SERVE_TOKEN has. The exit code is 1 if anything is found.
"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [mode, address, out] = process.argv.slice(2);
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const found = [];

/** What the page itself shows to be wrong. */
async function inspect(page, name) {
    // The page's policy lets no script in from elsewhere; what the driver of the browser evaluates is not bound by it.
    const source = require("node:fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(source);
    const { violations } = await page.evaluate((values) => axe.run({ runOnly: { type: "tag", values } }), RULES);
    for (const { id, help, nodes } of violations) found.push(`${name}: axe ${id}: ${help}: ${nodes[0].html.slice(0, 200)}`);
    const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - window.innerWidth);
    if (wide > 0) found.push(`${name}: the page is ${wide} pixels too wide`);
    const cut = await page.evaluate(() => {
        const right = (element) => element.getBoundingClientRect().right;
        const isCut = (th) => th.offsetWidth > 0 && (th.scrollWidth > th.clientWidth || right(th) > right(th.closest(".scroll")) + 1);
        return [...document.querySelectorAll(".scroll th")].filter(isCut).map((th) => th.textContent);
    });
    for (const heading of cut) found.push(`${name}: the heading ${JSON.stringify(heading)} of a table is cut`);
    await page.screenshot({ path: path.join(out, `${mode}-${name}.png`), fullPage: true });
}

async function open(browser, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, bypassCSP: false, ...options });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: address });
    const page = await context.newPage();
    page.on("console", (message) => {
        const expected = mode === "token" && message.text().includes("401");
        if (message.type() === "error" && !expected) found.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => found.push(`script: ${error.message}`));
    page.on("dialog", (dialog) => {
        found.push(`a dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on("request", (request) => {
        if (!request.url().startsWith(address)) found.push(`fetches ${request.url()}`);
    });
    await page.goto(address, { waitUntil: "networkidle" });
    return page;
}

const status = (page, view = "names") => page.locator(`#${view}-status`).textContent();

async function tag(page, text) {
    await page.fill("#names-text", text);
    const answer = page.waitForResponse((response) => response.url().endsWith("/v1/tag"));
    await page.click("#names-run");
    assert.equal((await answer).status(), 200);
    await page.waitForFunction(() => /in .* words?/.test(document.querySelector("#names-status").textContent));
}

/** Every control of the view of names. */
async function useNames(page) {
    for (const name of await page.locator("#names-example option").allTextContents()) {
        if (name === "choose ...") continue;
        await page.selectOption("#names-example", name);
        await page.waitForFunction(
            () => document.querySelector("#marked").textContent.length > 0
                && !document.querySelector("#names-status").textContent.startsWith("Reading"),
        );
        await page.waitForTimeout(150);
        // Marks add the names of types to the text, and nothing else.
        const shown = await page.evaluate(() => {
            const copy = document.querySelector("#marked").cloneNode(true);
            copy.querySelectorAll(".type").forEach((type) => type.remove());
            return [copy.textContent, document.querySelector("#names-text").value];
        });
        assert.equal(shown[0], shown[1], name);
        await inspect(page, `names-${name.replace(/\W+/g, "-").toLowerCase()}`);
    }
    assert.equal(await page.locator("#marked script").count(), 0, "markup stays text");
    await tag(page, "Zoë 😀 met Bob in Rome, and <b>Ann</b> in Paris. 東京 is far.\n\nשלום Haifa.");
    const rows = () => page.locator("#rows tr:not([hidden])").count();
    const all = await rows();
    assert.ok(all >= 2, `${all} names would prove little`);
    assert.equal(await page.locator("#marked mark:not(.off)").count(), all);
    assert.match(await page.locator("#marked mark").first().getAttribute("title"), /, \d+\.\d %$/);
    // Types off and on.
    const box = page.locator("#types input").first();
    const boxes = await page.locator("#types input").count();
    for (let at = 0; at < boxes; at += 1) await page.locator("#types input").nth(at).uncheck();
    assert.equal(await rows(), 0);
    assert.match(await status(page), /hidden by score or type/);
    for (let at = 0; at < boxes; at += 1) await page.locator("#types input").nth(at).check();
    assert.equal(await rows(), all);
    assert.ok(await box.isChecked());
    // The slider, by keyboard.
    await page.focus("#threshold");
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.querySelector("#threshold-value").textContent === "1.00");
    assert.ok((await rows()) < all);
    await page.keyboard.press("Home");
    await page.waitForFunction((count) => document.querySelectorAll("#rows tr:not([hidden])").length === count, all);
    // Copies.
    const copied = async (form) => {
        await page.click(`[data-copy=${form}]`);
        await page.waitForFunction(() => document.querySelector("#names-status").textContent.startsWith("Copied"));
        const text = await page.evaluate(() => navigator.clipboard.readText());
        await page.evaluate(() => (document.querySelector("#names-status").textContent = ""));
        return text;
    };
    const text = [...(await page.inputValue("#names-text"))];
    const json = JSON.parse(await copied("json"));
    const places = await page.locator("#rows tr td:last-child").allTextContents();
    assert.deepEqual(places, json.map(({ start, end }) => `${start}–${end}`));
    assert.equal(json.length, all);
    for (const { word, start, end } of json) assert.equal(text.slice(start, end).join(""), word);
    const csv = await copied("csv");
    assert.match(csv, /^"entity_group","score","word","start","end"\r?\n/);
    const conll = await copied("conll");
    // A tagger that decodes word by word may begin a name with I-.
    const tags = conll.split("\n").map((line) => line.split("\t")[1] ?? "O");
    const begins = (tag, at) => tag.startsWith("B-") || (tag.startsWith("I-") && (tags[at - 1] ?? "O").slice(2) !== tag.slice(2));
    assert.equal(tags.filter(begins).length, all, conll);
    // Another model by its name; the answer is its.
    const again = page.waitForResponse((response) => response.url().endsWith("/v1/tag"));
    await page.selectOption("#model", "again");
    assert.equal(JSON.parse((await again).request().postData()).model, "again");
}

async function useReplaced(page) {
    await page.focus("#tab-names");
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator("#replaced").isVisible() && !(await page.locator("#names").isVisible()));
    await page.selectOption("#replaced-example", "A wrong word");
    await page.waitForSelector("#words .word");
    const words = await page.locator("#words .word").count();
    assert.equal(words, 11, "ten words and a full stop");
    await inspect(page, "replaced");
    // By keyboard: to the fifth word, open, change.
    await page.focus("#words .word");
    for (let at = 0; at < 4; at += 1) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    assert.match(await page.locator("#change-word").textContent(), /“ocean” looks replaced with \d/);
    await page.keyboard.press("Escape");
    assert.ok(!(await page.locator("#change-form").isVisible()));
    await page.keyboard.press("Enter");
    await page.fill("#change", "annual");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => !document.querySelector("#changes-title").hidden);
    assert.match(await page.locator("#changes").textContent(), /ocean → annual: [\d.]+ % → [\d.]+ %/);
    assert.match(await page.inputValue("#replaced-text"), /the annual budget/);
    // By pointer.
    await page.locator("#words .word").nth(1).click();
    assert.match(await page.locator("#change-word").textContent(), /“committee”/);
    const { models } = await page.evaluate(() => fetch("v1/models").then((answer) => answer.json()));
    if (models.some((model) => model.fills_gaps)) {
        await page.waitForSelector("#guesses:not([hidden])");
        await inspect(page, "replaced-open");
        const guess = page.locator("#guess-list button").first();
        const [token] = (await guess.textContent()).split(" ");
        await guess.click();
        await page.waitForFunction((word) => document.querySelector("#changes").textContent.includes(`→ ${word}: `), token);
        assert.match(await page.inputValue("#replaced-text"), new RegExp(`^The ${token.replace(/\W/g, "\\$&")} approved`));
    } else {
        await inspect(page, "replaced-open");
        await page.click("#change-close");
    }
    await page.fill("#replaced-text", "<script>alert(1)</script> 👩‍👧 שלום");
    await page.focus("#replaced-text");
    await page.keyboard.press("Control+Enter");
    await page.waitForFunction(() => document.querySelector("#words").textContent.includes("שלום"));
    assert.equal(await page.locator("#words").textContent(), "<script>alert(1)</script> 👩‍👧 שלום");
    await page.focus("#tab-replaced");
    await page.keyboard.press("Home");
    assert.ok(await page.locator("#names").isVisible());
}

/** Ten thousand words stay fluid. */
async function useLongText(page) {
    const sentence = "Bob met Zoe in Rome and then they went to the house of Ann Lee near Paris . ";
    await tag(page, sentence.repeat(600));
    const words = Number((await status(page)).match(/in ([\d,]+) words/)[1].replaceAll(",", ""));
    assert.ok(words >= 10_000, `${words} words`);
    const slowest = await page.evaluate(async () => {
        const slider = document.querySelector("#threshold");
        let slowest = 0;
        for (const value of [0.2, 0.4, 0.6, 0.8, 0.5, 0]) {
            const start = performance.now();
            slider.value = value;
            slider.dispatchEvent(new Event("input"));
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            slowest = Math.max(slowest, performance.now() - start);
        }
        return slowest;
    });
    console.log(`${words} words, ${await page.locator("#rows tr").count()} names: the slowest move of the slider took ${slowest.toFixed(0)} ms`);
    if (slowest > 500) found.push(`a move of the slider took ${slowest} ms`);
}

async function main() {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    if (mode === "all") {
        const page = await open(browser);
        assert.ok(await page.locator("#names").isVisible());
        await inspect(page, "begin");
        await useNames(page);
        await useReplaced(page);
        await useLongText(page);
        for (const [name, options] of [
            ["phone", { viewport: { width: 380, height: 800 } }],
            ["dark", { colorScheme: "dark" }],
            ["phone-dark", { viewport: { width: 380, height: 800 }, colorScheme: "dark" }],
            ["forced-colors", { forcedColors: "active" }],
        ]) {
            const other = await open(browser, options);
            await tag(other, "Zoë 😀 met Bob in Rome, and Ann in Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen. שלום Haifa.");
            await inspect(other, `names-${name}`);
            await other.click("#tab-replaced");
            await other.selectOption("#replaced-example", "Speech");
            await other.waitForSelector("#words .word");
            await other.locator("#words .word").nth(4).click();
            await inspect(other, `replaced-${name}`);
        }
    } else if (mode === "tagger") {
        const page = await open(browser);
        await page.click("#tab-replaced");
        assert.ok(await page.locator("#replaced-missing").isVisible());
        await inspect(page, "no-detector");
        await page.click("#tab-names");
        await page.route("**/v1/tag", (route) => route.abort());
        await page.fill("#names-text", "Bob");
        await page.click("#names-run");
        await page.waitForSelector("#problem:not([hidden])");
        assert.match(await page.locator("#problem").textContent(), /does not answer/);
        await inspect(page, "problem");
        found.splice(0, found.length, ...found.filter((fault) => !fault.includes("ERR_FAILED")));
        // Without a clipboard the text is there to be copied by hand.
        await page.unroute("**/v1/tag");
        await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
        await tag(page, "Bob met Zoe in Rome.");
        await page.click("[data-copy=json]");
        assert.match(await page.inputValue("#copy-text"), /entity_group|\[\]/);
        await inspect(page, "copy");
    } else {
        const page = await open(browser);
        assert.ok(await page.locator("#token-form").isVisible());
        await inspect(page, "asked");
        await page.fill("#token", "wrong-wrong-wrong-wrong");
        await page.keyboard.press("Enter");
        await page.waitForSelector("#problem:not([hidden])");
        await page.fill("#token", process.env.ELECTRA_SERVE_TOKEN);
        await page.keyboard.press("Enter");
        await page.waitForFunction(() => document.querySelector("#model").options[0].value !== "none");
        await tag(page, "Bob met Zoe in Rome.");
        await inspect(page, "answered");
    }
    await browser.close();
    for (const fault of found) console.error(fault);
    process.exitCode = found.length ? 1 : 0;
}

main().catch((error) => {
    found.forEach((fault) => console.error(fault));
    console.error(error);
    process.exit(1);
});
