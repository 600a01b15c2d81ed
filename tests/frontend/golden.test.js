import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { picture, SUBJECTS } from "../golden/pictures.js";

for (const name of Object.keys(SUBJECTS)) {
  test(`the picture of ${name} is the one that was looked at; if it should change: node tests/golden/update.js`, async () => {
    const golden = JSON.parse(await readFile(new URL(`../golden/${name}.json`, import.meta.url), "utf-8"));
    assert.deepEqual(await picture(name), golden);
  });
}
