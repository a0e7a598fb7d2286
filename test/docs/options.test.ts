import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { optionFiles } from '../../scripts/options.mjs'

it.each([...optionFiles()])('%s has the options of the tables', (path, text) => {
  const message = `${path} is not what scripts/options.mjs makes of the tables of options: run \`npm run docs:api\``
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8') === text, message).toBe(true)
})
