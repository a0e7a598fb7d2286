import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { apiReference, isOptions, optionNames, readApi, typesReference } from '../../scripts/api.mjs'
import { membersOf } from '../../scripts/declarations.mjs'

const { entries, behind } = readApi()
const names = entries.flatMap((entry) => entry.exports.map((each) => ({ entry: entry.name, ...each })))

// Together the pages hold every type that a user of the package meets: none of them changes unnoticed.
it.each([
  ['docs/api.md', () => apiReference(entries)],
  ['docs/contributing/api-types.md', () => typesReference(behind)],
])('%s is what the code says now', (path, write) => {
  const message = `${path} is not what scripts/api.mjs makes of the code: run \`npm run docs:api\``
  expect(write() === page(path), message).toBe(true)
})

it('what the package exports has a doc comment, and so has each option', () => {
  const mute = names.filter((each) => each.doc.length === 0).map(({ entry, name }) => `${entry}: ${name}`)
  const muteOptions = names.filter(isOptions).flatMap(({ entry, name, texts }) =>
    texts
      .flatMap(membersOf)
      .filter((member) => member.doc.length === 0)
      .map((member) => `${entry}: ${name}: ${member.text}`),
  )
  expect([...mute, ...muteOptions]).toEqual([])
})

it.each([
  { options: 'CeleriacOptions', where: 'docs/reference.md', section: 'App: `new Celeriac(options)`' },
  { options: 'TaskOptions', where: 'docs/reference.md', section: 'Tasks' },
  { options: 'CallOptions', where: 'docs/reference.md', section: 'Calls: `task.applyAsync(args, options)`' },
  {
    options: 'WorkerOptions',
    where: 'docs/reference.md',
    section: 'Workers: `new Worker(app, options)` from `celeriac/worker`',
  },
  { options: 'HttpOptions', where: 'docs/http.md', section: 'HTTP' },
  { options: 'ServeOptions', where: 'docs/http.md', section: 'HTTP' },
])('$where explains each of $options', ({ options, where, section }) => {
  const declaration = names.find((each) => each.name === options)
  if (!declaration) throw new Error(`expected the package to export ${options}`)
  const known = optionNames(declaration)
  expect(known.length).toBeGreaterThan(4)
  const words = new Set([...textOf(section, where).matchAll(/`[^`\n]+`/g)].flatMap(([code]) => code.match(/[\w$]+/g)))
  expect(known.filter((name) => !words.has(name))).toEqual([])
})

/** What stands below a title, up to the next one. */
function textOf(title: string, path: string): string {
  const sections = page(path).split(/^#+ /m)
  const section = sections.find((each) => each.startsWith(`${title}\n`))
  if (section === undefined) throw new Error(`expected a section "${title}" in ${path}`)
  return section
}

function page(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}
