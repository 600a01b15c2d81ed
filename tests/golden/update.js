/** `node tests/golden/update.js`: writes the pictures as they are now, to be looked at in the diff and committed. */

import { writeFile } from "node:fs/promises";

import { picture, SUBJECTS } from "./pictures.js";

for (const name of Object.keys(SUBJECTS)) {
  await writeFile(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(await picture(name), null, 1)}\n`);
}
